//! Why most who came to RedHat 9's torrent never had all of it: their patience, or the service?

use super::redhat::{FIREWALLED, IZAL, SESSION, Scale, UNTIL_H, people as crowd, scale, session, torrent};
use super::swarm::{Has, Member, Person, Plan, Swarm, mean};
use crate::claims::finding::{Mark, Published, Reading, Rule};
use crate::claims::{Claim, Trial};
use crate::measure::Unit;
use crate::world::exponential;

/// S3.
pub(super) const PATIENCE: Claim = Claim {
    id: "S3",
    sentence: "160,000 of 180,000 never had all of it in one go, and not for want of service: they left too early.",
    said_by: IZAL,
    setup: |size| {
        format!(
            "{}. Rates are of sessions: what came in one, by its time until all was there. Those who come back do so once, {BACK_H:.0} h later on average (our choice), with the pieces they had and a new session; they are there beside all who come anyhow",
            torrent(size)
        )
    },
    varied: "patience: as it was, as it was but people come back, or without end",
    seeds: super::FEW,
    trial: unfinished,
};

/// Until somebody comes back who gave up, hours on average.
const BACK_H: f64 = 6.0;

/// A swarm of these people, until the crowd is over.
fn swarm(trial: &Trial, scale: Scale, people: &[Person]) -> Swarm {
    let plan = Plan { origin_kbps: 1_000, smart: false, ..Plan::flash(scale.pieces) };
    let mut swarm = Swarm::new(plan, trial.seed_of(1));
    let until = scale.hours(UNTIL_H);
    swarm.run(people, until, until, &mut |_| {});
    swarm
}

/// Bytes a second that came to a member while it lacked something.
fn rate(swarm: &Swarm, (at, member): (usize, &Member)) -> f64 {
    let until = member.finished.or(member.left).unwrap_or_else(|| swarm.now());
    swarm.load(at).body_received as f64 / until.since(member.joined).as_secs_f64()
}

fn rates(swarm: &Swarm, of: impl Fn(&Member) -> bool) -> Vec<f64> {
    let chosen = swarm.members().iter().enumerate().filter(|(_, member)| of(member));
    // Whoever came in the very last moment has no rate.
    chosen.map(|member| rate(swarm, member)).filter(|rate| rate.is_finite()).collect()
}

/// Everybody, and once more those who gave up, each with the number of the first session.
fn with_returns(trial: &Trial, scale: Scale, people: &[Person], first: &Swarm) -> (Vec<Person>, Vec<usize>) {
    let mut rng = trial.rng(3);
    let mut all: Vec<(usize, Person)> = people.iter().cloned().enumerate().collect();
    for (at, member) in first.members().iter().enumerate() {
        let (Some(left), None) = (member.left, member.finished) else { continue };
        let away = scale.hours(exponential(&mut rng, BACK_H));
        let stayed = left.since(member.joined);
        let bytes = member.progress.last().map_or(0, |(_, bytes)| *bytes);
        let has = Has::Any((bytes / u64::from(first.plan().piece_bytes)) as u32);
        let patience = Some(session(scale, &mut rng));
        all.push((at, Person { at: people[at].at + stayed + away, has, patience, ..people[at].clone() }));
    }
    all.sort_by_key(|(_, person)| person.at);
    all.into_iter().map(|(who, person)| (person, who)).unzip()
}

fn unfinished(trial: &Trial) -> Vec<Reading> {
    let scale = scale(trial.size);
    let (mut people, _) = crowd(scale, FIREWALLED, &mut trial.rng(2));
    // The clients that are there for others' claims do not belong to the crowd.
    people.retain(|person| person.stays.is_some());
    let once = swarm(trial, scale, &people);
    let finished = once.outcome().finished();
    let (completers, all) = (rates(&once, |member| member.finished.is_some()), rates(&once, |_| true));
    // How many would have stayed long enough, had each been served as those were who had all.
    let needs_h = once.plan().bytes() as f64 / mean(&completers) / scale.hours(1.0).as_secs_f64();
    let stays = libm::exp(-libm::pow(needs_h / SESSION.1, SESSION.0));

    let (twice, who) = with_returns(trial, scale, &people, &once);
    let again = swarm(trial, scale, &twice);
    let mut done: Vec<usize> = again
        .members()
        .iter()
        .zip(&who)
        .filter(|(member, _)| member.finished.is_some())
        .map(|(_, who)| *who)
        .collect();
    done.sort_unstable();
    done.dedup();

    let patient: Vec<Person> =
        people.iter().map(|person| Person { patience: None, ..person.clone() }).collect();
    let patient = swarm(trial, scale, &patient);
    vec![
        Reading::new("of all who came had all in one session", Unit::Share, finished)
            .published(Published::new(0.11, "20,000 of 180,000", Mark::Lecture))
            .rule(Rule::within(0.04, 0.14, Mark::Derived)),
        Reading::new("of all sessions as long as those needed who had all", Unit::Share, stays),
        Reading::new("rate of those who had all by everybody's", Unit::Ratio, mean(&completers) / mean(&all))
            .rule(Rule::at_least(1.8, Mark::Derived)),
        Reading::new(
            "had all in two sessions at most, if those come back who gave up",
            Unit::Share,
            done.len() as f64 / people.len() as f64,
        ),
        Reading::new("had all by the end if nobody gives up", Unit::Share, patient.outcome().finished()),
    ]
}
