//! A reader of capture files, written from the format's text and not from our writer.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

/// A block: its type, and what is between its two lengths.
pub struct Block<'a> {
    pub kind: u32,
    pub body: &'a [u8],
}

pub fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn u16_be(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// The blocks of a file, all of it.
pub fn blocks(mut file: &[u8]) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    while !file.is_empty() {
        let len = u32_at(file, 4) as usize;
        assert!(len >= 12 && len.is_multiple_of(4) && len <= file.len());
        assert_eq!(u32_at(file, len - 4) as usize, len, "both lengths are the same");
        blocks.push(Block { kind: u32_at(file, 0), body: &file[8..len - 4] });
        file = &file[len..];
    }
    blocks
}

/// The options at the end of a block, by their codes.
pub fn options(mut bytes: &[u8]) -> BTreeMap<u16, Vec<u8>> {
    let mut options = BTreeMap::new();
    loop {
        let word = u32_at(bytes, 0);
        let (code, len) = (word as u16, (word >> 16) as usize);
        if code == 0 {
            return options;
        }
        options.insert(code, bytes[4..4 + len].to_vec());
        bytes = &bytes[4 + len.next_multiple_of(4)..];
    }
}

/// A packet of a capture.
pub struct Packet<'a> {
    pub at_ns: u64,
    /// Its length before it was cut.
    pub len: usize,
    pub bytes: &'a [u8],
}

pub fn packets(file: &[u8]) -> Vec<Packet<'_>> {
    blocks(file).into_iter().filter(|block| block.kind == 6).map(packet).collect()
}

fn packet(Block { body, .. }: Block<'_>) -> Packet<'_> {
    assert_eq!(u32_at(body, 0), 0, "there is one interface");
    let kept = u32_at(body, 12) as usize;
    Packet {
        at_ns: u64::from(u32_at(body, 4)) << 32 | u64::from(u32_at(body, 8)),
        len: u32_at(body, 16) as usize,
        bytes: &body[20..20 + kept],
    }
}

/// The Internet's checksum of bytes that hold their own is zero.
fn sum(bytes: &[u8], before: u32) -> u16 {
    let words = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)));
    let sum = before + words.sum::<u32>();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}

/// A TCP segment.
pub struct Segment<'a> {
    pub from: SocketAddrV4,
    pub to: SocketAddrV4,
    pub number: u32,
    pub acknowledged: Option<u32>,
    pub syn: bool,
    pub fin: bool,
    pub rst: bool,
    pub bytes: &'a [u8],
}

/// Reads a whole packet, and checks its lengths and sums.
pub fn segment<'a>(packet: &Packet<'a>) -> Segment<'a> {
    let ip = packet.bytes;
    assert_eq!((ip[0], ip[9]), (0x45, 6), "IPv4 and TCP");
    assert_eq!(usize::from(u16_be(ip, 2)), ip.len());
    assert_eq!(packet.len, ip.len());
    assert_eq!(sum(&ip[..20], 0), 0, "the header's checksum");
    let tcp = &ip[20..];
    let pseudo: u32 = ip[12..20].chunks(2).map(|pair| u32::from(u16_be(pair, 0))).sum();
    assert_eq!(sum(tcp, pseudo + 6 + tcp.len() as u32), 0, "the segment's checksum");
    let address = |at: usize, port: usize| {
        let octets: [u8; 4] = ip[at..at + 4].try_into().unwrap();
        SocketAddrV4::new(Ipv4Addr::from(octets), u16_be(tcp, port))
    };
    let be = |at: usize| u32::from_be_bytes(tcp[at..at + 4].try_into().unwrap());
    let flags = tcp[13];
    Segment {
        from: address(12, 0),
        to: address(16, 2),
        number: be(4),
        acknowledged: (flags & 0x10 != 0).then(|| be(8)),
        syn: flags & 2 != 0,
        fin: flags & 1 != 0,
        rst: flags & 4 != 0,
        bytes: &tcp[usize::from(tcp[12] >> 4) * 4..],
    }
}

/// One direction of a connection, put together from its segments.
#[derive(Default)]
pub struct Stream {
    pub bytes: Vec<u8>,
    /// The number of the next byte, once it has begun.
    pub next: Option<u32>,
    pub fin: bool,
    pub rst: bool,
    /// How much of it the far side has acknowledged.
    pub acknowledged: u32,
}

/// Puts all streams together, by who says something to whom, and checks that each segment is the one after the last.
pub fn streams(file: &[u8]) -> BTreeMap<(SocketAddrV4, SocketAddrV4), Stream> {
    let mut streams: BTreeMap<(SocketAddrV4, SocketAddrV4), Stream> = BTreeMap::new();
    let mut last_ns = 0;
    for packet in packets(file) {
        assert!(packet.at_ns >= last_ns, "in order of time");
        last_ns = packet.at_ns;
        let segment = segment(&packet);
        let stream = streams.entry((segment.from, segment.to)).or_default();
        assert!(!stream.rst, "nothing follows a reset");
        if segment.syn {
            assert!(stream.next.is_none(), "a stream begins once");
            stream.next = Some(segment.number.wrapping_add(1));
        } else if let Some(next) = &mut stream.next {
            assert_eq!(segment.number, *next, "no gap and no repeat");
            assert!(!stream.fin || segment.bytes.is_empty(), "nothing is said after the end");
            *next = next.wrapping_add(segment.bytes.len() as u32 + u32::from(segment.fin));
        } else {
            assert!(segment.rst, "only a refusal comes without a beginning");
        }
        stream.bytes.extend_from_slice(segment.bytes);
        stream.fin |= segment.fin;
        stream.rst |= segment.rst;
        if let Some(acknowledged) = segment.acknowledged {
            let other = streams.entry((segment.to, segment.from)).or_default();
            assert!(
                acknowledged <= other.next.unwrap_or_default(),
                "nothing is acknowledged that was not sent"
            );
            assert!(segment.rst || acknowledged >= other.acknowledged, "nothing is taken back");
            other.acknowledged = acknowledged;
        }
    }
    streams
}
