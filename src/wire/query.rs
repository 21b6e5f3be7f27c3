//! The query of an HTTP announce or scrape: percent-encoded pairs (BEP 3).

use super::{AnnounceRequest, PeerForm, Refusal};
use crate::model::{Event, InfoHash, PeerId, Role, Transfer};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Splits a query into its pairs; a key without `=` has an empty value.
pub fn pairs(query: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = Some(query);
    std::iter::from_fn(move || {
        let whole = rest?;
        let pair = match memchr::memchr(b'&', whole) {
            Some(end) => {
                rest = Some(&whole[end + 1..]);
                &whole[..end]
            }
            None => {
                rest = None;
                whole
            }
        };
        // Keys are a few bytes long: a plain loop finds their end sooner than a search does.
        let key_end = pair
            .iter()
            .position(|&byte| byte == b'=')
            .unwrap_or(pair.len());
        Some((
            &pair[..key_end],
            pair.get(key_end + 1..).unwrap_or_default(),
        ))
    })
}

/// The passkey among the parameters, as it stands there: web applications make them of letters and
/// digits.
pub fn passkey(query: &[u8]) -> Option<&[u8]> {
    let mut pairs = pairs(query);
    pairs.find_map(|(key, value)| (key == PASSKEY && !value.is_empty()).then_some(value))
}

const PASSKEY: &[u8] = b"passkey";

/// Reads the query of an announce. `passkey` is what stood in the path, `agent` the program's name.
pub fn announce<'b>(
    query: &'b [u8],
    mut passkey: Option<&'b [u8]>,
    agent: &'b [u8],
) -> Result<AnnounceRequest<'b>, Refusal> {
    let mut info_hash = None;
    let mut peer_id = None;
    let mut port = 0;
    let mut totals = Transfer::default();
    let mut left = u64::MAX;
    let mut event = Event::Regular;
    let mut num_want = None;
    let mut compact = true;
    let mut peer_ids = true;
    let (mut ipv4, mut ipv6) = (None, None);
    for (key, value) in pairs(query) {
        match key {
            b"info_hash" if info_hash.is_some() => return Err(Refusal::SeveralInfoHashes),
            b"info_hash" => info_hash = Some(twenty(value, Refusal::BadInfoHash)?),
            b"peer_id" => peer_id = Some(twenty(value, Refusal::BadPeerId)?),
            b"port" => port = number::<u16>(value).ok_or(Refusal::BadPort)?,
            b"uploaded" => totals.uploaded = number(value).unwrap_or_default(),
            b"downloaded" => totals.downloaded = number(value).unwrap_or_default(),
            b"left" => left = number(value).unwrap_or(u64::MAX),
            b"event" => event = event_of(value),
            b"numwant" => num_want = num_want_of(value),
            b"compact" => compact = value != b"0",
            b"no_peer_id" => peer_ids = value == b"0",
            b"ip" | b"ipv4" | b"ipv6" => claim(value, &mut ipv4, &mut ipv6)?,
            PASSKEY if passkey.is_none() && !value.is_empty() => passkey = Some(value),
            _ => {}
        }
    }
    let form = if compact {
        PeerForm::Compact
    } else {
        PeerForm::Dictionaries { peer_ids }
    };
    Ok(AnnounceRequest {
        info_hash: InfoHash(info_hash.ok_or(Refusal::BadInfoHash)?),
        peer_id: PeerId(peer_id.ok_or(Refusal::BadPeerId)?),
        port,
        totals,
        left,
        role: Role::of(event, left),
        event,
        num_want,
        form,
        ipv4,
        ipv6,
        passkey,
        agent,
    })
}

