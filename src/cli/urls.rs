//! The addresses that clients announce to.

use chihaya::config::Network;
use std::net::{IpAddr, SocketAddr};

/// Announce URLs of a passkey, HTTP before UDP, none twice. HOST stands for the name of a tracker
/// that listens on all its addresses, PORT for a port that the system chooses.
pub fn announce_urls(network: &Network, passkey: &str) -> Vec<String> {
    let mut urls = Vec::new();
    for (protocol, addresses) in [("http", &network.http), ("udp", &network.udp)] {
        for address in addresses {
            let url = format!("{protocol}://{}/{passkey}/announce", authority(*address));
            if !urls.contains(&url) {
                urls.push(url);
            }
        }
    }
    urls
}

fn authority(address: SocketAddr) -> String {
    let host = match address.ip().to_canonical() {
        ip if ip.is_unspecified() => "HOST".to_owned(),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    match address.port() {
        0 => format!("{host}:PORT"),
        port => format!("{host}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_once() {
        let of = |addresses: &[&str]| {
            let parsed = addresses.iter().map(|text| text.parse());
            parsed
                .collect::<Result<Vec<SocketAddr>, _>>()
                .expect("addresses")
        };
        let everywhere = ["0.0.0.0:6969", "[::]:6969"];
        let (a, b) = (
            "http://HOST:6969/KEY/announce",
            "udp://HOST:6969/KEY/announce",
        );
        for (name, http, udp, urls) in [
            ("default", &everywhere[..], &everywhere[..], &[a, b][..]),
            ("no http", &[], &everywhere, &[b]),
            (
                "two ports",
                &["0.0.0.0:80", "[::]:6969"],
                &[],
                &["http://HOST:80/KEY/announce", a],
            ),
            (
                "addresses",
                &["[2001:db8::1]:6969"],
                &["192.0.2.1:6969", "[::ffff:192.0.2.1]:6969", "[::]:0"],
                &[
                    "http://[2001:db8::1]:6969/KEY/announce",
                    "udp://192.0.2.1:6969/KEY/announce",
                    "udp://HOST:PORT/KEY/announce",
                ],
            ),
        ] {
            let network = Network {
                http: of(http),
                udp: of(udp),
                ..Network::default()
            };
            assert_eq!(announce_urls(&network, "KEY"), urls, "{name}");
        }
    }
}
