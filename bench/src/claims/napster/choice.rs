//! Which of several answers is taken.

use std::sync::Arc;
use std::time::Duration;

use common::net::{Attachment, Line};
use common::sim::Config;
use common::user::{Hit, Query};
use napster::peer::PeerConfig;
use napster::selection::Selection;
use rand_pcg::Pcg64;

use super::network::{Network, open, song};
use crate::claims::bittorrent::swarm::{Class, DSL, MIX_D};
use crate::claims::draw::{Weighted, sample};
use crate::claims::finding::{Mark, Reading, Rule, mean};
use crate::claims::{Claim, Size, Trial};
use crate::measure::Unit;
use crate::overlays::napster::link_class;
use crate::scale::distant;
use crate::world::unit;

/// N4.
pub(super) const PING: Claim = Claim {
    id: "N4",
    sentence: "The best of several answers is the one whose holder answers a ping first.",
    said_by: "lecture",
    setup: |size| {
        format!(
            "{HOLDERS} holders of a song of {SONG_BYTES} bytes on five classes of lines (56 to 100,000 kbit/s up), round trips log-normal with a median of 140 ms whatever the line; of those who claim 64 kbit/s or less 30 % have more (Saroiu et al. 2002, V2); {} people on lines of 1,500/400 choose among the same {CANDIDATES} answers each. The measured rate is that of {PROBE_BYTES} bytes that each had of all {CANDIDATES} before. It holds if pings save a tenth of what chance takes. The lines up decide, and a ping does not see them where round trips know nothing of lines: it does where slow lines also answer later, as modems did, here by {MODEM_MS} ms one way. Claims that are too low mislead little, since whoever claims a fast line has one",
            people(size)
        )
    },
    varied: "by what the holder is chosen; whether people download one by one or all at once; whether slow lines answer later",
    // One download in five takes many times as long as the others, so that a mean needs many.
    seeds: |size| size.pick(16, 16, 20),
    trial: ping,
};

const HOLDERS: u32 = 300;
const CANDIDATES: usize = 5;
const SONG_BYTES: u64 = 400_000;
const PROBE_BYTES: u64 = 32_768;
/// Of those who claim a line of at most this, so many have a faster one.
const CLAIMED_SLOW_BPS: u64 = 64_000;
const UNDERSTATED: f64 = 0.3;
/// What a modem adds to the way of a message.
const MODEM_MS: u64 = 100;

fn people(size: Size) -> u32 {
    size.pick(200, 300, 500)
}

/// By what a holder is chosen.
#[derive(Clone, Copy, PartialEq)]
enum By {
    Ping,
    Chance,
    Claim,
    Rate,
    Line,
}

const WAYS: [(&str, By); 5] = [
    ("ping", By::Ping),
    ("chance", By::Chance),
    ("claimed line", By::Claim),
    ("measured rate", By::Rate),
    ("true line", By::Line),
];

/// Somebody, and the answers to choose among.
type Offer = (u32, Vec<Arc<Hit>>);

/// A holder of the song.
struct Holder {
    line: Line,
    speed: u32,
}

/// Holders with their lines, and who may choose among whom: the same for each way to choose.
struct Scene {
    holders: Vec<Holder>,
    /// The line of each person, and the numbers of the holders.
    people: Vec<(Line, Vec<u32>)>,
}

fn line(class: Class, delay: Duration) -> Line {
    Line::kbps(class.down_kbps.into(), class.up_kbps.into(), delay)
}

impl Scene {
    fn new(trial: &Trial, modems_answer_later: bool) -> Scene {
        let mut rng = trial.rng(2);
        let classes = Weighted::new(MIX_D.iter().map(|(_, share)| *share));
        let is_slow = |class: Class| u64::from(class.up_kbps) * 1_000 <= CLAIMED_SLOW_BPS;
        let slow: f64 = MIX_D.iter().filter(|(class, _)| is_slow(*class)).map(|(_, share)| share).sum();
        // So many of the others that of all who claim little so many have more.
        let understates = slow * UNDERSTATED / (1.0 - UNDERSTATED) / (1.0 - slow);
        let holder = |rng: &mut Pcg64| {
            let class = MIX_D[classes.draw(rng)].0;
            let modem =
                Duration::from_millis(if is_slow(class) && modems_answer_later { MODEM_MS } else { 0 });
            let line = line(class, distant(rng).line.delay + modem);
            let claimed =
                if unit(rng) < understates { CLAIMED_SLOW_BPS } else { u64::from(class.up_kbps) * 1_000 };
            Holder { line, speed: link_class(claimed) }
        };
        let holders = (0..HOLDERS).map(|_| holder(&mut rng)).collect();
        let person = |rng: &mut Pcg64| (line(DSL, distant(rng).line.delay), sample(HOLDERS, CANDIDATES, rng));
        let people = (0..people(trial.size)).map(|_| person(&mut rng)).collect();
        Scene { holders, people }
    }

