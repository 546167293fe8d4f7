//! Files as they are shared, found and asked for.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use common::digest::Digest;
use common::http::{Headers, Request, Response};
use common::user::{FileInfo, Media};
use kazaa::wire::transfer::{
    Asked, USER_AGENT, content_of, content_request, introduce, tell_content, user_of,
};
use kazaa::wire::*;

use super::{Line, bytes, encoded, exhaust, one, payload, payload_of};

const UUHASH: &str = "7ee574a5effcce5e2ac7105a6d92ea12b1b34136";
/// A share as giFT-FastTrack sent it: number, size and tags included.
const SHARED: &str = "00 01 0000 7ee574a5effcce5e2ac7105a6d92ea12b1b34136 953c 9ec220 03 \
                      02 11 \"Quetzal Tango.mp3\" 15 01 50 05 01 31";

fn uuhash() -> [u8; 20] {
    bytes(UUHASH).try_into().unwrap()
}

fn tango() -> FileInfo {
    FileInfo {
        name: "Quetzal Tango.mp3".into(),
        size: 500_000,
        digest: Some(Digest::UuHash(uuhash())),
        media: Media { bitrate_kbps: 80, duration_s: 49, ..Media::default() },
        ..FileInfo::default()
    }
}

fn shared(info: FileInfo) -> Message {
    Message::Share(2748, Arc::new(info))
}

/// The file that arrives when this one is shared.
fn told(info: FileInfo) -> FileInfo {
    match Line::new(false).carry(shared(info)) {
        Message::Share(2748, info) => Arc::unwrap_or_clone(info),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_share_as_a_real_client_sends_it() {
    assert_eq!(payload(false, 0x22, SHARED), shared(tango()));
    assert_eq!(payload_of(false, shared(tango())), bytes(SHARED));
    // The same without its first four bytes takes it back.
    let unshared = Message::Unshare(2748, Arc::new(tango()));
    assert_eq!(payload_of(false, unshared.clone()), bytes(SHARED)[4..]);
    assert_eq!(Line::new(false).carry(unshared.clone()), unshared);
    // It is registered under the hash's checksum.
    assert_eq!(common::digest::checksum(&uuhash()), 2748);
}

#[test]
fn what_others_tell_of_a_file_is_found_by_as_well() {
    let text = "00 01 0000 7ee574a5effcce5e2ac7105a6d92ea12b1b34136 01 02 07 \
                06 06 \"Artist\" 02 05 \"a.mp3\" 04 05 \"Title\" 0d 02 0102 0c 03 \"key\" 3a 03 \"new\" 08 01 c9";
    let Message::Share(1, info) = payload(false, 0x22, text) else { panic!() };
    assert_eq!((&*info.name, &*info.about), ("a.mp3", "Artist Title key É"));
}

#[test]
fn a_path_becomes_a_name_and_words_to_be_found_by() {
    let named = |name: &str, about: &str| {
        let info = told(FileInfo { name: name.into(), about: about.into(), ..tango() });
        (info.name.to_string(), info.about.to_string())
    };
    let pair = |name: &str, about: &str| (name.to_owned(), about.to_owned());
    assert_eq!(named("Music/The Band/A Song.mp3", ""), pair("A Song.mp3", "The Band"));
    assert_eq!(named("C:\\The Band\\A Song.mp3", "live"), pair("A Song.mp3", "The Band live"));
    assert_eq!(named("A Song.mp3", "live"), pair("A Song.mp3", "live"));
    assert_eq!(named("", ""), pair("", ""));
}

#[test]
fn digests_as_far_as_they_are_known() {
    let mut kzhash = [7; 36];
    kzhash[..20].copy_from_slice(&uuhash());
    for digest in [None, Some(Digest::UuHash(uuhash())), Some(Digest::KzHash(kzhash))] {
        assert_eq!(told(FileInfo { digest, ..tango() }).digest, digest);
    }
    // Of other networks there is nothing to tell.
    assert_eq!(told(FileInfo { digest: Some(Digest::Sha1([1; 20])), ..tango() }).digest, None);
    // A root of another length is none.
    let text = format!("{} 3b 01 07", SHARED.replace(" 03 ", " 04 "));
    let Message::Share(_, info) = payload(false, 0x22, &text) else { panic!() };
    assert_eq!(info.digest, Some(Digest::UuHash(uuhash())));
}

#[test]
fn hostile_shares() {
    let refused = |text: &str| Line::new(false).carry_payload(0x22, &bytes(text)).is_err();
    let head = "00 01 0000 7ee574a5effcce5e2ac7105a6d92ea12b1b34136";
    assert!(refused(&head[..40]), "half a hash");
    assert!(refused(&format!("{head} 9080808000 00 00")), "a number beyond 32 bits");
    assert!(refused(&format!("{head} 00 8280808080808080808000 00")), "a size beyond 64 bits");
    assert!(refused(&format!("{head} 00 80808080808080808080 00")), "a size that does not end");
    assert!(refused(&format!("{head} 00 00 8fffffff7f 02 01 61")), "billions of tags that are not there");
    assert!(refused(&format!("{head} 00 00 01 02 8fffffff7f 61")), "a tag of gigabytes");
    assert!(!refused(&format!("{head} 00 81ffffffffffffffff7f 00")), "the largest size");
    // A thousand tags that are there: the first ones count.
    let bomb = format!("{head} 00 00 8740 {}", "02 01 61".to_owned() + &"0c 01 62".repeat(1000));
    let Message::Share(_, info) = payload(false, 0x22, &bomb) else { panic!() };
    assert_eq!((&*info.name, info.about.len()), ("a", 2 * 63 - 1));
}

fn hit(last: u8, user: &str, file: u32) -> Hit {
    let address = SocketAddrV4::new(Ipv4Addr::new(198, 51, 100, last), 1214);
    Hit { address, bandwidth: 0xb0, user: user.into(), file, info: Arc::new(tango()) }
}

fn supernode() -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::new(198, 51, 100, 7), 3000)
}

