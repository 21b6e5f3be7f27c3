//! Any bytes as a query: what is read, written again in any style of percent-encoding, reads back
//! the same; a scrape gives its hashes in order and once each.

#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use chihaya::model::{Event, InfoHash, PeerId, Role, Transfer};
use chihaya::wire::{AnnounceRequest, PeerForm, query};
use libfuzzer_sys::fuzz_target;
use std::net::{Ipv4Addr, Ipv6Addr};

const MOST_HASHES: usize = 64;

/// What an announce can say.
#[derive(Arbitrary)]
struct Said {
    info_hash: [u8; 20],
    peer_id: [u8; 20],
    port: u16,
    uploaded: u64,
    downloaded: u64,
    left: u64,
    #[arbitrary(with = event)]
    event: Event,
    num_want: Option<u32>,
    compact: bool,
    peer_ids: bool,
    ipv4: Option<Ipv4Addr>,
    ipv6: Option<Ipv6Addr>,
}

fn event(from: &mut Unstructured<'_>) -> arbitrary::Result<Event> {
    use Event::{Completed, Paused, Regular, Started, Stopped};
    from.choose(&[Regular, Started, Completed, Stopped, Paused])
        .copied()
}

/// How bytes are escaped.
#[derive(Clone, Copy, Debug)]
struct Style {
    /// Every byte, or only those that mean something in a query.
    all: bool,
    upper: bool,
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(request) = query::announce(bytes, None, b"") {
        reads_back(&request);
    }
    if let Ok(said) = Said::arbitrary(&mut Unstructured::new(bytes)) {
        reads_back(&said.request());
    }
    scrape(bytes);
});

impl Said {
    fn request(&self) -> AnnounceRequest<'static> {
        let peer_ids = self.peer_ids;
        AnnounceRequest {
            info_hash: InfoHash(self.info_hash),
            peer_id: PeerId(self.peer_id),
            port: self.port,
            totals: Transfer {
                uploaded: self.uploaded,
                downloaded: self.downloaded,
            },
            left: self.left,
            role: Role::of(self.event, self.left),
            event: self.event,
            num_want: self.num_want,
            form: if self.compact {
                PeerForm::Compact
            } else {
                PeerForm::Dictionaries { peer_ids }
            },
            ipv4: self.ipv4,
            // A mapped one would claim an IPv4 address.
            ipv6: self.ipv6.filter(|ip| ip.to_ipv4_mapped().is_none()),
            passkey: None,
            agent: b"",
        }
    }
}

fn reads_back(request: &AnnounceRequest<'_>) {
    for style in styles() {
        let written = write(request, style);
        assert_eq!(
            query::announce(&written, None, b""),
            Ok(*request),
            "{}",
            written.escape_ascii()
        );
    }
}

fn scrape(bytes: &[u8]) {
    let mut hashes = vec![[0; 20]; 3];
    if query::scrape(bytes, MOST_HASHES, &mut hashes).is_err() {
        return;
    }
    assert!(hashes.is_sorted_by(|a, b| a < b) && hashes.len() <= MOST_HASHES);
    for style in styles() {
        let mut written = Vec::new();
        for hash in hashes.iter().rev().chain(&hashes).take(MOST_HASHES) {
            pair(&mut written, "info_hash", hash, style);
        }
        let mut again = Vec::new();
        assert_eq!(query::scrape(&written, MOST_HASHES, &mut again), Ok(()));
        assert_eq!(again, hashes);
    }
}

fn styles() -> impl Iterator<Item = Style> {
    [(false, false), (false, true), (true, false), (true, true)]
        .into_iter()
        .map(|(all, upper)| Style { all, upper })
}

fn write(request: &AnnounceRequest<'_>, style: Style) -> Vec<u8> {
    let mut out = Vec::new();
    let plain = Style {
        all: false,
        ..style
    };
    let number =
        |out: &mut Vec<u8>, key, value: u64| pair(out, key, value.to_string().as_bytes(), plain);
    number(&mut out, "port", request.port.into());
    number(&mut out, "uploaded", request.totals.uploaded);
    number(&mut out, "downloaded", request.totals.downloaded);
    number(&mut out, "left", request.left);
    if let Some(passkey) = request.passkey {
        // Not decoded: what stands there is the passkey.
        out.extend_from_slice(b"&passkey=");
        out.extend_from_slice(passkey);
    }
    if let Some(want) = request.num_want {
        number(&mut out, "numwant", want.into());
    }
    if let PeerForm::Dictionaries { peer_ids } = request.form {
        number(&mut out, "compact", 0);
        number(&mut out, "no_peer_id", (!peer_ids).into());
    }
    let event = match request.event {
        Event::Regular => "",
        Event::Completed => "completed",
        Event::Started => "started",
        Event::Stopped => "stopped",
        Event::Paused => "paused",
    };
    pair(&mut out, "event", event.as_bytes(), plain);
    pair(&mut out, "info_hash", &request.info_hash.0, style);
    pair(&mut out, "peer_id", &request.peer_id.0, style);
    if let Some(ip) = request.ipv4 {
        pair(&mut out, "ip", ip.to_string().as_bytes(), style);
    }
    if let Some(ip) = request.ipv6 {
        pair(&mut out, "ipv6", ip.to_string().as_bytes(), style);
    }
    out
}

fn pair(out: &mut Vec<u8>, key: &str, value: &[u8], style: Style) {
    if !out.is_empty() {
        out.push(b'&');
    }
    out.extend_from_slice(key.as_bytes());
    out.push(b'=');
    let digits = if style.upper {
        b"0123456789ABCDEF"
    } else {
        b"0123456789abcdef"
    };
    for &byte in value {
        if style.all || matches!(byte, b'%' | b'&') {
            let digit = |value: u8| digits[usize::from(value)];
            out.extend([b'%', digit(byte >> 4), digit(byte & 15)]);
        } else {
            out.push(byte);
        }
    }
}
