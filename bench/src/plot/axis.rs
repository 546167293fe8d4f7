//! Axes: what they reach, where their ticks are, and how values are written there.

use crate::measure::Unit;
use crate::report::number::{Scale, grouped};

/// More than that is no number that anybody plots, and what is less than its inverse is zero.
pub const MAGNITUDE_MAX: f64 = 1e100;

/// No more ticks than that stand on an axis.
const TICKS_MAX: usize = 24;

/// Steps between ticks for times in minutes and hours, in that unit; all else has 1, 2 and 5 times powers of ten.
const CLOCK_STEPS: [(&str, &[f64]); 2] =
    [("min", &[1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0]), ("h", &[1.0, 2.0, 3.0, 6.0, 12.0, 24.0])];

/// Where the ticks of times are whose ratios count.
const TIMES: [(f64, &str); 9] = [
    (1.0, "1 s"),
    (10.0, "10 s"),
    (60.0, "1 min"),
    (600.0, "10 min"),
    (3_600.0, "1 h"),
    (21_600.0, "6 h"),
    (86_400.0, "1 day"),
    (864_000.0, "10 days"),
    (8_640_000.0, "100 days"),
];

/// An axis of a plot: what it shows, in which unit, and how.
#[derive(Clone, Debug)]
pub struct Axis {
    label: String,
    unit: Unit,
    kind: Kind,
    reach: Vec<f64>,
}

#[derive(Clone, Debug)]
enum Kind {
    Linear,
    Logarithmic,
    /// Names in place of numbers: the first lies between 0 and 1.
    Categories(Vec<String>),
}

impl Axis {
    /// A linear axis; values are in the basic unit and shown in a larger one where that reads better.
    pub fn new(label: impl Into<String>, unit: Unit) -> Axis {
        Axis { label: label.into(), unit, kind: Kind::Linear, reach: Vec::new() }
    }

    /// An axis of names.
    pub fn categories<N: Into<String>>(label: impl Into<String>, names: impl IntoIterator<Item = N>) -> Axis {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        let reach = vec![0.0, names.len().max(1) as f64];
        Axis { label: label.into(), unit: Unit::Count, kind: Kind::Categories(names), reach }
    }

    /// The same with equal ratios at equal distances.
    #[must_use]
    pub fn log(mut self) -> Axis {
        self.kind = Kind::Logarithmic;
        self
    }

    /// The same, and it reaches this value though no datum may.
    #[must_use]
    pub fn reaching(mut self, value: f64) -> Axis {
        self.reach.push(value);
        self
    }

    /// Whether it has a place for this value.
    pub(super) fn shows(&self, value: f64) -> bool {
        match self.kind {
            Kind::Logarithmic => (1.0 / MAGNITUDE_MAX..=MAGNITUDE_MAX).contains(&value),
            Kind::Linear | Kind::Categories(_) => value.abs() <= MAGNITUDE_MAX,
        }
    }

    /// The name of the category at this place.
    pub(super) fn name(&self, at: f64) -> Option<&str> {
        match &self.kind {
            Kind::Categories(names) if at >= 0.0 => names.get(at as usize).map(String::as_str),
            _ => None,
        }
    }

    /// What its column in a CSV is called: words, and the basic unit.
    pub(super) fn column(&self) -> String {
        let mut name = String::new();
        for c in self.label.chars() {
            match c {
                c if c.is_alphanumeric() => name.extend(c.to_lowercase()),
                _ if name.ends_with('_') || name.is_empty() => {}
                _ => name.push('_'),
            }
        }
        let name = name.trim_end_matches('_');
        let unit = match self.unit {
            Unit::Count | Unit::Ratio | Unit::Share => "",
            Unit::Bytes => "_bytes",
            Unit::Seconds => "_s",
            Unit::Kbps => "_kbps",
        };
        format!("{name}{unit}")
    }

