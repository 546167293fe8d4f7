//! The packets that a recorded run would have been over TCP and UDP.
//!
//! The simulator has connections and no packets. What a capture needs beyond what was recorded follows from it:
//!
//! | recorded | packets |
//! |---|---|
//! | dialled, accepted, opened | SYN, SYN with ACK, ACK |
//! | a message or chunk leaves | segments of at most [`SEGMENT_BYTES_MAX`], with what the sender has received until then acknowledged |
//! | it is taken | an ACK of all of it |
//! | closed | FIN, or RST by who vanishes |
//! | the far side hears of it | its own FIN, which a last ACK answers after one way; RST if something was wrong |
//! | a dial is refused | RST from where nobody listens |
//! | a datagram | one UDP packet, whether it arrives or not; none to an address that nobody has |
//!
//! Each packet has the time at which its last byte had left through the sender's uplink. There is no slow start, no loss and no repeat in
//! it, since the simulation has none; windows are announced so large that none is ever full. Bodies are the bytes of the file. Sealed
//! connections are shown as under their seal, without its handshake.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddrV4};

use common::net::NodeId;
use common::peer::{CloseReason, Time};
use common::sim::{Entry, Happening, Recording};

use super::Contents;
use super::pcapng::Pcapng;
use crate::overlay::{Cast, Contestant};
use crate::simulate::{NETWORK, Recorded};
use crate::world::World;

/// The largest capture file; what comes later is counted, and the file says so at its end.
pub const CAPTURE_BYTES_MAX: u64 = 1 << 30;
/// What an Ethernet frame carries of a segment with headers without options.
const SEGMENT_BYTES_MAX: usize = 1_460;
/// The first port that nodes dial from, each connection from the next one: where Linux begins.
const DIAL_PORT_MIN: u16 = 32_768;
/// How many such ports there are.
const DIAL_PORTS: u32 = 28_232;
/// The window's scale, by which all announced windows are to be multiplied: two to the power of this.
const WINDOW_SCALE: u8 = 14;

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;

const TCP: u8 = 6;
const UDP: u8 = 17;

/// What a capture file has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Capture {
    /// Packets in it.
    pub packets: u64,
    /// Packets and recorded things that are not, since the file or the recording was full.
    pub left_out: u64,
}

/// Writes a recorded run as a capture file. Of each packet so many bytes are kept; all, if that is zero.
///
/// # Errors
/// If the file cannot be written.
pub fn capture(
    contestant: &dyn Contestant,
    world: &World,
    recorded: &Recorded,
    snap: u32,
    out: impl Write,
) -> io::Result<Capture> {
    let cast = contestant.cast_in_simulation(world);
    let made_by = format!("bench {}", env!("CARGO_PKG_VERSION"));
    let scenario = &world.scenario;
    let comment = format!(
        "{} in simulation: scenario {}, {} people, seed {}. Times are virtual.",
        contestant.name(),
        scenario.name,
        scenario.peers,
        scenario.seed
    );
    let mut file = Pcapng::begin(out, &made_by, &comment, contestant.name(), snap)?;
    let nodes = (0..cast.len()).map(NodeId);
    file.names(nodes.map(|node| {
        let role = recorded.roles.get(node.index()).filter(|_| cast.person(node).is_none());
        let name = role.map_or_else(|| cast.title(node), |role| format!("{role} {}", node.0));
        (*cast.address(node).ip(), name.replace(' ', "-"))
    }))?;
    let recording = &recorded.recording;
    let mut wires = Wires {
        file,
        cast,
        contents: Contents::new(contestant.content_from(), cast),
        recording,
        lines: Vec::new(),
        dialled: BTreeMap::new(),
        acks: BTreeSet::new(),
        left_out: 0,
    };
    for step in steps(recording) {
        wires.step(&step)?;
    }
    wires.end(recorded.outcome.ended)
}

/// A moment at which something is to be written.
struct Step {
    at: Time,
    /// Among those of one moment: what is taken first, then what leaves, then what is taken in the moment it left.
    order: u8,
    entry: usize,
    taken: bool,
}

