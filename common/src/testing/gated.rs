//! A shared file that is not read beyond a gate: a transfer that lasts as long as the test wants.

use std::sync::{Condvar, Mutex, MutexGuard};

use super::live::PATIENCE;
use crate::store::{Memory, Storage, StoreFault};

/// A file whose bytes before the gate can be read; who wants one behind it waits until the gate has moved on.
///
/// Waiting takes a whole thread, so its node lives in a runtime of several (`flavor = "multi_thread"`).
pub struct Gated {
    file: Memory,
    state: Mutex<State>,
    moved: Condvar,
}

struct State {
    gate: u64,
    /// The first of the bytes that were read since the last [`Gated::first_read`].
    first_read: Option<u64>,
}

impl Gated {
    /// A file with the gate before this byte.
    pub fn new(file: Memory, gate: u64) -> Gated {
        let state = State { gate, first_read: None };
        Gated { file, state: Mutex::new(state), moved: Condvar::new() }
    }

    /// Moves the gate there; `u64::MAX` lets everything through.
    pub fn open_to(&self, gate: u64) {
        self.state().gate = gate;
        self.moved.notify_all();
    }

    /// Where in the file the first of the bytes stands that were let through since this was last asked.
    pub fn first_read(&self) -> Option<u64> {
        self.state().first_read.take()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with it")
    }
}

impl Storage for Gated {
    fn size(&self) -> u64 {
        self.file.size()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), StoreFault> {
        let end = offset + buf.len() as u64;
        let is_let_through = |state: &mut State| {
            let is_let_through = end <= state.gate;
            if is_let_through {
                state.first_read = Some(state.first_read.map_or(offset, |first| first.min(offset)));
            }
            is_let_through
        };
        if !is_let_through(&mut self.state()) {
            tokio::task::block_in_place(|| {
                let waited =
                    self.moved.wait_timeout_while(self.state(), PATIENCE, |state| !is_let_through(state));
                if waited.expect("nobody panics with it").1.timed_out() {
                    Err(StoreFault::Io)
                } else {
                    Ok(())
                }
            })?;
        }
        self.file.read_at(offset, buf)
    }

    fn write_at(&self, _: u64, _: &[u8]) -> Result<(), StoreFault> {
        Err(StoreFault::Io)
    }

    fn finish(&self) -> Result<(), StoreFault> {
        Ok(())
    }
}
