use proptest::prelude::*;

use super::*;

fn header() -> impl Strategy<Value = (String, String)> {
    ("X-[A-Za-z]{1,12}", "([!-~]([ -~é]{0,20}[!-~])?)?")
}

fn headers() -> impl Strategy<Value = Headers> {
    prop::collection::vec(header(), 0..HEADERS_MAX).prop_map(|lines| {
        let mut headers = Headers::default();
        lines.iter().for_each(|(name, value)| headers.push(name, value));
        headers
    })
}

fn range() -> impl Strategy<Value = ByteRange> {
    prop_oneof![
        any::<u64>().prop_map(ByteRange::From),
        any::<(u64, u64)>().prop_map(|(a, b)| ByteRange::Between(a.min(b), a.max(b))),
        any::<u64>().prop_map(ByteRange::Last),
    ]
}

proptest! {
    #[test]
    fn a_request_survives_the_wire(headers in headers(), target in "/[!-~]{0,40}") {
        let request = Request { headers, ..Request::get(&target) };
        let mut wire = Vec::new();
        request.encode(&mut wire);
        prop_assert_eq!(wire.len() as u32, request.encoded_len());
        prop_assert_eq!(HeadScan::default().find(&wire).unwrap(), Some(wire.len()));
        prop_assert_eq!(Request::parse(&wire).unwrap(), request);
    }

    #[test]
    fn a_response_survives_the_wire(headers in headers(), status in 100u16..1000) {
        let response = Response { headers, ..Response::new(status) };
        let mut wire = Vec::new();
        response.encode(&mut wire);
        prop_assert_eq!(wire.len() as u32, response.encoded_len());
        prop_assert_eq!(HeadScan::default().find(&wire).unwrap(), Some(wire.len()));
        prop_assert_eq!(Response::parse(&wire).unwrap(), response);
    }

    #[test]
    fn what_is_written_by_the_rules_is_read_alike_with_patience(
        headers in headers(),
        target in "/[!-~]{0,40}",
        status in 100u16..1000,
        old in any::<bool>(),
    ) {
        let version = if old { Version::Http10 } else { Version::Http11 };
        let (mut asked, mut answered) = (Vec::new(), Vec::new());
        Request { headers: headers.clone(), version, ..Request::get(&target) }.encode(&mut asked);
        Response { headers, version, ..Response::new(status) }.encode(&mut answered);
        prop_assert_eq!(Request::parse_lenient(&asked).unwrap(), Request::parse(&asked).unwrap());
        prop_assert_eq!(Response::parse_lenient(&answered).unwrap(), Response::parse(&answered).unwrap());
    }

    #[test]
    fn a_raw_name_comes_out_of_a_target(name in "[ -~é]{1,40}") {
        let wire = format!("GET /get/7/{name}x HTTP/1.1\r\n\r\n");
        let request = Request::parse_lenient(wire.as_bytes()).unwrap();
        prop_assert!(request.target.bytes().all(|byte| byte.is_ascii_graphic()));
        // Whoever escapes nothing escapes no percent sign either.
        let name = percent_decode(&name).into_owned();
        prop_assert_eq!(percent_decode(&request.target), format!("/get/7/{name}x"));
    }

    #[test]
    fn a_place_in_a_queue_survives_its_line(
        (position, length, limit) in (1u32.., any::<Option<u32>>(), any::<Option<u32>>()),
        times in any::<(u32, u32)>(),
    ) {
        let (poll_min_s, poll_max_s) = (times.0.min(times.1), times.0.max(times.1));
        let place = QueuePlace { position, length, limit, poll_min_s, poll_max_s };
        prop_assert_eq!(QueuePlace::parse(&place.to_string()), Some(place));
        let response = Response::new(SERVICE_UNAVAILABLE).with("X-Queue", place);
        prop_assert_eq!(response.queue_place(), Some(place));
    }

    #[test]
    fn a_head_is_found_wherever_the_pieces_are_cut(rest in prop::collection::vec(any::<u8>(), 0..40), step in 1usize..9) {
        let mut wire = Vec::new();
        Request::get("/x").with("Host", "h").encode(&mut wire);
        let head = wire.len();
        wire.extend(rest);
        let mut scan = HeadScan::default();
        let mut have = 0;
        let found = loop {
            have = (have + step).min(wire.len());
            if let Some(found) = scan.find(&wire[..have]).unwrap() {
                break found;
            }
        };
        prop_assert_eq!(found, head);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,60}") {
        let _ = Request::parse(&bytes);
        let _ = Response::parse(&bytes);
        let _ = Request::parse_lenient(&bytes);
        let _ = Response::parse_lenient(&bytes);
        let _ = QueuePlace::parse(&text);
        let _ = HeadScan::default().find(&bytes);
        let _ = ByteRange::parse(&text);
        let _ = ContentRange::parse(&text);
        let _ = percent_decode(&text);
        let _ = Target::parse(&text).parameter("q");
    }

    #[test]
    fn a_range_is_answered_by_its_own_bytes(range in range(), size in 0u64..5000) {
        prop_assert_eq!(ByteRange::parse(&range.to_string()), Some(range));
        let (head, span) = Response::to_range(Some(range), size);
        prop_assert_eq!(head.headers.content_length().unwrap(), span.map_or(0, |(_, len)| len));
        match span {
            Some((offset, len)) => {
                prop_assert!(len > 0 && offset + len <= size);
                let said = ContentRange { first: offset, last: offset + len - 1, total: Some(size) };
                prop_assert_eq!((head.status, head.content_range()), (PARTIAL_CONTENT, Some(said)));
            }
            None => prop_assert_eq!(head.status, RANGE_NOT_SATISFIABLE),
        }
    }

    #[test]
    fn any_bytes_survive_their_escapes(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let mut text = String::new();
        percent_encode_bytes(&bytes, &mut text);
        prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)));
        prop_assert_eq!(&*percent_decode_bytes(&text), &bytes[..]);
    }

    #[test]
    fn any_text_survives_a_query_string(text in "\\PC{0,40}") {
        let mut target = "/search?n=1&q=".to_owned();
        percent_encode(&text, &mut target);
        let request = Request::get(&target);
        prop_assert_eq!(Target::parse(&request.target).parameter("q"), Some(text));
    }
}

