//! How PostgreSQL is installed, started and asked.

use super::{PASSWORD, Server, Shell, USER, certificates, display, succeeds};
use std::process::{Command, Stdio};

/// From this host by the socket anyone; by TCP whoever knows the password, encrypted or not.
const WHO_MAY: &str = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n";

pub fn install(server: &Server) {
    let mut command = server.account.command(&server.program("initdb"));
    command.current_dir(&server.folder);
    succeeds(command.args([
        "-D",
        "data",
        "-U",
        "postgres",
        "-E",
        "UTF8",
        "--locale=C",
        "--no-sync",
    ]));
    let who_may = server.folder.join("data/pg_hba.conf");
    std::fs::write(who_may, WHO_MAY).expect("written");
}

pub fn command(server: &Server) -> Vec<String> {
    let mut command = vec![
        display(&server.program("postgres")),
        "-D".into(),
        "data".into(),
    ];
    let mut set = |name: &str, value: &str| {
        command.push("-c".into());
        command.push(format!("{name}={value}"));
    };
    set("listen_addresses", "127.0.0.1");
    set("port", &server.port.to_string());
    set("unix_socket_directories", &display(&server.folder));
    set("shared_buffers", "128MB");
    if !server.options.durable {
        set("fsync", "off");
    }
    if server.options.tls {
        set("ssl", "on");
        set(
            "ssl_cert_file",
            &display(&server.folder.join(certificates::CERTIFICATE)),
        );
        set(
            "ssl_key_file",
            &display(&server.folder.join(certificates::KEY)),
        );
    }
    command
}

pub fn psql(server: &Server, database: &str) -> Command {
    let mut command = Command::new(server.program("psql"));
    command.arg("-h").arg(&server.folder);
    command.args([
        "-p",
        &server.port.to_string(),
        "-U",
        "postgres",
        "-d",
        database,
    ]);
    command.args(["-X", "-q", "-A", "-t", "-F", "\t", "-P", "null=NULL"]);
    command.args(["-v", "ON_ERROR_STOP=1"]);
    command.env("PGCLIENTENCODING", "UTF8").env("PGTZ", "UTC");
    command
}

pub fn answers(server: &Server) -> bool {
    let mut command = psql(server, "postgres");
    command
        .args(["-c", "SELECT"])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

pub fn shell(server: &Server, database: &str) -> Shell {
    Shell::start(&mut psql(server, database))
}

pub fn prepare(admin: &mut Shell) {
    let password = PASSWORD.replace('\'', "''");
    admin.run(&format!("CREATE ROLE {USER} LOGIN PASSWORD '{password}'"));
}

pub fn create(admin: &mut Shell, database: &str) {
    admin.run(&format!("CREATE DATABASE {database} OWNER {USER}"));
}
