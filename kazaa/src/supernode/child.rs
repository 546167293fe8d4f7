//! The supernode's end of a session.
//!
//! | a child is | event | becomes |
//! |---|---|---|
//! | a caller | hello | greeting: our choice of ciphers and our network name have left |
//! | greeting | its network name, and there is room | taken on: told its outside address, the network's size, other supernodes, name and version |
//! | greeting | its network name, and we are full | told of other supernodes, closed |
//! | greeting | another network's name, or anything else | closed |
//! | greeting, where tickets are required | its network name | showing: waits for its ticket and the proof of it, and is then taken on; without them closed |
//! | showing, taken on | a ticket that holds | challenged, once; where no services are known it is read over |
//! | showing, taken on | the proof of the ticket | known by the ticket's name |
//! | showing, taken on | a ticket or a proof that does not hold | closed |
//! | taken on | who it is, its files | in the register: its files can be found from then on |
//! | taken on | a query | answered: `query.rs` |
//! | taken on | a push | passed on: `push.rs` |
//! | taken on | nothing for [`Knobs::child_silence`](crate::config::Knobs::child_silence), closed | gone, and its files with it |
//! | taken on | what only a supernode says | closed |
//!
//! A child may name the address it listens at as the one it comes from, or as a private one, which tells others that it cannot be
//! dialled; another's address is not believed. Who shares or asks too much is not served, and that is counted.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use common::peer::{ConnId, Time};
use common::user::FileInfo;
use rand::RngExt as _;

use super::bucket::Bucket;
use super::register::number_of;
use crate::book::is_private;
use crate::node::Timer;
use crate::ordinary::{Conn, Hands, Ordinary, is_our_network};
use crate::ticket::Ticket;
use crate::wire::{Accept, Hello, Message, NETWORK, Query, Setup, UserInfo};

/// The version that we claim: KaZaA 2.6's, as PROTOCOL has it.
const VERSION: u32 = 0x22;

/// Somebody whose supernode we are, or are becoming.
pub(crate) struct Child {
    /// Where it comes from.
    pub(crate) from: Ipv4Addr,
    stage: Stage,
    deadline: Time,
    /// It has said something since the timer ran.
    heard: bool,
    /// How often it may ask.
    pub(super) bucket: Bucket,
    /// What it has shown. Most show nothing.
    shown: Option<Box<Shown>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Greeting,
    /// Its network is ours; it is not taken on without a ticket.
    Showing,
    TakenOn,
}

/// A ticket that holds.
struct Shown {
    ticket: Arc<Ticket>,
    /// With what it is to be proved; nothing once it is.
    challenge: Option<[u8; 16]>,
}

impl Child {
    /// True once it has a place.
    pub(crate) fn is_taken_on(&self) -> bool {
        self.stage == Stage::TakenOn
    }
}

impl Ordinary {
    /// Somebody wants a session.
    pub(crate) fn session_asked(&mut self, conn: ConnId, remote: SocketAddrV4, hello: Hello, cx: Hands) {
        if self.supernode.is_none() {
            return self.hang_up(conn, cx);
        }
        let deadline = cx.now() + self.knobs().step_timeout;
        let child = Child {
            from: *remote.ip(),
            stage: Stage::Greeting,
            deadline,
            heard: false,
            bucket: Bucket::default(),
            shown: None,
        };
        self.conns.insert(conn, Conn::Child(Box::new(child)));
        cx.wake(self.knobs().step_timeout, Timer::ConnDue(conn));
        cx.send(conn, Message::Accept(Accept::OURS));
        cx.resume_as(conn, Setup::Session(hello.accepted()));
        cx.send(conn, Message::Network(NETWORK.into()));
    }

