//! What --help says.

pub const HELP: &str = "\
Usage: chihaya [--config FILE]
       chihaya [--config FILE] [--json] COMMAND

A BitTorrent tracker. Without a configuration it serves a public tracker over HTTP and UDP on
port 6969 of all addresses.

  --config FILE    read settings from a JSON file (also: -config FILE)
  --check          check the configuration and exit; of a private tracker also with the database
                   that it names, which prepares every statement, if it can be reached
  --print-config   print the configuration in effect, defaults included, and exit
  --version        print the version and exit
  --help           print this and exit

Commands for whoever sets up a storage:

  schema                   print the SQL that makes what the tracker needs in the configured
                           database; nothing is connected to
  storage check            run every statement on the configured storage, taking back what it
                           writes: rows read, columns and indices that are missing, errors

Commands of a private tracker. They go to the tracker that runs with the same configuration, if
its management API is on (admin.tokens), and are in effect at once; else to the configured storage
(chihaya.db, unless the configuration says otherwise), where a running tracker sees them within
seconds.

  user add NAME            register a user; prints the passkey and the announce URLs
  user list                list users
    --passkeys             with their passkeys; from the storage (also: user show)
    --bytes                with exact numbers of bytes (also: user show)
  user show USER           a user's settings and sums
  user set USER            change a user
    --enable, --disable    whether announces are accepted
    --can-leech yes|no     whether downloading is allowed
    --hide-ip yes|no       whether the address is kept out of the storage
    --slots N|none         torrents downloaded at the same time
    --up N, --down N       how transfer is credited, in per cent
    --name NAME
    --new-passkey          give a new passkey and print it; the old one is no longer served
  user delete USER

  torrent add FILE.torrent...
                           register torrents; prints their info hashes and the announce URLs
    --id N                 with this number (of one torrent)
  torrent list             list torrents
  torrent show TORRENT
  torrent set TORRENT      change a torrent
    --status registered|unapproved
    --up N, --down N       how transfer is credited, in per cent
    --name NAME
  torrent delete TORRENT   forget a torrent
    --reason TEXT          keep it as deleted, and tell clients why

  client list              what is said of prefixes of peer ids, such as -TR3
  client allow PREFIX      approve: where any is approved, others are not
  client ban PREFIX
  client remove PREFIX     say nothing of it any more

  token list               tokens: how some user's transfer of some torrent is credited
  token add USER|all TORRENT|all
    --up N, --down N       in per cent; without either, a token is freeleech
    --until TIME           for good, if it is not said
  token remove USER|all TORRENT|all

  options show             what holds for everybody
  options set
    --up N, --down N       how all transfer is credited, in per cent
    --until TIME|none      until when
    --freeleech TIME|none  the same as --down 0 --until TIME; none: --down 100 --until none
    --interval SPAN|none   between two announces; none: as configured
    --min-interval SPAN|none
    --jitter SPAN|none

  sync FILE                do what stands on the lines of FILE (-: standard input), JSON objects
                           as POST /sync takes them; any number of them
  stats                    what the running tracker does and holds

  --json                   print one JSON document instead of text

USER is a number, a passkey or a name, TORRENT a number, an info hash or a name; id:, passkey:,
hash: and name: before it say which. TIME is a span from now (7d, 12h), 2026-10-01,
2026-10-01T12:00Z, or Unix seconds; SPAN is 90s, 30m, 1h.

Exit codes: 0 done, 1 failed, 2 faults in the arguments or the configuration.
";
