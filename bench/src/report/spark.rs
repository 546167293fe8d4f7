//! Throughput over time as a row of blocks.

use crate::measure::FlowRow;

/// From an eighth of the scale to all of it.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Bytes per second in `width` equal parts of the time until `end_s`; fewer where a part would be less than a row.
pub(super) fn parts(rows: &[FlowRow], end_s: u64, width: usize) -> Vec<f64> {
    let row_s = rows.first().map_or(1, |row| row.seconds);
    let rows_of_end = end_s.div_ceil(row_s) as usize;
    let mut values: Vec<f64> = rows.iter().map(|row| row.bytes_per_s).collect();
    values.resize(rows_of_end, 0.0);
    means(&values, width)
}

/// The means of `width` equal parts of the values; fewer where a part would be less than a value.
pub(crate) fn means(values: &[f64], width: usize) -> Vec<f64> {
    let width = width.min(values.len());
    let part = |number: usize| {
        let part = &values[number * values.len() / width..(number + 1) * values.len() / width];
        part.iter().sum::<f64>() / part.len() as f64
    };
    (0..width).map(part).collect()
}

/// A block for each value, the highest for `top`; a blank for nothing.
pub(crate) fn blocks(values: &[f64], top: f64) -> String {
    let block = |value: &f64| {
        if *value <= 0.0 || top <= 0.0 {
            return ' ';
        }
        let eighths = (value / top * BLOCKS.len() as f64).ceil() as usize;
        BLOCKS[eighths.clamp(1, BLOCKS.len()) - 1]
    };
    values.iter().map(block).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(seconds: u64, values: &[f64]) -> Vec<FlowRow> {
        let row = |(at, value): (u64, &f64)| FlowRow {
            second: at * seconds,
            seconds,
            bytes_per_s: *value,
            ..FlowRow::default()
        };
        (0..).zip(values).map(row).collect()
    }

    #[test]
    fn values_have_the_height_they_are_of_the_scale() {
        assert_eq!(blocks(&[0.0, 0.1, 1.0, 4.0, 4.1, 8.0], 8.0), " ▁▁▄▅█");
        assert_eq!(blocks(&[0.0, 0.0], 0.0), "  ");
    }

    #[test]
    fn parts_are_means_and_never_finer_than_the_rows() {
        let flow = rows(1, &[1.0, 3.0, 5.0, 7.0]);
        assert_eq!(parts(&flow, 4, 2), [2.0, 6.0]);
        assert_eq!(parts(&flow, 4, 100), [1.0, 3.0, 5.0, 7.0]);
        // Another column of the same table runs longer.
        assert_eq!(parts(&flow, 8, 2), [4.0, 0.0]);
        assert_eq!(parts(&rows(10, &[1.0, 2.0]), 20, 60), [1.0, 2.0]);
        assert_eq!(parts(&[], 0, 60), Vec::<f64>::new());
    }
}
