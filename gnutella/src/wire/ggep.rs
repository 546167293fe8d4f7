//! GGEP: extension blocks inside other payloads (draft 0.6, 2.3).
//!
//! ```text
//! c3 | { flags, id length | id 1..15 | length 1..3 bytes | data } *
//! flags: bit 7 last extension, bit 6 COBS, bit 5 deflated, bit 4 zero, bits 3-0 length of the id
//! length: six bits a byte, most significant first; 10xxxxxx more follow, 01xxxxxx the last
//! ```
//!
//! Where no NUL byte may stand, inside the results of a query hit, data is written by COBS: each run of bytes up to a
//! zero is preceded by its length plus one instead of being followed by the zero. Deflated data is not inflated here:
//! no extension that this servent reads comes in that form.

use std::borrow::Cow;

/// The byte before a block.
pub(super) const MAGIC: u8 = 0xc3;
const LAST: u8 = 0x80;
const COBS: u8 = 0x40;
const DEFLATED: u8 = 0x20;
const RESERVED: u8 = 0x10;
const ID_LEN: u8 = 0x0f;
/// Bytes that three times six bits can count.
const DATA_BYTES_MAX: usize = (1 << 18) - 1;
/// The most extensions of a block that are read. Real ones have less than twenty.
const EXTENSIONS_MAX: usize = 64;

/// A block of extensions, in the bytes it came in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ggep<'a>(&'a [u8]);

/// One extension of a block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Extension<'a> {
    /// One to fifteen bytes, mostly letters.
    pub id: &'a [u8],
    /// What it says, COBS undone.
    pub data: Cow<'a, [u8]>,
    /// `data` is deflated still.
    pub deflated: bool,
}

/// Makes a block.
#[derive(Clone, Debug)]
pub struct GgepBuilder {
    bytes: Vec<u8>,
    last_flags_at: usize,
    without_nul: bool,
}

/// One extension as it stands in the bytes.
struct Field<'a> {
    flags: u8,
    id: &'a [u8],
    data: &'a [u8],
}

impl<'a> Ggep<'a> {
    /// The block at the start of `bytes`; `None` if there is none, or one that does not end properly.
    pub fn parse(bytes: &'a [u8]) -> Option<Ggep<'a>> {
        let mut rest = bytes.strip_prefix(&[MAGIC])?;
        for _ in 0..EXTENSIONS_MAX {
            let (field, after) = Field::take(rest)?;
            rest = after;
            if field.flags & LAST != 0 {
                return Some(Ggep(&bytes[..bytes.len() - rest.len()]));
            }
        }
        None
    }

    /// Bytes of the block.
    #[expect(clippy::len_without_is_empty, reason = "a block holds one extension at least")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The extensions in order, but for those whose COBS is broken.
    pub fn iter(&self) -> impl Iterator<Item = Extension<'a>> + use<'a> {
        self.fields().filter_map(|(field, _)| {
            let data = match field.flags & COBS {
                0 => Cow::Borrowed(field.data),
                _ => Cow::Owned(cobs_decoded(field.data)?),
            };
            Some(Extension { id: field.id, data, deflated: field.flags & DEFLATED != 0 })
        })
    }

    /// The first extension of that id.
    pub fn get(&self, id: &[u8]) -> Option<Extension<'a>> {
        self.iter().find(|extension| extension.id == id)
    }

    /// Where in the block the data of the first extension of that id stands, if it is written by COBS and as long as
    /// said.
    pub(super) fn cobs_at(&self, id: &[u8], len: usize) -> Option<usize> {
        let (field, after) = self.fields().find(|(field, _)| field.id == id)?;
        let fits = field.flags & (COBS | DEFLATED) == COBS && field.data.len() == len;
        fits.then(|| self.0.len() - after.len() - len)
    }

    /// Each extension, and the bytes after it.
    fn fields(&self) -> impl Iterator<Item = (Field<'a>, &'a [u8])> + use<'a> {
        let mut rest = &self.0[1..];
        std::iter::from_fn(move || {
            let (field, after) = Field::take(rest)?;
            rest = after;
            Some((field, after))
        })
    }
}

