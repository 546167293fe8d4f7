//! Somebody's node: child of a supernode, searcher, holder of files; and, once elected, a supernode itself.
//!
//! | part | file |
//! |---|---|
//! | finding a parent, losing it, finding another | `join.rs` with [`crate::selection`] |
//! | the child's end of a session | `session.rs` |
//! | logging in, the supernode list | `login.rs` |
//! | what the parent is told of our files | `share.rs` |
//! | the user's searches | `search.rs` |
//! | becoming a supernode and stepping down | `promotion.rs` with [`crate::election`] |
//! | downloads | `download.rs` with [`common::transfer`] |
//! | uploads | `upload.rs` with the same |
//! | going under seal for a file | `seal.rs` |
//! | `GIVE`, and pushes for us or from us | `push.rs` |
//!
//! What a node does as a supernode is in [`crate::supernode`].

// --- NETWORK helper: join, session, login, share, search, promotion; TRANSFERS helper: download, upload, seal, push ---

use std::net::SocketAddrV4;

use common::peer::{BodyState, CloseReason, ConnId, Cx, Event, FileId, Slots};
use common::store::StoreFault;
use common::user::{Command, Note, SearchEnd};

use crate::config::Config;
use crate::node::{Node, Timer};
use crate::supernode::Supernode;
use crate::wire::Message;

pub(crate) type Hands<'a, 'b> = &'a mut Cx<'b, Node>;

/// The state of a node. Each part belongs to the file of its name.
pub struct Ordinary {
    pub(crate) me: Config,
    /// Every connection, and what it is for.
    pub(crate) conns: Slots<Conn>,
    /// What it is beside, if it was elected.
    pub(crate) supernode: Option<Box<Supernode>>,
    // join: Join, shares: Shares, searches: Searches, login: Login,
    // downloads: Option<Box<Downloads>>, uploads: Option<Box<Uploads>>, pushes: Option<Box<Pushes>>,
    pub(crate) left: bool,
}

/// What a connection is for. Small: an idle ordinary node has one, and may cost 512 bytes in all.
pub(crate) enum Conn {
    /// Somebody on our port, at this address, who has not said what they want.
    Caller(SocketAddrV4),
    // NETWORK: Probe(..), Parent(..), Child(..) [supernode's end], Link(..) [other supernode], LinkDial(..), Services(..)
    // TRANSFERS: Source(Box<Source>), Upload(Box<Upload>), Giving(..)
}
