//! HTTP as far as clients that are cut off at any moment need it.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long a read waits before its user looks whether the tracker is still there.
pub const LOOK: Duration = Duration::from_millis(20);

/// What clients call themselves over HTTP.
pub const AGENT: &str = "exact/1";

/// A connection and what has come over it.
pub struct Connection {
    stream: TcpStream,
    came: Vec<u8>,
}

/// What a read has come to.
pub enum Came {
    /// The body of an answer.
    Answer(Vec<u8>),
    /// Nothing yet.
    Nothing,
    /// Nothing more will come.
    End,
}

impl Connection {
    pub fn open(to: SocketAddr) -> io::Result<Connection> {
        let stream = TcpStream::connect_timeout(&to, Duration::from_secs(1))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LOOK))?;
        stream.set_write_timeout(Some(Duration::from_secs(10)))?;
        Ok(Connection {
            stream,
            came: Vec::new(),
        })
    }

    pub fn send(&mut self, target: &str, stays: bool) -> io::Result<()> {
        let connection = if stays { "keep-alive" } else { "close" };
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: tracker.example\r\nUser-Agent: {AGENT}\r\n\
             Connection: {connection}\r\n\r\n"
        );
        self.stream.write_all(request.as_bytes())
    }

    /// The next answer, if it comes soon.
    pub fn receive(&mut self) -> Came {
        loop {
            if let Some(body) = self.whole() {
                return Came::Answer(body);
            }
            let mut bytes = [0; 16384];
            match self.stream.read(&mut bytes) {
                Ok(0) => return Came::End,
                Ok(length) => self.came.extend(&bytes[..length]),
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => return Came::Nothing,
                    io::ErrorKind::Interrupted => {}
                    _ => return Came::End,
                },
            }
        }
    }

    /// Takes an answer that has come whole.
    fn whole(&mut self) -> Option<Vec<u8>> {
        let head = self.came.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
        let text = std::str::from_utf8(&self.came[..head]).expect("a head of text");
        assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
        let length = text.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let is_length = name.eq_ignore_ascii_case("content-length");
            is_length.then(|| value.trim().parse::<usize>().expect("a length"))
        });
        let end = head + length.expect("a length");
        if self.came.len() < end {
            return None;
        }
        let body = self.came[head..end].to_vec();
        self.came.drain(..end);
        Some(body)
    }
}
