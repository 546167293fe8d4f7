//! The messages of Napster's two kinds of connection, and how they stand on the wire.
//!
//! **Server sessions** carry frames: two bytes of length and two of type, both little-endian, then text
//! ([`text`] says which bytes, [`field`] how it is split). The numbers below are the types of the OpenNap
//! protocol text; `C` stands for client to server, `S` for server to client, `B` for both.
//!
//! **Data connections** between two peers carry words and numbers without any end mark, then file bytes. What
//! is expected next depends on what was said before, so the codec has a mode, [`Setup`].
//!
//! Sources: the protocol text of April 2001 by drscholl ("napster messages", section numbers do not exist in
//! it, so types are cited), its extended edition of December 2001, and the behaviour of opennap-ng 0.50-beta2
//! and giFT-OpenNap where the texts are silent.

mod codec;
pub mod field;
pub mod record;
pub mod search;
pub mod text;

use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use common::wire::Wire;

pub use codec::Codec;
pub(crate) use codec::is_unambiguous;
use field::{Field, Fields, digits, put_number};
pub use record::*;
pub use text::{Line, Quoted, Token};

/// The most data bytes in a frame that a server accepts (`max_command_length` of opennap-ng); more closes the
/// connection without a word.
pub const CLIENT_FRAME_MAX: usize = 2048;
/// The most data bytes in a frame that a client accepts. Servers repeat a client's strings and add little.
pub const SERVER_FRAME_MAX: usize = 8192;
/// Bytes of a frame's header.
pub const HEADER_LEN: usize = 4;

/// What is spoken on a connection, and from which side.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Setup {
    /// Accepted: the first bytes decide. `GET` and `SEND` read as a frame length exceed every limit, so a login
    /// and a transfer cannot be confused.
    #[default]
    Accepted,
    /// Dialled to a server: frames of its types.
    Session,
    /// Dialled to a redirector: one line.
    Redirector,
    /// Dialled to a peer's data port: it says `1`, and who dialled decides how to go on.
    Data,
    /// We asked for a file: the size in digits, without an end mark. It is read as the digits of the size that
    /// the search promised, or of what is left of it after `offset`.
    Download {
        /// Bytes of the whole file, as promised.
        size: u64,
        /// Where the body will start.
        offset: u64,
    },
    /// We were offered a file: its size in digits, which must be the one promised.
    Pushed {
        /// Bytes of the whole file, as promised.
        size: u64,
    },
    /// We offered a file: the offset wanted, digits that end with the data at hand.
    Upload,
    /// We asked for a list, or were sent one: a nick, lines, an empty line.
    List,
    /// Nothing more is expected.
    Silent,
}

/// A frame whose data could not be read, or whose type nobody knows. It keeps the session; a server answers it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Raw {
    /// The type.
    pub code: u16,
    /// The data.
    pub data: Line,
}

/// The answer of an owner that will not send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// `FILE NOT SHARED`
    NotShared,
    /// `INVALID REQUEST`
    Invalid,
}

impl Refusal {
    /// The words on the wire.
    pub fn words(self) -> &'static [u8] {
        match self {
            Refusal::NotShared => b"FILE NOT SHARED",
            Refusal::Invalid => b"INVALID REQUEST",
        }
    }
}

/// A request on a data connection: `GET`, then nick, file and offset.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// Who asks.
    pub nick: Token,
    /// The file, as shared.
    pub file: Quoted,
    /// The first byte wanted.
    pub offset: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    C,
    S,
    B,
}

