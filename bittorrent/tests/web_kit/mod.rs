//! A tracker or a web site alone, asked over HTTP in virtual time.
#![allow(dead_code, reason = "each test program uses a part of the kit")]

use std::collections::BTreeSet;
use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use bittorrent::node::Node;
use bittorrent::site::{SiteConfig, SiteKnobs};
use bittorrent::tracker::{Tracker, TrackerConfig, TrackerKnobs};
use bittorrent::wire::{
    Announce, AnnounceError, AnnounceEvent, AnnounceReply, InfoHash, PeerId, Scrape, ScrapeEntry, ScrapeReply,
};
use common::peer::ConnId;
use common::testing::Lone;

/// What one request was answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    /// The value of a line of the head.
    pub fn line(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// Takes answers apart that came one behind the other, to requests that were no `HEAD`.
pub fn replies(mut bytes: &[u8]) -> Vec<Reply> {
    let mut replies = Vec::new();
    while !bytes.is_empty() {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
        let head = std::str::from_utf8(&bytes[..end]).expect("heads are text").to_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let mut reply = Reply { status, head, body: Vec::new() };
        let len: usize = reply.line("Content-Length").and_then(|len| len.parse().ok()).expect("a length");
        reply.body = bytes[end..end + len].to_vec();
        bytes = &bytes[end + len..];
        replies.push(reply);
    }
    replies
}

/// See the module.
pub struct Web {
    pub lone: Lone<Node>,
}

impl Web {
    pub fn tracker(turn: impl FnOnce(&mut TrackerKnobs)) -> Self {
        Web::tracker_with(None, turn)
    }

    pub fn tracker_with(allowed: Option<BTreeSet<InfoHash>>, turn: impl FnOnce(&mut TrackerKnobs)) -> Self {
        let mut knobs = TrackerKnobs::default();
        turn(&mut knobs);
        let config = TrackerConfig {
            started_s: 1_000_000_000,
            allowed,
            knobs: Arc::new(knobs),
            ..TrackerConfig::default()
        };
        Web { lone: Lone::new(Node::tracker(config)) }
    }

    pub fn site(mut config: SiteConfig, turn: impl FnOnce(&mut SiteKnobs)) -> Self {
        turn(Arc::make_mut(&mut config.knobs));
        Web { lone: Lone::new(Node::site(config)) }
    }

    pub fn the_tracker(&self) -> &Tracker {
        match &self.lone.peer {
            Node::Tracker(tracker) => tracker,
            _ => panic!("no tracker"),
        }
    }

    pub fn dial(&mut self, from: &str) -> ConnId {
        self.lone.accept(SocketAddrV4::new(from.parse().unwrap(), 2000))
    }

    /// Asks on a connection that goes on.
    pub fn ask(&mut self, conn: ConnId, target: &str) {
        self.lone.feed(conn, format!("GET {target} HTTP/1.1\r\nHost: here\r\n\r\n").as_bytes());
    }

    pub fn heard(&mut self, conn: ConnId) -> Vec<Reply> {
        replies(&self.lone.take(conn))
    }

    /// Asks on a connection of its own, and is answered at once.
    pub fn get(&mut self, from: &str, target: &str) -> Reply {
        let conn = self.dial(from);
        self.lone.feed(conn, format!("GET {target} HTTP/1.0\r\nHost: here\r\n\r\n").as_bytes());
        assert!(self.lone.closed(conn), "HTTP/1.0 is answered once");
        let mut heard = self.heard(conn);
        assert_eq!(heard.len(), 1, "{target}");
        heard.remove(0)
    }

    pub fn advance_s(&mut self, seconds: u64) {
        self.lone.advance(Duration::from_secs(seconds));
    }

    /// Reports as a client does.
    pub fn announce(&mut self, from: &str, announce: &Announce) -> Result<AnnounceReply, AnnounceError> {
        let reply = self.get(from, &announce.to_target("/announce"));
        assert_eq!(reply.status, 200);
        AnnounceReply::parse(&reply.body)
    }

    /// Reports, and is told of these, sorted.
    pub fn told(&mut self, from: &str, announce: &Announce) -> Vec<String> {
        let reply = self.announce(from, announce).expect("the report is taken");
        let mut told: Vec<String> = reply.peers.iter().map(|(address, _)| address.to_string()).collect();
        told.sort();
        told
    }

    /// Seeds, complete downloads, leechers.
    pub fn scrape(&mut self, info_hash: InfoHash) -> Option<(u32, u32, u32)> {
        let target = Scrape { info_hashes: vec![info_hash] }.to_target("/announce").unwrap();
        let reply = ScrapeReply::parse(&self.get("10.9.9.9", &target).body).unwrap();
        assert!(reply.entries.len() <= 1);
        let ScrapeEntry { complete, downloaded, incomplete } = reply.entries.first()?.1;
        Some((complete, downloaded, incomplete))
    }
}

/// A swarm's name.
pub fn hash(number: u8) -> InfoHash {
    InfoHash([number; 20])
}

/// A peer's name.
pub fn id(number: u32) -> PeerId {
    let mut id = *b"-XX0001-000000000000";
    id[16..].copy_from_slice(&number.to_be_bytes());
    PeerId(id)
}

/// What a peer of the first swarm says when it comes: it has nothing, or all.
pub fn report(number: u32, left: u64) -> Announce {
    Announce {
        info_hash: hash(1),
        peer_id: id(number),
        port: 6881,
        uploaded: 0,
        downloaded: 0,
        left,
        event: AnnounceEvent::Started,
        numwant: None,
        key: None,
        compact: true,
        no_peer_id: false,
        ip: None,
        tracker_id: None,
    }
}

/// The same for another reason.
pub fn again(announce: &Announce, event: AnnounceEvent) -> Announce {
    Announce { event, ..announce.clone() }
}
