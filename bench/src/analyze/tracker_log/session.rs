//! A session: what one client reports, from its first word to its last.

use std::net::SocketAddrV4;

use bittorrent::log::tracker::Report;
use bittorrent::wire::AnnounceEvent;

/// A session that is under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Session {
    pub(super) address: SocketAddrV4,
    /// When it began; what it had then.
    pub(super) began_ms: u64,
    pub(super) began_with: Beginning,
    /// Heard of last.
    pub(super) heard_ms: u64,
    /// The last report whose figures count.
    pub(super) known: Known,
    /// When it had all, if it had not from the start.
    pub(super) completed_ms: Option<u64>,
}

/// What a client had when it came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Beginning {
    Nothing,
    /// Some, or nobody knows: its first report was not `started`.
    Some,
    All,
}

/// Where a client stands, by a report.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) time_ms: u64,
    pub(super) uploaded: u64,
    pub(super) downloaded: u64,
    pub(super) left: u64,
}

/// How a session has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// It said so.
    Stopped,
    /// It was not heard of any more.
    Silent,
    /// Its program was started anew.
    Restarted,
    /// It has not: the log has.
    Open,
}

impl Known {
    pub(super) fn of(report: &Report) -> Known {
        let Report { time_ms, uploaded, downloaded, left, .. } = *report;
        Known { time_ms, uploaded, downloaded, left }
    }

    pub(super) fn is_seed(&self) -> bool {
        self.left == 0
    }
}

impl Session {
    pub(super) fn begun(report: &Report, length: Option<u64>) -> Session {
        let started = report.event == AnnounceEvent::Started && report.downloaded == 0;
        let began_with = match report.left {
            0 => Beginning::All,
            left if started && Some(left) == length => Beginning::Nothing,
            _ => Beginning::Some,
        };
        Session {
            address: report.address,
            began_ms: report.time_ms,
            began_with,
            heard_ms: report.time_ms,
            known: Known::of(report),
            completed_ms: None,
        }
    }

    /// Whether its figures have gone on from what was known, as they do while a program runs.
    pub(super) fn goes_on(&self, report: &Report) -> bool {
        report.uploaded >= self.known.uploaded && report.downloaded >= self.known.downloaded
    }
}
