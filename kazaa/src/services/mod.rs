//! The services: user authentication, and the supernode list.
//!
//! | part | file |
//! |---|---|
//! | who has an account | `accounts.rs` |
//! | how much work strangers can make | `throttle.rs` |
//! | which supernodes there are | `list.rs` |
//! | logins, and the dialling of announced addresses | `login.rs`, `check.rs` |
//! | what clients of FastTrack see | `index_node.rs` |
//!
//! A connection:
//!
//! | state | event | then |
//! |---|---|---|
//! | caller | `GET /.services` that asks to be sealed | 101; sealing |
//! | | any other request | 404, closed |
//! | | FastTrack's hello | a session, in which supernodes are named; told |
//! | sealing | sealed | we say who we are; client |
//! | client | `Register`, `Login` | a hash is computed; hashed |
//! | | `List` | `Supernodes` |
//! | | `Announce` of an address listed with its key | `Supernodes` |
//! | | `Announce` of another | the address is dialled; checked |
//! | | `Retire` | what it announced is gone |
//! | hashed | the hash is there | `Welcome` or `Refused`; client |
//! | checked | the check ends | `Supernodes` or `Refused`; client |
//! | told | anything | read over |
//! | any | anything else, or nothing in time | closed |
//!
//! The services know nothing of searches and files, and nobody needs them but to join: supernodes check tickets by themselves.

mod accounts;
mod check;
mod config;
mod index_node;
mod list;
mod login;
mod throttle;

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::sync::Arc;

use common::http::{NOT_FOUND, Request, Response};
use common::peer::{ConnId, Cx, Event, PublicKey, Slots, Time};
use common::user::Note;

use crate::node::{Node, Timer};
use crate::ticket::{Signer, VerifyingKey};
use crate::wire::upgrade::{SERVICES, agree, asks_seal};
use crate::wire::{Message, NodeEntry, Refusal, SERVICE_VERSION, Service, ServiceFrame, Setup};
pub use accounts::{Account, Accounts, HashCost, Hashing, is_password};
use check::Check;
pub use config::{ServicesConfig, ServicesKnobs};
use list::List;
use login::Applicant;
use throttle::{Attempts, Pace};

type Hands<'a, 'b> = &'a mut Cx<'b, Node>;

/// The state of the services.
pub struct Services {
    started_s: u64,
    knobs: Arc<ServicesKnobs>,
    signer: Signer,
    /// The key of our end of every seal, signed at the start.
    proof: Option<Box<[u8; 64]>>,
    accounts: Accounts,
    attempts: Attempts,
    hashes: Pace,
    list: List,
    conns: Slots<Held>,
    /// Announced addresses that are being dialled.
    checks: usize,
    /// Who waits for a hash, or has gone before it is there; at most as many as the driver computes at a time.
    applicants: BTreeMap<u32, Applicant>,
    next_task: u32,
}

/// A connection.
struct Held {
    remote: SocketAddrV4,
    /// When its next step must have been made.
    deadline: Time,
    state: State,
}

enum State {
    Caller,
    Sealing,
    Client(Client),
    /// A client of FastTrack's that was told whom to turn to.
    Told,
    /// Ours: what was announced is looked at.
    Check(Check),
}

/// Somebody at the other end of a seal.
struct Client {
    key: PublicKey,
    /// How many of its messages were answered.
    messages: u32,
    /// What it has to wait for.
    waits: Option<Waits>,
}

/// What keeps us from answering at once.
#[derive(Clone, Copy)]
enum Waits {
    /// What it has announced is being looked at on this connection.
    Check(ConnId),
    /// Its password is being hashed.
    Hash,
}

impl Services {
    /// Services that have not started.
    pub fn new(config: ServicesConfig) -> Self {
        let knobs = config.knobs;
        Services {
            started_s: config.started_s,
            signer: Signer::from_seed(&config.signing_seed),
            proof: None,
            accounts: Accounts::new(knobs.hash, knobs.accounts_max, config.accounts),
            attempts: Attempts::default(),
            hashes: Pace::new(knobs.hashes_per_s),
            list: List::default(),
            conns: Slots::default(),
            checks: 0,
            applicants: BTreeMap::new(),
            next_task: 0,
            knobs,
        }
    }