#[test]
fn names_are_told_once_in_a_reply() {
    let hits = [
        hit(1, "one", 1),
        hit(2, "two", 2),
        hit(1, "one", 3),
        // Somebody else behind the same address, and the first one again.
        hit(1, "three", 4),
        hit(1, "one", 5),
        hit(1, "one", 6),
    ];
    let file = &SHARED[11..].replacen("953c", "", 1);
    let file = |number: u8| {
        let (hash, rest) = file.split_at(UUHASH.len() + 1);
        format!("{hash} {number:02x} {rest}")
    };
    let named = |last: u8, user: &str, number| {
        format!("c63364{last:02x} 04be b0 \"{user}\" 01 \"KaZaA\" 00 {}", file(number))
    };
    let again = |last: u8, number| format!("c63364{last:02x} 04be b0 02 {}", file(number));
    let text = [
        "c6336407 0bb8 03e8 0006".to_owned(),
        named(1, "one", 1),
        named(2, "two", 2),
        again(1, 3),
        named(1, "three", 4),
        named(1, "one", 5),
        again(1, 6),
    ]
    .join(" ");
    let reply = Message::Reply(Arc::new(Reply::new(supernode(), 1000, hits)));
    assert_eq!(payload_of(true, reply.clone()), bytes(&text));
    assert_eq!(payload(true, 0x07, &text), reply);
}

#[test]
fn a_corrupt_reply_keeps_its_good_results() {
    let read = |text: &str| match payload(true, 0x07, text) {
        Message::Reply(reply) => reply,
        other => panic!("{other:?}"),
    };
    let good =
        "c6336401 04be b0 \"one\" 01 \"KaZaA\" 00 7ee574a5effcce5e2ac7105a6d92ea12b1b34136 01 05 01 02 01 61";
    let nameless = "c6336401 04be b0 02 7ee574a5effcce5e2ac7105a6d92ea12b1b34136 02 05 00";
    let head = "c6336407 0bb8 03e8";
    assert_eq!(read(&format!("{head} 0001 {good}")).hits.len(), 1);
    // One that was announced is not there; one is cut off; one has a tag that ends beyond the message.
    assert_eq!(read(&format!("{head} 0002 {good}")).hits.len(), 1);
    assert_eq!(read(&format!("{head} ffff {good} {}", &good[..60])).hits.len(), 1);
    assert_eq!(read(&format!("{head} 0002 {good} {}", good.replace("02 01 61", "02 7f 61"))).hits.len(), 1);
    // One without a name is left out, as clients do; more than were announced are not looked at.
    assert_eq!(read(&format!("{head} 0003 {good} {nameless} {good}")).hits.len(), 2);
    assert_eq!(read(&format!("{head} 0001 {good} {good}")).hits.len(), 1);
    // A name that was never told.
    let unnamed = read(&format!("{head} 0001 {}", good.replace("\"one\" 01 \"KaZaA\" 00", "02")));
    assert_eq!(&*unnamed.hits[0].user, "");
}

