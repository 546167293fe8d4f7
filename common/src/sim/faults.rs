//! Faults: what can go wrong in a run, all of it drawn from the run's seed or scheduled by the harness.

use std::collections::BTreeMap;
use std::ops::Range;

use rand::Rng;
use rand_pcg::Pcg32;

use super::config::Config;
use super::count::scatter;
use crate::net::{Line, NodeId};
use crate::peer::{Place, Span, Time};

/// A scheduled change of a node, referred to by its number from the queue.
pub(super) enum Change<P> {
    Crash,
    Line(Line),
    Restart(P),
}

/// Two groups of nodes that cannot hear each other for a while.
struct Cut {
    one: Vec<NodeId>,
    other: Vec<NodeId>,
    from: Time,
    to: Time,
}

impl Cut {
    fn separates(&self, a: NodeId, b: NodeId) -> bool {
        let within = |group: &[NodeId], node| group.binary_search(&node).is_ok();
        (within(&self.one, a) && within(&self.other, b)) || (within(&self.one, b) && within(&self.other, a))
    }
}

/// The faults of a run.
pub(super) struct Faults {
    rng: Pcg32,
    pub loss: f64,
    pub datagram_loss: f64,
    pub corruption: f64,
    cuts: Vec<Cut>,
    /// Ranges of files whose bytes are not what they should be, by node and file. No longer than the chunks that
    /// arrived corrupt.
    spoiled: BTreeMap<(u32, u32), Vec<Range<u64>>>,
}

impl Faults {
    pub fn new(config: &Config) -> Self {
        Faults {
            rng: Pcg32::new(scatter(config.seed), u64::MAX),
            loss: config.loss,
            datagram_loss: config.datagram_loss,
            corruption: config.corruption,
            cuts: Vec::new(),
            spoiled: BTreeMap::new(),
        }
    }

    fn happens(&mut self, probability: f64) -> bool {
        // 53 random bits make a number in 0..1 that f64 holds exactly.
        probability > 0.0 && ((self.rng.next_u64() >> 11) as f64) < probability * (1u64 << 53) as f64
    }

    /// Whether messages get lost in this run at all.
    #[inline]
    pub fn may_lose(&self) -> bool {
        self.loss > 0.0
    }

    /// Whether anything can happen to a message on its way, or before it gets on its way.
    #[inline]
    pub fn may_hold_up(&self) -> bool {
        self.may_lose() || !self.cuts.is_empty()
    }

    /// Draws whether a message is lost.
    pub fn loses(&mut self) -> bool {
        self.happens(self.loss)
    }

    /// Draws whether a datagram is lost.
    pub fn loses_datagram(&mut self) -> bool {
        self.happens(self.datagram_loss)
    }

    /// Draws whether a chunk is corrupted on its way.
    pub fn corrupts(&mut self) -> bool {
        self.happens(self.corruption)
    }

    pub fn cut(&mut self, one: &[NodeId], other: &[NodeId], from: Time, to: Time) {
        let sorted = |group: &[NodeId]| {
            let mut group = group.to_vec();
            group.sort_unstable();
            group
        };
        self.cuts.push(Cut { one: sorted(one), other: sorted(other), from, to });
    }

    /// When what `a` sends to `b` at `now` gets on its way: at the end of all cuts between them.
    #[inline]
    pub fn departure(&self, now: Time, a: u32, b: u32) -> Time {
        if self.cuts.is_empty() { now } else { self.after_cuts(now, NodeId(a), NodeId(b)) }
    }

    #[cold]
    fn after_cuts(&self, now: Time, a: NodeId, b: NodeId) -> Time {
        let mut at = now;
        // Cuts can follow on each other, in any order of their making: go on until none holds it up.
        while let Some(cut) = self.cuts.iter().find(|c| c.from <= at && at < c.to && c.separates(a, b)) {
            at = cut.to;
        }
        at
    }

    /// Notes that a node has written bytes to a file, good ones or not.
    pub fn written(&mut self, node: u32, place: Place, len: u32, corrupt: bool) {
        if !corrupt && self.spoiled.is_empty() {
            return;
        }
        let range = place.offset..place.offset + u64::from(len);
        let key = (node, place.file.0);
        if let Some(ranges) = self.spoiled.get_mut(&key) {
            let mut kept = Vec::with_capacity(ranges.len() + 1);
            for old in ranges.drain(..) {
                let parts = [old.start..old.end.min(range.start), old.start.max(range.end)..old.end];
                kept.extend(parts.into_iter().filter(|part| part.start < part.end));
            }
            *ranges = kept;
            if ranges.is_empty() {
                self.spoiled.remove(&key);
            }
        }
        if corrupt {
            self.spoiled.entry(key).or_default().push(range);
        }
    }

    /// Whether any byte of a span is not what it should be.
    pub fn is_spoiled(&self, node: u32, span: Span) -> bool {
        let end = span.offset.saturating_add(span.len);
        self.spoiled
            .get(&(node, span.file.0))
            .is_some_and(|ranges| ranges.iter().any(|bad| bad.start < end && span.offset < bad.end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::FileId;

    #[test]
    fn good_bytes_heal_exactly_what_they_cover() {
        let mut faults = Faults::new(&Config::default());
        let place = |offset| Place { file: FileId(3), offset };
        let span = |offset, len| Span { file: FileId(3), offset, len };
        faults.written(0, place(100), 100, true);
        faults.written(0, place(120), 30, false);
        assert!(!faults.is_spoiled(0, span(120, 30)));
        assert!(faults.is_spoiled(0, span(119, 1)) && faults.is_spoiled(0, span(150, 1)));
        assert!(!faults.is_spoiled(0, span(0, 100)) && !faults.is_spoiled(0, span(200, 9)));
        assert!(!faults.is_spoiled(1, span(100, 100)));
        faults.written(0, place(0), 300, false);
        assert!(faults.spoiled.is_empty());
    }

    #[test]
    fn cuts_that_follow_on_each_other_hold_up_until_the_last() {
        let mut faults = Faults::new(&Config::default());
        let (a, b) = ([NodeId(0)], [NodeId(1)]);
        faults.cut(&b, &a, Time(20), Time(30));
        faults.cut(&a, &b, Time(10), Time(20));
        assert_eq!(faults.departure(Time(9), 0, 1), Time(9));
        assert_eq!(faults.departure(Time(10), 1, 0), Time(30));
        assert_eq!(faults.departure(Time(10), 1, 2), Time(10));
        assert_eq!(faults.departure(Time(30), 0, 1), Time(30));
    }
}
