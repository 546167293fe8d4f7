//! Downloads in the kits: those of a [`Swarm`]'s nodes, and those of a peer alone, which fetches or serves one file.

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use super::files::hit;
use super::{Lone, Swarm};
use crate::digest::Digest;
use crate::net::{Line, NodeId};
use crate::peer::{CloseReason, ConnId, FileId, Peer};
use crate::store::{Memory, Ranges, Storage};
use crate::user::{Command, Failure, Fetch, FetchId, FileInfo, Hit, Note, SharedFile};

/// Downloads of a swarm are told apart from each other and from the files that nodes share.
const FILES_FROM: u32 = 1_000_000;
/// The download of a peer alone.
const ONLY: FetchId = FetchId(1);

fn ended(note: &Note) -> Option<(FetchId, Result<(), Failure>)> {
    match note {
        Note::Fetched(fetch) => Some((*fetch, Ok(()))),
        Note::Failed(fetch, why) => Some((*fetch, Err(*why))),
        _ => None,
    }
}

fn uploaded(note: &Note) -> Option<u64> {
    if let Note::Uploaded(_, bytes) = note { Some(*bytes) } else { None }
}

impl<P: Peer> Swarm<P> {
    /// What a search would have said of this file of each of these nodes.
    pub fn hits(&self, holders: &[NodeId], info: &FileInfo) -> Vec<Arc<Hit>> {
        holders.iter().map(|node| hit(info, self.address(*node))).collect()
    }

    /// Starts a download.
    pub fn start(&mut self, node: NodeId, candidates: Vec<Arc<Hit>>) -> FetchId {
        self.resume(node, candidates, Ranges::default())
    }

    /// Starts a download of which some is there.
    pub fn resume(&mut self, node: NodeId, candidates: Vec<Arc<Hit>>, have: Ranges) -> FetchId {
        self.fetches += 1;
        let fetch = FetchId(self.fetches);
        let into = FileId(FILES_FROM + self.fetches);
        self.command(node, Command::Fetch(Box::new(Fetch { fetch, candidates, into, have })));
        fetch
    }

    /// Downloads, and says how it ended.
    ///
    /// # Errors
    /// If the download fails.
    ///
    /// # Panics
    /// As [`Swarm::wait_for`].
    pub fn fetch(&mut self, node: NodeId, candidates: Vec<Arc<Hit>>) -> Result<(), Failure> {
        let fetch = self.start(node, candidates);
        self.end(node, fetch)
    }

    /// How a download ends.
    ///
    /// # Errors
    /// If it fails.
    ///
    /// # Panics
    /// As [`Swarm::wait_for`].
    pub fn end(&mut self, node: NodeId, fetch: FetchId) -> Result<(), Failure> {
        let is_end = |note: &Note| ended(note).is_some_and(|(ended, _)| ended == fetch);
        ended(&self.wait_for(node, is_end)).map_or(Ok(()), |(_, end)| end)
    }

    /// Waits until so many bytes of a download are there.
    ///
    /// # Panics
    /// As [`Swarm::wait_for`].
    pub fn wait_for_bytes(&mut self, node: NodeId, fetch: FetchId, bytes: u64) {
        let is_there =
            |note: &Note| matches!(note, Note::Progress(id, have) if *id == fetch && *have >= bytes);
        self.wait_for(node, is_there);
    }

    /// Bytes that a node's user was told were uploaded.
    pub fn uploaded(&self, node: NodeId) -> u64 {
        self.notes(node).filter_map(uploaded).sum()
    }

    /// Bytes of bodies that have left a node.
    pub fn body_sent(&self, node: NodeId) -> u64 {
        self.sim.load(node).body_sent
    }

    /// Bytes of bodies that have come to a node.
    pub fn body_received(&self, node: NodeId) -> u64 {
        self.sim.load(node).body_received
    }

    /// Puts a node behind a line of a megabit per second, so that its part of a download takes a while.
    pub fn slow(&mut self, node: NodeId) {
        let line = Line::kbps(1_000, 1_000, Duration::from_millis(10));
        self.sim.set_line_at(self.sim.now(), node, line);
    }
}

impl<P: Peer> Lone<P> {
    /// The peer shares `name` with these bytes as its only file.
    pub fn share(&mut self, name: &str, bytes: &[u8], digest: Option<Digest>) -> Arc<Memory> {
        let memory = Arc::new(Memory::from(bytes.to_vec()));
        let file = self.store.add(Arc::clone(&memory) as _);
        let info = FileInfo { name: name.into(), size: bytes.len() as u64, digest, ..FileInfo::default() };
        self.command(Command::Share(Arc::new([SharedFile { file, info: Arc::new(info) }])));
        memory
    }

    /// The peer fetches from these into `store`.
    pub fn fetch(&mut self, candidates: Vec<Arc<Hit>>, store: Arc<dyn Storage>, have: Ranges) {
        let into = self.store.add(store);
        self.command(Command::Fetch(Box::new(Fetch { fetch: ONLY, candidates, into, have })));
    }

    /// How the download has ended, if it has.
    pub fn end(&self) -> Option<Result<(), Failure>> {
        self.notes.iter().find_map(ended).map(|(_, end)| end)
    }

    /// Bytes of each upload that the user was told of.
    pub fn uploaded(&self) -> Vec<u64> {
        self.notes.iter().filter_map(uploaded).collect()
    }

    /// The far side sends text; returns what came back.
    ///
    /// # Panics
    /// As [`Lone::text`].
    pub fn say(&mut self, conn: ConnId, text: &str) -> String {
        self.feed(conn, text.as_bytes());
        self.text(conn)
    }

    /// What the peer has sent since, as text.
    ///
    /// # Panics
    /// If it is none.
    pub fn text(&mut self, conn: ConnId) -> String {
        String::from_utf8(self.take(conn)).expect("handshakes, heads and the content of tests are text")
    }

    /// The next dial is answered; what the peer says first.
    ///
    /// # Panics
    /// As [`Lone::text`].
    pub fn asked(&mut self) -> Option<(ConnId, SocketAddrV4, String)> {
        let (conn, to) = self.next_dial()?;
        self.answer((conn, to));
        Some((conn, to, self.text(conn)))
    }

    /// The next dial is refused.
    pub fn refuse(&mut self) -> Option<SocketAddrV4> {
        let (conn, to) = self.next_dial()?;
        self.hang_up(conn, CloseReason::Refused);
        Some(to)
    }
}