/// Everything that leaves and is taken, in order of time.
fn steps(recording: &Recording) -> Vec<Step> {
    let mut steps = Vec::with_capacity(2 * recording.entries.len());
    for (entry, recorded) in recording.entries.iter().enumerate() {
        steps.push(Step { at: recorded.at, order: 1, entry, taken: false });
        if let Happening::Message { taken: Some(at), .. } | Happening::Chunk { taken: Some(at), .. } =
            recorded.what
        {
            let order = if at > recorded.at { 0 } else { 2 };
            steps.push(Step { at, order, entry, taken: true });
        }
    }
    steps.sort_by_key(|step| (step.at, step.order));
    steps
}

/// A connection as its two stacks see it.
struct Line {
    dialled_at: Time,
    /// One way, once it was accepted.
    latency_ns: u64,
    /// The dialler's, the acceptor's.
    ends: [End; 2],
}

struct End {
    address: SocketAddrV4,
    /// The number of the next byte that it sends.
    next: u32,
    /// The number of the next byte that it has not received.
    awaits: u32,
    /// When it has said that it sends no more.
    fin_at: Option<Time>,
    /// It has nothing to do with the connection any more.
    is_gone: bool,
}

impl End {
    fn at(address: SocketAddrV4) -> End {
        End { address, next: 0, awaits: 0, fin_at: None, is_gone: false }
    }
}

struct Wires<'a, W> {
    file: Pcapng<W>,
    cast: Cast<'a>,
    contents: Contents<'a>,
    recording: &'a Recording,
    /// By link.
    lines: Vec<Line>,
    /// Connections that each node has dialled.
    dialled: BTreeMap<NodeId, u32>,
    /// Last ACKs, by when they are due: of which line's which end.
    acks: BTreeSet<(Time, u32, usize)>,
    left_out: u64,
}

