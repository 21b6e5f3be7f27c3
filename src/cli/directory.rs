//! Users and torrents in the configured storage, for sites without a web application.

use super::arguments::UserColumns;
use super::output::{Failure, complain, print, write};
use super::table::{Column, Printable, Table, in_units};
use super::urls::announce_urls;
use chihaya::config::{Config, Mode};
use chihaya::model::{InfoHash, Passkey};
use chihaya::storage::{Directory, StorageError};
use chihaya::wire::metainfo::{MAX_FILE_BYTES, Metainfo};
use chihaya::{Drivers, StartError};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Random bytes in a passkey; it has two hex digits for each.
const PASSKEY_BYTES: usize = 16;

/// What is done to the directory.
pub enum DirectoryCommand {
    AddUser(String),
    ListUsers(UserColumns),
    AddTorrents(Vec<PathBuf>),
    ListTorrents,
}

/// Where a command writes.
struct Streams<'s> {
    out: &'s mut dyn Write,
    err: &'s mut dyn Write,
}

/// Runs a command of the directory.
pub fn directory(
    command: &DirectoryCommand,
    config: &Config,
    config_file: Option<&Path>,
) -> Result<(), Failure> {
    let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
    let mut streams = Streams {
        out: &mut out,
        err: &mut err,
    };
    let done = run(command, config, &Drivers::builtin(), &mut streams);
    if let (Ok(()), Some(file)) = (&done, config_file) {
        note_public(command, config, file, &mut streams);
    }
    done
}

/// Says that a tracker of this configuration has no use for what was registered.
fn note_public(
    command: &DirectoryCommand,
    config: &Config,
    config_file: &Path,
    streams: &mut Streams<'_>,
) {
    let adds = matches!(
        command,
        DirectoryCommand::AddUser(_) | DirectoryCommand::AddTorrents(_)
    );
    if adds && config.tracker == Mode::Public {
        let message = format!(
            "{}: \"tracker\" is not \"private\": a tracker of this configuration is open to all",
            config_file.display()
        );
        complain(streams.err, &message);
    }
}

fn run(
    command: &DirectoryCommand,
    config: &Config,
    drivers: &Drivers,
    streams: &mut Streams<'_>,
) -> Result<(), Failure> {
    let mut storage = drivers.open_storage(config).map_err(|error| match error {
        StartError::Storage(error) => failed(&error),
        fault => Failure::fault(fault.to_string()),
    })?;
    let Some(directory) = storage.directory() else {
        return Err(Failure::fault(format!(
            "storage.driver {:?} keeps no directory of its own: the web application writes it",
            config.storage.driver
        )));
    };
    match command {
        DirectoryCommand::AddUser(name) => add_user(name, config, directory, streams),
        DirectoryCommand::ListUsers(columns) => list_users(*columns, directory, streams),
        DirectoryCommand::AddTorrents(files) => add_torrents(files, config, directory, streams),
        DirectoryCommand::ListTorrents => list_torrents(directory, streams),
    }
}

