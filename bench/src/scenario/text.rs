//! The TOML form of a scenario and what can be wrong with it.

use std::path::Path;

use super::Scenario;
use super::knobs::place_of;

/// The longest scenario file that is read, in bytes.
const TEXT_BYTES_MAX: u64 = 1 << 20;

/// Why something is not a scenario: one line that says where and what.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file cannot be read.
    #[error("{path}: {why}")]
    Unreadable {
        /// The file.
        path: String,
        /// The system's word for it.
        why: String,
    },
    /// Nothing is called that.
    #[error("no scenario is called \"{name}\" and there is no such file; there are {known}")]
    Unknown {
        /// The name.
        name: String,
        /// Names there are.
        known: String,
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
            let hint = suggestion(said).map_or_else(String::new, |word| format!(" (did you mean `{word}`?)"));
            ScenarioError::Text { line, what, hint }
        };
        let scenario: Scenario = toml::from_str(text).map_err(|error| {
            let what = error.message().lines().collect::<Vec<_>>().join(" ");
            wrong(error.span().map_or(0, |span| span.start), what.clone(), &what)
        })?;
        let faulty = |fault| wrong(place_of(&fault, text), fault.to_string(), &fault.what);
        scenario.check_knobs().map_err(faulty)?;
        scenario.check()?;
        Ok(scenario)
    }

    /// Reads a scenario file.
    ///
    /// # Errors
    /// Also when the file cannot be read or is larger than any scenario.
    pub fn read(path: &Path) -> Result<Scenario, ScenarioError> {
        let unreadable = |why: String| ScenarioError::Unreadable { path: path.display().to_string(), why };
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
        let wrong = |what: String, said: &str| {
            let hint = suggestion(said).map_or_else(String::new, |word| format!(" (did you mean `{word}`?)"));
            ScenarioError::Senseless(format!("{what}{hint}"))
        };
        let scenario: Scenario = table.try_into().map_err(|error: toml::de::Error| {
            let what = error.message().lines().collect::<Vec<_>>().join(" ");
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

/// The word nearest to the unknown one in `unknown field `x`, expected one of `a`, `b``, if one is near.
fn suggestion(message: &str) -> Option<String> {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = quoted.next().filter(|_| message.starts_with("unknown"))?;
    // Someone who leaves off the end of a word is as near as someone who mistypes a letter.
    let distance = |word: &str| if word.starts_with(unknown) { 1 } else { edits(unknown, word) };
    let (distance, word) = quoted.map(|word| (distance(word), word)).min()?;
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
