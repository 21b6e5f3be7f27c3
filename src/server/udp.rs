//! A UDP socket of one worker and the packets of its tick.

use crate::model::Seconds;
use crate::sys::{DATAGRAMS_PER_TICK, Datagrams};
use crate::tracker::Tracker;
use crate::tracker::connection_id::ConnectionIds;
use crate::tracker::udp::Packets;
use log::debug;
use mio::net::UdpSocket;
use std::io::ErrorKind;

pub(super) struct UdpPort {
    socket: UdpSocket,
    datagrams: Datagrams,
    packets: Packets,
}

impl UdpPort {
    pub(super) fn new(socket: UdpSocket, wildcard: bool, ids: ConnectionIds) -> UdpPort {
        UdpPort {
            socket,
            datagrams: Datagrams::new(wildcard),
            packets: Packets::new(ids),
        }
    }

    pub(super) fn socket_mut(&mut self) -> &mut UdpSocket {
        &mut self.socket
    }

    /// Forgets the last tick.
    pub(super) fn begin(&mut self) {
        self.packets.begin();
    }

    /// Takes the packets of a tick; returns whether there may be more.
    pub(super) fn collect(&mut self, tracker: &mut Tracker, now: Seconds) -> bool {
        let received = match self.datagrams.receive(&self.socket) {
            Ok(received) => received,
            Err(error) => {
                if error.kind() != ErrorKind::WouldBlock {
                    debug!("udp: cannot receive: {error}");
                }
                return error.kind() == ErrorKind::Interrupted;
            }
        };
        for slot in 0..received {
            let from = self.datagrams.sender(slot);
            if let (Some(packet), Some(from)) = (self.datagrams.datagram(slot), from) {
                self.packets.collect(tracker, slot, packet, from.ip(), now);
            }
        }
        received == DATAGRAMS_PER_TICK
    }

    /// Writes and sends the answers; returns how many went out.
    pub(super) fn answer(&mut self, tracker: &mut Tracker) -> u64 {
        if self.packets.is_empty() {
            return 0;
        }
        self.packets.answer(tracker);
        self.datagrams
            .send(&self.socket, self.packets.answers(tracker)) as u64
    }
}
