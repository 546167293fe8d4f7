//! When the faults of a scenario fall due, and whom they hit: the same for every driver.

use std::collections::BTreeSet;
use std::time::Duration;

use common::metrics::NodeLoad;
use common::net::NodeId;

use crate::scenario::{Fault, Harm, Turn, Whom, timeline};
use crate::world::World;

/// The faults that are to come, and who is gone because of those that came.
#[derive(Debug)]
pub struct Schedule {
    /// The next one last.
    turns: Vec<(Duration, Turn, usize)>,
    /// Which of them bring somebody back.
    returns: BTreeSet<usize>,
    gone: BTreeSet<NodeId>,
}

impl Schedule {
    /// All faults of a scenario.
    pub fn new(faults: &[Fault]) -> Schedule {
        let mut turns = timeline(faults);
        turns.reverse();
        let returns = (0..faults.len()).filter(|fault| faults[*fault].harm == Harm::Back).collect();
        Schedule { turns, returns, gone: BTreeSet::new() }
    }

    /// When the next one falls due.
    pub fn next_at(&self) -> Option<Duration> {
        self.turns.last().map(|(at, _, _)| *at)
    }

    /// The next one, if it is due: which fault, and whether it begins or ends.
    pub fn due(&mut self, now: Duration) -> Option<(Turn, usize)> {
        self.turns.pop_if(|(at, _, _)| *at <= now).map(|(_, turn, fault)| (turn, fault))
    }

    /// Whether a node has vanished and is not back.
    pub fn is_gone(&self, node: NodeId) -> bool {
        self.gone.contains(&node)
    }

    /// Notes that a node vanishes.
    pub fn lose(&mut self, node: NodeId) {
        self.gone.insert(node);
    }

    /// Notes that all who are gone come back; returns them, rising.
    pub fn bring_back(&mut self) -> BTreeSet<NodeId> {
        std::mem::take(&mut self.gone)
    }

    /// Whether somebody is gone who is to come back: a run does not end before.
    pub fn awaits_return(&self) -> bool {
        !self.gone.is_empty() && self.turns.iter().any(|(_, _, fault)| self.returns.contains(fault))
    }
}

/// Whom a fault hits, rising. `loads` says what each node that is there has carried so far; it is asked only if that matters.
pub fn hit(
    world: &World,
    servers: u32,
    fault: usize,
    whom: Whom,
    loads: impl FnOnce() -> Vec<(NodeId, NodeLoad)>,
) -> Vec<NodeId> {
    let mut nodes: Vec<NodeId> = match whom {
        Whom::Server => (servers > 0).then_some(NodeId(0)).into_iter().collect(),
        Whom::Random(_) => {
            world.drawn(fault).into_iter().map(|person| NodeId(servers + person as u32)).collect()
        }
        Whom::Busiest => most_loaded(loads(), |_| 1),
        Whom::Top(percent) => {
            most_loaded(loads(), |all| ((all as f64 * percent / 100.0).round() as usize).max(1))
        }
    };
    nodes.sort_unstable();
    nodes
}

/// The nodes with the most control traffic, as many as `count` says of all; of equals the first.
fn most_loaded(mut loads: Vec<(NodeId, NodeLoad)>, count: impl FnOnce(usize) -> usize) -> Vec<NodeId> {
    loads.sort_by_key(|(node, load)| (std::cmp::Reverse(load.control_bytes()), *node));
    loads.truncate(count(loads.len()));
    loads.into_iter().map(|(node, _)| node).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_fall_due_in_their_order_and_a_run_waits_for_those_who_come_back() {
        let texts = ["back@9s", "server@5s", "slow server by 2@1s for 4s", "busiest@20s"];
        let faults: Vec<Fault> = texts.iter().map(|text| text.parse().unwrap()).collect();
        let mut schedule = Schedule::new(&faults);
        let seconds = Duration::from_secs;
        assert_eq!((schedule.next_at(), schedule.due(seconds(0))), (Some(seconds(1)), None));
        assert_eq!(schedule.due(seconds(1)), Some((Turn::Begins, 2)));
        // What is over at a moment is over before anything else happens at it.
        assert_eq!(schedule.due(seconds(6)), Some((Turn::Ends, 2)));
        assert_eq!(schedule.due(seconds(6)), Some((Turn::Begins, 1)));
        assert!(!schedule.awaits_return(), "nobody is gone");
        schedule.lose(NodeId(0));
        assert!(schedule.awaits_return() && schedule.is_gone(NodeId(0)));
        assert_eq!(schedule.due(seconds(9)), Some((Turn::Begins, 0)));
        assert_eq!(schedule.bring_back(), BTreeSet::from([NodeId(0)]));
        schedule.lose(NodeId(1));
        assert!(!schedule.awaits_return(), "nobody else comes back");
    }

    #[test]
    fn the_most_loaded_are_those_with_the_most_control_traffic() {
        let load = |bytes| NodeLoad {
            sent: common::metrics::Traffic { messages: 1, bytes },
            body_sent: 1_000_000 - bytes,
            ..NodeLoad::default()
        };
        let loads: Vec<(NodeId, NodeLoad)> = (0..).map(NodeId).zip([5, 9, 7, 9].map(load)).collect();
        assert_eq!(most_loaded(loads.clone(), |_| 1), [NodeId(1)]);
        assert_eq!(most_loaded(loads, |all| all - 1), [NodeId(1), NodeId(3), NodeId(2)]);
    }
}
