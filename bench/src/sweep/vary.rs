//! What a sweep varies: `peers=100,1000`, `overlay.gnutella.ttl=3..10`, `peers=100..100000 x10`.
//!
//! | values | are |
//! |---|---|
//! | `1,2,3` or `flood,random_walk` | these, written as in a scenario file; a bare word is a text |
//! | `3..10` | all whole numbers from 3 to 10 |
//! | `0..1 +0.25` | 0, 0.25, 0.5, 0.75, 1 |
//! | `100..100000 x10` | 100, 1000, 10000, 100000 |
//!
//! The key is where the value stands in the scenario's text form, with dots; the entries of a list are counted from zero:
//! `lines.mix.0.up_kbps`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use toml::Value;

use crate::scenario::{Scenario, ScenarioError};

/// The most values of one key.
pub const VALUES_MAX: usize = 1_000;
/// The most names in a key, and digits that a step may have: more is no scenario's.
const NAMES_MAX: usize = 16;

/// A key that is varied.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Axis {
    /// Where it stands, with dots.
    pub key: String,
    /// What it is set to, one after the other.
    pub values: Vec<Value>,
}

impl FromStr for Axis {
    type Err = String;

    fn from_str(text: &str) -> Result<Axis, String> {
        let wrong = |why: &str| format!("\"{text}\": {why}; expected KEY=VALUES such as peers=100,1000");
        let (key, values) = text.split_once('=').ok_or_else(|| wrong("there is no `=`"))?;
        let key = key.trim();
        let names = key.split('.').count();
        if key.is_empty() || names > NAMES_MAX || key.split('.').any(str::is_empty) {
            return Err(wrong("that is no key"));
        }
        let values = read(values.trim()).map_err(|why| wrong(&why))?;
        if let Some(twice) = values.iter().enumerate().find(|(at, value)| values[..*at].contains(value)) {
            return Err(wrong(&format!("{} stands there twice", shown(twice.1))));
        }
        Ok(Axis { key: key.to_owned(), values })
    }
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values: Vec<String> = self.values.iter().map(ToString::to_string).collect();
        write!(f, "{}={}", self.key, values.join(","))
    }
}

/// A value as it is shown: a text without its quotes.
pub fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn read(text: &str) -> Result<Vec<Value>, String> {
    if let Some(range) = range(text)? {
        return Ok(range);
    }
    let parts = parts(text);
    if parts.len() > VALUES_MAX {
        return Err(format!("{} values, and at most {VALUES_MAX} are tried", parts.len()));
    }
    if parts.iter().any(|part| part.is_empty()) {
        return Err("a value is missing".to_owned());
    }
    Ok(parts.into_iter().map(value).collect())
}

/// The parts between commas that stand neither in brackets nor in quotes.
fn parts(text: &str) -> Vec<&str> {
    let (mut depth, mut quote, mut start) = (0i64, None, 0);
    let mut parts = Vec::new();
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => depth -= 1,
            (None, ',') if depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            (None, _) => {}
        }
    }
    parts.push(text[start..].trim());
    parts
}

/// A value as a scenario file has it; what is none there is a text.
fn value(text: &str) -> Value {
    let parsed: Option<toml::Table> = toml::from_str(&format!("value = {text}")).ok();
    let only = parsed.filter(|table| table.len() == 1).and_then(|mut table| table.remove("value"));
    only.unwrap_or_else(|| Value::String(text.to_owned()))
}

/// The values of a range; `None` if it is none.
fn range(text: &str) -> Result<Option<Vec<Value>>, String> {
    let Some((from, rest)) = text.split_once("..") else { return Ok(None) };
    let (to, step) = rest.trim().split_once(char::is_whitespace).unwrap_or((rest.trim(), "+1"));
    let number = |text: &str| {
        let number = text.trim().parse::<f64>().ok().filter(|number| number.abs() <= 1e15);
        number.ok_or_else(|| format!("`{text}` is no number up to 10^15"))
    };
    let (low, high) = (number(from)?, number(to)?);
    if low > high {
        return Err("a range rises".to_owned());
    }
    let step = step.trim();
    let values = match (step.strip_prefix('+'), step.strip_prefix('x')) {
        (Some(by), _) => rising(low, high, number(by)?)?,
        (_, Some(by)) => multiplying(low, high, number(by)?)?,
        _ => return Err(format!("a range goes on by +2 or x10, and not by `{step}`")),
    };
    let is_whole = |text: &str| text.trim().parse::<i64>().is_ok();
    // Of whole numbers there are whole numbers, unless the step is none.
    let whole = is_whole(from) && is_whole(to) && (step.starts_with('x') || is_whole(&step[1..]));
    let value = |x: f64| if whole { Value::Integer(x.round() as i64) } else { Value::Float(x) };
    let mut values: Vec<Value> = values.into_iter().map(value).collect();
    values.dedup();
    Ok(Some(values))
}

fn rising(low: f64, high: f64, step: f64) -> Result<Vec<f64>, String> {
    if step <= 0.0 {
        return Err("the step must be above 0".to_owned());
    }
    // A step that does not divide the range exactly in binary still reaches its end.
    let count = ((high - low) / step + 1e-9).floor() + 1.0;
    if count > VALUES_MAX as f64 {
        return Err(format!("{count:.0} values, and at most {VALUES_MAX} are tried"));
    }
    Ok((0..count as u32).map(|number| decimal(low + f64::from(number) * step)).collect())
}

