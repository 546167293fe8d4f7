//! `index.html`: one file that opens by itself, drawn from what folders have stored.
//!
//! ```text
//!  results.json ┐
//!  claims.json  ┴─► stored ─► view ─┬─► summary ──┐
//!  (of each folder)                 ├─► pictures ─┼─► index.html, plots/NAME.svg, plots/NAME.csv
//!                                   └─► tables ───┘
//!  replay.json (of one folder) ────────────────────► replay.html
//! ```
//!
//! | part | file |
//! |---|---|
//! | the order of the page, its foot, its files | `mod.rs` |
//! | which overlays, by which backend, with which values | `view.rs` |
//! | the table at the top, and which system to use for what | `summary.rs` |
//! | the plots | `pictures.rs` |
//! | the mean of curves | `curves.rs` |
//! | measures, faults, twins, checks | `tables.rs` |
//! | claims | `claims.rs` |
//! | pages of their own: a sweep, networks at their size | `sweep.rs`, `scale.rs` |
//! | cells, tables, headings | `markup.rs` |
//! | the style sheet | `style.rs` |
//!
//! Drawing is a pure function of the stored files: the same ones give the same bytes. The page asks for nothing from elsewhere and
//! runs no script; it is well-formed XML, and all text in it that comes from files is escaped.

mod claims;
mod curves;
mod markup;
mod pictures;
mod scale;
mod style;
mod summary;
mod sweep;
mod tables;
mod view;

use std::path::{Path, PathBuf};

use super::made::date;
use super::stored::{Claims, Results, Stored, StoredFault};
use super::{Folder, FolderFault, Made};
use crate::plot::Escaped;
use crate::replay::{self, Film};
use markup::{heading, paragraph};
use pictures::{Picture, all_names, pictures};
pub(crate) use scale::{PAGE as SCALE_PAGE, draw_scale};
pub(crate) use sweep::draw_sweep;
use view::{View, views};

/// The most folders beside each other: more columns than that nobody reads.
pub const FOLDERS_MAX: usize = 8;

/// What the runs are called that stand beside each other.
const LABELS: [&str; FOLDERS_MAX] = ["A", "B", "C", "D", "E", "F", "G", "H"];

/// What the simulation leaves out, which belongs beside each figure that comes from it.
const IGNORED: &str = "What the simulation ignores: TCP's slow start and loss recovery, acknowledgements and their bytes, packet headers, \
                       queues inside the network's core, the time that peers and disks take to process anything. Lines, latencies, fair \
                       sharing of up- and downlinks, windows, refused dials, lost datagrams, crashes and cuts are modelled.";

/// Why there is no page: one line.
#[derive(Debug, thiserror::Error)]
pub enum PageFault {
    /// A folder cannot be shown.
    #[error(transparent)]
    Stored(#[from] StoredFault),
    /// The page cannot be written.
    #[error(transparent)]
    Folder(#[from] FolderFault),
    /// There are too many.
    #[error("at most {FOLDERS_MAX} folders stand beside each other, and these are {0}")]
    TooMany(usize),
    /// A sweep has a page of its own.
    #[error("{0} has a sweep, which stands beside nothing else; draw it alone")]
    Sweep(String),
}

/// Draws the page of one folder, or of several side by side, and writes it with its pictures into a folder.
///
/// # Errors
/// If a folder has nothing, or nothing that can be read, or the page cannot be written.
pub fn draw(folders: &[PathBuf], out: &Path) -> Result<(), PageFault> {
    if folders.len() > FOLDERS_MAX {
        return Err(PageFault::TooMany(folders.len()));
    }
    let stored = folders.iter().map(|folder| Stored::read(folder)).collect::<Result<Vec<_>, _>>()?;
    if let [Stored { sweep: Some(sweep), results: None, claims: None, .. }] = &stored[..] {
        return Ok(draw_sweep(sweep, &Folder::make(out)?)?);
    }
    if let Some((folder, _)) = folders.iter().zip(&stored).find(|(_, stored)| !stored.is_of_runs()) {
        return Err(PageFault::Sweep(folder.display().to_string()));
    }
    let shown = folders.iter().zip(&stored).zip(LABELS);
    let sources: Vec<Source<'_>> = shown
        .map(|((folder, stored), label)| Source {
            label: if folders.len() > 1 { label } else { "" },
            folder: folder.display().to_string(),
            stored,
        })
        .collect();
    let (page, pictures) = page(&sources);
    let out = Folder::make(out)?;
    let plots = out.folder("plots")?;
    for picture in &pictures {
        plots.write(&format!("{}.svg", picture.name), picture.plot.to_svg().as_bytes())?;
        plots.write(&format!("{}.csv", picture.name), picture.plot.to_csv().as_bytes())?;
    }
    // Pictures of an earlier page that this one does not have.
    for name in all_names().iter().filter(|name| pictures.iter().all(|picture| picture.name != **name)) {
        plots.remove(&format!("{name}.svg"))?;
        plots.remove(&format!("{name}.csv"))?;
    }
    out.write("index.html", page.as_bytes())?;
    match film(&sources) {
        Some(film) => out.write(replay::PAGE, replay::page(film).as_bytes())?,
        None => out.remove(replay::PAGE)?,
    }
    Ok(())
}

/// A folder on the page.
struct Source<'a> {
    /// What to call it beside others; empty if it is alone.
    label: &'static str,
    folder: String,
    stored: &'a Stored,
}

/// What is to be replayed: of one folder, its own.
fn film<'a>(sources: &[Source<'a>]) -> Option<&'a Film> {
    match sources {
        [only] => only.stored.replay.as_ref(),
        _ => None,
    }
}

