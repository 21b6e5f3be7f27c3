//! A log and those who follow it, as stupid as can be: what is tried are the books, and the rules of
//! the protocol.

use super::super::super::Record;
use super::super::super::books::Books;
use super::super::super::checkpoint;
use super::super::super::committer::{Committer, Note, Outcome};
use super::super::super::journal::{Body, Entry};
use super::super::super::ledger::Rules;
use super::super::super::testing::{RULES, START_SECS, leecher};
use super::super::super::twin::{Answer, Twin};
use super::super::*;
use crate::model::{Event, PeerId, TorrentId, Transfer, UserId};
use crate::storage::StorageError;

pub(super) const WRITER: &str = "redis:model";
pub(super) const PROCESSES: usize = 3;
pub(super) const RULES_HERE: Rules = Rules {
    peer_lifetime_secs: 1800,
    ..RULES
};

#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A client announces to a process.
    Announce(usize, Announced),
    /// A process puts so many of its entries into the log, the first of them twice or too late.
    Forward(usize, usize, bool),
    /// It follows so many entries of the log.
    Follow(usize, usize),
    /// It believes to lead, and ends a batch.
    Cut(usize),
    /// It believes to lead, and commits.
    Commit(usize, Answer),
    /// It learns that it has been committed.
    Tell(usize),
    /// It is the one that has said so last.
    Lead(usize),
    /// It does what is to be done about generations.
    Keep(usize),
    /// It puts its books beside the log, if it leads and has committed, and the log is trimmed.
    Save(usize),
    Checkpoint(usize),
    Kill(usize),
    /// The log loses its end.
    LoseEnd(usize),
    /// Redis forgets everything.
    Forget,
}

#[derive(Clone, Debug)]
pub(super) struct Announced {
    pub(super) user: u64,
    pub(super) torrent: u64,
    pub(super) peer: u8,
    pub(super) event: Event,
    pub(super) left: u64,
    pub(super) grown: u8,
}

/// What could be wrong.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Bug {
    None,
    /// What comes twice is accounted for twice.
    TakesTwice,
    /// A batch ends wherever a leader says so.
    CutsAnywhere,
    /// Positions are those of the log, which is not always the same.
    CountsPositions,
    /// Whoever comes first begins a generation.
    BeginsAnyhow,
    /// What has been put into the log is forgotten.
    ForgetsEarly,
}

/// The log, as Redis has it.
#[derive(Default)]
struct Redis {
    named: u64,
    /// Of each generation: its entries, and the books beside it.
    logs: BTreeMap<u64, Vec<(Place, Vec<u8>)>>,
    books: BTreeMap<u64, Beside>,
    clock: u64,
    leader: usize,
}

/// Books beside the log.
struct Beside {
    place: Place,
    /// Where the batch being gathered begins, and the one on its way.
    cuts: [u64; 2],
    bytes: Vec<u8>,
}

struct Process {
    /// What it accepted: entries, an offset each. Those that are committed are gone.
    journal: Vec<Option<Vec<u8>>>,
    copy: Vec<Entry>,
    checkpoint: Option<(usize, Vec<u8>)>,
    books: Books,
    /// How much of the copy has been followed: all, but for what a turn has left.
    committer: Committer,
    told: Option<u64>,
    /// The books with which a generation was begun.
    begun: Option<Beside>,
    /// It has committed since it leads.
    proven: bool,
    last_cut: Option<(u64, u64)>,
    safe: u64,
}

impl Process {
    fn new() -> Process {
        Process {
            journal: Vec::new(),
            copy: Vec::new(),
            checkpoint: None,
            books: Books::new(RULES_HERE, 1),
            committer: Committer::default(),
            told: None,
            begun: None,
            proven: false,
            last_cut: None,
            safe: 0,
        }
    }

    fn copy(&mut self, place: Place, value: &[u8], number: usize) {
        self.copy.push(Entry::of_shared(place, value));
        self.account(self.copy.len() - 1, number);
    }

    fn account(&mut self, at: usize, number: usize) {
        let before = self.books.from();
        let bytes = self.copy[at].seal(0).to_vec();
        let body = Body::Shared(&bytes[Entry::START..]);
        self.books.follow(body, at as u64 + 1);
        self.settle();
        if self.books.from() != before {
            let offset = self.books.course().offset(number as u128);
            self.last_cut = Some((self.books.from(), offset));
        }
    }

