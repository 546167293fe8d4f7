//! What the contract promises a peer, over real sockets.

mod tcp_kit;

use common::peer::{BodyState, CloseReason, Event, Place, Span};
use tcp_kit::{Setting, Toy, content, node, reacting};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_keep_their_order_and_are_counted_on_both_sides() {
    let mut server = reacting(Setting::default(), |event, cx| {
        if let Event::Message { conn, message: Toy::Number(n) } = event {
            cx.send(*conn, Toy::Number(n + 1));
        }
    })
    .await;
    let mut client = node(Setting::default()).await;
    let conn = client.connect(server.address()).await;
    let (_, remote) = server.accepted().await;
    assert_eq!(remote.ip(), client.address().ip(), "a node dials from its own address");
    client.act(move |cx| (0..1000).for_each(|n| cx.send(conn, Toy::Number(n * 10)))).await;
    for n in 0..1000 {
        assert_eq!(client.message().await, (conn, Toy::Number(n * 10 + 1)));
    }
    let snapshot = client.handle.snapshot();
    assert_eq!((snapshot.load.sent.messages, snapshot.load.sent.bytes), (1000, 13_000));
    assert_eq!((snapshot.load.received.messages, snapshot.load.received.bytes), (1000, 13_000));
    assert_eq!((snapshot.by_kind.kind(0).messages, snapshot.connections), (1000, 1));
    client.handle.shutdown().await.unwrap();
    server.handle.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_follows_its_message_and_lands_where_the_peer_says() {
    const LEN: usize = 3_000_001;
    let mut from = node(Setting::default()).await;
    let mut to = node(Setting::default()).await;
    let (source, _) = from.file(content(LEN + 7));
    let (target, stored) = to.file(vec![9; 3]);
    let conn = from.connect(to.address()).await;
    let (accepted, _) = to.accepted().await;
    from.act(move |cx| {
        cx.send(conn, Toy::Body(LEN as u64));
        cx.send_body(conn, Span { file: source, offset: 7, len: LEN as u64 });
        cx.send(conn, Toy::Number(42));
    })
    .await;
    assert_eq!(to.message().await, (accepted, Toy::Body(LEN as u64)));
    to.act(move |cx| cx.receive(accepted, LEN as u64, Some(Place { file: target, offset: 3 }))).await;
    assert_eq!(to.body().await, (LEN as u64, BodyState::Done));
    assert_eq!(to.message().await, (accepted, Toy::Number(42)), "messages flow again");
    let bytes = stored.bytes.lock().unwrap().clone();
    assert_eq!(bytes[..3], [9; 3]);
    assert!(bytes[3..] == content(LEN + 7)[7..]);
    let mut credit = 0;
    while credit < LEN as u64 {
        credit += from
            .expect("Sent", |event| match event {
                Event::Sent { conn: on, len } if on == conn => Some(u64::from(len)),
                _ => None,
            })
            .await;
    }
    assert_eq!(credit, LEN as u64);
    from.act(move |cx| cx.close(conn)).await;
    assert_eq!(to.closed().await, (accepted, CloseReason::Remote));
    assert_eq!(to.handle.shutdown().await.unwrap().load.body_received, LEN as u64);
    assert_eq!(from.handle.shutdown().await.unwrap().load.body_sent, LEN as u64);
}
