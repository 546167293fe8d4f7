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

use std::fmt::{self, Write as _};
use std::net::SocketAddrV4;
use std::str::FromStr;

use crate::wire::{AnnounceEvent, InfoHash, PeerId};

/// The longest line that is read: more than any has that is written.
pub const LINE_BYTES_MAX: usize = 256;

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
        let (seconds, milliseconds) = (self.time_ms / 1_000, self.time_ms % 1_000);
        write!(f, "{seconds}.{milliseconds:03} {event} ")?;
        for byte in self.info_hash.0 {
            write!(f, "{byte:02x}")?;
        }
        f.write_char(' ')?;
        for byte in self.peer_id.0 {
            match byte {
                b'%' => f.write_str("%25")?,
                byte if byte.is_ascii_graphic() => f.write_char(char::from(byte))?,
                byte => write!(f, "%{byte:02x}")?,
            }
        }
        write!(f, " {} {} {} {}", self.address, self.uploaded, self.downloaded, self.left)
    }
}

/// A line that is none of the log's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no line of a tracker log: its {0}")]
pub struct ReportError(&'static str);

impl FromStr for Report {
    type Err = ReportError;

    fn from_str(line: &str) -> Result<Self, ReportError> {
        if line.len() > LINE_BYTES_MAX {
            return Err(ReportError("length"));
        }
        let mut fields = line.split(' ');
        let mut next = |what| fields.next().ok_or(ReportError(what));
        let time_ms = time(next("time")?).ok_or(ReportError("time"))?;
        let event = next("event")?;
        let event = EVENTS.iter().find(|(_, name)| *name == event).ok_or(ReportError("event"))?.0;
        let info_hash = InfoHash(hash(next("info hash")?).ok_or(ReportError("info hash"))?);
        let peer_id = PeerId(peer_id(next("peer id")?).ok_or(ReportError("peer id"))?);
        let address = next("address")?.parse().map_err(|_| ReportError("address"))?;
        let uploaded = decimal(next("bytes uploaded")?).ok_or(ReportError("bytes uploaded"))?;
        let downloaded = decimal(next("bytes downloaded")?).ok_or(ReportError("bytes downloaded"))?;
        let left = decimal(next("bytes left")?).ok_or(ReportError("bytes left"))?;
        if fields.next().is_some() {
            return Err(ReportError("end"));
        }
        Ok(Report { time_ms, event, info_hash, peer_id, address, uploaded, downloaded, left })
    }
}

/// Digits only: what is written, and nothing else.
fn decimal(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn time(text: &str) -> Option<u64> {
    let (seconds, milliseconds) = text.split_once('.')?;
    if milliseconds.len() != 3 {
        return None;
    }
    decimal(seconds)?.checked_mul(1_000)?.checked_add(decimal(milliseconds)?)
}

fn hash(text: &str) -> Option<[u8; 20]> {
    let bytes = text.as_bytes();
    if bytes.len() != 40 {
        return None;
    }
    let mut hash = [0; 20];
    for (byte, digits) in hash.iter_mut().zip(bytes.chunks_exact(2)) {
        *byte = hex(digits[0], digits[1])?;
    }
    Some(hash)
}

fn peer_id(text: &str) -> Option<[u8; 20]> {
    let mut rest = text.as_bytes();
    let mut id = [0; 20];
    for byte in &mut id {
        (*byte, rest) = match rest {
            [b'%', high, low, rest @ ..] => (hex(*high, *low)?, rest),
            [plain, rest @ ..] if plain.is_ascii_graphic() && *plain != b'%' => (*plain, rest),
            _ => return None,
        };
    }
    rest.is_empty().then_some(id)
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |digit: u8| char::from(digit).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}
