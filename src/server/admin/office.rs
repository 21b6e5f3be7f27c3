//! What is done for one connection in its turn: requests are heard, then those that can be are
//! answered.

use super::client::{Client, UNSENT_MOST};
use super::counters::Served;
use super::inquiry::{Inquiry, no_directory};
use super::memory::Memory;
use super::waiting::{Reply, Ticket};
use crate::server::private::{Answers, Found};
use crate::storage::Edit;
use crate::tracker::api::{
    Access, Answer, Batch, CONTINUE, Framing, LINE_BYTES_MOST, Request, Source, Step, Strikes,
};
use log::warn;
use mio::Waker;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

/// Bytes read from a connection in a turn, after which others have theirs.
const READ_BYTES: usize = 64 * 1024;
/// Edits of all connections that are under way at once: half of what may wait for the one that
/// makes them.
pub(super) const EDITS_MOST: usize = 1 << 15;

/// What turns have in common.
pub(super) struct Office {
    access: Access,
    strikes: Strikes,
    /// The moment from which strikes are counted.
    start: Instant,
    pub(super) inquiry: Inquiry,
    /// What is remembered for a dialect; `None` where it is not spoken.
    pub(super) memory: Option<Memory>,
    pub(super) answers: Answering,
    /// Edits that are being made.
    pub(super) open_edits: usize,
    /// When answers to wrong tokens are due, and on which connections.
    pub(super) late: Vec<(Instant, usize)>,
    pub(super) served: Served,
    buffer: Box<[u8]>,
}

/// What other threads have to say.
pub(super) enum News {
    /// What has become of edits.
    Made(Answers),
    /// What was looked up.
    Found(Found),
}

/// How answers come back from the threads that make edits and own the storage.
pub(super) struct Answering {
    to: Sender<(Ticket, News)>,
    from: Receiver<(Ticket, News)>,
    waker: Arc<Waker>,
    /// The waker has been used, and what was sent has not been looked at since.
    woken: Arc<AtomicBool>,
}

impl Answering {
    pub(super) fn new(waker: Arc<Waker>) -> Answering {
        let (to, from) = channel();
        Answering {
            to,
            from,
            waker,
            woken: Arc::default(),
        }
    }

    /// What hands over the news, from whichever thread.
    pub(super) fn hand_over(&self, ticket: Ticket) -> impl FnOnce(News) + Send + use<> {
        let (to, waker, woken) = (self.to.clone(), self.waker.clone(), self.woken.clone());
        move |news| {
            // Nobody listens any more when the tracker stops.
            let _ = to.send((ticket, news));
            if !woken.swap(true, Ordering::AcqRel) {
                // Without the word it looks up within a second.
                let _ = waker.wake();
            }
        }
    }

    /// What has come since this was last asked.
    pub(super) fn take(&self) -> Vec<(Ticket, News)> {
        // Whoever sends from here on wakes again; what was sent before is seen.
        self.woken.swap(false, Ordering::AcqRel);
        self.from.try_iter().collect()
    }
}

impl Office {
    pub(super) fn new(
        access: Access,
        inquiry: Inquiry,
        memory: Option<Memory>,
        waker: Arc<Waker>,
    ) -> Office {
        Office {
            access,
            strikes: Strikes::default(),
            start: Instant::now(),
            inquiry,
            memory,
            answers: Answering::new(waker),
            open_edits: 0,
            late: Vec::new(),
            served: Served::default(),
            buffer: vec![0; READ_BYTES + LINE_BYTES_MOST].into_boxed_slice(),
        }
    }

    pub(super) fn linger(&mut self, client: &mut Client) -> bool {
        client.linger(&mut self.buffer)
    }

    fn takes_from(&self, client: &Client) -> bool {
        client.takes_requests() && self.open_edits < EDITS_MOST
    }