/// Reads the info-hashes of a scrape into `hashes`, sorted and once each; at most `most`.
pub fn scrape(query: &[u8], most: usize, hashes: &mut Vec<[u8; 20]>) -> Result<(), Refusal> {
    hashes.clear();
    for (key, value) in pairs(query) {
        if key != b"info_hash" {
            continue;
        }
        if hashes.len() == most {
            return Err(Refusal::TooManyHashes);
        }
        hashes.push(twenty(value, Refusal::BadInfoHash)?);
    }
    hashes.sort_unstable();
    hashes.dedup();
    Ok(())
}

/// Decodes percent-encoding into exactly 20 bytes. A plus sign stays one: a client that means a
/// space sends `%20`.
fn twenty(value: &[u8], wrong_length: Refusal) -> Result<[u8; 20], Refusal> {
    let mut decoded = [0; 20];
    let mut length = 0;
    decode(value, |byte| {
        if let Some(place) = decoded.get_mut(length) {
            *place = byte;
        }
        length += 1;
    })?;
    if length == decoded.len() {
        Ok(decoded)
    } else {
        Err(wrong_length)
    }
}

/// Decodes percent-encoding, byte by byte.
fn decode(value: &[u8], mut take: impl FnMut(u8)) -> Result<(), Refusal> {
    let mut rest = value;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            take(byte);
            continue;
        }
        let (&[high, low], after) = rest.split_first_chunk::<2>().ok_or(Refusal::BadEncoding)?;
        rest = after;
        match (HEX[usize::from(high)], HEX[usize::from(low)]) {
            (high @ 0..=15, low @ 0..=15) => take(high << 4 | low),
            _ => return Err(Refusal::BadEncoding),
        }
    }
    Ok(())
}

/// The value of each hex digit; 255 for every other byte.
const HEX: [u8; 256] = {
    let mut table = [u8::MAX; 256];
    let mut value = 0;
    while value < 16 {
        table[b"0123456789abcdef"[value] as usize] = value as u8;
        table[b"0123456789ABCDEF"[value] as usize] = value as u8;
        value += 1;
    }
    table
};

fn number<T: TryFrom<u64>>(value: &[u8]) -> Option<T> {
    if value.is_empty() {
        return None;
    }
    let mut number = 0u64;
    for byte in value {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number.checked_mul(10)?.checked_add(digit.into())?;
    }
    T::try_from(number).ok()
}

/// Negative and unreadable values are the tracker's to choose; huge ones are capped there.
fn num_want_of(value: &[u8]) -> Option<u32> {
    let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    is_number.then(|| number(value).unwrap_or(u32::MAX))
}

fn event_of(value: &[u8]) -> Event {
    match value {
        b"started" => Event::Started,
        b"stopped" => Event::Stopped,
        b"completed" => Event::Completed,
        b"paused" => Event::Paused,
        _ => Event::Regular,
    }
}

/// Bytes of the longest address text, `[ipv6]:port`; BEP 7 allows the port, which is not used.
const MAX_ADDRESS_TEXT: usize = 47;

/// Reads an address a client claims; one that is no address (a host name, say) claims nothing.
fn claim(
    value: &[u8],
    ipv4: &mut Option<Ipv4Addr>,
    ipv6: &mut Option<Ipv6Addr>,
) -> Result<(), Refusal> {
    let mut text = [0; MAX_ADDRESS_TEXT];
    let mut length = 0;
    decode(value, |byte| {
        if let Some(place) = text.get_mut(length) {
            *place = byte;
        }
        length += 1;
    })?;
    let Some(text) = text
        .get(..length)
        .and_then(|text| std::str::from_utf8(text).ok())
    else {
        return Ok(());
    };
    let ip = text
        .parse()
        .ok()
        .or_else(|| Some(text.parse::<std::net::SocketAddr>().ok()?.ip()));
    match ip.map(|ip: IpAddr| ip.to_canonical()) {
        Some(IpAddr::V4(ip)) => *ipv4 = Some(ip),
        Some(IpAddr::V6(ip)) => *ipv6 = Some(ip),
        None => {}
    }
    Ok(())
}

#[cfg(test)]
#[path = "query_tests.rs"]
mod tests;
