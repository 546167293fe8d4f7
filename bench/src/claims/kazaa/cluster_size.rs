//! How many children a supernode should have.

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use common::sim::Config;
use kazaa::config::{Knobs, Role};
use kazaa::widening::WideningKind;
use rand_pcg::Pcg64;

use super::network::{Member, Network, file, fixed};
use crate::claims::draw::{Weighted, sample};
use crate::claims::finding::{Mark, Published, Reading, Rule};
use crate::claims::{Claim, Size, Trial};
use crate::measure::Unit;
use crate::world::below;

/// K5.
pub(super) const SIZE: Claim = Claim {
    id: "K5",
    sentence: "A few thousand supernodes with hundreds of children each are the right measure between a network of equals and one server: all together carry less, each supernode more, the larger its cluster is.",
    said_by: "lecture (10,000 supernodes with 200 to 500 children, a guess)",
    setup,
    varied: "the size of a cluster, its supernode counted, from 1 (everybody is a supernode) to everybody (there is one)",
    seeds: crate::claims::HEAVY,
    trial: size,
};

/// R19.
pub(super) const SUPER_PEERS: Claim = Claim {
    id: "R19",
    sentence: "Larger clusters lower what all carry together and raise what a super-peer carries; two partners instead of one halve the load of each at little cost.",
    said_by: YANG,
    setup,
    varied: "the size of a cluster, the number of partners in one, the number of links",
    seeds: crate::claims::HEAVY,
    trial: super_peers,
};

const YANG: &str = "Yang and Garcia-Molina 2003";
/// Links of a super-peer on average, in the published experiment.
const LINKS: usize = 3;
/// And how far its searches went.
const TTL: u8 = 7;
/// Searches of one user in a second.
const SEARCHES_PER_S: f64 = 9.26e-3;
/// How long a user stays.
const SESSION_S: f64 = 3_600.0;
/// Songs, and how many of them a user shares.
const TITLES: u32 = 500;
const FILES: u32 = 20;

fn setup(size: Size) -> String {
    format!(
        "{} users with {FILES} files each of {TITLES} titles by Zipf's law; supernodes with {LINKS} links, searches passed on to all of them with a TTL of {TTL}; load from the measured bytes of searches and joins, {SEARCHES_PER_S} searches a second of each user (M) and sessions of {} min (V2); two partners know the same children, each of whom asks one of them, and it asks one partner of each other cluster",
        users(size),
        SESSION_S / 60.0
    )
}

fn users(size: Size) -> u32 {
    size.pick(600, 2_000, 10_000)
}

fn sizes(size: Size) -> [u32; 6] {
    [1, 3, 10, 30, 100, users(size)]
}

fn searches(size: Size) -> usize {
    size.pick(40, 80, 100)
}

/// What it costs, in bits per second sent and received.
struct Load {
    /// Of all together, for each user.
    of_all: f64,
    /// Of a supernode.
    each: f64,
    /// Results of a search.
    results: f64,
}

struct Shape {
    cluster: u32,
    parents: u32,
    links: usize,
    ttl: u8,
}

/// Users in clusters of one size, who share songs.
fn built(trial: &Trial, shape: &Shape, supernodes: u32, rng: &mut Pcg64) -> Network {
    let knobs = Knobs {
        links: shape.links,
        // Whoever is asked for a link takes one more than it looks for.
        links_max: shape.links + 1,
        widening: WideningKind::Recursive,
        query_ttl: shape.ttl,
        fan_out: 255,
        enough: usize::MAX,
        results_max: 1_000,
        search_results: 1_000,
        parents: shape.parents as usize,
        ..fixed()
    };
    let knobs = Arc::new(knobs);
    let mut network = Network::new(Config::seeded(trial.seed_of(1)));
    // Partners know the same children. Each is linked with one partner of other clusters, so that a question comes to one of each.
    let groups = supernodes / shape.parents;
    for node in 0..supernodes {
        let first = node / groups * groups;
        let known = sample(groups, 50, rng);
        let knows: Arc<[SocketAddrV4]> =
            known.into_iter().map(|other| network.address(first + other)).collect();
        let member = Member::new(Arc::clone(&knobs));
        network.add(&Member { role: Some(Role::Supernode), knows, ..member });
    }
    network.run_for(Duration::from_secs(120));
    let of_children = Arc::new(Knobs {
        supernodes_max: shape.parents as usize,
        probes: shape.parents as usize,
        ..(*knobs).clone()
    });
    for child in 0..users(trial.size).saturating_sub(supernodes) {
        let group = child % groups;
        let knows: Arc<[SocketAddrV4]> =
            (0..shape.parents).map(|partner| network.address(group + partner * groups)).collect();
        let member = Member::new(Arc::clone(&of_children));
        network.add(&Member { role: Some(Role::Ordinary), knows, ..member });
    }
    network
}

