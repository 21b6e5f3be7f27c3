//! A crowd of clients on one thread, and their sockets.

use super::client::{Client, Event, Way};
use super::http::{Came, Connection, LOOK};
use super::process::Address;
use super::site::{info_hash, passkey};
use fastrand::Rng;
use std::collections::VecDeque;
use std::net::{Ipv4Addr, Ipv6Addr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Clients that ask at the same time.
const AT_ONCE: usize = 32;
/// Sockets of each kind and family.
const SOCKETS: usize = 3;
/// When a UDP packet is taken for lost.
const LOST: Duration = Duration::from_secs(3);
/// How long an answer may take over HTTP while the tracker is there.
const PATIENCE: Duration = Duration::from_secs(60);
/// A connection id is good for two minutes.
const ID_LIFETIME: Duration = Duration::from_secs(60);
/// What a tracker says that cannot serve for now.
const UNAVAILABLE: &[u8] = b"tracker is temporarily unavailable";

/// How long clients of a process that is down wait before they try another.
const MOVE: Duration = Duration::from_secs(3);

/// Clients on their way from one process to another, and when they arrive.
#[derive(Default)]
pub struct Moving(Mutex<Vec<(Instant, Client)>>);

impl Moving {
    fn leave(&self, client: Client) {
        let arrives = Instant::now() + MOVE;
        self.0.lock().expect("whole").push((arrives, client));
    }

    /// Some that arrive now, or whoever there is.
    fn arrive(&self, most: usize) -> Vec<Client> {
        let mut moving = self.0.lock().expect("whole");
        let now = Instant::now();
        let arrived = moving.extract_if(.., |(arrives, _)| *arrives <= now);
        arrived.take(most).map(|(_, client)| client).collect()
    }

    fn is_empty(&self) -> bool {
        self.0.lock().expect("whole").is_empty()
    }
}

/// What all crowds share.
pub struct Shared {
    pub address: Arc<Address>,
    /// Where clients go when the process is down, if there are others.
    pub moving: Option<Arc<Moving>>,
    /// Clients say their last words.
    pub finishing: AtomicBool,
    pub sent: AtomicU64,
    pub answered: AtomicU64,
    /// Announces that were told that the tracker is unavailable.
    pub unavailable: AtomicU64,
    /// Rounds not all of which was answered although the tracker was there.
    pub missed: AtomicU64,
    /// Microseconds from the first question of a round to its last answer, and such rounds.
    pub round_micros: AtomicU64,
    pub rounds: AtomicU64,
}

impl Shared {
    pub fn new(address: Arc<Address>) -> Arc<Shared> {
        Shared::of_several(address, None)
    }

    /// Those of one of several processes.
    pub fn of_several(address: Arc<Address>, moving: Option<Arc<Moving>>) -> Arc<Shared> {
        Arc::new(Shared {
            address,
            moving,
            finishing: AtomicBool::new(false),
            sent: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            unavailable: AtomicU64::new(0),
            missed: AtomicU64::new(0),
            round_micros: AtomicU64::new(0),
            rounds: AtomicU64::new(0),
        })
    }
}

struct Udp {
    socket: UdpSocket,
    id: u64,
    /// The process that gave the id, and when.
    given: Option<(u64, Instant)>,
    waits: usize,
}

#[derive(Default)]
struct Http {
    connection: Option<Connection>,
    /// The process it leads to.
    life: u64,
    /// Clients and numbers of the requests that are on their way.
    waits: VecDeque<(usize, u16)>,
}

pub struct Crowd {
    shared: Arc<Shared>,
    clients: Vec<Client>,
    udp: [Vec<Udp>; 2],
    kept: [Vec<Http>; 2],
    /// Connections for one request each, with their families.
    once: Vec<(usize, Http)>,
    pace: Duration,
    dice: Rng,
}

impl Crowd {
    /// These clients, with a pause between their rounds.
    pub fn new(shared: Arc<Shared>, clients: Vec<Client>, pace: Duration) -> Crowd {
        let udp = |family: usize| -> Vec<Udp> {
            (0..SOCKETS)
                .map(|number| Udp::new(&shared.address, family, number))
                .collect()
        };
        let kept = || (0..SOCKETS).map(|_| Http::default()).collect();
        Crowd {
            udp: [udp(0), udp(1)],
            kept: [kept(), kept()],
            once: Vec::new(),
            shared,
            clients,
            pace,
            dice: Rng::with_seed(0),
        }
    }

    /// Announces until every client has said its last words and been answered.
    pub fn run(mut self) -> Vec<Client> {
        while self.is_busy() {
            self.receive_others();
            for first in (0..self.clients.len()).step_by(AT_ONCE) {
                let round = first..self.clients.len().min(first + AT_ONCE);
                let Some(life) = self.shared.address.life() else {
                    // It is down; clients try again later, some of them elsewhere.
                    self.send_some_away(round);
                    std::thread::sleep(Duration::from_millis(5));
                    continue;
                };
                if self.round(life, round) {
                    std::thread::sleep(self.pace);
                }
            }
        }
        self.clients.retain(|client| !client.is_elsewhere);
        self.clients.iter_mut().for_each(Client::finish);
        self.clients
    }

    /// Whether some of its clients have not said their last words, or may still come.
    fn is_busy(&self) -> bool {
        let moving = self.shared.moving.as_ref();
        moving.is_some_and(|moving| !moving.is_empty())
            || !self.shared.finishing.load(Ordering::Acquire)
            || self.clients.iter().any(|client| !client.finished)
    }

    /// Takes in clients of other processes.
    fn receive_others(&mut self) {
        if let Some(moving) = &self.shared.moving
            && self.shared.address.life().is_some()
        {
            self.clients.extend(moving.arrive(AT_ONCE));
        }
    }

    /// Sends some clients to other processes. Their places stay, so that late answers find nobody
    /// else.
    fn send_some_away(&mut self, round: std::ops::Range<usize>) {
        let Some(moving) = &self.shared.moving else {
            return;
        };
        if self.shared.finishing.load(Ordering::Acquire) {
            return;
        }
        for client in &mut self.clients[round] {
            if !client.finished && self.dice.u8(..40) == 0 {
                let mut leaves = client.clone();
                leaves.moved = true;
                moving.leave(leaves);
                (client.finished, client.is_elsewhere) = (true, true);
            }
        }
    }

    /// Lets some clients announce; returns whether any did.
    fn round(&mut self, life: u64, clients: std::ops::Range<usize>) -> bool {
        let finishing = self.shared.finishing.load(Ordering::Acquire);
        let began = Instant::now();
        let mut asked = 0;
        for place in clients {
            if self.clients[place].next(finishing).is_none() {
                continue;
            }
            for family in 0..2 {
                asked += usize::from(self.ask(life, place, family));
            }
        }
        if asked == 0 {
            return false;
        }
        self.shared.sent.fetch_add(asked as u64, Ordering::Relaxed);
        if self.collect(life, began) {
            let micros = began.elapsed().as_micros() as u64;
            self.shared
                .round_micros
                .fetch_add(micros, Ordering::Relaxed);
            self.shared.rounds.fetch_add(1, Ordering::Relaxed);
        } else if self.shared.address.is_safe(life) {
            self.shared.missed.fetch_add(1, Ordering::Relaxed);
        }
        true
    }

    /// Asks over a family what has not been answered there; returns whether it was sent.
    fn ask(&mut self, life: u64, place: usize, family: usize) -> bool {
        let client = &self.clients[place];
        let part = client.asked().and_then(|asked| asked.over[family]);
        if part.is_none_or(|part| part.answered) {
            return false;
        }
        if self.shared.moving.is_some() && self.shared.address.life() != Some(life) {
            // The next process would read it when it has started, and its client is elsewhere then.
            return false;
        }
        let socket = place % SOCKETS;
        let to = self.shared.address.of(family);
        match client.way {
            Way::Udp => {
                let udp = &mut self.udp[family][socket];
                if !udp.is_connected(life) && !self.connect(life, family, socket) {
                    return false;
                }
                let client = &mut self.clients[place];
                let number = client.number_packet(family);
                let udp = &mut self.udp[family][socket];
                let packet = packet(client, family, udp.id, transaction(place, number));
                // An error is that of an earlier packet, or as good as a lost one.
                let _ = udp.socket.send(&packet);
                udp.waits += 1;
            }
            Way::KeepAlive | Way::Close => {
                let stays = client.way == Way::KeepAlive;
                let http = if stays {
                    &mut self.kept[family][socket]
                } else {
                    self.once.push((family, Http::default()));
                    &mut self.once.last_mut().expect("just pushed").1
                };
                if http.connection.is_none() || http.life != life {
                    http.connection = Connection::open(to).ok();
                    http.life = life;
                }
                let Some(connection) = &mut http.connection else {
                    return false;
                };
                let client = &mut self.clients[place];
                let number = client.number_packet(family);
                http.waits.push_back((place, number));
                if connection.send(&target(client, family), stays).is_err() {
                    http.connection = None;
                    http.waits.clear();
                }
            }
        }
        true
    }

    fn connect(&mut self, life: u64, family: usize, socket: usize) -> bool {
        let request = [&0x0417_2710_1980u64.to_be_bytes()[..], &[0; 4], b"conn"].concat();
        let _ = self.udp[family][socket].socket.send(&request);
        let began = Instant::now();
        while self.shared.address.life() == Some(life) && began.elapsed() < LOST {
            self.receive(life, family, socket);
            if self.udp[family][socket].is_connected(life) {
                return true;
            }
        }
        false
    }

    /// Takes answers until all have come, or none will; returns whether all have.
    fn collect(&mut self, life: u64, began: Instant) -> bool {
        let mut all = true;
        for family in 0..2 {
            for socket in 0..SOCKETS {
                while self.udp[family][socket].waits > 0 {
                    let came = self.receive(life, family, socket);
                    let is_gone = self.shared.address.life() != Some(life);
                    if !came && (is_gone || began.elapsed() > LOST) {
                        all = false;
                        self.udp[family][socket].waits = 0;
                    }
                }
                let mut http = std::mem::take(&mut self.kept[family][socket]);
                all &= self.read(life, family, &mut http);
                self.kept[family][socket] = http;
            }
        }
        for (family, mut http) in std::mem::take(&mut self.once) {
            all &= self.read(life, family, &mut http);
        }
        all
    }

    /// Takes a packet; returns whether there was one.
    fn receive(&mut self, life: u64, family: usize, socket: usize) -> bool {
        let udp = &mut self.udp[family][socket];
        let mut bytes = [0; 2048];
        // An error other than that nothing came is that of a packet sent to nobody.
        let Ok(length) = udp.socket.recv(&mut bytes) else {
            return false;
        };
        let packet = &bytes[..length];
        let word = |at: usize| {
            let word = packet[at..at + 4].try_into().expect("four bytes");
            u32::from_be_bytes(word)
        };
        let (action, transaction) = (word(0), word(4));
        match action {
            0 => {
                let id = packet[8..16].try_into().expect("eight bytes");
                udp.id = u64::from_be_bytes(id);
                udp.given = Some((life, Instant::now()));
            }
            1 => {
                udp.waits = udp.waits.saturating_sub(1);
                self.answered(
                    family,
                    (transaction >> 12) as usize,
                    transaction as u16 & 0xfff,
                );
            }
            _ => {
                udp.waits = udp.waits.saturating_sub(1);
                self.refused(&packet[8..]);
            }
        }
        true
    }

    /// Reads the answers that a connection owes; returns whether all came.
    fn read(&mut self, life: u64, family: usize, http: &mut Http) -> bool {
        let began = Instant::now();
        while let (Some((place, number)), Some(connection)) =
            (http.waits.front().copied(), &mut http.connection)
        {
            match connection.receive() {
                Came::Answer(body) => {
                    http.waits.pop_front();
                    match body.starts_with(b"d8:complete") {
                        true => self.answered(family, place, number),
                        false => self.refused(&body),
                    }
                }
                // What is on its way may still arrive, unless the tracker is gone.
                Came::Nothing if self.shared.address.life() == Some(life) => {
                    assert!(began.elapsed() < PATIENCE, "no answer over HTTP");
                }
                Came::Nothing | Came::End => {
                    http.connection = None;
                }
            }
        }
        let all = http.waits.is_empty();
        http.waits.clear();
        all
    }

    fn answered(&mut self, family: usize, place: usize, number: u16) {
        self.shared.answered.fetch_add(1, Ordering::Relaxed);
        self.clients[place].is_answered(family, number);
    }

    fn refused(&mut self, answer: &[u8]) {
        let is_known = answer
            .windows(UNAVAILABLE.len())
            .any(|text| text == UNAVAILABLE);
        assert!(is_known, "refused: {}", answer.escape_ascii());
        self.shared.unavailable.fetch_add(1, Ordering::Relaxed);
    }
}

impl Udp {
    fn new(address: &Address, family: usize, number: usize) -> Udp {
        let from = match family {
            0 => (Ipv4Addr::new(127, 0, 0, 2 + number as u8).into(), 0),
            _ => (std::net::IpAddr::from(Ipv6Addr::LOCALHOST), 0),
        };
        let socket = UdpSocket::bind(from).expect("bound");
        socket.connect(address.of(family)).expect("connected");
        socket.set_read_timeout(Some(LOOK)).expect("a timeout");
        Udp {
            socket,
            id: 0,
            given: None,
            waits: 0,
        }
    }

    fn is_connected(&self, life: u64) -> bool {
        self.given
            .is_some_and(|(of, when)| of == life && when.elapsed() < ID_LIFETIME)
    }
}

fn transaction(place: usize, number: u16) -> u32 {
    (place as u32) << 12 | u32::from(number)
}

/// The announce as a UDP packet, with the passkey in a URL (BEP 41).
fn packet(client: &Client, family: usize, id: u64, transaction: u32) -> Vec<u8> {
    let asked = client.asked().expect("something to say");
    let part = asked.over[family].expect("over this family");
    let event: u32 = match asked.event {
        Event::Regular => 0,
        Event::Completed => 1,
        Event::Started => 2,
        Event::Stopped => 3,
        Event::Paused => 4,
    };
    let url = format!("/{}/announce", passkey(client.user));
    let mut packet = id.to_be_bytes().to_vec();
    packet.extend(1u32.to_be_bytes());
    packet.extend(transaction.to_be_bytes());
    packet.extend(info_hash(client.torrent));
    packet.extend(client.peer_id());
    packet.extend(part.totals[1].to_be_bytes());
    packet.extend(asked.left.to_be_bytes());
    packet.extend(part.totals[0].to_be_bytes());
    packet.extend(event.to_be_bytes());
    packet.extend([0; 4]); // its own address
    packet.extend(client.number.to_be_bytes()); // key
    packet.extend(5u32.to_be_bytes()); // peers wanted
    packet.extend(client.port().to_be_bytes());
    packet.extend([2, url.len() as u8]);
    packet.extend(url.as_bytes());
    packet
}

fn target(client: &Client, family: usize) -> String {
    let asked = client.asked().expect("something to say");
    let [uploaded, downloaded] = asked.over[family].expect("over this family").totals;
    let event = match asked.event {
        Event::Regular => "",
        Event::Completed => "&event=completed",
        Event::Started => "&event=started",
        Event::Stopped => "&event=stopped",
        Event::Paused => "&event=paused",
    };
    let text = |bytes: [u8; 20]| String::from_utf8(bytes.to_vec()).expect("letters");
    format!(
        "/{}/announce?info_hash={}&peer_id={}&port={}&uploaded={uploaded}&downloaded={downloaded}\
         &left={}&numwant=5&compact=1{event}",
        passkey(client.user),
        text(info_hash(client.torrent)),
        text(client.peer_id()),
        client.port(),
        asked.left,
    )
}
