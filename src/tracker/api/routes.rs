//! The table of routes: what is served where. The dispatch, `Allow` and the OpenAPI document are
//! made from it.

use super::answer::Answer;
use super::bodies;
use super::listed::Asked;
use super::names::{self, TokenScope, Unnamed};
use crate::config::Scope;
use crate::model::InfoHash;
use crate::storage::{Edit, Listing, TorrentEdit, TorrentName, TorrentStatus, UserName};
use crate::wire::api::Method;
use crate::wire::query::pairs;

/// A route: what is done by a method at a path.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) method: Method,
    /// Segments; one in braces names what stands there.
    pub(super) path: &'static str,
    pub(super) operation: Operation,
    /// For people.
    pub(super) summary: &'static str,
}

/// What a route does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Operation {
    ListTorrents,
    ShowTorrent,
    PutTorrent,
    ChangeTorrent,
    RemoveTorrent,
    ShowTorrentPeers,
    ListUsers,
    ShowUser,
    PutUser,
    ChangeUser,
    RemoveUser,
    ShowUserPeers,
    ListClients,
    ShowClient,
    PutClient,
    RemoveClient,
    ListTokens,
    ShowToken,
    PutToken,
    RemoveToken,
    ShowOptions,
    ChangeOptions,
    Sync,
    ShowStats,
    ShowDocument,
}

const fn route(
    method: Method,
    path: &'static str,
    operation: Operation,
    summary: &'static str,
) -> Route {
    Route {
        method,
        path,
        operation,
        summary,
    }
}

const TORRENT: &str = "/torrents/{info_hash}";
const USER: &str = "/users/{user}";
const CLIENT: &str = "/clients/{prefix}";
const TOKEN: &str = "/tokens/{of_user}/{of_torrent}";
const OPTIONS: &str = "/options";

/// All of them. HEAD is served where GET is.
pub(super) const ROUTES: &[Route] = {
    use Method::{Delete, Get, Patch, Post, Put};
    use Operation::*;
    &[
        route(
            Get,
            "/torrents",
            ListTorrents,
            "Torrents as the storage has them",
        ),
        route(Get, TORRENT, ShowTorrent, "A torrent and its swarm"),
        route(Put, TORRENT, PutTorrent, "Registers or replaces a torrent"),
        route(
            Patch,
            TORRENT,
            ChangeTorrent,
            "Changes a torrent; what is not said stays",
        ),
        route(
            Delete,
            TORRENT,
            RemoveTorrent,
            "Removes a torrent; with a reason, it is kept as deleted and clients are told why",
        ),
        route(
            Get,
            "/torrents/{info_hash}/peers",
            ShowTorrentPeers,
            "Who announces a torrent",
        ),
        route(Get, "/users", ListUsers, "Users as the storage has them"),
        route(Get, USER, ShowUser, "A user"),
        route(Put, USER, PutUser, "Adds or replaces a user"),
        route(
            Patch,
            USER,
            ChangeUser,
            "Changes a user; what is not said stays",
        ),
        route(Delete, USER, RemoveUser, "Removes a user"),
        route(
            Get,
            "/users/{user}/peers",
            ShowUserPeers,
            "What a user announces",
        ),
        route(
            Get,
            "/clients",
            ListClients,
            "What is said of prefixes of peer ids",
        ),
        route(
            Get,
            CLIENT,
            ShowClient,
            "What is said of a prefix of peer ids",
        ),
        route(
            Put,
            CLIENT,
            PutClient,
            "Approves or bans a prefix of peer ids",
        ),
        route(
            Delete,
            CLIENT,
            RemoveClient,
            "Says nothing of a prefix of peer ids any more",
        ),
        route(Get, "/tokens", ListTokens, "Tokens"),
        route(Get, TOKEN, ShowToken, "A token"),
        route(Put, TOKEN, PutToken, "Gives or replaces a token"),
        route(Delete, TOKEN, RemoveToken, "Takes a token back"),
        route(Get, OPTIONS, ShowOptions, "What holds for everybody"),
        route(
            Patch,
            OPTIONS,
            ChangeOptions,
            "Changes what holds for everybody; what is not said stays",
        ),
        route(
            Post,
            "/sync",
            Sync,
            "Does many things at once, one on each line, as they come in",
        ),
        route(Get, "/stats", ShowStats, "What the tracker does and holds"),
        route(Get, "/openapi.json", ShowDocument, "This document"),
    ]
};

