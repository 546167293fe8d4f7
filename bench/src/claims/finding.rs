//! What a claim's trials measured, what was published, and whether it holds.

use serde::{Deserialize, Serialize};

use crate::measure::Unit;

/// How sure a number is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Mark {
    /// Seen in the paper, the original source code or the original data.
    #[serde(rename = "V1")]
    Primary,
    /// Seen in somebody's notes on the paper, or in its abstract or slides alone.
    #[serde(rename = "V2")]
    Secondary,
    /// From memory, not checked: something to compare with, never a threshold.
    #[serde(rename = "M")]
    Memory,
    /// Derived or computed.
    #[serde(rename = "D")]
    Derived,
    /// What the lecture itself says.
    #[serde(rename = "L")]
    Lecture,
}

impl Mark {
    /// The mark as tables show it.
    pub fn name(self) -> &'static str {
        match self {
            Mark::Primary => "V1",
            Mark::Secondary => "V2",
            Mark::Memory => "M",
            Mark::Derived => "D",
            Mark::Lecture => "L",
        }
    }
}

/// A number that somebody published, with where and how sure it is.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Published {
    /// The number, or the least of them.
    pub value: f64,
    /// The most, if it is a range.
    pub to: Option<f64>,
    /// Whose it is.
    pub by: &'static str,
    /// How sure it is.
    pub mark: Mark,
}

impl Published {
    /// A number by somebody.
    pub const fn new(value: f64, by: &'static str, mark: Mark) -> Published {
        Published { value, to: None, by, mark }
    }

    /// A range.
    pub const fn range(low: f64, high: f64, by: &'static str, mark: Mark) -> Published {
        Published { value: low, to: Some(high), by, mark }
    }
}

/// What must be true of a value.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Rule {
    /// It is no less.
    pub low: Option<f64>,
    /// It is no more.
    pub high: Option<f64>,
    /// How sure the numbers are from which the bounds follow.
    pub mark: Mark,
}

impl Rule {
    /// Between two bounds.
    pub const fn within(low: f64, high: f64, mark: Mark) -> Rule {
        Rule::new(Some(low), Some(high), mark)
    }

    /// No less than this.
    pub const fn at_least(low: f64, mark: Mark) -> Rule {
        Rule::new(Some(low), None, mark)
    }

    /// No more than this.
    pub const fn at_most(high: f64, mark: Mark) -> Rule {
        Rule::new(None, Some(high), mark)
    }

    /// This and nothing else, in every single trial.
    pub const fn exactly(value: f64, mark: Mark) -> Rule {
        Rule::new(Some(value), Some(value), mark)
    }

    /// A published number or range, give or take.
    pub const fn near(published: Published, tolerance: f64) -> Rule {
        let high = match published.to {
            Some(high) => high,
            None => published.value,
        };
        Rule::within(published.value - tolerance, high + tolerance, published.mark)
    }

    const fn new(low: Option<f64>, high: Option<f64>, mark: Mark) -> Rule {
        assert!(!matches!(mark, Mark::Memory), "a number that nobody has checked is no threshold");
        Rule { low, high, mark }
    }

    fn allows(&self, value: f64) -> bool {
        // The last bits of a number that was computed in another order do not count.
        let slack = value.abs() * 1e-9;
        self.low.is_none_or(|low| value >= low - slack) && self.high.is_none_or(|high| value <= high + slack)
    }
}

/// Whether something holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Yes: the whole interval keeps the rule.
    Holds,
    /// The interval reaches over the rule's edge, or there are too few trials for one.
    Inconclusive,
    /// No: the whole interval breaks the rule.
    DoesNotHold,
}

impl Verdict {
    /// The verdict in words.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Holds => "holds",
            Verdict::Inconclusive => "inconclusive",
            Verdict::DoesNotHold => "does not hold",
        }
    }
}

/// One value of one trial.
#[derive(Clone, PartialEq, Debug)]
pub struct Reading {
    /// What was measured, and where on the scale of what is varied. The same in each trial of a claim.
    pub what: String,
    /// Its unit.
    pub unit: Unit,
    /// The value.
    pub value: f64,
    /// What theory says, of this very trial.
    pub theory: Option<f64>,
    /// What somebody measured.
    pub published: Option<Published>,
    /// What must be true of the value for the claim to hold.
    pub rule: Option<Rule>,
}

impl Reading {
    /// A value with nothing beside it.
    pub fn new(what: impl Into<String>, unit: Unit, value: f64) -> Reading {
        Reading { what: what.into(), unit, value, theory: None, published: None, rule: None }
    }

    /// With what theory says.
    #[must_use]
    pub fn theory(self, value: f64) -> Reading {
        Reading { theory: Some(value), ..self }
    }

    /// With what somebody measured.
    #[must_use]
    pub fn published(self, published: Published) -> Reading {
        Reading { published: Some(published), ..self }
    }

    /// With what must be true of it.
    #[must_use]
    pub fn rule(self, rule: Rule) -> Reading {
        Reading { rule: Some(rule), ..self }
    }
}

/// One quantity over all trials.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Finding {
    /// What was measured.
    pub what: String,
    /// Its unit.
    pub unit: Unit,
    /// One value for each trial, in the order of the seeds.
    pub values: Vec<f64>,
    /// Their mean.
    pub mean: f64,
    /// The 95 % interval of the mean (Student); none for a single trial.
    pub interval_95: Option<(f64, f64)>,
    /// What theory says, on average over the trials.
    pub theory: Option<f64>,
    /// What somebody measured.
    pub published: Option<Published>,
    /// What must be true.
    pub rule: Option<Rule>,
    /// Whether it is; none without a rule.
    pub verdict: Option<Verdict>,
}

