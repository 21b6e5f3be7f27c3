//! What is pushed to a running tracker.

use crate::client::{Told, Way, leech, seed};
use crate::common::{PATIENCE, Tracker, config, eventually, http, udp};
use crate::site::Site;
use chihaya::model::{InfoHash, Multipliers, Passkey, TorrentId, UnixTime, UserId};
use chihaya::server::{Answers, PushError, Pushed, Stored};
use chihaya::storage::{
    Client, Edit, OptionsEdit, Token, TorrentEdit, TorrentName, TorrentStatus, UserEdit, UserName,
};
use chihaya::{Drivers, Server};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;

/// Pushes edits, and waits for the answers.
pub fn push(tracker: &Tracker, edits: Vec<Edit>) -> Answers {
    let (sender, answers) = channel();
    tracker.authority().push(edits, move |told| {
        sender.send(told).expect("waited for");
    });
    answers.recv_timeout(PATIENCE).expect("an answer")
}

pub fn one(tracker: &Tracker, edit: Edit) -> Result<Pushed, PushError> {
    let [answer] = push(tracker, vec![edit]).try_into().expect("one answer");
    answer
}

pub fn passkey(text: &str) -> Passkey {
    Passkey::new(text.as_bytes()).expect("a passkey")
}

pub fn torrent_of(letter: char) -> TorrentName {
    TorrentName::InfoHash(InfoHash(udp::hash(letter)))
}

/// A user with this passkey and number.
pub fn user(id: u64, text: &str) -> Edit {
    Edit::User(UserEdit {
        create: true,
        passkey: Some(passkey(text)),
        ..UserEdit::of(UserName::Id(UserId(id)))
    })
}

/// The torrent of this letter, with a number.
pub fn torrent(id: u64, letter: char) -> Edit {
    Edit::Torrent(TorrentEdit {
        create: true,
        id: Some(TorrentId(id)),
        ..TorrentEdit::of(torrent_of(letter))
    })
}

fn written(id: u64, created: bool) -> Result<Pushed, PushError> {
    Ok(Pushed {
        id: Some(id),
        created,
        stored: Stored::Written,
    })
}

#[test]
fn what_is_pushed_is_in_effect_when_it_is_answered() {
    let site = Site::new("pushes").with_rare_visits();
    let tracker = site.start();
    leech("alice", 1).refused(&tracker, "unknown passkey", "1");
    let told = push(&tracker, vec![user(7, "alice"), torrent(9, 'a')]);
    assert_eq!(told, [written(7, true), written(9, true)]);
    leech("alice", 1).served(&tracker);
    let disabled = Edit::User(UserEdit {
        enabled: Some(false),
        ..UserEdit::of(UserName::Passkey(passkey("alice")))
    });
    assert_eq!(one(&tracker, disabled), written(7, false));
    leech("alice", 1).refused(&tracker, "account disabled", "60");
    assert_eq!(one(&tracker, user(8, "bob")), written(8, true));
    seed("bob", 2).served(&tracker);
    let deleted = Edit::Torrent(TorrentEdit {
        status: Some(TorrentStatus::Deleted("dupe".into())),
        ..TorrentEdit::of(torrent_of('a'))
    });
    assert_eq!(one(&tracker, deleted), written(9, false));
    seed("bob", 2).refused(&tracker, "torrent deleted: dupe", "never");
    assert_eq!(
        site.numbers("SELECT enabled, 7 FROM tracker_users WHERE id = 7"),
        [0, 7]
    );
    assert_eq!(
        site.value::<String>("SELECT reason FROM tracker_torrents WHERE id = 9"),
        "dupe"
    );
}

#[test]
fn the_storage_gives_the_numbers_that_are_not_said() {
    let site = Site::new("pushes-born");
    site.user("first");
    let tracker = site.start();
    let new = Edit::User(UserEdit {
        create: true,
        ..UserEdit::of(UserName::Passkey(passkey("alice")))
    });
    let new_torrent = Edit::Torrent(TorrentEdit {
        create: true,
        ..TorrentEdit::of(torrent_of('a'))
    });
    let change = Edit::User(UserEdit {
        can_leech: Some(false),
        ..UserEdit::of(UserName::Passkey(passkey("alice")))
    });
    let told = push(
        &tracker,
        vec![new.clone(), new_torrent.clone(), new.clone(), change],
    );
    let expected = [
        written(2, true),
        written(1, true),
        written(2, false),
        written(2, false),
    ];
    assert_eq!(told, expected);
    seed("alice", 1).served(&tracker);
    leech("alice", 2).refused(&tracker, "downloading is disabled for this account", "60");
    assert_eq!(push(&tracker, vec![new_torrent]), [written(1, false)]);
}

