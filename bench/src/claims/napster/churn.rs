//! Users who come and go, and what the index still says of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use common::net::Attachment;
use common::peer::Time;
use common::sim::Config;
use common::user::{Note, Query};
use napster::peer::PeerConfig;
use napster::server::ServerConfig;
use rand_pcg::Pcg64;

use super::network::{Network, open, song};
use crate::claims::finding::{Mark, Reading, Rule};
use crate::claims::{Claim, Size, Trial};
use crate::measure::Unit;
use crate::world::{below, exponential};

/// N3.
pub(super) const UPDATED: Claim = Claim {
    id: "N3",
    sentence: "Users come and go, and the server's database is continually updated: it is wrong only for as long as the server has not noticed.",
    said_by: "lecture",
    setup: |size| {
        format!(
            "{USERS} users at a time, each with a song that every search finds; sessions exponential, until {} of them have ended; then somebody else comes at once. The protocol has no keep-alive: who is switched off is noticed when the server has sent its statistics in vain for the {PATIENCE_S} s of a connection's patience, so that theory has a delay of half the pause between statistics and those {PATIENCE_S} s. Searches come evenly",
            ends(size)
        )
    },
    varied: "the median session, 1 to 240 min; the pause between the server's statistics; whether users log off, or are switched off",
    seeds: crate::claims::HEAVY,
    trial: updated,
};

const USERS: u32 = 60;
const PATIENCE_S: u64 = 20;
/// Median sessions, minutes; that of Napster's users was some 60 (Saroiu et al. 2002, V2).
const MEDIANS_MIN: [f64; 4] = [1.0, 10.0, 60.0, 240.0];
/// Pauses between statistics, seconds; the first is that of the historical server.
const PAUSES_S: [u64; 2] = [60, 600];
/// Searches of a run.
const SEARCHES: u32 = 250;

fn ends(size: Size) -> u32 {
    size.pick(300, 600, 2_000)
}

/// Users who come and go.
struct Scene {
    network: Network,
    mean_s: f64,
    logs_off: bool,
    silence: Duration,
    /// When each goes who is there.
    sessions: BTreeSet<(Time, u32)>,
    /// When each went of whom the server has not heard yet.
    ghosts: BTreeMap<u32, Time>,
    /// Seconds until the server noticed, of all whom it did.
    noticed_s: Vec<f64>,
    rng: Pcg64,
}

impl Scene {
    fn new(trial: &Trial, mean_s: f64, pause_s: u64, logs_off: bool) -> Scene {
        let patience = Duration::from_secs(PATIENCE_S);
        let config = Config { patience, count_reach: false, ..Config::seeded(trial.seed_of(1)) };
        let server = ServerConfig { stats_every: Duration::from_secs(pause_s), ..open() };
        let mut scene = Scene {
            network: Network::new(config, server),
            mean_s,
            logs_off,
            silence: Duration::from_secs(2 * (pause_s + PATIENCE_S)),
            sessions: BTreeSet::new(),
            ghosts: BTreeMap::new(),
            noticed_s: Vec::new(),
            rng: trial.rng(2),
        };
        (0..USERS).for_each(|_| scene.comes());
        scene
    }

    fn comes(&mut self) {
        let user = self.network.add(PeerConfig::default(), Attachment::default());
        self.network.share(user, [song("a song of everybody.mp3", 4_000_000)]);
        let lasting = Duration::from_secs_f64(exponential(&mut self.rng, self.mean_s));
        self.sessions.insert((self.network.now() + lasting, user));
    }

    fn goes(&mut self, user: u32) {
        self.ghosts.insert(user, self.network.now());
        if self.logs_off {
            self.network.leave(user);
        } else {
            // Until the server must have noticed, and some more.
            self.network.silence(user, self.silence);
        }
    }

    /// Lets time pass, and people come and go.
    fn run_until(&mut self, until: Time) {
        loop {
            let (at, user) = *self.sessions.first().expect("somebody is there");
            self.watch_until(at.min(until));
            if at > until {
                return;
            }
            self.sessions.pop_first();
            self.goes(user);
            self.comes();
        }
    }

