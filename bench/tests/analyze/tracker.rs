//! Tracker logs made by hand.

use bench::analyze::tracker_log::Options;
use bench::plot::Plot;

use super::{holds, of_tracker};

const SWARM: &str = "de3edc1dfa1958affac1dbdc8f34d4d6dac43f00";

/// A line: seconds, event, number of the client's program, host, and the three counters.
fn line(s: u64, event: &str, id: u32, host: u32, counters: [u64; 3]) -> String {
    let [up, down, left] = counters;
    format!("{s}.000 {event} {SWARM} -TB0001-{id:012} 10.0.0.{host}:6881 {up} {down} {left}\n")
}

/// Bytes of the torrent.
const ALL: u64 = 1_000_000;

/// A seed that stays; a leecher that comes with nothing, completes and stays for half an hour; one that resumes and completes; one that
/// gives up without a word; one whose program crashes and is started anew.
fn a_swarm() -> String {
    [
        line(0, "started", 1, 1, [0, 0, 0]),
        line(100, "started", 2, 2, [0, 0, ALL]),
        line(200, "started", 3, 3, [0, 0, 400_000]),
        line(300, "started", 4, 4, [0, 0, ALL]),
        line(400, "update", 3, 3, [50_000, 200_000, 200_000]),
        line(600, "completed", 3, 3, [60_000, 400_000, 0]),
        line(700, "started", 5, 5, [0, 0, ALL]),
        line(900, "started", 6, 5, [0, 0, 900_000]),
        line(1_100, "completed", 2, 2, [300_000, ALL, 0]),
        line(1_800, "update", 1, 1, [700_000, 0, 0]),
        line(2_900, "stopped", 2, 2, [500_000, ALL, 0]),
        line(3_600, "update", 1, 1, [900_000, 0, 0]),
        line(4_500, "stopped", 6, 5, [10_000, 300_000, 600_000]),
        line(5_400, "update", 1, 1, [900_000, 0, 0]),
    ]
    .concat()
}

#[test]
fn the_figures_are_those_of_the_reports() {
    let study = of_tracker(&a_swarm(), &Options { mirror_kbps: 1.0, ..Options::default() });
    assert!(study.title.starts_with(&format!("Tracker log of torrent {SWARM}: 14 reports in 5400.0 s")));
    holds(
        &study,
        &[
            ("length", Some(1e6)),
            ("span", Some(5_400.0)),
            ("reports", Some(14.0)),
            ("reports_per_s", Some(14.0 / 5_400.0)),
            ("clients", Some(6.0)),
            ("addresses", Some(5.0)),
            ("clients_first_days", Some(6.0)),
            ("sessions", Some(6.0)),
            ("restarts", Some(1.0)),
            // At 700 s: all of the first five.
            ("active_most", Some(5.0)),
            ("active_most_at", Some(700.0)),
            ("leechers_most", Some(3.0)),
            ("seeds_most", Some(3.0)),
            ("active_later", None),
            // By the first, and by the second after it had all.
            ("up_seeds", Some(900_000.0 + 200_000.0)),
            ("up_leechers", Some(60_000.0 + 300_000.0 + 10_000.0)),
            ("up_ratio", Some(1_100.0 / 370.0)),
            ("down", Some(1_000_000.0 + 400_000.0 + 300_000.0)),
            ("stay", Some(1_800.0)),
            ("stays", Some(1.0)),
            // The third was never heard of again.
            ("stay_silent", Some(0.0)),
            ("stays_silent", Some(1.0)),
            // Between reports: the second 1,000 s, the third 400 s, the sixth 3,600 s.
            ("leecher_kbps", Some(1_700_000.0 * 8.0 / 1_000.0 / 5_000.0)),
            ("aggregate_kbps", Some(1_700_000.0 * 8.0 / 1_000.0 / 5_400.0)),
            ("leecher_sessions", Some(5.0)),
            ("completed", Some(2.0)),
            ("complete_sessions", Some(1.0)),
            ("session_kbps", Some(8.0)),
            ("session_time", Some(1_000.0)),
            ("time_at_mean_rate", Some(1_000.0)),
            ("spread", Some(1.0)),
            // The fourth, the fifth and the sixth.
            ("incomplete", Some(3.0 / 5.0)),
            ("under_way", Some(0.0)),
            ("addresses_incomplete", Some(2.0 / 4.0)),
            ("backwards", Some(0.0)),
            ("out_of_order", Some(0.0)),
        ],
    );
    // While all three fetched: 8, 1 000 and 83 bytes/s are at most what 600 to 1,100 s have.
    let best = study.figure("aggregate_kbps_most").unwrap();
    assert!(best >= study.figure("aggregate_kbps").unwrap());
    assert_eq!(study.figure("mirrors"), Some(best.ceil()));
}

