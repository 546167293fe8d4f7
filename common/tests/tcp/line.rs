//! Shaped lines: never faster than they allow. (How much slower they are depends on the machine, and no test
//! asks.)

use std::time::Duration;

use crate::tcp_kit::{Node, Setting, Speech, Toy, content, node, reacting};
use common::net::Line;
use common::peer::{BodyState, ConnId, Event, Span, Time};
use common::tcp::Clock;

/// Eight megabits per second are a million bytes.
const BPS: u64 = 8_000_000;

async fn taking(line: Line, clock: Clock) -> Node {
    reacting(Setting { line, clock, ..Setting::default() }, |event, cx| {
        if let Event::Message { conn, message: Toy::Body(len) } = event {
            cx.receive(*conn, *len, None);
        }
    })
    .await
}

/// When each of the next `count` bodies ends.
async fn bodies_end(to: &mut Node, count: usize) -> Vec<(Time, ConnId)> {
    let mut ends = Vec::new();
    while ends.len() < count {
        if let (at, Event::Body { conn, state: BodyState::Done, .. }) = to.next().await {
            ends.push((at, conn));
        }
    }
    ends
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_takes_at_least_its_time_on_the_slower_of_the_two_lines() {
    const LEN: u64 = 200_000;
    let slow_up = Line { up_bps: Some(BPS), ..Line::default() };
    let slow_down = Line { down_bps: Some(BPS), ..Line::default() };
    for (sender, receiver) in [(slow_up, Line::default()), (Line::default(), slow_down)] {
        let clock = Clock::start();
        let mut from = node(Setting { line: sender, clock, ..Setting::default() }).await;
        let mut to = taking(receiver, clock).await;
        let conn = from.connect(to.address()).await;
        let (file, _) = from.file(content(LEN as usize));
        let start = from
            .act(move |cx| {
                cx.send(conn, Toy::Body(LEN));
                cx.send_body(conn, Span { file, offset: 0, len: LEN });
                cx.now()
            })
            .await;
        let (end, _) = bodies_end(&mut to, 1).await[0];
        assert!(end.since(start) >= Duration::from_millis(200), "{:?}", end.since(start));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_share_a_line_in_turn() {
    const LEN: u64 = 100_000;
    let clock = Clock::start();
    let line = Line { up_bps: Some(BPS), ..Line::default() };
    let mut from = node(Setting { line, clock, ..Setting::default() }).await;
    let mut to = taking(Line::default(), clock).await;
    let conns = [from.connect(to.address()).await, from.connect(to.address()).await];
    let (file, _) = from.file(content(LEN as usize));
    let start = from
        .act(move |cx| {
            for conn in conns {
                cx.send(conn, Toy::Body(LEN));
                cx.send_body(conn, Span { file, offset: 0, len: LEN });
            }
            cx.now()
        })
        .await;
    let ends = bodies_end(&mut to, 2).await;
    // Served one after the other, the first would be through after 100 ms. In turn, it ends at most a
    // few chunks before the second.
    assert!(ends[0].0.since(start) >= Duration::from_millis(130), "{:?}", ends[0].0.since(start));
    assert!(ends[1].0.since(start) >= Duration::from_millis(200), "{:?}", ends[1].0.since(start));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delays_add_up_on_the_way_and_to_open_takes_a_round_trip() {
    let delay = |ms| Line { delay: Duration::from_millis(ms), ..Line::default() };
    let clock = Clock::start();
    let answer = |event: &Event<Toy, u32>, cx: &mut common::peer::Cx<'_, crate::tcp_kit::Probe>| {
        if let Event::Message { conn, message: Toy::Number(n) } = event {
            cx.send(*conn, Toy::Number(n + 1));
        }
    };
    let mut near = node(Setting { line: delay(10), clock, ..Setting::default() }).await;
    let mut far = reacting(Setting { line: delay(30), clock, ..Setting::default() }, answer).await;
    let to = far.address();
    let (dialled_at, conn) = near
        .act(move |cx| {
            let conn = cx.dial(to, Speech::Plain);
            cx.send(conn, Toy::Number(1));
            (cx.now(), conn)
        })
        .await;
    let one_way = Duration::from_millis(40);
    let (opened_far, _) = far.next().await;
    assert!(opened_far.since(dialled_at) >= one_way, "{:?}", opened_far.since(dialled_at));
    let (heard_far, _) = far.next().await;
    assert!(heard_far.since(dialled_at) >= one_way * 3, "{:?}", heard_far.since(dialled_at));
    near.next().await;
    let (answered, event) = near.next().await;
    assert!(matches!(event, Event::Message { message: Toy::Number(2), .. }), "{event:?}");
    assert!(answered.since(dialled_at) >= one_way * 4, "{:?}", answered.since(dialled_at));
    let asked_at = near
        .act(move |cx| {
            cx.send(conn, Toy::Number(7));
            cx.now()
        })
        .await;
    let (answered, _) = near.next().await;
    assert!(answered.since(asked_at) >= one_way * 2, "{:?}", answered.since(asked_at));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sent_before_a_close_leaves_even_over_a_slow_line() {
    const LEN: u64 = 50_000;
    let line = Line { up_bps: Some(BPS), delay: Duration::from_millis(5), ..Line::default() };
    let mut from = node(Setting { line, ..Setting::default() }).await;
    let mut to = taking(line, Clock::start()).await;
    let conn = from.connect(to.address()).await;
    let (file, _) = from.file(content(LEN as usize));
    from.act(move |cx| {
        cx.send(conn, Toy::Body(LEN));
        cx.send_body(conn, Span { file, offset: 0, len: LEN });
        cx.close(conn);
    })
    .await;
    bodies_end(&mut to, 1).await;
    to.closed().await;
    assert_eq!(to.handle.snapshot().load.body_received, LEN);
}
