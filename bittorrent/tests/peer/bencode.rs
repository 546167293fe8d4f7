//! The notation: known text, every value there and back, and what hostile text can do.

use bittorrent::bencode::{self, BencodeError, NESTING_MAX, VALUES_MAX, Value, dict};
use proptest::prelude::*;

#[test]
fn every_kind_of_value_is_read() {
    assert_eq!(Value::parse(b"i-3e"), Ok(Value::Integer(-3)));
    assert_eq!(Value::parse(b"i0e"), Ok(Value::Integer(0)));
    assert_eq!(Value::parse(b"4:spam"), Ok(Value::Bytes(b"spam")));
    assert_eq!(Value::parse(b"0:"), Ok(Value::Bytes(b"")));
    let list = Value::parse(b"l4:spam4:eggse").unwrap();
    assert_eq!(list.as_list(), Some(&[Value::Bytes(b"spam"), Value::Bytes(b"eggs")][..]));
    let value = Value::parse(b"d3:cow3:moo4:spaml1:a1:bee").unwrap();
    let dict = value.as_dict().unwrap();
    assert_eq!(dict.get(b"cow").and_then(Value::as_str), Some("moo"));
    assert_eq!(dict.raw(b"spam"), Some(&b"l1:a1:be"[..]), "as it stands");
    assert!(dict.get(b"dog").is_none() && dict.is_canonical() && dict.len() == 2);
}

#[test]
fn numbers_have_one_form_and_64_bits() {
    assert_eq!(Value::parse(b"i9223372036854775807e"), Ok(Value::Integer(i64::MAX)));
    assert_eq!(Value::parse(b"i-9223372036854775808e"), Ok(Value::Integer(i64::MIN)));
    for text in
        ["i9223372036854775808e", "i-9223372036854775809e", "i03e", "i-0e", "i-03e", "ie", "i-e", "i+1e"]
    {
        assert_eq!(Value::parse(text.as_bytes()), Err(BencodeError::Number { at: 1 }), "{text}");
    }
    for text in ["04:spam", "00:", "99999999999999999999:a", "1a:b"] {
        assert_eq!(Value::parse(text.as_bytes()), Err(BencodeError::Number { at: 0 }), "{text}");
    }
}

#[test]
fn what_is_not_whole_or_too_much_is_told_with_its_place() {
    for text in ["", "i", "i1", "l", "li1e", "d", "d1:a", "3:ab", "9223372036854775807:a", "1"] {
        assert_eq!(Value::parse(text.as_bytes()), Err(BencodeError::Ended), "{text}");
    }
    assert_eq!(Value::parse(b"i1ei2e"), Err(BencodeError::Trailing { at: 3 }));
    assert_eq!(Value::parse_prefix(b"i1ei2e"), Ok((Value::Integer(1), 3)));
    assert_eq!(Value::parse(b"x"), Err(BencodeError::Unexpected { at: 0 }));
    assert_eq!(Value::parse(b"-3:abc"), Err(BencodeError::Unexpected { at: 0 }));
    assert_eq!(Value::parse(b"di1ei2ee"), Err(BencodeError::Unexpected { at: 1 }), "a key is a string");
    assert_eq!(Value::parse(b"d1:ae"), Err(BencodeError::Unexpected { at: 4 }), "a key without a value");
}

#[test]
fn depth_and_number_of_values_are_bounded() {
    let nested = |levels: usize| "l".repeat(levels) + &"e".repeat(levels);
    assert!(Value::parse(nested(NESTING_MAX).as_bytes()).is_ok());
    let too_deep = Err(BencodeError::TooDeep { at: NESTING_MAX });
    assert_eq!(Value::parse(nested(NESTING_MAX + 1).as_bytes()), too_deep);
    assert_eq!(Value::parse("l".repeat(1 << 20).as_bytes()), too_deep, "no matter how deep it would be");
    // The list is a value too.
    let wide = |values: usize| format!("l{}e", "0:".repeat(values - 1));
    assert!(Value::parse(wide(VALUES_MAX).as_bytes()).is_ok());
    assert_eq!(Value::parse(wide(VALUES_MAX + 1).as_bytes()), Err(BencodeError::TooMany { max: VALUES_MAX }));
    assert_eq!(Value::parse_within(b"l0:0:e", 2), Err(BencodeError::TooMany { max: 2 }));
    assert!(Value::parse_within(b"l0:0:e", 3).is_ok());
}

