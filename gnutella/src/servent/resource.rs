//! What a request for a file names: `/get/<index>/<name>`, or by content `/uri-res/N2R?urn:sha1:…` (HUGE 0.94).

use std::borrow::Cow;
use std::fmt;

use common::http::{percent_decode, percent_encode};

use crate::wire::Sha1Urn;

const BY_NUMBER: &str = "/get/";
const BY_CONTENT: &str = "/uri-res/N2R?";

/// A file, as a request names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Resource<'a> {
    /// The holder's number of the file, and its name: the last component of its path.
    Numbered(u32, Cow<'a, str>),
    /// A content.
    Content(Sha1Urn),
}

impl<'a> Resource<'a> {
    /// Reads a request's target; `None` if it names no file.
    ///
    /// Names come percent-encoded or raw, and from servents of 0.4 with a slash behind them, which no name ends with.
    pub(super) fn parse(target: &'a str) -> Option<Resource<'a>> {
        if let Some(path) = target.strip_prefix(BY_NUMBER) {
            let (index, name) = path.split_once('/')?;
            // A sign would be read, too.
            let index = index.bytes().all(|byte| byte.is_ascii_digit()).then(|| index.parse().ok())??;
            return Some(Resource::Numbered(index, percent_decode(name.strip_suffix('/').unwrap_or(name))));
        }
        let (service, urn) = target.split_at_checked(BY_CONTENT.len())?;
        let is_service = service.eq_ignore_ascii_case(BY_CONTENT);
        let urn = percent_decode(urn).parse().ok().filter(|_| is_service)?;
        Some(Resource::Content(urn))
    }
}

impl fmt::Display for Resource<'_> {
    /// As a target, with all of the name encoded that has to be.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Resource::Numbered(index, name) => {
                let mut encoded = String::with_capacity(name.len());
                percent_encode(name, &mut encoded);
                write!(f, "{BY_NUMBER}{index}/{encoded}")
            }
            Resource::Content(urn) => write!(f, "{BY_CONTENT}{urn}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbered(target: &str) -> Option<(u32, String)> {
        match Resource::parse(target)? {
            Resource::Numbered(index, name) => Some((index, name.into_owned())),
            Resource::Content(_) => None,
        }
    }

    #[test]
    fn targets_of_all_the_servents_seen_are_understood() {
        for (target, index, name) in [
            ("/get/2/zebra%20giraffe%20concerto.ogg", 2, "zebra giraffe concerto.ogg"),
            ("/get/7/narwhal polka.ogg", 7, "narwhal polka.ogg"),
            ("/get/2468/Foobar.mp3/", 2468, "Foobar.mp3"),
            ("/get/4294967295/what?%3f.ogg", u32::MAX, "what??.ogg"),
            ("/get/0/100%.ogg", 0, "100%.ogg"),
            ("/get/1/", 1, ""),
        ] {
            assert_eq!(numbered(target), Some((index, name.into())), "{target}");
        }
    }

    #[test]
    fn what_names_no_file_is_refused() {
        for target in [
            "",
            "/",
            "/get",
            "/get/",
            "/get/7",
            "/get//x",
            "/get/-1/x",
            "/get/+1/x",
            "/get/4294967296/x",
            "/get/ 1/x",
            "/GET/1/x",
            "/uri-res/N2R",
            "/uri-res/N2R?",
            "/uri-res/N2R?urn:sha1:",
            "/uri-res/N2R?urn:md5:ABC",
            "/éééééééé",
        ] {
            assert_eq!(Resource::parse(target), None, "{target}");
        }
    }

    #[test]
    fn a_content_is_asked_for_in_any_case() {
        let urn = Sha1Urn([7; 20]);
        let target = Resource::Content(urn).to_string();
        assert!(target.starts_with("/uri-res/N2R?urn:sha1:"), "{target}");
        for target in [target.clone(), target.to_lowercase(), target.replace(':', "%3A")] {
            assert_eq!(Resource::parse(&target), Some(Resource::Content(urn)), "{target}");
        }
    }

    proptest! {
        #[test]
        fn every_name_comes_back(index: u32, name in "[^/]*") {
            let target = Resource::Numbered(index, name.as_str().into()).to_string();
            prop_assert!(target.is_ascii() && !target.contains(' '), "{target}");
            prop_assert_eq!(numbered(&target), Some((index, name)));
        }

        #[test]
        fn every_target_is_something_or_nothing(target in "(/get/|/uri-res/N2R\\?)?.*") {
            if let Some(resource) = Resource::parse(&target) {
                let again = resource.to_string();
                prop_assert_eq!(Resource::parse(&again), Some(resource));
            }
        }
    }
}
