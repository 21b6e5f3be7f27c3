//! Each fault, provoked.

use super::values::rows;
use super::{KINDS, Site, on_each, outcome, run};
use crate::servers::{Kind, Server as RealServer};
use chihaya::storage::sql::{Connection, Fault, Server};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

#[test]
fn statements_and_rows_that_are_refused() {
    on_each("refused", |site| {
        let mut db = site.connect();
        let int = "CREATE TABLE parents (id INT PRIMARY KEY)";
        let children = site.either(
            "CREATE TABLE t (id INT PRIMARY KEY, n SMALLINT NOT NULL DEFAULT 0, big BIGINT, \
             s VARCHAR(3), parent INT, CHECK (n <> 13), FOREIGN KEY (parent) REFERENCES parents (id))",
            "CREATE TABLE t (id INT PRIMARY KEY, n SMALLINT NOT NULL DEFAULT 0, big BIGINT, \
             s VARCHAR(3), parent INT REFERENCES parents (id), CHECK (n <> 13))",
        );
        run(
            &mut *db,
            &[
                int,
                children,
                "INSERT INTO t (id, big) VALUES (1, 9223372036854775807)",
                site.either(
                    "CREATE TRIGGER x BEFORE UPDATE ON t FOR EACH ROW IF NEW.n = 7 THEN \
                     SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not this one'; END IF",
                    "CREATE FUNCTION x() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                     IF NEW.n = 7 THEN RAISE EXCEPTION 'not this one'; END IF; RETURN NEW; END $$",
                ),
            ],
        );
        if site.kind() == Kind::Postgres {
            let trigger = "CREATE TRIGGER x BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION x()";
            run(&mut *db, &[trigger]);
        }
        for (name, sql, expected) in [
            ("a key twice", "INSERT INTO t (id) VALUES (1)", Fault::Data),
            (
                "nobody's child",
                "INSERT INTO t (id, parent) VALUES (2, 9)",
                Fault::Data,
            ),
            (
                "null",
                "INSERT INTO t (id, n) VALUES (2, NULL)",
                Fault::Data,
            ),
            (
                "out of range",
                "INSERT INTO t (id, n) VALUES (2, 32768)",
                Fault::Data,
            ),
            (
                "a sum out of range",
                "UPDATE t SET big = big + 1",
                Fault::Data,
            ),
            (
                "too long",
                "INSERT INTO t (id, s) VALUES (2, 'four')",
                Fault::Data,
            ),
            (
                "a check",
                "INSERT INTO t (id, n) VALUES (2, 13)",
                Fault::Data,
            ),
            ("a trigger", "UPDATE t SET n = 7", Fault::Data),
            (
                "bad encoding",
                site.either(
                    "INSERT INTO t (id, s) VALUES (2, X'ff')",
                    "INSERT INTO t (id, s) VALUES (2, convert_from('\\xff','UTF8'))",
                ),
                Fault::Data,
            ),
            (
                "no number",
                "INSERT INTO t (id, n) VALUES (2, 'x')",
                Fault::Data,
            ),
            ("syntax", "INSERT t INTO VALUES", Fault::Wrong),
            ("no table", "DELETE FROM nowhere", Fault::Wrong),
            ("no column", "UPDATE t SET nothing = 1", Fault::Wrong),
            (
                "no function",
                "INSERT INTO t (id) VALUES (nothing(1))",
                Fault::Wrong,
            ),
            (
                "no permission",
                site.either("DELETE FROM mysql.user", "DELETE FROM pg_catalog.pg_authid"),
                Fault::Wrong,
            ),
        ] {
            let found = outcome(db.execute(sql));
            assert_eq!(found, Err(expected), "{:?}: {name}", site.kind());
        }
        let kept = rows(&mut *db, "SELECT id, n, big FROM t");
        assert_eq!(
            kept,
            [["Integer(1)", "Integer(0)", "Integer(9223372036854775807)"]]
        );
    });
}

