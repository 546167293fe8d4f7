//! What a node has to do with the services: it logs in, asks for supernodes and, being one, announces itself.
//!
//! | errand | when | what comes of it |
//! |---|---|---|
//! | log in | at the start with a password, before the node joins; again when a quarter of the ticket's time is left | a ticket, shown to supernodes |
//! | ask for supernodes | at the start, and when the search for a parent runs out of addresses | [`Ordinary::services_list`] |
//! | announce | being a supernode, every [`Knobs::announce_every`](crate::config::Knobs::announce_every) | listed; and a fresher list |
//! | retire | being one no longer, or leaving as one | not listed any more |
//!
//! Errands that are due are run over one connection, in that order:
//!
//! | state | event | then |
//! |---|---|---|
//! | asking | 101 | sealing |
//! | sealing | sealed | greeted |
//! | greeted | `Hello` of the services we know, proved for this seal | the first errand, or closed if there is none |
//! | on an errand | its answer | the next, or closed if there is none |
//! | any | anything else, closed, or nothing in time | again later, after a wait that doubles each time |
//!
//! Nothing secret is said before the services have proved who they are: those of the configuration, else those that were met
//! first. The node does without them: it goes on with the supernodes that it knows and the ticket that it has, tells its user once,
//! and tries again.

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use common::http::Response;
use common::peer::{CloseReason, ConnId, PublicKey, Time};
use common::user::Note;
use rand::RngExt as _;

use super::{Conn, Hands, Ordinary};
use crate::config::Config;
use crate::node::Timer;
use crate::ticket::{Pass, Signer, Ticket, VerifyingKey};
use crate::wire::upgrade::{SERVICES, agrees, sealed_get};
use crate::wire::{Credentials, Message, NodeEntry, Refusal, SERVICE_VERSION, Service, ServiceFrame, Setup};

/// The services that have named supernodes are asked for others no sooner than after that, however often one is sought in vain. A
/// minute: nobody is dialled twice in one.
const LIST_PAUSE: Duration = Duration::from_secs(60);
/// Doublings of the wait for another try.
const DOUBLINGS_MAX: u32 = 6;

/// The state of a node's dealings with the services. Boxed: most nodes have none going on.
pub(crate) struct Login {
    services: SocketAddrV4,
    /// Who they are, once known.
    key: Option<VerifyingKey>,
    /// Of a node that has an account.
    user: Option<User>,
    talk: Option<Talk>,
    /// When we ask for supernodes.
    list_at: Option<Time>,
    /// When they may be asked for them the next time.
    list_from: Time,
    /// When a supernode announces itself.
    announce_at: Option<Time>,
    /// We were announced, and are to be forgotten.
    retires: bool,
    /// When the timer is due that counts; others are ignored.
    due: Option<Time>,
    /// Talks in a row that came to nothing.
    failures: u32,
    /// The user knows that the services are gone.
    told_gone: bool,
    /// The user knows that they cannot reach us.
    told_unreachable: bool,
}

struct User {
    signer: Signer,
    ticket: Option<Arc<Ticket>>,
    /// When to log in.
    login_at: Option<Time>,
    /// The account is yet to be made.
    registers: bool,
    /// The first login has neither succeeded nor failed: the node joins then, with whatever has come of it.
    is_awaited: bool,
}

struct Talk {
    conn: ConnId,
    step: Step,
    /// When the next step must have been made.
    deadline: Time,
}

#[derive(Clone, Copy)]
enum Step {
    Asking,
    Sealing,
    /// By the end of a seal with this key.
    Greeted(PublicKey),
    Errand(Errand),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Errand {
    Login,
    List,
    Announce,
}

impl Login {
    /// Of a node that knows where the services are.
    pub(crate) fn new(config: &Config) -> Option<Box<Login>> {
        let services = config.services?;
        let user = config.account.as_ref().map(|account| User {
            signer: Signer::from_seed(&account.signing_seed),
            ticket: None,
            login_at: Some(Time::ZERO),
            registers: account.registers,
            is_awaited: true,
        });
        Some(Box::new(Login {
            services,
            key: config.services_key.as_deref().copied(),
            user,
            talk: None,
            list_at: Some(Time::ZERO),
            list_from: Time::ZERO,
            announce_at: None,
            retires: false,
            due: None,
            failures: 0,
            told_gone: false,
            told_unreachable: false,
        }))
    }

