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

mod login;

use common::peer::{CloseReason, ConnId, Cx, Event, Slots};
use common::user::Command;

use crate::config::Config;
use crate::node::{Node, Timer};
use crate::wire::{Message, NodeEntry};
pub(crate) use login::Login;

pub(crate) type Hands<'a, 'b> = &'a mut Cx<'b, Node>;

/// The state of a node. Each part belongs to the file of its name.
pub struct Ordinary {
    pub(crate) me: Config,
    /// Every connection, and what it is for.
    pub(crate) conns: Slots<Conn>,
    pub(crate) login: Option<Box<Login>>,
    pub(crate) left: bool,
    known: Vec<NodeEntry>,
}

/// What a connection is for. Small: an idle ordinary node has one, and may cost 512 bytes in all.
pub(crate) enum Conn {
    /// To the services.
    Services,
}

impl Ordinary {
    /// A node that has not started.
    pub fn new(config: Config) -> Self {
        Ordinary {
            login: Login::new(&config),
            me: config,
            conns: Slots::default(),
            left: false,
            known: Vec::new(),
        }
    }

    /// Its only entry.
    pub fn handle(&mut self, event: Event<Message, Timer>, cx: Hands) {
        match event {
            Event::Start => {
                self.see_to_services(cx);
                if self.me.force == Some(crate::config::Role::Supernode) {
                    self.announce(cx);
                }
            }
            Event::Message { conn, message } => match self.conns.get(conn) {
                Some(Conn::Services) => self.of_services(message, cx),
                None => cx.close(conn),
            },
            Event::Sealed { conn, key } if matches!(self.conns.get(conn), Some(Conn::Services)) => self.services_sealed(key, cx),
            Event::Closed { conn, reason } => self.closed(conn, reason, cx),
            Event::Timer(Timer::Login) => self.login_due(cx),
            Event::Timer(Timer::ConnDue(conn)) => self.services_due(conn, cx),
            Event::Command(Command::Leave) => self.left = true,
            _ => {}
        }
    }

    fn closed(&mut self, conn: ConnId, reason: CloseReason, cx: Hands) {
        if let Some(Conn::Services) = self.conns.remove(conn) {
            self.services_closed(reason, cx);
        }
    }

    pub(crate) fn services_list(&mut self, entries: &[NodeEntry], _: Hands) {
        self.known = entries.to_vec();
    }

    pub(crate) fn own_entry(&self, cx: Hands) -> NodeEntry {
        NodeEntry { address: cx.address(), age_min: 0, free_percent: 100 }
    }
}
