//! A foreign reader of our bytes: Wireshark's Gnutella dissector must find no malformed packet in them, and in every field
//! what we wrote. It knows pings, pongs, queries, hits and pushes; of the other types it shows the header.

mod kit;

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use common::digest::Fingerprint;
use common::http::Headers;
use common::store::Disk;
use common::testing::live::{Live, PATIENCE};
use common::user::Note;
use common::wire::Wire;
use gnutella::guid::Guid;
use gnutella::servent::ServentConfig;
use gnutella::wire::*;
use kit::live::{find_one, start_at};
use tokio::io::AsyncReadExt as _;
use tokio::net::UdpSocket;
use tokio_util::codec::Encoder;

/// What is asked of the dissector about every packet, in the order of its answers.
const FIELDS: [&str; 21] = [
    "gnutella.header.payload",
    "gnutella.header.ttl",
    "gnutella.header.hops",
    "gnutella.header.size",
    "gnutella.header.id",
    "gnutella.pong.ip",
    "gnutella.pong.port",
    "gnutella.pong.files",
    "gnutella.pong.kbytes",
    "gnutella.query.min_speed",
    "gnutella.query.search",
    "gnutella.queryhit.count",
    "gnutella.queryhit.ip",
    "gnutella.queryhit.port",
    "gnutella.queryhit.hit.name",
    "gnutella.queryhit.hit.size",
    "gnutella.queryhit.servent_id",
    "gnutella.push.servent_id",
    "gnutella.push.ip",
    "gnutella.push.port",
    "gnutella.push.index",
];

/// One TCP stream, from a servent on port 40000 to one on [`PORT`], as a pcap file of Ethernet frames.
struct Capture {
    file: Vec<u8>,
    sequence: u32,
    packets: u32,
}

impl Capture {
    fn new() -> Capture {
        let mut file = Vec::new();
        // The format's magic number, version 2.4, time zone, accuracy, longest packet, Ethernet.
        for word in [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 1_u32] {
            file.extend_from_slice(&word.to_le_bytes());
        }
        Capture { file, sequence: 1, packets: 0 }
    }

    /// A segment of these bytes.
    fn segment(&mut self, data: &[u8]) {
        let mut packet = vec![0; 12];
        packet.extend_from_slice(&[8, 0]);
        let mut ip = vec![0x45, 0];
        ip.extend_from_slice(&(40 + data.len() as u16).to_be_bytes());
        ip.extend_from_slice(&[0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        let sum: u32 = ip.chunks_exact(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]]))).sum();
        let folded = (sum & 0xffff) + (sum >> 16);
        ip[10..12].copy_from_slice(&(!folded as u16).to_be_bytes());
        packet.extend_from_slice(&ip);
        packet.extend_from_slice(&40_000_u16.to_be_bytes());
        packet.extend_from_slice(&PORT.to_be_bytes());
        packet.extend_from_slice(&self.sequence.to_be_bytes());
        // Acknowledged: 1; header of five words; PSH and ACK; window; no checksum; nothing urgent.
        packet.extend_from_slice(&[0, 0, 0, 1, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
        packet.extend_from_slice(data);
        self.packets += 1;
        self.sequence += data.len() as u32;
        for word in [self.packets, 0, packet.len() as u32, packet.len() as u32] {
            self.file.extend_from_slice(&word.to_le_bytes());
        }
        self.file.extend_from_slice(&packet);
    }
}

/// What tshark prints about a capture file.
fn tshark(file: &Path, port: u16, arguments: &[&str]) -> String {
    let decode_as = format!("tcp.port=={port},gnutella");
    let output = Command::new("tshark")
        .arg("-r")
        .arg(file)
        .args(["-d", &decode_as])
        .args(arguments)
        .output()
        .expect("tshark is installed");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).expect("tshark prints UTF-8")
}

/// The fields of every packet that has a descriptor. Several descriptors of one packet have their values joined by `|`.
fn fields(file: &Path, port: u16) -> Vec<Vec<String>> {
    let mut arguments =
        vec!["-Y", "gnutella.header", "-T", "fields", "-E", "separator=/t", "-E", "aggregator=|"];
    arguments.extend(FIELDS.iter().flat_map(|field| ["-e", field]));
    let lines = tshark(file, port, &arguments);
    lines.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

fn field<'a>(packet: &'a [String], name: &str) -> &'a str {
    &packet[FIELDS.iter().position(|field| *field == name).expect("a field that is asked for")]
}

/// One of the values joined by `|`.
fn nth_value(values: &str, nth: usize) -> &str {
    values.split('|').nth(nth).expect("a value for each header")
}

