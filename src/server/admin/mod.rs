//! The listener for management: a thread of its own with a poll of its own, so that whoever
//! steers the tracker is in no announce's way.

mod client;
mod counters;
mod desk;
mod inquiry;
mod memory;
mod office;
mod orders;
mod rates;
mod reports;
mod tokens;
mod waiting;

pub(super) use counters::{Worked, WorkerCounters};
pub(super) use inquiry::{Inquiry, PrivateView};

use super::crossing::Crossing;
use super::{StartError, random, system};
use crate::config::Config;
use crate::tracker::api::Access;
use desk::Desk;
use memory::Memory;
use mio::Waker;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Bytes of the thread's stack: the longest bodies are on the heap.
const STACK_BYTES: usize = 512 * 1024;

/// The thread of the listener.
pub(super) struct Admin {
    thread: JoinHandle<()>,
    waker: Arc<Waker>,
    stopping: Arc<AtomicBool>,
}

impl Admin {
    /// Starts serving on these sockets.
    pub(super) fn start(
        config: &Config,
        listeners: Vec<mio::net::TcpListener>,
        crossing: Option<Arc<Crossing>>,
        inquiry: Inquiry,
    ) -> Result<Admin, StartError> {
        let settings = &config.admin;
        let tokens = tokens::read(settings)?;
        let tokens = tokens.iter();
        let tokens = tokens.map(|(token, scope)| (token.0.as_str(), *scope));
        let access = Access::new(random()?, tokens).and_in(tokens::dialects(&settings.dialects)?);
        let folder = &config.journal.path;
        let memory = settings.dialects.unit3d.as_ref();
        let memory = memory.map(|_| Memory::open(folder)).transpose();
        let memory = memory.map_err(|error| StartError::Journal {
            path: folder.clone(),
            error,
        })?;
        let stopping = Arc::<AtomicBool>::default();
        let (desk, waker) = Desk::new(
            settings.clone(),
            access,
            (listeners, crossing),
            (inquiry, memory),
            Arc::clone(&stopping),
        )
        .map_err(system("poll sockets"))?;
        let thread = std::thread::Builder::new()
            .name("admin".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || desk.run())
            .map_err(system("start the admin thread"))?;
        Ok(Admin {
            thread,
            waker,
            stopping,
        })
    }

    /// Takes no more requests, answers those that are under way, and ends the thread.
    pub(super) fn stop(self) {
        self.stopping.store(true, Ordering::Release);
        // Without the word it looks up within a second.
        let _ = self.waker.wake();
        let _ = self.thread.join();
    }
}
