//! Bytes to messages and back. One codec with a mode for every kind of conversation; see [`Setup`].

use std::sync::Arc;

use bytes::{Buf, BytesMut};
use common::wire::WireError;
use tokio_util::codec::{Decoder, Encoder};

use super::field::{Field, Fields, digits, number};
use super::text::{Line, Quoted, Token};
use super::{
    CLIENT_FRAME_MAX, Direction, FileRecord, HEADER_LEN, Message, Named, Refusal, Request, SERVER_FRAME_MAX,
    Setup,
};

/// The most bytes of a request on a data connection: a nick, a file name that fits a frame, an offset.
const REQUEST_MAX: usize = CLIENT_FRAME_MAX + 64;
/// The most bytes of a redirector's line: a host name and a port.
const REDIRECT_MAX: usize = 300;
/// The most digits of a 64-bit number.
const DIGITS_MAX: usize = 20;

/// The codec of one direction of a connection.
#[derive(Debug)]
pub struct Codec {
    mode: Mode,
}

#[derive(Clone, Copy, Debug)]
enum Mode {
    Accepted,
    Frames { from_server: bool },
    Redirector,
    Data,
    Download { size: u64, offset: u64 },
    Pushed { size: u64 },
    Upload,
    ListNick,
    ListFiles,
    Silent,
}

impl Codec {
    /// A codec that starts in this mode.
    pub fn new(setup: Setup) -> Codec {
        let mode = match setup {
            Setup::Accepted => Mode::Accepted,
            Setup::Session => Mode::Frames { from_server: true },
            Setup::Redirector => Mode::Redirector,
            Setup::Data => Mode::Data,
            Setup::Download { size, offset } => Mode::Download { size, offset },
            Setup::Pushed { size } => Mode::Pushed { size },
            Setup::Upload => Mode::Upload,
            Setup::List => Mode::ListNick,
            Setup::Silent => Mode::Silent,
        };
        Codec { mode }
    }

    /// After this message the same codec expects something else; a paused connection may override it.
    fn advance(&mut self, message: &Message) {
        self.mode = match message {
            Message::ListNick(_) => Mode::ListFiles,
            Message::Hello
            | Message::Request(_)
            | Message::Delivery(_)
            | Message::Size(_)
            | Message::Offset(_)
            | Message::Refusal(_)
            | Message::ListAsk
            | Message::ListDelivery(_)
            | Message::ListEnd
            | Message::Redirect(_) => Mode::Silent,
            _ => return,
        };
    }
}

impl Decoder for Codec {
    type Item = Message;
    type Error = WireError;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Message>, WireError> {
        if src.is_empty() {
            return Ok(None);
        }
        if let Mode::Accepted = self.mode
            && !matches!(src[0], b'G' | b'S')
        {
            self.mode = Mode::Frames { from_server: false };
        }
        if let Mode::Accepted = self.mode
            && src.len() >= 2
            && !matches!(&src[..2], b"GE" | b"SE")
        {
            self.mode = Mode::Frames { from_server: false };
        }
        let message = match self.mode {
            Mode::Accepted => first_words(src)?,
            Mode::Frames { from_server } => frame(src, from_server)?,
            Mode::Redirector => line(src, REDIRECT_MAX)?.map(|line| Message::Redirect(redirect(&line))),
            Mode::Data => Some(hello(src)?),
            Mode::Download { size, offset } => refusal_or(src, |src| promised_size(src, size, offset))?,
            Mode::Pushed { size } => pushed_size(src, size)?,
            Mode::Upload => refusal_or(src, wanted_offset)?,
            Mode::ListNick => line(src, REQUEST_MAX)?.map(|line| list_nick(&line)).transpose()?,
            Mode::ListFiles => line(src, REQUEST_MAX)?.map(|line| list_file(&line)).transpose()?,
            Mode::Silent => return Err(WireError::Malformed("bytes where nothing was expected")),
        };
        if let Some(message) = &message {
            self.advance(message);
        }
        Ok(message)
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Message>, WireError> {
        match self.decode(src)? {
            // The connection's end ends a redirector's line just as well.
            None if !src.is_empty() && matches!(self.mode, Mode::Redirector) => {
                let message = Message::Redirect(redirect(&src.split()));
                self.advance(&message);
                Ok(Some(message))
            }
            None if !src.is_empty() => Err(WireError::Truncated),
            message => Ok(message),
        }
    }
}

impl Encoder<Message> for Codec {
    type Error = WireError;

