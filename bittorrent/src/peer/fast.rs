//! The pieces that a newcomer may have while choked (BEP 6).

use std::net::Ipv4Addr;

use sha1::{Digest as _, Sha1};

use crate::wire::InfoHash;

/// Of `pieces` pieces the `count` that somebody at this address may ask for while choked: the same for all addresses of its network
/// of 256, so that more addresses do not give more pieces, and the same from every peer that follows BEP 6.
pub fn allowed_fast_set(address: Ipv4Addr, info_hash: InfoHash, pieces: u32, count: u32) -> Vec<u32> {
    let count = count.min(pieces) as usize;
    let mut set = Vec::with_capacity(count);
    let mut hash: [u8; 20] = {
        let mut hasher = Sha1::new();
        hasher.update((address.to_bits() & 0xffff_ff00).to_be_bytes());
        hasher.update(info_hash.0);
        hasher.finalize().into()
    };
    while set.len() < count {
        for index in hash.chunks_exact(4) {
            let index = u32::from_be_bytes(index.try_into().expect("a chunk of four")) % pieces;
            if set.len() < count && !set.contains(&index) {
                set.push(index);
            }
        }
        hash = Sha1::digest(hash).into();
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_is_that_of_the_specification() {
        let set = allowed_fast_set(Ipv4Addr::new(80, 4, 4, 200), InfoHash([0xaa; 20]), 1313, 9);
        assert_eq!(set, [1059, 431, 808, 1217, 287, 376, 1188, 353, 508]);
        let all = allowed_fast_set(Ipv4Addr::LOCALHOST, InfoHash([1; 20]), 3, 10);
        assert_eq!(all.len(), 3, "no more than there are");
        assert!(allowed_fast_set(Ipv4Addr::LOCALHOST, InfoHash([1; 20]), 0, 10).is_empty());
    }
}
