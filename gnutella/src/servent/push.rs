//! `GIV`, and pushes that are for us or from us.

use common::peer::ConnId;

use super::{Hands, Servent};
use crate::wire::{Giv, Push};

/// Pushes that wait for their `GIV`.
#[derive(Default)]
pub(super) struct Pushes {}

impl Servent {
    /// A push is for us: bring the file.
    pub(super) fn pushed(&mut self, push: &Push, cx: Hands) {
        let _ = (push, cx);
    }

    /// Somebody brings a file that we pushed for.
    pub(super) fn given(&mut self, conn: ConnId, giv: &Giv, cx: Hands) {
        let _ = (conn, giv, cx);
    }
}
