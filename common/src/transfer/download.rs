//! A download of one file from many sources at once.

use std::sync::Arc;

use crate::digest::Digest;
use crate::peer::{BodyState, Time};
use crate::store::{Ranges, StoreFault};
use crate::user::Failure;

use super::{Answer, DownloadKnobs, Lost, SourceId};

/// What a download wants done; see [`Download::poll`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Reach this source, by a dial or a push; then [`Download::connected`] or [`Download::lost`].
    Connect(SourceId),
    /// Ask this source, whose connection stands, for a range (`Range: bytes=offset-(offset+len-1)`); then
    /// [`Download::answered`] or [`Download::lost`].
    Ask {
        /// Whom.
        source: SourceId,
        /// The first byte.
        offset: u64,
        /// How many.
        len: u64,
    },
    /// Close this source's connection, or give up reaching it: nothing more is expected of it. No `lost` follows.
    HangUp(SourceId),
    /// Tell the user how many bytes are there.
    Progress(u64),
    /// All bytes are there: compare the whole file with this digest; then [`Download::verified`].
    Verify(Digest),
    /// The file is complete: `cx.finish`; then [`Download::finished`].
    Finish,
    /// Poll again at this time, if nothing else happens before. An earlier timer may be forgotten or may fire; both do
    /// no harm.
    Wake(Time),
    /// The file stands under its final name. The last action.
    Done,
    /// The download has ended without its file. The last action.
    Failed(Failure),
}

/// How to go on after a response's head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    /// Receive so many bytes into the file from `offset` on (`cx.receive` with a place), and tell of each event by
    /// [`Download::received`].
    Receive {
        /// Where the first byte goes.
        offset: u64,
        /// How many come.
        len: u64,
    },
    /// Read so many bytes over (`cx.receive` without a place), and tell nobody.
    Discard(u64),
    /// Close the connection; nothing more is expected of it.
    HangUp,
}

/// A download of one file, in ranges, from many sources at once, without I/O.
///
/// `K` is what the overlay knows of a source: address, index, whatever it takes to ask it. Two sources are the same if
/// their keys are equal.
///
/// # How to drive it
///
/// Tell it what has happened (`add_source`, `connected`, `answered`, `received`, `lost`, `verified`, `finished`), then
/// call [`Download::poll`] until it returns `None` and do what each [`Action`] says. Polling too often does no harm.
#[derive(Debug)]
pub struct Download<K> {
    keys: Vec<K>,
    size: u64,
    digest: Option<Digest>,
    have: Ranges,
    knobs: Arc<DownloadKnobs>,
}

impl<K: PartialEq> Download<K> {
    /// A download of `size` bytes of which `have` are there already. With a digest the whole file is compared with it
    /// before it counts as complete.
    pub fn new(size: u64, digest: Option<Digest>, have: Ranges, knobs: Arc<DownloadKnobs>) -> Self {
        Download { keys: Vec::new(), size, digest, have, knobs }
    }

    /// One more source; best guess first. `None` if it is known already, or if there are too many.
    pub fn add_source(&mut self, key: K) -> Option<SourceId> {
        if self.keys.len() >= self.knobs.sources_max || self.keys.contains(&key) {
            return None;
        }
        self.keys.push(key);
        Some(SourceId(u16::try_from(self.keys.len() - 1).ok()?))
    }

    /// What the overlay knows of a source.
    pub fn key(&self, source: SourceId) -> &K {
        &self.keys[source.index()]
    }

    /// All sources, in the order of adding.
    pub fn sources(&self) -> impl Iterator<Item = (SourceId, &K)> {
        self.keys.iter().enumerate().map(|(at, key)| (SourceId(at as u16), key))
    }

    /// What to do next; `None` if nothing until something happens. Its actions are ordered: do each before polling for
    /// the next.
    pub fn poll(&mut self, now: Time) -> Option<Action> {
        let _ = now;
        None
    }

    /// A connection to this source stands: ours, or one it dialled after a push. False if it is not wanted (any more):
    /// close it.
    pub fn connected(&mut self, source: SourceId, now: Time) -> bool {
        let _ = (source, now);
        false
    }

    /// The source has answered an [`Action::Ask`]; see [`Answer::of`].
    pub fn answered(&mut self, source: SourceId, answer: Answer, now: Time) -> Taken {
        let _ = (source, answer, now);
        Taken::HangUp
    }

    /// Bytes of a body have arrived, and are in the store unless `state` says otherwise.
    pub fn received(&mut self, source: SourceId, len: u32, state: BodyState, now: Time) {
        let _ = (source, len, state, now);
    }

    /// This source's connection has ended by itself, or did not come about.
    pub fn lost(&mut self, source: SourceId, why: Lost, now: Time) {
        let _ = (source, why, now);
    }

    /// The answer to [`Action::Verify`].
    pub fn verified(&mut self, ok: bool, now: Time) {
        let _ = (ok, now);
    }

    /// The answer to [`Action::Finish`].
    pub fn finished(&mut self, fault: Option<StoreFault>, now: Time) {
        let _ = (fault, now);
    }

    /// What has arrived.
    pub fn have(&self) -> &Ranges {
        &self.have
    }

    /// The size of the file in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The digest it is compared with.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }
}
