//! Other holders of the same content, as downloaders and holders tell each other: HUGE's alternate locations, and `X-Alt`, the
//! short form of later servents. Who remembers them is [`common::transfer::Alternates`].

use std::net::SocketAddrV4;

use common::http::Headers;
use common::transfer::{ALTERNATES_MAX, alternate};

use super::resource::Resource;
use crate::wire::{PORT, Sha1Urn};

/// The short form's name: `ip[:port]`, with commas between them. It is the one that we write.
pub(super) const HEADER: &str = "X-Alt";
/// The long form's names (HUGE 0.94): `http://ip:port/uri-res/N2R?urn:sha1:… time`, with commas between them.
const LONG: [&str; 2] = ["X-Gnutella-Alternate-Location", "Alternate-Location"];

/// The holders of a content that a head names, the first [`ALTERNATES_MAX`]. What is not understood is skipped, also the
/// hints such as `tls=…` that some add.
pub(super) fn named(headers: &Headers, urn: Sha1Urn) -> Vec<SocketAddrV4> {
    let is = |name: &str, known: &str| name.eq_ignore_ascii_case(known);
    let mut holders = Vec::new();
    for (name, value) in headers.iter() {
        let parts = value.split(',').map(str::trim);
        if is(name, HEADER) {
            holders.extend(parts.filter_map(|part| alternate(part, PORT)));
        } else if LONG.iter().any(|long| is(name, long)) {
            holders.extend(parts.filter_map(|part| location(part, urn)));
        }
    }
    holders.truncate(ALTERNATES_MAX);
    holders
}

/// Who has the content, if it is that one that is told of.
fn location(text: &str, urn: Sha1Urn) -> Option<SocketAddrV4> {
    let url = text.split_ascii_whitespace().next()?.strip_prefix("http://")?;
    let (host, target) = url.split_at(url.find('/')?);
    let is_it = Resource::parse(target) == Some(Resource::Content(urn));
    alternate(host, PORT).filter(|_| is_it)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> Headers {
        let mut headers = Headers::default();
        headers.push(HEADER, value);
        headers
    }

    fn named_in(headers: &Headers) -> Vec<String> {
        named(headers, Sha1Urn([7; 20])).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_no_address_is_skipped() {
        let told = headers("1.2.3.4:6347, 5.6.7.8,tls=80, x, 9.9.9.9:0x7, 1.1.1.1:70000, 2.2.2.2:1");
        assert_eq!(named_in(&told), ["1.2.3.4:6347", "5.6.7.8:6346", "2.2.2.2:1"]);
        assert_eq!(named_in(&headers(&"1.2.3.4:1,".repeat(50))).len(), ALTERNATES_MAX);
    }

    #[test]
    fn the_long_form_counts_for_its_own_content_only() {
        let (urn, other) = (Sha1Urn([7; 20]), Sha1Urn([8; 20]));
        let mut told = Headers::default();
        let time = "2002-04-30T08:30Z";
        told.push("x-gnutella-alternate-location", format!("http://1.2.3.4:6347/uri-res/N2R?{urn} {time}"));
        told.push(
            "Alternate-Location",
            format!(
                "http://1.2.3.5/uri-res/N2R?{urn}, http://1.2.3.6:1/uri-res/N2R?{other} {time}, http://x, ,"
            ),
        );
        assert_eq!(named_in(&told), ["1.2.3.4:6347", "1.2.3.5:6346"]);
    }
}
