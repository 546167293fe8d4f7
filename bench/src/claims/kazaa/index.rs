//! What a supernode keeps for its children.

use std::sync::Arc;
use std::time::Duration;

use common::catalog::{Catalog, CatalogConfig, Placement, PlacementConfig};
use common::peer::Time;
use common::sim::Config;
use rand_pcg::Pcg64;

use super::network::{Member, Network, clusters, fixed};
use crate::claims::finding::{Mark, Reading, Rule};
use crate::claims::{Claim, Size, Trial};
use crate::measure::Unit;
use crate::world::exponential;
use kazaa::config::{Knobs, Role};

/// K4.
pub(super) const INDEX: Claim = Claim {
    id: "K4",
    sentence: "A supernode is a mini-Napster for its children: its index and the changes of it grow with them.",
    said_by: "lecture",
    setup: |size| {
        format!(
            "one supernode; {FILES_MEAN} files a child on average, log-normal with sigma 1; sessions exponential with a mean of {} min (the median of Napster and Gnutella, V2), each user who goes is followed by another; watched for {} h",
            SESSION.as_secs() / 60,
            watched(size).as_secs() / 3_600
        )
    },
    varied: "the number of children",
    seeds: crate::claims::HEAVY,
    trial: index,
};

const FILES_MEAN: f64 = 30.0;
const SESSION: Duration = Duration::from_secs(3_600);
const CLUSTERS: [u32; 5] = [10, 30, 100, 200, 500];

fn watched(size: Size) -> Duration {
    Duration::from_secs(size.pick(4, 8, 24) * 3_600)
}

/// What children of a supernode make it keep and hear.
struct Kept {
    records: f64,
    /// Files told in an hour.
    told: f64,
    /// Bytes of all that comes to the supernode in an hour.
    bytes: f64,
    /// The mean number of files of those who came.
    files_mean: f64,
}

fn kept(trial: &Trial, children: u32, placement: &Placement, catalog: &Catalog) -> Kept {
    let knobs = Arc::new(fixed());
    let mut network = clusters(Config::seeded(trial.seed_of(1)), 1, children, |_| Arc::clone(&knobs));
    let mut users = 0..placement.peers();
    let mut files = 0;
    let mut arrives = |network: &mut Network, node: u32| {
        let user = users.next().expect("there are as many users as will come");
        let titles = placement.titles(user);
        files += titles.len();
        network.share(node, titles.iter().map(|title| Arc::clone(catalog.info(*title))));
        user
    };
    (1..=children).for_each(|node| _ = arrives(&mut network, node));
    network.run_for(Duration::from_secs(30));
    let records = network.peer(0).map_or(0, kazaa::ordinary::Ordinary::files_indexed);
    let before = (network.sent("share").messages, network.load(0).received.bytes);
    let began = network.now();
    let end = began + watched(trial.size);
    let mut rng = trial.rng(3);
    let mut deaths: Vec<(Time, u32)> = (1..=children).map(|node| (began + lasting(&mut rng), node)).collect();
    let mut came = 0u32;
    // The next to go is the last of the list.
    deaths.sort_by_key(|(at, node)| std::cmp::Reverse((*at, *node)));
    while let Some((at, node)) = deaths.pop().filter(|(at, _)| *at < end) {
        network.run_until(at);
        let member_knobs = Arc::new(Knobs { supernodes_max: 1, probes: 1, ..(*knobs).clone() });
        let knows = Arc::from([network.address(0)]);
        let member = Member { role: Some(Role::Ordinary), knows, ..Member::new(member_knobs) };
        network.replace(node, &member, Duration::ZERO);
        network.run_for(Duration::from_millis(1));
        came = arrives(&mut network, node) + 1;
        let next = (network.now() + lasting(&mut rng), node);
        let place = deaths.partition_point(|other| *other > next);
        deaths.insert(place, next);
    }
    network.run_until(end);
    let hours = watched(trial.size).as_secs_f64() / 3_600.0;
    Kept {
        records: records as f64,
        told: (network.sent("share").messages - before.0) as f64 / hours,
        bytes: (network.load(0).received.bytes - before.1) as f64 / hours,
        files_mean: files as f64 / f64::from(came.max(children)),
    }
}

fn lasting(rng: &mut Pcg64) -> Duration {
    Duration::from_secs_f64(exponential(rng, SESSION.as_secs_f64()))
}

fn index(trial: &Trial) -> Vec<Reading> {
    let config = CatalogConfig { titles: 20_000, ..CatalogConfig::default() };
    let catalog = Catalog::synthetic(&config, trial.seed_of(4));
    let config = PlacementConfig {
        free_riders: 0.0,
        files_mean: FILES_MEAN,
        files_sigma: 1.0,
        ..PlacementConfig::default()
    };
    let hours = watched(trial.size).as_secs() as u32 / 3_600;
    let largest = CLUSTERS[CLUSTERS.len() - 1];
    // Twice as many as come on average.
    let placement = Placement::draw(&catalog, 2 * largest * (hours + 1), &config, trial.seed_of(5));
    let mut readings = Vec::new();
    let mut all = Vec::new();
    for children in CLUSTERS {
        let kept = kept(trial, children, &placement, &catalog);
        let expected = f64::from(children) * kept.files_mean;
        let name = format!("{children} children");
        readings.push(Reading::new(format!("{name}: records"), Unit::Count, kept.records).theory(expected));
        let per_hour = expected * 3_600.0 / SESSION.as_secs_f64();
        readings.push(
            Reading::new(format!("{name}: files told in an hour"), Unit::Count, kept.told).theory(per_hour),
        );
        readings.push(Reading::new(format!("{name}: bytes that come in an hour"), Unit::Bytes, kept.bytes));
        all.push((kept.records / expected, kept.told / per_hour));
    }
    let (first, last) = (f64::from(CLUSTERS[0]), f64::from(largest));
    let near_one = Rule::within(0.9, 1.1, Mark::Derived);
    let (records, told) = all[all.len() - 1];
    let what = format!("{last:.0} children: records by children times files");
    readings.push(Reading::new(what, Unit::Ratio, records).rule(near_one));
    let what = format!("{last:.0} children: files told by children times files / session");
    readings.push(Reading::new(what, Unit::Ratio, told).rule(near_one));
    let bytes = |at: usize| readings[3 * at + 2].value;
    let growth = bytes(CLUSTERS.len() - 1) / bytes(0) / (last / first);
    readings.push(
        Reading::new("bytes of a child in an hour, at the largest by at the smallest", Unit::Ratio, growth)
            .rule(Rule::within(0.7, 1.4, Mark::Derived)),
    );
    readings
}
