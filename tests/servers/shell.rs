//! The command-line client of a server: another way into a database than the tracker's.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Stands alone in a row when all is told.
const END: &str = "end of the answer";

pub struct Shell {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Shell {
    pub fn start(command: &mut Command) -> Shell {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap_or_else(|err| panic!("{command:?}: {err}"));
        Shell {
            to: child.stdin.take().expect("piped"),
            from: BufReader::new(child.stdout.take().expect("piped")),
            child,
        }
    }

    /// Runs statements, without a semicolon after the last. Null is `NULL`; bytes had better be
    /// asked for in hexadecimal.
    pub fn rows(&mut self, sql: &str) -> Vec<Vec<String>> {
        let asked = writeln!(self.to, "{sql};\nSELECT '{END}';").and_then(|()| self.to.flush());
        let mut rows = Vec::new();
        let mut line = String::new();
        loop {
            line.clear();
            let read = self.from.read_line(&mut line).unwrap_or(0);
            assert!(asked.is_ok() && read > 0, "it does not take: {sql}");
            match line.trim_end_matches('\n') {
                END => return rows,
                row => rows.push(row.split('\t').map(str::to_owned).collect()),
            }
        }
    }

    /// Runs statements that return nothing.
    pub fn run(&mut self, sql: &str) {
        let rows = self.rows(sql);
        assert!(rows.is_empty(), "{sql}: {rows:?}");
    }

    /// The one value of a query.
    pub fn value(&mut self, sql: &str) -> String {
        let rows = self.rows(sql);
        let [row] = &rows[..] else {
            panic!("{sql}: {} rows", rows.len());
        };
        row.join("\t")
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