    /// Lets time pass until then. A connection that is given up ends at both sides at once: what was switched off stays off.
    fn watch_until(&mut self, until: Time) {
        while self.network.now() < until {
            // Whoever was cut off dials again some seconds after.
            let step = self.network.now() + Duration::from_secs(1);
            for (at, user, note) in self.network.run_until(step.min(until)) {
                if let (Note::Offline(_), Some(went)) = (note, self.ghosts.get(&user).copied()) {
                    self.noticed_s.push(at.since(went).as_secs_f64());
                    self.ghosts.remove(&user);
                    self.network.crash(user);
                }
            }
        }
    }

    /// Somebody who is there searches; returns how many results there are, and at how many who have gone.
    fn search(&mut self) -> (f64, f64) {
        let there: Vec<u32> = self.sessions.iter().map(|(_, user)| *user).collect();
        let user = there[below(&mut self.rng, there.len())];
        let results = self.network.search(user, Query::words("song everybody")).results;
        let holders = results.iter().filter_map(|hit| self.network.holder(hit));
        (results.len() as f64, holders.filter(|holder| self.ghosts.contains_key(holder)).count() as f64)
    }
}

/// What was seen in a run.
struct Seen {
    stale: f64,
    noticed_s: f64,
}

fn seen(trial: &Trial, mean_s: f64, pause_s: u64, logs_off: bool) -> Seen {
    let mut scene = Scene::new(trial, mean_s, pause_s, logs_off);
    // Until as many have gone unnoticed as will be on average.
    let settled = scene.network.now() + Duration::from_secs(2 * (pause_s + PATIENCE_S));
    scene.run_until(settled);
    scene.noticed_s.clear();
    let lasting_s = f64::from(ends(trial.size)) * mean_s / f64::from(USERS);
    let lasting_s = lasting_s.max(4.0 * (pause_s + PATIENCE_S) as f64);
    let (mut results, mut stale) = (0.0, 0.0);
    for number in 1..=SEARCHES {
        let part = f64::from(number) / f64::from(SEARCHES);
        scene.run_until(settled + Duration::from_secs_f64(lasting_s * part));
        let (found, gone) = scene.search();
        (results, stale) = (results + found, stale + gone);
    }
    let noticed_s = scene.noticed_s.iter().sum::<f64>() / scene.noticed_s.len().max(1) as f64;
    Seen { stale: stale / results, noticed_s }
}

fn updated(trial: &Trial) -> Vec<Reading> {
    let mut readings = Vec::new();
    for median_min in MEDIANS_MIN {
        let mean_s = 60.0 * median_min / std::f64::consts::LN_2;
        for pause_s in PAUSES_S {
            let seen = seen(trial, mean_s, pause_s, false);
            let delay_s = pause_s as f64 / 2.0 + PATIENCE_S as f64;
            let theory = delay_s / (delay_s + mean_s);
            let name = format!("sessions of {median_min} min, statistics each {pause_s} s");
            readings.extend([
                Reading::new(format!("{name}: until the server notices"), Unit::Seconds, seen.noticed_s)
                    .theory(delay_s),
                Reading::new(format!("{name}: stale results"), Unit::Share, seen.stale).theory(theory),
                Reading::new(format!("{name}: stale results by theory"), Unit::Ratio, seen.stale / theory)
                    .rule(Rule::within(0.8, 1.25, Mark::Derived)),
            ]);
        }
    }
    let shortest_s = 60.0 * MEDIANS_MIN[0] / std::f64::consts::LN_2;
    let stale = seen(trial, shortest_s, PAUSES_S[0], true).stale;
    readings.push(
        Reading::new(
            format!("sessions of {} min, all log off: stale results", MEDIANS_MIN[0]),
            Unit::Share,
            stale,
        )
        .rule(Rule::at_most(0.01, Mark::Derived)),
    );
    readings
}
