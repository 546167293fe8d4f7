//! A node and its services: logging in, finding supernodes, and doing without.

use std::sync::Arc;
use std::time::Duration;

use crate::kit::overlay::{Overlay, ordinary};
use crate::services_kit::{
    Alone, OURS, OWNER_SEED, SEAL, SERVICES_SEED, THEIRS, alice, credentials, entry, hello, message,
    response, services_config, services_key, ticket,
};
use common::net::NodeId;
use common::peer::{CloseReason, ConnId};
use common::user::{Command, Note};
use kazaa::config::{Account, Config, Role};
use kazaa::node::Node;
use kazaa::services::{Services, ServicesConfig};
use kazaa::ticket::{Signer, Ticket};
use kazaa::wire::{Hello, Message, NETWORK, Refusal, SERVICE_VERSION, Service};

const DAY_S: u64 = 24 * 3600;
const START_S: u64 = 1_000_000;

// --- One node, whose services the test plays ---

/// Welcomed with a ticket for a day, and told of nobody; the talk is over.
fn logged_in(alone: &mut Alone) {
    let (conn, said) = alone.greets_services();
    assert_eq!(said, [Service::Login(credentials("alice", "secret"))]);
    assert_eq!(alone.ask(conn, Service::Welcome(Box::new(ticket(START_S + DAY_S)))), [Service::List]);
    assert_eq!(alone.ask(conn, Service::Supernodes(Box::default())), []);
    assert!(alone.is_closed(conn));
}

fn has_ticket(alone: &Alone) -> bool {
    alone.the_ordinary().ticket(alone.now()).is_some()
}

#[test]
fn a_login_brings_a_ticket_and_supernodes() {
    let mut alone = Alone::ordinary(alice());
    logged_in(&mut alone);
    assert!(has_ticket(&alone));
    assert_eq!(alone.the_ordinary().services_key(), Some(&services_key()));
    assert_eq!(alone.dial_to(THEIRS), None, "nothing more is to be asked for a while");
}

#[test]
fn an_account_is_made_only_if_the_user_says_so_and_once() {
    let account = Account { registers: true, password: "secret".into(), signing_seed: OWNER_SEED };
    let mut alone = Alone::ordinary(Config { account: Some(Arc::new(account)), ..alice() });
    let (conn, said) = alone.greets_services();
    assert_eq!(said, [Service::Register(credentials("alice", "secret"))]);
    assert_eq!(alone.ask(conn, Service::Welcome(Box::new(ticket(START_S + DAY_S)))), [Service::List]);
    alone.say(conn, message(Service::Supernodes(Box::default())));
    let said = alone.knows_nobody_for_s(18 * 3600 + 1).map(|(_, said)| said);
    assert_eq!(said, Some(Service::Login(credentials("alice", "secret"))), "there is an account now");
}

/// What a node says to services that it has dialled on this connection.
fn renewed(alone: &mut Alone, conn: ConnId) -> Vec<Service> {
    alone.say(conn, Message::Response(Box::new(kazaa::wire::upgrade::agree())));
    alone.seal(conn, SEAL);
    alone.heard(conn);
    alone.ask(conn, hello(&SERVICES_SEED, &SEAL.0))
}

#[test]
fn nothing_secret_is_said_to_others_than_the_services() {
    let mallory = [66; 32];
    let version = |version| match hello(&SERVICES_SEED, &SEAL.0) {
        Service::Hello { key, proof, seen_at, .. } => Service::Hello { version, key, proof, seen_at },
        other => other,
    };
    let pinned = || Config { services_key: Some(Arc::new(services_key())), ..alice() };
    for (config, first) in [
        // Whoever stands between has a seal of his own with either side, and hands their words on.
        (pinned(), hello(&SERVICES_SEED, &[66; 32])),
        (alice(), hello(&SERVICES_SEED, &[66; 32])),
        (pinned(), hello(&mallory, &SEAL.0)),
        (pinned(), version(SERVICE_VERSION + 1)),
        (pinned(), Service::Welcome(Box::new(ticket(START_S + DAY_S)))),
        (pinned(), Service::List),
    ] {
        let mut alone = Alone::ordinary(config);
        let conn = alone.dials_services();
        assert_eq!(alone.heard(conn), [], "they speak first");
        assert_eq!(alone.ask(conn, first.clone()), [], "{first:?}");
        assert!(alone.is_closed(conn) && !has_ticket(&alone));
    }
    // Those that were met first are the services from then on.
    let mut alone = Alone::ordinary(alice());
    logged_in(&mut alone);
    alone.advance_s(16);
    let conn = alone.dials_services();
    assert_eq!(alone.ask(conn, hello(&mallory, &SEAL.0)), []);
    assert!(alone.is_closed(conn) && has_ticket(&alone));
}

