//! Pings and pongs: passed on to everybody, or answered out of a cache.

use std::sync::Arc;

use common::peer::ConnId;

use super::{Hands, Servent};
use crate::wire::{Header, Pong, Raw};

/// What is remembered of pings and pongs.
#[derive(Default)]
pub(super) struct Pings {}

impl Servent {
    /// The timer.
    pub(super) fn ping_due(&mut self, cx: Hands) {
        let _ = (cx);
    }

    /// A ping.
    pub(super) fn ping_came(&mut self, conn: ConnId, header: Header, extension: Option<Arc<Raw>>, cx: Hands) {
        let _ = (conn, header, extension, cx);
    }

    /// A pong.
    pub(super) fn pong_came(&mut self, conn: ConnId, header: Header, pong: &Arc<Pong>, cx: Hands) {
        let _ = (conn, header, pong, cx);
    }
}