    /// Reads what there is, and begins the requests in it; returns whether there was a whole one,
    /// or a line of one.
    pub(super) fn hear(
        &mut self,
        key: usize,
        client: &mut Client,
        now: Instant,
    ) -> io::Result<bool> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut filled = client.unread.len();
        buffer[..filled].copy_from_slice(&client.unread);
        let mut heard = false;
        let mut read = 0;
        let result = loop {
            let used = self.heed_all(key, client, &buffer[..filled], now, &mut heard);
            buffer.copy_within(used..filled, 0);
            filled -= used;
            client.unheard = filled > 0 && !self.takes_from(client);
            if !self.takes_from(client) || !client.more_to_read || read >= READ_BYTES {
                break Ok(());
            }
            let room = client.room(buffer.len());
            match client.read(&mut buffer[filled..room]) {
                Ok(Some(0)) => {
                    (client.ended, client.more_to_read) = (true, false);
                    break Ok(());
                }
                Ok(Some(length)) => {
                    filled += length;
                    read += length;
                }
                Ok(None) => {
                    client.more_to_read = false;
                    break Ok(());
                }
                Err(error) => break Err(error),
            }
        };
        client.unread = buffer[..filled].to_vec();
        self.buffer = buffer;
        result.map(|()| heard)
    }

    /// Makes requests of what has come in, as many as may be under way; returns the bytes used.
    fn heed_all(
        &mut self,
        key: usize,
        client: &mut Client,
        bytes: &[u8],
        now: Instant,
        heard: &mut bool,
    ) -> usize {
        let mut used = 0;
        while used < bytes.len() && self.takes_from(client) {
            let (taken, step) = client.conversation.read(&bytes[used..], &self.access);
            used += taken;
            match step {
                Step::Hungry if taken == 0 => break,
                Step::Hungry => {}
                Step::Elsewhere => client.is_leaving = true,
                step => {
                    *heard = true;
                    self.heed(key, client, step, now);
                }
            }
        }
        used
    }

    fn heed(&mut self, key: usize, client: &mut Client, step: Step, now: Instant) {
        self.served.requests += u64::from(!matches!(step, Step::Welcome | Step::Lines(_)));
        client.known |= matches!(step, Step::Request(..) | Step::Sync(..) | Step::Order(..));
        match step {
            Step::Hungry | Step::Elsewhere => {}
            Step::Order(framing, order) => client.replies.push_back(Reply::Order(framing, order)),
            Step::Welcome => client.replies.push_back(Reply::Ready(CONTINUE.to_vec())),
            Step::Request(framing, Request::Ask(question)) => {
                client.replies.push_back(Reply::Ask(framing, question));
            }
            Step::Request(framing, Request::Push(edit)) => {
                client.replies.push_back(Reply::Push(framing));
                if !self.push(key, client, vec![edit], Vec::new()) {
                    client.replies.pop_back();
                    client
                        .replies
                        .push_back(Reply::ready(framing, &no_directory()));
                }
            }
            Step::Sync(framing, welcome) => self.begin_sync(client, framing, welcome),
            Step::Lines(batch) => self.go_on_with_sync(key, client, batch),
            Step::Refused(framing, answer) if framing.keep_alive => {
                client.replies.push_back(Reply::ready(framing, &answer));
            }
            Step::Refused(framing, answer) => client.break_off(framing, answer),
            Step::Stranger(framing, answer) => {
                self.refuse_stranger(key, client, (framing, answer), now);
            }
        }
    }

    /// Has edits made for the reply that is last in line; returns false where nobody makes any.
    fn push(&mut self, key: usize, client: &Client, edits: Vec<Edit>, lines: Vec<Source>) -> bool {
        let Some(authority) = self.inquiry.authority() else {
            return false;
        };
        self.open_edits += edits.len();
        let hand_over = self.answers.hand_over(Ticket {
            key,
            client: client.id,
            reply: client.last_number(),
            lines,
        });
        authority.push(edits, move |answers| hand_over(News::Made(answers)));
        true
    }

    fn begin_sync(&mut self, client: &mut Client, framing: Framing, welcome: bool) {
        if self.inquiry.authority().is_none() {
            return client.break_off(Framing::LAST, no_directory());
        }
        if welcome {
            client.replies.push_back(Reply::Ready(CONTINUE.to_vec()));
        }
        client.replies.push_back(Reply::sync(framing));
    }

    fn go_on_with_sync(&mut self, key: usize, client: &mut Client, mut batch: Batch) {
        self.served.lines += batch.lines;
        if let Some(sync) = client.replies.back_mut() {
            sync.begin(&mut batch);
        }
        if !batch.edits.is_empty() {
            self.push(key, client, batch.edits, batch.sources);
        }
    }

    /// Answers a wrong token, later the more there have been.
    fn refuse_stranger(
        &mut self,
        key: usize,
        client: &mut Client,
        (framing, answer): (Framing, Answer),
        now: Instant,
    ) {
        self.served.wrong_tokens += 1;
        if self.strikes.is_empty() {
            warn!("admin: a request without a token, or with a wrong one; such are answered late");
        }
        let reply = match self.strikes.note(client.ip, now - self.start) {
            Some(at) => {
                let at = self.start + at;
                self.late.push((at, key));
                let mut bytes = Vec::new();
                answer.write(framing, &mut bytes);
                Reply::Late(at, bytes)
            }
            None => {
                let answer = Answer::fault(429, "too many wrong tokens from this address");
                Reply::ready(framing, &answer)
            }
        };
        client.replies.push_back(reply);
    }

    /// Writes and sends the answers whose turn it is; returns whether the client took anything.
    pub(super) fn reply(
        &mut self,
        key: usize,
        client: &mut Client,
        now: Instant,
    ) -> io::Result<bool> {
        let mut took = false;
        loop {
            while client.unsent() < UNSENT_MOST && self.reply_to_one(key, client, now) {}
            took |= client.flush()?;
            if client.unsent() > 0 || !is_due(client.replies.front(), now) {
                return Ok(took);
            }
        }
    }

    /// Writes the answer that is first in line, if it is due.
    fn reply_to_one(&mut self, key: usize, client: &mut Client, now: Instant) -> bool {
        match client.replies.front_mut() {
            Some(Reply::Order(..)) => self.obey(key, client),
            Some(Reply::Obeying(_)) | None => {}
            Some(reply) => {
                reply.finish();
                let ticket = Ticket {
                    key,
                    client: client.id,
                    reply: client.replied,
                    lines: Vec::new(),
                };
                self.look_up(ticket, reply);
            }
        }
        // What comes to nothing is done at once.
        self.obey_on(key, client);
        if !is_due(client.replies.front(), now) {
            return false;
        }
        client.replied += 1;
        match client.replies.pop_front() {
            Some(Reply::Ready(bytes) | Reply::Late(_, bytes)) => {
                client.out().extend_from_slice(&bytes);
            }
            Some(Reply::Ask(framing, question)) => {
                let answer = self.inquiry.answer(&question, &self.served);
                answer.write(framing, client.out());
            }
            Some(
                Reply::Push(_)
                | Reply::Lookup(..)
                | Reply::Sync(_)
                | Reply::Order(..)
                | Reply::Obeying(_),
            )
            | None => {}
        }
        true
    }

    /// Asks the storage, if that is what the reply is about and it is first in line.
    fn look_up(&self, ticket: Ticket, reply: &mut Reply) {
        let Some((framing, listing, most)) = reply.listing() else {
            return;
        };
        *reply = match self.inquiry.lookups() {
            None => Reply::ready(framing, &no_directory()),
            Some(lookups) => {
                let hand_over = self.answers.hand_over(ticket);
                lookups.ask(listing.clone(), most, move |found| {
                    hand_over(News::Found(found));
                });
                Reply::Lookup(framing, listing, most)
            }
        };
    }
}

fn is_due(reply: Option<&Reply>, now: Instant) -> bool {
    match reply {
        Some(Reply::Ready(_) | Reply::Ask(..) | Reply::Order(..)) => true,
        Some(Reply::Late(at, _)) => *at <= now,
        Some(Reply::Push(_) | Reply::Lookup(..) | Reply::Sync(_) | Reply::Obeying(_)) | None => {
            false
        }
    }
}
