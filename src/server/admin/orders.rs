//! What is asked for in a dialect: each order waits until all before it on its connection is
//! answered, as it may be about that, and is answered in the way of its dialect.

use super::client::Client;
use super::inquiry::no_directory;
use super::office::{News, Office};
use super::waiting::{Reply, Ticket};
use crate::model::UserId;
use crate::server::private::{Answers, PushError};
use crate::storage::Edit;
use crate::tracker::api::dialects::{Groups, Order, ocelot, unit3d};
use crate::tracker::api::{Answer, Framing};
use log::{debug, error, info};
use std::collections::VecDeque;

/// Users of a group that are told together what it allows now: a part of what may wait to be made.
const TOLD_AT_ONCE: usize = 1024;

/// How an order is answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Manner {
    /// `success`, whatever it was about.
    Ocelot,
    /// By a status. Whether it asks for something to be gone.
    Unit3d { removes: bool },
}

/// An order that is being done.
pub(super) struct Obeying {
    framing: Framing,
    manner: Manner,
    /// Edits are being made.
    pub(super) open: bool,
    /// What has gone wrong first.
    fault: Option<PushError>,
    /// Users that are yet to be told what their group allows.
    rest: VecDeque<UserId>,
}

impl Obeying {
    /// Edits have been made, or not.
    pub(super) fn done(&mut self, answers: &Answers) {
        self.open = false;
        let faults = answers.iter().filter_map(|answer| answer.err());
        for fault in faults {
            debug!("admin: of what a site has pushed: {fault:?}");
            if self.manner.minds(fault) {
                self.fault.get_or_insert(fault);
            }
        }
    }
}

impl Manner {
    /// Whether the site is told of a fault. What it could not do better another time, and what is so
    /// already, would only make it try again.
    fn minds(self, fault: PushError) -> bool {
        match self {
            Manner::Ocelot => fault == PushError::Busy,
            Manner::Unit3d { removes } => !(removes && fault == PushError::NotFound),
        }
    }

    fn answer(self, fault: Option<PushError>) -> Answer {
        match (self, fault) {
            (Manner::Ocelot, None) => Answer::text(200, "success".to_owned()),
            (Manner::Ocelot, Some(_)) => Answer::text(503, "failure".to_owned()),
            (Manner::Unit3d { .. }, None) => Answer::new(200, &serde_json::json!({})),
            (Manner::Unit3d { .. }, Some(fault)) => super::waiting::fault(fault),
        }
    }
}

impl Office {
    /// Begins the order that is first in line on a connection.
    pub(super) fn obey(&mut self, key: usize, client: &mut Client) {
        let Some(Reply::Order(framing, order)) = client.replies.front() else {
            return;
        };
        let (framing, order) = (*framing, order.clone());
        let reply = match order {
            Order::Report(report) => {
                let answer = self.inquiry.report(report, &self.served);
                Reply::ready(framing, &answer)
            }
            Order::Show(shown) => {
                let groups = self.memory.as_ref().map(|memory| memory.groups());
                let answer = self.inquiry.unit3d(shown, groups, &self.served);
                Reply::ready(framing, &answer)
            }
            Order::Update(update) => self.begin_update(framing, update.as_ref(), (key, client)),
            Order::Push(push) => self.begin_push(framing, &push, (key, client)),
        };
        if let Some(front) = client.replies.front_mut() {
            *front = reply;
        }
    }

