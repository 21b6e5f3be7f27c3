//! Who may speak a dialect: those who know its secret, which is told to nobody.

use crate::common::http::{Connection, get, request};
use crate::common::program::{CHIHAYA, Running};
use crate::common::{Tracker, V4, ip};
use crate::gazelle::{Gazelle, REPORT_SECRET, SECRET, passkey};
use crate::site::Site;
use crate::unit3d_site::{self, KEY};
use std::process::Command;
use std::time::{Duration, Instant};

const OTHER: &str = "0celot-update-0celot-update-0124";

fn both(name: &str, on: &str) -> Site {
    Site::new(&format!("dialects-{name}")).with(&format!(
        r#""admin": {{"listen": ["127.0.0.1:0"], "dialects": {{
            "ocelot": {{"on": "{on}", "secret": "{SECRET}", "report_secret": "{REPORT_SECRET}"}},
            "unit3d": {{"on": "{on}", "key": "{KEY}"}}}}}}"#
    ))
}

#[test]
fn nothing_is_done_or_told_without_the_secret() {
    let site = both("strangers", "both");
    let tracker = site.start();
    let nowhere = get(tracker.http[V4], "/no/such/path");
    let users = format!("action=add_user&passkey={}&id=7", passkey('u'));
    let longer = format!("{SECRET}x");
    for (number, target) in [
        format!("/{OTHER}/update?{users}"),
        format!("/{longer}/update?{users}"),
        format!("/{}/update?{users}", &SECRET[1..]),
        format!("/{}/update?{users}", SECRET.to_uppercase()),
        // Each secret is for its own.
        format!("/{REPORT_SECRET}/update?{users}"),
        format!("/{KEY}/update?{users}"),
        format!("/{OTHER}/report?get=stats"),
        format!("/{KEY}/report?get=stats"),
        format!("/announce/{OTHER}/stats"),
        format!("/announce/{SECRET}/stats"),
        "/announce/(hidden)/users/7".to_owned(),
    ]
    .into_iter()
    .enumerate()
    {
        // Each from an address of its own, or they would wait for one another.
        let from = ip(&format!("127.0.0.{}", 2 + number));
        let mut client = Connection::open_from(from, tracker.http[V4]);
        client.send(request(&target));
        let answer = client.answer();
        // As if nobody spoke a dialect.
        assert_eq!(
            (answer.status, &answer.body),
            (404, &nowhere.body),
            "{target}"
        );
        client.expect_end();
        let mut client = Connection::open_from(from, tracker.admin[V4]);
        client.send(request(&target));
        assert_eq!(client.answer().status, 401, "{target}");
        client.expect_end();
    }
    let put = unit3d_site::request("PUT", "users", &unit3d_site::user(7, 3, "alice"));
    for address in [tracker.http[V4], tracker.admin[V4]] {
        let mut client = Connection::open(address);
        client.send(put.replace(KEY, OTHER));
        assert!([404, 401].contains(&client.answer().status));
        client.expect_end();
    }
    assert_eq!(
        site.numbers("SELECT count(*), 0 FROM tracker_users"),
        [0, 0]
    );
}

#[test]
fn wrong_secrets_are_answered_late_and_right_ones_are_not() {
    let site = both("slow", "tracker");
    let tracker = site.start();
    let start = Instant::now();
    let mut wrong: Vec<Connection> = (0..20)
        .map(|number| {
            let mut client = Connection::open(tracker.http[V4]);
            client.send(request(&match number % 2 {
                0 => format!("/{OTHER}/update?action=add_user"),
                _ => format!("/announce/{OTHER}/stats"),
            }));
            client
        })
        .collect();
    let gazelle = Gazelle::of(&tracker);
    for id in 1..10 {
        let letter = char::from(b'a' + id);
        gazelle.update(
            "add_user",
            &[("passkey", &passkey(letter)), ("id", &id.to_string())],
        );
    }
    let right = start.elapsed();
    let (mut late, mut too_many) = (0, 0);
    for client in &mut wrong {
        let patience = Some(Duration::from_secs(15));
        client
            .stream()
            .set_read_timeout(patience)
            .expect("a timeout");
        match client.answer().status {
            404 => late += 1,
            429 => too_many += 1,
            status => panic!("{status}"),
        }
    }
    let all = start.elapsed();
    assert!(
        late >= 8 && too_many >= 1,
        "{late} late, {too_many} too many"
    );
    assert!(all > Duration::from_secs(5), "{all:?}");
    assert!(right < all / 3, "{right:?} of {all:?}");
}

