//! Fields: how a message's data is split, and how each kind of value is written and read.

use std::net::Ipv4Addr;
use std::sync::Arc;

use bytes::{BufMut, BytesMut};

use super::text::{Line, Quoted, Token, is_space};

/// The data of one message, taken field by field as servers split it: white space is skipped (a NUL counts), a field that
/// begins with `"` runs to the next `"`, any other to the next white space.
pub struct Fields<'a> {
    rest: &'a [u8],
    started: bool,
}

impl<'a> Fields<'a> {
    /// Starts at the first field of `data`.
    pub fn new(data: &'a [u8]) -> Self {
        Fields { rest: data, started: false }
    }

    /// The next field; `None` if there is none or its closing quote is missing.
    pub fn take(&mut self) -> Option<&'a [u8]> {
        self.started = true;
        let start = self.rest.iter().position(|b| !is_space(*b))?;
        let rest = &self.rest[start..];
        if rest[0] == b'"' {
            let end = 1 + rest[1..].iter().position(|b| *b == b'"')?;
            self.rest = &rest[end + 1..];
            return Some(&rest[1..end]);
        }
        let end = rest.iter().position(|b| is_space(*b)).unwrap_or(rest.len());
        self.rest = &rest[end..];
        Some(&rest[..end])
    }

    /// True if only white space is left.
    pub fn is_done(&self) -> bool {
        self.rest.iter().all(|b| is_space(*b))
    }

    /// True if some field from here on misses its closing quote: the whole message is unparsable.
    pub fn is_unterminated(mut self) -> bool {
        while self.take().is_some() {}
        !self.is_done()
    }

    /// Bytes not yet taken.
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// The first byte of the next field.
    pub fn next_byte(&self) -> Option<u8> {
        self.rest.iter().copied().find(|b| !is_space(*b))
    }

    /// Everything left, without the one space that ends the field before it.
    fn take_rest(&mut self) -> &'a [u8] {
        let rest = match self.rest {
            [first, rest @ ..] if self.started && is_space(*first) => rest,
            rest => rest,
        };
        self.started = true;
        self.rest = &[];
        rest
    }
}

