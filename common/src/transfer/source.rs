//! One source of a download, and what it is doing.

/// A source, as its download numbers it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SourceId(pub(super) u16);

impl SourceId {
    /// The number, from 0 without a gap in the order of adding: an index for tables beside the download.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// Why a source's connection is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lost {
    /// It could not be reached.
    Unreachable,
    /// It closed, or the connection broke.
    Closed,
    /// It was silent for too long.
    Silent,
    /// It broke the protocol: it is not asked again.
    Protocol,
    /// There is no way to it: behind a firewall, and so are we, or nobody knows it any more. It is not tried again.
    NoWay,
}