fn add_user(
    name: &str,
    config: &Config,
    directory: &mut dyn Directory,
    streams: &mut Streams<'_>,
) -> Result<(), Failure> {
    let mut random = [0; PASSKEY_BYTES];
    getrandom::fill(&mut random).map_err(|error| {
        Failure::failed(format!(
            "the system gives no randomness for a passkey: {error}"
        ))
    })?;
    let text = hex(&random);
    let passkey = Passkey::new(text.as_bytes())
        .ok_or_else(|| Failure::failed("no passkey of 32 digits".to_owned()))?;
    let id = directory
        .add_user(name, &passkey)
        .map_err(|error| failed(&error))?;
    let mut lines = format!("user {} {}\npasskey {text}\n", id.0, Printable(name));
    for url in announce_urls(&config.network, &text) {
        lines += &format!("announce {url}\n");
    }
    write(streams.out, &lines).map_err(|error| {
        let id = id.0;
        let instead = "see user list --passkeys";
        Failure::failed(format!(
            "user {id} is registered, but not shown: {error}; {instead}"
        ))
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn list_users(
    columns: UserColumns,
    directory: &mut dyn Directory,
    streams: &mut Streams<'_>,
) -> Result<(), Failure> {
    let mut headings = vec![
        Column::Number("ID"),
        Column::Text("ENABLED"),
        Column::Number("UPLOADED"),
        Column::Number("DOWNLOADED"),
    ];
    if columns.passkeys {
        headings.push(Column::Text("PASSKEY"));
    }
    headings.push(Column::Text("NAME"));
    let mut table = Table::new(headings);
    let size = |bytes: u64| match columns.bytes {
        true => bytes.to_string(),
        false => in_units(bytes),
    };
    directory
        .users(&mut |user| {
            let enabled = if user.enabled { "yes" } else { "no" };
            let up = size(user.credited.uploaded);
            let down = size(user.credited.downloaded);
            match columns.passkeys {
                true => table.row(&[&user.id.0, &enabled, &up, &down, &user.passkey, &user.name]),
                false => table.row(&[&user.id.0, &enabled, &up, &down, &user.name]),
            }
        })
        .map_err(|error| failed(&error))?;
    print(streams.out, &table.to_string())
}

/// Registers what it can; what it cannot is told, file by file.
fn add_torrents(
    files: &[PathBuf],
    config: &Config,
    directory: &mut dyn Directory,
    streams: &mut Streams<'_>,
) -> Result<(), Failure> {
    let mut registered = 0;
    for path in files {
        match add_torrent(path, directory, streams)? {
            Ok(()) => registered += 1,
            Err(message) => complain(streams.err, &format!("{}: {message}", path.display())),
        }
    }
    if registered > 0 {
        let urls = announce_urls(&config.network, "PASSKEY").into_iter();
        let lines: String = urls.map(|url| format!("announce {url}\n")).collect();
        print(streams.out, &lines)?;
    }
    match (files.len() - registered, files.len()) {
        (0, _) => Ok(()),
        (_, 1) => Err(Failure::told()),
        (bad, all) => Err(Failure::failed(format!(
            "{bad} of {all} torrents not registered"
        ))),
    }
}

/// Registers one torrent. The inner error is one of this file; others may be good all the same.
fn add_torrent(
    path: &Path,
    directory: &mut dyn Directory,
    streams: &mut Streams<'_>,
) -> Result<Result<(), String>, Failure> {
    let file = match read(path) {
        Ok(file) => file,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let torrent = match Metainfo::parse(&file) {
        Ok(torrent) => torrent,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let name = String::from_utf8_lossy(torrent.name);
    let info_hash = torrent.info_hash();
    let id = match directory.add_torrent(&name, info_hash) {
        Ok(id) => id,
        Err(error @ StorageError::Refused(_)) => return Ok(Err(error.to_string())),
        Err(error) => return Err(failed(&error)),
    };
    let name = Printable(&name);
    let lines = format!("torrent {} {name}\ninfo hash {info_hash:?}\n", id.0);
    print(streams.out, &lines)?;
    warn(path, &torrent, streams);
    Ok(Ok(()))
}

/// The file, and at most a byte more of it than a torrent may have.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = MAX_FILE_BYTES as u64 + 1;
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Says what of a torrent a private tracker does not see.
fn warn(path: &Path, torrent: &Metainfo<'_>, streams: &mut Streams<'_>) {
    let mut say = |message: &str| {
        complain(streams.err, &format!("{}: {message}", path.display()));
    };
    if !torrent.private {
        say("not marked private (BEP 27): clients also find each other without the tracker");
    }
    if let Some(InfoHash(second)) = torrent.second_info_hash() {
        let second = hex(&second);
        say(&format!(
            "hybrid: registered by its v1 hash; announces of its v2 swarm ({second}) are refused"
        ));
    }
}

fn list_torrents(directory: &mut dyn Directory, streams: &mut Streams<'_>) -> Result<(), Failure> {
    let mut table = Table::new(vec![
        Column::Number("ID"),
        Column::Text("INFO HASH"),
        Column::Number("SEEDERS"),
        Column::Number("LEECHERS"),
        Column::Number("SNATCHES"),
        Column::Text("NAME"),
    ]);
    directory
        .torrents(&mut |torrent| {
            table.row(&[
                &torrent.id.0,
                &hex(&torrent.info_hash.0),
                &torrent.seeders,
                &torrent.leechers,
                &torrent.snatches,
                &torrent.name,
            ]);
        })
        .map_err(|error| failed(&error))?;
    print(streams.out, &table.to_string())
}

fn failed(error: &StorageError) -> Failure {
    Failure::failed(error.to_string())
}

#[cfg(test)]
#[path = "directory_tests.rs"]
mod tests;
