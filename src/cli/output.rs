//! What is said, and how it ends.

use super::table::Printable;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

/// The exit code for what the operator must put right: arguments, configuration, addresses.
const FAULT: u8 = 2;
/// The exit code for what was asked for well, but did not work.
const FAILED: u8 = 1;

/// Ends a command.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    messages: Vec<String>,
}

impl Failure {
    /// What the operator must put right: arguments, configuration, addresses.
    pub fn fault(message: String) -> Failure {
        Failure::faults(vec![message])
    }

    /// Several of them.
    pub fn faults(messages: Vec<String>) -> Failure {
        Failure {
            code: FAULT,
            messages,
        }
    }

    /// What was asked for well, but did not work.
    pub fn failed(message: String) -> Failure {
        Failure {
            code: FAILED,
            messages: vec![message],
        }
    }

    /// The same, when all is said already.
    pub fn told() -> Failure {
        Failure {
            code: FAILED,
            messages: Vec::new(),
        }
    }

    /// Says all of it; returns the exit code.
    pub fn tell(&self) -> ExitCode {
        let mut stderr = std::io::stderr();
        self.messages
            .iter()
            .for_each(|message| complain(&mut stderr, message));
        ExitCode::from(self.code)
    }
}

/// Writes a line for the operator. Nobody is left to tell when that fails.
pub fn complain(to: &mut dyn Write, message: &str) {
    let _ = writeln!(to, "chihaya: {}", Printable(message));
}

/// Writes to the standard output.
pub fn show(text: &str) -> Result<(), Failure> {
    print(&mut std::io::stdout(), text)
}

/// Writes what was asked for. A reader that has seen enough (`head`) is no failure.
pub fn print(to: &mut dyn Write, text: &str) -> Result<(), Failure> {
    print_some(to, text).map(drop)
}

/// The same, of something that goes on: returns whether anybody reads on.
pub fn print_some(to: &mut dyn Write, text: &str) -> Result<bool, Failure> {
    match write(to, text) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::failed(format!("cannot write: {error}"))),
    }
}

/// Writes what must be seen by somebody.
pub fn write(to: &mut dyn Write, text: &str) -> std::io::Result<()> {
    to.write_all(text.as_bytes())?;
    to.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes nothing.
    struct Broken(ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_may_leave_and_a_disk_may_not_be_full() {
        assert!(print(&mut Broken(ErrorKind::BrokenPipe), "text").is_ok());
        assert!(print(&mut Broken(ErrorKind::StorageFull), "text").is_err());
        complain(&mut Broken(ErrorKind::BrokenPipe), "nobody hears it");
    }
}
