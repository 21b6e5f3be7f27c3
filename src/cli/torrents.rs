//! Torrents.

use super::command::{Name, TorrentChange};
use super::lists::{self, Lines, View};
use super::output::{Failure, print};
use super::progress::{Progress, Unit};
use super::session::{Session, hex, info_hash};
use super::site::Seen;
use super::table::{Column, Printable, Table};
use super::urls::announce_urls;
use chihaya::model::{InfoHash, TorrentId};
use chihaya::storage::{Edit, Listing, NAME_MAX_BYTES, TorrentEdit, TorrentName, TorrentStatus};
use chihaya::tracker::api::{Listed, ListedTorrent, ShownPushed, Status};
use chihaya::wire::metainfo::{MAX_FILE_BYTES, Metainfo};
use serde_json::{Value, json};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Torrents that are registered in one transaction.
const AT_ONCE: usize = 64;

/// What of a file is registered.
struct New<'p> {
    path: &'p Path,
    name: String,
    info_hash: InfoHash,
    /// What a private tracker does not see of it.
    warnings: Vec<String>,
}

/// How far registering has come.
struct Adding {
    progress: Progress,
    /// What has been printed of the list of the registered, as JSON.
    registered: usize,
    failed: Vec<Value>,
}

/// Registers what it can; what it cannot is told, file by file.
pub fn add(session: &mut Session<'_>, files: &[PathBuf], id: Option<u64>) -> Result<(), Failure> {
    let mut adding = Adding {
        progress: Progress::new(u64::try_from(files.len()).ok(), Unit::Torrents),
        registered: 0,
        failed: Vec::new(),
    };
    if session.json {
        print(session.streams.out, "{\"torrents\":[")?;
    }
    let done = files.chunks(AT_ONCE).try_for_each(|files| {
        let done = adding.add(session, files, id);
        let count = u64::try_from(files.len()).unwrap_or_default();
        adding.progress.add(count, session.streams.err);
        done
    });
    adding.progress.clear(session.streams.err);
    done?;
    adding.end(session)?;
    match (adding.failed.len(), files.len()) {
        (0, _) => Ok(()),
        (_, 1) => Err(Failure::told()),
        (bad, all) => Err(Failure::failed(format!(
            "{bad} of {all} torrents not registered"
        ))),
    }
}

impl Adding {
    fn add(
        &mut self,
        session: &mut Session<'_>,
        files: &[PathBuf],
        id: Option<u64>,
    ) -> Result<(), Failure> {
        let mut new: Vec<New<'_>> = Vec::new();
        for path in files {
            match read(path) {
                Ok(file) => match self.is_known(session, &new, file.info_hash)? {
                    true => self.failed(session, path, "the torrent is there already"),
                    false => new.push(file),
                },
                Err(message) => self.failed(session, path, &message),
            }
        }
        let edit = |new: &New<'_>| {
            Edit::Torrent(TorrentEdit {
                create: true,
                id: id.map(TorrentId),
                name: Some(new.name.as_str().into()),
                ..TorrentEdit::of(TorrentName::InfoHash(new.info_hash))
            })
        };
        let edits: Vec<Edit> = new.iter().map(edit).collect();
        let edited = session.site.edit(&edits)?;
        for (new, edited) in new.iter().zip(edited) {
            match edited {
                Ok(pushed) => self.registered(session, new, &pushed)?,
                Err(message) => self.failed(session, new.path, &message),
            }
        }
        Ok(())
    }

    /// Whether it is registered, or is about to be: what is there is not to be replaced.
    fn is_known(
        &self,
        session: &mut Session<'_>,
        new: &[New<'_>],
        info_hash: InfoHash,
    ) -> Result<bool, Failure> {
        if new.iter().any(|other| other.info_hash == info_hash) {
            return Ok(true);
        }
        let same = Listing::Torrent(TorrentName::InfoHash(info_hash));
        Ok(!session.site.list(&same)?.is_empty())
    }

    fn failed(&mut self, session: &mut Session<'_>, path: &Path, message: &str) {
        self.progress.clear(session.streams.err);
        let file = path.display().to_string();
        session.complain(&format!("{file}: {message}"));
        self.failed.push(json!({ "file": file, "error": message }));
    }

    fn registered(
        &mut self,
        session: &mut Session<'_>,
        new: &New<'_>,
        pushed: &ShownPushed,
    ) -> Result<(), Failure> {
        self.progress.clear(session.streams.err);
        let id = pushed.id.unwrap_or_default();
        let hash = hex(&new.info_hash.0);
        let text = match session.json {
            true => {
                let told = json!({
                    "id": id, "name": new.name, "info_hash": hash, "stored": pushed.stored,
                });
                let comma = if self.registered > 0 { "," } else { "" };
                format!("{comma}\n{told}")
            }
            false => format!("torrent {id} {}\ninfo hash {hash}\n", Printable(&new.name)),
        };
        self.registered += 1;
        print(session.streams.out, &text)?;
        session.note_held(pushed);
        for warning in &new.warnings {
            session.complain(&format!("{}: {warning}", new.path.display()));
        }
        Ok(())
    }

    /// Tells how to announce them.
    fn end(&self, session: &mut Session<'_>) -> Result<(), Failure> {
        let urls = announce_urls(&session.config.network, "PASSKEY");
        let text = if session.json {
            let (failed, urls) = (json!(self.failed), json!(urls));
            format!("\n],\"failed\":{failed},\"announce\":{urls}}}\n")
        } else if self.registered > 0 {
            urls.iter().map(|url| format!("announce {url}\n")).collect()
        } else {
            return Ok(());
        };
        print(session.streams.out, &text)
    }
}

