//! Somebody in between, who hears everything and changes nothing.

use std::net::{SocketAddr, SocketAddrV4};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::tcp_kit::own_address;

/// One connection that goes through here.
pub struct Tap {
    address: SocketAddrV4,
    heard: JoinHandle<[Vec<u8>; 2]>,
}

impl Tap {
    /// Waits in front of `node` for somebody who dials here instead.
    pub async fn before(node: SocketAddrV4) -> Tap {
        let listener = TcpListener::bind(own_address()).await.expect("an address of this machine");
        let Ok(SocketAddr::V4(address)) = listener.local_addr() else { panic!("an IPv4 address was bound") };
        let heard = tokio::spawn(async move {
            let (near, _) = listener.accept().await.expect("somebody dials");
            let far = TcpStream::connect(node).await.expect("the node answers");
            let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
            let (there, back) = tokio::join!(pass_on(from_near, to_far), pass_on(from_far, to_near));
            [there, back]
        });
        Tap { address, heard }
    }

    /// Where it waits.
    pub fn address(&self) -> SocketAddrV4 {
        self.address
    }

    /// What has gone by, towards the node and back, once both sides have closed.
    pub async fn heard(self) -> [Vec<u8>; 2] {
        tokio::time::timeout(crate::tcp_kit::PATIENCE, self.heard)
            .await
            .expect("both close")
            .expect("no panic")
    }
}

/// Passes on until the end, and ends the other side too.
async fn pass_on(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> Vec<u8> {
    let mut heard = Vec::new();
    loop {
        let before = heard.len();
        if from.read_buf(&mut heard).await.unwrap_or(0) == 0 || to.write_all(&heard[before..]).await.is_err()
        {
            // Whoever is gone already need not be told.
            let _ = to.shutdown().await;
            return heard;
        }
    }
}
