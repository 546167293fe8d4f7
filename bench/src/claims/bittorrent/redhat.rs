//! The torrent of RedHat 9, at a fraction: its arrivals, and a client that writes down what comes and goes.
//!
//! People come by [the curve](crate::redhat9) that is fitted to the log of its tracker, the hours of the day left out. Content,
//! sessions and the clock are shortened by one factor, so that the share of a session that a download takes stays what it was; of the
//! people there is another fraction. Lines are as they were, and so are the ten and thirty seconds of the choker, which therefore are a
//! larger part of a download than they were.

use std::collections::BTreeMap;
use std::time::Duration;

use bittorrent::choker::LeechChoking;
use rand_pcg::Pcg64;

use super::swarm::{Class, MIX_A, PIECE, Person, Plan, Swarm, mean};
use crate::claims::draw::Weighted;
use crate::claims::finding::{Mark, Published, Reading, Rule};
use crate::claims::{Claim, Size, Trial};
use crate::measure::Unit;
use crate::redhat9;
use crate::world::{exponential, unit};

pub(super) const IZAL: &str = "lecture (Izal et al. 2004)";

/// C1.
pub(super) const STALLED: Claim = Claim {
    id: "C1",
    sentence: "A client is never stalled: there is always somebody to serve and somebody to fetch from.",
    said_by: IZAL,
    setup: set_up,
    varied: "whom it is measured at: fast clients that stay, or everybody",
    seeds: super::FEW,
    trial: stalled,
};

/// C2.
pub(super) const RECEIVED: Claim = Claim {
    id: "C2",
    sentence: "A client with a good line receives more than it gives, even without what comes from seeds.",
    said_by: IZAL,
    setup: set_up,
    varied: "its line up",
    seeds: super::FEW,
    trial: received,
};

/// C3.
pub(super) const SEEDS: Claim = Claim {
    id: "C3",
    sentence: "40 % of the file comes from seeds and 60 % from leechers.",
    said_by: IZAL,
    setup: set_up,
    varied: "the client's line up",
    seeds: super::FEW,
    trial: seeds,
};

/// C4.
pub(super) const CONCENTRATED: Claim = Claim {
    id: "C4",
    sentence: "85 % of the file comes from only 25 % of the peers.",
    said_by: IZAL,
    setup: set_up,
    varied: "the client's line up; the peers are all that were ever connected",
    seeds: super::FEW,
    trial: concentrated,
};

/// C5.
pub(super) const CALLERS: Claim = Claim {
    id: "C5",
    sentence: "Most of the file comes from peers that connected to the client, and not from those it was told of.",
    said_by: IZAL,
    setup: set_up,
    varied: "whether a third of all cannot be dialled, as was measured of KaZaA's users",
    seeds: super::FEW,
    trial: callers,
};

/// R8.
pub(super) const RUN: Claim = Claim {
    id: "R8",
    sentence: "Through the crowd of RedHat 9 uplinks are used well, and tit for tat byte for byte makes it fairer.",
    said_by: "Bharambe, Herley and Padmanabhan 2006 (from memory)",
    setup: |size| {
        let Scale { pieces, people } = run_scale(size);
        format!(
            "RedHat 9's arrivals, one in {:.0}, for {pieces} of its 6,800 pieces; four classes; nobody gives up; all leave when done; origin of 6,000 kbit/s",
            1.0 / people
        )
    },
    varied: "plain and by rates, or smart and byte for byte with a credit of 2 pieces",
    seeds: super::FEW,
    trial: run,
};

/// S4.
pub(super) const CROWDS: Claim = Claim {
    id: "S4",
    sentence: "It sustains large flash crowds: in the hour in which most are there they are served nearly as fast as later.",
    said_by: "lecture",
    setup: |size| {
        format!(
            "{}. Rates are what comes to all who lack something, for each of them, in the hour of the torrent's life in which most of these are there, and in all hours from the {CALM_H:.0}th on. A crowd at the launch finds few who are done yet, so that there are fewer lines up for each who lacks something: they are used as well as later",
            torrent(size)
        )
    },
    varied: "the hour",
    seeds: crate::claims::HEAVY,
    trial: crowds,
};

