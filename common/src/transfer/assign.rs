//! Who brings which bytes.
//!
//! A source that has just brought something goes on behind it. One that comes anew begins in the middle of the largest
//! gap if somebody else is working at its start, so that the two meet late. Each is asked for what it can bring in
//! [`request_time`](super::DownloadKnobs::request_time). When nothing is left to be given out, a source that would
//! stand idle takes over the rear part of the task of whoever would need longest, as much as lets both end at the same
//! time.

use super::download::Download;
use super::source::{Source, Stage, Work};
use crate::peer::Time;
use crate::store::Ranges;

/// A range for a source to bring.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Task {
    pub(super) start: u64,
    pub(super) end: u64,
    /// Whose task it was until now; its place among the sources.
    pub(super) taken_from: Option<usize>,
}

impl<K> Download<K> {
    /// What is there or on its way.
    fn covered(&self) -> Ranges {
        let mut covered = self.have.clone();
        for work in self.sources.iter().filter_map(Source::work) {
            // What finds no room counts as missing, and the task is given out anew.
            let _ = covered.insert(work.next, work.end);
        }
        covered
    }

    /// What this source should bring next, if there is anything.
    pub(super) fn task_for(&self, at: usize, now: Time) -> Option<Task> {
        let covered = self.covered();
        let source = &self.sources[at];
        let gaps = || covered.gaps(self.size);
        if gaps().next().is_none() {
            return self.task_to_take_over(at, now);
        }
        let next_to_own = gaps().find(|(start, _)| *start == source.last_end);
        let (start, end) = next_to_own.or_else(|| {
            let (start, end) = gaps().max_by_key(|(start, end)| (end - start, std::cmp::Reverse(*start)))?;
            let is_anothers =
                |(other, source): (usize, &Source)| other != at && source.goes_on_at() == Some(start);
            let shared = self.sources.iter().enumerate().any(is_anothers);
            let splits = shared && end - start >= 2 * self.knobs.request_bytes_min;
            Some((if splits { start.midpoint(end) } else { start }, end))
        })?;
        let end = end.min(start.saturating_add(source.request_len(&self.knobs)));
        Some(Task { start, end, taken_from: None })
    }

    /// The rear part of the task that would otherwise end last.
    fn task_to_take_over(&self, at: usize, now: Time) -> Option<Task> {
        let thief = &self.sources[at];
        if thief.was_slow || self.sole.is_some() {
            return None;
        }
        let patience = self.knobs.steal_time_min;
        let slow = self.sources.iter().enumerate().filter_map(|(other, source)| {
            let work = source.work().filter(|_| other != at)?;
            // Some of its rear may have come already, from somebody whose task that was before.
            let missing = self.have.gaps(work.end).last().filter(|(_, end)| work.next < *end)?;
            let (rest, pace) = (missing.1 - work.next, source.pace(now, patience)?);
            let left_ms = rest.saturating_mul(1000).checked_div(pace).unwrap_or(u64::MAX);
            (u128::from(left_ms) > patience.as_millis()).then_some((left_ms, other, rest, pace, missing))
        });
        let slowest = slow.max_by_key(|(left_ms, other, ..)| (*left_ms, std::cmp::Reverse(*other)));
        let (_, victim, rest, pace, missing) = slowest?;
        let thiefs_pace = u128::from(if thief.rate == 0 { pace } else { thief.rate }).max(1);
        let share = u128::from(rest) * thiefs_pace / (thiefs_pace + u128::from(pace));
        let share = u64::try_from(share).unwrap_or(rest).min(thief.request_len(&self.knobs));
        if share == 0 || share < self.knobs.steal_bytes_min && pace > 0 {
            return None;
        }
        let start = missing.0.max(missing.1 - share);
        Some(Task { start, end: missing.1, taken_from: Some(victim) })
    }

    /// Gives a task to a source whose connection stands.
    pub(super) fn give(&mut self, at: usize, task: Task, now: Time) {
        if let Some(work) = task.taken_from.and_then(|victim| self.sources[victim].work_mut()) {
            work.end = task.start;
        }
        let source = &mut self.sources[at];
        source.was_slow = false;
        let asked = super::source::Asked {
            work: Work { next: task.start, end: task.end, body_end: task.end },
            since: now,
            until: now + self.knobs.answer_timeout,
            reused: std::mem::replace(&mut source.reused, true),
        };
        source.stage = Stage::Asked(asked);
    }

    /// Somebody has done its task, but its body goes on: up to where it may, if what follows is still missing and nobody
    /// else's task.
    pub(super) fn extended_end(&self, work: Work) -> Option<u64> {
        let covered = self.covered();
        let gap = covered.gaps(self.size).find(|(start, end)| *start <= work.next && work.next < *end)?;
        Some(gap.1.min(work.body_end))
    }

    /// The sources that may be connected to now, best first; none while those that are connecting or ready are enough
    /// for what is left to be given out.
    pub(super) fn next_to_connect(&self, now: Time) -> Option<usize> {
        let count = |is: fn(&Source) -> bool| self.sources.iter().filter(|source| is(source)).count();
        let (active, busy) = (count(Source::is_active), count(Source::is_busy));
        if active >= self.knobs.active_max || busy >= self.knobs.active_max + self.knobs.queued_max {
            return None;
        }
        let at_hand = |source: &&Source| match source.stage {
            Stage::Ready => true,
            // Who has not come by then may never come.
            Stage::Connecting { since, .. } => now.since(since) < self.knobs.steal_time_min,
            _ => false,
        };
        let hands = self.sources.iter().filter(at_hand).count() as u64;
        let open: u64 = self.covered().gaps(self.size).map(|(start, end)| end - start).sum();
        if hands > 0 && open.div_ceil(self.knobs.request_bytes_min.max(1)) <= hands {
            return None;
        }
        let due = |(at, source): &(usize, &Source)| {
            source.stage == Stage::Idle && source.not_before <= now && self.may_be_used(*at)
        };
        let order = |(at, source): &(usize, &Source)| {
            (source.attempts, source.busy, std::cmp::Reverse(source.rate), *at)
        };
        let (at, _) = self.sources.iter().enumerate().filter(due).min_by_key(order)?;
        self.task_for(at, now).map(|_| at)
    }
}
