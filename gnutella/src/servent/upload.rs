//! Uploads.

use common::http::Request;
use common::peer::ConnId;

use super::{Hands, Servent};
use crate::wire::Message;

/// Slots, and who waits for one.
#[derive(Default)]
pub(super) struct Uploads {}

/// A connection on which we serve.
pub(super) struct Upload {}

impl Uploads {
    /// True if all slots are taken: hits say so.
    pub(super) fn is_busy(&self) -> bool {
        false
    }
}

impl Servent {
    /// Somebody asks for a file.
    pub(super) fn requested(&mut self, conn: ConnId, request: &Request, cx: Hands) {
        let _ = (conn, request, cx);
    }

    /// Somebody we serve asks for more.
    pub(super) fn of_downloader(&mut self, conn: ConnId, message: &Message, cx: Hands) {
        let _ = (conn, message, cx);
    }

    /// Bytes have left.
    pub(super) fn upload_sent(&mut self, conn: ConnId, len: u32, cx: Hands) {
        let _ = (conn, len, cx);
    }

    /// Somebody we served is gone.
    pub(super) fn upload_closed(&mut self, upload: &Upload, cx: Hands) {
        let _ = (upload, cx);
    }
}