/// A part of the torrent and of its people.
#[derive(Clone, Copy)]
pub(super) struct Scale {
    pub(super) pieces: u32,
    people: f64,
}

/// Pieces of 256 KiB.
const ALL_PIECES: f64 = 6_752.0;
/// Hours of the torrent's life that are looked at.
pub(super) const UNTIL_H: f64 = 26.0;
/// Hours at which the clients come that are looked at: when most are there.
const CLIENTS_H: [f64; 3] = [4.0, 6.0, 8.0];
/// They have a fast line down, and one of these up, kilobits per second.
const CLIENTS_KBPS: [u32; 2] = [1_000, 5_000];
const CLIENT_DOWN_KBPS: u32 = 10_000;
/// Sessions by Weibull's law: shape, and scale in hours.
pub(super) const SESSION: (f64, f64) = (0.34, 21.3 / 60.0);
/// How long those stay who are done, hours on average.
const SEEDING_H: f64 = 3.0;
/// Of those who come, so many cannot be dialled.
pub(super) const FIREWALLED: f64 = 0.33;
const SAMPLE: Duration = Duration::from_secs(5);
/// From this hour on the crowd is over: of those who come at first one in four comes now.
const CALM_H: f64 = 12.0;

pub(super) fn scale(size: Size) -> Scale {
    size.pick(
        Scale { pieces: 192, people: 0.01 },
        Scale { pieces: 256, people: 0.02 },
        Scale { pieces: 512, people: 0.05 },
    )
}

fn run_scale(size: Size) -> Scale {
    size.pick(
        Scale { pieces: 68, people: 0.003 },
        Scale { pieces: 68, people: 0.01 },
        Scale { pieces: 200, people: 0.03 },
    )
}

/// The swarm that all claims here are about.
pub(super) fn torrent(size: Size) -> String {
    let Scale { pieces, people } = scale(size);
    format!(
        "RedHat 9's first {UNTIL_H} h, one in {:.0} of its people, {pieces} of its {ALL_PIECES} pieces, and time by as much; four classes of lines; sessions by Weibull's law (k {}, {:.1} min; V2), and {SEEDING_H} h more on average for those who are done; a third cannot be dialled; origin of 1,000 kbit/s",
        1.0 / people,
        SESSION.0,
        SESSION.1 * 60.0,
    )
}

fn set_up(size: Size) -> String {
    format!(
        "{}; {} clients on {CLIENT_DOWN_KBPS} kbit/s that stay. Half of all sessions are shorter than a round of the choker here: who was connected mostly gave nothing, and few seeds stay",
        torrent(size),
        CLIENTS_H.len() * CLIENTS_KBPS.len()
    )
}

impl Scale {
    /// An hour of the torrent's life, here.
    pub(super) fn hours(self, hours: f64) -> Duration {
        Duration::from_secs_f64(hours * 3_600.0 * f64::from(self.pieces) / ALL_PIECES)
    }

    /// When people come, hours after the launch.
    fn arrivals(self, until_h: f64, rng: &mut Pcg64) -> Vec<f64> {
        const STEP_H: f64 = 0.01;
        let (mut gathered, mut next) = (0.0, exponential(rng, 1.0));
        let mut arrivals = Vec::new();
        let mut at_h = 0.0;
        while at_h < until_h {
            gathered += redhat9::per_day(at_h / 24.0) / 24.0 * self.people * STEP_H;
            while gathered >= next {
                arrivals.push(at_h);
                next += exponential(rng, 1.0);
            }
            at_h += STEP_H;
        }
        arrivals
    }
}

/// How long somebody stays who is not done.
pub(super) fn session(scale: Scale, rng: &mut Pcg64) -> Duration {
    let session_h = SESSION.1 * libm::pow(-libm::log(1.0 - unit(rng)), 1.0 / SESSION.0);
    scale.hours(session_h.min(1e4))
}

