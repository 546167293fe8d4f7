//! What a driver runs: a peer, a tracker or a web site behind one type.

use common::peer::{ConnId, Cx, Event};

use crate::config::Config;
use crate::peer::{Peer, TorrentNo};
use crate::site::{Site, SiteConfig, SiteTimer};
use crate::tracker::{Tracker, TrackerConfig, TrackerTimer};
use crate::wire::Message;

/// A node in one of its roles.
pub enum Node {
    /// Leecher, seed, or both.
    Peer(Box<Peer>),
    /// Knows who is in which swarm.
    Tracker(Box<Tracker>),
    /// Lists torrents, and serves them.
    Site(Box<Site>),
}

/// What the timers of all roles mean.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Timer {
    /// A torrent's next round: who is served, who is silent.
    Round(TorrentNo),
    /// A torrent's tracker is to be told something.
    Announce(TorrentNo),
    /// Others may hear of pieces that are there.
    Tell(TorrentNo),
    /// The question to a UDP tracker of that transaction should have been answered by now.
    Datagram(u32),
    /// This connection should have got on by now.
    ConnDue(ConnId),
    /// The limit on what is sent allows more.
    Upload,
    /// The limit on what is asked for allows more.
    Download,
    /// The tracker's.
    Tracker(TrackerTimer),
    /// The site's.
    Site(SiteTimer),
}

impl Node {
    /// A peer.
    pub fn peer(config: Config) -> Node {
        Node::Peer(Box::new(Peer::new(config)))
    }

    /// A tracker.
    pub fn tracker(config: TrackerConfig) -> Node {
        Node::Tracker(Box::new(Tracker::new(config)))
    }

    /// A web site.
    pub fn site(config: SiteConfig) -> Node {
        Node::Site(Box::new(Site::new(config)))
    }
}

impl common::peer::Peer for Node {
    type Message = Message;
    type Timer = Timer;

    fn handle(&mut self, event: Event<Message, Timer>, cx: &mut Cx<'_, Self>) {
        match self {
            Node::Peer(peer) => peer.handle(event, cx),
            Node::Tracker(tracker) => tracker.handle(event, cx),
            Node::Site(site) => site.handle(event, cx),
        }
    }
}

const _: () = <Node as common::peer::Peer>::SIZES_HOLD;
