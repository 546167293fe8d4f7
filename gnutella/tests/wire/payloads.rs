//! What stands inside payloads: extension blocks, content names, hits at their bounds.

use std::net::{Ipv4Addr, SocketAddrV4};

use common::http::Headers;
use gnutella::guid::Guid;
use gnutella::wire::*;
use proptest::prelude::*;

use super::{descriptor, one};

fn query(payload: &[u8]) -> std::sync::Arc<Query> {
    let frame = [&descriptor("80 07 00")[..], &(payload.len() as u32).to_le_bytes(), payload].concat();
    let Message::Query(_, query) = one(Setup::Descriptors, &frame) else { panic!("{payload:?}") };
    query
}

fn hit(payload: &[u8]) -> std::sync::Arc<QueryHit> {
    let frame = [&descriptor("81 07 00")[..], &(payload.len() as u32).to_le_bytes(), payload].concat();
    let Message::Hit(_, hit) = one(Setup::Descriptors, &frame) else { panic!("{payload:?}") };
    hit
}

/// A hit of these bytes behind its head, from a servent of zeros.
fn hit_of(count: u8, results_and_trailer: &[u8]) -> std::sync::Arc<QueryHit> {
    hit(&[&[count], &[0; 10][..], results_and_trailer, &[0; 16]].concat())
}

const URN: &str = "urn:sha1:UZ7T7ERS45ODFHPJC6M4VBSEQL4VRHQS";

#[test]
fn lengths_of_an_extension_have_one_to_three_bytes() {
    for (len, code) in [
        (0, &[0x40][..]),
        (63, &[0x7f]),
        (64, &[0x81, 0x40]),
        (4095, &[0xbf, 0x7f]),
        (4096, &[0x81, 0x80, 0x40]),
        (262_143, &[0xbf, 0xbf, 0x7f]),
    ] {
        let data = vec![b'x'; len];
        let block = GgepBuilder::new(false).with(b"ID", &data).build();
        assert_eq!(block[..4], [0xc3, 0x82, b'I', b'D']);
        assert_eq!(block[4..4 + code.len()], *code);
        let read = Ggep::parse(&block).unwrap();
        assert_eq!((read.len(), read.get(b"ID").unwrap().data.len()), (block.len(), len));
    }
}

#[test]
fn a_block_that_does_not_end_is_none() {
    let whole = GgepBuilder::new(true).with(b"A", b"some").with(b"BC", &[0, 1, 0]).build();
    assert!(!whole.contains(&0));
    for end in 0..whole.len() {
        assert_eq!(Ggep::parse(&whole[..end]), None, "{end}");
    }
    for broken in [
        // No id; a flag that must be zero; a length that never ends; a length beyond the bytes.
        &[0xc3, 0x80, 0x40][..],
        &[0xc3, 0x91, b'A', 0x40],
        &[0xc3, 0x81, b'A', 0x80, 0x80, 0x80, 0x40],
        &[0xc3, 0x81, b'A', 0x45, 1, 2],
        &[0xc3, 0x81, b'A', 0x00],
    ] {
        assert_eq!(Ggep::parse(broken), None, "{broken:?}");
    }
    let endless: Vec<u8> =
        [0xc3].into_iter().chain([0x01, b'A', 0x40].repeat(1000)).chain([0x81, b'Z', 0x40]).collect();
    assert_eq!(Ggep::parse(&endless), None, "a thousand extensions");
    assert!(GgepBuilder::new(true).build().is_empty(), "no extension, no block");
}

