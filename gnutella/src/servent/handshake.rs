//! The handshake of a link, from both sides.
//!
//! | state | event | becomes |
//! |---|---|---|
//! | dialled | opened | greeting: we have said `GNUTELLA CONNECT` |
//! | dialled | refused, or no answer in time | nothing; the address is tried again later, a few times |
//! | greeting | 200 | neighbour: we confirm with 200 |
//! | greeting | 200, but there is no room any more, or it is us, or a neighbour already | closed with a refusal |
//! | greeting | another number | closed; the addresses of its `X-Try` are learnt and dialled; if it was us, forgotten |
//! | greeting 0.6 | closed without an answer | dialled with 0.4, by [`Knobs::dials_old`](super::Knobs::dials_old) |
//! | caller | a greeting of 0.6 | answered: we have said 200, with `X-Try` |
//! | caller | a greeting of 0.4 | neighbour: we have said `GNUTELLA OK` |
//! | caller | a greeting, but no room, too many from there, us, a neighbour already | closed with a refusal and `X-Try` (0.4: without a word) |
//! | answered | 200 | neighbour |
//! | answered | another number | closed; `X-Try` is learnt |
//! | any | anything else, or nothing in time | closed |
//!
//! A refusal must name others (draft 0.6); an acceptance does as well, as LimeWire's did: whoever knew one address only, ours,
//! would have nobody left if we went before its first pong came.
//!
//! Two servents that dial each other at the same time end with one link: the one that was dialled by the servent with the
//! lower address. Nobody is believed to listen elsewhere than where they come from, but for the port: who could name any
//! address could keep the servent there from becoming a neighbour. Only on one machine, or in one private network, may
//! somebody come from another address than theirs.

use std::net::{Ipv4Addr, SocketAddrV4};

use common::http::Headers;
use common::peer::{CloseReason, ConnId, Time};
use rand::RngExt as _;

use super::neighbour::{Far, Neighbour};
use super::{Hands, Link, Servent};
use crate::hosts::BUSY;
use crate::node::Timer;
use crate::wire::{Answer, Greeting, Message, Setup, Version, joined};

/// Addresses in an `X-Try` (draft 0.6: about ten).
const TRIES_SENT: usize = 10;
/// Addresses of an `X-Try` that are learnt.
const TRIES_LEARNT: usize = 20;

/// A link that is being made.
pub(super) struct Handshake {
    /// Where we dialled, or where the caller comes from.
    remote: SocketAddrV4,
    step: Step,
    /// When it must have got on.
    deadline: Time,
}

/// See the module's table.
#[derive(Clone, Copy)]
enum Step {
    Dialled(Version),
    Greeting(Version),
    Answered(Far),
}

/// A handshake that is under way, as others have to know it.
#[derive(Clone, Copy)]
pub(super) struct Attempt {
    conn: ConnId,
    /// Where the far side listens, or if it has not said so, where it comes from.
    pub(super) address: SocketAddrV4,
    pub(super) dialled: bool,
}

/// Why somebody does not become a neighbour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Refusal {
    Full,
    Crowd,
    Myself,
    Linked,
    /// It would send what we cannot read.
    Compressed,
}

impl Refusal {
    fn words(self) -> (u16, &'static str) {
        match self {
            Refusal::Full => (Answer::BUSY, "No free slot"),
            Refusal::Crowd => (429, "Too many links from your address"),
            Refusal::Myself => (409, "That is me"),
            Refusal::Linked => (409, "Already linked"),
            Refusal::Compressed => (406, "No compressed links"),
        }
    }
}

impl Far {
    /// Reads what the servent at `remote` says of itself.
    fn read(version: Version, headers: &Headers, remote: SocketAddrV4, dialled: bool) -> Far {
        let listens = ["Listen-IP", "Node", "X-My-Address"]
            .iter()
            .find_map(|name| headers.get(name)?.parse().ok())
            .and_then(|named| listening(named, remote));
        let has = |name| headers.get(name).is_some_and(|value| !value.is_empty());
        Far {
            listens: if dialled { Some(remote) } else { listens },
            from: *remote.ip(),
            version,
            pong_caching: has("Pong-Caching"),
            bye: has("Bye-Packet"),
            leaf: headers.get("X-Ultrapeer").is_some_and(|says| says.eq_ignore_ascii_case("false")),
            ggep: has("GGEP"),
        }
    }
}