    /// The network, and what each person is offered.
    fn network(&self, trial: &Trial, by: By) -> (Network, Vec<Offer>) {
        // All latency is the lines'.
        let config =
            Config { core_delay: Duration::ZERO, count_reach: false, ..Config::seeded(trial.seed_of(1)) };
        let mut network = Network::new(config, open());
        let selection = match by {
            By::Ping => Selection::Ping { probes: CANDIDATES as u8 },
            By::Chance => Selection::Random,
            By::Claim => Selection::ClaimedSpeed,
            By::Rate | By::Line => Selection::First,
        };
        let attached = |line: Line| Attachment { line, firewalled: false };
        for holder in &self.holders {
            let config = PeerConfig { speed: holder.speed, ..PeerConfig::default() };
            let node = network.add(config, attached(holder.line));
            network.share(node, [song("the song.mp3", SONG_BYTES), song("a sample.mp3", PROBE_BYTES)]);
        }
        let people: Vec<u32> = self
            .people
            .iter()
            .map(|(line, _)| network.add(PeerConfig { selection, ..PeerConfig::default() }, attached(*line)))
            .collect();
        network.run_for(Duration::from_secs(60));
        // Everybody is told the same.
        let songs = hits(&mut network, people[0], "song");
        let samples = hits(&mut network, people[0], "sample");
        let of = |hits: &[Arc<Hit>], candidates: &[u32]| -> Vec<Arc<Hit>> {
            candidates.iter().map(|candidate| Arc::clone(&hits[*candidate as usize])).collect()
        };
        let offer = |(node, (_, candidates)): (u32, &(Line, Vec<u32>))| {
            let offered = of(&songs, candidates);
            let offered = match by {
                By::Rate => by_rate(&mut network, node, of(&samples, candidates), &offered),
                By::Line => self.by_line(candidates, &offered),
                By::Ping | By::Chance | By::Claim => offered,
            };
            (node, offered)
        };
        let offers = people.into_iter().zip(&self.people).map(offer).collect();
        (network, offers)
    }

    /// The candidates, the one first that can send most.
    fn by_line(&self, candidates: &[u32], offered: &[Arc<Hit>]) -> Vec<Arc<Hit>> {
        let mut both: Vec<(&u32, &Arc<Hit>)> = candidates.iter().zip(offered).collect();
        both.sort_by_key(|(candidate, _)| std::cmp::Reverse(self.holders[**candidate as usize].line.up_bps));
        both.into_iter().map(|(_, hit)| Arc::clone(hit)).collect()
    }
}

/// What each holder has of that name, in their order.
fn hits(network: &mut Network, node: u32, words: &str) -> Vec<Arc<Hit>> {
    let mut found = network.search(node, Query::words(words)).results;
    found.sort_by_key(|hit| network.holder(hit));
    assert_eq!(found.len(), HOLDERS as usize, "the server knows everybody");
    found
}

/// The candidates, the one first of whom a sample came soonest.
fn by_rate(network: &mut Network, node: u32, samples: Vec<Arc<Hit>>, offered: &[Arc<Hit>]) -> Vec<Arc<Hit>> {
    let mut timed: Vec<(f64, &Arc<Hit>)> = Vec::new();
    for (sample, hit) in samples.into_iter().zip(offered) {
        let fetch = network.fetch(node, vec![sample]);
        timed.push((network.finish(&[fetch])[0].unwrap_or(f64::INFINITY), hit));
    }
    timed.sort_by(|a, b| a.0.total_cmp(&b.0));
    timed.into_iter().map(|(_, hit)| Arc::clone(hit)).collect()
}

/// The mean time of a download, one by one or all at once.
fn mean_s(trial: &Trial, scene: &Scene, by: By, at_once: bool) -> f64 {
    let (mut network, offers) = scene.network(trial, by);
    let begin = |(node, offered): Offer, network: &mut Network| network.fetch(node, offered);
    let took: Vec<Option<f64>> = if at_once {
        let fetches: Vec<_> = offers.into_iter().map(|offer| begin(offer, &mut network)).collect();
        network.finish(&fetches)
    } else {
        let one = |offer| {
            let fetch = begin(offer, &mut network);
            network.finish(&[fetch])[0]
        };
        offers.into_iter().map(one).collect()
    };
    let took: Vec<f64> = took.into_iter().flatten().collect();
    mean(&took)
}

fn ping(trial: &Trial) -> Vec<Reading> {
    let usual = Scene::new(trial, false);
    let mut readings = Vec::new();
    let one_by_one = WAYS.map(|(_, by)| mean_s(trial, &usual, by, false));
    let all_at_once = WAYS.map(|(_, by)| mean_s(trial, &usual, by, true));
    for (times, how) in [(one_by_one, "one by one"), (all_at_once, "all at once")] {
        for ((name, _), time) in WAYS.iter().zip(times) {
            readings.push(Reading::new(format!("{how}: mean time, by {name}"), Unit::Seconds, time));
        }
        for (at, (name, by)) in WAYS.iter().enumerate().filter(|(_, (_, by))| *by != By::Chance) {
            let ratio = Reading::new(
                format!("{how}: mean time, by {name} by that by chance"),
                Unit::Ratio,
                times[at] / times[1],
            );
            let is_judged = *by == By::Ping && how == "one by one";
            readings.push(if is_judged { ratio.rule(Rule::at_most(0.9, Mark::Derived)) } else { ratio });
        }
    }
    readings.push(Reading::new(
        "one by one: mean time, by claimed line by that by true line",
        Unit::Ratio,
        one_by_one[2] / one_by_one[4],
    ));
    let later = Scene::new(trial, true);
    let [pinged, drawn] = [By::Ping, By::Chance].map(|by| mean_s(trial, &later, by, false));
    readings.push(Reading::new(
        "slow lines answer later: mean time, by ping by that by chance",
        Unit::Ratio,
        pinged / drawn,
    ));
    readings
}
