//! What is ours on the wire, and the one place that knows its form: four bytes of length, then serde's data as bincode writes
//! it.
//!
//! bincode is no longer developed and its format is fixed, which is all that is asked of it here. Nothing is read without a
//! limit: a frame's length is checked before its bytes are waited for, a text's against what is left of the limit, and lists grow
//! element by element as they are read, whatever length they claim.

use bytes::{Buf, BufMut, BytesMut};
use common::wire::WireError;
use serde::de::{DeserializeOwned, Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The most bytes of a message between supernodes. The longest are replies, which [`Reply::divided`](super::Reply::divided)
/// keeps below 64,000.
pub const LINK_BYTES_MAX: u32 = 64 * 1024;
/// The most bytes of a message to or from the services. The longest are lists of supernodes.
pub const SERVICE_BYTES_MAX: u32 = 8 * 1024;
/// The most supernodes in a list of ours. KaZaA's had 200.
pub const NODES_MAX: usize = 500;
const LENGTH_BYTES: usize = 4;

/// The most that text within any message may claim.
const LIMIT: usize = LINK_BYTES_MAX as usize;

fn config() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<LIMIT>()
}

/// Bytes of a frame, its length field included.
pub(super) fn frame_len(value: &impl Serialize) -> u32 {
    let mut size = bincode::enc::write::SizeWriter::default();
    let written = bincode::serde::encode_into_writer(value, &mut size, config());
    written.expect("every type of ours can be written");
    u32::try_from(LENGTH_BYTES + size.bytes_written).unwrap_or(u32::MAX)
}

/// Writes a frame of a length that is known.
pub(super) fn put(value: &impl Serialize, len: u32, max: u32, dst: &mut BytesMut) -> Result<(), WireError> {
    let body = checked(len - LENGTH_BYTES as u32, max)?;
    dst.put_u32(body);
    let written = bincode::serde::encode_into_std_write(value, &mut dst.writer(), config());
    written.map(drop).map_err(|_| WireError::Malformed("message of ours"))
}

/// Takes a frame, if all of it has come: the value, and the frame's bytes. Each value has one form: bincode reads numbers that are
/// longer than need be, and a message passed on would no longer have the length it came with.
pub(super) fn take<T>(src: &mut BytesMut, max: u32) -> Result<Option<(T, u32)>, WireError>
where
    T: Serialize + DeserializeOwned,
{
    let Some(length) = src.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
    let len = LENGTH_BYTES + checked(u32::from_be_bytes(*length), max)? as usize;
    let Some(frame) = src.get(LENGTH_BYTES..len) else { return Ok(None) };
    match bincode::serde::decode_from_slice(frame, config()) {
        Ok((value, read)) if read == frame.len() && frame_len(&value) as usize == len => {
            src.advance(len);
            Ok(Some((value, len as u32)))
        }
        Ok(_) => Err(WireError::Malformed("message of ours: not in its one form")),
        Err(_) => Err(WireError::Malformed("message of ours")),
    }
}

fn checked(len: u32, max: u32) -> Result<u32, WireError> {
    if len > max {
        return Err(WireError::TooLong { what: "message of ours", len: u64::from(len), max: u64::from(max) });
    }
    Ok(len)
}

/// Reads a list of at most `MAX` elements.
pub(super) fn bounded<'de, D, T, const MAX: usize>(deserializer: D) -> Result<Box<[T]>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct List<T, const MAX: usize>(std::marker::PhantomData<T>);

    impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for List<T, MAX> {
        type Value = Box<[T]>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "at most {MAX} elements")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Box<[T]>, A::Error> {
            let mut list = Vec::new();
            while let Some(element) = elements.next_element()? {
                if list.len() == MAX {
                    return Err(A::Error::invalid_length(MAX + 1, &self));
                }
                list.push(element);
            }
            Ok(list.into())
        }
    }

    deserializer.deserialize_seq(List::<T, MAX>(std::marker::PhantomData))
}

/// What is told of a file, in a shape of its own: those of `common` have no wire.
pub(super) mod file {
    use std::sync::Arc;

    use common::digest::Digest;
    use common::user::{FileInfo, Media};

    use super::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct File<Text> {
        name: Text,
        about: Text,
        size: u64,
        digest: Option<Digest>,
        media: Media,
    }

    pub fn serialize<S: Serializer>(info: &FileInfo, serializer: S) -> Result<S::Ok, S::Error> {
        let FileInfo { name, about, size, digest, media } = info;
        File { name, about, size: *size, digest: *digest, media: *media }.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<FileInfo>, D::Error> {
        let File { name, about, size, digest, media } = File::<Box<str>>::deserialize(deserializer)?;
        Ok(Arc::new(FileInfo { name, about, size, digest, media }))
    }
}

/// A signature. Serde knows no arrays of 64 elements.
pub(crate) mod signature {
    use super::{Deserialize, Deserializer, Serialize, Serializer};

    type Halves = [[u8; 32]; 2];

    pub fn serialize<S: Serializer>(signature: &[u8; 64], serializer: S) -> Result<S::Ok, S::Error> {
        let halves: Halves = std::array::from_fn(|half| std::array::from_fn(|at| signature[32 * half + at]));
        halves.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Box<[u8; 64]>, D::Error> {
        let halves = Halves::deserialize(deserializer)?;
        Ok(Box::new(std::array::from_fn(|at| halves[at / 32][at % 32])))
    }
}
