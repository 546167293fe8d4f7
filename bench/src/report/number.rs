//! Values as people read them.

use crate::measure::Unit;

/// The unit in which all values of a row are shown.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Scale {
    unit: Unit,
    /// What to call it; nothing for plain numbers.
    pub(crate) name: &'static str,
    factor: f64,
}

impl Scale {
    /// The one for values up to `largest`.
    pub(crate) fn of(unit: Unit, largest: f64) -> Scale {
        let (name, factor) = match unit {
            Unit::Count | Unit::Ratio => ("", 1.0),
            Unit::Bytes if largest >= 10_000_000.0 => ("MB", 1e-6),
            Unit::Bytes if largest >= 10_000.0 => ("kB", 1e-3),
            Unit::Bytes => ("bytes", 1.0),
            Unit::Seconds => ("s", 1.0),
            Unit::Share => ("%", 100.0),
            Unit::Kbps if largest >= 10_000.0 => ("Mbit/s", 1e-3),
            Unit::Kbps => ("kbit/s", 1.0),
        };
        Scale { unit, name, factor }
    }

    /// A value without its unit, which stands elsewhere.
    pub(crate) fn number(&self, value: f64) -> String {
        let value = value * self.factor;
        let digits = match self.unit {
            Unit::Count if value.fract() == 0.0 => 0,
            Unit::Count | Unit::Ratio => 2,
            Unit::Seconds if value < 10.0 => 3,
            Unit::Seconds | Unit::Share => 1,
            Unit::Bytes | Unit::Kbps if self.factor == 1.0 => 0,
            Unit::Bytes | Unit::Kbps => 1,
        };
        format!("{value:.digits$}")
    }

    /// A value with its unit.
    pub(crate) fn text(&self, value: f64) -> String {
        format!("{} {}", self.number(value), self.name).trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_unit_for_a_row_and_few_digits() {
        let row = Scale::of(Unit::Bytes, 255_900.0);
        assert_eq!(
            (row.name, row.number(40_140.0).as_str(), row.number(0.0).as_str()),
            ("kB", "40.1", "0.0")
        );
        for (value, unit, text) in [
            (9_999.0, Unit::Bytes, "9999 bytes"),
            (0.0661, Unit::Seconds, "0.066 s"),
            (25.31, Unit::Seconds, "25.3 s"),
            (0.414, Unit::Share, "41.4 %"),
            (180.0, Unit::Count, "180"),
            (11.5, Unit::Count, "11.50"),
            (99_922.0, Unit::Kbps, "99.9 Mbit/s"),
            (550.0, Unit::Kbps, "550 kbit/s"),
        ] {
            assert_eq!(Scale::of(unit, value).text(value), text);
        }
    }
}