    fn settle(&mut self) {
        let committed = self.books.committed_to();
        if let Some((_, offset)) = self.last_cut.take_if(|(to, _)| *to <= committed) {
            self.safe = self.safe.max(offset);
        }
    }

    fn beside(&self) -> Beside {
        Beside {
            place: self.books.course().place,
            cuts: [self.books.from(), self.books.committed_to()],
            bytes: self.save(),
        }
    }

    fn save(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        checkpoint::save(&self.books, &mut bytes).expect("a vector takes it");
        bytes
    }

    fn load(&mut self, bytes: &[u8]) {
        let mut bytes = bytes;
        self.books = checkpoint::load(&mut bytes, RULES_HERE, 7).expect("a whole one");
        self.books.move_to(self.copy.len() as u64);
        (self.last_cut, self.begun, self.told) = (None, None, None);
    }

    fn restart(&mut self, number: usize) {
        let from = match self.checkpoint.clone() {
            Some((from, bytes)) => {
                self.load(&bytes);
                from
            }
            None => {
                self.books = Books::new(RULES_HERE, 3);
                0
            }
        };
        (self.committer, self.told, self.begun) = (Committer::default(), None, None);
        (self.proven, self.last_cut) = (false, None);
        for at in from..self.copy.len() {
            self.account(at, number);
        }
    }
}

pub(super) struct World {
    bug: Bug,
    processes: Vec<Process>,
    redis: Redis,
    pub(super) storage: Twin,
    now_secs: u32,
    totals: BTreeMap<(u64, u64, u8), Transfer>,
    /// What clients lack: it becomes less once.
    left: BTreeMap<(u64, u64, u8), u64>,
    /// All announces, in the order of their times.
    pub(super) all: Vec<Vec<u8>>,
    drawn: u64,
}

impl World {
    pub(super) fn new(bug: Bug) -> World {
        World {
            bug,
            processes: (0..PROCESSES).map(|_| Process::new()).collect(),
            redis: Redis::default(),
            storage: Twin::default(),
            now_secs: START_SECS,
            totals: BTreeMap::new(),
            left: BTreeMap::new(),
            all: Vec::new(),
            drawn: 1,
        }
    }

    pub(super) fn step(&mut self, step: &Step) {
        match step {
            Step::Announce(number, announced) => self.announce(*number, announced),
            Step::Forward(number, entries, twice) => self.forward(*number, *entries, *twice),
            Step::Follow(number, entries) => self.follow(*number, *entries),
            Step::Cut(number) => self.cut(*number),
            Step::Commit(number, answer) => self.commit(*number, *answer),
            Step::Tell(number) => self.tell(*number),
            Step::Lead(number) => {
                self.redis.leader = *number;
                self.processes[*number].proven = false;
            }
            Step::Keep(number) => self.keep(*number),
            Step::Save(number) => self.save(*number),
            Step::Checkpoint(number) => {
                let process = &mut self.processes[*number];
                process.checkpoint = Some((process.copy.len(), process.save()));
            }
            Step::Kill(number) => self.processes[*number].restart(*number),
            Step::LoseEnd(entries) => {
                let log = self.redis.logs.entry(self.redis.named).or_default();
                log.truncate(log.len().saturating_sub(*entries));
            }
            Step::Forget => {
                self.redis.named = 0;
                self.redis.logs.clear();
                self.redis.books.clear();
            }
        }
    }

    fn announce(&mut self, number: usize, one: &Announced) {
        self.now_secs += 40;
        let client = (one.user, one.torrent, one.peer);
        let left = self.left.entry(client).or_insert(one.left);
        let event = match (one.event, std::mem::take(left)) {
            (Event::Completed, 1..) => Event::Completed,
            (Event::Completed, 0) => Event::Regular,
            (event, before) => {
                *left = before;
                event
            }
        };
        let totals = self.totals.entry(client).or_default();
        match one.grown {
            0 => *totals = Transfer::default(),
            grown => {
                totals.uploaded += u64::from(grown);
                totals.downloaded = totals.uploaded / 2;
            }
        }
        let mut entry = Entry::default();
        entry.push(&Record {
            time: UnixTime(self.now_secs),
            user: UserId(one.user),
            torrent: TorrentId(one.torrent),
            peer_id: PeerId([one.peer; 20]),
            totals: *totals,
            left: *left,
            event,
            ..leecher(0, 0, 0)
        });
        let body = entry.seal(0)[Entry::START..].to_vec();
        self.all.push(body.clone());
        self.processes[number].journal.push(Some(body));
    }

