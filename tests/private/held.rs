//! What is pushed while the storage hangs, is away, or says something else.

use crate::client::{leech, seed};
use crate::common::{Tracker, eventually};
use crate::gate::{Gate, Way};
use crate::pushes::{one, passkey, push, torrent, torrent_of, user};
use crate::site::Site;
use chihaya::model::{TorrentId, UserId};
use chihaya::server::{PushError, Pushed, Stored};
use chihaya::storage::{Edit, TorrentEdit, TorrentName, TorrentStatus, UserEdit, UserName};
use std::time::{Duration, Instant};

fn held(id: u64, created: bool) -> Result<Pushed, PushError> {
    Ok(Pushed {
        id: Some(id),
        created,
        stored: Stored::Held,
    })
}

fn enabled(id: u64, enabled: bool) -> Edit {
    Edit::User(UserEdit {
        enabled: Some(enabled),
        ..UserEdit::of(UserName::Id(UserId(id)))
    })
}

fn nothing_is_held(tracker: &Tracker) {
    eventually("nothing is held", || {
        std::thread::sleep(Duration::from_millis(5));
        tracker.authority().held() == 0
    });
}

#[test]
fn a_storage_that_hangs_keeps_nobody_waiting() {
    let site = Site::new("held-hangs");
    let alice = site.user("alice");
    site.torrent('a');
    let gate = Gate::new(Way::Open);
    let tracker = gate.start(&site, true);
    leech("alice", 1).served(&tracker);
    gate.set(Way::Hangs);
    assert_eq!(one(&tracker, enabled(alice, false)), held(alice, false));
    leech("alice", 1).refused(&tracker, "account disabled", "60");
    // It is known to hang by now.
    let start = Instant::now();
    let told = push(
        &tracker,
        vec![user(7, "bob"), torrent(9, 'b'), enabled(alice, true)],
    );
    assert_eq!(told, [held(7, true), held(9, true), held(alice, false)]);
    assert!(
        start.elapsed() < Duration::from_millis(900),
        "{:?}",
        start.elapsed()
    );
    for name in ["alice", "bob"] {
        leech(name, 1).on('b').served(&tracker);
    }
    // Nobody can say which number it would get.
    let newborn = Edit::Torrent(TorrentEdit {
        create: true,
        ..TorrentEdit::of(torrent_of('c'))
    });
    assert_eq!(one(&tracker, newborn.clone()), Err(PushError::Busy));
    assert!(tracker.authority().held() >= 3);
    gate.set(Way::Open);
    nothing_is_held(&tracker);
    let all =
        "SELECT count(*) FROM tracker_users WHERE enabled = 1 AND passkey IN ('alice', 'bob')";
    assert_eq!(site.value::<i64>(all), 2);
    assert_eq!(
        site.value::<i64>("SELECT id FROM tracker_torrents WHERE id = 9"),
        9
    );
    assert!(one(&tracker, newborn).is_ok_and(|pushed| pushed.stored == Stored::Written));
}

#[test]
fn a_restart_forgets_none_of_it() {
    let site = Site::new("held-restart");
    let alice = site.user("alice");
    site.torrent('a');
    let gate = Gate::new(Way::Open);
    gate.start(&site, true).stop();
    gate.set(Way::Away);
    let pushes = [
        vec![user(7, "bob"), enabled(alice, false), torrent(9, 'b')],
        vec![enabled(alice, true), enabled(7, false)],
        vec![Edit::TorrentGone(TorrentName::Id(TorrentId(1)))],
    ];
    for (run, edits) in pushes.into_iter().enumerate() {
        let tracker = gate.start(&site, true);
        let answers = push(&tracker, edits);
        let all_held = answers
            .iter()
            .all(|answer| answer.is_ok_and(|pushed| pushed.stored == Stored::Held));
        assert!(all_held, "run {run}: {answers:?}");
        tracker.stop();
    }
    let tracker = gate.start(&site, true);
    let after = |tracker: &Tracker| {
        leech("bob", 1)
            .on('b')
            .refused(tracker, "account disabled", "60");
        leech("alice", 1).on('b').served(tracker);
        leech("alice", 1).refused(tracker, "torrent not registered", "1");
    };
    after(&tracker);
    gate.set(Way::Open);
    nothing_is_held(&tracker);
    after(&tracker);
    tracker.stop();
    assert!(!site.journal().join("held").exists());
    let users = "SELECT sum(enabled), count(*) FROM tracker_users";
    assert_eq!(site.numbers(users), [1, 2]);
    assert_eq!(site.numbers("SELECT id, 1 FROM tracker_torrents"), [9, 1]);
}

