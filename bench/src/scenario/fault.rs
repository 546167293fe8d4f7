//! What goes wrong, and when: `busiest@10s`, `cut 50%@10s for 30s`, `back@40s`.
//!
//! | written | from that moment on | over real sockets |
//! |---|---|---|
//! | `busiest@10s` | the node with the most control traffic so far is gone, without a word | yes |
//! | `server@10s` | the first server or mirror is gone | yes |
//! | `random 10%@20s` | so many of the people are gone, drawn from the seed | yes |
//! | `top 5%@20s` | so many of the nodes are gone: those with the most control traffic so far | yes |
//! | `back@40s` | all who are gone come back, with what they shared at the start | yes |
//! | `cut 50%@10s for 30s` | so many of the people and all other nodes do not hear each other | no |
//! | `slow random 10% by 8@20s for 60s` | these nodes' lines carry an eighth | no |
//! | `corrupt 2%@0s for 60s` | so many of the chunks of content arrive with wrong bytes | no |
//!
//! A cut has an end; without `for`, slowness and corruption last until the run is over. How many connections a node has only the node
//! itself knows; its traffic is seen from outside, so "top" goes by traffic.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::DURATION_MAX_S;

/// The most that a line can be slowed by: a hundred megabits become a hundred bits.
const SLOWNESS_MAX: f64 = 1e6;

/// Something that goes wrong.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Fault {
    /// What.
    pub harm: Harm,
    /// When, after the start of the run.
    pub at: Duration,
}

/// What goes wrong.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Harm {
    /// Nodes vanish without a word.
    Crash(Whom),
    /// All who have vanished come back.
    Back,
    /// So many percent of the people, drawn from the seed, and all other nodes do not hear each other.
    Cut {
        /// Of the people.
        percent: f64,
        /// For how long.
        lasting: Duration,
    },
    /// Lines carry less.
    Slow {
        /// Whose.
        whom: Whom,
        /// By what the rates are divided.
        by: f64,
        /// For how long; `None`: until the end.
        lasting: Option<Duration>,
    },
    /// So many percent of the chunks of content arrive with wrong bytes.
    Corrupt {
        /// Of the chunks.
        percent: f64,
        /// For how long; `None`: until the end.
        lasting: Option<Duration>,
    },
}

/// Who is hit.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Whom {
    /// The one node that has carried the most control traffic so far.
    Busiest,
    /// The first server or mirror.
    Server,
    /// So many percent of the people, drawn from the seed.
    Random(f64),
    /// So many percent of the nodes, at least one: those that have carried the most control traffic so far.
    Top(f64),
}

/// Whether something begins at a moment, or ends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Turn {
    /// What lasted is over.
    Ends,
    /// It happens.
    Begins,
}

/// What happens at which moment: times, the numbers of the faults, and which end of them it is, in order.
pub fn timeline(faults: &[Fault]) -> Vec<(Duration, Turn, usize)> {
    let turns = |(number, fault): (usize, &Fault)| {
        let end = fault.lasting().map(|lasting| (fault.at.saturating_add(lasting), Turn::Ends, number));
        [Some((fault.at, Turn::Begins, number)), end].into_iter().flatten()
    };
    let mut all: Vec<_> = faults.iter().enumerate().flat_map(turns).collect();
    all.sort_unstable();
    all
}

impl Fault {
    /// Nodes that vanish at that moment.
    pub fn crash(whom: Whom, at: Duration) -> Fault {
        Fault { harm: Harm::Crash(whom), at }
    }

    /// How long it lasts, if it has an end of its own.
    pub fn lasting(&self) -> Option<Duration> {
        match self.harm {
            Harm::Crash(_) | Harm::Back => None,
            Harm::Cut { lasting, .. } => Some(lasting),
            Harm::Slow { lasting, .. } | Harm::Corrupt { lasting, .. } => lasting,
        }
    }

    /// Whether real sockets cannot show it: nobody gets between them.
    pub fn needs_simulation(&self) -> bool {
        match self.harm {
            Harm::Crash(_) | Harm::Back => false,
            Harm::Cut { .. } | Harm::Slow { .. } | Harm::Corrupt { .. } => true,
        }
    }

    /// How many percent of the people it draws, if it draws any.
    pub fn draws(&self) -> Option<f64> {
        match self.harm {
            Harm::Crash(Whom::Random(percent))
            | Harm::Slow { whom: Whom::Random(percent), .. }
            | Harm::Cut { percent, .. } => Some(percent),
            _ => None,
        }
    }
}