    fn encode(&mut self, message: Message, dst: &mut BytesMut) -> Result<(), WireError> {
        if let Some(len) = message.data_len()
            && len > u32::from(u16::MAX)
        {
            return Err(WireError::TooLong { what: "frame", len: u64::from(len), max: u64::from(u16::MAX) });
        }
        message.put(dst);
        Ok(())
    }
}

fn frame(src: &mut BytesMut, from_server: bool) -> Result<Option<Message>, WireError> {
    let max = if from_server { SERVER_FRAME_MAX } else { CLIENT_FRAME_MAX };
    if src.len() < 2 {
        return Ok(None);
    }
    let len = usize::from(u16::from_le_bytes([src[0], src[1]]));
    if len > max {
        return Err(WireError::TooLong { what: "frame", len: len as u64, max: max as u64 });
    }
    if src.len() < HEADER_LEN + len {
        return Ok(None);
    }
    let code = u16::from_le_bytes([src[2], src[3]]);
    let from = if from_server { Direction::S } else { Direction::C };
    let message = Message::of_frame(code, &src[HEADER_LEN..HEADER_LEN + len], from);
    src.advance(HEADER_LEN + len);
    Ok(Some(message))
}

/// `Ok(None)` while `src` could still become `word`; otherwise whether it starts with it.
fn starts_with(src: &[u8], word: &[u8]) -> Option<bool> {
    let common = src.len().min(word.len());
    match src[..common] == word[..common] {
        false => Some(false),
        true if src.len() >= word.len() => Some(true),
        true => None,
    }
}

/// What the dialling side of a data connection says after our `1`.
///
/// Neither `GETLIST` nor the offset of a `GET` has an end mark: both end with the data at hand. Nothing may
/// follow them before our answer, and they leave in one write, so only a network that tears a few bytes apart
/// could mislead us; a torn offset then fails at the size check of the other side.
fn first_words(src: &mut BytesMut) -> Result<Option<Message>, WireError> {
    if src.len() > REQUEST_MAX {
        return Err(WireError::TooLong { what: "request", len: src.len() as u64, max: REQUEST_MAX as u64 });
    }
    match (starts_with(src, b"GET"), starts_with(src, b"SEND")) {
        (Some(true), _) => get(src),
        (_, Some(true)) => send(src),
        (Some(false), Some(false)) => Err(WireError::Malformed("request: neither GET nor SEND")),
        _ => Ok(None),
    }
}

fn get(src: &mut BytesMut) -> Result<Option<Message>, WireError> {
    if matches!(&src[3..], b"LIST" | b"LIST\n" | b"LIST\r\n") {
        src.clear();
        return Ok(Some(Message::ListAsk));
    }
    let mut fields = Fields::new(&src[3..]);
    let Some((nick, file)) = nick_and_file(&mut fields)? else { return Ok(None) };
    let Some(digits) = fields.take() else { return Ok(None) };
    if digits.len() > DIGITS_MAX || !digits.iter().all(u8::is_ascii_digit) || !fields.is_done() {
        return Err(WireError::Malformed("request: offset"));
    }
    let offset = number(digits).ok_or(WireError::Malformed("request: offset"))?;
    src.clear();
    Ok(Some(Message::Request(Arc::new(Request { nick, file, offset }))))
}

/// `SENDnick "file" ` or `SENDLIST nick`, which a nick `LIST` would make the same up to the quote.
fn send(src: &mut BytesMut) -> Result<Option<Message>, WireError> {
    if let [b'L', b'I', b'S', b'T', b' ', first, ..] = src[4..]
        && first != b'"'
    {
        let Some(line) = line(src, REQUEST_MAX)? else { return Ok(None) };
        let nick = Token::new(&line[9..]).ok_or(WireError::Malformed("SENDLIST: nick"))?;
        return Ok(Some(Message::ListDelivery(nick)));
    }
    let data = &src[4..];
    let mut fields = Fields::new(data);
    let Some((nick, file)) = nick_and_file(&mut fields)? else { return Ok(None) };
    // The one space before the size belongs to this message, so that the size starts with a digit.
    let end = data.len() - fields.left();
    if data.get(end).is_none() {
        return Ok(None);
    }
    src.advance(4 + end + 1);
    Ok(Some(Message::Delivery(Arc::new(Named { nick, file }))))
}

/// The two fields, or `None` if they are not complete; a file name must stand in quotes, or its end is unknown.
fn nick_and_file(fields: &mut Fields<'_>) -> Result<Option<(Token, Quoted)>, WireError> {
    let Some(nick) = fields.take() else { return Ok(None) };
    let nick = Token::new(nick).ok_or(WireError::Malformed("request: nick"))?;
    match fields.next_byte() {
        None => return Ok(None),
        Some(b'"') => {}
        Some(_) => return Err(WireError::Malformed("request: a file name without quotes")),
    }
    let Some(file) = fields.take() else { return Ok(None) };
    let file = Quoted::new(file).ok_or(WireError::Malformed("request: file"))?;
    Ok(Some((nick, file)))
}

fn hello(src: &mut BytesMut) -> Result<Message, WireError> {
    if src[0] != b'1' {
        return Err(WireError::Malformed("data connection: it does not begin with 1"));
    }
    src.advance(1);
    Ok(Message::Hello)
}

/// The error words, or what stands in their place.
fn refusal_or(
    src: &mut BytesMut,
    otherwise: impl FnOnce(&mut BytesMut) -> Result<Option<Message>, WireError>,
) -> Result<Option<Message>, WireError> {
    for refusal in [Refusal::NotShared, Refusal::Invalid] {
        match starts_with(src, refusal.words()) {
            Some(false) => {}
            Some(true) => {
                src.clear();
                return Ok(Some(Message::Refusal(refusal)));
            }
            None => return Ok(None),
        }
    }
    otherwise(src)
}

/// True if `src` begins with these digits, `None` while it may.
fn starts_with_number(src: &[u8], value: u64) -> Option<bool> {
    let mut expected = BytesMut::with_capacity(DIGITS_MAX);
    super::put_number(value, &mut expected);
    starts_with(src, &expected)
}

/// The digits of the size we were promised, or of the bytes left of it: giFT sends the latter. Whoever asks
/// chooses an offset for which the one is not the beginning of the other ([`is_unambiguous`]).
fn promised_size(src: &mut BytesMut, size: u64, offset: u64) -> Result<Option<Message>, WireError> {
    let mut undecided = false;
    for value in [size, size.saturating_sub(offset)] {
        match starts_with_number(src, value) {
            Some(true) => {
                src.advance(digits(value) as usize);
                return Ok(Some(Message::Size(value)));
            }
            Some(false) => {}
            None => undecided = true,
        }
    }
    if undecided { Ok(None) } else { Err(WireError::Malformed("size: not the one the search promised")) }
}

/// True if a size followed by file bytes cannot be mistaken: the digits of what is left after `offset` are no
/// beginning of the digits of the whole.
pub(crate) fn is_unambiguous(size: u64, offset: u64) -> bool {
    let rest = size.saturating_sub(offset);
    rest == size || !size.to_string().starts_with(&rest.to_string())
}

fn pushed_size(src: &mut BytesMut, size: u64) -> Result<Option<Message>, WireError> {
    while src.first() == Some(&b' ') {
        src.advance(1);
    }
    if src.is_empty() { Ok(None) } else { promised_size(src, size, 0) }
}

fn wanted_offset(src: &mut BytesMut) -> Result<Option<Message>, WireError> {
    if src.len() > DIGITS_MAX || !src.iter().all(u8::is_ascii_digit) {
        return Err(WireError::Malformed("offset"));
    }
    let offset = number(src).ok_or(WireError::Malformed("offset"))?;
    src.clear();
    Ok(Some(Message::Offset(offset)))
}

/// The bytes up to a line feed, which is taken too.
fn line(src: &mut BytesMut, max: usize) -> Result<Option<BytesMut>, WireError> {
    let end = src.iter().take(max + 1).position(|b| *b == b'\n');
    match end {
        Some(end) => {
            let mut line = src.split_to(end + 1);
            line.truncate(if line[..end].ends_with(b"\r") { end - 1 } else { end });
            Ok(Some(line))
        }
        None if src.len() > max => {
            Err(WireError::TooLong { what: "line", len: src.len() as u64, max: max as u64 })
        }
        None => Ok(None),
    }
}

fn redirect(line: &[u8]) -> Line {
    Line::new(line).expect("a line takes any bytes")
}

fn list_nick(line: &[u8]) -> Result<Message, WireError> {
    Token::new(line).map(Message::ListNick).ok_or(WireError::Malformed("list: nick"))
}

fn list_file(line: &[u8]) -> Result<Message, WireError> {
    if line.is_empty() {
        return Ok(Message::ListEnd);
    }
    let record = FileRecord::take(&mut Fields::new(line)).ok_or(WireError::Malformed("list: file"))?;
    Ok(Message::ListFile(Arc::new(record)))
}
