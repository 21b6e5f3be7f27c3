use super::*;
use crate::model::{InfoHash, TorrentId, UserId};
use crate::storage::{
    Client, Edit, Listing, TorrentEdit, TorrentName, TorrentStatus, UserEdit, UserName,
};
use crate::tracker::api::{LINE_BYTES_MOST, Question};

const HASH: &str = "0123456789abcdef0123456789abcdef01234567";
const READER: &str = "reads-and-no-more";
const WRITER: &str = "writes-and-reads";

fn access() -> Access {
    Access::new([1; 16], [(READER, Scope::Read), (WRITER, Scope::Write)])
}

/// A request of one who may write, with these header lines and this body.
fn request(line: &str, lines: &str, body: &str) -> String {
    let length = match body.len() {
        0 => String::new(),
        length => format!("Content-Length: {length}\r\n"),
    };
    format!(
        "{line} HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {WRITER}\r\n{lines}{length}\r\n{body}"
    )
}

fn json(line: &str, body: &str) -> String {
    request(line, "Content-Type: application/json\r\n", body)
}

fn sync(body: &str) -> String {
    request("POST /sync", "Content-Type: application/x-ndjson\r\n", body)
}

/// Shows all of it, so many bytes at a time; returns what follows, hunger aside.
fn steps(input: &str, at_once: usize) -> (Vec<Step>, Conversation) {
    let (mut conversation, access) = (Conversation::default(), access());
    let (mut steps, mut used, mut come) = (Vec::new(), 0, 0);
    let bytes = input.as_bytes();
    loop {
        let (taken, step) = conversation.read(&bytes[used..come], &access);
        used += taken;
        assert!(used <= come);
        if !matches!(step, Step::Hungry) {
            steps.push(step);
        } else if come < bytes.len() {
            come = bytes.len().min(come + at_once);
        } else if taken == 0 {
            return (steps, conversation);
        }
    }
}

/// What the only step of a request is, however its bytes come.
fn only(input: &str) -> (Step, bool) {
    let (mut whole, conversation) = steps(input, usize::MAX / 2);
    let (pieces, other) = steps(input, 1);
    assert_eq!(whole, pieces, "{input}");
    assert_eq!(conversation.is_over(), other.is_over());
    assert_eq!(whole.len(), 1, "{input}: {whole:?}");
    (whole.remove(0), conversation.is_over())
}

fn refused(input: &str) -> (u16, bool) {
    match only(input) {
        (Step::Refused(_, answer) | Step::Stranger(_, answer), over) => (answer.status(), over),
        other => panic!("{input}: {other:?}"),
    }
}

fn asked(input: &str) -> Request {
    match only(input) {
        (Step::Request(_, request), false) => request,
        other => panic!("{input}: {other:?}"),
    }
}