    fn append(&mut self, value: Vec<u8>) {
        self.redis.clock += 1;
        let place = Place(self.redis.clock, 0);
        let log = self.redis.logs.entry(self.redis.named).or_default();
        log.push((place, value));
    }

    /// A process goes on where its books say that the log has come to with its journal.
    fn forward(&mut self, number: usize, entries: usize, twice: bool) {
        let process = &self.processes[number];
        if self.redis.named == 0 || process.books.course().generation != self.redis.named {
            return;
        }
        let from = process.books.course().offset(number as u128) as usize;
        let mut values = Vec::new();
        for at in from..process.journal.len().min(from.saturating_add(entries)) {
            let Some(body) = process.journal[at].as_ref() else {
                // These books are of a generation that does not count any more.
                return;
            };
            let said = Said::Accepted {
                producer: number as u128,
                from: at as u64,
                to: at as u64 + 1,
                accepted: Accepted::Records(body),
            };
            values.push(said.value());
        }
        if twice {
            values.extend(values.first().cloned());
            values.reverse();
        }
        values.into_iter().for_each(|value| self.append(value));
        if self.bug == Bug::ForgetsEarly {
            let process = &mut self.processes[number];
            process.safe = process.safe.max(from as u64);
        }
    }

    fn follow(&mut self, number: usize, entries: usize) {
        let process = &mut self.processes[number];
        let course = process.books.course();
        if course.generation != self.redis.named || self.redis.named == 0 {
            return;
        }
        let place = course.place;
        let log = self.redis.logs.entry(self.redis.named).or_default();
        if !goes_on(log, place) {
            // Whatever comes next, something is missing before it.
            return;
        }
        let next = log.iter().filter(|(at, _)| *at > place).take(entries);
        for (at, value) in next {
            let value = match (self.bug, Said::parse(value)) {
                (
                    Bug::TakesTwice,
                    Some(Said::Accepted {
                        producer, accepted, ..
                    }),
                ) => {
                    let from = process.books.course().offset(producer);
                    let to = from + 1;
                    let said = Said::Accepted {
                        producer,
                        from,
                        to,
                        accepted,
                    };
                    said.value()
                }
                (Bug::CutsAnywhere, Some(Said::Cut(cut))) => {
                    let from = process.books.from();
                    let to = cut.to.max(from + 1);
                    Said::Cut(Cut { from, to, ..cut }).value()
                }
                _ => value.clone(),
            };
            process.copy(*at, &value, number);
        }
        self.forget(number);
    }

    fn forget(&mut self, number: usize) {
        let process = &mut self.processes[number];
        process.settle();
        let safe = process.safe as usize;
        process.journal[..safe].fill(None);
    }

    fn next_cut(&mut self, from: u64) -> Cut {
        self.drawn = self.drawn.wrapping_mul(0x5851_f42d_4c95_7f2d) + 1;
        let cut = Cut::after(from, UnixTime(self.now_secs), self.drawn >> 20);
        match self.bug {
            Bug::CountsPositions => Cut {
                to: from + 1,
                ..cut
            },
            _ => cut,
        }
    }

    fn cut(&mut self, number: usize) {
        let books = &self.processes[number].books;
        if books.course().generation == self.redis.named
            && self.redis.named != 0
            && books.wants_shared_cut(UnixTime(self.now_secs))
        {
            let cut = self.next_cut(books.from());
            self.append(Said::Cut(cut).value());
        }
    }

