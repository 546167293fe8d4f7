//! What clients of FastTrack see of the services: an index node.
//!
//! Lists of supernodes (the `nodes` file) could name such a node, with class 2. A client opens a session as with a supernode, is
//! told of others (message 00) and leaves. So real clients can be given one line for their file, and find our supernodes.

use common::peer::ConnId;

use super::{Hands, Services, State};
use crate::wire::{Accept, Hello, Message, NETWORK, Setup};

impl Services {
    /// A client of FastTrack's wants a session.
    pub(super) fn greeted(&mut self, conn: ConnId, hello: Hello, cx: Hands) {
        cx.send(conn, Message::Accept(Accept::OURS));
        cx.resume_as(conn, Setup::Session(hello.accepted()));
        cx.send(conn, Message::Network(NETWORK.into()));
        let (now, max) = (cx.now(), self.knobs.told_max);
        let told = self.list.sample(max, None, now, cx.rng());
        cx.send(conn, Message::Nodes(told.into()));
        // What it says of itself is read over; it has one more step's time to go.
        self.step(conn, cx);
        self.become_state(conn, State::Told);
    }
}
