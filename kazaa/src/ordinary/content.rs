//! Which content a download is of, as far as its candidates tell.

use common::digest::Digest;
use common::user::Hit;

/// A content by its UUHash. That hash leaves the middle of most files unprotected: two files of one hash and size are the same
/// as far as foreign clients can tell, and for ours unless the roots of their MD5 trees differ.
pub(super) type Content = [u8; 20];

/// That of a candidate, if it tells one.
pub(super) fn content_of(hit: &Hit) -> Option<Content> {
    hit.info.digest.as_ref().and_then(Digest::uuhash).copied()
}

/// What a whole file of this content must have as its digest, by what its candidates say. Where some tell the root of its
/// MD5 tree: the root that most of them tell, the first of them if as many tell another. Else the UUHash alone.
pub(super) fn digest_of<'a>(content: Content, candidates: impl Iterator<Item = &'a Hit>) -> Digest {
    let mut told: Vec<(Digest, usize)> = Vec::new();
    for digest in candidates.filter_map(|hit| hit.info.digest) {
        if matches!(digest, Digest::KzHash(_)) && digest.uuhash() == Some(&content) {
            match told.iter_mut().find(|(known, _)| *known == digest) {
                Some((_, times)) => *times += 1,
                None => told.push((digest, 1)),
            }
        }
    }
    let most = told.iter().map(|(_, times)| *times).max();
    let chosen = told.iter().find(|(_, times)| Some(*times) == most);
    chosen.map_or(Digest::UuHash(content), |(digest, _)| *digest)
}

/// True if a candidate may have what `wanted` is the digest of: the same UUHash, and no other root.
pub(super) fn may_have(hit: &Hit, wanted: Digest) -> bool {
    hit.info.digest.is_some_and(|told| told.agrees(&wanted))
}

#[cfg(test)]
mod tests {
    use common::user::FileInfo;

    use super::*;

    fn hit(digest: Digest) -> Hit {
        Hit { info: FileInfo { digest: Some(digest), ..FileInfo::default() }, ..Hit::default() }
    }

    fn root(hash: u8, root: u8) -> Digest {
        let mut kzhash = [hash; 36];
        kzhash[20..].fill(root);
        Digest::KzHash(kzhash)
    }

    fn verdict(digests: &[Digest]) -> Digest {
        let hits: Vec<Hit> = digests.iter().copied().map(hit).collect();
        digest_of([7; 20], hits.iter())
    }

    #[test]
    fn the_root_that_most_tell_is_what_counts() {
        let foreign = Digest::UuHash([7; 20]);
        assert_eq!(verdict(&[]), foreign);
        assert_eq!(verdict(&[foreign, root(8, 1), Digest::Sha1([7; 20])]), foreign, "of another content");
        assert_eq!(verdict(&[foreign, root(7, 3)]), root(7, 3));
        assert_eq!(verdict(&[root(7, 1), root(7, 2)]), root(7, 1));
        assert_eq!(verdict(&[root(7, 1), root(7, 2), root(7, 2)]), root(7, 2));
    }

    #[test]
    fn who_tells_no_root_may_have_it_and_who_tells_another_has_not() {
        let foreign = Digest::UuHash([7; 20]);
        for (told, wanted, may) in [
            (foreign, root(7, 1), true),
            (root(7, 1), root(7, 1), true),
            (root(7, 2), root(7, 1), false),
            (root(7, 2), foreign, true),
            (Digest::UuHash([8; 20]), root(7, 1), false),
            (Digest::Sha1([7; 20]), foreign, false),
        ] {
            assert_eq!(may_have(&hit(told), wanted), may, "{told:?} for {wanted:?}");
        }
        assert!(!may_have(&Hit::default(), foreign));
    }
}
