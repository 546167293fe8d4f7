//! Dials that somebody else has asked for.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::peer::Time;

/// Pushes towards one address that are answered in [`WINDOW`]: gtk-gnutella's limit. Whoever sends pushes in a stranger's
/// name has us knock there so often and no more.
const PER_ADDRESS_MAX: usize = 5;
/// Pushes answered in [`WINDOW`] in all, and so the dials under way. 64: our choice, many times the slots.
const IN_ALL_MAX: usize = 64;
const WINDOW: Duration = Duration::from_secs(30);

/// Pushes that were answered of late by a dial: who has others push is no weapon against third parties.
#[derive(Debug, Default)]
pub struct Knocks {
    /// When and where to, oldest first.
    answered: VecDeque<(Time, Ipv4Addr)>,
}

impl Knocks {
    /// Whether one more dial to this address is in order now; if so it is counted.
    pub fn admit(&mut self, to: Ipv4Addr, now: Time) -> bool {
        while self.answered.front().is_some_and(|(at, _)| now.since(*at) >= WINDOW) {
            self.answered.pop_front();
        }
        let there = self.answered.iter().filter(|(_, ip)| *ip == to).count();
        let is_in_order = there < PER_ADDRESS_MAX && self.answered.len() < IN_ALL_MAX;
        if is_in_order {
            self.answered.push_back((now, to));
        }
        is_in_order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_door_and_all_together_have_their_limit_and_time_lifts_it() {
        let (mut knocks, mut now) = (Knocks::default(), Time::ZERO);
        let door = |n: u32| Ipv4Addr::from_bits(n);
        let admitted = |knocks: &mut Knocks, doors: &mut dyn Iterator<Item = u32>, now: Time| {
            doors.filter(|n| knocks.admit(door(*n), now)).count()
        };
        assert_eq!(admitted(&mut knocks, &mut std::iter::repeat_n(1, 20), now), PER_ADDRESS_MAX);
        assert_eq!(admitted(&mut knocks, &mut (2..1000), now), IN_ALL_MAX - PER_ADDRESS_MAX);
        now = now + WINDOW;
        assert_eq!(admitted(&mut knocks, &mut (1..1000), now), IN_ALL_MAX);
        assert_eq!(knocks.answered.len(), IN_ALL_MAX);
    }
}
