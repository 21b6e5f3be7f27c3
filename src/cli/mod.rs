//! The command line: what is asked for, and the commands of sites without a web application.

mod arguments;
mod directory;
mod output;
mod table;
mod urls;

pub use arguments::{Arguments, Command, HELP};
pub use directory::directory;
pub use output::{Failure, show};