/// What kind of body an operation takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum BodyKind {
    Nothing,
    /// One JSON object.
    Json,
    /// A JSON object on each line.
    Lines,
}

impl BodyKind {
    pub(super) fn media_type(self) -> &'static str {
        match self {
            BodyKind::Nothing => "",
            BodyKind::Json => "application/json",
            BodyKind::Lines => "application/x-ndjson",
        }
    }
}

impl Operation {
    pub(super) fn body(self) -> BodyKind {
        match self {
            Operation::PutTorrent
            | Operation::ChangeTorrent
            | Operation::PutUser
            | Operation::ChangeUser
            | Operation::PutClient
            | Operation::PutToken
            | Operation::ChangeOptions => BodyKind::Json,
            Operation::Sync => BodyKind::Lines,
            _ => BodyKind::Nothing,
        }
    }
}

impl Route {
    /// What a token must allow.
    pub(super) fn scope(&self) -> Scope {
        match self.method {
            Method::Get => Scope::Read,
            _ => Scope::Write,
        }
    }

    /// The parts of a path that stand for names; `None` where it is another route's.
    fn names_in<'b>(&self, path: &'b [u8]) -> Option<Names<'b>> {
        let mut found = Names::default();
        let mut places = found.0.iter_mut();
        let mut segments = path.split(|byte| *byte == b'/');
        for pattern in self.path.split('/') {
            let segment = segments.next()?;
            if !pattern.starts_with('{') {
                if segment != pattern.as_bytes() {
                    return None;
                }
            } else if segment.is_empty() {
                return None;
            } else {
                *places.next()? = segment;
            }
        }
        segments.next().is_none().then_some(found)
    }
}

/// The names in a path, in their order.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub(super) struct Names<'b>([&'b [u8]; 2]);

/// The route of a method and a path, or why there is none.
pub(super) fn find<'b>(
    method: Method,
    path: &'b [u8],
) -> Result<(&'static Route, Names<'b>), Answer> {
    let of_path = || {
        let routes = ROUTES.iter();
        routes.filter_map(|route| Some((route, route.names_in(path)?)))
    };
    let wanted = match method {
        Method::Head => Method::Get,
        method => method,
    };
    if let Some(found) = of_path().find(|(route, _)| route.method == wanted) {
        return Ok(found);
    }
    let mut allowed = of_path().map(|(route, _)| route.method).peekable();
    if allowed.peek().is_none() {
        return Err(Answer::fault(404, "there is nothing at this path"));
    }
    Err(Answer::not_allowed(&allow(allowed)))
}

/// What `Allow` says of a path that serves these methods.
pub(super) fn allow(methods: impl Iterator<Item = Method>) -> String {
    let names = methods.map(|method| match method {
        Method::Get => "GET, HEAD",
        method => method.name(),
    });
    names.collect::<Vec<_>>().join(", ")
}

/// What a request asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Request {
    /// To be told something.
    Ask(Question),
    /// To change something.
    Push(Edit),
}

/// What is to be told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Question {
    /// A torrent.
    Torrent(InfoHash),
    /// Who announces it.
    TorrentPeers(InfoHash),
    /// A user.
    User(UserName),
    /// What a user announces.
    UserPeers(UserName),
    /// What is said of a prefix of peer ids.
    Client(Box<[u8]>),
    /// A token.
    Token(TokenScope),
    /// What holds for everybody.
    Options,
    /// A part of the directory as the storage has it, so many entries at most.
    List(Listing, usize),
    /// What the tracker does and holds.
    Stats,
    /// The OpenAPI document.
    Document,
}

