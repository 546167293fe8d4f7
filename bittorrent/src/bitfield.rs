//! A set of pieces.

/// Which of a torrent's pieces somebody has, in the layout of the wire: the high bit of the first byte is piece 0, and spare
/// bits at the end are zero (BEP 3).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Bitfield {
    bytes: Box<[u8]>,
    pieces: u32,
    count: u32,
}

impl Bitfield {
    /// None of `pieces` pieces.
    pub fn none(pieces: u32) -> Self {
        Bitfield { bytes: vec![0; bytes_of(pieces)].into(), pieces, count: 0 }
    }

    /// All of `pieces` pieces.
    pub fn all(pieces: u32) -> Self {
        let mut bytes = vec![0xff; bytes_of(pieces)];
        if let Some(last) = bytes.last_mut() {
            *last &= spare_mask(pieces);
        }
        Bitfield { bytes: bytes.into(), pieces, count: pieces }
    }

    /// Takes the payload of a bitfield message; `None` if it has another length than `pieces` pieces need, or a spare bit is set.
    pub fn from_wire(bytes: &[u8], pieces: u32) -> Option<Self> {
        let is_right = bytes.len() == bytes_of(pieces)
            && bytes.last().is_none_or(|last| last & !spare_mask(pieces) == 0);
        is_right.then(|| Bitfield {
            count: bytes.iter().map(|byte| byte.count_ones()).sum(),
            bytes: bytes.into(),
            pieces,
        })
    }

    /// The payload of a bitfield message.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many pieces there could be.
    pub fn pieces(&self) -> u32 {
        self.pieces
    }

    /// How many pieces are in.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// True if every piece is in.
    pub fn is_complete(&self) -> bool {
        self.count == self.pieces
    }

    /// True if no piece is in.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// True if this piece is in. False beyond the last.
    #[inline]
    pub fn has(&self, piece: u32) -> bool {
        piece < self.pieces && self.bytes[piece as usize / 8] & bit(piece) != 0
    }

    /// Puts a piece in; false if it was in, or there is no such piece.
    pub fn insert(&mut self, piece: u32) -> bool {
        if piece >= self.pieces || self.has(piece) {
            return false;
        }
        self.bytes[piece as usize / 8] |= bit(piece);
        self.count += 1;
        true
    }

    /// Takes a piece out; false if it was not in.
    pub fn remove(&mut self, piece: u32) -> bool {
        if !self.has(piece) {
            return false;
        }
        self.bytes[piece as usize / 8] &= !bit(piece);
        self.count -= 1;
        true
    }

    /// The pieces that are in, in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.bytes.iter().enumerate().filter(|(_, byte)| **byte != 0).flat_map(|(at, byte)| {
            (0..8).filter(move |shift| byte & (0x80 >> shift) != 0).map(move |shift| at as u32 * 8 + shift)
        })
    }

    /// True if there is a piece in `self` that is not in `other`.
    pub fn has_more_than(&self, other: &Bitfield) -> bool {
        self.bytes.iter().zip(&other.bytes).any(|(mine, others)| mine & !others != 0)
    }
}

fn bytes_of(pieces: u32) -> usize {
    pieces.div_ceil(8) as usize
}

fn bit(piece: u32) -> u8 {
    0x80 >> (piece % 8)
}

/// The bits of the last byte that are pieces.
fn spare_mask(pieces: u32) -> u8 {
    match pieces % 8 {
        0 => 0xff,
        used => !(0xff >> used),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_that_of_the_wire() {
        let mut field = Bitfield::none(10);
        for piece in [0, 1, 9] {
            assert!(field.insert(piece));
        }
        assert!(!field.insert(9) && !field.insert(10));
        assert_eq!(field.as_bytes(), [0xc0, 0x40]);
        assert_eq!((field.count(), field.iter().collect::<Vec<_>>()), (3, vec![0, 1, 9]));
        assert_eq!(Bitfield::from_wire(&[0xc0, 0x40], 10), Some(field.clone()));
        assert_eq!(Bitfield::from_wire(&[0xc0, 0x60], 10), None, "a spare bit");
        assert_eq!(Bitfield::from_wire(&[0xc0], 10), None, "too short");
        assert!(Bitfield::all(10).has_more_than(&field) && !field.has_more_than(&Bitfield::all(10)));
        assert_eq!(Bitfield::all(10).as_bytes(), [0xff, 0xc0]);
        assert!(Bitfield::all(16).is_complete() && Bitfield::all(0).is_complete());
        assert!(field.remove(1) && !field.remove(1) && !field.has(1));
    }
}
