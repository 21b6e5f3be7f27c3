//! What has changed in the tracker's own tables on a server: triggers note which rows, not what is
//! in them.
//!
//! Only columns that are read are watched, and only when their value becomes another: neither the
//! tracker's own commits nor an application that writes back whole rows make changes of nothing.
//!
//! A number is taken before its transaction is committed, so that one that is smaller than others
//! may come to be seen after them. Each database has a way to know up to where nothing can come any
//! more; changes behind that are told again until it has passed them.
//!
//! The first row of the list stands before all changes: the list reaches back to a cursor as long as
//! there is a row that is not after it. The tracker trims it, see
//! [`tracking`](crate::storage::sql::tracking).

/// Tells whether all triggers are there: what is made last.
pub(in crate::storage::sql) const PROBE: &str = "SELECT version FROM tracker_schema";

/// PostgreSQL numbers transactions, and knows the oldest that is still under way (`xmin` of what the
/// load sees): all before it have ended, and what they wrote is seen. So the cursor never goes to it
/// or beyond. One that is from the future is of a database that has been put back.
pub(super) const POSTGRES_CHANGES: &str = "SELECT LEAST(c.tx, h.xmin - 1) AS cursor, c.kind, \
     c.row_key AS key FROM tracker_changes c, \
     (SELECT txid_snapshot_xmin(txid_current_snapshot()) AS xmin) h WHERE c.tx > :cursor \
     UNION ALL SELECT h.xmin - 1, 'all', NULL \
     FROM (SELECT txid_snapshot_xmin(txid_current_snapshot()) AS xmin) h WHERE :cursor >= h.xmin \
     OR NOT EXISTS (SELECT 1 FROM tracker_changes WHERE tx <= :cursor)";

/// The function has the rights of who made it, and looks for the list where that one would: who
/// writes the directory needs no right to more.
pub(super) const POSTGRES: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS tracker_changes (tx BIGINT NOT NULL DEFAULT txid_current(), \
         kind VARCHAR(8) NOT NULL, row_key VARCHAR(64))",
    "CREATE INDEX IF NOT EXISTS tracker_changes_tx ON tracker_changes (tx)",
    "INSERT INTO tracker_changes (tx, kind) SELECT 0, 'options' \
         WHERE NOT EXISTS (SELECT 1 FROM tracker_changes)",
    "CREATE OR REPLACE FUNCTION tracker_note_change() RETURNS trigger LANGUAGE plpgsql \
SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    before VARCHAR(64);
    now VARCHAR(64);
BEGIN
    IF TG_ARGV[0] = 'client' THEN
        before := OLD.prefix;
        now := NEW.prefix;
    ELSIF TG_ARGV[0] = 'token' THEN
        before := OLD.user_id || ':' || OLD.torrent_id;
        now := NEW.user_id || ':' || NEW.torrent_id;
    ELSIF TG_ARGV[0] <> 'options' THEN
        before := OLD.id;
        now := NEW.id;
    END IF;
    INSERT INTO tracker_changes (kind, row_key) VALUES (TG_ARGV[0], COALESCE(now, before));
    IF before <> now THEN
        INSERT INTO tracker_changes (kind, row_key) VALUES (TG_ARGV[0], before);
    END IF;
    RETURN NULL;
END $$",
    "DROP TRIGGER IF EXISTS tracker_users_noted ON tracker_users",
    "CREATE TRIGGER tracker_users_noted AFTER INSERT OR DELETE ON tracker_users \
         FOR EACH ROW EXECUTE FUNCTION tracker_note_change('user')",
    "DROP TRIGGER IF EXISTS tracker_users_changed ON tracker_users",
    "CREATE TRIGGER tracker_users_changed AFTER UPDATE OF id, passkey, enabled, can_leech, hide_ip, \
         slots, up_percent, down_percent ON tracker_users FOR EACH ROW WHEN ((OLD.id, OLD.passkey, \
         OLD.enabled, OLD.can_leech, OLD.hide_ip, OLD.slots, OLD.up_percent, OLD.down_percent) \
         IS DISTINCT FROM (NEW.id, NEW.passkey, NEW.enabled, NEW.can_leech, NEW.hide_ip, NEW.slots, \
         NEW.up_percent, NEW.down_percent)) EXECUTE FUNCTION tracker_note_change('user')",
    "DROP TRIGGER IF EXISTS tracker_torrents_noted ON tracker_torrents",
    "CREATE TRIGGER tracker_torrents_noted AFTER INSERT OR DELETE ON tracker_torrents \
         FOR EACH ROW EXECUTE FUNCTION tracker_note_change('torrent')",
    "DROP TRIGGER IF EXISTS tracker_torrents_changed ON tracker_torrents",
    "CREATE TRIGGER tracker_torrents_changed AFTER UPDATE OF id, info_hash, status, reason, \
         up_percent, down_percent ON tracker_torrents FOR EACH ROW WHEN ((OLD.id, OLD.info_hash, \
         OLD.status, OLD.reason, OLD.up_percent, OLD.down_percent) IS DISTINCT FROM (NEW.id, \
         NEW.info_hash, NEW.status, NEW.reason, NEW.up_percent, NEW.down_percent)) \
         EXECUTE FUNCTION tracker_note_change('torrent')",
    "DROP TRIGGER IF EXISTS tracker_clients_noted ON tracker_clients",
    "CREATE TRIGGER tracker_clients_noted AFTER INSERT OR UPDATE OR DELETE ON tracker_clients \
         FOR EACH ROW EXECUTE FUNCTION tracker_note_change('client')",
    "DROP TRIGGER IF EXISTS tracker_tokens_noted ON tracker_tokens",
    "CREATE TRIGGER tracker_tokens_noted AFTER INSERT OR UPDATE OR DELETE ON tracker_tokens \
         FOR EACH ROW EXECUTE FUNCTION tracker_note_change('token')",
    "DROP TRIGGER IF EXISTS tracker_options_noted ON tracker_options",
    "CREATE TRIGGER tracker_options_noted AFTER INSERT OR UPDATE OR DELETE ON tracker_options \
         FOR EACH ROW EXECUTE FUNCTION tracker_note_change('options')",
    SCHEMA,
    VERSION,
];

