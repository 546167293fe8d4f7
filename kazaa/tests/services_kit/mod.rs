//! One node alone, spoken to in messages: the test plays everybody else, in virtual time.
//!
//! Bytes have tests of their own; here a message is what the far side's codec has made of them, and a seal is through when the test says
//! so, with the key that it says.
#![allow(dead_code, reason = "each test program uses a part of the kit")]

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use common::http::{Request, Response};
use common::peer::{
    CloseReason, ConnId, ConnIds, Cx, Effect, Event, Outbox, OwnKey, Peer as _, PublicKey, Time, Work,
};
use common::user::{Command, Note};
use kazaa::config::{Account, Config, Role};
use kazaa::node::{Node, Timer};
use kazaa::ordinary::Ordinary;
use kazaa::services::{HashCost, Services, ServicesConfig, ServicesKnobs};
use kazaa::ticket::{Signer, Ticket, VerifyingKey};
use kazaa::wire::upgrade::{SERVICES, agree, agrees, asks_seal, sealed_get};
use kazaa::wire::{Credentials, Message, NodeEntry, SERVICE_VERSION, Service, ServiceFrame, Setup};
use rand::SeedableRng as _;
use rand_pcg::Pcg32;

/// Where the node under test listens.
pub const OURS: &str = "10.0.0.1:9000";
/// The secret of the services that these tests run or play.
pub const SERVICES_SEED: [u8; 32] = [7; 32];

/// See the module.
pub struct Alone {
    pub node: Node,
    pub notes: Vec<Note>,
    now: Time,
    key: OwnKey,
    rng: Pcg32,
    ids: ConnIds,
    outbox: Outbox<Node>,
    timers: BinaryHeap<Reverse<(Time, usize)>>,
    timer_values: Vec<Timer>,
    dials: Vec<(ConnId, SocketAddrV4)>,
    sent: BTreeMap<ConnId, Vec<Message>>,
    setups: BTreeMap<ConnId, Setup>,
    closed: Vec<ConnId>,
    /// What the node wants computed; done at once unless the test holds it back.
    works: VecDeque<(u32, Work)>,
    pub holds_works: bool,
}

impl Alone {
    pub fn new(node: Node) -> Self {
        let mut alone = Alone {
            node,
            notes: Vec::new(),
            now: Time::ZERO,
            key: OwnKey::Real(PublicKey([1; 32])),
            rng: Pcg32::seed_from_u64(1),
            ids: ConnIds::default(),
            outbox: Outbox::default(),
            timers: BinaryHeap::new(),
            timer_values: Vec::new(),
            dials: Vec::new(),
            sent: BTreeMap::new(),
            setups: BTreeMap::new(),
            closed: Vec::new(),
            works: VecDeque::new(),
            holds_works: false,
        };
        alone.deliver(Event::Start);
        alone
    }

    pub fn command(&mut self, command: Command) {
        self.deliver(Event::Command(command));
    }

    /// Somebody dials from there.
    pub fn accept(&mut self, remote: SocketAddrV4) -> ConnId {
        let conn = self.ids.open();
        self.deliver(Event::Opened { conn, remote, dialled: false });
        conn
    }

    /// The oldest dial of the node that has not been looked at.
    pub fn next_dial(&mut self) -> Option<(ConnId, SocketAddrV4)> {
        (!self.dials.is_empty()).then(|| self.dials.remove(0))
    }

    /// The dialled node answers.
    pub fn open(&mut self, (conn, remote): (ConnId, SocketAddrV4)) -> ConnId {
        if self.ids.is_live(conn) {
            self.deliver(Event::Opened { conn, remote, dialled: true });
        }
        conn
    }

    /// A message from the far side; none if the node has closed.
    pub fn say(&mut self, conn: ConnId, message: Message) {
        if self.ids.is_live(conn) {
            self.deliver(Event::Message { conn, message });
        }
    }

