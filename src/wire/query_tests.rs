use super::*;

const GOOD: &str = "info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=-qB4650-0000000000%2B0&port=6881";

fn read(query: &str) -> Result<AnnounceRequest<'_>, Refusal> {
    announce(query.as_bytes(), None, b"")
}

#[test]
fn totals_are_what_the_client_says() {
    for (text, uploaded, downloaded, left) in [
        ("", 0, 0, u64::MAX),
        ("&uploaded=5&downloaded=7&left=9", 5, 7, 9),
        ("&uploaded=18446744073709551615", u64::MAX, 0, u64::MAX),
        ("&uploaded=18446744073709551616&left=", 0, 0, u64::MAX),
        ("&uploaded=-1&downloaded=1.5", 0, 0, u64::MAX),
    ] {
        let query = format!("{GOOD}{text}");
        let request = read(&query).expect("an announce");
        let totals = request.totals;
        let found = (totals.uploaded, totals.downloaded, request.left);
        assert_eq!(found, (uploaded, downloaded, left), "{text}");
    }
}

#[test]
fn the_passkey_of_the_path_comes_first() {
    let query = format!("{GOOD}&passkey=&passkey=abc&passkey=d");
    let of = |path| announce(query.as_bytes(), path, b"").map(|request| request.passkey);
    assert_eq!(of(None), Ok(Some(b"abc".as_slice())));
    assert_eq!(of(Some(b"path")), Ok(Some(b"path".as_slice())));
    assert_eq!(read(GOOD).expect("an announce").passkey, None);
    assert_eq!(passkey(query.as_bytes()), Some(b"abc".as_slice()));
    assert_eq!(passkey(GOOD.as_bytes()), None);
}

#[test]
fn splits_pairs() {
    let split = |query: &'static str| pairs(query.as_bytes()).collect::<Vec<_>>();
    assert_eq!(
        split("a=1&b"),
        [(b"a".as_slice(), b"1".as_slice()), (b"b", b"")]
    );
    assert_eq!(split("a=1=2&&=x").len(), 3);
    assert_eq!(split("a=1=2")[0].1, b"1=2");
}

#[test]
fn decodes_what_clients_send() {
    let hash = |text: &str| twenty(text.as_bytes(), Refusal::BadInfoHash);
    for (name, text, bytes) in [
        (
            "unescaped marks",
            "-_!.~*()/'0123456789",
            *b"-_!.~*()/'0123456789",
        ),
        ("raw plus", "++++++++++++++++++++", [b'+'; 20]),
        ("escaped plus", "%2B+%2b+++++++++++++++++", [b'+'; 20]),
        ("both cases", "%aB%Ab%AB%abaaaaaaaaaaaaaaaa", {
            let mut bytes = [b'a'; 20];
            bytes[..4].fill(0xab);
            bytes
        }),
    ] {
        assert_eq!(hash(text), Ok(bytes), "{name}");
    }
    assert_eq!(hash(&"%00".repeat(20)), Ok([0; 20]));
    assert_eq!(hash(&"a".repeat(19)), Err(Refusal::BadInfoHash));
    assert_eq!(hash(&"a".repeat(21)), Err(Refusal::BadInfoHash));
    for bad in ["%", "%a", "%zz", "aaaaaaaaaaaaaaaaaaa%0", "%0g", "%-1"] {
        assert_eq!(hash(bad), Err(Refusal::BadEncoding), "{bad}");
    }
}

#[test]
fn reads_an_announce() {
    let request = read(GOOD).expect("an announce");
    assert_eq!(request.info_hash, InfoHash([b'a'; 20]));
    assert_eq!(request.peer_id, PeerId(*b"-qB4650-0000000000+0"));
    assert_eq!((request.port, request.role), (6881, Role::Leecher));
    assert_eq!((request.event, request.num_want), (Event::Regular, None));
    assert_eq!(request.form, PeerForm::Compact);
}

