//! Names of files, as strangers choose them.

use super::{FileEntry, MetainfoError};
use crate::bencode::{Dict, Value};

/// The deepest path.
pub const PATH_DEPTH_MAX: usize = 64;
/// The longest component, which is also what file systems take.
const COMPONENT_BYTES_MAX: usize = 255;

/// What is wrong with a name or a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PathFault {
    /// No path, or not a list of names.
    #[error("has no path, or one that is no list of names")]
    Missing,
    /// A path of no components.
    #[error("has an empty path")]
    EmptyPath,
    /// A component of no characters.
    #[error("has an empty name in its path")]
    Empty,
    /// `.` or `..`.
    #[error("has a name of dots in its path, which would lead elsewhere")]
    Dots,
    /// `/`, or a zero byte.
    #[error("has a slash or a zero in a name of its path")]
    Separator,
    /// More than 255 bytes.
    #[error("has a name of more than {COMPONENT_BYTES_MAX} bytes in its path")]
    TooLong,
    /// More than 64 components.
    #[error("lies more than {PATH_DEPTH_MAX} folders deep")]
    TooDeep,
}

/// The name under `key`, or the one under `key.utf-8` beside it: programs of the time that wrote names in the code page of
/// their machine told there what they meant.
pub(super) fn name<'a, 'v>(dict: &'v Dict<'a>, key: &str) -> Option<&'v Value<'a>> {
    dict.get(format!("{key}.utf-8").as_bytes()).or_else(|| dict.get(key.as_bytes()))
}

/// A component; what is not UTF-8 of it becomes U+FFFD.
pub(super) fn component(bytes: &[u8]) -> Result<Box<str>, PathFault> {
    let text = String::from_utf8_lossy(bytes);
    match &*text {
        "" => Err(PathFault::Empty),
        "." | ".." => Err(PathFault::Dots),
        text if text.len() > COMPONENT_BYTES_MAX => Err(PathFault::TooLong),
        text if text.contains(['/', '\0']) => Err(PathFault::Separator),
        text => Ok(text.into()),
    }
}

/// A path of a file in a folder.
pub(super) fn path(value: Option<&Value<'_>>) -> Result<Box<[Box<str>]>, PathFault> {
    let components = value.and_then(Value::as_list).ok_or(PathFault::Missing)?;
    if components.is_empty() {
        return Err(PathFault::EmptyPath);
    }
    if components.len() > PATH_DEPTH_MAX {
        return Err(PathFault::TooDeep);
    }
    let one = |value: &Value<'_>| component(value.as_bytes().ok_or(PathFault::Missing)?);
    components.iter().map(one).collect()
}

/// Refuses two files at one place, and a file below another.
pub(super) fn check_apart(files: &[FileEntry]) -> Result<(), MetainfoError> {
    let mut order: Vec<usize> = (0..files.len()).collect();
    order.sort_by(|one, other| files[*one].path.cmp(&files[*other].path).then(one.cmp(other)));
    // By components, whatever lies below a path comes right behind it.
    for pair in order.windows(2) {
        let (above, below) = (pair[0], pair[1]);
        if !files[below].path.starts_with(&files[above].path) {
            continue;
        }
        return Err(match files[below].path.len() == files[above].path.len() {
            true => MetainfoError::SamePath(above + 1, below + 1),
            false => MetainfoError::BelowFile { file: below + 1, folder: above + 1 },
        });
    }
    Ok(())
}