impl Finding {
    /// The same quantity in each trial, made into one.
    ///
    /// # Panics
    /// Without trials, or if they did not measure the same.
    pub fn of(trials: &[&Reading]) -> Finding {
        let first = *trials.first().expect("a claim has at least one trial");
        assert!(trials.iter().all(|reading| reading.what == first.what), "trials of {} differ", first.what);
        let values: Vec<f64> = trials.iter().map(|reading| reading.value).collect();
        let theory: Vec<f64> = trials.iter().filter_map(|reading| reading.theory).collect();
        let mean = mean(&values);
        let interval_95 = interval(&values);
        Finding {
            what: first.what.clone(),
            unit: first.unit,
            verdict: first.rule.map(|rule| judge(&rule, &values, interval_95)),
            mean,
            interval_95: interval_95.map(|interval| possible(interval, &values, first.unit)),
            theory: (!theory.is_empty()).then(|| self::mean(&theory)),
            published: first.published,
            rule: first.rule,
            values,
        }
    }
}

/// An interval without what cannot be: Student's knows no bounds, but what is never below nothing has no such mean, nor has a share one above
/// all.
fn possible((low, high): (f64, f64), values: &[f64], unit: Unit) -> (f64, f64) {
    let low = if values.iter().all(|value| *value >= 0.0) { low.max(0.0) } else { low };
    let is_part = unit == Unit::Share && values.iter().all(|value| *value <= 1.0);
    (low, if is_part { high.min(1.0) } else { high })
}

fn judge(rule: &Rule, values: &[f64], interval: Option<(f64, f64)>) -> Verdict {
    if !values.iter().all(|value| value.is_finite()) {
        return Verdict::Inconclusive;
    }
    if rule.low == rule.high {
        let always = values.iter().all(|value| rule.allows(*value));
        return if always { Verdict::Holds } else { Verdict::DoesNotHold };
    }
    let Some((low, high)) = interval else { return Verdict::Inconclusive };
    match (rule.allows(low), rule.allows(high)) {
        (true, true) => Verdict::Holds,
        _ if rule.high.is_some_and(|most| low > most) || rule.low.is_some_and(|least| high < least) => {
            Verdict::DoesNotHold
        }
        _ => Verdict::Inconclusive,
    }
}

/// The mean of some values; of none it is no number.
pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The 97.5th percentiles of Student's distribution, from one degree of freedom on.
const STUDENT: [f64; 29] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045,
];

/// The interval that holds the mean with 95 % certainty if values are spread normally; none for fewer than two.
pub(crate) fn interval(values: &[f64]) -> Option<(f64, f64)> {
    let freedom = values.len().checked_sub(1).filter(|freedom| *freedom > 0)?;
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    let error = (squares / freedom as f64 / values.len() as f64).sqrt();
    // Beyond the table the last entry errs on the wide side.
    let student = STUDENT[freedom.min(STUDENT.len()) - 1];
    Some((mean - student * error, mean + student * error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(values: &[f64], rule: Rule) -> Finding {
        let readings: Vec<Reading> =
            values.iter().map(|value| Reading::new("x", Unit::Ratio, *value).rule(rule)).collect();
        Finding::of(&readings.iter().collect::<Vec<_>>())
    }

    #[test]
    fn the_interval_is_students() {
        // Mean 10, standard deviation 1, four degrees of freedom: 10 ± 2.776 / √5.
        let values = [9.0, 9.0, 10.0, 11.0, 11.0];
        let (low, high) = interval(&values).unwrap();
        assert!((low - (10.0 - 2.776 / 5f64.sqrt())).abs() < 1e-9 && (low + high - 20.0).abs() < 1e-9);
        assert_eq!((interval(&[1.0]), interval(&[2.0, 2.0])), (None, Some((2.0, 2.0))));
    }

    #[test]
    fn a_verdict_needs_the_whole_interval_on_one_side() {
        let within = |low, high| Rule::within(low, high, Mark::Derived);
        let values = [9.0, 9.0, 10.0, 11.0, 11.0];
        for (rule, verdict) in [
            (within(8.0, 12.0), Verdict::Holds),
            (within(9.5, 12.0), Verdict::Inconclusive),
            (within(9.9, 10.1), Verdict::Inconclusive),
            (within(12.0, 13.0), Verdict::DoesNotHold),
            (Rule::at_least(8.0, Mark::Derived), Verdict::Holds),
            (Rule::at_most(8.0, Mark::Derived), Verdict::DoesNotHold),
            (Rule::exactly(10.0, Mark::Derived), Verdict::DoesNotHold),
        ] {
            assert_eq!(found(&values, rule).verdict, Some(verdict), "{rule:?}");
        }
        assert_eq!(found(&[10.0; 3], Rule::exactly(10.0, Mark::Derived)).verdict, Some(Verdict::Holds));
        assert_eq!(found(&[10.0], within(8.0, 12.0)).verdict, Some(Verdict::Inconclusive));
        assert_eq!(found(&[10.0, f64::NAN], within(8.0, 12.0)).verdict, Some(Verdict::Inconclusive));
    }

    #[test]
    #[should_panic(expected = "no threshold")]
    fn a_number_from_memory_is_no_threshold() {
        let _ = Rule::near(Published::new(0.95, "somebody", Mark::Memory), 0.05);
    }
}
