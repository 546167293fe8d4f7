//! Accounts: names, passwords, and what it costs to guess and to hoard them.

use crate::services_kit::{Alone, credentials, services_config, services_key, services_of};
use common::peer::{CloseReason, ConnId};
use common::user::Note;
use kazaa::services::{Account, Accounts, HashCost};
use kazaa::wire::{Refusal, Service};

fn register<'a>(
    accounts: &'a mut Accounts,
    name: &str,
    password: &str,
    salt: [u8; 16],
) -> Result<&'a Account, Refusal> {
    let hash = accounts.to_register(name, password, salt)?.run().expect("it has nothing to be held against");
    accounts.registered(name, &hash)
}

fn login<'a>(accounts: &'a Accounts, name: &str, password: &str) -> Result<&'a Account, Refusal> {
    let is_right = accounts.to_login(name, password).run().is_some();
    accounts.logged_in(name, is_right)
}

fn accounts() -> Accounts {
    Accounts::new(HashCost::CHEAP, 100, Vec::new())
}

#[test]
fn a_name_is_one_person_s_whatever_its_case() {
    let mut accounts = accounts();
    assert_eq!(register(&mut accounts, "Alice", "secret", [1; 16]).unwrap().name(), "Alice");
    assert_eq!(register(&mut accounts, "aLICE", "other", [2; 16]), Err(Refusal::Taken));
    assert_eq!(login(&accounts, "alice", "secret").unwrap().name(), "Alice", "as it was registered");
    for (name, password) in
        [("alice", "Secret"), ("alice", ""), ("alic", "secret"), ("", ""), ("alice", "secret ")]
    {
        assert_eq!(login(&accounts, name, password), Err(Refusal::WrongPassword), "{name} {password}");
    }
}

#[test]
fn names_and_passwords_that_cannot_be_are_refused() {
    let mut accounts = accounts();
    let (long_name, long_password) = ("x".repeat(33), "x".repeat(129));
    for (name, password) in [
        ("", "p"),
        ("two words", "p"),
        ("na\u{ef}ve", "p"),
        ("tab\t", "p"),
        (&long_name, "p"),
        ("bob", ""),
        ("bob", &long_password),
    ] {
        assert_eq!(register(&mut accounts, name, password, [0; 16]), Err(Refusal::Malformed), "{name:?}");
    }
    assert!(register(&mut accounts, &"x".repeat(32), &"\u{20ac}".repeat(42), [0; 16]).is_ok());
    assert_eq!(accounts.len(), 1);
}

#[test]
fn an_account_survives_as_a_line_that_hides_its_password() {
    let mut first = accounts();
    let line = register(&mut first, "Alice", "secret", [1; 16]).unwrap().to_line();
    assert!(
        line.starts_with("account Alice $argon2id$v=19$m=8,t=1,p=1$") && !line.contains("secret"),
        "{line}"
    );
    let known = vec![Account::from_line(&line).unwrap()];
    // Those who come back find services that by now hash at another cost.
    let dearer = HashCost { memory_kib: 16, ..HashCost::CHEAP };
    let second = Accounts::new(dearer, 100, known);
    assert!(login(&second, "ALICE", "secret").is_ok() && login(&second, "alice", "Secret").is_err());
    let other = register(&mut first, "bob", "secret", [2; 16]).unwrap().to_line();
    assert_ne!(
        other.split('$').next_back(),
        line.split('$').next_back(),
        "equal passwords do not look equal"
    );
}

#[test]
fn a_password_costs_what_is_asked_for_at_least() {
    let mut accounts = Accounts::new(HashCost::default(), 1, Vec::new());
    let line = register(&mut accounts, "alice", "secret", [1; 16]).unwrap().to_line();
    assert!(line.starts_with("account alice $argon2id$v=19$m=19456,t=2,p=1$"), "{line}");
}

