//! What is asked for.

use super::directory::DirectoryCommand;
use super::table::is_unprintable;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

pub const HELP: &str = "\
Usage: chihaya [--config FILE]
       chihaya [--config FILE] user add NAME
       chihaya [--config FILE] user list [--passkeys] [--bytes]
       chihaya [--config FILE] torrent add FILE.torrent...
       chihaya [--config FILE] torrent list

A BitTorrent tracker. Without a configuration it serves a public tracker over HTTP and UDP on
port 6969 of all addresses.

  --config FILE    read settings from a JSON file (also: -config FILE)
  --check          check the configuration and exit
  --print-config   print the configuration in effect, defaults included, and exit
  --version        print the version and exit
  --help           print this and exit

Users and torrents of a private tracker, in the configured storage (chihaya.db, unless the
configuration says otherwise), also while the tracker runs:

  user add         register a user; prints the passkey and the announce URLs
  user list        list users
    --passkeys     with their passkeys
    --bytes        with exact numbers of bytes
  torrent add      register torrents; prints their info hashes and the announce URLs
  torrent list     list torrents

Exit codes: 0 done, 1 failed, 2 faults in the arguments or the configuration.
";

/// Characters of the longest name of a user.
const MAX_NAME_CHARS: usize = 64;

pub struct Arguments {
    pub command: Command,
    pub config_file: Option<PathBuf>,
}

pub enum Command {
    Run,
    Check,
    PrintConfig,
    Version,
    Help,
    Directory(DirectoryCommand),
}

/// What of users is listed.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct UserColumns {
    /// Passkeys: whoever sees one can announce as its user.
    pub passkeys: bool,
    /// Exact numbers instead of units.
    pub bytes: bool,
}

impl Arguments {
    /// Reads the arguments, the first of which is the name of the executable.
    pub fn read(arguments: impl Iterator<Item = OsString>) -> Result<Arguments, lexopt::Error> {
        use lexopt::prelude::*;

        // The one dash is how the option was written for many years.
        let arguments = arguments.map(|argument| match argument.to_str() {
            Some("-config") => "--config".into(),
            _ => argument,
        });
        let mut arguments = lexopt::Parser::from_iter(arguments);
        let (mut option, mut config_file) = (None, None);
        let mut columns = UserColumns::default();
        let mut words = Vec::new();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("config") => config_file = Some(arguments.value()?.into()),
                Long("check") => option = Some(("--check", Command::Check)),
                Long("print-config") => option = Some(("--print-config", Command::PrintConfig)),
                Short('V') | Long("version") => return Ok(Command::Version.alone()),
                Short('h') | Long("help") => return Ok(Command::Help.alone()),
                Long("passkeys") => columns.passkeys = true,
                Long("bytes") => columns.bytes = true,
                Value(word) => words.push(word),
                _ => return Err(argument.unexpected()),
            }
        }
        let command = command(words, option, columns)?;
        Ok(Arguments {
            command,
            config_file,
        })
    }
}

impl Command {
    fn alone(self) -> Arguments {
        Arguments {
            command: self,
            config_file: None,
        }
    }
}

fn command(
    words: Vec<OsString>,
    option: Option<(&str, Command)>,
    columns: UserColumns,
) -> Result<Command, lexopt::Error> {
    let command = if words.is_empty() {
        option.map_or(Command::Run, |(_, command)| command)
    } else if let Some((name, _)) = option {
        return Err(format!("{name} takes no command").into());
    } else {
        Command::Directory(directory_command(words, columns)?)
    };
    let lists_users = matches!(
        command,
        Command::Directory(DirectoryCommand::ListUsers { .. })
    );
    if columns != UserColumns::default() && !lists_users {
        return Err("--passkeys and --bytes belong to user list".into());
    }
    Ok(command)
}

fn directory_command(
    words: Vec<OsString>,
    columns: UserColumns,
) -> Result<DirectoryCommand, lexopt::Error> {
    let word = |place: usize| words.get(place).and_then(|word| word.to_str());
    let mut rest = words.iter().skip(2).cloned();
    let command = match (word(0).unwrap_or_default(), word(1)) {
        ("user", Some("add")) => DirectoryCommand::AddUser(user_name(rest.next())?),
        ("user", Some("list")) => DirectoryCommand::ListUsers(columns),
        ("torrent", Some("add")) if rest.len() == 0 => {
            return Err("torrent add: a FILE.torrent is missing".into());
        }
        ("torrent", Some("add")) => {
            DirectoryCommand::AddTorrents(rest.by_ref().map(PathBuf::from).collect())
        }
        ("torrent", Some("list")) => DirectoryCommand::ListTorrents,
        (noun @ ("user" | "torrent"), _) => {
            return Err(format!("{noun}: add or list?").into());
        }
        _ => return Err(lexopt::Error::UnexpectedArgument(words[0].clone())),
    };
    match rest.next() {
        None => Ok(command),
        Some(word) => Err(lexopt::Error::UnexpectedArgument(word)),
    }
}

