//! Whether bytes are bencoding, as strictly as BEP 3 has it.

/// Whether these bytes are one value and nothing more: numbers without leading zeros, the keys of
/// dictionaries in order and once each.
pub fn is_value(bytes: &[u8]) -> bool {
    after_value(bytes).is_some_and(<[u8]>::is_empty)
}

/// What stands after the first value.
fn after_value(bytes: &[u8]) -> Option<&[u8]> {
    let (first, mut rest) = bytes.split_first()?;
    match first {
        b'i' => {
            let (digits, rest) = split_at_byte(rest, b'e')?;
            let digits = match digits.strip_prefix(b"-") {
                Some([b'0', ..]) => return None,
                Some(digits) => digits,
                None => digits,
            };
            is_number(digits).then_some(rest)
        }
        b'l' => loop {
            match rest.strip_prefix(b"e") {
                Some(rest) => break Some(rest),
                None => rest = after_value(rest)?,
            }
        },
        b'd' => {
            let mut last = None;
            loop {
                if let Some(rest) = rest.strip_prefix(b"e") {
                    break Some(rest);
                }
                let (key, value) = string(rest)?;
                if last.is_some_and(|last| last >= key) {
                    break None;
                }
                last = Some(key);
                rest = after_value(value)?;
            }
        }
        _ => string(bytes).map(|(_, rest)| rest),
    }
}

/// A byte string, and what stands after it.
fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = split_at_byte(bytes, b':')?;
    if !is_number(length) {
        return None;
    }
    let length = std::str::from_utf8(length).ok()?.parse().ok()?;
    rest.split_at_checked(length)
}

fn split_at_byte(bytes: &[u8], mark: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|&byte| byte == mark)?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

fn is_number(digits: &[u8]) -> bool {
    match digits {
        [] => false,
        [b'0', _, ..] => false,
        _ => digits.iter().all(u8::is_ascii_digit),
    }
}

#[cfg(test)]
mod tests {
    use super::is_value;

    #[test]
    fn tells_values_from_what_looks_like_them() {
        for good in [
            "i0e",
            "i-3e",
            "0:",
            "4:spam",
            "le",
            "de",
            "l4:spami3ee",
            "d3:cow3:moo4:spamd1:ali1eeee",
            "d1:a0:2:aa0:e",
        ] {
            assert!(is_value(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            "ie",
            "i-e",
            "i-0e",
            "i03e",
            "i3",
            "i3ei3e",
            "04:spam",
            "5:spam",
            "l",
            "d",
            "d3:cowe",
            "di3e3:cowe",
            "d1:b0:1:a0:e",
            "d1:a0:1:a0:e",
            "d2:aa0:1:b0:1:c",
            "x",
        ] {
            assert!(!is_value(bad.as_bytes()), "{bad}");
        }
    }
}
