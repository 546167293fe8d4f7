//! Searches and browsing. Answers carry no number, so the server is asked one question at a time.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use common::peer::Time;
use common::user::{FileInfo, Hit, Holder, Media, Note, Query, SearchEnd, SearchId};

use super::{Hands, Peer};
use crate::node::Timer;
use crate::wire::search::request_of;
use crate::wire::{Browse, CLIENT_FRAME_MAX, FileRecord, Line, Message, Token};

/// Questions that wait for the one before them; one more is refused.
const QUESTIONS_MAX: usize = 256;
/// Results of one question that the user is told of; a server that sends more is not heard. Ten times what real
/// servers gave at most (`max_browse_result` 500).
const HITS_MAX: u32 = 5_000;

/// A search or a browse.
pub(super) struct Question {
    pub(super) search: SearchId,
    what: What,
    /// The number under which its timer runs, once it is asked.
    asked: Option<u32>,
    /// When the server last said something about it.
    heard: Time,
    /// Results so far.
    hits: u32,
    refused: bool,
}

enum What {
    Search(Line),
    Browse(Token),
}

impl Peer {
    pub(super) fn search(&mut self, search: SearchId, query: &Query, cx: Hands) {
        match request_of(query) {
            Some(text) if text.as_bytes().len() <= CLIENT_FRAME_MAX => {
                self.ask(search, What::Search(text), cx);
            }
            _ => cx.note(Note::SearchEnded(search, SearchEnd::Refused)),
        }
    }

    pub(super) fn browse(&mut self, search: SearchId, nick: &str, cx: Hands) {
        match Token::from_text(nick) {
            Some(nick) => self.ask(search, What::Browse(nick), cx),
            None => cx.note(Note::SearchEnded(search, SearchEnd::Refused)),
        }
    }

    fn ask(&mut self, search: SearchId, what: What, cx: Hands) {
        if self.server().is_none() && !self.is_joining() {
            return cx.note(Note::SearchEnded(search, SearchEnd::Offline));
        }
        if self.questions.len() >= QUESTIONS_MAX {
            return cx.note(Note::SearchEnded(search, SearchEnd::Refused));
        }
        self.questions.push_back(Question {
            search,
            what,
            asked: None,
            heard: Time::ZERO,
            hits: 0,
            refused: false,
        });
        self.ask_first_question(cx);
    }

    /// Asks the question at the head of the queue unless that was done.
    pub(super) fn ask_first_question(&mut self, cx: Hands) {
        let Some(server) = self.server() else { return };
        let Some(question) = self.questions.front_mut() else { return };
        if question.asked.is_some() {
            return;
        }
        self.questions_asked = self.questions_asked.wrapping_add(1);
        question.asked = Some(self.questions_asked);
        question.heard = cx.now();
        cx.send(
            server,
            match &question.what {
                What::Search(text) => Message::Search(text.clone()),
                What::Browse(nick) => Message::Browse(Box::new(Browse { nick: nick.clone(), max: None })),
            },
        );
        cx.wake(self.config.answer_timeout, Timer::AnswerDue(self.questions_asked));
    }

    pub(super) fn of_question(&mut self, message: &Message, cx: Hands) {
        let Some(question) = self.questions.front_mut() else { return };
        let search = question.search;
        question.heard = cx.now();
        let is_end = matches!(message, Message::SearchEnd | Message::BrowseEnd(_));
        if !is_end && question.hits == HITS_MAX {
            return;
        }
        question.hits += u32::from(!is_end);
        match (message, &question.what) {
            (Message::SearchHit(found), What::Search(_)) => {
                let hit = hit(&found.record, &found.nick, Some(found.ip), found.speed);
                cx.note(Note::Found(search, Arc::new(hit)));
            }
            (Message::BrowseHit(found), What::Browse(_)) => {
                cx.note(Note::Found(search, Arc::new(hit(&found.record, &found.nick, None, 0))));
            }
            (Message::SearchEnd, What::Search(_)) | (Message::BrowseEnd(_), What::Browse(_)) => {
                // What came with results was a warning: opennap-ng says `search failed` to who asks too often, and
                // answers all the same.
                let is_refused = question.refused && question.hits == 0;
                let end = if is_refused { SearchEnd::Refused } else { SearchEnd::Complete };
                self.questions.pop_front();
                cx.note(Note::SearchEnded(search, end));
                self.ask_first_question(cx);
            }
            _ => {}
        }
    }

    /// The server has complained about the question; its end is still to come.
    pub(super) fn question_refused(&mut self) {
        if let Some(Question { what: What::Search(_), refused, asked: Some(_), .. }) =
            self.questions.front_mut()
        {
            *refused = true;
        }
    }

    /// An answer that may still come late would be taken for the next question's, so the session starts anew.
    pub(super) fn answer_due(&mut self, asked: u32, cx: Hands) {
        let Some(server) = self.server() else { return };
        if self.questions.front().is_none_or(|question| question.asked != Some(asked)) {
            return;
        }
        let silent = self.questions.front().map_or(Duration::ZERO, |question| cx.now().since(question.heard));
        if silent < self.config.answer_timeout {
            return cx.wake(self.config.answer_timeout - silent, Timer::AnswerDue(asked));
        }
        if let Some(question) = self.questions.pop_front() {
            cx.note(Note::SearchEnded(question.search, SearchEnd::Timeout));
        }
        self.hang_up(server, cx);
        self.lost("the server does not answer", cx);
    }
}

/// A file of somebody as the user is told of it. Napster tells addresses without ports; zero stands for that. The server
/// answers, one hop away; whether it is linked to others, its clients are not told.
fn hit(record: &FileRecord, nick: &Token, ip: Option<Ipv4Addr>, speed: u32) -> Hit {
    Hit {
        info: FileInfo {
            name: record.file.name().into(),
            size: record.size,
            digest: record.checksum.digest(),
            media: Media {
                bitrate_kbps: record.bitrate_kbps,
                frequency_hz: record.frequency_hz,
                duration_s: record.duration_s,
            },
            ..FileInfo::default()
        },
        holder: Holder {
            nick: nick.text().into(),
            address: ip.map(|ip| SocketAddrV4::new(ip, 0)),
            ..Holder::default()
        },
        speed,
        hops: Some(1),
    }
}
