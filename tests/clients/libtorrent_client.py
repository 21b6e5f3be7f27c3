"""Seeds or downloads torrents with libtorrent until it is told to end; then it tells the tracker,
and prints what it has uploaded and downloaded as trackers are told: without overhead.

usage: libtorrent_client.py FILES_FOLDER TORRENT...

Everything that finds peers without a tracker is off.
"""

import signal
import sys
import time

import libtorrent

SETTINGS = {
    "listen_interfaces": "0.0.0.0:6881,[::]:6881",
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    # A peer that does not speak uTP is tried over TCP only later.
    "enable_incoming_utp": False,
    "enable_outgoing_utp": False,
    # The default of five minutes would hide the tracker's own interval.
    "min_announce_interval": 5,
    "alert_mask": libtorrent.alert.category_t.error_notification
    | libtorrent.alert.category_t.tracker_notification
    | libtorrent.alert.category_t.connect_notification,
}


# Long enough for a tracker to be told.
STOP_SECONDS = 10

ending = False


def end(_signal, _frame):
    global ending
    ending = True


def show_alerts(session):
    """Prints what has happened; returns how many trackers have answered."""
    session.wait_for_alert(200)
    answers = 0
    for alert in session.pop_alerts():
        print(time.strftime("%T"), alert.what(), alert.message(), flush=True)
        answers += alert.what() == "tracker_reply"
    return answers


def main():
    folder, torrents = sys.argv[1], sys.argv[2:]
    signal.signal(signal.SIGTERM, end)
    session = libtorrent.session(SETTINGS)
    handles = []
    for path in torrents:
        params = libtorrent.add_torrent_params()
        params.ti = libtorrent.torrent_info(path)
        params.save_path = folder
        # Started at once, not when the queue gets to it.
        params.flags = libtorrent.torrent_flags.disable_pex
        handles.append(session.add_torrent(params))
    while not ending:
        show_alerts(session)
    for handle in handles:
        handle.pause()
    # Each torrent has one or two addresses; what comes late is waited for by the session's end.
    answers, deadline = 0, time.monotonic() + STOP_SECONDS
    while answers < 2 * len(handles) and time.monotonic() < deadline:
        answers += show_alerts(session)
    states = [handle.status() for handle in handles]
    uploaded = sum(state.total_payload_upload for state in states)
    # A block that came twice is not told to trackers.
    downloaded = sum(
        state.total_payload_download - state.total_redundant_bytes - state.total_failed_bytes
        for state in states
    )
    print("MOVED", uploaded, downloaded, flush=True)


main()
