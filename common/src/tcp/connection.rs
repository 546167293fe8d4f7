//! One connection's task, from dialling or accepting to the last byte.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::Limits;
use super::admission::Ticket;
use super::expected::Expected;
use super::input::Input;
use super::line::{Line, shape_sink, shape_source};
use super::outgoing::Outgoing;
use super::pulse::{Pulse, Reading};
use super::reader::{Order, Reader, Source};
use super::snapshot::Counters;
use super::socket;
use super::spares::ReadBuffer;
use super::tls::{Inlet, Outlet, Side, plain};
use super::writer::{Sink, Work, WriteEnd, Writer};
use crate::peer::{CloseReason, ConnId};
use crate::wire::Wire;

/// Where a connection comes from.
pub(super) enum Origin {
    /// This node opens it.
    Dial { source: Option<Ipv4Addr>, to: SocketAddrV4 },
    /// The listener has accepted it.
    Accepted { stream: TcpStream, remote: SocketAddrV4 },
}

/// One connection's task.
pub(super) struct Connection<M: Wire> {
    pub(super) conn: ConnId,
    pub(super) origin: Origin,
    /// How it comes under TLS, if it does.
    pub(super) tls: Option<Side>,
    pub(super) setup: M::Setup,
    pub(super) outgoing: Arc<Outgoing>,
    pub(super) orders: mpsc::Receiver<Order<M::Setup>>,
    pub(super) expected: Arc<Expected>,
    pub(super) inputs: mpsc::Sender<Input<M>>,
    /// The peer has closed it, or has heard that it is closed: flush and end.
    pub(super) close: CancellationToken,
    /// End at once, with a reset.
    pub(super) kill: CancellationToken,
    pub(super) counters: Counters,
    pub(super) limits: Arc<Limits>,
    pub(super) line: Option<Arc<Line>>,
    /// Held as long as the task lives.
    pub(super) ticket: Ticket,
}

