//! Commands about the configured storage: whether it can be used, and what it needs.

use super::output::{Failure, show};
use super::table::{Column, Printable, Table};
use chihaya::config::{Config, Mode};
use chihaya::storage::{Checked, Finding, Prepared, Report, Severity};
use chihaya::{Drivers, StartError};
use std::time::Instant;

/// Checks what a configuration says; with the database that it names, if that can be reached.
pub fn check(config: &Config) -> Result<(), Failure> {
    let drivers = Drivers::builtin();
    let checked = drivers.check_storage(config);
    checked.map_err(|error| Failure::fault(error.to_string()))?;
    // A public tracker has no use for a storage.
    if config.tracker == Mode::Private {
        try_statements(config, &drivers)?;
    }
    show("the configuration is good\n")
}

fn try_statements(config: &Config, drivers: &Drivers) -> Result<(), Failure> {
    let prepared = drivers.try_statements(config);
    match prepared.map_err(|error| Failure::fault(error.to_string()))? {
        Prepared::Nothing => Ok(()),
        Prepared::Good { statements, note } => {
            if let Some(note) = note {
                show(&format!("storage: {}\n", Printable(&note)))?;
            }
            show(&format!(
                "storage: the database takes {statements} statements\n"
            ))
        }
        Prepared::Unreachable(why) => show(&format!(
            "storage: the database cannot be reached, so its statements were read and not tried: {}\n",
            Printable(&why)
        )),
        Prepared::Faults(faults) => Err(Failure::faults(faults)),
    }
}

/// Prints what makes the tables.
pub fn schema(config: &Config) -> Result<(), Failure> {
    let schema = Drivers::builtin().schema(config);
    show(&schema.map_err(|error| Failure::fault(error.to_string()))?)
}

/// Runs every statement of the storage, and says what was found.
pub fn inspect(config: &Config, json: bool) -> Result<(), Failure> {
    let began = Instant::now();
    let report = Drivers::builtin().inspect_storage(config, &mut || began.elapsed());
    let report = report.map_err(|error| match error {
        StartError::Storage(error) => Failure::failed(error.to_string()),
        fault => Failure::fault(fault.to_string()),
    })?;
    match json {
        true => show(&format!("{}\n", as_json(&report)?))?,
        false => show(&text(&report))?,
    }
    match report.count(Severity::Error) {
        0 => Ok(()),
        _ => Err(Failure::told()),
    }
}

fn as_json(report: &Report) -> Result<String, Failure> {
    let json = serde_json::to_string(report);
    json.map_err(|error| Failure::failed(error.to_string()))
}

fn text(report: &Report) -> String {
    let mut text = report.driver.clone();
    if let Some(server) = &report.server {
        text += &format!(": {}", Printable(server));
    }
    if let Some(preset) = &report.preset {
        text += &format!(", preset {preset}");
    }
    text.push('\n');
    if !report.statements.is_empty() {
        text += &table(&report.statements);
    }
    for finding in &report.findings {
        text += &line(finding, None);
    }
    for statement in &report.statements {
        for finding in &statement.findings {
            text += &line(finding, Some(&statement.name));
        }
    }
    let counted = |severity, one: &str| match report.count(severity) {
        1 => format!("1 {one}"),
        count => format!("{count} {one}s"),
    };
    let (errors, warnings) = (
        counted(Severity::Error, "error"),
        counted(Severity::Warning, "warning"),
    );
    text + &format!("{errors}, {warnings}\n")
}

fn table(statements: &[Checked]) -> String {
    let mut table = Table::new(vec![
        Column::Text("STATEMENT"),
        Column::Text("RESULT"),
        Column::Number("ROWS"),
        Column::Number("SECONDS"),
        Column::Text("DEFAULTS"),
    ]);
    for statement in statements {
        let rows = statement.rows.map(|rows| rows.to_string());
        let seconds = statement
            .milliseconds
            .map(|milliseconds| format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000));
        let none = || "-".to_owned();
        table.row(&[
            &statement.name,
            &result(statement),
            &rows.unwrap_or_else(none),
            &seconds.unwrap_or_else(none),
            &statement.defaults.join(","),
        ]);
    }
    table.take()
}

fn result(statement: &Checked) -> &'static str {
    match (statement.worst(), statement.tried) {
        (Some(Severity::Error), _) => "error",
        (_, false) => "not tried",
        (Some(Severity::Warning), true) => "warning",
        (None, true) => "good",
    }
}

fn line(finding: &Finding, name: Option<&str>) -> String {
    let severity = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let message = Printable(&finding.message);
    match name {
        Some(name) => format!("{severity}: {name}: {message}\n"),
        None => format!("{severity}: {message}\n"),
    }
}
