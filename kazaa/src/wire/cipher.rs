//! The key streams that hide a session.
//!
//! A stream follows from a seed and from a set of ciphers, both of which travel in clear: it hides from a glance and protects
//! from nobody. Of the set only these are short, and every client takes them:
//!
//! | types | pad | output |
//! |---|---|---|
//! | 00, 01 | the cube of 255 numbers drawn from the seed, modulo a number of 2,048 bits | the pad's bytes |
//! | 08, 09 | the same | those, each exchanged by a permutation that moves on every 63 bytes |
//!
//! The state is the pad with a place in it, which each byte adds to the next; now and then five bytes are sorted.

use std::fmt;
use std::sync::LazyLock;

use crypto_bigint::{NonZero, U2048};
use md5::{Digest as _, Md5};

use super::hello::{CHILD_SEED, SUPERNODE_SEED};

/// The bit that asks for a pad made by cubing. Without any bit that asks for another it is made so, too.
pub(super) const CUBED: u32 = 0x01;
/// The bit that asks for the permutation.
pub(super) const PERMUTED: u32 = 0x08;

const PAD_BYTES: usize = 63;
const SORTED_BYTES: usize = 5;
/// Where the state may be sorted, if this byte's three upper bits but the highest are clear.
const SORTING_PLACE: usize = 7;
/// Every KaZaA's modulus, big-endian.
const MODULUS: NonZero<U2048> = NonZero::<U2048>::new_unwrap(U2048::from_be_hex(
    "d453ec0a34eb20ca0a532f6aae08473dc6f2dc0e96e62735dd331dd5522f69d1\
     0d7a00501928851271a157acde7aa2fedbd26bb04d23ffc1b6a31787315d5780\
     51be98b0da2d7944ed64060a96e537a7a4037cdbde3c6725e9db63418443fd05\
     0829ee6d18e4dd48d61a70558606342ac3741ca71e4970e510a931f8b42d2df0\
     5250e6fe0a7703d88781ab210032a3dfe957a9b5d238b5b8363dc15e2c0054b3\
     390a5a36b15e221669f29f9af97bb445695b3ca272f554fce475aa9e6e37192e\
     91fd3a9ebc8c0457e7ee26ad19d2974dc11f00e38d5b5eb2e84b25f81b32a36f\
     ba1519a15efa55ffe569c5fc96d7f927bf77b6d6193bbd8f31c4a05eeb96841d",
));

/// True for a set of ciphers that is spoken here.
pub(super) fn is_spoken(types: u32) -> bool {
    types & !(CUBED | PERMUTED) == 0
}

/// One direction's key stream.
#[derive(Clone)]
pub(super) struct Cipher {
    pad: [u8; PAD_BYTES],
    place: usize,
    permutation: Option<Box<Permutation>>,
}

#[derive(Clone)]
struct Permutation {
    table: [u8; 256],
    shift: u8,
}

/// Every session of a supernode of ours starts its stream here, and every child of giFT's or of ours in [`OUR_CHILD`], so that
/// the cube need not be computed for each.
static OUR_SUPERNODE: LazyLock<Cipher> = LazyLock::new(|| Cipher::scheduled(SUPERNODE_SEED, CUBED));
static OUR_CHILD: LazyLock<Cipher> = LazyLock::new(|| Cipher::scheduled(CHILD_SEED ^ SUPERNODE_SEED, CUBED));

impl Cipher {
    /// The stream of this seed, if that set of ciphers [is spoken](is_spoken) here.
    pub(super) fn new(seed: u32, types: u32) -> Option<Cipher> {
        const OURS: u32 = CHILD_SEED ^ SUPERNODE_SEED;
        match (seed, types) {
            (SUPERNODE_SEED, CUBED) => Some(OUR_SUPERNODE.clone()),
            (OURS, CUBED) => Some(OUR_CHILD.clone()),
            _ => is_spoken(types).then(|| Cipher::scheduled(seed, types)),
        }
    }

    fn scheduled(seed: u32, types: u32) -> Cipher {
        let mut draws = Draws(seed);
        let mut key = [0; 256];
        key[..255].fill_with(|| ((draws.next() >> 17) % 0xe0) as u8);
        key[255] = 1;
        let mut pad = [0; PAD_BYTES];
        pad.copy_from_slice(&cubed(&key)[..PAD_BYTES]);
        if pad.iter().all(|byte| byte & 1 == 0) {
            pad[0] |= 0x71;
        }
        let place = draws.below(PAD_BYTES as u32) as usize;
        let permutation = (types & PERMUTED != 0).then(|| Box::new(Permutation::of(&pad)));
        let mut cipher = Cipher { pad, place, permutation };
        cipher.mangle(place as u32);
        cipher
    }

    /// Hides, or uncovers, the next bytes of the stream.
    pub(super) fn apply(&mut self, bytes: &mut [u8]) {
        match self.permutation.take() {
            None => bytes.iter_mut().for_each(|byte| *byte ^= self.step().0),
            Some(mut permutation) => {
                for byte in bytes {
                    let (key, is_round) = self.step();
                    permutation.shift = permutation.shift.wrapping_add(u8::from(is_round));
                    *byte ^= permutation.table[usize::from(key.wrapping_add(permutation.shift))];
                }
                self.permutation = Some(permutation);
            }
        }
    }

