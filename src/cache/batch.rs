//! What a worker asks of the cache in one tick, and what it gets.

use super::pick::Window;
use crate::model::{Counts, Endpoint, Event, InfoHash, PeerId, Role};
use std::ops::Range;

/// Bytes left free before the peers of every answer, so that a UDP head can be written in place
/// and the packet is one piece.
pub const HEAD_ROOM: usize = 20;

/// One request, of a fixed size, borrowing nothing.
#[derive(Clone, Copy, Debug)]
pub enum Query {
    /// Changes a swarm and asks for peers.
    Announce(Announce),
    /// Asks for counts.
    Scrape(InfoHash),
}

impl Query {
    /// A peer leaves without having asked for it.
    pub fn stop(info_hash: InfoHash, peer: Endpoint) -> Query {
        Query::Announce(Announce {
            info_hash,
            peer,
            other: None,
            peer_id: PeerId([0; 20]),
            role: Role::Leecher,
            event: Event::Stopped,
            want: 0,
            families: Families::Own,
            peer_ids: false,
        })
    }

    /// The torrent it is about.
    pub fn info_hash(&self) -> &InfoHash {
        match self {
            Query::Announce(announce) => &announce.info_hash,
            Query::Scrape(info_hash) => info_hash,
        }
    }
}

/// An accepted announce.
#[derive(Clone, Copy, Debug)]
pub struct Announce {
    /// The torrent.
    pub info_hash: InfoHash,
    /// Where the peer is. One with port 0 is answered, but not listed.
    pub peer: Endpoint,
    /// The peer's address of the other family, where the source may be believed.
    pub other: Option<Endpoint>,
    /// Kept only where the cache keeps peer ids.
    pub peer_id: PeerId,
    /// What the peer is from now on.
    pub role: Role,
    /// Why it announces.
    pub event: Event,
    /// Peers wanted at most.
    pub want: u16,
    /// Which peers the answer can carry.
    pub families: Families,
    /// Whether the peers' ids are wanted too.
    pub peer_ids: bool,
}

/// Which peers an answer can carry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Families {
    /// Those of the asker's family: all that UDP has room for.
    Own,
    /// The asker's family first, the other's in the places left.
    OwnFirst,
}

impl Families {
    /// How many peers of the other family may take the places that are left.
    pub(super) fn others(self, left: usize) -> usize {
        match self {
            Families::Own => 0,
            Families::OwnFirst => left,
        }
    }
}

/// What the cache says to one query.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The swarm after the query, the asker included.
    pub counts: Counts,
    /// The cache is full and the peer is not listed.
    pub refused: bool,
    start: u32,
    v4_bytes: u32,
    v6_bytes: u32,
    peer_id_bytes: u32,
}

impl Answer {
    /// An answer without peers.
    pub(super) fn of_counts(counts: Counts) -> Answer {
        Answer {
            counts,
            ..Answer::default()
        }
    }

    fn v4(&self) -> Range<usize> {
        range(self.start as usize + HEAD_ROOM, self.v4_bytes)
    }

    fn v6(&self) -> Range<usize> {
        range(self.v4().end, self.v6_bytes)
    }

    fn peer_ids(&self) -> Range<usize> {
        range(self.v6().end, self.peer_id_bytes)
    }
}

fn range(start: usize, length: u32) -> Range<usize> {
    start..start + length as usize
}

/// The queries of one tick, then their answers. Cleared and filled again, it allocates nothing.
#[derive(Debug, Default)]
pub struct Batch {
    pub(super) queries: Vec<Query>,
    pub(super) answers: Vec<Answer>,
    /// For each announce: head room, IPv4 peers, IPv6 peers, peer ids.
    pub(super) arena: Vec<u8>,
    /// Peer ids of one answer, on their way behind its peers.
    pub(super) peer_ids: Vec<u8>,
}

