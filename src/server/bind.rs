//! Sockets of the configured addresses: one a worker and address, sharing the port, so that the
//! kernel spreads the load.

use super::StartError;
use crate::config::Network;
use crate::sys;
use log::{debug, warn};
use mio::net::TcpListener;
use socket2::{Domain, SockRef, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr};

/// Addresses of a host that get a UDP socket of their own; each takes some 16 KiB a worker.
const MAX_OWN_ADDRESSES: usize = 8;

/// Connections of the management API that may wait to be accepted.
const ADMIN_BACKLOG: u32 = 256;

/// What listens on an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// BEP 15.
    Udp,
    /// BEP 3.
    Http,
    /// The management API.
    Admin,
}

impl std::fmt::Display for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Protocol::Udp => "udp",
            Protocol::Http => "http",
            Protocol::Admin => "admin",
        })
    }
}

/// A bound socket.
pub(super) enum Bind {
    Udp {
        socket: mio::net::UdpSocket,
        /// It has many addresses, and tells with each datagram which was asked.
        wildcard: bool,
    },
    Http(TcpListener),
}

/// An address and the sockets of it for each worker.
pub(super) struct Bound {
    pub(super) protocol: Protocol,
    pub(super) address: SocketAddr,
    pub(super) sockets: Vec<Vec<Bind>>,
}

/// Binds every configured address for each worker. A family this host does not have is passed
/// over, unless nothing else is left.
pub(super) fn all(network: &Network, workers: usize) -> Result<Vec<Bound>, StartError> {
    let udp = network.udp.iter().map(|address| (Protocol::Udp, *address));
    let http = network
        .http
        .iter()
        .map(|address| (Protocol::Http, *address));
    let mut all = Vec::new();
    let mut passed_over = None;
    for (protocol, address) in udp.chain(http) {
        let fault = |error| StartError::Bind {
            protocol,
            address,
            error,
        };
        match one(network, protocol, address, workers) {
            Ok(bound) => all.push(bound),
            Err(error) if error.raw_os_error() == Some(libc::EAFNOSUPPORT) => {
                warn!("network: not listening on {address} ({protocol}): {error}");
                passed_over = Some(fault(error));
            }
            Err(error) => return Err(fault(error)),
        }
    }
    match passed_over {
        Some(error) if all.is_empty() => Err(error),
        _ => Ok(all),
    }
}

/// Binds an address of the management API, which one thread serves.
pub(super) fn admin(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let bind = || {
        let socket = open(Protocol::Admin, address)?;
        socket.bind(&address.into())?;
        let address = socket.local_addr()?.as_socket().unwrap_or(address);
        Ok((listener(socket, ADMIN_BACKLOG)?, address))
    };
    bind().map_err(|error| StartError::Bind {
        protocol: Protocol::Admin,
        address,
        error,
    })
}

fn one(
    network: &Network,
    protocol: Protocol,
    mut address: SocketAddr,
    workers: usize,
) -> io::Result<Bound> {
    // A shared port can be had by a second tracker of the same user without a word, and each would
    // get half of the requests. A socket that does not share finds out.
    if address.port() != 0 {
        let probe = open(protocol, address)?;
        probe.bind(&address.into())?;
    }
    let own = if protocol == Protocol::Udp {
        own_addresses(address.ip())
    } else {
        Vec::new()
    };
    let shared = workers > 1 || !own.is_empty();
    let mut sockets = Vec::with_capacity(workers);
    for _ in 0..workers {
        let socket = open(protocol, address)?;
        socket.set_reuse_port(shared)?;
        socket.bind(&address.into())?;
        address = socket.local_addr()?.as_socket().unwrap_or(address);
        sockets.push(match protocol {
            Protocol::Udp => {
                let mut sockets = vec![udp(network, socket, address)?];
                sockets.extend(
                    own.iter()
                        .filter_map(|ip| own_address(network, *ip, address)),
                );
                sockets
            }
            Protocol::Http | Protocol::Admin => {
                vec![Bind::Http(listener(socket, network.backlog)?)]
            }
        });
    }
    if let ([only], true) = (&sockets[..], shared) {
        end_sharing(only)?;
    }
    Ok(Bound {
        protocol,
        address,
        sockets,
    })
}

