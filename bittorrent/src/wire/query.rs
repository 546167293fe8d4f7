//! Query strings whose values are bytes: info hashes and peer ids are no text.

use std::borrow::Cow;
use std::fmt;

use common::http::{percent_decode_bytes, percent_encode_bytes};

/// The name-value pairs of a query. A head has at most 16 KiB, so that to look through them is cheap.
pub(super) struct Pairs<'a> {
    query: &'a str,
}

impl<'a> Pairs<'a> {
    pub(super) fn of(query: &'a str) -> Pairs<'a> {
        Pairs { query }
    }

    /// The decoded values of a name.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = Cow<'a, [u8]>> {
        self.query.split('&').filter_map(move |pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (key == name).then(|| percent_decode_bytes(value))
        })
    }

    /// The first of them.
    pub(super) fn first(&self, name: &str) -> Option<Cow<'a, [u8]>> {
        self.all(name).next()
    }

    /// The first of them as a number; `Some(None)` if it is there but none.
    pub(super) fn decimal(&self, name: &str) -> Option<Option<u64>> {
        let value = self.first(name)?;
        let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        let text = std::str::from_utf8(&value).ok().filter(|_| is_number);
        Some(text.and_then(|text| text.parse().ok()))
    }
}

/// A target to which pairs are added.
pub(super) struct Writer {
    target: String,
}

impl Writer {
    /// Starts with a path, and perhaps a query, that are there already.
    pub(super) fn new(path_and_query: &str) -> Writer {
        Writer { target: path_and_query.to_owned() }
    }

    /// Adds bytes, escaped.
    pub(super) fn put(&mut self, name: &str, value: &[u8]) -> &mut Writer {
        self.name(name);
        percent_encode_bytes(value, &mut self.target);
        self
    }

    /// Adds what needs no escapes.
    pub(super) fn show(&mut self, name: &str, value: impl fmt::Display) -> &mut Writer {
        self.name(name);
        self.target.push_str(&value.to_string());
        self
    }

    pub(super) fn finish(self) -> String {
        self.target
    }

    fn name(&mut self, name: &str) {
        match self.target.find('?') {
            None => self.target.push('?'),
            Some(_) if self.target.ends_with(['?', '&']) => {}
            Some(_) => self.target.push('&'),
        }
        self.target.push_str(name);
        self.target.push('=');
    }
}
