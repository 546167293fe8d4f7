//! What can be seen of a peer from outside: for measurements and tests. Nothing that a peer does depends on it.

use std::net::SocketAddrV4;

use common::peer::Time;

use super::link::Link;
use super::torrent::Torrent;
use crate::bitfield::Bitfield;

/// A torrent as its peer sees it.
#[derive(Clone, Copy)]
pub struct View<'a>(&'a Torrent);

/// A link as its torrent's peer sees it.
#[derive(Clone, Copy)]
pub struct Seen<'a>(&'a Link);

impl<'a> View<'a> {
    pub(super) fn of(torrent: &'a Torrent) -> View<'a> {
        View(torrent)
    }

    /// The verified pieces; `None` while the metainfo is sought.
    pub fn have(&self) -> Option<&'a Bitfield> {
        self.0.content().map(|content| &content.have)
    }

    /// How many of the peer set have a piece; zero while the metainfo is sought.
    pub fn count(&self, piece: u32) -> u32 {
        self.0.content().map_or(0, |content| content.availability.count(piece))
    }

    /// The peer set.
    pub fn links(&self) -> impl Iterator<Item = Seen<'a>> + use<'a> {
        self.0.links.iter().map(|(_, link)| Seen(link))
    }
}

impl<'a> Seen<'a> {
    /// The far end of the connection; for somebody who was dialled, where it listens.
    pub fn remote(&self) -> SocketAddrV4 {
        self.0.remote
    }

    /// The peer has dialled it, and not the other way round.
    pub fn is_dialled(&self) -> bool {
        self.0.dialled
    }

    /// Since when they are connected.
    pub fn since(&self) -> Time {
        self.0.since
    }

    /// What it has said that it has.
    pub fn have(&self) -> &'a Bitfield {
        &self.0.have
    }

    /// It does not serve the peer.
    pub fn chokes_us(&self) -> bool {
        self.0.chokes_us
    }

    /// The peer does not serve it.
    pub fn is_choked(&self) -> bool {
        self.0.is_choked
    }

    /// The peer wants something of it.
    pub fn interests_us(&self) -> bool {
        self.0.interests_us
    }

    /// It wants something of the peer.
    pub fn is_interested(&self) -> bool {
        self.0.is_interested
    }

    /// Bytes of blocks that have come from it and were wanted.
    pub fn received(&self) -> u64 {
        self.0.received
    }

    /// Bytes of blocks that have gone to it.
    pub fn sent(&self) -> u64 {
        self.0.sent
    }
}
