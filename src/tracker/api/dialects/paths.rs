//! Which paths could be of a dialect.

use crate::config::Dialects;

/// Dialects that are spoken somewhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Spoken {
    /// That of Ocelot.
    pub ocelot: bool,
    /// That of UNIT3D.
    pub unit3d: bool,
}

/// A path of a dialect, whoever knows the secret in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found<'b> {
    /// `/SECRET/update`, `/SECRET/report`.
    Ocelot(&'b [u8], Page),
    /// `/announce/KEY/RESOURCE`, `/announce/KEY/RESOURCE/ID`.
    Unit3d {
        /// The secret.
        key: &'b [u8],
        /// What it is about.
        resource: Resource,
        /// Which of it.
        id: Option<&'b [u8]>,
    },
}

/// What is asked for in Ocelot's dialect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Page {
    /// A change.
    Update,
    /// A report.
    Report,
}

/// What is asked for in UNIT3D's dialect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Resource {
    Torrents,
    Users,
    Groups,
    Agents,
    Tokens,
    PersonalFreeleech,
    FeaturedTorrents,
    Stats,
}

impl Resource {
    fn of(name: &[u8]) -> Option<Resource> {
        Some(match name {
            b"torrents" => Resource::Torrents,
            b"users" => Resource::Users,
            b"groups" => Resource::Groups,
            b"blacklisted-agents" => Resource::Agents,
            b"freeleech-tokens" => Resource::Tokens,
            b"personal-freeleech" => Resource::PersonalFreeleech,
            b"featured-torrents" => Resource::FeaturedTorrents,
            b"stats" => Resource::Stats,
            _ => return None,
        })
    }
}

impl Spoken {
    /// Those that are spoken at the tracker's own addresses.
    pub fn beside_announces(dialects: &Dialects) -> Spoken {
        let ocelot = dialects.ocelot.as_ref();
        let unit3d = dialects.unit3d.as_ref();
        Spoken {
            ocelot: ocelot.is_some_and(|ocelot| ocelot.on.is_at_tracker()),
            unit3d: unit3d.is_some_and(|unit3d| unit3d.on.is_at_tracker()),
        }
    }

    /// Whether any is.
    pub fn any(self) -> bool {
        self.ocelot || self.unit3d
    }

    /// What a path is in the dialects that are spoken, if it is anything.
    pub fn find(self, path: &[u8]) -> Option<Found<'_>> {
        let mut segments = path.strip_prefix(b"/")?.split(|byte| *byte == b'/');
        let (first, second) = (segments.next()?, segments.next()?);
        if first.is_empty() || second.is_empty() {
            return None;
        }
        let Some(third) = segments.next() else {
            let page = match second {
                b"update" => Page::Update,
                b"report" => Page::Report,
                _ => return None,
            };
            return self.ocelot.then_some(Found::Ocelot(first, page));
        };
        let resource = Resource::of(third)?;
        let id = segments.next();
        let is_path = first == b"announce" && segments.next().is_none() && id != Some(b"");
        (self.unit3d && is_path).then_some(Found::Unit3d {
            key: second,
            resource,
            id,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: Spoken = Spoken {
        ocelot: true,
        unit3d: true,
    };

    #[test]
    fn paths() {
        let of_unit3d = |resource, id: Option<&'static str>| {
            Some(Found::Unit3d {
                key: b"k3y",
                resource,
                id: id.map(str::as_bytes),
            })
        };
        for (path, found) in [
            (
                "/s3cret/update",
                Some(Found::Ocelot(b"s3cret", Page::Update)),
            ),
            (
                "/s3cret/report",
                Some(Found::Ocelot(b"s3cret", Page::Report)),
            ),
            (
                "/announce/k3y/torrents",
                of_unit3d(Resource::Torrents, None),
            ),
            (
                "/announce/k3y/users/7",
                of_unit3d(Resource::Users, Some("7")),
            ),
            ("/announce/k3y/groups", of_unit3d(Resource::Groups, None)),
            (
                "/announce/k3y/blacklisted-agents",
                of_unit3d(Resource::Agents, None),
            ),
            (
                "/announce/k3y/freeleech-tokens",
                of_unit3d(Resource::Tokens, None),
            ),
            (
                "/announce/k3y/personal-freeleech",
                of_unit3d(Resource::PersonalFreeleech, None),
            ),
            (
                "/announce/k3y/featured-torrents",
                of_unit3d(Resource::FeaturedTorrents, None),
            ),
            ("/announce/k3y/stats", of_unit3d(Resource::Stats, None)),
            ("/announce/k3y/stats/", None),
            ("/announce/k3y/torrents/1/peers", None),
            ("/announce/k3y/other", None),
            ("/announce//torrents", None),
            ("/other/k3y/torrents", None),
            ("/announce/k3y", None),
            ("/s3cret/update/", None),
            ("//update", None),
            ("/update", None),
            ("s3cret/update", None),
            ("/", None),
            ("", None),
        ] {
            assert_eq!(BOTH.find(path.as_bytes()), found, "{path}");
            assert_eq!(Spoken::default().find(path.as_bytes()), None, "{path}");
            let only = Spoken {
                ocelot: matches!(found, Some(Found::Unit3d { .. })),
                unit3d: matches!(found, Some(Found::Ocelot(..))),
            };
            assert_eq!(only.find(path.as_bytes()), None, "{path}");
        }
    }
}
