//! HTTP requests in, HTTP answers out.

use super::{Place, Refused, Room, Tracker, contains};
use crate::cache::Families;
use crate::model::Endpoint;
use crate::wire::http::{self, AnnounceReply, Framing, Malformed, Peers, Request};
use crate::wire::{AnnounceRequest, PeerForm, Refusal, Route, query};
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

/// What a client without a port is told, and its user shown.
const NOT_LISTENING: &str = "no port announced: other peers cannot connect to you";
/// What a client that does not keep the minimum interval is told.
const TOO_SOON: &str = "announced again too soon: no peers this time";

/// The requests of one tick, from question to answer, in the order they came.
#[derive(Default)]
pub struct Requests {
    pending: Vec<Pending>,
    body: Vec<u8>,
    hashes: Vec<[u8; 20]>,
}

/// The number of no connection.
const NOBODY: usize = usize::MAX;

/// A request whose answer is owed.
#[derive(Clone, Debug)]
pub struct Pending {
    /// Whose it is.
    pub connection: usize,
    framing: Framing,
    reply: Reply,
}

#[derive(Clone, Debug)]
enum Reply {
    Announce {
        /// In the tick.
        number: usize,
        form: PeerForm,
        client: Endpoint,
    },
    Scrape(Range<usize>),
    FullScrape,
    Refused(Refused),
    NotFound,
    Malformed(Malformed),
}

/// What may follow a request on its connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// Another one.
    Another,
    /// Nothing: it was the last.
    Nothing,
    /// It is served elsewhere, and so is all that follows.
    Elsewhere,
}

/// What remains to be sent after the bytes that [`Requests::write`] has written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rest {
    /// Nothing.
    Nothing,
    /// The body that holds all torrents.
    FullScrape,
}

impl Requests {
    /// Forgets the last tick.
    pub fn begin(&mut self) {
        self.pending.clear();
    }

    /// Takes a request from a connection; returns what may follow.
    pub fn collect(
        &mut self,
        tracker: &mut Tracker,
        connection: usize,
        request: &Request<'_>,
        peer: IpAddr,
    ) -> Next {
        let mut framing = Framing::of(request);
        let reply = match Route::of(request.path) {
            Some(Route::Announce(passkey)) => {
                let client = client(tracker, request, peer);
                let agent = match tracker.private {
                    Some(_) => http::user_agent(request),
                    None => b"",
                };
                query::announce(request.query, passkey, agent)
                    .map_err(Refused::from)
                    .and_then(|announce| admit(tracker, &announce, client))
                    .unwrap_or_else(Reply::Refused)
            }
            Some(Route::Scrape(passkey)) => self
                .scrape(tracker, request.query, passkey)
                .unwrap_or_else(|refusal| Reply::Refused(refusal.into())),
            None if tracker.settings.dialects.find(request.path).is_some() => {
                return Next::Elsewhere;
            }
            None => Reply::NotFound,
        };
        // The body that holds all torrents may be long: nothing is queued behind it.
        framing.keep_alive &= !matches!(reply, Reply::FullScrape);
        self.pending.push(Pending {
            connection,
            framing,
            reply,
        });
        match framing.keep_alive {
            true => Next::Another,
            false => Next::Nothing,
        }
    }

    fn scrape(
        &mut self,
        tracker: &mut Tracker,
        query: &[u8],
        passkey: Option<&[u8]>,
    ) -> Result<Reply, Refusal> {
        tracker.admit_scrape(passkey.or_else(|| query::passkey(query)))?;
        query::scrape(query, tracker.settings.scrape_hashes, &mut self.hashes)?;
        match (self.hashes.is_empty(), tracker.settings.full_scrape) {
            (false, _) => Ok(Reply::Scrape(tracker.scrape(&self.hashes))),
            (true, true) => Ok(Reply::FullScrape),
            (true, false) => Err(Refusal::FullScrapeOff),
        }
    }

    /// Takes what was no request; it is the last of its connection.
    pub fn collect_malformed(&mut self, connection: usize, malformed: Malformed) {
        let reply = Reply::Malformed(malformed);
        self.pending.push(Pending {
            connection,
            framing: Framing::LAST,
            reply,
        });
    }

    /// Gives up the answers owed to a connection that has ended: its number may be another's
    /// before the tick is over.
    pub fn forget(&mut self, connection: usize) {
        for pending in &mut self.pending {
            if pending.connection == connection {
                pending.connection = NOBODY;
            }
        }
    }

    /// The answers owed, in the order of the requests.
    pub fn pending(&self) -> &[Pending] {
        &self.pending
    }

