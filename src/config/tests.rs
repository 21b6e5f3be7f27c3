use super::*;

fn faults(text: &str) -> Vec<String> {
    match Config::from_json(text) {
        Ok(config) => panic!("accepted: {config:?}"),
        Err(faults) => faults.into_iter().map(|fault| fault.0).collect(),
    }
}

#[test]
fn the_example_is_the_defaults() {
    let example = include_str!("../../config.example.json");
    assert_eq!(example.trim_end(), Config::default().to_json());
    assert_eq!(Config::from_json(example), Ok(Config::default()));
    assert_eq!(Config::from_json("{}"), Ok(Config::default()));
}

#[test]
fn settings_are_laid_over_the_defaults() {
    let text = r#"{"announce": {"interval": 600, "min_interval": "5m", "peer_lifetime": "1h"},
        "network": {"udp": [], "trusted_proxies": ["10.0.0.0/8"], "proxy_header": null}}"#;
    let config = Config::from_json(text).expect("a good configuration");
    assert_eq!(config.announce.interval, Span(600));
    assert_eq!(config.announce.min_interval, Span(300));
    assert!(config.network.udp.is_empty());
    assert_eq!(config.network.proxy_header, None);
    assert_eq!(config.network.http, Network::default().http);
    assert_eq!(Config::from_json(&config.to_json()), Ok(config));
}

#[test]
fn every_fault_is_listed_with_its_path() {
    let found = faults(
        r#"{"announce": {"interval": "soon", "peers_max": 0, "nope": 1},
            "network": {"http": ["127.0.0.1:1", "nowhere", "::1"], "workers": -1, "udp": 5},
            "limits": 7, "extra": {}}"#,
    );
    let all = found.join("\n");
    for path in [
        "announce.interval: must be a number of seconds",
        "announce.peers_max: 0 is not between 1 and 2000",
        "announce.nope: unknown key",
        "network.http[1]: ",
        "network.http[2]: ",
        "network.workers: ",
        "network.udp: ",
        "limits: must be an object",
        "extra: unknown key",
    ] {
        assert!(
            found.iter().any(|fault| fault.starts_with(path)),
            "{path} not in\n{all}"
        );
    }
    assert!(
        !all.contains("http[0]") && !all.contains("network.http:"),
        "{all}"
    );
}

#[test]
fn ranges_and_what_does_not_fit_together() {
    for (text, fault) in [
        ("[]", "configuration: must be an object"),
        ("{", "not JSON: "),
        (
            r#"{"network": {"udp": [], "http": []}}"#,
            "network: udp and http are both empty",
        ),
        (
            r#"{"network": {"http": ["[::]:80", "[::]:80"]}}"#,
            "network.http[1]: the address is listed twice",
        ),
        (
            r#"{"network": {"proxy_protocol": true}}"#,
            "network.proxy_protocol: needs",
        ),
        (
            r#"{"network": {"proxy_header": "a b"}}"#,
            "network.proxy_header: is not",
        ),
        (
            r#"{"announce": {"min_interval": "1h"}}"#,
            r#"announce.min_interval: "1h" is not between 0 and "30m""#,
        ),
        (
            r#"{"announce": {"peer_lifetime": "5m"}}"#,
            r#"announce.peer_lifetime: "5m" is not between "31m" and "7d""#,
        ),
        (r#"{"redis": {"servers": []}}"#, "redis.servers: is empty"),
        (
            r#"{"redis": {"servers": ["127.0.0.1:6379"]}}"#,
            "redis.servers[0]: must begin with redis://",
        ),
        (r#"{"redis": {"key": "{a}"}}"#, "redis.key: must be"),
        (
            r#"{"redis": {"logs": 0}}"#,
            "redis.logs: 0 is not between 1 and 64",
        ),
        (
            r#"{"redis": {"key": "a-key-that-is-longer-than-what-databases-have-room-for"}}"#,
            "redis.key: must be 48 bytes at most",
        ),
        (
            r#"{"admin": {"listen": ["[::1]:80", "[::1]:80"]}}"#,
            "admin.listen[1]: the address is listed twice",
        ),
        (
            r#"{"admin": {"tokens": [{"name": "a", "scope": "write"}]}}"#,
            "admin.tokens[0]: needs just one of",
        ),
        (
            r#"{"admin": {"tokens": [{"name": "a", "scope": "write", "token_env": "A",
                "token_file": "a"}]}}"#,
            "admin.tokens[0]: needs just one of",
        ),
        (
            r#"{"admin": {"tokens": [{"name": "a", "scope": "read", "token": "fifteen letters"}]}}"#,
            "admin.tokens[0]: a token has between 16 and 256 bytes",
        ),
        (
            r#"{"admin": {"tokens": [{"name": "a", "scope": "read",
                "token": "with a space in it"}]}}"#,
            "admin.tokens[0]: a token is of ASCII letters",
        ),
        (
            r#"{"admin": {"tokens": [{"name": "", "scope": "read", "token_env": "A"}]}}"#,
            "admin.tokens[0]: needs a name",
        ),
        (
            r#"{"admin": {"tokens": [{"name": "a", "scope": "read", "token_env": "A"},
                {"name": "a", "scope": "read", "token_env": "B"}]}}"#,
            "admin.tokens[1]: another token has the same name",
        ),
        (
            r#"{"admin": {"tokens": [{"name": "a", "scope": "all", "token_env": "A"}]}}"#,
            "admin.tokens[0]: unknown variant `all`",
        ),
        (
            r#"{"admin": {"tokens": [{"name": "a", "scope": "read", "tokn": "A"}]}}"#,
            "admin.tokens[0]: unknown field `tokn`",
        ),
        (
            r#"{"tracker": "private", "admin": {"dialects": {"ocelot": {"on": "admin"}}}}"#,
            "admin.dialects.ocelot: needs just one of secret, secret_file and secret_env",
        ),
        (
            r#"{"tracker": "private", "admin": {"dialects": {"ocelot": {"on": "both",
                "secret_env": "A", "report_secret_env": "B", "report_secret_file": "c"}}}}"#,
            "admin.dialects.ocelot: needs just one of report_secret,",
        ),
        (
            r#"{"tracker": "private", "admin": {"dialects": {"unit3d": {"on": "tracker",
                "key": "fifteen-letters"}}}}"#,
            "admin.dialects.unit3d: a token has between 16 and 256 bytes",
        ),
        (
            r#"{"tracker": "private", "admin": {"dialects": {"unit3d": {"on": "tracker",
                "key": "with/slashes/in/it"}}}}"#,
            "admin.dialects.unit3d: a secret in a path is of letters",
        ),
        (
            r#"{"tracker": "private", "admin": {"dialects": {"unit3d": {"key_env": "A"}}}}"#,
            "admin.dialects.unit3d: missing field `on`",
        ),
        (
            r#"{"tracker": "private", "admin": {"dialects": {"gazelle": null}}}"#,
            "admin.dialects.gazelle: unknown key",
        ),
        (
            r#"{"admin": {"dialects": {"unit3d": {"on": "admin", "key_env": "A"}}}}"#,
            "admin.dialects: a public tracker has no directory",
        ),
        (
            r#"{"tracker": "private", "network": {"http": []},
                "admin": {"dialects": {"unit3d": {"on": "tracker", "key_env": "A"}}}}"#,
            "admin.dialects: on the tracker, but network.http is empty",
        ),
        (
            r#"{"tracker": "private", "admin": {"listen": [],
                "dialects": {"unit3d": {"on": "both", "key_env": "A"}}}}"#,
            "admin.dialects: on admin, but admin.listen is empty",
        ),
        (
            r#"{"network": {"udp_send_buffer": "1TB"}}"#,
            "network.udp_send_buffer: must be",
        ),
    ] {
        let found = faults(text);
        assert!(
            found.len() == 1 && found[0].starts_with(fault),
            "{text}: {found:?}"
        );
    }
}

