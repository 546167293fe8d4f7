//! What a swarm is about, and who comes.

use std::sync::Arc;
use std::time::Duration;

use bittorrent::config::Knobs;
use rand_pcg::Pcg64;

use super::ANNOUNCE_FEW;
use crate::claims::draw::Weighted;
use crate::world::{below, exponential};

/// The usual piece, bytes.
pub const PIECE: u32 = 256 * 1024;

/// A line, in kilobits per second.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Class {
    /// Towards the peer.
    pub down_kbps: u32,
    /// From it.
    pub up_kbps: u32,
}

/// Everybody's line in a homogeneous swarm (set C of the workload models).
pub const DSL: Class = Class { down_kbps: 1_500, up_kbps: 400 };

/// Four classes, fitted to what was measured of Gnutella's peers (set A): share by share.
pub const MIX_A: [(Class, f64); 4] = [
    (Class { down_kbps: 784, up_kbps: 128 }, 0.20),
    (DSL, 0.40),
    (Class { down_kbps: 3_000, up_kbps: 1_000 }, 0.25),
    (Class { down_kbps: 10_000, up_kbps: 5_000 }, 0.15),
];

/// Three classes, those of the heterogeneity runs (set B).
pub const MIX_B: [(Class, f64); 3] = [
    (Class { down_kbps: 6_000, up_kbps: 3_000 }, 0.33),
    (DSL, 0.33),
    (Class { down_kbps: 784, up_kbps: 128 }, 0.34),
];

/// A line with as much up as down.
pub const fn both(kbps: u32) -> Class {
    Class { down_kbps: kbps, up_kbps: kbps }
}

/// Five classes from modems to a campus, after what was measured of Napster's and Gnutella's users (set D).
pub const MIX_D: [(Class, f64); 5] = [
    (both(56), 0.20),
    (Class { down_kbps: 784, up_kbps: 128 }, 0.25),
    (DSL, 0.25),
    (Class { down_kbps: 6_000, up_kbps: 3_000 }, 0.20),
    (both(100_000), 0.10),
];

/// What a swarm is about, and who begins it.
#[derive(Clone)]
pub struct Plan {
    /// Pieces of the content.
    pub pieces: u32,
    /// Bytes of each.
    pub piece_bytes: u32,
    /// The origin's line up.
    pub origin_kbps: u32,
    /// The origin shows each peer one piece at a time.
    pub smart: bool,
    /// Peers that the origin serves at a time; `None`: as many as everybody does.
    pub origin_places: Option<usize>,
    /// The origin leaves when it has sent so many copies.
    pub copies_max: Option<f64>,
    /// Peers that the tracker tells of, and that somebody dials; the set may be twice as large.
    pub handout: u32,
    /// Who has fewer than 20 others asks the tracker for more after five minutes, as mainline's clients do. Otherwise who has two fewer than
    /// it was told of does so after half a minute: OctoSim's ask at once.
    pub patient: bool,
    /// What everybody's peer is set to.
    pub knobs: Knobs,
}

/// What somebody has who comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Has {
    /// So many pieces, drawn by lot.
    Any(u32),
    /// All pieces but the first.
    AllButOne,
}

/// Somebody who comes.
#[derive(Clone)]
pub struct Person {
    /// When, after the first could have come.
    pub at: Duration,
    /// The line.
    pub class: Class,
    /// What is there already.
    pub has: Has,
    /// How long somebody stays who is done; `None`: for ever.
    pub stays: Option<Duration>,
    /// How long somebody waits who is not.
    pub patience: Option<Duration>,
    /// Cannot be dialled.
    pub firewalled: bool,
    /// Knobs other than the plan's.
    pub knobs: Option<Arc<Knobs>>,
}

impl Plan {
    /// The flash crowd's content and origin, with so many pieces of the paper's 400.
    pub fn flash(pieces: u32) -> Plan {
        Plan {
            pieces,
            piece_bytes: PIECE,
            origin_kbps: 6_000,
            smart: true,
            origin_places: None,
            copies_max: None,
            handout: 40,
            patient: false,
            knobs: Knobs { random_first: 1, fast: false, exchange: false, ..Knobs::default() },
        }
    }

    /// The same with other knobs.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Knobs)) -> Plan {
        change(&mut self.knobs);
        self
    }

    /// Bytes of the content.
    pub fn bytes(&self) -> u64 {
        u64::from(self.pieces) * u64::from(self.piece_bytes)
    }

    /// Knobs of a member of the swarm.
    pub(super) fn of_members(&self, own: Option<&Knobs>) -> Knobs {
        let (handout, own) = (self.handout as usize, own.unwrap_or(&self.knobs).clone());
        let (peers_min, announce_few) = match self.patient {
            true => (own.peers_min, own.announce_few),
            false => (handout.saturating_sub(2), ANNOUNCE_FEW),
        };
        Knobs {
            numwant: self.handout,
            initiate_max: handout,
            peers_max: 2 * handout,
            peers_min,
            announce_few,
            ..own
        }
    }
}

impl Person {
    /// Somebody with nothing who leaves when done.
    pub fn new(at: Duration, class: Class) -> Person {
        Person {
            at,
            class,
            has: Has::Any(0),
            stays: Some(Duration::ZERO),
            patience: None,
            firewalled: false,
            knobs: None,
        }
    }
}

/// So many people with one line, a hundred in a second.
pub fn crowd(people: u32, class: Class) -> Vec<Person> {
    (0..people).map(|at| Person::new(Duration::from_millis(u64::from(at) * 10), class)).collect()
}

/// So many people with lines of a mix, in a random order, a hundred in a second.
pub fn mixed(people: u32, mix: &[(Class, f64)], rng: &mut Pcg64) -> Vec<Person> {
    let classes = Weighted::new(mix.iter().map(|(_, share)| *share));
    let class = |person: Person, rng: &mut Pcg64| Person { class: mix[classes.draw(rng)].0, ..person };
    crowd(people, DSL).into_iter().map(|person| class(person, rng)).collect()
}

/// People who come by Poisson's law, so many in a second on average, for so long.
pub fn poisson(per_s: f64, lasting: Duration, class: Class, rng: &mut Pcg64) -> Vec<Person> {
    let mut at_s = 0.0;
    let next = || {
        at_s += exponential(rng, 1.0 / per_s);
        Some(Duration::from_secs_f64(at_s)).filter(|at| *at < lasting)
    };
    std::iter::from_fn(next).map(|at| Person::new(at, class)).collect()
}

/// So many people who are there at the beginning, each with a random part of the content: a swarm that has been there for long.
pub fn settled(people: u32, pieces: u32, class: Class, rng: &mut Pcg64) -> Vec<Person> {
    let has = |rng: &mut Pcg64| Has::Any(below(rng, pieces as usize) as u32);
    (0..people).map(|_| Person { has: has(rng), ..Person::new(Duration::ZERO, class) }).collect()
}
