#!/bin/sh
# Runs tests/exactness for so many minutes (20), as a tracker is run: built for release, with more
# clients; on a database (sqlite, statements: the same by statements, mariadb, postgres; sqlite), whose
# server is killed as well; or as three processes (several, several-postgres) with one Redis, which is
# killed as well. Prints what was counted. EXACTNESS_CLIENTS, EXACTNESS_PACE_MS (the pause of a thread
# of clients between two rounds) and EXACTNESS_SEED say more.
set -eu
cd "$(dirname "$0")/.."
EXACTNESS_MINUTES=${1:-20}
EXACTNESS_DATABASE=${2:-sqlite}
export EXACTNESS_MINUTES EXACTNESS_DATABASE
exec cargo test --release --features mysql,postgres,redis --test exactness -- --nocapture totals
