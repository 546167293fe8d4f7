//! The blocks of a capture file, as the draft "PCAP Now Generic (pcapng) Capture File Format" (draft-ietf-opsawg-pcapng) has them.
//!
//! | block | here |
//! |---|---|
//! | section header | what was run, by which version of what |
//! | interface description | one: IP packets without a link layer, times in nanoseconds |
//! | name resolution | what each node is called |
//! | enhanced packet | each packet |
//! | interface statistics | at the end: how many packets there were, and how many are not in the file |
//!
//! Words are little-endian, whatever the machine: one run is one file.

use std::io::{self, Write};
use std::net::Ipv4Addr;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const NAME_RESOLUTION: u32 = 4;
const INTERFACE_STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;

const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
/// A packet begins with its IP header.
const LINKTYPE_RAW: u16 = 101;
/// An option of any block.
const OPT_COMMENT: u16 = 1;
const SHB_USERAPPL: u16 = 4;
const IF_NAME: u16 = 2;
const IF_TSRESOL: u16 = 9;
/// Nanoseconds: ten to the power of minus nine.
const TSRESOL_NS: u8 = 9;
const NRB_RECORD_IPV4: u16 = 1;
const ISB_IFRECV: u16 = 4;
const ISB_IFDROP: u16 = 5;

/// A capture file that is being written.
pub(super) struct Pcapng<W> {
    out: W,
    block: Vec<u8>,
    /// Bytes of a packet that are kept; zero for all.
    snap: u32,
    packets: u64,
    bytes: u64,
}

impl<W: Write> Pcapng<W> {
    /// Begins a file: what made it, what it shows, and the name of its only interface.
    pub(super) fn begin(
        out: W,
        made_by: &str,
        comment: &str,
        interface: &str,
        snap: u32,
    ) -> io::Result<Self> {
        let mut this = Pcapng { out, block: Vec::new(), snap, packets: 0, bytes: 0 };
        this.block.extend(BYTE_ORDER_MAGIC.to_le_bytes());
        // Version 1.0, and a section of unknown length.
        this.block.extend([1, 0, 0, 0]);
        this.block.extend(u64::MAX.to_le_bytes());
        this.option(OPT_COMMENT, comment.as_bytes());
        this.option(SHB_USERAPPL, made_by.as_bytes());
        this.end_options();
        this.put(SECTION_HEADER)?;
        this.block.extend(LINKTYPE_RAW.to_le_bytes());
        this.block.extend([0, 0]);
        this.block.extend(snap.to_le_bytes());
        this.option(IF_NAME, interface.as_bytes());
        this.option(IF_TSRESOL, &[TSRESOL_NS]);
        this.end_options();
        this.put(INTERFACE_DESCRIPTION)?;
        Ok(this)
    }

    /// Says what addresses are called.
    pub(super) fn names(&mut self, names: impl Iterator<Item = (Ipv4Addr, String)>) -> io::Result<()> {
        for (address, name) in names {
            let value = [&address.octets(), name.as_bytes(), &[0]].concat();
            self.option(NRB_RECORD_IPV4, &value);
        }
        // The records end as options do, and there are none of these.
        self.end_options();
        self.put(NAME_RESOLUTION)
    }

    /// Writes a packet.
    pub(super) fn packet(&mut self, at_ns: u64, packet: &[u8]) -> io::Result<()> {
        let kept = if self.snap == 0 { packet.len() } else { packet.len().min(self.snap as usize) };
        self.block.extend(0_u32.to_le_bytes());
        self.block.extend(((at_ns >> 32) as u32).to_le_bytes());
        self.block.extend((at_ns as u32).to_le_bytes());
        self.block.extend((kept as u32).to_le_bytes());
        self.block.extend((packet.len() as u32).to_le_bytes());
        self.block.extend(&packet[..kept]);
        self.pad();
        self.packets += 1;
        self.put(ENHANCED_PACKET)
    }

    /// Bytes written so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Packets written so far.
    pub(super) fn packets(&self) -> u64 {
        self.packets
    }

    /// Ends the file, with the number of things that are not in it.
    pub(super) fn end(mut self, at_ns: u64, left_out: u64) -> io::Result<()> {
        self.block.extend(0_u32.to_le_bytes());
        self.block.extend(((at_ns >> 32) as u32).to_le_bytes());
        self.block.extend((at_ns as u32).to_le_bytes());
        self.option(ISB_IFRECV, &(self.packets + left_out).to_le_bytes());
        self.option(ISB_IFDROP, &left_out.to_le_bytes());
        self.end_options();
        self.put(INTERFACE_STATISTICS)?;
        self.out.flush()
    }

    /// Adds an option, or a record of the same form. What is longer than its length can say is cut.
    fn option(&mut self, code: u16, value: &[u8]) {
        let value = &value[..value.len().min(usize::from(u16::MAX))];
        self.block.extend(code.to_le_bytes());
        self.block.extend((value.len() as u16).to_le_bytes());
        self.block.extend(value);
        self.pad();
    }

    fn end_options(&mut self) {
        self.block.extend([0; 4]);
    }

    fn pad(&mut self) {
        self.block.resize(self.block.len().next_multiple_of(4), 0);
    }

    /// Writes what has been gathered as a block of this type.
    fn put(&mut self, kind: u32) -> io::Result<()> {
        // Type, length, and the length again at the end.
        let len = self.block.len() as u32 + 12;
        self.out.write_all(&kind.to_le_bytes())?;
        self.out.write_all(&len.to_le_bytes())?;
        self.out.write_all(&self.block)?;
        self.out.write_all(&len.to_le_bytes())?;
        self.bytes += u64::from(len);
        self.block.clear();
        Ok(())
    }
}