fn plot<'a>(study: &'a bench::analyze::study::Study, name: &str) -> &'a Plot {
    &study.plots.iter().find(|(found, _)| *found == name).unwrap().1
}

#[test]
fn who_is_there_is_known_to_the_second() {
    let study = of_tracker(&a_swarm(), &Options::default());
    let csv = plot(&study, "clients").to_csv();
    // The area under each line: seconds in which a client is there.
    let area = |name: &str| {
        let rows = csv.lines().filter_map(|row| row.strip_prefix(name)?.strip_prefix(',')?.split_once(','));
        let points: Vec<(f64, f64)> = rows.map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap())).collect();
        points.windows(2).map(|pair| (pair[1].0 - pair[0].0) * pair[0].1).sum::<f64>()
    };
    // Silent ones count for an hour after their last word: the third from 600 s, the fourth from 300 s.
    let seeds = 5_400.0 + (2_900.0 - 1_100.0) + 3_600.0;
    let leechers = (1_100.0 - 100.0) + (600.0 - 200.0) + 3_600.0 + (900.0 - 700.0) + (4_500.0 - 900.0);
    assert!((area("seeds") - seeds).abs() < 1e-6, "{} {seeds}", area("seeds"));
    assert!((area("leechers") - leechers).abs() < 1e-6, "{} {leechers}", area("leechers"));
    assert!((area("all") - seeds - leechers).abs() < 1e-6);
    let share = study.figure("seeds_share").unwrap();
    assert!((share - seeds / (seeds + leechers)).abs() < 1e-9);
    // With less patience they are gone sooner.
    let hasty = of_tracker(&a_swarm(), &Options { expire_ms: 1_000, ..Options::default() });
    assert!(hasty.figure("active_most") < study.figure("active_most"));
}

#[test]
fn reports_that_go_backwards_or_come_from_the_past_are_left_out_and_counted() {
    let log = [
        line(0, "started", 1, 1, [0, 0, 1_000]),
        line(1_000, "update", 1, 1, [500, 500, 500]),
        // Less than it had.
        line(1_500, "update", 1, 1, [400, 600, 400]),
        line(2_000, "update", 1, 1, [600, 700, 300]),
        // Earlier than the line before.
        line(1_999, "update", 1, 1, [900, 900, 100]),
        // Said twice: no new session.
        line(2_100, "started", 1, 1, [600, 700, 300]),
        // Counters of a program that was started anew under the same name.
        line(2_200, "started", 1, 1, [0, 0, 300]),
        line(2_300, "update", 1, 1, [10, 100, 200]),
        // Nobody knows it.
        line(2_400, "stopped", 9, 9, [1_000, 1_000, 0]),
    ]
    .concat();
    let study = of_tracker(&log, &Options::default());
    holds(
        &study,
        &[
            ("backwards", Some(1.0)),
            ("out_of_order", Some(1.0)),
            ("up_leechers", Some(610.0)),
            ("down", Some(800.0)),
            ("sessions", Some(2.0)),
            ("restarts", Some(1.0)),
            ("clients", Some(2.0)),
            ("incomplete", Some(1.0)),
            ("under_way", Some(1.0)),
        ],
    );
}

#[test]
fn the_first_days_have_a_plot_of_their_own_if_there_are_more() {
    let day = 86_400;
    let mut log = String::new();
    for number in 0..60 {
        let id = number + 1;
        log += &line(u64::from(number) * day / 5, "started", id, id, [0, 0, ALL]);
    }
    let study = of_tracker(&log, &Options::default());
    // One comes every fifth of a day; the one at five days is early still.
    holds(&study, &[("clients", Some(60.0)), ("clients_first_days", Some(26.0)), ("active_most", Some(1.0))]);
    assert!(study.figure("active_later").is_some());
    assert!(plot(&study, "clients-first-days").to_svg().contains("first five days"));
    let none = of_tracker(&a_swarm(), &Options::default());
    assert!(none.plots.iter().all(|(name, _)| *name != "clients-first-days"));
}

#[test]
fn of_several_torrents_the_one_with_most_reports_is_studied_unless_another_is_named() {
    let other = "11".repeat(20);
    let log = a_swarm() + &line(9_000, "started", 7, 7, [0, 0, 5]).replace(SWARM, &other);
    let study = of_tracker(&log, &Options::default());
    holds(&study, &[("reports", Some(14.0)), ("span", Some(5_400.0))]);
    assert!(study.title.contains("of 2 torrents"));
    let (census, _) = bench::analyze::tracker_log::census(log.as_bytes()).unwrap();
    let about = census.about(other.parse().ok()).unwrap();
    assert_eq!((about.reports, about.length, about.first_ms), (1, Some(5), 9_000_000));
    assert_eq!(census.about("22".repeat(20).parse().ok()), None);
}
