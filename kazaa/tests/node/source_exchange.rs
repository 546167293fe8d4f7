//! Source exchange: nodes of ours tell each other who else has a content, within bounds; foreign ones are told nothing.

use crate::kit::alone::{Alone, with};
use crate::kit::files::{file, kzhash};
use crate::kit::overlay::Overlay;
use crate::kit::world::{World, answer, honest};
use common::http::Request;
use common::store::Ranges;
use common::testing::files::{MB, content};
use kazaa::config::Config;

const CONTENT: &[u8] = b"the very bytes that were promised";
const OURS: &str = concat!("p2p-testbed ", env!("CARGO_PKG_VERSION"));
const SIZE: usize = 700_000;

#[test]
fn holders_are_heard_of_from_holders() {
    for seals in [true, false] {
        let mut net = Overlay::with(1, |knobs| knobs.seals_transfers = seals);
        let info = file("Deep/Blue.mp3", 10 * MB);
        let holders = net.slow_loners(2, &info);
        let (first, second) = (net.loner(), net.loner());
        let both = net.swarm.hits(&holders, &info);
        assert_eq!(net.swarm.fetch(first, both.clone()), Ok(()));
        let sent = net.swarm.body_sent(holders[1]);
        assert_eq!(net.swarm.fetch(second, both[..1].to_vec()), Ok(()));
        assert!(
            net.swarm.body_sent(holders[1]) > sent + 2 * MB,
            "the one that is known has named the other one"
        );
    }
}

#[test]
fn a_holder_passes_on_to_ours_what_ours_have_told() {
    let get = |client: &str, sources: &str| {
        let hash = &kzhash(CONTENT).to_string()[..40];
        format!("GET /.hash={hash} HTTP/1.1\r\nUserAgent: {client}\r\n{sources}\r\n")
    };
    let said = "X-Testbed-Sources: 10.0.9.9:6347, 10.0.1.2:5000, rubbish\r\n";
    let mut holder = Alone::sharing(with(|_| {}), "Songs/zebra.ogg", CONTENT, Some(kzhash(CONTENT)));
    let foreign = holder.call(9, &get("giFT-FastTrack 0.8.9", "X-Testbed-Sources: 10.0.9.8:1\r\n"));
    assert!(!holder.lone.text(foreign).contains("Sources"));
    let first = holder.call(1, &get(OURS, said));
    assert!(!holder.lone.text(first).contains("Sources"), "nobody is told what it has just said");
    let second = holder.call(2, &get(OURS, ""));
    let answer = holder.lone.text(second);
    assert!(
        answer.contains("X-Testbed-Sources: 10.0.9.9:6347\r\n"),
        "not itself, nor hearsay of others: {answer}"
    );
    let foreign = holder.call(3, &get("giFT-FastTrack 0.8.9", ""));
    assert!(!holder.lone.text(foreign).contains("Sources"));
}

/// Two holders, of which the first one names others in each of its answers.
fn named_by(server: &str, hosts: &[u8]) -> World {
    let content = content(SIZE);
    let mut world = World::new(&content, kzhash(&content), &[1]);
    let named: Vec<String> = hosts.iter().map(|host| format!("10.0.1.{host}:1214")).collect();
    let manners = |host: u8, request: &Request, bytes: &[u8]| match host {
        1 => {
            let line =
                format!("X-Testbed-Sources: {},0.0.0.0:1,10.0.0.1:7000,10.0.1.1:1214\r\n", named.join(","));
            answer(503, &format!("{line}Server: {server}\r\nRetry-After: 1\r\nContent-Length: 0\r\n"), &[])
        }
        _ => honest(request, bytes, SIZE),
    };
    let end = world.run(&manners);
    assert_eq!(end.is_ok(), server == OURS, "{end:?}");
    world
}

#[test]
fn holders_that_are_named_by_ours_are_asked_too() {
    let world = named_by(OURS, &[2, 3, 4]);
    assert!(world.is_right());
    assert!(world.asked.keys().all(|host| (1..5).contains(host)), "{:?}", world.asked);
    let world = named_by("KazaaClient Nov  3 2002 20:29:03", &[2, 3, 4]);
    assert_eq!(
        world.asked.keys().collect::<Vec<_>>(),
        [&1],
        "a foreign one is not believed to know that line"
    );
}

#[test]
fn a_holder_that_names_new_ones_each_time_sends_us_to_so_many_and_no_more() {
    let content = content(SIZE);
    let mut world = World::new(&content, kzhash(&content), &[1]);
    let named = std::cell::Cell::new(1);
    let endless = |_: u8, _: &Request, _: &[u8]| {
        let hosts = (0..10).map(|_| {
            named.set(named.get() % 250 + 1);
            format!("10.0.1.{}:1214", named.get())
        });
        let line = hosts.collect::<Vec<_>>().join(",");
        let line = format!("Server: {OURS}\r\nX-Testbed-Sources: {line}\r\n");
        answer(503, &format!("{line}Retry-After: 1\r\nContent-Length: 0\r\n"), &[])
    };
    assert!(world.run(&endless).is_err());
    assert!(world.asked.len() <= 33, "{} hosts were asked", world.asked.len());
}

#[test]
fn only_who_has_sent_whole_ranges_is_named_and_nobody_after_a_lie() {
    let content = content(4 * SIZE);
    let told = [1, 2].map(|host| (host, kzhash(&content)));
    let mut world = World::with(Config::default(), &content, &told, None, Ranges::default());
    let named = std::cell::RefCell::new(Vec::new());
    let lies = std::cell::Cell::new(0);
    let manners = |host: u8, request: &Request, bytes: &[u8]| {
        let line = request.headers.get("X-Testbed-Sources").map(str::to_owned);
        named.borrow_mut().push((host, line, lies.get()));
        let mut bytes = bytes.to_vec();
        if host == 2 && lies.get() == 0 {
            bytes[0] ^= 1;
            lies.set(1);
        }
        let answer = honest(request, &bytes, 4 * SIZE);
        let line = format!("HTTP/1.1 206 So\r\nServer: {OURS}\r\n");
        [line.as_bytes(), &answer["HTTP/1.1 206 So\r\n".len()..]].concat()
    };
    assert_eq!(world.run(&manners), Ok(()));
    assert!(world.is_right());
    let named = named.into_inner();
    for (host, line, _) in &named {
        let own = format!("10.0.1.{host}:1214");
        assert!(line.as_ref().is_none_or(|line| !line.contains(&own)), "{own} is told of itself: {line:?}");
    }
    assert_eq!(named[0].1, None, "nobody has sent anything");
    assert!(named.iter().any(|(_, line, _)| line.is_some()), "{named:?}");
}