#[test]
fn lines_that_are_no_accounts_are_none() {
    let hash = register(&mut accounts(), "alice", "secret", [1; 16]).unwrap().to_line();
    let hash = hash.split(' ').nth(2).unwrap();
    assert!(Account::from_line(&format!("account bob {hash}")).is_some());
    for bad in [
        String::new(),
        "account".into(),
        "account bob".into(),
        format!("account bob {hash} more"),
        format!("account  {hash}"),
        format!("user bob {hash}"),
        format!("account b\u{f6}b {hash}"),
        format!("account {} {hash}", "b".repeat(33)),
        "account bob secret".into(),
        "account bob $argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA".into(),
        format!("account bob {}", hash.replace("argon2id", "argon2d")),
        format!("account bob {}", hash.replace("argon2id", "md5")),
        format!("account bob {}", hash.replace("m=8", "m=4294967295")),
        format!("account bob {}", hash.replace("t=1", "t=4000000000")),
        format!("account bob {}", hash.replace("m=8", "m=0")),
    ] {
        assert_eq!(Account::from_line(&bad), None, "{bad}");
    }
}

#[test]
fn registration_and_login_give_a_ticket() {
    let mut services = Alone::services();
    let conn = services.client("10.0.0.2", 2);
    assert_eq!(
        services.ask(conn, Service::Login(credentials("alice", "secret"))),
        [Service::Refused(Refusal::WrongPassword)]
    );
    let answer = services.ask(conn, Service::Register(credentials("Alice", "secret")));
    let [Service::Welcome(ticket)] = &answer[..] else { panic!("{answer:?}") };
    assert_eq!((&*ticket.user, ticket.key), ("Alice", credentials("", "").key));
    let (now_s, day_s) = (1_000_000, 24 * 3600);
    assert_eq!(ticket.verify(&services_key(), now_s + day_s - 1), Ok(()));
    assert!(ticket.verify(&services_key(), now_s + day_s).is_err());

    let kept: Vec<String> = services
        .notes
        .iter()
        .filter_map(|note| match note {
            Note::Keep(line) => Some(line.to_string()),
            _ => None,
        })
        .collect();
    let [line] = &kept[..] else { panic!("{kept:?}") };
    let mut config = services_config(|_| {});
    config.accounts = vec![Account::from_line(line).unwrap()];
    let mut again = Alone::new(kazaa::node::Node::services(config));
    let conn = again.client("10.0.0.2", 2);
    assert!(matches!(
        &again.ask(conn, Service::Login(credentials("ALICE", "secret")))[..],
        [Service::Welcome(_)]
    ));
}

fn registers(services: &mut Alone, ip: &str, user: &str) -> ConnId {
    let conn = services.client(ip, 2);
    assert_eq!(
        services.ask(conn, Service::Register(credentials(user, "secret"))),
        [],
        "a hash takes its time"
    );
    conn
}

#[test]
fn while_a_password_is_hashed_others_are_served_and_who_waits_has_to_be_silent() {
    let mut services = Alone::services();
    services.holds_works = true;
    let [alice, bob] =
        [("10.0.0.2", "alice"), ("10.0.0.3", "bob")].map(|(ip, user)| registers(&mut services, ip, user));
    assert!(services.told_supernodes().is_empty());
    assert_eq!(services.ask(bob, Service::List), []);
    assert!(services.is_closed(bob));
    // However long the machine takes for it.
    services.advance_s(100);
    services.do_works();
    assert!(matches!(&services_of(services.heard(alice))[..], [Service::Welcome(_)]));
    assert_eq!(services.the_services().accounts(), 1, "nobody has an account that nobody was told of");
}

#[test]
fn of_two_who_take_a_name_at_the_same_moment_one_gets_it() {
    let mut services = Alone::services();
    services.holds_works = true;
    let [first, second] = ["10.0.0.2", "10.0.0.3"].map(|ip| registers(&mut services, ip, "alice"));
    services.do_works();
    assert!(matches!(&services_of(services.heard(first))[..], [Service::Welcome(_)]));
    assert_eq!(services_of(services.heard(second)), [Service::Refused(Refusal::Taken)]);
}

