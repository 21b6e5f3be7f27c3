//! The PROXY protocol, versions 1 and 2: a line or a block before the first request in which a
//! trusted proxy names the client. (HAProxy, `doc/proxy-protocol.txt`)

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// How far the header has come in.
#[derive(Debug, PartialEq, Eq)]
pub enum Status {
    /// A whole header.
    Complete {
        /// The client; `None` when the proxy speaks for itself (health checks).
        client: Option<SocketAddr>,
        /// Bytes it took; the first request begins there.
        consumed: usize,
    },
    /// Good so far: more bytes are needed.
    Partial,
}

/// Bytes that are no PROXY header: the connection is closed without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Bytes of the longest version 1 line, CRLF included.
const MAX_V1_BYTES: usize = 107;
/// Bytes of a version 2 block after its 16 of head: addresses and extensions.
const MAX_V2_BYTES: usize = 1024;
const V1_START: &[u8] = b"PROXY ";
const V2_START: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const V2_HEAD_BYTES: usize = 16;

/// Reads a header of either version from the front of `bytes`.
pub fn parse(bytes: &[u8]) -> Result<Status, Malformed> {
    if bytes.starts_with(V1_START) {
        return parse_v1(bytes);
    }
    if bytes.starts_with(V2_START) {
        return parse_v2(bytes);
    }
    match V1_START.starts_with(bytes) || V2_START.starts_with(bytes) {
        true => Ok(Status::Partial),
        false => Err(Malformed),
    }
}

fn parse_v1(bytes: &[u8]) -> Result<Status, Malformed> {
    let window = &bytes[..bytes.len().min(MAX_V1_BYTES)];
    let Some(end) = memchr::memchr(b'\n', window) else {
        return if window.len() < MAX_V1_BYTES {
            Ok(Status::Partial)
        } else {
            Err(Malformed)
        };
    };
    let line = window[..end].strip_suffix(b"\r").ok_or(Malformed)?;
    let line = std::str::from_utf8(line).map_err(|_| Malformed)?;
    let mut words = line.split(' ').skip(1);
    let client = match words.next() {
        Some("UNKNOWN") => None,
        Some(family @ ("TCP4" | "TCP6")) => {
            let mut word = || words.next().ok_or(Malformed);
            let source: IpAddr = word()?.parse().map_err(|_| Malformed)?;
            let destination: IpAddr = word()?.parse().map_err(|_| Malformed)?;
            let port: u16 = word()?.parse().map_err(|_| Malformed)?;
            let _destination_port: u16 = word()?.parse().map_err(|_| Malformed)?;
            let v4 = family == "TCP4";
            if source.is_ipv4() != v4 || destination.is_ipv4() != v4 || words.next().is_some() {
                return Err(Malformed);
            }
            Some(SocketAddr::new(source, port))
        }
        _ => return Err(Malformed),
    };
    Ok(Status::Complete {
        client,
        consumed: end + 1,
    })
}

fn parse_v2(bytes: &[u8]) -> Result<Status, Malformed> {
    const LOCAL: u8 = 0x20;
    const PROXY: u8 = 0x21;
    const TCP_OVER_IPV4: u8 = 0x11;
    const TCP_OVER_IPV6: u8 = 0x21;

    let Some((head, rest)) = bytes.split_first_chunk::<V2_HEAD_BYTES>() else {
        return Ok(Status::Partial);
    };
    let [command, family, high, low] = [head[12], head[13], head[14], head[15]];
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > MAX_V2_BYTES || !matches!(command, LOCAL | PROXY) {
        return Err(Malformed);
    }
    let Some(block) = rest.get(..length) else {
        return Ok(Status::Partial);
    };
    let client = match (command, family) {
        (PROXY, TCP_OVER_IPV4) => {
            let [a, b, c, d, _, _, _, _, high, low, ..] = *block else {
                return Err(Malformed);
            };
            if block.len() < 12 {
                return Err(Malformed);
            }
            Some((Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low])).into())
        }
        (PROXY, TCP_OVER_IPV6) => {
            let addresses = block.first_chunk::<36>().ok_or(Malformed)?;
            let source: [u8; 16] = std::array::from_fn(|i| addresses[i]);
            let port = u16::from_be_bytes([addresses[32], addresses[33]]);
            Some((Ipv6Addr::from(source), port).into())
        }
        _ => None,
    };
    Ok(Status::Complete {
        client,
        consumed: V2_HEAD_BYTES + length,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v2(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
        let length = (block.len() as u16).to_be_bytes();
        [V2_START, &[command, family], &length, block].concat()
    }

    fn good() -> Vec<(&'static str, Vec<u8>, Option<SocketAddr>)> {
        let addr = |text: &str| text.parse().ok();
        let v4_block = [192, 0, 2, 1, 198, 51, 100, 1, 0x1f, 0x90, 0, 80];
        let mut v6_block = [0; 40]; // with four bytes of extensions
        v6_block[15] = 1;
        v6_block[32..34].copy_from_slice(&[0x1f, 0x90]);
        vec![
            (
                "v1",
                b"PROXY TCP4 192.0.2.1 198.51.100.1 8080 80\r\n".to_vec(),
                addr("192.0.2.1:8080"),
            ),
            (
                "v1 v6",
                b"PROXY TCP6 ::1 ::2 8080 80\r\n".to_vec(),
                addr("[::1]:8080"),
            ),
            ("v1 unknown", b"PROXY UNKNOWN whatever\r\n".to_vec(), None),
            ("v2", v2(0x21, 0x11, &v4_block), addr("192.0.2.1:8080")),
            ("v2 v6", v2(0x21, 0x21, &v6_block), addr("[::1]:8080")),
            ("v2 local", v2(0x20, 0, b""), None),
            ("v2 unix", v2(0x21, 0x31, &[0; 216]), None),
        ]
    }

    #[test]
    fn reads_both_versions_at_every_length() {
        for (name, bytes, client) in good() {
            let whole = [bytes.as_slice(), b"GET /"].concat();
            let complete = Status::Complete {
                client,
                consumed: bytes.len(),
            };
            assert_eq!(parse(&whole), Ok(complete), "{name}");
            for end in 0..bytes.len() {
                assert_eq!(
                    parse(&bytes[..end]),
                    Ok(Status::Partial),
                    "{name}, {end} bytes"
                );
            }
        }
    }

    #[test]
    fn what_is_no_header() {
        for bytes in [
            b"GET / HTTP/1.1\r\n".to_vec(),
            b"PROXY TCP4 ::1 ::2 1 2\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n".to_vec(),
            [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 100]].concat(),
            v2(0x21, 0x11, &[0; 11]),
            v2(0x21, 0x21, &[0; 35]),
            v2(0x11, 0x11, &[0; 12]),
            v2(0x21, 0x11, &[0; 1025]),
        ] {
            assert_eq!(parse(&bytes), Err(Malformed), "{}", bytes.escape_ascii());
        }
    }
}
