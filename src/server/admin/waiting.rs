//! Answers to be: each request of a connection has a place among them until it is answered.

use super::office::News;
use super::orders::Obeying;
use crate::server::private::{Answers, Found, LookupError, PushError, Pushed, Stored};
use crate::storage::Listing;
use crate::tracker::api::dialects::Order;
use crate::tracker::api::{Answer, Batch, Faults, Framing, Question, Source, Tally, list, pushed};
use std::time::Instant;

/// Edits of one sync that are under way at once; more of its lines wait to be read. More than wait to
/// be written, so that a long sync is not held up by that.
const SYNC_EDITS_MOST: usize = 24 * 1024;

/// A request that is not answered yet.
pub(super) enum Reply {
    /// Bytes that are ready.
    Ready(Vec<u8>),
    /// A question, to be asked when all before it is answered: it may be about that.
    Ask(Framing, Question),
    /// A part of the directory, which the storage is asked for.
    Lookup(Framing, Listing, usize),
    /// A change that is being made.
    Push(Framing),
    /// An answer that is not to go out before a time.
    Late(Instant, Vec<u8>),
    /// A sync.
    Sync(Box<Sync>),
    /// What is asked for in a dialect, when all before it is answered.
    Order(Framing, Order),
    /// The same while it is being done.
    Obeying(Box<Obeying>),
}

/// A sync under way.
pub(super) struct Sync {
    framing: Framing,
    tally: Tally,
    /// Edits that are being made.
    open: usize,
    ended: bool,
    /// It cannot be read to its end: the answer says why.
    broken: Option<Answer>,
}

/// Which edits were pushed, and for which reply.
pub(super) struct Ticket {
    pub(super) key: usize,
    pub(super) client: u64,
    /// The number of the reply on its connection.
    pub(super) reply: u64,
    /// Where the edits stand in a sync; nowhere, if it is a single change.
    pub(super) lines: Vec<Source>,
}

impl Reply {
    pub(super) fn sync(framing: Framing) -> Reply {
        Reply::Sync(Box::new(Sync {
            framing,
            tally: Tally::default(),
            open: 0,
            ended: false,
            broken: None,
        }))
    }

    /// An answer that is ready.
    pub(super) fn ready(framing: Framing, answer: &Answer) -> Reply {
        let mut bytes = Vec::new();
        answer.write(framing, &mut bytes);
        Reply::Ready(bytes)
    }

    /// Whether it is a sync of which lines are to come.
    pub(super) fn is_open_sync(&self) -> bool {
        matches!(self, Reply::Sync(sync) if !sync.ended)
    }

    /// What the storage is to be asked for.
    pub(super) fn listing(&self) -> Option<(Framing, Listing, usize)> {
        match self {
            Reply::Ask(framing, Question::List(listing, most)) => {
                Some((*framing, listing.clone(), *most))
            }
            _ => None,
        }
    }

    /// Whether others are at work for it.
    pub(super) fn is_being_made(&self) -> bool {
        match self {
            Reply::Push(_) | Reply::Lookup(..) => true,
            Reply::Sync(sync) => sync.open > 0,
            Reply::Obeying(obeying) => obeying.open,
            Reply::Ready(_) | Reply::Ask(..) | Reply::Late(..) | Reply::Order(..) => false,
        }
    }

    /// Whether nothing more is read before it has been answered, or has come further: a question,
    /// which must not be told of what comes after it, and so an order of a dialect, and a sync that
    /// has enough to do.
    pub(super) fn keeps_others_waiting(&self) -> bool {
        match self {
            Reply::Ask(..) | Reply::Lookup(..) | Reply::Order(..) | Reply::Obeying(_) => true,
            Reply::Sync(sync) => sync.open >= SYNC_EDITS_MOST,
            Reply::Ready(_) | Reply::Push(_) | Reply::Late(..) => false,
        }
    }

    /// Lines of a sync have come in.
    pub(super) fn begin(&mut self, batch: &mut Batch) {
        if let Reply::Sync(sync) = self {
            sync.tally.begin(batch);
            sync.open += batch.edits.len();
            sync.ended |= batch.ends;
        }
    }

    /// The lines of a sync do not come whole.
    pub(super) fn break_off(&mut self, answer: Answer) {
        if let Reply::Sync(sync) = self {
            sync.ended = true;
            sync.broken = Some(answer);
        }
    }

    /// Edits have been made, or not; what was to be looked up has been.
    pub(super) fn done(&mut self, ticket: &Ticket, news: News) {
        match (&mut *self, news) {
            (Reply::Push(framing), News::Made(answers)) => {
                let answer = answers.into_iter().next();
                let answer = told(answer.unwrap_or(Err(PushError::Busy)));
                *self = Reply::ready(*framing, &answer);
            }
            (Reply::Lookup(framing, listing, most), News::Found(found)) => {
                *self = Reply::ready(*framing, &told_list(listing, *most, found));
            }
            (Reply::Sync(sync), News::Made(answers)) => sync.done(ticket, &answers),
            (Reply::Obeying(obeying), News::Made(answers)) => obeying.done(&answers),
            _ => {}
        }
    }

    /// Writes the answer of a sync if it is over.
    pub(super) fn finish(&mut self) {
        if let Reply::Sync(sync) = self
            && sync.ended
            && sync.open == 0
        {
            *self = match sync.broken.take() {
                Some(answer) => Reply::ready(Framing::LAST, &answer),
                None => Reply::ready(sync.framing, &sync.tally.answer()),
            };
        }
    }
}

impl Sync {
    fn done(&mut self, ticket: &Ticket, answers: &Answers) {
        self.open = self.open.saturating_sub(ticket.lines.len());
        let mut faults = Faults::default();
        for (source, answer) in ticket.lines.iter().zip(answers) {
            match answer {
                Ok(pushed) => self
                    .tally
                    .done(pushed.created, pushed.stored == Stored::Held),
                Err(PushError::NotFound) if source.removes => self.tally.done(false, false),
                Err(error) => faults.note(source.line, text(*error).into()),
            }
        }
        self.tally.failed(faults);
    }
}

fn told_list(listing: &Listing, most: usize, found: Found) -> Answer {
    match found {
        Ok(entries) => list(listing, most, entries),
        Err(LookupError::Unreadable) => {
            Answer::fault(409, "the storage is the web application's: it has no list")
        }
        Err(LookupError::Away) => Answer::fault(503, "the storage does not answer"),
    }
}

fn told(answer: Result<Pushed, PushError>) -> Answer {
    match answer {
        Ok(Pushed {
            id,
            created,
            stored,
        }) => pushed(id, created, stored == Stored::Held),
        Err(error) => fault(error),
    }
}

/// What is told of an edit that was not made.
pub(super) fn fault(error: PushError) -> Answer {
    let status = match error {
        PushError::NotFound => 404,
        // What cannot be whatever is there was refused before.
        PushError::Conflict(_) | PushError::Invalid(_) => 409,
        PushError::Busy => 503,
    };
    Answer::fault(status, text(error))
}

fn text(error: PushError) -> &'static str {
    match error {
        PushError::NotFound => "there is no such thing",
        PushError::Conflict(text) | PushError::Invalid(text) => text,
        PushError::Busy => "too much waits to be written, or the storage is away",
    }
}
