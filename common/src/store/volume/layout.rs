//! Where the files of a volume lie in its stream of bytes, and what they are called here.

use super::{VolumeError, VolumePlan};
use crate::store::names::safe_name;

/// The files of a volume, in order.
#[derive(Debug)]
pub(super) struct Layout {
    /// What the file or the folder is called here.
    pub(super) name: String,
    /// There is one file, and no folder.
    pub(super) is_single: bool,
    pub(super) entries: Vec<Entry>,
    /// Bytes of all files together.
    pub(super) length: u64,
}

/// One file.
#[derive(Debug)]
pub(super) struct Entry {
    /// Below the folder, safe components with `/` between them; empty for the one file that has no folder.
    pub(super) path: Box<str>,
    /// Where it begins in the stream.
    start: u64,
    pub(super) length: u64,
}

/// A range that lies in one file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Part {
    /// Which file.
    pub(super) at: usize,
    /// Where it begins in that file.
    pub(super) offset: u64,
    pub(super) len: u64,
}

impl Layout {
    /// What a plan is here; its names are made safe, and may have become equal by that ([`Layout::apart`]).
    pub(super) fn of(plan: &VolumePlan) -> Result<Layout, VolumeError> {
        let safe = |name: &str| {
            safe_name(name).map_err(|error| VolumeError::Name(name.escape_debug().to_string(), error))
        };
        let is_single = matches!(&plan.files[..], [file] if file.path.is_empty());
        let mut entries = Vec::with_capacity(plan.files.len());
        let mut length = 0u64;
        for file in &plan.files {
            let parts = file.path.iter().map(|part| safe(part)).collect::<Result<Vec<_>, _>>()?;
            if parts.is_empty() && !is_single {
                return Err(VolumeError::Nameless);
            }
            entries.push(Entry { path: parts.join("/").into(), start: length, length: file.len });
            length = length.checked_add(file.len).ok_or(VolumeError::TooLarge)?;
        }
        Ok(Layout { name: safe(&plan.name)?, is_single, entries, length })
    }

    /// Refuses files that would be written over each other: equal paths, and a file where another one has a folder.
    pub(super) fn apart(&self) -> Result<(), VolumeError> {
        let mut paths: Vec<&str> = self.entries.iter().map(|entry| &*entry.path).collect();
        // By components, so that whatever lies below a file, or is the same, follows it at once.
        paths.sort_unstable_by(|a, b| a.split('/').cmp(b.split('/')));
        let is_below = |pair: &&[&str]| {
            let rest = pair[1].strip_prefix(pair[0]);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        match paths.windows(2).find(is_below) {
            Some(pair) => Err(VolumeError::Overlap(pair[0].to_owned(), pair[1].to_owned())),
            None => Ok(()),
        }
    }

    /// A range of the stream, file by file. Files of no bytes have no part in any.
    pub(super) fn parts(&self, offset: u64, len: u64) -> impl Iterator<Item = Part> {
        let end = offset.saturating_add(len);
        let first = self.entries.partition_point(|entry| entry.start + entry.length <= offset);
        let entries = self.entries.iter().enumerate().skip(first);
        let touched = entries.take_while(move |(_, entry)| entry.start < end);
        touched.filter(|(_, entry)| entry.length > 0).map(move |(at, entry)| {
            let from = offset.max(entry.start);
            let to = end.min(entry.start + entry.length);
            Part { at, offset: from - entry.start, len: to - from }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::PlannedFile;
    use super::*;

    fn layout(files: &[(&str, u64)]) -> Layout {
        let files = files
            .iter()
            .map(|(path, len)| PlannedFile { path: path.split('/').map(Into::into).collect(), len: *len });
        let plan = VolumePlan { name: "v".into(), mark: 0, files: files.collect() };
        Layout::of(&plan).unwrap()
    }

    #[test]
    fn a_range_is_cut_where_files_end() {
        let layout = layout(&[("a", 3), ("empty", 0), ("b", 5), ("end", 0)]);
        let parts = |offset, len| -> Vec<(usize, u64, u64)> {
            layout.parts(offset, len).map(|part| (part.at, part.offset, part.len)).collect()
        };
        assert_eq!(parts(0, 8), [(0, 0, 3), (2, 0, 5)]);
        assert_eq!(parts(2, 2), [(0, 2, 1), (2, 0, 1)]);
        assert_eq!(parts(3, 5), [(2, 0, 5)]);
        assert_eq!(parts(7, 1), [(2, 4, 1)]);
        assert_eq!((parts(3, 0), parts(8, 0)), (vec![], vec![]));
    }

    #[test]
    fn files_in_each_others_way_are_refused() {
        for clash in [[("a", 1), ("a", 1)], [("d/x", 1), ("d", 1)], [("a?", 1), ("a_", 1)]] {
            assert!(matches!(layout(&clash).apart(), Err(VolumeError::Overlap(..))), "{clash:?}");
        }
        layout(&[("a", 1), ("a b", 1), ("a.b/c", 1), ("ab", 1), ("A", 1), ("d/x/y", 1), ("d/x.y", 1)])
            .apart()
            .unwrap();
    }
}
