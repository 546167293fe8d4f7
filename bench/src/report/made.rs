//! What made a report: the command, the program and, where that matters, the machine.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// The program's version, and a digest of the sources that it was built from: what a report cites.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (sources ", env!("BENCH_SOURCES"), ")");

/// What made a report.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Made {
    /// What makes the same once more, as it would be typed; without the folder for results, which is no part of them.
    pub command: String,
    /// The program's version, and a digest of the sources that it was built from: [`VERSION`].
    pub version: String,
    /// Where and when it ran; `None` if all of it was simulated, so that neither can be seen in it.
    pub machine: Option<Machine>,
}

/// Where and when something ran.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Machine {
    /// The operating system and the processor's architecture.
    pub system: String,
    /// Cores that the program might use.
    pub cores: u64,
    /// The compiler, and whether it was to optimise for a release.
    pub compiler: String,
    /// When: seconds since 1970.
    pub at_epoch_s: u64,
}

impl Made {
    /// By a simulation.
    pub fn simulated(command: String) -> Made {
        Made { command, version: VERSION.to_owned(), machine: None }
    }

    /// By this machine, now.
    pub fn here(command: String) -> Made {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
        let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
        let machine = Machine {
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            cores,
            compiler: format!("{}, profile {profile}", env!("RUSTC_VERSION")),
            at_epoch_s: SystemTime::now().duration_since(UNIX_EPOCH).as_ref().map_or(0, Duration::as_secs),
        };
        Made { machine: Some(machine), ..Made::simulated(command) }
    }
}

/// A moment as people write it: `2026-11-28 12:00 UTC`.
pub(crate) fn date(epoch_s: u64) -> String {
    let (mut days, minutes) = (epoch_s / 86_400, epoch_s % 86_400 / 60);
    let mut year = 1970;
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    // Any 400 years have as many days.
    year += days / 146_097 * 400;
    days %= 146_097;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02} {:02}:{:02} UTC", days + 1, minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_have_the_dates_of_the_calendar() {
        for (epoch_s, written) in [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (1_078_099_199, "2004-02-29 23:59 UTC"),
            (1_795_867_200, "2026-11-28 12:00 UTC"),
            (4_107_542_399, "2100-02-28 23:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00 UTC"),
            (16_725_225_600, "2500-01-01 00:00 UTC"),
        ] {
            assert_eq!(date(epoch_s), written);
        }
        assert!(date(u64::MAX).ends_with(" UTC"));
    }
}
