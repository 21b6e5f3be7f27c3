//! Encrypted connections.

use crate::common::Tracker;
use crate::server::{Server, free_ports, installed};
use crate::{announce_to, eventually_count, eventually_told, keep_messages, settings};
use std::path::Path;
use std::process::Command;

/// Makes an authority, and a certificate of 127.0.0.1 that it has signed.
fn certificates(folder: &Path) {
    let openssl = |arguments: &str| {
        let arguments = arguments.split(' ');
        let run = Command::new("openssl")
            .args(arguments)
            .current_dir(folder)
            .output();
        let run = run.expect("openssl runs");
        assert!(run.status.success(), "{}", run.stderr.escape_ascii());
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(&format!(
        "req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj /CN=authority"
    ));
    openssl(&format!(
        "req {key} -keyout server.key -out server.csr -subj /CN=server"
    ));
    std::fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1").expect("written");
    openssl(
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem -days 2 -extfile names",
    );
}

#[test]
fn with_a_password_over_tls() {
    if !installed() {
        return;
    }
    keep_messages();
    let [port] = free_ports();
    let port_text = port.to_string();
    let files = [
        "--tls-cert-file",
        "server.pem",
        "--tls-key-file",
        "server.key",
    ];
    let arguments = ["--save", "", "--port", "0", "--tls-port", &port_text];
    let more = ["--tls-ca-cert-file", "ca.pem", "--tls-auth-clients", "no"];
    let password = ["--requirepass", "secret"];
    let arguments = [&arguments[..], &files, &more, &password].concat();
    let mut server = Server::prepare("tls", port, &arguments);
    certificates(server.folder());
    server.reached_by("rediss", ":secret@");
    server.run();
    server.wait();
    let trusted = server.folder().join("ca.pem");
    let more = format!(r#", "trusted": {trusted:?}"#);
    let text = settings(&[server.url()], "tls", &more);
    let trackers = [0, 1].map(|_| Tracker::start(&text));
    let [one, two] = &trackers;
    announce_to(one, 'a', 2001, 5);
    eventually_count(&[one, two], 'a', [0, 1]);
    // Whom nobody trusts is not believed.
    let stranger = Tracker::start(&settings(&[server.url()], "strange", ""));
    announce_to(&stranger, 'a', 2001, 5);
    eventually_told("strange", "append to", "certificate");
}