fn encoded(message: Message) -> BytesMut {
    let mut bytes = BytesMut::new();
    Message::codec(Setup::Descriptors).encode(message, &mut bytes).expect("a message of legal size");
    bytes
}

fn servent() -> Guid {
    Guid::from_hex(b"db2c3102b94d5a4f3873e8cadee3187f").expect("32 digits")
}

fn header() -> Header {
    Header { guid: Guid([0x5a; 16]), ttl: 5, hops: 2 }
}

/// A field's name and value.
type Field = (&'static str, String);

/// A descriptor of every kind, its type, and what fields it must be seen to have.
fn descriptors() -> Vec<(Message, u8, Vec<Field>)> {
    let address = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 7), 6347);
    let block = Raw(GgepBuilder::new(false).with(b"SCP", &[1]).build().into());
    let pong = Pong { address, files: 21, kilobytes: 4096, extension: Some(block.clone()) };
    let push = Push { servent: servent(), index: 9, address, extension: None };
    let vendor = Vendor { standard: true, vendor: *b"GTKG", id: 7, version: 1, data: Box::new([1, 2]) };
    let walk = Walk { steps: 3, steps_max: 1024, check_every: 4, origin: address };
    let query = |query| Message::Query(header(), Arc::new(query));
    let search = |text: &str| vec![("gnutella.query.search", text.to_owned())];
    let of_address = |kind| {
        let [ip, port] = match kind {
            0x01 => ["gnutella.pong.ip", "gnutella.pong.port"],
            0x40 => ["gnutella.push.ip", "gnutella.push.port"],
            _ => ["gnutella.queryhit.ip", "gnutella.queryhit.port"],
        };
        vec![(ip, "192.0.2.7".to_owned()), (port, "6347".to_owned())]
    };
    let mut pong_fields = of_address(0x01);
    pong_fields.extend([("gnutella.pong.files", "21".into()), ("gnutella.pong.kbytes", "4096".into())]);
    let mut push_fields = of_address(0x40);
    push_fields
        .extend([("gnutella.push.servent_id", servent().to_string()), ("gnutella.push.index", "9".into())]);
    let mut hit_fields = of_address(0x81);
    let mut hit = HitBuilder::new(address, 1500, servent(), Trailer { push: Some(true), ..Trailer::OURS });
    let mut names = Vec::new();
    for index in 0..60 {
        let name = format!("the song number {index}.mp3");
        let urn = (index % 2 == 0).then_some(Sha1Urn([index as u8; 20]));
        assert!(hit.push(&Entry { index, size: 5_000_000, name: name.as_str().into(), urn }));
        names.push(name);
    }
    hit_fields.extend([
        ("gnutella.queryhit.count", "60".into()),
        ("gnutella.queryhit.hit.name", names.join("|")),
        ("gnutella.queryhit.hit.size", vec!["5000000"; 60].join("|")),
        ("gnutella.queryhit.servent_id", servent().to_string()),
    ]);
    let hit = hit.build().expect("it has results");
    vec![
        (Message::Ping(header(), None), 0x00, vec![]),
        (Message::Ping(header(), Some(Arc::new(block))), 0x00, vec![]),
        (Message::Pong(header(), Arc::new(pong)), 0x01, pong_fields),
        (Message::Bye(header(), Arc::new(Bye { code: 200, text: "done".into() })), 0x02, vec![]),
        (Message::Qrp(header(), Arc::new(Raw(Box::new([0, 0, 0x40, 0, 0, 2])))), 0x30, vec![]),
        (Message::Vendor(header(), Arc::new(vendor)), 0x31, vec![]),
        (Message::Push(header(), Arc::new(push)), 0x40, push_fields),
        (query(QueryBuilder::words("zebra concerto").build()), 0x80, search("zebra concerto")),
        (query(QueryBuilder::words("a walk").walk(walk).build()), 0x80, search("a walk")),
        (query(QueryBuilder::urn(Sha1Urn([7; 20])).build()), 0x80, search("")),
        (Message::Hit(header(), Arc::new(hit)), 0x81, hit_fields),
        (Message::Unknown(header(), 0x99, Arc::new(Raw(Box::new([1, 2, 3])))), 0x99, vec![]),
    ]
}

