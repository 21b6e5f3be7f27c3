#!/bin/sh
# Holds the management API of a running tracker against its OpenAPI document, with a tester that makes
# up requests from it. Installs that (schemathesis, from PyPI) in a folder of its own, which it keeps.
set -eu
cd "$(dirname "$0")/.."

VERSION=4.32.5
FOLDER=${CARGO_TARGET_DIR:-target}/openapi
# A run takes about a minute: answers to wrong tokens are slow.
SECONDS_MOST=240
TOKEN=schema-driven-tester

mkdir -p "$FOLDER"
FOLDER=$(cd "$FOLDER" && pwd)
if ! "$FOLDER/venv/bin/schemathesis" --version 2>/dev/null | grep -q "$VERSION"; then
    if [ "$(id -u)" = 0 ] && ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -qq
        apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
    fi
    python3 -m venv --clear "$FOLDER/venv"
    "$FOLDER/venv/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$VERSION"
fi

cargo build --quiet
tracker=
trap '[ -z "$tracker" ] || kill "$tracker"; wait' EXIT

# Tests one tracker, private or public.
test_one() {
    rm -rf "$FOLDER/site"
    mkdir "$FOLDER/site"
    : >"$FOLDER/site/log"
    cat >"$FOLDER/site/config.json" <<END
{"tracker": "$1", "network": {"http": ["127.0.0.1:0"], "udp": []},
 "journal": {"path": "$FOLDER/site/journal"}, "storage": {"path": "$FOLDER/site/site.db"},
 "admin": {"listen": ["127.0.0.1:0"],
           "tokens": [{"name": "tester", "scope": "write", "token": "$TOKEN"}]}}
END
    "${CARGO_TARGET_DIR:-target}/debug/chihaya" --config "$FOLDER/site/config.json" \
        2>>"$FOLDER/site/log" &
    tracker=$!
    address=
    tries=0
    while [ -z "$address" ]; do
        address=$(sed -n 's/.*listening on \(.*\) (admin).*/\1/p' "$FOLDER/site/log")
        tries=$((tries + 1))
        if [ "$tries" -gt 100 ]; then
            cat "$FOLDER/site/log"
            exit 1
        fi
        [ -n "$address" ] || sleep 0.1
    done
    # Its reports and its memory of earlier failures stay where it runs.
    (
        cd "$FOLDER/site"
        SCHEMATHESIS_HOOKS="$OLDPWD/tests/openapi/hooks.py" PYTHONPATH="$OLDPWD/tests/openapi" \
            timeout "$SECONDS_MOST" "$FOLDER/venv/bin/schemathesis" \
            --config-file "$OLDPWD/tests/openapi/schemathesis.toml" run \
            --header "Authorization: Bearer $TOKEN" --max-examples "$2" \
            --phases "$3" --continue-on-failure --no-color "http://$address/openapi.json"
    )
    kill "$tracker"
    wait "$tracker"
    tracker=
}

# Not `stateful`: which answer names what of another path, it guesses, and takes names for passkeys.
test_one private "${1:-10}" coverage,fuzzing
# What answers to wrong tokens is the same, and slow: once is enough.
test_one public "${1:-10}" fuzzing
