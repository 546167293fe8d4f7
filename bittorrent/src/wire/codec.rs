//! Bytes to messages and back. One codec with a mode for every kind of conversation; see [`Setup`].
//!
//! | mode | reads | then |
//! |---|---|---|
//! | `Port` | one byte: is it a peer's, or the first of HTTP? | `Handshake`, `Requests` |
//! | `Handshake` | a peer's handshake | `Frames` |
//! | `Frames` | messages between peers | |
//! | `Requests` | requests to a tracker or a site | |
//! | `Answers` | their answers, with the bodies | |
//! | `Datagram` | one datagram, which is all there is | |

use std::sync::Arc;

use bytes::{Buf, BytesMut};
use common::http::HeadScan;
use common::peer::Announced;
use common::wire::{Wire, WireError};
use tokio_util::codec::{Decoder, Encoder};

use super::ask::{self, AnswerReader};
use super::frame::{self, FrameReader};
use super::{Handshake, Message, Setup, handshake, udp};

/// What a site says that its lines for programs are.
pub const LISTING_TYPE: &str = "text/tab-separated-values; charset=utf-8";
/// What it says that a `.torrent` is.
pub const TORRENT_TYPE: &str = "application/x-bittorrent";

/// The codec of one direction of a connection.
#[derive(Debug)]
pub struct Codec {
    setup: Setup,
    mode: Mode,
}

#[derive(Debug)]
enum Mode {
    Port,
    Handshake,
    Frames(FrameReader),
    Requests(HeadScan),
    Answers(Box<AnswerReader>),
    Datagram,
}

impl Codec {
    fn new(setup: Setup) -> Codec {
        let mode = match setup {
            Setup::Accepted => Mode::Port,
            Setup::Peer => Mode::Handshake,
            Setup::Http => Mode::Answers(Box::default()),
            Setup::Datagram => Mode::Datagram,
        };
        Codec { setup, mode }
    }

    fn handshake(&mut self, src: &mut BytesMut) -> Result<Option<Message>, WireError> {
        // The first byte may be all that a stranger's program ever says: that it is the wrong one can be told at once.
        if src.first().is_some_and(|first| *first != handshake::FIRST_BYTE) {
            return Err(WireError::Malformed("handshake"));
        }
        let Some(bytes) = src.first_chunk() else { return Ok(None) };
        let handshake = Handshake::decode(bytes).ok_or(WireError::Malformed("handshake"))?;
        src.advance(Handshake::BYTES);
        self.mode = Mode::Frames(FrameReader::default());
        Ok(Some(Message::Handshake(Box::new(handshake))))
    }
}

impl Decoder for Codec {
    type Item = Message;
    type Error = WireError;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Message>, WireError> {
        if let (Mode::Port, Some(first)) = (&self.mode, src.first()) {
            self.mode = match *first {
                handshake::FIRST_BYTE => Mode::Handshake,
                b'A'..=b'Z' => Mode::Requests(HeadScan::default()),
                // Most likely somebody who would rather speak obfuscated: told at once, he tries again in the clear.
                _ => return Err(WireError::Malformed("first byte: of no protocol that is spoken here")),
            };
        }
        match &mut self.mode {
            Mode::Port => Ok(None),
            Mode::Handshake => self.handshake(src),
            Mode::Frames(frames) => frames.take(src),
            Mode::Requests(scan) => {
                Ok(ask::take_request(scan, src)?.map(|request| Message::Ask(Arc::new(request))))
            }
            Mode::Answers(answers) => Ok(answers.take(src)?.map(|answer| Message::Answer(Arc::new(answer)))),
            Mode::Datagram if src.is_empty() => Ok(None),
            Mode::Datagram => Ok(Some(Message::Udp(Box::new(udp::Packet::decode(&src.split())?)))),
        }
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Message>, WireError> {
        if let Some(message) = self.decode(src)? {
            return Ok(Some(message));
        }
        if !src.is_empty() {
            return Err(WireError::Truncated);
        }
        match &mut self.mode {
            Mode::Frames(frames) if frames.is_inside() => Err(WireError::Truncated),
            Mode::Answers(answers) => Ok(answers.end()?.map(|answer| Message::Answer(Arc::new(answer)))),
            Mode::Port | Mode::Handshake | Mode::Frames(_) | Mode::Requests(_) | Mode::Datagram => Ok(None),
        }
    }
}

impl Encoder<Message> for Codec {
    type Error = WireError;

