//! The child's end of a session.
//!
//! | the supernode says | and we |
//! |---|---|
//! | network name | close if it is another network's |
//! | 2c, our address as it sees it | are taken on; told all we share once we are its child |
//! | 00, a list | learn it |
//! | 1d, the network's name once more; 26, its version | say the same |
//! | 07, 08, results and their end | hand them to their search |
//! | 0d, an order to dial somebody | dial, and say `GIVE` |
//! | 61, a challenge | prove the ticket that we have shown after our network name: `login.rs` |
//! | 50, a ping | answer |
//! | 09, the size of the network, and whatever we do not know | read it over |
//! | anything that only a child says | close |
//!
//! Once we are its child it is pinged every [`Knobs::ping_every`](crate::config::Knobs::ping_every); if nothing comes back in time, it
//! is gone.

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use common::peer::{CloseReason, ConnId, Time};

use super::{Conn, Hands, Ordinary};
use crate::node::Timer;
use crate::wire::{Message, NETWORK, UserInfo, bandwidth_of_kbps};

/// Names of networks that FastTrack's clients take for one.
const NETWORKS: [&str; 3] = [NETWORK, "fileshare", "Grokster"];

/// A supernode whose child we are, or are becoming.
pub(crate) struct Parent {
    /// Where it listens.
    pub(super) address: SocketAddrV4,
    /// From our hello to its answer.
    pub(super) rtt: Duration,
    stage: Stage,
    deadline: Time,
    /// It has said something since the last ping.
    heard: bool,
    /// It has told a list: what comes of a session that ends before we are taken on is that it is full.
    pub(super) has_told: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// The ciphers are on.
    Greeting,
    /// It has said how it sees us.
    TakenOn,
    /// It knows who we are and what we share.
    Registered,
    /// The same, and its answer to a ping is due.
    Pinged,
}

impl Parent {
    pub(super) fn new(address: SocketAddrV4, rtt: Duration, deadline: Time) -> Parent {
        Parent { address, rtt, stage: Stage::Greeting, deadline, heard: false, has_told: false }
    }

    pub(super) fn is_taken_on(&self) -> bool {
        self.stage != Stage::Greeting
    }
}

/// True if sessions of this network and of ours can be mixed.
pub(crate) fn is_our_network(name: &str) -> bool {
    NETWORKS.iter().any(|known| known.eq_ignore_ascii_case(name))
}

impl Ordinary {
    /// The ciphers are on: the first words.
    pub(super) fn greet(&mut self, conn: ConnId, cx: Hands) {
        cx.send(conn, Message::Network(NETWORK.into()));
        if let Some(ticket) = self.ticket(cx.now()) {
            cx.send(conn, Message::Ticket(Arc::clone(ticket)));
        }
    }

    /// A supernode's word to its child.
    pub(super) fn of_parent(&mut self, conn: ConnId, message: Message, cx: Hands) {
        let Some(Conn::Parent(parent)) = self.conns.get_mut(conn) else { return };
        parent.heard = true;
        match message {
            Message::Network(name) if is_our_network(&name) => {}
            Message::OutsideAddress(ip) => {
                if parent.stage == Stage::Greeting {
                    parent.stage = Stage::TakenOn;
                    self.seen_at(ip);
                    self.taken_on(conn, cx);
                }
            }
            Message::Nodes(nodes) => {
                parent.has_told = true;
                self.parent_told(conn, &nodes, cx);
            }
            Message::NetworkName(_) => cx.send(conn, Message::NetworkName(NETWORK.into())),
            Message::Version(version) => cx.send(conn, Message::Version(version)),
            Message::Ping => cx.send(conn, Message::Pong),
            Message::Pong | Message::Stats(_) | Message::Unknown(..) => {}
            Message::Reply(reply) => self.reply_came(conn, &reply, cx),
            Message::QueryEnd(id) => self.query_ended(conn, id, cx),
            Message::PushOrder(order) => self.pushed(order, cx),
            Message::Challenge(challenge) => {
                let supernode = parent.address;
                if let Some(proof) = self.session_proof(&challenge, supernode) {
                    cx.send(conn, Message::Proof(proof));
                }
            }
            _ => self.leave_parent(conn, CloseReason::Protocol, cx),
        }
    }

    /// Tells a supernode who we are and what we share: from here on we are its child.
    pub(super) fn register(&mut self, conn: ConnId, cx: Hands) {
        let info = self.user_info(cx);
        cx.send(conn, Message::User(Arc::new(info)));
        self.tell_shares(conn, cx);
        cx.send(conn, Message::Ping);
        let timeout = self.me.knobs.pong_timeout;
        if let Some(Conn::Parent(parent)) = self.conns.get_mut(conn) {
            (parent.stage, parent.heard) = (Stage::Pinged, false);
            parent.deadline = cx.now() + timeout;
            cx.wake(timeout, Timer::ConnDue(conn));
        }
    }

    /// Who we are. A port of zero says that we cannot be dialled.
    pub(crate) fn user_info(&self, cx: Hands) -> UserInfo {
        let mut address = self.own_address(cx);
        if self.me.firewalled {
            address.set_port(0);
        }
        let bandwidth = bandwidth_of_kbps(self.me.bandwidth_kbps.1);
        UserInfo { address, bandwidth, user: self.me.user.clone() }
    }

    /// A parent should have got on, or have answered, by now.
    pub(super) fn parent_due(&mut self, conn: ConnId, cx: Hands) {
        let knobs = Arc::clone(&self.me.knobs);
        let Some(Conn::Parent(parent)) = self.conns.get_mut(conn) else { return };
        if cx.now() < parent.deadline {
            return;
        }
        let wait = match (parent.stage, parent.heard) {
            (Stage::Greeting, _) | (Stage::Pinged, false) => {
                return self.leave_parent(conn, CloseReason::Timeout, cx);
            }
            (Stage::TakenOn, _) => return self.list_overdue(conn, cx),
            (Stage::Registered, _) => {
                (parent.stage, parent.heard) = (Stage::Pinged, false);
                cx.send(conn, Message::Ping);
                knobs.pong_timeout
            }
            (Stage::Pinged, true) => {
                parent.stage = Stage::Registered;
                knobs.ping_every.saturating_sub(knobs.pong_timeout).max(Duration::from_millis(1))
            }
        };
        parent.deadline = cx.now() + wait;
        cx.wake(wait, Timer::ConnDue(conn));
        self.consider_rising(cx);
    }
}
