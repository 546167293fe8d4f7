//! The TOML form of a scenario and what can be wrong with it.

use std::path::Path;

use super::Scenario;
use super::knobs::{KnobFault, place_of};

/// The longest scenario file that is read, in bytes.
const TEXT_BYTES_MAX: u64 = 1 << 20;

/// Why something is not a scenario: one line that says where and what.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// Nothing is called that.
    #[error("no scenario is called \"{name}\" and there is no such file; there are {known}{hint}")]
    Unknown {
        /// The name.
        name: String,
        /// Names there are.
        known: String,
        /// Which may have been meant, as `" (did you mean …?)"`, or nothing.
        hint: String,
    },
    /// The text is not of the form.
    #[error("line {line}: {what}{hint}")]
    Text {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong.
        what: String,
        /// What may have been meant, as `" (did you mean …?)"`, or nothing.
        hint: String,
    },
    /// The text is of the form, but a value makes no sense.
    #[error("{0}")]
    Senseless(String),
}

impl Scenario {
    /// Reads the TOML form.
    ///
    /// # Errors
    /// What is wrong, and in which line.
    pub fn parse(text: &str) -> Result<Scenario, ScenarioError> {
        let wrong = |at: usize, what: String, said: &str| {
            let line = text.as_bytes()[..at.min(text.len())].iter().filter(|b| **b == b'\n').count() + 1;
            ScenarioError::Text { line, what, hint: hint(suggestion(said)) }
        };
        let scenario: Scenario = toml::from_str(text).map_err(|error| {
            let what = in_words(error.message());
            wrong(error.span().map_or(0, |span| span.start), what.clone(), &what)
        })?;
        let faulty = |fault: KnobFault| {
            let place = place_of(fault.names(), text).unwrap_or(0);
            wrong(place, fault.to_string(), &fault.what)
        };
        scenario.check_knobs().map_err(faulty)?;
        scenario.check().map_err(|error| match error {
            // What is said of a value begins with its key.
            ScenarioError::Senseless(what) => {
                let key = what.split([' ', ':', ',']).next().unwrap_or_default();
                match place_of(key.split('.'), text) {
                    Some(place) => wrong(place, what, ""),
                    None => ScenarioError::Senseless(what),
                }
            }
            other => other,
        })?;
        Ok(scenario)
    }

    /// Reads a scenario file.
    ///
    /// # Errors
    /// Also when the file cannot be read or is larger than any scenario.
    pub fn read(path: &Path) -> Result<Scenario, ScenarioError> {
        let unreadable = ScenarioError::Unreadable;
        let len = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
        if len > TEXT_BYTES_MAX {
            return Err(unreadable(format!(
                "{len} bytes are no scenario; at most {TEXT_BYTES_MAX} are read"
            )));
        }
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
        Scenario::parse(&text)
    }

    /// Reads a table of the TOML form.
    ///
    /// # Errors
    /// What is wrong; a table has no lines.
    pub fn from_table(table: toml::Table) -> Result<Scenario, ScenarioError> {
        let wrong =
            |what: String, said: &str| ScenarioError::Senseless(format!("{what}{}", hint(suggestion(said))));
        let scenario: Scenario = table.try_into().map_err(|error: toml::de::Error| {
            let what = in_words(error.message());
            wrong(what.clone(), &what)
        })?;
        scenario.check_knobs().map_err(|fault| wrong(fault.to_string(), &fault.what))?;
        scenario.check()?;
        Ok(scenario)
    }

    /// The TOML form as a table.
    pub fn to_table(&self) -> toml::Table {
        toml::Table::try_from(self).expect("a scenario holds nothing that TOML cannot say")
    }

    /// The TOML form.
    pub fn to_text(&self) -> String {
        toml::to_string(self).expect("a scenario holds nothing that TOML cannot say")
    }
}

/// A parser's message in one line, without the names that types have in programs.
pub(super) fn in_words(message: &str) -> String {
    let line = message.lines().collect::<Vec<_>>().join(" ").replace("` as i128", "`");
    let Some((what, kind)) = line.rsplit_once(", expected ") else { return line };
    let kind = match kind {
        "u8" | "u16" | "u32" | "u64" | "usize" => {
            "a whole number that is not negative, nor larger than makes sense"
        }
        "f32" | "f64" => "a number",
        kind => kind,
    };
    format!("{what}, expected {kind}")
}

pub(super) fn hint(meant: Option<String>) -> String {
    meant.map_or_else(String::new, |word| format!(" (did you mean `{word}`?)"))
}

/// The word nearest to the unknown one in `unknown field `x`, expected one of `a`, `b``, if one is near.
fn suggestion(message: &str) -> Option<String> {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = quoted.next().filter(|_| message.starts_with("unknown"))?;
    nearest(unknown, quoted)
}

/// The word that is nearest to an unknown one, if one is near.
pub(super) fn nearest<'a>(unknown: &str, words: impl Iterator<Item = &'a str>) -> Option<String> {
    // Someone who leaves off the end of a word is as near as someone who mistypes a letter.
    let distance = |word: &str| if word.starts_with(unknown) { 1 } else { edits(unknown, word) };
    let (distance, word) = words.map(|word| (distance(word), word)).min()?;
    (distance <= 1 + unknown.len() / 4).then(|| word.to_owned())
}

/// Insertions, deletions and replacements from one word to the other.
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, distance) in
            [("peers", "peers", 0), ("peerz", "peers", 1), ("", "abc", 3), ("zipf", "sizes", 4)]
        {
            assert_eq!(edits(a, b), distance, "{a} {b}");
        }
    }
}
