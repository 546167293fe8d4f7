//! What an HTTP response means for a download.

use std::time::Duration;

use crate::http::{self, QueuePlace, Response};

/// The most bytes of an error page that are read over to keep its connection.
const PAGE_BYTES_MAX: u64 = 64 * 1024;

/// What a source answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// 200 or 206: bytes of a file follow.
    Body(Offered),
    /// 503: all slots are taken.
    Busy(Busy),
    /// 416: it has less of the file than was asked for, or another file of that name.
    Unsatisfiable,
    /// 404 and every other refusal: asking again would not change it.
    Refused,
    /// No sense can be made of it.
    Broken,
}

/// A body that is about to come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Offered {
    /// Where in the file it starts.
    pub offset: u64,
    /// Its length in bytes.
    pub len: u64,
    /// The size of the whole file, if the source says it.
    pub total: Option<u64>,
    /// The connection goes on after it.
    pub keeps_alive: bool,
}

/// A source whose slots are taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Busy {
    /// Our place in its queue, if it has one.
    pub place: Option<QueuePlace>,
    /// When to come again, if it says.
    pub retry_after: Option<Duration>,
    /// Bytes of text that follow, to be read over.
    pub page_len: u64,
    /// The connection goes on after them.
    pub keeps_alive: bool,
}

impl Answer {
    /// Reads a response. A 206 that does not say which range it is, or whose length differs from its range, and a 200
    /// that does not say its length are [`Answer::Broken`].
    pub fn of(response: &Response) -> Answer {
        let keeps_alive = response.keeps_alive();
        let Ok(len) = response.headers.content_length() else { return Answer::Broken };
        let is_told = response.headers.get("Content-Length").is_some();
        match response.status {
            http::OK if is_told => Answer::Body(Offered { offset: 0, len, total: Some(len), keeps_alive }),
            http::PARTIAL_CONTENT => match response.content_range() {
                // `last` comes from a number of 64 bits, too, and may be the largest.
                Some(range) => match (range.last - range.first).checked_add(1) {
                    Some(of_range) if !is_told || len == of_range => {
                        let (offset, total) = (range.first, range.total);
                        Answer::Body(Offered { offset, len: of_range, total, keeps_alive })
                    }
                    _ => Answer::Broken,
                },
                None => Answer::Broken,
            },
            http::OK => Answer::Broken,
            http::SERVICE_UNAVAILABLE => Answer::Busy(Busy {
                place: response.queue_place(),
                retry_after: response.retry_after_s().map(Duration::from_secs),
                page_len: len,
                keeps_alive: keeps_alive && len <= PAGE_BYTES_MAX,
            }),
            http::RANGE_NOT_SATISFIABLE => Answer::Unsatisfiable,
            _ => Answer::Refused,
        }
    }
}
