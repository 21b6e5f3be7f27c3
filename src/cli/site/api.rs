//! A running tracker, over its management API.

use super::http::{Answer, Http, reachable};
use super::requests::{Request, request, torrent_path, user_path};
use super::{Edited, PART, Seen, Site};
use crate::cli::output::Failure;
use chihaya::config::{Admin, Scope};
use chihaya::model::{TorrentId, UserId};
use chihaya::storage::{Edit, Listing, TokenKey, TorrentName, UserName};
use chihaya::tracker::api::{
    Listed, ListedTorrent, ListedUser, ShownClient, ShownOptions, ShownToken, encode, list_name,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt::{Display, Formatter};
use std::io::{Error, ErrorKind, Read};
use std::net::SocketAddr;

/// Requests that are under way at once: half of what the tracker reads ahead.
const PIPELINED: usize = 32;

pub struct Api {
    http: Http,
    /// Whose token it is.
    name: String,
}

/// Why there is nobody to speak to. A tracker that answers otherwise than it should is none of
/// these: what it does is not to be done past it.
#[derive(Debug)]
pub enum NoApi {
    /// No tracker accepts connections at these addresses.
    Silent(Vec<SocketAddr>),
    /// No token allows it that can be had; why not of others.
    NoToken(String),
}

impl Display for NoApi {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            NoApi::Silent(addresses) => {
                let addresses: Vec<String> = addresses.iter().map(SocketAddr::to_string).collect();
                write!(f, "no tracker answers at {}", addresses.join(", "))
            }
            NoApi::NoToken(why) => write!(f, "the tracker cannot be asked: {why}"),
        }
    }
}

impl Api {
    /// Connects to the first address that answers, with a token that allows as much.
    pub fn connect(admin: &Admin, scope: Scope) -> Result<Api, NoApi> {
        let (name, token) = token(admin, scope).map_err(NoApi::NoToken)?;
        let addresses: Vec<SocketAddr> = admin.listen.iter().copied().map(reachable).collect();
        let mut connected = addresses
            .iter()
            .filter_map(|address| Http::connect(*address, &token).ok());
        match connected.next() {
            Some(http) => Ok(Api { http, name }),
            None => Err(NoApi::Silent(addresses)),
        }
    }

    fn ask(&mut self, target: &str) -> Result<Answer, Failure> {
        let answer = self
            .http
            .send("GET", target, None)
            .and_then(|()| self.http.answer());
        let answer = answer.map_err(|error| self.broken(&error))?;
        self.admitted(answer)
    }

    /// An answer that says something of what was asked, be it that it cannot be.
    fn admitted(&self, answer: Answer) -> Result<Answer, Failure> {
        let (address, name) = (self.http.address, &self.name);
        let because = match answer.status {
            200 | 201 | 400 | 404 | 409 => return Ok(answer),
            401 => format!("refused the token {name:?}: it runs with other admin.tokens"),
            403 => format!("does not let the token {name:?} make changes"),
            status => match fault(&answer) {
                Some(text) => format!("answers: {text}"),
                None => format!("answers with status {status}"),
            },
        };
        Err(Failure::failed(format!(
            "the tracker at {address} {because}"
        )))
    }

    fn broken(&self, error: &Error) -> Failure {
        let address = self.http.address;
        Failure::failed(match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                format!("the tracker at {address} does not answer")
            }
            ErrorKind::InvalidData => {
                format!("what answers at {address} is no tracker's management API: {error}")
            }
            ErrorKind::UnexpectedEof => {
                format!("the tracker at {address} has closed the connection")
            }
            _ => format!("the connection to the tracker at {address} failed: {error}"),
        })
    }

    /// What an answer says that must be good.
    fn good<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T, Failure> {
        if let Some(text) = fault(answer) {
            let address = self.http.address;
            return Err(Failure::failed(format!(
                "the tracker at {address} answers: {text}"
            )));
        }
        let read = serde_json::from_slice(&answer.body);
        read.map_err(|error| self.broken(&Error::new(ErrorKind::InvalidData, error)))
    }

    fn page(&mut self, listing: &Listing, query: &str) -> Result<Vec<Seen>, Failure> {
        let name = list_name(listing);
        let answer = self.ask(&format!("/{name}?{query}"))?;
        let Page {
            users,
            torrents,
            clients,
            tokens,
        } = self.good(&answer)?;
        let listed: Option<Vec<Listed>> = match name {
            "users" => users.map(|users| users.into_iter().map(Listed::User).collect()),
            "torrents" => torrents.map(|all| all.into_iter().map(Listed::Torrent).collect()),
            "clients" => clients.map(|all| all.into_iter().map(Listed::Client).collect()),
            _ => tokens.map(|tokens| tokens.into_iter().map(Listed::Token).collect()),
        };
        let no_list = || Error::new(ErrorKind::InvalidData, format!("no {name}"));
        let listed = listed.ok_or_else(|| self.broken(&no_list()))?;
        let seen = |listed| Seen {
            listed,
            passkey: None,
        };
        Ok(listed.into_iter().map(seen).collect())
    }

    /// The entry with a number, in a list of one.
    fn numbered(&mut self, listing: &Listing, id: u64) -> Result<Vec<Seen>, Failure> {
        let Some(before) = id.checked_sub(1) else {
            return Ok(Vec::new());
        };
        let mut page = self.page(listing, &format!("after={before}&limit=1"))?;
        page.retain(|seen| match &seen.listed {
            Listed::User(user) => user.id == id,
            Listed::Torrent(torrent) => torrent.id == id,
            _ => false,
        });
        Ok(page)
    }

    /// The number of what stands at a path, if there is any such thing.
    fn number_at(&mut self, path: &str) -> Result<Option<u64>, Failure> {
        let answer = self.ask(path)?;
        // What cannot be a name of anything is none.
        if answer.status == 404 || answer.status == 400 {
            return Ok(None);
        }
        let shown: Numbered = self.good(&answer)?;
        Ok(Some(shown.id))
    }
}

