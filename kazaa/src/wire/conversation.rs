//! A session after its hellos: both key streams, the networks' names, then pings and messages.

use std::net::Ipv4Addr;
use std::sync::Arc;

use bytes::{Buf, BufMut, BytesMut};
use common::wire::WireError;

use super::cipher::Cipher;
use super::codec::payload_len;
use super::frame::{self, Order, kind};
use super::text::text;
use super::{
    Message, NodeEntry, PushAsk, PushOrder, Query, Reply, SessionKey, Stats, UserInfo, session, share,
};

/// The most bytes of a network's name, its end mark included. `fileshare` is the longest known; noise, of a wrong key for
/// instance, is soon longer.
const NETWORK_BYTES_MAX: usize = 32;
const MALFORMED: WireError = WireError::Malformed("payload: not what its type says");

/// One end of a session. A codec only reads or only writes, so that each stream starts when it is needed.
#[derive(Debug)]
pub(super) struct Conversation {
    key: SessionKey,
    reading: Option<Stream>,
    writing: Option<Stream>,
    /// So many bytes at the start of the buffer have been uncovered.
    clear: usize,
}

/// One direction.
#[derive(Debug)]
struct Stream {
    cipher: Cipher,
    order: Order,
    /// The network's name has gone by.
    is_named: bool,
}

impl Stream {
    fn start(key: SessionKey, from_supernode: bool) -> Result<Stream, WireError> {
        let cipher = Cipher::new(key.stream_seed(from_supernode), key.types);
        let cipher = cipher.ok_or(WireError::Malformed("session: ciphers that nobody here speaks"))?;
        Ok(Stream { cipher, order: Order::START, is_named: false })
    }
}

impl Conversation {
    pub(super) fn new(key: SessionKey) -> Conversation {
        Conversation { key, reading: None, writing: None, clear: 0 }
    }

    /// Takes the next message. Bytes are uncovered in their buffer, each once, however they come.
    pub(super) fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Message>, WireError> {
        let key = self.key;
        let stream = match &mut self.reading {
            Some(stream) => stream,
            none => none.insert(Stream::start(key, !key.is_supernode)?),
        };
        stream.cipher.apply(&mut src[self.clear..]);
        // Whatever comes of it, these are uncovered now.
        self.clear = src.len();
        let message = if stream.is_named {
            framed(&mut stream.order, key.is_supernode, src)?
        } else {
            let name = network(src)?;
            stream.is_named = name.is_some();
            name.map(Message::Network)
        };
        self.clear = src.len();
        Ok(message)
    }

    /// Writes a message, behind what stands in the buffer.
    pub(super) fn encode(&mut self, message: &Message, dst: &mut BytesMut) -> Result<(), WireError> {
        let stream = match &mut self.writing {
            Some(stream) => stream,
            none => none.insert(Stream::start(self.key, self.key.is_supernode)?),
        };
        let is_name = matches!(message, Message::Network(_));
        if is_name == stream.is_named {
            return Err(WireError::Malformed("session: the network's name comes first, and once"));
        }
        let start = dst.len();
        match message {
            Message::Network(name) => {
                if name.len() >= NETWORK_BYTES_MAX || name.contains('\0') {
                    return Err(WireError::Malformed("network's name"));
                }
                dst.put_slice(name.as_bytes());
                dst.put_u8(0);
                stream.is_named = true;
            }
            Message::Ping => dst.put_u8(frame::PING),
            Message::Pong => dst.put_u8(frame::PONG),
            message => stream.order = put_framed(stream.order, message, dst)?,
        }
        stream.cipher.apply(&mut dst[start..]);
        Ok(())
    }
}

/// Takes the network's name.
fn network(src: &mut BytesMut) -> Result<Option<Arc<str>>, WireError> {
    match src.iter().take(NETWORK_BYTES_MAX).position(|byte| *byte == 0) {
        Some(end) => {
            let name = text(&src[..end]).into();
            src.advance(end + 1);
            Ok(Some(name))
        }
        None if src.len() < NETWORK_BYTES_MAX => Ok(None),
        None => Err(WireError::Malformed("network's name")),
    }
}

/// Takes a ping, a pong or a message.
fn framed(order: &mut Order, is_supernode: bool, src: &mut BytesMut) -> Result<Option<Message>, WireError> {
    match src.first() {
        None => return Ok(None),
        Some(&frame::PING) => {
            src.advance(1);
            return Ok(Some(Message::Ping));
        }
        Some(&frame::PONG) => {
            src.advance(1);
            return Ok(Some(Message::Pong));
        }
        Some(&frame::MESSAGE) => {}
        Some(_) => return Err(WireError::Malformed("session: out of step")),
    }
    let Some(&[_, a, b, c, d]) = src.first_chunk::<{ frame::HEADER_BYTES }>() else { return Ok(None) };
    let (kind, len) = order.read([a, b, c, d]);
    let end = frame::HEADER_BYTES + usize::from(frame::checked(kind, u32::from(len))?);
    let Some(payload) = src.get(frame::HEADER_BYTES..end) else { return Ok(None) };
    let message = message(kind, is_supernode, payload).ok_or(MALFORMED)?;
    src.advance(end);
    *order = order.after(kind, len);
    Ok(Some(message))
}