#[test]
fn locks_and_deadlocks() {
    on_each("locks", |site| {
        let what = site.kind();
        let mut one = site.connect();
        let quick = Server {
            statement_timeout: Duration::from_secs(1),
            ..site.settings()
        };
        let mut other = site.open(&quick).expect("it connects");
        run(
            &mut *one,
            &[
                "CREATE TABLE t (id INT PRIMARY KEY, n INT)",
                "INSERT INTO t VALUES (1, 0), (2, 0)",
                "BEGIN",
                "UPDATE t SET n = 1 WHERE id = 1",
            ],
        );
        let began = Instant::now();
        let waited = outcome(other.execute("UPDATE t SET n = 2 WHERE id = 1"));
        assert_eq!(waited, Err(Fault::Busy), "{what:?}: a locked row");
        assert!(
            began.elapsed() < Duration::from_secs(4),
            "{:?}",
            began.elapsed()
        );
        let began = Instant::now();
        let waited = outcome(other.execute("DROP TABLE t"));
        assert_eq!(waited, Err(Fault::Busy), "{what:?}: a locked table");
        assert!(
            began.elapsed() < Duration::from_secs(4),
            "{:?}",
            began.elapsed()
        );
        run(&mut *one, &["COMMIT"]);
        run(&mut *other, &["UPDATE t SET n = 2 WHERE id = 1"]);

        deadlock(site);
        if what == Kind::Postgres {
            serialization(&mut *one, &mut *other);
        }
    });
}

/// Two that wait for one another: one of them is told to give way, and the other goes on.
fn deadlock(site: &Site<'_>) {
    let meet = Arc::new(Barrier::new(2));
    let cross = |first: u32, then: u32| {
        let (mut db, meet) = (site.connect(), Arc::clone(&meet));
        std::thread::spawn(move || {
            let update = |id| format!("UPDATE t SET n = n + 1 WHERE id = {id}");
            run(&mut *db, &["BEGIN", &update(first)]);
            meet.wait();
            let found = outcome(db.execute(&update(then)));
            run(&mut *db, &["ROLLBACK"]);
            found
        })
    };
    let (one, other) = (cross(1, 2), cross(2, 1));
    let mut found = [one, other].map(|thread| thread.join().expect("it ends"));
    found.sort_by_key(Result::is_err);
    assert_eq!(found, [Ok(1), Err(Fault::Busy)], "{:?}", site.kind());
}

fn serialization(one: &mut dyn Connection, other: &mut dyn Connection) {
    run(one, &["BEGIN ISOLATION LEVEL REPEATABLE READ"]);
    assert_eq!(rows(one, "SELECT count(*) FROM t"), [["Integer(2)"]]);
    run(other, &["UPDATE t SET n = 5 WHERE id = 1"]);
    let found = outcome(one.execute("UPDATE t SET n = 6 WHERE id = 1"));
    assert_eq!(found, Err(Fault::Busy));
    run(one, &["ROLLBACK"]);
}

#[test]
fn connections_that_cannot_be_had() {
    on_each("strangers", |site| {
        let good = site.settings();
        let with = |change: &dyn Fn(&mut Server)| {
            let mut settings = good.clone();
            change(&mut settings);
            settings
        };
        let url = |from: &str, to: &str| good.url.replacen(from, to, 1);
        for (name, settings, expected) in [
            (
                "a wrong password",
                with(&|settings| settings.password = Some("x".to_owned())),
                Fault::Wrong,
            ),
            (
                "no password",
                with(&|settings| settings.password = None),
                Fault::Wrong,
            ),
            (
                "an unknown user",
                with(&|settings| settings.url = url("tracker@", "nobody@")),
                Fault::Wrong,
            ),
            (
                "an unknown database",
                with(&|settings| settings.url = url("/strangers", "/nowhere")),
                Fault::Wrong,
            ),
            (
                "another scheme",
                with(&|settings| settings.url = url("://", "x://")),
                Fault::Wrong,
            ),
            (
                "an unknown parameter",
                with(&|settings| settings.url.push_str("?nothing=1")),
                Fault::Wrong,
            ),
            (
                "nobody there",
                with(&|settings| {
                    settings.url = format!(
                        "{}://localhost:1/x",
                        &good.url[..good.url.find(':').expect("a scheme")]
                    )
                }),
                Fault::Lost,
            ),
            (
                "no socket",
                with(&|settings| {
                    settings.url = site
                        .either(
                            "mysql://tracker@localhost/x?socket=%2Fnowhere%2Fsocket",
                            "host=/nowhere user=tracker",
                        )
                        .to_owned();
                }),
                Fault::Lost,
            ),
        ] {
            assert_eq!(
                site.refused(name, &settings),
                expected,
                "{:?}: {name}",
                site.kind()
            );
        }
        let socket = with(&|settings| settings.url = site.server.socket_url(site.name));
        let mut by_socket = site.open(&socket).expect("it connects by the socket");
        assert_eq!(rows(&mut *by_socket, "SELECT 1"), [["Integer(1)"]]);
    });
}

