//! A client: what it does, what it says, and what should be known of it in the end.

use super::http::AGENT;
use fastrand::Rng;
use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

/// All transfer is a multiple of this.
const UNIT: u64 = 10_000;
/// Units moved between two announces at most.
const MOST_UNITS: u64 = 50_000;

/// How it talks to the tracker.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Way {
    Udp,
    /// HTTP over a connection that stays.
    KeepAlive,
    /// HTTP over a connection of its own for each request.
    Close,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Event {
    Regular,
    Completed,
    Started,
    Stopped,
    Paused,
}

/// When something happened: not before the first, not after the second, in Unix seconds.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    pub sent: u64,
    pub answered: u64,
}

/// What it is about to say, or has said and not been answered.
#[derive(Clone, Debug)]
pub struct Announce {
    pub event: Event,
    pub left: u64,
    pub sent: u64,
    /// By family; `None` where it does not announce.
    pub over: [Option<Part>; 2],
}

/// An announce over one family. Of a client with two, totals may grow between both.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    pub totals: [u64; 2],
    /// The number of the last time it was sent.
    pub last: u16,
    /// That one has been answered: none of them is on its way any more.
    pub answered: bool,
}

#[derive(Clone, Debug)]
pub struct Client {
    pub number: u32,
    pub user: u64,
    pub torrent: u64,
    pub way: Way,
    /// Over which families it announces: IPv4, IPv6.
    pub families: [bool; 2],
    /// From where, where it has.
    pub from: [Option<IpAddr>; 2],
    /// Does not repeat what was not answered, but goes on with larger totals.
    goes_on: bool,
    /// Neither stops nor crashes before the end.
    pub steady: bool,
    dice: Rng,
    runs: bool,
    totals: [u64; 2],
    left: u64,
    asked: Option<Announce>,
    pub finished: bool,
    sequence: u16,

    /// The totals up to which the tracker must have counted.
    counted: [u64; 2],
    pub raw: [u64; 2],
    pub sent: u64,
    pub answered: u64,
    pub began: Option<Window>,
    pub completed: Option<Window>,
    pub last: Option<Window>,
    seeding_since: Option<Window>,
    /// Seconds it may have been seeding, at least and at most.
    pub seeded: [u64; 2],
    /// It has stopped and come back.
    pub interrupted: bool,
    /// It has gone from one process to another, which may have heard of each other late.
    pub moved: bool,
    /// It has gone to another process, and this is only its place.
    pub is_elsewhere: bool,
    /// What it says next is the last.
    last_words: bool,
}

impl Client {
    pub fn new(number: u32, user: u64, torrent: u64, seed: u64) -> Client {
        let mut dice = Rng::with_seed(seed ^ u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let way = match dice.u8(..12) {
            0 => Way::Close,
            1..5 => Way::KeepAlive,
            _ => Way::Udp,
        };
        let families = [[true, true], [true, false], [false, true]][dice.usize(..3)];
        let left = if dice.bool() {
            dice.u64(1..200_000) * UNIT
        } else {
            0
        };
        // Some have moved something before they come here: nothing of that is credited.
        let totals = match dice.u8(..4) {
            0 => [dice.u64(..100) * UNIT, dice.u64(..100) * UNIT],
            _ => [0; 2],
        };
        Client {
            number,
            user,
            torrent,
            way,
            families,
            from: [None; 2],
            goes_on: dice.bool(),
            steady: dice.u8(..3) == 0,
            dice,
            runs: false,
            totals,
            left,
            asked: None,
            finished: false,
            sequence: 0,
            counted: [0; 2],
            raw: [0; 2],
            sent: 0,
            answered: 0,
            began: None,
            completed: None,
            last: None,
            seeding_since: None,
            seeded: [0; 2],
            interrupted: false,
            moved: false,
            is_elsewhere: false,
            last_words: false,
        }
    }

    pub fn peer_id(&self) -> [u8; 20] {
        let text = format!("-EX0001-{:012}", self.number);
        text.as_bytes().try_into().expect("20 bytes")
    }

    pub fn port(&self) -> u16 {
        (1024 + self.number % 60_000) as u16
    }

    pub fn is_seeding(&self) -> bool {
        self.runs && self.left == 0
    }

    /// It has been seeding all the time, and does.
    pub fn only_seeds(&self) -> bool {
        self.is_seeding() && self.completed.is_none() && !self.interrupted
    }

    /// Of its windows, that in which it began to seed.
    pub fn first_seeded(&self) -> Option<Window> {
        let has_all = self.left == 0;
        self.completed.or(self.began).filter(|_| has_all)
    }

    /// What it calls itself.
    pub fn agent(&self) -> &'static str {
        match self.way {
            Way::Udp => "",
            Way::KeepAlive | Way::Close => AGENT,
        }
    }

    pub fn is_leeching(&self) -> bool {
        self.runs && self.left != 0
    }

    pub fn left(&self) -> u64 {
        self.left
    }

    /// The totals that the tracker must know of.
    pub fn counted(&self) -> [u64; 2] {
        self.counted
    }

