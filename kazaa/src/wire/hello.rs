//! A session's first bytes.

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

/// The supernode's choice; 8 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Accept {
    /// From which the supernode's key stream follows.
    pub seed: u32,
    /// The chosen set of ciphers XOR the mask that belongs to `seed`.
    pub masked_types: u32,
}

/// What both key streams of a session follow from.
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
