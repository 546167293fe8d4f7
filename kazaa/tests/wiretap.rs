//! A whole small network over sockets, and somebody on every line of it: what can be read there, and what cannot.
//!
//! ```text
//! services ═ holder ─ first ═ second ─ asker          ═ sealed   ─ FastTrack's session
//!               └═══════════════════════┘             a transfer, sealed or not
//! ```
//!
//! The holder logs in and shares a song, the asker finds it by its words, and fetches it. No word of that may be read by who only
//! listens. That the same words can be found where they are to be found shows that a test could see them: in the sessions once
//! their ciphers are off, which anybody can do; under the seals by who sits in the middle with a key; in the transfer without a seal.

mod kit;

use std::net::SocketAddrV4;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use common::digest::Fingerprint;
use common::net::{Attachment, Line};
use common::store::Disk;
use common::testing::files::content;
use common::testing::live::Live;
use common::testing::tap::{Overheard, Tap};
use common::user::{Hit, Note, Query};
use common::wire::Wire as _;
use kazaa::config::{Account, Config, Knobs, Role};
use kazaa::node::Node;
use kazaa::services::{HashCost, ServicesConfig, ServicesKnobs};
use kazaa::ticket::VerifyingKey;
use kazaa::wire::{Accept, Credentials, Hello, Message, Service, ServiceFrame, Setup};
use tokio_util::codec::{Decoder as _, Encoder as _};

const TITLE: &str = "Crimson Kingfisher";
const HOLDER: &str = "Nightjar";
const ASKER: &str = "Wryneck";
const PASSWORD: &str = "Bitternwort";
/// What nobody may read, each by itself.
const SECRETS: [&str; 5] = ["Crimson", "Kingfisher", HOLDER, ASKER, PASSWORD];

/// Who is on the lines, and whether files go under seal.
#[derive(Clone, Copy)]
struct Lines {
    in_the_middle: bool,
    seals_transfers: bool,
}

/// What went by in front of each of them.
struct Heard {
    services: Vec<Overheard>,
    first: Vec<Overheard>,
    second: Vec<Overheard>,
    holder: Vec<Overheard>,
    /// What the holder's user was told before it was on line.
    told: Vec<String>,
}

/// The secrets that stand somewhere in these bytes, in whatever case.
fn secrets_in(bytes: &[u8]) -> Vec<&'static str> {
    let stands = |secret: &&str| {
        let wanted = secret.as_bytes();
        bytes.windows(wanted.len()).any(|window| window.eq_ignore_ascii_case(wanted))
    };
    SECRETS.into_iter().filter(stands).collect()
}

async fn start(number: u32, config: Config) -> Live {
    let line = Line::kbps(16_000, 16_000, Duration::from_millis(1));
    let attachment = Attachment { line, ..Attachment::default() };
    Live::start(Node::ordinary(config), number, Live::LOCALHOST, attachment).await
}

impl Lines {
    async fn tap(self, node: &Live) -> Tap {
        if self.in_the_middle {
            Tap::in_the_middle(node.address()).await
        } else {
            Tap::before(node.address()).await
        }
    }

    /// Somebody who knows one other by the tap in front of it, and nobody else by what is told.
    fn config(self, user: &str, role: Role, known: &[SocketAddrV4]) -> Config {
        let knobs = Knobs {
            supernodes_max: 1,
            probes: 1,
            visits_max: 0,
            seals_transfers: self.seals_transfers,
            ..Knobs::default()
        };
        Config {
            user: user.into(),
            force: Some(role),
            supernodes: known.into(),
            knobs: Arc::new(knobs),
            ..Config::default()
        }
    }