/// The people of a part of the torrent, the clients among them: who these are, and by which line up.
pub(super) fn people(scale: Scale, firewalled: f64, rng: &mut Pcg64) -> (Vec<Person>, Vec<(usize, u32)>) {
    let classes = Weighted::new(MIX_A.iter().map(|(_, share)| *share));
    let ordinary = |at_h: f64, rng: &mut Pcg64| Person {
        patience: Some(session(scale, rng)),
        stays: Some(scale.hours(exponential(rng, SEEDING_H))),
        firewalled: unit(rng) < firewalled,
        ..Person::new(scale.hours(at_h), MIX_A[classes.draw(rng)].0)
    };
    let arrivals = scale.arrivals(UNTIL_H, rng);
    let mut people: Vec<Person> = arrivals.into_iter().map(|at_h| ordinary(at_h, rng)).collect();
    for at_h in CLIENTS_H {
        for up_kbps in CLIENTS_KBPS {
            let class = Class { down_kbps: CLIENT_DOWN_KBPS, up_kbps };
            people.push(Person { stays: None, ..Person::new(scale.hours(at_h), class) });
        }
    }
    people.sort_by_key(|person| person.at);
    let is_client = |person: &Person| person.stays.is_none();
    let clients = people.iter().enumerate().filter(|(_, person)| is_client(person));
    let clients = clients.map(|(at, person)| (at, person.class.up_kbps)).collect();
    (people, clients)
}

/// What a client got of one peer, or of the origin, until it had all.
#[derive(Clone, Copy, Default)]
struct Trade {
    from_seed: f64,
    from_leecher: f64,
    to_leecher: f64,
    /// Of what came, what came over a connection that the other had dialled.
    from_caller: f64,
}

/// What one client wrote down.
#[derive(Default)]
struct Diary {
    up_kbps: u32,
    /// By peer; the origin is `None`.
    trades: BTreeMap<Option<usize>, Trade>,
    /// By peer and since when it is connected: bytes that had come and gone when it was looked at last.
    before: BTreeMap<(Option<usize>, u64), (u64, u64)>,
}

/// How often it was looked at those who have something and lack something, and how often nobody wanted or had anything.
#[derive(Clone, Copy, Default)]
struct Stalls {
    looks: f64,
    goes_on: f64,
}

/// What was seen of a part of RedHat 9's swarm.
#[derive(Default)]
struct Observed {
    diaries: Vec<Diary>,
    clients: Stalls,
    all: Stalls,
    most_present: usize,
    finished: f64,
}

impl Diary {
    fn write(&mut self, swarm: &Swarm, member: usize) {
        let Some(view) = swarm.view(member) else { return };
        for link in view.links() {
            let other = swarm.member_at(link.remote());
            let now = (link.received(), link.sent());
            let before = self.before.insert((other, link.since().0), now).unwrap_or_default();
            let (came, went) = (now.0.saturating_sub(before.0) as f64, now.1.saturating_sub(before.1) as f64);
            let trade = self.trades.entry(other).or_default();
            if link.have().is_complete() {
                trade.from_seed += came;
            } else {
                trade.from_leecher += came;
                trade.to_leecher += went;
            }
            trade.from_caller += if link.is_dialled() { 0.0 } else { came };
        }
    }

    fn sum(&self, of: impl Fn(&Trade) -> f64) -> f64 {
        self.trades.values().map(of).sum()
    }

    /// The share of all that came from the quarter of the peers that gave most.
    fn best_quarter(&self) -> f64 {
        let mut came: Vec<f64> =
            self.trades.values().map(|trade| trade.from_seed + trade.from_leecher).collect();
        came.sort_by(|a, b| b.total_cmp(a));
        came[..came.len().div_ceil(4)].iter().sum::<f64>() / came.iter().sum::<f64>()
    }
}