#[test]
fn where_too_much_is_computed_a_login_is_refused_and_may_come_again() {
    let mut services = Alone::services();
    services.holds_works = true;
    let alice = registers(&mut services, "10.0.0.2", "alice");
    services.refuse_works();
    assert_eq!(services_of(services.heard(alice)), [Service::Refused(Refusal::Busy)]);
    services.holds_works = false;
    let answer = services.ask(alice, Service::Register(credentials("alice", "secret")));
    assert!(matches!(&answer[..], [Service::Welcome(_)]), "{answer:?}");
}

#[test]
fn one_address_cannot_guess_a_password() {
    let mut services = Alone::services();
    let alice = services.client("10.0.0.2", 2);
    services.ask(alice, Service::Register(credentials("alice", "secret")));
    let (mut wrong, mut busy) = (0, 0);
    // An hour of guesses, ten a second, on as many connections as it takes.
    for second in 0..3_600 {
        let conn = services.client("10.0.0.66", 66);
        for guess in 0..10 {
            match &services.ask(conn, Service::Login(credentials("alice", &format!("{second} {guess}"))))[..]
            {
                [Service::Refused(Refusal::WrongPassword)] => wrong += 1,
                [Service::Refused(Refusal::Busy)] => busy += 1,
                other => panic!("{other:?}"),
            }
        }
        services.hang_up(conn, CloseReason::Remote);
        services.advance_s(1);
    }
    // Shut out for 1, 2, 4, … minutes, five guesses in between.
    assert_eq!((wrong, busy), (30, 36_000 - 30));
    let conn = services.client("10.0.0.66", 66);
    assert_eq!(
        services.ask(conn, Service::Login(credentials("alice", "secret"))),
        [Service::Refused(Refusal::Busy)]
    );
    let conn = services.client("10.0.0.3", 3);
    assert!(matches!(
        &services.ask(conn, Service::Login(credentials("alice", "secret")))[..],
        [Service::Welcome(_)]
    ));
}

#[test]
fn an_own_account_does_not_help_to_guess_at_others() {
    let mut services = Alone::services();
    let conn = services.client("10.0.0.2", 2);
    services.ask(conn, Service::Register(credentials("alice", "secret")));
    let mut conn = services.client("10.0.0.66", 66);
    services.ask(conn, Service::Register(credentials("mallory", "mine")));
    let mut wrong = 0;
    for round in 0..100 {
        if round % 8 == 0 {
            services.hang_up(conn, CloseReason::Remote);
            conn = services.client("10.0.0.66", 66);
        }
        services.ask(conn, Service::Login(credentials("mallory", "mine")));
        let answer = services.ask(conn, Service::Login(credentials("alice", "guess")));
        wrong += usize::from(answer == [Service::Refused(Refusal::WrongPassword)]);
    }
    assert_eq!(wrong, 4, "five attempts, one of them the registration");
}

#[test]
fn a_flood_of_registrations_is_borne() {
    let mut services = Alone::services_with(|knobs| {
        (knobs.hashes_per_s, knobs.accounts_max, knobs.addresses_max) = (50, 120, 1_000);
    });
    let mut welcome = 0;
    for second in 0..5 {
        for client in 0..1_000 {
            let ip = format!("10.{second}.{}.{}", client / 250, 1 + client % 250);
            let conn = services.client(&ip, 6);
            let answer =
                services.ask(conn, Service::Register(credentials(&format!("bot{second}-{client}"), "p")));
            welcome += usize::from(matches!(&answer[..], [Service::Welcome(_)]));
            services.hang_up(conn, CloseReason::Remote);
        }
        services.advance_s(1);
    }
    assert_eq!((welcome, services.the_services().accounts()), (120, 120), "50 a second, then no room");
    assert_eq!(services.the_services().addresses(), 1_000);
    // Who is a user already is not kept out by it for longer than that.
    let conn = services.client("10.77.0.1", 7);
    assert!(matches!(
        &services.ask(conn, Service::Login(credentials("bot0-0", "p")))[..],
        [Service::Welcome(_)]
    ));
}
