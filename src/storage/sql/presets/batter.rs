//! Batter, the Django application of the original Chihaya: users are its own, all else is in the
//! tracker's tables beside them.

use super::Preset;
use super::own;
#[cfg(feature = "sqlite")]
use super::own_sqlite;
use crate::storage::sql::connection::Dialect;

const USERS: &str = "SELECT user_id AS id, trackerid AS passkey FROM profiles_profile";

/// Sums stand in `tracker_users`, whose rows are made when there is something to add; only those of
/// users that the application has. Passkeys stay with the application, where one may go from a user
/// to another: here something stands for them that is nobody else's. For who is gone there would be
/// nothing, which is refused, and so told; that no row is written would not be.
const POSTGRES_SUMS: &str = "INSERT INTO tracker_users AS u (id, passkey, uploaded, downloaded, \
    raw_uploaded, raw_downloaded) SELECT d.id, 'user ' || p.user_id, d.up, d.dn, d.ru, d.rd \
    FROM (VALUES [[( :user, :up, :down, :raw_up, \
    :raw_down)|, ]]) d (id, up, dn, ru, rd) LEFT JOIN profiles_profile p ON p.user_id = d.id \
    ON CONFLICT (id) DO UPDATE SET uploaded = u.uploaded + excluded.uploaded, \
    downloaded = u.downloaded + excluded.downloaded, \
    raw_uploaded = u.raw_uploaded + excluded.raw_uploaded, \
    raw_downloaded = u.raw_downloaded + excluded.raw_downloaded";
const MYSQL_SUMS: &str = "INSERT INTO tracker_users (id, passkey, uploaded, downloaded, \
    raw_uploaded, raw_downloaded) SELECT d.id, CONCAT('user ', p.user_id), d.up, d.dn, d.ru, d.rd \
    FROM ([[SELECT :user id, :up up, :down dn, :raw_up ru, :raw_down rd| UNION ALL ]]) d \
    LEFT JOIN profiles_profile p ON p.user_id = d.id \
    ON DUPLICATE KEY UPDATE uploaded = tracker_users.uploaded + VALUES(uploaded), \
    downloaded = tracker_users.downloaded + VALUES(downloaded), \
    raw_uploaded = tracker_users.raw_uploaded + VALUES(raw_uploaded), \
    raw_downloaded = tracker_users.raw_downloaded + VALUES(raw_downloaded)";

#[cfg(feature = "sqlite")]
const SQLITE_SUMS: &str = "INSERT INTO tracker_users (id, passkey, uploaded, downloaded, \
    raw_uploaded, raw_downloaded) SELECT d.uid, 'user ' || p.user_id, d.up, d.dn, d.ru, d.rd \
    FROM (SELECT column1 AS uid, column2 AS up, column3 AS dn, column4 AS ru, column5 AS rd \
    FROM (VALUES [[(:user, :up, :down, :raw_up, :raw_down)|, ]])) d \
    LEFT JOIN profiles_profile p ON p.user_id = d.uid WHERE TRUE ON CONFLICT (id) DO UPDATE SET \
    uploaded = uploaded + MIN(excluded.uploaded, 9223372036854775807 - uploaded), \
    downloaded = downloaded + MIN(excluded.downloaded, 9223372036854775807 - downloaded), \
    raw_uploaded = raw_uploaded + MIN(excluded.raw_uploaded, 9223372036854775807 - raw_uploaded), \
    raw_downloaded = raw_downloaded + MIN(excluded.raw_downloaded, 9223372036854775807 - raw_downloaded)";

pub(super) static POSTGRES: Preset = Preset {
    name: "batter",
    dialect: Dialect::Postgres,
    load: &[
        ("users", USERS),
        own::POSTGRES_LOAD[1],
        own::POSTGRES_LOAD[2],
        own::POSTGRES_LOAD[3],
        own::POSTGRES_LOAD[4],
    ],
    write: &[
        ("users", POSTGRES_SUMS),
        own::POSTGRES_WRITE[1],
        own::POSTGRES_WRITE[2],
        own::POSTGRES_WRITE[3],
        own::POSTGRES_WRITE[4],
        own::POSTGRES_WRITE[5],
    ],
    schema: own::POSTGRES_SCHEMA,
    tracking: &[],
};

pub(super) static MYSQL: Preset = Preset {
    name: "batter",
    dialect: Dialect::Mysql,
    load: &[
        ("users", USERS),
        own::MYSQL_LOAD[1],
        own::MYSQL_LOAD[2],
        own::MYSQL_LOAD[3],
        own::MYSQL_LOAD[4],
    ],
    write: &[
        ("users", MYSQL_SUMS),
        own::MYSQL_WRITE[1],
        own::MYSQL_WRITE[2],
        own::MYSQL_WRITE[3],
        own::MYSQL_WRITE[4],
        own::MYSQL_WRITE[5],
    ],
    schema: own::MYSQL_SCHEMA,
    tracking: &[],
};

/// What has changed is not asked for: nothing tells of a change of the application's users, so all
/// is loaded anew now and then.
#[cfg(feature = "sqlite")]
pub(super) static SQLITE: Preset = Preset {
    name: "batter",
    dialect: Dialect::Sqlite,
    load: &[
        ("users", USERS),
        own_sqlite::LOAD[1],
        own_sqlite::LOAD[2],
        own_sqlite::LOAD[3],
        own_sqlite::LOAD[4],
    ],
    write: &[
        ("users", SQLITE_SUMS),
        own_sqlite::WRITE[1],
        own_sqlite::WRITE[2],
        own_sqlite::WRITE[3],
        own_sqlite::WRITE[4],
        own_sqlite::WRITE[5],
    ],
    schema: own_sqlite::SCHEMA,
    tracking: &[],
};