    /// The handshake of the seal is through, and the far side owns that key.
    pub fn seal(&mut self, conn: ConnId, key: PublicKey) {
        if self.ids.is_live(conn) {
            self.deliver(Event::Sealed { conn, key });
        }
    }

    /// What the node has sent since.
    pub fn heard(&mut self, conn: ConnId) -> Vec<Message> {
        self.sent.remove(&conn).unwrap_or_default()
    }

    /// What is spoken on a connection after the node has said so.
    pub fn setup(&self, conn: ConnId) -> Option<Setup> {
        self.setups.get(&conn).copied()
    }

    pub fn is_closed(&self, conn: ConnId) -> bool {
        self.closed.contains(&conn)
    }

    pub fn hang_up(&mut self, conn: ConnId, reason: CloseReason) {
        if self.ids.close(conn) {
            self.deliver(Event::Closed { conn, reason });
        }
    }

    pub fn advance_s(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        while let Some(Reverse((at, index))) =
            self.timers.peek().copied().filter(|Reverse((at, _))| *at <= end)
        {
            self.timers.pop();
            self.now = at;
            self.deliver(Event::Timer(self.timer_values[index]));
        }
        self.now = end;
    }

    pub fn now(&self) -> Time {
        self.now
    }

    /// The texts that the user was told.
    pub fn told(&self) -> Vec<String> {
        let text = |note: &Note| match note {
            Note::Text(text) | Note::Offline(text) => Some(text.to_string()),
            _ => None,
        };
        self.notes.iter().filter_map(text).collect()
    }

    fn deliver(&mut self, event: Event<Message, Timer>) {
        let ours = OURS.parse().expect("an address");
        let mut cx = Cx::new(self.now, ours, &self.key, &mut self.rng, &mut self.ids, &mut self.outbox);
        self.node.handle(event, &mut cx);
        while let Some(effect) = self.outbox.next() {
            self.apply(effect);
        }
        if !self.holds_works {
            self.do_works();
        }
    }

    /// Does all that the node wants computed.
    pub fn do_works(&mut self) {
        while let Some((task, work)) = self.works.pop_front() {
            self.deliver(Event::Computed { task, result: Some(work.run()) });
        }
    }

    /// There is too much of it.
    pub fn refuse_works(&mut self) {
        while let Some((task, _)) = self.works.pop_front() {
            self.deliver(Event::Computed { task, result: None });
        }
    }

    fn apply(&mut self, effect: Effect<Node>) {
        match effect {
            Effect::Dial { conn, to, setup } => {
                self.dials.push((conn, to));
                self.setups.insert(conn, setup);
            }
            Effect::Send { conn, message } => self.sent.entry(conn).or_default().push(message),
            Effect::Resume { conn, setup: Some(setup) } => {
                self.setups.insert(conn, setup);
            }
            Effect::Compute { task, work } => self.works.push_back((task, work)),
            Effect::Close { conn } if self.ids.close(conn) => self.closed.push(conn),
            Effect::Wake { at, timer } => {
                self.timers.push(Reverse((at, self.timer_values.len())));
                self.timer_values.push(timer);
            }
            Effect::Note(note) => self.notes.push(note),
            _ => {}
        }
    }
}

/// Services alone.
impl Alone {
    pub fn services() -> Self {
        Alone::services_with(|_| {})
    }

    /// With other knobs. Hashes are cheap and as many as one likes unless they say otherwise.
    pub fn services_with(change: impl FnOnce(&mut ServicesKnobs)) -> Self {
        Alone::new(Node::services(services_config(change)))
    }

    pub fn the_services(&self) -> &Services {
        match &self.node {
            Node::Services(services) => services,
            Node::Ordinary(_) => unreachable!("it was made of services"),
        }
    }