impl Stalls {
    fn look(&mut self, swarm: &Swarm, member: usize) {
        let Some(view) = swarm.view(member) else { return };
        if view.have().is_none_or(|have| have.is_empty() || have.is_complete()) {
            return;
        }
        self.looks += 1.0;
        let has_source = view.links().any(|link| link.interests_us());
        let has_client = view.links().any(|link| link.is_interested());
        self.goes_on += f64::from(u8::from(has_source && has_client));
    }

    fn share(&self) -> f64 {
        self.goes_on / self.looks
    }
}

/// A part of RedHat 9's swarm, watched.
fn observed(trial: &Trial, firewalled: f64) -> Observed {
    let scale = scale(trial.size);
    let (people, clients) = people(scale, firewalled, &mut trial.rng(2));
    let plan = Plan { origin_kbps: 1_000, smart: false, ..Plan::flash(scale.pieces) };
    let mut swarm = Swarm::new(plan, trial.seed_of(1));
    let diary = |(_, up_kbps): &(usize, u32)| Diary { up_kbps: *up_kbps, ..Diary::default() };
    let mut seen = Observed { diaries: clients.iter().map(diary).collect(), ..Observed::default() };
    let until = scale.hours(UNTIL_H);
    swarm.run(&people, until, SAMPLE, &mut |swarm| {
        for (diary, (member, _)) in seen.diaries.iter_mut().zip(&clients) {
            if swarm.members().get(*member).is_some_and(super::swarm::Member::is_leeching) {
                diary.write(swarm, *member);
                seen.clients.look(swarm, *member);
            }
        }
        let present: Vec<usize> = swarm.present().collect();
        seen.most_present = seen.most_present.max(present.len());
        for member in present {
            seen.all.look(swarm, member);
        }
    });
    seen.finished = swarm.outcome().finished();
    seen
}

/// A quantity of the clients with each line up.
fn by_line(seen: &Observed, what: &str, unit: Unit, of: impl Fn(&Diary) -> f64) -> Vec<Reading> {
    let reading = |up_kbps: u32| {
        let diaries = seen.diaries.iter().filter(|diary| diary.up_kbps == up_kbps);
        let values: Vec<f64> = diaries.map(&of).collect();
        Reading::new(format!("{what}, {up_kbps} kbit/s up"), unit, mean(&values))
    };
    CLIENTS_KBPS.into_iter().map(reading).collect()
}

fn stalled(trial: &Trial) -> Vec<Reading> {
    let seen = observed(trial, FIREWALLED);
    vec![
        Reading::new(
            "of the time somebody to serve and to fetch from, clients",
            Unit::Share,
            seen.clients.share(),
        )
        .rule(Rule::at_least(0.95, Mark::Lecture)),
        Reading::new("of the time somebody to serve and to fetch from, all", Unit::Share, seen.all.share())
            .rule(Rule::at_least(0.95, Mark::Lecture)),
        Reading::new("most who were there at a time", Unit::Count, seen.most_present as f64)
            .theory(4_000.0 * scale(trial.size).people),
        Reading::new("of all who came finished in one session", Unit::Share, seen.finished)
            .published(Published::new(0.11, "20,000 of 180,000", Mark::Lecture)),
    ]
}

fn received(trial: &Trial) -> Vec<Reading> {
    let seen = observed(trial, FIREWALLED);
    let from = |diary: &Diary| diary.sum(|trade| trade.from_leecher) / diary.sum(|trade| trade.to_leecher);
    let readings = by_line(&seen, "bytes from leechers by bytes to them", Unit::Ratio, from);
    readings.into_iter().map(|reading| reading.rule(Rule::at_least(1.0, Mark::Lecture))).collect()
}

