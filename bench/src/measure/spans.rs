//! Stretches of time, in seconds.

/// Stretches that do not touch each other, rising.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Spans(Vec<(f64, f64)>);

impl Spans {
    /// The times that lie in at least one of these stretches.
    pub(super) fn union(stretches: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let mut all: Vec<(f64, f64)> = stretches.into_iter().filter(|(from, to)| from < to).collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut spans: Vec<(f64, f64)> = Vec::new();
        for (from, to) in all {
            match spans.last_mut() {
                Some((_, end)) if from <= *end => *end = end.max(to),
                _ => spans.push((from, to)),
            }
        }
        Spans(spans)
    }

    /// Each stretch.
    pub(super) fn iter(&self) -> impl Iterator<Item = (f64, f64)> {
        self.0.iter().copied()
    }

    /// How much of them lies between two times.
    pub(super) fn within(&self, from: f64, to: f64) -> f64 {
        self.iter().map(|(start, end)| (end.min(to) - start.max(from)).max(0.0)).sum()
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
