//! Files as their holders tell of them (messages 22 and 05), and as results do.
//!
//! ```text
//! 22: 00, media, 00 00, then     05:
//!     hash 20, number, size, count of tags, tags
//! ```
//!
//! KaZaA's number of a file is the [checksum](common::digest::checksum) of its hash. Ours is the holder's own, which is what the
//! oldest form of request wants back.
//!
//! What we tell of a file, and what is read of what others tell:
//!
//! | of a [`FileInfo`] | tags written | tags read |
//! |---|---|---|
//! | name | 02, its last component, as everybody else does | 02 |
//! | about | 0c, behind the last directory of the path: its words are what people look for, too | 04, 06, 08, 0c, 0e |
//! | digest | the hash; 3b, ours, the tree's root | the same |
//! | bit rate, duration | 15, 05 | the same |
//! | sampling rate | none is known | |

use bytes::BufMut;
use common::digest::Digest;
use common::user::{FileInfo, Media};

use super::media::Realm;
use super::tag::{self, Field, Value};
use super::{packed, text};

const HASH_BYTES: usize = 20;
/// What the hash is of a file whose content is not known.
const NO_HASH: [u8; HASH_BYTES] = [0; HASH_BYTES];
/// More tags of one file are not read. giFT-FastTrack knows 20.
const TAGS_MAX: usize = 64;
/// What stands before the file in message 22.
pub(super) const SHARE_HEAD_BYTES: u32 = 4;

/// Bytes of a file. Looks at lengths, and for the last separators of the path.
pub(super) fn len(number: u32, info: &FileInfo) -> u32 {
    let (mut count, mut tags) = (0, 0);
    each_tag(info, |field, value| {
        count += 1;
        tags += tag::len(field, value);
    });
    HASH_BYTES as u32 + packed::len(u64::from(number)) + packed::len(info.size) + packed::len(count) + tags
}

/// Writes a file.
pub(super) fn put(number: u32, info: &FileInfo, dst: &mut impl BufMut) {
    dst.put_slice(info.digest.as_ref().and_then(Digest::uuhash).unwrap_or(&NO_HASH));
    packed::put(u64::from(number), dst);
    packed::put(info.size, dst);
    let mut count = 0;
    each_tag(info, |_, _| count += 1);
    packed::put(count, dst);
    each_tag(info, |field, value| tag::put(field, value, dst));
}

/// Writes what stands before a file in message 22.
pub(super) fn put_share_head(info: &FileInfo, dst: &mut impl BufMut) {
    dst.put_slice(&[0, Realm::of_name(&info.name).media(), 0, 0]);
}

/// Reads a file: the holder's number for it, and what it is.
pub(super) fn take(src: &mut &[u8]) -> Option<(u32, FileInfo)> {
    let uuhash: [u8; HASH_BYTES] = *src.split_off(..HASH_BYTES)?.first_chunk()?;
    let number = packed::take_u32(src)?;
    let size = packed::take(src)?;
    let count = packed::take(src)?;
    let (mut name, mut about, mut media, mut root) = (None, String::new(), Media::default(), None);
    // Each tag has two bytes at least, so that a lie about their number ends with the bytes.
    for nth in 0..count {
        let (field, value) = tag::take(src)?;
        if nth >= TAGS_MAX as u64 {
            continue;
        }
        match field {
            Field::FILE_NAME => name = Some(text::text(value)),
            Field::TITLE | Field::ARTIST | Field::ALBUM | Field::KEYWORDS | Field::CATEGORY => {
                tag::append(value, &mut about);
            }
            Field::DURATION => media.duration_s = tag::number(value),
            Field::BITRATE => media.bitrate_kbps = tag::number(value),
            Field::TREE => root = <&[u8; 16]>::try_from(value).ok(),
            _ => {}
        }
    }
    let digest = digest(&uuhash, root);
    let name = name.unwrap_or_default().into();
    Some((number, FileInfo { name, about: about.into(), size, digest, media }))
}

fn digest(uuhash: &[u8; HASH_BYTES], root: Option<&[u8; 16]>) -> Option<Digest> {
    match root {
        _ if *uuhash == NO_HASH => None,
        None => Some(Digest::UuHash(*uuhash)),
        Some(root) => {
            let mut kzhash = [0; 36];
            kzhash[..HASH_BYTES].copy_from_slice(uuhash);
            kzhash[HASH_BYTES..].copy_from_slice(root);
            Some(Digest::KzHash(kzhash))
        }
    }
}

/// Calls `each` with all tags that are told of a file.
fn each_tag<'a>(info: &'a FileInfo, mut each: impl FnMut(Field, Value<'a>)) {
    let (directory, name) = last_components(&info.name);
    each(Field::FILE_NAME, Value::Text(name, ""));
    for (field, number) in
        [(Field::BITRATE, info.media.bitrate_kbps), (Field::DURATION, info.media.duration_s)]
    {
        if number != 0 {
            each(field, Value::Number(number));
        }
    }
    if !directory.is_empty() || !info.about.is_empty() {
        each(Field::KEYWORDS, Value::Text(directory, &info.about));
    }
    if let Some(Digest::KzHash(kzhash)) = &info.digest
        && let Some(root) = kzhash.last_chunk()
    {
        each(Field::TREE, Value::Root(root));
    }
}

/// The last directory of a path, or nothing, and the name in it.
fn last_components(path: &str) -> (&str, &str) {
    let mut components = path.rsplit(['/', '\\']);
    let name = components.next().unwrap_or_default();
    (components.next().unwrap_or_default(), name)
}
