//! Any bytes as a PROXY header: however they are cut, the same client is read; a header that was
//! written reads back the same.

#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use chihaya::wire::proxy::{Status, parse};
use chihaya_fuzz::decides_once;
use libfuzzer_sys::fuzz_target;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What follows a header.
const NEXT: &[u8] = b"GET /announce HTTP/1.1\r\n\r\n";
/// Bytes of addresses and extensions at most.
const MAX_BLOCK_BYTES: usize = 1024;

fuzz_target!(|bytes: &[u8]| {
    decides_once(&[bytes, NEXT].concat(), |part| match parse(part) {
        Ok(Status::Partial) => None,
        decided => Some(decided),
    });
    if let Ok(written) = Written::arbitrary_take_rest(Unstructured::new(bytes)) {
        reads_back(&written);
    }
});

/// What a proxy can say.
#[derive(Arbitrary)]
struct Written<'b> {
    addresses: Addresses,
    source_port: u16,
    destination_port: u16,
    extensions: &'b [u8],
}

#[derive(Arbitrary, Clone, Copy)]
enum Addresses {
    V4([Ipv4Addr; 2]),
    V6([Ipv6Addr; 2]),
}

fn reads_back(written: &Written<'_>) {
    let source: IpAddr = match written.addresses {
        Addresses::V4([source, _]) => source.into(),
        Addresses::V6([source, _]) => source.into(),
    };
    let client = Some(SocketAddr::new(source, written.source_port));
    for header in [written.v1(), written.v2()] {
        let consumed = header.len();
        for header in [header.clone(), [&header, NEXT].concat()] {
            assert_eq!(parse(&header), Ok(Status::Complete { client, consumed }));
        }
    }
}

impl Written<'_> {
    fn v1(&self) -> Vec<u8> {
        let (family, addresses) = match self.addresses {
            Addresses::V4([source, destination]) => ("TCP4", format!("{source} {destination}")),
            Addresses::V6([source, destination]) => ("TCP6", format!("{source} {destination}")),
        };
        let ports = format!("{} {}", self.source_port, self.destination_port);
        format!("PROXY {family} {addresses} {ports}\r\n").into_bytes()
    }

    fn v2(&self) -> Vec<u8> {
        let (family, mut block) = match self.addresses {
            Addresses::V4(both) => (0x11, both.map(|ip| ip.octets()).concat()),
            Addresses::V6(both) => (0x21, both.map(|ip| ip.octets()).concat()),
        };
        block.extend(self.source_port.to_be_bytes());
        block.extend(self.destination_port.to_be_bytes());
        block.extend(self.extensions);
        block.truncate(MAX_BLOCK_BYTES);
        let length = (block.len() as u16).to_be_bytes();
        [
            b"\r\n\r\n\0\r\nQUIT\n\x21".as_slice(),
            &[family],
            &length,
            &block,
        ]
        .concat()
    }
}
