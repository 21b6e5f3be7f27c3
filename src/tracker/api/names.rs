//! What stands in a path: users, torrents, prefixes of peer ids.

use crate::model::{InfoHash, Passkey, TorrentId, UserId};
use crate::storage::{PREFIX_MAX_BYTES, UserName};
use std::borrow::Cow;

/// What marks a passkey that could be taken for a number.
const PASSKEY_MARK: &[u8] = b"passkey:";
/// What stands for every user, or every torrent; 0 does, too.
const ALL: &[u8] = b"all";

/// Decodes percent-encoding; `None` where it is none.
pub fn decode(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    if !text.contains(&b'%') {
        return Some(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let (&[high, low], after) = rest.split_first_chunk::<2>()?;
        decoded.push(hex_digit(high)? << 4 | hex_digit(low)?);
        rest = after;
    }
    Some(Cow::Owned(decoded))
}

/// Writes bytes so that [`decode`] reads them again, and they can stand in a path.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if is_unreserved(byte) {
            text.push(byte.into());
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// Letters that mean nothing but themselves in a URL.
pub(super) fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn hex_digit(letter: u8) -> Option<u8> {
    let digit = char::from(letter).to_digit(16)?;
    u8::try_from(digit).ok()
}

/// A passkey as it may stand in an announce URL, where nothing is decoded.
pub(super) fn passkey(text: &[u8]) -> Option<Passkey> {
    Passkey::new(text).filter(|_| text.iter().all(|byte| is_unreserved(*byte)))
}

/// Decodes a value of a form, in which spaces may be written as `+`; `None` where it is no text.
pub(super) fn decode_form(value: &[u8]) -> Option<String> {
    let value: Vec<u8> = value
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    String::from_utf8(decode(&value)?.into_owned()).ok()
}

/// A number that a storage can hold; 0 is none.
pub(super) fn number(text: &[u8]) -> Option<u64> {
    number_or_0(text).filter(|number| *number > 0)
}

/// A number that a storage can hold, or 0.
pub(super) fn number_or_0(text: &[u8]) -> Option<u64> {
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(text).ok().filter(|_| is_number)?;
    let number = text.parse::<i64>().ok()?;
    u64::try_from(number).ok()
}

/// Why a part of a path names nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unnamed {
    /// It is not written as it must be.
    Bad(&'static str),
    /// It is, but there can be none of that name.
    Unknown,
}

/// A user: a number is one, all else is a passkey.
pub(super) fn user(segment: &[u8]) -> Result<UserName, Unnamed> {
    let segment = decode(segment).ok_or(BAD_ESCAPE)?;
    let marked = segment.strip_prefix(PASSKEY_MARK);
    if marked.is_none() && segment.iter().all(u8::is_ascii_digit) {
        let number = number(&segment).ok_or(Unnamed::Unknown)?;
        return Ok(UserName::Id(UserId(number)));
    }
    let passkey = passkey(marked.unwrap_or(&segment));
    passkey.map(UserName::Passkey).ok_or(Unnamed::Bad(
        "a user is named by a number, or by a passkey of 1 to 64 letters, digits, and signs of -._~",
    ))
}

/// A torrent, by its info-hash.
pub(super) fn torrent(segment: &[u8]) -> Result<InfoHash, Unnamed> {
    let segment = decode(segment).ok_or(BAD_ESCAPE)?;
    info_hash(&segment).ok_or(Unnamed::Bad(BAD_INFO_HASH))
}

pub(super) const BAD_INFO_HASH: &str = "an info hash has 40 hex digits";
const BAD_ESCAPE: Unnamed = Unnamed::Bad("bad percent-encoding");

/// Reads 40 hex digits.
pub(super) fn info_hash(text: &[u8]) -> Option<InfoHash> {
    let digits: &[u8; 40] = text.try_into().ok()?;
    let mut bytes = [0; 20];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let &[high, low] = pair else { return None };
        *byte = hex_digit(high)? << 4 | hex_digit(low)?;
    }
    Some(InfoHash(bytes))
}

