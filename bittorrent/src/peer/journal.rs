//! The teller of the client log.

use std::net::SocketAddrV4;

use common::user::Note;

use super::Hands;
use crate::log::client::{Act, Entry, Happening, Side};
use crate::log::time_ms;

/// Tells the lines of [`crate::log::client`], if anybody wants them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Journal {
    /// When the run began, seconds of the Unix epoch.
    pub(super) since_s: Option<u64>,
}

impl Journal {
    pub(super) fn tell(self, what: Happening, cx: Hands) {
        if let Some(since_s) = self.since_s {
            let entry = Entry { time_ms: time_ms(since_s, cx.now()), what };
            cx.note(Note::Keep(entry.to_string().into()));
        }
    }

    /// Something on the link with this far end.
    pub(super) fn sent(self, remote: SocketAddrV4, act: Act, cx: Hands) {
        self.tell(Happening::Link(Side::Sent, remote, act), cx);
    }

    /// The same, by the other.
    pub(super) fn got(self, remote: SocketAddrV4, act: Act, cx: Hands) {
        self.tell(Happening::Link(Side::Got, remote, act), cx);
    }
}
