//! Whose address counts: the connection's, a proxy's word, or the client's own.

use crate::common::http::{Announced, Connection, announce, get};
use crate::common::{Tracker, V4, V6, addrs, ip};

/// Announces from `from` with extra parameters and header lines, and returns what it was told
/// and all peers that another client is then told of.
fn listed(
    tracker: &Tracker,
    from: &str,
    parameters: &str,
    headers: &str,
) -> (Announced, Vec<std::net::SocketAddr>) {
    let target = announce('a', 2001, 5) + parameters;
    let family = if from.contains(':') { V6 } else { V4 };
    let mut client = Connection::open_from(ip(from), tracker.http[family]);
    let ask = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: t\r\n{headers}\r\n");
    client.send(ask(&target));
    let told = client.answer().announced();
    let other = announce('a', 3000, 0);
    let mut peers = get(tracker.http[V4], &other).announced().all_peers();
    peers.sort();
    get(tracker.http[V4], &(other + "&event=stopped"));
    client.send(ask(&(target + "&event=stopped")));
    assert_eq!(
        client.answer().announced().incomplete,
        0,
        "who stops leaves"
    );
    (told, peers)
}

#[test]
fn strangers_are_not_believed_about_their_address() {
    // The first network is one that may say so, but no client of this test is in it.
    for settings in ["{}", r#"{"announce": {"address_from": ["10.0.0.0/8"]}}"#] {
        let tracker = Tracker::start(settings);
        for (from, own) in [("127.0.0.1", "127.0.0.1:2001"), ("::1", "[::1]:2001")] {
            for claim in [
                "&ip=192.0.2.7",
                "&ipv4=192.0.2.7",
                "&ipv6=2001%3adb8%3a%3a7",
                "&ipv6=2001:db8::7&ipv4=192.0.2.7&ip=10.0.0.1",
                "&ipv4=192.0.2.7&ipv4=192.0.2.8",
                "&ip=a.host.name",
            ] {
                let (told, peers) = listed(&tracker, from, claim, "");
                assert_eq!(peers, addrs(&[own]), "{from} {claim}");
                assert_eq!(told.external_ip, ip(from), "{from} {claim}");
                assert_eq!(told.incomplete, 1, "{from} {claim}");
            }
        }
    }
}