#[test]
fn requests() {
    let Ok(info_hash) = crate::tracker::api::names::torrent(HASH.as_bytes()) else {
        panic!("an info hash");
    };
    let ask = |question| Request::Ask(question);
    let torrent = format!("/torrents/{HASH}");
    let of = TorrentName::InfoHash(info_hash);
    let mut put = TorrentEdit {
        id: Some(TorrentId(5)),
        down_percent: Some(50),
        ..TorrentEdit::of(of)
    };
    put.or_defaults();
    let deleted = TorrentEdit {
        status: Some(TorrentStatus::Deleted("a dupe + worse".into())),
        ..TorrentEdit::of(of)
    };
    let change = TorrentEdit {
        up_percent: Some(200),
        ..TorrentEdit::of(of)
    };
    let mut user = UserEdit::of(UserName::Id(UserId(7)));
    user.can_leech = Some(false);
    let user_change = user.clone();
    user.or_defaults();
    let client = Client {
        prefix: b"-a "[..].into(),
        allow: true,
    };
    for (input, request) in [
        (
            request(&format!("GET {torrent}"), "", ""),
            ask(Question::Torrent(info_hash)),
        ),
        (
            request(&format!("GET {torrent}/peers"), "", ""),
            ask(Question::TorrentPeers(info_hash)),
        ),
        (
            json(
                &format!("PUT {torrent}"),
                r#"{"id": 5, "down_percent": 50}"#,
            ),
            Request::Push(Edit::Torrent(put)),
        ),
        (
            request(&format!("DELETE {torrent}"), "", ""),
            Request::Push(Edit::TorrentGone(of)),
        ),
        (
            request(
                &format!("DELETE {torrent}?reason=a+dupe%20%2b+worse"),
                "",
                "",
            ),
            Request::Push(Edit::Torrent(deleted)),
        ),
        (
            json("PUT /users/7", r#"{"can_leech": false}"#),
            Request::Push(Edit::User(user)),
        ),
        (
            json("PATCH /users/7", r#"{"can_leech": false}"#),
            Request::Push(Edit::User(user_change)),
        ),
        (
            json(&format!("PATCH {torrent}"), r#"{"up_percent": 200}"#),
            Request::Push(Edit::Torrent(change)),
        ),
        (
            request("GET /users?after=7&limit=2", "", ""),
            ask(Question::List(Listing::Users(Some(UserId(7))), 2)),
        ),
        (
            request("GET /torrents?name=a%20b", "", ""),
            ask(Question::List(
                Listing::TorrentsNamed("a b".into(), None),
                100,
            )),
        ),
        (
            request("GET /clients", "", ""),
            ask(Question::List(Listing::Clients([].into()), 100)),
        ),
        (
            request("GET /tokens?after=0/3", "", ""),
            ask(Question::List(
                Listing::Tokens(Some((None, Some(TorrentId(3))))),
                100,
            )),
        ),
        (
            json("PUT /clients/-a%20", "{}"),
            Request::Push(Edit::Client(client)),
        ),
        (
            request("GET /tokens/all/3", "", ""),
            ask(Question::Token((None, Some(TorrentId(3))))),
        ),
        (request("GET /options", "", ""), ask(Question::Options)),
        (request("GET /stats?", "", ""), ask(Question::Stats)),
        (
            request("GET /openapi.json", "", ""),
            ask(Question::Document),
        ),
    ] {
        assert_eq!(asked(&input), request, "{input}");
    }
}

#[test]
fn what_is_refused() {
    let torrent = format!("PUT /torrents/{HASH}");
    let json_type = "Content-Type: application/json\r\n";
    let with_token = |token: &str| {
        format!("PUT /users/7 HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {token}\r\n\r\n")
    };
    let long = "x".repeat(BODY_BYTES_MOST + 1);
    for (name, input, refusal) in [
        ("no HTTP", "lorem ipsum\r\n\r\n".to_owned(), (400, true)),
        (
            "no token",
            "GET /stats HTTP/1.1\r\nHost: t\r\n\r\n".to_owned(),
            (401, true),
        ),
        ("a wrong token", with_token("writes-and-read"), (401, true)),
        ("a token that reads", with_token(READER), (403, false)),
        (
            "no such path",
            request("GET /nothing", "", ""),
            (404, false),
        ),
        (
            "no such user",
            request("GET /users/0", "", ""),
            (404, false),
        ),
        (
            "a path too long",
            request("GET /users/1/2", "", ""),
            (404, false),
        ),
        (
            "an empty name",
            request("GET /users/", "", ""),
            (404, false),
        ),
        (
            "another method",
            request("POST /stats", "", ""),
            (405, false),
        ),
        (
            "a method of nobody",
            request("BREW /stats", "", ""),
            (405, false),
        ),
        (
            "a bad info hash",
            request("GET /torrents/abc", "", ""),
            (400, false),
        ),
        (
            "a parameter",
            request("GET /stats?a=b", "", ""),
            (400, false),
        ),
        (
            "a list from nowhere",
            request("GET /users?after=x", "", ""),
            (400, false),
        ),
        (
            "another number",
            json("PATCH /users/7", r#"{"id": 8}"#),
            (400, false),
        ),
        (
            "another info hash",
            json(&torrent.replace("PUT", "PATCH"), r#"{"info_hash": ""}"#),
            (400, false),
        ),
        (
            "a reason for nothing",
            json(&torrent.replace("PUT", "PATCH"), r#"{"reason": "dupe"}"#),
            (400, false),
        ),
        (
            "a body of a GET",
            request("GET /stats", "", "x"),
            (400, true),
        ),
        ("no body", request(&torrent, json_type, ""), (411, false)),
        (
            "an empty body",
            request(&torrent, "Content-Length: 0\r\n", ""),
            (400, false),
        ),
        ("no media type", request(&torrent, "", "{}"), (415, true)),
        (
            "another media type",
            request(&torrent, "Content-Type: text/json\r\n", "{}"),
            (415, true),
        ),
        ("too long a body", json(&torrent, &long), (413, true)),
        (
            "too long in chunks",
            request(
                &torrent,
                &format!("{json_type}Transfer-Encoding: chunked\r\n"),
                "",
            ) + &format!("{:x}\r\n{long}", long.len()),
            (413, true),
        ),
        (
            "no chunk",
            request(
                &torrent,
                &format!("{json_type}Transfer-Encoding: chunked\r\n"),
                "",
            ) + "x\r\n",
            (400, true),
        ),
        ("no JSON", json(&torrent, "{"), (400, false)),
        ("more than JSON", json(&torrent, "{} {}"), (400, false)),
        ("no object", json(&torrent, "[]"), (400, false)),
        (
            "an unknown field",
            json(&torrent, r#"{"no": 1}"#),
            (400, false),
        ),
        (
            "a field twice",
            json(&torrent, r#"{"id": 1, "id": 1}"#),
            (400, false),
        ),
        ("null", json(&torrent, r#"{"id": null}"#), (400, false)),
        ("no number", json(&torrent, r#"{"id": 0}"#), (400, false)),
        (
            "a large number",
            json(&torrent, r#"{"id": 9223372036854775808}"#),
            (400, false),
        ),
        (
            "below zero",
            json(&torrent, r#"{"up_percent": -1}"#),
            (400, false),
        ),
        (
            "a reason of nothing",
            json(&torrent, r#"{"reason": "a"}"#),
            (400, false),
        ),
        (
            "a line in a name",
            json(&torrent, r#"{"name": "a\nb"}"#),
            (400, false),
        ),
        (
            "the info hash twice",
            json(&torrent, &format!(r#"{{"info_hash": "{HASH}"}}"#)),
            (400, false),
        ),
        (
            "another user",
            json("PUT /users/7", r#"{"id": 8}"#),
            (409, false),
        ),
        (
            "another passkey",
            json("PUT /users/a", r#"{"passkey": "b"}"#),
            (409, false),
        ),
        (
            "a bad passkey",
            json("PUT /users/7", r#"{"passkey": "a b"}"#),
            (400, false),
        ),
        (
            "a long reason",
            request(
                &format!("DELETE /torrents/{HASH}?reason={}", "a".repeat(513)),
                "",
                "",
            ),
            (400, false),
        ),
        (
            "two reasons",
            request(
                &format!("DELETE /torrents/{HASH}?reason=a&reason=b"),
                "",
                "",
            ),
            (400, false),
        ),
    ] {
        assert_eq!(refused(&input), refusal, "{name}");
    }
}

#[test]
fn requests_follow_each_other() {
    let get = request("GET /stats", "", "");
    let put = json("PUT /users/7", "{}");
    let closing = request("GET /options", "Connection: close\r\n", "");
    let all = format!("\r\n{get}{put}{get}{closing}{get}");
    for at_once in [1, 7, 10_000] {
        let (steps, conversation) = steps(&all, at_once);
        assert_eq!(steps.len(), 4, "{steps:?}");
        assert!(steps.iter().all(|step| matches!(step, Step::Request(..))));
        assert!(conversation.is_over(), "nothing is read behind the last");
    }
    let head = request("HEAD /stats", "", "");
    let (Step::Request(framing, _), _) = only(&head) else {
        panic!("HEAD is served where GET is");
    };
    assert!(framing.head_only && framing.keep_alive);
}

#[test]
fn who_waits_for_the_word_gets_it() {
    let lines = "Expect: 100-continue\r\nContent-Type: application/json\r\n";
    let (steps, _) = steps(&request("PUT /users/7", lines, "{}"), 10_000);
    assert!(
        matches!(steps[..], [Step::Welcome, Step::Request(..)]),
        "{steps:?}"
    );
    // Who is refused need not send the body.
    let refused = request("PUT /users/0", lines, "");
    assert!(matches!(only(&refused), (Step::Refused(..), false)));
}

/// What the lines of a sync come to, in all.
fn lines_of(input: &str, at_once: usize) -> (Vec<Edit>, Vec<u64>, Answer) {
    let (steps, _) = steps(input, at_once);
    let (mut edits, mut numbers) = (Vec::new(), Vec::new());
    let mut tally = crate::tracker::api::Tally::default();
    let mut steps = steps.into_iter();
    assert!(matches!(steps.next(), Some(Step::Sync(_, false))));
    let mut ended = false;
    for step in steps {
        let Step::Lines(mut batch) = step else {
            panic!("{step:?}");
        };
        assert!(!ended);
        tally.begin(&mut batch);
        batch.edits.iter().for_each(|_| tally.done(false, false));
        ended = batch.ends;
        edits.append(&mut batch.edits);
        numbers.extend(batch.sources.iter().map(|source| source.line));
    }
    assert!(ended);
    (edits, numbers, tally.answer())
}

#[test]
fn lines_of_a_sync() {
    let long = "x".repeat(LINE_BYTES_MOST + 1);
    let body = format!(
        "{{\"torrent\": {{\"info_hash\": \"{HASH}\", \"name\": \"é\"}}}}\r\n\n\
         {{\"torrent_gone\": {{\"info_hash\": \"{HASH}\", \"reason\": \"r\"}}}}\n\
         {{\"user\": {{\"passkey\": \"p\", \"id\": 3}}}}\n{long}\n\
         {{\"user_gone\": {{\"passkey\": \"p\"}}}}\nnonsense\n\
         {{\"client\": {{\"prefix\": \"-q%42\"}}}}\n{{\"client_gone\": {{\"prefix\": \"-\"}}}}\n\
         {{\"token\": {{\"user_id\": 0, \"torrent_id\": 4, \"down_percent\": 0}}}}\n\
         {{\"token_gone\": {{\"user_id\": 1, \"torrent_id\": 4}}}}\n\
         {{\"user\": {{}}}}\n{{\"options\": {{\"until\": null}}}}"
    );
    let (edits, numbers, answer) = lines_of(&sync(&body), 1_000_000);
    assert_eq!(numbers, [1, 3, 4, 6, 8, 9, 10, 11, 13]);
    assert!(matches!(&edits[4], Edit::Client(client) if *client.prefix == *b"-qB"));
    let Edit::User(user) = &edits[2] else {
        panic!("{edits:?}");
    };
    assert_eq!((user.who, user.create), (UserName::Id(UserId(3)), true));
    assert!(matches!(&edits[6], Edit::Token(token) if token.user.is_none()));
    let text = format!("{answer:?}");
    assert_eq!(answer.status(), 200, "{text}");
    for at_once in [1, 1000] {
        assert_eq!(
            lines_of(&sync(&body), at_once),
            (edits.clone(), numbers.clone(), answer.clone())
        );
    }
    let nothing = lines_of(&sync("a\nb\n"), 1);
    assert_eq!(nothing.2.status(), 400, "none could be done");
    assert_eq!(
        lines_of(&sync("\n"), 1).2.status(),
        200,
        "nothing was to be done"
    );
}

#[test]
fn lines_before_a_fault_are_done() {
    let head = request(
        "POST /sync",
        "Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n",
        "",
    );
    let input = head + "19\r\n{\"user_gone\": {\"id\": 1}}\n\r\nnonsense\r\n";
    for at_once in [1, 1000] {
        let (steps, conversation) = steps(&input, at_once);
        let [Step::Sync(..), Step::Lines(batch), Step::Refused(_, answer)] = &steps[..] else {
            panic!("{steps:?}");
        };
        assert_eq!((batch.edits.len(), answer.status()), (1, 400));
        assert!(conversation.is_over());
    }
}

#[test]
fn little_is_kept() {
    let endless = sync(&"x".repeat(10 * LINE_BYTES_MOST));
    let (_, conversation) = steps(&endless[..endless.len() - 1], 1000);
    assert!(conversation.is_sync() && conversation.kept() <= LINE_BYTES_MOST);
    let body = json("PUT /users/7", &"x".repeat(BODY_BYTES_MOST));
    let (_, conversation) = steps(&body[..body.len() - 1], 1000);
    assert_eq!(conversation.kept(), BODY_BYTES_MOST - 1);
}

#[test]
fn info_hashes_in_either_case() {
    let upper = asked(&request(
        &format!("GET /torrents/{}", HASH.to_uppercase()),
        "",
        "",
    ));
    let Request::Ask(Question::Torrent(InfoHash(bytes))) = upper else {
        panic!("{upper:?}");
    };
    assert_eq!(bytes[4], 0x89);
}