    fn login_at(&self) -> Option<Time> {
        self.user.as_ref().and_then(|user| user.login_at)
    }

    /// What is to be asked now, if anything.
    fn errand(&self, now: Time) -> Option<Errand> {
        let is_due = |at: Option<Time>| at.is_some_and(|at| at <= now);
        if is_due(self.login_at()) {
            Some(Errand::Login)
        } else if is_due(self.announce_at) {
            Some(Errand::Announce)
        } else if is_due(self.list_at) {
            Some(Errand::List)
        } else {
            None
        }
    }

    /// When there is something to be done next.
    fn next(&self, now: Time) -> Option<Time> {
        let at = [self.login_at(), self.list_at, self.announce_at].into_iter().flatten().min();
        if self.retires { Some(now) } else { at }
    }

    /// Puts off whatever is due.
    fn put_off(&mut self, now: Time, until: Time) {
        let login_at = self.user.as_mut().map(|user| &mut user.login_at);
        for at in login_at.into_iter().chain([&mut self.list_at, &mut self.announce_at]) {
            if at.is_some_and(|at| at <= now) {
                *at = Some(until);
            }
        }
    }
}

/// What the rest of the node asks.
impl Ordinary {
    /// True until the first login has succeeded or failed.
    pub(super) fn awaits_login(&self) -> bool {
        let user = self.login.as_ref().and_then(|login| login.user.as_ref());
        user.is_some_and(|user| user.is_awaited)
    }

    /// The proof of who we are, while it holds.
    pub fn ticket(&self, now: Time) -> Option<&Arc<Ticket>> {
        let ticket = self.login.as_ref()?.user.as_ref()?.ticket.as_ref()?;
        (ticket.expires_s > self.clock_s(now)).then_some(ticket)
    }

    /// What others' tickets are checked with, once the services are known.
    pub fn services_key(&self) -> Option<&VerifyingKey> {
        self.login.as_ref()?.key.as_ref()
    }

    /// The answer to the challenge of the supernode that listens at this address.
    pub(crate) fn session_proof(
        &self,
        challenge: &[u8; 16],
        supernode: SocketAddrV4,
    ) -> Option<Box<[u8; 64]>> {
        let user = self.login.as_ref()?.user.as_ref()?;
        Some(user.ticket.as_ref()?.prove_session(&user.signer, challenge, supernode))
    }

    /// Our ticket as it is shown under a seal.
    pub(crate) fn pass(&self, cx: Hands) -> Option<Pass> {
        let ticket = self.ticket(cx.now())?;
        let user = self.login.as_ref()?.user.as_ref()?;
        Some(Pass::new((**ticket).clone(), &user.signer, &cx.public_key().0))
    }

    /// Nobody else is left to be dialled: asks for supernodes. [`Ordinary::services_list`] follows if the services are there.
    pub(crate) fn want_list(&mut self, cx: Hands) {
        let Some(login) = &mut self.login else { return };
        if login.list_at.is_none() {
            login.list_at = Some(login.list_from.max(cx.now()));
            self.see_to_services(cx);
        }
    }

    /// We are a supernode from now on.
    pub(crate) fn announce(&mut self, cx: Hands) {
        let Some(login) = &mut self.login else { return };
        login.announce_at = Some(cx.now());
        login.retires = false;
        self.see_to_services(cx);
    }

    /// We are one no longer.
    pub(crate) fn retire(&mut self, cx: Hands) {
        let Some(login) = &mut self.login else { return };
        login.retires = login.announce_at.take().is_some();
        self.see_to_services(cx);
    }

