#!/bin/sh
# Kills and restarts three processes and their Redis in turn for ten minutes (or so many seconds as the
# first argument says) while clients announce.
set -eu
cd "$(dirname "$0")/.."
export CHIHAYA_REQUIRE_SERVERS=1
CHIHAYA_RESTART_SECS="${1:-600}" exec cargo test --release --features redis --test redis restarts