#[test]
#[ignore = "needs tshark (Debian package tshark); .ci/run installs it and runs this"]
fn wireshark_reads_in_every_descriptor_what_we_wrote() {
    let mut capture = Capture::new();
    let greeting = Greeting { version: Version::V06, headers: Headers::default() };
    capture.segment(&encoded(Message::Connect(Box::new(greeting))));
    capture.segment(&encoded(Message::Answer(Box::new(Answer::ok(Headers::default())))));
    let written = descriptors();
    for (message, ..) in &written {
        // A large hit comes in several segments.
        encoded(message.clone()).chunks(1400).for_each(|segment| capture.segment(segment));
    }
    let folder = tempfile::tempdir().expect("a folder for the capture");
    let file = folder.path().join("written.pcap");
    fs::write(&file, &capture.file).expect("the capture fits the disk");
    assert_eq!(tshark(&file, PORT, &["-Y", "_ws.malformed || _ws.expert"]), "", "somebody complains");
    assert_eq!(tshark(&file, PORT, &["-Y", "gnutella.stream"]).lines().count(), 2, "the handshake is text");
    let packets = fields(&file, PORT);
    assert_eq!(packets.len(), written.len(), "{packets:?}");
    for (packet, (message, kind, expected)) in packets.iter().zip(&written) {
        let size = message.wire_len() - HEADER_BYTES;
        let common = [
            ("gnutella.header.payload", kind.to_string()),
            ("gnutella.header.ttl", "5".to_owned()),
            ("gnutella.header.hops", "2".to_owned()),
            ("gnutella.header.size", size.to_string()),
            ("gnutella.header.id", header().guid.to_string()),
        ];
        for (name, value) in common.iter().chain(expected) {
            assert_eq!(field(packet, name), value, "{name} of {message:?}");
        }
    }
}

/// Otherwise its silence above would mean nothing.
#[test]
#[ignore = "needs tshark (Debian package tshark); .ci/run installs it and runs this"]
fn wireshark_complains_about_a_broken_descriptor() {
    let whole = encoded(descriptors().remove(2).0);
    let mut broken = whole.to_vec();
    // A pong of five bytes.
    broken.truncate(HEADER_BYTES as usize + 5);
    broken[19] = 5;
    let mut capture = Capture::new();
    capture.segment(&broken);
    capture.segment(&whole);
    let folder = tempfile::tempdir().expect("a folder for the capture");
    let file = folder.path().join("broken.pcap");
    fs::write(&file, &capture.file).expect("the capture fits the disk");
    assert_ne!(tshark(&file, PORT, &["-Y", "_ws.malformed || _ws.expert"]), "");
}

/// Where the servents of this test listen. Those of tests that run at the same time do not dial there.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 91, 0, 1);

/// Loopback as dumpcap sees it. Datagrams of our own mark where a capture has surely begun and where it is complete.
struct Wiretap {
    dumpcap: tokio::process::Child,
    output: tokio::process::ChildStdout,
    marks: UdpSocket,
    captured: Vec<u8>,
}

