//! A push on its way: which of its edits are made, and which are answered.

use super::{Answers, PushError, Pushed};
use crate::storage::Edit;
use std::collections::VecDeque;

type Done = Box<dyn FnOnce(Answers) + Send>;

pub(super) struct Push {
    /// Those that are not made yet.
    edits: VecDeque<Edit>,
    /// Those that are.
    answers: Vec<Option<Result<Pushed, PushError>>>,
    open: usize,
    /// New users and torrents that wait for a number: what follows may be about them.
    pub(super) births: usize,
    /// Sessions must end before it is done.
    pub(super) is_ending: bool,
    done: Done,
}

impl Push {
    pub(super) fn new(edits: Vec<Edit>, done: Done) -> Push {
        Push {
            answers: Vec::with_capacity(edits.len()),
            edits: edits.into(),
            open: 0,
            births: 0,
            is_ending: false,
            done,
        }
    }

    /// Itself, leaving nothing in its place.
    pub(super) fn take_out(&mut self) -> Push {
        std::mem::replace(self, Push::new(Vec::new(), Box::new(drop)))
    }

    /// The next edit to be made.
    pub(super) fn next(&self) -> Option<&Edit> {
        self.edits.front()
    }

    /// It is made, or not made; returns its place.
    pub(super) fn take(&mut self) -> Option<(Edit, usize)> {
        let edit = self.edits.pop_front()?;
        self.answers.push(None);
        self.open += 1;
        Some((edit, self.answers.len() - 1))
    }

    /// Answers the edit at a place, once.
    pub(super) fn answer(&mut self, place: usize, answer: Result<Pushed, PushError>) {
        if let Some(open @ None) = self.answers.get_mut(place) {
            *open = Some(answer);
            self.open -= 1;
        }
    }

    /// Whether every edit is answered, and all has happened that follows from it.
    pub(super) fn is_done(&self) -> bool {
        self.edits.is_empty() && self.open == 0 && !self.is_ending
    }

    /// Tells the answers.
    pub(super) fn finish(self) {
        let answers = self.answers.into_iter();
        let answers = answers.map(|answer| answer.unwrap_or(Err(PushError::Busy)));
        let unmade = self.edits.iter().map(|_| Err(PushError::Busy));
        (self.done)(answers.chain(unmade).collect());
    }
}
