//! The command line: what is asked for, and the commands of those who keep a site by hand.

mod arguments;
mod command;
mod given;
mod help;
mod lists;
mod options;
mod output;
mod progress;
mod session;
mod site;
pub mod storage;
mod sync;
mod table;
mod time;
mod tokens;
mod torrents;
mod urls;
mod users;

pub use arguments::Arguments;
pub use command::Command;
pub use help::HELP;
pub use output::{Failure, show};
pub use session::site;
