//! What KaZaA adds to HTTP.
//!
//! | line | says |
//! |---|---|
//! | `GET /.hash=` and 40 hexadecimal digits | the UUHash of what is wanted |
//! | `GET /2748/name.mp3` | the oldest form: the holder's number for it, and its name |
//! | `UserAgent`, in one word | the program |
//! | `X-Kazaa-Username`, `X-Kazaa-Network`, `X-Kazaa-IP`, `X-Kazaa-SupernodeIP` | who speaks, in requests and answers |
//! | `X-KazaaTag: 3==` and base64 | the UUHash of what is answered |
//! | `X-KzHash:` and base64 | ours: all 36 bytes |
//! | `GIVE 4711` | the answer to a push; a GET follows, by whoever was dialled |

use std::net::SocketAddrV4;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BufMut;
use common::digest::Digest;
use common::http::{Headers, Request, percent_decode};
use common::wire::WireError;

use super::NETWORK;

/// What our nodes call themselves.
pub const USER_AGENT: &str = concat!("p2p-testbed ", env!("CARGO_PKG_VERSION"));
const HASH_TARGET: &str = "/.hash=";
const HASH_BYTES: usize = 20;
const HASH_TAG: &str = "3=";
pub(super) const GIVE: &[u8] = b"GIVE ";
/// The most bytes of a line with `GIVE`: ten digits, and patience with blanks.
const GIVE_BYTES_MAX: usize = 32;

/// What a request wants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Asked {
    /// The content with this UUHash.
    Content([u8; HASH_BYTES]),
    /// The file with that number, if it has that name.
    File(u32, Box<str>),
}

impl Asked {
    /// What a request's target means; `None` for pages that are not there.
    pub fn of(target: &str) -> Option<Asked> {
        if let Some(digits) = target.strip_prefix(HASH_TARGET) {
            return from_hex(digits.as_bytes()).map(Asked::Content);
        }
        let (number, name) = target.strip_prefix('/')?.split_once('/')?;
        Some(Asked::File(decimal(number)?, percent_decode(name).into()))
    }
}

/// The request for a content. It names neither the file nor anything else that could be read in it.
pub fn content_request(uuhash: &[u8; HASH_BYTES]) -> Request {
    let target = format!("{HASH_TARGET}{}", Digest::UuHash(*uuhash));
    Request::get(&target).with("UserAgent", USER_AGENT)
}

/// Adds the lines that say who speaks.
pub fn introduce(headers: &mut Headers, user: &str, address: SocketAddrV4, supernode: Option<SocketAddrV4>) {
    headers.push("X-Kazaa-Username", user);
    headers.push("X-Kazaa-Network", NETWORK);
    headers.push("X-Kazaa-IP", address);
    if let Some(supernode) = supernode {
        headers.push("X-Kazaa-SupernodeIP", supernode);
    }
}

/// The name that somebody gives.
pub fn user_of(headers: &Headers) -> &str {
    headers.get("X-Kazaa-Username").unwrap_or_default()
}

/// Adds the lines that say what the content is.
pub fn tell_content(headers: &mut Headers, digest: &Digest) {
    if let Digest::KzHash(kzhash) = digest {
        headers.push("X-KzHash", STANDARD.encode(kzhash));
    }
    if let Some(uuhash) = digest.uuhash() {
        headers.push("X-KazaaTag", format_args!("{HASH_TAG}={}", STANDARD.encode(uuhash)));
    }
}

/// What the content of an answer is said to be. mldonkey writes the tag in hexadecimal.
pub fn content_of(headers: &Headers) -> Option<Digest> {
    let kzhash = headers.get("X-KzHash").and_then(|text| STANDARD.decode(text).ok());
    if let Some(kzhash) = kzhash.and_then(|bytes| bytes.try_into().ok()) {
        return Some(Digest::KzHash(kzhash));
    }
    let tags = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("X-KazaaTag"));
    let hash = tags.filter_map(|(_, tag)| tag.strip_prefix(HASH_TAG)).find_map(|value| {
        match value.strip_prefix('=') {
            Some(value) => STANDARD.decode(value).ok()?.try_into().ok(),
            None => from_hex(value.as_bytes()),
        }
    });
    hash.map(Digest::UuHash)
}

/// Bytes of the line with `GIVE`.
pub(super) fn give_len(id: u32) -> u32 {
    let digits = id.checked_ilog10().unwrap_or_default() + 1;
    GIVE.len() as u32 + digits + 2
}

/// Writes the line with `GIVE`.
pub(super) fn put_give(id: u32, dst: &mut impl BufMut) {
    dst.put_slice(GIVE);
    dst.put_slice(id.to_string().as_bytes());
    dst.put_slice(b"\r\n");
}

/// The number in a line with `GIVE`, and the line's length; `None` if its end has not come.
pub(super) fn find_give(src: &[u8]) -> Result<Option<(u32, usize)>, WireError> {
    const MALFORMED: WireError = WireError::Malformed("GIVE");
    let Some(end) = src.iter().take(GIVE_BYTES_MAX).position(|byte| *byte == b'\n') else {
        return if src.len() < GIVE_BYTES_MAX { Ok(None) } else { Err(MALFORMED) };
    };
    let number = src[..end].strip_prefix(GIVE).and_then(|text| std::str::from_utf8(text).ok());
    let id = number.and_then(|number| decimal(number.trim())).ok_or(MALFORMED)?;
    Ok(Some((id, end + 1)))
}

/// Digits only: no sign, no overflow.
fn decimal(digits: &str) -> Option<u32> {
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { digits.parse().ok() } else { None }
}

/// The bytes of a hash or a key in hexadecimal digits of either case; `None` if these are others, or too few or many.
pub fn from_hex<const BYTES: usize>(digits: &[u8]) -> Option<[u8; BYTES]> {
    if digits.len() != 2 * BYTES {
        return None;
    }
    let digit = |at: usize| char::from(digits[at]).to_digit(16);
    let mut bytes = [0; BYTES];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = (digit(2 * at)? * 16 + digit(2 * at + 1)?) as u8;
    }
    Some(bytes)
}
