//! One peer enters, is refreshed, or leaves one family's side of a swarm.

use super::batch::Announce;
use super::block::{Handle, Row};
use super::mark::{Mark, Moment};
use super::shard::Limits;
use super::table::{Place, Tables};
use crate::model::{Event, PeerId, Role};
use std::sync::atomic::Ordering;

/// There is no place for one more peer.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoRoom;

pub(super) struct Joined {
    pub(super) place: Place,
    pub(super) completed_now: bool,
}

pub(super) fn join<const N: usize>(
    tables: &mut Tables<N>,
    handle: &mut Handle,
    owner: usize,
    address: &[u8; N],
    announce: &Announce,
    now: Moment,
    limits: &Limits,
) -> Result<Joined, NoRoom> {
    let seeder = announce.role == Role::Seeder;
    let partial_seed = announce.role == Role::PartialSeed;
    let completed = announce.event == Event::Completed;
    let row = |completed| Row {
        address: *address,
        mark: Mark::new(now, completed, partial_seed),
        peer_id: announce.peer_id,
    };
    if let Some((place, mark)) = tables.find(handle, address, seeder) {
        let before = mark.completed();
        let row = row(before || completed);
        let Some(place) = tables.refresh(handle, owner as u32, place, &row, seeder) else {
            limits.peers.fetch_sub(1, Ordering::Relaxed);
            return Err(NoRoom);
        };
        return Ok(Joined {
            place,
            completed_now: completed && !before,
        });
    }
    if !limits.peers_left() {
        return Err(NoRoom);
    }
    let place = tables
        .insert(handle, owner as u32, &row(completed), seeder)
        .ok_or(NoRoom)?;
    limits.peers.fetch_add(1, Ordering::Relaxed);
    Ok(Joined {
        place,
        completed_now: completed,
    })
}

pub(super) fn leave<const N: usize>(
    tables: &mut Tables<N>,
    handle: &mut Handle,
    owner: usize,
    address: &[u8; N],
    limits: &Limits,
) {
    // Most peers that leave have finished.
    if let Some((place, _)) = tables.find(handle, address, true) {
        tables.remove(handle, owner as u32, place);
        limits.peers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A peer as a snapshot remembers it, address aside.
#[derive(Clone, Copy, Debug)]
pub(super) struct RestoredPeer {
    pub(super) mark: Mark,
    pub(super) peer_id: PeerId,
    pub(super) seeder: bool,
}

pub(super) fn put_back<const N: usize>(
    tables: &mut Tables<N>,
    handle: &mut Handle,
    owner: usize,
    address: &[u8; N],
    restored: &RestoredPeer,
    limits: &Limits,
) {
    let RestoredPeer {
        mark,
        peer_id,
        seeder,
    } = *restored;
    if !limits.peers_left() || tables.find(handle, address, seeder).is_some() {
        return;
    }
    let row = Row {
        address: *address,
        mark,
        peer_id,
    };
    if tables.insert(handle, owner as u32, &row, seeder).is_some() {
        limits.peers.fetch_add(1, Ordering::Relaxed);
    }
}