#[test]
fn a_ticket_that_does_not_hold_is_none() {
    let (services, owner) = (Signer::from_seed(&SERVICES_SEED), Signer::from_seed(&OWNER_SEED));
    let expires_s = START_S + DAY_S;
    for wrong in [
        Ticket::issue(&services, "mallory", owner.key(), expires_s),
        Ticket::issue(&services, "alice", services.key(), expires_s),
        Ticket::issue(&owner, "alice", owner.key(), expires_s),
        Ticket::issue(&services, "alice", owner.key(), START_S),
    ] {
        let mut alone = Alone::ordinary(alice());
        let (conn, _) = alone.greets_services();
        alone.say(conn, message(Service::Welcome(Box::new(wrong))));
        assert!(alone.is_closed(conn) && !has_ticket(&alone));
    }
}

#[test]
fn a_refused_login_is_told_and_not_tried_again() {
    for (why, part) in [
        (Refusal::WrongPassword, "no such user, or another password"),
        (Refusal::Taken, "somebody has that name"),
        (Refusal::Malformed, "cannot be"),
    ] {
        let mut alone = Alone::ordinary(alice());
        let (conn, _) = alone.greets_services();
        assert_eq!(alone.ask(conn, Service::Refused(why)), [Service::List], "as a guest");
        let told = alone.told();
        assert!(told[0].contains("the login of alice") && told[0].contains(part), "{told:?}");
        alone.say(conn, message(Service::Supernodes(Box::default())));
        alone.advance_s(DAY_S);
        while let Some(dial) = alone.dial_to(THEIRS) {
            let conn = alone.open(dial);
            assert!(!renewed(&mut alone, conn).iter().any(|said| matches!(said, Service::Login(_))));
            alone.hang_up(conn, CloseReason::Remote);
        }
    }
}

#[test]
fn services_that_are_gone_are_told_once_and_tried_ever_more_rarely() {
    let mut alone = Alone::ordinary(alice());
    let mut dialled_s = Vec::new();
    for second in 0..4_000 {
        while let Some(dial) = alone.dial_to(THEIRS) {
            dialled_s.push(second);
            alone.hang_up(dial.0, CloseReason::Refused);
        }
        alone.advance_s(1);
    }
    let waits: Vec<u64> = dialled_s.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (doublings, wait) in waits.iter().enumerate() {
        let full = 10 << doublings.min(6);
        assert!((full / 2..=full + 1).contains(wait), "{waits:?}");
    }
    assert!(waits.len() >= 8, "{waits:?}");
    let told = alone.told().into_iter().filter(|text| text.contains("services")).count();
    assert_eq!(told, 1, "{:?}", alone.told());
}

#[test]
fn services_can_fail_at_every_step() {
    type Step = fn(&mut Alone, ConnId);
    let agree = |alone: &mut Alone, conn| {
        alone.say(conn, Message::Response(Box::new(kazaa::wire::upgrade::agree())));
    };
    let steps: [(&str, Step); 6] = [
        ("no services", |alone, conn| alone.say(conn, response(404))),
        ("no seal", |alone, conn| alone.say(conn, response(200))),
        ("nonsense", |alone, conn| alone.say(conn, Message::Ping)),
        ("silence", |alone, _| alone.advance_s(15)),
        ("gone", |alone, conn| alone.hang_up(conn, CloseReason::Reset)),
        ("silent after the seal", |alone, conn| {
            alone.seal(conn, SEAL);
            alone.advance_s(15);
        }),
    ];
    for (what, step) in steps {
        let mut alone = Alone::ordinary(alice());
        let dial = alone.dial_to(THEIRS).unwrap();
        let conn = alone.open(dial);
        if what.starts_with("silent") {
            agree(&mut alone, conn);
        }
        step(&mut alone, conn);
        assert!(
            alone.told().iter().any(|text| text.contains("going on without them")),
            "{what}: {:?}",
            alone.told()
        );
        assert_eq!(alone.dial_to(THEIRS), None, "{what}");
        alone.advance_s(11);
        assert!(alone.dial_to(THEIRS).is_some(), "{what}: tried again");
    }
}