    /// Somebody at that address, whose seal has that key, and to whom the services have said who they are.
    pub fn client(&mut self, ip: &str, key: u8) -> ConnId {
        let conn = self.accept(SocketAddrV4::new(ip.parse().expect("an address"), 2_000));
        self.say(conn, request(sealed_get(SERVICES, OURS.parse().expect("an address"))));
        assert!(matches!(&self.heard(conn)[..], [Message::Response(head)] if agrees(head)));
        assert_eq!(self.setup(conn), Some(Setup::ServiceServer));
        self.seal(conn, PublicKey([key; 32]));
        assert!(matches!(&services_of(self.heard(conn))[..], [Service::Hello { .. }]));
        conn
    }

    /// The answers to one message.
    pub fn ask(&mut self, conn: ConnId, service: Service) -> Vec<Service> {
        self.say(conn, message(service));
        services_of(self.heard(conn))
    }

    /// A supernode at that address announces itself with its key, is dialled and answers with it.
    pub fn list(&mut self, address: &str, key: u8) {
        let address: SocketAddrV4 = address.parse().expect("an address");
        let conn = self.client(&address.ip().to_string(), key);
        assert_eq!(self.ask(conn, Service::Announce(entry(address))), []);
        let check = self.next_dial().expect("an announced address is dialled");
        assert_eq!(check.1, address);
        self.answer_check(check, key);
        assert!(matches!(&services_of(self.heard(conn))[..], [Service::Supernodes(_)]));
        self.hang_up(conn, CloseReason::Remote);
    }

    /// Whoever is dialled answers as a supernode whose seal has that key.
    pub fn answer_check(&mut self, dial: (ConnId, SocketAddrV4), key: u8) {
        let conn = self.open(dial);
        assert!(matches!(&self.heard(conn)[..], [Message::Request(_)]));
        self.say(conn, Message::Response(Box::new(agree())));
        assert_eq!(self.setup(conn), Some(Setup::LinkDialler));
        self.seal(conn, PublicKey([key; 32]));
        assert!(self.is_closed(conn));
    }

    /// The addresses that are told, sorted.
    pub fn told_supernodes(&mut self) -> Vec<String> {
        let conn = self.client("10.9.9.9", 99);
        let answer = self.ask(conn, Service::List);
        self.hang_up(conn, CloseReason::Remote);
        let [Service::Supernodes(entries)] = &answer[..] else { panic!("{answer:?}") };
        let mut told: Vec<String> = entries.iter().map(|entry| entry.address.to_string()).collect();
        told.sort();
        told
    }
}

/// Somebody's node alone, whose services the test plays.
impl Alone {
    pub fn ordinary(config: Config) -> Self {
        Alone::new(Node::ordinary(config))
    }

    pub fn the_ordinary(&self) -> &Ordinary {
        match &self.node {
            Node::Ordinary(ordinary) => ordinary,
            Node::Services(_) => unreachable!("it was made of somebody's node"),
        }
    }

    /// Lets so many seconds pass, in which the services know of nobody whenever they are asked for supernodes. Ends sooner if the
    /// node asks for something else: that.
    pub fn knows_nobody_for_s(&mut self, seconds: u64) -> Option<(ConnId, Service)> {
        for _ in 0..seconds {
            if let Some(dial) = self.dial_to(THEIRS) {
                let conn = self.seals_with_services(dial);
                let said = self.ask(conn, hello(&SERVICES_SEED, &SEAL.0));
                match &said[..] {
                    [Service::List] => self.say(conn, message(Service::Supernodes(Box::default()))),
                    [other] => return Some((conn, other.clone())),
                    _ => panic!("{said:?}"),
                }
            }
            self.advance_s(1);
        }
        None
    }

    /// The node dials its services, asks to be sealed and is.
    pub fn dials_services(&mut self) -> ConnId {
        let dial = self.dial_to(THEIRS).expect("the services are dialled");
        self.seals_with_services(dial)
    }