    /// Refuses what the other side could not take where the conversation is: to say it would be a bug of ours.
    fn encode(&mut self, message: Message, dst: &mut BytesMut) -> Result<(), WireError> {
        dst.reserve(message.wire_len() as usize);
        match (self.setup, &message) {
            (Setup::Accepted | Setup::Peer, Message::Handshake(handshake)) => {
                dst.extend_from_slice(&handshake.encode());
                Ok(())
            }
            (Setup::Accepted, Message::Answer(answer)) => answer.encode(dst),
            (Setup::Accepted | Setup::Peer, message) => frame::put(message, dst),
            (Setup::Http, Message::Ask(request)) => {
                request.encode(dst);
                Ok(())
            }
            (Setup::Datagram, Message::Udp(packet)) => {
                packet.encode(dst);
                Ok(())
            }
            (Setup::Datagram, _) => Err(WireError::Malformed("datagram: a message of connections")),
            (Setup::Http, _) => Err(WireError::Malformed("HTTP: a message between peers")),
        }
    }
}

impl Wire for Message {
    type Setup = Setup;
    type Codec = Codec;

    #[rustfmt::skip]
    const KINDS: &'static [&'static str] = &[
        "handshake", "keep-alive", "choke", "unchoke", "interested", "not interested", "have", "bitfield",
        "request", "piece", "cancel", "port", "suggest", "have all", "have none", "reject", "allowed fast",
        "extended", "unknown", "ask", "search", "torrent request", "answer", "listing", "torrent",
        "udp connect", "udp announce", "udp scrape", "udp connected", "udp announced", "udp scraped", "udp error",
    ];

    fn codec(setup: Setup) -> Codec {
        Codec::new(setup)
    }

    fn wire_len(&self) -> u32 {
        match self {
            Message::Handshake(_) => Handshake::BYTES as u32,
            Message::Ask(request) => request.encoded_len(),
            Message::Answer(answer) => answer.encoded_len(),
            Message::Udp(packet) => packet.encoded_len(),
            framed => frame::wire_len(framed),
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Message::Handshake(_) => 0,
            Message::KeepAlive => 1,
            Message::Choke => 2,
            Message::Unchoke => 3,
            Message::Interested => 4,
            Message::NotInterested => 5,
            Message::Have(_) => 6,
            Message::Bitfield(_) => 7,
            Message::Request(_) => 8,
            Message::Piece(_) => 9,
            Message::Cancel(_) => 10,
            Message::Port(_) => 11,
            Message::Suggest(_) => 12,
            Message::HaveAll => 13,
            Message::HaveNone => 14,
            Message::Reject(_) => 15,
            Message::AllowedFast(_) => 16,
            Message::Extended { .. } => 17,
            Message::Unknown(_) => 18,
            Message::Ask(request) => match &*request.target {
                search if search.starts_with("/search") => 20,
                torrent if torrent.starts_with("/torrent/") => 21,
                _ => 19,
            },
            Message::Answer(answer) => match answer.head.headers.get("Content-Type") {
                Some(LISTING_TYPE) => 23,
                Some(TORRENT_TYPE) => 24,
                _ => 22,
            },
            Message::Udp(packet) => 25 + packet.kind(),
        }
    }

    fn datagrams() -> Option<Setup> {
        Some(Setup::Datagram)
    }

    /// A block that was asked for is told from others by its piece and its place in it.
    fn announces(&self) -> Option<Announced> {
        match self {
            Message::Piece(block) => Some(block.announced()),
            _ => None,
        }
    }

    /// A block follows; where it goes, if anywhere, only the peer knows.
    fn pauses(&self) -> bool {
        matches!(self, Message::Piece(_))
    }
}

const _: () = assert!(size_of::<Message>() <= common::peer::MESSAGE_BYTES_MAX);
