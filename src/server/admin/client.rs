//! A connection of the listener for management: what has come, what is to be answered, and what
//! has not been taken yet.

use super::waiting::Reply;
use crate::config::Admin as Settings;
use crate::server::crossing::Crossed;
use crate::server::tcp;
use crate::tracker::api::dialects::Door;
use crate::tracker::api::{Answer, Conversation, Framing};
use mio::net::TcpStream;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown};
use std::time::{Duration, Instant};

/// Requests of a connection that are under way at once; more of them wait to be read.
const PIPELINED_MOST: usize = 64;
/// Bytes that wait to be taken, beyond which nothing more is asked for the connection.
pub(super) const UNSENT_MOST: usize = 64 * 1024;
/// Bytes of the rest of a connection that are read to let its last answer arrive: closing with
/// unread input would reset it and take the answer with it.
const LINGER_BYTES: usize = 256 * 1024;
/// How long that may take.
const LINGER: Duration = Duration::from_secs(2);

/// What a connection is in; each has a time in which it must be over.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Stage {
    /// All is sent, and said to be: the rest of the input is thrown away.
    Lingering,
    /// No request has begun.
    Idle,
    /// The head of one has.
    Head,
    /// A body is coming in.
    Body,
    /// Lines of a sync are.
    Lines,
    /// The client takes its answers.
    Sending,
    /// It is the tracker's turn.
    Waiting,
}

pub(super) struct Client {
    stream: TcpStream,
    /// Which connection this is: places are used again.
    pub(super) id: u64,
    pub(super) ip: IpAddr,
    pub(super) conversation: Conversation,
    /// A token of its has been right.
    pub(super) known: bool,
    /// Where it came in.
    door: Door,
    /// What it asks for next is served elsewhere: it goes there when everything is sent.
    pub(super) is_leaving: bool,
    /// Input that nobody has made anything of yet.
    pub(super) unread: Vec<u8>,
    /// There may be whole requests in it: it was not read on because others are under way.
    pub(super) unheard: bool,
    /// More may be in the socket.
    pub(super) more_to_read: bool,
    /// The other side has said that nothing more will come.
    pub(super) ended: bool,
    /// Answers to be, in the order of their requests.
    pub(super) replies: VecDeque<Reply>,
    /// How many replies have gone before the first of these.
    pub(super) replied: u64,
    unsent: Vec<u8>,
    sent: usize,
    /// Bytes that are still thrown away.
    lingering: Option<usize>,
    stage: Stage,
    pub(super) deadline: Instant,
    /// What has been asked of the poll includes room to write.
    pub(super) polled_for_room: bool,
    /// It is in the list of those that have a turn.
    pub(super) queued: bool,
}

impl Client {
    pub(super) fn new(stream: TcpStream, id: u64, ip: IpAddr, deadline: Instant) -> Client {
        Client {
            stream,
            id,
            ip,
            conversation: Conversation::default(),
            known: false,
            door: Door::Admin,
            is_leaving: false,
            unread: Vec::new(),
            unheard: false,
            more_to_read: true,
            ended: false,
            replies: VecDeque::new(),
            replied: 0,
            unsent: Vec::new(),
            sent: 0,
            lingering: None,
            stage: Stage::Idle,
            deadline,
            polled_for_room: false,
            queued: false,
        }
    }

    /// One that has crossed from a worker.
    pub(super) fn crossed(crossed: Crossed, id: u64, deadline: Instant) -> Client {
        let Crossed { stream, ip, unread } = crossed;
        Client {
            conversation: Conversation::at(Door::Tracker),
            door: Door::Tracker,
            unheard: true,
            unread,
            ..Client::new(stream, id, ip, deadline)
        }
    }

    /// Whether it may go where its next request is served.
    pub(super) fn may_leave(&self) -> bool {
        self.is_leaving && self.replies.is_empty() && self.unsent() == 0
    }

    /// Goes there.
    pub(super) fn into_crossed(self) -> Crossed {
        Crossed {
            stream: self.stream,
            ip: self.ip,
            unread: self.unread,
        }
    }

    /// Bytes that may be unread at once: workers, to whom they may come back, have less room.
    pub(super) fn room(&self, all: usize) -> usize {
        match self.door {
            Door::Admin => all,
            Door::Tracker => all.min(tcp::READ_BYTES),
        }
    }