/// A tracker whose secrets are in files and in the environment.
fn start_with(site: &Site, dialects: &str) -> Running {
    let settings = site.with_admin(&format!(r#"{{"listen": [], "dialects": {{{dialects}}}}}"#));
    let mut config = crate::common::config(&settings);
    config.log.level = serde_json::from_value("trace".into()).expect("a level");
    let path = site.folder().join("config.json");
    std::fs::write(&path, config.to_json()).expect("written");
    let mut command = Command::new(CHIHAYA);
    let path = path.to_str().expect("UTF-8");
    command.args(["--config", path]).env("KEY_OF_SITE", KEY);
    Running::spawn(&mut command)
}

impl Site {
    fn with_admin(&self, admin: &str) -> String {
        let settings = self.settings();
        let open = settings.strip_suffix('}').expect("an object");
        format!("{open}, \"admin\": {admin}}}")
    }
}

#[test]
fn secrets_are_in_files_and_in_no_log() {
    let site = Site::new("dialects-files");
    let file = |name: &str, secret: &str| {
        let path = site.folder().join(name);
        std::fs::write(&path, format!("{secret}\n")).expect("written");
        path
    };
    let (secret, report) = (file("secret", SECRET), file("report", REPORT_SECRET));
    let ocelot = format!(
        r#""ocelot": {{"on": "tracker", "secret_file": {secret:?}, "report_secret_file": {report:?}}}"#
    );
    let unit3d = r#""unit3d": {"on": "tracker", "key_env": "KEY_OF_SITE"}"#;
    let mut running = start_with(&site, &format!("{ocelot}, {unit3d}"));
    let addresses = running.listening(4);
    let http = addresses.iter().filter(|(protocol, _)| protocol == "http");
    let http: Vec<_> = http.map(|(_, address)| *address).collect();
    let tracker = Tracker::elsewhere(http, Vec::new());
    let gazelle = Gazelle::of(&tracker);
    gazelle.update("add_user", &[("passkey", &passkey('u')), ("id", "7")]);
    gazelle.update("dance", &[("passkey", &passkey('u'))]);
    assert!(gazelle.report("stats").contains("seeders tracked"));
    unit3d_site::Unit3d::of(&tracker).put("users", unit3d_site::user(8, 3, &passkey('v')));
    unit3d_site::Unit3d::of(&tracker).status(
        "PUT",
        "users",
        &unit3d_site::user(9, 3, &passkey('v')),
    );
    get(tracker.http[V4], &format!("/{OTHER}/update?action=x"));
    for broken in [
        format!("GET /{SECRET}/update\r\n\r\n"),
        format!("GET /{SECRET}/update HTTP/1.1\r\nBad Header\r\n\r\n"),
        format!("PUT /{SECRET}/update HTTP/1.1\r\nHost: t\r\n\r\n"),
    ] {
        let mut client = Connection::open(tracker.http[V4]);
        client.send(broken);
        assert!([400, 405].contains(&client.answer().status));
    }
    let (status, lines) = running.end_by("-TERM");
    assert!(status.success() && lines.len() > 5, "{lines:?}");
    let told = lines.join("\n");
    for hidden in [
        SECRET,
        REPORT_SECRET,
        KEY,
        OTHER,
        &passkey('u'),
        &passkey('v'),
    ] {
        assert!(!told.contains(hidden), "{told}");
    }
    for (dialect, name, fault) in [
        (
            r#""unit3d": {"on": "tracker", "key_env": "NO_SUCH_KEY"}"#,
            "unit3d.key",
            "is not set",
        ),
        (
            r#""ocelot": {"on": "tracker", "secret_file": "/nowhere"}"#,
            "ocelot.secret",
            "cannot read /nowhere",
        ),
    ] {
        let (status, lines) = start_with(&site, dialect).end_by("-0");
        assert_eq!(status.code(), Some(2), "{lines:?}");
        let told = lines
            .iter()
            .any(|line| line.contains(fault) && line.contains(name));
        assert!(told, "{fault}: {lines:?}");
    }
}

#[test]
fn there_are_no_reports_without_a_secret_of_their_own() {
    let site = Site::new("dialects-quiet").with(&format!(
        r#""admin": {{"listen": [], "dialects": {{"ocelot": {{"on": "tracker",
            "secret": "{SECRET}"}}}}}}"#
    ));
    let tracker = site.start();
    let report = format!("/{REPORT_SECRET}/report?get=stats");
    assert_eq!(get(tracker.http[V4], &report).status, 404);
    // Who may change all may look at it.
    let report = format!("/{SECRET}/report?get=stats");
    assert_eq!(get(tracker.http[V4], &report).status, 200);
}
