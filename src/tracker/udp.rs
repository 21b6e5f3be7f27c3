//! UDP packets in, UDP packets out (BEP 15).

use super::connection_id::ConnectionIds;
use super::{Refused, Room, Tracker};
use crate::cache::{Families, HEAD_ROOM};
use crate::model::Seconds;
use crate::wire::Refusal;
use crate::wire::udp::{self, Action, Header};
use std::net::IpAddr;
use std::ops::Range;

const _: () = assert!(HEAD_ROOM == udp::ANNOUNCE_HEAD_BYTES);

/// Peers that fit a packet, those of the asker's family only.
const ROOM: Room = Room {
    families: Families::Own,
    peers_v4: udp::MAX_PEERS_V4,
    peers_v6: udp::MAX_PEERS_V6,
    peer_ids: false,
};

/// The packets of one socket in one tick, from question to answer.
pub struct Packets {
    ids: ConnectionIds,
    pending: Vec<Pending>,
    /// Replies that are not announce answers; those stand in the batch.
    written: Vec<u8>,
    url: Vec<u8>,
}

struct Pending {
    slot: usize,
    transaction_id: [u8; 4],
    reply: Reply,
}

enum Reply {
    /// The announce of this number in the tick; once it is answered, the place in the batch.
    Announce(usize),
    /// The answers at these places of the batch.
    Scrape(Range<usize>),
    /// These bytes of `written`.
    Written(Range<usize>),
}

impl Packets {
    /// For a socket whose clients get ids from here.
    pub fn new(ids: ConnectionIds) -> Packets {
        Packets {
            ids,
            pending: Vec::new(),
            written: Vec::new(),
            url: Vec::new(),
        }
    }

    /// Forgets the last tick.
    pub fn begin(&mut self) {
        self.pending.clear();
        self.written.clear();
    }

    /// Takes a packet; its answer will go to `slot`. Who has not proved the address gets nothing.
    pub fn collect(
        &mut self,
        tracker: &mut Tracker,
        slot: usize,
        packet: &[u8],
        from: IpAddr,
        now: Seconds,
    ) {
        let Some(header) = Header::read(packet) else {
            return;
        };
        let transaction_id = header.transaction_id;
        if header.action == Action::Connect {
            let id = self.ids.make(from, now);
            let start = self.written.len();
            udp::write_connect(&mut self.written, transaction_id, id);
            let reply = Reply::Written(start..self.written.len());
            return self.pending.push(Pending {
                slot,
                transaction_id,
                reply,
            });
        }
        if !self.ids.check(header.connection_id, from, now) {
            return;
        }
        let reply = match header.action {
            Action::Announce => self.announce(tracker, packet, from),
            Action::Scrape => scrape(tracker, packet),
            Action::Connect | Action::Unknown => Err(Refusal::UnknownAction.into()),
        };
        let reply = reply.unwrap_or_else(|refused| {
            self.refuse(transaction_id, refused.refusal, tracker.reason(&refused))
        });
        self.pending.push(Pending {
            slot,
            transaction_id,
            reply,
        });
    }

    fn announce(
        &mut self,
        tracker: &mut Tracker,
        packet: &[u8],
        from: IpAddr,
    ) -> Result<Reply, Refused> {
        let request = udp::announce(packet, &mut self.url)?;
        Ok(Reply::Announce(tracker.announce(&request, from, ROOM)?))
    }

    fn refuse(&mut self, transaction_id: [u8; 4], refusal: Refusal, reason: &str) -> Reply {
        let start = self.written.len();
        udp::write_error(&mut self.written, transaction_id, refusal, reason);
        Reply::Written(start..self.written.len())
    }

    /// Writes the answers, now that the cache has run.
    pub fn answer(&mut self, tracker: &mut Tracker) {
        let mut pending = std::mem::take(&mut self.pending);
        for Pending {
            transaction_id,
            reply,
            ..
        } in &mut pending
        {
            let answered = match reply {
                Reply::Announce(number) => answer_announce(tracker, *transaction_id, *number),
                Reply::Scrape(places) => {
                    self.answer_scrape(tracker, *transaction_id, places.clone())
                }
                Reply::Written(_) => continue,
            };
            *reply = answered.unwrap_or_else(|refused| {
                self.refuse(*transaction_id, refused.refusal, tracker.reason(&refused))
            });
        }
        self.pending = pending;
    }

    fn answer_scrape(
        &mut self,
        tracker: &Tracker,
        transaction_id: [u8; 4],
        places: Range<usize>,
    ) -> Result<Reply, Refused> {
        if let Some(refusal) = tracker.refusal(places.start) {
            return Err(refusal.into());
        }
        let start = self.written.len();
        udp::write_scrape_head(&mut self.written, transaction_id);
        for place in places {
            udp::write_scrape_counts(&mut self.written, &tracker.counts(place));
        }
        Ok(Reply::Written(start..self.written.len()))
    }

    /// How many packets are answered in this tick.
    pub fn len(&self) -> usize {
        self.pending.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// The answers, each with the slot it goes to.
    pub fn answers<'a>(
        &'a self,
        tracker: &'a Tracker,
    ) -> impl Iterator<Item = (usize, &'a [u8])> + 'a {
        self.pending.iter().map(|pending| {
            let bytes = match &pending.reply {
                Reply::Announce(place) => tracker.batch.packet(*place),
                Reply::Written(range) => &self.written[range.clone()],
                Reply::Scrape(_) => &[],
            };
            (pending.slot, bytes)
        })
    }
}

/// Admits a scrape. Its packet has no room for a passkey, so that a private tracker refuses it.
fn scrape(tracker: &mut Tracker, packet: &[u8]) -> Result<Reply, Refused> {
    let request = udp::scrape(packet)?;
    tracker.admit_scrape(request.passkey)?;
    Ok(Reply::Scrape(tracker.scrape(request.hashes)))
}

/// Writes the head of an announce answer before its peers.
fn answer_announce(
    tracker: &mut Tracker,
    transaction_id: [u8; 4],
    number: usize,
) -> Result<Reply, Refused> {
    let place = tracker.outcome(number)?.place;
    if let Some(refusal) = tracker.refusal(place) {
        return Err(refusal.into());
    }
    let interval_secs = tracker.interval_secs();
    let counts = tracker.batch.answer(place).counts;
    if let Some(head) = tracker.batch.head_mut(place) {
        udp::write_announce_head(head, transaction_id, interval_secs, &counts);
    }
    Ok(Reply::Announce(place))
}
