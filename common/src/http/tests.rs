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
