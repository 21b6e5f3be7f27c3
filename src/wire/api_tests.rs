use super::*;

fn head(text: &str) -> Head<'_> {
    match parse(text.as_bytes()) {
        Ok(Status::Complete { head, consumed }) => {
            assert_eq!(consumed, text.len(), "{text}");
            head
        }
        other => panic!("{text}: {other:?}"),
    }
}

/// A request with these header lines.
fn with(lines: &str) -> String {
    format!("PUT /a HTTP/1.1\r\nHost: t\r\n{lines}\r\n")
}

#[test]
fn heads() {
    let text = "PATCH /options?a=b HTTP/1.1\r\nHost: t\r\nAuthorization: bearer abc \r\n\
                Content-Type: application/json; charset=utf-8\r\ncontent-length: 12\r\n\
                Expect: 100-continue\r\n\r\n";
    let expected = Head {
        method: Method::Patch,
        path: b"/options",
        query: b"a=b",
        token: Some(b"abc"),
        media_type: Some(b"application/json"),
        body: BodyLength::Bytes(12),
        expects_continue: true,
        keep_alive: true,
        http_1_0: false,
    };
    assert_eq!(head(text), expected);
    for end in 0..text.len() {
        let part = &text.as_bytes()[..end];
        assert_eq!(parse(part), Ok(Status::Partial), "{end} bytes");
    }
    let old = head("DELETE /users/1 HTTP/1.0\r\n\r\n");
    assert_eq!(old.method, Method::Delete);
    assert_eq!((old.keep_alive, old.body), (false, BodyLength::Unsaid));
    assert_eq!(
        head("BREW / HTTP/1.1\r\nHost: t\r\n\r\n").method,
        Method::Other
    );
}

#[test]
fn tokens() {
    for (value, token) in [
        ("Bearer abc", Some("abc")),
        ("BEARER  abc", Some("abc")),
        ("Bearer ", None),
        ("Bearer", None),
        ("Basic YTpi", None),
        ("abc", None),
        ("", None),
    ] {
        let text = with(&format!("Authorization: {value}\r\n"));
        assert_eq!(head(&text).token, token.map(str::as_bytes), "{value:?}");
    }
}

#[test]
fn lengths() {
    use BodyLength::{Bytes, Chunks, Unsaid};
    for (lines, length) in [
        ("", Ok(Unsaid)),
        ("Content-Length: 0\r\n", Ok(Bytes(0))),
        ("Content-Length: 5\r\nContent-Length: 5\r\n", Ok(Bytes(5))),
        (
            "Content-Length: 5\r\nContent-Length: 6\r\n",
            Err(Malformed::Length),
        ),
        ("Content-Length: 5, 5\r\n", Err(Malformed::Length)),
        ("Content-Length: +5\r\n", Err(Malformed::Length)),
        ("Content-Length: \r\n", Err(Malformed::Length)),
        (
            "Content-Length: 18446744073709551616\r\n",
            Err(Malformed::Length),
        ),
        ("Transfer-Encoding: Chunked\r\n", Ok(Chunks)),
        (
            "Transfer-Encoding: gzip, chunked\r\n",
            Err(Malformed::Coding),
        ),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            Err(Malformed::Length),
        ),
        (
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            Err(Malformed::Length),
        ),
        (
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            Err(Malformed::Length),
        ),
    ] {
        let text = with(lines);
        let found = parse(text.as_bytes()).map(|status| match status {
            Status::Complete { head, .. } => head.body,
            Status::Partial => panic!("{lines:?}: partial"),
        });
        assert_eq!(found, length, "{lines:?}");
    }
    let old = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(parse(old.as_bytes()), Err(Malformed::Length));
}

#[test]
fn what_is_no_request() {
    let long = format!("GET /{} HTTP/1.1\r\n", "a".repeat(MAX_HEAD_BYTES));
    let many = with(&"a: b\r\n".repeat(MAX_HEADERS));
    for (text, malformed) in [
        ("lorem ipsum\r\n\r\n", Malformed::Syntax),
        ("GET / HTTP/3.0\r\n\r\n", Malformed::Version),
        ("GET / HTTP/1.1\r\n\r\n", Malformed::Host),
        (&with("host: u\r\n"), Malformed::Host),
        (&with("Expect: miracles\r\n"), Malformed::Expectation),
        (&long, Malformed::TooLong),
        (&many, Malformed::TooLong),
    ] {
        assert_eq!(parse(text.as_bytes()), Err(malformed), "{text:.80}");
    }
}

/// The body in these bytes, which come so many at a time, and what is left of them.
fn read(length: BodyLength, input: &[u8], step: usize) -> Result<(Vec<u8>, usize), Malformed> {
    let (mut body, mut read) = (Body::new(length), Vec::new());
    let (mut used, mut come) = (0, 0);
    while !body.is_whole() {
        let piece = body.read(&input[used..come])?;
        read.extend_from_slice(piece.bytes);
        used += piece.consumed;
        if piece.consumed == 0 {
            assert!(come < input.len(), "the body does not end");
            come = input.len().min(come + step);
        }
    }
    Ok((read, input.len() - used))
}

#[test]
fn bodies() {
    for (name, length, input, body, left) in [
        ("none", BodyLength::Unsaid, "GET", "", 3),
        ("empty", BodyLength::Bytes(0), "GET", "", 3),
        ("of a length", BodyLength::Bytes(5), "helloGET", "hello", 3),
        (
            "in chunks",
            BodyLength::Chunks,
            "5\r\nhello\r\n00a;x=y\r\n, you all!\r\n0\r\n\r\nGET",
            "hello, you all!",
            3,
        ),
        (
            "with a trailer",
            BodyLength::Chunks,
            "1\r\na\r\n0\r\nX: y\r\nZ: w\r\n\r\nGET",
            "a",
            3,
        ),
    ] {
        for step in [1, 2, 3, 1000] {
            let read = read(length, input.as_bytes(), step);
            assert_eq!(read, Ok((body.as_bytes().to_vec(), left)), "{name}");
        }
    }
}

#[test]
fn chunks_that_are_none() {
    let long_line = format!("1;{}\r\n", "x".repeat(MAX_CHUNK_LINE_BYTES));
    let long_trailer = format!("0\r\n{}", "X: y\r\n".repeat(MAX_HEAD_BYTES / 6 + 1));
    for input in [
        "\r\n",
        "g\r\n",
        ";a\r\n",
        " 5\r\nhello\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello5\n\r\n\r\n",
        "fffffffffffffffff\r\n",
        &long_line,
        &long_trailer,
    ] {
        for step in [1, 1000] {
            let read = read(BodyLength::Chunks, input.as_bytes(), step);
            assert_eq!(read, Err(Malformed::Chunk), "{input:.80}");
        }
    }
}
