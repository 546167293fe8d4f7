//! Who shares what.

use rand::SeedableRng;
use rand_pcg::Pcg64;
use serde::{Deserialize, Serialize};

use super::draw::{below, log_normal};
use super::{Catalog, TitleId};
use crate::user::Query;

/// How titles are spread over peers.
///
/// The default is fitted to Gnutella in August 2000 (Adar and Huberman): of 33,335 peers 66 % shared nothing, and the
/// top one per cent had 37 % of all files.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PlacementConfig {
    /// The share of peers that share nothing.
    pub free_riders: f64,
    /// The mean number of files of those that share, before the bounds.
    pub files_mean: f64,
    /// The standard deviation of its logarithm.
    pub files_sigma: f64,
    /// No peer shares more, whatever was drawn; nor more than there are titles.
    pub files_max: u32,
    /// Titles that nobody happens to have are given to sharers, in proportion to what they share already.
    pub every_title_held: bool,
}

impl Default for PlacementConfig {
    fn default() -> Self {
        PlacementConfig {
            free_riders: 0.663,
            files_mean: 276.0,
            files_sigma: 1.58,
            files_max: u32::MAX,
            every_title_held: false,
        }
    }
}

/// After so many draws of titles that a peer already has it takes the most popular one that it has not.
const REDRAWS_MAX: u32 = 64;

/// Which peer shares which titles, and who has a title.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Placement {
    /// By peer, in the order they were drawn.
    titles: Lists<TitleId>,
    /// By title, rising.
    holders: Lists<u32>,
}

/// Many short lists in one vector.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Lists<T> {
    items: Vec<T>,
    /// Where each list starts, and the end of the last.
    starts: Vec<usize>,
}

impl<T: Copy> Lists<T> {
    /// Sorts pairs of (list, item) into `count` lists and keeps their order within each. `unused` fills the places
    /// until their items come.
    fn new(count: usize, unused: T, pairs: impl Iterator<Item = (usize, T)> + Clone) -> Self {
        let mut starts = vec![0; count + 1];
        pairs.clone().for_each(|(list, _)| starts[list + 1] += 1);
        for list in 0..count {
            starts[list + 1] += starts[list];
        }
        let mut next = starts.clone();
        let mut items = vec![unused; starts[count]];
        for (list, item) in pairs {
            items[next[list]] = item;
            next[list] += 1;
        }
        Lists { items, starts }
    }

    fn get(&self, list: usize) -> &[T] {
        &self.items[self.starts[list]..self.starts[list + 1]]
    }
}

impl Placement {
    /// Draws who shares what: how many files by the configuration, which ones by their popularity, and each peer each
    /// title at most once. The same arguments give the same placement.
    pub fn draw(catalog: &Catalog, peers: u32, config: &PlacementConfig, seed: u64) -> Self {
        let mut rng = Pcg64::seed_from_u64(seed);
        let mut pairs: Vec<(u32, TitleId)> = Vec::new();
        let mut marks = Marks { last_peer: vec![u32::MAX; catalog.len()], next: 0 };
        let sharers = draw_sharers(peers, config.free_riders, &mut rng);
        for peer in &sharers {
            let files = log_normal(&mut rng, config.files_mean, config.files_sigma).round().max(1.0);
            let files = (files as u64).min(u64::from(config.files_max)).min(catalog.len() as u64);
            marks.next = 0;
            for _ in 0..files {
                pairs.push((*peer, marks.draw(catalog, *peer, &mut rng)));
            }
        }
        if config.every_title_held && !sharers.is_empty() {
            let drawn = pairs.len() as u64;
            for title in catalog.ids() {
                if marks.last_peer[title.0 as usize] == u32::MAX {
                    let peer = match drawn {
                        0 => sharers[0],
                        _ => pairs[below(&mut rng, drawn) as usize].0,
                    };
                    pairs.push((peer, title));
                }
            }
        }
        // The sharers were taken in rising order; those added for unheld titles are a title's only holder.
        Placement::of(catalog, peers, &pairs)
    }

    /// The first peer shares every title, and nobody else shares anything.
    pub fn published(catalog: &Catalog, peers: u32) -> Self {
        let pairs: Vec<(u32, TitleId)> = catalog.ids().map(|title| (0, title)).collect();
        Placement::of(catalog, peers, &pairs)
    }

    /// Of pairs in which the peers of each title rise.
    fn of(catalog: &Catalog, peers: u32, pairs: &[(u32, TitleId)]) -> Self {
        let by_peer = pairs.iter().map(|(peer, title)| (*peer as usize, *title));
        let titles = Lists::new(peers as usize, TitleId(0), by_peer);
        let by_title = pairs.iter().map(|(peer, title)| (title.0 as usize, *peer));
        let holders = Lists::new(catalog.len(), 0, by_title);
        Placement { titles, holders }
    }

    /// How many peers there are, those that share nothing among them.
    pub fn peers(&self) -> u32 {
        self.titles.starts.len() as u32 - 1
    }

    /// What a peer shares.
    pub fn titles(&self, peer: u32) -> &[TitleId] {
        self.titles.get(peer as usize)
    }

    /// Who shares a title, in rising order.
    pub fn holders(&self, title: TitleId) -> &[u32] {
        self.holders.get(title.0 as usize)
    }

    /// Shared files, each replica counted.
    pub fn total_files(&self) -> usize {
        self.titles.items.len()
    }

    /// All results that a search by `searcher` could find if every peer were asked, the holder's line apart.
    pub fn truth<'a>(
        &'a self,
        catalog: &Catalog,
        query: &Query,
        searcher: u32,
    ) -> impl Iterator<Item = (u32, TitleId)> + use<'a> {
        let matching = catalog.matching(query).into_iter();
        let all = matching.flat_map(|title| self.holders(title).iter().map(move |peer| (*peer, title)));
        all.filter(move |(peer, _)| *peer != searcher)
    }
}

/// The peers that share something, rising: exactly the wanted share, and at least one unless all are free riders.
fn draw_sharers(peers: u32, free_riders: f64, rng: &mut Pcg64) -> Vec<u32> {
    let share = (1.0 - free_riders).clamp(0.0, 1.0);
    let wanted = (f64::from(peers) * share).round() as u64;
    let mut wanted = if share > 0.0 { wanted.max(1) } else { wanted };
    let mut sharers = Vec::new();
    // Each peer is taken with the probability that fills the rest exactly (Knuth's selection sampling).
    for peer in 0..peers {
        if below(rng, u64::from(peers - peer)) < wanted {
            sharers.push(peer);
            wanted -= 1;
        }
    }
    sharers
}

/// Which titles the peer at hand has.
struct Marks {
    /// By title: the peer that drew it last.
    last_peer: Vec<u32>,
    /// The peer at hand has all titles before this one.
    next: usize,
}

impl Marks {
    /// A title that `peer` has not.
    fn draw(&mut self, catalog: &Catalog, peer: u32, rng: &mut Pcg64) -> TitleId {
        for _ in 0..REDRAWS_MAX {
            let title = catalog.draw(rng);
            if self.last_peer[title.0 as usize] != peer {
                self.last_peer[title.0 as usize] = peer;
                return title;
            }
        }
        while self.last_peer[self.next] == peer {
            self.next += 1;
        }
        self.last_peer[self.next] = peer;
        TitleId(self.next as u32)
    }
}
