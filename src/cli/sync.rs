//! Many things at once, one on each line.

use super::lists::Lines;
use super::output::{Failure, complain};
use super::progress::{Progress, Unit};
use super::session::Session;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

/// What the lines amount to, as it is told.
const SUMS: [&str; 5] = ["lines", "done", "created", "held", "failed"];

/// Lines that are read while somebody watches.
struct Watched<'w> {
    from: Box<dyn Read>,
    progress: Progress,
    err: &'w mut dyn Write,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.from.read(buffer)?;
        let count = u64::try_from(length).unwrap_or_default();
        self.progress.add(count, self.err);
        Ok(length)
    }
}

/// Does what stands on the lines of a file, or of the standard input.
pub fn sync(session: &mut Session<'_>, file: Option<&Path>) -> Result<(), Failure> {
    let (from, all): (Box<dyn Read>, Option<u64>) = match file {
        None => (Box::new(std::io::stdin().lock()), None),
        Some(path) => {
            let failed =
                |error| Failure::failed(format!("cannot read {}: {error}", path.display()));
            let file = File::open(path).map_err(failed)?;
            let metadata = file.metadata().map_err(failed)?;
            let all = metadata.is_file().then_some(metadata.len());
            (Box::new(file), all)
        }
    };
    let mut watched = Watched {
        from,
        progress: Progress::new(all, Unit::Bytes),
        err: session.streams.err,
    };
    let told = session.site.sync(&mut watched);
    watched.progress.clear(watched.err);
    let mut told = told?;
    // Whether all of it was wrong is what the numbers say.
    if let Some(fields) = told.as_object_mut() {
        fields.remove("error");
    }
    let sum = |name: &str| told[name].as_u64();
    let (Some(all), Some(failed)) = (sum("lines"), sum("failed")) else {
        return Err(Failure::failed("the tracker's answer is no sum".to_owned()));
    };
    for fault in told["faults"].as_array().into_iter().flatten() {
        let error = fault["error"].as_str().unwrap_or_default();
        let message = format!("line {}: {error}", fault["line"]);
        complain(session.streams.err, &message);
    }
    let mut lines = Lines::default();
    for name in SUMS {
        lines.line(name, &sum(name).unwrap_or_default());
    }
    session.say(&lines.text(), &told)?;
    match failed {
        0 => Ok(()),
        failed => Err(Failure::failed(format!(
            "{failed} of {all} lines could not be done"
        ))),
    }
}