    async fn run(self) -> Heard {
        let knobs = ServicesKnobs { hash: HashCost::CHEAP, ..ServicesKnobs::default() };
        let config = ServicesConfig {
            signing_seed: [7; 32],
            accounts: Vec::new(),
            started_s: 0,
            knobs: Arc::new(knobs),
        };
        let services = Live::start(Node::services(config), 0, Live::LOCALHOST, Attachment::default()).await;
        let at_services = self.tap(&services).await;
        let mut first = start(1, self.config("one", Role::Supernode, &[])).await;
        first.online().await;
        let at_first = self.tap(&first).await;
        let mut second = start(2, self.config("two", Role::Supernode, &[at_first.address()])).await;
        second.online().await;
        let at_second = self.tap(&second).await;
        let account = Account { password: PASSWORD.into(), registers: true, signing_seed: [9; 32] };
        let mut holder = start(
            3,
            Config {
                services: Some(at_services.address()),
                account: Some(Arc::new(account)),
                ..self.config(HOLDER, Role::Ordinary, &[at_first.address()])
            },
        )
        .await;
        let told = told_until_online(&mut holder).await;
        let at_holder = self.tap(&holder).await;
        let mut asker = start(4, self.config(ASKER, Role::Ordinary, &[at_second.address()])).await;
        asker.online().await;
        let (shared, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fetch(&holder, &mut asker, at_holder.address(), [shared.path(), out.path()]).await;
        for node in [asker, holder, second, first, services] {
            node.stop().await;
        }
        Heard {
            services: at_services.heard().await,
            first: at_first.heard().await,
            second: at_second.heard().await,
            holder: at_holder.heard().await,
            told,
        }
    }
}

async fn told_until_online(node: &mut Live) -> Vec<String> {
    let mut told = Vec::new();
    let next = |note: &Note| match note {
        Note::Online => Some(None),
        Note::Text(text) | Note::Offline(text) => Some(Some(text.to_string())),
        _ => None,
    };
    while let Some(text) = node.wait_for(next).await {
        told.push(text);
    }
    told
}

/// The holder shares a song that names itself in its content, as songs do; the asker finds it and fetches it.
async fn fetch(holder: &Live, asker: &mut Live, at: SocketAddrV4, [shared, out]: [&Path; 2]) {
    let bytes = [TITLE.as_bytes(), &content(300_000)].concat();
    holder.share(shared, &format!("{TITLE}.mp3"), &bytes, Fingerprint::KAZAA).await;
    let hits = asker.find(&Query::words(TITLE.to_lowercase())).await;
    let mut hit = Hit::clone(&hits[0]);
    assert_eq!((&*hit.holder.nick, hit.hops), (HOLDER, Some(2)), "it is the other supernode that knew it");
    hit.holder.address = Some(at);
    let disk = Arc::new(Disk::create(out, &hit.info).unwrap());
    asker.fetch(vec![Arc::new(hit)], &disk).await;
    assert_eq!(asker.end().await, Ok(()));
    assert!(std::fs::read(disk.path()).unwrap() == bytes, "the copy differs");
}

/// The sessions of a supernode's children; the others are links.
fn sessions(heard: &[Overheard]) -> Vec<&Overheard> {
    heard.iter().filter(|heard| !heard.there.starts_with(b"GET ")).collect()
}

fn links(heard: &[Overheard]) -> Vec<&Overheard> {
    heard.iter().filter(|heard| heard.there.starts_with(b"GET /.supernode ")).collect()
}

/// What was said in a session, which takes no more than its first bytes to read.
fn deciphered(session: &Overheard) -> Vec<Message> {
    let (mut there, mut back) = (BytesMut::from(&session.there[..]), BytesMut::from(&session.back[..]));
    let hello = Message::codec(Setup::Accepted).decode(&mut there).unwrap();
    let accept = Message::codec(Setup::Dialled).decode(&mut back).unwrap();
    let (Some(Message::Hello(hello)), Some(Message::Accept(accept))) = (hello, accept) else {
        panic!("a session starts with its hellos")
    };
    let keys: (Hello, Accept) = (hello, accept);
    let mut said = Vec::new();
    for (key, mut bytes) in [(keys.0.accepted(), there), (keys.1.session(&keys.0).unwrap(), back)] {
        let mut codec = Message::codec(Setup::Session(key));
        while let Some(message) = codec.decode(&mut bytes).unwrap() {
            said.push(message);
        }
    }
    said
}

#[tokio::test]
async fn who_listens_reads_no_title_no_word_no_name_and_no_password() {
    let heard = Lines { in_the_middle: false, seals_transfers: true }.run().await;
    let open = |heard: &Overheard| heard.at_seal().map(|[open, _]| secrets_in(&open.concat()));
    for talk in &heard.services {
        assert_eq!(open(talk), Some(vec![]), "it is sealed, and nothing is said before");
    }
    for link in links(&heard.first) {
        assert_eq!(open(link), Some(vec![]));
    }
    for transfer in &heard.holder {
        // The offer to go on under seal is a whole request, which says who asks, and for a content by its hash.
        assert_eq!(open(transfer), Some(vec![ASKER]));
    }
    let all = [&heard.services, &heard.first, &heard.second, &heard.holder].map(|heard| heard.iter());
    for overheard in all.into_iter().flatten() {
        let sealed = overheard.at_seal().map_or([&*overheard.there, &overheard.back], |[_, sealed]| sealed);
        assert!(sealed.iter().all(|bytes| bytes.len() > 50), "something was said");
        assert_eq!(sealed.map(secrets_in).concat(), [""; 0]);
    }
    let count = |of: &[Overheard]| (sessions(of).len(), links(of).len());
    assert_eq!((count(&heard.first), count(&heard.second)), ((1, 1), (1, 0)), "all went by here");
    assert!(!heard.services.is_empty() && !heard.holder.is_empty());
    // The cipher of a session hides, and protects nothing.
    for (session, secrets) in [
        (sessions(&heard.first)[0], vec!["Crimson", "Kingfisher", HOLDER]),
        (sessions(&heard.second)[0], vec!["Crimson", "Kingfisher", HOLDER, ASKER]),
    ] {
        let said = format!("{:?}", deciphered(session));
        assert_eq!(secrets_in(said.as_bytes()), secrets);
    }
}

#[tokio::test]
async fn who_sits_in_the_middle_with_a_key_reads_links_and_transfers_but_the_services_notice() {
    let heard = Lines { in_the_middle: true, seals_transfers: true }.run().await;
    let opened = |heard: &[&Overheard]| {
        let all: Vec<u8> = heard.iter().flat_map(|heard| heard.opened.clone()).collect();
        secrets_in(&all)
    };
    assert_eq!(opened(&links(&heard.first)), ["Crimson", "Kingfisher", HOLDER]);
    let transfers: Vec<&Overheard> = heard.holder.iter().collect();
    assert_eq!(opened(&transfers), ["Crimson", "Kingfisher", HOLDER, ASKER]);
    // Their key signs for the seal at whose end they are, so that nothing is said to anybody else.
    let talks: Vec<&Overheard> = heard.services.iter().collect();
    assert!(talks.iter().any(|talk| !talk.opened.is_empty()), "the services have said who they are");
    assert_eq!(opened(&talks), [""; 0]);
    assert!(heard.told.iter().any(|told| told.contains("not those that we know")), "{:?}", heard.told);
    // What would have been said.
    let user = Credentials { user: HOLDER.into(), password: PASSWORD.into(), key: VerifyingKey([1; 32]) };
    let mut plain = BytesMut::new();
    let frame = ServiceFrame::new(Service::Register(user));
    Message::codec(Setup::ServiceClient).encode(Message::Service(Arc::new(frame)), &mut plain).unwrap();
    assert_eq!(secrets_in(&plain), [HOLDER, PASSWORD]);
}

#[tokio::test]
async fn a_transfer_without_a_seal_says_who_speaks_and_all_that_is_sent() {
    let heard = Lines { in_the_middle: false, seals_transfers: false }.run().await;
    let transfers: Vec<u8> =
        heard.holder.iter().flat_map(|heard| [heard.there.clone(), heard.back.clone()].concat()).collect();
    assert!(heard.holder.iter().all(|heard| heard.at_seal().is_none()));
    assert_eq!(secrets_in(&transfers), ["Crimson", "Kingfisher", HOLDER, ASKER]);
}