    /// The axis for these values, with no more than about `ticks` ticks.
    pub(super) fn ruler(&self, values: impl Iterator<Item = f64>, from_zero: bool, ticks: usize) -> Ruler {
        let values = values.chain(self.reach.iter().copied()).filter(|value| self.shows(*value));
        let (mut low, mut high) =
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        if low > high {
            (low, high) = if matches!(self.kind, Kind::Logarithmic) { (1.0, 10.0) } else { (0.0, 1.0) };
        }
        match &self.kind {
            Kind::Logarithmic => logarithmic(low, high, from_zero, self),
            Kind::Categories(names) => {
                let high = high.ceil();
                let each = (names.len() as f64 / 40.0).ceil().max(1.0) as usize;
                let middle =
                    |at: usize| Tick { at: (at as f64 + 0.5 - low) / (high - low), label: names[at].clone() };
                let ticks = (0..names.len()).step_by(each).map(middle).collect();
                Ruler { low, high, is_log: false, is_named: true, caption: self.label.clone(), ticks }
            }
            Kind::Linear => {
                if from_zero {
                    (low, high) = (low.min(0.0), high.max(0.0));
                }
                linear(low, high, from_zero, ticks, self)
            }
        }
    }

    fn caption(&self, unit: &str) -> String {
        match (self.label.as_str(), unit) {
            (label, "") => label.to_owned(),
            ("", unit) => unit.to_owned(),
            (label, unit) => format!("{label} ({unit})"),
        }
    }

    /// The factor and the name of the unit in which values up to `largest` are shown.
    fn shown(&self, largest: f64) -> (f64, String) {
        let scale = Scale::of_axis(self.unit, largest);
        let (factor, name) = (scale.factor(), scale.name);
        let shown = largest * factor;
        if shown == 0.0 || (1e-3..1e6).contains(&shown) {
            return (factor, name.to_owned());
        }
        let thousands = (libm::log10(shown) / 3.0).floor() * 3.0;
        (
            factor * power_of_ten(-thousands),
            format!("10{} {name}", superscript(thousands as i32)).trim_end().to_owned(),
        )
    }
}

/// An axis with its numbers: where each value is, from 0 at one end to 1 at the other.
#[derive(Clone, Debug)]
pub(super) struct Ruler {
    low: f64,
    high: f64,
    is_log: bool,
    /// Whether names stand on it, in the middle of what they name.
    pub(super) is_named: bool,
    /// What is written beside it.
    pub(super) caption: String,
    /// From low to high.
    pub(super) ticks: Vec<Tick>,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) struct Tick {
    /// Its place.
    pub(super) at: f64,
    pub(super) label: String,
}

impl Ruler {
    /// The place of a value; `None` if it has none.
    pub(super) fn at(&self, value: f64) -> Option<f64> {
        let place = if self.is_log {
            if value <= 0.0 {
                return None;
            }
            let (low, high) = (libm::log10(self.low), libm::log10(self.high));
            (libm::log10(value) - low) / (high - low)
        } else {
            (value - self.low) / (self.high - self.low)
        };
        // The last bit of an end may stick out.
        (-1e-9..=1.0 + 1e-9).contains(&place).then(|| place.clamp(0.0, 1.0))
    }

    /// The place where bars begin: that of zero, or the lower end.
    pub(super) fn base(&self) -> f64 {
        self.at(0.0).unwrap_or(0.0)
    }

    /// Its two ends.
    pub(super) fn ends(&self) -> (f64, f64) {
        (self.low, self.high)
    }
}

fn linear(mut low: f64, mut high: f64, to_ticks: bool, count: usize, axis: &Axis) -> Ruler {
    let largest = low.abs().max(high.abs());
    if high - low <= largest * 1e-6 || largest < 1.0 / MAGNITUDE_MAX {
        // One value, or too close together for numbers of a readable length.
        let margin = if largest < 1.0 / MAGNITUDE_MAX { 0.5 } else { largest * 0.05 };
        (low, high) = (if to_ticks && low == 0.0 { 0.0 } else { low - margin }, high + margin);
    }
    let largest = low.abs().max(high.abs());
    let (factor, unit) = axis.shown(largest);
    let step = step((high - low) * factor, count, &unit);
    if to_ticks {
        let slack = 1e-9;
        low = (low * factor / step + slack).floor() * step / factor;
        high = (high * factor / step - slack).ceil() * step / factor;
    }
    let mut ruler =
        Ruler { low, high, is_log: false, is_named: false, caption: axis.caption(&unit), ticks: Vec::new() };
    let decimals = (-libm::log10(step) - 1e-9).ceil().clamp(0.0, 12.0) as usize;
    let first = (low * factor / step - 1e-9).ceil();
    for number in 0..TICKS_MAX {
        let shown = (first + number as f64) * step;
        let Some(at) = ruler.at(shown / factor) else { break };
        ruler.ticks.push(Tick { at, label: label(shown, decimals) });
    }
    ruler
}

