//! One link of the overlay.

use common::peer::{CloseReason, ConnId};

use super::{Hands, Link, Servent};
use crate::wire::Bye;

/// A neighbour.
pub(super) struct Neighbour {}

impl Servent {
    /// A neighbour broke the rules: its link ends.
    pub(super) fn lose_neighbour(&mut self, conn: ConnId, cx: Hands) {
        let _ = (conn, cx);
    }

    /// A neighbour leaves and says why.
    pub(super) fn bye_came(&mut self, conn: ConnId, bye: &Bye, cx: Hands) {
        let _ = (conn, bye, cx);
    }

    /// A neighbour is gone: its routes are forgotten, another one is looked for.
    pub(super) fn neighbour_closed(
        &mut self,
        conn: ConnId,
        neighbour: &Neighbour,
        reason: CloseReason,
        cx: Hands,
    ) {
        let _ = (conn, neighbour, reason, cx);
    }
}