fn seeds(trial: &Trial) -> Vec<Reading> {
    let seen = observed(trial, FIREWALLED);
    let share = |diary: &Diary| {
        let (seeds, leechers) = (diary.sum(|trade| trade.from_seed), diary.sum(|trade| trade.from_leecher));
        seeds / (seeds + leechers)
    };
    let published = Published::new(0.4, "Izal et al. 2004", Mark::Lecture);
    let readings = by_line(&seen, "bytes from seeds", Unit::Share, share);
    readings
        .into_iter()
        .map(|reading| reading.published(published).rule(Rule::near(published, 0.1)))
        .collect()
}

fn concentrated(trial: &Trial) -> Vec<Reading> {
    let seen = observed(trial, FIREWALLED);
    let published = Published::new(0.85, "Izal et al. 2004", Mark::Lecture);
    let readings =
        by_line(&seen, "bytes from the best quarter of the peers", Unit::Share, Diary::best_quarter);
    let judged =
        |reading: Reading| reading.published(published).rule(Rule::within(0.75, 0.92, Mark::Lecture));
    readings.into_iter().map(judged).collect()
}

fn callers(trial: &Trial) -> Vec<Reading> {
    let mut readings = Vec::new();
    for (firewalled, name) in [(FIREWALLED, "a third behind firewalls"), (0.0, "no firewalls")] {
        let seen = observed(trial, firewalled);
        let share = |diary: &Diary| {
            diary.sum(|trade| trade.from_caller) / diary.sum(|trade| trade.from_seed + trade.from_leecher)
        };
        let what = format!("bytes from those who called, {name}");
        for reading in by_line(&seen, &what, Unit::Share, share) {
            readings.push(match firewalled {
                0.0 => reading.theory(0.5),
                _ => reading.rule(Rule::at_least(0.5, Mark::Lecture)),
            });
        }
    }
    readings
}

fn run(trial: &Trial) -> Vec<Reading> {
    let scale = run_scale(trial.size);
    let mut rng = trial.rng(2);
    let classes = Weighted::new(MIX_A.iter().map(|(_, share)| *share));
    let arrivals = scale.arrivals(20.0 * 24.0, &mut rng);
    let person = |at_h: f64| Person::new(scale.hours(at_h), MIX_A[classes.draw(&mut rng)].0);
    let people: Vec<Person> = arrivals.into_iter().map(person).collect();
    let mut readings = Vec::new();
    let mut most = Vec::new();
    for (is_fair, name) in [(false, "plain, by rates"), (true, "smart, byte for byte")] {
        let plan = Plan { smart: is_fair, ..Plan::flash(scale.pieces) };
        let leech_choking = match is_fair {
            true => LeechChoking::TitForTat { credit: 2 * u64::from(PIECE) },
            false => LeechChoking::Reciprocation,
        };
        let plan = plan.with(|knobs| knobs.leech_choking = leech_choking);
        let mut swarm = Swarm::new(plan, trial.seed_of(1));
        // The first day is the crowd.
        let day = scale.hours(24.0);
        let crowd = people.partition_point(|person| person.at < day);
        swarm.run(&people[..crowd], day, day, &mut |_| {});
        let used = swarm.utilisation();
        let reading = Reading::new(format!("use of uplinks in the crowd, {name}"), Unit::Share, used);
        readings.push(if is_fair { reading } else { reading.rule(Rule::at_least(0.7, Mark::Derived)) });
        let since = swarm.now_s();
        let shifted = |person: &Person| Person {
            at: person.at.saturating_sub(Duration::from_secs_f64(since)),
            ..person.clone()
        };
        let later: Vec<Person> = people[crowd..].iter().map(shifted).collect();
        swarm.run_all(&later, 2 * super::swarm::LIMIT);
        let copies = (0..people.len()).map(|at| swarm.copies_of(at)).fold(0.0, f64::max);
        readings.push(Reading::new(format!("copies given at the most, {name}"), Unit::Ratio, copies));
        let time = swarm.outcome().mean_s();
        readings.push(Reading::new(format!("mean time, {name}"), Unit::Seconds, time));
        most.push(copies);
    }
    readings.push(
        Reading::new("copies given at the most, byte for byte by rates", Unit::Ratio, most[1] / most[0])
            .rule(Rule::at_most(0.8, Mark::Derived)),
    );
    readings
}

