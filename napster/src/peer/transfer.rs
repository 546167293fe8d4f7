//! The connections of downloads: from the `1` to the last byte.

use std::sync::Arc;

use common::peer::{BodyState, CloseReason, ConnId, Place};
use common::user::{Failure, FetchId, Note};

use super::download::Stage;
use super::{Hands, Link, Peer};
use crate::wire::{Message, Named, Request, Setup, is_unambiguous};

impl Peer {
    /// A message of a holder, who we dialled or who dialled us.
    pub(super) fn of_holder(&mut self, fetch: FetchId, conn: ConnId, message: Message, cx: Hands) {
        let Some(download) = self.downloads.get_mut(&fetch).filter(|d| d.stage.conn() == Some(conn)) else {
            return self.hang_up(conn, cx);
        };
        match (download.stage, message) {
            (Stage::Dialling(source, _), Message::Hello) => {
                let Some(nick) = self.nick.clone() else { return };
                let offset = offset(download.size, download.have);
                let file = download.sources[source].file.clone();
                cx.send(conn, Message::Request(Arc::new(Request { nick, file, offset })));
                cx.resume_as(conn, Setup::Download { size: download.size, offset });
                let stage = Stage::Sizing { source, conn, offset, pushed: false };
                download.enter(fetch, stage, self.config.step_timeout, cx);
            }
            (Stage::Sizing { source, offset, pushed, .. }, Message::Size(_)) => {
                if pushed {
                    cx.send(conn, Message::Offset(offset));
                }
                download.have = offset;
                if offset < download.head_len() && !download.head.from.contains(&source) {
                    download.head.from.push(source);
                }
                cx.receive(conn, download.size - offset, Some(Place { file: download.into, offset }));
                let stage = Stage::Receiving { source, conn, last_data: cx.now() };
                download.enter(fetch, stage, self.config.data_timeout, cx);
                self.tell_server(Message::DownloadBegun, cx);
            }
            _ => self.next_source(fetch, Failure::Refused, cx),
        }
    }

    /// Somebody brings a file (`SEND`): taken if it is the one we wait for.
    pub(super) fn delivered(&mut self, conn: ConnId, named: &Named, cx: Hands) {
        let awaited = self.downloads.iter_mut().find(|(_, download)| match download.stage {
            Stage::Pushing(source) => {
                let source = &download.sources[source];
                source.file == named.file
                    && source.nick.as_bytes().eq_ignore_ascii_case(named.nick.as_bytes())
            }
            _ => false,
        });
        let Some((&fetch, download)) = awaited else { return self.hang_up(conn, cx) };
        let Stage::Pushing(source) = download.stage else { return };
        self.links.insert(conn, Link::Download(fetch));
        cx.resume_as(conn, Setup::Pushed { size: download.size });
        let offset = download.have;
        let stage = Stage::Sizing { source, conn, offset, pushed: true };
        download.enter(fetch, stage, self.config.step_timeout, cx);
    }

    pub(super) fn body(&mut self, conn: ConnId, len: u32, state: BodyState, cx: Hands) {
        let Some(Link::Download(fetch)) = self.links.get(conn) else { return };
        let fetch = *fetch;
        let Some(download) = self.downloads.get_mut(&fetch) else { return };
        let Stage::Receiving { last_data, conn: receiving, .. } = &mut download.stage else { return };
        if *receiving != conn {
            return;
        }
        *last_data = cx.now();
        download.have += u64::from(len);
        let have = download.have;
        match state {
            BodyState::Failed(fault) => return self.store_failed(fetch, fault, cx),
            BodyState::More | BodyState::Done => cx.note(Note::Progress(fetch, have)),
        }
        self.check_head(fetch, cx);
        if state == BodyState::Done {
            self.hang_up(conn, cx);
            self.tell_server(Message::DownloadEnded, cx);
            self.whole(fetch, cx);
        }
    }

    /// A holder's connection has ended by itself.
    pub(super) fn download_closed(&mut self, fetch: FetchId, conn: ConnId, reason: CloseReason, cx: Hands) {
        let Some(download) = self.downloads.get(&fetch).filter(|d| d.stage.conn() == Some(conn)) else {
            return;
        };
        let why = match (download.stage, reason) {
            (_, CloseReason::Timeout) => Failure::Timeout,
            (Stage::Sizing { .. }, _) => Failure::Refused,
            _ => Failure::NoHolder,
        };
        if let Stage::Dialling(source, _) = download.stage {
            self.tell_server(Message::PortError(download.sources[source].nick.clone()), cx);
        }
        self.next_source(fetch, why, cx);
    }
}

/// Where to go on: at the first missing byte, or a few bytes before it where the size that comes without an end
/// mark could be misread (see [`is_unambiguous`]).
fn offset(size: u64, have: u64) -> u64 {
    let have = have.min(size);
    (0..=have).rev().find(|offset| is_unambiguous(size, *offset)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resume_avoids_offsets_whose_size_could_be_misread() {
        assert_eq!(offset(1234, 0), 0);
        assert_eq!(offset(1234, 500), 500);
        // 12 bytes left of 1234: "12" begins "1234".
        assert_eq!(offset(1234, 1222), 1221);
        assert_eq!(offset(1000, 1000), 1000);
        assert_eq!(offset(10, 9), 8);
    }
}