    fn commit(&mut self, number: usize, answer: Answer) {
        let process = &mut self.processes[number];
        let Some(batch) = process.books.in_flight().cloned() else {
            return;
        };
        self.storage.answer = answer;
        let note = &mut |note: Note<'_>| match note {
            Note::Rejected(..) => {}
            Note::PutBack { .. } => panic!("nothing is put back"),
        };
        let committed = process
            .committer
            .commit(&mut self.storage, WRITER, &batch, note);
        match committed {
            Outcome::Committed => {
                process.told = Some(batch.to);
                process.proven = true;
            }
            Outcome::Later(_) => {}
            Outcome::Stuck(StorageError::Moved(_)) => {}
            Outcome::Stuck(error) => panic!("{error}"),
        }
    }

    fn tell(&mut self, number: usize) {
        let process = &mut self.processes[number];
        if let Some(to) = process.told.take() {
            process.books.committed(to);
        }
        self.forget(number);
    }

    fn keep(&mut self, number: usize) {
        let process = &self.processes[number];
        let (generation, named) = (process.books.course().generation, self.redis.named);
        if named > generation {
            return self.join(number, named);
        }
        if named < generation || named == 0 {
            return self.begin(number);
        }
        let place = process.books.course().place;
        let log = self.redis.logs.entry(named).or_default();
        let newer = self.redis.books.get(&named);
        let newer = newer.filter(|beside| beside.place > place);
        let position = self.storage.position;
        // If these books alone hold what the storage has, they are not to be given up.
        let joins =
            |beside: &Beside| beside.cuts.contains(&position) || !process.books.hold(position);
        if newer.is_some_and(joins) && !goes_on(log, place) {
            self.join(number, named);
        } else if !goes_on(log, place) {
            self.begin(number);
        }
    }

    fn join(&mut self, number: usize, generation: u64) {
        if let Some(beside) = self.redis.books.get(&generation) {
            let process = &mut self.processes[number];
            process.load(&beside.bytes);
            process.proven = false;
            process.checkpoint = Some((process.copy.len(), process.save()));
        }
    }

    fn begin(&mut self, number: usize) {
        let named = self.redis.named;
        let process = &mut self.processes[number];
        let generation = process.books.course().generation;
        let anyhow = self.bug == Bug::BeginsAnyhow;
        if !process.books.hold(self.storage.position) && !anyhow {
            let known = if named == 0 { generation } else { named };
            return self.join(number, known);
        }
        if process.books.in_flight().is_some() && !anyhow {
            // It comes first.
            self.commit(number, Answer::Good);
            return self.tell(number);
        }
        if let Some(beside) = process.begun.take() {
            // It counts, and others are told.
            self.redis.named = generation;
            self.append(Said::mark(generation).value());
            self.redis.books.insert(generation, beside);
            return;
        }
        let cut = self.next_cut(self.processes[number].books.from());
        let process = &mut self.processes[number];
        process.copy(Place::default(), &Said::Begin(cut).value(), number);
        process.begun = Some(process.beside());
    }

    fn save(&mut self, number: usize) {
        let named = self.redis.named;
        let process = &mut self.processes[number];
        let course = process.books.course();
        if self.redis.leader != number || !process.proven || course.generation != named {
            return;
        }
        let place = course.place;
        let log = self.redis.logs.entry(named).or_default();
        if goes_on(log, place) {
            log.retain(|(at, _)| *at >= place);
            self.redis.books.insert(named, process.beside());
        }
    }

    /// All is brought into the storage, by one leader after the other.
    pub(super) fn finish(&mut self) {
        self.now_secs += 30 * 60 + 1;
        for round in 0..40 {
            for number in 0..PROCESSES {
                self.keep(number);
                self.follow(number, usize::MAX);
                self.forward(number, usize::MAX, false);
                self.follow(number, usize::MAX);
            }
            let leader = round % PROCESSES;
            self.cut(leader);
            self.follow(leader, usize::MAX);
            self.commit(leader, Answer::Good);
            self.tell(leader);
        }
    }
}

/// Whether what stands in a log behind a place is all that there was.
fn goes_on(log: &[(Place, Vec<u8>)], place: Place) -> bool {
    let is_mark = |(_, value): &(Place, Vec<u8>)| matches!(Said::parse(value), Some(Said::Begin(cut)) if cut.from == cut.to);
    match place == Place::default() {
        true => log.first().is_none_or(is_mark),
        false => log.iter().any(|(at, _)| *at == place),
    }
}