    fn seals_with_services(&mut self, dial: (ConnId, SocketAddrV4)) -> ConnId {
        let conn = self.open(dial);
        let asked = self.heard(conn);
        assert!(
            matches!(&asked[..], [Message::Request(head)] if &*head.target == SERVICES && asks_seal(head))
        );
        self.say(conn, Message::Response(Box::new(agree())));
        assert_eq!(self.setup(conn), Some(Setup::ServiceClient));
        self.seal(conn, SEAL);
        conn
    }

    /// The same, and they say who they are; what the node says then.
    pub fn greets_services(&mut self) -> (ConnId, Vec<Service>) {
        let conn = self.dials_services();
        let answer = self.ask(conn, hello(&SERVICES_SEED, &SEAL.0));
        (conn, answer)
    }

    /// The oldest dial to that address that has not been looked at.
    pub fn dial_to(&mut self, address: &str) -> Option<(ConnId, SocketAddrV4)> {
        let at = self.dials.iter().position(|(_, to)| to.to_string() == address)?;
        Some(self.dials.remove(at))
    }
}

/// Where the services are that a node alone knows.
pub const THEIRS: &str = "10.0.0.9:9000";
/// The key of their end of the seal.
pub const SEAL: PublicKey = PublicKey([0x5e; 32]);
/// The secret of a node that logs in.
pub const OWNER_SEED: [u8; 32] = [9; 32];

/// Of a node that is nobody's supernode, knows the services and logs in as alice.
pub fn alice() -> Config {
    let account = Account { password: "secret".into(), registers: false, signing_seed: OWNER_SEED };
    Config {
        user: "alice".into(),
        account: Some(Arc::new(account)),
        services: Some(THEIRS.parse().expect("an address")),
        started_s: 1_000_000,
        force: Some(Role::Ordinary),
        ..Config::default()
    }
}

/// What services with that secret say first at an end of a seal.
pub fn hello(seed: &[u8; 32], seal: &[u8; 32]) -> Service {
    let signer = Signer::from_seed(seed);
    let (key, proof) = (signer.key(), signer.own_seal(seal));
    Service::Hello { version: SERVICE_VERSION, key, proof, seen_at: "10.0.0.1".parse().expect("an address") }
}

/// A ticket of these services for the node that logs in.
pub fn ticket(expires_s: u64) -> Ticket {
    Ticket::issue(
        &Signer::from_seed(&SERVICES_SEED),
        "alice",
        Signer::from_seed(&OWNER_SEED).key(),
        expires_s,
    )
}

pub fn services_config(change: impl FnOnce(&mut ServicesKnobs)) -> ServicesConfig {
    let mut knobs = ServicesKnobs { hash: HashCost::CHEAP, hashes_per_s: 1_000, ..ServicesKnobs::default() };
    change(&mut knobs);
    ServicesConfig {
        signing_seed: SERVICES_SEED,
        accounts: Vec::new(),
        started_s: 1_000_000,
        knobs: Arc::new(knobs),
    }
}

/// The key of [`SERVICES_SEED`].
pub fn services_key() -> VerifyingKey {
    Signer::from_seed(&SERVICES_SEED).key()
}

pub fn message(service: Service) -> Message {
    Message::Service(Arc::new(ServiceFrame::new(service)))
}

pub fn request(request: Request) -> Message {
    Message::Request(Box::new(request))
}

pub fn response(status: u16) -> Message {
    Message::Response(Box::new(Response::new(status).with("Content-Length", 0)))
}

pub fn entry(address: SocketAddrV4) -> NodeEntry {
    NodeEntry { address, age_min: 0, free_percent: 50 }
}

pub fn credentials(user: &str, password: &str) -> Credentials {
    Credentials { user: user.into(), password: password.into(), key: Signer::from_seed(&OWNER_SEED).key() }
}

/// Those of the messages that are the services'.
pub fn services_of(messages: Vec<Message>) -> Vec<Service> {
    let service = |message| match message {
        Message::Service(frame) => frame.service.clone(),
        other => panic!("no message of the services: {other:?}"),
    };
    messages.into_iter().map(service).collect()
}
