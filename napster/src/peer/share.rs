//! The list of shared files: pushed to the server at login, and whenever it changes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use common::peer::FileId;
use common::user::{FileInfo, Note, SharedFile};

use super::{Hands, Peer};
use crate::node::Timer;
use crate::wire::field::Field as _;
use crate::wire::{CLIENT_FRAME_MAX, Checksum, Directory, FileRecord, Line, Message, Quoted};

/// Files told to the server at a time. The rest follows each second, so that a long list on a slow line does not
/// fill the queue towards the server, which would end the session.
const TOLD_AT_ONCE: usize = 256;
/// The most bytes of a name that opennap-ng joins from a directory and a file (`_POSIX_PATH_MAX`, less the NUL).
const JOINED_MAX: usize = 255;
/// The pause between two parts of the list.
const PAUSE: Duration = Duration::from_secs(1);

/// The files we offer.
#[derive(Default)]
pub(super) struct Shares {
    /// Sorted by name, which is how remotes ask for them.
    files: Vec<SharedFile>,
    /// Not yet told to the server; at most all files.
    untold: VecDeque<FileId>,
    /// A timer for the next part is set.
    is_telling: bool,
}

impl Shares {
    pub(super) fn iter(&self) -> impl Iterator<Item = &SharedFile> {
        self.files.iter()
    }

    /// A shared file by its name on the wire.
    pub(super) fn find(&self, file: &Quoted) -> Option<&SharedFile> {
        let name = file.name();
        let at = self.files.binary_search_by(|shared| (*shared.info.name).cmp(&name)).ok()?;
        Some(&self.files[at])
    }

    /// Adds a file; false if it cannot be shared.
    fn add(&mut self, file: &SharedFile, files_max: usize) -> bool {
        let found = self.files.binary_search_by(|shared| shared.info.name.cmp(&file.info.name));
        match found {
            Err(at) if self.files.len() < files_max && record_of(&file.info).is_some() => {
                self.files.insert(at, file.clone());
                self.untold.push_back(file.file);
                true
            }
            _ => false,
        }
    }
}

impl Peer {
    pub(super) fn share(&mut self, files: &[SharedFile], cx: Hands) {
        let files_max = self.config.shares_max;
        let mut left_out = Vec::new();
        for file in files {
            if !self.shared.add(file, files_max) {
                left_out.push(file);
            }
        }
        if let Some(first) = left_out.first() {
            let text = format!(
                "{} files are not shared, `{}` the first: at most {} are, each under a name of its own without quotes and \
                 control characters that fits a message",
                left_out.len(),
                first.info.name,
                files_max
            );
            cx.note(Note::Text(text.into()));
        }
        if !self.shared.is_telling {
            self.tell_shares(cx);
        }
    }

    /// A new session: the server knows none of the files.
    pub(super) fn share_all(&mut self, cx: Hands) {
        self.shared.untold = self.shared.iter().map(|shared| shared.file).collect();
        if !self.shared.is_telling {
            self.tell_shares(cx);
        }
    }

    pub(super) fn unshare(&mut self, file: FileId, cx: Hands) {
        let Some(at) = self.shared.iter().position(|shared| shared.file == file) else { return };
        let shared = self.shared.files.remove(at);
        if let Some(at) = self.shared.untold.iter().position(|untold| *untold == file) {
            self.shared.untold.remove(at);
            return;
        }
        // Type 102 is the one message with a file name that is not quoted.
        if let (Some(server), Some(name)) = (self.server(), Quoted::from_name(&shared.info.name)) {
            cx.send(server, Message::Unshare(Line::new(name.as_bytes()).expect("a line takes any bytes")));
        }
    }

    /// Tells the server of the next files it does not know.
    pub(super) fn tell_shares(&mut self, cx: Hands) {
        self.shared.is_telling = false;
        if self.server().is_none() {
            return;
        }
        let count = self.shared.untold.len().min(TOLD_AT_ONCE);
        let mut batch = Batch::default();
        let due: Vec<FileId> = self.shared.untold.drain(..count).collect();
        // Both lists are in the order of names as long as whole lists are shared at once.
        let mut from = 0;
        for id in due {
            let rest =
                self.shared.files[from..].iter().position(|shared| shared.file == id).map(|at| from + at);
            let at = rest.or_else(|| self.shared.files.iter().position(|shared| shared.file == id));
            if let Some(at) = at
                && let Some(record) = record_of(&self.shared.files[at].info)
            {
                batch.add(record);
                from = at;
            }
        }
        batch.flush();
        for message in batch.messages {
            self.tell_server(message, cx);
        }
        if !self.shared.untold.is_empty() {
            self.shared.is_telling = true;
            cx.wake(PAUSE, Timer::ShareDue);
        }
    }
}

/// A file as the wire describes it, `None` if its name cannot be sent or would not fit a message.
pub(super) fn record_of(info: &FileInfo) -> Option<FileRecord> {
    let record = FileRecord {
        file: Quoted::from_name(&info.name)?,
        checksum: Checksum::from(info.digest),
        size: info.size,
        bitrate_kbps: info.media.bitrate_kbps,
        frequency_hz: info.media.frequency_hz,
        duration_s: info.media.duration_s,
    };
    (record.wire_len() as usize <= CLIENT_FRAME_MAX).then_some(record)
}

/// The directory and the name of a file for type 870, after which the server joins them again with a backslash.
/// `None` if that would not give the same name back, or if opennap-ng deals worse with it than with type 100: there it
/// reads the size as an unsigned 32-bit number, here as a signed one that is not 0; there it refuses a long name, here
/// it cuts it without a word.
fn split(record: &FileRecord) -> Option<(Quoted, FileRecord)> {
    let bytes = record.file.as_bytes();
    if record.size == 0 || i32::try_from(record.size).is_err() || bytes.len() > JOINED_MAX {
        return None;
    }
    let at = bytes.iter().rposition(|byte| matches!(byte, b'/' | b'\\'))?;
    if at == 0 || at + 1 == bytes.len() || bytes[at] != b'\\' {
        return None;
    }
    Some((Quoted::new(&bytes[..at])?, FileRecord { file: Quoted::new(&bytes[at + 1..])?, ..record.clone() }))
}

/// Packs records into messages: neighbours of one directory go into one 870, lone files into a 100, which is
/// shorter and understood by more servers.
#[derive(Default)]
struct Batch {
    open: Option<Open>,
    messages: Vec<Message>,
}

struct Open {
    dir: Quoted,
    directory: Directory,
    /// The first file under its whole name.
    first: FileRecord,
}

impl Batch {
    fn add(&mut self, record: FileRecord) {
        const LEN_MAX: u32 = CLIENT_FRAME_MAX as u32;
        let Some((dir, bare)) = split(&record) else {
            return self.messages.push(Message::Share(Arc::new(record)));
        };
        if let Some(open) = self.open.as_mut().filter(|open| open.dir == dir)
            && open.directory.push(bare.clone(), LEN_MAX).is_ok()
        {
            return;
        }
        self.flush();
        let mut directory = Directory::new(dir.clone());
        match directory.push(bare, LEN_MAX) {
            Ok(()) => self.open = Some(Open { dir, directory, first: record }),
            Err(_) => self.messages.push(Message::Share(Arc::new(record))),
        }
    }

    fn flush(&mut self) {
        self.messages.extend(self.open.take().map(|open| match open.directory.len() {
            1 => Message::Share(Arc::new(open.first)),
            _ => Message::ShareDirectory(Arc::new(open.directory)),
        }));
    }
}