macro_rules! messages {
    (
        empty { $($e_code:literal $e_dir:ident $Empty:ident $e_name:literal,)* }
        frames { $($f_code:literal $f_dir:ident $Frame:ident($payload:ty) $f_name:literal,)* }
        stream { $($(#[$s_doc:meta])* $Stream:ident$(($part:ty))? $s_name:literal,)* }
    ) => {
        /// A message of either kind of connection; variants are named for what they say.
        #[derive(Clone, PartialEq, Eq, Debug)]
        pub enum Message {
            $(#[doc = concat!("Type ", $e_code, ", ", stringify!($e_dir), ": ", $e_name, ", no data.")] $Empty,)*
            $(#[doc = concat!("Type ", $f_code, ", ", stringify!($f_dir), ": ", $f_name, ".")] $Frame($payload),)*
            /// A frame of a type that this side does not know.
            Unknown(Box<Raw>),
            /// A frame of a known type whose data is not what it should be.
            Unparsable(Box<Raw>),
            $($(#[$s_doc])* $Stream$(($part))?,)*
        }

        #[repr(u8)]
        enum Kind { $($Empty,)* $($Frame,)* Unknown, Unparsable, $($Stream,)* }

        impl Message {
            fn kind_index(&self) -> u8 {
                match self {
                    $(Message::$Empty => Kind::$Empty as u8,)*
                    $(Message::$Frame(_) => Kind::$Frame as u8,)*
                    Message::Unknown(_) => Kind::Unknown as u8,
                    Message::Unparsable(_) => Kind::Unparsable as u8,
                    $(Message::$Stream { .. } => Kind::$Stream as u8,)*
                }
            }

            /// The frame type; `None` for what data connections carry.
            pub fn code(&self) -> Option<u16> {
                match self {
                    $(Message::$Empty => Some($e_code),)*
                    $(Message::$Frame(_) => Some($f_code),)*
                    Message::Unknown(raw) | Message::Unparsable(raw) => Some(raw.code),
                    $(Message::$Stream { .. } => None,)*
                }
            }

            /// Bytes of a frame's data; `None` for what data connections carry.
            fn data_len(&self) -> Option<u32> {
                match self {
                    $(Message::$Empty => Some(0),)*
                    $(Message::$Frame(payload) => Some(payload.wire_len()),)*
                    Message::Unknown(raw) | Message::Unparsable(raw) => Some(raw.data.wire_len()),
                    $(Message::$Stream { .. } => None,)*
                }
            }

            /// Writes a frame's data; nothing for what data connections carry.
            fn put_data(&self, out: &mut BytesMut) {
                match self {
                    $(Message::$Empty => {})*
                    $(Message::$Frame(payload) => payload.put(out),)*
                    Message::Unknown(raw) | Message::Unparsable(raw) => raw.data.put(out),
                    $(Message::$Stream { .. } => {})*
                }
            }

            /// Reads a frame's data, sent by the side `from` (`C` or `S`).
            fn of_frame(code: u16, data: &[u8], from: Direction) -> Message {
                let allowed = |direction: Direction| direction == from || direction == Direction::B;
                let raw = || Box::new(Raw { code, data: Line::new(data).expect("a line takes any bytes") });
                match code {
                    $($e_code if allowed(Direction::$e_dir) => Message::$Empty,)*
                    $($f_code if allowed(Direction::$f_dir) => {
                        match <$payload as Field>::take(&mut Fields::new(data)) {
                            Some(payload) => Message::$Frame(payload),
                            None => Message::Unparsable(raw()),
                        }
                    })*
                    _ => Message::Unknown(raw()),
                }
            }
        }

        const KINDS: &[&str] =
            &[$($e_name,)* $($f_name,)* "unknown type", "unparsable", $($s_name,)*];
    };
}

messages! {
    empty {
        4 S VersionAck "version ack",
        8 S NickFree "nick free",
        9 S NickTaken "nick taken",
        110 C UnshareAll "unshare all",
        202 S SearchEnd "search end",
        214 C StatsAsk "stats ask",
        217 S ResumeEnd "resume end",
        218 C DownloadBegun "download begun",
        219 C DownloadEnded "download ended",
        220 C UploadBegun "upload begun",
        221 C UploadEnded "upload ended",
        621 C MotdAsk "motd ask",
        748 S GhostKilled "ghost killed",
    }
    frames {
        0 S LoginError(Line) "login error",
        2 C Login(Box<Login>) "login",
        3 S LoginAck(Line) "login ack",
        4 C Version(Line) "version",
        5 S Upgrade(Line) "upgrade",
        6 C Register(Box<Login>) "register",
        7 C NickCheck(Line) "nick check",
        10 S NickInvalid(Line) "nick invalid",
        100 C Share(Arc<FileRecord>) "share",
        102 C Unshare(Line) "unshare",
        110 S UnsharedAll(u32) "unshared all",
        200 C Search(Line) "search",
        201 S SearchHit(Arc<Found>) "search hit",
        203 C Get(Arc<Named>) "get",
        204 S Offer(Arc<Offer>) "offer",
        205 B PrivateMessage(Box<Private>) "private message",
        206 S GetError(Arc<Named>) "get error",
        207 C HotlistAdd(Token) "hotlist add",
        208 C Hotlist(Token) "hotlist",
        209 S SignedOn(Box<UserSpeed>) "signed on",
        210 S SignedOff(Token) "signed off",
        211 C Browse(Box<Browse>) "browse",
        212 S BrowseHit(Arc<BrowseHit>) "browse hit",
        213 S BrowseEnd(Box<BrowseEnd>) "browse end",
        214 S Stats(Stats) "stats",
        215 C ResumeSearch(Box<ResumeSearch>) "resume search",
        216 S ResumeHit(Box<ResumeHit>) "resume hit",
        301 S HotlistAck(Token) "hotlist ack",
        303 C HotlistRemove(Token) "hotlist remove",
        316 S Disconnecting(Line) "disconnecting",
        404 S Notice(Line) "notice",
        500 C GetPush(Arc<Named>) "get by push",
        501 S Push(Arc<Offer>) "push",
        600 C SpeedAsk(Token) "speed ask",
        601 S Speed(Box<UserSpeed>) "speed",
        603 C WhoisAsk(Token) "whois ask",
        604 S Whois(Box<Whois>) "whois",
        605 S Whowas(Box<Whowas>) "whowas",
        607 S UploadAsk(Arc<Named>) "upload ask",
        608 C UploadAccept(Arc<Named>) "upload accept",
        609 B UploadRefuse(Arc<Named>) "upload refuse",
        619 C QueueLimit(Box<QueueLimit>) "queue limit",
        620 S QueueLimited(Box<QueueLimited>) "queue limited",
        621 S Motd(Line) "motd",
        626 B PortError(Token) "data port error",
        640 C DirectBrowseAsk(Token) "direct browse ask",
        640 S DirectBrowse(Box<DirectBrowse>) "direct browse",
        641 C DirectBrowseAccept(Token) "direct browse accept",
        641 S DirectBrowseAddress(Box<DirectBrowseAddress>) "direct browse address",
        642 B DirectBrowseError(Box<DirectBrowseError>) "direct browse error",
        700 C SpeedChange(u32) "speed change",
        703 C PortChange(u16) "port change",
        750 C ServerPing(Line) "server ping",
        750 S ServerPong(Line) "server pong",
        751 B Ping(Box<Pinged>) "ping",
        752 B Pong(Box<Pinged>) "pong",
        870 C ShareDirectory(Arc<Directory>) "share directory",
        10300 C ShareMedia(Arc<MediaRecord>) "share media",
    }
    stream {
        /// `1`: whoever accepted a data connection says it first. What follows depends on who dialled and why.
        Hello "hello",
        /// `GET`, nick, file, offset: the dialling side wants a file.
        Request(Arc<Request>) "request",
        /// `SEND`, nick, file: the dialling side brings a file; its size follows as a message of its own.
        Delivery(Arc<Named>) "delivery",
        /// The size of the file, in digits: before the body, or after a delivery.
        Size(u64) "size",
        /// The first byte wanted of a delivery, in digits.
        Offset(u64) "offset",
        /// Words in place of a size or an offset.
        Refusal(Refusal) "refusal",
        /// `GETLIST`: the dialling side wants the list of files.
        ListAsk "list ask",
        /// `SENDLIST` and a nick: the dialling side brings its list.
        ListDelivery(Token) "list delivery",
        /// The first line of a list: whose it is.
        ListNick(Token) "list nick",
        /// A line of a list.
        ListFile(Arc<FileRecord>) "list file",
        /// The empty line at the end of a list.
        ListEnd "list end",
        /// A redirector's whole answer: `host:port`.
        Redirect(Line) "redirect",
    }
}

const _: () = assert!(size_of::<Message>() <= 24);

impl Message {
    /// Writes the message as it stands on the wire.
    fn put(&self, out: &mut BytesMut) {
        out.reserve(self.wire_len() as usize);
        if let (Some(code), Some(len)) = (self.code(), self.data_len()) {
            out.put_u16_le(len as u16);
            out.put_u16_le(code);
            return self.put_data(out);
        }
        match self {
            Message::Hello => out.put_u8(b'1'),
            // In one write, though the protocol text has `GET` in one of its own: giFT-OpenNap takes it for the start
            // of whatever it reads next and so loses three letters of a nick that comes apart from it; others peek.
            Message::Request(request) => {
                out.put_slice(b"GET");
                request.nick.put(out);
                out.put_u8(b' ');
                request.file.put(out);
                out.put_u8(b' ');
                put_number(request.offset, out);
            }
            Message::Delivery(named) => {
                out.put_slice(b"SEND");
                named.put(out);
                out.put_u8(b' ');
            }
            Message::Size(number) | Message::Offset(number) => put_number(*number, out),
            Message::Refusal(refusal) => out.put_slice(refusal.words()),
            Message::ListAsk => out.put_slice(b"GETLIST"),
            Message::ListDelivery(nick) => {
                out.put_slice(b"SENDLIST ");
                nick.put(out);
                out.put_u8(b'\n');
            }
            Message::ListNick(nick) => {
                nick.put(out);
                out.put_u8(b'\n');
            }
            Message::ListFile(record) => {
                record.put(out);
                out.put_u8(b'\n');
            }
            Message::ListEnd => out.put_u8(b'\n'),
            Message::Redirect(line) => {
                line.put(out);
                out.put_u8(b'\n');
            }
            _ => unreachable!("every other message is a frame"),
        }
    }
}

impl Wire for Message {
    type Setup = Setup;
    type Codec = Codec;
    const KINDS: &'static [&'static str] = KINDS;

    fn codec(setup: Setup) -> Codec {
        Codec::new(setup)
    }

    fn wire_len(&self) -> u32 {
        if let Some(len) = self.data_len() {
            return HEADER_LEN as u32 + len;
        }
        match self {
            Message::Hello | Message::ListEnd => 1,
            Message::Request(request) => {
                3 + request.nick.wire_len() + request.file.wire_len() + 2 + digits(request.offset)
            }
            Message::Delivery(named) => 4 + named.wire_len() + 1,
            Message::Size(number) | Message::Offset(number) => digits(*number),
            Message::Refusal(refusal) => refusal.words().len() as u32,
            Message::ListAsk => 7,
            Message::ListDelivery(nick) => 9 + nick.wire_len() + 1,
            Message::ListNick(nick) => nick.wire_len() + 1,
            Message::ListFile(record) => record.wire_len() + 1,
            Message::Redirect(line) => line.wire_len() + 1,
            _ => unreachable!("every other message is a frame"),
        }
    }

    fn kind(&self) -> u8 {
        self.kind_index()
    }

    /// What follows depends on the receiver's next step: after the `1`, after a delivery's name, after any
    /// size (a body, or nothing until the offset is sent), after `SENDLIST`.
    fn pauses(&self) -> bool {
        matches!(self, Message::Hello | Message::Delivery(_) | Message::Size(_) | Message::ListDelivery(_))
    }
}
