//! Stretches of time, in seconds.

/// Stretches that do not touch each other, rising.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Spans(Vec<Span>);

#[derive(Clone, Copy, PartialEq, Debug)]
struct Span {
    from: f64,
    to: f64,
    /// What all stretches before it add up to.
    before: f64,
}

impl Spans {
    /// The times that lie in at least one of these stretches.
    pub(super) fn union(stretches: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let mut all: Vec<(f64, f64)> = stretches.into_iter().filter(|(from, to)| from < to).collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut spans: Vec<Span> = Vec::new();
        for (from, to) in all {
            match spans.last_mut() {
                Some(last) if from <= last.to => last.to = last.to.max(to),
                last => {
                    let before = last.map_or(0.0, |last| last.before + last.to - last.from);
                    spans.push(Span { from, to, before });
                }
            }
        }
        Spans(spans)
    }

    /// Each stretch.
    pub(super) fn iter(&self) -> impl Iterator<Item = (f64, f64)> {
        self.0.iter().map(|span| (span.from, span.to))
    }

    /// How much of them lies between two times, the first of which is not after the second.
    pub(super) fn within(&self, from: f64, to: f64) -> f64 {
        self.until(to) - self.until(from)
    }

    fn until(&self, time: f64) -> f64 {
        let begun = self.0.partition_point(|span| span.from < time);
        let last = begun.checked_sub(1).map(|last| self.0[last]);
        last.map_or(0.0, |last| last.before + last.to.min(time) - last.from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overlaps_or_touches_is_one_stretch_and_empty_ones_are_none() {
        let spans = Spans::union([(5.0, 6.0), (0.0, 2.0), (1.0, 3.0), (3.0, 4.0), (8.0, 8.0), (1.5, 1.6)]);
        assert_eq!(spans.iter().collect::<Vec<_>>(), [(0.0, 4.0), (5.0, 6.0)]);
        assert_eq!(spans.within(f64::NEG_INFINITY, f64::INFINITY), 5.0);
        assert_eq!(spans.within(3.5, 5.25), 0.75);
        assert_eq!(Spans::default().within(0.0, 9.0), 0.0);
    }
}
