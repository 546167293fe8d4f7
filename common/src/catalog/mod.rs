//! What there is to share: titles, how popular they are, who has them, and the truth about every search.
//!
//! A [`Catalog`] is synthetic (names of invented words, content computed, nothing on disk) or a real folder; both have
//! the same interface. A [`Placement`] says which peer shares which titles, after the published shape of Gnutella in
//! 2000. Everything is a function of the configuration and a seed, on any machine.

mod draw;
mod mp3;
mod names;
mod placement;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use serde::{Deserialize, Serialize};

pub use mp3::media_of;
pub use placement::{Placement, PlacementConfig};

use crate::digest::Fingerprint;
use crate::index::{WordRules, filters_match};
use crate::store::{Checking, ScanError, ScanLimits, Shared, SkipReason, Skipped, Storage, Synthetic, scan};
use crate::user::{FileInfo, Media, Query};
use draw::{Zipf, below, log_normal, pick};
use names::Names;

/// The most titles of a catalog: beyond, the integer weights of their popularity could overflow.
pub const TITLES_MAX: u32 = 1 << 23;

/// A title of a catalog, counted from zero in the order of popularity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct TitleId(pub u32);

/// File sizes: log-normal between two bounds.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sizes {
    /// The mean, in bytes, before the bounds.
    pub mean: f64,
    /// The standard deviation of the logarithm; zero makes all files equal.
    pub sigma: f64,
    /// No file is smaller, in bytes.
    pub min: u64,
    /// No file is larger, in bytes.
    pub max: u64,
}

impl Default for Sizes {
    /// Songs: four megabytes or so.
    fn default() -> Self {
        Sizes { mean: 4.2e6, sigma: 0.45, min: 64 * 1024, max: 64 << 20 }
    }
}

/// A synthetic catalog's knobs.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CatalogConfig {
    /// How many titles, at least one and at most [`TITLES_MAX`].
    pub titles: u32,
    /// How many artists have made them.
    pub artists: u32,
    /// How many words their names are made of.
    pub words: u32,
    /// The exponent of the titles' popularity: zero is uniform, measured values lie between 0.6 and 1.2.
    pub zipf_alpha: f64,
    /// How large the files are.
    pub sizes: Sizes,
    /// Which digest the overlay puts beside a file.
    pub fingerprint: Fingerprint,
}

impl Default for CatalogConfig {
    fn default() -> Self {
        CatalogConfig {
            titles: 10_000,
            artists: 1_000,
            words: 5_000,
            zipf_alpha: 0.8,
            sizes: Sizes::default(),
            fingerprint: Fingerprint::NAPSTER,
        }
    }
}

/// Why a folder cannot be a catalog.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It could not be listed.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// There is nothing to share in it.
    #[error("{0}: no file to share in it")]
    Empty(String),
}

/// Titles with their popularity and their content.
pub struct Catalog {
    titles: Vec<Arc<FileInfo>>,
    content: Content,
    popularity: Zipf,
    rules: WordRules,
    /// Made when the first query is asked.
    by_word: OnceLock<HashMap<String, Vec<TitleId>>>,
}

enum Content {
    /// Numbers of synthetic content start here.
    Synthetic {
        first: u64,
    },
    Folder(Vec<Arc<Shared>>),
}

/// Shares of MP3 bit rates in the days of Napster: 128 kbps was what encoders made unless told otherwise.
const BITRATES_KBPS: [(u32, u64); 7] = [(128, 70), (192, 10), (160, 8), (256, 4), (320, 3), (96, 3), (64, 2)];
/// Sampling rates: nearly always that of a compact disc.
const FREQUENCIES_HZ: [(u32, u64); 3] = [(44_100, 95), (48_000, 3), (22_050, 2)];

