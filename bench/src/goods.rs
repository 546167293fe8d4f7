//! What there is to share: invented files, or those of a folder.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use common::catalog::{Catalog, FolderError};
use common::digest::{Algorithm, Fingerprint};
use common::store::ScanLimits;

use crate::scenario::Scenario;
use crate::world::{Part, seed_of};

/// A catalog, and what was left out of it.
#[derive(Clone)]
pub(crate) struct Goods {
    pub catalog: Arc<Catalog>,
    /// Files of the folder that are not shared, in words.
    pub skipped: Arc<[String]>,
}

/// All that decides how a folder's files are shared.
#[derive(PartialEq)]
struct Shelf {
    folder: PathBuf,
    zipf_alpha: u64,
    fingerprint: Fingerprint,
}

/// Folders that have been read. To read one takes long, and what it has must not change from one run of a program to the next.
static FOLDERS: Mutex<Vec<(Shelf, Goods)>> = Mutex::new(Vec::new());

impl Goods {
    /// What the scenario has shared. A folder is read once in the life of a process.
    pub fn of(scenario: &Scenario) -> Result<Goods, FolderError> {
        let config = &scenario.catalog;
        let Some(folder) = &scenario.folder else {
            let catalog = Catalog::synthetic(config, seed_of(scenario, Part::Catalog));
            return Ok(Goods { catalog: Arc::new(catalog), skipped: Arc::default() });
        };
        let shelf = Shelf {
            folder: folder.clone(),
            zipf_alpha: config.zipf_alpha.to_bits(),
            fingerprint: config.fingerprint,
        };
        let mut folders = FOLDERS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, goods)) = folders.iter().find(|(known, _)| *known == shelf) {
            return Ok(goods.clone());
        }
        // There is nothing to download of an empty file, and no torrent to make of it.
        let limits = ScanLimits { empty_too: false, ..ScanLimits::default() };
        let (catalog, skipped) = Catalog::from_dir(folder, limits, config.zipf_alpha, config.fingerprint)?;
        let skipped = skipped.iter().map(ToString::to_string).collect();
        let goods = Goods { catalog: Arc::new(catalog), skipped };
        folders.push((shelf, goods.clone()));
        Ok(goods)
    }

    /// What tells these files from others.
    pub fn digest(&self) -> String {
        let mut text = String::new();
        for title in self.catalog.ids() {
            let info = self.catalog.info(title);
            // To write to a string cannot fail.
            let _ = writeln!(text, "{} {} {:?}", info.size, info.name, info.digest);
        }
        format!("{:?}", Algorithm::Sha1.of(text.as_bytes()))
    }
}