/// Where somebody listens who names this address and comes from that one.
fn listening(named: SocketAddrV4, remote: SocketAddrV4) -> Option<SocketAddrV4> {
    // One machine may have several addresses of its own network; those of others are not believed.
    let alike = |is: fn(&Ipv4Addr) -> bool| is(named.ip()) && is(remote.ip());
    let ip =
        if alike(Ipv4Addr::is_loopback) || alike(Ipv4Addr::is_private) { *named.ip() } else { *remote.ip() };
    (named.port() != 0).then(|| SocketAddrV4::new(ip, named.port()))
}

impl Servent {
    /// Dials somebody to become neighbours.
    pub(super) fn dial_neighbour(&mut self, address: SocketAddrV4, version: Version, cx: Hands) {
        let conn = cx.dial(address, Setup::Dialled);
        let handshake = self.step_of(address, Step::Dialled(version), conn, cx);
        self.links.insert(conn, Link::Handshake(handshake));
        self.upkeep.attempts.push(Attempt { conn, address, dialled: true });
    }

    /// A connection is there: becomes a caller, or what it was dialled for goes on.
    pub(super) fn opened(&mut self, conn: ConnId, remote: SocketAddrV4, dialled: bool, cx: Hands) {
        if !dialled {
            if self.left || !self.takes_caller(*remote.ip()) {
                return cx.close(conn);
            }
            self.links.insert(conn, Link::Caller(remote));
            return cx.wake(self.knobs.step_timeout, Timer::LinkDue(conn));
        }
        let Some(Link::Handshake(handshake)) = self.links.get(conn) else { return };
        if let Handshake { remote, step: Step::Dialled(version), .. } = **handshake {
            let headers = match version {
                Version::V04 => Headers::default(),
                Version::V06 => self.headers(*remote.ip(), cx),
            };
            cx.send(conn, Message::Connect(Box::new(Greeting { version, headers })));
            let handshake = self.step_of(remote, Step::Greeting(version), conn, cx);
            self.links.insert(conn, Link::Handshake(handshake));
        }
    }

    /// True if one more may call from there: neither all together nor one address can keep others off our port.
    fn takes_caller(&self, from: Ipv4Addr) -> bool {
        let (mut all, mut alike) = (0, 0);
        for (_, link) in self.links.iter() {
            if let Link::Caller(remote) = link {
                all += 1;
                alike += usize::from(*remote.ip() == from);
            }
        }
        all < self.knobs.callers_max && (alike < self.knobs.links_per_address_max || from.is_loopback())
    }

    /// Somebody wants to be a neighbour.
    pub(super) fn greeted(&mut self, conn: ConnId, remote: SocketAddrV4, greeting: &Greeting, cx: Hands) {
        let far = Far::read(greeting.version, &greeting.headers, remote, false);
        self.note_own_address(&greeting.headers, false);
        // Who looks for neighbours has room for them: others that we refuse will hear of this one, even while its own
        // handshake goes on. Otherwise those who come to a young overlay all at once are sent away with no address at all.
        far.listens.filter(|_| !far.leaf).into_iter().for_each(|address| self.upkeep.learn(address));
        if let Some(refusal) = self.refusal(conn, &far, &greeting.headers, false, cx) {
            return self.refuse(conn, &far, refusal, cx);
        }
        if greeting.version == Version::V04 {
            cx.send(conn, Message::Answer(Box::new(Answer::ok_04())));
            return self.linked(conn, far, cx);
        }
        let mut headers = self.headers(*remote.ip(), cx);
        self.push_tries(&mut headers, &far, cx);
        cx.send(conn, Message::Answer(Box::new(Answer::ok(headers))));
        cx.resume_as(conn, Setup::Answered);
        let handshake = self.step_of(remote, Step::Answered(far), conn, cx);
        self.links.insert(conn, Link::Handshake(handshake));
        let address = far.listens.unwrap_or(remote);
        self.upkeep.attempts.push(Attempt { conn, address, dialled: false });
    }

    /// The next step.
    pub(super) fn of_handshake(&mut self, conn: ConnId, message: Message, cx: Hands) {
        let Some(Link::Handshake(handshake)) = self.links.get(conn) else { return };
        let Handshake { remote, step, .. } = **handshake;
        match (step, message) {
            (Step::Greeting(_), Message::Answer(answer)) => self.answered(conn, remote, &answer, cx),
            (Step::Answered(far), Message::Answer(answer)) => {
                self.learn_tries(&answer.headers);
                self.end_attempt(conn);
                if answer.is_ok() {
                    self.linked(conn, far, cx);
                } else {
                    self.hang_up(conn, cx);
                    self.seek(cx);
                }
            }
            _ => {
                self.end_attempt(conn);
                self.hang_up(conn, cx);
                self.seek(cx);
            }
        }
    }

