//! Tickets: whoever shows one must be who it says, to whoever asks, now.

use std::net::SocketAddrV4;

use kazaa::ticket::{Pass, Signer, Ticket, TicketError, VerifyingKey, is_user_name};

const NOW_S: u64 = 1_700_000_000;

fn signer(number: u8) -> Signer {
    Signer::from_seed(&[number; 32])
}

fn at(text: &str) -> SocketAddrV4 {
    text.parse().unwrap()
}

/// Alice's, from the services with key 1; her key is number 2.
fn ticket() -> Ticket {
    Ticket::issue(&signer(1), "alice", signer(2).key(), NOW_S + 100)
}

#[test]
fn a_ticket_holds_until_it_expires_and_with_its_services_alone() {
    let (ticket, services) = (ticket(), signer(1).key());
    assert_eq!(ticket.verify(&services, NOW_S), Ok(()));
    assert_eq!(ticket.verify(&services, NOW_S + 99), Ok(()));
    assert_eq!(ticket.verify(&services, NOW_S + 100), Err(TicketError::Expired));
    assert_eq!(ticket.verify(&signer(3).key(), NOW_S), Err(TicketError::Forged));
}

#[test]
fn nothing_of_a_ticket_can_be_changed() {
    let services = signer(1).key();
    let forged = |change: &dyn Fn(&mut Ticket)| {
        let mut ticket = ticket();
        change(&mut ticket);
        ticket.verify(&services, NOW_S)
    };
    assert_eq!(forged(&|ticket| ticket.user = "alicf".into()), Err(TicketError::Forged));
    assert_eq!(forged(&|ticket| ticket.user = "alice\0".into()), Err(TicketError::Forged));
    assert_eq!(forged(&|ticket| ticket.user = "".into()), Err(TicketError::Forged));
    assert_eq!(forged(&|ticket| ticket.expires_s += 1), Err(TicketError::Forged));
    for byte in 0..32 {
        assert_eq!(forged(&|ticket| ticket.key.0[byte] ^= 1), Err(TicketError::Forged));
    }
    for byte in 0..64 {
        assert_eq!(forged(&|ticket| ticket.signature[byte] ^= 1), Err(TicketError::Forged));
    }
}

#[test]
fn a_name_that_cannot_be_is_not_let_in_even_if_it_was_signed() {
    let long = "x".repeat(33);
    for name in ["", "two words", "na\u{ef}ve", "line\n", &long] {
        assert!(!is_user_name(name));
        let ticket = Ticket::issue(&signer(1), name, signer(2).key(), NOW_S + 100);
        assert_eq!(ticket.verify(&signer(1).key(), NOW_S), Err(TicketError::Forged), "{name:?}");
    }
}

#[test]
fn a_session_s_proof_is_worth_nothing_elsewhere() {
    let (alice, ticket, challenge) = (signer(2), ticket(), [5; 16]);
    let supernode = at("203.0.113.5:1214");
    let proof = ticket.prove_session(&alice, &challenge, supernode);
    assert_eq!(ticket.verify_session(&challenge, supernode, &proof), Ok(()));
    let unproved = Err(TicketError::Unproved);
    // Recorded, and shown to the same supernode in another session.
    assert_eq!(ticket.verify_session(&[6; 16], supernode, &proof), unproved);
    // Got from the child by a supernode that hands on another's challenge.
    assert_eq!(ticket.verify_session(&challenge, at("203.0.113.5:1215"), &proof), unproved);
    assert_eq!(ticket.verify_session(&challenge, at("203.0.113.6:1214"), &proof), unproved);
    // Made by somebody else who has seen the ticket.
    let by_mallory = ticket.prove_session(&signer(3), &challenge, supernode);
    assert_eq!(ticket.verify_session(&challenge, supernode, &by_mallory), unproved);
    // Alice's own, beside a ticket in which Mallory had her key put to his name.
    let swapped = Ticket::issue(&signer(1), "mallory", alice.key(), NOW_S + 100);
    assert_eq!(swapped.verify(&signer(1).key(), NOW_S), Ok(()));
    assert_eq!(swapped.verify_session(&challenge, supernode, &proof), unproved);
    // A signature of hers for another purpose.
    assert_eq!(ticket.verify_session(&challenge, supernode, &alice.own_seal(&[5; 32])), unproved);
}

#[test]
fn a_pass_belongs_to_one_end_of_one_seal() {
    let (services, seal) = (signer(1).key(), [8; 32]);
    let pass = Pass::new(ticket(), &signer(2), &seal);
    assert_eq!(pass.verify(&services, NOW_S, &seal), Ok(()));
    assert_eq!(
        pass.verify(&services, NOW_S, &[9; 32]),
        Err(TicketError::Unproved),
        "seen, and shown by another"
    );
    assert_eq!(pass.verify(&services, NOW_S + 100, &seal), Err(TicketError::Expired));
    assert_eq!(pass.verify(&signer(3).key(), NOW_S, &seal), Err(TicketError::Forged));
    let stolen = Pass::new(ticket(), &signer(3), &seal);
    assert_eq!(stolen.verify(&services, NOW_S, &seal), Err(TicketError::Unproved));
}

#[test]
fn keys_that_fit_every_text_sign_nothing() {
    // The neutral element and points of small order: with them a signature of zeros fits some texts.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    for key in [[0; 32], neutral, [0xff; 32]] {
        for first in [0, 1] {
            let mut signature = [0; 64];
            signature[0] = first;
            for challenge in 0..64 {
                assert!(!VerifyingKey(key).owns_seal(&[challenge; 32], &signature));
            }
        }
    }
}
