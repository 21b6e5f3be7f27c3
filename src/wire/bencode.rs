//! Writing bencoding (BEP 3): just what replies need.

/// Appends an integer.
pub fn integer(out: &mut Vec<u8>, value: u64) {
    out.push(b'i');
    decimal(out, value);
    out.push(b'e');
}

/// Appends a byte string.
pub fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    string_head(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// Appends a byte string that is in pieces.
pub fn strings(out: &mut Vec<u8>, pieces: &[&str]) {
    string_head(out, pieces.iter().map(|piece| piece.len()).sum());
    pieces
        .iter()
        .for_each(|piece| out.extend_from_slice(piece.as_bytes()));
}

/// Appends what stands before a byte string of this length.
pub fn string_head(out: &mut Vec<u8>, length: usize) {
    decimal(out, length as u64);
    out.push(b':');
}

/// Appends a dictionary key, already written with its length, and an integer.
pub fn entry(out: &mut Vec<u8>, key: &[u8], value: u64) {
    out.extend_from_slice(key);
    integer(out, value);
}

/// Appends a number in decimal.
pub fn decimal(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

#[cfg(test)]
mod tests {
    #[test]
    fn writes_the_examples_of_bep_3() {
        let mut out = Vec::new();
        super::string(&mut out, b"spam");
        super::integer(&mut out, 3);
        super::integer(&mut out, u64::MAX);
        super::entry(&mut out, b"3:cow", 0);
        assert_eq!(out, b"4:spami3ei18446744073709551615e3:cowi0e");
    }
}
