//! What a client of the API says on one connection: bytes come in as they will, steps go out.

use super::BODY_BYTES_MOST;
use super::access::Access;
use super::answer::{Answer, Framing};
use super::dialects::{self, Address, Called, Change, Door, Order, Read};
use super::lines::{Batch, Lines};
use super::routes::{self, BodyKind, Names, Request, Route};
use crate::config::Scope;
use crate::wire::api::{self, Body, BodyLength, Head, Method, Status};

/// One side of a connection: that of the client.
#[derive(Debug, Default)]
pub struct Conversation {
    door: Door,
    phase: Phase,
}

#[derive(Debug, Default)]
enum Phase {
    /// A request is to come.
    #[default]
    Head,
    /// A body is to come, of which some has.
    Body(Box<Pending>),
    /// Lines are to come.
    Lines(Box<(Framing, Body, Lines)>),
    /// Nothing more is read.
    Over,
}

#[derive(Debug)]
struct Pending {
    asked: Asked,
    framing: Framing,
    body: Body,
    taken: Vec<u8>,
}

/// What a body is for.
#[derive(Debug)]
enum Asked {
    Route {
        route: &'static Route,
        /// Path and query: the names in it are looked for again.
        path: Vec<u8>,
        query: Vec<u8>,
    },
    Dialect(Change),
}

/// What follows from what a client has said.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing yet: more bytes are needed.
    Hungry,
    /// The client waits for the word that its body is welcome.
    Welcome,
    /// A whole request.
    Request(Framing, Request),
    /// A whole one in a dialect.
    Order(Framing, Order),
    /// What comes is served elsewhere; none of it is used.
    Elsewhere,
    /// A request that is not served.
    Refused(Framing, Answer),
    /// A request of one who has no token, or a wrong one, which is to be answered late.
    Stranger(Framing, Answer),
    /// A sync begins; whether the client waits for the word, too.
    Sync(Framing, bool),
    /// Lines of a sync.
    Lines(Batch),
}

impl Conversation {
    /// One that has begun at a door.
    pub fn at(door: Door) -> Conversation {
        Conversation {
            door,
            phase: Phase::Head,
        }
    }

