//! Something that people come to, each at a moment of their own, and that is watched meanwhile.

use std::time::Duration;

use common::peer::Time;

use super::bittorrent::swarm::Person;

/// So often, in virtual time, what its members were told is acted upon.
pub const TICK: Duration = Duration::from_millis(500);

/// A swarm, or a server: whatever people come to.
pub trait Venue {
    /// The current virtual time.
    fn now(&self) -> Time;

    /// Lets time pass until then, no longer than a [`TICK`] from now.
    fn run_to(&mut self, until: Time);

    /// Somebody comes, now. Returns the number, counted from zero.
    fn join(&mut self, person: &Person) -> usize;

    /// Nobody lacks anything any more, or nothing can come to those who do.
    fn is_over(&mut self) -> bool;
}

/// Lets people come, in the order of their times, and time pass until it is over or the limit is reached; `watch` looks at it each time
/// that `every` has passed.
pub fn run<V: Venue>(
    venue: &mut V,
    people: &[Person],
    limit: Duration,
    every: Duration,
    watch: &mut dyn FnMut(&V),
) {
    let (start, limit) = (venue.now(), venue.now() + limit);
    let mut coming = people.iter().peekable();
    let mut look = start + every;
    while venue.now() < limit && (coming.peek().is_some() || !venue.is_over()) {
        let next = coming.peek().map_or(Time::MAX, |person| start + person.at);
        venue.run_to(next.min(look).min(limit).min(venue.now() + TICK));
        while let Some(person) = coming.next_if(|person| start + person.at <= venue.now()) {
            venue.join(person);
        }
        if venue.now() >= look {
            watch(venue);
            look = look + every;
        }
    }
}
