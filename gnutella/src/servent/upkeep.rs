//! How many neighbours, and which.

use common::peer::ConnId;

use super::{Hands, Servent};
use crate::wire::Message;

/// What is known of the overlay's edge around us.
#[derive(Default)]
pub(super) struct Upkeep {}

impl Servent {
    /// The first dials.
    pub(super) fn start_upkeep(&mut self, cx: Hands) {
        let _ = (cx);
    }

    /// The timer.
    pub(super) fn upkeep_due(&mut self, cx: Hands) {
        let _ = (cx);
    }

    /// A web cache has answered.
    pub(super) fn of_cache(&mut self, conn: ConnId, message: &Message, cx: Hands) {
        let _ = (conn, message, cx);
    }

    /// A web cache has not.
    pub(super) fn cache_closed(&mut self, cx: Hands) {
        let _ = (cx);
    }

    /// A connection should have got on by now.
    pub(super) fn link_due(&mut self, conn: ConnId, cx: Hands) {
        let _ = (conn, cx);
    }

    /// The user wants to go: says bye, ends everything.
    pub(super) fn leave(&mut self, cx: Hands) {
        let _ = (cx);
    }
}
