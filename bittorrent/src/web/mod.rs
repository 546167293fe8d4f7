//! What tracker and site have in common: callers who ask over HTTP, and pages for browsers.
//!
//! A caller sends one request after another; each is answered with a head, a `Content-Length` and a body, and the connection goes on
//! or ends as the caller says (`Connection`, or the version of the request).
//!
//! | state | event | then |
//! |---|---|---|
//! | connected | `GET` or `HEAD` | answered; connected, or closed if the caller wants no more |
//! | | another method | 501; closed |
//! | | anything that is no request, one with a body, or silence | closed |

mod html;

use std::net::SocketAddrV4;
use std::time::Duration;

use bytes::Bytes;
use common::http::{NOT_FOUND, NOT_IMPLEMENTED, OK, Request, Response};
use common::peer::{ConnId, Cx, Slots, Time};

use crate::node::{Node, Timer};
use crate::peer::CLIENT;
use crate::wire::{Answer, Message};
pub(crate) use html::{Html, bytes_text, counted, thousands};

/// What a request is answered with.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    /// What a browser saves it as, percent-encoded.
    pub(crate) file_name: Option<String>,
    pub(crate) body: Bytes,
}

impl Page {
    /// For programs, or for whoever reads what went wrong.
    pub(crate) fn text(status: u16, body: impl Into<Bytes>) -> Self {
        Page { status, content_type: "text/plain; charset=utf-8", file_name: None, body: body.into() }
    }

    /// For browsers.
    pub(crate) fn html(body: impl Into<Bytes>) -> Self {
        Page { content_type: "text/html; charset=utf-8", ..Page::text(OK, body) }
    }

    /// There is nothing of that name.
    pub(crate) fn not_found() -> Self {
        Page::text(NOT_FOUND, "There is no such page here.\n")
    }
}

/// Bounds on callers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallerLimits {
    /// Callers at a time.
    pub(crate) callers_max: usize,
    /// How long one may be silent.
    pub(crate) step_timeout: Duration,
    /// The timer that says so.
    pub(crate) timer: fn(ConnId) -> Timer,
}

/// Everyone who is connected.
#[derive(Debug)]
pub(crate) struct Callers {
    table: Slots<Caller>,
    limits: CallerLimits,
}

#[derive(Debug)]
struct Caller {
    address: SocketAddrV4,
    /// When it must have said something.
    deadline: Time,
}

impl Callers {
    pub(crate) fn new(limits: CallerLimits) -> Self {
        Callers { table: Slots::default(), limits }
    }

    /// Somebody has dialled.
    pub(crate) fn called(&mut self, conn: ConnId, address: SocketAddrV4, cx: &mut Cx<'_, Node>) {
        if self.table.len() >= self.limits.callers_max {
            return cx.close(conn);
        }
        let deadline = cx.now() + self.limits.step_timeout;
        self.table.insert(conn, Caller { address, deadline });
        cx.wake(self.limits.step_timeout, (self.limits.timer)(conn));
    }

    /// A request has come; who it is from, unless it has been refused already.
    pub(crate) fn asked(
        &mut self,
        conn: ConnId,
        request: &Request,
        cx: &mut Cx<'_, Node>,
    ) -> Option<SocketAddrV4> {
        let caller = self.table.get_mut(conn)?;
        caller.deadline = cx.now() + self.limits.step_timeout;
        let address = caller.address;
        if matches!(&*request.method, "GET" | "HEAD") {
            return Some(address);
        }
        let refusal = Page::text(NOT_IMPLEMENTED, "Only GET and HEAD are understood here.\n");
        self.send(conn, request, refusal, false, cx);
        None
    }

    /// Answers a request.
    pub(crate) fn answer(&mut self, conn: ConnId, request: &Request, page: Page, cx: &mut Cx<'_, Node>) {
        self.send(conn, request, page, request.keeps_alive(), cx);
    }

    fn send(&mut self, conn: ConnId, request: &Request, page: Page, stays: bool, cx: &mut Cx<'_, Node>) {
        let mut head = Response::new(page.status)
            .with("Server", CLIENT)
            .with("Content-Type", page.content_type)
            .with("Connection", if stays { "keep-alive" } else { "close" });
        if let Some(name) = page.file_name {
            head.headers.push("Content-Disposition", format_args!("attachment; filename*=UTF-8''{name}"));
        }
        let answer = if &*request.method == "HEAD" {
            // It asks what a GET would be answered, but for the body.
            Answer { head: head.with("Content-Length", page.body.len()), body: Bytes::new() }
        } else {
            Answer { head, body: page.body }
        };
        cx.send(conn, Message::Answer(answer.into()));
        if !stays {
            self.hang_up(conn, cx);
        }
    }

    /// The time of a caller may be over.
    pub(crate) fn due(&mut self, conn: ConnId, cx: &mut Cx<'_, Node>) {
        let Some(caller) = self.table.get(conn) else { return };
        if caller.deadline <= cx.now() {
            self.hang_up(conn, cx);
        } else {
            // It has said something since: one timer for each caller is enough.
            cx.wake(caller.deadline.since(cx.now()), (self.limits.timer)(conn));
        }
    }

    pub(crate) fn hang_up(&mut self, conn: ConnId, cx: &mut Cx<'_, Node>) {
        self.closed(conn);
        cx.close(conn);
    }

    pub(crate) fn closed(&mut self, conn: ConnId) {
        self.table.remove(conn);
    }
}
