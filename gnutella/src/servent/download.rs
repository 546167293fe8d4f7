//! Downloads, from many holders at once.

use common::peer::{BodyState, CloseReason, ConnId, FileId};
use common::store::StoreFault;
use common::user::{Fetch, FetchId};

use super::{Hands, Servent};
use crate::wire::Message;

/// Downloads that run.
#[derive(Default)]
pub(super) struct Downloads {}

/// A connection to a holder.
pub(super) struct Source {}

impl Servent {
    /// The user wants a file.
    pub(super) fn fetch(&mut self, fetch: &Fetch, cx: Hands) {
        let _ = (fetch, cx);
    }

    /// The user no longer does.
    pub(super) fn cancel(&mut self, fetch: FetchId, cx: Hands) {
        let _ = (fetch, cx);
    }

    /// No download can go on.
    pub(super) fn end_downloads(&mut self, cx: Hands) {
        let _ = cx;
    }

    /// A holder answers.
    pub(super) fn of_source(&mut self, conn: ConnId, message: &Message, cx: Hands) {
        let _ = (conn, message, cx);
    }

    /// Bytes of the file.
    pub(super) fn source_body(&mut self, conn: ConnId, len: u32, state: BodyState, cx: Hands) {
        let _ = (conn, len, state, cx);
    }

    /// A holder is gone.
    pub(super) fn source_closed(&mut self, conn: ConnId, source: Source, reason: CloseReason, cx: Hands) {
        let _ = (conn, source, reason, cx);
    }

    /// The digest has been compared.
    pub(super) fn download_verified(&mut self, check: u32, ok: bool, cx: Hands) {
        let _ = (check, ok, cx);
    }

    /// The file stands under its final name, or cannot.
    pub(super) fn download_finished(&mut self, file: FileId, fault: Option<StoreFault>, cx: Hands) {
        let _ = (file, fault, cx);
    }

    /// The timer of a download.
    pub(super) fn fetch_due(&mut self, fetch: FetchId, step: u32, cx: Hands) {
        let _ = (fetch, step, cx);
    }
}
