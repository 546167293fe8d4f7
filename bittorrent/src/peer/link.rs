//! One connection with another peer of the swarm.

use std::collections::VecDeque;
use std::net::SocketAddrV4;

use common::peer::{ConnId, Time};

use super::Hands;
use super::meter::Meter;
use crate::bitfield::Bitfield;
use crate::wire::{Block, PeerId};

/// Something of this node's that a peer was told, and something of its own that it has told.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) conn: ConnId,
    pub(super) id: PeerId,
    /// The far end of the connection.
    pub(super) remote: SocketAddrV4,
    /// We dialled.
    pub(super) dialled: bool,
    /// Where it can be dialled, if we know.
    pub(super) listens: Option<SocketAddrV4>,
    pub(super) since: Time,
    /// Both speak the fast extension (BEP 6).
    pub(super) fast: bool,
    /// It speaks the extension protocol (BEP 10).
    pub(super) extended: bool,
    /// By which number it wants metadata and peer exchange; 0 if it does not.
    pub(super) metadata_id: u8,
    pub(super) exchange_id: u8,

    /// What it has.
    pub(super) have: Bitfield,
    /// It came with all.
    pub(super) is_whole: bool,
    /// It has said what it has, or that it has nothing, or something that may only follow that.
    pub(super) has_begun: bool,
    /// It does not serve us.
    pub(super) chokes_us: bool,
    /// It wants something of ours.
    pub(super) is_interested: bool,
    /// We do not serve it.
    pub(super) is_choked: bool,
    /// We have told it that we want something.
    pub(super) interests_us: bool,
    /// When we choked or unchoked it last.
    pub(super) changed: Time,

    /// What it was asked for and has not begun to send, in order.
    pub(super) asked: VecDeque<Asked>,
    /// How many of these there may be.
    pub(super) budget: u32,
    /// How many of these it takes.
    pub(super) budget_max: u32,
    /// What it is sending.
    pub(super) coming: Option<Coming>,
    /// It may be asked for these even while it chokes us (BEP 6).
    pub(super) allowed_us: Vec<u32>,
    /// It is watched: it, and others, have sent a piece that was wrong.
    pub(super) on_parole: bool,
    /// Requests that it has refused although it serves us.
    pub(super) refusals: u32,
    /// Bytes that it has sent and nobody had asked for, or that were not wanted any more.
    pub(super) unwanted: u64,
    pub(super) received: u64,
    pub(super) down: Meter,
    /// When it last sent something of a block, or was first asked for one after a silence.
    pub(super) last_block: Time,

    /// What it has asked for and we have not begun to send.
    pub(super) queue: VecDeque<Block>,
    /// What the driver has of what we send: each block, and how many bytes of it are left.
    pub(super) leaving: VecDeque<(Block, u32)>,
    pub(super) leaving_bytes: u64,
    /// It may ask for these even while choked (BEP 6).
    pub(super) allowed_it: Vec<u32>,
    pub(super) sent: u64,
    pub(super) up: Meter,

    pub(super) last_heard: Time,
    pub(super) last_said: Time,
    /// Whom it has been told of (BEP 11), sorted.
    pub(super) told: Vec<SocketAddrV4>,
    /// When it has last told us of others.
    pub(super) told_us: Option<Time>,
    /// Super-seeding: pieces that it was shown and was not known to have when the next was shown, which is the last of them.
    pub(super) shown: Vec<u32>,
    /// When it was shown that.
    pub(super) shown_at: Time,
}

/// A block that somebody was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) block: Block,
    /// It has taken too long: others may be asked for it, and it does not count any more.
    pub(super) has_lapsed: bool,
    /// Nobody else is asked for it, and the driver knows where it goes.
    pub(super) is_expected: bool,
}

/// A block whose bytes are coming.
#[derive(Clone, Copy, Debug)]
pub(super) struct Coming {
    pub(super) block: Block,
    /// They go into the store; else they are read over.
    pub(super) is_wanted: bool,
}

/// What makes a link.
#[derive(Clone, Copy)]
pub(super) struct Met {
    pub(super) conn: ConnId,
    pub(super) id: PeerId,
    pub(super) remote: SocketAddrV4,
    pub(super) dialled: bool,
    pub(super) fast: bool,
    pub(super) extended: bool,
}

