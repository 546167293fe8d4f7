//! The control port of a coordinator: who calls there is let in by the run's token, and by nothing else.

use std::fmt;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::frame::{read_frame_within, write_frame};
use crate::cluster::Places;
use crate::coordinate::RunError;
use common::net::NodeId;

/// Changes with every change of what is said on the control channel.
const CONTROL_VERSION: u32 = 5;
/// Bytes of the token that tells ours from whoever else connects to the control port.
const TOKEN_BYTES: usize = 32;
/// The most bytes of a [`Hello`]: strangers can say as much before they are sent away.
const HELLO_BYTES_MAX: usize = 1_024;
/// How long a caller may take to say it.
const HELLO_MAX: Duration = Duration::from_secs(5);
/// Callers that have not said it; those beyond are hung up on.
const STRANGERS_MAX: usize = 64;
/// Members that wait to be needed; more are hung up on.
const MEMBERS_MAX: usize = 256;
/// How often the port is looked at.
const GLANCE: Duration = Duration::from_millis(5);

/// What lets a process take part in a run. Written as 64 hexadecimal digits.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct Token([u8; TOKEN_BYTES]);

impl Token {
    /// Unpredictable bytes, from the keys that the standard library draws from the system for its hash tables.
    pub fn draw() -> Self {
        use std::hash::{BuildHasher as _, Hasher as _, RandomState};
        let mut token = [0; TOKEN_BYTES];
        for chunk in token.chunks_mut(8) {
            chunk.copy_from_slice(&RandomState::new().build_hasher().finish().to_le_bytes());
        }
        Token(token)
    }

    pub(super) fn read(channel: &mut impl Read) -> std::io::Result<Self> {
        let mut token = [0; TOKEN_BYTES];
        channel.read_exact(&mut token).map(|()| Token(token))
    }

    pub(super) fn write(&self, channel: &mut impl Write) -> std::io::Result<()> {
        channel.write_all(&self.0)
    }

    /// In a time that says nothing of where they differ.
    fn is(&self, other: &Token) -> bool {
        self.0.iter().zip(&other.0).fold(0, |sum, (mine, theirs)| sum | (mine ^ theirs)) == 0
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A log never has it.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

impl FromStr for Token {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("a token is {} hexadecimal digits", 2 * TOKEN_BYTES);
        if text.len() != 2 * TOKEN_BYTES || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let mut token = [0; TOKEN_BYTES];
        for (byte, at) in token.iter_mut().zip((0..text.len()).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Token(token))
    }
}

/// Bits of an address that may be the network's: a node is a number of 24 bits, and two of the numbers are nobody's.
pub(super) const PREFIXES: RangeInclusive<u8> = 8..=30;

/// What an agent brings.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Room {
    /// How many nodes it takes.
    pub capacity: u32,
    /// The network whose addresses its machine has, its host bits zero.
    pub network: Ipv4Addr,
    /// How many bits of an address are the network's.
    pub prefix: u8,
}

impl Room {
    /// A network with room for a node, whose addresses begin where it does.
    pub(super) fn is_sound(self) -> bool {
        PREFIXES.contains(&self.prefix) && self.network.to_bits() & (u32::MAX >> self.prefix) == 0
    }
}

/// The first frame of a worker or an agent.
#[derive(Debug, Serialize, Deserialize)]
struct Hello {
    control: u32,
    program: String,
    token: Token,
    /// What an agent brings; a worker of our own takes what it is given.
    room: Option<Room>,
}

/// What a member is told before a run.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Word {
    /// It is not let in, in words.
    Refused(String),
    /// What it is to run.
    Task(Task),
}

/// What a member is to run.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Task {
    pub overlay: String,
    /// In its TOML form: bincode has no word for a field that is left out.
    pub scenario: String,
    pub nodes: Vec<NodeId>,
    pub places: Places,
}

/// A member's answer to its task: its world is made, or why it could not be.
pub(super) type Ready = Result<(), String>;

/// Says who one is at a control port.
pub(super) fn introduce(link: &mut TcpStream, token: Token, room: Option<Room>) -> Result<(), RunError> {
    let hello =
        Hello { control: CONTROL_VERSION, program: env!("CARGO_PKG_VERSION").to_owned(), token, room };
    write_frame(link, &hello).map_err(|e| RunError(format!("cannot say hello to the coordinator: {e}")))
}

/// Somebody who has shown the token.
#[derive(Debug)]
pub(super) struct Member {
    pub link: TcpStream,
    pub from: SocketAddr,
    pub room: Option<Room>,
}

/// An open control port. It is closed when this is dropped.
#[derive(Debug)]
pub(super) struct Control {
    pub address: SocketAddr,
    members: Mutex<Receiver<Result<Member, RunError>>>,
    closed: Arc<AtomicBool>,
}

impl Drop for Control {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
    }
}

impl Control {
    pub fn open(address: SocketAddr, token: Token) -> Result<Self, RunError> {
        let failed = |error| RunError(format!("cannot open the control port {address}: {error}"));
        let listener = TcpListener::bind(address).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let closed = Arc::new(AtomicBool::new(false));
        let (sender, members) = sync_channel(MEMBERS_MAX);
        let until = Arc::clone(&closed);
        std::thread::spawn(move || listen(&listener, token, &sender, &until));
        Ok(Control { address, members: Mutex::new(members), closed })
    }

    /// The next who shows the token within this time.
    pub fn next(&self, patience: Duration) -> Result<Option<Member>, RunError> {
        let members = self.members.lock().expect("nobody panics with it");
        match members.recv_timeout(patience) {
            Ok(member) => member.map(Some),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(RunError("the control port failed".to_owned())),
        }
    }
}

