//! The figures of a tracker's log.

use super::super::study::{Figure, Figures};
use super::super::{kbps, seconds, share};
use super::tally::{FIRST_DAYS_MS, Part, Tally};
use super::{About, Options};
use crate::measure::Unit;
use crate::report::number::Scale;

pub(super) fn title(about: &About) -> String {
    let span = seconds(about.first_ms, about.last_ms);
    let count = |number: u64| Scale::of(Unit::Count, number as f64).text(number as f64);
    let others = match about.torrents {
        0 | 1 => String::new(),
        torrents => format!(", of {torrents} torrents the one that was studied"),
    };
    let (reports, span) = (count(about.reports), Scale::of(Unit::Seconds, span).text(span));
    format!("Tracker log of torrent {}: {reports} reports in {span}{others}", about.torrent)
}

pub(super) fn figures(about: &About, tally: &Tally, options: &Options) -> Vec<Figure> {
    let mut figures = Figures::default();
    the_log(&mut figures, about, tally);
    clients(&mut figures, about, tally);
    seeds_and_leechers(&mut figures, tally);
    throughput(&mut figures, tally, options);
    complete_sessions(&mut figures, about, tally);
    figures.done()
}

fn the_log(figures: &mut Figures, about: &About, tally: &Tally) {
    figures.group("the log");
    let span_s = seconds(about.first_ms, about.last_ms);
    let length = about.length.map(|length| length as f64);
    figures.add("length", "bytes of the torrent", Unit::Bytes, length).lecture(1.77e9, "RedHat 9");
    figures
        .add("span", "time from the first report to the last", Unit::Seconds, span_s)
        .lecture(153.0 * 86_400.0, "April to August 2003");
    figures.count("reports", "reports", tally.reports);
    figures.add("reports_per_s", "reports per second", Unit::Ratio, share(tally.reports as f64, span_s));
    let busiest = tally
        .course
        .parts()
        .map(|(_, length, part)| f64::from(part.reports) / length.max(1.0))
        .fold(0.0, f64::max);
    figures.add("reports_per_s_most", "reports per second, busiest part", Unit::Ratio, busiest);
    figures.count("out_of_order", "reports left out: earlier than one before", tally.out_of_order);
    figures.count("backwards", "reports left out: less done than before", tally.backwards);
    figures.count("crowded_out", "reports left out: too many clients at a time", tally.crowded_out);
}

fn clients(figures: &mut Figures, about: &About, tally: &Tally) {
    figures.group("clients");
    let what = if tally.is_clients_at_least { "clients (peer ids), at least" } else { "clients (peer ids)" };
    figures.count("clients", what, tally.clients()).lecture(180_000.0, "in five months");
    figures
        .count("clients_first_days", "clients in the first five days", tally.clients_first_days)
        .lecture(51_000.0, "the flash crowd");
    figures.count("addresses", "addresses", tally.hosts());
    figures.count("sessions", "sessions", tally.sessions);
    figures.count("restarts", "sessions that began anew at an address", tally.restarts);
    figures
        .count("active_most", "active at a time, most", tally.most.count as u64)
        .lecture(4_000.0, "more, on the first day");
    let when_s = seconds(about.first_ms, tally.most.at_ms.max(about.first_ms));
    figures.add("active_most_at", "... when", Unit::Seconds, when_s);
    figures.count("leechers_most", "leechers at a time, most", tally.most_leechers.count as u64);
    figures.count("seeds_most", "seeds at a time, most", tally.most_seeds.count as u64);
    let later = tally.course.parts().filter(|(from, ..)| *from >= FIRST_DAYS_MS as f64 / 1_000.0);
    let later = median(later.map(|(_, length, part)| (part.leechers_s + part.seeds_s) / length).collect());
    figures
        .add("active_later", "active after the first five days, median", Unit::Count, later.map(f64::round))
        .lecture_range(100.0, 200.0, "later");
}