#[test]
fn a_whole_file_is_answered_by_200() {
    let (head, span) = Response::to_range(None, 10);
    assert_eq!((head.status, head.headers.content_length().unwrap(), span), (OK, 10, Some((0, 10))));
}

#[test]
fn an_endless_head_is_refused_at_its_limit() {
    let mut scan = HeadScan::default();
    let junk = vec![b'a'; HEAD_BYTES_MAX];
    assert!(scan.find(&junk[..HEAD_BYTES_MAX - 1]).unwrap().is_none());
    assert!(matches!(scan.find(&junk), Err(WireError::TooLong { .. })));
}

#[test]
fn too_many_lines_are_refused() {
    let mut request = Request::get("/");
    (0..=HEADERS_MAX).for_each(|n| request.headers.push("X", n));
    let mut wire = Vec::new();
    request.encode(&mut wire);
    assert!(matches!(Request::parse(&wire), Err(WireError::Malformed(_))));
}

#[test]
fn a_value_cannot_smuggle_in_a_line() {
    let request = Request::get("/a\r\nEvil: 1").with("X", "a\r\nEvil: 1");
    let mut wire = Vec::new();
    request.encode(&mut wire);
    let parsed = Request::parse(&wire).unwrap();
    assert_eq!(parsed.headers.iter().count(), 1);
    assert_eq!(&*parsed.target, "/a%0D%0AEvil:%201");
}

#[test]
fn doubtful_body_lengths_are_refused() {
    let refused = ["-1", "+1", "1 1", "0x10", "99999999999999999999", ""];
    for value in refused {
        let head = Response::new(OK).with("Content-Length", value);
        assert!(head.headers.content_length().is_err(), "{value:?} was taken for a length");
    }
    let twice = Response::new(OK).with("Content-Length", 1).with("content-length", 2);
    assert!(twice.headers.content_length().is_err());
    assert!(Response::new(OK).with("Transfer-Encoding", "chunked").headers.content_length().is_err());
    assert_eq!(Response::new(OK).headers.content_length().unwrap(), 0);
}

#[test]
fn old_servents_are_understood() {
    let request = |wire: &str| Request::parse_lenient(wire.as_bytes()).unwrap();
    let old = request("GET /get/7/narwhal polka.ogg HTTP/1.1\r\nHost: Host: 198.51.100.7:6350\r\n\r\n");
    assert_eq!((&*old.method, &*old.target), ("GET", "/get/7/narwhal%20polka.ogg"));
    assert_eq!(old.headers.get("host"), Some("Host: 198.51.100.7:6350"));
    // The name itself may look like the end of the line.
    let tricky = request("GET /get/1/how HTTP/1.1 works.txt/ HTTP/1.0\nRange:\tbytes=5-\n\n");
    assert_eq!((&*tricky.target, tricky.version), ("/get/1/how%20HTTP/1.1%20works.txt/", Version::Http10));
    assert_eq!(tricky.range(), Some(ByteRange::From(5)));
    let folded = request("GET / HTTP/1.1\r\nX-Try: 1.2.3.4:1,\r\n\t5.6.7.8:2\r\nno header\r\n\r\n");
    assert_eq!(folded.headers.iter().collect::<Vec<_>>(), [("X-Try", "1.2.3.4:1, 5.6.7.8:2")]);
    let bare = Response::parse_lenient(b"HTTP 200 OK\r\nContent-Length: 5\r\n\r\n").unwrap();
    assert_eq!((bare.status, bare.version, bare.headers.content_length().unwrap()), (OK, Version::Http10, 5));
    let short = Response::parse_lenient(b"HTTP/1.1 503\r\n\r\n").unwrap();
    assert_eq!((short.status, short.version), (SERVICE_UNAVAILABLE, Version::Http11));
    // The strict parsers take none of these.
    assert!(Request::parse(b"GET /a b HTTP/1.1\r\n\r\n").is_err());
    assert!(Response::parse(b"HTTP 200 OK\r\n\r\n").is_err());
}