impl Catalog {
    /// An invented catalog. The same configuration and seed give the same one.
    pub fn synthetic(config: &CatalogConfig, seed: u64) -> Self {
        let mut rng = Pcg64::seed_from_u64(seed);
        let mut names = Names::new(config.words, config.artists, &mut rng);
        let count = config.titles.clamp(1, TITLES_MAX);
        // Half of the numbers, so that counting up from here never wraps.
        let first = rng.next_u64() >> 1;
        let titles = (0..count).map(|title| {
            let Sizes { mean, sigma, min, max } = config.sizes;
            let size = (log_normal(&mut rng, mean, sigma) as u64).max(min).min(max);
            let bitrate_kbps = weighted(&mut rng, &BITRATES_KBPS);
            let frequency_hz = weighted(&mut rng, &FREQUENCIES_HZ);
            let duration_s = u32::try_from(size / (u64::from(bitrate_kbps) * 125)).unwrap_or(u32::MAX).max(1);
            let file = Synthetic::new(first + u64::from(title), size);
            let digest = config.fingerprint.of(&file).ok();
            let name = names.next(&mut rng).into_boxed_str();
            let media = Media { bitrate_kbps, frequency_hz, duration_s };
            Arc::new(FileInfo { name, size, digest, media, ..FileInfo::default() })
        });
        Catalog::new(titles.collect(), Content::Synthetic { first }, config.zipf_alpha)
    }

    /// The files of a real folder, the most popular first in the order of their names; also what was left out of it.
    /// Each file is read once for its digest and its media attributes, and one that cannot be read is left out.
    pub fn from_dir(
        dir: &Path,
        limits: ScanLimits,
        zipf_alpha: f64,
        fingerprint: Fingerprint,
    ) -> Result<(Self, Vec<Skipped>), FolderError> {
        Catalog::from_dir_watched(dir, limits, zipf_alpha, fingerprint, |_, _| {})
    }

    /// [`from_dir`](Self::from_dir) for whoever wants to show how far it is, since a large folder takes a while:
    /// `watch` is called before each file with how many have been read, of how many.
    pub fn from_dir_watched(
        dir: &Path,
        limits: ScanLimits,
        zipf_alpha: f64,
        fingerprint: Fingerprint,
        mut watch: impl FnMut(usize, usize),
    ) -> Result<(Self, Vec<Skipped>), FolderError> {
        let found = scan(dir, ScanLimits { files_max: limits.files_max.min(TITLES_MAX as usize), ..limits })?;
        let mut skipped = found.skipped;
        let (mut titles, mut files) = (Vec::new(), Vec::new());
        // A bare name would be without a separator, which some real servers never index.
        let above = dir.canonicalize().ok().and_then(|dir| Some(dir.file_name()?.to_str()?.to_owned()));
        let above = above.unwrap_or_else(|| "files".to_owned());
        let count = found.files.len();
        for (at, scanned) in found.files.into_iter().enumerate() {
            watch(at, count);
            let readable = Shared::open(&scanned.path).ok();
            let hashed = readable.and_then(|file| Some((fingerprint.of(&file).ok()?, file)));
            let Some((digest, file)) = hashed else {
                let reason = SkipReason::Unreadable(std::io::ErrorKind::Other);
                skipped.push(Skipped { path: scanned.path, reason });
                continue;
            };
            let name = format!("{above}/{}", scanned.name).into_boxed_str();
            titles.push(Arc::new(FileInfo {
                name,
                size: file.size(),
                digest: Some(digest),
                media: media_of(&file),
                ..FileInfo::default()
            }));
            files.push(Arc::new(file));
        }
        if titles.is_empty() {
            return Err(FolderError::Empty(dir.display().to_string()));
        }
        Ok((Catalog::new(titles, Content::Folder(files), zipf_alpha), skipped))
    }

    fn new(titles: Vec<Arc<FileInfo>>, content: Content, zipf_alpha: f64) -> Self {
        let popularity = Zipf::new(titles.len(), zipf_alpha);
        Catalog { titles, content, popularity, rules: WordRules::default(), by_word: OnceLock::new() }
    }

    /// How many titles there are.
    #[expect(clippy::len_without_is_empty, reason = "a catalog has at least one title")]
    pub fn len(&self) -> usize {
        self.titles.len()
    }