/// The distance of ticks so that no more than about `count` fit.
fn step(range: f64, count: usize, unit: &str) -> f64 {
    let least = range / count.clamp(2, TICKS_MAX - 2) as f64;
    let of_clock = CLOCK_STEPS.iter().find(|(name, _)| *name == unit).map_or(&[][..], |(_, steps)| steps);
    if least >= 0.5
        && let Some(step) = of_clock.iter().find(|step| **step >= least)
    {
        return *step;
    }
    let power = power_of_ten(libm::log10(least).floor());
    let of_ten = [1.0, 2.0, 5.0, 10.0].into_iter().map(|part| part * power);
    of_ten.into_iter().find(|step| *step >= least * (1.0 - 1e-9)).unwrap_or(power * 10.0)
}

fn logarithmic(low: f64, high: f64, from_below: bool, axis: &Axis) -> Ruler {
    let (factor, unit) = axis.shown(high);
    // 1, 2 and 5 times a power of ten, as an exponent that counts them.
    let down = |value: f64| {
        let power = libm::log10(value * (1.0 + 1e-9)).floor();
        let part = value * (1.0 + 1e-9) / power_of_ten(power);
        power as i32 * 3 + if part >= 5.0 { 2 } else { i32::from(part >= 2.0) }
    };
    let mark = |number: i32| {
        [1.0, 2.0, 5.0][number.rem_euclid(3) as usize] * power_of_ten(f64::from(number.div_euclid(3)))
    };
    let mut first = down(low * factor);
    if from_below && mark(first) >= low * factor * (1.0 - 1e-9) {
        // Else the lowest bar had no height.
        first -= 1;
    }
    let mut last = down(high * factor);
    if mark(last) < high * factor * (1.0 - 1e-9) || last == first {
        last += 1;
    }
    let decades = (last - first) / 3;
    // All marks over a short range, else powers of ten, and of a very long range some of these.
    let each = match decades {
        0..=2 => 1,
        decades => 3 * (decades / 10 + 1),
    };
    let mut ruler = Ruler {
        low: mark(first) / factor,
        high: mark(last) / factor,
        is_log: true,
        is_named: false,
        caption: axis.caption(&unit),
        ticks: Vec::new(),
    };
    let times = TIMES.iter().filter_map(|(seconds, label)| {
        Some(Tick { at: ruler.at(*seconds)?, label: (*label).to_owned() })
            .filter(|_| axis.unit == Unit::Seconds)
    });
    let times: Vec<Tick> = times.collect();
    if times.len() > 2 {
        return Ruler { caption: axis.label.clone(), ticks: times, ..ruler };
    }
    for number in (first..=last).filter(|number| number % each == 0) {
        if let Some(at) = ruler.at(mark(number) / factor) {
            let power = number.div_euclid(3);
            let label = match power {
                -3..6 => label(mark(number), usize::try_from(-power).unwrap_or(0)),
                _ => {
                    format!("{}{}", ["10", "2·10", "5·10"][number.rem_euclid(3) as usize], superscript(power))
                }
            };
            ruler.ticks.push(Tick { at, label });
        }
    }
    ruler
}

fn power_of_ten(exponent: f64) -> f64 {
    libm::pow(10.0, exponent)
}

fn label(value: f64, decimals: usize) -> String {
    // No minus before a zero.
    grouped(&format!("{:.decimals$}", if value == 0.0 { 0.0 } else { value }))
}

