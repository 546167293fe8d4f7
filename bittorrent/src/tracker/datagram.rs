//! Reports and questions for figures in datagrams (BEP 15).
//!
//! | datagram | answer |
//! |---|---|
//! | connect | an id for that address, 16 bytes for 16 |
//! | announce with an id of that address | interval, figures, and up to `numwant` others drawn at random; or an error with a reason |
//! | scrape with an id of that address | figures of the swarms named, zeros for those that are not known |
//! | anything else | none |
//!
//! Anybody can write any sender on a datagram. So nothing but the connect is answered that does not show an id given to that address, and
//! nobody can have the tracker send more than he has sent to whomever he likes. What is not answered is not remembered either.

use std::net::SocketAddrV4;

use super::{Hands, Tracker};
use crate::wire::udp::{Ask, PEERS_TOLD_MAX, Packet, Reply};
use crate::wire::{Announce, Message};

impl Tracker {
    pub(super) fn datagram(&mut self, from: SocketAddrV4, packet: Packet, cx: Hands) {
        // Nobody answers who was not asked.
        let Packet::Ask(ask) = packet else { return };
        if self.is_leaving {
            return;
        }
        let reply = match ask {
            Ask::Connect { transaction } => {
                Reply::Connect { transaction, connection: self.proofs.give(from, cx.now()) }
            }
            Ask::Announce { connection, .. } | Ask::Scrape { connection, .. }
                if !self.proofs.honours(connection, from, cx.now()) =>
            {
                self.unproven += 1;
                return;
            }
            Ask::Announce { transaction, announce, .. } => self.reported(transaction, &announce, from, cx),
            Ask::Scrape { transaction, info_hashes, .. } => {
                let figures = |hash| self.figures(hash).unwrap_or_default();
                Reply::Scrape { transaction, entries: info_hashes.iter().map(figures).collect() }
            }
        };
        cx.send_to(from, Message::Udp(Box::new(Packet::Reply(reply))));
    }

    fn reported(&mut self, transaction: u32, announce: &Announce, from: SocketAddrV4, cx: Hands) -> Reply {
        match self.report(announce, *from.ip(), PEERS_TOLD_MAX, cx) {
            Ok(taken) => Reply::Announce {
                transaction,
                interval_s: self.interval_s(),
                leechers: taken.figures.incomplete,
                seeders: taken.figures.complete,
                peers: taken.told.iter().map(|number| self.swarms.peer(*number).address).collect(),
            },
            Err(why) => Reply::Error { transaction, text: why.into() },
        }
    }
}
