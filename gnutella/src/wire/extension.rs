//! What may stand behind the text of a query and the name of a result: parts divided by `1c`, told apart by how they
//! begin (HUGE 0.94; draft 0.6, 2.3).

use std::borrow::Cow;

use super::{Ggep, Sha1Urn};

/// Stands between two parts.
pub(super) const SEPARATOR: u8 = 0x1c;
/// The most parts that are looked at.
const PARTS_MAX: usize = 64;

/// One part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Part<'a> {
    /// It begins with `urn:`.
    Urn(&'a [u8]),
    /// A block, which says its length itself, and where it begins.
    Ggep(usize, Ggep<'a>),
}

/// The parts that are understood, in order.
pub(super) fn parts(bytes: &[u8]) -> impl Iterator<Item = Part<'_>> {
    let (whole, mut rest) = (bytes.len(), bytes);
    std::iter::from_fn(move || {
        let bytes = rest;
        let end = |byte: &u8| *byte == SEPARATOR || *byte == 0;
        let block = Ggep::parse(bytes);
        let len = match block {
            Some(block) => block.len(),
            None => bytes.iter().position(end).unwrap_or(bytes.len()),
        };
        rest = match &bytes[len..] {
            [first, rest @ ..] if end(first) => rest,
            rest => rest,
        };
        match block {
            Some(block) => Some(Some(Part::Ggep(whole - bytes.len(), block))),
            None if bytes.is_empty() => None,
            None => Some(is_urn(&bytes[..len]).then_some(Part::Urn(&bytes[..len]))),
        }
    })
    .take(PARTS_MAX)
    .flatten()
}

fn is_urn(part: &[u8]) -> bool {
    part.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"urn:"))
}

/// The contents that a part names by SHA-1: a URN; the extensions `H` and `u` (a URN without `urn:`) of a block.
pub(super) fn sha1s_of(part: Part<'_>) -> impl Iterator<Item = Sha1Urn> {
    let (urn, block) = match part {
        Part::Urn(urn) => (Sha1Urn::from_bytes(urn), None),
        Part::Ggep(_, block) => (None, Some(block)),
    };
    let extensions = block.into_iter().flat_map(|block| block.iter());
    let named = extensions.filter(|extension| !extension.deflated).filter_map(|extension| {
        match (extension.id, &*extension.data) {
            (b"H", hash) => of_hash(hash),
            (b"u", urn) => Sha1Urn::from_bytes(&[b"urn:", urn].concat()),
            _ => None,
        }
    });
    urn.into_iter().chain(named)
}

/// True for a part that names a content, or says that hashes are understood (an `H` with only a kind).
pub(super) fn is_of_hashes(part: Part<'_>) -> bool {
    match part {
        Part::Urn(_) => true,
        Part::Ggep(_, block) => block.iter().any(|extension| matches!(extension.id, b"H" | b"u")),
    }
}

/// What an `H` says: a kind, then the hash, of which there is neither more nor less. 1 is a SHA-1, 2 a bitprint, whose first 20
/// bytes are the SHA-1 and the other 24 a Tiger tree hash; 3 to 5 (MD5, UUID, MD4) are of no use here.
fn of_hash(data: &[u8]) -> Option<Sha1Urn> {
    let (kind, hash) = data.split_first()?;
    let (sha1, tiger) = hash.split_first_chunk()?;
    matches!((kind, tiger.len()), (1, 0) | (2, 24)).then_some(Sha1Urn(*sha1))
}

/// Text of unknown encoding: UTF-8, or Latin-1 if it is not that.
pub(super) fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().copied().map(char::from).collect()),
    }
}

/// The bytes up to the first zero, which is passed over, and those after it.
pub(super) fn until_nul(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == 0) {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, &[]),
    }
}

/// The first bytes of a text, up to `max`, whole characters only.
pub(super) fn cut(text: &str, max: usize) -> &str {
    let end = (0..=max.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}