    /// The key that tickets are checked with.
    pub fn key(&self) -> VerifyingKey {
        self.signer.key()
    }

    /// How many users have registered.
    pub fn accounts(&self) -> usize {
        self.accounts.len()
    }

    /// How many supernodes are listed.
    pub fn supernodes(&self) -> usize {
        self.list.len()
    }

    /// How many addresses' attempts are remembered.
    pub fn addresses(&self) -> usize {
        self.attempts.len()
    }

    /// Its only entry.
    pub fn handle(&mut self, event: Event<Message, Timer>, cx: Hands) {
        match event {
            Event::Start => self.start(cx),
            Event::Opened { conn, remote, dialled: false } => self.called(conn, remote, cx),
            Event::Message { conn, message } => self.message(conn, message, cx),
            Event::Sealed { conn, key } => self.sealed(conn, key, cx),
            Event::Closed { conn, .. } => self.closed(conn, cx),
            Event::Computed { task, result } => self.hashed(task, result, cx),
            Event::Timer(Timer::ConnDue(conn)) => self.conn_due(conn, cx),
            Event::Timer(Timer::Services) => self.sweep(cx),
            _ => {}
        }
    }

    fn start(&mut self, cx: Hands) {
        self.proof = Some(self.signer.own_seal(&cx.public_key().0));
        cx.wake(self.knobs.announce_every, Timer::Services);
        cx.note(Note::Online);
    }

    fn sweep(&mut self, cx: Hands) {
        self.list.sweep(cx.now(), self.knobs.announce_every);
        self.attempts.sweep(cx.now());
        cx.wake(self.knobs.announce_every, Timer::Services);
    }

    fn called(&mut self, conn: ConnId, remote: SocketAddrV4, cx: Hands) {
        let ip = *remote.ip();
        let of_address = || self.conns.iter().filter(|(_, held)| *held.remote.ip() == ip).count();
        let is_crowded = !ip.is_loopback() && of_address() >= self.knobs.connections_per_address_max;
        if self.conns.len() >= self.knobs.connections_max || is_crowded {
            return cx.close(conn);
        }
        self.hold(conn, remote, State::Caller, cx);
    }

    fn message(&mut self, conn: ConnId, message: Message, cx: Hands) {
        let Some(held) = self.conns.get_mut(conn) else { return };
        match (&mut held.state, message) {
            (State::Caller, Message::Request(request)) => self.requested(conn, &request, cx),
            (State::Caller, Message::Hello(hello)) => self.greeted(conn, hello, cx),
            (State::Told, _) => {}
            (State::Client(client), Message::Service(frame)) => {
                client.messages += 1;
                if client.messages > self.knobs.messages_max || client.waits.is_some() {
                    return self.hang_up(conn, cx);
                }
                let (key, remote) = (client.key, held.remote);
                self.step(conn, cx);
                self.asked(conn, remote, key, &frame.service, cx);
            }
            (State::Check(_), Message::Response(response)) => self.check_answered(conn, &response, cx),
            _ => self.hang_up(conn, cx),
        }
    }

    fn requested(&mut self, conn: ConnId, request: &Request, cx: Hands) {
        if &*request.target != SERVICES || !asks_seal(request) {
            let head = Response::new(NOT_FOUND).with("Content-Length", 0).with("Connection", "close");
            cx.send(conn, Message::Response(Box::new(head)));
            return self.hang_up(conn, cx);
        }
        cx.send(conn, Message::Response(Box::new(agree())));
        cx.resume_as(conn, Setup::ServiceServer);
        self.step(conn, cx);
        self.become_state(conn, State::Sealing);
    }

    fn sealed(&mut self, conn: ConnId, key: PublicKey, cx: Hands) {
        match self.conns.get(conn).map(|held| &held.state) {
            Some(State::Check(_)) => self.check_sealed(conn, key, cx),
            Some(State::Sealing) => {
                self.step(conn, cx);
                self.become_state(conn, State::Client(Client { key, messages: 0, waits: None }));
                self.greet(conn, cx);
            }
            _ => {}
        }
    }

