//! Until the transfers are merged.

use super::*;
use crate::wire::PushOrder;
use common::http::Request;
use common::user::{Failure, Fetch, FetchId};

impl Ordinary {
    pub(crate) fn fetch(&mut self, fetch: &Fetch, cx: Hands) {
        cx.note(Note::Failed(fetch.fetch, Failure::NoHolder));
    }
    pub(crate) fn cancel(&mut self, _: FetchId, _: Hands) {}
    pub(crate) fn fetch_due(&mut self, _: FetchId, _: u32, _: Hands) {}
    pub(crate) fn body(&mut self, _: ConnId, _: u32, _: BodyState, _: Hands) {}
    pub(crate) fn sent(&mut self, _: ConnId, _: u32, _: Hands) {}
    pub(crate) fn verified(&mut self, _: u32, _: bool, _: Hands) {}
    pub(crate) fn finished(&mut self, _: FileId, _: Option<StoreFault>, _: Hands) {}
    pub(crate) fn requested(&mut self, conn: ConnId, _: SocketAddrV4, _: &Request, cx: Hands) {
        self.hang_up(conn, cx);
    }
    pub(crate) fn given(&mut self, conn: ConnId, _: SocketAddrV4, _: u32, cx: Hands) {
        self.hang_up(conn, cx);
    }
    pub(crate) fn pushed(&mut self, order: PushOrder, cx: Hands) {
        cx.note(Note::Text(format!("push {} {}", order.id, order.to).into()));
    }
    pub(crate) fn end_transfers(&mut self, _: Hands) {}
}