    /// Appends the answer at `place` of [`Requests::pending`]; `full_scrape_bytes` is the length
    /// of the body that holds all torrents.
    pub fn write(
        &mut self,
        tracker: &mut Tracker,
        place: usize,
        full_scrape_bytes: usize,
        out: &mut Vec<u8>,
    ) -> Rest {
        let Requests { pending, body, .. } = self;
        let Pending { framing, reply, .. } = &pending[place];
        body.clear();
        match reply {
            Reply::Malformed(malformed) => {
                http::write_malformed(out, *malformed);
                return Rest::Nothing;
            }
            Reply::NotFound => {
                http::write_not_found(out, *framing);
                return Rest::Nothing;
            }
            Reply::FullScrape => {
                http::write_head(out, *framing, "200 OK", full_scrape_bytes);
                return if framing.head_only {
                    Rest::Nothing
                } else {
                    Rest::FullScrape
                };
            }
            Reply::Refused(refused) => {
                http::refusal_body(body, refused.refusal, tracker.reason(refused));
            }
            Reply::Scrape(places) => scrape_body(tracker, places.clone(), body),
            Reply::Announce {
                number,
                form,
                client,
            } => match tracker.outcome(*number) {
                Ok(place) => announce_body(tracker, place, *form, *client, body),
                Err(refused) => {
                    http::refusal_body(body, refused.refusal, tracker.reason(&refused));
                }
            },
        }
        http::write_ok(out, *framing, body);
        Rest::Nothing
    }
}

fn admit(
    tracker: &mut Tracker,
    announce: &AnnounceRequest<'_>,
    client: IpAddr,
) -> Result<Reply, Refused> {
    let peer_ids = matches!(announce.form, PeerForm::Dictionaries { peer_ids: true });
    let most = usize::MAX;
    let room = Room {
        families: Families::OwnFirst,
        peers_v4: most,
        peers_v6: most,
        peer_ids,
    };
    let number = tracker.announce(announce, client, room)?;
    Ok(Reply::Announce {
        number,
        form: announce.form,
        client: Endpoint::new(client, announce.port),
    })
}

/// The client of a request: the right-most address in the proxies' header that is not a proxy of
/// ours, if the connection comes from one; strangers may write there what they like.
fn client(tracker: &Tracker, request: &Request<'_>, peer: IpAddr) -> IpAddr {
    let proxies = &tracker.settings.trusted_proxies;
    let Some(header) = tracker.settings.proxy_header.as_deref() else {
        return peer;
    };
    let mut client = peer;
    if !contains(proxies, client) {
        return client;
    }
    for value in http::header_values(request, header) {
        let Some(ip) = address(value) else { break };
        client = ip;
        if !contains(proxies, client) {
            break;
        }
    }
    client
}

/// An address as proxies write it, with a port or without.
fn address(value: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(value).ok()?;
    let ip = text
        .parse()
        .or_else(|_| text.parse().map(|addr: SocketAddr| addr.ip()));
    ip.ok().map(|ip: IpAddr| ip.to_canonical())
}

fn announce_body(
    tracker: &mut Tracker,
    Place { place, too_soon }: Place,
    form: PeerForm,
    client: Endpoint,
    body: &mut Vec<u8>,
) {
    if let Some(refusal) = tracker.refusal(place) {
        return http::refusal_body(body, refusal, "");
    }
    let interval_secs = tracker.interval_secs();
    let min_interval_secs = tracker.pace().min_interval_secs;
    let answer = tracker.batch.answer(place);
    let (v4, v6) = (tracker.batch.v4(answer), tracker.batch.v6(answer));
    let peers = match form {
        PeerForm::Compact => Peers::Compact { v4, v6 },
        PeerForm::Dictionaries { .. } => Peers::Dictionaries {
            v4: v4.as_chunks().0,
            v6: v6.as_chunks().0,
            peer_ids: tracker.batch.peer_ids(answer).as_chunks().0,
        },
    };
    let counts = tracker.counts(place);
    let warning = match too_soon {
        true => Some(TOO_SOON),
        false => (!client.is_reachable()).then_some(NOT_LISTENING),
    };
    let reply = AnnounceReply {
        counts,
        interval_secs,
        min_interval_secs,
        client,
        warning,
    };
    http::announce_body(body, &reply, peers);
}

fn scrape_body(tracker: &Tracker, places: Range<usize>, body: &mut Vec<u8>) {
    if let Some(refusal) = tracker.refusal(places.start) {
        return http::refusal_body(body, refusal, "");
    }
    body.extend_from_slice(http::SCRAPE_START);
    for place in places {
        let info_hash = tracker.batch.query(place).info_hash();
        http::scrape_entry(body, &info_hash.0, &tracker.counts(place));
    }
    body.extend_from_slice(http::SCRAPE_END);
}