impl Operation {
    /// What a request asks for. `body` is whole, and empty where there is none.
    pub(super) fn read(
        self,
        names: Names<'_>,
        query: &[u8],
        body: &[u8],
    ) -> Result<Request, Answer> {
        let reason = match self {
            Operation::RemoveTorrent => reason(query)?,
            Operation::ListUsers
            | Operation::ListTorrents
            | Operation::ListClients
            | Operation::ListTokens => return self.read_list(query),
            _ => no_parameters(query)?,
        };
        let Names([first, second]) = names;
        let ask = |question| Ok(Request::Ask(question));
        let push = |edit| Ok(Request::Push(edit));
        match self {
            Operation::ShowTorrent => ask(Question::Torrent(names::torrent(first)?)),
            Operation::PutTorrent => push(bodies::torrent(names::torrent(first)?, body)?),
            Operation::RemoveTorrent => push(remove_torrent(names::torrent(first)?, reason)),
            Operation::ShowTorrentPeers => ask(Question::TorrentPeers(names::torrent(first)?)),
            Operation::ShowUser => ask(Question::User(names::user(first)?)),
            Operation::PutUser => push(bodies::user(names::user(first)?, body)?),
            Operation::RemoveUser => push(Edit::UserGone(names::user(first)?)),
            Operation::ShowUserPeers => ask(Question::UserPeers(names::user(first)?)),
            Operation::ShowClient => ask(Question::Client(names::prefix(first)?)),
            Operation::PutClient => push(bodies::client(names::prefix(first)?, body)?),
            Operation::RemoveClient => push(Edit::ClientGone(names::prefix(first)?)),
            Operation::ShowToken => ask(Question::Token(names::token(first, second)?)),
            Operation::PutToken => push(bodies::token(names::token(first, second)?, body)?),
            Operation::RemoveToken => {
                let (user, torrent) = names::token(first, second)?;
                push(Edit::TokenGone { user, torrent })
            }
            Operation::ShowOptions => ask(Question::Options),
            Operation::ChangeOptions => push(bodies::options(body)?),
            Operation::ShowStats => ask(Question::Stats),
            Operation::ShowDocument => ask(Question::Document),
            Operation::ChangeTorrent => push(bodies::torrent_change(names::torrent(first)?, body)?),
            Operation::ChangeUser => push(bodies::user_change(names::user(first)?, body)?),
            Operation::ListUsers
            | Operation::ListTorrents
            | Operation::ListClients
            | Operation::ListTokens => self.read_list(query),
            // Its lines are read as they come in.
            Operation::Sync => Err(Answer::fault(400, "a sync is read line by line")),
        }
    }

    fn read_list(self, query: &[u8]) -> Result<Request, Answer> {
        let bad = |text| Answer::fault(400, text);
        let asked = Asked::of(query).map_err(bad)?;
        let most = asked.limit();
        let listing = match self {
            Operation::ListClients => asked.clients(),
            Operation::ListTokens => asked.tokens(),
            Operation::ListTorrents => asked.torrents(),
            _ => asked.users(),
        };
        Ok(Request::Ask(Question::List(listing.map_err(bad)?, most)))
    }
}

impl From<Unnamed> for Answer {
    fn from(unnamed: Unnamed) -> Answer {
        match unnamed {
            Unnamed::Bad(text) => Answer::fault(400, text),
            Unnamed::Unknown => Answer::not_found(),
        }
    }
}

pub(super) fn remove_torrent(info_hash: InfoHash, reason: Option<Box<str>>) -> Edit {
    let which = TorrentName::InfoHash(info_hash);
    match reason {
        None => Edit::TorrentGone(which),
        Some(reason) => Edit::Torrent(TorrentEdit {
            status: Some(TorrentStatus::Deleted(reason)),
            ..TorrentEdit::of(which)
        }),
    }
}

fn reason(query: &[u8]) -> Result<Option<Box<str>>, Answer> {
    let mut reason = None;
    for (key, value) in pairs(query).filter(|(key, _)| !key.is_empty()) {
        if key != b"reason" || reason.is_some() {
            return no_parameters(query);
        }
        let text = names::decode_form(value);
        let text = text.ok_or_else(|| Answer::fault(400, "the reason is not UTF-8"))?;
        reason = Some(bodies::reason(&text).map_err(|text| Answer::fault(400, text))?);
    }
    Ok(reason)
}

fn no_parameters(query: &[u8]) -> Result<Option<Box<str>>, Answer> {
    match pairs(query).all(|(key, _)| key.is_empty()) {
        true => Ok(None),
        false => Err(Answer::fault(400, "a parameter that is not known here")),
    }
}
