//! Values to text, in the one form that is canonical.

use std::collections::BTreeMap;

/// A dictionary that is being written. Entries may come in any order; the last of two with the same key stays.
#[derive(Clone, Debug, Default)]
pub struct DictWriter {
    entries: BTreeMap<Box<[u8]>, Vec<u8>>,
}

/// A dictionary without entries yet.
pub fn dict() -> DictWriter {
    DictWriter::default()
}

/// A string.
pub fn bytes(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    push_string(bytes.as_ref(), &mut out);
    out
}

/// An integer.
pub fn integer(number: i64) -> Vec<u8> {
    format!("i{number}e").into_bytes()
}

/// A list of values that are written already.
pub fn list<V: AsRef<[u8]>>(values: impl IntoIterator<Item = V>) -> Vec<u8> {
    let mut out = vec![b'l'];
    values.into_iter().for_each(|value| out.extend_from_slice(value.as_ref()));
    out.push(b'e');
    out
}

impl DictWriter {
    /// Puts a string in.
    pub fn put_bytes(&mut self, key: &[u8], value: impl AsRef<[u8]>) -> &mut Self {
        self.put(key, bytes(value))
    }

    /// Puts an integer in.
    pub fn put_integer(&mut self, key: &[u8], value: i64) -> &mut Self {
        self.put(key, integer(value))
    }

    /// Puts a value in that is written already: a list, a dictionary, or raw bytes that were read.
    pub fn put_raw(&mut self, key: &[u8], encoded: &[u8]) -> &mut Self {
        self.put(key, encoded.to_vec())
    }

    /// The text of the whole.
    pub fn finish(&self) -> Vec<u8> {
        let mut out = vec![b'd'];
        for (key, value) in &self.entries {
            push_string(key, &mut out);
            out.extend_from_slice(value);
        }
        out.push(b'e');
        out
    }

    fn put(&mut self, key: &[u8], encoded: Vec<u8>) -> &mut Self {
        self.entries.insert(key.into(), encoded);
        self
    }
}

fn push_string(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(bytes.len().to_string().as_bytes());
    out.push(b':');
    out.extend_from_slice(bytes);
}