#[test]
fn a_ticket_is_renewed_in_time_and_lasts_as_long_as_it_says() {
    let mut alone = Alone::ordinary(alice());
    logged_in(&mut alone);
    assert_eq!(alone.knows_nobody_for_s(18 * 3600 - 1), None);
    assert_eq!(alone.now().as_secs_f64(), (18 * 3600 - 1) as f64);
    // The services are dead for the rest of the day.
    while alone.now().as_secs_f64() < (DAY_S - 1) as f64 {
        alone.advance_s(1);
        if let Some(dial) = alone.dial_to(THEIRS) {
            alone.hang_up(dial.0, CloseReason::Refused);
        }
        assert!(has_ticket(&alone));
    }
    alone.advance_s(1);
    assert!(!has_ticket(&alone), "nobody is shown one that has expired");
    let (conn, said) = alone.knows_nobody_for_s(700).expect("they are tried ten minutes apart");
    assert_eq!(said, Service::Login(credentials("alice", "secret")));
    alone.say(conn, message(Service::Welcome(Box::new(ticket(START_S + 3 * DAY_S)))));
    assert!(has_ticket(&alone));
}

// --- Sessions ---

/// A supernode that knows its services, alone.
fn supernode(requires_ticket: bool) -> Alone {
    let mut config = Config { force: Some(Role::Supernode), account: None, ..alice() };
    Arc::make_mut(&mut config.knobs).requires_ticket = requires_ticket;
    let mut alone = Alone::ordinary(config);
    let (conn, said) = alone.greets_services();
    assert_eq!(
        said,
        [Service::Announce(kazaa::wire::NodeEntry { free_percent: 100, ..entry(OURS.parse().unwrap()) })]
    );
    alone.say(conn, message(Service::Supernodes(Box::default())));
    alone
}

/// A child's session with it, up to the ticket; the challenge.
fn show(alone: &mut Alone, ticket: Ticket) -> (ConnId, Option<[u8; 16]>) {
    let conn = alone.accept("10.0.0.5:2000".parse().unwrap());
    alone.say(conn, Message::Hello(Hello::OURS));
    alone.say(conn, Message::Network(NETWORK.into()));
    alone.say(conn, Message::Ticket(Arc::new(ticket)));
    let challenge = |message: &Message| match message {
        Message::Challenge(challenge) => Some(*challenge),
        _ => None,
    };
    let challenge = alone.heard(conn).iter().find_map(challenge);
    (conn, challenge)
}

fn is_taken_on(alone: &mut Alone, conn: ConnId) -> bool {
    alone.heard(conn).iter().any(|message| matches!(message, Message::OutsideAddress(_)))
}

#[test]
fn a_supernode_that_requires_a_ticket_takes_on_its_owner_alone() {
    let (mut alone, owner) = (supernode(true), Signer::from_seed(&OWNER_SEED));
    let ticket = ticket(START_S + DAY_S);
    let (conn, first) = show(&mut alone, ticket.clone());
    let challenge = first.expect("a ticket that holds is challenged");
    let proof = ticket.prove_session(&owner, &challenge, OURS.parse().unwrap());
    alone.say(conn, Message::Proof(proof.clone()));
    assert!(is_taken_on(&mut alone, conn) && !alone.is_closed(conn));

    // What was overheard of that session, in another.
    let (replayed, challenge) = show(&mut alone, ticket.clone());
    assert_ne!(challenge, first);
    alone.say(replayed, Message::Proof(proof));
    assert!(alone.is_closed(replayed) && !is_taken_on(&mut alone, replayed));
    // A proof for another supernode, which handed our challenge on.
    let (relayed, challenge) = show(&mut alone, ticket.clone());
    let elsewhere = ticket.prove_session(&owner, &challenge.unwrap(), "10.0.0.66:1214".parse().unwrap());
    alone.say(relayed, Message::Proof(elsewhere));
    assert!(alone.is_closed(relayed));
    // Somebody else's key.
    let (stolen, challenge) = show(&mut alone, ticket.clone());
    let by_mallory =
        ticket.prove_session(&Signer::from_seed(&[66; 32]), &challenge.unwrap(), OURS.parse().unwrap());
    alone.say(stolen, Message::Proof(by_mallory));
    assert!(alone.is_closed(stolen));
    // Tickets that are forged, or over, are not even challenged.
    let forged = Ticket::issue(&owner, "alice", owner.key(), START_S + DAY_S);
    for wrong in [forged, crate::services_kit::ticket(START_S)] {
        let (conn, challenge) = show(&mut alone, wrong);
        assert!(challenge.is_none() && alone.is_closed(conn));
    }
    assert_eq!(alone.the_ordinary().children(), 1);
}

