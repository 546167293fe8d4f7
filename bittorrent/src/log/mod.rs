//! What is written down of a swarm, for those who study it: lines of text, read back by the same code that writes them.
//!
//! | log | whose | what Izal et al. (2004) had of it |
//! |---|---|---|
//! | [`tracker`] | the tracker's: each report of each client | five months of the RedHat 9 torrent |
//! | [`client`] | one peer's: each block that came and went, who chokes whom, who wants what | three days of one client |
//!
//! A line's fields have one blank between each two. It begins with the time: seconds of the Unix epoch (of the run, in a
//! simulation), with three decimals. A peer id is printable ASCII as it is, but `%`, the blank and all other bytes as `%xx`.

pub mod client;
pub mod tracker;

use std::fmt::{self, Write as _};
use std::net::SocketAddrV4;

use common::peer::Time;

use crate::wire::{InfoHash, PeerId};

/// The longest line that is read: more than any has that is written.
pub const LINE_BYTES_MAX: usize = 256;

/// A line that is none of the log's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no line of this log: its {0}")]
pub struct LineError(&'static str);

/// What the clock says in milliseconds, `now` in a run that began at this second of the Unix epoch.
pub(crate) fn time_ms(started_s: u64, now: Time) -> u64 {
    started_s.saturating_mul(1_000).saturating_add(now.0 / 1_000_000)
}

/// Milliseconds, as seconds.
struct Seconds(u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1_000, self.0 % 1_000)
    }
}

/// A peer id without blanks.
struct Id<'a>(&'a PeerId);

impl fmt::Display for Id<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.0.iter().try_for_each(|byte| match byte {
            b'%' => f.write_str("%25"),
            byte if byte.is_ascii_graphic() => f.write_char(char::from(*byte)),
            byte => write!(f, "%{byte:02x}"),
        })
    }
}

/// The fields of a line, one after the other.
struct Fields<'a>(std::str::Split<'a, char>);

impl<'a> Fields<'a> {
    fn of(line: &'a str) -> Result<Self, LineError> {
        match line.len() {
            0..=LINE_BYTES_MAX => Ok(Fields(line.split(' '))),
            _ => Err(LineError("length")),
        }
    }

    fn next(&mut self, what: &'static str) -> Result<&'a str, LineError> {
        self.0.next().ok_or(LineError(what))
    }

    fn end(&mut self) -> Result<(), LineError> {
        self.0.next().map_or(Ok(()), |_| Err(LineError("end")))
    }

    fn time(&mut self) -> Result<u64, LineError> {
        time(self.next("time")?).ok_or(LineError("time"))
    }

    fn number<N: TryFrom<u64>>(&mut self, what: &'static str) -> Result<N, LineError> {
        let number = decimal(self.next(what)?).and_then(|number| N::try_from(number).ok());
        number.ok_or(LineError(what))
    }

    fn info_hash(&mut self) -> Result<InfoHash, LineError> {
        self.next("info hash")?.parse().map_err(|_| LineError("info hash"))
    }

    fn peer_id(&mut self) -> Result<PeerId, LineError> {
        peer_id(self.next("peer id")?).map(PeerId).ok_or(LineError("peer id"))
    }

    fn address(&mut self) -> Result<SocketAddrV4, LineError> {
        self.next("address")?.parse().map_err(|_| LineError("address"))
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