#[test]
fn results_are_divided_into_messages_that_fit() {
    let long = Arc::new(FileInfo { name: "x".repeat(1000).into(), ..tango() });
    let many = |count: u32, info: &Arc<FileInfo>| -> Vec<Hit> {
        (0..count).map(|file| Hit { info: info.clone(), ..hit(1, "somebody", file) }).collect()
    };
    assert_eq!(Reply::divided(supernode(), 1, []), []);
    for (count, info, parts) in
        [(1, tango().into(), 1), (200, tango().into(), 1), (201, tango().into(), 2), (200, long, 4)]
    {
        let hits = many(count, &info);
        let replies = Reply::divided(supernode(), 9, hits.clone());
        assert_eq!(replies.len(), parts, "{count} results");
        assert!(replies.iter().flat_map(|reply| &reply.hits).eq(&hits));
        for reply in replies {
            // It travels in a session and between supernodes.
            let linked = Message::Link(Arc::new(LinkFrame::new(Link::Reply { id: 1, reply: reply.clone() })));
            assert_eq!(one(Setup::LinkDialler, &encoded(Setup::LinkAcceptor, linked.clone())), linked);
            let said = Message::Reply(Arc::new(reply));
            assert_eq!(Line::new(true).carry(said.clone()), said);
        }
    }
    let reply = Reply::new(supernode(), 9, many(3, &tango().into()));
    assert_eq!(reply.clone().with_id(7), Reply::new(supernode(), 7, reply.hits));
}

/// What cannot stand in a name does not: two of these characters end it, and a third says that it was told before.
#[test]
fn no_name_can_break_out_of_its_field() {
    let odd = Message::Reply(Arc::new(Reply::new(supernode(), 1, [hit(1, "\u{2}a\u{1}b\0c\r\n", 1)])));
    let Message::Reply(read) = Line::new(true).carry(odd) else { panic!() };
    assert_eq!(&*read.hits[0].user, " a b c  ");
}

#[test]
fn requests_in_both_forms() {
    let request = content_request(&uuhash());
    assert_eq!(&*request.target, "/.hash=7ee574a5effcce5e2ac7105a6d92ea12b1b34136");
    assert_eq!(request.headers.get("UserAgent"), Some(USER_AGENT));
    assert_eq!(Asked::of(&request.target), Some(Asked::Content(uuhash())));
    let upper = request.target.to_uppercase().replace("HASH", "hash");
    assert_eq!(Asked::of(&upper), Some(Asked::Content(uuhash())));
    assert_eq!(Asked::of("/2748/Quetzal%20Tango.mp3"), Some(Asked::File(2748, "Quetzal Tango.mp3".into())));
    for none in ["/", "", "/.hash=", "/.hash=7ee5", "/.files", "/a/b", "/-1/b", "/4294967296/b", "2748/a"] {
        assert_eq!(Asked::of(none), None, "{none}");
    }
}

/// As giFT-FastTrack wrote them.
#[test]
fn a_recorded_download() {
    let asked = b"GET /.hash=7ee574a5effcce5e2ac7105a6d92ea12b1b34136 HTTP/1.1\r\nRange: bytes=0-499999\r\n\
        UserAgent: giFT-FastTrack 0.8.9\r\nX-Kazaa-Network: KaZaA\r\nX-Kazaa-Username: seeker\r\n\
        Connection: Close\r\nX-Kazaa-XferUid: abc=\r\nHost: 198.51.100.7:1214\r\n\r\n";
    let Message::Request(request) = one(Setup::Accepted, asked) else { panic!() };
    assert_eq!(
        (Asked::of(&request.target), user_of(&request.headers)),
        (Some(Asked::Content(uuhash())), "seeker")
    );
    assert!(request.range().is_some() && !request.keeps_alive());
    assert_eq!(encoded(Setup::Client, Message::Request(request)), asked);
    let answered = b"HTTP/1.1 206 Partial Content\r\nServer: giFT-FastTrack 0.8.9\r\nX-Kazaa-Username: giFTed\r\n\
        X-Kazaa-Network: KaZaA\r\nConnection: close\r\nAccept-Ranges: bytes\r\nX-Kazaa-IP: 198.51.100.7:1214\r\n\
        X-Kazaa-SupernodeIP: 198.51.100.7:3000\r\nX-KazaaTag: 3==fuV0pe/8zl4qxxBabZLqErGzQTY=\r\n\
        Content-Type: audio/mpeg\r\nContent-Range: bytes 0-499999/500000\r\nContent-Length: 500000\r\n\r\n";
    let Message::Response(response) = one(Setup::Client, answered) else { panic!() };
    assert_eq!(content_of(&response.headers), Some(Digest::UuHash(uuhash())));
    assert_eq!(response.headers.content_length().unwrap(), 500_000);
    assert_eq!(encoded(Setup::Server, Message::Response(response)), answered);
    // Some KaZaAs end a head in this way, and some answers start with an empty line.
    let odd = b"\r\nHTTP/1.1 503 Service Unavailable\r\nRetry-After: 284\r\n\n";
    let Message::Response(busy) = one(Setup::Client, odd) else { panic!() };
    assert_eq!((busy.status, busy.retry_after_s()), (503, Some(284)));
}