    /// A link came to nothing.
    pub(super) fn handshake_closed(
        &mut self,
        conn: ConnId,
        handshake: &Handshake,
        reason: CloseReason,
        cx: Hands,
    ) {
        self.end_attempt(conn);
        let (now, retry) = (cx.now(), self.knobs.retry);
        match handshake.step {
            Step::Greeting(Version::V06) if self.knobs.dials_old && reason != CloseReason::Protocol => {
                return self.dial_neighbour(handshake.remote, Version::V04, cx);
            }
            // Who took the call lives, and may take a second one within a minute for abuse (gtk-gnutella).
            Step::Greeting(_) => self.upkeep.hosts.failed(handshake.remote, now, retry.max(BUSY)),
            Step::Dialled(_) => self.upkeep.hosts.failed(handshake.remote, now, retry),
            Step::Answered(_) => {}
        }
        self.seek(cx);
    }

    /// A handshake should have got on by now.
    pub(super) fn handshake_due(&mut self, conn: ConnId, cx: Hands) {
        let Some(Link::Handshake(handshake)) = self.links.get(conn) else { return };
        if cx.now() < handshake.deadline {
            return;
        }
        if let Handshake { remote, step: Step::Dialled(_) | Step::Greeting(_), .. } = **handshake {
            self.upkeep.hosts.failed(remote, cx.now(), self.knobs.retry);
        }
        self.end_attempt(conn);
        self.hang_up(conn, cx);
        self.seek(cx);
    }

    /// The acceptor has answered our greeting.
    fn answered(&mut self, conn: ConnId, remote: SocketAddrV4, answer: &Answer, cx: Hands) {
        self.learn_tries(&answer.headers);
        self.note_own_address(&answer.headers, true);
        self.end_attempt(conn);
        let far = Far::read(answer.version, &answer.headers, remote, true);
        if !answer.is_ok() {
            if self.is_us(&answer.headers) {
                self.upkeep.hosts.forget(remote);
            }
            self.upkeep.hosts.refused(remote, cx.now());
            self.hang_up(conn, cx);
            return self.seek(cx);
        }
        if let Some(refusal) = self.refusal(conn, &far, &answer.headers, true, cx) {
            let (status, reason) = refusal.words();
            cx.send(conn, Message::Answer(Box::new(Answer::refusal(status, reason, Headers::default()))));
            self.upkeep.hosts.refused(remote, cx.now());
            self.hang_up(conn, cx);
            return self.seek(cx);
        }
        if answer.version == Version::V06 {
            cx.send(conn, Message::Answer(Box::new(Answer::ok(Headers::default()))));
        }
        self.upkeep.hosts.linked(remote);
        self.linked(conn, far, cx);
    }

    /// The handshake is over: descriptors from here on.
    fn linked(&mut self, conn: ConnId, far: Far, cx: Hands) {
        cx.resume_as(conn, Setup::Descriptors);
        self.links.insert(conn, Link::Neighbour(Neighbour::new(far)));
        if let Some(address) = far.listens.filter(|_| !far.leaf) {
            self.upkeep.learn(address);
        }
        self.joined_by(conn, cx);
    }

    /// Why the servent at the far end cannot become a neighbour, if so.
    fn refusal(
        &mut self,
        conn: ConnId,
        far: &Far,
        headers: &Headers,
        dialled: bool,
        cx: Hands,
    ) -> Option<Refusal> {
        if far.listens == Some(self.own_address(cx)) || self.is_us(headers) {
            return Some(Refusal::Myself);
        }
        if headers.get("Content-Encoding").is_some() {
            return Some(Refusal::Compressed);
        }
        if self.is_linked(conn, far, dialled, cx) {
            return Some(Refusal::Linked);
        }
        if !self.knobs.keeps_degree {
            return None;
        }
        let accepted = self.upkeep.attempts.iter().filter(|attempt| !attempt.dialled);
        let same = |ip: &Ipv4Addr| *ip == far.from;
        let crowd = accepted.clone().filter(|attempt| same(attempt.address.ip())).count()
            + self.neighbours().filter(|neighbour| same(&neighbour.far.from)).count();
        if !dialled && !far.from.is_loopback() && crowd >= self.knobs.links_per_address_max {
            return Some(Refusal::Crowd);
        }
        // Those that were accepted have a promise.
        let taken = self.upkeep.neighbours.len() + accepted.count();
        (taken >= self.knobs.degree_max).then_some(Refusal::Full)
    }

    /// True if these are the headers of our own greeting or answer.
    fn is_us(&self, headers: &Headers) -> bool {
        headers.get("GUID").is_some_and(|guid| guid.eq_ignore_ascii_case(&self.guid.to_string()))
    }

