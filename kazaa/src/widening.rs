//! How a query goes on when the searcher's own supernode has found too little.
//!
//! The lecture's rule, and its guess: the supernode forwards the query to a subset of those it knows; if that is not enough, to
//! further ones, "probably by original supernode rather than recursively". Both are here, to be compared. A policy decides for
//! the original supernode alone; how others pass a query on follows from the `ttl` it bears. A new policy is one more type here
//! and its line in [`WideningKind::start`].

use crate::config::Knobs;

/// How one query goes: asked for its first step when the own index has too little, and for the next after each step's
/// answers. It is not asked once there are enough results.
pub trait Widening: Send {
    /// Whom to ask now; `None`: nobody any more.
    fn step(&mut self, so_far: &SoFar) -> Option<Step>;
}

/// What a policy may look at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SoFar {
    /// Results found.
    pub found: usize,
    /// Supernodes that this one has asked itself.
    pub asked: usize,
    /// Neighbours that are left to ask.
    pub neighbours: usize,
}

/// Whom to ask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// How many supernodes: neighbours while there are any, then others that are only known from lists.
    pub ask: usize,
    /// How many more supernodes the query may pass through behind each of them.
    pub ttl: u8,
}

/// The policies that come with the crate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum WideningKind {
    /// The original supernode asks a subset, then a further one, and so on.
    #[default]
    Iterative,
    /// It asks a subset once; these ask further, until the query's time to live is used up.
    Recursive,
    /// Nobody else is asked.
    Never,
}

struct Iterative {
    fan_out: usize,
    asked_max: usize,
}

struct Recursive {
    fan_out: usize,
    ttl: u8,
}

struct Never;

impl WideningKind {
    /// A policy for one query.
    pub fn start(self, knobs: &Knobs) -> Box<dyn Widening> {
        let fan_out = knobs.fan_out;
        match self {
            WideningKind::Iterative => Box::new(Iterative { fan_out, asked_max: knobs.asked_max }),
            WideningKind::Recursive => Box::new(Recursive { fan_out, ttl: knobs.query_ttl }),
            WideningKind::Never => Box::new(Never),
        }
    }
}

impl Widening for Iterative {
    fn step(&mut self, so_far: &SoFar) -> Option<Step> {
        let ask = self.fan_out.min(self.asked_max.saturating_sub(so_far.asked));
        (ask > 0).then_some(Step { ask, ttl: 0 })
    }
}

impl Widening for Recursive {
    fn step(&mut self, so_far: &SoFar) -> Option<Step> {
        // The neighbours behind these are not this supernode's to choose.
        let first = so_far.asked == 0 && so_far.neighbours > 0;
        first.then_some(Step { ask: self.fan_out.min(so_far.neighbours), ttl: self.ttl.saturating_sub(1) })
    }
}

impl Widening for Never {
    fn step(&mut self, _: &SoFar) -> Option<Step> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(kind: WideningKind, knobs: &Knobs, neighbours: usize) -> Vec<(usize, u8)> {
        let mut policy = kind.start(knobs);
        let mut asked = 0;
        let next = || {
            let so_far = SoFar { found: 0, asked, neighbours: neighbours.saturating_sub(asked) };
            let step = policy.step(&so_far)?;
            asked += step.ask;
            Some((step.ask, step.ttl))
        };
        std::iter::from_fn(next).take(100).collect()
    }

    #[test]
    fn each_policy_takes_its_steps() {
        let knobs = Knobs { fan_out: 5, asked_max: 12, query_ttl: 3, ..Knobs::default() };
        assert_eq!(steps(WideningKind::Iterative, &knobs, 8), [(5, 0), (5, 0), (2, 0)]);
        assert_eq!(steps(WideningKind::Recursive, &knobs, 8), [(5, 2)]);
        assert_eq!(steps(WideningKind::Recursive, &knobs, 3), [(3, 2)]);
        assert_eq!(steps(WideningKind::Recursive, &knobs, 0), []);
        assert_eq!(steps(WideningKind::Never, &knobs, 8), []);
    }
}