#[test]
fn a_load_that_began_before_undoes_nothing() {
    for writable in [true, false] {
        let site = Site::new(&format!("held-load-{writable}"));
        let alice = site.user("alice");
        site.torrent('a');
        let gate = Gate::new(Way::Open);
        let tracker = gate.start(&site, writable);
        leech("alice", 1).served(&tracker);
        // Something for the load to say of her.
        site.sql("UPDATE tracker_users SET hide_ip = 1");
        gate.set(Way::HangsInLoads);
        gate.wait_for_load_to_hang();
        let told = one(&tracker, enabled(alice, false));
        assert_eq!(told, held(alice, false), "{writable}");
        gate.set(Way::Open);
        leech("alice", 1).refused(&tracker, "account disabled", "60");
        gate.wait_for_load();
        leech("alice", 1).refused(&tracker, "account disabled", "60");
        if writable {
            nothing_is_held(&tracker);
            assert_eq!(site.value::<i64>("SELECT enabled FROM tracker_users"), 0);
        }
    }
}

#[test]
fn a_web_application_confirms_what_it_pushed() {
    let site = Site::new("held-confirmed");
    let alice = site.user("alice");
    site.torrent('a');
    let gate = Gate::new(Way::Open);
    let tracker = gate.start(&site, false);
    assert_eq!(one(&tracker, enabled(alice, false)), held(alice, false));
    assert_eq!(one(&tracker, user(7, "bob")), held(7, true));
    assert_eq!(one(&tracker, torrent(9, 'b')), held(9, true));
    let newborn = Edit::User(UserEdit {
        create: true,
        ..UserEdit::of(UserName::Passkey(passkey("carol")))
    });
    let needs = "it needs a number: the storage gives none";
    assert_eq!(one(&tracker, newborn), Err(PushError::Invalid(needs)));
    seed("bob", 1).on('b').served(&tracker);
    site.sql(
        "UPDATE tracker_users SET enabled = 0;
         INSERT INTO tracker_users (id, passkey) VALUES (7, 'bob');
         INSERT INTO tracker_torrents (id, info_hash) VALUES (9, CAST('bbbbbbbbbbbbbbbbbbbb' AS BLOB));",
    );
    nothing_is_held(&tracker);
    leech("alice", 1).refused(&tracker, "account disabled", "60");
    seed("bob", 1).on('b').served(&tracker);
    // What it has said itself need not be held.
    let said = Pushed {
        id: Some(7),
        created: false,
        stored: Stored::Written,
    };
    assert_eq!(one(&tracker, user(7, "bob")), Ok(said));
    tracker.stop();
    assert!(!site.journal().join("held").exists());
}

#[test]
fn a_web_application_that_says_otherwise_has_the_last_word() {
    let site = Site::new("held-otherwise");
    let alice = site.user("alice");
    site.torrent('a');
    let gate = Gate::new(Way::Open);
    let tracker = gate.start(&site, false);
    assert_eq!(one(&tracker, enabled(alice, false)), held(alice, false));
    let deleted = Edit::Torrent(TorrentEdit {
        status: Some(TorrentStatus::Deleted("".into())),
        ..TorrentEdit::of(torrent_of('a'))
    });
    assert_eq!(one(&tracker, deleted), held(1, false));
    // Twice it says something of them, and not what was pushed.
    for hide_ip in [1, 0] {
        site.sql(&format!(
            "UPDATE tracker_users SET hide_ip = {hide_ip};
             UPDATE tracker_torrents SET up_percent = 10{hide_ip};"
        ));
        gate.wait_for_load();
        gate.wait_for_load();
    }
    nothing_is_held(&tracker);
    leech("alice", 1).served(&tracker);
    assert_eq!(site.value::<i64>("SELECT enabled FROM tracker_users"), 1);
}

#[test]
fn what_the_storage_refuses_is_as_the_storage_has_it() {
    let site = Site::new("held-refused").with_rare_visits();
    let (alice, bob) = (site.user("alice"), site.user("bob"));
    site.torrent('a');
    let tracker = site.start();
    // The tracker does not know yet who has got this passkey.
    site.sql("UPDATE tracker_users SET passkey = 'new' WHERE passkey = 'bob'");
    let taken = Edit::User(UserEdit {
        passkey: Some(passkey("new")),
        ..UserEdit::of(UserName::Id(UserId(alice)))
    });
    let told = push(&tracker, vec![taken, enabled(bob, true)]);
    let conflict = PushError::Conflict("another user has this passkey");
    assert_eq!(told[0], Err(conflict));
    assert!(told[1].is_ok_and(|pushed| pushed.stored == Stored::Written));
    leech("alice", 1).served(&tracker);
    leech("new", 2).refused(&tracker, "unknown passkey", "1");
    leech("new", 2).eventually_served(&tracker);
    assert_eq!(tracker.authority().held(), 0);
}