#[test]
fn what_cannot_be_is_refused() {
    let site = Site::new("pushes-refused");
    let (alice, bob) = (site.user("alice"), site.user("bob"));
    site.torrent('a');
    let tracker = site.start();
    let unknown = Edit::UserGone(UserName::Id(UserId(99)));
    let taken = Edit::User(UserEdit {
        passkey: Some(passkey("bob")),
        ..UserEdit::of(UserName::Id(UserId(alice)))
    });
    let nobody = Edit::User(UserEdit {
        create: true,
        ..UserEdit::of(UserName::Id(UserId(99)))
    });
    let told = push(&tracker, vec![unknown, taken, nobody, user(bob, "bob")]);
    assert_eq!(
        told,
        [
            Err(PushError::NotFound),
            Err(PushError::Conflict("another user has this passkey")),
            Err(PushError::Invalid("a new user needs a passkey")),
            written(bob, false),
        ]
    );
    for name in ["alice", "bob"] {
        leech(name, 1).served(&tracker);
    }
}

fn at_pace(interval: Option<u32>, min_interval: Option<u32>) -> Edit {
    Edit::Options(OptionsEdit {
        interval_secs: Some(interval),
        min_interval_secs: Some(min_interval),
        ..OptionsEdit::default()
    })
}

/// Interval and least interval that a client is told.
fn told_pace(tracker: &Tracker) -> (i128, i128) {
    let target = leech("alice", 1).target();
    let told = http::get(tracker.http[0], &target).announced();
    (told.interval, told.min_interval)
}

#[test]
fn the_pace_of_announces_changes_while_it_runs() {
    let announce = r#""announce": {"interval": 600, "min_interval": 300, "jitter": 0,
        "peer_lifetime": 2000}"#;
    let site = Site::new("pushes-pace").with(announce);
    site.user("alice");
    site.torrent('a');
    let tracker = site.start();
    assert_eq!(told_pace(&tracker), (600, 300));
    assert!(one(&tracker, at_pace(Some(1800), Some(0))).is_ok());
    assert_eq!(told_pace(&tracker), (1800, 0));
    // Never too soon, from now on: no warning.
    assert_eq!(leech("alice", 1).served(&tracker).warning, None);
    let kept = "SELECT max(iif(name = 'interval', value, 0)), max(iif(name = 'min_interval', value, 0)), \
        count(*) FROM tracker_options";
    assert_eq!(site.numbers(kept), [1800, 0, 2]);
    for (interval, min_interval) in [(Some(0), None), (Some(2001), None), (None, Some(601))] {
        let told = one(&tracker, at_pace(interval, min_interval));
        assert!(
            matches!(told, Err(PushError::Invalid(_))),
            "{interval:?}: {told:?}"
        );
    }
    tracker.stop();
    // The books know: an announce after long is credited at this pace.
    let tracker = site.start();
    assert_eq!(told_pace(&tracker), (1800, 0));
    assert!(one(&tracker, at_pace(None, None)).is_ok());
    assert_eq!(told_pace(&tracker), (600, 300));
    assert!(leech("alice", 1).served(&tracker).warning.is_some());
    // What the web application says does the same.
    site.sql("INSERT INTO tracker_options VALUES ('interval', 100), ('min_interval', 7)");
    eventually("the pace of the web application", || {
        std::thread::sleep(std::time::Duration::from_millis(20));
        told_pace(&tracker) == (100, 7)
    });
}

#[test]
fn everybody_downloads_freely_until_it_is_over() {
    let site = Site::new("pushes-free");
    let alice = site.user("alice");
    site.torrent('a');
    let tracker = site.start();
    let moved = |bytes| leech("alice", 1).moved(bytes, bytes);
    let free = |until| {
        Edit::Options(OptionsEdit {
            down_percent: Some(0),
            until: Some(Some(UnixTime(until))),
            ..OptionsEdit::default()
        })
    };
    moved(0).served(&tracker);
    assert!(one(&tracker, free(u32::MAX)).is_ok());
    moved(10).served(&tracker);
    assert!(one(&tracker, free(1)).is_ok());
    moved(30).served(&tracker);
    let token = Edit::Token(Token {
        user: Some(UserId(alice)),
        torrent: None,
        multipliers: Multipliers {
            up_percent: 1000,
            down_percent: 100,
        },
        until: None,
    });
    let gone = Edit::TokenGone {
        user: Some(UserId(alice)),
        torrent: None,
    };
    let created = |created| {
        Ok(Pushed {
            id: None,
            created,
            stored: Stored::Written,
        })
    };
    assert_eq!(one(&tracker, token.clone()), created(true));
    assert_eq!(one(&tracker, token), created(false));
    moved(31).served(&tracker);
    assert_eq!(one(&tracker, gone.clone()), created(false));
    assert_eq!(one(&tracker, gone), Err(PushError::NotFound));
    moved(32).served(&tracker);
    tracker.stop();
    assert_eq!(site.totals(alice), [41, 22, 32, 32]);
}