    /// A child's word.
    pub(crate) fn of_child(&mut self, conn: ConnId, message: Message, cx: Hands) {
        let Some(Conn::Child(child)) = self.conns.get_mut(conn) else { return };
        child.heard = true;
        match (child.stage, message) {
            (Stage::Greeting, Message::Network(name)) if is_our_network(&name) => {
                if self.me.knobs.requires_ticket {
                    child.stage = Stage::Showing;
                } else {
                    self.take_on(conn, cx);
                }
            }
            (Stage::Showing | Stage::TakenOn, Message::Ticket(ticket)) => {
                self.ticket_shown(conn, &ticket, cx);
            }
            (Stage::Showing | Stage::TakenOn, Message::Proof(proof)) => self.ticket_proved(conn, &proof, cx),
            // It cannot know yet that we want to see one.
            (Stage::Showing, Message::User(_) | Message::Ping) => {}
            (Stage::Greeting | Stage::Showing, _) => self.hang_up(conn, cx),
            (Stage::TakenOn, Message::User(info)) => self.introduced(conn, &info, cx),
            (Stage::TakenOn, Message::Share(number, info)) => self.child_shares(conn, number, &info),
            (Stage::TakenOn, Message::Unshare(number, info)) => {
                if let Some(supernode) = &mut self.supernode {
                    supernode.register.remove(number_of(conn), number, &info);
                }
            }
            (Stage::TakenOn, Message::Query(query)) => self.child_asks(conn, &query, cx),
            (Stage::TakenOn, Message::PushAsk(ask)) => self.child_pushes(conn, &ask, cx),
            (Stage::TakenOn, Message::Ping) => cx.send(conn, Message::Pong),
            (
                Stage::TakenOn,
                Message::Pong | Message::NetworkName(_) | Message::Version(_) | Message::Unknown(..),
            ) => {}
            (Stage::TakenOn, _) => self.lose_child(conn, cx),
        }
    }

    /// Takes a child on if there is room, or says who else might.
    fn take_on(&mut self, conn: ConnId, cx: Hands) {
        let knobs = Arc::clone(self.knobs());
        let Some(supernode) = &mut self.supernode else { return self.hang_up(conn, cx) };
        if supernode.children >= knobs.children_max {
            supernode.refused.children += 1;
            let others = self.others(knobs.supernodes_max, cx);
            cx.send(conn, Message::Nodes(others.into()));
            return self.hang_up(conn, cx);
        }
        supernode.children += 1;
        let list = Arc::clone(&supernode.list);
        let stats = self.network_size();
        let Some(Conn::Child(child)) = self.conns.get_mut(conn) else { return };
        child.stage = Stage::TakenOn;
        child.deadline = cx.now() + knobs.child_silence;
        cx.wake(knobs.child_silence, Timer::ConnDue(conn));
        cx.send(conn, Message::OutsideAddress(child.from));
        cx.send(conn, Message::Stats(Arc::new(stats)));
        cx.send(conn, Message::Nodes(list));
        cx.send(conn, Message::NetworkName(NETWORK.into()));
        cx.send(conn, Message::Version(VERSION));
    }

    /// A child shows a ticket: it is challenged, if the ticket holds. A supernode that knows no services cannot tell, and leaves it.
    fn ticket_shown(&mut self, conn: ConnId, ticket: &Arc<Ticket>, cx: Hands) {
        let now_s = self.clock_s(cx.now());
        let Some(services) = self.services_key() else { return };
        let holds = ticket.verify(services, now_s).is_ok();
        // Each costs as much as thousands of other messages.
        let Some(Conn::Child(child)) = self.conns.get_mut(conn) else { return };
        if !holds || child.shown.is_some() {
            return self.lose_child(conn, cx);
        }
        let challenge = cx.rng().random();
        child.shown = Some(Box::new(Shown { ticket: Arc::clone(ticket), challenge: Some(challenge) }));
        cx.send(conn, Message::Challenge(challenge));
    }

