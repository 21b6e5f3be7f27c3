"""Seeds or downloads torrents with libtorrent until it is killed.

usage: libtorrent_client.py FILES_FOLDER TORRENT...

Everything that finds peers without a tracker is off.
"""

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


def main():
    folder, torrents = sys.argv[1], sys.argv[2:]
    session = libtorrent.session(SETTINGS)
    for path in torrents:
        params = libtorrent.add_torrent_params()
        params.ti = libtorrent.torrent_info(path)
        params.save_path = folder
        # Started at once, not when the queue gets to it.
        params.flags = libtorrent.torrent_flags.disable_pex
        session.add_torrent(params)
    while True:
        session.wait_for_alert(1000)
        for alert in session.pop_alerts():
            print(time.strftime("%T"), alert.what(), alert.message(), flush=True)


main()
