use super::*;
use crate::cli::command::Percents;

fn read(arguments: &[&str]) -> Result<Arguments, String> {
    let arguments = ["chihaya"].iter().chain(arguments).map(OsString::from);
    Arguments::read(arguments).map_err(|error| error.to_string())
}

/// The command without those of a site.
fn told(arguments: &[&str]) -> (&'static str, Option<PathBuf>) {
    let arguments = read(arguments).unwrap_or_else(|error| panic!("{arguments:?}: {error}"));
    let command = match arguments.command {
        Command::Run => "run",
        Command::Check => "check",
        Command::PrintConfig => "print",
        Command::Version => "version",
        Command::Help => "help",
        Command::Schema => "schema",
        Command::CheckStorage => "check storage",
        Command::Site(_) => "site",
    };
    (command, arguments.config_file)
}

#[test]
fn what_is_run() {
    for (arguments, command, config) in [
        (&[][..], "run", None),
        (&["--config", "c"], "run", Some("c")),
        (&["-config", "c", "--check"], "check", Some("c")),
        (&["--print-config"], "print", None),
        (&["user", "add", "--version"], "version", None),
        (&["torrent", "--help"], "help", None),
        (&["--config", "c", "user", "add", "é"], "site", Some("c")),
        (&["user", "add", "bob", "--config=c"], "site", Some("c")),
        (&["user", "-config", "c", "add", "bob"], "site", Some("c")),
        (&["schema", "--config", "c"], "schema", Some("c")),
        (&["storage", "check", "--json"], "check storage", None),
    ] {
        assert_eq!(told(arguments), (command, config.map(PathBuf::from)));
    }
}

fn id(id: u64) -> Name {
    Name::Id(id)
}

fn percents(up: Option<u16>, down: Option<u16>) -> Percents {
    Percents { up, down }
}

