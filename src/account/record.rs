//! An accepted announce, as the journal keeps it.

use crate::model::{
    Endpoint, Event, Multipliers, PeerId, Role, TorrentId, Transfer, UnixTime, UserId, V6_BYTES,
};
use crate::storage::SessionKey;

/// Bytes of a client's name that are kept: what web applications have room for.
pub const MAX_AGENT_BYTES: usize = 64;

/// An accepted announce. Clients report totals since they started, so it needs no earlier state,
/// and with the multipliers that held when it was admitted a replay says the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record<'a> {
    /// When it was admitted.
    pub time: UnixTime,
    /// Whose.
    pub user: UserId,
    /// Of what.
    pub torrent: TorrentId,
    /// The client's own name for itself.
    pub peer_id: PeerId,
    /// Where it came from.
    pub endpoint: Endpoint,
    /// What the client says it has moved since it started.
    pub totals: Transfer,
    /// Bytes it lacks.
    pub left: u64,
    /// Why it announced.
    pub event: Event,
    /// How its transfer is credited.
    pub multipliers: Multipliers,
    /// Whether a token had a part in that.
    pub token: bool,
    /// Whether the address is kept out of the storage.
    pub hide_ip: bool,
    /// The program's name for itself, at most [`MAX_AGENT_BYTES`]; empty over UDP.
    pub agent: &'a [u8],
}

/// Bytes of a record before its address and the program's name.
const FIXED_BYTES: usize = 70;
const EVENTS: [Event; 5] = [
    Event::Regular,
    Event::Started,
    Event::Completed,
    Event::Stopped,
    Event::Paused,
];
/// The flags beside the number of the event.
const EVENT_MASK: u8 = 0b111;
const IS_V6: u8 = 1 << 3;
const TOKEN: u8 = 1 << 4;
const HIDE_IP: u8 = 1 << 5;

impl<'a> Record<'a> {
    /// Appends its bytes, numbers in little-endian order: workers do this for every announce, so
    /// they are where they are, not packed.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let agent = self.agent.get(..MAX_AGENT_BYTES).unwrap_or(self.agent);
        let event = EVENTS.iter().position(|event| *event == self.event);
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        let is_v6 = matches!(self.endpoint, Endpoint::V6(_));
        let mut fixed = [0; FIXED_BYTES];
        fixed[0] = event.unwrap_or_default() as u8
            | flag(is_v6, IS_V6)
            | flag(self.token, TOKEN)
            | flag(self.hide_ip, HIDE_IP);
        fixed[1] = agent.len() as u8;
        fixed[2..6].copy_from_slice(&self.time.0.to_le_bytes());
        fixed[6..14].copy_from_slice(&self.user.0.to_le_bytes());
        fixed[14..22].copy_from_slice(&self.torrent.0.to_le_bytes());
        fixed[22..42].copy_from_slice(&self.peer_id.0);
        fixed[42..50].copy_from_slice(&self.totals.uploaded.to_le_bytes());
        fixed[50..58].copy_from_slice(&self.totals.downloaded.to_le_bytes());
        fixed[58..66].copy_from_slice(&self.left.to_le_bytes());
        fixed[66..68].copy_from_slice(&self.multipliers.up_percent.to_le_bytes());
        fixed[68..].copy_from_slice(&self.multipliers.down_percent.to_le_bytes());
        out.reserve(FIXED_BYTES + V6_BYTES + MAX_AGENT_BYTES);
        out.extend_from_slice(&fixed);
        match &self.endpoint {
            Endpoint::V4(bytes) => out.extend_from_slice(bytes),
            Endpoint::V6(bytes) => out.extend_from_slice(bytes),
        }
        out.extend_from_slice(agent);
    }

    /// Reads the record at the front of some bytes, and what follows it.
    pub(super) fn read(bytes: &'a [u8]) -> Option<(Record<'a>, &'a [u8])> {
        let (fixed, rest) = bytes.split_first_chunk::<FIXED_BYTES>()?;
        let flags = fixed[0];
        let event = *EVENTS.get(usize::from(flags & EVENT_MASK))?;
        let (endpoint, rest) = if flags & IS_V6 == 0 {
            let (bytes, rest) = rest.split_first_chunk()?;
            (Endpoint::V4(*bytes), rest)
        } else {
            let (bytes, rest) = rest.split_first_chunk()?;
            (Endpoint::V6(*bytes), rest)
        };
        let (agent, rest) = rest.split_at_checked(fixed[1].into())?;
        let number = |at| u64::from_le_bytes(field(fixed, at));
        let record = Record {
            time: UnixTime(u32::from_le_bytes(field(fixed, 2))),
            user: UserId(number(6)),
            torrent: TorrentId(number(14)),
            peer_id: PeerId(field(fixed, 22)),
            endpoint,
            totals: Transfer {
                uploaded: number(42),
                downloaded: number(50),
            },
            left: number(58),
            event,
            multipliers: Multipliers {
                up_percent: u16::from_le_bytes(field(fixed, 66)),
                down_percent: u16::from_le_bytes(field(fixed, 68)),
            },
            token: flags & TOKEN != 0,
            hide_ip: flags & HIDE_IP != 0,
            agent,
        };
        Some((record, rest))
    }

    /// The session it belongs to.
    pub fn key(&self) -> SessionKey {
        SessionKey {
            user: self.user,
            torrent: self.torrent,
            peer_id: self.peer_id,
        }
    }

    /// Whether the client has everything.
    pub fn is_seeder(&self) -> bool {
        Role::of(self.event, self.left) == Role::Seeder
    }
}

fn field<const N: usize>(fixed: &[u8; FIXED_BYTES], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&fixed[at..at + N]);
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let v6: std::net::IpAddr = "2001:db8::7".parse().expect("an address");
        let mut records = Vec::new();
        for (number, event) in (0u8..).zip(EVENTS) {
            records.push(Record {
                time: UnixTime(u32::MAX - u32::from(number)),
                user: UserId(u64::MAX - 1),
                torrent: TorrentId(1 << 40),
                peer_id: PeerId([number; 20]),
                endpoint: match number % 2 {
                    0 => Endpoint::new([192, 0, 2, 1].into(), 6881),
                    _ => Endpoint::new(v6, 1),
                },
                totals: Transfer {
                    uploaded: u64::MAX,
                    downloaded: 5,
                },
                left: u64::MAX - 7,
                event,
                multipliers: Multipliers {
                    up_percent: u16::MAX,
                    down_percent: 1,
                },
                token: number % 2 == 0,
                hide_ip: number % 3 == 0,
                agent: &b"qBittorrent/4.6.5"[..usize::from(number) * 4],
            });
        }
        let mut bytes = Vec::new();
        records.iter().for_each(|record| record.write(&mut bytes));
        let mut rest = &*bytes;
        for record in &records {
            let (read, after) = Record::read(rest).expect("a record");
            assert_eq!(read, *record);
            rest = after;
        }
        assert!(rest.is_empty());
        let mut one = Vec::new();
        records[1].write(&mut one);
        for end in 0..one.len() {
            assert_eq!(Record::read(&one[..end]), None, "{end} bytes");
        }
        one[0] |= EVENT_MASK;
        assert_eq!(Record::read(&one), None, "an event that is none");
    }
}
