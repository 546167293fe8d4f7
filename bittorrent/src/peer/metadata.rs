//! The metainfo from peers (BEP 9): asked for by who has only a magnet link, given by who has it.
//!
//! All of it is asked of one peer at a time, so that wrong bytes have one author; whoever sends them, or stops sending, is followed
//! by the next who has offered it.

use std::sync::Arc;
use std::time::Duration;

use common::peer::{ConnId, Time};
use common::user::SearchId;
use sha1::{Digest as _, Sha1};

use super::torrent::{Torrent, What};
use super::{Hands, Shared};
use crate::metainfo::Metainfo;
use crate::wire::{InfoHash, Message, MetadataMessage};

/// Bytes of a block of metadata, but for the last (BEP 9).
const METADATA_BLOCK_BYTES: u32 = 16 * 1024;
/// The most metadata that is fetched. 30 MiB: libtorrent's limit.
const METADATA_BYTES_MAX: u32 = 30 << 20;
/// Requests for blocks at a time.
const REQUESTS_MAX: u32 = 8;
/// How long the next block may take before another peer is asked.
const BLOCK_TIMEOUT: Duration = Duration::from_secs(15);

/// The search for a metainfo.
pub(super) struct Hunt {
    /// Who is told of it.
    pub(super) search: SearchId,
    /// Trackers that the link names: they go into the metainfo.
    pub(super) trackers: Vec<Vec<Box<str>>>,
    /// Whom it is asked of, and how long it is to be.
    source: Option<(ConnId, u32)>,
    /// What has come of it, in order.
    got: Vec<u8>,
    /// Blocks asked for.
    asked: u32,
    /// When something came last.
    since: Time,
    /// Others who have offered it.
    offers: Vec<(ConnId, u32)>,
}

impl Hunt {
    pub(super) fn new(search: SearchId, trackers: Vec<Vec<Box<str>>>) -> Self {
        let got = Vec::new();
        Hunt { search, trackers, source: None, got, asked: 0, since: Time::ZERO, offers: Vec::new() }
    }

    /// Somebody has gone.
    pub(super) fn gone(&mut self, conn: ConnId) {
        self.offers.retain(|(other, _)| *other != conn);
        if self.source.is_some_and(|(source, _)| source == conn) {
            self.source = None;
            self.got.clear();
        }
    }
}

impl Torrent {
    /// A peer says that it has so much metadata.
    pub(super) fn metadata_offered(&mut self, at: u32, size: u32, cx: Hands) {
        let What::Sought(hunt) = &mut self.what else { return };
        let Some(link) = self.links.get(at) else { return };
        if size == 0 || size > METADATA_BYTES_MAX || link.metadata_id == 0 {
            return;
        }
        let is_known = hunt.offers.iter().any(|(conn, _)| *conn == link.conn)
            || hunt.source.is_some_and(|(conn, _)| conn == link.conn);
        if !is_known {
            hunt.offers.push((link.conn, size));
        }
        self.ask_for_metadata(cx);
    }

    /// Asks for the next blocks, of the next who has offered them if nobody is being asked.
    fn ask_for_metadata(&mut self, cx: Hands) {
        let What::Sought(hunt) = &mut self.what else { return };
        if hunt.source.is_none() && !hunt.offers.is_empty() {
            hunt.source = Some(hunt.offers.remove(0));
            (hunt.asked, hunt.since) = (0, cx.now());
            hunt.got.clear();
        }
        let Some((conn, size)) = hunt.source else { return };
        let blocks = size.div_ceil(METADATA_BLOCK_BYTES);
        let there = hunt.got.len() as u32 / METADATA_BLOCK_BYTES;
        let (from, to) = (hunt.asked, blocks.min(there + REQUESTS_MAX));
        hunt.asked = hunt.asked.max(to);
        let Some(at) = self.links.on(conn) else { return };
        let id = self.links.get(at).map_or(0, |link| link.metadata_id);
        for piece in from..to {
            let payload = MetadataMessage::Request { piece }.encode();
            self.say(at, Message::Extended { id, payload: payload.into() }, cx);
        }
    }