    /// All titles, the most popular first.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = TitleId> + use<> {
        (0..self.titles.len() as u32).map(TitleId)
    }

    /// What is known of a title.
    pub fn info(&self, title: TitleId) -> &Arc<FileInfo> {
        &self.titles[title.0 as usize]
    }

    /// A title's content, to be served.
    pub fn storage(&self, title: TitleId) -> Arc<dyn Storage> {
        match &self.content {
            Content::Synthetic { first } => {
                Arc::new(Synthetic::new(first + u64::from(title.0), self.info(title).size))
            }
            Content::Folder(files) => files[title.0 as usize].clone(),
        }
    }

    /// A destination for a title that refuses what is not its content.
    pub fn sink(&self, title: TitleId) -> Arc<dyn Storage> {
        Arc::new(Checking::new(self.storage(title)))
    }

    /// A title by its popularity.
    pub fn draw(&self, rng: &mut impl Rng) -> TitleId {
        TitleId(self.popularity.draw(rng) as u32)
    }

    /// How likely [`draw`](Self::draw) gives this title.
    pub fn probability(&self, title: TitleId) -> f64 {
        self.popularity.probability(title.0 as usize)
    }

    /// A search that finds a title: one to three of its words, always the rarest of them in the catalog, and others
    /// from the rarer half. Real files without any word in their names give an empty query, which finds nothing.
    pub fn query_for(&self, title: TitleId, rng: &mut impl Rng) -> Query {
        let by_word = self.by_word();
        let words = self.rules.of_file(self.info(title));
        let mut by_rarity: Vec<usize> = (0..words.len()).collect();
        by_rarity.sort_by_key(|at| by_word.get(&words[*at]).map_or(0, Vec::len));
        let mut taken: Vec<usize> = by_rarity.first().copied().into_iter().collect();
        by_rarity.truncate((words.len() / 2).max(3));
        for _ in 0..below(rng, 3) {
            let left: Vec<usize> = by_rarity.iter().copied().filter(|at| !taken.contains(at)).collect();
            if !left.is_empty() {
                taken.push(*pick(rng, &left));
            }
        }
        taken.sort_unstable();
        let words: Vec<&str> = taken.into_iter().map(|at| words[at].as_str()).collect();
        Query::words(words.join(" "))
    }

    /// The titles that a query asks for, the holder's line apart, in the order of popularity: the truth by which recall
    /// is judged. It follows from [`WordRules::matches`] and owes nothing to the index.
    pub fn matching(&self, query: &Query) -> Vec<TitleId> {
        let by_word = self.by_word();
        let terms = self.rules.of_query(&query.words);
        let Some(mut all) = terms.all.iter().map(|word| by_word.get(word)).collect::<Option<Vec<_>>>() else {
            return Vec::new();
        };
        all.sort_by_key(|titles| titles.len());
        let none: Vec<_> = terms.none.iter().filter_map(|word| by_word.get(word)).collect();
        let Some((shortest, others)) = all.split_first() else { return Vec::new() };
        let holds = |titles: &[TitleId], title: &TitleId| titles.binary_search(title).is_ok();
        (shortest.iter().copied())
            .filter(|title| others.iter().all(|titles| holds(titles, title)))
            .filter(|title| !none.iter().any(|titles| holds(titles, title)))
            .filter(|title| filters_match(query, self.info(*title)))
            .collect()
    }

    fn by_word(&self) -> &HashMap<String, Vec<TitleId>> {
        self.by_word.get_or_init(|| {
            let mut by_word: HashMap<String, Vec<TitleId>> = HashMap::new();
            for title in self.ids() {
                for word in self.rules.of_file(self.info(title)) {
                    by_word.entry(word).or_default().push(title);
                }
            }
            by_word
        })
    }
}

/// A value by its integer share.
fn weighted(rng: &mut impl Rng, values: &[(u32, u64)]) -> u32 {
    let mut left = below(rng, values.iter().map(|(_, share)| share).sum());
    for (value, share) in values {
        match left.checked_sub(*share) {
            Some(rest) => left = rest,
            None => return *value,
        }
    }
    values[0].0
}
