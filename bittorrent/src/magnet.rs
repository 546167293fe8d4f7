//! Links that name a torrent by its info hash (BEP 9).

use std::fmt;
use std::net::SocketAddrV4;
use std::str::FromStr;

use common::http::{percent_decode, percent_encode};

use crate::metainfo::{TRACKER_BYTES_MAX, TRACKERS_MAX};
use crate::wire::InfoHash;

/// The longest link that is read.
const LINK_BYTES_MAX: usize = 64 * 1024;
/// The most peers that are taken of a link.
const PEERS_MAX: usize = 100;
const SCHEME: &str = "magnet:?";
const TOPIC: &str = "urn:btih:";

/// `magnet:?xt=urn:btih:…&dn=…&tr=…&x.pe=…`: what is needed to ask peers for a torrent's metainfo.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Magnet {
    /// What the torrent is called on the wire.
    pub info_hash: InfoHash,
    /// What people call it.
    pub name: Option<Box<str>>,
    /// Trackers, at most [`TRACKERS_MAX`].
    pub trackers: Vec<Box<str>>,
    /// Peers to begin with. Names of hosts and IPv6 are left out.
    pub peers: Vec<SocketAddrV4>,
}

/// Why text is no link to a torrent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MagnetError {
    /// Another kind of link.
    #[error("not a magnet link: it does not begin with `{SCHEME}`")]
    Scheme,
    /// Beyond all reason.
    #[error("a magnet link of more than {LINK_BYTES_MAX} bytes")]
    TooLong,
    /// It names no torrent, or one of version 2 alone.
    #[error("the magnet link has no `xt={TOPIC}`, which would name a torrent")]
    NoTopic,
    /// The name of the torrent is malformed.
    #[error("the magnet link's info hash is neither 40 hexadecimal digits nor 32 of base32")]
    InfoHash,
}

impl FromStr for Magnet {
    type Err = MagnetError;

    fn from_str(link: &str) -> Result<Self, MagnetError> {
        if link.len() > LINK_BYTES_MAX {
            return Err(MagnetError::TooLong);
        }
        let (scheme, query) = link.split_at_checked(SCHEME.len()).ok_or(MagnetError::Scheme)?;
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return Err(MagnetError::Scheme);
        }
        let mut info_hash = None;
        let (mut name, mut trackers, mut peers) = (None, Vec::new(), Vec::new());
        for pair in query.split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            // Several of a kind may be numbered: `tr.1`.
            let key = key.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('.');
            match key {
                "xt" if info_hash.is_none() => info_hash = topic(&percent_decode(value)).transpose()?,
                "dn" if name.is_none() => name = Some(percent_decode(&value.replace('+', " ")).into()),
                "tr" if trackers.len() < TRACKERS_MAX => {
                    let url = percent_decode(value);
                    if (1..=TRACKER_BYTES_MAX).contains(&url.len()) {
                        trackers.push(url.into());
                    }
                }
                "x.pe" if peers.len() < PEERS_MAX => {
                    peers.extend(percent_decode(value).parse::<SocketAddrV4>());
                }

                _ => {}
            }
        }
        Ok(Magnet { info_hash: info_hash.ok_or(MagnetError::NoTopic)?, name, trackers, peers })
    }
}

impl fmt::Display for Magnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut link = format!("{SCHEME}xt={TOPIC}{}", self.info_hash);
        let mut put = |key: &str, value: &str| {
            link.push_str(key);
            percent_encode(value, &mut link);
        };
        if let Some(name) = &self.name {
            put("&dn=", name);
        }
        self.trackers.iter().for_each(|url| put("&tr=", url));
        for peer in &self.peers {
            link.push_str(&format!("&x.pe={peer}"));
        }
        f.write_str(&link)
    }
}

/// The info hash of a topic; `None` if it is one of something else.
fn topic(text: &str) -> Option<Result<InfoHash, MagnetError>> {
    let (kind, name) = text.split_at_checked(TOPIC.len())?;
    kind.eq_ignore_ascii_case(TOPIC).then(|| {
        let hash = name.parse().ok().or_else(|| from_base32(name).map(InfoHash));
        hash.ok_or(MagnetError::InfoHash)
    })
}

/// Five bits a letter: `a` to `z`, then `2` to `7` (RFC 4648).
fn from_base32(text: &str) -> Option<[u8; 20]> {
    if text.len() != 32 {
        return None;
    }
    let mut bytes = [0; 20];
    for (five, eight) in bytes.chunks_exact_mut(5).zip(text.as_bytes().chunks_exact(8)) {
        let mut bits = 0u64;
        for letter in eight {
            let digit = match letter.to_ascii_lowercase() {
                letter @ b'a'..=b'z' => letter - b'a',
                letter @ b'2'..=b'7' => letter - b'2' + 26,
                _ => return None,
            };
            bits = bits << 5 | u64::from(digit);
        }
        five.copy_from_slice(&bits.to_be_bytes()[3..]);
    }
    Some(bytes)
}