impl Link {
    /// Two have met; both begin choked and not interested.
    pub(super) fn new(met: &Met, pieces: u32, requests_min: u32, requests_max: u32, now: Time) -> Self {
        let Met { conn, id, remote, dialled, fast, extended } = *met;
        Link {
            conn,
            id,
            remote,
            dialled,
            listens: dialled.then_some(remote),
            since: now,
            fast,
            extended,
            metadata_id: 0,
            exchange_id: 0,
            have: Bitfield::none(pieces),
            is_whole: false,
            has_begun: false,
            chokes_us: true,
            is_interested: false,
            is_choked: true,
            interests_us: false,
            changed: now,
            asked: VecDeque::new(),
            budget: requests_min,
            budget_max: requests_max,
            coming: None,
            allowed_us: Vec::new(),
            on_parole: false,
            refusals: 0,
            unwanted: 0,
            received: 0,
            down: Meter::new(now),
            last_block: now,
            queue: VecDeque::new(),
            leaving: VecDeque::new(),
            leaving_bytes: 0,
            allowed_it: Vec::new(),
            sent: 0,
            up: Meter::new(now),
            last_heard: now,
            last_said: now,
            told: Vec::new(),
            told_us: None,
            shown: Vec::new(),
            shown_at: now,
        }
    }

    /// Has the driver stop for a block that was asked for, should it come: another may be asked for it.
    pub(super) fn unexpect(&mut self, block: Block, cx: Hands) {
        let asked = self.asked.iter_mut().find(|asked| asked.block == block);
        if asked.is_some_and(|asked| std::mem::take(&mut asked.is_expected)) {
            cx.unexpect(self.conn, block.announced().key);
        }
    }

    /// True if this block is on its way, or asked for.
    pub(super) fn is_asked_for(&self, block: Block) -> bool {
        self.coming.is_some_and(|coming| coming.block == block)
            || self.asked.iter().any(|asked| asked.block == block)
    }

    /// So much has left of what the driver was given: `whole` is told of each block that is gone with it.
    pub(super) fn left(&mut self, mut len: u32, mut whole: impl FnMut(Block)) {
        self.leaving_bytes = self.leaving_bytes.saturating_sub(u64::from(len));
        while let Some((block, left)) = self.leaving.front_mut() {
            if *left > len {
                *left -= len;
                break;
            }
            len -= *left;
            whole(*block);
            self.leaving.pop_front();
        }
    }
}

/// A torrent's links, by a number that stays while the link lives.
#[derive(Debug, Default)]
pub(super) struct Links {
    entries: Vec<Option<Box<Link>>>,
    len: usize,
}

impl Links {
    pub(super) fn add(&mut self, link: Link) -> u32 {
        self.len += 1;
        let link = Some(Box::new(link));
        match self.entries.iter().position(Option::is_none) {
            Some(free) => {
                self.entries[free] = link;
                free as u32
            }
            None => {
                self.entries.push(link);
                self.entries.len() as u32 - 1
            }
        }
    }

    pub(super) fn remove(&mut self, at: u32) -> Option<Box<Link>> {
        let link = self.entries.get_mut(at as usize)?.take()?;
        self.len -= 1;
        Some(link)
    }

    pub(super) fn get(&self, at: u32) -> Option<&Link> {
        self.entries.get(at as usize)?.as_deref()
    }

    pub(super) fn get_mut(&mut self, at: u32) -> Option<&mut Link> {
        self.entries.get_mut(at as usize)?.as_deref_mut()
    }

    /// All, with their numbers, in the order of these.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Link)> {
        self.entries.iter().enumerate().filter_map(|(at, link)| Some((at as u32, link.as_deref()?)))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut Link)> {
        self.entries.iter_mut().enumerate().filter_map(|(at, link)| Some((at as u32, link.as_deref_mut()?)))
    }

    /// The numbers of all: for work that may end some of them.
    pub(super) fn all(&self) -> Vec<u32> {
        self.iter().map(|(at, _)| at).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The link on this connection.
    pub(super) fn on(&self, conn: ConnId) -> Option<u32> {
        self.iter().find(|(_, link)| link.conn == conn).map(|(at, _)| at)
    }
}
