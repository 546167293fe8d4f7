//! A remote's file name never becomes a path.

/// The longest name [`safe_name`] gives, in bytes. File systems take 255; a download in progress adds `.part.state`
/// and a copy ` (100)`.
pub const NAME_BYTES_MAX: usize = 255 - 11 - 6;

/// The longest suffix that is kept when a name is cut, with its dot: `.torrent` and all common ones fit.
const SUFFIX_BYTES_MAX: usize = 16;

/// Why a name cannot be used at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NameError {
    /// Nothing is left of it.
    #[error("the file has no name")]
    Empty,
    /// It names a directory, its own or the parent.
    #[error("`.` and `..` are not file names")]
    Directory,
}

/// The file name under which a remote's `name` may be stored, on any system: its last component (after `/` or
/// `\`), never a path.
///
/// Control characters, those that turn the writing direction and `<>:"|?*` become `_`; so does a leading dot (no
/// hidden files), and `_` is put before the names that Windows reserves for devices and after the endings that
/// downloads in progress use. Dots and spaces at the end go; long names are cut before their suffix.
pub fn safe_name(name: &str) -> Result<String, NameError> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or(name).trim();
    if last == "." || last == ".." {
        return Err(NameError::Directory);
    }
    let last = last.trim_end_matches(['.', ' ']);
    if last.is_empty() {
        return Err(NameError::Empty);
    }
    let mut safe: String = last.chars().map(|c| if is_harmless(c) { c } else { '_' }).collect();
    if safe.starts_with('.') {
        safe.replace_range(..1, "_");
    }
    if is_device(&safe) {
        safe.insert(0, '_');
    }
    let safe = cut(&safe, NAME_BYTES_MAX - 1);
    Ok(if is_in_progress(&safe) { safe + "_" } else { safe })
}

/// True for the names that downloads in progress have on disk.
pub(super) fn is_in_progress(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    lower.ends_with(".part") || lower.ends_with(".part.state")
}

/// `stem (n).suffix`, for the second and later files of one name.
pub(super) fn numbered(name: &str, n: u32) -> String {
    if n <= 1 {
        return name.to_owned();
    }
    let (stem, suffix) = split_suffix(name);
    format!("{stem} ({n}){suffix}")
}

/// The name without its suffix, and the suffix with its dot.
fn split_suffix(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(dot) if dot > 0 && name.len() - dot <= SUFFIX_BYTES_MAX => name.split_at(dot),
        _ => (name, ""),
    }
}

fn is_harmless(c: char) -> bool {
    let turns_direction =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let separates_lines = matches!(c, '\u{2028}' | '\u{2029}');
    !(c.is_control() || turns_direction || separates_lines || "<>:\"|?*".contains(c))
}

/// CON, PRN, AUX, NUL, COM0-9 and LPT0-9 (also with ¹²³), whatever follows the first dot, are devices on Windows.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_ascii_lowercase();
    let port = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt"));
    let is_port = port.is_some_and(|rest| {
        let mut digits = rest.chars();
        matches!((digits.next(), digits.next()), (Some('0'..='9' | '¹' | '²' | '³'), None))
    });
    is_port || matches!(stem.as_str(), "con" | "prn" | "aux" | "nul" | "conin$" | "conout$")
}

/// The name in at most `max` bytes, cut before its suffix and between characters.
fn cut(name: &str, max: usize) -> String {
    if name.len() <= max {
        return name.to_owned();
    }
    let (stem, suffix) = split_suffix(name);
    let end = (0..=max - suffix.len()).rev().find(|at| stem.is_char_boundary(*at)).unwrap_or(0);
    let stem = stem[..end].trim_end_matches(['.', ' ']);
    format!("{stem}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_harmless() {
        let cases = [
            ("song.mp3", "song.mp3"),
            ("Music\\Artist\\song.mp3", "song.mp3"),
            ("../../etc/passwd", "passwd"),
            ("C:\\autoexec.bat", "autoexec.bat"),
            ("C:evil", "C_evil"),
            ("a\0b\nc", "a_b_c"),
            (".bashrc", "_bashrc"),
            ("nul.txt", "_nul.txt"),
            ("LPT1", "_LPT1"),
            ("command.com", "command.com"),
            ("com10", "com10"),
            ("name. . .", "name"),
            ("x.part", "x.part_"),
            ("x.PART.state", "x.PART.state_"),
            ("\u{202e}3pm.exe", "_3pm.exe"),
            ("smørrebrød – ü.ogg", "smørrebrød – ü.ogg"),
        ];
        for (name, safe) in cases {
            assert_eq!(safe_name(name).as_deref(), Ok(safe), "{name:?}");
        }
    }

    #[test]
    fn what_names_nothing_is_refused() {
        for name in ["", "/", "dir/", "a\\", "  ", "..."] {
            assert_eq!(safe_name(name), Err(NameError::Empty), "{name:?}");
        }
        for name in [".", "..", "a/..", "..\\.", " .. "] {
            assert_eq!(safe_name(name), Err(NameError::Directory), "{name:?}");
        }
    }

    #[test]
    fn a_long_name_keeps_its_suffix() {
        let name = safe_name(&format!("{}.mp3", "ö".repeat(300))).unwrap();
        assert!(name.len() <= NAME_BYTES_MAX && name.len() > NAME_BYTES_MAX - 4, "{}", name.len());
        assert!(name.ends_with("ö.mp3"));
        assert!(numbered(&name, 100).len() + ".part.state".len() <= 255);
    }

    #[test]
    fn numbers_stand_before_the_suffix() {
        assert_eq!(numbered("a.b.mp3", 1), "a.b.mp3");
        assert_eq!(numbered("a.b.mp3", 2), "a.b (2).mp3");
        assert_eq!(numbered("README", 3), "README (3)");
    }
}
