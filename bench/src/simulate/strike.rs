//! What faults do to a simulation.
//!
//! | fault | begins | ends |
//! |---|---|---|
//! | crash | nodes and their people are gone | with the next `back` |
//! | back | who is gone is started anew, with what it shared at first | |
//! | cut | what one side sends to the other waits until the cut is over, as TCP has it | by itself |
//! | slow | lines have a part of their rates; several faults multiply | lines are as before, but for the others |
//! | corrupt | chunks of content arrive with wrong bytes, each with this chance; several faults add up as chances do | |

use std::collections::BTreeMap;
use std::time::Duration;

use common::net::{Line, NodeId};

use super::Run;
use crate::faults::hit;
use crate::overlay::Overlay;
use crate::scenario::{Harm, Turn, Whom};
use crate::trace::{Record, What};

/// What lasts, by the number of the fault.
#[derive(Default)]
pub(super) struct Ongoing {
    /// Whose lines are slower, and by how much.
    slow: BTreeMap<usize, (Vec<NodeId>, f64)>,
    /// The chance of a chunk to be corrupt.
    corrupt: BTreeMap<usize, f64>,
}

impl<O: Overlay> Run<'_, O> {
    /// A fault begins or ends, now.
    pub(super) fn strike(&mut self, turn: Turn, fault: usize) {
        let harm = self.cast.world.scenario.faults[fault].harm;
        match (harm, turn) {
            (Harm::Crash(whom), _) => self.crash(fault, whom),
            (Harm::Back, _) => self.bring_back(),
            (Harm::Cut { lasting, .. }, Turn::Begins) => self.cut(fault, lasting),
            // The simulator was told when it ends.
            (Harm::Cut { .. }, Turn::Ends) => {}
            (Harm::Slow { whom, by, .. }, Turn::Begins) => {
                let nodes = self.hit(fault, whom);
                self.ongoing.slow.insert(fault, (nodes.clone(), by));
                self.set_lines(&nodes);
            }
            (Harm::Slow { .. }, Turn::Ends) => {
                let over = self.ongoing.slow.remove(&fault);
                over.into_iter().for_each(|(nodes, _)| self.set_lines(&nodes));
            }
            (Harm::Corrupt { percent, .. }, turn) => {
                match turn {
                    Turn::Begins => self.ongoing.corrupt.insert(fault, percent / 100.0),
                    Turn::Ends => self.ongoing.corrupt.remove(&fault),
                };
                let intact: f64 = self.ongoing.corrupt.values().map(|chance| 1.0 - chance).product();
                self.sim.set_corruption(1.0 - intact);
            }
        }
    }

    /// Whom a fault hits of those who are there.
    fn hit(&self, fault: usize, whom: Whom) -> Vec<NodeId> {
        let is_there = |node: &NodeId| node.index() < self.sim.len() && !self.schedule.is_gone(*node);
        let loads = || {
            let there = (0..self.sim.len() as u32).map(NodeId).filter(is_there);
            there.map(|node| (node, self.sim.load(node))).collect()
        };
        let mut nodes = hit(self.cast.world, self.cast.servers, fault, whom, loads);
        nodes.retain(is_there);
        nodes
    }

    fn crash(&mut self, fault: usize, whom: Whom) {
        let at = self.sim.now();
        for node in self.hit(fault, whom) {
            self.sim.crash_at(at, node);
            self.schedule.lose(node);
            self.crowd.remove(node);
            self.records.push(Record { at, node, what: What::Crashed });
        }
    }

    fn bring_back(&mut self) {
        let at = self.sim.now();
        for node in self.schedule.bring_back() {
            self.sim.restart_at(at, node, self.overlay.peer(&self.cast, node));
            self.share(node);
            self.crowd.reseat(node, at);
        }
    }

    fn cut(&mut self, fault: usize, lasting: Duration) {
        let from = self.sim.now();
        let drawn = self.cast.world.drawn(fault);
        let one: Vec<NodeId> = drawn.into_iter().map(|person| self.cast.node(person)).collect();
        let is_other = |node: &NodeId| one.binary_search(node).is_err();
        let other: Vec<NodeId> = (0..self.cast.len()).map(NodeId).filter(is_other).collect();
        self.sim.cut(&one, &other, from, from + lasting);
    }

    /// Gives these nodes the lines that the faults leave them.
    fn set_lines(&mut self, nodes: &[NodeId]) {
        let now = self.sim.now();
        for node in nodes {
            let slowing = self.ongoing.slow.values().filter(|(nodes, _)| nodes.binary_search(node).is_ok());
            let by: f64 = slowing.map(|(_, by)| by).product();
            let line = self.cast.attachment(*node).line;
            // At least a bit each second is left.
            let slowed = |bps: Option<u64>| bps.map(|bps| ((bps as f64 / by) as u64).max(1));
            let line = Line { up_bps: slowed(line.up_bps), down_bps: slowed(line.down_bps), ..line };
            self.sim.set_line_at(now, *node, line);
        }
    }
}