impl<W: Write> Wires<'_, W> {
    fn step(&mut self, step: &Step) -> io::Result<()> {
        self.acknowledge_until(step.at)?;
        let Entry { node, link, what, .. } = self.recording.entries[step.entry];
        let Some((link, side)) = link else { return self.datagram(step) };
        let side = side as usize;
        match what {
            Happening::Dialled => self.dial(step.at, link),
            Happening::Accepted => self.accept(step.at, link),
            Happening::Opened => self.control(step.at, link, 0, ACK),
            Happening::Message { text, .. } if step.taken => {
                self.take(step.at, link, 1 - side, text.len.into())
            }
            Happening::Chunk { span, .. } if step.taken => self.take(step.at, link, 1 - side, span.len),
            Happening::Message { text, .. } => {
                let recording = self.recording;
                self.data(step.at, link, side, recording.bytes(text))
            }
            Happening::Chunk { span, .. } => {
                let bytes = self.contents.read(node, span);
                self.data(step.at, link, side, &bytes)
            }
            Happening::Closed(reason) | Happening::Ended(reason) => {
                self.end_of(step.at, link, side, reason, matches!(what, Happening::Closed(_)))
            }
            Happening::Datagram { .. } => unreachable!("datagrams have no link"),
        }
    }

    fn dial(&mut self, at: Time, link: u32) -> io::Result<()> {
        let recorded = self.recording.links[link as usize];
        let number = self.dialled.entry(recorded.dialler).or_default();
        let port = DIAL_PORT_MIN + (*number % DIAL_PORTS) as u16;
        *number += 1;
        let from = SocketAddrV4::new(*recorded.dialler.address(NETWORK, 0).ip(), port);
        debug_assert_eq!(self.lines.len(), link as usize, "links are numbered as they are dialled");
        self.lines.push(Line { dialled_at: at, latency_ns: 0, ends: [End::at(from), End::at(recorded.to)] });
        self.control(at, link, 0, SYN)
    }

    fn accept(&mut self, at: Time, link: u32) -> io::Result<()> {
        let line = &mut self.lines[link as usize];
        line.latency_ns = at.0.saturating_sub(line.dialled_at.0);
        line.ends[1].awaits = 1;
        self.control(at, link, 1, SYN | ACK)?;
        // What the acceptor says from now on comes after that.
        self.lines[link as usize].ends[0].awaits = 1;
        Ok(())
    }

    /// Bytes leave in segments.
    fn data(&mut self, at: Time, link: u32, side: usize, bytes: &[u8]) -> io::Result<()> {
        let count = bytes.len().div_ceil(SEGMENT_BYTES_MAX);
        for (number, part) in bytes.chunks(SEGMENT_BYTES_MAX).enumerate() {
            let flags = if number + 1 == count { PSH | ACK } else { ACK };
            self.segment(at, link, side, flags, part)?;
        }
        Ok(())
    }

    /// So many bytes have come to this side, which says so.
    fn take(&mut self, at: Time, link: u32, side: usize, len: u64) -> io::Result<()> {
        let end = &mut self.lines[link as usize].ends[side];
        end.awaits = end.awaits.wrapping_add(len as u32);
        self.control(at, link, side, ACK)
    }

    /// This side has closed, or has heard of the end of the connection.
    fn end_of(
        &mut self,
        at: Time,
        link: u32,
        side: usize,
        reason: CloseReason,
        by_itself: bool,
    ) -> io::Result<()> {
        let line = &mut self.lines[link as usize];
        let far_fin_at = line.ends[1 - side].fin_at;
        let orderly = match (by_itself, reason) {
            (_, CloseReason::Remote) => true,
            // The far side's FIN came in the middle of something.
            (false, CloseReason::Reset) => far_fin_at.is_some(),
            _ => false,
        };
        if orderly {
            let latency_ns = line.latency_ns;
            if far_fin_at.is_some() && !by_itself {
                line.ends[side].awaits = line.ends[1 - side].next;
            }
            line.ends[side].fin_at = Some(at);
            self.control(at, link, side, FIN | ACK)?;
            if let Some(far_fin_at) = far_fin_at {
                self.acks.insert((Time(at.0 + latency_ns), link, 1 - side));
                if by_itself {
                    // Each closes before it has heard of the other's close.
                    self.acks.insert((Time(far_fin_at.0 + latency_ns).max(at), link, side));
                }
            }
            return Ok(());
        }
        line.ends[side].is_gone = true;
        match reason {
            CloseReason::Refused if !by_itself => {
                line.ends[1].awaits = 1;
                self.control(at, link, 1, RST | ACK)
            }
            // Nobody says anything any more, or the far side has said it.
            CloseReason::Timeout => Ok(()),
            _ if line.ends[1 - side].is_gone => Ok(()),
            // Who has heard nothing yet has nothing to acknowledge.
            _ if line.ends[side].awaits == 0 => self.control(at, link, side, RST),
            _ => self.control(at, link, side, RST | ACK),
        }
    }

    /// Sends the last ACKs that are due.
    fn acknowledge_until(&mut self, until: Time) -> io::Result<()> {
        while self.acks.first().is_some_and(|(at, ..)| *at <= until)
            && let Some((at, link, side)) = self.acks.pop_first()
        {
            let ends = &mut self.lines[link as usize].ends;
            ends[side].awaits = ends[1 - side].next;
            self.control(at, link, side, ACK)?;
        }
        Ok(())
    }

    /// A segment without bytes. SYN and FIN count for one.
    fn control(&mut self, at: Time, link: u32, side: usize, flags: u8) -> io::Result<()> {
        self.segment(at, link, side, flags, &[])?;
        if flags & (SYN | FIN) != 0 {
            let end = &mut self.lines[link as usize].ends[side];
            end.next = end.next.wrapping_add(1);
        }
        Ok(())
    }

    fn segment(&mut self, at: Time, link: u32, side: usize, flags: u8, bytes: &[u8]) -> io::Result<()> {
        let [from, to] = match (&self.lines[link as usize].ends, side) {
            ([dialler, acceptor], 0) => [dialler, acceptor],
            ([dialler, acceptor], _) => [acceptor, dialler],
        };
        let mut segment = Vec::with_capacity(20 + 8 + bytes.len());
        segment.extend(from.address.port().to_be_bytes());
        segment.extend(to.address.port().to_be_bytes());
        segment.extend(from.next.to_be_bytes());
        let acknowledged = if flags & ACK == 0 { 0 } else { from.awaits };
        segment.extend(acknowledged.to_be_bytes());
        // Of a SYN: the longest segment, nothing, the window's scale.
        let [high, low] = (SEGMENT_BYTES_MAX as u16).to_be_bytes();
        let options = [2, 4, high, low, 1, 3, 3, WINDOW_SCALE];
        let options = if flags & SYN == 0 { &[][..] } else { &options };
        segment.extend([((20 + options.len()) as u8 / 4) << 4, flags]);
        // The window, the checksum's place, nothing urgent.
        segment.extend([0xff, 0xff, 0, 0, 0, 0]);
        segment.extend(options);
        segment.extend(bytes);
        let (source, destination) = (*from.address.ip(), *to.address.ip());
        let sum = checksum(&segment, pseudo_header(source, destination, TCP, segment.len()));
        segment[16..18].copy_from_slice(&sum.to_be_bytes());
        self.packet(at, source, destination, TCP, &segment)?;
        let end = &mut self.lines[link as usize].ends[side];
        end.next = end.next.wrapping_add(bytes.len() as u32);
        Ok(())
    }

    fn datagram(&mut self, step: &Step) -> io::Result<()> {
        let Entry { at, node, far, what, .. } = self.recording.entries[step.entry];
        let Happening::Datagram { text, .. } = what else { unreachable!("all else has a link") };
        // To an address that nobody has.
        let Some(far) = far else { return Ok(()) };
        let (from, to) = (self.cast.address(node), self.cast.address(far));
        let recording = self.recording;
        let bytes = recording.bytes(text);
        let mut datagram = Vec::with_capacity(8 + bytes.len());
        datagram.extend(from.port().to_be_bytes());
        datagram.extend(to.port().to_be_bytes());
        datagram.extend((8 + bytes.len() as u16).to_be_bytes());
        datagram.extend([0, 0]);
        datagram.extend(bytes);
        let sum = checksum(&datagram, pseudo_header(*from.ip(), *to.ip(), UDP, datagram.len()));
        // Zero would mean that there is none.
        let sum = if sum == 0 { 0xffff } else { sum };
        datagram[6..8].copy_from_slice(&sum.to_be_bytes());
        self.packet(at, *from.ip(), *to.ip(), UDP, &datagram)
    }

    fn packet(
        &mut self,
        at: Time,
        from: Ipv4Addr,
        to: Ipv4Addr,
        protocol: u8,
        payload: &[u8],
    ) -> io::Result<()> {
        if self.file.bytes() >= CAPTURE_BYTES_MAX {
            self.left_out += 1;
            return Ok(());
        }
        let mut packet = Vec::with_capacity(20 + payload.len());
        packet.extend([0x45, 0]);
        packet.extend((20 + payload.len() as u16).to_be_bytes());
        // No number; not to be fragmented; 64 hops.
        packet.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
        packet.extend(from.octets());
        packet.extend(to.octets());
        let sum = checksum(&packet, 0);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
        packet.extend(payload);
        self.file.packet(at.0, &packet)
    }

    fn end(mut self, ended: Time) -> io::Result<Capture> {
        self.acknowledge_until(Time::MAX)?;
        let left_out = self.left_out + self.recording.left_out;
        let packets = self.file.packets();
        self.file.end(ended.0, left_out)?;
        Ok(Capture { packets, left_out })
    }
}

/// What a checksum covers before the segment itself.
fn pseudo_header(from: Ipv4Addr, to: Ipv4Addr, protocol: u8, len: usize) -> u32 {
    let halves = |address: Ipv4Addr| (address.to_bits() >> 16) + (address.to_bits() & 0xffff);
    halves(from) + halves(to) + u32::from(protocol) + len as u32
}

/// The Internet's checksum (RFC 1071) of bytes, and of what has been summed before.
fn checksum(bytes: &[u8], before: u32) -> u16 {
    let words = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)));
    let mut sum = before + words.sum::<u32>();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}