    /// A metadata message has come.
    pub(super) fn metadata(&mut self, at: u32, payload: &[u8], shared: &mut Shared, cx: Hands) {
        match MetadataMessage::parse(payload) {
            Ok(MetadataMessage::Request { piece }) => self.metadata_requested(at, piece, cx),
            Ok(MetadataMessage::Data { piece, data, .. }) => self.metadata_came(at, piece, data, shared, cx),
            Ok(MetadataMessage::Reject { .. }) => self.metadata_refused(at, cx),
            Ok(MetadataMessage::Unknown) => {}
            Err(_) => self.drop_link(at, "a metadata message that is none", shared, cx),
        }
    }

    fn metadata_requested(&mut self, at: u32, piece: u32, cx: Hands) {
        let Some(link) = self.links.get(at).filter(|link| link.metadata_id != 0) else { return };
        let id = link.metadata_id;
        let from = u64::from(piece) * u64::from(METADATA_BLOCK_BYTES);
        let bytes = self.content().map(|content| Arc::clone(&content.meta.info_bytes));
        let answer = match bytes.as_deref().filter(|bytes| from < bytes.len() as u64) {
            Some(bytes) => {
                let from = from as usize;
                let data = &bytes[from..bytes.len().min(from + METADATA_BLOCK_BYTES as usize)];
                MetadataMessage::Data { piece, total_size: bytes.len() as u32, data }.encode()
            }
            None => MetadataMessage::Reject { piece }.encode(),
        };
        self.say(at, Message::Extended { id, payload: answer.into() }, cx);
    }

    fn metadata_refused(&mut self, at: u32, cx: Hands) {
        let What::Sought(hunt) = &mut self.what else { return };
        if let Some(link) = self.links.get(at) {
            hunt.gone(link.conn);
            self.ask_for_metadata(cx);
        }
    }

    fn metadata_came(&mut self, at: u32, piece: u32, data: &[u8], shared: &mut Shared, cx: Hands) {
        let What::Sought(hunt) = &mut self.what else { return };
        let Some(link) = self.links.get(at) else { return };
        let Some((conn, size)) = hunt.source.filter(|(conn, _)| *conn == link.conn) else { return };
        let next = hunt.got.len() as u32;
        let expected = (size - next).min(METADATA_BLOCK_BYTES);
        if u64::from(piece) * u64::from(METADATA_BLOCK_BYTES) != u64::from(next)
            || data.len() as u32 != expected
            || piece >= hunt.asked
        {
            return self.drop_link(at, "metadata out of order, or of another length", shared, cx);
        }
        hunt.got.extend_from_slice(data);
        hunt.since = cx.now();
        if hunt.got.len() as u32 != size {
            return self.ask_for_metadata(cx);
        }
        let got = std::mem::take(&mut hunt.got);
        let trackers = hunt.trackers.clone();
        let is_right = InfoHash(Sha1::digest(&got).into()) == self.info_hash;
        match Metainfo::from_info(&got, trackers).ok().filter(|_| is_right) {
            Some(meta) => shared.found.push((self.no, Arc::new(meta))),
            None => {
                tracing::info!("metadata is not what its hash says");
                if let What::Sought(hunt) = &mut self.what {
                    hunt.gone(conn);
                }
                self.drop_link(at, "metadata that is not what its hash says", shared, cx);
                self.ask_for_metadata(cx);
            }
        }
    }

    /// Sees whether the peer that is asked still sends.
    pub(super) fn hurry_metadata(&mut self, cx: Hands) {
        let What::Sought(hunt) = &mut self.what else { return };
        if let Some((conn, _)) = hunt.source
            && cx.now().since(hunt.since) >= BLOCK_TIMEOUT
        {
            hunt.gone(conn);
        }
        self.ask_for_metadata(cx);
    }
}
