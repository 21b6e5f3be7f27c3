//! The ways to the tracker, and the network on which they lead there.

/// The tracker's name in the torrents: Transmission 3.00 cannot read `udp://[address]`.
pub const TRACKER_NAME: &str = "tracker.test";

/// Where the tracker is; others that share its swarms are on the ports after it.
pub const PORT: u16 = 6969;

pub struct Family {
    pub tracker: &'static str,
    /// The same as it stands in a URL.
    url_host: &'static str,
    /// What stands before and after the number of a host in its address.
    network: (&'static str, &'static str),
}

pub const IPV4: Family = Family {
    tracker: "10.77.0.1",
    url_host: "10.77.0.1",
    network: ("10.77.0.", "/24"),
};

// Transmission 3.00 has no UDP over IPv6 unless its address is out of 2000::/3.
pub const IPV6: Family = Family {
    tracker: "2001:db8:77::1",
    url_host: "[2001:db8:77::1]",
    network: ("2001:db8:77::", "/64"),
};

impl Family {
    /// The address and a port of the tracker's as they stand in a URL.
    pub fn socket(&self, port: u16) -> String {
        format!("{}:{port}", self.url_host)
    }

    pub fn host(&self, number: usize) -> String {
        format!("{}{number}{}", self.network.0, self.network.1)
    }
}

pub struct Transport {
    pub name: &'static str,
    pub scheme: &'static str,
    /// Those in which the clients have addresses.
    pub families: &'static [&'static Family],
    /// The clients have this host number and the ones after it.
    pub first_host: usize,
}

pub const TRANSPORTS: [Transport; 4] = [
    Transport {
        name: "http4",
        scheme: "http",
        families: &[&IPV4],
        first_host: 10,
    },
    Transport {
        name: "http6",
        scheme: "http",
        families: &[&IPV6],
        first_host: 20,
    },
    Transport {
        name: "udp4",
        scheme: "udp",
        families: &[&IPV4],
        first_host: 30,
    },
    Transport {
        name: "udp6",
        scheme: "udp",
        families: &[&IPV6],
        first_host: 40,
    },
];