#[test]
fn commands() {
    let hash = "0123456789abcdef0123456789ABCDEF01234567";
    let plain = UserColumns::default();
    let all = UserColumns {
        passkeys: true,
        bytes: true,
    };
    let name = |text: &str| Name::Text(text.to_owned());
    let key = |text: &str| Name::Key(text.to_owned());
    let files = |files: &[&str]| files.iter().map(PathBuf::from).collect();
    let user = |change: UserChange| SiteCommand::SetUser(id(7), change);
    let torrent = |change: TorrentChange| SiteCommand::SetTorrent(id(7), change);
    let change = UserChange::default;
    let at = 1_790_856_000;
    for (line, command) in [
        ("user add alice", SiteCommand::AddUser("alice".to_owned())),
        ("user add -- -x", SiteCommand::AddUser("-x".to_owned())),
        ("user list", SiteCommand::ListUsers(plain)),
        ("--bytes user list --passkeys", SiteCommand::ListUsers(all)),
        ("user show 7", SiteCommand::ShowUser(id(7), plain)),
        ("user show id:7", SiteCommand::ShowUser(id(7), plain)),
        (
            "user show 7a --bytes --passkeys",
            SiteCommand::ShowUser(Name::Either("7a".to_owned()), all),
        ),
        ("user delete name:7", SiteCommand::DeleteUser(name("7"))),
        ("user delete passkey:7", SiteCommand::DeleteUser(key("7"))),
        (
            "user set 7 --enable --slots 3 --up 50",
            user(UserChange {
                enabled: Some(true),
                slots: Some(Some(3)),
                percents: percents(Some(50), None),
                ..change()
            }),
        ),
        (
            "user set 7 --disable --can-leech no --hide-ip yes --slots none --down 0%",
            user(UserChange {
                enabled: Some(false),
                can_leech: Some(false),
                hide_ip: Some(true),
                slots: Some(None),
                percents: percents(None, Some(0)),
                ..change()
            }),
        ),
        (
            "user set 7 --new-passkey --name bob",
            user(UserChange {
                name: Some("bob".to_owned()),
                new_passkey: true,
                ..change()
            }),
        ),
        (
            "torrent add a",
            SiteCommand::AddTorrents(files(&["a"]), None),
        ),
        (
            "torrent add a --id 9",
            SiteCommand::AddTorrents(files(&["a"]), Some(9)),
        ),
        (
            "torrent add a b c",
            SiteCommand::AddTorrents(files(&["a", "b", "c"]), None),
        ),
        ("torrent list", SiteCommand::ListTorrents),
        (
            "torrent show hello",
            SiteCommand::ShowTorrent(name("hello")),
        ),
        (
            &format!("torrent show {hash}"),
            SiteCommand::ShowTorrent(key(hash)),
        ),
        ("torrent show hash:7", SiteCommand::ShowTorrent(key("7"))),
        (
            "torrent set 7 --status unapproved --name x",
            torrent(TorrentChange {
                name: Some("x".to_owned()),
                status: Some(TorrentStatus::Unapproved),
                percents: Percents::default(),
            }),
        ),
        ("torrent delete 7", SiteCommand::DeleteTorrent(id(7), None)),
        (
            "torrent delete 7 --reason=dupe",
            SiteCommand::DeleteTorrent(id(7), Some("dupe".to_owned())),
        ),
        ("client list", SiteCommand::ListClients),
        (
            "client allow -TR3",
            SiteCommand::SetClient(b"-TR3".to_vec(), true),
        ),
        (
            "client --json ban -qB",
            SiteCommand::SetClient(b"-qB".to_vec(), false),
        ),
        (
            "client ban M7-",
            SiteCommand::SetClient(b"M7-".to_vec(), false),
        ),
        (
            "client remove -h",
            SiteCommand::RemoveClient(b"-h".to_vec()),
        ),
        ("token list", SiteCommand::ListTokens),
        (
            "token add all 9 --until 2026-10-01T12:00Z --up 200",
            SiteCommand::AddToken((None, Some(id(9))), percents(Some(200), None), Some(at)),
        ),
        (
            "token add 7 all --until none",
            SiteCommand::AddToken((Some(id(7)), None), Percents::default(), None),
        ),
        (
            "token remove all all",
            SiteCommand::RemoveToken((None, None)),
        ),
        ("options show", SiteCommand::ShowOptions),
        (
            "options set --interval 30m --min-interval none --jitter 90s --up 150",
            SiteCommand::SetOptions(OptionsEdit {
                up_percent: Some(150),
                interval_secs: Some(Some(1800)),
                min_interval_secs: Some(None),
                jitter_secs: Some(Some(90)),
                ..OptionsEdit::default()
            }),
        ),
        (
            &format!("options set --freeleech {at}"),
            SiteCommand::SetOptions(OptionsEdit {
                down_percent: Some(0),
                until: Some(Some(UnixTime(at))),
                ..OptionsEdit::default()
            }),
        ),
        (
            "options set --freeleech none",
            SiteCommand::SetOptions(OptionsEdit {
                down_percent: Some(100),
                until: Some(None),
                ..OptionsEdit::default()
            }),
        ),
        ("stats", SiteCommand::Stats),
        ("sync -", SiteCommand::Sync(None)),
        ("sync x", SiteCommand::Sync(Some("x".into()))),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let arguments = read(&words).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(arguments.json, line.contains("--json"), "{line}");
        match arguments.command {
            Command::Site(found) => assert_eq!(found, command, "{line}"),
            _ => panic!("{line}"),
        }
    }
}