/// What came in an hour of the torrent's life, and to how many.
#[derive(Clone, Copy, Default)]
struct Hour {
    bits: f64,
    leecher_s: f64,
    uplinks_s: f64,
}

impl Hour {
    /// Kilobits per second that came to each who lacked something.
    fn rate_kbps(self) -> f64 {
        self.bits / 1e3 / self.leecher_s
    }

    fn and(self, other: Hour) -> Hour {
        Hour {
            bits: self.bits + other.bits,
            leecher_s: self.leecher_s + other.leecher_s,
            uplinks_s: self.uplinks_s + other.uplinks_s,
        }
    }
}

fn crowds(trial: &Trial) -> Vec<Reading> {
    let scale = scale(trial.size);
    let (mut people, _) = people(scale, FIREWALLED, &mut trial.rng(2));
    // The clients that are there for others' claims do not belong to the crowd.
    people.retain(|person| person.stays.is_some());
    let plan = Plan { origin_kbps: 1_000, smart: false, ..Plan::flash(scale.pieces) };
    let mut swarm = Swarm::new(plan, trial.seed_of(1));
    let hour_s = scale.hours(1.0).as_secs_f64();
    let mut hours = vec![Hour::default(); UNTIL_H as usize + 1];
    let (mut before_s, mut before) = (0.0, 0);
    swarm.run(&people, scale.hours(UNTIL_H), SAMPLE, &mut |swarm| {
        let (now_s, delivered) = (swarm.now_s(), swarm.delivered());
        let lasting_s = now_s - before_s;
        let up_kbps: u32 = swarm.present().map(|member| swarm.members()[member].class.up_kbps).sum();
        let seen = Hour {
            bits: 8.0 * (delivered - before) as f64,
            leecher_s: swarm.leeching() as f64 * lasting_s,
            uplinks_s: f64::from(up_kbps) * lasting_s,
        };
        let hour = ((before_s / hour_s) as usize).min(hours.len() - 1);
        hours[hour] = hours[hour].and(seen);
        (before_s, before) = (now_s, delivered);
    });
    let peak = (0..hours.len()).max_by(|a, b| hours[*a].leecher_s.total_cmp(&hours[*b].leecher_s));
    let peak = peak.expect("there are hours");
    let later = hours[CALM_H as usize..].iter().fold(Hour::default(), |sum, hour| sum.and(*hour));
    let count = |hour: Hour, hours: f64| hour.leecher_s / hour_s / hours;
    let (crowd, calm) = (hours[peak], hours.len() as f64 - CALM_H);
    // What all who are there, done or not, could send to each who lacks something.
    let could = |hour: Hour| hour.uplinks_s / hour.leecher_s;
    vec![
        Reading::new("hour in which most lack something", Unit::Count, peak as f64),
        Reading::new("those who lack something, then", Unit::Count, count(crowd, 1.0)),
        Reading::new("those who lack something, later", Unit::Count, count(later, calm)),
        Reading::new("rate of each, then", Unit::Kbps, crowd.rate_kbps()),
        Reading::new("rate of each, later", Unit::Kbps, later.rate_kbps()),
        Reading::new("uplinks there for each, then", Unit::Kbps, could(crowd)),
        Reading::new("uplinks there for each, later", Unit::Kbps, could(later)),
        Reading::new("of these used, then", Unit::Share, crowd.rate_kbps() / could(crowd)),
        Reading::new("of these used, later", Unit::Share, later.rate_kbps() / could(later)),
        Reading::new("uplinks there for each, then by later", Unit::Ratio, could(crowd) / could(later)),
        Reading::new("rate of each, then by later", Unit::Ratio, crowd.rate_kbps() / later.rate_kbps())
            .rule(Rule::at_least(0.8, Mark::Derived)),
    ]
}
