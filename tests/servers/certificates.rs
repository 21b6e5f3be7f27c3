//! A certificate for `localhost`, and who vouches for it.

use super::process::Account;
use super::succeeds;
use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

pub const CA: &str = "ca.pem";
pub const CERTIFICATE: &str = "certificate.pem";
pub const KEY: &str = "key.pem";

pub fn make(folder: &Path, account: &Account) {
    let openssl = |arguments: &str| {
        let mut command = Command::new("openssl");
        succeeds(command.args(arguments.split(' ')).current_dir(folder));
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(&format!(
        "req -x509 {key} -keyout ca.key -out {CA} -days 2 -subj /CN=ca"
    ));
    openssl(&format!(
        "req {key} -keyout {KEY} -out request.pem -subj /CN=localhost"
    ));
    std::fs::write(folder.join("names"), "subjectAltName=DNS:localhost\n").expect("written");
    openssl(&format!(
        "x509 -req -in request.pem -CA {CA} -CAkey ca.key -CAcreateserial -days 2 -extfile names \
         -out {CERTIFICATE}"
    ));
    for file in [CA, CERTIFICATE, KEY] {
        account.owns(&folder.join(file));
    }
    let private = Permissions::from_mode(0o600);
    set_permissions(folder.join(KEY), private).expect("permissions");
}
