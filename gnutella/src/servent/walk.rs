//! A walker's questions to the searcher: go on?

use common::http::Request;
use common::peer::ConnId;

use super::{Hands, Servent};
use crate::guid::Guid;
use crate::wire::Message;

/// A question asked, or being answered.
pub(super) struct Check {}

/// The search that a request asks about, if it is a walker's question.
pub(super) fn checked_search(request: &Request) -> Option<Guid> {
    let _ = request;
    None
}

impl Servent {
    /// A walker asks whether to go on.
    pub(super) fn answer_check(&mut self, conn: ConnId, search: Guid, cx: Hands) {
        let _ = (conn, search, cx);
    }

    /// The searcher has answered.
    pub(super) fn of_check(&mut self, conn: ConnId, message: &Message, cx: Hands) {
        let _ = (conn, message, cx);
    }

    /// The searcher could not be asked.
    pub(super) fn check_closed(&mut self, check: Check, cx: Hands) {
        let _ = (check, cx);
    }
}