    /// Reads on in what has come in; returns how many bytes were used, and what follows. To be
    /// called again with what is left, until it is hungry and uses nothing.
    pub fn read(&mut self, input: &[u8], access: &Access) -> (usize, Step) {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Head => self.read_head(input, access),
            Phase::Body(pending) => self.read_body(pending, input),
            Phase::Lines(sync) => self.read_lines(sync, input),
            Phase::Over => (input.len(), Step::Hungry),
        }
    }

    /// Reads nothing more.
    pub fn end(&mut self) {
        self.phase = Phase::Over;
    }

    /// Whether no request has begun.
    pub fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Head)
    }

    /// Whether nothing more is read: the connection ends once all is answered.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over)
    }

    /// Whether lines of a sync are to come.
    pub fn is_sync(&self) -> bool {
        matches!(self.phase, Phase::Lines(_))
    }

    /// Bytes that are kept of what has come in.
    pub fn kept(&self) -> usize {
        match &self.phase {
            Phase::Head | Phase::Over => 0,
            Phase::Body(pending) => pending.taken.len(),
            Phase::Lines(sync) => sync.2.kept(),
        }
    }

    fn read_head(&mut self, input: &[u8], access: &Access) -> (usize, Step) {
        if input.is_empty() {
            self.phase = Phase::Head;
            return (0, Step::Hungry);
        }
        let (head, consumed) = match api::parse(input) {
            Ok(Status::Complete { head, consumed }) => (head, consumed),
            Ok(Status::Partial) => {
                self.phase = Phase::Head;
                return (0, Step::Hungry);
            }
            // What follows cannot be told from the rest of this.
            Err(malformed) => {
                let step = Step::Refused(Framing::LAST, malformed.into());
                return (input.len(), step);
            }
        };
        match access.dialects().address(head.path, self.door) {
            Address::Called(called) => (consumed, self.call(&head, called)),
            Address::Stranger if self.door == Door::Tracker => {
                let step = Step::Stranger(last(framing(&head)), dialects::stranger());
                (input.len(), step)
            }
            Address::Nobody if self.door == Door::Tracker => {
                self.phase = Phase::Head;
                (0, Step::Elsewhere)
            }
            Address::Nobody | Address::Stranger => (consumed, self.begin(&head, access)),
        }
    }

    /// A head in a dialect is there, of one who may.
    fn call(&mut self, head: &Head<'_>, called: Called<'_>) -> Step {
        let body = Body::new(head.body);
        let mut framing = framing(head);
        let read = called.read(head).and_then(|read| {
            fits(head, body, read.body())?;
            Ok(read)
        });
        match read {
            Ok(Read::Whole(order)) => {
                self.go_on(framing);
                Step::Order(framing, *order)
            }
            Ok(Read::NeedsBody(change)) => {
                self.await_body(head, Asked::Dialect(change), body, framing)
            }
            Err(answer) => {
                // A body that nobody reads would be taken for the next request.
                framing.keep_alive &= body.is_whole();
                self.go_on(framing);
                Step::Refused(framing, answer)
            }
        }
    }

    /// A head is there: decides whether the body, if there is one, is of interest.
    fn begin(&mut self, head: &Head<'_>, access: &Access) -> Step {
        let body = Body::new(head.body);
        let mut framing = framing(head);
        let given = head.token.and_then(|token| access.scope(token));
        let Some(scope) = given else {
            let text = match head.token {
                Some(_) => "the token is wrong",
                None => "a bearer token is required",
            };
            return Step::Stranger(last(framing), Answer::fault(401, text));
        };
        match admit(head, body, scope) {
            Ok((route, names)) => self.admitted(head, body, framing, route, names),
            Err(answer) => {
                // A body that nobody reads would be taken for the next request.
                framing.keep_alive &= body.is_whole();
                self.go_on(framing);
                Step::Refused(framing, answer)
            }
        }
    }

    fn admitted(
        &mut self,
        head: &Head<'_>,
        body: Body,
        framing: Framing,
        route: &'static Route,
        names: Names<'_>,
    ) -> Step {
        match route.operation.body() {
            BodyKind::Nothing => {
                self.go_on(framing);
                step(framing, route.operation.read(names, head.query, &[]))
            }
            BodyKind::Json => {
                let asked = Asked::Route {
                    route,
                    path: head.path.to_vec(),
                    query: head.query.to_vec(),
                };
                self.await_body(head, asked, body, framing)
            }
            BodyKind::Lines => {
                self.phase = Phase::Lines(Box::new((framing, body, Lines::default())));
                Step::Sync(framing, head.expects_continue)
            }
        }
    }

    fn await_body(&mut self, head: &Head<'_>, asked: Asked, body: Body, framing: Framing) -> Step {
        self.phase = Phase::Body(Box::new(Pending {
            asked,
            framing,
            body,
            taken: Vec::new(),
        }));
        match head.expects_continue {
            true => Step::Welcome,
            false => Step::Hungry,
        }
    }

    fn read_body(&mut self, mut pending: Box<Pending>, input: &[u8]) -> (usize, Step) {
        let mut used = 0;
        while !pending.body.is_whole() {
            let piece = match pending.body.read(&input[used..]) {
                Ok(piece) => piece,
                Err(malformed) => {
                    let step = Step::Refused(last(pending.framing), malformed.into());
                    return (input.len(), step);
                }
            };
            if pending.taken.len() + piece.bytes.len() > BODY_BYTES_MOST {
                let step = Step::Refused(last(pending.framing), too_large());
                return (input.len(), step);
            }
            pending.taken.extend_from_slice(piece.bytes);
            used += piece.consumed;
            if piece.consumed == 0 {
                self.phase = Phase::Body(pending);
                return (used, Step::Hungry);
            }
        }
        self.go_on(pending.framing);
        (used, pending.step())
    }

    fn read_lines(&mut self, mut sync: Box<(Framing, Body, Lines)>, input: &[u8]) -> (usize, Step) {
        let (framing, body, lines) = &mut *sync;
        let mut batch = Batch::default();
        let mut used = 0;
        while !body.is_whole() {
            let piece = match body.read(&input[used..]) {
                Ok(piece) => piece,
                // Lines that were good are done, however much came at once: the fault is met again.
                Err(_) if batch.lines > 0 => {
                    self.phase = Phase::Lines(sync);
                    return (used, Step::Lines(batch));
                }
                Err(malformed) => {
                    let step = Step::Refused(last(*framing), malformed.into());
                    return (input.len(), step);
                }
            };
            lines.take(piece.bytes, &mut batch);
            used += piece.consumed;
            if piece.consumed == 0 {
                self.phase = Phase::Lines(sync);
                return match batch.lines {
                    0 => (used, Step::Hungry),
                    _ => (used, Step::Lines(batch)),
                };
            }
        }
        lines.end(&mut batch);
        self.go_on(*framing);
        (used, Step::Lines(batch))
    }

    /// Another request may follow, unless this was the last.
    fn go_on(&mut self, framing: Framing) {
        self.phase = match framing.keep_alive {
            true => Phase::Head,
            false => Phase::Over,
        };
    }
}

