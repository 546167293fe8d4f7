//! More come to a server than its line can carry.

use std::time::Duration;

use super::lone::{LoneServer, Offer, Visitor};
use crate::claims::bittorrent::swarm::{DSL, Person, poisson};
use crate::claims::finding::{Mark, Reading, Rule};
use crate::claims::venue::Venue as _;
use crate::claims::{Claim, Size, Trial};
use crate::measure::Unit;
use crate::mirror::ServerConfig;

/// M1.
pub(super) const OVERLOAD: Claim = Claim {
    id: "M1",
    sentence: "A link from a big site takes a lone server down: its line is shared among all who come, and most of them give up.",
    said_by: "lecture",
    setup: |_| {
        format!(
            "one HTTP server with a content of 1 MiB on a line of {UP_KBPS} kbit/s, which carries {:.0} copies a minute; people come by Poisson's law, on lines of 1,500/400, ask again when they are sent away, and give up after {} s. It serves up to 256 at a time and lets 511 wait, as Apache came set up, or up to {FEW_PLACES} and as many waiting. Counted are those who come after the first {} s. Where ten thousand come a minute, the answers that send them away take a part of the line themselves",
            capacity_per_min(),
            PATIENCE.as_secs(),
            WARM.as_secs()
        )
    },
    varied: "how many come a minute; how many are served at a time",
    seeds: super::FEW,
    trial: overload,
};

/// The flash crowd's origin.
const UP_KBPS: u32 = 6_000;
/// A page with its pictures, or a small file.
const BYTES: u64 = 1 << 20;
/// How long people wait.
const PATIENCE: Duration = Duration::from_secs(60);
/// Twice their patience: those who came first, when the server was idle, have gone, nearly all at once, and so have those who came next.
const WARM: Duration = Duration::from_secs(120);
/// Places of a server that rather serves few well.
const FEW_PLACES: usize = 20;
/// So often it is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Arrivals in a minute.
fn rates_per_min(size: Size) -> &'static [u32] {
    size.pick(
        &[10, 30, 100, 1_000, 10_000],
        &[10, 20, 30, 60, 100, 300, 1_000, 3_000, 10_000],
        &[10, 20, 30, 40, 60, 100, 300, 1_000, 3_000, 10_000],
    )
}

/// People who are counted at least, and for how long at least people come who are.
fn counted(size: Size) -> (u32, Duration) {
    size.pick((60, Duration::from_secs(60)), (200, Duration::from_secs(60)), (500, Duration::from_secs(120)))
}

/// Copies that the line carries in a minute.
fn capacity_per_min() -> f64 {
    60.0 / super::seconds(BYTES, UP_KBPS)
}

/// What became of those who came at one rate.
struct Step {
    /// Those counted who gave up, by all counted.
    gave_up: f64,
    /// Copies in a minute that were of use: those of whoever came to have all.
    whole_per_min: f64,
    /// Kilobits per second of each who was there, on average over the time in which all counted came.
    each_kbps: f64,
    /// The line through the number of those who were there.
    share_kbps: f64,
    /// Those who were told to wait, on average over that time.
    queue: f64,
    /// Refusals for each counted visitor.
    refusals: f64,
    /// What of the line heads of answers took, most of them refusals.
    heads: f64,
}

fn step(trial: &Trial, per_min: u32, places: Option<usize>) -> Step {
    let per_s = f64::from(per_min) / 60.0;
    let (people_min, time_min) = counted(trial.size);
    let counting = Duration::from_secs_f64(f64::from(people_min) / per_s).max(time_min);
    let mut rng = trial.rng(u64::from(per_min));
    let people: Vec<Person> = poisson(per_s, WARM + counting, DSL, &mut rng)
        .into_iter()
        .map(|person| Person { patience: Some(PATIENCE), ..person })
        .collect();
    let usual = ServerConfig::default();
    let config = match places {
        Some(places) => ServerConfig { slots: places, waiting_max: places, ..usual },
        None => usual,
    };
    let mut server = LoneServer::new(Offer { bytes: BYTES, up_kbps: UP_KBPS, config }, trial.seed_of(1));
    let from = server.now() + WARM;
    let until = from + counting;
    // While those who are counted come: how many are there and wait; bytes of the content and of heads, and refusals, since the beginning.
    let (mut present, mut queue, mut totals) = (Vec::new(), Vec::new(), Vec::new());
    server.run(&people, WARM + counting + 2 * PATIENCE, LOOK, &mut |server| {
        if server.now() >= from && server.now() <= until {
            present.push(server.present() as f64);
            queue.push(server.queue() as f64);
            totals.push([server.sent(), server.heads(), server.refusals()].map(|total| total as f64));
        }
    });
    let seen: Vec<&Visitor> = server.visitors().iter().filter(|visitor| visitor.joined >= from).collect();
    let served = |visitor: &&&Visitor| visitor.finished.is_some();
    let done = |visitor: &Visitor| visitor.finished.is_some_and(|at| at >= from && at <= until);
    let useful = server.visitors().iter().filter(|visitor| done(visitor)).count();
    let mean = crate::claims::finding::mean;
    let [sent, heads, refusals]: [f64; 3] =
        std::array::from_fn(|at| totals[totals.len() - 1][at] - totals[0][at]);
    let looked_s = (totals.len() - 1) as f64 * LOOK.as_secs_f64();
    Step {
        gave_up: 1.0 - seen.iter().filter(served).count() as f64 / seen.len() as f64,
        whole_per_min: useful as f64 / counting.as_secs_f64() * 60.0,
        each_kbps: sent * 8.0 / 1e3 / looked_s / mean(&present),
        share_kbps: f64::from(UP_KBPS) / mean(&present),
        queue: mean(&queue),
        refusals: refusals / seen.len() as f64,
        heads: heads * 8.0 / 1e3 / looked_s / f64::from(UP_KBPS),
    }
}

fn overload(trial: &Trial) -> Vec<Reading> {
    let mut readings = Vec::new();
    for (places, name) in [(None, "256 at a time"), (Some(FEW_PLACES), "20 at a time")] {
        for &per_min in rates_per_min(trial.size) {
            let step = step(trial, per_min, places);
            let what = |what: &str| format!("{what}, {per_min} a minute, {name}");
            // People there if all stay as long as they have patience, each of whom needs a rate at which that is enough.
            let load = f64::from(per_min) / capacity_per_min();
            let is_over = load > 1.0;
            let least = (1.0 - 1.0 / load).max(0.0);
            let gave_up = Reading::new(what("give up"), Unit::Share, step.gave_up).theory(least);
            let rule = if is_over { Rule::at_least } else { Rule::at_most };
            readings.push(gave_up.rule(rule(0.5, Mark::Derived)));
            let most = capacity_per_min().min(f64::from(per_min));
            let whole = Reading::new(what("whole copies in a minute"), Unit::Count, step.whole_per_min);
            readings.push(whole.theory(most));
            if !is_over {
                continue;
            }
            let by_share = step.each_kbps / step.share_kbps;
            readings.extend([
                Reading::new(what("rate of each who is there"), Unit::Kbps, step.each_kbps)
                    .theory(step.share_kbps),
                Reading::new(what("that rate by the line through their number"), Unit::Ratio, by_share)
                    .theory(1.0)
                    .rule(Rule::within(0.9, 1.1, Mark::Derived)),
                Reading::new(what("of the line, for heads of answers"), Unit::Share, step.heads),
                Reading::new(what("told to wait"), Unit::Count, step.queue),
                Reading::new(what("refusals for each who comes"), Unit::Count, step.refusals),
            ]);
        }
    }
    readings
}
