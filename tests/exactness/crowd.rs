//! A crowd of clients on one thread, and their sockets.

use super::client::{Client, Way};
use super::http::{Came, Connection, LOOK};
use super::process::Address;
use super::shared::Shared;
use super::words::{packet, target, transaction};
use fastrand::Rng;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::Ordering;
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

struct Udp {
    socket: UdpSocket,
    from: IpAddr,
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
                let udp = &mut self.udp[family][socket];
                let number = client.number_packet(family, udp.from);
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
                // The host speaks to itself.
                let number = client.number_packet(family, to.ip());
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
        let from: IpAddr = match family {
            0 => Ipv4Addr::new(127, 0, 0, 2 + number as u8).into(),
            _ => Ipv6Addr::LOCALHOST.into(),
        };
        let socket = UdpSocket::bind((from, 0)).expect("bound");
        socket.connect(address.of(family)).expect("connected");
        socket.set_read_timeout(Some(LOOK)).expect("a timeout");
        Udp {
            socket,
            from,
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