fn framing(head: &Head<'_>) -> Framing {
    Framing {
        head_only: head.method == Method::Head,
        keep_alive: head.keep_alive,
        http_1_0: head.http_1_0,
    }
}

fn step(framing: Framing, result: Result<Request, Answer>) -> Step {
    match result {
        Ok(request) => Step::Request(framing, request),
        Err(answer) => Step::Refused(framing, answer),
    }
}

fn last(framing: Framing) -> Framing {
    Framing {
        keep_alive: false,
        ..framing
    }
}

fn too_large() -> Answer {
    Answer::fault(413, "a body has at most 64 KiB")
}

/// Whether a head with this body is served to one who may do this much.
fn admit<'b>(
    head: &Head<'b>,
    body: Body,
    scope: Scope,
) -> Result<(&'static Route, Names<'b>), Answer> {
    let found = routes::find(head.method, head.path)?;
    if found.0.scope() > scope {
        return Err(Answer::fault(403, "the token does not allow changes"));
    }
    fits(head, body, found.0.operation.body())?;
    Ok(found)
}

/// Whether a body is one of this kind.
fn fits(head: &Head<'_>, body: Body, kind: BodyKind) -> Result<(), Answer> {
    if kind == BodyKind::Nothing {
        return match body.is_whole() {
            true => Ok(()),
            false => Err(Answer::fault(400, "nothing is to be sent here")),
        };
    }
    match head.body {
        BodyLength::Unsaid => Err(Answer::fault(411, "a body is needed, and its length")),
        BodyLength::Bytes(0) => Err(Answer::fault(400, "a body is needed")),
        BodyLength::Bytes(length) if kind == BodyKind::Json && length > BODY_BYTES_MOST as u64 => {
            Err(too_large())
        }
        _ => {
            let is_right = |given: &[u8]| given.eq_ignore_ascii_case(kind.media_type().as_bytes());
            match head.media_type.is_some_and(is_right) {
                true => Ok(()),
                false => {
                    let text = format!("Content-Type must be {}", kind.media_type());
                    Err(Answer::fault(415, &text))
                }
            }
        }
    }
}

impl Pending {
    /// What follows from it, once its body is whole.
    fn step(&self) -> Step {
        match &self.asked {
            Asked::Route { route, path, query } => {
                let found = routes::find(route.method, path);
                let read = |(route, names): (&Route, Names<'_>)| {
                    route.operation.read(names, query, &self.taken)
                };
                step(self.framing, found.and_then(read))
            }
            Asked::Dialect(change) => match change.with_body(&self.taken) {
                Ok(order) => Step::Order(self.framing, order),
                Err(answer) => Step::Refused(self.framing, answer),
            },
        }
    }
}

#[cfg(test)]
#[path = "conversation_tests.rs"]
mod tests;