/// The message that a payload is. More bytes than its fields need are passed over: later versions have added some.
fn message(kind: u16, is_supernode: bool, mut payload: &[u8]) -> Option<Message> {
    let src = &mut payload;
    Some(match kind {
        kind::NODES => Message::Nodes(NodeEntry::take_all(src).collect()),
        kind::USER => Message::User(Arc::new(UserInfo::take(src)?)),
        kind::UNSHARE => {
            let (number, info) = share::take(src)?;
            Message::Unshare(number, Arc::new(info))
        }
        kind::SHARE => {
            src.split_off(..share::SHARE_HEAD_BYTES as usize)?;
            let (number, info) = share::take(src)?;
            Message::Share(number, Arc::new(info))
        }
        kind::QUERY => Message::Query(Arc::new(Query::take(src)?)),
        kind::REPLY => Message::Reply(Arc::new(Reply::take(src)?)),
        kind::QUERY_END => Message::QueryEnd(src.try_get_u16().ok()?),
        kind::STATS => Message::Stats(Arc::new(Stats::take(src)?)),
        // Towards a supernode it asks, from one it orders.
        kind::PUSH if is_supernode => Message::PushAsk(Arc::new(PushAsk::take(src)?)),
        kind::PUSH => Message::PushOrder(PushOrder::take(src)?),
        kind::NETWORK_NAME => Message::NetworkName(text(src).into()),
        kind::VERSION => Message::Version(src.try_get_u32().ok()?),
        kind::OUTSIDE_ADDRESS => Message::OutsideAddress(Ipv4Addr::from_bits(src.try_get_u32().ok()?)),
        kind::TICKET => Message::Ticket(Arc::new(session::take_ticket(src)?)),
        kind::CHALLENGE => Message::Challenge(*src.first_chunk()?),
        kind::PROOF => Message::Proof(Box::new(*src.first_chunk()?)),
        _ => Message::Unknown(kind, payload.into()),
    })
}

/// Writes a message with its header; returns the order of the next.
fn put_framed(order: Order, message: &Message, dst: &mut BytesMut) -> Result<Order, WireError> {
    let kind = kind_of(message)?;
    let len = frame::checked(kind, payload_len(message))?;
    dst.put_u8(frame::MESSAGE);
    dst.put_slice(&order.write(kind, len));
    let start = dst.len();
    match message {
        Message::Nodes(nodes) => nodes.iter().for_each(|node| node.put(dst)),
        Message::User(user) => user.put(dst),
        Message::Share(number, info) => {
            share::put_share_head(info, dst);
            share::put(*number, info, dst);
        }
        Message::Unshare(number, info) => share::put(*number, info, dst),
        Message::Query(query) => query.put(dst),
        Message::Reply(reply) => reply.put(dst),
        Message::QueryEnd(id) => dst.put_u16(*id),
        Message::Stats(stats) => stats.put(dst),
        Message::PushAsk(push) => push.put(dst),
        Message::PushOrder(push) => push.put(dst),
        Message::NetworkName(name) => dst.put_slice(name.as_bytes()),
        Message::Version(version) => dst.put_u32(*version),
        Message::OutsideAddress(address) => dst.put_slice(&address.octets()),
        Message::Ticket(ticket) => session::put_ticket(ticket, dst),
        Message::Challenge(challenge) => dst.put_slice(challenge),
        Message::Proof(proof) => dst.put_slice(&**proof),
        Message::Unknown(_, payload) => dst.put_slice(payload),
        _ => {}
    }
    debug_assert_eq!(dst.len() - start, usize::from(len), "{message:?}");
    Ok(order.after(kind, len))
}

/// The type of a message of a session.
fn kind_of(message: &Message) -> Result<u16, WireError> {
    Ok(match message {
        Message::Nodes(_) => kind::NODES,
        Message::User(_) => kind::USER,
        Message::Share(..) => kind::SHARE,
        Message::Unshare(..) => kind::UNSHARE,
        Message::Query(_) => kind::QUERY,
        Message::Reply(_) => kind::REPLY,
        Message::QueryEnd(_) => kind::QUERY_END,
        Message::Stats(_) => kind::STATS,
        Message::PushAsk(_) | Message::PushOrder(_) => kind::PUSH,
        Message::NetworkName(_) => kind::NETWORK_NAME,
        Message::Version(_) => kind::VERSION,
        Message::OutsideAddress(_) => kind::OUTSIDE_ADDRESS,
        Message::Ticket(_) => kind::TICKET,
        Message::Challenge(_) => kind::CHALLENGE,
        Message::Proof(_) => kind::PROOF,
        Message::Unknown(kind, _) => *kind,
        _ => return Err(WireError::Malformed("session: a message that belongs elsewhere")),
    })
}