fn load(trial: &Trial, shape: &Shape) -> Load {
    let mut rng = trial.rng(2);
    let users = users(trial.size);
    let supernodes = (users / shape.cluster).max(1) * shape.parents;
    let mut network = built(trial, shape, supernodes, &mut rng);
    let popularity = Weighted::zipf(TITLES, 0.8);
    let songs: Vec<_> = (0..TITLES).map(|title| file(&format!("a song number{title}.mp3"))).collect();
    for node in 0..network.nodes() {
        let mut titles: Vec<usize> = (0..FILES).map(|_| popularity.draw(&mut rng)).collect();
        titles.sort_unstable();
        titles.dedup();
        network.share(node, titles.into_iter().map(|title| Arc::clone(&songs[title])));
    }
    let bytes = |network: &Network, nodes: u32| -> u64 {
        (0..nodes).map(|node| network.load(node).control_bytes()).sum()
    };
    let before = [supernodes, network.nodes()].map(|nodes| bytes(&network, nodes));
    network.run_for(Duration::from_secs(60));
    let joined = [supernodes, network.nodes()].map(|nodes| bytes(&network, nodes));
    // The same searches, whatever the clusters are.
    let mut rng = trial.rng(3);
    let mut results = 0;
    let mut searched = [0u64; 2];
    for _ in 0..searches(trial.size) {
        let title = popularity.draw(&mut rng);
        let node = below(&mut rng, network.nodes() as usize) as u32;
        let before = [supernodes, network.nodes()].map(|nodes| bytes(&network, nodes));
        results += network.search(node, &format!("number{title}")).results.len();
        let after = [supernodes, network.nodes()].map(|nodes| bytes(&network, nodes));
        (0..2).for_each(|at| searched[at] += after[at] - before[at]);
    }
    // Bits of a second, from what one search and one join cost.
    let rate = |at: usize| {
        let search = searched[at] as f64 / searches(trial.size) as f64;
        let join = (joined[at] - before[at]) as f64 / f64::from(users);
        8.0 * f64::from(users) * (SEARCHES_PER_S * search + join / SESSION_S)
    };
    Load {
        of_all: rate(1) / f64::from(users),
        each: rate(0) / f64::from(supernodes),
        results: results as f64 / searches(trial.size) as f64,
    }
}

fn shape(cluster: u32) -> Shape {
    Shape { cluster, parents: 1, links: LINKS, ttl: TTL }
}

fn kbps(what: String, bps: f64) -> Reading {
    Reading::new(what, Unit::Kbps, bps / 1_000.0)
}

fn size(trial: &Trial) -> Vec<Reading> {
    let mut readings = Vec::new();
    let mut loads = Vec::new();
    for cluster in sizes(trial.size) {
        let load = load(trial, &shape(cluster));
        let name = format!("clusters of {cluster}");
        readings.push(kbps(format!("{name}: all together, for each user"), load.of_all));
        readings.push(kbps(format!("{name}: a supernode"), load.each));
        readings.push(Reading::new(format!("{name}: results of a search"), Unit::Count, load.results));
        loads.push(load);
    }
    let (first, last) = (&loads[0], &loads[loads.len() - 1]);
    readings.push(
        Reading::new(
            "all together, one server by a network of equals",
            Unit::Ratio,
            last.of_all / first.of_all,
        )
        .rule(Rule::at_most(0.5, Mark::Derived)),
    );
    readings.push(
        Reading::new("a supernode, one server by a network of equals", Unit::Ratio, last.each / first.each)
            .rule(Rule::at_least(2.0, Mark::Derived)),
    );
    // The knee: the smallest clusters with which all together carry at most a tenth of what can be saved above the least.
    let least = loads.iter().map(|load| load.of_all).fold(f64::MAX, f64::min);
    let bound = least + 0.1 * (first.of_all - least);
    let knee = sizes(trial.size).into_iter().zip(&loads).find(|(_, load)| load.of_all <= bound);
    let knee = knee.map_or(f64::NAN, |(cluster, _)| f64::from(cluster));
    let published = Published::range(60.0, 160.0, "Liang, Kumar and Ross 2004", Mark::Memory);
    readings.push(
        Reading::new("the smallest clusters that save nine tenths of what can be saved", Unit::Count, knee)
            .published(published),
    );
    readings
}

fn super_peers(trial: &Trial) -> Vec<Reading> {
    let [small, large, everybody] = [10, 100, users(trial.size)].map(|cluster| load(trial, &shape(cluster)));
    let partners = load(trial, &Shape { parents: 2, ..shape(100) });
    let linked = load(trial, &Shape { links: 10, ttl: 2, ..shape(10) });
    let yang = |value| Published::new(value, YANG, Mark::Memory);
    let grows = Rule::at_least(1.0, Mark::Derived);
    let falls = Rule::at_most(1.0, Mark::Derived);
    let ratio = |what: &str, value: f64| Reading::new(what, Unit::Ratio, value);
    vec![
        ratio("all together, clusters of 100 by clusters of 10", large.of_all / small.of_all).rule(falls),
        ratio("a supernode, clusters of 100 by clusters of 10", large.each / small.each).rule(grows),
        ratio("all together, one cluster by clusters of 100", everybody.of_all / large.of_all).rule(falls),
        ratio("a supernode, one cluster by clusters of 100", everybody.each / large.each).rule(grows),
        ratio("two partners by one: each of them", partners.each / large.each)
            .published(yang(0.52))
            .rule(falls),
        ratio("two partners by one: all together", partners.of_all / large.of_all).published(yang(1.025)),
        ratio("two partners by one: results", partners.results / large.results),
        ratio("10 links and TTL 2 by 3 links and TTL 7: all together", linked.of_all / small.of_all),
        ratio("10 links and TTL 2 by 3 links and TTL 7: results", linked.results / small.results),
    ]
}