#[test]
fn faults() {
    let longest = "ä".repeat(64);
    assert!(read(&["user", "add", &longest]).is_ok());
    let long = "ä".repeat(65);
    let reason = "x".repeat(REASON_MAX_BYTES + 1);
    let prefix = "-".to_owned() + &"x".repeat(PREFIX_MAX_BYTES);
    for (arguments, said) in [
        (&["users"][..], "\"users\""),
        (&["user"], "user: add, list, show, set or delete?"),
        (&["torrent", "remove"], "torrent: add, list"),
        (&["client", "-x"], "-x"),
        (&["client", "approve"], "client: list, allow"),
        (&["token", "give"], "token: list, add or remove?"),
        (&["options"], "options: show or set?"),
        (&["sync"], "sync: the FILE is missing"),
        (&["stats", "all"], "\"all\""),
        (&["user", "add"], "NAME is missing"),
        (&["user", "add", ""], "1 to 64"),
        (&["user", "add", &long], "1 to 64"),
        (&["user", "add", "a\nb"], "control character"),
        (&["user", "add", "a\u{1b}[2J"], "control character"),
        (&["user", "add", "a\u{202e}b"], "control character"),
        (&["user", "add", "a", "b"], "\"b\""),
        (&["user", "list", "a"], "\"a\""),
        (&["user", "show"], "USER is missing"),
        (&["user", "show", "0"], "no USER with the number"),
        (&["user", "show", "id:x"], "no USER with the number"),
        (&["user", "set", "7"], "what is to be changed?"),
        (&["user", "set", "7", "--enable", "--disable"], "exclude"),
        (&["user", "set", "7", "--up", "a"], "--up: a percentage"),
        (&["user", "set", "7", "--up=65536"], "--up: a percentage"),
        (
            &["user", "set", "7", "--up=1", "--up=2"],
            "--up is given twice",
        ),
        (&["user", "set", "7", "--slots", "-1"], "--slots"),
        (&["user", "set", "7", "--can-leech", "x"], "yes or no?"),
        (&["user", "set", "7", "--can-leech"], "--can-leech"),
        (&["user", "set", "7", "--name", "a\tb"], "--name: there is"),
        (&["user", "set", "7", "--enable=yes"], "--enable"),
        (&["torrent", "list", "a"], "\"a\""),
        (&["torrent", "add"], "FILE.torrent is missing"),
        (
            &["torrent", "add", "a", "b", "--id", "3"],
            "--id is for one",
        ),
        (&["torrent", "add", "a", "--id", "0"], "--id: a number"),
        (&["torrent", "set", "7", "--status", "deleted"], "--status"),
        (&["torrent", "set", "7", "--slots", "7"], "changed?"),
        (
            &["torrent", "delete", "7", "--reason", &reason],
            "512 bytes",
        ),
        (&["torrent", "list", "--passkeys"], "torrent list"),
        (&["client", "ban"], "PREFIX is missing"),
        (&["client", "ban", "--", ""], "1 to 20 bytes"),
        (&["client", "ban", &prefix], "1 to 20 bytes"),
        (&["client", "ban", "--up", "3"], "PREFIX is missing"),
        (&["token", "add", "7"], "TORRENT is missing"),
        (
            &["token", "add", "7", "7", "--until", "soon"],
            "--until: a time",
        ),
        (&["options", "set"], "what is to be changed?"),
        (&["options", "set", "--interval", "x"], "--interval: a time"),
        (
            &["options", "set", "--freeleech", "1d", "--down", "5"],
            "--freeleech says",
        ),
        (&["--bytes"], "--bytes does not belong"),
        (&["--json"], "--json belongs to a command"),
        (&["--json=yes", "user", "list"], "--json"),
        (&["--check", "user", "list"], "--check"),
        (&["user", "list", "--print-config"], "--print-config"),
        (&["user", "list", "--config"], "--config"),
        (&["schema", "--json"], "--json does not belong"),
        (&["schema", "all"], "all"),
        (&["storage"], "storage: check?"),
        (&["storage", "check", "--bytes"], "--bytes does not belong"),
        (&["--colour"], "--colour"),
        (&["-x"], "-x"),
    ] {
        let error = read(arguments).err().unwrap_or_default();
        assert!(error.contains(said), "{arguments:?}: {error:?}");
    }
}

#[test]
fn help_names_every_command_and_option() {
    use crate::cli::help::HELP;
    for word in [
        "schema",
        "storage check",
        "user add",
        "user list",
        "user show",
        "user set",
        "user delete",
        "torrent add",
        "torrent list",
        "torrent show",
        "torrent set",
        "torrent delete",
        "client list",
        "client allow",
        "client ban",
        "client remove",
        "token list",
        "token add",
        "token remove",
        "options show",
        "options set",
        "sync FILE",
        "stats",
    ] {
        assert!(HELP.contains(&format!("\n  {word}")), "{word}");
    }
    for option in crate::cli::given::known() {
        assert!(HELP.contains(&format!("--{option}")), "--{option}");
    }
    let widest = HELP.lines().map(str::len).max();
    assert!(widest <= Some(100), "{widest:?}");
}