    fn ticket_proved(&mut self, conn: ConnId, proof: &[u8; 64], cx: Hands) {
        let own = self.own_address(cx);
        let Some(Conn::Child(child)) = self.conns.get_mut(conn) else { return };
        let is_proved = child.shown.as_mut().is_some_and(|shown| {
            let challenge = shown.challenge.take();
            challenge.is_some_and(|challenge| shown.ticket.verify_session(&challenge, own, proof).is_ok())
        });
        match (is_proved, child.stage) {
            (true, Stage::Showing) => self.take_on(conn, cx),
            (true, _) => {}
            (false, _) => self.lose_child(conn, cx),
        }
    }

    /// A child says who it is.
    fn introduced(&mut self, conn: ConnId, info: &UserInfo, cx: Hands) {
        let Some(Conn::Child(child)) = self.conns.get(conn) else { return };
        let proved = child.shown.as_ref().filter(|shown| shown.challenge.is_none());
        if proved.is_some_and(|shown| !shown.ticket.user.eq_ignore_ascii_case(&info.user)) {
            return self.lose_child(conn, cx);
        }
        let claims = *info.address.ip();
        let ip = if is_private(claims) && !is_private(child.from) { claims } else { child.from };
        if let Some(supernode) = &mut self.supernode {
            supernode.register.set(number_of(conn), info, SocketAddrV4::new(ip, info.address.port()));
        }
    }

    fn child_shares(&mut self, conn: ConnId, number: u32, info: &Arc<FileInfo>) {
        let Some(supernode) = &mut self.supernode else { return };
        if supernode.register.add(number_of(conn), number, info).is_err() {
            supernode.refused.shares += 1;
        }
    }

    fn child_asks(&mut self, conn: ConnId, query: &Arc<Query>, cx: Hands) {
        if self.child_may_ask(conn, cx.now()) {
            return self.query_of_child(conn, query, cx);
        }
        self.refuse_query();
        cx.send(conn, Message::QueryEnd(query.id));
    }

    /// Whether a query or a push of this child is in order now; if so it is counted.
    pub(super) fn child_may_ask(&mut self, conn: ConnId, now: Time) -> bool {
        let (per_s, burst) = (self.knobs().queries_per_s, self.knobs().queries_burst);
        match self.conns.get_mut(conn) {
            Some(Conn::Child(child)) => child.bucket.admits(now, per_s, burst),
            _ => false,
        }
    }

    /// A child should have got on, or have said something, by now.
    pub(crate) fn child_due(&mut self, conn: ConnId, cx: Hands) {
        let silence = self.knobs().child_silence;
        let Some(Conn::Child(child)) = self.conns.get_mut(conn) else { return };
        if cx.now() < child.deadline {
            return;
        }
        if child.stage != Stage::TakenOn || !std::mem::take(&mut child.heard) {
            return self.lose_child(conn, cx);
        }
        child.deadline = cx.now() + silence;
        cx.wake(silence, Timer::ConnDue(conn));
    }

    fn lose_child(&mut self, conn: ConnId, cx: Hands) {
        if let Some(Conn::Child(child)) = self.conns.remove(conn) {
            cx.close(conn);
            self.child_closed(conn, &child);
        }
    }

    /// A child is gone, and takes its files along.
    pub(crate) fn child_closed(&mut self, conn: ConnId, child: &Child) {
        let Some(supernode) = self.supernode.as_mut().filter(|_| child.is_taken_on()) else { return };
        supernode.children -= 1;
        supernode.register.remove_holder(number_of(conn));
        self.forget_queries_of(conn);
    }

    /// Sends all children away, with a list of others.
    pub(crate) fn dismiss_children(&mut self, cx: Hands) {
        let others: Arc<[_]> = self.others(self.knobs().supernodes_max, cx).into();
        let children: Vec<ConnId> =
            self.conns.iter().filter(|(_, state)| matches!(state, Conn::Child(_))).map(|(c, _)| c).collect();
        for conn in children {
            cx.send(conn, Message::Nodes(Arc::clone(&others)));
            self.hang_up(conn, cx);
        }
    }
}