#[test]
fn some_are_believed_about_their_address() {
    let tracker = Tracker::start(r#"{"announce": {"address_from": ["127.0.0.0/30", "::1/128"]}}"#);
    for (from, claim, expected) in [
        ("127.0.0.1", "", &["127.0.0.1:2001"] as &[&str]),
        ("127.0.0.1", "&ip=192.0.2.7", &["192.0.2.7:2001"]),
        ("127.0.0.1", "&ipv4=192.0.2.7", &["192.0.2.7:2001"]),
        ("127.0.0.1", "&ipv4=192.0.2.7%3a99", &["192.0.2.7:2001"]),
        (
            "127.0.0.1",
            "&ipv4=%3a%3affff%3a192.0.2.7",
            &["192.0.2.7:2001"],
        ),
        ("127.0.0.1", "&ip=a.host.name", &["127.0.0.1:2001"]),
        (
            "127.0.0.1",
            "&ipv6=2001:db8::7",
            &["127.0.0.1:2001", "[2001:db8::7]:2001"],
        ),
        (
            "127.0.0.1",
            "&ipv4=192.0.2.7&ipv6=2001%3adb8%3a%3a7",
            &["192.0.2.7:2001", "[2001:db8::7]:2001"],
        ),
        ("::1", "&ipv6=2001:db8::7", &["[2001:db8::7]:2001"]),
        ("::1", "&ipv4=192.0.2.7", &["192.0.2.7:2001", "[::1]:2001"]),
        ("127.0.0.4", "&ip=192.0.2.7", &["127.0.0.4:2001"]),
    ] {
        let (_, peers) = listed(&tracker, from, claim, "");
        assert_eq!(peers, addrs(expected), "{from} {claim}");
    }
}

#[test]
fn proxies_say_for_whom_they_ask() {
    let tracker = Tracker::start(
        r#"{"network": {"trusted_proxies": ["127.0.0.0/30", "::1/128", "10.0.0.0/8"]}}"#,
    );
    for (name, from, headers, expected) in [
        ("no header", "127.0.0.1", "", "127.0.0.1"),
        (
            "v4",
            "127.0.0.1",
            "X-Forwarded-For: 192.0.2.7\r\n",
            "192.0.2.7",
        ),
        (
            "v6",
            "127.0.0.1",
            "X-Forwarded-For: 2001:db8::7\r\n",
            "2001:db8::7",
        ),
        (
            "mapped",
            "127.0.0.1",
            "X-Forwarded-For: ::ffff:192.0.2.7\r\n",
            "192.0.2.7",
        ),
        (
            "with a port",
            "127.0.0.1",
            "X-Forwarded-For: 192.0.2.7:4711\r\n",
            "192.0.2.7",
        ),
        (
            "v6 with a port",
            "127.0.0.1",
            "X-Forwarded-For: [2001:db8::7]:4711\r\n",
            "2001:db8::7",
        ),
        (
            "any case",
            "127.0.0.1",
            "x-forwarded-FOR:192.0.2.7\r\n",
            "192.0.2.7",
        ),
        (
            "proxy over v6",
            "::1",
            "X-Forwarded-For: 192.0.2.7\r\n",
            "192.0.2.7",
        ),
        (
            "two proxies",
            "127.0.0.1",
            "X-Forwarded-For: 192.0.2.7, 10.1.1.1\r\n",
            "192.0.2.7",
        ),
        (
            "what the client made up stands further left",
            "127.0.0.1",
            "X-Forwarded-For: 198.51.100.1, 192.0.2.7, 10.1.1.1\r\n",
            "192.0.2.7",
        ),
        (
            "on several lines",
            "127.0.0.1",
            "X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-For: 192.0.2.7\r\nAccept: */*\r\n\
             X-Forwarded-For: 10.1.1.1\r\n",
            "192.0.2.7",
        ),
        (
            "nothing that could be read",
            "127.0.0.1",
            "X-Forwarded-For: unknown\r\n",
            "127.0.0.1",
        ),
        (
            "right of what cannot be read",
            "127.0.0.1",
            "X-Forwarded-For: 192.0.2.7, unknown, 10.1.1.1\r\n",
            "10.1.1.1",
        ),
        (
            "no proxy of ours",
            "127.0.0.4",
            "X-Forwarded-For: 192.0.2.7\r\n",
            "127.0.0.4",
        ),
        (
            "another header",
            "127.0.0.1",
            "X-Real-IP: 192.0.2.7\r\n",
            "127.0.0.1",
        ),
    ] {
        let (told, peers) = listed(&tracker, from, "", headers);
        assert_eq!(told.external_ip, ip(expected), "{name}");
        assert_eq!(peers, [(ip(expected), 2001).into()], "{name}");
    }
}

#[test]
fn the_header_is_the_configured_one() {
    for (header, expected) in [("\"X-Real-IP\"", "192.0.2.7"), ("null", "127.0.0.1")] {
        let tracker = Tracker::start(&format!(
            r#"{{"network": {{"trusted_proxies": ["127.0.0.0/8"], "proxy_header": {header}}}}}"#
        ));
        let headers = "X-Forwarded-For: 198.51.100.1\r\nX-Real-IP: 192.0.2.7\r\n";
        let (told, _) = listed(&tracker, "127.0.0.1", "", headers);
        assert_eq!(told.external_ip, ip(expected), "{header}");
    }
}

/// A version 2 header: command, family and addresses.
fn proxy_v2(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
    let length = u16::try_from(addresses.len()).expect("a short block");
    let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    header.extend([command, family]);
    header.extend(length.to_be_bytes());
    header.extend(addresses);
    header
}

/// PROXY headers of both versions, and the client each names.
fn proxy_headers() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let v4 = [192, 0, 2, 7, 10, 0, 0, 1, 0x12, 0x34, 0, 80];
    let mut v6 = [0; 36];
    v6[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
    v6[15] = 7;
    let with_extension = [v4.as_slice(), &[0x04, 0, 1, 0]].concat();
    vec![
        (
            "v1",
            b"PROXY TCP4 192.0.2.7 10.0.0.1 4660 80\r\n".to_vec(),
            "192.0.2.7",
        ),
        (
            "v1 over v6",
            b"PROXY TCP6 2001:db8::7 ::1 4660 80\r\n".to_vec(),
            "2001:db8::7",
        ),
        ("v1 unknown", b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.1"),
        ("v2", proxy_v2(0x21, 0x11, &v4), "192.0.2.7"),
        ("v2 over v6", proxy_v2(0x21, 0x21, &v6), "2001:db8::7"),
        (
            "v2 with an extension",
            proxy_v2(0x21, 0x11, &with_extension),
            "192.0.2.7",
        ),
        ("v2 local", proxy_v2(0x20, 0, &[]), "127.0.0.1"),
    ]
}

const PROXIED: &str =
    r#"{"network": {"trusted_proxies": ["127.0.0.0/30"], "proxy_protocol": true}}"#;

#[test]
fn the_proxy_protocol_names_the_client_of_a_connection() {
    let tracker = Tracker::start(PROXIED);
    for (name, header, expected) in proxy_headers() {
        let mut client = Connection::open(tracker.http[V4]);
        let request = crate::common::http::request(&announce('a', 2001, 5));
        client.send([header.as_slice(), request.as_bytes()].concat());
        assert_eq!(
            client.answer().announced().external_ip,
            ip(expected),
            "{name}"
        );
        // It is said once and holds for all requests.
        let answer = client.get(&announce('a', 2001, 5));
        assert_eq!(answer.announced().external_ip, ip(expected), "{name}");
    }
}

#[test]
fn who_is_no_proxy_must_not_speak_its_protocol() {
    let tracker = Tracker::start(PROXIED);
    let line = "PROXY TCP4 192.0.2.7 10.0.0.1 4660 80\r\n";
    let mut stranger = Connection::open_from(ip("127.0.0.4"), tracker.http[V4]);
    stranger.send(format!(
        "{line}GET {} HTTP/1.1\r\n\r\n",
        announce('a', 2001, 5)
    ));
    assert_eq!(stranger.answer().status, 400);
    let mut stranger = Connection::open_from(ip("127.0.0.4"), tracker.http[V4]);
    let told = stranger.get(&announce('a', 2001, 5)).announced();
    assert_eq!(told.external_ip, ip("127.0.0.4"));
    // A proxy that does not begin with it is not believed to be one: the connection ends.
    let mut proxy = Connection::open(tracker.http[V4]);
    proxy.send("GET ");
    proxy.expect_end();
}
