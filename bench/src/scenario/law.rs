//! How long something takes that differs from person to person: `30`, `"exponential 30"`, `"weibull 0.34 21.3"`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use rand::Rng;
use serde::{Deserialize, Serialize};

use super::{DURATION_MAX_S, at_least_0, positive};
use crate::world::unit;

/// A time, or what it is drawn from.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(try_from = "toml::Value", into = "toml::Value")]
pub enum Law {
    /// So many seconds for everybody.
    Fixed(f64),
    /// So many seconds on average; who has waited for long waits on as long as anybody.
    Exponential(f64),
    /// By Weibull's law: below a shape of 1 most are short and a few very long, as measured sessions are (BitTorrent clients of RedHat 9:
    /// 0.34 and 21.3 minutes).
    Weibull {
        /// The exponent.
        shape: f64,
        /// Seconds that 63 % do not exceed, whatever the shape.
        scale_s: f64,
    },
}

impl Law {
    /// Draws a time; none is longer than the longest run.
    pub fn draw(&self, rng: &mut impl Rng) -> Duration {
        let seconds = match *self {
            Law::Fixed(seconds) => seconds,
            Law::Exponential(mean_s) => crate::world::exponential(rng, mean_s),
            Law::Weibull { shape, scale_s } => scale_s * libm::pow(-libm::log(1.0 - unit(rng)), 1.0 / shape),
        };
        Duration::from_secs_f64(seconds.clamp(0.0, DURATION_MAX_S))
    }

    pub(super) fn is_sensible(&self) -> bool {
        match *self {
            Law::Fixed(seconds) => at_least_0(seconds) && seconds <= DURATION_MAX_S,
            Law::Exponential(mean_s) => positive(mean_s) && mean_s <= DURATION_MAX_S,
            Law::Weibull { shape, scale_s } => {
                (0.1..=10.0).contains(&shape) && positive(scale_s) && scale_s <= DURATION_MAX_S
            }
        }
    }

    fn checked(self) -> Result<Law, String> {
        if self.is_sensible() { Ok(self) } else { Err(wrong(&format!("\"{self}\""))) }
    }
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Law::Fixed(seconds) => seconds.fmt(f),
            Law::Exponential(mean_s) => write!(f, "exponential {mean_s}"),
            Law::Weibull { shape, scale_s } => write!(f, "weibull {shape} {scale_s}"),
        }
    }
}

impl FromStr for Law {
    type Err = String;

    fn from_str(text: &str) -> Result<Law, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let number = |word: &str| word.parse::<f64>().ok();
        let law = match words.as_slice() {
            ["exponential", mean_s] => number(mean_s).map(Law::Exponential),
            ["weibull", shape, scale_s] => {
                number(shape).zip(number(scale_s)).map(|(shape, scale_s)| Law::Weibull { shape, scale_s })
            }
            _ => None,
        };
        law.ok_or_else(|| wrong(&format!("\"{text}\"")))?.checked()
    }
}

fn wrong(said: &str) -> String {
    format!(
        "{said} is no length of time; known are a number of seconds, \"exponential MEAN\" and \"weibull SHAPE SCALE\" in seconds, the \
         shape from 0.1 to 10, at most half a year"
    )
}

impl TryFrom<toml::Value> for Law {
    type Error = String;

    fn try_from(value: toml::Value) -> Result<Law, String> {
        match value {
            toml::Value::Float(seconds) => Law::Fixed(seconds).checked(),
            toml::Value::Integer(seconds) => Law::Fixed(seconds as f64).checked(),
            toml::Value::String(text) => text.parse(),
            other => Err(wrong(other.type_str())),
        }
    }
}

impl From<Law> for toml::Value {
    fn from(law: Law) -> toml::Value {
        match law {
            Law::Fixed(seconds) => seconds.into(),
            Law::Exponential(_) | Law::Weibull { .. } => law.to_string().into(),
        }
    }
}
