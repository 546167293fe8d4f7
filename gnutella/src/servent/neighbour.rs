//! One link of the overlay.
//!
//! | a neighbour | is |
//! |---|---|
//! | that says nothing for [`Knobs::unanswered_max`](super::Knobs::unanswered_max) turns of pings | cut off, Bye 406 |
//! | that repeats its own messages, more than 5 and 1.5 % of all it said (gtk-gnutella) | cut off, Bye 401 |
//! | whose descriptors go beyond all limits of TTL and hops as often | cut off, Bye 403 |
//! | that pings far more often than is honoured | cut off, Bye 400 |
//! | that answers what nobody asked, or pushes for whom nobody knows, a thousand times and more often than not | cut off, Bye 400 |
//! | that leaves, or is lost | replaced |
//!
//! A Bye is sent to those who announced that they understand it; then the link is closed.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use common::peer::{CloseReason, ConnId, Time};

use super::{Hands, Link, Servent};
use crate::guid::Guid;
use crate::hosts::BUSY;
use crate::wire::{Bye, Header, Message, Pong, Version};

/// Why a neighbour is left: the code and the words of its Bye.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Farewell(u16, &'static str);

impl Farewell {
    pub(super) const LEAVING: Farewell = Farewell(Bye::EXIT, "Good-bye");
    const FLOOD: Farewell = Farewell(Bye::TOO_BIG, "Too many messages that nobody asked for");
    const DUPLICATES: Farewell = Farewell(Bye::DUPLICATES, "Too many duplicates");
    const TOO_FAR: Farewell = Farewell(Bye::TOO_FAR, "Too many descriptors that go too far");
    pub(super) const SILENT: Farewell = Farewell(Bye::UNANSWERED, "No answer to ping");
    const LOST_SYNC: Farewell = Farewell(Bye::OUT_OF_SYNC, "Out of sync");
}

/// What a neighbour can do wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// It repeated a message that came from itself.
    Duplicate,
    /// TTL and hops are beyond all limits.
    TooFar,
    /// It answered what was never asked, or no longer is, or pushed for a servent that no hit has come from.
    Unasked,
    /// It pings more often than is honoured.
    PingTooSoon,
}

/// How long a servent is not dialled that we have cut off for its manners (gtk-gnutella).
const BAN: Duration = Duration::from_secs(300);
/// Repetitions, or bad descriptors, that are always borne (gtk-gnutella).
const FAULTS_BORNE: u16 = 5;
/// And so many of a thousand messages (gtk-gnutella: 1.5 %).
const FAULTS_PER_THOUSAND: u64 = 15;
/// Answers nobody asked for that are always borne: those to a search whose route was forgotten are innocent.
const UNASKED_BORNE: u16 = 1_000;
/// Pongs between two turns of pings from a neighbour that keeps pongs itself, and so should send about ten for each ping;
/// more are unasked.
const PONGS_PER_TURN: u16 = 100;
/// Pings not honoured, beyond ten for each that was, after which it is a flood.
const PINGS_BORNE: u16 = 100;
const PINGS_FORGIVEN: u16 = 10;

/// A neighbour.
pub(super) struct Neighbour {
    pub(super) far: Far,
    /// Messages it has sent.
    received: u32,
    /// The same when it was pinged last: it has lived since if they differ.
    received_then: u32,
    /// Turns of pings since its last sign of life.
    pub(super) unanswered: u8,
    duplicates: u16,
    too_far: u16,
    unasked: u16,
    pings_too_soon: u16,
    /// Pongs since the last turn of pings.
    pongs_came: u16,
    /// When its last ping was honoured.
    pub(super) pinged: Option<Time>,
    /// Until when what it had us pass on keeps its part of the line busy: see `budget.rs`.
    pub(super) busy_until: Time,
    /// The last pongs it sent, oldest first.
    pub(super) pongs: Vec<Kept>,
}

/// A pong that was kept.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) pong: Arc<Pong>,
    /// The second of the run in which it came.
    pub(super) second: u32,
    /// As it came: zero is the neighbour itself.
    pub(super) hops: u8,
}

const _: () = assert!(size_of::<Neighbour>() <= 96);

/// What a servent says of itself in its handshake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Far {
    /// Where it can be dialled, as far as we know.
    pub(super) listens: Option<SocketAddrV4>,
    /// Where the link comes from or goes to.
    pub(super) from: Ipv4Addr,
    pub(super) version: Version,
    /// It follows the pong rules of 0.6.
    pub(super) pong_caching: bool,
    /// It understands Bye.
    pub(super) bye: bool,
    /// It calls itself a leaf: it takes no links from others and passes nothing on.
    pub(super) leaf: bool,
    /// It passes GGEP blocks.
    pub(super) ggep: bool,
}

impl Neighbour {
    pub(super) fn new(far: Far) -> Self {
        Neighbour {
            far,
            received: 0,
            received_then: 0,
            unanswered: 0,
            duplicates: 0,
            too_far: 0,
            unasked: 0,
            pings_too_soon: 0,
            pongs_came: 0,
            pinged: None,
            busy_until: Time::ZERO,
            pongs: Vec::new(),
        }
    }

    /// It has said something.
    pub(super) fn heard(&mut self) {
        self.received = self.received.wrapping_add(1);
    }

    /// A turn of pings has come: counts it, and says how many have passed in silence.
    pub(super) fn turn(&mut self) -> u8 {
        if self.received == self.received_then {
            self.unanswered = self.unanswered.saturating_add(1);
        } else {
            self.unanswered = 0;
        }
        self.received_then = self.received;
        self.pongs_came = 0;
        self.unanswered
    }

