//! Encryption, and who is believed.

use super::values::rows;
use super::{Site, on_each};
use crate::servers::{Kind, Options, Server as RealServer};
use chihaya::storage::sql::{Fault, Server, Tls};
use std::path::PathBuf;

/// Whether this build encrypts what it says to that server.
fn is_built(kind: Kind) -> bool {
    match kind {
        Kind::Mariadb => cfg!(feature = "mysql-tls"),
        Kind::Postgres => cfg!(feature = "postgres-tls"),
    }
}

fn with(site: &Site<'_>, tls: Tls, tls_ca: Option<PathBuf>) -> Server {
    Server {
        tls,
        tls_ca,
        ..site.settings()
    }
}

#[test]
fn what_is_said_is_encrypted() {
    on_each("encrypted", |site| {
        if !is_built(site.kind()) {
            return;
        }
        let cipher = site.either(
            "SHOW STATUS LIKE 'Ssl_cipher'",
            "SELECT '', cipher FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
        );
        let ca = Some(site.server.ca());
        for (tls, ca) in [
            (Tls::Require, None),
            (Tls::Require, ca.clone()),
            (Tls::Verify, ca),
        ] {
            let mut db = site.open(&with(site, tls, ca)).expect("it connects");
            let found = &rows(&mut *db, cipher)[0][1];
            assert!(
                found.starts_with("Text(\"TLS_"),
                "{:?}, {tls:?}: {found}",
                site.kind()
            );
        }
        let found = &rows(&mut *site.connect(), cipher)[0][1];
        assert!(["Text(\"\")", "Null"].contains(&&**found), "off: {found}");
        let mut socket = with(site, Tls::Verify, Some(site.server.ca()));
        socket.url = site.server.socket_url(site.name);
        site.open(&socket)
            .expect("what stays on this host needs none");
    });
}

#[test]
fn who_is_not_believed_is_not_talked_to() {
    on_each("believed", |site| {
        if !is_built(site.kind()) {
            return;
        }
        let ca = Some(site.server.ca());
        let mut elsewhere = with(site, Tls::Verify, ca.clone());
        elsewhere.url = elsewhere.url.replacen("localhost", "127.0.0.1", 1);
        let no_certificate = Some(PathBuf::from("Cargo.toml"));
        for (name, settings) in [
            ("nobody vouches", with(site, Tls::Verify, None)),
            ("another name", elsewhere),
            (
                "no file",
                with(site, Tls::Verify, Some("/nowhere.pem".into())),
            ),
            ("no certificate", with(site, Tls::Verify, no_certificate)),
        ] {
            assert_eq!(
                site.refused(name, &settings),
                Fault::Wrong,
                "{:?}: {name}",
                site.kind()
            );
        }
        let options = Options {
            tls: false,
            ..Options::default()
        };
        let plain = RealServer::start_with(site.kind(), options).expect("installed");
        plain.create("plain");
        let plain = Site {
            server: &plain,
            name: "plain",
        };
        for (name, tls) in [("require", Tls::Require), ("verify", Tls::Verify)] {
            let settings = with(&plain, tls, ca.clone());
            assert_eq!(
                plain.refused(name, &settings),
                Fault::Wrong,
                "{:?}: {name}",
                site.kind()
            );
        }
        plain.connect();
    });
}
