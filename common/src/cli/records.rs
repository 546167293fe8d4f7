//! What outlives a node: a file of records, one a line, that nobody else can read.
//!
//! A node is given what the file has when it starts, and asks for more lines while it runs ([`crate::user::Note::Keep`]). A thread of
//! its own writes them and waits until they are on the disk, all that have come meanwhile at once: a node is never stopped by a disk.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use crate::tell;
use anyhow::{Context as _, bail};

/// Read and write, by its owner alone.
pub const PRIVATE: u32 = 0o600;
/// The longest line of such a file: a name, and a hash of some hundred characters.
const LINE_BYTES_MAX: u64 = 1_024;

/// Lines that wait for the disk. One beyond is lost, and that is told.
const LINES_WAITING_MAX: usize = 65_536;

/// Is told why a line was not written.
type Failed = Arc<dyn Fn(std::io::Error) + Send + Sync>;

/// The same path with something added to its last name.
pub fn beside(path: &Path, added: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(added);
    name.into()
}

/// A file to read and add to, made if it is missing, which nobody else can read.
///
/// # Errors
/// If it cannot be opened, is no file, or others can read it; the text says which, and what to do.
pub fn open_private(path: &Path) -> anyhow::Result<File> {
    let file = OpenOptions::new().read(true).append(true).create(true).mode(PRIVATE).open(path);
    let file = file.with_context(|| format!("cannot open {}", path.display()))?;
    check_private(&file, path)?;
    Ok(file)
}

/// Refuses a file with secrets that others could read or change.
///
/// # Errors
/// If it is one; the text says what to do.
pub fn check_private(file: &File, path: &Path) -> anyhow::Result<()> {
    let metadata = file.metadata().with_context(|| format!("cannot look at {}", path.display()))?;
    if !metadata.is_file() {
        bail!("{} is no file", path.display());
    }
    if metadata.mode() & 0o077 != 0 {
        let path = path.display();
        bail!("others can read or change {path}, which is to be secret; say: chmod 600 {path}");
    }
    Ok(())
}

/// The records that a file has, and the file to add others to.
///
/// # Errors
/// If it is not private, cannot be read, or has a line of which `read` makes nothing; the text names the line and `what` it should be.
pub fn read_records<T>(
    path: &Path,
    what: &str,
    read: impl Fn(&str) -> Option<T>,
) -> anyhow::Result<(Vec<T>, File)> {
    let file = open_private(path)?;
    let mut lines = BufReader::new(&file);
    let mut records = Vec::new();
    let mut at = 0;
    for number in 1.. {
        let mut line = String::new();
        let bytes = (&mut lines).take(LINE_BYTES_MAX).read_line(&mut line);
        let bytes = bytes.with_context(|| format!("cannot read {}", path.display()))? as u64;
        match read(line.trim_end()) {
            _ if bytes == 0 => break,
            Some(record) if line.ends_with('\n') => records.push(record),
            // What was being written when the machine went down is a part of a line, which goes.
            _ if !line.ends_with('\n') && bytes < LINE_BYTES_MAX => {
                file.set_len(at).with_context(|| format!("cannot mend {}", path.display()))?;
                tell!("left out: the last line of {}, which was cut off", path.display());
                break;
            }
            _ => bail!("line {number} of {} is no {what}", path.display()),
        }
        at += bytes;
    }
    Ok((records, file))
}

/// Puts other lines in the place of all that a file of records has, at once: whoever is stopped in between has the old or the new ones.
///
/// # Errors
/// If the new file cannot be written beside the old one.
pub fn rewrite_records(path: &Path, lines: impl Iterator<Item = String>) -> anyhow::Result<File> {
    let new = beside(path, ".new");
    let text: String = lines.map(|line| line + "\n").collect();
    let write = || {
        // One that is left of a time before may be readable by others.
        if let Err(error) = std::fs::remove_file(&new)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let mut file = OpenOptions::new().append(true).create_new(true).mode(PRIVATE).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&new, path)?;
        Ok(file)
    };
    write().with_context(|| format!("cannot write {}", new.display()))
}