impl Wiretap {
    /// Listens to all that goes to and from a servent.
    async fn on(servent: SocketAddrV4) -> Wiretap {
        let marks = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let marks_to = marks.local_addr().expect("it is bound");
        marks.connect(marks_to).await.expect("to itself");
        let filter = format!(
            "(host {} and tcp port {}) or udp port {}",
            servent.ip(),
            servent.port(),
            marks_to.port()
        );
        let mut dumpcap = tokio::process::Command::new("dumpcap")
            .args(["-q", "-i", "lo", "-f", &filter, "-w", "-"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("dumpcap is installed");
        let output = dumpcap.stdout.take().expect("it is piped");
        let mut tap = Wiretap { dumpcap, output, marks, captured: Vec::new() };
        tap.mark(b"<the capture begins>").await;
        tap
    }

    /// Says this itself until it is heard.
    async fn mark(&mut self, mark: &[u8]) {
        self.hear(mark, Some(mark)).await;
    }

    /// Waits until somebody says this.
    async fn hear(&mut self, wanted: &[u8], saying: Option<&[u8]>) {
        let mut chunk = vec![0; 64 * 1024];
        let heard = async {
            while !self.captured.windows(wanted.len()).any(|window| window == wanted) {
                if let Some(mark) = saying {
                    self.marks.send(mark).await.expect("loopback takes a datagram");
                }
                let read = self.output.read(&mut chunk);
                if let Ok(len) = tokio::time::timeout(Duration::from_millis(100), read).await {
                    let len = len.expect("a pipe can be read");
                    assert!(len > 0, "dumpcap has ended; it needs root or the right to capture");
                    self.captured.extend_from_slice(&chunk[..len]);
                }
            }
        };
        tokio::time::timeout(PATIENCE, heard).await.expect("dumpcap hears loopback");
    }

    /// Writes all that was said until now.
    async fn save(mut self, file: &Path) {
        self.mark(b"<the capture is complete>").await;
        self.dumpcap.kill().await.expect("dumpcap runs");
        self.output.read_to_end(&mut self.captured).await.expect("a pipe can be read");
        fs::write(file, &self.captured).expect("the capture fits the disk");
    }
}

/// Three servents in a row; the one at the end cannot be dialled, so that the file is asked for by a push. What is captured
/// is both links of the one in the middle.
#[tokio::test]
#[ignore = "needs tshark (Debian package tshark); .ci/run installs it and runs this"]
async fn wireshark_follows_a_search_and_a_push_between_servents_on_loopback() {
    let folder = tempfile::tempdir().expect("a folder for the capture");
    let config = |connect: &[&Live], firewalled| {
        let config = kit::with(|knobs| {
            knobs.ping_every = Some(Duration::from_secs(1));
            knobs.search_wait = Duration::from_secs(5);
        });
        let connect = connect.iter().map(|servent| servent.address()).collect();
        ServentConfig { connect, firewalled, ..config }
    };
    let middle = start_at(ADDRESS, 0, config(&[], false)).await;
    let port = middle.address().port();
    let mut tap = Wiretap::on(middle.address()).await;
    let mut holder = start_at(ADDRESS, 1, config(&[&middle], true)).await;
    holder.share(folder.path(), "Deep Blue.mp3", b"not much of a song", Fingerprint::GNUTELLA).await;
    let mut asker = start_at(ADDRESS, 2, config(&[&middle], false)).await;
    for servent in [&mut holder, &mut asker] {
        servent.wait_for(|note| matches!(note, Note::Online).then_some(())).await;
    }
    let hit = find_one(&mut asker, "blue deep").await;
    let out = tempfile::tempdir().expect("a folder for the copy");
    let copy = Arc::new(Disk::create(out.path(), &hit.info).expect("there is room"));
    asker.fetch(vec![hit], &copy).await;
    assert_eq!(asker.end().await, Ok(()));
    // Pings come with time; this is a pong's header without its id.
    tap.hear(&[0x01, 1, 0, 14, 0, 0, 0], None).await;
    let file = folder.path().join("session.pcapng");
    tap.save(&file).await;
    for servent in [asker, holder, middle] {
        servent.stop().await;
    }

    let malformed = "_ws.malformed || _ws.expert.group == 0x07000000";
    assert_eq!(tshark(&file, port, &["-Y", malformed]), "", "somebody complains");
    let packets = fields(&file, port);
    // What was written at almost the same time may have left in one packet.
    let of_type = |kind: u8| {
        let kind = kind.to_string();
        packets.iter().flat_map(move |packet| {
            let kinds = field(packet, "gnutella.header.payload").split('|').enumerate();
            kinds.filter(|(_, k)| *k == kind).map(|(nth, _)| (packet.as_slice(), nth)).collect::<Vec<_>>()
        })
    };
    let of_header = |(packet, nth): (&[String], usize), name| nth_value(field(packet, name), nth).to_owned();
    assert!(of_type(0x80).all(|(query, _)| field(query, "gnutella.query.search") == "blue deep"));
    let [hit, back] = of_type(0x81).collect::<Vec<_>>()[..] else { panic!("{packets:?}") };
    // A search that came before the holder's link was complete found nothing, and another was sent.
    let [ttl, hops, id] = ["gnutella.header.ttl", "gnutella.header.hops", "gnutella.header.id"];
    let asked = of_type(0x80).filter(|one| of_header(*one, id) == of_header(hit, id));
    let ways: Vec<_> = asked.map(|one| (of_header(one, ttl), of_header(one, hops))).collect();
    assert_eq!(ways, [("7".into(), "0".into()), ("6".into(), "1".into())], "the query and its copy");
    assert_eq!(of_header(back, id), of_header(hit, id));
    let servent = field(hit.0, "gnutella.queryhit.servent_id");
    for (hit, _) in [hit, back] {
        assert_eq!(field(hit, "gnutella.queryhit.hit.name"), "Deep Blue.mp3");
        assert_eq!(field(hit, "gnutella.queryhit.hit.size"), "18");
        assert_eq!(field(hit, "gnutella.queryhit.servent_id"), servent);
    }
    let pushes: Vec<_> = of_type(0x40).collect();
    assert_eq!(pushes.len(), 2, "{packets:?}");
    assert!(pushes.iter().all(|(push, _)| field(push, "gnutella.push.servent_id") == servent), "{pushes:?}");
    assert!(of_type(0x00).count() > 0 && of_type(0x01).count() > 0, "{packets:?}");
}
