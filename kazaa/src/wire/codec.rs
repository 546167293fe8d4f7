//! Bytes to messages and back. One codec with a mode for every kind of conversation; see [`Setup`].

use bytes::{Buf, BytesMut};
use common::http::{HeadScan, Request, Response};
use common::seal::Seal;
use common::wire::{Wire, WireError};
use tokio_util::codec::{Decoder, Encoder};

use super::conversation::Conversation;
use super::{
    Accept, Hello, Link, LinkFrame, Message, NodeEntry, PushOrder, ServiceFrame, Setup, Stats, frame,
    session, share, transfer,
};

/// The codec of one direction of a connection.
#[derive(Debug)]
pub struct Codec {
    mode: Mode,
    scan: HeadScan,
}

#[derive(Debug)]
enum Mode {
    /// A hello, a request or `GIVE`.
    Port,
    /// The answer to a hello.
    Answer,
    Session(Box<Conversation>),
    Requests,
    Responses,
    Links,
    Services,
}

impl Codec {
    fn new(setup: Setup) -> Codec {
        let mode = match setup {
            Setup::Accepted => Mode::Port,
            Setup::Dialled => Mode::Answer,
            Setup::Session(key) => Mode::Session(Box::new(Conversation::new(key))),
            Setup::Client | Setup::SealedClient => Mode::Responses,
            Setup::Server | Setup::SealedServer => Mode::Requests,
            Setup::LinkDialler | Setup::LinkAcceptor => Mode::Links,
            Setup::ServiceClient | Setup::ServiceServer => Mode::Services,
        };
        Codec { mode, scan: HeadScan::default() }
    }

    /// What the first bytes on our port are. Four tell, as giFT-FastTrack has it: whatever spells no word of HTTP's is a hello,
    /// which may start with any number.
    fn first_bytes(&mut self, src: &mut BytesMut) -> Result<Option<Message>, WireError> {
        let message = match src.first_chunk() {
            None => return Ok(None),
            Some(b"GET " | b"HEAD") => self.request(src)?,
            Some(b"GIVE") => give(src)?,
            Some(_) => taken(src, Hello::BYTES, Hello::take).map(Message::Hello),
        };
        // A paused connection may override this.
        match message {
            Some(Message::Request(_)) => self.mode = Mode::Requests,
            Some(Message::Give(_)) => self.mode = Mode::Responses,
            _ => {}
        }
        Ok(message)
    }

    fn request(&mut self, src: &mut BytesMut) -> Result<Option<Message>, WireError> {
        let head = self.head(src)?.map(|head| Request::parse_lenient(&head)).transpose()?;
        Ok(head.map(|request| Message::Request(Box::new(request))))
    }

    fn response(&mut self, src: &mut BytesMut) -> Result<Option<Message>, WireError> {
        let head = self.head(src)?.map(|head| Response::parse_lenient(&head)).transpose()?;
        Ok(head.map(|response| Message::Response(Box::new(response))))
    }

    /// Takes a head, up to its empty line. Line ends before it are passed over: some end `GIVE`, or a body, with one too many.
    fn head(&mut self, src: &mut BytesMut) -> Result<Option<BytesMut>, WireError> {
        while let Some(b'\r' | b'\n') = src.first() {
            src.advance(1);
            self.scan = HeadScan::default();
        }
        Ok(self.scan.find(src)?.map(|len| src.split_to(len)))
    }
}

impl Decoder for Codec {
    type Item = Message;
    type Error = WireError;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Message>, WireError> {
        match &mut self.mode {
            Mode::Port => self.first_bytes(src),
            Mode::Answer => Ok(taken(src, Accept::BYTES, Accept::take).map(Message::Accept)),
            Mode::Session(conversation) => conversation.decode(src),
            Mode::Requests => self.request(src),
            Mode::Responses => self.response(src),
            Mode::Links => Ok(LinkFrame::take(src)?.map(|frame| Message::Link(frame.into()))),
            Mode::Services => Ok(ServiceFrame::take(src)?.map(|frame| Message::Service(frame.into()))),
        }
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Message>, WireError> {
        match self.decode(src)? {
            None if !src.is_empty() => Err(WireError::Truncated),
            message => Ok(message),
        }
    }
}

impl Encoder<Message> for Codec {
    type Error = WireError;

    /// Refuses what the other side could not take where the conversation is: to say it would be a bug of ours.
    fn encode(&mut self, message: Message, dst: &mut BytesMut) -> Result<(), WireError> {
        dst.reserve(message.wire_len() as usize);
        match (&mut self.mode, &message) {
            (Mode::Session(conversation), message) => return conversation.encode(message, dst),
            (Mode::Links, Message::Link(frame)) => return frame.put(dst),
            (Mode::Services, Message::Service(frame)) => return frame.put(dst),
            (Mode::Port, Message::Accept(accept)) => accept.put(dst),
            (Mode::Answer, Message::Hello(hello)) => hello.put(dst),
            (Mode::Port | Mode::Responses, Message::Request(request)) => request.encode(dst),
            (Mode::Port | Mode::Requests, Message::Response(response)) => response.encode(dst),
            (Mode::Requests, Message::Give(id)) => transfer::put_give(*id, dst),
            _ => return Err(WireError::Malformed("conversation: a message that belongs to another")),
        }
        Ok(())
    }
}

impl Wire for Message {
    type Setup = Setup;
    type Codec = Codec;

