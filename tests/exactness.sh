#!/bin/sh
# Runs tests/exactness for so many minutes (20), as a tracker is run: built for release, with more
# clients. Prints what was counted. EXACTNESS_CLIENTS, EXACTNESS_PACE_MS (the pause of a thread of
# clients between two rounds) and EXACTNESS_SEED say more.
set -eu
cd "$(dirname "$0")/.."
EXACTNESS_MINUTES=${1:-20}
export EXACTNESS_MINUTES
exec cargo test --release --test exactness -- --nocapture
