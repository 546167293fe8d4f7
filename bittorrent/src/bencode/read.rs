//! Text to values. Every length is checked against what is there before anything is made of it.

use super::{BencodeError, Dict, Entry, NESTING_MAX, Value};

/// Reads the value at the start of `bytes`, and says where it ends.
pub(super) fn prefix(bytes: &[u8], values_max: usize) -> Result<(Value<'_>, usize), BencodeError> {
    let mut reader = Reader { bytes, at: 0, values_left: values_max, values_max };
    let value = reader.value(0)?;
    Ok((value, reader.at))
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    values_left: usize,
    values_max: usize,
}

impl<'a> Reader<'a> {
    /// Reads a value that lies in so many others.
    fn value(&mut self, depth: usize) -> Result<Value<'a>, BencodeError> {
        self.values_left =
            self.values_left.checked_sub(1).ok_or(BencodeError::TooMany { max: self.values_max })?;
        match self.peek()? {
            b'i' => {
                self.at += 1;
                self.number(b'e').map(Value::Integer)
            }
            b'0'..=b'9' => self.string().map(Value::Bytes),
            b'l' => {
                self.descend(depth)?;
                let mut values = Vec::new();
                while !self.ends()? {
                    values.push(self.value(depth + 1)?);
                }
                Ok(Value::List(values))
            }
            b'd' => {
                self.descend(depth)?;
                let mut entries = Vec::new();
                while !self.ends()? {
                    entries.push(self.entry(depth + 1)?);
                }
                Ok(Value::Dict(Dict { entries }))
            }
            _ => Err(BencodeError::Unexpected { at: self.at }),
        }
    }

    fn entry(&mut self, depth: usize) -> Result<Entry<'a>, BencodeError> {
        let key = self.string()?;
        let start = self.at;
        let value = self.value(depth)?;
        Ok(Entry { key, value, raw: &self.bytes[start..self.at] })
    }

    /// Steps into a list or a dictionary.
    fn descend(&mut self, depth: usize) -> Result<(), BencodeError> {
        if depth >= NESTING_MAX {
            return Err(BencodeError::TooDeep { at: self.at });
        }
        self.at += 1;
        Ok(())
    }

    /// Steps out of one, if it ends here.
    fn ends(&mut self) -> Result<bool, BencodeError> {
        let ends = self.peek()? == b'e';
        self.at += usize::from(ends);
        Ok(ends)
    }

    fn string(&mut self) -> Result<&'a [u8], BencodeError> {
        let start = self.at;
        if !self.peek()?.is_ascii_digit() {
            return Err(BencodeError::Unexpected { at: start });
        }
        let len = usize::try_from(self.number(b':')?).map_err(|_| BencodeError::Number { at: start })?;
        let bytes = self.bytes[self.at..].get(..len).ok_or(BencodeError::Ended)?;
        self.at += len;
        Ok(bytes)
    }

    /// Reads a number up to the byte that ends it, which is taken too.
    fn number(&mut self, end: u8) -> Result<i64, BencodeError> {
        let start = self.at;
        let malformed = BencodeError::Number { at: start };
        let is_negative = self.peek()? == b'-';
        self.at += usize::from(is_negative);
        let first_digit = self.at;
        let mut number: i64 = 0;
        while self.peek()? != end {
            let byte = self.bytes[self.at];
            if !byte.is_ascii_digit() {
                return Err(malformed);
            }
            // Counted downwards, since there is one more number below zero than above.
            let digit = i64::from(byte - b'0');
            number = number.checked_mul(10).and_then(|tens| tens.checked_sub(digit)).ok_or(malformed)?;
            self.at += 1;
        }
        let digits = &self.bytes[first_digit..self.at];
        self.at += 1;
        match digits {
            [] => Err(malformed),
            [b'0'] if is_negative => Err(malformed),
            [b'0', _, ..] => Err(malformed),
            _ if is_negative => Ok(number),
            _ => number.checked_neg().ok_or(malformed),
        }
    }

    fn peek(&self) -> Result<u8, BencodeError> {
        self.bytes.get(self.at).copied().ok_or(BencodeError::Ended)
    }
}
