//! Who has how much of all: curves of concentration.

/// Points of the curve from (0, 0) to (1, 1): the part of all that the largest so many have, against the part of their number that
/// they are. All alike give the diagonal; the more the curve lies above it, the fewer have most. Empty if nobody has anything.
///
/// Lorenz (1905) begins with the smallest: his curve is this one, turned by half a circle.
pub fn concentration(amounts: impl IntoIterator<Item = f64>) -> Vec<(f64, f64)> {
    let mut amounts: Vec<f64> = amounts.into_iter().filter(|amount| *amount >= 0.0).collect();
    amounts.sort_by(|a, b| b.total_cmp(a));
    let (count, total) = (amounts.len() as f64, amounts.iter().sum::<f64>());
    if total == 0.0 || !total.is_finite() {
        return Vec::new();
    }
    let mut sum = 0.0;
    let point = |(number, amount): (u32, f64)| {
        sum += amount;
        (f64::from(number) / count, (sum / total).min(1.0))
    };
    [(0.0, 0.0)].into_iter().chain((1..).zip(amounts).map(point)).collect()
}

/// What the largest have that are this part of the number of all, by such a curve; between two of its points in proportion.
pub fn share_of_top(curve: &[(f64, f64)], part: f64) -> Option<f64> {
    let after = curve.iter().position(|(x, _)| *x >= part)?;
    let (x, y) = curve[after];
    let Some((x_before, y_before)) = after.checked_sub(1).map(|before| curve[before]) else { return Some(y) };
    Some(y_before + (y - y_before) * (part - x_before) / (x - x_before))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_come_first() {
        let curve = concentration([10.0, 0.0, 70.0, 20.0]);
        assert_eq!(curve, [(0.0, 0.0), (0.25, 0.7), (0.5, 0.9), (0.75, 1.0), (1.0, 1.0)]);
        assert_eq!(share_of_top(&curve, 0.25), Some(0.7));
        assert_eq!(share_of_top(&curve, 0.375), Some(0.8));
        assert_eq!(share_of_top(&curve, 0.0), Some(0.0));
        assert_eq!(concentration([0.0, 0.0]), []);
        assert_eq!(share_of_top(&[], 0.25), None);
    }
}
