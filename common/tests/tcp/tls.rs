//! Connections under TLS: who is believed, who is not, and what those who break it lose.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::tcp_kit::{Node, Setting, Speech, Toy, content, encoded, node, own_address, reacting};
use common::net::Line;
use common::peer::{BodyState, CloseReason, Event, Span};
use common::tcp::{Limits, Tls};
use common::testing::fake::{FakeListener, FakePeer};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls").join(name)
}

fn shown() -> Tls {
    Tls::default().show(&file("server.pem"), &file("server.key")).unwrap()
}

fn trusting() -> Tls {
    Tls::default().trust(&[file("authority.pem")]).unwrap()
}

/// A node with a certificate that answers numbers.
async fn server(setting: Setting) -> Node {
    reacting(Setting { tls: shown(), ..setting }, |event, cx| match event {
        Event::Message { conn, message: Toy::Number(n) } => cx.send(*conn, Toy::Number(n + 1)),
        Event::Message { conn, message: Toy::Body(len) } => cx.receive(*conn, *len, None),
        _ => {}
    })
    .await
}

/// How a dial ends: the number that is answered, or why not.
async fn asked(client: &mut Node, server: &Node, name: &'static str) -> Result<u64, CloseReason> {
    let to = server.address();
    client
        .act(move |cx| {
            let conn = cx.dial_tls(to, Speech::Plain, name.into());
            cx.send(conn, Toy::Number(7));
        })
        .await;
    loop {
        match client.next().await.1 {
            Event::Message { message: Toy::Number(n), .. } => return Ok(n),
            Event::Closed { reason, .. } => return Err(reason),
            Event::Opened { dialled: true, .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_shows_that_he_is_who_was_dialled_is_spoken_to() {
    let server = server(Setting::default()).await;
    let mut client = node(Setting { tls: trusting(), ..Setting::default() }).await;
    for name in ["127.0.0.1", "localhost", "tracker.example", "TRACKER.example"] {
        assert_eq!(asked(&mut client, &server, name).await, Ok(8), "{name}");
    }
    let counted = server.handle.snapshot();
    assert_eq!((counted.load.received.messages, counted.load.received.bytes), (4, 52), "of what it carries");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_cannot_is_not_and_nothing_is_said_to_him() {
    let server = server(Setting::default()).await;
    let mut client = node(Setting { tls: trusting(), ..Setting::default() }).await;
    for name in ["other.example", "127.0.0.2", "example", "no name at all", ""] {
        assert_eq!(asked(&mut client, &server, name).await, Err(CloseReason::Untrusted), "{name}");
    }
    // Of those whom only the system believes nobody has signed it; and who believes nobody dials nobody.
    for tls in [Tls::default().trust(&[]).unwrap(), Tls::default()] {
        let mut other = node(Setting { tls, ..Setting::default() }).await;
        assert_eq!(asked(&mut other, &server, "localhost").await, Err(CloseReason::Untrusted));
    }
    assert_eq!(server.handle.snapshot().load.received.messages, 0);
    // Nobody there, and somebody who does not speak it.
    let plain = node(Setting::default()).await;
    assert_eq!(asked(&mut client, &plain, "localhost").await, Err(CloseReason::Reset));
    let nobody = node(Setting { firewalled: true, ..Setting::default() }).await;
    assert_eq!(asked(&mut client, &nobody, "localhost").await, Err(CloseReason::Refused));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_is_both_for_tls_and_for_plain_speech() {
    let server = server(Setting::default()).await;
    let mut plain = FakePeer::connect(server.address()).await;
    plain.send(&encoded(Toy::Number(1))).await;
    plain.expect(&encoded(Toy::Number(2))).await;
    let mut slow = FakePeer::connect(server.address()).await;
    slow.send_slowly(&encoded(Toy::Number(3))).await;
    slow.expect(&encoded(Toy::Number(4))).await;
    slow.end().await;
    slow.expect_close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn megabytes_come_through_whole_in_both_directions_and_over_shaped_lines() {
    const LEN: usize = 3_000_000;
    for line in [Line::default(), Line { up_bps: Some(400_000_000), ..Line::default() }] {
        let mut server = server(Setting { line, ..Setting::default() }).await;
        let mut client = node(Setting { tls: trusting(), line, ..Setting::default() }).await;
        let (file, _) = client.file(content(LEN));
        let to = server.address();
        let text = Toy::Text(content(60_000).into());
        let conn = client
            .act(move |cx| {
                let conn = cx.dial_tls(to, Speech::Plain, "localhost".into());
                (0..10).for_each(|_| cx.send(conn, text.clone()));
                cx.send(conn, Toy::Body(LEN as u64));
                cx.send_body(conn, Span { file, offset: 0, len: LEN as u64 });
                cx.send(conn, Toy::Number(1));
                conn
            })
            .await;
        server.accepted().await;
        for _ in 0..10 {
            assert_eq!(server.message().await.1, Toy::Text(content(60_000).into()));
        }
        server.message().await;
        assert_eq!(server.body().await, (LEN as u64, BodyState::Done));
        assert_eq!(server.message().await.1, Toy::Number(1));
        loop {
            if let (_, Event::Message { message, .. }) = client.next().await {
                assert_eq!(message, Toy::Number(2));
                break;
            }
        }
        // A good-bye is one for the far side too.
        client.act(move |cx| cx.close(conn)).await;
        assert_eq!(server.closed().await.1, CloseReason::Remote);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_breaks_it_costs_its_sender_the_connection_and_nobody_else_anything() {
    let limits = Limits { handshake_timeout: Duration::from_millis(300), ..Limits::default() };
    let mut server = server(Setting { limits, ..Setting::default() }).await;
    // The first byte of TLS, and then: nonsense, a record that is too long, silence, an end.
    let nonsense = [&[22][..], &content(500)].concat();
    let too_long = [22, 3, 1, 0xff, 0xff];
    for (bytes, reason) in [
        (&nonsense[..], CloseReason::Protocol),
        (&too_long[..], CloseReason::Protocol),
        (&[22, 3, 1][..], CloseReason::Timeout),
    ] {
        let mut bad = FakePeer::connect(server.address()).await;
        bad.send(bytes).await;
        server.accepted().await;
        assert_eq!(server.closed().await.1, reason, "{bytes:?}");
        bad.read_to_end().await;
    }
    let mut bad = FakePeer::connect(server.address()).await;
    bad.send(&[22, 3, 1]).await;
    server.accepted().await;
    bad.end().await;
    assert_eq!(server.closed().await.1, CloseReason::Reset);
    let mut client = node(Setting { tls: trusting(), ..Setting::default() }).await;
    assert_eq!(asked(&mut client, &server, "localhost").await, Ok(8));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_dialled_and_answers_nonsense_or_nothing_is_given_up() {
    let limits = Limits { handshake_timeout: Duration::from_millis(300), ..Limits::default() };
    let mut client = node(Setting { tls: trusting(), limits, ..Setting::default() }).await;
    for (answer, reason) in [(Some(content(500)), CloseReason::Protocol), (None, CloseReason::Timeout)] {
        let listener = FakeListener::listen(own_address());
        let to = listener.address();
        client.act(move |cx| cx.dial_tls(to, Speech::Plain, "localhost".into())).await;
        let mut fake = listener.accept().await;
        if let Some(answer) = answer {
            fake.send(&answer).await;
        }
        assert_eq!(client.closed().await.1, reason);
    }
}

#[test]
fn files_that_are_no_certificates_are_mistakes_of_one_line() {
    let said = |tls: Result<Tls, common::tcp::TlsError>| tls.unwrap_err().to_string();
    let (pem, key) = (file("server.pem"), file("server.key"));
    assert!(said(Tls::default().show(&file("nowhere.pem"), &key)).contains("nowhere.pem"));
    assert!(said(Tls::default().show(&pem, &pem)).contains("server.pem"));
    assert!(said(Tls::default().show(&key, &key)).starts_with("there is no certificate in "));
    let other = said(Tls::default().show(&file("authority.pem"), &key));
    assert!(other.contains("authority.pem"), "the key of another one: {other}");
    assert!(said(Tls::default().trust(&[file("README.md")])).contains("README.md"));
}
