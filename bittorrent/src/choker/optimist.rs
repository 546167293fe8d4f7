//! The optimistic unchoke.

use std::time::Duration;

use common::peer::{ConnId, Time};
use rand::RngExt as _;
use rand_pcg::Pcg32;

use super::Standing;

/// Chooses by chance somebody to be served whom nothing else speaks for, and stays with the choice for a while.
#[derive(Clone, Debug)]
pub struct Optimist {
    every: Duration,
    newcomer_weight: u32,
    /// Who is served so, and since when.
    chosen: Vec<(ConnId, Time)>,
}

impl Optimist {
    /// One that changes its mind so often, and for whom somebody who came within that time counts so many times.
    pub fn new(every: Duration, newcomer_weight: u32) -> Self {
        Optimist { every, newcomer_weight, chosen: Vec::new() }
    }

    /// So many of these, who are not served for another reason; fewer if fewer are interested.
    pub fn choose(&mut self, peers: &[Standing], places: usize, now: Time, rng: &mut Pcg32) -> Vec<ConnId> {
        let may_stay = |conn: &ConnId| peers.iter().any(|peer| peer.conn == *conn && peer.is_interested);
        self.chosen.retain(|(conn, since)| now.since(*since) < self.every && may_stay(conn));
        self.chosen.truncate(places);
        while self.chosen.len() < places {
            let Some(conn) = self.draw(peers, now, rng) else { break };
            self.chosen.push((conn, now));
        }
        self.chosen.iter().map(|(conn, _)| *conn).collect()
    }

    /// One of the interested who is not chosen yet.
    fn draw(&self, peers: &[Standing], now: Time, rng: &mut Pcg32) -> Option<ConnId> {
        let weight = |peer: &Standing| match now.since(peer.since) < self.every {
            true => u64::from(self.newcomer_weight),
            false => 1,
        };
        let is_free =
            |peer: &&Standing| peer.is_interested && self.chosen.iter().all(|(conn, _)| *conn != peer.conn);
        let all: u64 = peers.iter().filter(is_free).map(weight).sum();
        if all == 0 {
            return None;
        }
        let mut drawn = rng.random_range(0..all);
        let winner = peers.iter().filter(is_free).find(|peer| match drawn.checked_sub(weight(peer)) {
            Some(left) => {
                drawn = left;
                false
            }
            None => true,
        });
        winner.map(|peer| peer.conn)
    }
}
