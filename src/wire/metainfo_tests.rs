use super::*;

const V1: &str = "d6:lengthi5e4:name5:hello12:piece lengthi16384e\
    6:pieces20:AAAAAAAAAAAAAAAAAAAA7:privatei1ee";
const V2: &str = "d9:file treed5:hellod0:d6:lengthi5e11:pieces root\
    32:RRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRReee\
    12:meta versioni2e4:name5:hello12:piece lengthi16384ee";
const HYBRID: &str = "d9:file treed5:hellod0:d6:lengthi5e11:pieces root\
    32:RRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRReee6:lengthi5e\
    12:meta versioni2e4:name5:hello12:piece lengthi16384e6:pieces20:AAAAAAAAAAAAAAAAAAAAe";

/// A torrent file with this `info` dictionary, and keys before and after it.
fn file(info: &str) -> String {
    format!(
        "d8:announce21:http://tracker.test/a13:announce-listll21:http://tracker.test/aee\
        4:info{info}8:url-listlee"
    )
}

fn parse(text: &str) -> Result<Metainfo<'_>, MetainfoError> {
    Metainfo::parse(text.as_bytes())
}

/// What is wrong with an `info` dictionary.
fn fault(info: &str) -> MetainfoError {
    parse(&file(info)).expect_err(info)
}

#[test]
fn hashes_are_of_the_bytes_as_they_stand() {
    // Python: hashlib.sha1(info).hexdigest(), hashlib.sha256(info).hexdigest()[:40].
    let v1 = "2aec76c9db65e8e5f63a7a2334dd5152cbdfce38";
    let v2 = "79250e51bbcacfec3ffd99012a146f3b588567ae";
    let hybrid = "0cb6cbc43262c36eddb329fd39c04a06701a7e9d";
    let second = "83318f935379fffa6e884418833123c3199ae78c";
    for (name, info, version, private, hash, other) in [
        ("v1", V1, Version::V1, true, v1, None),
        ("v2", V2, Version::V2, false, v2, None),
        (
            "hybrid",
            HYBRID,
            Version::Hybrid,
            false,
            hybrid,
            Some(second),
        ),
    ] {
        let file = file(info);
        let torrent = parse(&file).expect(name);
        assert_eq!(torrent.info, info.as_bytes(), "{name}");
        assert_eq!(torrent.name, b"hello", "{name}");
        assert_eq!(torrent.version, version, "{name}");
        assert_eq!(torrent.private, private, "{name}");
        assert_eq!(format!("{:?}", torrent.info_hash()), hash, "{name}");
        let second = torrent.second_info_hash().map(|hash| format!("{hash:?}"));
        assert_eq!(second.as_deref(), other, "{name}");
    }
}