    /// Says who we are.
    fn greet(&self, conn: ConnId, cx: Hands) {
        let (Some(held), Some(proof)) = (self.conns.get(conn), &self.proof) else { return };
        let (version, key) = (SERVICE_VERSION, self.signer.key());
        let hello = Service::Hello { version, key, proof: proof.clone(), seen_at: *held.remote.ip() };
        say(conn, hello, cx);
    }

    /// A question of a client's.
    fn asked(&mut self, conn: ConnId, remote: SocketAddrV4, key: PublicKey, service: &Service, cx: Hands) {
        match service {
            Service::Register(credentials) => self.applied(conn, *remote.ip(), credentials, true, cx),
            Service::Login(credentials) => self.applied(conn, *remote.ip(), credentials, false, cx),
            Service::List => self.tell_list(conn, None, cx),
            Service::Announce(entry) => self.announced(conn, remote, key, *entry, cx),
            Service::Retire => self.list.retire(key),
            Service::Hello { .. } | Service::Welcome(_) | Service::Refused(_) | Service::Supernodes(_) => {
                self.hang_up(conn, cx);
            }
        }
    }

    /// Some supernodes, to one that is none of them.
    fn tell_list(&self, conn: ConnId, asker: Option<SocketAddrV4>, cx: Hands) {
        let now = cx.now();
        let told: Box<[NodeEntry]> = self.list.sample(self.knobs.told_max, asker, now, cx.rng());
        say(conn, Service::Supernodes(told), cx);
    }

    fn refuse(&self, conn: ConnId, why: Refusal, cx: Hands) {
        say(conn, Service::Refused(why), cx);
    }

    fn closed(&mut self, conn: ConnId, cx: Hands) {
        if let Some(held) = self.conns.remove(conn) {
            self.ended(&held.state, cx);
        }
    }

    fn conn_due(&mut self, conn: ConnId, cx: Hands) {
        let Some(held) = self.conns.get(conn) else { return };
        // Whoever waits for us is not late; a check has a deadline of its own, and a hash comes.
        let waits_for_us = matches!(held.state, State::Client(Client { waits: Some(_), .. }));
        if held.deadline <= cx.now() && !waits_for_us {
            self.hang_up(conn, cx);
        }
    }

    fn hang_up(&mut self, conn: ConnId, cx: Hands) {
        cx.close(conn);
        if let Some(held) = self.conns.remove(conn) {
            self.ended(&held.state, cx);
        }
    }

    /// A connection is gone, and what hung on it.
    fn ended(&mut self, state: &State, cx: Hands) {
        match state {
            State::Check(check) => self.check_failed(check, cx),
            State::Client(Client { waits: Some(Waits::Check(check)), .. }) => self.call_off(*check, cx),
            State::Caller | State::Sealing | State::Client(_) | State::Told => {}
        }
    }

    fn hold(&mut self, conn: ConnId, remote: SocketAddrV4, state: State, cx: Hands) {
        self.conns.insert(conn, Held { remote, deadline: Time::MAX, state });
        self.step(conn, cx);
    }

    /// The connection has got on; the next step has its time.
    fn step(&mut self, conn: ConnId, cx: Hands) {
        if let Some(held) = self.conns.get_mut(conn) {
            held.deadline = cx.now() + self.knobs.step_timeout;
            cx.wake(self.knobs.step_timeout, Timer::ConnDue(conn));
        }
    }

    /// Says what a client waits for.
    fn set_waits(&mut self, client: ConnId, waits: Option<Waits>) {
        if let Some(State::Client(client)) = self.conns.get_mut(client).map(|held| &mut held.state) {
            client.waits = waits;
        }
    }

    fn become_state(&mut self, conn: ConnId, state: State) {
        if let Some(held) = self.conns.get_mut(conn) {
            held.state = state;
        }
    }
}

fn say(conn: ConnId, service: Service, cx: Hands) {
    cx.send(conn, Message::Service(Arc::new(ServiceFrame::new(service))));
}