impl Batch {
    /// Forgets queries and answers.
    pub fn clear(&mut self) {
        self.queries.clear();
        self.answers.clear();
        self.arena.clear();
    }

    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        self.queries.is_empty()
    }

    /// How many queries are in it.
    pub fn len(&self) -> usize {
        self.queries.len()
    }

    /// Adds a query; returns its place.
    pub fn push(&mut self, query: Query) -> usize {
        self.queries.push(query);
        self.queries.len() - 1
    }

    /// The queries, in the order of their places.
    pub fn queries(&self) -> &[Query] {
        &self.queries
    }

    /// The query at a place.
    pub fn query(&self, place: usize) -> &Query {
        &self.queries[place]
    }

    /// The answer to the query at a place, once the cache has run.
    pub fn answer(&self, place: usize) -> &Answer {
        &self.answers[place]
    }

    /// The IPv4 peers of an answer.
    pub fn v4(&self, answer: &Answer) -> &[u8] {
        &self.arena[answer.v4()]
    }

    /// The IPv6 peers of an answer.
    pub fn v6(&self, answer: &Answer) -> &[u8] {
        &self.arena[answer.v6()]
    }

    /// The ids of the IPv4, then of the IPv6 peers of an answer; empty where none are kept.
    pub fn peer_ids(&self, answer: &Answer) -> &[u8] {
        &self.arena[answer.peer_ids()]
    }

    /// The free bytes before the peers of the answer at a place.
    pub fn head_mut(&mut self, place: usize) -> Option<&mut [u8; HEAD_ROOM]> {
        let start = self.answers[place].start as usize;
        self.arena.get_mut(start..)?.first_chunk_mut()
    }

    /// Head room and peers of the answer at a place, in one piece.
    pub fn packet(&self, place: usize) -> &[u8] {
        let answer = &self.answers[place];
        &self.arena[answer.start as usize..answer.v6().end]
    }

    /// Makes room for an answer to each query: what a driver does first.
    pub fn prepare(&mut self) {
        self.answers.clear();
        self.answers
            .resize_with(self.queries.len(), Answer::default);
        self.arena.clear();
        // The head room of answers without peers, lest they share that of the first with peers.
        self.arena.resize(HEAD_ROOM, 0);
    }

    /// Sets the answer at a place, for drivers that have the peers elsewhere: 6 bytes for each of
    /// `v4`, 18 for each of `v6`, and an id each, or none, in `peer_ids`.
    pub fn set_answer(
        &mut self,
        place: usize,
        counts: Counts,
        v4: &[[u8; 6]],
        v6: &[[u8; 18]],
        peer_ids: &[[u8; 20]],
    ) {
        let mut answer = OpenAnswer::new(&mut self.arena, &mut self.peer_ids, true);
        answer.arena.extend_from_slice(v4.as_flattened());
        answer.end_v4();
        answer.arena.extend_from_slice(v6.as_flattened());
        answer.peer_ids.extend_from_slice(peer_ids.as_flattened());
        self.answers[place] = answer.finish(counts);
    }

    /// Refuses the announce at a place: there is no room for one more.
    pub fn refuse(&mut self, place: usize) {
        let answer = OpenAnswer::new(&mut self.arena, &mut self.peer_ids, false);
        self.answers[place] = answer.refuse(Counts::default());
    }
}

/// An answer whose peers are being copied.
pub(super) struct OpenAnswer<'b> {
    answer: Answer,
    arena: &'b mut Vec<u8>,
    peer_ids: &'b mut Vec<u8>,
    wants_peer_ids: bool,
}

impl<'b> OpenAnswer<'b> {
    /// Begins an answer at the end of the arena.
    pub(super) fn new(
        arena: &'b mut Vec<u8>,
        peer_ids: &'b mut Vec<u8>,
        wants_peer_ids: bool,
    ) -> OpenAnswer<'b> {
        let start = arena.len() as u32;
        arena.extend_from_slice(&[0; HEAD_ROOM]);
        peer_ids.clear();
        let answer = Answer {
            start,
            ..Answer::default()
        };
        OpenAnswer {
            answer,
            arena,
            peer_ids,
            wants_peer_ids,
        }
    }

    /// Where to copy peers to, so many at most.
    pub(super) fn window(&mut self, want: usize) -> Window<'_> {
        let peer_ids = self.wants_peer_ids.then_some(&mut *self.peer_ids);
        Window {
            want,
            out: self.arena,
            peer_ids,
        }
    }

    /// Marks the end of the IPv4 peers: the IPv6 peers follow.
    pub(super) fn end_v4(&mut self) {
        let start = self.answer.v4().start;
        self.answer.v4_bytes = (self.arena.len() - start) as u32;
    }

    /// Ends the answer to a peer for which there is no room.
    pub(super) fn refuse(self, counts: Counts) -> Answer {
        Answer {
            refused: true,
            ..self.finish(counts)
        }
    }

    /// Ends the answer.
    pub(super) fn finish(mut self, counts: Counts) -> Answer {
        let start = self.answer.v6().start;
        self.answer.v6_bytes = (self.arena.len() - start) as u32;
        self.answer.peer_id_bytes = self.peer_ids.len() as u32;
        self.arena.extend_from_slice(self.peer_ids);
        self.answer.counts = counts;
        self.answer
    }
}
