//! The committed corpus of HTTP heads, each what its name says: replayed whole and in pieces.

use std::path::Path;

use common::http::{HeadScan, Request, Response, Target, percent_decode};
use common::wire::WireError;

/// What a head was taken for: by the rules, then with patience.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Read {
    request: (bool, bool),
    response: (bool, bool),
}

/// What a codec does with bytes that come in pieces: look for the end of the head, then parse both ways.
fn read(bytes: &[u8], piece: usize) -> Result<Option<Read>, WireError> {
    let mut scan = HeadScan::default();
    let mut seen = 0;
    while seen < bytes.len() {
        seen = (seen + piece).min(bytes.len());
        if let Some(len) = scan.find(&bytes[..seen])? {
            let head = &bytes[..len];
            let requests = [Request::parse(head), Request::parse_lenient(head)];
            let responses = [Response::parse(head), Response::parse_lenient(head)];
            for request in requests.iter().flatten() {
                // Whatever hides in a target or a range must come out as a value, never as a panic.
                let target = Target::parse(&request.target);
                let _ = (percent_decode(target.path).len(), target.parameter("q"), request.range());
            }
            for response in responses.iter().flatten() {
                let _ = (response.content_range(), response.retry_after_s(), response.queue_place());
                let _ = (response.headers.content_length(), response.keeps_alive());
            }
            let [request, response] = [requests.map(|read| read.is_ok()), responses.map(|read| read.is_ok())];
            return Ok(Some(Read { request: request.into(), response: response.into() }));
        }
    }
    Ok(None)
}

#[test]
fn the_corpus_is_read_as_each_file_s_name_says() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/http");
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 20, "the corpus is gone");
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let bytes = std::fs::read(&path).unwrap();
        for piece in [bytes.len(), 1, 7] {
            let seen = read(&bytes, piece);
            let heads = |request, response| Some(Read { request, response });
            let (no, both, patience) = ((false, false), (true, true), (false, true));
            let as_named = match name.split('-').next().unwrap() {
                "request" => matches!(seen, Ok(read) if read == heads(both, no)),
                "response" => matches!(seen, Ok(read) if read == heads(no, both)),
                "lenient" if name.starts_with("lenient-request") => {
                    matches!(seen, Ok(read) if read == heads(patience, no))
                }
                "lenient" => matches!(seen, Ok(read) if read == heads(no, patience)),
                "refused" => match &seen {
                    Ok(Some(read)) => *read == heads(no, no).unwrap(),
                    Ok(None) => false,
                    Err(error) => matches!(error, WireError::Malformed(_)),
                },
                "open" => matches!(seen, Ok(None)),
                "toolong" => matches!(seen, Err(WireError::TooLong { .. })),
                other => panic!("{name}: no rule for {other}"),
            };
            assert!(as_named, "{name} in pieces of {piece}: {seen:?}");
        }
    }
}

#[test]
fn doubtful_lengths_and_ranges_are_no_values() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/http");
    let response = |name: &str| Response::parse(&std::fs::read(dir.join(name)).unwrap()).unwrap();
    assert!(response("response-length-negative.bin").headers.content_length().is_err());
    assert!(response("response-length-twice.bin").headers.content_length().is_err());
    assert_eq!(response("response-range-lies.bin").content_range(), None);
    assert_eq!(response("response-no-reason.bin").retry_after_s(), None);
    assert_eq!(response("response-queue-lies.bin").queue_place(), None);
    assert_eq!(response("response-queued.bin").queue_place().map(|place| place.position), Some(2));
    assert_eq!(response("response-range-equals.bin").content_range().map(|range| range.first), Some(100));
    let request = |name: &str| Request::parse(&std::fs::read(dir.join(name)).unwrap()).unwrap();
    for name in ["request-range-overflow.bin", "request-range-backwards.bin", "request-range-many.bin"] {
        assert_eq!(request(name).range(), None, "{name}");
    }
}