type Pump<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl<M: Wire> Connection<M> {
    /// Lives the connection's life. A `Closed` goes to the node unless the node has closed it first.
    pub(super) async fn run(self) {
        let kill = self.kill.clone();
        // Whatever happens below, the place is free again only when the task is over.
        tokio::select! {
            biased;
            () = kill.cancelled() => {}
            () = self.open() => {}
        }
    }

    async fn open(mut self) {
        let dialled = matches!(self.origin, Origin::Dial { .. });
        let delay = self.line.as_ref().map_or(Duration::ZERO, |line| line.delay);
        let origin = std::mem::replace(&mut self.origin, Origin::Dial { source: None, to: NOWHERE });
        let (stream, remote) = match origin {
            Origin::Accepted { stream, remote } => {
                rest(delay).await;
                (stream, remote)
            }
            Origin::Dial { source, to } => match dial(source, to, delay, self.limits.dial_timeout).await {
                Ok(stream) => (stream, to),
                Err(reason) => return tell(&self.inputs, Input::Closed { conn: self.conn, reason }).await,
            },
        };
        let mut guarded = Resetting { stream: Arc::new(stream), good_end: false };
        if let Err(error) = guarded.stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
        if let Some(bytes) = self.line.as_ref().and_then(|line| line.receive_buffer_bytes())
            && let Err(error) = socket2::SockRef::from(&*guarded.stream).set_recv_buffer_size(bytes)
        {
            tracing::debug!(%error, "cannot set SO_RCVBUF");
        }
        let opened = Input::Opened { conn: self.conn, remote, dialled };
        // Who is dialled has to show who he is before anything is said; who dials has that over with while he is waited for.
        let ends = if dialled {
            let ends = self.secure(&guarded.stream).await;
            if ends.is_ok() {
                tell(&self.inputs, opened).await;
            }
            ends
        } else {
            tell(&self.inputs, opened).await;
            self.secure(&guarded.stream).await
        };
        let ends = match ends {
            Ok(ends) => ends,
            Err(reason) => return tell(&self.inputs, Input::Closed { conn: self.conn, reason }).await,
        };
        let stream = Arc::clone(&guarded.stream);
        guarded.good_end = self.converse(&stream, ends, dialled).await;
    }

    /// Brings the connection under TLS if it is to be there. (If the node closes it meanwhile, it does not hear why that failed.)
    async fn secure(&mut self, stream: &Arc<TcpStream>) -> Result<(Inlet, Outlet), CloseReason> {
        let Some(side) = self.tls.take() else { return Ok(plain(stream)) };
        // In memory of its own: most connections need none for it.
        let shaken = timeout(self.limits.handshake_timeout, Box::pin(side.shake(stream)));
        tokio::select! {
            () = self.close.cancelled() => Err(CloseReason::Remote),
            shaken = shaken => shaken.unwrap_or(Err(CloseReason::Timeout)),
        }
    }

    /// Reads and writes until the connection ends; says whether it ended in good order.
    async fn converse(self, stream: &Arc<TcpStream>, ends: (Inlet, Outlet), dialled: bool) -> bool {
        let Connection {
            conn,
            setup,
            outgoing,
            orders,
            expected,
            inputs,
            close,
            counters,
            limits,
            line,
            ticket: _held,
            ..
        } = self;
        let pulse = Arc::new(Pulse::new(if dialled { Reading::Messages } else { Reading::Handshake }));
        let (inlet, outlet) = ends;
        let (source, pump_in) = open_source(inlet, line.as_ref(), &pulse, !dialled);
        let (sink, pump_out) = open_sink(outlet, line.as_ref(), &pulse);
        let reader = Reader::<M> {
            conn,
            source,
            codec: M::codec(setup),
            orders,
            expected,
            come: Vec::new(),
            inputs: inputs.clone(),
            pulse: Arc::clone(&pulse),
            counters: counters.clone(),
            buffer_bytes_max: limits.read_buffer_bytes_max.min(BUFFER_BYTES_MAX),
            buffer: ReadBuffer::default(),
            records: None,
            read_bytes: Reader::<M>::READ_BYTES_MIN,
            unyielded_bytes: 0,
        };
        let writer = Writer {
            conn,
            work: Work::new(&sink),
            sink,
            outgoing: Arc::clone(&outgoing),
            inputs: inputs.clone(),
            counters,
            close: close.clone(),
            pulse: Arc::clone(&pulse),
        };
        // The reader goes away as soon as the node has closed: nothing more may reach a file.
        let mut reading = Box::pin(read(reader, pump_in));
        let mut writing = pin!(write(writer, pump_out));

        let (reason, written) = until_end(reading.as_mut(), writing.as_mut(), &close, &pulse, &limits).await;
        // But for a handshake: what the peer had sent before it closed may wait for it.
        let shaking = (reason.is_none() && written.is_none() && outgoing.is_shaking()).then_some(reading);
        if let Some(reason) = reason {
            tracing::debug!(%reason, "ended");
            tell(&inputs, Input::Closed { conn, reason }).await;
            if !matches!(reason, CloseReason::Remote | CloseReason::Protocol) {
                return false;
            }
        }
        // The node answers a `Closed` by closing too; until it does, what it had sent before may still be
        // queued.
        let written = match written {
            Some(end) => Some(end),
            None => tokio::select! {
                end = &mut writing => Some(end),
                () = pulse.quiet_for(limits.linger_timeout) => None,
                () = shake_in_time(shaking, &pulse, &limits) => None,
            },
        };
        let flushed = written == Some(WriteEnd::Flushed);
        match reason {
            None if flushed => say_goodbye(stream, &limits).await,
            _ => flushed,
        }
    }
}

/// Reads and writes until the node closes the connection or it ends by itself; says for what reason, if it
/// was not the node, and how writing ended, if it has.
async fn until_end(
    mut reading: Pin<&mut impl Future<Output = CloseReason>>,
    mut writing: Pin<&mut impl Future<Output = WriteEnd>>,
    close: &CancellationToken,
    pulse: &Pulse,
    limits: &Limits,
) -> (Option<CloseReason>, Option<WriteEnd>) {
    tokio::select! {
        biased;
        () = close.cancelled() => (None, None),
        end = &mut writing => {
            let reason = match end {
                WriteEnd::Flushed => None,
                WriteEnd::Store(_) => Some(CloseReason::Store),
                // What the far side had sent before it went may still be here.
                WriteEnd::Broken => {
                    let rest = timeout(limits.linger_timeout, &mut reading).await;
                    Some(rest.unwrap_or(CloseReason::Reset))
                }
            };
            (reason, Some(end))
        }
        reason = &mut reading => (Some(reason), None),
        () = pulse.stops(limits) => (Some(CloseReason::Timeout), None),
    }
}

/// Lets a reader that takes a handshake's messages go on; returns if that takes too long. Without one nothing is waited for.
async fn shake_in_time(reading: Option<impl Future<Output = CloseReason>>, pulse: &Pulse, limits: &Limits) {
    let Some(reading) = reading else { return std::future::pending().await };
    tokio::select! {
        // The writer sees it too, if the handshake has failed.
        _ = reading => std::future::pending().await,
        () = pulse.stops(limits) => {}
    }
}

/// No limit may let a read buffer grow beyond this: lengths of what one read brings are told in 32 bits.
const BUFFER_BYTES_MAX: usize = 1 << 30;