#[test]
fn patience_has_its_limits() {
    let refused = [
        "GET\n\n",
        "GET /\n\n",
        "GET / HTTP/1\n\n",
        " / HTTP/1.1\n\n",
        "G\u{7f}T / HTTP/1.1\n\n",
        "GET HTTP/1.1\n\n",
    ];
    for wire in refused {
        assert!(Request::parse_lenient(wire.as_bytes()).is_err(), "{wire:?} was taken for a request");
    }
    let refused =
        ["HTTP\n\n", "HTTP/1.1\n\n", "HTTP OK\n\n", "HTTP/1.1 20\n\n", "HTTP/1.1 099 x\n\n", "HTTPS 200\n\n"];
    for wire in refused {
        assert!(Response::parse_lenient(wire.as_bytes()).is_err(), "{wire:?} was taken for a response");
    }
    let many = |n: usize| format!("GET / HTTP/1.1\n{}\n", "X: 1\n".repeat(n));
    assert!(Request::parse_lenient(many(HEADERS_MAX).as_bytes()).is_ok());
    assert!(Request::parse_lenient(many(HEADERS_MAX + 1).as_bytes()).is_err());
    let long = format!("GET /{} HTTP/1.1\n\n", "a".repeat(HEAD_BYTES_MAX));
    assert!(matches!(Request::parse_lenient(long.as_bytes()), Err(WireError::TooLong { .. })));
    assert!(matches!(Request::parse_lenient(b"GET / HTTP/1.1\r\nX: 1\r\n"), Err(WireError::Truncated)));
}

#[test]
fn a_connection_goes_on_as_both_version_and_line_say() {
    let keeps = |wire: &str| Request::parse_lenient(wire.as_bytes()).unwrap().keeps_alive();
    assert!(keeps("GET / HTTP/1.1\n\n") && !keeps("GET / HTTP/1.0\n\n"));
    assert!(keeps("GET / HTTP/1.0\nConnection: Keep-Alive\n\n"));
    assert!(!keeps("GET / HTTP/1.1\nConnection: TE, Close\n\n"));
    assert!(!keeps("GET / HTTP/1.1\nConnection: keep-alive\nConnection: close\n\n"));
    assert!(!Response::parse_lenient(b"HTTP 200 OK\n\n").unwrap().keeps_alive());
}

#[test]
fn a_line_that_names_no_place_places_nobody() {
    let place = QueuePlace { position: 2, length: Some(5), limit: Some(4), poll_min_s: 45, poll_max_s: 120 };
    assert_eq!(QueuePlace::parse("position=2,length=5,limit=4,pollMin=45,pollMax=120"), Some(place));
    assert_eq!(
        QueuePlace::parse(" POLLMAX = 120; position=2 ;pollmin=45,length=5,ETA=7,limit=4,x"),
        Some(place)
    );
    let none =
        ["", "position=0,pollMin=1,pollMax=2", "position=1,pollMin=3,pollMax=2", "position=1,pollMin=1"];
    let bad = ["position=-1,pollMin=1,pollMax=2", "position=4294967296,pollMin=1,pollMax=2", "1.1"];
    for value in none.into_iter().chain(bad) {
        assert_eq!(QueuePlace::parse(value), None, "{value:?}");
    }
}

#[test]
fn ranges_outside_a_file_select_nothing() {
    assert_eq!(ByteRange::From(10).within(10), None);
    assert_eq!(ByteRange::Last(0).within(10), None);
    assert_eq!(ByteRange::Last(99).within(10), Some((0, 10)));
    assert_eq!(ByteRange::Between(3, u64::MAX).within(10), Some((3, 7)));
    assert_eq!(ByteRange::parse("bytes=5-3"), None);
    assert_eq!(ByteRange::parse("bytes=0-1,4-5"), None);
    assert_eq!(ContentRange::parse("bytes 0-10/10"), None);
    assert_eq!(ContentRange::parse("bytes=0-9/*"), Some(ContentRange { first: 0, last: 9, total: None }));
}