    /// What it says next: something new, or once more what was not answered.
    pub fn next(&mut self, finishing: bool) -> Option<&mut Announce> {
        if self.finished {
            return None;
        }
        match self.asked.take() {
            None => self.asked = self.decide(finishing),
            Some(asked) => self.asked = Some(self.again(asked)),
        }
        self.finished = self.asked.is_none() && finishing;
        self.asked.as_mut()
    }

    fn decide(&mut self, finishing: bool) -> Option<Announce> {
        if self.last_words || !self.runs && finishing {
            return None;
        }
        if !self.runs {
            return Some(self.announce(Event::Started));
        }
        self.last_words = finishing;
        let fate = self.dice.u8(..100);
        let event = match fate {
            ..50 if finishing => Event::Stopped,
            ..3 if !self.steady => Event::Stopped,
            3..5 if !self.steady && !finishing => {
                // A crash: it comes back as if it were new.
                self.totals = [0; 2];
                return Some(self.announce(Event::Started));
            }
            5..10 if self.left != 0 => Event::Paused,
            _ => Event::Regular,
        };
        self.grow();
        let event = match event {
            Event::Regular if self.left != 0 && self.downloads() => Event::Completed,
            event => event,
        };
        Some(self.announce(event))
    }

    fn grow(&mut self) {
        self.totals[0] += self.dice.u64(..MOST_UNITS) * UNIT;
    }

    /// Downloads some more; returns whether that was the last of it.
    fn downloads(&mut self) -> bool {
        let bytes = (self.dice.u64(..MOST_UNITS) * UNIT).min(self.left);
        self.totals[1] += bytes;
        self.left -= bytes;
        self.left == 0
    }

    fn announce(&mut self, event: Event) -> Announce {
        let mut over = self.families.map(|has| {
            has.then_some(Part {
                totals: self.totals,
                last: 0,
                answered: false,
            })
        });
        // Over both families at once, but something has moved in between.
        if let [Some(_), Some(later)] = &mut over
            && event != Event::Started
            && self.dice.bool()
        {
            later.totals[0] += UNIT;
            self.totals = later.totals;
            if self.dice.bool() {
                over.reverse();
            }
        }
        Announce {
            event,
            left: self.left,
            sent: now(),
            over,
        }
    }

    /// What it says when it was not answered over all families.
    fn again(&mut self, asked: Announce) -> Announce {
        // A new baseline must be known before anything grows from there.
        if !self.goes_on || asked.event == Event::Started {
            return asked;
        }
        self.grow();
        Announce {
            sent: asked.sent,
            ..self.announce(asked.event)
        }
    }

    /// The number of the next packet that asks the same.
    pub fn number_packet(&mut self, family: usize, from: IpAddr) -> u16 {
        self.from[family] = Some(from);
        self.sequence = self.sequence.wrapping_add(1) % (1 << 12);
        self.sent += 1;
        let sequence = self.sequence;
        if let Some(Some(part)) = self.asked.as_mut().map(|asked| &mut asked.over[family]) {
            part.last = sequence;
        }
        sequence
    }

    pub fn asked(&self) -> Option<&Announce> {
        self.asked.as_ref()
    }

    /// An answer has come, to the packet of this number.
    pub fn is_answered(&mut self, family: usize, number: u16) {
        self.answered += 1;
        if let Some(Some(part)) = self.asked.as_mut().map(|asked| &mut asked.over[family]) {
            part.answered |= part.last == number;
        }
        let Some(asked) = &self.asked else { return };
        let mut parts = asked.over.iter().flatten();
        if parts.all(|part| part.answered) {
            self.settle();
        }
    }

    /// All of it is answered: from now on it counts.
    fn settle(&mut self) {
        let Some(asked) = self.asked.take() else {
            return;
        };
        let window = Window {
            sent: asked.sent,
            answered: now(),
        };
        if asked.event != Event::Started {
            for way in 0..2 {
                self.raw[way] += self.totals[way] - self.counted[way];
            }
        }
        self.counted = self.totals;
        self.interrupted |= !self.runs && self.began.is_some();
        self.began.get_or_insert(window);
        self.last = Some(window);
        if asked.event == Event::Completed {
            self.completed.get_or_insert(window);
        }
        if asked.left == 0 {
            self.seeding_since.get_or_insert(window);
        }
        self.runs = asked.event != Event::Stopped;
        if !self.runs {
            self.end_seeding();
            self.totals = [0; 2];
        }
    }

    fn end_seeding(&mut self) {
        if let (Some(since), Some(until)) = (self.seeding_since.take(), self.last) {
            self.seeded[0] += until.sent.saturating_sub(since.answered + 5);
            self.seeded[1] += (until.answered + 5).saturating_sub(since.sent);
        }
    }

    /// Nothing more will come of it.
    pub fn finish(&mut self) {
        assert!(self.asked.is_none(), "{self:?}");
        self.end_seeding();
    }
}

pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("after 1970").as_secs()
}
