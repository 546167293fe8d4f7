//! What goes wrong, and when: `busiest@10s`, `server@10s`, `random 10%@20s`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Nodes that vanish at a moment, without a word.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Fault {
    /// Who.
    pub victim: Victim,
    /// When, after the start of the run.
    pub at: Duration,
}

/// Who vanishes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Victim {
    /// The one node that has carried the most control traffic so far.
    Busiest,
    /// The first server or mirror.
    Server,
    /// So many percent of the participants, drawn from the seed.
    Random(f64),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.victim {
            Victim::Busiest => f.write_str("busiest")?,
            Victim::Server => f.write_str("server")?,
            Victim::Random(percent) => write!(f, "random {percent}%")?,
        }
        write!(f, "@{}s", self.at.as_secs_f64())
    }
}

impl From<Fault> for String {
    fn from(fault: Fault) -> String {
        fault.to_string()
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Fault, String> {
        let wrong = |why: &str| {
            Err(format!(
                "unknown fault \"{text}\": {why}; known are busiest@10s, server@10s and random 10%@20s"
            ))
        };
        let Some((who, when)) = text.trim().split_once('@') else {
            return wrong("it does not say when");
        };
        let at = when.trim().strip_suffix('s').and_then(|digits| digits.trim().parse::<f64>().ok());
        let Some(at) = at.and_then(|s| Duration::try_from_secs_f64(s).ok()) else {
            return wrong("the time is not a number of seconds such as 10s");
        };
        let mut words = who.split_whitespace();
        let victim = match (words.next(), words.next(), words.next()) {
            (Some("busiest"), None, _) => Victim::Busiest,
            (Some("server"), None, _) => Victim::Server,
            (Some("random"), Some(percent), None) => {
                let percent = percent.strip_suffix('%').and_then(|digits| digits.parse::<f64>().ok());
                match percent {
                    Some(percent) if percent > 0.0 && percent <= 100.0 => Victim::Random(percent),
                    _ => return wrong("the percentage must be above 0% and at most 100%"),
                }
            }
            _ => return wrong("nobody is called that"),
        };
        Ok(Fault { victim, at })
    }
}

impl TryFrom<String> for Fault {
    type Error = String;

    fn try_from(text: String) -> Result<Fault, String> {
        text.parse()
    }
}
