//! Searches among peers of whom few share much and most nothing.

use std::sync::Arc;

use common::catalog::{Catalog, CatalogConfig, Placement, PlacementConfig, TitleId};
use gnutella::servent::Knobs;
use gnutella::strategy::StrategyKind;

use super::flooding::connected;
use super::network::{Network, Searched, fixed};
use super::sharing::share_of_top;
use crate::claims::finding::{Mark, Published, Reading, Rule};
use crate::claims::{Claim, Size, Trial};
use crate::measure::Unit;
use crate::world::below;

const ADAR: &str = "Adar and Huberman 2000";

/// G7.
pub(super) const RIDERS: Claim = Claim {
    id: "G7",
    sentence: "70 % share nothing, and the others carry them.",
    said_by: "lecture",
    setup: |size| {
        format!(
            "{} servents on a random graph, mean degree 6.8, TTL 7; who shares has 20 files on average of 2,000 titles; {} searches by popularity",
            nodes(size),
            searches(size)
        )
    },
    varied: "the share of peers that share nothing",
    seeds: crate::claims::HEAVY,
    trial: riders,
};

/// G8.
pub(super) const TOP: Claim = Claim {
    id: "G8",
    sentence: "Half of all answers come from 1 % of those who share.",
    said_by: "lecture",
    setup: |size| {
        format!(
            "{} servents on a random graph, mean degree 6.8, TTL 7; files by the placement fitted to August 2000, titles shared as popular as they are asked for; {} searches",
            nodes(size),
            searches(size)
        )
    },
    varied: "nothing: this asks whether the number of files alone explains it",
    seeds: crate::claims::HEAVY,
    trial: top,
};

/// G9.
pub(super) const REMOVED: Claim = Claim {
    id: "G9",
    sentence: "So it is client and server again, and easy to shut down: take away the few who share most.",
    said_by: "lecture",
    setup: |size| {
        format!(
            "as G8; {} searches for any title and as many for one of the most popular 1 %, before and after",
            searches(size)
        )
    },
    varied: "whether the 1 % of all peers with the most files are there",
    seeds: crate::claims::HEAVY,
    trial: removed,
};

fn nodes(size: Size) -> u32 {
    size.pick(1_000, 2_000, 10_000)
}

fn searches(size: Size) -> usize {
    size.pick(150, 400, 1_000)
}

/// Servents with files, and what there is.
struct Lively {
    network: Network,
    catalog: Catalog,
    placement: Placement,
}

impl Lively {
    fn new(trial: &Trial, titles: u32, config: &PlacementConfig) -> Lively {
        let graph = connected(nodes(trial.size), 6.8, trial.seed_of(1));
        let catalog_config =
            CatalogConfig { titles, artists: titles / 8, words: titles / 2, ..CatalogConfig::default() };
        let catalog = Catalog::synthetic(&catalog_config, trial.seed_of(2));
        let placement = Placement::draw(&catalog, graph.nodes(), config, trial.seed_of(3));
        let knobs = Arc::new(Knobs { search_results_max: usize::MAX, search_enough: usize::MAX, ..fixed(7) });
        let mut network = Network::new(&graph, trial.seed_of(4), StrategyKind::Flood, |_| Arc::clone(&knobs));
        for node in 0..graph.nodes() {
            let files = placement.titles(node).iter().map(|title| Arc::clone(catalog.info(*title)));
            network.share(node, files);
        }
        Lively { network, catalog, placement }
    }

    /// Peers by files, the most first.
    fn by_files(&self) -> Vec<u32> {
        let mut peers: Vec<u32> = (0..self.placement.peers()).collect();
        peers.sort_by_key(|peer| (std::cmp::Reverse(self.placement.titles(*peer).len()), *peer));
        peers
    }

    /// Somebody who is there searches for a title.
    fn search(&mut self, title: TitleId, rng: &mut rand_pcg::Pcg64) -> Searched {
        let words = self.catalog.query_for(title, rng).words;
        loop {
            let node = below(rng, self.network.nodes() as usize) as u32;
            if self.network.is_up(node) {
                return self.network.search(node, &words);
            }
        }
    }
}

