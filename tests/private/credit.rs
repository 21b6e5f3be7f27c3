//! How transfer is credited: by user, torrent, token, and for everybody.

use crate::client::{BOTH, leech};
use crate::site::Site;

struct Row {
    name: &'static str,
    /// What the site has written; `:user` and `:torrent` stand for the numbers.
    sql: &'static str,
    /// What is credited for 1000 up and 1000 down.
    credited: [i64; 2],
    token: bool,
}

const fn row(name: &'static str, sql: &'static str, credited: [i64; 2], token: bool) -> Row {
    Row {
        name,
        sql,
        credited,
        token,
    }
}

const ROWS: &[Row] = &[
    row("as it is", "", [1000, 1000], false),
    row(
        "the user's",
        "UPDATE tracker_users SET up_percent = 200, down_percent = 50 WHERE id = :user",
        [2000, 500],
        false,
    ),
    row(
        "the torrent's",
        "UPDATE tracker_torrents SET up_percent = 150, down_percent = 0 WHERE id = :torrent",
        [1500, 0],
        false,
    ),
    row(
        "both",
        "UPDATE tracker_users SET up_percent = 200, down_percent = 50 WHERE id = :user;
         UPDATE tracker_torrents SET up_percent = 150, down_percent = 50 WHERE id = :torrent",
        [3000, 250],
        false,
    ),
    row(
        "a token",
        "INSERT INTO tracker_tokens (user_id, torrent_id, down_percent)
         VALUES (:user, :torrent, 0)",
        [1000, 0],
        true,
    ),
    row(
        "a token on top of all",
        "UPDATE tracker_users SET up_percent = 200 WHERE id = :user;
         UPDATE tracker_torrents SET down_percent = 50 WHERE id = :torrent;
         INSERT INTO tracker_tokens (user_id, torrent_id, up_percent, down_percent)
         VALUES (:user, :torrent, 300, 10)",
        [6000, 50],
        true,
    ),
    row(
        "a token for every torrent",
        "INSERT INTO tracker_tokens (user_id, down_percent, until)
         VALUES (:user, 25, unixepoch() + 1000)",
        [1000, 250],
        true,
    ),
    row(
        "a token for everybody",
        "INSERT INTO tracker_tokens (torrent_id, up_percent, until) VALUES (:torrent, 400, 0)",
        [4000, 1000],
        true,
    ),
    row(
        "a token of the past",
        "INSERT INTO tracker_tokens (user_id, torrent_id, down_percent, until)
         VALUES (:user, :torrent, 0, unixepoch() - 10)",
        [1000, 1000],
        false,
    ),
    row(
        "another's token",
        "INSERT INTO tracker_tokens (user_id, torrent_id, down_percent)
         VALUES (:user + 1000, :torrent, 0)",
        [1000, 1000],
        false,
    ),
];

#[test]
fn every_multiplier_counts() {
    for (options, up, down) in [
        ("", 1, 1),
        (
            "INSERT INTO tracker_options VALUES ('up_percent', 300), ('down_percent', 200)",
            3,
            2,
        ),
        (
            "INSERT INTO tracker_options VALUES ('down_percent', 0), ('until', unixepoch() + 1000)",
            1,
            0,
        ),
        (
            "INSERT INTO tracker_options VALUES ('down_percent', 0), ('until', unixepoch() - 10)",
            1,
            1,
        ),
    ] {
        credited_as_the_rows_say(options, up, down);
    }
}

/// Everything up counts so many times, and everything down.
fn credited_as_the_rows_say(options: &str, up: i64, down: i64) {
    let site = Site::new("credit");
    site.sql(options);
    let mut users = Vec::new();
    for (number, row) in ROWS.iter().enumerate() {
        let passkey = format!("user{number}");
        let torrent = char::from(b'a' + number as u8);
        let (user, torrent_id) = (site.user(&passkey), site.torrent(torrent));
        let sql = row.sql.replace(":user", &user.to_string());
        site.sql(&sql.replace(":torrent", &torrent_id.to_string()));
        users.push((user, passkey, torrent));
    }
    let tracker = site.start();
    for (_, passkey, torrent) in &users {
        for (port, way) in BOTH.into_iter().enumerate() {
            let client = leech(passkey, port as u16 + 1).on(*torrent).by(way);
            client.served(&tracker);
            client.moved(500, 500).served(&tracker);
        }
    }
    tracker.stop();
    for (row, (user, ..)) in ROWS.iter().zip(&users) {
        let name = format!("{}; {options}", row.name);
        let expected = [row.credited[0] * up, row.credited[1] * down];
        let [.., raw_up, raw_down] = site.totals(*user);
        assert_eq!([raw_up, raw_down], [1000, 1000], "{name}");
        assert_eq!(&site.totals(*user)[..2], expected, "{name}");
        let history: [i64; 4] = site.numbers(&format!(
            "SELECT uploaded, downloaded, raw_uploaded, raw_downloaded FROM tracker_history \
             WHERE user_id = {user}"
        ));
        assert_eq!(history, [expected[0], expected[1], 1000, 1000], "{name}");
        let used: i64 = site.value(&format!(
            "SELECT coalesce(sum(amount), 0) FROM tracker_events \
             WHERE kind = 'token_used' AND user_id = {user}"
        ));
        assert_eq!(used, if row.token { 1000 } else { 0 }, "{name}");
    }
}