    /// The user goes. Who was announced says that it is no supernode any more, on the connection that is returned and closes then; nothing
    /// else is asked.
    pub(super) fn say_farewell(&mut self, cx: Hands) -> Option<ConnId> {
        let login = self.login.as_mut()?;
        login.retires |= login.announce_at.take().is_some();
        login.list_at = None;
        if let Some(user) = &mut login.user {
            user.login_at = None;
        }
        if !login.retires {
            return None;
        }
        self.see_to_services(cx);
        self.login.as_ref()?.talk.as_ref().map(|talk| talk.conn)
    }

    /// Runs the errands that are due, unless a talk is going on, and sets the timer for the next.
    pub(super) fn see_to_services(&mut self, cx: Hands) {
        let (Some(login), false) = (&mut self.login, self.left) else { return };
        let now = cx.now();
        let Some(next) = login.next(now).filter(|_| login.talk.is_none()) else { return };
        if next > now {
            if login.due.is_none_or(|due| due <= now || next < due) {
                login.due = Some(next);
                cx.wake(next.since(now), Timer::Login);
            }
            return;
        }
        let conn = cx.dial(login.services, Setup::Client);
        let request = sealed_get(SERVICES, login.services);
        cx.send(conn, Message::Request(Box::new(request)));
        login.talk = Some(Talk { conn, step: Step::Asking, deadline: Time::MAX });
        self.conns.insert(conn, Conn::Services);
        self.services_step(Step::Asking, cx);
    }
}

/// The talk.
impl Ordinary {
    /// Something is due, or was.
    pub(super) fn login_due(&mut self, cx: Hands) {
        let Some(login) = &mut self.login else { return };
        if login.due.is_some_and(|due| due <= cx.now()) {
            login.due = None;
            self.see_to_services(cx);
        }
    }

    pub(super) fn of_services(&mut self, message: Message, cx: Hands) {
        let step = self.login.as_ref().and_then(|login| login.talk.as_ref()).map(|talk| talk.step);
        match (step, message) {
            (Some(Step::Asking), Message::Response(response)) => self.services_answered(&response, cx),
            (Some(Step::Greeted(seal)), Message::Service(frame)) => self.greeted(seal, &frame.service, cx),
            (Some(Step::Errand(errand)), Message::Service(frame)) => {
                self.errand_answered(errand, &frame.service, cx);
            }
            _ => self.services_failed("they do not speak as services do", cx),
        }
    }

    fn services_answered(&mut self, response: &Response, cx: Hands) {
        let Some(talk) = self.login.as_ref().and_then(|login| login.talk.as_ref()) else { return };
        if !agrees(response) {
            return self.services_failed("nobody speaks as services do there", cx);
        }
        cx.resume_as(talk.conn, Setup::ServiceClient);
        self.services_step(Step::Sealing, cx);
    }

    pub(super) fn services_sealed(&mut self, seal: PublicKey, cx: Hands) {
        self.services_step(Step::Greeted(seal), cx);
    }

    fn greeted(&mut self, seal: PublicKey, hello: &Service, cx: Hands) {
        let Some(login) = &mut self.login else { return };
        let Service::Hello { version, key, proof, seen_at } = hello else {
            return self.services_failed("they do not say who they are", cx);
        };
        if *version != SERVICE_VERSION {
            return self.services_failed("they are of another version", cx);
        }
        let others = login.key.is_some_and(|known| known != *key);
        // Nobody's password is told to whoever has taken the services' place; who has none takes those that are there.
        let takes_others = self.me.services_key.is_none() && self.me.account.is_none();
        if others && !takes_others || !key.owns_seal(&seal.0, proof) {
            return self.services_failed("they are not those that we know", cx);
        }
        login.key = Some(*key);
        if others {
            cx.note(Note::Text(
                "the services have another key now: they have begun anew, or are others".into(),
            ));
        }
        if self.own_address(cx).ip().is_unspecified() {
            self.seen_at(*seen_at);
        }
        self.next_errand(cx);
    }

