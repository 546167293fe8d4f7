//! Questions to UDP trackers (BEP 15), asked until they are answered or given up.
//!
//! | state of a question | event | then |
//! |---|---|---|
//! | connecting | a connection id | asking |
//! | asking | its answer, or the tracker's refusal | done |
//! | either | no answer in 15 · 2^n seconds, for the nth time | asked again: connecting, if it has no id that is younger than a minute |
//! | either | no answer to the last try | given up |
//!
//! Who has been given an id uses it for whatever it asks that tracker within the minute. An answer counts if it comes from where the
//! question went and names its transaction, a number drawn at random: whoever cannot see the question can hardly answer in
//! the tracker's name.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::time::Duration;

use common::peer::{Cx, Time};
use rand::RngExt as _;

use crate::node::{Node, Timer};
use crate::wire::udp::{Ask, Packet, Reply};
use crate::wire::{Announce, InfoHash, Message};

type Hands<'a, 'b> = &'a mut Cx<'b, Node>;

/// How long a client may use a connection id (BEP 15).
const ID_LIFETIME: Duration = Duration::from_secs(60);
/// The first time-out is doubled so often at most (BEP 15: n up to 8).
const DOUBLINGS_MAX: u32 = 8;

/// How often, and when, a question is asked again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retry {
    /// How long the first try waits for an answer; each further one waits twice as long as the one before.
    pub(crate) first: Duration,
    /// Tries until it is given up.
    pub(crate) tries: u32,
    /// The timer that says that a question has waited, by its transaction.
    pub(crate) timer: fn(u32) -> Timer,
}

/// What a tracker is asked.
#[derive(Clone, Debug)]
pub(crate) enum Question {
    /// To take a report, and to name others.
    Announce(Box<Announce>),
    /// For figures of these swarms.
    Scrape(Vec<InfoHash>),
}

/// All questions under way; each is for something, `P`.
#[derive(Debug)]
pub(crate) struct UdpClient<P> {
    retry: Retry,
    /// By transaction.
    asked: BTreeMap<u32, Asked<P>>,
    /// Connection ids, and when they came. Those that are over are forgotten when the next one comes.
    ids: BTreeMap<SocketAddrV4, (u64, Time)>,
}

#[derive(Debug)]
struct Asked<P> {
    to: SocketAddrV4,
    question: Question,
    purpose: P,
    /// Tries without an answer.
    failed: u32,
    /// It waits for a connection id; else it has been asked with one.
    awaits_id: bool,
    /// When it is asked again.
    due: Time,
}

impl<P> UdpClient<P> {
    pub(crate) fn new(retry: Retry) -> Self {
        UdpClient { retry, asked: BTreeMap::new(), ids: BTreeMap::new() }
    }

    /// Asks.
    pub(crate) fn ask(&mut self, to: SocketAddrV4, question: Question, purpose: P, cx: Hands) {
        let transaction = loop {
            let drawn = cx.rng().random();
            if !self.asked.contains_key(&drawn) {
                break drawn;
            }
        };
        let asked = Asked { to, question, purpose, failed: 0, awaits_id: true, due: cx.now() };
        self.asked.insert(transaction, asked);
        self.send(transaction, cx);
    }

    /// Something has come from a tracker; what it means for which purpose, if it is an answer that was waited for.
    pub(crate) fn heard(&mut self, from: SocketAddrV4, reply: Reply, cx: Hands) -> Option<(P, Reply)> {
        let transaction = reply.transaction();
        let asked = self.asked.get(&transaction).filter(|asked| asked.to == from)?;
        match (&reply, &asked.question) {
            (Reply::Connect { connection, .. }, _) if asked.awaits_id => {
                self.ids.retain(|_, (_, since)| cx.now().since(*since) < ID_LIFETIME);
                self.ids.insert(from, (*connection, cx.now()));
                self.send(transaction, cx);
                return None;
            }
            // It may be the id that it does not like.
            (Reply::Error { .. }, _) => {
                self.ids.remove(&from);
            }
            // Also if it is late, and the next try under way.
            (Reply::Announce { .. }, Question::Announce(_)) | (Reply::Scrape { .. }, Question::Scrape(_)) => {
            }
            _ => return None,
        }
        self.asked.remove(&transaction).map(|asked| (asked.purpose, reply))
    }

    /// How many questions are under way.
    pub(crate) fn len(&self) -> usize {
        self.asked.len()
    }

    /// A question has waited, unless the timer is one that was overtaken; what it was for, if it is given up.
    pub(crate) fn due(&mut self, transaction: u32, cx: Hands) -> Option<P> {
        let asked = self.asked.get_mut(&transaction).filter(|asked| asked.due <= cx.now())?;
        asked.failed += 1;
        if asked.failed >= self.retry.tries {
            return self.asked.remove(&transaction).map(|asked| asked.purpose);
        }
        self.send(transaction, cx);
        None
    }

    /// Sends a question, or first asks for what it needs.
    fn send(&mut self, transaction: u32, cx: Hands) {
        let Some(asked) = self.asked.get_mut(&transaction) else { return };
        let id = self.ids.get(&asked.to).filter(|(_, since)| cx.now().since(*since) < ID_LIFETIME);
        let ask = match (id, &asked.question) {
            (None, _) => Ask::Connect { transaction },
            (Some((connection, _)), Question::Announce(announce)) => {
                Ask::Announce { connection: *connection, transaction, announce: announce.clone() }
            }
            (Some((connection, _)), Question::Scrape(info_hashes)) => {
                Ask::Scrape { connection: *connection, transaction, info_hashes: info_hashes.clone() }
            }
        };
        asked.awaits_id = id.is_none();
        cx.send_to(asked.to, Message::Udp(Box::new(Packet::Ask(ask))));
        let wait = self.retry.first.saturating_mul(1 << asked.failed.min(DOUBLINGS_MAX));
        asked.due = cx.now() + wait;
        cx.wake(wait, (self.retry.timer)(transaction));
    }
}
