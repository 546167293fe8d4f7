//! What gets through a firewall that lets nobody in: answers to the datagrams of the node behind it.

use std::collections::VecDeque;
use std::net::SocketAddrV4;
use std::time::Duration;

use crate::peer::Time;

/// How long one to whom the node has sent something may answer. Two minutes: the least that an address translator should wait (RFC
/// 4787, 4.3).
const OPEN_FOR: Duration = Duration::from_secs(120);
/// Addresses that are remembered; of more, the one written to longest ago is forgotten. Our choice: a household's translator keeps some
/// thousands for all its programs.
const OPEN_MAX: usize = 256;

/// Those to whom a node behind a firewall has sent datagrams.
#[derive(Debug, Default)]
pub(crate) struct Pinholes {
    /// Whoever was written to last stands last.
    open: VecDeque<(SocketAddrV4, Time)>,
}

impl Pinholes {
    /// The node sends something to `to`.
    pub(crate) fn sends(&mut self, to: SocketAddrV4, now: Time) {
        self.open.retain(|(address, sent)| *address != to && now.since(*sent) < OPEN_FOR);
        if self.open.len() >= OPEN_MAX {
            self.open.pop_front();
        }
        self.open.push_back((to, now));
    }

    /// True if something from `from` gets through.
    pub(crate) fn admit(&self, from: SocketAddrV4, now: Time) -> bool {
        self.open.iter().any(|(address, sent)| *address == from && now.since(*sent) < OPEN_FOR)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn only_whoever_was_written_to_lately_gets_through() {
        let address = |port| SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
        let at = |seconds| Time::ZERO + Duration::from_secs(seconds);
        let mut holes = Pinholes::default();
        holes.sends(address(1), at(0));
        holes.sends(address(2), at(60));
        assert!(holes.admit(address(1), at(119)) && !holes.admit(address(1), at(120)));
        assert!(holes.admit(address(2), at(120)) && !holes.admit(address(3), at(60)));
        for port in 10..10 + OPEN_MAX as u16 {
            holes.sends(address(port), at(61));
        }
        assert!(!holes.admit(address(2), at(62)), "there is room for so many");
        assert_eq!(holes.open.len(), OPEN_MAX);
        holes.sends(address(9), at(300));
        assert_eq!(holes.open.len(), 1, "what is over is forgotten");
    }
}