/// The page and its pictures.
fn page(sources: &[Source<'_>]) -> (String, Vec<Picture>) {
    let results: Vec<(&str, &Results)> =
        sources.iter().filter_map(|source| Some((source.label, source.stored.results.as_ref()?))).collect();
    let claims: Vec<(&str, &Claims)> =
        sources.iter().filter_map(|source| Some((source.label, source.stored.claims.as_ref()?))).collect();
    let views = views(&results);
    let pictures = pictures(&views);
    let mut body = String::new();
    if !views.is_empty() {
        body.push_str(&heading("summary", "At a glance"));
        body.push_str(&summary::table(&views));
        body.push_str(&agreement(&views));
        body.push_str(&heading("choice", "Which to use for what"));
        body.push_str(&summary::advice(&views));
        body.push_str(&heading("pictures", "Pictures"));
        body.push_str("<div class=\"plots\">\n");
        pictures.iter().for_each(|picture| body.push_str(&figure(picture)));
        body.push_str("</div>\n");
        body.push_str(&tables::measures(&views));
        body.push_str(&tables::faults(&views));
        body.push_str(&tables::twins(&views));
        body.push_str(&tables::checks(&views));
    }
    body.push_str(&claims::section(&claims));
    body.push_str(&foot(sources));
    let title = title(&views);
    let header = format!("{}{}", lead(&views), navigation(&body, film(sources).is_some()));
    (document(&title, &header, &body), pictures)
}

/// A whole page: what is under its title, and what follows.
fn document(title: &str, header: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n\
         <html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n\
         <head>\n\
         <meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <title>{title}</title>\n\
         <style>\n{}</style>\n\
         </head>\n\
         <body>\n\
         <header>\n<h1>{title}</h1>\n{header}</header>\n\
         <main>\n{body}</main>\n\
         </body>\n\
         </html>\n",
        style::style(),
        title = Escaped(title),
    )
}