#[test]
fn a_supernode_that_knows_no_services_leaves_tickets_alone() {
    let mut alone =
        Alone::ordinary(Config { services: None, account: None, force: Some(Role::Supernode), ..alice() });
    let (conn, challenge) = show(&mut alone, ticket(START_S + DAY_S));
    assert!(challenge.is_none() && !alone.is_closed(conn), "its child is a guest like others");
    assert_eq!(alone.the_ordinary().children(), 1);
}

// --- Everybody together, on the simulator ---

/// Services, and nodes that know them.
struct Town {
    overlay: Overlay,
    services: NodeId,
}

impl Town {
    fn new(seed: u64) -> Town {
        let mut overlay = Overlay::seeded(seed);
        let services = overlay.swarm.add(Node::services(own_config()));
        overlay.config.services = Some(overlay.swarm.address(services));
        overlay.config.services_key = Some(Arc::new(services_key()));
        overlay.config.started_s = START_S;
        Town { overlay, services }
    }

    fn the_services(&self) -> &Services {
        match self.overlay.swarm.sim.peer(self.services) {
            Node::Services(services) => services,
            Node::Ordinary(_) => unreachable!("it was made of services"),
        }
    }

    /// A node that knows nobody but the services.
    fn add(&mut self, user: &str, password: Option<(&str, bool)>, force: Role) -> NodeId {
        let mut signing_seed = [0; 32];
        signing_seed[..user.len()].copy_from_slice(user.as_bytes());
        let account = password.map(|(password, registers)| {
            Arc::new(Account { password: password.into(), registers, signing_seed })
        });
        let config = Config { user: user.into(), account, force: Some(force), ..self.overlay.config.clone() };
        self.overlay.add_as(config)
    }

    fn supernodes(&mut self, count: usize) -> Vec<NodeId> {
        let all: Vec<NodeId> =
            (0..count).map(|n| self.add(&format!("super{n}"), Some(("pw", true)), Role::Supernode)).collect();
        self.overlay.swarm.run_s(400);
        assert_eq!(self.the_services().supernodes(), count);
        all
    }
}

fn own_config() -> ServicesConfig {
    services_config(|_| {})
}

#[test]
fn supernodes_find_each_other_and_their_children_by_the_services() {
    let mut town = Town::new(3);
    let supernodes = town.supernodes(4);
    for supernode in &supernodes {
        assert_eq!(town.overlay.node(*supernode).links(), 3);
    }
    let child = town.add("alice", None, Role::Ordinary);
    town.overlay.online(child);
    assert!(supernodes.contains(&town.overlay.parent(child).unwrap()));
    assert_eq!(town.overlay.swarm.offline(child), [""; 0], "it was never told otherwise");
}

