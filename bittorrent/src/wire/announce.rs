//! Announces: what a peer tells its tracker, and whom the tracker names (BEP 3, 23).
//!
//! The question is the query string of a `GET`, the answer is bencoded.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::extended::number;
use super::query::{self, Pairs};
use super::{InfoHash, PeerId, compact};
use crate::bencode::{self, Dict, Value, dict};

/// The most peers that are taken of an answer. Trackers hand out 50, some 200.
const PEERS_MAX: usize = 1_000;
/// When to come again if the tracker does not say: what most say.
const INTERVAL_S: u32 = 1_800;

/// What a peer tells its tracker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Announce {
    /// Of which torrent.
    pub info_hash: InfoHash,
    /// Who tells it.
    pub peer_id: PeerId,
    /// Where it listens.
    pub port: u16,
    /// Bytes sent since `started`.
    pub uploaded: u64,
    /// Bytes received since `started`.
    pub downloaded: u64,
    /// Bytes still missing; 0 makes a seed.
    pub left: u64,
    /// Why now.
    pub event: AnnounceEvent,
    /// How many peers it asks for; the tracker's choice if it does not say, or says a negative number.
    pub numwant: Option<u32>,
    /// A secret that shows a tracker that it is the same peer under another address. Text that is no hexadecimal number is
    /// left out.
    pub key: Option<u32>,
    /// It wants the answer in its short form.
    pub compact: bool,
    /// It can do without the names of peers in the long form.
    pub no_peer_id: bool,
    /// Its address, where the tracker may see another one.
    pub ip: Option<Ipv4Addr>,
    /// What the tracker has called itself.
    pub tracker_id: Option<Box<str>>,
}

/// Why a peer speaks to its tracker.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum AnnounceEvent {
    /// Its time has come.
    #[default]
    None,
    /// It has begun.
    Started,
    /// It has just got all; never said by who had all from the start.
    Completed,
    /// It leaves.
    Stopped,
}

/// Whom a tracker names, and when it wants to hear again.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AnnounceReply {
    /// Seconds until the next announce.
    pub interval_s: u32,
    /// Seconds before which none may come.
    pub min_interval_s: Option<u32>,
    /// Seeds there are.
    pub complete: Option<u32>,
    /// Others there are.
    pub incomplete: Option<u32>,
    /// To be shown at the next announce.
    pub tracker_id: Option<Box<str>>,
    /// To be shown to the user.
    pub warning: Option<Box<str>>,
    /// Peers; their names in the long form only. Those of IPv6, and names of hosts, are left out.
    pub peers: Vec<(SocketAddrV4, Option<PeerId>)>,
}

/// Why an announce or a scrape, or what was answered, is none.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AnnounceError {
    /// The tracker refuses, in its own words (at most 512 bytes).
    #[error("the tracker refuses: {0}")]
    Failure(Box<str>),
    /// The answer is not in the notation, or not a dictionary.
    #[error("the tracker's answer is malformed")]
    Malformed,
    /// The answer has another status than 200.
    #[error("it answers with status {0}")]
    Status(u16),
    /// The tracker is elsewhere, where we cannot follow.
    #[error("it has moved to {0}")]
    Moved(Box<str>),
    /// A parameter that must be there.
    #[error("missing {0}")]
    Missing(&'static str),
    /// A parameter that cannot be.
    #[error("invalid {0}")]
    Invalid(&'static str),
    /// More info hashes than are answered at a time.
    #[error("more than {0} info hashes at a time")]
    TooMany(usize),
}

impl AnnounceEvent {
    /// Its word; none if only its time has come.
    pub fn name(self) -> Option<&'static str> {
        match self {
            AnnounceEvent::None => None,
            AnnounceEvent::Started => Some("started"),
            AnnounceEvent::Completed => Some("completed"),
            AnnounceEvent::Stopped => Some("stopped"),
        }
    }

    /// What a word means. Some say `empty` or nothing at all, and words that nobody knows mean no more.
    pub fn of_name(name: &[u8]) -> AnnounceEvent {
        match name {
            b"started" => AnnounceEvent::Started,
            b"completed" => AnnounceEvent::Completed,
            b"stopped" => AnnounceEvent::Stopped,
            _ => AnnounceEvent::None,
        }
    }
}

impl Announce {
    /// What stands behind the host in the request, given what stands there in the tracker's address: a query of its own is kept.
    pub fn to_target(&self, path_and_query: &str) -> String {
        let mut target = query::Writer::new(path_and_query);
        target.put("info_hash", &self.info_hash.0).put("peer_id", &self.peer_id.0);
        target.show("port", self.port).show("uploaded", self.uploaded);
        target.show("downloaded", self.downloaded).show("left", self.left);
        target.show("compact", u8::from(self.compact));
        if self.no_peer_id {
            target.show("no_peer_id", 1);
        }
        if let Some(event) = self.event.name() {
            target.show("event", event);
        }
        if let Some(numwant) = self.numwant {
            target.show("numwant", numwant);
        }
        if let Some(key) = self.key {
            target.show("key", format_args!("{key:08x}"));
        }
        if let Some(ip) = self.ip {
            target.show("ip", ip);
        }
        if let Some(id) = &self.tracker_id {
            target.put("trackerid", id.as_bytes());
        }
        target.finish()
    }

