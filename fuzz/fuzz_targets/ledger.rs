//! Announces, the passing of time, sweeps, batches and restarts on the books and on their stupid
//! twin: every batch is the same.

#![no_main]

use arbitrary::Arbitrary;
use chihaya::account::books::Books;
use chihaya::account::checkpoint;
use chihaya::account::journal::Entry;
use chihaya::account::ledger::Rules;
use chihaya::model::UnixTime;
use chihaya_fuzz::accounts::Accounts;
use chihaya_fuzz::announced::{Announced, Clients, follow};
use libfuzzer_sys::fuzz_target;

/// Small enough that a byte of seconds passes them all. A peer may be taken for gone before its
/// time would no longer be credited.
const RULES: Rules = Rules {
    peer_lifetime_secs: 90,
    session_lifetime_secs: 400,
    longest_gap_secs: 100,
    min_interval_secs: 20,
    plausible_speed: 3_000_000,
};
const START_SECS: u32 = 1_000_000;
/// Sweeps come at least as often: which of two sessions that are forgotten together goes first is
/// not said.
const SWEEP_SECS: u32 = 3600;

#[derive(Arbitrary, Debug)]
enum Op {
    Announce(Announced),
    Wait {
        secs: u8,
    },
    /// Quarters of an hour, most of them.
    WaitLong {
        quarters: u8,
    },
    Sweep,
    Cut {
        commit: bool,
    },
    /// The books are written, and read by another process.
    Restart {
        seed: u8,
    },
}

fuzz_target!(|ops: Vec<Op>| {
    let mut twins = Twins {
        books: Books::new(RULES, 0),
        accounts: Accounts::new(RULES),
        clients: Clients::default(),
        now_secs: START_SECS,
        swept_secs: START_SECS,
        from: 0,
        end: 0,
    };
    for op in ops {
        twins.step(op);
    }
    twins.cut(true);
});

struct Twins {
    books: Books,
    accounts: Accounts,
    clients: Clients,
    now_secs: u32,
    swept_secs: u32,
    /// Where the batch began, and where the journal ends.
    from: u64,
    end: u64,
}

impl Twins {
    fn step(&mut self, op: Op) {
        match op {
            Op::Announce(announced) => {
                let record = self.clients.record(&announced, self.now_secs);
                self.accounts.announce(&record);
                let mut entry = Entry::default();
                entry.push(&record);
                self.append(&mut entry);
            }
            Op::Wait { secs } => self.wait(secs.into()),
            Op::WaitLong { quarters } => (0..quarters % 32).for_each(|_| self.wait(890)),
            Op::Sweep => self.sweep(),
            Op::Cut { commit } => self.cut(commit),
            Op::Restart { seed } => self.restart(seed.into()),
        }
    }

    fn append(&mut self, entry: &mut Entry) {
        follow(entry, |body, length| {
            self.end += length as u64;
            self.books.follow(body, self.end);
        });
    }

    fn wait(&mut self, secs: u32) {
        if self.now_secs + secs > self.swept_secs + SWEEP_SECS {
            self.sweep();
        }
        self.now_secs += secs;
    }

    /// Looks at all sessions: once around may begin in the middle.
    fn sweep(&mut self) {
        for _ in 0..2 {
            self.books.sweep(UnixTime(self.now_secs), usize::MAX);
        }
        self.accounts.sweep(UnixTime(self.now_secs));
        self.swept_secs = self.now_secs;
    }

    fn cut(&mut self, commit: bool) {
        let is_empty = self.books.ledger().gathered().is_empty();
        assert_eq!(is_empty, self.accounts.is_empty());
        self.append(&mut Entry::cut());
        let expected = self.accounts.cut(self.from, self.end);
        assert_eq!(
            self.books.in_flight().map(|batch| &**batch),
            Some(&expected)
        );
        self.from = self.end;
        if commit {
            self.books.committed(self.end);
        }
        assert_eq!(self.books.in_flight().is_some(), !commit);
    }

    fn restart(&mut self, seed: u64) {
        let mut saved = Vec::new();
        checkpoint::save(&self.books, &mut saved).expect("a vector takes it");
        let books = checkpoint::load(&mut saved.as_slice(), RULES, seed).expect("whole");
        assert_eq!(books.in_flight(), self.books.in_flight());
        assert_eq!(books.applied(), self.end);
        assert_eq!(books.wants_cut(), self.books.wants_cut());
        self.books = books;
    }
}
