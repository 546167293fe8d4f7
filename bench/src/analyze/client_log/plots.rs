//! The plots of a client's log.

use super::super::kbps;
use super::super::study::Course;
use super::diary::{Diary, Part};
use super::figures::{TOP, curve};
use crate::measure::Unit;
use crate::plot::{Axis, Plot, Series};

pub(super) fn plots(diary: &Diary) -> Vec<(&'static str, Plot)> {
    vec![
        ("rates", rates(diary)),
        ("volume", volume(diary)),
        ("partners", partners(diary)),
        ("concentration", givers(diary)),
        ("peers", peers(diary)),
    ]
}

/// A plot over the time of the log.
fn over_time(diary: &Diary, title: &str, y: Axis) -> Plot {
    let plot = Plot::new(title, Axis::new("since the first line", Unit::Seconds), y);
    match diary.firsts.complete_at {
        Some(at) => plot.moment(at, "complete"),
        None => plot,
    }
}

fn rates(diary: &Diary) -> Plot {
    let course = &diary.course;
    over_time(diary, "Download and upload", Axis::new("rate", Unit::Kbps))
        .with(Series::steps("received", course.steps(|part, length| kbps(part.down, length))))
        .with(Series::steps("sent", course.steps(|part, length| kbps(part.up, length))))
}

fn volume(diary: &Diary) -> Plot {
    let course = &diary.course;
    over_time(diary, "What came and what went", Axis::new("so far", Unit::Bytes))
        .with(Series::line("received", course.sums(|part| part.down)))
        .with(Series::line("received from leechers", course.sums(|part| part.down - part.down_seeds)))
        .with(Series::line("sent", course.sums(|part| part.up)))
}

fn partners(diary: &Diary) -> Plot {
    let course = &diary.course;
    let steps = |name: &str, of: fn(&Part) -> f64| {
        Series::steps(name, course.steps(|part, length| of(part) / length))
    };
    over_time(diary, "Somebody to fetch from, somebody to serve", Axis::new("peers", Unit::Count))
        .with(steps("have what it lacks", |part| part.wanted_s))
        .with(steps("... and serve it", |part| part.serving_s))
        .with(steps("lack what it has", |part| part.wanting_s))
        .with(steps("... and are served", |part| part.served_s))
}

fn givers(diary: &Diary) -> Plot {
    let peers = Axis::new("peers, those that gave most first", Unit::Share).reaching(0.0).reaching(1.0);
    Plot::new("Who gave the file", peers, Axis::new("of all that was received", Unit::Share).reaching(1.0))
        .with(Series::line("received", curve(diary)))
        .diagonal("if all gave alike")
        .moment(TOP, "a quarter of the peers")
}

fn peers(diary: &Diary) -> Plot {
    let both = diary.others.iter().filter(|other| other.gave_as_leecher > 0.0 && other.took > 0.0);
    let (taken, given) =
        (Axis::new("sent to it", Unit::Bytes).log(), Axis::new("received from it", Unit::Bytes).log());
    Plot::new("Tit for tat: each leecher that gave and took", taken, given)
        .note("while this peer and that one lacked something")
        .with(Series::dots("leechers", both.map(|other| (other.took, other.gave_as_leecher))))
        .diagonal("as much as was sent")
}

pub(super) fn courses(diary: &Diary) -> Vec<Course> {
    let course = |what, unit, value: fn(&Part, f64) -> f64| {
        let values = diary.course.parts().map(|(_, length, part)| value(part, length)).collect();
        Course { what, unit, values }
    };
    vec![
        course("received", Unit::Kbps, |part, length| kbps(part.down, length)),
        course("sent", Unit::Kbps, |part, length| kbps(part.up, length)),
        course("peers that serve it", Unit::Count, |part, length| part.serving_s / length),
        course("peers that are served", Unit::Count, |part, length| part.served_s / length),
    ]
}