    /// The next byte of the pad, and whether that was its last.
    fn step(&mut self) -> (u8, bool) {
        let before = self.pad[if self.place == 0 { PAD_BYTES - 1 } else { self.place - 1 }];
        let byte = self.pad[self.place].wrapping_add(before);
        self.pad[self.place] = byte;
        if self.place == SORTING_PLACE && byte & 0x70 == 0 {
            self.mangle(u32::from(byte) + u32::from(self.pad[2]));
        }
        self.place += 1;
        let is_round = self.place == PAD_BYTES;
        if is_round {
            self.place = 0;
        }
        (byte, is_round)
    }

    fn mangle(&mut self, number: u32) {
        let at = (number * number + 2) as usize % (PAD_BYTES - SORTED_BYTES + 1);
        self.pad[at..at + SORTED_BYTES].sort_unstable_by_key(|byte| byte ^ 0x20);
        for at in (5..PAD_BYTES).step_by(3) {
            self.pad[at] = (!self.pad[at]).wrapping_add(at as u8) | 1;
        }
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cipher").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Permutation {
    fn of(pad: &[u8; PAD_BYTES]) -> Permutation {
        let [a, b, c, d, ..] = <[u8; 16]>::from(Md5::digest(pad));
        let mut draws = Draws(u32::from_le_bytes([a, b, c, d]));
        let mut table = std::array::from_fn(|at| at as u8);
        for at in 0..256 {
            table.swap(at, at + draws.below(256 - at as u32) as usize);
        }
        Permutation { table, shift: 0 }
    }
}

/// The linear congruential generator that all is drawn from.
struct Draws(u32);

impl Draws {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(0x10dcd).wrapping_add(0x4271);
        self.0
    }

    /// A number below `end`, which is at most 65,536.
    fn below(&mut self, end: u32) -> u32 {
        ((self.next() >> 16) * end) >> 16
    }
}

/// The cube of a little-endian number modulo [`MODULUS`].
fn cubed(key: &[u8; 256]) -> [u8; 256] {
    let key = U2048::from_le_slice(key);
    let square = U2048::rem_wide_vartime(key.widening_square(), &MODULUS);
    let cube = U2048::rem_wide_vartime(square.widening_mul(&key), &MODULUS);
    cube.to_le_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values that giFT-FastTrack computed.
    #[test]
    fn streams_start_as_known() {
        for (types, seed, start) in [
            (0, 1, "fb5b402f3831bca78f16c0dcf7162019a42cfde90b7cc7d9ae0b58a783e112d2"),
            (0, 0x1234_5678, "32752834a02b082ff66f4f0a7c3a63d348cbc8a5fcaf96c5e8e6755b92d76ab9"),
            (PERMUTED, 1, "d49325b7a51f3791606dbd7ba66d1513acb2e0d72b3a8b5e612bf491ce2a2c71"),
            (PERMUTED, 0x1234_5678, "d0642c753657eb654dbed927cf72f4dabb55ece5a69fedc5c71a64c66c45ae4e"),
        ] {
            // The bit that asks for the cube changes nothing where no other asks for another pad.
            for types in [types, types | CUBED] {
                let mut stream = [0; 32];
                Cipher::new(seed, types).expect("it is spoken").apply(&mut stream);
                let hex: String = stream.iter().map(|byte| format!("{byte:02x}")).collect();
                assert_eq!(hex, start, "types {types:02x}, seed {seed:08x}");
            }
        }
    }

    #[test]
    fn a_stream_that_was_kept_is_the_one_computed() {
        for seed in [SUPERNODE_SEED, CHILD_SEED ^ SUPERNODE_SEED] {
            let (mut kept, mut computed) = ([0; 10_000], [0; 10_000]);
            Cipher::new(seed, CUBED).expect("it is spoken").apply(&mut kept);
            Cipher::scheduled(seed, CUBED).apply(&mut computed);
            assert_eq!(kept, computed);
        }
    }

    #[test]
    fn ciphers_of_hundreds_of_lines_are_not_spoken() {
        for types in [0x02, 0x04, 0x10, 0x20, 0x29, 0x80, 0xb0, 0x100, u32::MAX] {
            assert!(Cipher::new(1, types).is_none(), "{types:02x}");
        }
    }

    #[test]
    fn a_stream_is_the_same_in_portions_and_never_dries_up() {
        for (types, seed) in [(CUBED, 7), (PERMUTED | CUBED, 7)] {
            let mut whole = vec![0; 100_000];
            let mut parts = whole.clone();
            Cipher::new(seed, types).expect("it is spoken").apply(&mut whole);
            let mut cipher = Cipher::new(seed, types).expect("it is spoken");
            parts.chunks_mut(977).for_each(|part| cipher.apply(part));
            assert_eq!(whole, parts);
            assert!(whole.windows(63).all(|round| round.iter().any(|byte| *byte != 0)));
        }
    }
}
