//! batter: the users of the application, all else in the tracker's own tables.

use super::{Kind, PLAIN, Rows, Terms, Writes, own};

pub static BATTER: Kind = Kind {
    preset: "batter",
    fixture: include_str!("../../../storage_servers/fixtures/batter.sql"),
    sums: own::OWN_SUMS,
    terms: Terms {
        users: &[PLAIN],
        tokens_each: 4,
        ..own::TERMS
    },
    writes: Writes {
        users: &[
            Rows {
                table: "auth_user (id, username, is_active)",
                row: "({id}, 'user {id}', TRUE)",
            },
            Rows {
                table: "profiles_profile (id, user_id, trackerid)",
                row: "(10000 + {id}, {id}, '{passkey}')",
            },
        ],
        ..own::WRITES
    },
    reads: own::READS,
};