#[test]
fn where_tickets_are_required_users_get_in_and_guests_do_not() {
    let mut town = Town::new(4);
    town.overlay.turn(|knobs| knobs.requires_ticket = true);
    let supernodes = town.supernodes(2);
    assert!(
        supernodes.iter().all(|node| town.overlay.node(*node).links() == 1),
        "they have passes for each other"
    );
    let alice = town.add("alice", Some(("secret", true)), Role::Ordinary);
    town.overlay.online(alice);
    assert_eq!(town.the_services().accounts(), 3);
    let now = town.overlay.swarm.sim.now();
    assert_eq!(&*town.overlay.node(alice).ticket(now).unwrap().user, "alice");

    let guest = town.add("guest", None, Role::Ordinary);
    let other = town.add("ALICE", Some(("guess", false)), Role::Ordinary);
    town.overlay.swarm.run_s(600);
    assert!(!town.overlay.swarm.is_online(guest) && !town.overlay.swarm.is_online(other));
    let offline = town.overlay.swarm.offline(other);
    assert!(offline[0].contains("refuse the login of ALICE"), "{offline:?}");
    assert!(town.overlay.swarm.is_online(alice));
}

#[test]
fn when_the_services_die_nobody_notices_and_newcomers_use_what_they_had_kept() {
    let mut town = Town::new(5);
    let supernodes = town.supernodes(3);
    let kept: Arc<[_]> = supernodes.iter().map(|node| town.overlay.address(*node)).collect();
    let alice = town.add("alice", None, Role::Ordinary);
    town.overlay.online(alice);
    town.overlay.share(alice, &["Music/Narwhal Polka.mp3"]);
    town.overlay.swarm.crash(town.services);
    town.overlay.swarm.run_s(3_600);
    assert!(town.overlay.swarm.is_online(alice) && town.overlay.swarm.offline(alice).is_empty());
    assert!(supernodes.iter().all(|node| town.overlay.node(*node).links() == 2));

    let bob = town.overlay.add_as(Config {
        supernodes: kept,
        user: "bob".into(),
        force: Some(Role::Ordinary),
        ..town.overlay.config.clone()
    });
    town.overlay.online(bob);
    assert_eq!(town.overlay.find(bob, "narwhal"), [alice]);
    let told = |town: &Town, node| {
        let told = |note: &&Note| matches!(note, Note::Text(text) if text.contains("going on without them"));
        town.overlay.swarm.notes(node).filter(told).count()
    };
    assert_eq!((told(&town, bob), told(&town, alice)), (1, 0), "who has nothing to ask notices nothing");

    // Services with an empty list come back, and it fills again.
    let now = town.overlay.swarm.sim.now();
    town.overlay.swarm.sim.restart_at(now, town.services, Node::services(own_config()));
    town.overlay.swarm.run_for(Duration::from_secs(1_000));
    assert_eq!(town.the_services().supernodes(), 3);
    let carol = town.add("carol", None, Role::Ordinary);
    town.overlay.online(carol);
}

#[test]
fn services_that_begin_anew_are_those_of_whoever_has_no_password_and_was_told_no_key() {
    let mut town = Town::new(8);
    let pinned = town.add("pinned", None, Role::Supernode);
    town.overlay.config.services_key = None;
    let guest = town.add("guest", None, Role::Supernode);
    let user = town.add("user", Some(("pw", true)), Role::Supernode);
    town.overlay.swarm.run_s(400);
    assert_eq!(town.the_services().supernodes(), 3);
    let now = town.overlay.swarm.sim.now();
    let anew = ServicesConfig { signing_seed: [9; 32], ..own_config() };
    town.overlay.swarm.sim.restart_at(now, town.services, Node::services(anew));
    town.overlay.swarm.run_s(2_000);
    assert_eq!(town.the_services().supernodes(), 1);
    let told = |node| {
        let has = |note: &Note| matches!(note, Note::Text(text) if text.contains("another key now"));
        town.overlay.swarm.notes(node).any(has)
    };
    assert_eq!([pinned, guest, user].map(told), [false, true, false]);
}

#[test]
fn a_supernode_that_dies_is_named_no_longer() {
    let mut town = Town::new(6);
    let supernodes = town.supernodes(3);
    town.overlay.swarm.crash(supernodes[0]);
    town.overlay.swarm.run_s(1_300);
    assert_eq!(town.the_services().supernodes(), 2);
}