#[test]
fn clients_are_approved_and_banned() {
    let site = Site::new("pushes-clients");
    site.user("alice");
    site.torrent('a');
    let tracker = site.start();
    let client = |prefix: &[u8], allow| {
        Edit::Client(Client {
            prefix: prefix.into(),
            allow,
        })
    };
    let banned = "client not approved";
    leech("alice", 1).served(&tracker);
    assert!(one(&tracker, client(b"-XX", false)).is_ok());
    leech("alice", 1).refused(&tracker, banned, "never");
    assert!(one(&tracker, client(b"-XX0000-0", true)).is_ok());
    leech("alice", 1).served(&tracker);
    assert!(one(&tracker, Edit::ClientGone(b"-XX0000-0".as_slice().into())).is_ok());
    leech("alice", 1).refused(&tracker, banned, "never");
    let too_long = one(&tracker, client(&[b'x'; 21], true));
    assert!(
        matches!(too_long, Err(PushError::Invalid(_))),
        "{too_long:?}"
    );
    assert_eq!(tracker.authority().registry().client(b"-XX"), Some(false));
}

/// Clients that announce as fast as they can see no push too late: what was answered before an
/// announce was sent, and not taken back before it was answered, holds for it.
#[test]
fn no_worker_lags_behind() {
    const ROUNDS: u64 = 200;
    let site = Site::new("pushes-storm");
    let alice = site.user("alice");
    site.torrent('a');
    let tracker = site.start();
    // Twice the rounds that are over, and one more while the user is known to be disabled.
    let phase = AtomicU64::new(0);
    let refused = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for port in 1..4 {
            let (tracker, phase, refused) = (&tracker, &phase, &refused);
            scope.spawn(move || {
                while phase.load(Ordering::SeqCst) < 2 * ROUNDS {
                    let before = phase.load(Ordering::SeqCst);
                    // Over UDP: a connection each would use up the ports of this host.
                    let told = leech("alice", port).by(Way::Udp).told(tracker);
                    let is_known = before == phase.load(Ordering::SeqCst) && before % 2 == 1;
                    if is_known {
                        assert!(matches!(told, Told::Refused(..)), "{before}: {told:?}");
                        refused.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
        for round in 0..ROUNDS {
            let enabled = |enabled| {
                Edit::User(UserEdit {
                    enabled: Some(enabled),
                    ..UserEdit::of(UserName::Id(UserId(alice)))
                })
            };
            assert!(one(&tracker, enabled(false)).is_ok());
            // Nobody announces any more, and nobody is left.
            assert_eq!(tracker.authority().user_sessions(UserId(alice)), []);
            let before = refused.load(Ordering::SeqCst);
            phase.store(2 * round + 1, Ordering::SeqCst);
            eventually("somebody is refused", || {
                std::thread::yield_now();
                refused.load(Ordering::SeqCst) > before
            });
            assert_eq!(tracker.authority().user_sessions(UserId(alice)), []);
            phase.store(2 * round + 2, Ordering::SeqCst);
            assert!(one(&tracker, enabled(true)).is_ok());
        }
    });
}

#[test]
fn a_tracker_that_has_stopped_takes_nothing() {
    let site = Site::new("pushes-stopped");
    let server = Server::start(&config(&site.settings()), &Drivers::builtin()).expect("it starts");
    let authority = Arc::clone(server.authority().expect("a private tracker"));
    server.stop();
    let (sender, answers) = channel();
    authority.push(vec![user(1, "late"), user(2, "later")], move |told| {
        sender.send(told).expect("waited for");
    });
    assert_eq!(answers.recv(), Ok(vec![Err(PushError::Busy); 2]));
    let public = Server::start(&config("{}"), &Drivers::builtin()).expect("it starts");
    assert!(public.authority().is_none());
    public.stop();
}
