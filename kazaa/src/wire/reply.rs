//! The reply (message 07).

use std::net::SocketAddrV4;
use std::sync::Arc;

use common::user::FileInfo;

/// What one supernode knows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    /// The supernode whose children these are.
    pub supernode: SocketAddrV4,
    /// The searcher's number for the query.
    pub id: u16,
    /// The results.
    pub hits: Box<[Hit]>,
}

/// One holder of one file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hit {
    /// Where the holder can be dialled.
    pub address: SocketAddrV4,
    /// Its line, as in [`UserInfo`](super::UserInfo).
    pub bandwidth: u8,
    /// The holder's name.
    pub user: Arc<str>,
    /// The holder's number for the file.
    pub file: u32,
    /// The file.
    pub info: Arc<FileInfo>,
}
