//! What is told to a site, and refused to nobody.

use crate::model::PeerId;

/// Programs that put their own code into their peer ids (BEP 20, Azureus style) and their name into
/// the requests: a code under another name is somebody pretending.
const PROGRAMS: [(&[u8; 2], &str); 9] = [
    (b"qB", "qBittorrent"),
    (b"TR", "Transmission"),
    (b"DE", "Deluge"),
    (b"UT", "uTorrent"),
    (b"UM", "uTorrent"),
    (b"BI", "BiglyBT"),
    (b"AZ", "Azureus"),
    (b"KT", "KTorrent"),
    (b"lt", "rtorrent"),
];

/// Whether a client's name does not fit its peer id, or is that of another program than before.
/// Nothing can be said without a name.
pub fn mismatch(before: &str, now: &str, peer_id: &PeerId) -> bool {
    if now.is_empty() || before == now {
        return false;
    }
    let another = !before.is_empty() && program(before) != program(now);
    another || !fits(now, peer_id)
}

/// The name without its version.
fn program(agent: &str) -> &str {
    let end = agent.find(|c: char| !c.is_ascii_alphabetic());
    &agent[..end.unwrap_or(agent.len())]
}

fn fits(agent: &str, peer_id: &PeerId) -> bool {
    let [b'-', first, second, ..] = peer_id.0 else {
        return true;
    };
    let mut programs = PROGRAMS.iter();
    let program = programs.find(|(code, _)| **code == [first, second]);
    program.is_none_or(|(_, name)| contains(agent, name))
}

fn contains(agent: &str, name: &str) -> bool {
    let (agent, name) = (agent.as_bytes(), name.as_bytes());
    agent
        .windows(name.len())
        .any(|window| window.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_do_not_fit() {
        let qbittorrent = PeerId(*b"-qB4650-abcdefghijkl");
        let unknown = PeerId(*b"-ZZ0001-abcdefghijkl");
        let mainline = PeerId(*b"M7-10-5--abcdefghijk");
        for (name, before, now, peer_id, suspicious) in [
            (
                "as it should be",
                "",
                "qBittorrent/4.6.5",
                qbittorrent,
                false,
            ),
            ("over UDP", "qBittorrent/4.6.5", "", qbittorrent, false),
            (
                "a new version",
                "qBittorrent/4.6.5",
                "qBittorrent/5",
                qbittorrent,
                false,
            ),
            ("another program", "", "RatioMaster", qbittorrent, true),
            (
                "told once",
                "RatioMaster",
                "RatioMaster",
                qbittorrent,
                false,
            ),
            ("it changes", "One/1", "Two/1", unknown, true),
            ("nothing known", "", "One/1", unknown, false),
            ("another style of id", "", "One/1", mainline, false),
        ] {
            assert_eq!(mismatch(before, now, &peer_id), suspicious, "{name}");
        }
    }
}
