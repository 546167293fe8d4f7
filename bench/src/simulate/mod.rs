//! A run in simulation.

use std::net::Ipv4Addr;
use std::time::Duration;

use common::metrics::Traffic;
use common::net::NodeId;
use common::peer::{Peer, Time};
use common::sim::{Cause, Config, Recording, Sim, TapeLimits};
use common::user::{Command, Note, SearchId};
use common::wire::Wire;

use crate::crowd::Crowd;
use crate::faults::Schedule;
use crate::overlay::{Cast, Networks, Overlay, set_up};
use crate::participant::THINKING;
use crate::trace::{CutOff, KindCount, Outcome, Record, SearchCost, What};
use crate::watch::Watch;
use crate::world::World;

mod strike;

use strike::Ongoing;

/// How long a run goes on after the last person is done, so that what is on its way arrives.
pub const SETTLING: Duration = Duration::from_secs(2);

/// The network of which nodes have their addresses.
pub const NETWORK: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 0);

/// A run and what went over its wires.
#[derive(Debug)]
pub struct Recorded {
    /// What the users did and were told, and what was counted.
    pub outcome: Outcome,
    /// What went over the wires.
    pub recording: Recording,
    /// What each node was in its overlay, as [`Overlay::role`] has it, at the end.
    pub roles: Vec<&'static str>,
}

/// Runs the world on overlay `O` until everybody is done, or the scenario's limit.
pub fn run<O: Overlay>(world: &World, watch: &Watch) -> Outcome {
    let mut run = Run::<O>::new(world);
    let cut_short = run.all(watch);
    run.outcome(cut_short)
}

/// The same run, recorded.
pub fn record<O: Overlay>(world: &World, watch: &Watch, limits: TapeLimits) -> Recorded {
    let mut run = Run::<O>::new(world);
    run.sim.record(limits);
    let cut_short = run.all(watch);
    let recording = run.sim.take_recording().unwrap_or_default();
    let roles = (0..run.sim.len() as u32).map(|node| O::role(run.sim.peer(NodeId(node)))).collect();
    Recorded { outcome: run.outcome(cut_short), recording, roles }
}

struct Run<'a, O: Overlay> {
    cast: Cast<'a>,
    overlay: O,
    sim: Sim<O::Peer>,
    crowd: Crowd<'a>,
    schedule: Schedule,
    ongoing: Ongoing,
    records: Vec<Record>,
    causes: Vec<Cause>,
    notes: Vec<(Time, NodeId, Note)>,
}

impl<'a, O: Overlay> Run<'a, O> {
    fn new(world: &'a World) -> Self {
        let (cast, overlay) = set_up::<O>(world, Networks::one(&NETWORK), O::PORT);
        let config = Config {
            seed: world.scenario.seed,
            network: NETWORK,
            // The scenario gives all latency to the lines, since real sockets on one machine have no core between.
            core_delay: Duration::ZERO,
            ..Config::default()
        };
        Run {
            cast,
            overlay,
            sim: Sim::new(config),
            crowd: Crowd::new(cast, O::holder),
            schedule: Schedule::new(&world.scenario.faults),
            ongoing: Ongoing::default(),
            records: Vec::new(),
            causes: vec![Cause::BACKGROUND; world.workload.searches.len()],
            notes: Vec::new(),
        }
    }

