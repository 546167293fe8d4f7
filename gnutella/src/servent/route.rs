//! Queries, hits and pushes that pass through.

use std::sync::Arc;

use common::peer::ConnId;

use super::{Hands, Servent};
use crate::wire::{Header, Push, Query, QueryHit};

/// What is remembered of descriptors that passed.
#[derive(Default)]
pub(super) struct Router {}

impl Servent {
    /// A query.
    pub(super) fn query_came(&mut self, conn: ConnId, header: Header, query: Arc<Query>, cx: Hands) {
        let _ = (conn, header, query, cx);
    }

    /// A query hit.
    pub(super) fn hit_came(&mut self, conn: ConnId, header: Header, hit: Arc<QueryHit>, cx: Hands) {
        let _ = (conn, header, hit, cx);
    }

    /// A push.
    pub(super) fn push_came(&mut self, conn: ConnId, header: Header, push: Arc<Push>, cx: Hands) {
        let _ = (conn, header, push, cx);
    }
}
