#!/bin/sh
# Runs all tests. Installs the BitTorrent clients and the servers that some of them need, where they
# are missing (Debian packages; needs root).
set -eu
cd "$(dirname "$0")/.."

PACKAGES="aria2 curl iproute2 mariadb-server openssl postgresql python3-libtorrent redis-server
    transmission-cli transmission-daemon"

missing=
for package in $PACKAGES; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
        missing="$missing $package"
done
if [ -n "$missing" ]; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # shellcheck disable=SC2086 # a list of names
    apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi
# Network namespaces need root; without it the real clients are left out, and the tests say so.
if [ "$(id -u)" = 0 ]; then
    export CHIHAYA_REQUIRE_CLIENTS=1
fi
export CHIHAYA_REQUIRE_SERVERS=1
exec cargo test --features mysql-tls,postgres-tls,redis-tls "$@"
