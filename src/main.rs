//! Arguments, configuration, logging, run, exit code.

mod cli;

use chihaya::config::{Config, Level};
use chihaya::{Drivers, run};
use cli::{Arguments, Command, Failure, HELP, show};
use log::LevelFilter;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let done = Arguments::read(std::env::args_os())
        .map_err(|error| Failure::fault(format!("{error}; see chihaya --help")))
        .and_then(|arguments| start(&arguments));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell(),
    }
}

fn start(arguments: &Arguments) -> Result<(), Failure> {
    match arguments.command {
        Command::Help => return show(HELP),
        Command::Version => return show(concat!("chihaya ", env!("CARGO_PKG_VERSION"), "\n")),
        _ => {}
    }
    let config_file = arguments.config_file.as_deref();
    let config = read_config(config_file)?;
    match &arguments.command {
        Command::PrintConfig => show(&format!("{}\n", config.without_secrets().to_json())),
        Command::Check => cli::storage::check(&config),
        Command::Schema => cli::storage::schema(&config),
        Command::CheckStorage => cli::storage::inspect(&config, arguments.json),
        Command::Site(command) => {
            // Who asked is told of errors; what else the storage says is for a log.
            log_from(filter(config.log.level).min(LevelFilter::Warn));
            cli::site(command, arguments.json, &config, config_file)
        }
        _ => {
            log_from(filter(config.log.level));
            run(&config, &Drivers::builtin()).map_err(|error| Failure::fault(error.to_string()))
        }
    }
}

fn read_config(file: Option<&Path>) -> Result<Config, Failure> {
    let Some(file) = file else {
        return Ok(Config::default());
    };
    let path = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::fault(format!("cannot read the configuration {path}: {error}"))
    })?;
    Config::from_json(&text).map_err(|faults| {
        let faults = faults.iter().map(|fault| format!("{path}: {fault}"));
        Failure::faults(faults.collect())
    })
}

fn filter(level: Level) -> LevelFilter {
    match level {
        Level::Off => LevelFilter::Off,
        Level::Error => LevelFilter::Error,
        Level::Warn => LevelFilter::Warn,
        Level::Info => LevelFilter::Info,
        Level::Debug => LevelFilter::Debug,
        Level::Trace => LevelFilter::Trace,
    }
}

fn log_from(level: LevelFilter) {
    env_logger::Builder::new()
        .filter_level(level)
        .format_target(false)
        .init();
}
