//! The lines of a sync: taken apart as they come in, counted as they are done.

use super::answer::Answer;
use super::bodies;
use crate::storage::Edit;
use serde::Serialize;
use std::borrow::Cow;

/// Bytes of a line of a sync at most: all that can be said of one thing takes some hundreds.
pub const LINE_BYTES_MOST: usize = 8 * 1024;
/// Faults of a sync of which the answer says where they are and what; others are counted.
const FAULTS_SHOWN: usize = 100;

/// A line that has not come whole.
#[derive(Debug, Default)]
pub struct Lines {
    begun: Vec<u8>,
    /// It is too long, and passed over to its end.
    too_long: bool,
    /// Lines that have ended.
    number: u64,
}

/// What lines have come to: edits to be made, and faults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// To be made in this order.
    pub edits: Vec<Edit>,
    /// The lines of these.
    pub sources: Vec<Source>,
    /// Lines that hold no edit.
    pub faults: Faults,
    /// Lines that have ended, empty ones among them.
    pub lines: u64,
    /// No lines follow.
    pub ends: bool,
}

/// Where an edit stands in a sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// The number of its line, from 1.
    pub line: u64,
    /// It removes something. That there is no such thing is what was wanted.
    pub removes: bool,
}

/// Lines that could not be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    count: u64,
    first: Vec<Fault>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Fault {
    line: u64,
    error: Cow<'static, str>,
}

impl Faults {
    /// One more.
    pub fn note(&mut self, line: u64, error: Cow<'static, str>) {
        self.count += 1;
        if self.first.len() < FAULTS_SHOWN {
            self.first.push(Fault { line, error });
        }
    }

    fn add(&mut self, other: Faults) {
        self.count += other.count;
        self.first.extend(other.first);
        // Those of a batch that could not be read are known before those of edits before them.
        self.first.sort_by_key(|fault| fault.line);
        self.first.truncate(FAULTS_SHOWN);
    }
}

impl Lines {
    /// Takes bytes; the lines that end in them go into the batch.
    pub fn take(&mut self, mut bytes: &[u8], batch: &mut Batch) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let line = &bytes[..end];
            bytes = &bytes[end + 1..];
            self.end_line(line, batch);
        }
        self.keep(bytes);
    }

    /// Bytes that are kept of a line.
    pub(super) fn kept(&self) -> usize {
        self.begun.len()
    }

    /// Ends the last line, which need not end in a line feed.
    pub fn end(&mut self, batch: &mut Batch) {
        if !self.begun.is_empty() || self.too_long {
            self.end_line(&[], batch);
        }
        batch.ends = true;
    }

    fn end_line(&mut self, rest: &[u8], batch: &mut Batch) {
        self.number += 1;
        batch.lines += 1;
        if self.too_long || self.begun.len() + rest.len() > LINE_BYTES_MOST {
            self.begun.clear();
            self.too_long = false;
            return batch
                .faults
                .note(self.number, "a line has at most 8 KiB".into());
        }
        if self.begun.is_empty() {
            return batch.read(self.number, rest);
        }
        self.begun.extend_from_slice(rest);
        batch.read(self.number, &self.begun);
        self.begun.clear();
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.too_long |= self.begun.len() + bytes.len() > LINE_BYTES_MOST;
        if self.too_long {
            self.begun = Vec::new();
        } else {
            self.begun.extend_from_slice(bytes);
        }
    }
}

impl Batch {
    /// Adds the lines that come after these.
    pub fn append(&mut self, mut later: Batch) {
        self.edits.append(&mut later.edits);
        self.sources.append(&mut later.sources);
        self.faults.add(later.faults);
        self.lines += later.lines;
        self.ends |= later.ends;
    }

    fn read(&mut self, number: u64, line: &[u8]) {
        let line = line.trim_ascii();
        if line.is_empty() {
            return;
        }
        match bodies::line(line) {
            Ok(edit) => {
                self.sources.push(Source {
                    line: number,
                    removes: matches!(
                        edit,
                        Edit::UserGone(_)
                            | Edit::TorrentGone(_)
                            | Edit::ClientGone(_)
                            | Edit::TokenGone { .. }
                    ),
                });
                self.edits.push(edit);
            }
            Err(fault) => self.faults.note(number, fault),
        }
    }
}

/// What a sync has come to so far.
#[derive(Debug, Default)]
pub struct Tally {
    lines: u64,
    done: u64,
    created: u64,
    held: u64,
    /// Lines that hold an edit.
    read: u64,
    faults: Faults,
}

impl Tally {
    /// Counts lines that have come in; what they ask for is yet to be done.
    pub fn begin(&mut self, batch: &mut Batch) {
        self.lines += batch.lines;
        self.read += batch.edits.len() as u64;
        self.faults.add(std::mem::take(&mut batch.faults));
    }

    /// Counts a line that has been done: whether something new was made of it, and whether it is
    /// held until the storage has it.
    pub fn done(&mut self, created: bool, held: bool) {
        self.done += 1;
        self.created += u64::from(created);
        self.held += u64::from(held);
    }

    /// Counts lines that could not be done.
    pub fn failed(&mut self, faults: Faults) {
        self.faults.add(faults);
    }

    /// What the client is told. Where nothing was done of what should have been, it is an error:
    /// 400 if no line could even be read.
    pub fn answer(&self) -> Answer {
        let failed = self.faults.count;
        let status = match (failed, self.done, self.read) {
            (0, ..) | (_, 1.., _) => 200,
            (_, 0, 0) => 400,
            (_, 0, _) => 409,
        };
        let error = (status != 200).then_some("none of the lines could be done");
        Answer::new(
            status,
            &Told {
                error,
                lines: self.lines,
                done: self.done,
                created: self.created,
                held: self.held,
                failed,
                faults: &self.faults.first,
            },
        )
    }
}

#[derive(Serialize)]
struct Told<'t> {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    lines: u64,
    done: u64,
    created: u64,
    held: u64,
    failed: u64,
    faults: &'t [Fault],
}
