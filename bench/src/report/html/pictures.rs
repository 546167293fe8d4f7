//! The plots of the page: what each shows, and of which of the stored numbers it is made.

use super::curves::{even, in_ratio, mean_of};
use super::markup::colour;
use super::view::{
    ANSWERED, BACKENDS, Value, View, answered, backends, count, names, runs_by, share, value_of, words,
};
use crate::compare::Backend;
use crate::measure::{Course, Curves, STEPS_MAX, Spread, Unit};
use crate::plot::{Axis, Plot, Series, Span};

/// A plot with the name of its files and a sentence on how to read it.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    /// Letters, digits and hyphens.
    pub(super) name: String,
    pub(super) plot: Plot,
    pub(super) words: &'static str,
}

/// A plot of bars.
struct Bars {
    name: &'static str,
    title: &'static str,
    key: &'static str,
    axis: &'static str,
    unit: Unit,
    /// Whether its values are so far apart that their ratios are shown.
    is_log: bool,
    level: Option<(f64, &'static str)>,
    words: &'static str,
}

const BARS: [Bars; 5] = [
    Bars {
        name: "search-cost",
        title: "What a search costs",
        key: "search_bytes",
        axis: "traffic of a search",
        unit: Unit::Bytes,
        is_log: true,
        level: None,
        words: "All messages that a search causes, on all lines together. Equal distances are equal ratios.",
    },
    Bars {
        name: "recall",
        title: "What a search finds",
        key: "recall_items",
        axis: "files found of all that match",
        unit: Unit::Share,
        is_log: false,
        level: None,
        words: "Recall: different files in the results of a search, of those that somebody online had at that moment.",
    },
    Bars {
        name: "origin-share",
        title: "Who sends the content",
        key: "server_share",
        axis: "content bytes sent by servers",
        unit: Unit::Share,
        is_log: false,
        level: None,
        words: "The origin's share: what servers and mirrors sent, of all content that anybody sent. The rest came from people.",
    },
    Bars {
        name: "busiest-share",
        title: "What depends on one node",
        key: "busiest_control_share",
        axis: "busiest node's share of control traffic",
        unit: Unit::Share,
        is_log: false,
        level: None,
        words: "Control traffic is all but the content itself. It counts where it is sent and where it arrives, so that half is the most.",
    },
    Bars {
        name: "over-bound",
        title: "How near to what is possible",
        key: "over_bound",
        axis: "time taken / least possible",
        unit: Unit::Ratio,
        is_log: false,
        level: Some((1.0, "nothing is faster")),
        words: "From the first start to the last end of all downloads, over the least time in which these lines could carry as much.",
    },
];

/// The longest time on a logarithmic axis, in terms of the shortest.
const AXIS_SPAN: f64 = 1_000.0;

/// Curves of one kind: what they are of, and how they are drawn.
struct Lines {
    name: &'static str,
    title: &'static str,
    words: &'static str,
    draw: fn(&[View<'_>], Backend, &Frame) -> Plot,
}

/// What all plots of curves have.
struct Frame {
    title: String,
    note: String,
}

const LINES: [Lines; 4] = [
    Lines {
        name: "load",
        title: "Who carries the load",
        words: "Lorenz curve. All nodes, servers among them, from the least to the most busy, and their part of all control traffic: on \
                the diagonal all carry the same; in the corner one carries everything.",
        draw: load,
    },
    Lines {
        name: "first-result",
        title: "How soon the first result comes",
        words: "Of all questions asked. A curve that stays below 100 % shows those that nobody answered.",
        draw: first_result,
    },
    Lines {
        name: "completion",
        title: "How soon downloads are complete",
        words: "Of all downloads wanted, each from its own start. A curve that stays below 100 % shows those that never ended.",
        draw: completion,
    },
    Lines {
        name: "throughput",
        title: "Content that arrives, over time",
        words: "At all people together. Servers can send so much and no more; peers bring their own lines, so that the total grows with \
                those who come and shrinks as they are done.",
        draw: throughput,
    },
];

/// The names that files of pictures can have, so that those of another run can be told from a user's own.
pub(super) fn all_names() -> Vec<String> {
    let of_lines = LINES.iter().flat_map(|lines| BACKENDS.map(|by| format!("{}-{}", lines.name, by.name())));
    let by_size = BY_SIZE.iter().map(|by_size| by_size.name.to_owned());
    BARS.iter()
        .map(|bars| bars.name.to_owned())
        .chain(of_lines)
        .chain(by_size)
        .chain(["survival".to_owned()])
        .collect()
}

/// All pictures that these results have data for.
pub(super) fn pictures(views: &[View<'_>]) -> Vec<Picture> {
    let mut pictures = Vec::new();
    let bars = |name: &str| BARS.iter().find(|bars| bars.name == name).map(|bars| of_bars(bars, views));
    let lines = |name: &'static str| {
        let lines = LINES.iter().filter(move |lines| lines.name == name);
        lines.flat_map(|lines| backends(views).into_iter().map(move |by| of_lines(lines, views, by)))
    };
    pictures.extend(bars("search-cost").into_iter().chain(bars("recall")));
    pictures.extend(lines("first-result").chain(lines("load")).chain(lines("completion")));
    pictures.extend(lines("throughput").chain(bars("origin-share")).chain(bars("busiest-share")));
    pictures.extend(survival(views).into_iter().chain(bars("over-bound")));
    pictures.extend(of_sizes(views));
    pictures.retain(|picture| !picture.plot.is_empty());
    let made = |view: &View<'_>| format!("{} {}", view.label, view.results.made.command).trim().to_owned();
    let about = format!("Made by: {}", views.iter().map(made).collect::<Vec<_>>().join("; "));
    for picture in &mut pictures {
        picture.plot = picture.plot.clone().about(about.clone());
    }
    pictures
}

/// What a series is called: its overlay, and of several results theirs.
fn called(view: &View<'_>, overlay: &str) -> String {
    format!("{overlay} {}", view.label).trim_end().to_owned()
}

/// A series for each overlay of each of the results, made from its runs by one backend.
fn series<'a>(
    views: &[View<'a>],
    by: Backend,
    plot: Plot,
    of: impl Fn(&str, &[&'a Curves]) -> Series,
) -> Plot {
    let names = names(views);
    let mut plot = plot;
    for (number, view) in views.iter().enumerate() {
        for name in &names {
            let Some(column) = view.column(name, by) else { continue };
            let curves: Vec<&Curves> = column.runs.iter().map(|run| &run.curves).collect();
            plot = plot.with(of(&called(view, name), &curves).colour(colour(name)).dash(number));
        }
    }
    plot
}

/// The longest and the shortest time of some distributions that is not nothing.
fn ends<'a>(views: &[View<'a>], by: Backend, of: fn(&Curves) -> &Spread) -> Option<(f64, f64)> {
    let columns = views.iter().flat_map(|view| &view.results.columns).filter(|column| column.backend == by);
    let curves = columns.flat_map(|column| &column.runs).map(|run| of(&run.curves));
    let times = curves.flat_map(|spread| &spread.seconds).copied().filter(|seconds| *seconds > 0.0);
    times.fold(None, |ends, seconds| {
        let (low, high) = ends.unwrap_or((seconds, seconds));
        Some((low.min(seconds), high.max(seconds)))
    })
}

fn of_lines(lines: &Lines, views: &[View<'_>], by: Backend) -> Picture {
    let runs = views.iter().map(|view| runs_by(view.results, by)).max().unwrap_or(0);
    let note = match runs {
        1 => format!("{}; one run", words(by)),
        runs => format!("{}; mean of {runs} runs", words(by)),
    };
    let frame = Frame { title: lines.title.to_owned(), note };
    let plot = (lines.draw)(views, by, &frame);
    Picture { name: format!("{}-{}", lines.name, by.name()), plot, words: lines.words }
}

impl Frame {
    fn plot(&self, x: Axis, y: Axis) -> Plot {
        Plot::new(self.title.clone(), x, y).note(self.note.clone())
    }
}

fn load(views: &[View<'_>], by: Backend, frame: &Frame) -> Plot {
    let nodes = Axis::new("least busy part of all nodes", Unit::Share).reaching(1.0);
    let plot = frame.plot(nodes, Axis::new("their part of control traffic", Unit::Share).reaching(1.0));
    let plot = series(views, by, plot, |name, curves| {
        let longest = curves.iter().map(|curves| curves.load.len()).max().unwrap_or(0);
        let parts = longest.saturating_sub(1).max(1) as f64;
        let places: Vec<f64> = (0..longest).map(|part| part as f64).collect();
        let (line, band) =
            mean_of(&places, curves, 1.0, |curves, part| curves.load.get(part as usize).copied());
        let to_parts = |span: Span| Span { x: span.x / parts, ..span };
        let line = line.into_iter().map(|(part, share)| (part / parts, share));
        Series::line(name, line).band(band.into_iter().map(to_parts))
    });
    plot.diagonal("all alike")
}

/// Distributions of times over these places.
fn spreads(views: &[View<'_>], by: Backend, plot: Plot, places: &[f64], of: fn(&Curves) -> &Spread) -> Plot {
    series(views, by, plot, |name, curves| {
        let (line, band) = mean_of(places, curves, 1.0, |curves, at| of(curves).within(at));
        Series::steps(name, line).band(band)
    })
}

fn first_result(views: &[View<'_>], by: Backend, frame: &Frame) -> Plot {
    let of: fn(&Curves) -> &Spread = |curves| &curves.first_result;
    let (low, high) = ends(views, by, of).unwrap_or((0.1, 1.0));
    let time = Axis::new("since the question", Unit::Seconds).log();
    // What somebody has already is there at once, which no such axis can show: the curve begins above the ground.
    let low = low.max(high / AXIS_SPAN);
    let plot = frame.plot(time, Axis::new("questions with a result", Unit::Share).reaching(1.0));
    spreads(views, by, plot, &in_ratio(low * 0.9, high * 1.1), of)
}

fn completion(views: &[View<'_>], by: Backend, frame: &Frame) -> Plot {
    let of: fn(&Curves) -> &Spread = |curves| &curves.download;
    let (_, high) = ends(views, by, of).unwrap_or((0.0, 1.0));
    let time = Axis::new("since the download began", Unit::Seconds);
    let plot = frame.plot(time, Axis::new("downloads complete", Unit::Share).reaching(1.0));
    spreads(views, by, plot, &even(0.0, high * 1.02), of)
}

fn throughput(views: &[View<'_>], by: Backend, frame: &Frame) -> Plot {
    let columns = views.iter().flat_map(|view| &view.results.columns).filter(|column| column.backend == by);
    let courses: Vec<&Course> =
        columns.flat_map(|column| &column.runs).map(|run| &run.curves.arrival).collect();
    let end = courses.iter().map(|course| course.end_s()).fold(0.0, f64::max);
    let step = courses.iter().map(|course| course.step_s).max().unwrap_or(1).max(1) as f64;
    // In the middle of each step.
    let steps = (end / step).min(STEPS_MAX as f64) as u32;
    let places: Vec<f64> = (0..steps).map(|number| (f64::from(number) + 0.5) * step).collect();
    let time = Axis::new("since the start", Unit::Seconds);
    let plot = frame.plot(time, Axis::new("throughput of all", Unit::Kbps));
    series(views, by, plot, |name, curves| {
        let (line, band) = mean_of(&places, curves, f64::MAX, |curves, at| Some(curves.arrival.at(at)));
        Series::line(name, line).band(band)
    })
}

/// The places of bars: each backend of each of the results.
fn slots<'a, 'v>(views: &'v [View<'a>]) -> Vec<(String, &'v View<'a>, Backend)> {
    let slot = |view: &'v View<'a>| {
        let own = backends(std::slice::from_ref(view));
        let name =
            move |by: Backend| format!("{} {}, {}", view.label, words(by), count(runs_by(view.results, by)));
        own.into_iter().map(move |by| (name(by).trim().to_owned(), view, by))
    };
    views.iter().flat_map(slot).collect()
}

/// A series of bars for each overlay, with rods for the intervals: a bar at each place that has a value.
fn columns(name: &str, values: &[Option<Value>]) -> Series {
    let bars = values.iter().map(|value| value.map_or(f64::NAN, |value| value.middle));
    let rods = values.iter().enumerate().filter_map(|(at, value)| {
        let (low, high) = value.as_ref()?.interval_95.filter(|(low, high)| low < high)?;
        Some(Span { x: at as f64 + 0.5, low, high })
    });
    Series::columns(name, bars).band(rods).colour(colour(name))
}

fn of_bars(bars: &Bars, views: &[View<'_>]) -> Picture {
    let slots = slots(views);
    let x = Axis::categories("how it was run", slots.iter().map(|(name, _, _)| name.clone()));
    let y = Axis::new(bars.axis, bars.unit);
    let mut plot = Plot::new(bars.title, x, if bars.is_log { y.log() } else { y });
    for name in names(views) {
        let values: Vec<Option<Value>> =
            slots.iter().map(|(_, view, by)| view.value(name, *by, bars.key)).collect();
        plot = plot.with(columns(name, &values));
    }
    if let Some((value, words)) = bars.level {
        plot = plot.level(value, words);
    }
    Picture { name: bars.name.to_owned(), plot, words: bars.words }
}

/// Questions answered before and after the loss of a node.
fn survival(views: &[View<'_>]) -> Option<Picture> {
    let lost: Vec<(&View<'_>, String)> =
        views.iter().filter_map(|view| view.lost().map(|lost| (view, lost))).collect();
    let (_, first) = lost.first()?;
    let slots =
        lost.iter().flat_map(|(view, _)| ["before", "after"].map(|when| format!("{} {when}", view.label)));
    let x = Axis::categories("questions asked", slots.map(|slot| slot.trim().to_owned()));
    let y = Axis::new("questions answered", Unit::Share).reaching(1.0);
    let mut plot = Plot::new("What survives a loss", x, y).note(first.clone());
    for name in names(views) {
        let values = lost.iter().flat_map(|(view, _)| {
            let by = view.by.unwrap_or(Backend::Sim);
            let before = share(view.strikes(name, by).into_iter().map(|strike| answered(&strike.before)));
            [before, view.value(name, by, ANSWERED)]
        });
        plot = plot.with(columns(name, &values.collect::<Vec<_>>()));
    }
    let words = "Of the questions asked before the loss and of those asked after it. Who vanished is in the table of what the faults did.";
    Some(Picture { name: "survival".to_owned(), plot, words })
}

/// A measure against the number of people.
struct BySize {
    name: &'static str,
    title: &'static str,
    key: &'static str,
    axis: &'static str,
    unit: Unit,
    is_log: bool,
    words: &'static str,
}

const BY_SIZE: [BySize; 4] = [
    BySize {
        name: "cost-by-size",
        title: "What a search costs, by size",
        key: "search_bytes",
        axis: "traffic of a search",
        unit: Unit::Bytes,
        is_log: true,
        words: "All messages that a search causes, among fewer and more people. A straight line on such axes is a power of their number.",
    },
    BySize {
        name: "recall-by-size",
        title: "What a search finds, by size",
        key: "recall_items",
        axis: "files found of all",
        unit: Unit::Share,
        is_log: false,
        words: "Different files found, of those that somebody online had.",
    },
    BySize {
        name: "busiest-by-size",
        title: "What the busiest node carries, by size",
        key: "busiest_control_bytes",
        axis: "its control traffic",
        unit: Unit::Bytes,
        is_log: true,
        words: "All but the content itself: an index, a tracker or a supernode has more to do the more people there are.",
    },
    BySize {
        name: "download-by-size",
        title: "How long a download takes, by size",
        key: "download_s",
        axis: "median of those completed",
        unit: Unit::Seconds,
        is_log: true,
        words: "Whoever has one line for all is slower the more come; where people serve each other, more of them bring more lines.",
    },
];

/// Measures against the number of people: of one result those among fewer people, of several those of different sizes.
fn of_sizes(views: &[View<'_>]) -> Vec<Picture> {
    let mut sizes: Vec<u32> = match views {
        [only] => only.results.sizes.iter().map(|size| size.peers).collect(),
        _ => Vec::new(),
    };
    sizes.extend(views.iter().map(|view| view.results.peers));
    if sizes.windows(2).all(|pair| pair[0] == pair[1]) {
        return Vec::new();
    }
    let values = |name: &str, key: &str| -> Vec<(f64, Value)> {
        let own = views.iter().filter_map(|view| {
            // What is among fewer people is simulated.
            let by = if views.len() == 1 { Backend::Sim } else { view.by? };
            Some((f64::from(view.results.peers), view.value(name, by, key)?))
        });
        let fewer = views.iter().flat_map(|view| &view.results.sizes).filter(|size| size.overlay == name);
        let fewer = fewer.filter(|_| views.len() == 1);
        let fewer = fewer.filter_map(|size| Some((f64::from(size.peers), value_of(&size.estimates, key)?)));
        let mut values: Vec<(f64, Value)> = fewer.chain(own).collect();
        values.sort_by(|a, b| a.0.total_cmp(&b.0));
        values
    };
    let picture = |by_size: &BySize| {
        let y = Axis::new(by_size.axis, by_size.unit);
        let people = Axis::new("people", Unit::Count).log();
        let mut plot = Plot::new(by_size.title, people, if by_size.is_log { y.log() } else { y });
        for name in names(views) {
            let values = values(name, by_size.key);
            let band = values.iter().filter_map(|(x, value)| {
                let (low, high) = value.interval_95?;
                Some(Span { x: *x, low, high })
            });
            let line = Series::line(name, values.iter().map(|(x, value)| (*x, value.middle)));
            plot = plot.with(line.band(band).colour(colour(name)));
        }
        Picture { name: by_size.name.to_owned(), plot, words: by_size.words }
    };
    BY_SIZE.iter().map(picture).collect()
}