fn multiplying(low: f64, high: f64, factor: f64) -> Result<Vec<f64>, String> {
    if factor <= 1.0 || low <= 0.0 {
        return Err("to multiply, the factor must be above 1 and the first number above 0".to_owned());
    }
    let mut values = Vec::new();
    let mut next = low;
    while next <= high * (1.0 + 1e-9) {
        if values.len() == VALUES_MAX {
            return Err(format!("more values than {VALUES_MAX}"));
        }
        values.push(decimal(next));
        next *= factor;
    }
    Ok(values)
}

/// The number with twelve digits: three times 0.1 is 0.3.
fn decimal(x: f64) -> f64 {
    format!("{x:.11e}").parse().unwrap_or(x)
}

/// The scenario with these keys set.
///
/// # Errors
/// If a key is none, or the scenario makes no sense with these values.
pub fn with(scenario: &Scenario, settings: &[(&str, &Value)]) -> Result<Scenario, ScenarioError> {
    let mut root = Value::Table(scenario.to_table());
    for (key, value) in settings {
        set(&mut root, key, (*value).clone()).map_err(ScenarioError::Senseless)?;
    }
    let Value::Table(table) = root else { unreachable!("a table stays one") };
    Scenario::from_table(table)
}

/// Sets a value deep inside.
fn set(root: &mut Value, key: &str, value: Value) -> Result<(), String> {
    let mut place = root;
    for name in key.split('.') {
        place = match place {
            Value::Table(table) => table.entry(name).or_insert_with(|| Value::Table(toml::Table::new())),
            Value::Array(list) => {
                let count = list.len();
                let entry = name.parse::<usize>().ok().and_then(|at| list.get_mut(at));
                entry.ok_or_else(|| {
                    format!("`{name}` is none of the {count} entries, which are counted from 0")
                })?
            }
            _ => return Err(format!("nothing stands below a value, so that `{name}` is no key")),
        };
    }
    *place = value;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> String {
        text.parse::<Axis>().unwrap().to_string()
    }

    #[test]
    fn values_are_lists_and_ranges() {
        for (text, all) in [
            ("peers=100, 1000", "peers=100,1000"),
            ("a.b=3..6", "a.b=3,4,5,6"),
            ("x=0..1 +0.25", "x=0.0,0.25,0.5,0.75,1.0"),
            ("x=0..0.3 +0.1", "x=0.0,0.1,0.2,0.3"),
            ("peers=100..100000 x10", "peers=100,1000,10000,100000"),
            ("peers=10..40 x1.5", "peers=10,15,23,34"),
            ("x=-3..-1", "x=-3,-2,-1"),
            ("s=flood,random_walk", "s=\"flood\",\"random_walk\""),
            ("s=\"a,b\",c", "s=\"a,b\",\"c\""),
            ("faults=[],[\"server@10s\", \"back@20s\"]", "faults=[],[\"server@10s\", \"back@20s\"]"),
            ("a={ shape = \"poisson\", per_s = 3 }", "a={ per_s = 3, shape = \"poisson\" }"),
            ("l=exponential 30,5.5", "l=\"exponential 30\",5.5"),
        ] {
            assert_eq!(values(text), all, "{text}");
        }
    }

    #[test]
    fn what_is_none_is_refused_in_one_line() {
        for (text, why) in [
            ("peers", "no `=`"),
            ("=1", "no key"),
            ("a..b=1", "no key"),
            ("peers=", "a value is missing"),
            ("peers=1,,2", "a value is missing"),
            ("peers=5,5", "5 stands there twice"),
            ("peers=1..1000000000", "1000000000 values, and at most 1000"),
            ("peers=1..1e300", "no number up to 10^15"),
            ("peers=nan..3", "no number"),
            ("peers=3..1", "a range rises"),
            ("peers=1..3 +0", "above 0"),
            ("peers=0..10 x2", "above 0"),
            ("peers=1..1000000 x1.000001", "more values than 1000"),
            ("peers=1..3 by 2", "goes on by"),
        ] {
            let words = text.parse::<Axis>().unwrap_err();
            assert!(words.contains(why) && !words.contains('\n'), "{text}: {words}");
        }
        let deep = format!("peers={}", "[".repeat(100_000));
        assert!(with(&Scenario::default(), &[("peers", &deep.parse::<Axis>().unwrap().values[0])]).is_err());
    }

    #[test]
    fn a_key_is_set_wherever_it_stands() {
        let scenario = Scenario::default();
        let set = |key: &str, value: &str| with(&scenario, &[(key, &super::value(value))]);
        assert_eq!(set("peers", "7").unwrap().peers, 7);
        assert_eq!(set("lines.mix.1.up_kbps", "99").unwrap().lines.mix[1].up_kbps, 99);
        let text = set("overlay.gnutella.ttl", "3").unwrap().to_text();
        assert!(text.contains("[overlay.gnutella]\nttl = 3\n"), "{text}");
        assert!(set("publisher", "true").unwrap().publisher);
        for (key, value, why) in [
            ("peerz", "7", "did you mean `peers`?"),
            ("peers", "0", "peers must be"),
            ("peers", "many", "invalid type"),
            ("peers.x", "1", "nothing stands below"),
            ("lines.mix.9.up_kbps", "1", "none of the 4 entries"),
            ("overlay.gnutella.tll", "3", "did you mean `ttl`?"),
            ("overlay.gnutela.ttl", "3", "did you mean `gnutella`?"),
        ] {
            let words = set(key, value).unwrap_err().to_string();
            assert!(words.contains(why) && !words.contains('\n'), "{key}: {words}");
        }
    }
}