/// A name that can be shown: of some characters, not too many, none of which steers a terminal.
fn user_name(word: Option<OsString>) -> Result<String, lexopt::Error> {
    let word = word.ok_or("user add: the NAME is missing")?;
    let name = OsStr::to_str(&word).ok_or("user add: the NAME is not UTF-8")?;
    if !(1..=MAX_NAME_CHARS).contains(&name.chars().count()) {
        return Err(format!("user add: a NAME has 1 to {MAX_NAME_CHARS} characters").into());
    }
    if name.chars().any(is_unprintable) {
        return Err("user add: there is a control character in the NAME".into());
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Arguments, String> {
        let arguments = ["chihaya"].iter().chain(arguments).map(OsString::from);
        Arguments::read(arguments).map_err(|error| error.to_string())
    }

    /// The command, with the words that make it differ from others of its kind.
    fn told(arguments: &[&str]) -> (String, Option<PathBuf>) {
        let arguments = read(arguments).unwrap_or_else(|error| panic!("{arguments:?}: {error}"));
        let command = match arguments.command {
            Command::Run => "run".to_owned(),
            Command::Check => "check".to_owned(),
            Command::PrintConfig => "print".to_owned(),
            Command::Version => "version".to_owned(),
            Command::Help => "help".to_owned(),
            Command::Directory(DirectoryCommand::AddUser(name)) => format!("user {name}"),
            Command::Directory(DirectoryCommand::ListUsers(columns)) => {
                format!("users {} {}", columns.passkeys, columns.bytes)
            }
            Command::Directory(DirectoryCommand::AddTorrents(files)) => {
                format!("add {}", files.len())
            }
            Command::Directory(DirectoryCommand::ListTorrents) => "torrents".to_owned(),
        };
        (command, arguments.config_file)
    }

    #[test]
    fn commands() {
        for (arguments, command, config) in [
            (&[][..], "run", None),
            (&["--config", "c"], "run", Some("c")),
            (&["-config", "c", "--check"], "check", Some("c")),
            (&["--print-config"], "print", None),
            (&["user", "add", "--version"], "version", None),
            (&["torrent", "--help"], "help", None),
            (&["user", "add", "alice"], "user alice", None),
            (&["user", "add", "Alice B"], "user Alice B", None),
            (&["user", "add", "--", "-x"], "user -x", None),
            (&["--config", "c", "user", "add", "é"], "user é", Some("c")),
            (&["user", "add", "bob", "--config=c"], "user bob", Some("c")),
            (
                &["user", "-config", "c", "add", "bob"],
                "user bob",
                Some("c"),
            ),
            (&["user", "list"], "users false false", None),
            (&["user", "list", "--passkeys"], "users true false", None),
            (
                &["--bytes", "user", "list", "--passkeys"],
                "users true true",
                None,
            ),
            (&["torrent", "add", "a"], "add 1", None),
            (&["torrent", "add", "a", "b", "c"], "add 3", None),
            (&["torrent", "list"], "torrents", None),
        ] {
            let config = config.map(PathBuf::from);
            assert_eq!(told(arguments), (command.to_owned(), config));
        }
    }

    #[test]
    fn faults() {
        let longest = "ä".repeat(MAX_NAME_CHARS);
        assert!(read(&["user", "add", &longest]).is_ok());
        let long = "ä".repeat(MAX_NAME_CHARS + 1);
        for (arguments, said) in [
            (&["users"][..], "\"users\""),
            (&["user"], "user: add or list?"),
            (&["torrent", "remove"], "torrent: add or list?"),
            (&["user", "add"], "NAME is missing"),
            (&["user", "add", ""], "1 to 64"),
            (&["user", "add", &long], "1 to 64"),
            (&["user", "add", "a\nb"], "control character"),
            (&["user", "add", "a\u{1b}[2J"], "control character"),
            (&["user", "add", "a\u{202e}b"], "control character"),
            (&["user", "add", "a", "b"], "\"b\""),
            (&["user", "list", "a"], "\"a\""),
            (&["torrent", "list", "a"], "\"a\""),
            (&["torrent", "add"], "FILE.torrent is missing"),
            (&["torrent", "list", "--passkeys"], "user list"),
            (&["--bytes"], "user list"),
            (&["--check", "user", "list"], "--check"),
            (&["user", "list", "--print-config"], "--print-config"),
            (&["user", "list", "--config"], "--config"),
        ] {
            let error = read(arguments).err().unwrap_or_default();
            assert!(error.contains(said), "{arguments:?}: {error:?}");
        }
    }
}