#[test]
fn a_content_is_told_in_headers() {
    let mut kzhash = [7; 36];
    kzhash[..20].copy_from_slice(&uuhash());
    let mut headers = Headers::default();
    introduce(&mut headers, "giFTed\r\nX-Evil: 1", supernode(), None);
    tell_content(&mut headers, &Digest::KzHash(kzhash));
    assert_eq!(user_of(&headers), "giFTed  X-Evil: 1");
    assert_eq!(content_of(&headers), Some(Digest::KzHash(kzhash)));
    assert_eq!(headers.get("X-KazaaTag"), Some("3==fuV0pe/8zl4qxxBabZLqErGzQTY="));
    // Clients that keep one line of each name keep the last one.
    assert_eq!(headers.iter().last().unwrap().0, "X-KazaaTag");
    let tagged = |tags: &[&str]| {
        let mut headers = Headers::default();
        tags.iter().for_each(|tag| headers.push("X-KazaaTag", tag));
        content_of(&headers)
    };
    assert_eq!(tagged(&["4=Title", &format!("3={UUHASH}")]), Some(Digest::UuHash(uuhash())));
    for tags in
        [&[][..], &["3="], &["3=="], &["3==fuV0"], &["3==????"], &["33==fuV0pe/8zl4qxxBabZLqErGzQTY="]]
    {
        assert_eq!(tagged(tags), None, "{tags:?}");
    }
}

#[test]
fn the_port_is_shared_by_three_protocols() {
    let hello = |first: &[u8; 4]| [&first[..], &[1; 8]].concat();
    // Whatever spells nothing is a hello; three bytes spell nothing yet.
    for first in [b"\0\0\0\0", b"POST", b"HTTP", b"GETX", b"give", b"\xff\xff\xff\xff"] {
        assert!(matches!(one(Setup::Accepted, &hello(first)), Message::Hello(_)), "{first:?}");
        let (messages, error) = exhaust(Setup::Accepted, &first[..3]);
        assert!(messages.is_empty() && error.is_some());
    }
    let head = Message::Request(Box::new(Request { method: "HEAD".into(), ..content_request(&uuhash()) }));
    assert_eq!(one(Setup::Accepted, &encoded(Setup::Client, head.clone())), head);
    assert_eq!(encoded(Setup::Server, Message::Give(4_253_679_545)), b"GIVE 4253679545\r\n");
    for (line, id) in [(&b"GIVE 0\r\n"[..], 0), (b"GIVE 4294967295\n", u32::MAX), (b"GIVE  7 \r\n", 7)] {
        assert_eq!(one(Setup::Accepted, line), Message::Give(id));
    }
    for line in [&b"GIVE\r\n"[..], b"GIVE \r\n", b"GIVE -1\r\n", b"GIVE 4294967296\r\n", b"GIVEN 1\r\n"] {
        assert!(exhaust(Setup::Accepted, line).1.is_some(), "{}", line.escape_ascii());
    }
    assert!(exhaust(Setup::Accepted, &[b"GIVE ", &[b'1'; 40][..]].concat()).1.is_some());
    // After `GIVE` whoever was dialled asks, and reads answers; an empty line may follow.
    let pushed =
        [b"GIVE 1\r\n\r\n", &encoded(Setup::Server, Message::Response(Box::new(Response::new(503))))[..]];
    let (messages, error) = exhaust(Setup::Accepted, &pushed.concat());
    assert!(
        matches!(&messages[..], [Message::Give(1), Message::Response(_)]) && error.is_none(),
        "{messages:?}"
    );
}