    /// Says what is to be said next, or good-bye.
    fn next_errand(&mut self, cx: Hands) {
        let Some(login) = &mut self.login else { return };
        let Some(talk) = &login.talk else { return };
        let conn = talk.conn;
        if std::mem::take(&mut login.retires) {
            say(conn, Service::Retire, cx);
        }
        let Some(errand) = login.errand(cx.now()) else { return self.talk_over(cx) };
        say(conn, self.words_of(errand, cx), cx);
        self.services_step(Step::Errand(errand), cx);
    }

    fn words_of(&self, errand: Errand, cx: Hands) -> Service {
        let user = self.login.as_ref().and_then(|login| login.user.as_ref());
        match (errand, user, &self.me.account) {
            (Errand::Login, Some(user), Some(account)) => {
                let (name, password) = (self.me.user.clone(), account.password.clone());
                let credentials = Credentials { user: name, password, key: user.signer.key() };
                if user.registers { Service::Register(credentials) } else { Service::Login(credentials) }
            }
            (Errand::Announce, ..) => Service::Announce(self.supernode_entry(cx)),
            _ => Service::List,
        }
    }

    fn errand_answered(&mut self, errand: Errand, answer: &Service, cx: Hands) {
        match (errand, answer) {
            // It no longer matters.
            _ if self.left => {}
            (Errand::Login, Service::Welcome(ticket)) => {
                if !self.ticket_came(ticket, cx) {
                    return self.services_failed("their ticket does not hold; is a clock wrong?", cx);
                }
                self.login_settled(cx);
            }
            (Errand::List, Service::Supernodes(entries)) => self.supernodes_came(entries, cx),
            (Errand::Announce, Service::Supernodes(entries)) => {
                self.announce_again(cx);
                self.supernodes_came(entries, cx);
            }
            (_, Service::Refused(Refusal::Busy)) => {
                return self.services_failed("they are busy, or too many have tried from here", cx);
            }
            (Errand::Login, Service::Refused(why)) => self.login_refused(*why, cx),
            (Errand::Announce, Service::Refused(_)) => self.announcement_refused(cx),
            _ => return self.services_failed("they do not speak as services do", cx),
        }
        self.next_errand(cx);
    }

    /// True if the ticket is ours and holds.
    fn ticket_came(&mut self, ticket: &Ticket, cx: Hands) -> bool {
        let now_s = self.clock_s(cx.now());
        let Some(login) = &mut self.login else { return false };
        let (Some(user), Some(services)) = (&mut login.user, &login.key) else { return false };
        let is_ours = ticket.key == user.signer.key() && ticket.user.eq_ignore_ascii_case(&self.me.user);
        if !is_ours || ticket.verify(services, now_s).is_err() {
            return false;
        }
        // Renewed when a quarter of its time is left; a clock that is far off must not make it at once, nor never.
        let life = Duration::from_secs(ticket.expires_s - now_s);
        let life = life.clamp(Duration::from_secs(60), Duration::from_secs(30 * 24 * 3600));
        user.login_at = Some(cx.now() + life * 3 / 4);
        user.registers = false;
        user.ticket = Some(Arc::new(ticket.clone()));
        true
    }

    fn supernodes_came(&mut self, entries: &[NodeEntry], cx: Hands) {
        // Where there are none yet, the first may come any moment.
        let pause = if entries.is_empty() { self.me.knobs.services_retry } else { LIST_PAUSE };
        if let Some(login) = &mut self.login {
            (login.list_at, login.list_from) = (None, cx.now() + pause);
        }
        self.services_list(entries, cx);
    }

    /// The user has to do something about it; until then the node takes part as a guest.
    fn login_refused(&mut self, why: Refusal, cx: Hands) {
        let Some(user) = self.login.as_mut().and_then(|login| login.user.as_mut()) else { return };
        user.login_at = None;
        user.ticket = None;
        let why = match why {
            Refusal::Taken => "somebody has that name already",
            Refusal::Malformed => "that cannot be a name or a password",
            _ => "no such user, or another password",
        };
        cx.note(Note::Offline(format!("the services refuse the login of {}: {why}", self.me.user).into()));
        self.login_settled(cx);
    }

