//! A child: a socket and two ciphers, so that it is the far side that is measured.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use bytes::{BufMut as _, BytesMut};
use common::catalog::Catalog;
use common::digest::Digest;
use common::user::FileInfo;
use common::wire::Wire as _;
use kazaa::wire::{Accept, Codec, Hello, Message, NETWORK, Query, Realm, Setup, Term, UserInfo};
use rand_pcg::Pcg32;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_util::codec::{Decoder as _, Encoder as _};

use super::{Exchange, Question};

/// Results asked for, as KaZaA did.
const RESULTS: u16 = 50;

/// A child that has not come yet.
pub struct Newcomer {
    number: usize,
    /// All that it will say once the session stands, enciphered.
    says: BytesMut,
    encoder: Codec,
}

/// One that is there.
pub struct Session {
    stream: TcpStream,
    encoder: Codec,
    decoder: Codec,
    arrived: BytesMut,
    searches: u16,
    /// What it has said and heard at its coming, the hellos apart.
    pub welcomed: Exchange,
}

impl Newcomer {
    /// One that shares so many different files of the catalog.
    pub fn draw(number: usize, catalog: &Catalog, files: usize, rng: &mut Pcg32) -> Newcomer {
        let key = Accept::OURS.session(&Hello::OURS).expect("our own choice is spoken");
        let mut encoder = Message::codec(Setup::Session(key));
        let mut says = BytesMut::new();
        let mut say = |message| encoder.encode(message, &mut says).expect("a message of legal size");
        say(Message::Network(NETWORK.into()));
        let address = SocketAddrV4::new(from(number), 1214);
        let user = UserInfo { address, bandwidth: 0xb0, user: format!("user{number}").into() };
        say(Message::User(Arc::new(user)));
        let mut drawn = Vec::new();
        while drawn.len() < files {
            let title = catalog.draw(rng);
            if !drawn.contains(&title) {
                drawn.push(title);
            }
        }
        for (file, title) in (0..).zip(drawn) {
            let info = catalog.info(title);
            // A hash that the content's name stands for: how it is made does not matter here.
            let mut hash = [0; 20];
            hash.iter_mut().zip(info.name.bytes().rev()).for_each(|(hash, byte)| *hash = byte);
            let info = FileInfo { digest: Some(Digest::UuHash(hash)), ..(**info).clone() };
            say(Message::Share(file, Arc::new(info)));
        }
        say(Message::Ping);
        Newcomer { number, says, encoder }
    }

    /// Comes. When this returns, all it shares is in the index; `canned` says what somebody answers who does not understand.
    pub async fn join(self, to: SocketAddrV4, canned: Option<Exchange>) -> Session {
        let Newcomer { number, says, encoder } = self;
        let socket = TcpSocket::new_v4().expect("a descriptor");
        socket.bind(SocketAddrV4::new(from(number), 0).into()).expect("an address in 127/8");
        let stream = socket.connect(to.into()).await.expect("somebody listens there");
        stream.set_nodelay(true).expect("a socket takes TCP_NODELAY");
        let key = Accept::OURS.session(&Hello::OURS).expect("our own choice is spoken");
        let decoder = Message::codec(Setup::Session(key));
        let arrived = BytesMut::with_capacity(64 * 1024);
        let mut session =
            Session { stream, encoder, decoder, arrived, searches: 0, welcomed: Exchange::default() };
        match canned {
            None => session.welcome(&says).await,
            Some(welcome) => {
                let [sent, received] = [Message::Hello(Hello::OURS), Message::Accept(Accept::OURS)]
                    .map(|hello| hello.wire_len() as usize);
                session.exchange(Exchange { sent, received }).await;
                session.exchange(welcome).await;
            }
        }
        session
    }
}

impl Session {
    async fn welcome(&mut self, says: &[u8]) {
        let mut hello = BytesMut::new();
        let mut codec = Message::codec(Setup::Dialled);
        codec.encode(Message::Hello(Hello::OURS), &mut hello).expect("a hello comes first");
        self.write(&hello).await;
        let accept = loop {
            if let Some(accept) = codec.decode(&mut self.arrived).expect("the supernode answers") {
                break accept;
            }
            self.fill().await;
        };
        assert_eq!(accept, Message::Accept(Accept::OURS), "the supernode is ours");
        self.write(says).await;
        // What has come with the answer is of the session.
        let mut received = self.arrived.len();
        loop {
            while let Some(message) = self.decoder.decode(&mut self.arrived).expect("a supernode speaks well")
            {
                if message == Message::Pong {
                    self.welcomed = Exchange { sent: says.len(), received };
                    return;
                }
            }
            received += self.fill().await;
        }
    }

    /// Asks, and waits until there is no more to come. Returns the number of results, too.
    pub async fn ask(&mut self, question: &Question) -> (Exchange, usize) {
        match question {
            Question::Bytes(exchange) => {
                self.exchange(*exchange).await;
                (*exchange, 0)
            }
            Question::Words(words) => self.search(words).await,
        }
    }

    async fn search(&mut self, words: &str) -> (Exchange, usize) {
        self.searches = self.searches.wrapping_add(1);
        let query = Query::new(RESULTS, self.searches, Realm::Any, [Term::words(words)]);
        let mut says = BytesMut::new();
        self.encoder.encode(Message::Query(Arc::new(query)), &mut says).expect("a message of legal size");
        self.write(&says).await;
        let (mut received, mut results) = (0, 0);
        loop {
            received += self.fill().await;
            while let Some(message) = self.decoder.decode(&mut self.arrived).expect("a supernode speaks well")
            {
                match message {
                    Message::Reply(reply) if reply.id == self.searches => results += reply.hits.len(),
                    Message::QueryEnd(id) if id == self.searches => {
                        return (Exchange { sent: says.len(), received }, results);
                    }
                    _ => {}
                }
            }
        }
    }

    /// Sends so many bytes, and waits for as many as are wanted back.
    async fn exchange(&mut self, Exchange { sent, received }: Exchange) {
        let mut bytes = BytesMut::with_capacity(8 + sent);
        bytes.put_u32(sent as u32);
        bytes.put_u32(received as u32);
        bytes.put_bytes(0, sent);
        self.write(&bytes).await;
        self.arrived.clear();
        while self.arrived.len() < received {
            self.fill().await;
        }
    }

    async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("the far side reads");
    }

    async fn fill(&mut self) -> usize {
        let read = self.stream.read_buf(&mut self.arrived).await.expect("the far side stays");
        assert!(read > 0, "the far side hung up");
        read
    }
}

/// Where a child dials from: an address of its own, as on the internet.
fn from(number: usize) -> Ipv4Addr {
    Ipv4Addr::from_bits(Ipv4Addr::new(127, 1, 0, 1).to_bits() + number as u32)
}
