//! How far a long command has come, for somebody who watches: one line of a terminal, drawn over
//! and over. A crate for it (indicatif) brings a terminal library of several times this program's
//! command line.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// How often it is drawn.
const REDRAW: Duration = Duration::from_millis(100);
/// Cells of the bar.
const CELLS: u64 = 30;

/// A bar, where anybody can see it.
pub struct Progress {
    is_shown: bool,
    /// `None`: nobody knows.
    all: Option<u64>,
    unit: Unit,
    done: u64,
    drawn: Option<Instant>,
}

#[derive(Clone, Copy)]
pub enum Unit {
    Torrents,
    Bytes,
}

impl Progress {
    /// One on the standard error, if that is a terminal.
    pub fn new(all: Option<u64>, unit: Unit) -> Progress {
        Progress::shown(is_shown(std::io::stderr().is_terminal(), all), all, unit)
    }

    fn shown(is_shown: bool, all: Option<u64>, unit: Unit) -> Progress {
        Progress {
            is_shown,
            all,
            unit,
            done: 0,
            drawn: None,
        }
    }

    /// So much more is done.
    pub fn add(&mut self, done: u64, to: &mut dyn Write) {
        self.done += done;
        let is_early = self.drawn.is_some_and(|drawn| drawn.elapsed() < REDRAW);
        if self.is_shown && !is_early {
            self.drawn = Some(Instant::now());
            // Who cannot see it need not.
            let _ = write!(to, "\r\x1b[K{}", line(self.done, self.all, self.unit));
            let _ = to.flush();
        }
    }

    /// Takes it away, so that something else can be said; it comes back by itself.
    pub fn clear(&mut self, to: &mut dyn Write) {
        if self.drawn.take().is_some() {
            let _ = write!(to, "\r\x1b[K");
            let _ = to.flush();
        }
    }
}

/// Whether there is anything to be seen, and anybody to see it.
fn is_shown(is_terminal: bool, all: Option<u64>) -> bool {
    is_terminal && all != Some(0) && all != Some(1)
}

fn line(done: u64, all: Option<u64>, unit: Unit) -> String {
    let amount = |number: u64| match unit {
        Unit::Torrents => number.to_string(),
        Unit::Bytes => super::table::in_units(number),
    };
    let noun = match unit {
        Unit::Torrents => " torrents",
        Unit::Bytes => "",
    };
    let Some(all) = all.filter(|all| *all > 0) else {
        return format!("{}{noun}", amount(done));
    };
    let part = |of: u64| {
        let part = u128::from(done) * u128::from(of) / u128::from(all);
        u64::try_from(part).unwrap_or(of).min(of)
    };
    let bar: String = (0..CELLS)
        .map(|cell| if cell < part(CELLS) { '#' } else { '-' })
        .collect();
    let (done, all) = (amount(done), amount(all));
    format!("[{bar}] {:3} %  {done} of {all}{noun}", part(100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_shown_on_a_terminal_and_nowhere_else() {
        for (terminal, all, shown) in [
            (true, Some(2), true),
            (true, None, true),
            (true, Some(1), false),
            (true, Some(0), false),
            (false, Some(2), false),
            (false, None, false),
        ] {
            assert_eq!(is_shown(terminal, all), shown, "{terminal} {all:?}");
        }
        for shown in [true, false] {
            let mut progress = Progress::shown(shown, Some(8), Unit::Torrents);
            let mut seen = Vec::new();
            progress.add(4, &mut seen);
            progress.clear(&mut seen);
            progress.clear(&mut seen);
            let bar = "\r\u{1b}[K[###############---------------]  50 %  4 of 8 torrents\r\u{1b}[K";
            let expected = if shown { bar } else { "" };
            assert_eq!(String::from_utf8(seen).expect("UTF-8"), expected);
        }
    }

    #[test]
    fn how_far_it_is() {
        let half = "[###############---------------]  50 %  1.0KiB of 2.0KiB";
        for (done, all, text) in [
            (1024, Some(2048), half),
            (5, None, "5B"),
            (5, Some(0), "5B"),
        ] {
            assert_eq!(line(done, all, Unit::Bytes), text);
        }
        // A file that grows is not more than whole.
        assert!(line(9, Some(3), Unit::Bytes).contains("100 %"));
        assert!(line(u64::MAX, Some(u64::MAX), Unit::Torrents).contains("100 %"));
    }
}
