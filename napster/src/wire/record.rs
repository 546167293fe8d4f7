//! What messages carry: the structures of the protocol, in the order of their fields on the wire.

use std::net::Ipv4Addr;

use bytes::{BufMut, BytesMut};
use common::digest::Digest;

use super::field::{Field, Fields, record};
use super::text::{Line, Quoted, Token};

/// The checksum field: 32 hexadecimal digits. Foreign clients append `-<size>` or write `WMA-FILE`; servers keep
/// 32 digits or know nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Checksum {
    /// 32 zeros: no checksum was made, or the server does not report them.
    #[default]
    Unknown,
    /// MD5 of the head of the file.
    Md5([u8; 16]),
    /// The word `firewallerror` in an offer: both sides are firewalled.
    FirewallError,
}

const FIREWALL_ERROR: &[u8] = b"firewallerror";

impl Checksum {
    /// The content digest this names, if it names one.
    pub fn digest(self) -> Option<Digest> {
        match self {
            Checksum::Md5(bytes) => Some(Digest::Md5(bytes)),
            Checksum::Unknown | Checksum::FirewallError => None,
        }
    }
}

impl From<Option<Digest>> for Checksum {
    fn from(digest: Option<Digest>) -> Checksum {
        match digest {
            Some(Digest::Md5(bytes)) => Checksum::Md5(bytes),
            _ => Checksum::Unknown,
        }
    }
}

fn md5_of_hex(hex: &[u8]) -> Option<[u8; 16]> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut md5 = [0; 16];
    for (byte, pair) in md5.iter_mut().zip(hex.get(..32)?.chunks_exact(2)) {
        *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
    }
    Some(md5)
}

impl Field for Checksum {
    fn wire_len(&self) -> u32 {
        if *self == Checksum::FirewallError { FIREWALL_ERROR.len() as u32 } else { 32 }
    }
    fn put(&self, out: &mut BytesMut) {
        let bytes = match self {
            Checksum::FirewallError => return out.put_slice(FIREWALL_ERROR),
            Checksum::Unknown => &[0; 16],
            Checksum::Md5(bytes) => bytes,
        };
        for byte in bytes {
            out.put_u8(b"0123456789abcdef"[usize::from(byte >> 4)]);
            out.put_u8(b"0123456789abcdef"[usize::from(byte & 15)]);
        }
    }
    fn take(fields: &mut Fields<'_>) -> Option<Checksum> {
        let field = fields.take()?;
        Some(match md5_of_hex(field) {
            _ if field == FIREWALL_ERROR => Checksum::FirewallError,
            None | Some([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]) => Checksum::Unknown,
            Some(md5) => Checksum::Md5(md5),
        })
    }
}

record! {
    /// Login (2) or registration (6).
    Login {
        /// The name asked for.
        nick: Token,
        /// In clear, as the protocol has it.
        password: Token,
        /// Where downloads are served; 0 behind a firewall.
        port: u16,
        /// The client's name and version.
        client: Quoted,
        /// Link speed, 0 to 10.
        speed: u32,
        /// Registration has one.
        email: Option<Token>,
    }
}

record! {
    /// A file as its owner describes it (100), and a line of a direct browse.
    FileRecord {
        /// Path and name, byte-identical in every request for it.
        file: Quoted,
        /// MD5 of its head.
        checksum: Checksum,
        /// Bytes.
        size: u64,
        /// Kilobits per second.
        bitrate_kbps: u32,
        /// Samples per second.
        frequency_hz: u32,
        /// Length.
        duration_s: u32,
    }
}

record! {
    /// A file of any media type (10300).
    MediaRecord {
        /// Path and name.
        file: Quoted,
        /// Bytes.
        size: u64,
        /// MD5 of its head.
        checksum: Checksum,
        /// The media type, `audio/midi` and the like.
        mime: Token,
    }
}

record! {
    /// A hit of a search (201). Servers may add a weight; it is never sent in practice.
    Found {
        /// The file.
        record: FileRecord,
        /// Who has it.
        nick: Token,
        /// The owner's address; there is no port, that comes with the offer.
        ip: Ipv4Addr,
        /// The owner's link as it claims it.
        speed: u32,
    }
}

record! {
    /// Somebody and one of their files (203, 206, 500, 607, 608, 609).
    Named {
        /// The other user.
        nick: Token,
        /// The file.
        file: Quoted,
    }
}

record! {
    /// Go there and fetch (204), or go there and deliver (501).
    Offer {
        /// The other user.
        nick: Token,
        /// Their address.
        ip: Ipv4Addr,
        /// Their data port; 0 behind a firewall.
        port: u16,
        /// The file.
        file: Quoted,
        /// Its checksum.
        checksum: Checksum,
        /// Their link.
        speed: u32,
    }
}

record! {
    /// The owner's queue is full (619).
    QueueLimit {
        /// Who asked.
        nick: Token,
        /// For what.
        file: Quoted,
        /// How many the owner serves at a time.
        limit: u32,
    }
}

record! {
    /// The same, as the requester hears it (620).
    QueueLimited {
        /// The owner.
        nick: Token,
        /// The file.
        file: Quoted,
        /// Its bytes.
        size: u64,
        /// How many the owner serves at a time.
        limit: u32,
    }
}

record! {
    /// A private message (205): recipient on the way out, sender on the way in.
    Private {
        /// The other user.
        nick: Token,
        /// What is said.
        text: Line,
    }
}