    fn begin_update(
        &mut self,
        framing: Framing,
        update: Option<&ocelot::Update>,
        by: (usize, &Client),
    ) -> Reply {
        let Some(update) = update else {
            debug!("admin: nothing can be made of an update in Ocelot's dialect");
            return Reply::ready(framing, &Manner::Ocelot.answer(None));
        };
        let Some(authority) = self.inquiry.authority() else {
            return Reply::ready(framing, &no_directory());
        };
        let registry = authority.registry();
        if let ocelot::Update::InfoTorrent(info_hash) = update {
            info!("admin: {info_hash:?}: {:?}", registry.torrent(info_hash));
        }
        let edits = update.edits(&registry);
        let looked_up = matches!(
            update,
            ocelot::Update::AddToken { .. } | ocelot::Update::RemoveToken { .. }
        );
        if looked_up && !registry.is_loaded() {
            // Who knows which torrent it is?
            return Reply::ready(framing, &Manner::Ocelot.answer(Some(PushError::Busy)));
        }
        self.make(framing, Manner::Ocelot, (edits, VecDeque::new()), by)
    }

    fn begin_push(&mut self, framing: Framing, push: &unit3d::Push, by: (usize, &Client)) -> Reply {
        let (Some(authority), Some(memory)) = (self.inquiry.authority(), &mut self.memory) else {
            return Reply::ready(framing, &no_directory());
        };
        let removes = push.removes();
        let manner = Manner::Unit3d { removes };
        if let Some(fact) = push.fact()
            && let Err(fault) = memory.note(fact)
        {
            error!("admin: groups cannot be remembered: {fault}");
            return Reply::ready(framing, &manner.answer(Some(PushError::Busy)));
        }
        let edits = push.edits(&authority.registry(), memory.groups());
        let told = push.told(memory.groups());
        self.make(framing, manner, (edits, told.into()), by)
    }

    /// Has the edits of an order made, then those of users that are to be told.
    fn make(
        &mut self,
        framing: Framing,
        manner: Manner,
        (edits, rest): (Vec<Edit>, VecDeque<UserId>),
        (key, client): (usize, &Client),
    ) -> Reply {
        let mut obeying = Box::new(Obeying {
            framing,
            manner,
            open: false,
            fault: None,
            rest,
        });
        match edits.is_empty() {
            true => self.make_more(&mut obeying, key, client),
            false => self.make_now(&mut obeying, edits, key, client),
        }
        Reply::Obeying(obeying)
    }

    fn make_now(&mut self, obeying: &mut Obeying, edits: Vec<Edit>, key: usize, client: &Client) {
        let Some(authority) = self.inquiry.authority() else {
            return;
        };
        obeying.open = true;
        self.open_edits += edits.len();
        let hand_over = self.answers.hand_over(Ticket {
            key,
            client: client.id,
            reply: client.replied,
            lines: Vec::new(),
        });
        authority.push(edits, move |answers| hand_over(News::Made(answers)));
    }

    /// Tells some more users of a group.
    fn make_more(&mut self, obeying: &mut Obeying, key: usize, client: &Client) {
        let groups: Option<&Groups> = self.memory.as_ref().map(|memory| memory.groups());
        while !obeying.rest.is_empty() {
            let some = obeying.rest.len().min(TOLD_AT_ONCE);
            let users = obeying.rest.drain(..some);
            let edits = users.filter_map(|user| groups?.edit(user));
            let edits: Vec<Edit> = edits.collect();
            if !edits.is_empty() {
                return self.make_now(obeying, edits, key, client);
            }
        }
    }

    /// Goes on with the order that is first in line: it is answered when nothing is left to do.
    pub(super) fn obey_on(&mut self, key: usize, client: &mut Client) {
        let Some(Reply::Obeying(obeying)) = client.replies.front_mut() else {
            return;
        };
        if obeying.open {
            return;
        }
        let nothing = Reply::Ready(Vec::new());
        let Some(front) = client.replies.front_mut() else {
            return;
        };
        let Reply::Obeying(mut obeying) = std::mem::replace(front, nothing) else {
            return;
        };
        self.make_more(&mut obeying, key, client);
        if let Some(front) = client.replies.front_mut() {
            *front = match obeying.open {
                true => Reply::Obeying(obeying),
                false => Reply::ready(obeying.framing, &obeying.manner.answer(obeying.fault)),
            };
        }
    }
}
