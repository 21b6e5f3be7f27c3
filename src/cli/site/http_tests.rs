use super::*;
use std::net::TcpListener;
use std::thread::JoinHandle;

/// One that says all of this to whoever connects, however it is cut; returns what it was told up
/// to `end`.
fn server(says: Vec<Vec<u8>>, end: &'static [u8]) -> (SocketAddr, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = listener.local_addr().expect("an address");
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("accepted");
        stream.set_nodelay(true).expect("no delay");
        let mut told = Vec::new();
        let mut buffer = [0; 4096];
        while !told.ends_with(end) {
            let length = stream.read(&mut buffer).expect("read");
            assert!(length > 0, "ended after {}", told.escape_ascii());
            told.extend_from_slice(&buffer[..length]);
        }
        for piece in says {
            stream.write_all(&piece).expect("said");
        }
        told
    });
    (address, thread)
}

const GOOD: &str = "HTTP/1.1 100 Continue\r\n\r\n\
    HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 5\r\n\r\nhello\
    HTTP/1.1 404 Not Found\r\ncontent-length:0\r\n\r\n";

#[test]
fn answers_come_in_order_however_they_are_cut() {
    let bytes = GOOD.as_bytes();
    for at_once in [1, 7, bytes.len()] {
        let pieces = bytes.chunks(at_once).map(<[u8]>::to_vec).collect();
        let (address, thread) = server(pieces, b"GET /b HTTP/1.1\r\nHost: t\r\n\r\n");
        let mut http = Http::connect(address, "secret-secret-se").expect("connected");
        http.send("PUT", "/a", Some("{}")).expect("sent");
        http.stream
            .write_all(b"GET /b HTTP/1.1\r\nHost: t\r\n\r\n")
            .expect("sent");
        let answer = http.answer().expect("an answer");
        assert_eq!((answer.status, &answer.body[..]), (200, &b"hello"[..]));
        let answer = http.answer().expect("an answer");
        assert_eq!((answer.status, answer.body.len()), (404, 0));
        let ended = http.answer().expect_err("the end");
        assert_eq!(ended.kind(), ErrorKind::UnexpectedEof);
        let told = String::from_utf8(thread.join().expect("no panic")).expect("UTF-8");
        let expected = format!(
            "PUT /a HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer secret-secret-se\r\n\
             Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}GET /b"
        );
        assert!(told.starts_with(&expected), "{told}");
    }
}

#[test]
fn what_is_no_answer() {
    let long_head = format!("HTTP/1.1 200 OK\r\nX: {}", "y".repeat(HEAD_MOST));
    let many = "X: y\r\n".repeat(HEADERS_MOST + 1);
    for (name, says) in [
        ("no HTTP", "SSH-2.0-OpenSSH\r\n"),
        ("no length", "HTTP/1.1 200 OK\r\n\r\n"),
        (
            "a bad length",
            "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        ),
        (
            "too long",
            "HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n",
        ),
        ("a head too long", &long_head),
        ("too many lines", &format!("HTTP/1.1 200 OK\r\n{many}\r\n")),
    ] {
        let (address, thread) = server(vec![says.as_bytes().to_vec()], b"\r\n\r\n");
        let mut http = Http::connect(address, "t").expect("connected");
        http.send("GET", "/", None).expect("sent");
        let error = http.answer().expect_err(name);
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{name}: {error}");
        thread.join().expect("no panic");
    }
}

#[test]
fn a_body_is_sent_as_it_is_read() {
    struct Bytes(Vec<Vec<u8>>);
    impl Read for Bytes {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some(piece) = self.0.pop() else {
                return Ok(0);
            };
            match piece.is_empty() {
                true => Err(ErrorKind::PermissionDenied.into()),
                false => (&piece[..]).read(buffer),
            }
        }
    }
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec();
    let (address, thread) = server(vec![answer], b"0\r\n\r\n");
    let mut http = Http::connect(address, "t").expect("connected");
    let mut body = Bytes(vec![vec![b'b'; 17], b"aa".to_vec()]);
    let answer = http.stream("POST", ("/sync", "text/x"), &mut body);
    assert_eq!(answer.expect("sent").expect("read").body, b"ok");
    let told = String::from_utf8(thread.join().expect("no panic")).expect("UTF-8");
    assert!(
        told.ends_with("\r\n\r\n2\r\naa\r\n11\r\nbbbbbbbbbbbbbbbbb\r\n0\r\n\r\n"),
        "{told}"
    );
    // What cannot be read ends it: the tracker must not take it for all there is.
    let (address, thread) = server(Vec::new(), b"aa\r\n");
    let mut http = Http::connect(address, "t").expect("connected");
    let mut body = Bytes(vec![Vec::new(), b"aa".to_vec()]);
    let error = http.stream("POST", ("/sync", "text/x"), &mut body);
    let error = error.expect("sent").expect_err("not read");
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    let told = thread.join().expect("no panic");
    assert!(!told.ends_with(b"0\r\n\r\n"));
}

#[test]
fn listeners_on_all_addresses_are_reached_on_this_host() {
    for (listens, reached) in [
        ("0.0.0.0:1", "127.0.0.1:1"),
        ("[::]:1", "[::1]:1"),
        ("192.0.2.1:1", "192.0.2.1:1"),
    ] {
        let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
        assert_eq!(reachable(address(listens)), address(reached));
    }
}