    #[rustfmt::skip]
    const KINDS: &'static [&'static str] = &[
        "hello", "accept", "network", "ping", "pong", "nodes", "user", "share", "unshare", "query", "reply",
        "query end", "stats", "push", "push order", "network name", "version", "outside address", "ticket",
        "challenge", "proof", "unknown", "request", "response", "give", "link hello", "link refused",
        "link nodes", "link query", "link reply", "link query end", "link push", "link ping", "link pong",
        "service",
    ];

    fn codec(setup: Setup) -> Codec {
        Codec::new(setup)
    }

    fn seal(setup: Setup) -> Option<Seal> {
        match setup {
            Setup::Accepted | Setup::Dialled | Setup::Session(_) | Setup::Client | Setup::Server => None,
            Setup::SealedClient | Setup::LinkDialler | Setup::ServiceClient => Some(Seal::Dialler),
            Setup::SealedServer | Setup::LinkAcceptor | Setup::ServiceServer => Some(Seal::Acceptor),
        }
    }

    fn wire_len(&self) -> u32 {
        match self {
            Message::Hello(_) => Hello::BYTES as u32,
            Message::Accept(_) => Accept::BYTES as u32,
            Message::Network(name) => name.len() as u32 + 1,
            Message::Ping | Message::Pong => 1,
            Message::Request(request) => request.encoded_len(),
            Message::Response(response) => response.encoded_len(),
            Message::Give(id) => transfer::give_len(*id),
            Message::Link(frame) => frame.wire_len(),
            Message::Service(frame) => frame.wire_len(),
            framed => frame::HEADER_BYTES as u32 + payload_len(framed),
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Message::Hello(_) => 0,
            Message::Accept(_) => 1,
            Message::Network(_) => 2,
            Message::Ping => 3,
            Message::Pong => 4,
            Message::Nodes(_) => 5,
            Message::User(_) => 6,
            Message::Share(..) => 7,
            Message::Unshare(..) => 8,
            Message::Query(_) => 9,
            Message::Reply(_) => 10,
            Message::QueryEnd(_) => 11,
            Message::Stats(_) => 12,
            Message::PushAsk(_) => 13,
            Message::PushOrder(_) => 14,
            Message::NetworkName(_) => 15,
            Message::Version(_) => 16,
            Message::OutsideAddress(_) => 17,
            Message::Ticket(_) => 18,
            Message::Challenge(_) => 19,
            Message::Proof(_) => 20,
            Message::Unknown(..) => 21,
            Message::Request(_) => 22,
            Message::Response(_) => 23,
            Message::Give(_) => 24,
            Message::Link(frame) => match frame.link {
                Link::Hello { .. } => 25,
                Link::Refused(_) => 26,
                Link::Nodes { .. } => 27,
                Link::Query { .. } => 28,
                Link::Reply { .. } => 29,
                Link::QueryEnd { .. } => 30,
                Link::Push(_) => 31,
                Link::Ping => 32,
                Link::Pong => 33,
            },
            Message::Service(_) => 34,
        }
    }

    fn pauses(&self) -> bool {
        matches!(
            self,
            Message::Hello(_)
                | Message::Accept(_)
                | Message::Request(_)
                | Message::Response(_)
                | Message::Give(_)
        )
    }
}

/// Bytes of the payload of a message that is framed in a session; of all others none.
pub(super) fn payload_len(message: &Message) -> u32 {
    match message {
        Message::Nodes(nodes) => nodes.len() as u32 * NodeEntry::BYTES,
        Message::User(user) => user.len(),
        Message::Share(number, info) => share::SHARE_HEAD_BYTES + share::len(*number, info),
        Message::Unshare(number, info) => share::len(*number, info),
        Message::Query(query) => query.len(),
        Message::Reply(reply) => reply.len(),
        Message::QueryEnd(_) => 2,
        Message::Stats(_) => Stats::BYTES,
        Message::PushAsk(push) => push.len(),
        Message::PushOrder(_) => PushOrder::BYTES,
        Message::NetworkName(name) => name.len() as u32,
        Message::Version(_) | Message::OutsideAddress(_) => 4,
        Message::Ticket(ticket) => session::ticket_len(ticket),
        Message::Challenge(challenge) => challenge.len() as u32,
        Message::Proof(proof) => proof.len() as u32,
        Message::Unknown(_, payload) => payload.len() as u32,
        Message::Hello(_)
        | Message::Accept(_)
        | Message::Network(_)
        | Message::Ping
        | Message::Pong
        | Message::Request(_)
        | Message::Response(_)
        | Message::Give(_)
        | Message::Link(_)
        | Message::Service(_) => 0,
    }
}

/// Takes what has so many bytes, once they are there.
fn taken<T>(src: &mut BytesMut, len: usize, take: fn(&[u8]) -> Option<T>) -> Option<T> {
    let value = take(src.get(..len)?)?;
    src.advance(len);
    Some(value)
}

/// Takes the line with `GIVE`.
fn give(src: &mut BytesMut) -> Result<Option<Message>, WireError> {
    Ok(transfer::find_give(src)?.map(|(id, len)| {
        src.advance(len);
        Message::Give(id)
    }))
}
