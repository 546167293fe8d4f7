//! A session's first bytes, in clear.
//!
//! ```text
//! child      rand  seed  wanted ciphers, masked       12 bytes
//! supernode  seed  chosen ciphers, masked              8 bytes
//! ```
//!
//! A set of ciphers is XORed with a mask that some three thousand lines of KaZaA's make of the seed beside it. The mask of a seed
//! is always the same, so whoever keeps to one seed needs one mask. [`mask`] knows some more, to read what others say.

use bytes::{Buf, BufMut};

use super::cipher::{self, CUBED};

/// The seed of every supernode of ours.
pub(super) const SUPERNODE_SEED: u32 = 0x1234_5678;
/// The ciphers that a supernode of ours chooses, whatever is wanted: the choice is binding.
const SUPERNODE_TYPES: u32 = CUBED;
/// The seed of every child of ours, and of every giFT-FastTrack.
pub(super) const CHILD_SEED: u32 = 0xfacb_1238;
/// What giFT-FastTrack says first, and so do we; KaZaA's numbers seem random there.
const CHILD_RAND: u32 = 0xfa00_b62b;
/// What KaZaA demanded at least of its children.
const CHILD_TYPES: u32 = 0x29;

/// Seeds and their masks, as giFT-FastTrack computes them.
const MASKS: [(u32, u32); 24] = [
    (0x0000_0000, 0x48a0_0a33),
    (0x0000_0001, 0x0a24_408d),
    (SUPERNODE_SEED, 0x0a56_0342),
    (0x0fac_b123, 0x06c4_0000),
    (CHILD_SEED, 0x3209_d21b),
    (0xdead_beef, 0x4c00_0410),
    (0x1111_1111, 0x8ce8_021c),
    (0x2222_2222, 0x1166_3118),
    (0x3333_3333, 0x8c42_2a02),
    (0x4444_4444, 0x2814_0468),
    (0x5555_5555, 0x4002_a006),
    (0x6666_6666, 0x9c04_1c38),
    (0x7777_7777, 0x3129_4380),
    (0x8888_8888, 0xd1e2_f8f2),
    (0x9999_9999, 0x2407_2294),
    (0xaaaa_aaaa, 0xa548_8000),
    (0xbbbb_bbbb, 0xa052_3500),
    (0xcccc_cccc, 0x281c_a804),
    (0xdddd_dddd, 0x0010_1804),
    (0xeeee_eeee, 0x0052_9113),
    (0xffff_ffff, 0x3e8a_5476),
    (0x1357_9bdf, 0x0040_0020),
    (0x2468_ace0, 0x0200_0000),
    (0x0bad_cafe, 0x0002_d156),
];

/// The mask of a seed, if it is one of the few whose masks are known.
pub const fn mask(seed: u32) -> Option<u32> {
    let mut at = 0;
    while at < MASKS.len() {
        if MASKS[at].0 == seed {
            return Some(MASKS[at].1);
        }
        at += 1;
    }
    None
}

const fn masked(seed: u32, types: u32) -> u32 {
    mask(seed).expect("our own seeds are in the table") ^ types
}

/// `rand`, `seed`, and the wanted ciphers masked by the seed; 12 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hello {
    /// Any number; giFT's is `fa00b62b`.
    pub rand: u32,
    /// From which, together with the supernode's, the ordinary node's key stream follows.
    pub seed: u32,
    /// The wanted set of ciphers XOR the mask that belongs to `seed`.
    pub masked_types: u32,
}

impl Hello {
    /// What every child of ours says, byte for byte what giFT-FastTrack does.
    pub const OURS: Hello =
        Hello { rand: CHILD_RAND, seed: CHILD_SEED, masked_types: masked(CHILD_SEED, CHILD_TYPES) };
    pub(super) const BYTES: usize = 12;

    /// The wanted set of ciphers, if the seed's mask is known.
    pub fn types(&self) -> Option<u32> {
        Some(mask(self.seed)? ^ self.masked_types)
    }

    /// The session that follows at the supernode's end once this is answered with [`Accept::OURS`].
    pub fn accepted(&self) -> SessionKey {
        SessionKey {
            is_supernode: true,
            child_seed: self.seed,
            supernode_seed: SUPERNODE_SEED,
            types: SUPERNODE_TYPES,
        }
    }

    pub(super) fn take(mut src: &[u8]) -> Option<Hello> {
        let (rand, seed, masked_types) =
            (src.try_get_u32().ok()?, src.try_get_u32().ok()?, src.try_get_u32().ok()?);
        Some(Hello { rand, seed, masked_types })
    }

    pub(super) fn put(&self, dst: &mut impl BufMut) {
        dst.put_u32(self.rand);
        dst.put_u32(self.seed);
        dst.put_u32(self.masked_types);
    }
}

/// The supernode's choice; 8 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Accept {
    /// From which the supernode's key stream follows.
    pub seed: u32,
    /// The chosen set of ciphers XOR the mask that belongs to `seed`.
    pub masked_types: u32,
}

impl Accept {
    /// What every supernode of ours answers.
    pub const OURS: Accept =
        Accept { seed: SUPERNODE_SEED, masked_types: masked(SUPERNODE_SEED, SUPERNODE_TYPES) };
    pub(super) const BYTES: usize = 8;

    /// The chosen set of ciphers, if the seed's mask is known.
    pub fn types(&self) -> Option<u32> {
        Some(mask(self.seed)? ^ self.masked_types)
    }

    /// The session that follows at the child's end, if this answers that hello. `None` if the choice is none that is spoken
    /// here, or cannot be read.
    pub fn session(&self, hello: &Hello) -> Option<SessionKey> {
        let types = self.types().filter(|types| cipher::is_spoken(*types))?;
        Some(SessionKey { is_supernode: false, child_seed: hello.seed, supernode_seed: self.seed, types })
    }

    pub(super) fn take(mut src: &[u8]) -> Option<Accept> {
        Some(Accept { seed: src.try_get_u32().ok()?, masked_types: src.try_get_u32().ok()? })
    }

    pub(super) fn put(&self, dst: &mut impl BufMut) {
        dst.put_u32(self.seed);
        dst.put_u32(self.masked_types);
    }
}

/// What both key streams of a session follow from. [`Hello::accepted`] and [`Accept::session`] make them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionKey {
    /// True at the supernode's end.
    pub is_supernode: bool,
    /// The ordinary node's seed.
    pub child_seed: u32,
    /// The supernode's seed.
    pub supernode_seed: u32,
    /// The set of ciphers, unmasked: 00, 01, 08 or 09.
    pub types: u32,
}

impl SessionKey {
    /// The seed of the stream that comes from a supernode, or of that from a child.
    pub(super) fn stream_seed(&self, from_supernode: bool) -> u32 {
        self.supernode_seed ^ if from_supernode { 0 } else { self.child_seed }
    }
}
