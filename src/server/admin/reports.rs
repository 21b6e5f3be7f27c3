//! What is told in the dialects: the same as the API tells, in their words.

use super::counters::Served;
use super::inquiry::{Inquiry, PrivateView, no_directory, not_found};
use super::rates::{Rates, WINDOWS_SECS};
use crate::model::{Counts, Endpoint, TorrentId, UserId};
use crate::server::clock::wall_secs;
use crate::tracker::api::Answer;
use crate::tracker::api::dialects::{Groups, Member, ocelot, unit3d};
use crate::tracker::registry::{Standing, UserRecord};
use crate::tracker::sessions::Listed;
use serde_json::{Map, Value, json};
use std::time::Instant;

/// What reports have told so far, as rates are taken from one to the next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reported {
    start_secs: u64,
    requests: Rates,
    /// When one was last seen to have come, in Unix seconds.
    requested_secs: u64,
    answers: Rates,
    answered_secs: u64,
}

impl Reported {
    pub(super) fn new() -> Reported {
        let (now, secs) = (Instant::now(), wall_secs());
        Reported {
            start_secs: secs,
            requests: Rates::new(now),
            requested_secs: secs,
            answers: Rates::new(now),
            answered_secs: secs,
        }
    }
}

/// What a tracker does, as far as reports tell it.
struct Doings {
    uptime_secs: u64,
    open_connections: u64,
    /// Announces and scrapes, and what came to the listener for management.
    requests: u64,
    requests_a_second: f64,
    counts: Counts,
    interval_secs: u32,
}

impl Inquiry {
    /// A report in Ocelot's dialect.
    pub(super) fn report(&mut self, report: ocelot::Report, served: &Served) -> Answer {
        let text = match report {
            ocelot::Report::Stats => self.doings(served).map(|doings| doings.for_ocelot()),
            ocelot::Report::PromStats => self.doings(served).map(|doings| doings.for_prometheus()),
            ocelot::Report::User(key) => self.private().map(|private| {
                let registry = private.authority.registry();
                match key.and_then(|key| registry.user(&key)) {
                    Some(user) => of_user(&user, private.authority.counts(Some(user.id))),
                    None => "success".to_owned(),
                }
            }),
            ocelot::Report::Unknown => Some("Invalid action\nsuccess".to_owned()),
        };
        text.map_or_else(no_directory, |text| Answer::text(200, text))
    }

    /// What is told in UNIT3D's dialect.
    pub(super) fn unit3d(
        &mut self,
        shown: unit3d::Shown,
        groups: Option<&Groups>,
        served: &Served,
    ) -> Answer {
        match shown {
            unit3d::Shown::Stats => Answer::new(200, &self.rates(served)),
            unit3d::Shown::Torrent(id) => self.unit3d_torrent(id),
            unit3d::Shown::User(id) => {
                let member = groups.and_then(|groups| groups.member(id));
                self.unit3d_user(id, member)
            }
        }
    }

    fn doings(&mut self, served: &Served) -> Option<Doings> {
        let (open_connections, answers) = self.worked();
        let requests = answers + served.requests;
        self.reported.requests.look(requests, Instant::now());
        let [_, ten_secs, ..] = self.reported.requests.averages;
        let private = self.private()?;
        Some(Doings {
            uptime_secs: wall_secs().saturating_sub(self.reported.start_secs),
            open_connections,
            requests,
            requests_a_second: ten_secs,
            counts: private.authority.counts(None),
            interval_secs: self.interval_secs(),
        })
    }

    /// When and how often something happens.
    fn rates(&mut self, served: &Served) -> Value {
        let (_, answers) = self.worked();
        let reported = &mut self.reported;
        let (now, secs) = (Instant::now(), wall_secs());
        if reported.requests.look(answers + served.requests, now) {
            reported.requested_secs = secs;
        }
        if reported.answers.look(answers, now) {
            reported.answered_secs = secs;
        }
        // All of them are fractions, or the site does not take them.
        let mut told = Map::new();
        let mut tell = |name: String, value: f64| told.insert(name, value.into());
        tell("created_at".to_owned(), reported.start_secs as f64);
        tell("last_request_at".to_owned(), reported.requested_secs as f64);
        let answered = reported.answered_secs as f64;
        tell("last_announce_response_at".to_owned(), answered);
        for (place, window) in WINDOWS_SECS.iter().enumerate() {
            let (requests, answers) = (&reported.requests, &reported.answers);
            tell(format!("requests_per_{window}s"), requests.averages[place]);
            tell(
                format!("announce_responses_per_{window}s"),
                answers.averages[place],
            );
        }
        told.into()
    }