/// Reads a file; why it is none that can be registered.
fn read(path: &Path) -> Result<New<'_>, String> {
    let mut bytes = Vec::new();
    // A byte more than a torrent may have tells that it has too many.
    let most = MAX_FILE_BYTES as u64 + 1;
    let file = File::open(path).map_err(|error| error.to_string())?;
    let read = file.take(most).read_to_end(&mut bytes);
    read.map_err(|error| error.to_string())?;
    let torrent = Metainfo::parse(&bytes).map_err(|error| error.to_string())?;
    Ok(New {
        path,
        name: storable(&String::from_utf8_lossy(torrent.name)),
        info_hash: torrent.info_hash(),
        warnings: warnings(&torrent),
    })
}

/// As much of a name as the directory takes.
fn storable(name: &str) -> String {
    let mut letters: String = name
        .chars()
        .map(|letter| {
            if letter.is_control() {
                '\u{fffd}'
            } else {
                letter
            }
        })
        .collect();
    let mut end = letters.len().min(NAME_MAX_BYTES);
    while !letters.is_char_boundary(end) {
        end -= 1;
    }
    letters.truncate(end);
    letters
}

/// What of a torrent a private tracker does not see.
fn warnings(torrent: &Metainfo<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    if !torrent.private {
        let text = "not marked private (BEP 27): clients also find each other without the tracker";
        warnings.push(text.to_owned());
    }
    if let Some(InfoHash(second)) = torrent.second_info_hash() {
        let second = hex(&second);
        warnings.push(format!(
            "hybrid: registered by its v1 hash; announces of its v2 swarm ({second}) are refused"
        ));
    }
    warnings
}

pub fn list(session: &mut Session<'_>) -> Result<(), Failure> {
    let row = |seen: &Seen, table: &mut Table| {
        if let Listed::Torrent(torrent) = &seen.listed {
            table.row(&[
                &torrent.id,
                &torrent.info_hash,
                &torrent.seeders,
                &torrent.leechers,
                &torrent.snatches,
                &status(torrent.status),
                &torrent.name,
            ]);
        }
    };
    let view = View {
        columns: vec![
            Column::Number("ID"),
            Column::Text("INFO HASH"),
            Column::Number("SEEDERS"),
            Column::Number("LEECHERS"),
            Column::Number("SNATCHES"),
            Column::Text("STATUS"),
            Column::Text("NAME"),
        ],
        row: &row,
        passkeys: false,
    };
    lists::show(session, Listing::Torrents(None), view)
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Registered => "registered",
        Status::Unapproved => "unapproved",
        Status::Deleted => "deleted",
    }
}

pub fn show(session: &mut Session<'_>, name: &Name) -> Result<(), Failure> {
    let torrent = session.torrent(name)?;
    let mut lines = Lines::default();
    lines.line("torrent", &format!("{} {}", torrent.id, torrent.name));
    lines.line("info hash", &torrent.info_hash);
    lines.line("status", &status(torrent.status));
    if !torrent.reason.is_empty() {
        lines.line("reason", &torrent.reason);
    }
    lines.line("up", &format!("{} %", torrent.up_percent));
    lines.line("down", &format!("{} %", torrent.down_percent));
    lines.line("seeders", &torrent.seeders);
    lines.line("leechers", &torrent.leechers);
    lines.line("snatches", &torrent.snatches);
    session.say(&lines.text(), &json!(torrent))
}

pub fn set(session: &mut Session<'_>, name: &Name, change: &TorrentChange) -> Result<(), Failure> {
    let torrent = session.torrent(name)?;
    let edit = TorrentEdit {
        name: change.name.as_deref().map(Into::into),
        status: change.status.clone(),
        up_percent: change.percents.up,
        down_percent: change.percents.down,
        ..TorrentEdit::of(which(&torrent)?)
    };
    let name = change.name.as_deref().unwrap_or(&torrent.name);
    change_one(session, &torrent, name, Edit::Torrent(edit))
}

pub fn delete(session: &mut Session<'_>, name: &Name, reason: Option<&str>) -> Result<(), Failure> {
    let torrent = session.torrent(name)?;
    let which = which(&torrent)?;
    let edit = match reason {
        None => Edit::TorrentGone(which),
        Some(reason) => Edit::Torrent(TorrentEdit {
            status: Some(TorrentStatus::Deleted(reason.into())),
            ..TorrentEdit::of(which)
        }),
    };
    change_one(session, &torrent, &torrent.name, edit)
}

/// By the hash: the management API goes by that.
fn which(torrent: &ListedTorrent) -> Result<TorrentName, Failure> {
    let hash = info_hash(&torrent.info_hash).map(TorrentName::InfoHash);
    hash.ok_or_else(|| Failure::failed(format!("torrent {} has no info hash", torrent.id)))
}

fn change_one(
    session: &mut Session<'_>,
    torrent: &ListedTorrent,
    name: &str,
    edit: Edit,
) -> Result<(), Failure> {
    let (id, info_hash) = (torrent.id, &torrent.info_hash);
    let pushed = session.edit(&format!("torrent {id}"), edit)?;
    let told = json!({
        "id": id, "name": name, "info_hash": info_hash, "stored": pushed.stored,
    });
    session.say(&format!("torrent {id} {}\n", Printable(name)), &told)
}