/// As in SQLite; where it stands, all that is above it is there.
const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS tracker_schema (version INT NOT NULL)";
const VERSION: &str = "INSERT INTO tracker_schema (version) SELECT 1 FROM (SELECT COUNT(*) AS rows_there \
     FROM tracker_schema) v WHERE v.rows_there = 0";

/// How far that goes is found by [`tracking`](crate::storage::sql::tracking). A cursor that is after
/// all changes is of a database that has been put back.
pub(super) const MYSQL_CHANGES: &str = "SELECT seq AS `cursor`, kind, row_key AS `key` \
     FROM tracker_changes WHERE seq > :cursor UNION ALL SELECT l.seq, 'all', NULL \
     FROM (SELECT COALESCE(MAX(seq), 0) AS seq FROM tracker_changes) l WHERE l.seq < :cursor \
     OR NOT EXISTS (SELECT 1 FROM tracker_changes WHERE seq <= :cursor )";

/// The last change that has stood for two seconds. A change takes its number and is written in one
/// call of the server; whatever has a number before this one is written, or never will be.
pub(in crate::storage::sql) const MYSQL_OLD: &str = "SELECT seq FROM tracker_changes \
     WHERE seq > :cursor AND at < UNIX_TIMESTAMP() - 2 ORDER BY seq DESC LIMIT 1";

/// The row that stands before all changes.
pub(in crate::storage::sql) const MYSQL_FIRST: &str =
    "SELECT seq FROM tracker_changes WHERE at = 0 ORDER BY seq LIMIT 1";

macro_rules! noted {
    ($trigger:literal, $when:literal, $table:literal, $kind:literal, $key:literal) => {
        concat!(
            "CREATE TRIGGER ",
            $trigger,
            " AFTER ",
            $when,
            " ON ",
            $table,
            " FOR EACH ROW INSERT INTO tracker_changes (kind, row_key, at) VALUES ('",
            $kind,
            "', ",
            $key,
            ", UNIX_TIMESTAMP())"
        )
    };
}

macro_rules! changed {
    ($trigger:literal, $table:literal, $kind:literal, $key:literal, $old:literal,
     $same:literal) => {
        concat!(
            "CREATE TRIGGER ",
            $trigger,
            " AFTER UPDATE ON ",
            $table,
            " FOR EACH ROW\nBEGIN\n",
            "    IF NOT (",
            $same,
            ") THEN\n",
            "        INSERT INTO tracker_changes (kind, row_key, at) VALUES ('",
            $kind,
            "', ",
            $key,
            ", UNIX_TIMESTAMP());\n",
            "        IF ",
            $old,
            " <> ",
            $key,
            " THEN\n",
            "            INSERT INTO tracker_changes (kind, row_key, at) VALUES ('",
            $kind,
            "', ",
            $old,
            ", UNIX_TIMESTAMP());\n",
            "        END IF;\n    END IF;\nEND"
        )
    };
}