fn seeds_and_leechers(figures: &mut Figures, tally: &Tally) {
    figures.group("seeds and leechers");
    let sum = |of: fn(&Part) -> f64| tally.course.parts().map(|(.., part)| of(part)).sum::<f64>();
    let (seeds_s, leechers_s) = (sum(|part| part.seeds_s), sum(|part| part.leechers_s));
    figures.add(
        "seeds_share",
        "seeds, of all who are there",
        Unit::Share,
        share(seeds_s, seeds_s + leechers_s),
    );
    figures.add("up_seeds", "sent by seeds", Unit::Bytes, tally.up_seeds);
    figures.add("up_leechers", "sent by leechers", Unit::Bytes, tally.up_leechers);
    figures
        .add(
            "up_ratio",
            "sent by seeds for each byte by leechers",
            Unit::Ratio,
            share(tally.up_seeds, tally.up_leechers),
        )
        .lecture(2.0, "twice as much volume");
    figures.add("down", "received by leechers", Unit::Bytes, tally.down);
    figures
        .add("stay", "seeds stay after completion, mean", Unit::Seconds, tally.stays_stopped.mean())
        .lecture(10_800.0, "3 hours on average");
    figures.count("stays", "... of so many, who said good-bye", tally.stays_stopped.count());
    let silent = &tally.stays_silent;
    figures.add("stay_silent", "... those who fell silent, until they did", Unit::Seconds, silent.mean());
    figures.count("stays_silent", "... of so many", silent.count());
}

fn throughput(figures: &mut Figures, tally: &Tally, options: &Options) {
    figures.group("throughput");
    let between_s: f64 = tally.course.parts().map(|(.., part)| part.between_s).sum();
    let each = (between_s > 0.0).then(|| kbps(tally.down, between_s));
    figures.add("leecher_kbps", "of a leecher, mean", Unit::Kbps, each);
    // Where there was hardly anybody, no mean says much.
    let busy = tally.course.parts().filter(|(_, length, part)| part.between_s >= *length);
    let least = busy.filter_map(|(.., part)| of_leecher(part)).min_by(f64::total_cmp);
    figures
        .add("leecher_kbps_least", "... in the slowest part of the time", Unit::Kbps, least)
        .lecture(500.0, "always above");
    let span_s = tally.course.parts().map(|(_, length, _)| length).sum::<f64>();
    figures.add("aggregate_kbps", "of all leechers together, mean", Unit::Kbps, kbps(tally.down, span_s));
    let most = tally.course.parts().map(|(_, length, part)| kbps(part.down, length)).fold(0.0, f64::max);
    figures
        .add("aggregate_kbps_most", "... in the best part of the time", Unit::Kbps, most)
        .lecture(800_000.0, "was higher than");
    figures.add("mirror_kbps", "of a mirror", Unit::Kbps, options.mirror_kbps).lecture(10_000.0, "each");
    let mirrors = (most / options.mirror_kbps).ceil();
    figures.add("mirrors", "mirrors that would be needed", Unit::Count, mirrors).lecture(80.0, "more than");
}

fn complete_sessions(figures: &mut Figures, about: &About, tally: &Tally) {
    figures.group("downloads");
    figures.count("leecher_sessions", "sessions that came for it", tally.leecher_sessions);
    figures.count("completed", "... that completed", tally.completed);
    figures
        .count("complete_sessions", "... that came with nothing and completed", tally.rates.count())
        .lecture(20_000.0, "in a single session");
    let rate = tally.rates.mean();
    figures.add("session_kbps", "their rate, mean", Unit::Kbps, rate).lecture(1_300.0, "better than average");
    figures.add("session_kbps_mode", "... most frequent", Unit::Kbps, tally.rates.mode());
    let duration = tally.durations.mean();
    figures.add("session_time", "their time, mean", Unit::Seconds, duration).lecture(30_000.0, "30,000 s");
    let at_mean = about.length.zip(rate).map(|(length, rate)| length as f64 * 8.0 / 1_000.0 / rate);
    figures
        .add("time_at_mean_rate", "time of the file at the mean rate", Unit::Seconds, at_mean)
        .lecture(10_000.0, "10,000 s");
    let spread = duration.zip(at_mean).and_then(|(duration, at_mean)| share(duration, at_mean));
    figures
        .add("spread", "the first of these in terms of the second", Unit::Ratio, spread)
        .lecture(3.0, "a high variance in download throughputs");
    let ended = tally.completed + tally.incomplete;
    figures
        .add(
            "incomplete",
            "sessions that never completed",
            Unit::Share,
            share(tally.incomplete as f64, ended as f64),
        )
        .lecture(160.0 / 180.0, "160,000 incomplete downloads");
    figures.count("under_way", "... not counting those under way", tally.open_leechers);
    let hosts = (tally.hosts_wanted - tally.hosts_completed) as f64;
    figures.add(
        "addresses_incomplete",
        "addresses that never completed",
        Unit::Share,
        share(hosts, tally.hosts_wanted as f64),
    );
}

/// The mean rate of a leecher in a part of the time, kbit/s; `None` if nobody's is known.
pub(super) fn of_leecher(part: &Part) -> Option<f64> {
    (part.between_s > 0.0).then(|| kbps(part.down, part.between_s))
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
