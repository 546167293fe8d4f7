//! A scenario made concrete: these people on these lines with these files, looking for these things at these times.
//!
//! Everything here is a function of the scenario and its seed, on any machine; no overlay and no driver has a
//! say in it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::{Rng, SeedableRng as _};
use rand_pcg::Pcg64;

use common::catalog::{Catalog, FolderError, Placement, TitleId};
use common::digest::Fingerprint;
use common::net::{Attachment, Line};
use common::peer::{FileId, Time};
use common::store::{Checking, Storage};
use common::user::{FetchId, FileInfo, SharedFile};

use crate::arrivals::arrivals;
use crate::goods::Goods;
use crate::scenario::{Scenario, millis};
use crate::workload::Workload;

/// How long the servers are up before the first person comes.
pub const LEAD: Duration = Duration::from_millis(250);

/// What seeds each part of a world is drawn from: part and scenario seed together, so that a change of one part
/// (more searches, say) leaves the others as they were.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    Catalog = 1,
    Placement,
    Lines,
    Arrivals,
    Workload,
    Faults,
    Sessions,
}

pub(crate) fn stream(scenario: &Scenario, part: Part) -> Pcg64 {
    Pcg64::seed_from_u64(seed_of(scenario, part))
}

pub(crate) fn seed_of(scenario: &Scenario, part: Part) -> u64 {
    scenario.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (part as u64) << 56
}

/// A uniform draw from [0, 1), the same on every machine.
pub(crate) fn unit(rng: &mut impl Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// A uniform draw below `n`.
pub(crate) fn below(rng: &mut impl Rng, n: usize) -> usize {
    ((u128::from(rng.next_u64()) * n as u128) >> 64) as usize
}

/// A draw from an exponential distribution.
pub(crate) fn exponential(rng: &mut impl Rng, mean: f64) -> f64 {
    -mean * libm::log(1.0 - unit(rng))
}

/// Somebody who takes part.
#[derive(Clone, Debug)]
pub struct Person {
    /// When the person's node is started.
    pub arrival: Time,
    /// The person's line.
    pub attachment: Attachment,
    /// How long the person stays who has nothing more to do; `None`: until the end.
    pub lingers: Option<Duration>,
    /// How long after coming the person goes who has; `None`: waits until the end.
    pub patience: Option<Duration>,
}

/// All items, by number.
type Infos = Arc<[Arc<FileInfo>]>;

/// A scenario made concrete.
pub struct World {
    /// What it was made from.
    pub scenario: Scenario,
    /// All files, by number.
    pub items: Vec<Arc<FileInfo>>,
    /// All people, in the order in which they come.
    pub people: Vec<Person>,
    /// Who looks for what.
    pub workload: Workload,
    /// Files of the folder that are not shared, in words.
    pub skipped: Vec<String>,
    catalog: Arc<Catalog>,
    placement: Placement,
    holders: Vec<Vec<usize>>,
    by_name_and_size: BTreeMap<(Box<str>, u64), u32>,
    /// By the last component of the name, which is all that some overlays tell; those that are alike are not in it.
    by_file_name_and_size: BTreeMap<(Box<str>, u64), u32>,
    by_fingerprint: Mutex<Vec<(Fingerprint, Infos)>>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "World of {} people and {} items", self.people.len(), self.items.len())
    }
}

impl World {
    /// Makes it.
    ///
    /// # Errors
    /// If the scenario's folder cannot be shared.
    pub fn new(scenario: &Scenario) -> Result<World, FolderError> {
        let Goods { catalog, skipped } = Goods::of(scenario)?;
        let seed = seed_of(scenario, Part::Placement);
        let placement = if scenario.publisher {
            Placement::published(&catalog, scenario.peers)
        } else {
            Placement::draw(&catalog, scenario.peers, &scenario.placement, seed)
        };
        let items: Vec<Arc<FileInfo>> = catalog.ids().map(|title| Arc::clone(catalog.info(title))).collect();
        let name_and_size = |(info, item): (&Arc<FileInfo>, u32)| ((info.name.clone(), info.size), item);
        let by_name_and_size = items.iter().zip(0..).map(name_and_size).collect();
        let by_file_name_and_size = by_file_name_and_size(&items);
        let of_title = |title| placement.holders(title).iter().map(|person| *person as usize).collect();
        let holders: Vec<Vec<usize>> = catalog.ids().map(of_title).collect();
        let people = people(scenario);
        let workload = Workload::draw(scenario, &catalog, &placement, &people);
        Ok(World {
            scenario: scenario.clone(),
            items,
            people,
            workload,
            skipped: skipped.to_vec(),
            catalog,
            placement,
            holders,
            by_name_and_size,
            by_file_name_and_size,
            by_fingerprint: Mutex::default(),
        })
    }

    /// Who shares an item, rising.
    pub fn holders(&self, item: u32) -> &[usize] {
        &self.holders[item as usize]
    }

    /// The item of that name and size; the name may be the last component alone, if that is enough.
    pub fn identify(&self, info: &FileInfo) -> Option<u32> {
        let key = (info.name.clone(), info.size);
        self.by_name_and_size.get(&key).or_else(|| self.by_file_name_and_size.get(&key)).copied()
    }

    /// The items a person shares, in the order of their numbers in the person's store.
    pub fn shared_by(&self, person: usize) -> Vec<u32> {
        self.placement.titles(person as u32).iter().map(|title| title.0).collect()
    }

    /// The items that anybody shares: what a server that has everything has.
    pub fn shared_by_all(&self) -> Vec<u32> {
        (0..self.items.len() as u32).filter(|item| !self.holders(*item).is_empty()).collect()
    }