impl fmt::Display for Whom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Whom::Busiest => f.write_str("busiest"),
            Whom::Server => f.write_str("server"),
            Whom::Random(percent) => write!(f, "random {percent}%"),
            Whom::Top(percent) => write!(f, "top {percent}%"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.harm {
            Harm::Crash(whom) => whom.fmt(f)?,
            Harm::Back => f.write_str("back")?,
            Harm::Cut { percent, .. } => write!(f, "cut {percent}%")?,
            Harm::Slow { whom, by, .. } => write!(f, "slow {whom} by {by}")?,
            Harm::Corrupt { percent, .. } => write!(f, "corrupt {percent}%")?,
        }
        write!(f, "@{}s", self.at.as_secs_f64())?;
        self.lasting().map_or(Ok(()), |lasting| write!(f, " for {}s", lasting.as_secs_f64()))
    }
}

impl From<Fault> for String {
    fn from(fault: Fault) -> String {
        fault.to_string()
    }
}

impl TryFrom<String> for Fault {
    type Error = String;

    fn try_from(text: String) -> Result<Fault, String> {
        text.parse()
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Fault, String> {
        read(text).map_err(|why| {
            format!(
                "unknown fault \"{text}\": {why}; known are busiest@10s, server@10s, random 10%@20s, top 5%@20s, back@40s, \
                 cut 50%@10s for 30s, slow random 10% by 8@20s for 60s and corrupt 2%@0s"
            )
        })
    }
}

/// Reads a fault, or says what is wrong with it.
fn read(text: &str) -> Result<Fault, &'static str> {
    let (what, when) = text.split_once('@').ok_or("it does not say when")?;
    let (at, lasting) = match when.split_once(" for ") {
        Some((at, lasting)) => (seconds(at)?, Some(seconds(lasting)?)),
        None => (seconds(when)?, None),
    };
    if lasting == Some(Duration::ZERO) {
        return Err("what is over at once does nothing");
    }
    let words: Vec<&str> = what.split_whitespace().collect();
    let harm = match (words.as_slice(), lasting) {
        (["back"], None) => Harm::Back,
        (["cut", share], Some(lasting)) => Harm::Cut { percent: percent(share)?, lasting },
        (["cut", ..], None) => return Err("a cut has to end, as in `for 30s`"),
        (["corrupt", share], lasting) => Harm::Corrupt { percent: percent(share)?, lasting },
        (["slow", who @ .., "by", by], lasting) => {
            Harm::Slow { whom: whom(who)?, by: slowness(by)?, lasting }
        }
        (["slow", ..], _) => return Err("it does not say by what, as in `slow server by 8`"),
        (who, None) => Harm::Crash(whom(who)?),
        (_, Some(_)) => return Err("it has no end of its own; `back` brings back who is gone"),
    };
    Ok(Fault { harm, at })
}

fn whom(words: &[&str]) -> Result<Whom, &'static str> {
    match words {
        ["busiest"] => Ok(Whom::Busiest),
        ["server"] => Ok(Whom::Server),
        ["random", share] => percent(share).map(Whom::Random),
        ["top", share] => percent(share).map(Whom::Top),
        _ => Err("nobody is called that"),
    }
}

fn percent(word: &str) -> Result<f64, &'static str> {
    let percent = word.strip_suffix('%').and_then(|digits| digits.parse::<f64>().ok());
    percent
        .filter(|percent| *percent > 0.0 && *percent <= 100.0)
        .ok_or("the percentage must be above 0% and at most 100%")
}

fn slowness(word: &str) -> Result<f64, &'static str> {
    let by = word.parse::<f64>().ok();
    by.filter(|by| *by > 1.0 && *by <= SLOWNESS_MAX)
        .ok_or("a line can be slowed by more than 1 and at most 1000000")
}

fn seconds(word: &str) -> Result<Duration, &'static str> {
    let number = word.trim().strip_suffix('s').and_then(|digits| digits.trim().parse::<f64>().ok());
    let number = number.ok_or("the time is not a number of seconds such as 10s")?;
    if !(0.0..=DURATION_MAX_S).contains(&number) {
        return Err("a time must be from 0s to half a year");
    }
    Duration::try_from_secs_f64(number).map_err(|_| "the time is not a number of seconds such as 10s")
}