#[test]
fn what_does_not_matter() {
    let pieces = "6:pieces0:";
    for (name, info) in [
        ("keys in another order", format!("d{pieces}4:name1:ae")),
        (
            "unknown keys, twice",
            format!("d1:xle1:xde4:name1:a{pieces}e"),
        ),
        ("no pieces of an empty file", format!("d4:name1:a{pieces}e")),
        (
            "an info inside the info",
            format!("d4:infod4:name1:be4:name1:a{pieces}e"),
        ),
        (
            "numbers at their ends",
            format!("d1:xi-9223372036854775808e1:yi9223372036854775807e4:name1:a{pieces}e"),
        ),
        (
            "version 1",
            format!("d12:meta versioni1e4:name1:a{pieces}e"),
        ),
    ] {
        let file = file(&info);
        let torrent = parse(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(torrent.name, b"a", "{name}");
        assert_eq!(torrent.version, Version::V1, "{name}");
        assert_eq!(torrent.info, info.as_bytes(), "{name}");
    }
    let latin1 = b"d4:infod4:name1:\xe46:pieces0:ee";
    assert_eq!(Metainfo::parse(latin1).expect("bytes").name, b"\xe4");
}

#[test]
fn private_is_the_number_1() {
    for (private, is) in [
        ("7:privatei1e", true),
        ("7:privatei0e", false),
        ("7:privatei2e", false),
        ("7:private1:1", false),
        ("", false),
    ] {
        let file = file(&format!("d4:name1:a6:pieces0:{private}e"));
        assert_eq!(parse(&file).expect(private).private, is, "{private}");
    }
    // Beside the dictionary it says nothing to the clients that hold the torrent.
    let outside = parse("d4:infod4:name1:a6:pieces0:e7:privatei1ee");
    assert!(!outside.expect("a torrent").private);
}

#[test]
fn every_prefix_is_cut_short_and_nothing_may_follow() {
    for info in [V1, V2, HYBRID] {
        let file = file(info);
        for end in 0..file.len() {
            let error = parse(&file[..end]).expect_err("a part");
            assert_eq!(error, MetainfoError::Truncated, "{}", &file[..end]);
        }
        let longer = format!("{file}\n");
        let at = file.len();
        assert_eq!(
            parse(&longer),
            Err(MetainfoError::TrailingBytes { at }),
            "{longer}"
        );
    }
}

#[test]
fn files_that_are_no_torrents() {
    let malformed = |at, wanted| MetainfoError::Malformed { at, wanted };
    let (key, value) = ("a key or an end", "a value");
    let (number, wide) = ("a number", "a number of 64 bits");
    for (name, text, error) in [
        ("a page", "<!DOCTYPE html>", MetainfoError::NotADictionary),
        ("a list", "le", MetainfoError::NotADictionary),
        ("a word", "download", malformed(1, key)),
        ("empty", "", MetainfoError::Truncated),
        ("an empty dictionary", "de", MetainfoError::Missing("info")),
        ("a key that is a number", "di1ei1ee", malformed(1, key)),
        ("a key without value", "d1:ae", malformed(4, value)),
        ("a value of no kind", "d1:ax", malformed(4, value)),
        ("a length below 0", "d1:a-1:x", malformed(4, value)),
        ("a length with a zero", "d1:a01:xe", malformed(4, value)),
        ("a length of letters", "d1:a1x:xe", malformed(4, value)),
        (
            "a length that is no 64 bits",
            "d1:a99999999999999999999:x",
            malformed(4, value),
        ),
        (
            "a length without end",
            "d1:a1111111111111111111111111",
            malformed(4, value),
        ),
        (
            "a length beyond the file",
            "d1:a9999999999999999999:x",
            MetainfoError::Truncated,
        ),
        ("no number", "d1:aiee", malformed(4, wide)),
        ("only a sign", "d1:ai-ee", malformed(4, wide)),
        ("zero below 0", "d1:ai-0ee", malformed(4, wide)),
        ("a number with a zero", "d1:ai01ee", malformed(4, wide)),
        ("a number with a plus", "d1:ai+1ee", malformed(4, wide)),
        ("a fraction", "d1:ai1.5ee", malformed(4, wide)),
        (
            "a number of 65 bits",
            "d1:ai9223372036854775808ee",
            malformed(4, wide),
        ),
        (
            "a number without end",
            "d1:ai1111111111111111111111111ee",
            malformed(5, number),
        ),
        (
            "info twice",
            "d4:infode4:infodee",
            MetainfoError::Twice("info"),
        ),
    ] {
        assert_eq!(parse(text), Err(error), "{name}: {text}");
    }
}

#[test]
fn dictionaries_that_say_too_little() {
    let wrong = |key, wanted| MetainfoError::Wrong { key, wanted };
    let name = wrong("name", "a string of at most 1024 bytes");
    let long = format!("d4:name1025:{}6:pieces0:e", "a".repeat(1025));
    for (info, error) in [
        ("3:abc", wrong("info", "a dictionary")),
        ("le", wrong("info", "a dictionary")),
        ("de", MetainfoError::Missing("name")),
        ("d4:namei1e6:pieces0:e", name),
        (&long, name),
        ("d4:name1:ae", MetainfoError::Missing("pieces")),
        (
            "d4:name1:a6:pieces3:abce",
            wrong("pieces", "a string of hashes of 20 bytes"),
        ),
        (
            "d4:name1:a6:piecesi1ee",
            wrong("pieces", "a string of hashes of 20 bytes"),
        ),
        (
            "d12:meta versioni2e4:name1:ae",
            MetainfoError::Missing("file tree"),
        ),
        (
            "d9:file treele12:meta versioni2e4:name1:ae",
            wrong("file tree", "a dictionary"),
        ),
        ("d9:file treede4:name1:ae", MetainfoError::Missing("pieces")),
        (
            "d9:file treede12:meta version1:24:name1:ae",
            wrong("meta version", "a number"),
        ),
        (
            "d9:file treede12:meta versioni3e4:name1:ae",
            MetainfoError::UnknownVersion(3),
        ),
        (
            "d4:name1:a4:name1:b6:pieces0:e",
            MetainfoError::Twice("name"),
        ),
    ] {
        assert_eq!(fault(info), error, "{info}");
        assert!(!error.to_string().is_empty());
    }
}

#[test]
fn values_stand_in_each_other_to_a_bound() {
    let nested = |open: &str, depth: usize, close: &str| {
        let (open, close) = (open.repeat(depth), close.repeat(depth));
        format!("d4:name1:a6:pieces0:1:x{open}{close}e")
    };
    // The file and its info dictionary stand around them.
    let deepest = MAX_DEPTH - 2;
    assert!(parse(&file(&nested("l", deepest, "e"))).is_ok());
    for (open, close) in [("l", "e"), ("d0:", "e")] {
        for depth in [deepest + 1, 1_000_000] {
            let error = fault(&nested(open, depth, close));
            assert!(matches!(error, MetainfoError::TooDeep { .. }), "{error}");
        }
    }
}

#[test]
fn a_file_of_the_largest_size_and_one_byte_more() {
    let mut large = file(V1).into_bytes();
    large.pop();
    // One more key, whose value fills the rest; its length has eight digits.
    let filling = MAX_FILE_BYTES - large.len() - "1:z########:e".len();
    large.extend_from_slice(format!("1:z{filling}:").as_bytes());
    large.resize(large.len() + filling, b'z');
    large.push(b'e');
    assert_eq!(large.len(), MAX_FILE_BYTES);
    assert!(Metainfo::parse(&large).expect("a torrent").private);
    large.push(b'e');
    assert_eq!(Metainfo::parse(&large), Err(MetainfoError::TooLarge));
}

#[test]
fn a_changed_byte_never_panics_and_the_dictionary_stays_inside() {
    for info in [V1, V2, HYBRID] {
        let good = file(info).into_bytes();
        for place in 0..good.len() {
            for byte in *b"0198-:deil\0\xff" {
                let mut changed = good.clone();
                changed[place] = byte;
                let Ok(torrent) = Metainfo::parse(&changed) else {
                    continue;
                };
                let info = torrent.info;
                assert!(info.starts_with(b"d") && info.ends_with(b"e"));
                assert!(changed.windows(info.len()).any(|part| part == info));
            }
        }
    }
}
