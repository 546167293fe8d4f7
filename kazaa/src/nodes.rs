//! The `nodes` file: supernodes that are remembered from one run to the next, in the format that KaZaA's clients shared.
//!
//! ```text
//! # <host> <port> <klass> <load> <last_seen>
//! 203.0.113.5 1214 1 70 1101390791
//! ```
//!
//! The class is 1 for a supernode and 2 for an index node, which only names others; what the format calls load is taken for the
//! percentage that is free, as giFT does; the last is in seconds of the Unix epoch.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddrV4};

use crate::wire::NodeEntry;

/// The most supernodes that are taken from a file, those seen last. 1,000: as many as giFT saves.
pub const NODES_MAX: usize = 1_000;
const HEAD: &str = "# <host> <port> <klass> <load> <last_seen>\n";
const SUPERNODE: &str = "1";
const INDEX_NODE: &str = "2";

/// The addresses in such a text, those seen last in front. Lines that make no sense, and what is no supernode, are passed over: such
/// lists were copied from strangers.
pub fn read(text: &str) -> Vec<SocketAddrV4> {
    let mut nodes: Vec<(u64, SocketAddrV4)> = text.lines().filter_map(node).collect();
    nodes.sort_by_key(|(seen_s, _)| std::cmp::Reverse(*seen_s));
    nodes.truncate(NODES_MAX);
    nodes.into_iter().map(|(_, address)| address).collect()
}

fn node(line: &str) -> Option<(u64, SocketAddrV4)> {
    let mut words = line.split_whitespace();
    let host: Ipv4Addr = words.next()?.parse().ok()?;
    let port: u16 = words.next()?.parse().ok().filter(|port| *port != 0)?;
    words.next().filter(|class| [SUPERNODE, INDEX_NODE].contains(class))?;
    let seen_s = words.nth(1).and_then(|seen| seen.parse().ok()).unwrap_or(0);
    Some((seen_s, SocketAddrV4::new(host, port)))
}

/// The text for these, seen so many minutes before this second of the Unix epoch.
pub fn write(nodes: &[NodeEntry], now_s: u64) -> String {
    let mut text = HEAD.to_owned();
    for NodeEntry { address, age_min, free_percent } in nodes {
        let seen_s = now_s.saturating_sub(60 * u64::from(*age_min));
        let (ip, port) = (address.ip(), address.port());
        writeln!(text, "{ip} {port} {SUPERNODE} {free_percent} {seen_s}").expect("a string takes all");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_the_latest_first() {
        let entry = |host, age_min| {
            let address = SocketAddrV4::new([203, 0, 113, host].into(), 1214);
            NodeEntry { address, age_min, free_percent: 70 }
        };
        let text = write(&[entry(5, 9), entry(6, 0), entry(7, 255)], 1_101_390_791);
        assert!(text.contains("\n203.0.113.6 1214 1 70 1101390791\n"), "{text}");
        assert_eq!(read(&text), [entry(6, 0), entry(5, 0), entry(7, 0)].map(|entry| entry.address));
        assert!(read(&write(&[], 0)).is_empty());
    }

    #[test]
    fn lists_of_strangers_are_read_as_far_as_they_make_sense() {
        let text = "# a comment\n\n198.51.100.1 3000 2 0 0\r\nnowhere.example 1214 1 50 7\n198.51.100.2 0 1 50 7\n\
            198.51.100.3 99999 1 50 7\n198.51.100.4 1214 0 50 7\n  198.51.100.5\t1214 1\n::1 1214 1 50 7\n198.51.100.6 1214 1 50 x";
        let addresses: Vec<String> = read(text).iter().map(SocketAddrV4::to_string).collect();
        assert_eq!(addresses, ["198.51.100.1:3000", "198.51.100.5:1214", "198.51.100.6:1214"]);
        let many: String = (0..5_000).map(|n| format!("10.0.{}.{} 1 1 9 {n}\n", n / 250, n % 250)).collect();
        let read = read(&many);
        assert_eq!((read.len(), read[0].to_string()), (NODES_MAX, "10.0.19.249:1".to_owned()));
    }
}