impl<'a> Field<'a> {
    /// The extension at the start of `bytes`, and what follows it.
    fn take(bytes: &'a [u8]) -> Option<(Field<'a>, &'a [u8])> {
        let (&flags, rest) = bytes.split_first()?;
        if flags & RESERVED != 0 || flags & ID_LEN == 0 {
            return None;
        }
        let (id, mut rest) = rest.split_at_checked(usize::from(flags & ID_LEN))?;
        let mut len = 0;
        for _ in 0..3 {
            let (&byte, after) = rest.split_first()?;
            rest = after;
            len = len << 6 | usize::from(byte & 0x3f);
            match byte & 0xc0 {
                0x80 => {}
                0x40 => {
                    let (data, rest) = rest.split_at_checked(len)?;
                    return Some((Field { flags, id, data }, rest));
                }
                _ => return None,
            }
        }
        None
    }
}

impl GgepBuilder {
    /// An empty block. `without_nul`: it must not have a zero byte.
    pub fn new(without_nul: bool) -> Self {
        GgepBuilder { bytes: vec![MAGIC], last_flags_at: 0, without_nul }
    }

    /// With one more extension.
    ///
    /// # Panics
    /// If the id is not of 1 to 15 bytes without a zero, or if there are more data than an extension holds (262,143
    /// bytes, COBS included): both are the program's own.
    #[must_use]
    pub fn with(mut self, id: &[u8], data: &[u8]) -> Self {
        assert!((1..=15).contains(&id.len()) && !id.contains(&0), "no GGEP id: {id:?}");
        let cobs = self.without_nul && data.contains(&0);
        let data = if cobs { Cow::Owned(cobs_encoded(data)) } else { Cow::Borrowed(data) };
        self.put(if cobs { COBS } else { 0 }, id, &data);
        self
    }

    /// With one more extension, written by COBS whether it has zeros or not, so that its length depends on nothing.
    #[must_use]
    pub(super) fn with_cobs(mut self, id: &[u8], data: &[u8]) -> Self {
        self.put(COBS, id, &cobs_encoded(data));
        self
    }

    fn put(&mut self, flags: u8, id: &[u8], data: &[u8]) {
        assert!(data.len() <= DATA_BYTES_MAX, "{} bytes do not fit a GGEP extension", data.len());
        self.last_flags_at = self.bytes.len();
        self.bytes.push(flags | id.len() as u8);
        self.bytes.extend_from_slice(id);
        for shift in [12, 6] {
            if data.len() >> shift != 0 {
                self.bytes.push(0x80 | (data.len() >> shift & 0x3f) as u8);
            }
        }
        self.bytes.push(0x40 | (data.len() & 0x3f) as u8);
        self.bytes.extend_from_slice(data);
    }

    /// The block; empty if there are no extensions.
    pub fn build(mut self) -> Vec<u8> {
        if self.last_flags_at == 0 {
            return Vec::new();
        }
        self.bytes[self.last_flags_at] |= LAST;
        self.bytes
    }
}

/// Consistent overhead byte stuffing (Cheshire and Baker 1999): no zero comes out.
pub(super) fn cobs_encoded(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len() + data.len() / 254 + 1);
    let mut code_at = 0;
    out.push(1);
    for byte in data {
        if out[code_at] == 0xff {
            code_at = out.len();
            out.push(1);
        }
        if *byte == 0 {
            code_at = out.len();
            out.push(1);
        } else {
            out[code_at] += 1;
            out.push(*byte);
        }
    }
    out
}

/// Undoes [`cobs_encoded`].
pub(super) fn cobs_decoded(mut data: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(data.len());
    while let Some((&code, rest)) = data.split_first() {
        let (run, rest) = rest.split_at_checked(usize::from(code.checked_sub(1)?))?;
        out.extend_from_slice(run);
        // The last run's zero is not one of the data; a run of the greatest length has none.
        if code != 0xff && !rest.is_empty() {
            out.push(0);
        }
        data = rest;
    }
    Some(out)
}