/// Hears callers, each in a thread of its own, so that none who is silent keeps others waiting.
fn listen(
    listener: &TcpListener,
    token: Token,
    members: &SyncSender<Result<Member, RunError>>,
    closed: &AtomicBool,
) {
    let strangers = Arc::new(AtomicUsize::new(0));
    while !closed.load(Ordering::Relaxed) {
        let Ok((link, from)) = listener.accept() else {
            // Nobody is there, or the system is short of something for a moment.
            std::thread::park_timeout(GLANCE);
            continue;
        };
        if strangers.fetch_add(1, Ordering::Relaxed) >= STRANGERS_MAX {
            strangers.fetch_sub(1, Ordering::Relaxed);
            continue;
        }
        let (members, strangers) = (members.clone(), Arc::clone(&strangers));
        std::thread::spawn(move || {
            if let Some(member) = hear(link, from, token) {
                let _ = members.try_send(member);
            }
            strangers.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

/// A caller who has to be done in time, however slowly its bytes drip.
struct Hasty<'a> {
    link: &'a TcpStream,
    until: Instant,
}

impl Read for Hasty<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(std::io::ErrorKind::TimedOut.into());
        }
        self.link.set_read_timeout(Some(left))?;
        self.link.read(into)
    }
}

/// Lets a caller in, or sends it away.
fn hear(mut link: TcpStream, from: SocketAddr, token: Token) -> Option<Result<Member, RunError>> {
    link.set_nonblocking(false).ok()?;
    let mut hasty = Hasty { link: &link, until: Instant::now() + HELLO_MAX };
    let hello: Hello = match read_frame_within(&mut hasty, HELLO_BYTES_MAX) {
        Ok(hello) => hello,
        Err(error) => {
            let why = format!("the coordinator does not understand ({error}); is this another version?");
            let _ = write_frame(&mut link, &Word::Refused(why));
            return None;
        }
    };
    if !hello.token.is(&token) {
        let _ = write_frame(&mut link, &Word::Refused("this is not the token of the run".to_owned()));
        return None;
    }
    let program = env!("CARGO_PKG_VERSION");
    if hello.control != CONTROL_VERSION || hello.program != program {
        let why = format!(
            "{from} is of version {} (control {}), the coordinator of {program} ({CONTROL_VERSION}); build again",
            hello.program, hello.control
        );
        let _ = write_frame(&mut link, &Word::Refused(why.clone()));
        return Some(Err(RunError(why)));
    }
    if hello.room.is_some_and(|room| !room.is_sound()) {
        let _ = write_frame(&mut link, &Word::Refused("the network is none".to_owned()));
        return None;
    }
    link.set_read_timeout(None).ok()?;
    Some(Ok(Member { link, from, room: hello.room }))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::processes::read_frame;

    const SOON: Duration = Duration::from_secs(30);

    fn opened(token: Token) -> Control {
        Control::open((Ipv4Addr::LOCALHOST, 0).into(), token).unwrap()
    }

    fn answer(link: &mut TcpStream) -> String {
        match read_frame::<Word>(link) {
            Ok(Word::Refused(why)) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn who_has_the_token_is_let_in_and_nobody_else() {
        let token = Token::draw();
        let control = opened(token);
        let mut silent = TcpStream::connect(control.address).unwrap();
        let mut stranger = TcpStream::connect(control.address).unwrap();
        introduce(&mut stranger, Token::draw(), None).unwrap();
        assert_eq!(answer(&mut stranger), "this is not the token of the run");
        let mut talker = TcpStream::connect(control.address).unwrap();
        talker.write_all(b"GET ").unwrap();
        assert!(answer(&mut talker).contains("at most 1024 are allowed"), "its first bytes, as a length");
        let room = Room { capacity: 7, network: Ipv4Addr::new(10, 0, 0, 0), prefix: 8 };
        for unsound in [Room { prefix: 77, ..room }, Room { network: Ipv4Addr::new(10, 0, 0, 1), ..room }] {
            let mut ours = TcpStream::connect(control.address).unwrap();
            introduce(&mut ours, token, Some(unsound)).unwrap();
            assert_eq!(answer(&mut ours), "the network is none");
        }
        let mut ours = TcpStream::connect(control.address).unwrap();
        introduce(&mut ours, token, Some(room)).unwrap();
        let member = control.next(SOON).unwrap().expect("it is let in while another says nothing");
        assert_eq!((member.room, member.from), (Some(room), ours.local_addr().unwrap()));
        assert!(answer(&mut silent).contains("does not understand"), "its time is over");
        assert!(control.next(Duration::ZERO).unwrap().is_none());
    }

    #[test]
    fn another_version_is_told_at_both_ends() {
        let token = Token::draw();
        let control = opened(token);
        let mut link = TcpStream::connect(control.address).unwrap();
        let hello = Hello { control: CONTROL_VERSION + 1, program: "9.9.9".to_owned(), token, room: None };
        write_frame(&mut link, &hello).unwrap();
        assert!(answer(&mut link).contains("is of version 9.9.9"));
        assert!(control.next(SOON).unwrap_err().0.contains("build again"));
    }

    #[test]
    fn a_token_is_read_as_it_is_written() {
        let token = Token::draw();
        assert!(token.to_string().parse::<Token>().unwrap().is(&token));
        assert!(!Token::draw().is(&token));
        assert_eq!(format!("{token:?}"), "Token(..)");
        for wrong in ["", "12", &"g".repeat(64), &"é".repeat(32)] {
            assert!(wrong.parse::<Token>().is_err(), "{wrong}");
        }
    }
}
