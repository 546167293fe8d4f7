//! One node alone, spoken to in bytes by whoever the test plays.

use std::net::SocketAddrV4;

use bytes::BytesMut;
use common::peer::{CloseReason, ConnId};
use common::testing::Lone;
use common::wire::Wire as _;
use kazaa::config::{Config, Role};
use kazaa::node::Node;
use kazaa::ordinary::Ordinary;
use kazaa::wire::{Accept, Codec, Hello, Link, LinkFrame, Message, NETWORK, Setup, upgrade};
use tokio_util::codec::{Decoder as _, Encoder as _};

/// Where the node listens.
pub const OURS: &str = "10.0.0.1:7000";

/// A node alone.
pub struct Raw {
    pub lone: Lone<Node>,
}

/// The far end of one of its connections.
pub struct Far {
    pub conn: ConnId,
    encoder: Codec,
    decoder: Codec,
    arrived: BytesMut,
}

/// Somebody's address.
pub fn remote(host: u8) -> SocketAddrV4 {
    SocketAddrV4::new([10, 0, 1, host].into(), 1214)
}

impl Raw {
    pub fn new(config: Config) -> Raw {
        Raw { lone: Lone::new(Node::ordinary(config)) }
    }

    pub fn supernode(config: Config) -> Raw {
        Raw::new(Config { force: Some(Role::Supernode), ..config })
    }

    pub fn node(&self) -> &Ordinary {
        match &self.lone.peer {
            Node::Ordinary(node) => node,
            Node::Services(_) => unreachable!("it was made an ordinary node"),
        }
    }

    /// Somebody at 10.0.1.`host` dials and says hello.
    pub fn hello(&mut self, host: u8) -> Far {
        self.hello_from(remote(host))
    }

    fn hello_from(&mut self, from: SocketAddrV4) -> Far {
        let conn = self.lone.accept(from);
        let mut far = Far::new(conn, Setup::Dialled);
        self.say(&mut far, Message::Hello(Hello::OURS));
        let answer = self.heard(&mut far);
        let [Message::Accept(accept), ..] = &answer[..] else { panic!("{answer:?} for a hello") };
        far.go_on(Setup::Session(accept.session(&Hello::OURS).expect("ours can be spoken")));
        far
    }

    /// The same, and is taken on; what it is told is forgotten.
    pub fn child(&mut self, host: u8) -> Far {
        self.child_from(remote(host))
    }

    pub fn child_from(&mut self, from: SocketAddrV4) -> Far {
        let mut far = self.hello_from(from);
        self.say(&mut far, Message::Network(NETWORK.into()));
        let told = self.heard(&mut far);
        assert!(told.iter().any(|message| matches!(message, Message::OutsideAddress(_))), "{told:?}");
        far
    }

    /// The node dials somebody, who accepts the session as a supernode of ours does.
    pub fn dialled(&mut self) -> Option<(Far, SocketAddrV4)> {
        let (conn, to) = self.lone.next_dial()?;
        self.lone.answer((conn, to));
        let mut far = Far::new(conn, Setup::Accepted);
        let [Message::Hello(hello)] = self.heard(&mut far)[..] else {
            panic!("a session starts with a hello")
        };
        self.say(&mut far, Message::Accept(Accept::OURS));
        far.go_on(Setup::Session(hello.accepted()));
        Some((far, to))
    }

    /// A supernode at 10.0.1.`host` dials, and is linked.
    pub fn neighbour(&mut self, host: u8) -> Far {
        let mut far = self.link(host);
        self.say_link(&mut far, link_hello(host));
        let told = self.links_heard(&mut far);
        assert!(matches!(&told[..], [Link::Hello { .. }, Link::Nodes { .. }]), "{told:?}");
        far
    }

    /// The same, sealed, with nothing said yet.
    pub fn link(&mut self, host: u8) -> Far {
        let conn = self.lone.accept(remote(host));
        let mut far = Far::new(conn, Setup::Client);
        let ours = OURS.parse().expect("an address");
        self.say(&mut far, Message::Request(Box::new(upgrade::sealed_get(upgrade::SUPERNODE, ours))));
        let answer = self.heard(&mut far);
        assert!(
            matches!(&answer[..], [Message::Response(response)] if upgrade::agrees(response)),
            "{answer:?}"
        );
        far.go_on(Setup::LinkDialler);
        self.lone.seal(conn, common::seal::PublicKey([host; 32]));
        far
    }

    /// The node dials another supernode, which agrees to a link; sealed.
    pub fn visited(&mut self) -> Option<(Far, SocketAddrV4)> {
        let (conn, to) = self.lone.next_dial()?;
        self.lone.answer((conn, to));
        let mut far = Far::new(conn, Setup::Server);
        let asked = self.heard(&mut far);
        assert!(
            matches!(&asked[..], [Message::Request(request)] if upgrade::asks_seal(request)),
            "{asked:?}"
        );
        self.say(&mut far, Message::Response(Box::new(upgrade::agree())));
        far.go_on(Setup::LinkAcceptor);
        self.lone.seal(conn, common::seal::PublicKey([9; 32]));
        Some((far, to))
    }

    pub fn say(&mut self, far: &mut Far, message: Message) {
        let mut bytes = BytesMut::new();
        far.encoder.encode(message, &mut bytes).expect("tests say what can be said");
        self.lone.feed(far.conn, &bytes);
    }

    pub fn say_link(&mut self, far: &mut Far, link: Link) {
        self.say(far, Message::Link(std::sync::Arc::new(LinkFrame::new(link))));
    }

    /// What has come since.
    pub fn heard(&mut self, far: &mut Far) -> Vec<Message> {
        far.arrived.extend_from_slice(&self.lone.take(far.conn));
        let mut messages = Vec::new();
        while let Some(message) = far.decoder.decode(&mut far.arrived).expect("a node says what can be read")
        {
            let pauses = message.pauses();
            messages.push(message);
            if pauses {
                break;
            }
        }
        messages
    }

    /// The same on a link.
    pub fn links_heard(&mut self, far: &mut Far) -> Vec<Link> {
        let link = |message| match message {
            Message::Link(frame) => frame.link.clone(),
            other => panic!("{other:?} on a link"),
        };
        self.heard(far).into_iter().map(link).collect()
    }

    pub fn is_closed(&self, far: &Far) -> bool {
        self.lone.closed(far.conn)
    }

    pub fn hang_up(&mut self, Far { conn, .. }: Far) {
        self.lone.hang_up(conn, CloseReason::Remote);
    }
}

impl Far {
    fn new(conn: ConnId, setup: Setup) -> Far {
        Far { conn, encoder: Message::codec(setup), decoder: Message::codec(setup), arrived: BytesMut::new() }
    }

    fn go_on(&mut self, setup: Setup) {
        (self.encoder, self.decoder) = (Message::codec(setup), Message::codec(setup));
    }
}

/// What a supernode at 10.0.1.`host` says of itself.
pub fn link_hello(host: u8) -> Link {
    Link::Hello {
        version: kazaa::wire::LINK_VERSION,
        address: remote(host),
        pass: None,
        children: 7,
        free_percent: 50,
        visit: false,
    }
}