/// Reads of this size drain what the far side still sends after our good-bye,
const GOODBYE_READ_BYTES: usize = 16 * 1024;
/// and after so many, 16 MiB in all, it has clearly not noticed: more than the kernel's buffers hold.
const GOODBYE_READS_MAX: usize = 1024;

const NOWHERE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);

/// A stream that is reset when dropped, unless it has come to a good end: killed while it lives, a connection
/// ends as if its process had died.
struct Resetting {
    stream: Arc<TcpStream>,
    good_end: bool,
}

impl Drop for Resetting {
    fn drop(&mut self) {
        if !self.good_end
            && let Err(error) = socket2::SockRef::from(&*self.stream).set_linger(Some(Duration::ZERO))
        {
            tracing::debug!(%error, "cannot set SO_LINGER");
        }
    }
}

/// Opens a connection over a line that delays each way.
async fn dial(
    source: Option<Ipv4Addr>,
    to: SocketAddrV4,
    delay: Duration,
    limit: Duration,
) -> Result<TcpStream, CloseReason> {
    let attempt = async {
        rest(delay).await;
        let result = socket::dial(source, to).await;
        rest(delay).await;
        result
    };
    match timeout(limit, attempt).await {
        Ok(result) => result.map_err(|error| {
            tracing::debug!(%to, %error, "dialling failed");
            socket::dial_failure(&error)
        }),
        Err(_) => Err(CloseReason::Timeout),
    }
}

/// Tells the node. If it is gone, so is this task in a moment.
async fn tell<M>(inputs: &mpsc::Sender<Input<M>>, input: Input<M>) {
    let _ = inputs.send(input).await;
}

async fn rest(delay: Duration) {
    if !delay.is_zero() {
        sleep(delay).await;
    }
}

fn open_source(
    inlet: Inlet,
    line: Option<&Arc<Line>>,
    pulse: &Arc<Pulse>,
    accepted: bool,
) -> (Source, Option<Pump<()>>) {
    match (inlet, line) {
        (Inlet::Socket(stream), None) => (Source::Direct(stream), None),
        (inlet, line) => {
            let line = line.map_or_else(Line::ideal, Arc::clone);
            let (source, pump) = shape_source(inlet, line, Arc::clone(pulse), accepted);
            (Source::Shaped(source), Some(Box::pin(pump)))
        }
    }
}

fn open_sink(
    outlet: Outlet,
    line: Option<&Arc<Line>>,
    pulse: &Arc<Pulse>,
) -> (Sink, Option<Pump<std::io::Result<()>>>) {
    match (outlet, line) {
        (Outlet::Socket(stream), None) => (Sink::Direct(stream), None),
        (outlet, line) => {
            let line = line.map_or_else(Line::ideal, Arc::clone);
            let (sink, pump) = shape_sink(outlet, line, Arc::clone(pulse));
            (Sink::Shaped(sink), Some(Box::pin(pump)))
        }
    }
}

/// Runs a reader, and the pump that fills its source if the line is shaped.
async fn read<M: Wire>(reader: Reader<M>, pump: Option<Pump<()>>) -> CloseReason {
    match pump {
        None => reader.run().await,
        Some(pump) => {
            let pump_then_wait = async {
                pump.await;
                std::future::pending().await
            };
            tokio::select! {
                reason = reader.run() => reason,
                reason = pump_then_wait => reason,
            }
        }
    }
}

/// Runs a writer, and the pump that empties its sink if the line is shaped.
async fn write<M: Wire>(writer: Writer<M>, pump: Option<Pump<std::io::Result<()>>>) -> WriteEnd {
    let Some(mut pump) = pump else { return writer.run().await };
    let end = tokio::select! {
        end = writer.run() => end,
        _ = &mut pump => return WriteEnd::Broken,
    };
    // The writer is gone and with it the sink, so the pump ends when the last chunk has left.
    match (end, pump.await) {
        (WriteEnd::Flushed, Err(_)) => WriteEnd::Broken,
        (end, _) => end,
    }
}

/// Ends our direction and waits for the far side to end its own: to close with its bytes unread would
/// reset the connection, and that can destroy on its side what we have just flushed.
async fn say_goodbye(stream: &TcpStream, limits: &Limits) -> bool {
    if socket2::SockRef::from(stream).shutdown(std::net::Shutdown::Write).is_err() {
        return false;
    }
    let drained = async {
        let mut scrap = vec![0; GOODBYE_READ_BYTES];
        for _ in 0..GOODBYE_READS_MAX {
            match socket::read(stream, &mut scrap).await.0 {
                Ok(0) => return true,
                Ok(_) => tokio::task::yield_now().await,
                Err(_) => return false,
            }
        }
        false
    };
    timeout(limits.linger_timeout, drained).await.unwrap_or(true)
}
