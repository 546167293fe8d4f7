//! How much of the line others' descriptors may take, and what goes overboard when that is not enough.
//!
//! There is no queue: what is passed on is reckoned to keep its share of the line busy for as long as its bytes take, and
//! what comes while the line is reckoned busy for longer than its kind may wait is dropped. The order is the draft's (0.6,
//! 3.1): a push is the last to be dropped, then hits, pongs, queries, and pings are the first; of broadcasts those that
//! have come furthest, for they have been seen by most, of answers those that have come least far.
//!
//! The same is reckoned for each neighbour by itself, as if it had only a part of that line: so one that floods takes what
//! is free for a moment, and half of the line from then on, and what the others say still goes through.

use std::time::Duration;

use common::peer::{ConnId, Time};

use super::Servent;

/// How far behind the line may fall, for the descriptors that wait longest.
const BACKLOG_MAX: Duration = Duration::from_secs(2);
/// Parts of that in which the limits are given.
const PARTS: u32 = 64;
/// What one neighbour says may take the line's share divided by this. 2: our choice; whoever floods leaves half to the rest.
const ONE_OF: u32 = 2;
/// Hops after which all are alike.
const HOPS_TOLD_APART: u8 = 8;

/// A kind of descriptor that is passed on, and the hops it has behind it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Passing {
    Push,
    Hit(u8),
    Pong(u8),
    Query(u8),
    Ping(u8),
}

/// What has been passed on, as time that it keeps the line busy.
#[derive(Default)]
pub(super) struct Budget {
    busy_until: Time,
}

impl Passing {
    /// How long it may wait. Above half of the backlog no query is taken, as the draft has it for queues.
    fn patience(self) -> Duration {
        let more = |hops: u8| u32::from(hops.min(HOPS_TOLD_APART));
        let parts = match self {
            Passing::Push => PARTS,
            Passing::Hit(hops) => 48 + more(hops),
            Passing::Pong(hops) => 34 + more(hops),
            Passing::Query(hops) => 32 - 2 * more(hops),
            Passing::Ping(hops) => 14 - more(hops),
        };
        BACKLOG_MAX * parts / PARTS
    }
}

impl Servent {
    /// True if there is room on the line for so many more bytes that a neighbour would have passed on; they are then
    /// accounted for. What is refused is counted.
    pub(super) fn has_line_for(&mut self, passing: Passing, from: ConnId, bytes: u64, now: Time) -> bool {
        let Some(share) = self.knobs.broadcast_share else { return true };
        let patience = passing.patience();
        let all_until = self.budget.busy_until.max(now);
        let one_until = self.neighbour(from).map_or(now, |neighbour| neighbour.busy_until.max(now));
        if all_until.since(now) > patience || one_until.since(now) > patience * ONE_OF {
            self.router.dropped.over_budget += 1;
            return false;
        }
        let bytes_per_s = f64::from(self.me.speed_kbps) * 1000.0 / 8.0 * share;
        // Whatever the knobs say, it is a number of seconds, and not more than a day.
        let takes = Duration::from_secs_f64((bytes as f64 / bytes_per_s.max(1.0)).min(86_400.0));
        self.budget.busy_until = all_until + takes;
        if let Some(neighbour) = self.neighbour_mut(from) {
            neighbour.busy_until = one_until + takes * ONE_OF;
        }
        true
    }
}
