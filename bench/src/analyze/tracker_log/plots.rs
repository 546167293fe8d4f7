//! The plots of a tracker's log.

use super::super::kbps;
use super::super::study::Course;
use super::super::timeline::Timeline;
use super::Options;
use super::figures::of_leecher;
use super::tally::{Part, Tally};
use crate::measure::Unit;
use crate::plot::{Axis, Plot, Series};

type Plots = Vec<(&'static str, Plot)>;

pub(super) fn plots(tally: &Tally, options: &Options) -> Plots {
    let axis = crowd(tally, "clients", Unit::Count);
    let mut plots = vec![("clients", clients("Who is there", &tally.course, axis))];
    if let Some(first_days) = &tally.first_days {
        let axis = Axis::new("clients", Unit::Count);
        plots.push(("clients-first-days", clients("Who is there in the first five days", first_days, axis)));
    }
    plots.extend([("arrivals", arrivals(tally)), ("volume", volume(tally))]);
    plots.extend([("throughput", throughput(tally)), ("aggregate", aggregate(tally, options))]);
    plots.extend([("sessions", sessions(tally)), ("stays", stays(tally)), ("load", load(tally))]);
    plots
}

fn since() -> Axis {
    Axis::new("since the first report", Unit::Seconds)
}

/// An axis for numbers of clients: over months the crowd of the first day and the few of later are seen on a logarithmic one alone.
fn crowd(tally: &Tally, label: &str, unit: Unit) -> Axis {
    let axis = Axis::new(label, unit);
    if tally.first_days.is_some() { axis.log() } else { axis }
}

/// How long the parts are whose means are shown.
fn means(of: &Timeline<Part>) -> String {
    let seconds = of.width_s();
    let (number, unit) = match seconds {
        86_400.0.. => (seconds / 86_400.0, "days"),
        3_600.0.. => (seconds / 3_600.0, "h"),
        60.0.. => (seconds / 60.0, "min"),
        _ => (seconds, "s"),
    };
    format!("means of {number} {unit}")
}

fn clients(title: &str, of: &Timeline<Part>, axis: Axis) -> Plot {
    Plot::new(title, since(), axis)
        .note(format!("clients that have started and not stopped, {}", means(of)))
        .with(Series::steps("all", of.steps(|part, length| (part.leechers_s + part.seeds_s) / length)))
        .with(Series::steps("leechers", of.steps(|part, length| part.leechers_s / length)))
        .with(Series::steps("seeds", of.steps(|part, length| part.seeds_s / length)))
        .level(4_000.0, "the lecture: 4000 and more on the first day")
}

fn arrivals(tally: &Tally) -> Plot {
    Plot::new("Who comes", since(), crowd(tally, "sessions that begin per hour", Unit::Count))
        .note(means(&tally.course))
        .with(Series::steps(
            "sessions",
            tally.course.steps(|part, length| f64::from(part.begun) * 3_600.0 / length),
        ))
}

fn volume(tally: &Tally) -> Plot {
    Plot::new("Who gives: seeds and leechers", since(), Axis::new("sent so far", Unit::Bytes))
        .note("what a client has sent between two reports counts for what it was at the first of them")
        .with(Series::line("by seeds", tally.course.sums(|part| part.up_seeds)))
        .with(Series::line("by leechers", tally.course.sums(|part| part.up_leechers)))
}

fn throughput(tally: &Tally) -> Plot {
    Plot::new("What a leecher gets", since(), Axis::new("received by each leecher", Unit::Kbps))
        .note(means(&tally.course))
        .with(Series::steps("mean", tally.course.steps(|part, _| of_leecher(part).unwrap_or(f64::NAN))))
        .level(500.0, "the lecture: always above 500 kbit/s")
}

fn aggregate(tally: &Tally, options: &Options) -> Plot {
    let all = tally.course.steps(|part, length| kbps(part.down, length));
    let most = all.iter().map(|(_, rate)| *rate).fold(0.0, f64::max);
    let mirrors = (most / options.mirror_kbps).ceil();
    let plot = Plot::new("What all leechers get together", since(), crowd(tally, "received", Unit::Kbps))
        .note(means(&tally.course))
        .with(Series::steps("all leechers", all));
    let label = format!("{mirrors} mirrors of {} Mbit/s", options.mirror_kbps / 1_000.0);
    if mirrors > 0.0 { plot.level(mirrors * options.mirror_kbps, label) } else { plot }
}

fn sessions(tally: &Tally) -> Plot {
    let rate = Axis::new("rate over all of the download", Unit::Kbps).log();
    Plot::new("Rates of those who came with nothing and completed", rate, Axis::new("sessions", Unit::Count))
        .with(Series::bars("sessions", tally.rates.bars()))
        .moment(1_300.0, "the lecture's mean")
}

fn stays(tally: &Tally) -> Plot {
    let time = Axis::new("time from completion to the last report", Unit::Seconds).log();
    Plot::new("How long seeds stay", time, Axis::new("sessions", Unit::Count))
        .with(Series::bars("said good-bye", tally.stays_stopped.bars()))
        .with(Series::bars("fell silent", tally.stays_silent.bars()))
        .moment(10_800.0, "the lecture's mean")
}

fn load(tally: &Tally) -> Plot {
    Plot::new("The load of the tracker", since(), Axis::new("reports per second", Unit::Ratio))
        .note(means(&tally.course))
        .with(Series::steps(
            "reports",
            tally.course.steps(|part, length| f64::from(part.reports) / length.max(1.0)),
        ))
}

pub(super) fn courses(tally: &Tally) -> Vec<Course> {
    let course = |what, unit, value: fn(&Part, f64) -> f64| {
        let values = tally.course.parts().map(|(_, length, part)| value(part, length)).collect();
        Course { what, unit, values }
    };
    vec![
        course("active clients", Unit::Count, |part, length| (part.leechers_s + part.seeds_s) / length),
        course("seeds", Unit::Count, |part, length| part.seeds_s / length),
        course("received by each leecher", Unit::Kbps, |part, _| of_leecher(part).unwrap_or(0.0)),
        course("received by all", Unit::Kbps, |part, length| kbps(part.down, length)),
        course("reports per second", Unit::Ratio, |part, length| f64::from(part.reports) / length.max(1.0)),
    ]
}
