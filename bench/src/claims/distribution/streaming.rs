//! Playing while it comes.

use std::time::Duration;

use bittorrent::picker::PickerKind;

use crate::claims::bittorrent::swarm::{DSL, LIMIT, PIECE, Plan, Swarm, crowd};
use crate::claims::finding::{Mark, Reading, Rule};
use crate::claims::{Claim, Size, Trial};
use crate::measure::Unit;

/// M6.
pub(super) const STREAMING: Claim = Claim {
    id: "M6",
    sentence: "Streaming fits as well, if pieces are asked for by when they are played; rarest first is late.",
    said_by: "lecture (that it fits)",
    setup: |size| {
        format!(
            "a flash crowd of {} people for {} pieces, lines of 1,500/400, a plain origin of 6,000 kbit/s. Everybody plays at {PLAYED_KBPS} kbit/s, less than a line up, and begins {} to {} s after coming; a piece is late that is not there, and checked, when it is its turn, and nobody waits for it. It exists from the beginning, unlike what is live. A window is the rarest of so many pieces from the first missing one on",
            people(size),
            pieces(size),
            DELAYS_S[0],
            DELAYS_S[2]
        )
    },
    varied: "how pieces are chosen; how long people wait before they play",
    seeds: crate::claims::HEAVY,
    trial: streaming,
};

/// What is played.
const PLAYED_KBPS: u32 = 350;
/// Seconds from coming to playing.
const DELAYS_S: [f64; 3] = [20.0, 60.0, 120.0];
/// Of these, the one by which it is judged, set before anything was measured.
const JUDGED_S: f64 = DELAYS_S[1];
/// So often it is seen who has which piece.
const LOOK: Duration = Duration::from_secs(1);

/// How pieces are chosen; the first two are judged.
const PICKERS: [(&str, PickerKind); 5] = [
    ("rarest first", PickerKind::RarestFirst),
    ("a window of 8", PickerKind::Window { pieces: 8 }),
    ("a window of 4", PickerKind::Window { pieces: 4 }),
    ("a window of 16", PickerKind::Window { pieces: 16 }),
    ("in order", PickerKind::Sequential),
];

fn people(size: Size) -> u32 {
    size.pick(30, 100, 400)
}

fn pieces(size: Size) -> u32 {
    size.pick(64, 128, 400)
}

/// When each piece of each member was there, in seconds from the member's coming: at the look after that, or when all were.
fn arrivals(trial: &Trial, picker: PickerKind) -> Vec<Vec<f64>> {
    let pieces = pieces(trial.size);
    let plan = Plan { smart: false, ..Plan::flash(pieces) }.with(|knobs| {
        knobs.picker = picker;
        knobs.random_first = 0;
    });
    let people = crowd(people(trial.size), DSL);
    let mut arrived = vec![vec![f64::INFINITY; pieces as usize]; people.len()];
    let mut swarm = Swarm::new(plan, trial.seed_of(1));
    swarm.run(&people, LIMIT, LOOK, &mut |swarm| {
        for (at, (member, arrived)) in swarm.members().iter().zip(&mut arrived).enumerate() {
            let Some(have) = swarm.view(at).and_then(|view| view.have()) else { continue };
            let now_s = swarm.now().since(member.joined).as_secs_f64();
            let missing = (0..).zip(arrived.iter_mut()).filter(|(_, at_s)| at_s.is_infinite());
            missing.filter(|(piece, _)| have.has(*piece)).for_each(|(_, at_s)| *at_s = now_s);
        }
    });
    for (member, arrived) in swarm.members().iter().zip(&mut arrived) {
        let all_s = member.took_s().unwrap_or(f64::INFINITY);
        arrived.iter_mut().for_each(|at_s| *at_s = at_s.min(all_s));
    }
    arrived
}

/// The share of all pieces that were not there when it was their turn.
fn late(arrivals: &[Vec<f64>], delay_s: f64) -> f64 {
    let piece_s = super::seconds(PIECE.into(), PLAYED_KBPS);
    let turns = || arrivals.iter().flat_map(|pieces| (0u32..).zip(pieces));
    let late = turns().filter(|(piece, at_s)| **at_s > delay_s + f64::from(*piece) * piece_s);
    late.count() as f64 / turns().count() as f64
}

fn streaming(trial: &Trial) -> Vec<Reading> {
    let mut readings = Vec::new();
    let mut shares = Vec::new();
    for (name, picker) in PICKERS {
        let arrivals = arrivals(trial, picker);
        for delay_s in DELAYS_S {
            let what = format!("late pieces, {name}, {delay_s} s before playing");
            readings.push(Reading::new(what, Unit::Share, late(&arrivals, delay_s)));
        }
        shares.push(late(&arrivals, JUDGED_S));
    }
    let [rarest, window, ..] = shares[..] else { unreachable!("there are more pickers") };
    readings.extend([
        Reading::new(
            format!("late pieces, a window of 8, {JUDGED_S} s before playing, judged"),
            Unit::Share,
            window,
        )
        .rule(Rule::at_most(0.05, Mark::Derived)),
        Reading::new(
            format!("late pieces, rarest first less a window of 8, {JUDGED_S} s before playing"),
            Unit::Share,
            rarest - window,
        )
        .rule(Rule::at_least(0.05, Mark::Derived)),
    ]);
    readings
}