#[test]
fn deflated_data_is_handed_out_as_it_is_and_broken_cobs_is_not() {
    let block = [0xc3, 0x21, b'D', 0x42, 0x78, 0x9c, 0x41, b'C', 0x42, 9, 9, 0x81, b'E', 0x40];
    let read: Vec<_> =
        Ggep::parse(&block).unwrap().iter().map(|x| (x.id, x.data.to_vec(), x.deflated)).collect();
    assert_eq!(read, [(&b"D"[..], vec![0x78, 0x9c], true), (b"E", vec![], false)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn extensions_come_back_without_a_zero_byte(
        all in prop::collection::vec(("[A-Za-z]{1,15}", prop::collection::vec(0_u8..3, 0..700)), 1..8),
    ) {
        for without_nul in [false, true] {
            let builder = GgepBuilder::new(without_nul);
            let block = all.iter().fold(builder, |block, (id, data)| block.with(id.as_bytes(), data)).build();
            prop_assert!(!without_nul || !block.contains(&0));
            let read = Ggep::parse(&block).unwrap();
            prop_assert_eq!(read.len(), block.len());
            let back: Vec<_> = read.iter().map(|x| (x.id.to_vec(), x.data.into_owned())).collect();
            let wanted: Vec<_> = all.iter().map(|(id, data)| (id.as_bytes().to_vec(), data.clone())).collect();
            prop_assert_eq!(back, wanted);
        }
    }

    #[test]
    fn no_bytes_after_the_magic_can_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let bytes = [&[0xc3], &bytes[..]].concat();
        if let Some(block) = Ggep::parse(&bytes) {
            prop_assert!(block.len() <= bytes.len() && block.iter().count() <= 64);
        }
    }

    #[test]
    fn names_of_contents_come_back(hash in any::<[u8; 20]>()) {
        let urn = Sha1Urn(hash);
        let text = urn.to_string();
        prop_assert_eq!(text.len(), Sha1Urn::LEN);
        prop_assert_eq!(text.parse(), Ok(urn));
        prop_assert_eq!(text.to_lowercase().parse(), Ok(urn));
        prop_assert_eq!(text.to_uppercase().parse(), Ok(urn));
    }
}

#[test]
fn a_run_of_254_bytes_has_no_zero_behind_it() {
    for len in [253, 254, 255, 508, 509] {
        let data = [vec![1; len], vec![0], vec![2]].concat();
        let block = GgepBuilder::new(true).with(b"R", &data).build();
        assert!(!block.contains(&0));
        assert_eq!(Ggep::parse(&block).unwrap().get(b"R").unwrap().data, data);
    }
}

#[test]
fn a_hash_in_base32_is_that_of_the_standard() {
    // RFC 4648, 10: "foobar" is MZXW6YTBOI, here with zeros behind it.
    let mut hash = [0; 20];
    hash[..6].copy_from_slice(b"foobar");
    assert_eq!(&Sha1Urn(hash).to_base32()[..9], b"MZXW6YTBO");
    assert_eq!(Sha1Urn([0xff; 20]).to_string(), "urn:sha1:77777777777777777777777777777777");
    let bitprint = format!("urn:bitprint:{}.{}", &URN[9..], "A".repeat(39));
    assert_eq!(bitprint.parse::<Sha1Urn>(), URN.parse());
    for wrong in
        ["", "urn:sha1:", &URN[..40], &format!("{URN}A"), &URN.replace('Z', "1"), "urn:md5:x", &URN[9..]]
    {
        assert_eq!(wrong.parse::<Sha1Urn>(), Err(NoSha1Urn), "{wrong}");
    }
}

#[test]
fn contents_are_asked_for_and_told_in_several_ways() {
    let urn: Sha1Urn = URN.parse().unwrap();
    let hash = [&[1], &urn.0[..]].concat();
    let h = GgepBuilder::new(true).with(b"H", &hash).build();
    let u = GgepBuilder::new(true).with(b"u", &URN.as_bytes()[4..]).build();
    for parts in [URN.as_bytes(), &h, &u, &[b"plain words\x1c", URN.as_bytes(), b"\x1c", &h].concat()] {
        let hit = hit_of(1, &[&[0; 8][..], b"name\0", parts, b"\0"].concat());
        let entry = hit.entries().next().unwrap();
        assert_eq!((&*entry.name, entry.urn), ("name", Some(urn)), "{}", parts.escape_ascii());
    }
    // In binary: a kind, and a hash of exactly its length.
    let asked = |extensions: &[(&[u8], &[u8])]| {
        let block = extensions.iter().fold(GgepBuilder::new(false), |block, (id, data)| block.with(id, data));
        query(&[b"\x88\x00\0", &block.build()[..]].concat())
    };
    let bitprint = [&[2], &urn.0[..], &[9; 24]].concat();
    for (extensions, urns) in [
        (&[(&b"H"[..], &hash[..])][..], vec![urn]),
        (&[(b"H", &bitprint)], vec![urn]),
        (&[(b"u", &URN.as_bytes()[4..])], vec![urn]),
        (
            &[(b"SCP", b"\x01"), (b"H", &[&[1], &[0; 20][..]].concat()), (b"H", &hash)],
            vec![Sha1Urn([0; 20]), urn],
        ),
        (&[(b"H", &hash[..20])], vec![]),
        (&[(b"H", &[&hash[..], b"\0"].concat())], vec![]),
        (&[(b"H", &bitprint[..21])], vec![]),
        (&[(b"H", &[&[3], &[9; 16][..]].concat())], vec![]),
        (&[(b"H", &[1])], vec![]),
        (&[(b"H", &[])], vec![]),
    ] {
        let query = asked(extensions);
        assert_eq!((query.urns(), query.wants_urns(), &*query.text()), (&urns[..], true, ""), "{query:?}");
    }
    assert!(!asked(&[(b"SCP", b"\x01")]).wants_urns());
    // mldonkey writes a backslash where there are no words.
    let query = query(&[b"\x80\x00\\\0", URN.as_bytes(), b"\0"].concat());
    assert_eq!(query.urns(), [urn]);
    assert_eq!(query.words(), []);
    assert_eq!(QueryBuilder::urn(urn).build().urns(), [urn]);
    assert_eq!(QueryBuilder::urn(urn).build().text(), "");
}

#[test]
fn a_query_is_bounded_in_what_it_asks() {
    let many = [b"\x80\x00words\0", vec![URN; 90].join("\x1c").as_bytes()].concat();
    assert_eq!(query(&many).urns().len(), 16);
    let words: Vec<String> = (0..100).map(|nth| nth.to_string()).collect();
    assert_eq!(query(format!("\0\0{}\0", words.join(" ")).as_bytes()).words().len(), 32);
    let walk = Walk {
        steps: u16::MAX,
        steps_max: 0,
        check_every: 0,
        origin: SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0),
    };
    let long = QueryBuilder::words(&"é".repeat(200)).walk(walk).build();
    assert!(
        long.text().len() <= TEXT_BYTES_MAX && long.text().chars().all(|c| c == 'é'),
        "{:?}",
        long.text()
    );
    assert!(long.len() as usize <= QUERY_BYTES_SAFE);
    assert!(!long.payload()[TEXT_BYTES_MAX + 3..].contains(&0), "the walker's state has no zero byte");
}