/// A value that stands in a message: one field, several, or all the rest.
pub(crate) trait Field: Sized {
    /// False if it is left out, together with the space before it.
    fn is_present(&self) -> bool {
        true
    }
    /// Bytes that [`Field::put`] writes, in O(1).
    fn wire_len(&self) -> u32;
    /// Writes it.
    fn put(&self, out: &mut BytesMut);
    /// Reads it; `None` if it is not there or is not one.
    fn take(fields: &mut Fields<'_>) -> Option<Self>;
}

/// Decimal digits of a number.
pub(crate) fn digits(value: u64) -> u32 {
    value.checked_ilog10().unwrap_or(0) + 1
}

/// Writes decimal digits.
pub(crate) fn put_number(mut value: u64, out: &mut BytesMut) {
    let mut buffer = [0; 20];
    let mut start = buffer.len();
    loop {
        start -= 1;
        buffer[start] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.put_slice(&buffer[start..]);
}

/// The leading decimal digits of a field, saturating; `None` if it starts with no digit.
pub(crate) fn number(field: &[u8]) -> Option<u64> {
    let len = field.iter().position(|b| !b.is_ascii_digit()).unwrap_or(field.len());
    if len == 0 {
        return None;
    }
    let value = |sum: u64, byte: &u8| sum.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
    Some(field[..len].iter().fold(0, value))
}

impl Field for u64 {
    fn wire_len(&self) -> u32 {
        digits(*self)
    }
    fn put(&self, out: &mut BytesMut) {
        put_number(*self, out);
    }
    fn take(fields: &mut Fields<'_>) -> Option<u64> {
        number(fields.take()?)
    }
}

/// What is no number, or a negative one, is 0, as for real servers: clients write `-1` or nothing into attributes they
/// do not know. Sizes are `u64`; they are used, so they are checked.
impl Field for u32 {
    fn wire_len(&self) -> u32 {
        digits(u64::from(*self))
    }
    fn put(&self, out: &mut BytesMut) {
        put_number(u64::from(*self), out);
    }
    fn take(fields: &mut Fields<'_>) -> Option<u32> {
        Some(u32::try_from(number(fields.take()?).unwrap_or(0)).unwrap_or(u32::MAX))
    }
}

/// Ports. Above 65535 they wrap, as real servers have it.
impl Field for u16 {
    fn wire_len(&self) -> u32 {
        digits(u64::from(*self))
    }
    fn put(&self, out: &mut BytesMut) {
        put_number(u64::from(*self), out);
    }
    fn take(fields: &mut Fields<'_>) -> Option<u16> {
        Some(u64::take(fields)? as u16)
    }
}

/// An address is the decimal of its four octets taken as little-endian: 127.0.0.1 is `16777343`.
impl Field for Ipv4Addr {
    fn wire_len(&self) -> u32 {
        u32::from_le_bytes(self.octets()).wire_len()
    }
    fn put(&self, out: &mut BytesMut) {
        u32::from_le_bytes(self.octets()).put(out);
    }
    fn take(fields: &mut Fields<'_>) -> Option<Ipv4Addr> {
        let number = u32::try_from(u64::take(fields)?).ok()?;
        Some(Ipv4Addr::from(number.to_le_bytes()))
    }
}

impl Field for Line {
    fn wire_len(&self) -> u32 {
        self.as_bytes().len() as u32
    }
    fn put(&self, out: &mut BytesMut) {
        out.put_slice(self.as_bytes());
    }
    fn take(fields: &mut Fields<'_>) -> Option<Line> {
        Line::new(fields.take_rest())
    }
}

impl Field for Quoted {
    fn wire_len(&self) -> u32 {
        self.as_bytes().len() as u32 + 2
    }
    fn put(&self, out: &mut BytesMut) {
        out.put_u8(b'"');
        out.put_slice(self.as_bytes());
        out.put_u8(b'"');
    }
    fn take(fields: &mut Fields<'_>) -> Option<Quoted> {
        Quoted::new(fields.take()?)
    }
}

impl Field for Token {
    fn wire_len(&self) -> u32 {
        self.as_bytes().len() as u32
    }
    fn put(&self, out: &mut BytesMut) {
        out.put_slice(self.as_bytes());
    }
    fn take(fields: &mut Fields<'_>) -> Option<Token> {
        Token::new(fields.take()?)
    }
}

/// A field at the end that some leave out.
impl<T: Field> Field for Option<T> {
    fn is_present(&self) -> bool {
        self.is_some()
    }
    fn wire_len(&self) -> u32 {
        self.as_ref().map_or(0, T::wire_len)
    }
    fn put(&self, out: &mut BytesMut) {
        if let Some(value) = self {
            value.put(out);
        }
    }
    fn take(fields: &mut Fields<'_>) -> Option<Option<T>> {
        if fields.is_done() { Some(None) } else { T::take(fields).map(Some) }
    }
}

macro_rules! behind_a_pointer {
    ($($pointer:ident)*) => { $(
        impl<T: Field> Field for $pointer<T> {
            fn wire_len(&self) -> u32 {
                T::wire_len(self)
            }
            fn put(&self, out: &mut BytesMut) {
                T::put(self, out);
            }
            fn take(fields: &mut Fields<'_>) -> Option<$pointer<T>> {
                T::take(fields).map($pointer::new)
            }
        }
    )* };
}
behind_a_pointer!(Box Arc);

/// Declares a struct whose fields stand in a message in this order, one space between them.
macro_rules! record {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Debug)]
        pub struct $name { $($(#[$field_doc])* pub $field: $type,)+ }

        impl Field for $name {
            fn wire_len(&self) -> u32 {
                let mut len = 0;
                $(if self.$field.is_present() { len += self.$field.wire_len() + 1; })+
                len - 1
            }
            fn put(&self, out: &mut BytesMut) {
                let start = out.len();
                $(if self.$field.is_present() {
                    if out.len() > start {
                        out.put_u8(b' ');
                    }
                    self.$field.put(out);
                })+
            }
            fn take(fields: &mut Fields<'_>) -> Option<$name> {
                $(let $field = <$type as Field>::take(fields)?;)+
                Some($name { $($field,)+ })
            }
        }
    };
}
pub(crate) use record;
