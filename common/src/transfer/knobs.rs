//! The knobs of a download.

use std::time::Duration;

/// Limits and time-outs of a download. Each says where its default comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DownloadKnobs {
    /// Sources that are known in all, lost ones included. 100: all results of one search of the time.
    pub sources_max: usize,
    /// No more are connected to while so many are being connected to, asked or sending. 8: our choice; a modem has enough
    /// of two, a fast line of a few. Those whose turn in their queues comes meanwhile come on top.
    pub active_max: usize,
    /// Sources in whose queues a place is held at a time, beside the active ones. 16: our choice.
    pub queued_max: usize,
    /// Bytes of the smallest request, unless fewer are missing. 128 KiB: our choice, near LimeWire's 100,000.
    pub request_bytes_min: u64,
    /// Bytes of the largest request: 4 MiB, a few round trips' worth on any line of the time.
    pub request_bytes_max: u64,
    /// How long a request should take, at the rate its source has shown. 10 s: our choice; so a slow source holds the
    /// end of a download no longer than that.
    pub request_time: Duration,
    /// The least bytes worth taking over from a slower source near the end: 64 KiB, our choice.
    pub steal_bytes_min: u64,
    /// Nothing is taken over from a source that needs no longer than this for the rest. 2 s: our choice, about what a new
    /// connection costs.
    pub steal_time_min: Duration,
    /// How long a connection may take to come: a dial, or a push and the dial of the other side. 30 s: giFT-OpenNap's.
    pub connect_timeout: Duration,
    /// How long an answer to a request may take. 30 s: as above.
    pub answer_timeout: Duration,
    /// How long a running body may go without [`PROGRESS_BYTES_MIN`](super::PROGRESS_BYTES_MIN) bytes. 60 s: what three
    /// that share a modem need.
    pub data_timeout: Duration,
    /// How long after a failure the same source is tried again; it doubles up to 64 times as much. 5 s: our choice.
    pub retry: Duration,
    /// How often one source may fail without progress in between. 3: our choice.
    pub attempts_max: u8,
    /// How long after a 503 without any time the source is asked again. 60 s: draft 0.6 of Gnutella allows one try in
    /// a minute.
    pub queue_retry: Duration,
    /// The longest that a source may have us wait before we ask again. 20 min: gtk-gnutella asks for no more, and
    /// takes who comes sooner for abuse.
    pub queue_retry_max: Duration,
    /// How often a full queue is asked in vain without getting on in it. 20: our choice; it comes
    /// to eight minutes before a source that keeps a place for one.
    pub queue_retries_max: u8,
    /// How often a download starts again after its digest was wrong, each time with bytes of a single source. 8: our
    /// choice; whoever gets eight wrong copies will get more.
    pub rounds_max: u8,
}

impl Default for DownloadKnobs {
    fn default() -> Self {
        DownloadKnobs {
            sources_max: 100,
            active_max: 8,
            queued_max: 16,
            request_bytes_min: 128 << 10,
            request_bytes_max: 4 << 20,
            request_time: Duration::from_secs(10),
            steal_bytes_min: 64 << 10,
            steal_time_min: Duration::from_secs(2),
            connect_timeout: Duration::from_secs(30),
            answer_timeout: Duration::from_secs(30),
            data_timeout: Duration::from_secs(60),
            retry: Duration::from_secs(5),
            attempts_max: 3,
            queue_retry: Duration::from_secs(60),
            queue_retry_max: Duration::from_secs(1200),
            queue_retries_max: 20,
            rounds_max: 8,
        }
    }
}