#[test]
fn a_hit_is_full_at_255_results_or_16_kib() {
    let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 6346);
    let entry = |name: &str| Entry { index: 1, size: u32::MAX, name: name.to_owned().into(), urn: None };
    let mut small = HitBuilder::new(address, 1, Guid::default(), Trailer::OURS);
    assert_eq!((0..300).filter(|_| small.push(&entry("a"))).count(), 255);
    assert_eq!(small.build().unwrap().entries().count(), 255);
    let mut large = HitBuilder::new(address, 1, Guid::default(), Trailer::OURS);
    assert_eq!((0..300).filter(|_| large.push(&entry(&"a".repeat(990)))).count(), 16);
    assert!(!large.push(&entry(&"a".repeat(400))));
    assert!(large.push(&entry("a\0b")), "what is small still fits");
    let large = large.build().unwrap();
    assert!(large.len() as usize <= HIT_BYTES_MAX);
    assert_eq!(large.entries().last().unwrap().name, "a b");
    assert_eq!(HitBuilder::new(address, 1, Guid::default(), Trailer::OURS).build(), None);
}

#[test]
fn a_hit_that_promises_more_than_it_holds_ends_early() {
    let result = [&[0; 8][..], b"name\0\0"].concat();
    let hit = hit_of(200, &[&result[..], &result].concat());
    assert_eq!(hit.count(), 200);
    assert_eq!(hit.entries().count(), 2);
    assert_eq!(hit.trailer(), None);
    assert_eq!(hit_of(1, b"\0\0\0\0\0\0\0\0name without its end").entries().count(), 0);
    assert_eq!(hit_of(0, b"").trailer(), None);
}

#[test]
fn a_trailer_may_have_any_length_of_open_data() {
    let result = [&[0; 8][..], b"name\0\0"].concat();
    let read = |trailer: &[u8]| hit_of(1, &[&result[..], trailer].concat()).trailer();
    let said = |push, busy| Some(Trailer { vendor: *b"MLDK", push, busy, ..Trailer::default() });
    assert_eq!(read(b""), None);
    assert_eq!(read(b"MLD"), None);
    assert_eq!(read(b"MLDK"), said(None, None));
    assert_eq!(read(b"MLDK\x00"), said(None, None));
    assert_eq!(read(b"MLDK\x01\x01"), said(None, None));
    // mldonkey's four bytes; the push flag is enabled by the other byte than all others.
    assert_eq!(read(b"MLDK\x04\x02\x00\x01\x00"), said(None, None));
    assert_eq!(read(b"MLDK\x02\x01\x01"), said(Some(true), None));
    assert_eq!(read(b"MLDK\x02\x00\x01"), said(Some(false), None));
    assert_eq!(read(b"MLDK\x02\x01\x00"), said(None, None));
    assert_eq!(read(b"MLDK\x02\x04\x04private"), said(None, Some(true)));
    assert_eq!(read(b"MLDK\xff\x04\x00"), said(None, Some(false)));
}

#[test]
fn headers_of_one_name_join_with_a_comma() {
    let mut headers = Headers::default();
    headers.push("X-Try", "10.0.0.1:1");
    headers.push("Node", "10.0.0.9:9");
    assert_eq!(joined(&headers, "x-try").as_deref(), Some("10.0.0.1:1"));
    headers.push("x-try", "10.0.0.2:2");
    assert_eq!(joined(&headers, "X-Try").as_deref(), Some("10.0.0.1:1, 10.0.0.2:2"));
    assert_eq!(joined(&headers, "GUID"), None);
}