    fn unit3d_torrent(&mut self, id: TorrentId) -> Answer {
        let Some(private) = self.private() else {
            return no_directory();
        };
        let registry = private.authority.registry();
        let sessions = private.authority.torrent_sessions(id);
        let Some((info_hash, torrent)) = registry.torrent_by_id(id) else {
            return not_found(&registry);
        };
        let counts = self.counts(info_hash);
        let peers = sessions.iter().zip(0..).map(|(session, number)| {
            let user = registry.user_by_id(session.user);
            let is_hidden = user.is_some_and(|user| user.hide_ip);
            (name_of(session, number), peer(session, is_hidden))
        });
        let peers: Map<String, Value> = peers.collect();
        Answer::new(
            200,
            &json!({
                "id": id.0,
                "status": match torrent.standing {
                    Standing::Registered | Standing::Deleted => "Approved",
                    Standing::Unapproved => "Pending",
                },
                "is_deleted": torrent.standing == Standing::Deleted,
                "peers": peers,
                "seeders": counts.seeders,
                "leechers": counts.leechers,
                "times_completed": counts.downloaded.max(torrent.snatches),
                "download_factor": torrent.multipliers.down_percent,
                "upload_factor": torrent.multipliers.up_percent,
            }),
        )
    }

    fn unit3d_user(&self, id: UserId, member: Option<Member>) -> Answer {
        let Some(private) = self.private() else {
            return no_directory();
        };
        let registry = private.authority.registry();
        let Some(user) = registry.user_by_id(id) else {
            return not_found(&registry);
        };
        let counts = private.authority.counts(Some(id));
        let no_rates = json!({ "rates": [] });
        Answer::new(
            200,
            &json!({
                "id": id.0,
                "group_id": member.map_or(0, |member| member.group),
                // The registry has none.
                "passkey": "",
                "can_download": user.can_leech,
                "is_donor": member.is_some_and(|member| member.donor),
                "is_lifetime": member.is_some_and(|member| member.lifetime),
                "num_seeding": counts.seeders,
                "num_leeching": counts.leechers,
                "receive_seed_list_rates": no_rates,
                "receive_leech_list_rates": no_rates,
            }),
        )
    }

    /// Connections that are open, and announces and scrapes that have been answered.
    fn worked(&self) -> (u64, u64) {
        let workers = self.workers.iter().map(|worker| worker.get());
        workers.fold((0, 0), |(connections, answers), worked| {
            (
                connections + worked.http_connections,
                answers + worked.udp_answers + worked.http_answers,
            )
        })
    }

    fn private(&self) -> Option<&PrivateView> {
        self.private.as_ref()
    }

    fn interval_secs(&self) -> u32 {
        let said = self.private.as_ref().and_then(|private| {
            let registry = private.authority.registry();
            registry.global().interval_secs
        });
        said.unwrap_or(self.pace.interval_secs)
    }
}

/// What a client is called among the peers of a torrent: its user, and 20 bytes. Its peer id, which
/// UNIT3D would have there, is not kept; a number tells it from the others.
fn name_of(session: &Listed, number: u32) -> String {
    format!("{}-{number:040x}", session.user.0)
}

/// A client as UNIT3D shows it. What it has moved is known to the books alone.
fn peer(session: &Listed, is_hidden: bool) -> Value {
    let endpoint = session.endpoints.iter().flatten().next();
    let address = endpoint.map(Endpoint::socket_addr);
    let shown = address.filter(|_| !is_hidden);
    let secs = wall_secs().saturating_sub(session.silent_secs.into());
    json!({
        "ip_address": shown.map(|address| address.ip().to_string()).unwrap_or_default(),
        "user_id": session.user.0,
        "torrent_id": session.torrent.0,
        "port": shown.map_or(0, |address| address.port()),
        "is_seeder": !session.leeching,
        "is_active": true,
        "is_visible": true,
        "is_connectable": false,
        "updated_at": secs,
        "uploaded": 0,
        "downloaded": 0,
    })
}

/// A user as Ocelot shows it. A line that says `success` follows, by which older sites know the end.
fn of_user(user: &UserRecord, counts: Counts) -> String {
    let number = u8::from;
    format!(
        "{{\"id\":{},\"leeching\":{},\"seeding\":{},\"deleted\":{},\"protected\":{},\
         \"can_leech\":{}}}\nsuccess",
        user.id.0,
        counts.leechers,
        counts.seeders,
        number(!user.enabled),
        number(user.hide_ip),
        number(user.can_leech),
    )
}

impl Doings {
    fn for_ocelot(&self) -> String {
        let (minutes, secs) = (self.uptime_secs / 60, self.uptime_secs % 60);
        let (hours, minutes) = (minutes / 60, minutes % 60);
        let (days, hours) = (hours / 24, hours % 24);
        format!(
            "Uptime: {days} days, {hours:02}:{minutes:02}:{secs:02}\n\
             version: chihaya {}\n\
             {} open connections\n\
             {} requests handled\n\
             {:.0} requests/s\n\
             {} leechers tracked\n\
             {} seeders tracked\n\
             {} announce interval\n\
             success",
            env!("CARGO_PKG_VERSION"),
            self.open_connections,
            self.requests,
            self.requests_a_second,
            self.counts.leechers,
            self.counts.seeders,
            self.interval_secs,
        )
    }

    fn for_prometheus(&self) -> String {
        format!(
            "ocelot_uptime {}\n\
             ocelot_open_connections {}\n\
             ocelot_requests {}\n\
             ocelot_request_rate {:.0}\n\
             ocelot_leechers {}\n\
             ocelot_seeders {}\n\
             #",
            self.uptime_secs,
            self.open_connections,
            self.requests,
            self.requests_a_second,
            self.counts.leechers,
            self.counts.seeders,
        )
    }
}