/// A prefix of peer ids, percent-encoded.
pub(super) fn prefix(segment: &[u8]) -> Result<Box<[u8]>, Unnamed> {
    let prefix = decode(segment).ok_or(BAD_ESCAPE)?;
    match prefix.len() {
        1..=PREFIX_MAX_BYTES => Ok(prefix.into()),
        _ => Err(Unnamed::Bad("a prefix of peer ids has 1 to 20 bytes")),
    }
}

/// A number of a token; `None` is every one.
pub(super) fn number_or_all(segment: &[u8]) -> Result<Option<u64>, Unnamed> {
    match segment {
        ALL | b"0" => Ok(None),
        digits if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => {
            number(digits).map(Some).ok_or(Unnamed::Unknown)
        }
        _ => Err(Unnamed::Bad(
            "a token is of two numbers; 0 or all is every one",
        )),
    }
}

/// Whom and what a token is for.
pub(super) type TokenScope = (Option<UserId>, Option<TorrentId>);

pub(super) fn token(user: &[u8], torrent: &[u8]) -> Result<TokenScope, Unnamed> {
    let (user, torrent) = (number_or_all(user)?, number_or_all(torrent)?);
    Ok((user.map(UserId), torrent.map(TorrentId)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_passkey(text: &str) -> Result<UserName, Unnamed> {
        let passkey = Passkey::new(text.as_bytes()).expect("a passkey");
        Ok(UserName::Passkey(passkey))
    }

    fn by_id(id: u64) -> Result<UserName, Unnamed> {
        Ok(UserName::Id(UserId(id)))
    }

    #[test]
    fn users() {
        for (segment, name) in [
            ("7", by_id(7)),
            ("007", by_id(7)),
            ("9223372036854775807", by_id(i64::MAX as u64)),
            ("9223372036854775808", Err(Unnamed::Unknown)),
            ("0", Err(Unnamed::Unknown)),
            ("7a", by_passkey("7a")),
            ("passkey:7", by_passkey("7")),
            ("passkey%3A7", by_passkey("7")),
            ("%61", by_passkey("a")),
        ] {
            assert_eq!(user(segment.as_bytes()), name, "{segment}");
        }
        let long = "a".repeat(65);
        for segment in ["", "a b", "%", "%4", "%zz", "passkey:", "ä", "a:b", &long] {
            let found = user(segment.as_bytes());
            // No digit but 0 to 9: an empty segment is no passkey, but all of it is digits.
            let bad = matches!(found, Err(Unnamed::Bad(_))) || segment.is_empty();
            assert!(bad && found.is_err(), "{segment}: {found:?}");
        }
    }

    #[test]
    fn torrents_prefixes_and_tokens() {
        let hex = "00112233445566778899aAbBcCdDeEfF00112233";
        let InfoHash(bytes) = torrent(hex.as_bytes()).expect("an info hash");
        assert_eq!((bytes[1], bytes[10], bytes[19]), (0x11, 0xaa, 0x33));
        for bad in ["", &hex[1..], &hex.replace("0011", "0x11")] {
            assert!(torrent(bad.as_bytes()).is_err(), "{bad}");
        }
        let every_byte: Vec<u8> = (0..=255).collect();
        for bytes in every_byte.chunks(20) {
            let encoded = encode(bytes);
            assert!(
                encoded
                    .bytes()
                    .all(|byte| is_unreserved(byte) || byte == b'%')
            );
            assert_eq!(prefix(encoded.as_bytes()), Ok(bytes.into()));
        }
        assert!(prefix(b"").is_err() && prefix(&[b'a'; 21]).is_err());
        let all = Ok((None, None));
        assert_eq!(token(b"all", b"0"), all);
        assert_eq!(token(b"3", b"4"), Ok((Some(UserId(3)), Some(TorrentId(4)))));
        assert!(token(b"", b"4").is_err() && token(b"-1", b"4").is_err());
    }
}
