//! Requests to trackers and sites: one connection each.

use std::sync::Arc;

use common::http::Request;
use common::user::{FetchId, SearchId};

use super::extended::CLIENT;
use super::torrent::TorrentNo;
use crate::wire;

/// What a request is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    /// To tell a tracker of a torrent.
    Announce(TorrentNo),
    /// To search the site.
    Search(SearchId),
    /// A `.torrent` for a download.
    Torrent(FetchId),
    /// A `.torrent` that is sought by its link.
    Link(SearchId),
}

/// A request on its way.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) request: Arc<Request>,
    pub(super) purpose: Purpose,
}

impl Call {
    /// A request of something at a host.
    pub(super) fn new(host: &str, target: &str, purpose: Purpose) -> Self {
        Call { request: Arc::new(wire::ask(host, target, CLIENT)), purpose }
    }
}