fn title(views: &[View<'_>]) -> String {
    const TITLE: &str = "Ways to share a file, side by side";
    match views {
        [] => "What is said of ways to share a file".to_owned(),
        [only] => format!("{TITLE}: {}", only.results.scenario),
        _ => TITLE.to_owned(),
    }
}

/// What was run, in a sentence for each of the results.
fn lead(views: &[View<'_>]) -> String {
    /// Of a scenario that has nothing in common with another: as many as two lines hold.
    const CHANGED_MAX: usize = 8;
    let sentence = |view: &View<'_>| {
        let Results { scenario, about, peers, seed, changed, .. } = view.results;
        // Alone, it has its name in the title.
        let name =
            if view.label.is_empty() { String::new() } else { format!("{}: {scenario}. ", view.label) };
        let by: Vec<&str> = view::backends(&[*view]).into_iter().map(view::words).collect();
        let by = by.join(" and ");
        let more = changed.len().saturating_sub(CHANGED_MAX);
        let more =
            if more > 0 { format!("; and {more} more, which scenario.toml has") } else { String::new() };
        let shown = changed[..changed.len().min(CHANGED_MAX)].join("; ");
        let changed = if changed.is_empty() { String::new() } else { format!(" Changed: {shown}{more}.") };
        let text = format!("{name}{about} {peers} people, first seed {seed}, {by}.{changed}");
        format!("<p class=\"lead\">{}</p>\n", Escaped(&text))
    };
    views.iter().map(sentence).collect()
}

/// Links to the sections that the page has, and to the replay.
fn navigation(body: &str, has_replay: bool) -> String {
    const SECTIONS: [(&str, &str); 9] = [
        ("summary", "At a glance"),
        ("choice", "Which to use"),
        ("pictures", "Pictures"),
        ("measures", "Measures"),
        ("faults", "Faults"),
        ("twins", "Real and simulated"),
        ("checks", "Checks"),
        ("claims", "Claims"),
        ("made", "How it was made"),
    ];
    let there = SECTIONS.iter().filter(|(anchor, _)| body.contains(&format!("<h2 id=\"{anchor}\">")));
    let links: String = there.map(|(anchor, name)| format!("<a href=\"#{anchor}\">{name}</a>\n")).collect();
    let replay = if has_replay {
        format!("<a href=\"{}\">Replay, message by message</a>\n", replay::PAGE)
    } else {
        String::new()
    };
    format!("<nav aria-label=\"Sections\">\n{links}{replay}</nav>\n")
}

/// How well the values over real sockets agree with the simulated ones, where there are both.
fn agreement(views: &[View<'_>]) -> String {
    let of = |view: &View<'_>| {
        let rows: Vec<_> = view.results.twins.iter().flat_map(|twin| &twin.rows).collect();
        let agree = rows.iter().filter(|row| row.agreement != crate::compare::Agreement::Differs).count();
        let label = if view.label.is_empty() { String::new() } else { format!("{}: ", view.label) };
        let words = format!(
            "{label}Of {} values that were measured both over real sockets and in simulation, {agree} agree.",
            rows.len()
        );
        if rows.is_empty() { String::new() } else { paragraph(&words) }
    };
    views.iter().map(of).collect()
}

fn figure(picture: &Picture) -> String {
    let Picture { name, plot, words } = picture;
    let (svg, words) = (plot.to_svg(), Escaped(words));
    format!(
        "<figure id=\"plot-{name}\">\n{svg}<figcaption>{words} <a href=\"plots/{name}.svg\">SVG</a>, \
         <a href=\"plots/{name}.csv\">data as CSV</a></figcaption>\n</figure>\n"
    )
}

/// What made the page, and what is not in it.
fn foot(sources: &[Source<'_>]) -> String {
    let mut text = heading("made", "How this was made");
    text.push_str("<dl>\n");
    for source in sources {
        let Stored { results, claims, .. } = source.stored;
        let made = [
            results.as_ref().map(|results| ("the comparison", &results.made, results.seed)),
            claims.as_ref().map(|claims| ("the claims", &claims.made, claims.seed)),
        ];
        for (what, made, seed) in made.into_iter().flatten() {
            let place = match source.label {
                "" => what.to_owned(),
                label => format!("{label}, {what} in {}", source.folder),
            };
            text.push_str(&origin(&place, made, seed));
        }
    }
    text.push_str("</dl>\n");
    if sources.iter().any(|source| source.stored.results.is_some()) {
        text.push_str(&paragraph(IGNORED));
    }
    text
}

fn origin(place: &str, made: &Made, seed: u64) -> String {
    let Made { command, version, machine } = made;
    let machine = machine.as_ref().map_or_else(
        || "in simulation only, which is the same on every machine at any time".to_owned(),
        |machine| {
            let (system, cores, compiler) = (&machine.system, machine.cores, &machine.compiler);
            format!("{}, {system}, {cores} cores, built by {compiler}", date(machine.at_epoch_s))
        },
    );
    format!(
        "<dt>{}</dt>\n<dd><code>{}</code></dd>\n<dd>first seed {seed}, version {}, {}</dd>\n",
        Escaped(place),
        Escaped(command),
        Escaped(version),
        Escaped(&machine)
    )
}