record! {
    /// A ping of a user through the server, or the answer (751, 752): recipient on the way out, sender on the way in.
    Pinged {
        /// The other user.
        nick: Token,
        /// What the pinging side wants back, such as a time; most send nothing.
        text: Option<Line>,
    }
}

record! {
    /// A user and the link they claim (209, 601).
    UserSpeed {
        /// The user.
        nick: Token,
        /// Link speed, 0 to 10.
        speed: u32,
    }
}

record! {
    /// List somebody's files (211).
    Browse {
        /// Whose.
        nick: Token,
        /// At most so many.
        max: Option<u32>,
    }
}

record! {
    /// A file of a browsed user (212).
    BrowseHit {
        /// The user.
        nick: Token,
        /// The file.
        record: FileRecord,
    }
}

record! {
    /// End of a browse (213).
    BrowseEnd {
        /// The user.
        nick: Token,
        /// Their address; 0.0.0.0 if nothing is shared. Missing for a user who is not there.
        ip: Option<Ipv4Addr>,
    }
}

record! {
    /// Somebody wants to browse you directly (640). The address stands there if you are the firewalled side.
    DirectBrowse {
        /// Who.
        nick: Token,
        /// Their address.
        ip: Option<Ipv4Addr>,
        /// Their data port.
        port: Option<u16>,
    }
}

record! {
    /// Where to browse somebody directly (641).
    DirectBrowseAddress {
        /// Who.
        nick: Token,
        /// Their address.
        ip: Ipv4Addr,
        /// Their data port; 0 if they will dial.
        port: u16,
    }
}

record! {
    /// A direct browse is refused (642).
    DirectBrowseError {
        /// The other user.
        nick: Token,
        /// Why.
        why: Quoted,
    }
}

record! {
    /// Server statistics (214).
    Stats {
        /// Users connected.
        users: u32,
        /// Files shared.
        files: u32,
        /// Their bytes, in units of 2^30.
        gigabytes: u32,
    }
}

record! {
    /// Look for another holder of the same content (215).
    ResumeSearch {
        /// MD5 of the head.
        checksum: Checksum,
        /// Bytes of the whole.
        size: u64,
    }
}

record! {
    /// A holder of that content (216).
    ResumeHit {
        /// Who.
        nick: Token,
        /// Their address.
        ip: Ipv4Addr,
        /// Their data port.
        port: u16,
        /// What they call it.
        file: Quoted,
        /// MD5 of the head.
        checksum: Checksum,
        /// Bytes.
        size: u64,
        /// Their link.
        speed: u32,
    }
}

record! {
    /// Who somebody is (604).
    Whois {
        /// The user.
        nick: Token,
        /// `User`, or a rank.
        level: Quoted,
        /// Seconds since login.
        online_s: u64,
        /// Channels joined, each followed by a space; one space if there is none.
        channels: Quoted,
        /// `Active` or what else the server thinks.
        status: Quoted,
        /// Files shared.
        shared: u32,
        /// Downloads running.
        downloads: u32,
        /// Uploads running.
        uploads: u32,
        /// Link speed, 0 to 10.
        speed: u32,
        /// The client's name and version.
        client: Quoted,
    }
}

record! {
    /// Who somebody was (605).
    Whowas {
        /// The registered nick.
        nick: Token,
        /// `User`, or a rank.
        level: Quoted,
        /// When last seen, seconds of the Unix epoch.
        last_seen_s: u64,
    }
}

/// Several files of one directory (870). The server joins directory and file with a backslash, unless the directory
/// ends with one or is empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Directory {
    dir: Quoted,
    files: Vec<FileRecord>,
    wire_len: u32,
}

impl Directory {
    /// An empty list.
    pub fn new(dir: Quoted) -> Directory {
        let wire_len = dir.wire_len();
        Directory { dir, files: Vec::new(), wire_len }
    }

    /// Adds a file unless the message's data would then exceed `max` bytes; hands it back in that case.
    pub fn push(&mut self, file: FileRecord, max: u32) -> Result<(), FileRecord> {
        let grown = self.wire_len + 1 + file.wire_len();
        if grown > max {
            return Err(file);
        }
        self.wire_len = grown;
        self.files.push(file);
        Ok(())
    }

    /// The files under the names they get.
    pub fn joined(&self) -> impl Iterator<Item = FileRecord> {
        let dir = self.dir.as_bytes();
        let separator: &[u8] = if dir.is_empty() || dir.ends_with(b"\\") { b"" } else { b"\\" };
        self.files.iter().map(move |record| {
            let name = [dir, separator, record.file.as_bytes()].concat();
            let file = Quoted::new(&name).expect("two texts without a quote join to one");
            FileRecord { file, ..record.clone() }
        })
    }

    /// How many files.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

impl Field for Directory {
    fn wire_len(&self) -> u32 {
        self.wire_len
    }
    fn put(&self, out: &mut BytesMut) {
        self.dir.put(out);
        for file in &self.files {
            out.put_u8(b' ');
            file.put(out);
        }
    }
    fn take(fields: &mut Fields<'_>) -> Option<Directory> {
        let mut directory = Directory::new(Quoted::take(fields)?);
        while !fields.is_done() {
            directory.push(FileRecord::take(fields)?, u32::MAX).ok()?;
        }
        Some(directory)
    }
}
