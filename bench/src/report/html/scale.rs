//! The page of networks at the size that they had: what each took, what it was like beside what was published, and what grows with size.

use super::markup::{Cell, Table, heading, paragraph};
use super::pictures::Picture;
use super::{IGNORED, document, figure, navigation, origin};
use crate::measure::Unit;
use crate::plot::{Axis, Escaped, Plot, Series};
use crate::report::number::{Scale, grouped};
use crate::report::{Folder, FolderFault, Made};
use crate::scale::Outcome;

/// What the page is called.
pub(crate) const PAGE: &str = "scale.html";

/// A cost of a run, and what is to be known of it.
struct Cost {
    name: &'static str,
    title: &'static str,
    axis: &'static str,
    unit: Unit,
    of: fn(&Outcome) -> Option<f64>,
    words: &'static str,
}

const COSTS: [Cost; 3] = [
    Cost {
        name: "scale-rate",
        title: "Events in a second of this machine's time",
        axis: "events a second",
        unit: Unit::Count,
        of: |outcome| Some(outcome.events() as f64 / outcome.took_s()).filter(|rate| rate.is_finite()),
        words: "A queue, lines and peers that fit a cache answer sooner than those that do not.",
    },
    Cost {
        name: "scale-memory",
        title: "Memory for each node",
        axis: "most memory / nodes",
        unit: Unit::Bytes,
        of: |outcome| Some(outcome.peak_bytes? as f64 / outcome.nodes().max(1) as f64),
        words: "The most at a time, of all that the simulator and its peers keep.",
    },
    Cost {
        name: "scale-time",
        title: "Time that the run took",
        axis: "all stages",
        unit: Unit::Seconds,
        of: |outcome| Some(outcome.took_s()).filter(|took_s| *took_s > 0.0),
        words: "By this machine's clock, all stages together.",
    },
];

/// Draws the page of these runs and writes it with its pictures into a folder.
///
/// # Errors
/// If the folder takes no files.
pub(crate) fn draw_scale(runs: &[(Made, Outcome)], out: &Folder) -> Result<(), FolderFault> {
    let pictures = pictures(runs);
    let plots = out.folder("plots")?;
    for cost in &COSTS {
        let (svg, csv) = (format!("{}.svg", cost.name), format!("{}.csv", cost.name));
        match pictures.iter().find(|picture| picture.name == cost.name) {
            Some(Picture { plot, .. }) => {
                plots.write(&svg, plot.to_svg().as_bytes())?;
                plots.write(&csv, plot.to_csv().as_bytes())?;
            }
            // That of an earlier page.
            None => {
                plots.remove(&svg)?;
                plots.remove(&csv)?;
            }
        }
    }
    out.write(PAGE, page(runs, &pictures).as_bytes())
}

fn page(runs: &[(Made, Outcome)], pictures: &[Picture]) -> String {
    let mut body = String::new();
    if !pictures.is_empty() {
        body.push_str(&heading("pictures", "What grows with size"));
        body.push_str("<div class=\"plots\">\n");
        pictures.iter().for_each(|picture| body.push_str(&figure(picture)));
        body.push_str("</div>\n");
    }
    body.push_str(&heading("measures", "Measures"));
    body.push_str(&paragraph(
        "Marks say how sure a published number is: V1 seen in the original, V2 in somebody's notes on it, M from memory, D derived, L the \
         lecture's own. What was published is of the whole network.",
    ));
    for (_, outcome) in runs {
        body.push_str(&stages(outcome));
        body.push_str(&figures(outcome));
    }
    body.push_str(&heading("made", "How this was made"));
    body.push_str("<dl>\n");
    for (made, outcome) in runs {
        body.push_str(&origin(outcome.network, made, outcome.seed));
    }
    body.push_str("</dl>\n");
    body.push_str(&paragraph(IGNORED));
    let lead = "Each network with the people that it had, or a part of them, by the peers that run over real sockets.";
    let lead = format!("<p class=\"lead\">{}</p>\n", Escaped(lead));
    document("Networks at the size that they had", &format!("{lead}{}", navigation(&body, false)), &body)
}