    /// Reads a query, as it stands behind the question mark. The first of two parameters of the same name counts.
    ///
    /// # Errors
    /// What the answer is to say: a parameter that is missing, or cannot be.
    pub fn from_query(query: &str) -> Result<Announce, AnnounceError> {
        let pairs = Pairs::of(query);
        let name = |key| match pairs.first(key) {
            None => Err(AnnounceError::Missing(key)),
            Some(bytes) => <[u8; 20]>::try_from(&*bytes).map_err(|_| AnnounceError::Invalid(key)),
        };
        let bytes =
            |key| pairs.decimal(key).ok_or(AnnounceError::Missing(key))?.ok_or(AnnounceError::Invalid(key));
        let text = |key| pairs.first(key).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let is_set = |key| pairs.first(key).is_some_and(|value| &*value == b"1");
        Ok(Announce {
            info_hash: InfoHash(name("info_hash")?),
            peer_id: PeerId(name("peer_id")?),
            port: u16::try_from(bytes("port")?).map_err(|_| AnnounceError::Invalid("port"))?,
            uploaded: bytes("uploaded")?,
            downloaded: bytes("downloaded")?,
            left: bytes("left")?,
            event: AnnounceEvent::of_name(&pairs.first("event").unwrap_or_default()),
            numwant: pairs.decimal("numwant").flatten().map(|want| u32::try_from(want).unwrap_or(u32::MAX)),
            key: text("key").and_then(|key| u32::from_str_radix(&key, 16).ok()),
            compact: is_set("compact"),
            no_peer_id: is_set("no_peer_id"),
            ip: text("ip").and_then(|ip| ip.parse().ok()),
            tracker_id: pairs.first("trackerid").map(|id| compact::text(&id)),
        })
    }
}

impl AnnounceReply {
    /// Reads an answer, in its short or its long form; at most 1,000 peers are taken.
    ///
    /// # Errors
    /// The tracker's refusal, or an answer that is none.
    pub fn parse(body: &[u8]) -> Result<AnnounceReply, AnnounceError> {
        let value = Value::parse(body).map_err(|_| AnnounceError::Malformed)?;
        let reply = answer(&value)?;
        let text = |key: &[u8]| reply.get(key).and_then(Value::as_bytes).map(compact::text);
        Ok(AnnounceReply {
            interval_s: number(reply, b"interval").unwrap_or(INTERVAL_S),
            min_interval_s: number(reply, b"min interval"),
            complete: number(reply, b"complete"),
            incomplete: number(reply, b"incomplete"),
            tracker_id: text(b"tracker id"),
            warning: text(b"warning message"),
            peers: match reply.get(b"peers") {
                Some(Value::Bytes(bytes)) => {
                    compact::addresses(bytes).map(|address| (address, None)).take(PEERS_MAX).collect()
                }
                Some(Value::List(peers)) => peers.iter().filter_map(peer).take(PEERS_MAX).collect(),
                _ => Vec::new(),
            },
        })
    }

    /// The answer in its short form, or in the long one with the names that are known.
    pub fn encode(&self, compact: bool) -> Vec<u8> {
        let mut reply = dict();
        reply.put_integer(b"interval", i64::from(self.interval_s));
        let numbers: [(&[u8], Option<u32>); 3] = [
            (b"min interval", self.min_interval_s),
            (b"complete", self.complete),
            (b"incomplete", self.incomplete),
        ];
        for (key, number) in numbers.into_iter().filter_map(|(key, number)| Some((key, number?))) {
            reply.put_integer(key, i64::from(number));
        }
        let texts: [(&[u8], _); 2] = [(b"tracker id", &self.tracker_id), (b"warning message", &self.warning)];
        for (key, text) in texts.into_iter().filter_map(|(key, text)| Some((key, text.as_ref()?))) {
            reply.put_bytes(key, text.as_bytes());
        }
        match compact {
            true => {
                let peers = self.peers.iter().map(|(address, _)| *address);
                reply.put_bytes(b"peers", compact::put_addresses(peers))
            }
            false => reply.put_raw(b"peers", &bencode::list(self.peers.iter().map(encode_peer))),
        };
        reply.finish()
    }

    /// A refusal.
    pub fn encode_failure(reason: &str) -> Vec<u8> {
        dict().put_bytes(b"failure reason", reason).finish()
    }
}

/// The dictionary of an answer that is no refusal.
pub(super) fn answer<'v, 'a>(value: &'v Value<'a>) -> Result<&'v Dict<'a>, AnnounceError> {
    let reply = value.as_dict().ok_or(AnnounceError::Malformed)?;
    match reply.get(b"failure reason").and_then(Value::as_bytes) {
        Some(reason) => Err(AnnounceError::Failure(compact::text(reason))),
        None => Ok(reply),
    }
}

/// A peer of the long form.
fn peer(value: &Value<'_>) -> Option<(SocketAddrV4, Option<PeerId>)> {
    let peer = value.as_dict()?;
    let port = number(peer, b"port").filter(|port| *port != 0)?;
    let id = peer.get(b"peer id").and_then(Value::as_bytes).and_then(|id| id.try_into().ok());
    Some((SocketAddrV4::new(peer.get(b"ip")?.as_str()?.parse().ok()?, port), id.map(PeerId)))
}

fn encode_peer((address, id): &(SocketAddrV4, Option<PeerId>)) -> Vec<u8> {
    let mut peer = dict();
    peer.put_bytes(b"ip", address.ip().to_string()).put_integer(b"port", i64::from(address.port()));
    if let Some(PeerId(id)) = id {
        peer.put_bytes(b"peer id", id);
    }
    peer.finish()
}