    /// It answered a ping of ours: false if it has done so too often.
    pub(super) fn may_pong(&mut self) -> bool {
        self.pongs_came = self.pongs_came.saturating_add(1);
        !self.far.pong_caching || self.pongs_came <= PONGS_PER_TURN
    }

    /// A ping of its was honoured: some that were not are forgiven.
    pub(super) fn honoured(&mut self, now: Time) {
        self.pinged = Some(now);
        self.pings_too_soon = self.pings_too_soon.saturating_sub(PINGS_FORGIVEN);
    }

    /// Counts a fault. If it is one too many, says how to part.
    fn count(&mut self, fault: Fault) -> Option<Farewell> {
        let (counter, farewell) = match fault {
            Fault::Duplicate => (&mut self.duplicates, Farewell::DUPLICATES),
            Fault::TooFar => (&mut self.too_far, Farewell::TOO_FAR),
            Fault::Unasked => (&mut self.unasked, Farewell::FLOOD),
            Fault::PingTooSoon => (&mut self.pings_too_soon, Farewell::FLOOD),
        };
        *counter = counter.saturating_add(1);
        let count = *counter;
        let share_of = |thousandth: u64| u64::from(count) * 1000 > u64::from(self.received) * thousandth;
        let too_many = match fault {
            Fault::Duplicate | Fault::TooFar => count > FAULTS_BORNE && share_of(FAULTS_PER_THOUSAND),
            Fault::Unasked => count > UNASKED_BORNE && share_of(500),
            Fault::PingTooSoon => count > PINGS_BORNE,
        };
        too_many.then_some(farewell)
    }
}

impl Servent {
    /// The neighbour at the far end of a connection.
    pub(super) fn neighbour(&self, conn: ConnId) -> Option<&Neighbour> {
        match self.links.get(conn) {
            Some(Link::Neighbour(neighbour)) => Some(neighbour),
            _ => None,
        }
    }

    pub(super) fn neighbour_mut(&mut self, conn: ConnId) -> Option<&mut Neighbour> {
        match self.links.get_mut(conn) {
            Some(Link::Neighbour(neighbour)) => Some(neighbour),
            _ => None,
        }
    }

    /// All neighbours, in the order in which they came.
    pub(super) fn neighbours(&self) -> impl Iterator<Item = &Neighbour> {
        self.upkeep.neighbours.iter().filter_map(|conn| self.neighbour(*conn))
    }

    /// A neighbour did something wrong. True if its link ended for it.
    pub(super) fn misbehaved(&mut self, conn: ConnId, fault: Fault, cx: Hands) -> bool {
        let cuts = self.knobs.cuts_misbehaving;
        let farewell = self.neighbour_mut(conn).and_then(|neighbour| neighbour.count(fault));
        match farewell {
            Some(farewell) if cuts => {
                self.part_from(conn, farewell, cx);
                true
            }
            _ => false,
        }
    }

    /// A neighbour broke the rules: its link ends.
    pub(super) fn lose_neighbour(&mut self, conn: ConnId, cx: Hands) {
        self.part_from(conn, Farewell::LOST_SYNC, cx);
    }

    /// Ends the link with a neighbour, and looks for another one.
    pub(super) fn part_from(&mut self, conn: ConnId, farewell: Farewell, cx: Hands) {
        let Some(far) = self.say_bye(conn, farewell, cx) else { return };
        if let Some(address) = far.listens {
            match farewell {
                Farewell::SILENT => self.upkeep.hosts.failed(address, cx.now(), self.knobs.retry),
                _ => self.upkeep.hosts.put_off(address, cx.now() + BAN),
            }
        }
        self.unlinked(conn, cx);
    }

    /// Says Bye to a neighbour that understands it, and closes.
    pub(super) fn say_bye(&mut self, conn: ConnId, Farewell(code, text): Farewell, cx: Hands) -> Option<Far> {
        let far = self.neighbour(conn)?.far;
        if far.bye {
            let header = Header { guid: Guid::random(cx.rng()), ttl: 1, hops: 0 };
            cx.send(conn, Message::Bye(header, Arc::new(Bye { code, text: text.into() })));
        }
        self.hang_up(conn, cx);
        Some(far)
    }

    /// A neighbour leaves and says why.
    pub(super) fn bye_came(&mut self, conn: ConnId, bye: &Bye, cx: Hands) {
        let Some(far) = self.neighbour(conn).map(|neighbour| neighbour.far) else { return };
        self.hang_up(conn, cx);
        if let Some(address) = far.listens {
            match bye.code {
                // It is gone for good, or for as long as its user likes; or it has changed its role, and takes a second
                // link within a minute for abuse (gtk-gnutella).
                200..300 => self.upkeep.hosts.failed(address, cx.now(), self.knobs.retry.max(BUSY)),
                _ => self.upkeep.hosts.refused(address, cx.now()),
            }
        }
        self.unlinked(conn, cx);
    }

    /// A neighbour is gone: its routes are forgotten, another one is looked for.
    pub(super) fn neighbour_closed(
        &mut self,
        conn: ConnId,
        neighbour: &Neighbour,
        reason: CloseReason,
        cx: Hands,
    ) {
        if let Some(address) = neighbour.far.listens {
            match reason {
                CloseReason::Protocol => self.upkeep.hosts.put_off(address, cx.now() + BAN),
                _ => self.upkeep.hosts.failed(address, cx.now(), self.knobs.retry),
            }
        }
        self.unlinked(conn, cx);
    }
}
