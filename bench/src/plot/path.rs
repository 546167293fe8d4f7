//! Lines with no more points than can be seen.

use std::fmt::Write as _;

use super::svg::Length;

/// Points of the page, left to right mostly; `None` is a gap.
pub(super) type Places = Vec<Option<(f64, f64)>>;

/// The path through these places: straight from each to the next, or in steps.
pub(super) fn path(places: &Places, in_steps: bool) -> String {
    let mut path = String::new();
    for run in places.split(Option::is_none) {
        let run: Vec<(f64, f64)> = run.iter().copied().flatten().collect();
        let run = thinned(&run);
        let mut before: Option<(f64, f64)> = None;
        for &(x, y) in &run {
            let [px, py] = [x, y].map(Length);
            // A String takes everything.
            let _ = match before {
                None => write!(path, "M{px} {py}"),
                Some((_, last)) if in_steps && last == y => write!(path, "H{px}"),
                Some(_) if in_steps => write!(path, "H{px}V{py}"),
                Some(_) => write!(path, "L{px} {py}"),
            };
            before = Some((x, y));
        }
        if run.len() == 1 {
            // A line of no length: its round cap is a dot.
            path.push_str("h0");
        }
    }
    path
}

/// Of all points in one column of the page only the first, the lowest, the highest and the last: the line looks the same.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut kept = Vec::new();
    for column in points.chunk_by(|a, b| a.0.floor() == b.0.floor()) {
        let by_height = |a: &usize, b: &usize| column[*a].1.total_cmp(&column[*b].1);
        let least = (0..column.len()).min_by(by_height).unwrap_or(0);
        let most = (0..column.len()).max_by(by_height).unwrap_or(0);
        let mut chosen = [0, least, most, column.len() - 1];
        chosen.sort_unstable();
        kept.extend(
            chosen
                .iter()
                .enumerate()
                .filter(|(at, one)| *at == 0 || chosen[at - 1] != **one)
                .map(|(_, one)| column[*one]),
        );
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_break_a_line_and_lonely_points_are_dots() {
        let places = vec![
            Some((0.0, 1.0)),
            Some((10.0, 2.55)),
            None,
            Some((20.0, 3.0)),
            None,
            None,
            Some((30.0, 1.0)),
            Some((40.0, 1.0)),
        ];
        assert_eq!(path(&places, false), "M0 1L10 2.6M20 3h0M30 1L40 1");
        assert_eq!(path(&places, true), "M0 1H10V2.6M20 3h0M30 1H40");
        assert_eq!(path(&Vec::new(), false), "");
    }

    #[test]
    fn a_million_points_look_the_same_with_a_few() {
        let wave = |n: u32| (f64::from(n) / 1_000.0, if n % 977 == 500 { 99.0 } else { f64::from(n % 7) });
        let points: Vec<(f64, f64)> = (0..100_000).map(wave).collect();
        let kept = thinned(&points);
        assert!(kept.len() <= 400, "{}", kept.len());
        assert_eq!((kept[0], kept[kept.len() - 1]), (points[0], points[99_999]));
        assert_eq!(kept.iter().filter(|(_, y)| *y == 99.0).count(), 100, "each column has its peak");
        assert!(kept.is_sorted_by(|a, b| a.0 <= b.0));
    }
}