    pub(super) fn stream_mut(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Whether more requests are taken from it now.
    pub(super) fn takes_requests(&self) -> bool {
        let waits = self.replies.back().is_some_and(Reply::keeps_others_waiting);
        !waits
            && self.replies.len() < PIPELINED_MOST
            && self.unsent.len() - self.sent < UNSENT_MOST
            && !self.conversation.is_over()
            && !self.is_leaving
            && self.lingering.is_none()
    }

    /// Whether a turn would get it further.
    pub(super) fn has_more(&self) -> bool {
        (self.more_to_read || self.unheard) && self.takes_requests()
    }

    /// Reads once into `buffer`: 0 at the end of the input, `None` when nothing is there.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            match self.stream.read(buffer) {
                Ok(length) => return Ok(Some(length)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Where an answer is written to.
    pub(super) fn out(&mut self) -> &mut Vec<u8> {
        &mut self.unsent
    }

    pub(super) fn unsent(&self) -> usize {
        self.unsent.len() - self.sent
    }

    /// Sends as far as the socket takes it; returns whether it took anything.
    pub(super) fn flush(&mut self) -> io::Result<bool> {
        let before = self.sent;
        while self.sent < self.unsent.len() {
            match self.stream.write(&self.unsent[self.sent..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(length) => self.sent += length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let took = self.sent > before;
        if self.sent == self.unsent.len() {
            (self.unsent, self.sent) = (Vec::new(), 0);
        }
        Ok(took)
    }

    /// Whether there is nothing more to be said on it.
    pub(super) fn is_finished(&self) -> bool {
        let is_over = self.conversation.is_over() || (self.ended && !self.has_more());
        is_over && self.replies.is_empty() && self.unsent() == 0
    }

    pub(super) fn is_lingering(&self) -> bool {
        self.lingering.is_some()
    }

    /// The reply of this number, if it is not sent yet.
    pub(super) fn reply_mut(&mut self, number: u64) -> Option<&mut Reply> {
        let place = number.checked_sub(self.replied)?;
        self.replies.get_mut(usize::try_from(place).ok()?)
    }

    /// The number of the reply that is last in line.
    pub(super) fn last_number(&self) -> u64 {
        (self.replied + self.replies.len() as u64).saturating_sub(1)
    }

    /// Reads no more requests: this is the answer to what has come of one, if it is one.
    pub(super) fn break_off(&mut self, framing: Framing, answer: Answer) {
        self.conversation.end();
        match self.replies.back_mut() {
            Some(reply) if reply.is_open_sync() => reply.break_off(answer),
            _ => self.replies.push_back(Reply::ready(framing, &answer)),
        }
    }

    /// Whether edits of its are being made.
    pub(super) fn waits_for_answers(&self) -> bool {
        self.replies.iter().any(Reply::is_being_made)
    }

    /// Says that nothing more will come, and reads on for a while; returns whether it is done
    /// already.
    pub(super) fn linger(&mut self, buffer: &mut [u8]) -> bool {
        if self.lingering.is_none() {
            // If it fails the connection is gone already, which the next read will tell.
            let _ = self.stream.shutdown(Shutdown::Write);
            self.lingering = Some(LINGER_BYTES);
            self.unread = Vec::new();
        }
        while let Some(left) = self.lingering {
            match self.read(buffer) {
                Ok(None) => return self.ended,
                Ok(Some(length)) if length > 0 && length <= left => {
                    self.lingering = Some(left - length);
                }
                Ok(Some(_)) | Err(_) => return true,
            }
        }
        true
    }

    fn stage_now(&self) -> Stage {
        if self.lingering.is_some() {
            Stage::Lingering
        } else if self.unsent() > 0 {
            Stage::Sending
        } else if !self.replies.is_empty() && !self.conversation.is_sync() {
            Stage::Waiting
        } else if self.conversation.is_sync() {
            // Lines wait while those before them are done.
            match self.takes_requests() {
                true => Stage::Lines,
                false => Stage::Waiting,
            }
        } else if !self.conversation.is_idle() {
            Stage::Body
        } else if self.unread.is_empty() {
            Stage::Idle
        } else {
            Stage::Head
        }
    }

    pub(super) fn stage(&self) -> Stage {
        self.stage
    }

    /// Looks at what it is in now. `progress`: it has done what it has its time for.
    pub(super) fn settle(&mut self, settings: &Settings, now: Instant, progress: bool) {
        let stage = self.stage_now();
        if stage == self.stage && !progress {
            return;
        }
        self.stage = stage;
        let secs = |secs: u32| Duration::from_secs(secs.into());
        self.deadline = now
            + match stage {
                Stage::Lingering => LINGER,
                Stage::Idle => secs(settings.idle_timeout.0),
                Stage::Head => secs(settings.head_timeout.0),
                Stage::Body | Stage::Lines => secs(settings.body_timeout.0),
                Stage::Sending => secs(settings.write_timeout.0),
                Stage::Waiting => WAITING,
            };
    }
}

/// How long the tracker may take at most: pushes are answered long before, whatever the storage
/// does. It is a bound for what should not happen.
const WAITING: Duration = Duration::from_secs(300);