/// Ends the sharing of a port where one worker has it for itself: then the kernel need not choose.
/// Until all its sockets were bound, that of the wildcard had to let those of single addresses in.
fn end_sharing(sockets: &[Bind]) -> io::Result<()> {
    sockets.iter().try_for_each(|socket| match socket {
        Bind::Udp { socket, .. } => SockRef::from(socket).set_reuse_port(false),
        Bind::Http(listener) => SockRef::from(listener).set_reuse_port(false),
    })
}

fn open(protocol: Protocol, address: SocketAddr) -> io::Result<Socket> {
    let kind = match protocol {
        Protocol::Udp => Type::DGRAM,
        Protocol::Http | Protocol::Admin => Type::STREAM,
    };
    let socket = Socket::new(
        Domain::for_address(address),
        kind.nonblocking().cloexec(),
        None,
    )?;
    if address.is_ipv6() {
        // IPv4 has a socket of its own.
        socket.set_only_v6(true)?;
    }
    if protocol != Protocol::Udp {
        // Connections of the process before this one may still be closing.
        socket.set_reuse_address(true)?;
    }
    Ok(socket)
}

/// The addresses this host has now, of the family of a wildcard.
///
/// A socket bound to a wildcard must be told with each datagram which address was asked, and say
/// with each answer which is to answer: a twentieth of the cost of an announce. A socket bound to
/// that very address need not, and the kernel prefers it. So UDP has one for each address there is
/// at the start; what comes to any other is served by the wildcard's.
fn own_addresses(wildcard: IpAddr) -> Vec<IpAddr> {
    if !wildcard.is_unspecified() {
        return Vec::new();
    }
    let interfaces = if_addrs::get_if_addrs().unwrap_or_else(|error| {
        debug!("network: cannot list the addresses of this host: {error}");
        Vec::new()
    });
    let is_link_local = |ip: &IpAddr| matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
    let own = interfaces.iter().map(|interface| interface.ip());
    let mut own: Vec<IpAddr> = own
        .filter(|ip| ip.is_ipv4() == wildcard.is_ipv4() && !is_link_local(ip))
        .collect();
    own.sort_unstable();
    own.dedup();
    own.truncate(MAX_OWN_ADDRESSES);
    own
}

/// A socket for one address of this host; without it the wildcard's socket does.
fn own_address(network: &Network, ip: IpAddr, wildcard: SocketAddr) -> Option<Bind> {
    let address = SocketAddr::new(ip, wildcard.port());
    let bind = || {
        let socket = open(Protocol::Udp, address)?;
        socket.set_reuse_port(true)?;
        socket.bind(&address.into())?;
        udp(network, socket, address)
    };
    bind()
        .inspect_err(|error| debug!("network: no socket for {address} alone: {error}"))
        .ok()
}

fn udp(network: &Network, socket: Socket, address: SocketAddr) -> io::Result<Bind> {
    // The system may give less; that is its say.
    socket.set_recv_buffer_size(network.udp_receive_buffer.0 as usize)?;
    socket.set_send_buffer_size(network.udp_send_buffer.0 as usize)?;
    let wildcard = address.ip().is_unspecified();
    if wildcard {
        sys::tell_destination(&socket, &address.ip())?;
    }
    Ok(Bind::Udp {
        socket: mio::net::UdpSocket::from_std(socket.into()),
        wildcard,
    })
}

fn listener(socket: Socket, backlog: u32) -> io::Result<TcpListener> {
    // Connections inherit it: an answer is one write and need not wait for another.
    socket.set_tcp_nodelay(true)?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(TcpListener::from_std(socket.into()))
}