/// What happened one after the other, and what it took.
fn stages(outcome: &Outcome) -> String {
    let head = ["", "virtual time", "took", "events", "events a second", "nodes", "memory", "a node"];
    let head = head.map(|title| Cell::text(title).class(if title.is_empty() { "" } else { "number" }));
    let stopped = if outcome.stopped { " Stopped before its end." } else { "" };
    let caption = format!("{}: {}.{stopped}", outcome.network, outcome.about);
    let mut table = Table::new(&caption, head.into());
    for stage in &outcome.stages {
        let memory =
            |bytes: Option<f64>| bytes.map_or_else(|| "-".to_owned(), |bytes| shown(Unit::Bytes, bytes));
        let cells = [
            shown(Unit::Seconds, stage.virtual_s),
            shown(Unit::Seconds, stage.took_s),
            grouped(&stage.events.to_string()),
            format!("{:.2} M", stage.events_per_s() / 1e6),
            grouped(&stage.nodes.to_string()),
            memory(stage.memory_bytes.map(|bytes| bytes as f64)),
            memory(stage.bytes_per_node()),
        ];
        table.row(&Cell::text(stage.name), cells.iter().map(|cell| Cell::number(cell)));
    }
    table.done()
}

/// What it was like.
fn figures(outcome: &Outcome) -> String {
    let head = ["", "measured", "theory", "published"];
    let head = head.map(|title| Cell::text(title).class(if title.is_empty() { "" } else { "number" }));
    let mut table = Table::new(&format!("{} at {}", outcome.network, outcome.fraction), head.into());
    for reading in &outcome.readings {
        let known = |value: Option<f64>| {
            let value = value.filter(|value| value.is_finite());
            Cell::number(&value.map_or_else(String::new, |value| shown(reading.unit, value)))
        };
        let published = reading.published.map_or_else(
            || Cell::number(""),
            |published| {
                let to =
                    published.to.map_or_else(String::new, |to| format!(" to {}", shown(reading.unit, to)));
                let value = format!("{}{to}", shown(reading.unit, published.value));
                Cell::with_note(&value, &format!("{}, {}", published.by, published.mark.name()))
            },
        );
        let cells = [known(Some(reading.value)), known(reading.theory), published];
        table.row(&Cell::text(&reading.what), cells);
    }
    table.done()
}

/// Each cost against the number of nodes, where a network was run at several sizes.
fn pictures(runs: &[(Made, Outcome)]) -> Vec<Picture> {
    fn of<'a>(runs: &'a [(Made, Outcome)], network: &str) -> impl Iterator<Item = &'a Outcome> {
        runs.iter().map(|(_, outcome)| outcome).filter(move |outcome| outcome.network == network)
    }
    let mut networks: Vec<&str> = runs.iter().map(|(_, outcome)| outcome.network).collect();
    networks.dedup();
    networks.retain(|network| of(runs, network).count() > 1);
    let picture = |cost: &Cost| {
        let x = Axis::new("nodes", Unit::Count).log();
        let mut plot = Plot::new(cost.title, x, Axis::new(cost.axis, cost.unit).log());
        for network in &networks {
            let points =
                of(runs, network).filter_map(|outcome| Some((outcome.nodes() as f64, (cost.of)(outcome)?)));
            plot = plot.with(Series::line(*network, points).colour(super::markup::colour(network)));
        }
        Picture { name: cost.name.to_owned(), plot, words: cost.words }
    };
    let pictures = COSTS.iter().map(picture).filter(|picture| !picture.plot.is_empty());
    if networks.is_empty() { Vec::new() } else { pictures.collect() }
}

fn shown(unit: Unit, value: f64) -> String {
    Scale::of(unit, value.abs()).text(value)
}