#[test]
fn when_the_only_supernode_dies_one_of_its_children_takes_its_place_before_the_services_forget_it() {
    for seed in 1..=10 {
        let mut town = Town::new(seed);
        let only = town.supernodes(1)[0];
        let mut children = Vec::new();
        for _ in 0..4 {
            let child = town.overlay.add_as(town.overlay.config.clone());
            town.overlay.online(child);
            children.push(child);
        }
        town.overlay.share(children[0], &["zebra.ogg"]);
        town.overlay.swarm.crash(only);
        let crashed = town.overlay.swarm.sim.now();
        town.overlay.swarm.run_until(|sim| {
            let rose = children.iter().filter(|child| ordinary(sim, **child).is_supernode()).count();
            let joined = children.iter().filter(|child| ordinary(sim, **child).parents().count() > 0).count();
            rose > 0 && rose + joined == children.len()
        });
        let took = town.overlay.swarm.sim.now().since(crashed);
        assert!(took <= Duration::from_secs(120), "seed {seed}: {took:?}");
        town.overlay.swarm.run_s(30);
        for asker in &children[1..] {
            assert_eq!(town.overlay.find(*asker, "zebra"), [children[0]], "seed {seed}");
        }
    }
}

#[test]
fn a_supernode_at_which_nobody_answers_is_not_listed_and_hears_of_it() {
    let mut alone = Alone::ordinary(Config { force: Some(Role::Supernode), account: None, ..alice() });
    let (conn, _) = alone.greets_services();
    assert_eq!(alone.ask(conn, Service::Refused(Refusal::Unreachable)), [Service::List]);
    alone.say(conn, message(Service::Supernodes(Box::default())));
    assert!(alone.told().iter().any(|text| text.contains("cannot reach us")), "{:?}", alone.told());
    alone.advance_s(300);
    let (_, said) = alone.greets_services();
    assert!(matches!(&said[..], [Service::Announce(_)]), "it is tried again: {said:?}");
}

#[test]
fn a_supernode_that_leaves_says_so_to_the_services_and_nothing_else() {
    let mut alone = supernode(false);
    let child = alone.accept("10.0.0.5:2000".parse().unwrap());
    alone.command(Command::Leave);
    assert!(alone.is_closed(child), "everybody else is hung up on");
    let (conn, said) = alone.greets_services();
    assert_eq!(said, [Service::Retire]);
    assert!(alone.is_closed(conn));
    alone.advance_s(3_600);
    assert_eq!(alone.next_dial(), None);
}

#[test]
fn who_leaves_in_the_middle_of_an_announcement_takes_it_back() {
    let mut alone = Alone::ordinary(Config { force: Some(Role::Supernode), account: None, ..alice() });
    let (conn, said) = alone.greets_services();
    assert!(matches!(&said[..], [Service::Announce(_)]), "{said:?}");
    alone.command(Command::Leave);
    assert!(!alone.is_closed(conn));
    assert_eq!(
        alone.ask(conn, Service::Supernodes([entry("10.0.0.7:1214".parse().unwrap())].into())),
        [Service::Retire]
    );
    assert!(alone.is_closed(conn));
    alone.advance_s(3_600);
    assert_eq!(alone.next_dial(), None, "who is named is nobody's business any more");
}

#[test]
fn who_leaves_does_not_wait_for_services_that_are_gone_nor_for_nothing() {
    let mut alone = supernode(false);
    alone.command(Command::Leave);
    let (conn, _) = alone.dial_to(THEIRS).expect("the services are dialled");
    let told = alone.told().len();
    alone.hang_up(conn, CloseReason::Refused);
    alone.advance_s(3_600);
    assert_eq!(
        (alone.next_dial(), alone.told().len()),
        (None, told),
        "it is not tried again, and nobody need know"
    );
    let mut ordinary = Alone::ordinary(Config { account: None, ..alice() });
    let (conn, said) = ordinary.greets_services();
    assert_eq!(said, [Service::List]);
    ordinary.command(Command::Leave);
    assert!(ordinary.is_closed(conn), "an ordinary node has nothing to say");
}

#[test]
fn a_supernode_that_leaves_is_listed_no_longer() {
    let mut town = Town::new(7);
    let supernodes = town.supernodes(3);
    assert_eq!(town.the_services().supernodes(), 3);
    town.overlay.swarm.command(supernodes[1], Command::Leave);
    town.overlay.swarm.run_s(2);
    assert_eq!(town.the_services().supernodes(), 2);
}