    /// True if there is a link with this servent already, or one is being made that is to be kept instead of this one.
    fn is_linked(&mut self, conn: ConnId, far: &Far, dialled: bool, cx: Hands) -> bool {
        let Some(listens) = far.listens else { return false };
        if self.neighbours().any(|neighbour| neighbour.far.listens == Some(listens)) {
            return true;
        }
        let others = self.upkeep.attempts.iter().find(|other| other.conn != conn && other.address == listens);
        let Some(&other) = others else { return false };
        // We dial each other: both sides keep the link that the lower address has dialled.
        if dialled || !other.dialled || self.own_address(cx) < listens {
            return true;
        }
        self.end_attempt(other.conn);
        self.hang_up(other.conn, cx);
        false
    }

    /// Says no, and who else might say yes.
    fn refuse(&mut self, conn: ConnId, far: &Far, refusal: Refusal, cx: Hands) {
        if far.version == Version::V06 {
            let (status, reason) = refusal.words();
            let mut headers = Headers::default();
            headers.push("User-Agent", &self.knobs.client);
            headers.push("Remote-IP", far.from);
            headers.push("GUID", self.guid);
            self.push_tries(&mut headers, far, cx);
            cx.send(conn, Message::Answer(Box::new(Answer::refusal(status, reason, headers))));
        }
        self.hang_up(conn, cx);
    }

    /// Some addresses as `X-Try`: of neighbours, who are there for certain, and of others.
    fn push_tries(&self, headers: &mut Headers, far: &Far, cx: Hands) {
        if !self.knobs.keeps_degree {
            return; // Nobody in a fixed graph wants others.
        }
        let own = self.own_address(cx);
        let usable = |address: SocketAddrV4| address != own && far.listens != Some(address);
        let mut tries: Vec<SocketAddrV4> = self.linkable().collect();
        tries.retain(|address| usable(*address));
        while tries.len() > TRIES_SENT / 2 {
            tries.swap_remove(cx.rng().random_range(0..tries.len()));
        }
        let missing = TRIES_SENT - tries.len();
        tries.extend(self.upkeep.hosts.sample(missing, cx.rng(), |a| usable(a) && !tries.contains(&a)));
        let tries: Vec<String> = tries.iter().map(SocketAddrV4::to_string).collect();
        if !tries.is_empty() {
            let tries = tries.join(",");
            headers.push("X-Try", &tries);
            headers.push("X-Try-Ultrapeers", &tries);
        }
    }

    /// What we say of ourselves.
    fn headers(&self, far: Ipv4Addr, cx: Hands) -> Headers {
        let knobs = &self.knobs;
        let own = self.own_address(cx);
        let mut headers = Headers::default();
        headers.push("User-Agent", &knobs.client);
        if !self.me.firewalled && !own.ip().is_unspecified() {
            headers.push("Listen-IP", own);
        }
        headers.push("Remote-IP", far);
        headers.push("GUID", self.guid);
        // Later ultrapeers refuse whoever does not claim to be one (or a leaf, which we are not).
        headers.push("X-Ultrapeer", "True");
        headers.push("X-Ultrapeer-Needed", "True");
        headers.push("X-Degree", knobs.degree_max);
        // A leaf of gtk-gnutella wants its ultrapeers to search for it; a flood is one way to.
        headers.push("X-Dynamic-Querying", "0.1");
        headers.push("X-Max-TTL", knobs.ttl_max);
        if knobs.pong_caching {
            headers.push("Pong-Caching", "0.1");
        }
        headers.push("GGEP", "0.5");
        headers.push("Bye-Packet", "0.1");
        headers
    }

    /// Learns the addresses that an answer names.
    fn learn_tries(&mut self, headers: &Headers) {
        for name in ["X-Try", "X-Try-Ultrapeers"] {
            let Some(tries) = joined(headers, name) else { continue };
            // Some write a date behind the address.
            let addresses = tries.split(',').filter_map(|item| item.split_whitespace().next()?.parse().ok());
            addresses.take(TRIES_LEARNT).for_each(|address| self.upkeep.learn(address));
        }
    }

    fn step_of(&self, remote: SocketAddrV4, step: Step, conn: ConnId, cx: Hands) -> Box<Handshake> {
        cx.wake(self.knobs.step_timeout, Timer::LinkDue(conn));
        Box::new(Handshake { remote, step, deadline: cx.now() + self.knobs.step_timeout })
    }

    fn end_attempt(&mut self, conn: ConnId) {
        self.upkeep.attempts.retain(|attempt| attempt.conn != conn);
    }
}