#[test]
fn sessions_that_are_ended() {
    on_each("ended", |site| {
        let mut db = site.connect();
        let mut admin = site.server.shell(site.name);
        let id = rows(
            &mut *db,
            site.either("SELECT connection_id()", "SELECT pg_backend_pid()"),
        );
        let id = id[0][0]
            .trim_start_matches("Integer(")
            .trim_end_matches(')')
            .to_owned();
        match site.kind() {
            Kind::Mariadb => admin.run(&format!("KILL {id}")),
            Kind::Postgres => {
                assert_eq!(
                    admin.value(&format!("SELECT pg_terminate_backend({id})")),
                    "t"
                );
            }
        }
        for _ in 0..2 {
            let found = outcome(db.execute("DELETE FROM nowhere"));
            assert_eq!(found, Err(Fault::Lost), "{:?}", site.kind());
        }
    });
}

/// A server of its own, which is killed and stopped.
#[test]
fn servers_that_go() {
    for kind in KINDS {
        let Some(mut server) = RealServer::start(*kind) else {
            continue;
        };
        server.create("goes");
        killed(&mut server);
        frozen(&server);
    }
}

fn killed(server: &mut RealServer) {
    let connect = |server: &RealServer| {
        Site {
            server,
            name: "goes",
        }
        .connect()
    };
    let mut db = connect(server);
    run(
        &mut *db,
        &[
            "CREATE TABLE t (id INT PRIMARY KEY)",
            "INSERT INTO t VALUES (1)",
            "BEGIN",
        ],
    );
    run(&mut *db, &["INSERT INTO t VALUES (2)"]);
    let sleep = match server.kind() {
        Kind::Mariadb => "INSERT INTO t SELECT 3 FROM (SELECT SLEEP(30)) s",
        Kind::Postgres => "INSERT INTO t SELECT 3 FROM pg_sleep(30)",
    };
    let under_way = std::thread::spawn(move || {
        let found = outcome(db.execute(sleep));
        (db, found)
    });
    let mut admin = server.shell("goes");
    let sees = match server.kind() {
        Kind::Mariadb => {
            "SELECT count(*) FROM information_schema.processlist WHERE info LIKE 'INSERT%SLEEP(30)%'"
        }
        Kind::Postgres => {
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'INSERT%sleep(30)%' AND state = 'active' AND pid <> pg_backend_pid()"
        }
    };
    let end = Instant::now() + Duration::from_secs(20);
    while admin.value(sees) == "0" {
        assert!(Instant::now() < end, "the statement is not under way");
    }
    server.kill();
    let (mut db, found) = under_way.join().expect("it ends");
    assert_eq!(found, Err(Fault::Lost), "under way");
    assert_eq!(outcome(db.execute("COMMIT")), Err(Fault::Lost), "the next");
    let site = Site {
        server,
        name: "goes",
    };
    assert_eq!(site.refused("killed", &site.settings()), Fault::Lost);
    server.restart();
    let kept = rows(&mut *connect(server), "SELECT id FROM t");
    assert_eq!(kept, [["Integer(1)"]], "what was committed");
}

/// A server that says nothing at all is given up.
fn frozen(server: &RealServer) {
    let site = Site {
        server,
        name: "goes",
    };
    let settings = Server {
        connect_timeout: Duration::from_secs(1),
        statement_timeout: Duration::from_secs(1),
        ..site.settings()
    };
    let mut db = site.open(&settings).expect("it connects");
    server.freeze();
    let began = Instant::now();
    assert_eq!(outcome(db.execute("DELETE FROM t")), Err(Fault::Lost));
    assert_eq!(site.refused("frozen", &settings), Fault::Lost);
    let took = began.elapsed();
    assert!(took < Duration::from_secs(16), "{took:?}");
    server.thaw();
    assert_eq!(
        outcome(db.execute("DELETE FROM t")),
        Err(Fault::Lost),
        "no late answer"
    );
    let kept = rows(&mut *site.connect(), "SELECT 7");
    assert_eq!(kept, [["Integer(7)"]], "it is there again");
}
