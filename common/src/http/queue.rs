//! `X-Queue`: a place in a server's queue.

use std::fmt;

use super::parse_decimal;

/// A place in a queue, as servents of 2002 tell it beside a 503:
/// `X-Queue: position=2,length=5,limit=4,pollMin=45,pollMax=120`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QueuePlace {
    /// The place, from 1.
    pub position: u32,
    /// How many wait, if told.
    pub length: Option<u32>,
    /// How many are served at a time, if told.
    pub limit: Option<u32>,
    /// Seconds before which not to ask again; who does may lose the place.
    pub poll_min_s: u32,
    /// Seconds after which the place is lost.
    pub poll_max_s: u32,
}

impl QueuePlace {
    /// Reads the value of an `X-Queue` line. Parts stand in any order, unknown ones are skipped, names compare
    /// without case. `None` without a position from 1, without both times, if they contradict each other, or if a
    /// known part is no number: such a line places nobody.
    pub fn parse(value: &str) -> Option<QueuePlace> {
        let (mut position, mut length, mut limit, mut poll_min, mut poll_max) =
            (None, None, None, None, None);
        for part in value.split([',', ';']) {
            let Some((name, number)) = part.split_once('=') else { continue };
            let name = name.trim();
            let known = [
                ("position", &mut position),
                ("length", &mut length),
                ("limit", &mut limit),
                ("pollMin", &mut poll_min),
                ("pollMax", &mut poll_max),
            ];
            if let Some((_, slot)) = known.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
                *slot = Some(u32::try_from(parse_decimal(number.trim())?).ok()?);
            }
        }
        let place =
            QueuePlace { position: position?, length, limit, poll_min_s: poll_min?, poll_max_s: poll_max? };
        (place.position >= 1 && place.poll_min_s <= place.poll_max_s).then_some(place)
    }
}

impl fmt::Display for QueuePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "position={}", self.position)?;
        if let Some(length) = self.length {
            write!(f, ",length={length}")?;
        }
        if let Some(limit) = self.limit {
            write!(f, ",limit={limit}")?;
        }
        write!(f, ",pollMin={},pollMax={}", self.poll_min_s, self.poll_max_s)
    }
}
