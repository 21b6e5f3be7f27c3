//! What is held is in its file before it is answered.

use super::super::{PushError, Stored};
use super::{Waiting, Work, pushed};
use log::{error, info};
use std::io;
use std::time::Instant;

impl Work {
    /// Answers those that wait no longer for the storage.
    pub(super) fn expire(&mut self) {
        let now = Instant::now();
        for deadlines in &mut self.deadlines {
            while let Some((deadline, number)) = deadlines.front().copied() {
                if deadline > now {
                    break;
                }
                deadlines.pop_front();
                if self.waiting.contains_key(&number) {
                    self.authority.state().storage.is_overdue = true;
                    self.expired.push(number);
                }
            }
        }
        if self.expired.is_empty() {
            return;
        }
        let expired = std::mem::take(&mut self.expired).into_iter();
        let expired = expired.filter_map(|number| Some((number, self.waiting.remove(&number)?)));
        let expired: Vec<(u64, Waiting)> = expired.collect();
        let held = self.hold(&expired);
        for (number, waiting) in expired {
            let answer = match waiting.position {
                Some(_) if held => Ok(pushed(waiting.placed, Stored::Held)),
                Some(_) => Err(PushError::Busy),
                None => {
                    self.authority.state().births.remove(&number);
                    Err(PushError::Busy)
                }
            };
            self.answer(&waiting, answer);
        }
    }

    /// Puts what is held of these into the file; returns whether it is there.
    fn hold(&mut self, expired: &[(u64, Waiting)]) -> bool {
        let positions = expired.iter().filter_map(|(_, waiting)| waiting.position);
        let positions: Vec<u64> = positions.collect();
        if positions.is_empty() {
            return true;
        }
        let result = self
            .file
            .hold(&positions, &self.authority.state().truth.held);
        self.tell_of_file(result)
    }

    pub(super) fn note_settled(&mut self) {
        if !self.settled.is_empty() {
            let settled = std::mem::take(&mut self.settled);
            let result = self.file.settle(&settled);
            self.tell_of_file(result);
        }
    }

    fn tell_of_file(&mut self, result: io::Result<()>) -> bool {
        match &result {
            Err(error) if !self.file_failing => {
                error!("journal: {error}; a restart may forget or repeat what was pushed");
            }
            Ok(()) if self.file_failing => info!("journal: pushes are kept again"),
            _ => {}
        }
        self.file_failing = result.is_err();
        result.is_ok()
    }
}
