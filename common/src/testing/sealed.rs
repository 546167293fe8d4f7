//! A fake peer on a sealed connection: it seals and opens for real, and leaves the test to tamper with what it sends.
//!
//! ```no_run
//! # async fn example(node: std::net::SocketAddrV4) {
//! use common::seal::{Identity, Seal};
//! use common::testing::fake::FakePeer;
//! use common::testing::sealed::SealedPeer;
//!
//! let mut peer = FakePeer::connect(node).await;
//! peer.send(b"let us seal this").await;
//! let mut peer = SealedPeer::over(peer, Seal::Dialler, &Identity::generate()).await;
//! peer.send(b"nobody else reads this").await;
//! let mut record = peer.seal(b"and this not even the node");
//! record[5] ^= 1;
//! peer.raw.send(&record).await;
//! peer.raw.expect_close().await;
//! # }
//! ```

use bytes::BytesMut;

use super::fake::FakePeer;
use crate::seal::{Handshake, Identity, LENGTH_BYTES, Opener, Progress, PublicKey, Seal, Sealer, Through};

/// A fake peer behind a seal.
pub struct SealedPeer {
    /// The peer under the seal: what it sends goes as it is.
    pub raw: FakePeer,
    /// The far side's key.
    pub key: PublicKey,
    sealer: Sealer,
    opener: Opener,
    /// Opened and not yet expected.
    opened: BytesMut,
}

impl SealedPeer {
    /// Does one side of the handshake.
    ///
    /// # Panics
    /// If the far side does not do the other.
    pub async fn over(mut raw: FakePeer, side: Seal, identity: &Identity) -> Self {
        let mut handshake = Handshake::new(side, identity);
        raw.send(&handshake.start()).await;
        loop {
            let message = raw.read_exact(handshake.awaits()).await;
            let (reply, progress) = handshake.take(&message).expect("the far side knows the handshake");
            raw.send(&reply).await;
            match progress {
                Progress::Awaits(next) => handshake = next,
                Progress::Through(Through { sealer, opener, key }) => {
                    return SealedPeer { raw, key, sealer, opener, opened: BytesMut::new() };
                }
            }
        }
    }

    /// The next records, which hold these bytes. To leave one out is to tamper too.
    pub fn seal(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut records = Vec::new();
        let len = self.sealer.seal(bytes, &mut records);
        records.truncate(len);
        records
    }

    /// Sends bytes, sealed.
    ///
    /// # Panics
    /// As [`FakePeer::send`].
    pub async fn send(&mut self, bytes: &[u8]) {
        let records = self.seal(bytes);
        self.raw.send(&records).await;
    }

    /// The next record: the good-bye.
    pub fn good_bye(&mut self) -> Vec<u8> {
        self.sealer.good_bye().to_vec()
    }

    /// The next `len` bytes under the seal, whatever they are.
    ///
    /// # Panics
    /// If fewer come, or a record cannot be opened.
    pub async fn read_exact(&mut self, len: usize) -> Vec<u8> {
        while self.opened.len() < len {
            assert!(self.open_next().await > 0, "the far side said good-bye, expected {len} bytes");
        }
        self.opened.split_to(len).to_vec()
    }

    /// Expects exactly these bytes next under the seal.
    ///
    /// # Panics
    /// If others come, or none.
    pub async fn expect(&mut self, bytes: &[u8]) {
        assert_eq!(self.read_exact(bytes.len()).await, bytes);
    }

    /// Expects the far side to say good-bye, and to close.
    ///
    /// # Panics
    /// If something else comes before, or nothing.
    pub async fn expect_good_bye(&mut self) {
        assert!(
            self.opened.is_empty() && self.open_next().await == 0,
            "expected the good-bye, not more bytes"
        );
        self.raw.expect_close().await;
    }

    async fn open_next(&mut self) -> usize {
        let mut record = self.raw.read_exact(LENGTH_BYTES).await;
        let len = Opener::record_len(&record).expect("a length was read");
        record.extend(self.raw.read_exact(len - LENGTH_BYTES).await);
        self.opener.open(&record, &mut self.opened).expect("the far side seals well")
    }
}