    /// What comes of the login has come of it: if it was the first, the node can join.
    fn login_settled(&mut self, cx: Hands) {
        let user = self.login.as_mut().and_then(|login| login.user.as_mut());
        if user.is_some_and(|user| std::mem::take(&mut user.is_awaited)) {
            self.start_join(cx);
        }
    }

    /// The next announcement, unless we have ceased to be a supernode meanwhile.
    fn announce_again(&mut self, cx: Hands) {
        let next = cx.now() + self.me.knobs.announce_every;
        if let Some(at) = self.login.as_mut().and_then(|login| login.announce_at.as_mut()) {
            *at = next;
        }
    }

    /// Others will not find us by the list, but by those that we link with; a line may also have been down for a moment.
    fn announcement_refused(&mut self, cx: Hands) {
        self.announce_again(cx);
        let Some(login) = &mut self.login else { return };
        if !std::mem::replace(&mut login.told_unreachable, true) {
            cx.note(Note::Text(format!("the services cannot reach us at {}", cx.address()).into()));
        }
    }

    /// All is said.
    fn talk_over(&mut self, cx: Hands) {
        let Some(login) = &mut self.login else { return };
        login.failures = 0;
        login.told_gone = false;
        if let Some(talk) = login.talk.take() {
            self.conns.remove(talk.conn);
            cx.close(talk.conn);
        }
        self.see_to_services(cx);
    }

    pub(super) fn services_closed(&mut self, reason: CloseReason, cx: Hands) {
        self.services_failed(&reason.to_string(), cx);
    }

    pub(super) fn services_due(&mut self, conn: ConnId, cx: Hands) {
        let talk = self.login.as_ref().and_then(|login| login.talk.as_ref());
        if talk.is_some_and(|talk| talk.conn == conn && talk.deadline <= cx.now()) {
            self.services_failed(&CloseReason::Timeout.to_string(), cx);
        }
    }

    /// The talk has come to nothing: what was due is tried again later.
    fn services_failed(&mut self, why: &str, cx: Hands) {
        let Some(login) = &mut self.login else { return };
        if let Some(talk) = login.talk.take() {
            self.conns.remove(talk.conn);
            cx.close(talk.conn);
        }
        if self.left {
            return;
        }
        let now = cx.now();
        let wait = self.me.knobs.services_retry * (1 << login.failures.min(DOUBLINGS_MAX));
        // Half of it by chance: those who have lost the services at the same moment do not come back at the same moment.
        let wait = wait.mul_f64(cx.rng().random_range(0.5..1.0));
        login.failures = login.failures.saturating_add(1);
        login.put_off(now, now + wait);
        // Nobody lists us longer than we announce ourselves.
        login.retires = false;
        if !std::mem::replace(&mut login.told_gone, true) {
            let services = login.services;
            let text = format!("the services at {services} cannot be used: {why}; going on without them");
            cx.note(Note::Text(text.into()));
        }
        self.login_settled(cx);
        self.services_missed(cx);
        self.see_to_services(cx);
    }

    fn services_step(&mut self, step: Step, cx: Hands) {
        let Some(login) = &mut self.login else { return };
        let Some(talk) = &mut login.talk else { return };
        // They answer an announcement when they have dialled us, for which they take as long as we do for a step.
        let time = match step {
            Step::Errand(Errand::Announce) => self.me.knobs.step_timeout * 2,
            _ => self.me.knobs.step_timeout,
        };
        (talk.step, talk.deadline) = (step, cx.now() + time);
        cx.wake(time, Timer::ConnDue(talk.conn));
    }
}

fn say(conn: ConnId, service: Service, cx: Hands) {
    cx.send(conn, Message::Service(Arc::new(ServiceFrame::new(service))));
}