#[test]
fn tokens_are_not_shown() {
    let text = r#"{"admin": {"tokens": [{"name": "a", "scope": "write",
        "token": "5ecret-5ecret-5ecret"}]}}"#;
    let config = Config::from_json(text).expect("a good configuration");
    assert!(config.admin.is_on() && !Config::default().admin.is_on());
    assert_eq!(Config::from_json(&config.to_json()).as_ref(), Ok(&config));
    let shown = config.without_secrets().to_json();
    for shown in [&shown, &format!("{config:?}")] {
        assert!(!shown.contains("5ecret") && shown.contains("(hidden)"));
    }
    // What is shown cannot be taken for a configuration by mistake.
    assert!(faults(&shown)[0].starts_with("admin.tokens[0]: a token has"));
    let number = text.replace(r#""5ecret-5ecret-5ecret""#, "1234567890123456");
    assert_eq!(faults(&number), ["admin.tokens[0]: must be a string"]);
}

#[test]
fn secrets_of_dialects_are_not_shown() {
    let text = r#"{"tracker": "private", "admin": {"dialects": {
        "ocelot": {"on": "admin", "secret": "5ecret-5ecret-5ecret", "report_secret":
            "5ecret-5ecret-for-reports"},
        "unit3d": {"on": "tracker", "key": "5ecret-5ecret-key"}}}}"#;
    let config = Config::from_json(text).expect("a good configuration");
    assert_eq!(Config::from_json(&config.to_json()).as_ref(), Ok(&config));
    let shown = config.without_secrets().to_json();
    for shown in [&shown, &format!("{config:?}")] {
        assert_eq!(shown.matches("(hidden)").count(), 3, "{shown}");
        assert!(!shown.contains("5ecret"), "{shown}");
    }
    let number = text.replace(r#""5ecret-5ecret-key""#, "1234567890123456");
    assert_eq!(faults(&number), ["admin.dialects.unit3d: must be a string"]);
}

/// The listener is there for whom it is meant; the thread for whoever speaks a dialect.
#[test]
fn a_dialect_turns_on_what_it_needs() {
    for (on, listens) in [("admin", true), ("both", true), ("tracker", false)] {
        let text = format!(
            r#"{{"tracker": "private", "admin": {{"dialects": {{
                "unit3d": {{"on": "{on}", "key_env": "A"}}}}}}}}"#
        );
        let config = Config::from_json(&text).expect("a good configuration");
        assert!(config.admin.is_on());
        assert_eq!(config.admin.listens(), listens, "{on}");
    }
}

#[test]
fn the_readme_has_every_setting_and_its_default() {
    let readme = include_str!("../../README.md");
    let defaults = serde_json::to_value(Config::default()).expect("JSON");
    let check = |name: &str, default: &Value| {
        let start = format!("| `{name}` | `");
        let row = readme.lines().find_map(|line| line.strip_prefix(&start));
        let row = row.unwrap_or_else(|| panic!("no row for {name}"));
        let written = row.split('`').next().unwrap_or_default();
        let written: Value = serde_json::from_str(written).expect("JSON in the table");
        assert_eq!(written, *default, "{name}");
    };
    for (section, settings) in defaults.as_object().expect("sections") {
        match settings.as_object() {
            Some(settings) => settings
                .iter()
                .for_each(|(key, default)| check(&format!("{section}.{key}"), default)),
            None => check(section, settings),
        }
    }
}
