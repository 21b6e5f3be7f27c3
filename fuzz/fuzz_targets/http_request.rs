//! Any bytes as what comes in on an HTTP connection: however they are cut, the same request is
//! read, and every answer is a head that says how long its body is, and a bencoded value.

#![no_main]

use chihaya::config::{self, Config};
use chihaya::tracker::Settings;
use chihaya::tracker::http::{Next, Requests, Rest};
use chihaya::wire::http::{Status, parse};
use chihaya_fuzz::{NOW, TIME, bencode, decides_once, tracker};
use libfuzzer_sys::fuzz_target;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;

/// What may stand behind a request.
const NEXT: &[u8] = b"GET /scrape HTTP/1.1\r\n\r\n";
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
/// Peers in all: few enough that a pipeline of announces fills the tracker.
const MAX_PEERS: u64 = 6;
const FULL_SCRAPE_BYTES: usize = 1 << 30;

static SETTINGS: LazyLock<Settings> = LazyLock::new(|| {
    let everywhere = ["0.0.0.0/0", "::/0"].map(|network| network.parse().expect("a network"));
    let mut config = Config {
        announce: config::Announce {
            address_from: everywhere.to_vec(),
            ..Default::default()
        },
        ..Default::default()
    };
    config.network.trusted_proxies = vec!["192.0.2.0/24".parse().expect("a network")];
    config.scrape.full = true;
    Settings::new(&config)
});

fuzz_target!(|bytes: &[u8]| {
    decides_once(&[bytes, NEXT].concat(), |part| match parse(part) {
        Ok(Status::Partial) => None,
        Ok(Status::Complete { request, consumed }) => Some(Some((request, consumed))),
        Err(_) => Some(None),
    });
    serve(bytes);
});

/// Answers all requests of a connection.
fn serve(bytes: &[u8]) {
    let mut tracker = tracker(&SETTINGS, MAX_PEERS, &[]);
    let mut requests = Requests::default();
    let (mut unread, mut served) = (bytes, Vec::new());
    requests.begin();
    tracker.begin(NOW, TIME);
    loop {
        let (head_only, goes_on) = match parse(unread) {
            Ok(Status::Complete { request, consumed }) => {
                unread = &unread[consumed..];
                (
                    request.head_only,
                    requests.collect(&mut tracker, 0, &request, CLIENT) == Next::Another,
                )
            }
            Ok(Status::Partial) => break,
            Err(malformed) => {
                requests.collect_malformed(0, malformed);
                (false, false)
            }
        };
        served.push((head_only, goes_on));
        if !goes_on {
            break;
        }
    }
    tracker.run(NOW).expect("memory is always there");
    assert_eq!(requests.pending().len(), served.len());
    let mut out = Vec::new();
    for (place, (head_only, goes_on)) in served.into_iter().enumerate() {
        out.clear();
        let rest = requests.write(&mut tracker, place, FULL_SCRAPE_BYTES, &mut out);
        check(&out, head_only, goes_on, rest);
    }
}

fn check(answer: &[u8], head_only: bool, goes_on: bool, rest: Rest) {
    let end = answer
        .windows(4)
        .position(|bytes| bytes == b"\r\n\r\n")
        .expect("a head");
    let (head, body) = (&answer[..end], &answer[end + 4..]);
    let head = std::str::from_utf8(head).expect("text");
    assert!(head.starts_with("HTTP/1.1 "), "{head}");
    assert_eq!(head.contains("\r\nConnection: close"), !goes_on, "{head}");
    let (_, length) = head.split_once("\r\nContent-Length: ").expect("a length");
    let length: usize = length
        .lines()
        .next()
        .unwrap_or_default()
        .parse()
        .expect("a number");
    match rest {
        Rest::FullScrape => assert!(!head_only && body.is_empty() && length == FULL_SCRAPE_BYTES),
        Rest::Nothing if head_only => assert!(body.is_empty() && length > 0),
        Rest::Nothing => {
            assert_eq!(body.len(), length, "{head}");
            assert!(bencode::is_value(body), "{}", body.escape_ascii());
        }
    }
}
