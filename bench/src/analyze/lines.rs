//! Lines of a file that nobody vouches for.

use std::fmt::Display;
use std::io::{self, BufRead, ErrorKind};
use std::str::FromStr;

use serde::Serialize;

use bittorrent::log::LINE_BYTES_MAX;

/// What a file consisted of.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Read {
    /// Lines in all.
    pub lines: u64,
    /// Those that are none of this log's.
    pub refused: u64,
    /// The number of the first of these, from one, and what is wrong with it.
    pub first_refused: Option<(u64, String)>,
}

impl Read {
    fn refuse(&mut self, why: &dyn Display) {
        self.refused += 1;
        if self.first_refused.is_none() {
            self.first_refused = Some((self.lines, why.to_string()));
        }
    }
}

/// Gives each line that is one of the log's to `each`.
///
/// # Errors
/// If the file cannot be read on.
pub fn read<E>(mut file: impl BufRead, mut each: impl FnMut(E)) -> io::Result<Read>
where
    E: FromStr<Err: Display>,
{
    let mut found = Read::default();
    let mut line = Vec::with_capacity(LINE_BYTES_MAX);
    while next(&mut file, &mut line)? {
        found.lines += 1;
        match std::str::from_utf8(&line).map(str::parse) {
            Ok(Ok(entry)) => each(entry),
            Ok(Err(why)) => found.refuse(&why),
            Err(_) => found.refuse(&"no line of this log: it is no text"),
        }
    }
    Ok(found)
}

/// Reads a line without its end, of which no more is kept than a byte above the longest allowed; `false` if there is none.
fn next(file: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let mut has_any = false;
    loop {
        let buffer = match file.fill_buf() {
            Ok(buffer) => buffer,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if buffer.is_empty() {
            return Ok(has_any);
        }
        has_any = true;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let part = &buffer[..end.unwrap_or(buffer.len())];
        let room = (LINE_BYTES_MAX + 1).saturating_sub(line.len());
        line.extend_from_slice(&part[..part.len().min(room)]);
        let used = end.map_or(buffer.len(), |end| end + 1);
        file.consume(used);
        if end.is_some() {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;
    use bittorrent::log::client::{Entry, Happening};

    #[test]
    fn lines_that_are_none_are_counted_and_the_first_is_named() {
        let long = "9".repeat(100_000);
        let text = format!(
            "1.000 self complete\n\n2.000 self verified 7\n{long}\nwhat\n\u{fffd}\n3.000 self wrong 1"
        );
        let bytes = [text.as_bytes(), b"\n\xff\xfe\n4.000 self compl"].concat();
        for capacity in [1, 7, 8_192] {
            let mut found = Vec::new();
            let read =
                read(BufReader::with_capacity(capacity, &bytes[..]), |entry: Entry| found.push(entry.what))
                    .unwrap();
            assert_eq!(found, [Happening::Complete, Happening::Verified(7), Happening::Wrong(1)]);
            assert_eq!((read.lines, read.refused), (9, 6));
            assert_eq!(read.first_refused, Some((2, "no line of this log: its time".to_owned())));
        }
    }
}
