//! What a site answers programs: one line for each torrent found.
//!
//! ```text
//! 3 <TAB> de3edc1dfa1958affac1dbdc8f34d4d6dac43f00 <TAB> 5 <TAB> 12 <TAB> 40 <TAB> some name
//! ```
//!
//! Its number on the site, its info hash, its bytes, its seeds and its other peers, `?` where they are unknown, and its name, in
//! which control characters are replaced.

use common::http::percent_encode;

use crate::wire::InfoHash;

/// A torrent that a search has found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listing {
    /// Its number on the site.
    pub index: u32,
    /// Its swarm.
    pub info_hash: InfoHash,
    /// Bytes of its content.
    pub size: u64,
    /// How many have all of it, if that is known.
    pub seeds: Option<u32>,
    /// How many others fetch it, if that is known.
    pub leechers: Option<u32>,
    /// What it is called.
    pub name: Box<str>,
}

const UNKNOWN: &str = "?";

impl Listing {
    /// Reads a line; `None` if it is none.
    pub fn parse(line: &str) -> Option<Listing> {
        let mut fields = line.splitn(6, '\t');
        let mut next = || fields.next();
        let index = next()?.parse().ok()?;
        let info_hash = next()?.parse().ok()?;
        let size = next()?.parse().ok()?;
        let figure = |field: &str| match field {
            UNKNOWN => Some(None),
            number => number.parse().ok().map(Some),
        };
        let (seeds, leechers) = (figure(next()?)?, figure(next()?)?);
        let name = next().filter(|name| !name.is_empty())?.into();
        Some(Listing { index, info_hash, size, seeds, leechers, name })
    }

    /// The line, without its end.
    pub fn line(&self) -> String {
        let figure = |figure: Option<u32>| figure.map_or(UNKNOWN.to_owned(), |number| number.to_string());
        let name: String = self.name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        let Listing { index, info_hash, size, .. } = self;
        let (seeds, leechers) = (figure(self.seeds), figure(self.leechers));
        format!("{index}\t{info_hash}\t{size}\t{seeds}\t{leechers}\t{name}")
    }
}

/// Where a site has the `.torrent` of that number.
pub fn torrent_target(index: u32) -> String {
    format!("/torrent/{index}.torrent")
}

/// What a site is asked for these words, at most so many results; 0 is as many as it gives.
pub fn search_target(words: &str, results_max: u32) -> String {
    let mut target = "/search.txt?q=".to_owned();
    percent_encode(words, &mut target);
    if results_max > 0 {
        target += &format!("&max={results_max}");
    }
    target
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let listing = Listing {
            index: 3,
            info_hash: InfoHash([0xde; 20]),
            size: 5,
            seeds: Some(12),
            leechers: None,
            name: "a\ttab & more".into(),
        };
        let read = Listing::parse(&listing.line()).unwrap();
        assert_eq!(read, Listing { name: "a\u{fffd}tab & more".into(), ..listing });
        for line in ["", "3", "x\tde\t5\t1\t1\tname", "3\tde\t5\t1\t1\t", "1\t2\t3\t4\t5\t6"] {
            assert_eq!(Listing::parse(line), None, "{line}");
        }
    }
}
