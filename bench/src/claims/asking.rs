//! One search at a time, by a peer of any overlay.

use std::sync::Arc;
use std::time::Duration;

use common::net::NodeId;
use common::peer::{Peer, Time};
use common::sim::{CauseCost, Sim};
use common::user::{Command, Hit, Note, Query, SearchEnd, SearchId};

/// The longest that a search may take in virtual time.
const LIMIT: Duration = Duration::from_secs(36_000);

/// What came of a search.
pub(super) struct Answers {
    /// Results, in the order in which they came.
    pub results: Vec<Arc<Hit>>,
    /// Seconds from the command to the first result.
    pub first_s: Option<f64>,
    /// Seconds from the command to the end.
    pub ended_s: f64,
    /// How it ended.
    pub end: SearchEnd,
    /// What it had caused by then.
    pub cost: CauseCost,
}

/// A node searches; returns when the search is over. What others say meanwhile is nobody's business.
///
/// # Panics
/// If it never is.
pub(super) fn search<P: Peer>(sim: &mut Sim<P>, node: NodeId, search: SearchId, query: Query) -> Answers {
    let began = sim.now();
    let cause = sim.command(node, Command::Search(search, Arc::new(query)));
    let (mut results, mut first_s, mut ended) = (Vec::new(), None, None);
    while ended.is_none() {
        let stepped = sim.step(&mut |at: Time, from: NodeId, note: Note| {
            let after_s = at.since(began).as_secs_f64();
            match note {
                Note::Found(id, hit) if id == search && from == node => {
                    first_s.get_or_insert(after_s);
                    results.push(hit);
                }
                Note::SearchEnded(id, end) if id == search && from == node => ended = Some((after_s, end)),
                _ => {}
            }
        });
        assert!(stepped.is_some_and(|now| now < began + LIMIT), "a search ends");
    }
    let (ended_s, end) = ended.expect("the loop ends with it");
    Answers { results, first_s, ended_s, end, cost: sim.cause_cost(cause) }
}
