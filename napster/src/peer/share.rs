//! The list of shared files: pushed to the server at login, and whenever it changes.

use std::sync::Arc;

use common::peer::{ConnId, FileId};
use common::user::{FileInfo, Note, SharedFile};

use super::{Hands, Peer};
use crate::wire::field::Field as _;
use crate::wire::{CLIENT_FRAME_MAX, Checksum, Directory, FileRecord, Line, Message, Quoted};

impl Peer {
    pub(super) fn share(&mut self, files: &[SharedFile], cx: Hands) {
        self.shared.extend_from_slice(files);
        if let Some(server) = self.server() {
            push_list(server, files, cx);
        }
    }

    pub(super) fn share_all(&mut self, server: ConnId, cx: Hands) {
        push_list(server, &self.shared, cx);
    }

    pub(super) fn unshare(&mut self, file: FileId, cx: Hands) {
        let Some(at) = self.shared.iter().position(|shared| shared.file == file) else { return };
        let shared = self.shared.remove(at);
        if let (Some(server), Some(name)) = (self.server(), Quoted::from_name(&shared.info.name)) {
            cx.send(server, Message::Unshare(Line::new(name.as_bytes()).expect("a line takes any bytes")));
        }
    }

    /// A shared file by its name on the wire. Linear: uploads begin rarely, and a table of names would cost more
    /// memory than the rest of an idle peer.
    pub(super) fn shared_as(&self, file: &Quoted) -> Option<&SharedFile> {
        let name = file.name();
        self.shared.iter().find(|shared| *shared.info.name == *name)
    }
}

/// A file as the wire describes it, `None` if its name cannot be sent.
pub(super) fn record_of(info: &FileInfo) -> Option<FileRecord> {
    Some(FileRecord {
        file: Quoted::from_name(&info.name)?,
        checksum: Checksum::from(info.digest),
        size: info.size,
        bitrate_kbps: info.media.bitrate_kbps,
        frequency_hz: info.media.frequency_hz,
        duration_s: info.media.duration_s,
    })
}

/// The directory and the name of a file for type 870, after which the server joins them again with a backslash.
/// `None` if that would not give the same name back.
fn split(file: &Quoted) -> Option<(Quoted, Quoted)> {
    let bytes = file.as_bytes();
    let at = bytes.iter().rposition(|byte| matches!(byte, b'/' | b'\\'))?;
    if at == 0 || bytes[at] != b'\\' {
        return None;
    }
    Some((Quoted::new(&bytes[..at])?, Quoted::new(&bytes[at + 1..])?))
}

/// A directory's files as they are collected; sent as 870, or as 100 if there is only one.
#[derive(Default)]
struct Batch {
    dir: Option<Quoted>,
    files: Vec<FileRecord>,
    whole: Option<FileRecord>,
}

impl Batch {
    fn flush(&mut self, server: ConnId, cx: Hands) {
        let Batch { dir, files, whole } = std::mem::take(self);
        if let (Some(whole), 1) = (whole, files.len()) {
            return cx.send(server, Message::Share(Arc::new(whole)));
        }
        let Some(dir) = dir else { return };
        let mut directory = Directory::new(dir.clone());
        for file in files {
            if let Err(file) = directory.push(file, CLIENT_FRAME_MAX as u32) {
                let full = std::mem::replace(&mut directory, Directory::new(dir.clone()));
                cx.send(server, Message::ShareDirectory(Arc::new(full)));
                directory.push(file, CLIENT_FRAME_MAX as u32).expect("a record that fits a frame of its own");
            }
        }
        if !directory.is_empty() {
            cx.send(server, Message::ShareDirectory(Arc::new(directory)));
        }
    }
}

/// Sends files as 870, those of one directory together, or one by one as 100. What cannot be sent is told.
fn push_list(server: ConnId, files: &[SharedFile], cx: Hands) {
    let mut batch = Batch::default();
    let mut left_out = 0;
    for shared in files {
        // Four bytes more than as type 100 are needed as type 870, for the directory's quotes and blank.
        let fits = |record: &FileRecord| record.wire_len() as usize + 4 <= CLIENT_FRAME_MAX;
        let Some(record) = record_of(&shared.info).filter(fits) else {
            left_out += 1;
            continue;
        };
        match split(&record.file) {
            Some((dir, name)) => {
                if batch.dir.as_ref() != Some(&dir) {
                    batch.flush(server, cx);
                    batch.dir = Some(dir);
                }
                batch.files.push(FileRecord { file: name, ..record.clone() });
                batch.whole = Some(record);
            }
            None => {
                batch.flush(server, cx);
                cx.send(server, Message::Share(Arc::new(record)));
            }
        }
    }
    batch.flush(server, cx);
    if left_out > 0 {
        cx.note(Note::Text(format!("{left_out} files are not shared: their names cannot be sent").into()));
    }
}