    /// Runs to the end; true if that was the scenario's limit.
    fn all(&mut self, watch: &Watch) -> bool {
        let world = self.cast.world;
        let limit = Time::ZERO + world.scenario.duration_limit();
        for _ in 0..self.cast.servers {
            self.add();
        }
        let mut everybody_done_at = None;
        loop {
            let now = self.sim.now();
            while let Some(person) = self.next_person().filter(|p| world.people[*p].arrival <= now) {
                debug_assert_eq!(self.cast.node(person).index(), self.sim.len());
                self.add();
            }
            if let Some((turn, fault)) = self.schedule.due(Duration::from_nanos(now.0)) {
                self.strike(turn, fault);
                continue;
            }
            self.act(now);
            let coming = self.next_person().is_some() || self.schedule.awaits_return();
            let busy = self.crowd.busy() + usize::from(coming);
            watch.at(Duration::from_nanos(now.0), busy);
            let done = busy == 0;
            everybody_done_at = everybody_done_at.or(done.then_some(now)).filter(|_| done);
            let over = everybody_done_at.is_some_and(|at| now >= at + SETTLING);
            if over || now >= limit {
                watch.over();
                return !over;
            }
            let arrival = self.next_person().map(|person| world.people[person].arrival);
            let fault = self.schedule.next_at().map(|at| Time::ZERO + at);
            let next = [self.crowd.next_due(), arrival, fault].into_iter().flatten().fold(limit, Time::min);
            self.advance((now + THINKING).min(next.max(now)));
        }
    }

    fn next_person(&self) -> Option<usize> {
        let person = self.sim.len() - self.cast.servers as usize;
        (person < self.cast.world.people.len()).then_some(person)
    }

    /// Starts the next node, and has it share what it has.
    fn add(&mut self) {
        let node = NodeId(self.sim.len() as u32);
        self.sim.add(self.overlay.peer(&self.cast, node), O::PORT, self.cast.attachment(node));
        self.share(node);
        self.crowd.seat(node);
    }

    /// A node that has started has what it shares.
    fn share(&mut self, node: NodeId) {
        self.records.push(Record { at: self.sim.now(), node, what: What::Arrived });
        let items = self.cast.items_at(node, O::CONTENT_FROM);
        if !items.is_empty() {
            self.sim.command(node, Command::Share(self.cast.world.as_shared(&items, O::FINGERPRINT)));
        }
    }

    fn act(&mut self, now: Time) {
        while let Some(action) = self.crowd.act(now) {
            let node = action.record.node;
            if let Some(command) = action.command {
                let cause = self.sim.command(node, command);
                if let What::SearchStarted(SearchId(search)) = action.record.what {
                    self.causes[search as usize] = cause;
                }
            }
            self.records.push(action.record);
        }
    }

    fn advance(&mut self, until: Time) {
        let notes = &mut self.notes;
        self.sim.run_until(until, &mut |at, node, note| notes.push((at, node, note)));
        for (at, node, note) in self.notes.drain(..) {
            self.records.extend(self.crowd.told(at, node, note));
        }
    }

    fn outcome(self, cut_short: bool) -> Outcome {
        let Run { sim, mut records, causes, .. } = self;
        // Notes are read a little after they were said; the record has them where they belong.
        records.sort_by_key(|record| record.at);
        let cost = |cause: &Cause| {
            let cost = sim.cause_cost(*cause);
            let traffic = Traffic { messages: cost.messages, bytes: cost.bytes };
            SearchCost { traffic, nodes_reached: cost.nodes_reached }
        };
        let dropped = sim.dropped();
        Outcome {
            records,
            loads: (0..sim.len() as u32).map(|node| sim.load(NodeId(node))).collect(),
            kinds: kinds::<O>(sim.by_kind().iter()),
            delivered: Vec::new(),
            search_costs: causes.iter().map(cost).collect(),
            cut_off: CutOff { overflows: dropped.overflows, ..CutOff::default() },
            casualties: Vec::new(),
            ended: sim.now(),
            cut_short,
            digest: Some(sim.digest().to_string()),
        }
    }
}

/// The counters of each kind, with its name and purpose.
pub fn kinds<O: Overlay>(counts: impl Iterator<Item = Traffic>) -> Vec<KindCount> {
    let names = <<O::Peer as Peer>::Message as Wire>::KINDS.iter();
    let kind = |(kind, traffic): (&&str, Traffic)| KindCount {
        kind: (*kind).to_owned(),
        purpose: O::purpose(kind),
        traffic,
    };
    names.zip(counts).map(kind).collect()
}
