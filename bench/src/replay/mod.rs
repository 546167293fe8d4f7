//! The animated replay: one small simulated run of each overlay, to be followed message by message.
//!
//! ```text
//!  scenario ─► small_one ─► simulate::record ─► film ─► replay.json ─► page ─► replay.html
//! ```
//!
//! | part | file |
//! |---|---|
//! | which run is shown | `mod.rs` |
//! | what is shown of it | `film.rs` |
//! | the page around it | `page.rs`, with `page.html`, `replay.css` and `replay.js` |
//!
//! The page is one file, which asks for nothing from elsewhere: the film is in it as JSON, and what plays it is some hundred lines of
//! JavaScript without a library.

mod film;
mod page;

use common::catalog::FolderError;
use common::sim::TapeLimits;

pub use film::{ChunkRow, FILE, FORMAT, Film, Kind, LinkRow, MessageRow, Reel, Shown};
pub use page::{PAGE, page};

use crate::overlays::overlays;
use crate::scenario::{Scenario, named};
use crate::watch::Watch;
use crate::world::World;

/// The scenario of which a replay is made: few people with few files.
const SMALL: &str = "dozen";

/// What is recorded of one overlay: some two megabytes on the page. What a dozen people do is a tenth of it.
const LIMITS: TapeLimits = TapeLimits { entries_max: 40_000, bytes_max: 8 << 20 };

/// The small run that is shown beside a large one: a dozen people on lines like those of the large one, its seed, its faults, and its
/// settings of single overlays where they are not for a crowd.
///
/// # Panics
/// If the library lacks the small one; a test parses all of the library.
pub fn small_one(of: &Scenario) -> Scenario {
    let listed = named(SMALL).expect("the library has it");
    let small = Scenario::parse(listed.text).expect("a test parses every scenario of the library");
    let mut overlay = of.overlay.clone();
    for (name, knobs) in &small.overlay {
        overlay.entry(name.clone()).or_default().extend(knobs.clone());
    }
    let settings = small.overlay.clone();
    let shown = Scenario {
        seed: of.seed,
        lines: of.lines.clone(),
        server: of.server,
        faults: of.faults.clone(),
        overlay,
        ..small
    };
    // What makes sense for thousands need not for a dozen.
    if shown.check().is_ok() { shown } else { Scenario { overlay: settings, ..shown } }
}

/// Makes the film of a scenario: each overlay once.
///
/// # Errors
/// If the scenario's world cannot be made.
pub fn film(scenario: &Scenario, watch: &Watch) -> Result<Film, FolderError> {
    let world = World::new(scenario)?;
    let reel = |overlay: &&'static dyn crate::overlay::Contestant| {
        let title = format!("replay of {}", overlay.name());
        let recorded = overlay.record(&world, &watch.of(title, scenario.duration_limit()), LIMITS);
        Reel::of(*overlay, &world, &recorded)
    };
    Ok(Film::new(scenario, overlays().iter().map(reel).collect()))
}
