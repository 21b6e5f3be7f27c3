//! How MariaDB is installed, started and asked.

use super::{PASSWORD, Server, Shell, USER, certificates, display, succeeds};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub fn socket(server: &Server) -> PathBuf {
    server.folder.join("socket")
}

pub fn install(server: &Server) {
    let mut command = server.account.command(Path::new("mariadb-install-db"));
    command.current_dir(&server.folder).arg("--no-defaults");
    command.arg(format!("--datadir={}/data", server.folder.display()));
    succeeds(command.args(["--auth-root-authentication-method=normal", "--skip-test-db"]));
}

pub fn command(server: &Server) -> Vec<String> {
    let folder = &server.folder;
    let path = |name: &str| display(&folder.join(name));
    let mut command = vec![
        display(&server.program("mariadbd")),
        "--no-defaults".into(),
        format!("--datadir={}", path("data")),
        format!("--socket={}", socket(server).display()),
        format!("--pid-file={}", path("pid")),
        format!("--tmpdir={}", folder.display()),
        format!("--port={}", server.port),
        "--bind-address=127.0.0.1".into(),
        "--innodb-buffer-pool-size=256M".into(),
        // What a power cut may take, the end of its process does not.
        format!(
            "--innodb-flush-log-at-trx-commit={}",
            if server.options.durable { 1 } else { 2 }
        ),
    ];
    if server.options.binlog {
        command.push("--log-bin=changes".into());
    }
    if server.options.tls {
        command.push(format!("--ssl-cert={}", path(certificates::CERTIFICATE)));
        command.push(format!("--ssl-key={}", path(certificates::KEY)));
    } else {
        command.push("--skip-ssl".into());
    }
    command
}

pub fn mariadb(server: &Server, database: &str) -> Command {
    let mut command = Command::new("mariadb");
    command
        .arg("--no-defaults")
        .arg(format!("--socket={}", socket(server).display()));
    command.args([
        "--user=root",
        "--batch",
        "--skip-column-names",
        "--unbuffered",
    ]);
    command.args(["--default-character-set=utf8mb4", database]);
    command
}

pub fn answers(server: &Server) -> bool {
    let mut command = mariadb(server, "mysql");
    command
        .arg("--execute=DO 0")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

pub fn shell(server: &Server, database: &str) -> Shell {
    let mut shell = Shell::start(&mut mariadb(server, database));
    shell.run("SET time_zone = '+00:00'");
    shell
}

pub fn prepare(admin: &mut Shell) {
    let password = PASSWORD.replace('\\', "\\\\").replace('\'', "\\'");
    admin.run(&format!(
        "CREATE USER {USER}@'%' IDENTIFIED BY '{password}'"
    ));
}

pub fn create(admin: &mut Shell, database: &str) {
    admin.run(&format!(
        "CREATE DATABASE {database} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci; \
         GRANT ALL ON {database}.* TO {USER}@'%'"
    ));
}
