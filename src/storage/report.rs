//! What a check of a storage has found, for whoever runs the tracker.

use serde::Serialize;
use std::time::Duration;

/// What is there of the time since some moment; nothing below the server reads a clock.
pub type Elapsed<'e> = &'e mut dyn FnMut() -> Duration;

/// A storage that has been looked at.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// The driver's name.
    pub driver: String,
    /// Whose tables these are; `None` where the driver has no presets.
    pub preset: Option<String>,
    /// The database and its version, as far as it tells.
    pub server: Option<String>,
    /// Each statement, in the order in which they were tried.
    pub statements: Vec<Checked>,
    /// What is to be said of none of them, but of the storage.
    pub findings: Vec<Finding>,
}

/// A statement that was tried.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Checked {
    /// Its name in the configuration, below `storage.statements`.
    pub name: String,
    /// Whether it was run at all.
    pub tried: bool,
    /// Rows that were read, of a statement that loads.
    pub rows: Option<u64>,
    /// How long that took, in milliseconds.
    pub milliseconds: Option<u64>,
    /// Columns it leaves out, which take their defaults.
    pub defaults: Vec<&'static str>,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// What the operator should know.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is.
    pub message: String,
}

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It works, and could be better; or it could not be tried.
    Warning,
    /// The tracker cannot work with it.
    Error,
}

impl Finding {
    /// Something that works, and could be better; or that could not be tried.
    pub fn warning(message: impl Into<String>) -> Finding {
        Finding {
            severity: Severity::Warning,
            message: message.into(),
        }
    }

    /// Something that the tracker cannot work with.
    pub fn error(message: impl Into<String>) -> Finding {
        Finding {
            severity: Severity::Error,
            message: message.into(),
        }
    }
}

impl Checked {
    /// A statement that is tried.
    pub fn of(name: impl Into<String>) -> Checked {
        Checked {
            name: name.into(),
            tried: true,
            ..Checked::default()
        }
    }

    /// The worst that was found.
    pub fn worst(&self) -> Option<Severity> {
        let severities = self.findings.iter().map(|finding| finding.severity);
        severities.max()
    }
}

impl Report {
    /// All that was found.
    pub fn found(&self) -> impl Iterator<Item = &Finding> {
        let statements = self.statements.iter();
        let of_statements = statements.flat_map(|statement| &statement.findings);
        self.findings.iter().chain(of_statements)
    }

    /// Findings of this kind.
    pub fn count(&self, severity: Severity) -> usize {
        let found = self.found();
        found.filter(|finding| finding.severity == severity).count()
    }
}

/// What became of statements that were to be prepared by the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prepared {
    /// There was nobody to ask: the driver has no statements, or its file is made at the start.
    Nothing,
    /// The database takes so many of them.
    Good {
        /// Those that were prepared.
        statements: usize,
        /// Why others were not, if any.
        note: Option<String>,
    },
    /// The database cannot be reached; it may be when the tracker needs it.
    Unreachable(String),
    /// What is wrong, each with its place in the configuration.
    Faults(Vec<String>),
}
