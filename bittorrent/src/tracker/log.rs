//! The tracker log: every report of every client, one line each, as the study of the RedHat 9 torrent had it (Izal et al. 2004).
//!
//! ```text
//! 12.250000 started de3edc1dfa1958affac1dbdc8f34d4d6dac43f00 2d3450303130302d… 10.0.0.7:6881 0 0 1048576
//! ```
//!
//! Seconds since the tracker started; what has happened (`started`, `completed`, `stopped`, `-` if only time has passed); the torrent;
//! the peer's id in hexadecimal; where it listens; bytes it has sent and got since it started; bytes it lacks.

use std::fmt;
use std::net::SocketAddrV4;
use std::str::FromStr;

use common::peer::Time;

use crate::wire::{AnnounceEvent, InfoHash, PeerId};

/// One report.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Report {
    /// When it came, to the microsecond in the log.
    pub at: Time,
    /// What has happened.
    pub event: AnnounceEvent,
    /// The torrent.
    pub info_hash: InfoHash,
    /// Who reports.
    pub peer_id: PeerId,
    /// Where he listens.
    pub address: SocketAddrV4,
    /// Bytes he has sent.
    pub uploaded: u64,
    /// Bytes he has got.
    pub downloaded: u64,
    /// Bytes he lacks.
    pub left: u64,
}

/// A line that is no report.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a line of a tracker log")]
pub struct NotAReport;

/// How the log has an event without a name.
const NOTHING: &str = "-";

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.at.0 / 1_000;
        let event = self.event.name().unwrap_or(NOTHING);
        write!(f, "{}.{:06} {event} {} ", micros / 1_000_000, micros % 1_000_000, self.info_hash)?;
        self.peer_id.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        write!(f, " {} {} {} {}", self.address, self.uploaded, self.downloaded, self.left)
    }
}

impl FromStr for Report {
    type Err = NotAReport;

    fn from_str(line: &str) -> Result<Self, NotAReport> {
        let mut words = line.split_ascii_whitespace();
        let mut next = || words.next().ok_or(NotAReport);
        let (seconds, micros) = next()?.split_once('.').ok_or(NotAReport)?;
        let seconds: u64 = seconds.parse().map_err(|_| NotAReport)?;
        let micros: u64 = micros.parse().ok().filter(|_| micros.len() == 6).ok_or(NotAReport)?;
        let at = seconds.checked_mul(1_000_000).and_then(|s| s.checked_add(micros)?.checked_mul(1_000));
        let event = match next()? {
            NOTHING => AnnounceEvent::None,
            word => {
                let event = AnnounceEvent::of_name(word.as_bytes());
                Some(event).filter(|event| event.name() == Some(word)).ok_or(NotAReport)?
            }
        };
        let info_hash = next()?.parse().map_err(|_| NotAReport)?;
        // An id is written as a hash is.
        let InfoHash(peer_id) = next()?.parse().map_err(|_| NotAReport)?;
        let address = next()?.parse().map_err(|_| NotAReport)?;
        let mut number = || next()?.parse().map_err(|_| NotAReport);
        Ok(Report {
            at: Time(at.ok_or(NotAReport)?),
            event,
            info_hash,
            peer_id: PeerId(peer_id),
            address,
            uploaded: number()?,
            downloaded: number()?,
            left: number()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_report_is_read_as_it_was_written(
            at in 0..u64::MAX / 2_000, event in 0..4usize, hash: [u8; 20], id: [u8; 20], ip: [u8; 4], port: u16,
            numbers: [u64; 3],
        ) {
            let event = ["", "started", "completed", "stopped"][event];
            let [uploaded, downloaded, left] = numbers;
            let report = Report {
                at: Time(at * 1_000),
                event: AnnounceEvent::of_name(event.as_bytes()),
                info_hash: InfoHash(hash),
                peer_id: PeerId(id),
                address: SocketAddrV4::new(ip.into(), port),
                uploaded,
                downloaded,
                left,
            };
            prop_assert_eq!(report.to_string().parse(), Ok(report));
        }

        #[test]
        fn no_line_breaks_the_reader(line in "[ 0-9a-f.:a-z-]{0,200}") {
            let _ = line.parse::<Report>();
        }
    }
}
