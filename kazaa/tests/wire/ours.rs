//! What our own nodes say under seal: every message there and back, lengths that lie, and no trace of what is not meant for logs.

use bytes::BytesMut;
use common::wire::{Wire, WireError};
use kazaa::ticket::{Pass, Signer, Ticket};
use kazaa::wire::*;
use tokio_util::codec::{Decoder, Encoder};

use super::{encoded, exhaust, one};

fn frame(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_be_bytes(), body].concat()
}

fn link(link: Link) -> Vec<u8> {
    encoded(Setup::LinkAcceptor, Message::Link(LinkFrame::new(link).into()))
}

#[test]
fn a_pass_survives_the_wire_and_still_proves_what_it_says() {
    let (services, user) = (Signer::from_seed(&[1; 32]), Signer::from_seed(&[2; 32]));
    let ticket = Ticket::issue(&services, "alice", user.key(), 1000);
    let pass = Box::new(Pass::new(ticket, &user, &[3; 32]));
    let hello = Link::Hello {
        version: LINK_VERSION,
        address: "198.51.100.7:1214".parse().unwrap(),
        pass: Some(pass),
        children: 300,
        free_percent: 7,
        visit: false,
    };
    let Message::Link(read) = one(Setup::LinkDialler, &link(hello.clone())) else { panic!() };
    assert_eq!(read.link, hello);
    let Link::Hello { pass: Some(pass), .. } = &read.link else { panic!() };
    assert_eq!(pass.verify(&services.key(), 999, &[3; 32]), Ok(()));
    assert!(pass.verify(&services.key(), 999, &[4; 32]).is_err());
}

#[test]
fn lengths_are_checked_before_anything_is_waited_for() {
    for (setup, max) in [
        (Setup::LinkAcceptor, LINK_BYTES_MAX),
        (Setup::LinkDialler, LINK_BYTES_MAX),
        (Setup::ServiceClient, SERVICE_BYTES_MAX),
        (Setup::ServiceServer, SERVICE_BYTES_MAX),
    ] {
        let decode =
            |length: u32| Message::codec(setup).decode(&mut BytesMut::from(&length.to_be_bytes()[..]));
        assert!(matches!(decode(max), Ok(None)), "{setup:?}");
        for length in [max + 1, u32::MAX] {
            assert!(matches!(decode(length), Err(WireError::TooLong { .. })), "{setup:?}");
        }
        // Nothing, and kinds that are not there.
        for body in [&[][..], &[0x77], &[9, 9, 9, 9, 9, 9, 9, 9]] {
            let (messages, error) = exhaust(setup, &frame(body));
            assert!(error.is_some(), "{setup:?} took {body:?}: {messages:?}");
        }
    }
    // A ping is its number and nothing else.
    let ping = link(Link::Ping);
    let (messages, error) = exhaust(Setup::LinkDialler, &frame(&[&ping[4..], &[0]].concat()));
    assert!(messages.is_empty() && matches!(error, Some(WireError::Malformed(_))));
}

/// Lists and texts of bincode begin with their length, which anybody may write.
#[test]
fn lists_that_claim_billions_cost_nothing() {
    let billions = [0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f];
    let refused = link(Link::Refused([].into()));
    // Its number, then the empty list's length.
    let bomb = [&refused[4..5], &billions].concat();
    assert!(exhaust(Setup::LinkDialler, &frame(&bomb)).1.is_some());
    let entry = NodeEntry { address: "198.51.100.7:1214".parse().unwrap(), age_min: 1, free_percent: 2 };
    // As many as there may be, and one more.
    let most = Link::Refused(vec![entry; NODES_MAX].into());
    assert!(matches!(one(Setup::LinkDialler, &link(most)), Message::Link(_)));
    let more = link(Link::Refused(vec![entry; NODES_MAX + 1].into()));
    assert!(exhaust(Setup::LinkDialler, &more).1.is_some());
    // The same with a text: a user's name of gigabytes.
    let register = encoded(
        Setup::ServiceClient,
        Message::Service(ServiceFrame::new(Service::Register(credentials("u"))).into()),
    );
    let bomb = [&register[4..5], &billions, b"u"].concat();
    assert!(exhaust(Setup::ServiceServer, &frame(&bomb)).1.is_some());
}

#[test]
fn what_is_too_long_is_not_said() {
    let long = Service::Register(credentials(&"u".repeat(10_000)));
    let frame = ServiceFrame::new(long);
    assert!(frame.wire_len() > SERVICE_BYTES_MAX);
    let said =
        Message::codec(Setup::ServiceClient).encode(Message::Service(frame.into()), &mut BytesMut::new());
    assert!(matches!(said, Err(WireError::TooLong { .. })));
}

#[test]
fn a_password_is_on_the_wire_and_not_in_a_log() {
    let frame = ServiceFrame::new(Service::Login(credentials("alice")));
    let wire = encoded(Setup::ServiceClient, Message::Service(frame.clone().into()));
    assert!(wire.windows(6).any(|window| window == b"secret"));
    assert!(!format!("{frame:?}").contains("secret"));
}

fn credentials(user: &str) -> Credentials {
    Credentials { user: user.into(), password: "secret".into(), key: Signer::from_seed(&[5; 32]).key() }
}

#[test]
fn the_sealed_conversations_are_these() {
    use common::seal::Seal::{Acceptor, Dialler};
    let (child, _) = super::keys();
    for (setup, seal) in [
        (Setup::Accepted, None),
        (Setup::Dialled, None),
        (Setup::Session(child), None),
        (Setup::Client, None),
        (Setup::Server, None),
        (Setup::SealedClient, Some(Dialler)),
        (Setup::SealedServer, Some(Acceptor)),
        (Setup::LinkDialler, Some(Dialler)),
        (Setup::LinkAcceptor, Some(Acceptor)),
        (Setup::ServiceClient, Some(Dialler)),
        (Setup::ServiceServer, Some(Acceptor)),
    ] {
        assert_eq!(<Message as Wire>::seal(setup), seal, "{setup:?}");
    }
}