/// Adds lines to a file; when it is dropped, all of them are on the disk.
pub struct Recorder {
    lines: Option<SyncSender<String>>,
    writer: Option<JoinHandle<()>>,
    failed: Failed,
}

impl Recorder {
    /// Adds to `file`. If that fails, `failed` is told why, each time.
    pub fn start(file: File, failed: impl Fn(std::io::Error) + Send + Sync + 'static) -> Recorder {
        let (lines, coming) = sync_channel(LINES_WAITING_MAX);
        let failed: Failed = Arc::new(failed);
        let told = Arc::clone(&failed);
        let writer = std::thread::spawn(move || write_all(file, &coming, &told));
        Recorder { lines: Some(lines), writer: Some(writer), failed }
    }

    /// Adds a line, some time soon.
    pub fn add(&self, line: &str) {
        // Its thread ends after us, so that it can only be too slow.
        let sent = self.lines.as_ref().map(|lines| lines.try_send(format!("{line}\n")));
        if let Some(Err(TrySendError::Full(_))) = sent {
            (self.failed)(std::io::Error::other("the disk is too slow for all that is to be kept"));
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.lines = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

fn write_all(mut file: File, coming: &Receiver<String>, failed: &Failed) {
    while let Ok(first) = coming.recv() {
        let lines: String = std::iter::once(first).chain(coming.try_iter()).collect();
        if let Err(error) = append(&mut file, &lines) {
            failed(error);
        }
    }
}

/// All of these lines, or none: half a line before the next one would be no record.
fn append(file: &mut File, lines: &str) -> std::io::Result<()> {
    let end = file.metadata()?.len();
    let written = file.write_all(lines.as_bytes()).and_then(|()| file.sync_data());
    if written.is_err() {
        file.set_len(end)?;
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_back_added_to_and_replaced() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("numbers");
        let read = |line: &str| line.parse::<u32>().ok();
        let added = |lines: &[&str]| {
            let (records, file) = read_records(&path, "number", read).expect("a file of ours");
            let recorder = Recorder::start(file, |error| panic!("{error}"));
            lines.iter().for_each(|line| recorder.add(line));
            records
        };
        assert_eq!(added(&["1", "2"]), []);
        assert_eq!(added(&["3"]), [1, 2]);
        rewrite_records(&path, ["7".to_owned()].into_iter()).expect("a folder to write in");
        assert_eq!(added(&[]), [7]);
        assert_eq!(path.metadata().expect("it is there").mode() & 0o777, PRIVATE);
        assert_eq!(std::fs::read_dir(dir.path()).expect("a folder").count(), 1, "nothing is left beside it");
    }

    #[test]
    fn half_a_line_goes_and_a_bad_one_is_named() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("numbers");
        let read = |text: &str| {
            open_private(&path).and_then(|mut file| Ok(file.write_all(text.as_bytes())?)).expect("written");
            let read = read_records(&path, "number", |line| line.parse::<u32>().ok()).map(|(read, _)| read);
            let left = std::fs::read_to_string(&path).expect("it is there");
            std::fs::remove_file(&path).expect("it is there");
            (read.map_err(|error| error.to_string()), left)
        };
        assert_eq!(read("1\n2\n12"), (Ok(vec![1, 2]), "1\n2\n".into()));
        let bad = |line: u32| Err(format!("line {line} of {} is no number", path.display()));
        assert_eq!(read("1\nx\n2\n").0, bad(2));
        assert_eq!(read(&format!("1\n{}", "9".repeat(5_000))).0, bad(2));
    }

    #[test]
    fn what_others_can_read_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("open");
        OpenOptions::new().write(true).create_new(true).mode(0o644).open(&path).expect("a file");
        let said = open_private(&path).expect_err("others can read it").to_string();
        assert!(said.ends_with(&format!("chmod 600 {}", path.display())), "{said}");
    }
}