    /// Items as a store that holds them in this order numbers them, with the digest an overlay knows files by if that is
    /// another than the scenario's.
    pub fn as_shared(&self, items: &[u32], fingerprint: Option<Fingerprint>) -> Arc<[SharedFile]> {
        // To read the files of a real folder whole would take longer than many a run: they keep what they have, unless a part of
        // each is enough.
        let by = match self.scenario.folder {
            None => fingerprint,
            Some(_) => fingerprint.and_then(|by| by.of_samples()),
        };
        let known = by.map(|by| self.known_by(by));
        let infos = known.as_deref().unwrap_or(&self.items);
        let file = |(at, item): (u32, &u32)| SharedFile {
            file: FileId(at),
            info: Arc::clone(&infos[*item as usize]),
        };
        (0..).zip(items).map(file).collect()
    }

    /// All items with other digests, made when first asked for.
    fn known_by(&self, fingerprint: Fingerprint) -> Infos {
        let mut all = self.by_fingerprint.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, infos)) = all.iter().find(|(known, _)| *known == fingerprint) {
            return Arc::clone(infos);
        }
        let other = |(info, item): (&Arc<FileInfo>, u32)| {
            let digest = fingerprint.of(&*self.content(item)).ok();
            Arc::new(FileInfo { digest, ..FileInfo::clone(info) })
        };
        let infos: Infos = self.items.iter().zip(0..).map(other).collect();
        all.push((fingerprint, Arc::clone(&infos)));
        infos
    }

    /// The content of an item.
    pub fn content(&self, item: u32) -> Arc<dyn Storage> {
        self.catalog.storage(TitleId(item))
    }

    /// A destination for an item, which refuses a wrong byte.
    pub fn sink(&self, item: u32) -> Arc<Checking> {
        Arc::new(Checking::new(self.content(item)))
    }

    /// The number of a download's destination in its person's store: after what the person shares, one for each
    /// download.
    pub fn sink_number(&self, person: usize, fetch: FetchId) -> FileId {
        let before = self.workload.downloads_of(person).position(|(id, _)| id == fetch);
        let shared = self.placement.titles(person as u32).len();
        FileId((shared + before.expect("the download is one of the person's")) as u32)
    }

    /// The people whom a fault of the scenario draws, if it draws any.
    pub fn drawn(&self, fault: usize) -> Vec<usize> {
        let Some(percent) = self.scenario.faults.get(fault).and_then(|fault| fault.draws()) else {
            return Vec::new();
        };
        let mut rng = stream(&self.scenario, Part::Faults);
        (0..fault).for_each(|_| rng = Pcg64::seed_from_u64(rng.next_u64()));
        let mut all: Vec<usize> = (0..self.people.len()).collect();
        let count = (self.people.len() as f64 * percent / 100.0).round() as usize;
        for at in 0..count {
            let other = at + below(&mut rng, all.len() - at);
            all.swap(at, other);
        }
        all.truncate(count);
        all.sort_unstable();
        all
    }
}

fn by_file_name_and_size(items: &[Arc<FileInfo>]) -> BTreeMap<(Box<str>, u64), u32> {
    let mut found: BTreeMap<(Box<str>, u64), Option<u32>> = BTreeMap::new();
    for (info, item) in items.iter().zip(0..) {
        let file_name = info.name.rsplit('/').next().unwrap_or_default();
        found.entry((file_name.into(), info.size)).and_modify(|known| *known = None).or_insert(Some(item));
    }
    found.into_iter().filter_map(|(key, item)| Some((key, item?))).collect()
}

/// Draws arrivals, lines and how long people stay.
fn people(scenario: &Scenario) -> Vec<Person> {
    let [mut lines, mut sessions] = [Part::Lines, Part::Sessions].map(|part| stream(scenario, part));
    let moments = arrivals(scenario.arrivals, scenario.peers, &mut stream(scenario, Part::Arrivals));
    let laws = scenario.sessions;
    let person = |(number, at_s): (usize, f64)| {
        let drawn = Person {
            arrival: Time::ZERO + LEAD + Duration::from_secs_f64(at_s),
            attachment: attachment(scenario, &mut lines),
            lingers: laws.linger_s.map(|law| law.draw(&mut sessions)),
            patience: laws.patience_s.map(|law| law.draw(&mut sessions)),
        };
        if number == 0 && scenario.publisher {
            let attachment = Attachment { line: scenario.server.line(), firewalled: false };
            return Person { arrival: Time::ZERO + LEAD, attachment, lingers: None, patience: None };
        }
        drawn
    };
    moments.into_iter().enumerate().map(person).collect()
}

fn attachment(scenario: &Scenario, rng: &mut Pcg64) -> Attachment {
    let lines = &scenario.lines;
    let mut left = unit(rng) * lines.mix.iter().map(|class| class.share).sum::<f64>();
    let class = lines.mix.iter().find(|class| {
        left -= class.share;
        left < 0.0
    });
    let class = class.or(lines.mix.last()).expect("a checked scenario has a class");
    // Box and Muller's transformation; the line's part is half of the one-way latency between two people.
    let radius = libm::sqrt(-2.0 * libm::log(1.0 - unit(rng)));
    let normal = radius * libm::cos(std::f64::consts::TAU * unit(rng));
    let delay_ms = lines.latency_ms / 2.0 * libm::exp(lines.latency_sigma * normal);
    let firewalled = unit(rng) < lines.firewalled;
    Attachment {
        line: Line::kbps(class.down_kbps, class.up_kbps, millis(delay_ms.min(DELAY_MAX_MS))),
        firewalled,
    }
}

/// The longest delay that is drawn: two satellite hops. Without it one person in a million would wait for minutes.
const DELAY_MAX_MS: f64 = 1_000.0;
