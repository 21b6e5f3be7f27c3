//! Arguments, configuration, logging, run, exit code.

use chihaya::config::{Config, Level};
use chihaya::{Drivers, run};
use log::LevelFilter;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
Usage: chihaya [--config FILE]

A BitTorrent tracker. Without a configuration it serves a public tracker over HTTP and UDP on
port 6969 of all addresses.

  --config FILE    read settings from a JSON file (also: -config FILE)
  --check          check the configuration and exit
  --print-config   print the configuration in effect, defaults included, and exit
  --version        print the version and exit
  --help           print this and exit
";

/// The exit code for what the operator must put right: arguments, configuration, addresses.
const FAULT: u8 = 2;

/// What to do.
enum Command {
    Run,
    Check,
    PrintConfig,
}

fn main() -> ExitCode {
    match arguments() {
        Ok(Some((command, config_file))) => start(&command, config_file.as_deref()),
        Ok(None) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chihaya: {error}; see chihaya --help");
            ExitCode::from(FAULT)
        }
    }
}

/// The command and the configuration file; `None` when everything is said already.
fn arguments() -> Result<Option<(Command, Option<PathBuf>)>, lexopt::Error> {
    use lexopt::prelude::*;

    let mut command = Command::Run;
    let mut config_file = None;
    // The one dash is how the option was written for many years.
    let old = |arg: OsString| {
        if arg == "-config" {
            "--config".into()
        } else {
            arg
        }
    };
    let mut arguments = lexopt::Parser::from_iter(std::env::args_os().map(old));
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("config") => config_file = Some(arguments.value()?.into()),
            Long("check") => command = Command::Check,
            Long("print-config") => command = Command::PrintConfig,
            Short('V') | Long("version") => {
                println!("chihaya {}", env!("CARGO_PKG_VERSION"));
                return Ok(None);
            }
            Short('h') | Long("help") => {
                print!("{HELP}");
                return Ok(None);
            }
            _ => return Err(argument.unexpected()),
        }
    }
    Ok(Some((command, config_file)))
}

fn start(command: &Command, config_file: Option<&Path>) -> ExitCode {
    let config = match read_config(config_file) {
        Ok(config) => config,
        Err(faults) => {
            faults
                .iter()
                .for_each(|fault| eprintln!("chihaya: {fault}"));
            return ExitCode::from(FAULT);
        }
    };
    match command {
        Command::PrintConfig => println!("{}", config.to_json()),
        Command::Check => println!("the configuration is good"),
        Command::Run => {
            log_from(config.log.level);
            if let Err(error) = run(&config, &Drivers::builtin()) {
                eprintln!("chihaya: {error}");
                return ExitCode::from(FAULT);
            }
        }
    }
    ExitCode::SUCCESS
}

fn read_config(file: Option<&Path>) -> Result<Config, Vec<String>> {
    let Some(file) = file else {
        return Ok(Config::default());
    };
    let path = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|error| vec![format!("cannot read the configuration {path}: {error}")])?;
    Config::from_json(&text).map_err(|faults| {
        faults
            .iter()
            .map(|fault| format!("{path}: {fault}"))
            .collect()
    })
}

fn log_from(level: Level) {
    let level = match level {
        Level::Off => LevelFilter::Off,
        Level::Error => LevelFilter::Error,
        Level::Warn => LevelFilter::Warn,
        Level::Info => LevelFilter::Info,
        Level::Debug => LevelFilter::Debug,
        Level::Trace => LevelFilter::Trace,
    };
    env_logger::Builder::new()
        .filter_level(level)
        .format_target(false)
        .init();
}