#[test]
fn keys_out_of_order_or_twice_are_taken_and_told() {
    let value = Value::parse(b"d1:bi1e1:ai2ee").unwrap();
    let unsorted = value.as_dict().unwrap();
    assert!(!unsorted.is_canonical() && unsorted.get(b"a") == Some(&Value::Integer(2)));
    let value = Value::parse(b"d1:ai1e1:ai2ee").unwrap();
    let twice = value.as_dict().unwrap();
    assert!(!twice.is_canonical());
    assert_eq!((twice.get(b"a"), twice.raw(b"a")), (Some(&Value::Integer(1)), Some(&b"i1e"[..])));
    assert_eq!(twice.iter().count(), 2);
}

#[test]
fn a_writer_sorts_by_raw_bytes() {
    let mut writer = dict();
    writer.put_integer(b"b", 1).put_bytes(b"\xff", "z").put_bytes(b"B", "x").put_integer(b"b", 2);
    writer.put_raw(b"aa", &bencode::list([bencode::integer(-7), bencode::bytes("q")]));
    assert_eq!(writer.finish(), b"d1:B1:x2:aali-7e1:qe1:bi2e1:\xff1:ze");
    assert_eq!(dict().finish(), b"de");
}

#[test]
fn the_corpus_is_refused_or_understood() {
    crate::corpus::each("bencode", 12, |_, bytes| Value::parse(bytes).map(|_| ()));
}

/// A value of its own, which the crate does not need.
#[derive(Clone, Debug)]
enum Tree {
    Integer(i64),
    Bytes(Vec<u8>),
    List(Vec<Tree>),
    Dict(Vec<(Vec<u8>, Tree)>),
}

impl Tree {
    fn written(&self) -> Vec<u8> {
        match self {
            Tree::Integer(number) => bencode::integer(*number),
            Tree::Bytes(bytes) => bencode::bytes(bytes),
            Tree::List(values) => bencode::list(values.iter().map(Tree::written)),
            Tree::Dict(entries) => {
                let mut dict = dict();
                for (key, value) in entries {
                    dict.put_raw(key, &value.written());
                }
                dict.finish()
            }
        }
    }
}

/// A value written again, from nothing but what was read.
fn rewritten(value: &Value<'_>) -> Vec<u8> {
    match value {
        Value::Integer(number) => bencode::integer(*number),
        Value::Bytes(bytes) => bencode::bytes(bytes),
        Value::List(values) => bencode::list(values.iter().map(rewritten)),
        Value::Dict(read) => {
            assert!(read.is_canonical());
            let mut dict = dict();
            for (key, value, raw) in read.iter() {
                assert_eq!(rewritten(value), raw);
                dict.put_raw(key, raw);
            }
            dict.finish()
        }
    }
}

fn tree() -> impl Strategy<Value = Tree> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..12);
    let leaf = prop_oneof![any::<i64>().prop_map(Tree::Integer), bytes().prop_map(Tree::Bytes)];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Tree::List),
            prop::collection::vec((bytes(), inner), 0..6).prop_map(Tree::Dict),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(tree in tree(), rest in prop::collection::vec(any::<u8>(), 0..4)) {
        let mut text = tree.written();
        let len = text.len();
        prop_assert_eq!(rewritten(&Value::parse(&text).unwrap()), &text[..]);
        text.extend(&rest);
        prop_assert_eq!(Value::parse_prefix(&text).unwrap().1, len);
        for end in 0..len {
            prop_assert_eq!(Value::parse(&text[..end]), Err(BencodeError::Ended));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(text in "[idle0-9:\\-a]{0,60}", bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = Value::parse(text.as_bytes());
        if let Ok((value, len)) = Value::parse_prefix(&bytes) {
            prop_assert!(len <= bytes.len());
            prop_assert_eq!(Value::parse(&bytes[..len]).unwrap(), value);
        }
    }

    #[test]
    fn any_change_to_the_corpus_is_read_or_refused(change in crate::corpus::change()) {
        let _ = Value::parse(&change.of("bencode"));
    }
}
