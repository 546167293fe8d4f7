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

/// Longer units of time: the name, the seconds, and from how many seconds on it is taken.
const TIMES: [(&str, f64, f64); 3] =
    [("days", 86_400.0, 259_200.0), ("h", 3_600.0, 7_200.0), ("min", 60.0, 600.0)];

impl Scale {
    /// The one for values up to `largest`.
    pub(crate) fn of(unit: Unit, largest: f64) -> Scale {
        // Minutes would make much of the seconds of a smaller value in the row disappear.
        Scale::among(&TIMES[..2], unit, largest)
    }

    /// The one for an axis up to `largest`.
    pub(crate) fn of_axis(unit: Unit, largest: f64) -> Scale {
        Scale::among(&TIMES, unit, largest)
    }

    fn among(times: &[(&'static str, f64, f64)], unit: Unit, largest: f64) -> Scale {
        let longer = times.iter().find(|(_, _, from)| unit == Unit::Seconds && largest >= *from);
        let (name, factor) = match unit {
            Unit::Count | Unit::Ratio => ("", 1.0),
            Unit::Bytes if largest >= 1e13 => ("TB", 1e-12),
            Unit::Bytes if largest >= 1e10 => ("GB", 1e-9),
            Unit::Bytes if largest >= 10_000_000.0 => ("MB", 1e-6),
            Unit::Bytes if largest >= 10_000.0 => ("kB", 1e-3),
            Unit::Bytes => ("bytes", 1.0),
            Unit::Seconds => longer.map_or(("s", 1.0), |(name, seconds, _)| (*name, 1.0 / seconds)),
            Unit::Share => ("%", 100.0),
            Unit::Kbps if largest >= 1e7 => ("Gbit/s", 1e-6),
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
            Unit::Seconds if value < 10.0 && self.factor == 1.0 => 3,
            Unit::Seconds | Unit::Share => 1,
            Unit::Bytes | Unit::Kbps if self.factor == 1.0 => 0,
            Unit::Bytes | Unit::Kbps => 1,
        };
        grouped(&format!("{value:.digits$}"))
    }

    /// By what a value is multiplied to be in this unit.
    pub(crate) fn factor(&self) -> f64 {
        self.factor
    }

    /// A value with its unit.
    pub(crate) fn text(&self, value: f64) -> String {
        format!("{} {}", self.number(value), self.name).trim_end().to_owned()
    }
}

/// A decimal number with a comma before each three digits of its whole part, if that has more than four.
pub(crate) fn grouped(number: &str) -> String {
    let (sign, rest) = number.split_at(usize::from(number.starts_with('-')));
    let (whole, fraction) = rest.split_at(rest.find('.').unwrap_or(rest.len()));
    if whole.len() <= 4 {
        return number.to_owned();
    }
    let mut text = sign.to_owned();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text + fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_numbers_have_groups() {
        for (plain, shown) in [
            ("9999", "9999"),
            ("-10000.25", "-10,000.25"),
            ("1234567", "1,234,567"),
            ("0.0", "0.0"),
            ("NaN", "NaN"),
        ] {
            assert_eq!(grouped(plain), shown);
        }
    }

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
            (180_000.0, Unit::Count, "180,000"),
            (3.5e14, Unit::Bytes, "350.0 TB"),
            (30_000.0, Unit::Seconds, "8.3 h"),
            (6_000.0, Unit::Seconds, "6000.0 s"),
        ] {
            assert_eq!(Scale::of(unit, value).text(value), text);
        }
    }
}
