//! What people share, and what they ask for.

use std::sync::Arc;

use common::catalog::{Catalog, CatalogConfig, Placement, PlacementConfig};
use common::peer::FileId;
use common::user::{Query, SharedFile};
use rand_pcg::Pcg64;

/// So many different shelves; in a larger network several people have the same.
const SHELVES_MAX: u32 = 20_000;
/// People whose numbers follow on each other have shelves that are so far apart: no factor of the number above.
const STRIDE: u64 = 7_919;

/// Shelves of synthetic titles, which are shared as often as they are asked for.
pub(crate) struct Shelves {
    catalog: Catalog,
    shelves: Vec<Arc<[SharedFile]>>,
}

impl Shelves {
    /// For so many people.
    pub(crate) fn new(people: u32, titles: u32, config: &PlacementConfig, seed: u64) -> Shelves {
        let catalog =
            CatalogConfig { titles, artists: titles / 8, words: titles / 4, ..CatalogConfig::default() };
        let catalog = Catalog::synthetic(&catalog, seed);
        let count = people.clamp(1, SHELVES_MAX);
        let placement = Placement::draw(&catalog, count, config, seed ^ 1);
        let shelf = |number| {
            let titles = placement.titles(number).iter();
            let file = |(at, title)| SharedFile { file: FileId(at), info: Arc::clone(catalog.info(title)) };
            (0..).zip(titles.copied()).map(file).collect()
        };
        let shelves = (0..count).map(shelf).collect();
        Shelves { catalog, shelves }
    }

    /// What somebody shares.
    pub(crate) fn of(&self, person: u32) -> Arc<[SharedFile]> {
        Arc::clone(&self.shelves[(u64::from(person) * STRIDE % self.shelves.len() as u64) as usize])
    }

    /// Files that people share on average.
    pub(crate) fn mean(&self) -> f64 {
        self.shelves.iter().map(|shelf| shelf.len()).sum::<usize>() as f64 / self.shelves.len() as f64
    }

    /// Words of a title, drawn by popularity.
    pub(crate) fn query(&self, rng: &mut Pcg64) -> Arc<Query> {
        let title = self.catalog.draw(rng);
        Arc::new(self.catalog.query_for(title, rng))
    }
}
