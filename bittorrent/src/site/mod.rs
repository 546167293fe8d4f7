//! An ordinary web site that lists torrents, finds them by words, and serves them.
//!
//! | part | file |
//! |---|---|
//! | the torrents, in their order and by words | `shelf.rs` |
//! | figures of swarms, asked of their trackers | `figures.rs` |
//! | pages for browsers | `view.rs` |
//! | lines for programs | `listing.rs` |
//!
//! | request | answer |
//! |---|---|
//! | `GET /`, `/?q=words`, `…&page=2` | a page of torrents, the newest first |
//! | `GET /search.txt?q=words&max=9` | the same as lines, see [`Listing`]; at once, with the figures that are known |
//! | `GET /torrent/7.torrent` | that torrent's file, byte for byte |
//!
//! A page waits for figures that are too old, but not for long, and it then has those that there are, `?` for none:
//!
//! | state of a caller | event | then |
//! |---|---|---|
//! | answered | a page is asked for, figures are as fresh as can be | answered |
//! | | a page is asked for, figures are being asked for | waiting |
//! | waiting | the figures are there, the time is over, or the next request comes | answered |

mod config;
mod figures;
mod listing;
mod shelf;
mod view;

use std::sync::Arc;

use common::http::{Request, Target};
use common::peer::{ConnId, Cx, Event, Slots, Time};
use common::user::Note;

use crate::node::{Node, Timer};
use crate::web::{CallerLimits, Callers};
use crate::wire::Message;
use crate::wire::udp::Packet;
pub use config::{Listed, SiteConfig, SiteKnobs};
use figures::Figures;
pub use listing::{Listing, search_target, torrent_target};
use shelf::Shelf;
use view::{Bounds, View};

type Hands<'a, 'b> = &'a mut Cx<'b, Node>;

/// What the site's timers mean.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SiteTimer {
    /// This connection should have said something by now.
    Caller(ConnId),
    /// The page for this connection has waited for long enough.
    Page(ConnId),
    /// The tracker at the other end of this connection should have answered by now.
    Scrape(ConnId),
    /// The question to a UDP tracker of that transaction should have been answered by now.
    Datagram(u32),
}

/// The state of a web site.
pub struct Site {
    started_s: u64,
    knobs: Arc<SiteKnobs>,
    shelf: Shelf,
    figures: Figures,
    callers: Callers,
    waiting: Slots<Waiting>,
}

/// A page that waits for figures.
struct Waiting {
    request: Arc<Request>,
    view: View,
    deadline: Time,
}

impl Site {
    /// A site that has not started.
    pub fn new(config: SiteConfig) -> Self {
        let figures = Figures::new(&config);
        let knobs = config.knobs;
        let limits = CallerLimits {
            callers_max: knobs.callers_max,
            step_timeout: knobs.step_timeout,
            timer: |conn| Timer::Site(SiteTimer::Caller(conn)),
        };
        Site {
            started_s: config.started_s,
            shelf: Shelf::new(config.torrents),
            figures,
            callers: Callers::new(limits),
            waiting: Slots::default(),
            knobs,
        }
    }

    /// Its only entry.
    pub fn handle(&mut self, event: Event<Message, Timer>, cx: Hands) {
        match event {
            Event::Start => cx.note(Note::Online),
            Event::Opened { conn, remote, dialled: false } => self.callers.called(conn, remote, cx),
            Event::Message { conn, message: Message::Ask(request) } => self.asked(conn, request, cx),
            Event::Message { conn, message: Message::Answer(answer) } if self.figures.is_scrape(conn) => {
                self.figures.answered(conn, &answer, cx);
                self.release(cx);
            }
            Event::Message { conn, .. } => self.callers.hang_up(conn, cx),
            Event::Datagram { from, message: Message::Udp(packet) } => {
                if let Packet::Reply(reply) = *packet {
                    self.figures.heard(from, reply, cx);
                    self.release(cx);
                }
            }
            Event::Closed { conn, .. } if self.figures.is_scrape(conn) => self.scrape_failed(conn, cx),
            Event::Closed { conn, .. } => {
                self.waiting.remove(conn);
                self.callers.closed(conn);
            }
            Event::Timer(Timer::Site(timer)) => self.due(timer, cx),
            _ => {}
        }
    }

    fn due(&mut self, timer: SiteTimer, cx: Hands) {
        match timer {
            SiteTimer::Caller(conn) => self.callers.due(conn, cx),
            SiteTimer::Page(conn) => {
                if self.waiting.get(conn).is_some_and(|waiting| waiting.deadline <= cx.now()) {
                    self.answer_waiting(conn, cx);
                }
            }
            SiteTimer::Scrape(conn) => self.scrape_failed(conn, cx),
            SiteTimer::Datagram(transaction) => {
                self.figures.waited(transaction, cx);
                self.release(cx);
            }
        }
    }

    fn asked(&mut self, conn: ConnId, request: Arc<Request>, cx: Hands) {
        // Answers come in the order of the questions.
        self.answer_waiting(conn, cx);
        if self.callers.asked(conn, &request, cx).is_none() {
            return;
        }
        let bounds = Bounds { page_rows: self.knobs.page_rows, results_max: self.knobs.results_max };
        let view = View::of(&Target::parse(&request.target), &self.shelf, bounds);
        self.figures.look(view.torrents(), cx);
        if matches!(view, View::Rows(_)) && !self.figures.are_settled(view.torrents()) {
            let deadline = cx.now() + self.knobs.figures_wait;
            cx.wake(self.knobs.figures_wait, Timer::Site(SiteTimer::Page(conn)));
            return self.waiting.insert(conn, Waiting { request, view, deadline });
        }
        self.answer(conn, &request, &view, cx);
    }

    fn answer(&mut self, conn: ConnId, request: &Request, view: &View, cx: Hands) {
        let now_s = self.started_s.saturating_add(cx.now().since(Time::ZERO).as_secs());
        let page = view.page(&self.shelf, &self.figures, now_s);
        self.callers.answer(conn, request, page, cx);
    }

    fn answer_waiting(&mut self, conn: ConnId, cx: Hands) {
        if let Some(Waiting { request, view, .. }) = self.waiting.remove(conn) {
            self.answer(conn, &request, &view, cx);
        }
    }

    fn scrape_failed(&mut self, conn: ConnId, cx: Hands) {
        self.figures.failed(conn, cx);
        self.release(cx);
    }

    /// Figures have come, or will not come: answers whoever has waited for them.
    fn release(&mut self, cx: Hands) {
        let is_ready = |waiting: &Waiting| self.figures.are_settled(waiting.view.torrents());
        let ready = self.waiting.iter().filter(|(_, waiting)| is_ready(waiting)).map(|(conn, _)| conn);
        for conn in ready.collect::<Vec<ConnId>>() {
            self.answer_waiting(conn, cx);
        }
    }
}
