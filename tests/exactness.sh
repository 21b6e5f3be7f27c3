#!/bin/sh
# Runs tests/exactness for so many minutes (20), as a tracker is run: built for release, with more
# clients; on
# - the tracker's own tables in a database (sqlite, statements: the same by statements, mariadb,
#   postgres; sqlite), whose server is killed as well;
# - the tables of a site with a preset (gazelle, gazelle-ops, unit3d, kuroneko in MariaDB, arcadia in
#   PostgreSQL, batter in PostgreSQL, batter-mariadb, batter-sqlite), in the same way;
# - three processes (several, several-postgres) with one Redis, which is killed as well.
# Prints what was counted. EXACTNESS_CLIENTS, EXACTNESS_PACE_MS (the pause of a thread of clients
# between two rounds) and EXACTNESS_SEED say more.
set -eu
cd "$(dirname "$0")/.."
EXACTNESS_MINUTES=${1:-20}
EXACTNESS_DATABASE=${2:-sqlite}
export EXACTNESS_MINUTES EXACTNESS_DATABASE
exec cargo test --release --features mysql,postgres,redis --test exactness -- --nocapture totals
