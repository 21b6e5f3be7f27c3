//! What the errors of MySQL and MariaDB mean.

use crate::storage::sql::connection::{Fault, SqlError};
use ::mysql::{DriverError, Error, MySqlError};
use std::error::Error as _;
use std::io;

/// This command is not supported in the prepared statement protocol.
const ER_UNSUPPORTED_PS: u16 = 1295;

/// Too many connections, a server that ends or is not ready yet, a session it has ended, a server
/// that only follows another one now, a node that has left its cluster.
const LOST: &[u16] = &[
    1040, 1043, 1047, 1053, 1077, 1079, 1080, 1129, 1152, 1158, 1159, 1160, 1161, 1184, 1203, 1226,
    1290, 1792, 1836, 1927, 3032, 3169, 4031,
];
/// Locks, deadlocks, conflicts and time-outs; no room, no memory; a statement that was ended; a
/// table that is being altered.
const BUSY: &[u16] = &[
    1015, 1020, 1021, 1028, 1030, 1037, 1038, 1041, 1099, 1100, 1114, 1180, 1205, 1206, 1213, 1223,
    1317, 1412, 1479, 1613, 1614, 1637, 1969, 3024, 3058, 3101, 3572,
];
/// Values that are missing, do not fit, or stand there already; foreign keys and checks; what a
/// trigger raises.
const DATA: &[u16] = &[
    1022, 1048, 1062, 1118, 1169, 1216, 1217, 1264, 1265, 1292, 1301, 1364, 1365, 1366, 1367, 1406,
    1411, 1416, 1436, 1451, 1452, 1525, 1526, 1557, 1586, 1591, 1644, 1690, 1748, 1761, 1762, 3140,
    3141, 3819, 3854, 4025, 4078,
];

pub(super) fn lost(what: &str) -> SqlError {
    SqlError::new(Fault::Lost, format!("mysql: {what}"))
}

pub(super) fn fault(err: &Error) -> SqlError {
    let (kind, message) = match err {
        Error::MySqlError(told) => (told_by_server(told), told.to_string()),
        Error::IoError(err) => of_io(err),
        Error::DriverError(err) => (of_driver(err), err.to_string()),
        Error::CodecError(err) => match err.source().and_then(|cause| cause.downcast_ref()) {
            Some(err) => of_io(err),
            // A packet that is no packet: what follows it is no answer either.
            None => (Fault::Lost, err.to_string()),
        },
        Error::UrlError(err) => (Fault::Wrong, err.to_string()),
        // Certificates that are not believed come here.
        err => (Fault::Wrong, err.to_string()),
    };
    SqlError::new(kind, format!("mysql: {message}"))
}

/// A few statements are run as text only.
pub(super) fn cannot_be_prepared(err: &Error) -> bool {
    matches!(err, Error::MySqlError(told) if told.code == ER_UNSUPPORTED_PS)
}

fn told_by_server(told: &MySqlError) -> Fault {
    let is_in = |codes: &[u16]| codes.contains(&told.code);
    let class = told.state.get(..2).unwrap_or_default();
    match class {
        _ if is_in(LOST) => Fault::Lost,
        _ if is_in(BUSY) => Fault::Busy,
        _ if is_in(DATA) => Fault::Data,
        "40" => Fault::Busy,
        "22" | "23" | "45" => Fault::Data,
        _ => Fault::Wrong,
    }
}

fn of_io(err: &io::Error) -> (Fault, String) {
    match err.kind() {
        // A certificate that is not believed.
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => (Fault::Wrong, err.to_string()),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            (Fault::Lost, "it does not answer in time".to_owned())
        }
        _ => (Fault::Lost, err.to_string()),
    }
}

fn of_driver(err: &DriverError) -> Fault {
    match err {
        DriverError::UnknownAuthPlugin(_)
        | DriverError::OldMysqlPasswordDisabled
        | DriverError::CleartextPluginDisabled
        | DriverError::TlsNotSupported
        | DriverError::PacketTooLarge
        | DriverError::UnsupportedProtocol(_)
        | DriverError::Protocol41NotSet => Fault::Wrong,
        _ => Fault::Lost,
    }
}
