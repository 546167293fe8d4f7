//! Kinds of media, by a file's suffix.

use serde::{Deserialize, Serialize};

/// A kind of media.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Realm {
    /// bf; of a file: none of the others.
    #[default]
    Any,
    /// a1
    Audio,
    /// a2
    Video,
    /// a3
    Image,
    /// a4
    Document,
    /// a5
    Software,
}

/// What is known of a suffix: the realm of the file, and its content type in HTTP.
const SUFFIXES: [(&str, Realm, &str); 40] = [
    ("aac", Realm::Audio, "audio/aac"),
    ("flac", Realm::Audio, "audio/flac"),
    ("m4a", Realm::Audio, "audio/mp4"),
    ("mid", Realm::Audio, "audio/midi"),
    ("mp3", Realm::Audio, "audio/mpeg"),
    ("ogg", Realm::Audio, "audio/ogg"),
    ("wav", Realm::Audio, "audio/x-wav"),
    ("wma", Realm::Audio, "audio/x-ms-wma"),
    ("asf", Realm::Video, "video/x-ms-asf"),
    ("avi", Realm::Video, "video/x-msvideo"),
    ("divx", Realm::Video, "video/x-msvideo"),
    ("mkv", Realm::Video, "video/x-matroska"),
    ("mov", Realm::Video, "video/quicktime"),
    ("mp4", Realm::Video, "video/mp4"),
    ("mpeg", Realm::Video, "video/mpeg"),
    ("mpg", Realm::Video, "video/mpeg"),
    ("wmv", Realm::Video, "video/x-ms-wmv"),
    ("bmp", Realm::Image, "image/bmp"),
    ("gif", Realm::Image, "image/gif"),
    ("jpeg", Realm::Image, "image/jpeg"),
    ("jpg", Realm::Image, "image/jpeg"),
    ("png", Realm::Image, "image/png"),
    ("tif", Realm::Image, "image/tiff"),
    ("tiff", Realm::Image, "image/tiff"),
    ("doc", Realm::Document, "application/msword"),
    ("htm", Realm::Document, "text/html"),
    ("html", Realm::Document, "text/html"),
    ("pdf", Realm::Document, "application/pdf"),
    ("ppt", Realm::Document, "application/vnd.ms-powerpoint"),
    ("ps", Realm::Document, "application/postscript"),
    ("rtf", Realm::Document, "application/rtf"),
    ("txt", Realm::Document, "text/plain"),
    ("xls", Realm::Document, "application/vnd.ms-excel"),
    ("exe", Realm::Software, "application/octet-stream"),
    ("gz", Realm::Software, "application/gzip"),
    ("iso", Realm::Software, "application/octet-stream"),
    ("msi", Realm::Software, "application/octet-stream"),
    ("rar", Realm::Software, "application/vnd.rar"),
    ("tar", Realm::Software, "application/x-tar"),
    ("zip", Realm::Software, "application/zip"),
];

impl Realm {
    /// The realm of a file of this name.
    pub fn of_name(name: &str) -> Realm {
        suffix_of(name).map_or(Realm::Any, |(_, realm, _)| *realm)
    }

    /// True if somebody who looks in this realm wants files of this name.
    pub fn admits(self, name: &str) -> bool {
        self == Realm::Any || self == Realm::of_name(name)
    }

    /// As a query has it.
    pub(super) fn byte(self) -> u8 {
        match self.media() {
            0 => 0xbf,
            media => 0xa0 | media,
        }
    }

    /// What a query's byte means; one that nobody knows excludes nothing.
    pub(super) fn of_byte(byte: u8) -> Realm {
        match byte {
            0xa1 => Realm::Audio,
            0xa2 => Realm::Video,
            0xa3 => Realm::Image,
            0xa4 => Realm::Document,
            0xa5 => Realm::Software,
            _ => Realm::Any,
        }
    }

    /// As a shared file has it.
    pub(super) fn media(self) -> u8 {
        match self {
            Realm::Any => 0,
            Realm::Audio => 1,
            Realm::Video => 2,
            Realm::Image => 3,
            Realm::Document => 4,
            Realm::Software => 5,
        }
    }
}

/// What HTTP says the content of a file of this name is.
pub fn content_type(name: &str) -> &'static str {
    suffix_of(name).map_or("application/octet-stream", |(_, _, content_type)| content_type)
}

fn suffix_of(name: &str) -> Option<&'static (&'static str, Realm, &'static str)> {
    let (_, suffix) = name.rsplit_once('.')?;
    SUFFIXES.iter().find(|(known, _, _)| known.eq_ignore_ascii_case(suffix))
}
