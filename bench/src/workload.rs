//! Who looks for what, and when: the same list for every overlay and every driver.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use common::catalog::{Catalog, Placement, TitleId};
use common::peer::Time;
use common::user::{FetchId, Query, SearchId};

use crate::scenario::{DURATION_MAX_S, Scenario};
use crate::world::{Part, Person, exponential, stream};

/// Draws of a title before a search takes whatever the last one was: a person who has everything still searches.
const REDRAWS_MAX: usize = 64;

/// A search that somebody will make.
#[derive(Clone, Debug)]
pub struct PlannedSearch {
    /// Who.
    pub person: usize,
    /// When.
    pub at: Time,
    /// What for.
    pub query: Arc<Query>,
    /// All items that match, by the definition and not by any index.
    pub matches: Vec<u32>,
    /// The download that it leads to.
    pub download: Option<FetchId>,
}

/// A download that somebody will make.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PlannedDownload {
    /// Who.
    pub person: usize,
    /// Which item.
    pub item: u32,
    /// The search before it.
    pub search: SearchId,
}

/// Everything that people will ask for. Searches and downloads are numbered through, person by person.
#[derive(Clone, Debug, Default)]
pub struct Workload {
    /// All searches, by number.
    pub searches: Vec<PlannedSearch>,
    /// All downloads, by number.
    pub downloads: Vec<PlannedDownload>,
    searches_per_person: usize,
    downloads_per_person: usize,
    /// The first people who ask for nothing.
    silent: usize,
    wanted_by: BTreeMap<u32, Vec<usize>>,
}

impl Workload {
    /// Draws it: titles by their popularity, but none the person has or has drawn before, and only such as somebody
    /// shares; pauses from an exponential distribution.
    pub fn draw(scenario: &Scenario, catalog: &Catalog, placement: &Placement, people: &[Person]) -> Self {
        let plan = scenario.searches;
        let mut rng = stream(scenario, Part::Workload);
        let mut this = Workload {
            searches_per_person: plan.per_peer as usize,
            downloads_per_person: plan.downloads_per_peer as usize,
            silent: usize::from(scenario.publisher),
            ..Workload::default()
        };
        for (person, who) in people.iter().enumerate().skip(this.silent) {
            let mut has: Vec<TitleId> = placement.titles(person as u32).to_vec();
            let mut after = plan.settle_s;
            for number in 0..plan.per_peer {
                after += exponential(&mut rng, plan.pause_s);
                let mut wanted = catalog.draw(&mut rng);
                for _ in 0..REDRAWS_MAX {
                    if !has.contains(&wanted) && !placement.holders(wanted).is_empty() {
                        break;
                    }
                    wanted = catalog.draw(&mut rng);
                }
                has.push(wanted);
                let query = catalog.query_for(wanted, &mut rng);
                let search = SearchId(this.searches.len() as u32);
                let download = (number < plan.downloads_per_peer).then(|| {
                    this.wanted_by.entry(wanted.0).or_default().push(person);
                    this.downloads.push(PlannedDownload { person, item: wanted.0, search });
                    FetchId(this.downloads.len() as u32 - 1)
                });
                this.searches.push(PlannedSearch {
                    person,
                    at: who.arrival + Duration::from_secs_f64(after.min(DURATION_MAX_S)),
                    matches: catalog.matching(&query).iter().map(|title| title.0).collect(),
                    query: Arc::new(query),
                    download,
                });
            }
        }
        this
    }

    /// The searches of one person.
    pub fn searches_of(&self, person: usize) -> impl Iterator<Item = (SearchId, &PlannedSearch)> {
        let own = self.own(person, self.searches_per_person);
        (own.start as u32..).map(SearchId).zip(&self.searches[own])
    }

    /// The downloads of one person.
    pub fn downloads_of(&self, person: usize) -> impl Iterator<Item = (FetchId, &PlannedDownload)> {
        let own = self.own(person, self.downloads_per_person);
        (own.start as u32..).map(FetchId).zip(&self.downloads[own])
    }

    /// The numbers of what a person does, of whom each does so much.
    fn own(&self, person: usize, each: usize) -> Range<usize> {
        let [start, end] = [person, person + 1].map(|person| person.saturating_sub(self.silent) * each);
        start..end
    }

    /// Who will download an item, rising.
    pub fn wanted_by(&self, item: u32) -> &[usize] {
        self.wanted_by.get(&item).map_or(&[], Vec::as_slice)
    }
}
