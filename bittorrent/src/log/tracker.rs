//! The tracker log: each report of each client is a line.
//!
//! ```text
//! 1048982400.250 started de3edc1dfa1958affac1dbdc8f34d4d6dac43f00 -TB0001-abcdefghijkl 10.0.0.5:6881 0 0 1855094951
//! ```
//!
//! Eight fields with one blank between each two:
//!
//! | field | what |
//! |---|---|
//! | 1 | seconds of the Unix epoch (of the run, in a simulation), with three decimals |
//! | 2 | `started`, `completed`, `stopped`, or `update` for a report without an event |
//! | 3 | the info hash, 40 hexadecimal digits |
//! | 4 | the peer id: printable ASCII as it is, but `%`, the blank and all other bytes as `%xx` |
//! | 5 | where the peer listens |
//! | 6, 7, 8 | bytes uploaded and downloaded since `started`, and bytes left, as the peer says |
//!
//! It is what Izal et al. had of the RedHat 9 torrent, five months of it.

use std::fmt;
use std::net::SocketAddrV4;
use std::str::FromStr;

use super::{Fields, Id, LineError, Seconds};
use crate::wire::{AnnounceEvent, InfoHash, PeerId};

/// A line of the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// When, milliseconds of the Unix epoch, or of the run.
    pub time_ms: u64,
    /// What for.
    pub event: AnnounceEvent,
    /// Of which swarm.
    pub info_hash: InfoHash,
    /// By whom.
    pub peer_id: PeerId,
    /// Who listens there.
    pub address: SocketAddrV4,
    /// Bytes sent to other peers since `started`.
    pub uploaded: u64,
    /// Bytes received from other peers since `started`.
    pub downloaded: u64,
    /// Bytes still to come; zero is a seed.
    pub left: u64,
}

const EVENTS: [(AnnounceEvent, &str); 4] = [
    (AnnounceEvent::None, "update"),
    (AnnounceEvent::Started, "started"),
    (AnnounceEvent::Completed, "completed"),
    (AnnounceEvent::Stopped, "stopped"),
];

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let event = EVENTS.iter().find(|(event, _)| *event == self.event).map_or("update", |(_, name)| name);
        let Report { info_hash, peer_id, address, uploaded, downloaded, left, .. } = self;
        let (time, id) = (Seconds(self.time_ms), Id(peer_id));
        write!(f, "{time} {event} {info_hash} {id} {address} {uploaded} {downloaded} {left}")
    }
}

impl FromStr for Report {
    type Err = LineError;

    fn from_str(line: &str) -> Result<Self, LineError> {
        let mut fields = Fields::of(line)?;
        let time_ms = fields.time()?;
        let event = fields.next("event")?;
        let event = EVENTS.iter().find(|(_, name)| *name == event).ok_or(LineError("event"))?.0;
        let report = Report {
            time_ms,
            event,
            info_hash: fields.info_hash()?,
            peer_id: fields.peer_id()?,
            address: fields.address()?,
            uploaded: fields.number("bytes uploaded")?,
            downloaded: fields.number("bytes downloaded")?,
            left: fields.number("bytes left")?,
        };
        fields.end()?;
        Ok(report)
    }
}