/// An exponent as it is written above the line.
fn superscript(number: i32) -> String {
    let digit = |c: char| match c {
        '-' => '⁻',
        c => ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'][c.to_digit(10).unwrap_or(0) as usize],
    };
    number.to_string().chars().map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ruler: &Ruler) -> String {
        ruler.ticks.iter().map(|tick| tick.label.as_str()).collect::<Vec<_>>().join(" ")
    }

    fn ruler(axis: &Axis, low: f64, high: f64) -> Ruler {
        axis.ruler([low, high].into_iter(), false, 8)
    }

    #[test]
    fn ticks_are_numbers_that_people_would_choose() {
        let count = Axis::new("clients", Unit::Count);
        let up = count.ruler([0.0, 4_321.0].into_iter(), true, 6);
        assert_eq!((labels(&up).as_str(), up.ends()), ("0 1000 2000 3000 4000 5000", (0.0, 5_000.0)));
        assert_eq!(labels(&ruler(&count, 0.0, 47_000.0)), "0 10,000 20,000 30,000 40,000");
        assert_eq!(labels(&ruler(&count, -0.1, 0.25)), "-0.10 -0.05 0.00 0.05 0.10 0.15 0.20 0.25");
        let huge = ruler(&count, 0.0, 4e21);
        assert_eq!(
            (huge.caption.as_str(), labels(&huge).as_str()),
            ("clients (10²¹)", "0.0 0.5 1.0 1.5 2.0 2.5 3.0 3.5 4.0")
        );
        assert_eq!(labels(&count.ruler([0.0].into_iter(), true, 4)), "0.0 0.2 0.4 0.6");
        assert_eq!(labels(&ruler(&count, 7.0, 7.0)), "6.7 6.8 6.9 7.0 7.1 7.2 7.3");
    }

    #[test]
    fn times_have_the_ticks_of_clocks_and_calendars() {
        let time = Axis::new("since the start", Unit::Seconds);
        for (end, caption, ticks) in [
            (47.0, "since the start (s)", "0 10 20 30 40"),
            (1_800.0, "since the start (min)", "0 5 10 15 20 25 30"),
            (43_200.0, "since the start (h)", "0 2 4 6 8 10 12"),
            (5.0 * 86_400.0, "since the start (days)", "0 1 2 3 4 5"),
            (153.0 * 86_400.0, "since the start (days)", "0 20 40 60 80 100 120 140"),
        ] {
            let ruler = ruler(&time, 0.0, end);
            assert_eq!((ruler.caption.as_str(), labels(&ruler).as_str()), (caption, ticks));
        }
    }

    #[test]
    fn a_logarithmic_axis_has_decades_or_what_lies_between() {
        let rate = Axis::new("rate", Unit::Kbps).log();
        let wide = ruler(&rate, 0.7, 90_000.0);
        assert_eq!(
            (wide.caption.as_str(), labels(&wide).as_str()),
            ("rate (Mbit/s)", "0.001 0.01 0.1 1 10 100")
        );
        let narrow = ruler(&Axis::new("", Unit::Count).log(), 3.0, 40.0);
        assert_eq!((narrow.ends(), labels(&narrow).as_str()), ((2.0, 50.0), "2 5 10 20 50"));
        assert_eq!(narrow.at(10.0), narrow.ticks.iter().find(|tick| tick.label == "10").map(|tick| tick.at));
        let times = ruler(&Axis::new("stay", Unit::Seconds).log(), 20.0, 90_000.0);
        assert_eq!((times.caption.as_str(), labels(&times).as_str()), ("stay", "1 min 10 min 1 h 6 h 1 day"));
        assert_eq!((narrow.at(0.0), narrow.at(-1.0), narrow.at(60.0)), (None, None, None));
    }

    #[test]
    fn columns_of_a_csv_are_named_after_the_axis() {
        assert_eq!(Axis::new("since the first report", Unit::Seconds).column(), "since_the_first_report_s");
        assert_eq!(Axis::new("share, of all", Unit::Share).column(), "share_of_all");
    }
}
