//! The user's own searches.

use common::user::{Query, SearchId};

use super::{Hands, Servent};

/// Searches that run.
#[derive(Default)]
pub(super) struct Searches {}

impl Servent {
    /// The user wants to find something.
    pub(super) fn search(&mut self, search: SearchId, query: &Query, cx: Hands) {
        let _ = (search, query, cx);
    }

    /// No search can go on.
    pub(super) fn end_searches(&mut self, end: common::user::SearchEnd, cx: Hands) {
        let _ = (end, cx);
    }

    /// The timer of a search.
    pub(super) fn search_due(&mut self, search: SearchId, cx: Hands) {
        let _ = (search, cx);
    }
}
