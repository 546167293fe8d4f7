//! The redirector: tells each caller one server's address and hangs up. The list is handed out in turn.

use std::net::SocketAddrV4;

use common::peer::{Cx, Event};
use common::user::Note;

use crate::node::{Node, Timer};
use crate::wire::Message;

/// What a full official redirector is said to have answered.
const NOTHING: &str = "127.0.0.1:0";

/// The state of a redirector.
#[derive(Debug)]
pub struct Redirector {
    servers: Vec<SocketAddrV4>,
    next: usize,
}

impl Redirector {
    /// A redirector to these servers.
    pub fn new(servers: Vec<SocketAddrV4>) -> Self {
        Redirector { servers, next: 0 }
    }

    /// The redirector's only entry.
    pub fn handle(&mut self, event: &Event<Message, Timer>, cx: &mut Cx<'_, Node>) {
        match event {
            Event::Start => cx.note(Note::Online),
            Event::Opened { conn, .. } => {
                let text = match self.servers.get(self.next) {
                    Some(server) => server.to_string(),
                    None => NOTHING.to_owned(),
                };
                self.next = (self.next + 1) % self.servers.len().max(1);
                cx.send(*conn, Message::Redirect(text.into()));
                cx.close(*conn);
            }
            Event::Message { conn, .. } => cx.close(*conn),
            _ => {}
        }
    }
}