fn riders(trial: &Trial) -> Vec<Reading> {
    let mut readings = Vec::new();
    let mut results_by_share = Vec::new();
    for free_riders in [0.0, 0.25, 0.5, 0.66, 0.8, 0.95] {
        let config =
            PlacementConfig { free_riders, files_mean: 20.0, files_sigma: 1.0, ..PlacementConfig::default() };
        let mut lively = Lively::new(trial, 2_000, &config);
        let mut rng = trial.rng(5);
        let (mut found, mut results, mut served) = (0, 0, vec![0.0; lively.network.nodes() as usize]);
        let searches = searches(trial.size) / 2;
        for _ in 0..searches {
            let title = lively.catalog.draw(&mut rng);
            let searched = lively.search(title, &mut rng);
            found += u32::from(!searched.results.is_empty());
            results += searched.results.len();
            // Whoever searches downloads one of the results.
            if !searched.results.is_empty() {
                let chosen = &searched.results[below(&mut rng, searched.results.len())];
                if let Some(holder) = lively.network.holder(chosen) {
                    served[holder as usize] += 1.0;
                }
            }
        }
        let percent = free_riders * 100.0;
        let success = f64::from(found) / searches as f64;
        results_by_share.push(results as f64);
        readings.push(Reading::new(
            format!("{percent:.0} % ride free: searches with results"),
            Unit::Share,
            success,
        ));
        let top = share_of_top(&served, 0.01);
        let what = format!("{percent:.0} % ride free: downloads from the busiest 1 %");
        readings.push(Reading::new(what, Unit::Share, top));
    }
    // Each rider takes away what a sharer would have had, and nothing else.
    let kept = results_by_share[3] / results_by_share[0];
    readings.push(
        Reading::new("results at 66 % by results at 0 %", Unit::Ratio, kept).theory(0.34).rule(Rule::within(
            0.24,
            0.44,
            Mark::Derived,
        )),
    );
    readings
}

/// Titles in G8 and G9: so many that few sharers have most of what is asked for.
const TITLES: u32 = 100_000;

fn top(trial: &Trial) -> Vec<Reading> {
    let mut lively = Lively::new(trial, TITLES, &PlacementConfig::default());
    let mut rng = trial.rng(5);
    let mut answers = vec![0.0; lively.network.nodes() as usize];
    for _ in 0..searches(trial.size) {
        let title = lively.catalog.draw(&mut rng);
        let searched = lively.search(title, &mut rng);
        let mut holders: Vec<u32> =
            searched.results.iter().filter_map(|hit| lively.network.holder(hit)).collect();
        // An answer may hold many results.
        holders.sort_unstable();
        holders.dedup();
        holders.into_iter().for_each(|holder| answers[holder as usize] += 1.0);
    }
    let files: Vec<f64> =
        (0..lively.placement.peers()).map(|peer| lively.placement.titles(peer).len() as f64).collect();
    let of_sharers = |loads: &[f64]| -> Vec<f64> {
        loads.iter().zip(&files).filter(|(_, files)| **files > 0.0).map(|(load, _)| *load).collect()
    };
    let adar = |value| Published::new(value, ADAR, Mark::Secondary);
    vec![
        Reading::new("of all files at 1 % of all peers", Unit::Share, share_of_top(&files, 0.01))
            .published(adar(0.37)),
        Reading::new("of all files at 1 % of sharers", Unit::Share, share_of_top(&of_sharers(&files), 0.01)),
        Reading::new("of all answers by 1 % of all peers", Unit::Share, share_of_top(&answers, 0.01)),
        Reading::new(
            "of all answers by 1 % of sharers",
            Unit::Share,
            share_of_top(&of_sharers(&answers), 0.01),
        )
        .published(adar(0.47))
        .rule(Rule::within(0.40, 0.55, Mark::Secondary)),
    ]
}

fn removed(trial: &Trial) -> Vec<Reading> {
    let mut lively = Lively::new(trial, TITLES, &PlacementConfig::default());
    let peers = lively.by_files();
    let gone = &peers[..peers.len() / 100];
    let files: usize = gone.iter().map(|peer| lively.placement.titles(*peer).len()).sum();
    let held = files as f64 / lively.placement.total_files() as f64;
    let ask = |lively: &mut Lively| {
        let mut rng = trial.rng(5);
        let (mut results, mut found) = (0, 0);
        for _ in 0..searches(trial.size) {
            let title = lively.catalog.draw(&mut rng);
            results += lively.search(title, &mut rng).results.len();
            let popular = TitleId(below(&mut rng, lively.catalog.len() / 100) as u32);
            found += u32::from(!lively.search(popular, &mut rng).results.is_empty());
        }
        [results as f64, f64::from(found)]
    };
    let before = ask(&mut lively);
    lively.network.crash(gone);
    let after = ask(&mut lively);
    let fall = |at: usize| 1.0 - after[at] / before[at];
    vec![
        Reading::new("files that are gone", Unit::Share, held).published(Published::new(
            0.37,
            ADAR,
            Mark::Secondary,
        )),
        Reading::new("results that are gone", Unit::Share, fall(0))
            .rule(Rule::at_least(0.35, Mark::Secondary)),
        Reading::new("popular titles no longer found", Unit::Share, fall(1))
            .rule(Rule::at_most(0.10, Mark::Derived)),
    ]
}