#[derive(Deserialize)]
struct Numbered {
    id: u64,
}

/// A part of a list: one of these.
#[derive(Deserialize)]
struct Page {
    users: Option<Vec<ListedUser>>,
    torrents: Option<Vec<ListedTorrent>>,
    clients: Option<Vec<ShownClient>>,
    tokens: Option<Vec<ShownToken>>,
}

impl Site for Api {
    fn list(&mut self, listing: &Listing) -> Result<Vec<Seen>, Failure> {
        let limit = format!("limit={PART}");
        let after = |id: Option<u64>| id.map_or(String::new(), |id| format!("&after={id}"));
        let named = |name: &str| format!("{limit}&name={}", encode(name.as_bytes()));
        let query = match listing {
            Listing::Users(id) => limit + &after(id.map(|id| id.0)),
            Listing::Torrents(id) => limit + &after(id.map(|id| id.0)),
            Listing::UsersNamed(name, id) => named(name) + &after(id.map(|id| id.0)),
            Listing::TorrentsNamed(name, id) => named(name) + &after(id.map(|id| id.0)),
            Listing::User(UserName::Id(UserId(id))) => return self.numbered(listing, *id),
            Listing::Torrent(TorrentName::Id(TorrentId(id))) => {
                return self.numbered(listing, *id);
            }
            Listing::User(who) => {
                let number = self.number_at(&user_path(who))?;
                return number.map_or(Ok(Vec::new()), |id| self.numbered(listing, id));
            }
            Listing::Torrent(which) => {
                let number = self.number_at(&torrent_path(which))?;
                return number.map_or(Ok(Vec::new()), |id| self.numbered(listing, id));
            }
            Listing::Clients(prefix) if prefix.is_empty() => limit,
            Listing::Clients(prefix) => format!("{limit}&after={}", encode(prefix)),
            Listing::Tokens(None) => limit,
            Listing::Tokens(Some(key)) => format!("{limit}&after={}", token_key(key)),
        };
        self.page(listing, &query)
    }

    fn edit(&mut self, edits: &[Edit]) -> Result<Vec<Edited>, Failure> {
        let mut edited = Vec::with_capacity(edits.len());
        for edits in edits.chunks(PIPELINED) {
            for Request {
                method,
                target,
                body,
            } in edits.iter().map(request)
            {
                let body = body.map(|body| body.to_string());
                let sent = self.http.send(method, &target, body.as_deref());
                sent.map_err(|error| self.broken(&error))?;
            }
            for _ in edits {
                let answer = self.http.answer().map_err(|error| self.broken(&error))?;
                let answer = self.admitted(answer)?;
                edited.push(match fault(&answer) {
                    Some(text) => Err(text),
                    None => Ok(self.good(&answer)?),
                });
            }
        }
        Ok(edited)
    }

    fn options(&mut self) -> Result<ShownOptions, Failure> {
        let answer = self.ask("/options")?;
        self.good(&answer)
    }

    fn stats(&mut self) -> Result<Value, Failure> {
        let answer = self.ask("/stats")?;
        self.good(&answer)
    }

    fn sync(&mut self, lines: &mut dyn Read) -> Result<Value, Failure> {
        // Who is refused is told so before anything is sent that nobody reads.
        self.options()?;
        let what = ("/sync", "application/x-ndjson");
        let answer = self.http.stream("POST", what, lines);
        let answer = answer
            .map_err(|error| self.broken(&error))?
            .map_err(|error| Failure::failed(format!("cannot read: {error}")))?;
        let answer = self.admitted(answer)?;
        match serde_json::from_slice(&answer.body) {
            // None of the lines was good: that is told as others are.
            Ok(told @ Value::Object(_)) if told.get("lines").is_some() => Ok(told),
            _ => self.good(&answer),
        }
    }
}

fn token_key((user, torrent): &TokenKey) -> String {
    let user = user.map_or(0, |user| user.0);
    format!("{user}/{}", torrent.map_or(0, |torrent| torrent.0))
}

/// What an answer says is wrong.
fn fault(answer: &Answer) -> Option<String> {
    #[derive(Deserialize)]
    struct Fault {
        error: String,
    }
    let fault = || serde_json::from_slice::<Fault>(&answer.body).ok();
    let is_good = answer.status < 300;
    (!is_good).then(fault)?.map(|fault| fault.error)
}

/// The first token that allows as much and can be had: whose it is, and the token.
fn token(admin: &Admin, scope: Scope) -> Result<(String, String), String> {
    let mut why = "admin.tokens: none has the scope \"write\"".to_owned();
    for token in admin.tokens.iter().filter(|token| token.scope >= scope) {
        match token.read() {
            Ok(text) => return Ok((token.name.clone(), text.0)),
            Err(error) => why = format!("the token of {:?}: {error}", token.name),
        }
    }
    Err(why)
}
