//! What users share: the list that makes the index.

use std::collections::HashMap;
use std::sync::Arc;

use common::digest::Digest;
use common::index::AddError;
use common::peer::ConnId;
use common::user::{FileInfo, Media};

use super::{Hands, Server, notice, user_id};
use crate::wire::text::to_text;
use crate::wire::{FileRecord, Line, MediaRecord, Message, Quoted, Token};

impl Server {
    pub(super) fn share(&mut self, conn: ConnId, record: &FileRecord, media: Option<Token>, cx: Hands) {
        let info = Arc::new(FileInfo {
            name: to_text(record.file.as_bytes()).into(),
            size: record.size,
            digest: record.checksum.digest(),
            media: Media {
                bitrate_kbps: record.bitrate_kbps,
                frequency_hz: record.frequency_hz,
                duration_s: record.duration_s,
            },
            ..FileInfo::default()
        });
        let error = match self.index.add(user_id(conn), info.clone()) {
            Ok(()) => return self.shared(conn, &info, media),
            Err(error) => error,
        };
        self.refused.shares += 1;
        match error {
            AddError::Duplicate => notice(conn, "duplicate file", cx),
            AddError::NameTooLong => notice(conn, "filename too long", cx),
            AddError::TooManyFiles | AddError::TooManyUsers => {
                let max = self.config.shared_max;
                let Some(user) = self.user_mut(conn) else { return };
                if !std::mem::replace(&mut user.told_share_limit, true) {
                    notice(conn, format!("You may only share {max} files"), cx);
                }
            }
        }
    }

    pub(super) fn share_media(&mut self, conn: ConnId, record: &MediaRecord, cx: Hands) {
        let file = FileRecord {
            file: record.file.clone(),
            checksum: record.checksum,
            size: record.size,
            bitrate_kbps: 0,
            frequency_hz: 0,
            duration_s: 0,
        };
        let mime = Token::new(&record.mime.as_bytes().to_ascii_lowercase());
        self.share(conn, &file, mime, cx);
    }

    fn shared(&mut self, conn: ConnId, info: &FileInfo, media: Option<Token>) {
        if let (true, Some(key)) = (self.config.resume_search, content_key(info, conn)) {
            self.contents.insert(key);
        }
        if let (Some(mime), Some(user)) = (media, self.user_mut(conn)) {
            user.media.insert(info.name.clone(), mime);
        }
    }

    pub(super) fn unshare(&mut self, conn: ConnId, file: &Line, cx: Hands) {
        let exact = self.file_of(conn, &to_text(file.as_bytes()));
        let found = exact.or_else(|| self.file_of(conn, &to_text(file.trimmed())));
        let Some(info) = found else { return notice(conn, "Not sharing that file", cx) };
        self.index.remove(user_id(conn), &info.name);
        let still_there = self.index.files_of(user_id(conn)).any(|other| same_content(other, &info));
        if let (false, Some(key)) = (still_there, content_key(&info, conn)) {
            self.contents.remove(&key);
        }
        if let Some(user) = self.user_mut(conn) {
            user.media.remove(&info.name);
        }
    }

    pub(super) fn unshare_all(&mut self, conn: ConnId, cx: Hands) {
        self.forget_contents(conn);
        let count = self.index.remove_user(user_id(conn));
        if let Some(user) = self.user_mut(conn) {
            user.media = HashMap::new();
            user.told_share_limit = false;
        }
        cx.send(conn, Message::UnsharedAll(count as u32));
    }

    pub(super) fn forget_contents(&mut self, conn: ConnId) {
        for info in self.index.files_of(user_id(conn)) {
            if let Some(key) = content_key(info, conn) {
                self.contents.remove(&key);
            }
        }
    }

    /// A file of a user by the name the index has it under.
    pub(super) fn file_of(&self, conn: ConnId, name: &str) -> Option<Arc<FileInfo>> {
        self.index.files_of(user_id(conn)).find(|info| *info.name == *name).cloned()
    }

    /// A file of a user by its name on the wire.
    pub(super) fn file_named(&self, conn: ConnId, file: &Quoted) -> Option<Arc<FileInfo>> {
        self.file_of(conn, &to_text(file.as_bytes()))
    }
}

fn same_content(a: &FileInfo, b: &FileInfo) -> bool {
    a.digest == b.digest && a.size == b.size
}

/// Where a user's file stands among the contents, if its checksum is known.
fn content_key(info: &FileInfo, conn: ConnId) -> Option<([u8; 16], u64, u32)> {
    match info.digest {
        Some(Digest::Md5(md5)) => Some((md5, info.size, conn.slot() as u32)),
        _ => None,
    }
}
