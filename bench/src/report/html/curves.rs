//! Curves of several runs made into one: the mean at each place, with the interval that holds it.

use crate::claims::finding::{interval, mean};
use crate::plot::Span;

/// Places at which curves are averaged: as many as can be told apart on a page.
const PLACES: u32 = 240;

/// Places at equal distances, both ends among them.
pub(super) fn even(from: f64, to: f64) -> Vec<f64> {
    (0..=PLACES).map(|number| from + (to - from) * f64::from(number) / f64::from(PLACES)).collect()
}

/// Places at equal ratios, both ends among them.
pub(super) fn in_ratio(from: f64, to: f64) -> Vec<f64> {
    let (low, high) = (libm::log10(from), libm::log10(to));
    even(low, high).into_iter().map(|power| libm::pow(10.0, power)).collect()
}

/// The mean of some curves at these places and, of several curves, where it lies with 95 % certainty; none is less than nothing or
/// more than `most`. A curve that has no value at a place is left out there.
pub(super) fn mean_of<C>(
    places: &[f64],
    curves: &[C],
    most: f64,
    at: impl Fn(&C, f64) -> Option<f64>,
) -> (Vec<(f64, f64)>, Vec<Span>) {
    let (mut line, mut band) = (Vec::new(), Vec::new());
    for place in places {
        let values: Vec<f64> = curves.iter().filter_map(|curve| at(curve, *place)).collect();
        if values.is_empty() {
            continue;
        }
        line.push((*place, mean(&values)));
        band.extend(interval(&values).map(|(low, high)| Span {
            x: *place,
            low: low.clamp(0.0, most),
            high: high.clamp(0.0, most),
        }));
    }
    (line, band)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_curves_lies_in_its_interval_and_within_what_can_be() {
        let curves = [0.0, 0.5, 1.0];
        let (line, band) = mean_of(&even(0.0, 2.0), &curves, 1.0, |curve, at| Some(curve * at / 2.0));
        assert_eq!((line.len(), line[240], line[120]), (241, (2.0, 0.5), (1.0, 0.25)));
        assert_eq!((band[240].low, band[240].high, band[0].high), (0.0, 1.0, 0.0));
        let (line, band) = mean_of(&[1.0], &curves[..1], 1.0, |_, _| Some(0.25));
        assert_eq!((line, band.len()), (vec![(1.0, 0.25)], 0));
        assert!(mean_of(&[1.0], &curves, 1.0, |_, _| None).0.is_empty());
    }

    #[test]
    fn places_reach_both_ends() {
        let places = in_ratio(0.01, 100.0);
        assert!((places[0] - 0.01).abs() < 1e-12 && (places[240] - 100.0).abs() < 1e-9);
        assert!((places[120] - 1.0).abs() < 1e-12);
    }
}
