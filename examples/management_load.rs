//! Load for the management API of a running tracker: what its figures are measured with.
//!
//! ```sh
//! management_load 127.0.0.1:6970 TOKEN sync 1000000        # torrents, on one connection
//! management_load 127.0.0.1:6970 TOKEN push 10000 20 16    # a second, seconds, connections
//! ```
//!
//! The first registers torrents in one sync, the second changes some of them, one request each, at a
//! steady rate; it says how many were answered and how long answers took.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

/// Torrents that pushes change in turn.
const PUSHED: u64 = 10_000;
/// Requests of a connection that are under way at once.
const PIPELINED: usize = 32;

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [address, token, "sync", torrents] => sync(address, token, torrents.parse()?),
        [address, token, "push", rate, secs, connections] => {
            let target = Target { address, token };
            target.push(rate.parse()?, secs.parse()?, connections.parse()?)
        }
        _ => {
            Err("management_load ADDRESS TOKEN (sync TORRENTS | push RATE SECS CONNECTIONS)".into())
        }
    }
}

fn info_hash(number: u64) -> String {
    // Spread as real ones are.
    let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{spread:016x}{number:016x}{:08x}", number as u32)
}

fn sync(address: &str, token: &str, torrents: u64) -> Result<(), Failure> {
    let start = Instant::now();
    let stream = TcpStream::connect(address)?;
    let mut to = BufWriter::with_capacity(1 << 16, stream.try_clone()?);
    write!(
        to,
        "POST /sync HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
    )?;
    let mut lines = String::new();
    for number in 1..=torrents {
        let hash = info_hash(number);
        writeln!(
            lines,
            r#"{{"torrent": {{"info_hash": "{hash}", "id": {number}, "name": "torrent {number}"}}}}"#
        )?;
        if lines.len() > 60_000 || number == torrents {
            write!(to, "{:x}\r\n{lines}\r\n", lines.len())?;
            lines.clear();
        }
    }
    to.write_all(b"0\r\n\r\n")?;
    to.flush()?;
    let sent = start.elapsed();
    let (status, body) = answer(&mut BufReader::new(stream))?;
    println!(
        "{torrents} torrents in {:.2} s ({:.2} s until all was sent): {status} {}",
        start.elapsed().as_secs_f64(),
        sent.as_secs_f64(),
        String::from_utf8_lossy(&body).trim_end()
    );
    Ok(())
}

/// Status and body of the next answer.
fn answer(from: &mut impl BufRead) -> Result<(u16, Vec<u8>), Failure> {
    let (mut line, mut status, mut length) = (String::new(), 0, 0);
    loop {
        line.clear();
        if from.read_line(&mut line)? == 0 {
            return Err("the connection has ended".into());
        }
        if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
            status = rest.get(..3).unwrap_or_default().parse()?;
        } else if let Some(rest) = line.strip_prefix("Content-Length: ") {
            length = rest.trim_end().parse()?;
        } else if line == "\r\n" {
            let mut body = vec![0; length];
            from.read_exact(&mut body)?;
            return Ok((status, body));
        }
    }
}

struct Target<'t> {
    address: &'t str,
    token: &'t str,
}

impl Target<'_> {
    fn push(&self, rate: u64, secs: u64, connections: u64) -> Result<(), Failure> {
        let start = Instant::now();
        let waits: Result<Vec<Vec<Duration>>, Failure> = thread::scope(|scope| {
            let threads: Vec<_> = (0..connections)
                .map(|number| {
                    let share = rate * secs / connections;
                    scope.spawn(move || self.push_share(number, share, secs))
                })
                .collect();
            let joined = threads.into_iter().map(|thread| match thread.join() {
                Ok(waits) => waits,
                Err(_) => Err("a thread has failed".into()),
            });
            joined.collect()
        });
        let took = start.elapsed().as_secs_f64();
        let mut waits: Vec<Duration> = waits?.concat();
        waits.sort_unstable();
        let at = |part: f64| {
            let place = (waits.len() as f64 * part) as usize;
            let wait = waits.get(place.min(waits.len().saturating_sub(1)));
            wait.map_or(0.0, |wait| wait.as_secs_f64() * 1000.0)
        };
        println!(
            "{} pushes in {took:.2} s: {:.0} a second; answered after {:.2} ms (median), {:.2} ms \
             (99 %), {:.2} ms (last)",
            waits.len(),
            waits.len() as f64 / took,
            at(0.5),
            at(0.99),
            at(1.0)
        );
        Ok(())
    }

    /// One connection's share, evenly over the time; how long each waited for its answer.
    fn push_share(&self, number: u64, share: u64, secs: u64) -> Result<Vec<Duration>, Failure> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        let mut from = BufReader::new(stream.try_clone()?);
        let mut to = stream;
        let mut waits = Vec::new();
        let start = Instant::now();
        let mut sent: Vec<Instant> = Vec::new();
        while waits.len() < share as usize {
            let due = share as f64 * start.elapsed().as_secs_f64() / secs as f64;
            let due = (due as u64).min(share) as usize;
            let mut requests = String::new();
            while sent.len() < due && sent.len() - waits.len() < PIPELINED {
                let which = number * share + sent.len() as u64;
                self.request(which, &mut requests)?;
                sent.push(Instant::now());
            }
            to.write_all(requests.as_bytes())?;
            if sent.len() == waits.len() {
                thread::sleep(Duration::from_millis(1));
                continue;
            }
            let (status, body) = answer(&mut from)?;
            if status > 201 {
                return Err(format!("{status} {}", String::from_utf8_lossy(&body)).into());
            }
            waits.push(sent[waits.len()].elapsed());
        }
        Ok(waits)
    }

    fn request(&self, which: u64, to: &mut String) -> Result<(), Failure> {
        let Target { address, token } = self;
        let hash = info_hash(1 + which % PUSHED);
        let body = format!(r#"{{"up_percent": {}}}"#, 100 + which / PUSHED % 100);
        write!(
            to,
            "PUT /torrents/{hash} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        Ok(())
    }
}