/// A change is one row of `VALUES`: its number is taken as it is written.
pub(super) const MYSQL: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS tracker_changes (seq BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, \
         kind VARCHAR(8) CHARACTER SET utf8mb4 NOT NULL, \
         row_key VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, at BIGINT NOT NULL) \
         ENGINE = InnoDB",
    "INSERT INTO tracker_changes (kind, at) SELECT 'options', 0 FROM (SELECT COUNT(*) AS rows_there \
         FROM tracker_changes) c WHERE c.rows_there = 0",
    "DROP TRIGGER IF EXISTS tracker_users_added",
    noted!(
        "tracker_users_added",
        "INSERT",
        "tracker_users",
        "user",
        "NEW.id"
    ),
    "DROP TRIGGER IF EXISTS tracker_users_removed",
    noted!(
        "tracker_users_removed",
        "DELETE",
        "tracker_users",
        "user",
        "OLD.id"
    ),
    "DROP TRIGGER IF EXISTS tracker_users_changed",
    changed!(
        "tracker_users_changed",
        "tracker_users",
        "user",
        "NEW.id",
        "OLD.id",
        "OLD.id = NEW.id AND OLD.passkey = NEW.passkey AND OLD.enabled = NEW.enabled AND \
         OLD.can_leech = NEW.can_leech AND OLD.hide_ip = NEW.hide_ip AND OLD.slots <=> NEW.slots \
         AND OLD.up_percent = NEW.up_percent AND OLD.down_percent = NEW.down_percent"
    ),
    "DROP TRIGGER IF EXISTS tracker_torrents_added",
    noted!(
        "tracker_torrents_added",
        "INSERT",
        "tracker_torrents",
        "torrent",
        "NEW.id"
    ),
    "DROP TRIGGER IF EXISTS tracker_torrents_removed",
    noted!(
        "tracker_torrents_removed",
        "DELETE",
        "tracker_torrents",
        "torrent",
        "OLD.id"
    ),
    "DROP TRIGGER IF EXISTS tracker_torrents_changed",
    changed!(
        "tracker_torrents_changed",
        "tracker_torrents",
        "torrent",
        "NEW.id",
        "OLD.id",
        "OLD.id = NEW.id AND OLD.info_hash = NEW.info_hash AND OLD.status = NEW.status AND \
         CAST(OLD.reason AS BINARY) <=> CAST(NEW.reason AS BINARY) AND \
         OLD.up_percent = NEW.up_percent AND OLD.down_percent = NEW.down_percent"
    ),
    "DROP TRIGGER IF EXISTS tracker_clients_added",
    noted!(
        "tracker_clients_added",
        "INSERT",
        "tracker_clients",
        "client",
        "NEW.prefix"
    ),
    "DROP TRIGGER IF EXISTS tracker_clients_removed",
    noted!(
        "tracker_clients_removed",
        "DELETE",
        "tracker_clients",
        "client",
        "OLD.prefix"
    ),
    "DROP TRIGGER IF EXISTS tracker_clients_changed",
    changed!(
        "tracker_clients_changed",
        "tracker_clients",
        "client",
        "NEW.prefix",
        "OLD.prefix",
        "OLD.prefix = NEW.prefix AND OLD.allow = NEW.allow"
    ),
    "DROP TRIGGER IF EXISTS tracker_tokens_added",
    noted!(
        "tracker_tokens_added",
        "INSERT",
        "tracker_tokens",
        "token",
        "CONCAT(NEW.user_id, ':', NEW.torrent_id)"
    ),
    "DROP TRIGGER IF EXISTS tracker_tokens_removed",
    noted!(
        "tracker_tokens_removed",
        "DELETE",
        "tracker_tokens",
        "token",
        "CONCAT(OLD.user_id, ':', OLD.torrent_id)"
    ),
    "DROP TRIGGER IF EXISTS tracker_tokens_changed",
    changed!(
        "tracker_tokens_changed",
        "tracker_tokens",
        "token",
        "CONCAT(NEW.user_id, ':', NEW.torrent_id)",
        "CONCAT(OLD.user_id, ':', OLD.torrent_id)",
        "OLD.user_id = NEW.user_id AND OLD.torrent_id = NEW.torrent_id AND \
         OLD.up_percent = NEW.up_percent AND OLD.down_percent = NEW.down_percent AND \
         OLD.until <=> NEW.until"
    ),
    "DROP TRIGGER IF EXISTS tracker_options_added",
    noted!(
        "tracker_options_added",
        "INSERT",
        "tracker_options",
        "options",
        "NULL"
    ),
    "DROP TRIGGER IF EXISTS tracker_options_removed",
    noted!(
        "tracker_options_removed",
        "DELETE",
        "tracker_options",
        "options",
        "NULL"
    ),
    "DROP TRIGGER IF EXISTS tracker_options_changed",
    noted!(
        "tracker_options_changed",
        "UPDATE",
        "tracker_options",
        "options",
        "NULL"
    ),
    MYSQL_SCHEMA,
    VERSION,
];

const MYSQL_SCHEMA: &str =
    "CREATE TABLE IF NOT EXISTS tracker_schema (version INT NOT NULL) ENGINE = InnoDB";