#[test]
fn left_decides_the_role() {
    for (left, role) in [
        ("&left=0", Role::Seeder),
        ("&left=1", Role::Leecher),
        ("&left=4294967296", Role::Leecher),
        ("&left=9223372036854775807", Role::Leecher),
        ("&left=18446744073709551615", Role::Leecher),
        ("&left=99999999999999999999999", Role::Leecher),
        ("&left=-1", Role::Leecher),
        ("&left=", Role::Leecher),
        ("", Role::Leecher),
        ("&left=5&event=completed", Role::Seeder),
        ("&left=5&event=paused", Role::PartialSeed),
    ] {
        assert_eq!(
            read(&format!("{GOOD}{left}")).expect("an announce").role,
            role,
            "{left}"
        );
    }
}

#[test]
fn numwant_is_a_wish() {
    for (text, want) in [
        ("&numwant=0", Some(0)),
        ("&numwant=50", Some(50)),
        ("&numwant=-1", None),
        ("&numwant=many", None),
        ("&numwant=99999999999", Some(u32::MAX)),
        ("&numwant=99999999999999999999999", Some(u32::MAX)),
    ] {
        assert_eq!(
            read(&format!("{GOOD}{text}"))
                .expect("an announce")
                .num_want,
            want
        );
    }
}

#[test]
fn what_is_missing_or_bad_is_refused() {
    for (query, refusal) in [
        ("", Refusal::BadInfoHash),
        ("info_hash=aaaaaaaaaaaaaaaaaaaa", Refusal::BadPeerId),
        ("peer_id=aaaaaaaaaaaaaaaaaaaa&port=1", Refusal::BadInfoHash),
        (
            "info_hash=aaaaaaaaaaaaaaaaaaaa&info_hash=aaaaaaaaaaaaaaaaaaaa",
            Refusal::SeveralInfoHashes,
        ),
        ("info_hash=%", Refusal::BadEncoding),
        ("port=65536", Refusal::BadPort),
        ("port=-1", Refusal::BadPort),
        ("port=", Refusal::BadPort),
    ] {
        assert_eq!(read(query), Err(refusal), "{query}");
    }
    let silent = "info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=aaaaaaaaaaaaaaaaaaaa";
    assert_eq!(
        read(silent).expect("an announce").port,
        0,
        "aria2 without a listener"
    );
}

#[test]
fn claimed_addresses() {
    let claimed = |text: &str| {
        let query = format!("{GOOD}&{text}");
        let request = read(&query).expect("an announce");
        (
            request.ipv4.map(|ip| ip.to_string()),
            request.ipv6.map(|ip| ip.to_string()),
        )
    };
    let v4 = Some("192.0.2.7".to_owned());
    let v6 = Some("2001:db8::7".to_owned());
    assert_eq!(claimed("ip=192.0.2.7"), (v4.clone(), None));
    assert_eq!(
        claimed("ipv4=192.0.2.7:80&ipv6=2001%3adb8%3A%3a7"),
        (v4.clone(), v6.clone())
    );
    assert_eq!(claimed("ipv6=[2001:db8::7]:6881"), (None, v6));
    assert_eq!(claimed("ipv6=::ffff:192.0.2.7"), (v4, None));
    assert_eq!(claimed("ip=example.org&ipv6=&ip=%ff"), (None, None));
    assert_eq!(claimed(&format!("ip={}", "1".repeat(500))), (None, None));
}

#[test]
fn scrapes_are_sorted_and_once_each() {
    let query = ["c", "a", "b", "a"]
        .map(|c| format!("info_hash={}", c.repeat(20)))
        .join("&");
    let mut hashes = vec![[9; 20]];
    assert_eq!(scrape(query.as_bytes(), 4, &mut hashes), Ok(()));
    assert_eq!(hashes, [[b'a'; 20], [b'b'; 20], [b'c'; 20]]);
    assert_eq!(
        scrape(query.as_bytes(), 3, &mut hashes),
        Err(Refusal::TooManyHashes)
    );
    assert_eq!(scrape(b"", 3, &mut hashes), Ok(()));
    assert!(hashes.is_empty());
    assert_eq!(
        scrape(b"info_hash=a", 3, &mut hashes),
        Err(Refusal::BadInfoHash)
    );
}
