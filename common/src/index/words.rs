//! What counts as a word, in file names and in queries.

use serde::{Deserialize, Serialize};

use crate::user::{FileInfo, Query};

/// Which words of a name are searched. The same rules apply to names and to queries, in the index, in a servent
/// that looks through its own files and in the ground truth.
///
/// A word is a run of alphanumeric characters (of any script) and apostrophes, its case folded; apostrophes at its ends
/// do not belong to it, and the typographic one is the plain one. Names are not normalised: a letter with a separate
/// combining accent stays one word, but is another word than the same letter precomposed. Nobody on these networks
/// normalised either.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WordRules {
    /// So many components from the end of a path are searched.
    pub path_depth: usize,
    /// The last component's suffix is not searched: nobody can look for `mp3`.
    pub ignore_suffix: bool,
    /// So many different words of a name or of a query count; what follows them is ignored.
    pub words_max: usize,
    /// A word is cut to so many bytes.
    pub word_bytes_max: usize,
}

impl Default for WordRules {
    /// Depth two and no suffix, as an OpenNap server has it; 32 words and 64 bytes, beyond what songs are called.
    fn default() -> Self {
        WordRules { path_depth: 2, ignore_suffix: true, words_max: 32, word_bytes_max: 64 }
    }
}

/// The words of a query.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Terms {
    /// All of them must be there.
    pub all: Vec<String>,
    /// None of them may be there.
    pub none: Vec<String>,
}

impl WordRules {
    /// The different words of a file's path that are searched, in order.
    pub fn of_name(&self, path: &str) -> Vec<String> {
        let mut words = Vec::new();
        each_word(self.searched_part(path), self.word_bytes_max, |word| {
            push_new(&mut words, word, self.words_max)
        });
        words
    }

    /// The different words that a file is found by: those of its path, then what else is said about it.
    pub fn of_file(&self, info: &FileInfo) -> Vec<String> {
        let mut words = Vec::new();
        self.each_of_file(info, |word| push_new(&mut words, word, self.words_max));
        words
    }

    /// The words of a query: whatever follows a `-` up to the next blank is excluded. Where no file is found by its suffix, that of a
    /// query asks for nothing either: whoever writes a file's whole name finds it.
    pub fn of_query(&self, text: &str) -> Terms {
        let mut terms = Terms::default();
        for token in self.without_suffix(text.trim_end()).split_whitespace() {
            let (list, token) = match token.strip_prefix('-') {
                Some(rest) => (&mut terms.none, rest),
                None => (&mut terms.all, token),
            };
            each_word(token, self.word_bytes_max, |word| push_new(list, word, self.words_max));
        }
        terms
    }

    /// True if a file is what a query asks for, the holder's line apart. This is the definition; the index is
    /// faster. A query without a word that must be there matches nothing.
    pub fn matches(&self, query: &Query, info: &FileInfo) -> bool {
        let terms = self.of_query(&query.words);
        let words = self.of_file(info);
        !terms.all.is_empty()
            && terms.all.iter().all(|word| words.contains(word))
            && !terms.none.iter().any(|word| words.contains(word))
            && filters_match(query, info)
    }

    /// Calls `each` with every word that a file is found by, repeated ones included, until it says false.
    pub(super) fn each_of_file(&self, info: &FileInfo, mut each: impl FnMut(&str) -> bool) {
        if each_word(self.searched_part(&info.name), self.word_bytes_max, &mut each) {
            each_word(&info.about, self.word_bytes_max, each);
        }
    }

    /// The last components of a path without the suffix.
    fn searched_part<'a>(&self, path: &'a str) -> &'a str {
        let separator = |c| c == '/' || c == '\\';
        let start = match self.path_depth.checked_sub(1) {
            None => return "",
            Some(nth) => path.rmatch_indices(separator).nth(nth).map_or(0, |(at, _)| at + 1),
        };
        self.without_suffix(&path[start..])
    }

    /// A name, or a path, without its suffix, if suffixes are ignored.
    fn without_suffix<'a>(&self, path: &'a str) -> &'a str {
        let last = path.rfind(['/', '\\']).map_or(0, |at| at + 1);
        match path[last..].rfind('.') {
            Some(dot) if self.ignore_suffix && dot > 0 && is_suffix(&path[last + dot + 1..]) => {
                &path[..last + dot]
            }
            _ => path,
        }
    }
}

/// True if the attributes of a file are within the ranges of a query, the holder's line apart.
pub fn filters_match(query: &Query, info: &FileInfo) -> bool {
    let size = u32::try_from(info.size).unwrap_or(u32::MAX);
    query.bitrate_kbps.contains(info.media.bitrate_kbps)
        && query.frequency_hz.contains(info.media.frequency_hz)
        && query.duration_s.contains(info.media.duration_s)
        && query.size.contains(size)
}

/// One to eight letters and digits: `Vol. 2` has no suffix, `a.torrent` has.
fn is_suffix(text: &str) -> bool {
    (1..=8).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Adds a word that is not there yet; false once the list is full.
fn push_new(words: &mut Vec<String>, word: &str, max: usize) -> bool {
    if words.len() < max && !words.iter().any(|known| known == word) {
        words.push(word.to_owned());
    }
    words.len() < max
}

/// Calls `each` with the words of a text, folded and cut, until it says false; returns what it said last.
fn each_word(text: &str, bytes_max: usize, mut each: impl FnMut(&str) -> bool) -> bool {
    let (mut word, mut full) = (String::new(), false);
    // The blank at the end closes the last word.
    for c in text.chars().chain([' ']) {
        if c.is_ascii_alphanumeric() {
            push_cut(&mut word, &mut full, c.to_ascii_lowercase(), bytes_max);
        } else if c == '\'' || c == '\u{2019}' {
            if !word.is_empty() {
                push_cut(&mut word, &mut full, '\'', bytes_max);
            }
        } else if !c.is_ascii() && (c.is_alphanumeric() || is_combining(c)) {
            folded(c).for_each(|c| push_cut(&mut word, &mut full, c, bytes_max));
        } else if !word.is_empty() {
            let whole = word.trim_end_matches('\'');
            if !each(whole) {
                return false;
            }
            word.clear();
            full = false;
        }
    }
    true
}

/// A letter without its case. By way of the upper case, so that letters that share it are one: `ß` is `ss`, a sigma at a word's end
/// is a sigma. Near Unicode's full case folding, of which the standard library has no table.
fn folded(c: char) -> impl Iterator<Item = char> {
    c.to_uppercase().flat_map(char::to_lowercase)
}

/// Combining diacritical marks, the accents of decomposed letters.
fn is_combining(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

/// Adds a character unless the word is as long as it may be; `full` stays set until the word's end.
fn push_cut(word: &mut String, full: &mut bool, c: char, bytes_max: usize) {
    *full |= word.len() + c.len_utf8() > bytes_max;
    if !*full {
        word.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_give_the_words_of_their_last_two_components() {
        let cases: [(&str, &[&str]); 10] = [
            ("Music/The Band/The Band - A Song.mp3", &["the", "band", "a", "song"]),
            ("C:\\my music\\Live\\01 Intro.MP3", &["live", "01", "intro"]),
            ("Song.mp3", &["song"]),
            ("x/Vol. 2", &["x", "vol", "2"]),
            ("x/.hidden", &["x", "hidden"]),
            ("a.b/c", &["a", "b", "c"]),
            ("Rock'n'Roll/'Don\u{2019}t' '.mp3", &["rock'n'roll", "don't"]),
            ("ÀÉ/Москва_ΣΑΣ.ogg", &["àé", "москва", "σασ"]),
            ("Große GRÖSSE/straße STRASSE ΟΔΟΣ οδος οδοσ", &["grosse", "grösse", "strasse", "οδοσ"]),
            ("--- / ---", &[]),
        ];
        for (name, words) in cases {
            assert_eq!(WordRules::default().of_name(name), words, "{name}");
        }
    }

    #[test]
    fn the_rules_are_configurable() {
        let rules = WordRules { path_depth: 1, ignore_suffix: false, words_max: 3, word_bytes_max: 3 };
        assert_eq!(
            rules.of_name("dir/Éönäx, one two three.mp3"),
            ["é", "one", "two"].map(String::from).to_vec()
        );
        assert_eq!(WordRules { path_depth: 0, ..rules }.of_name("a/b"), Vec::<String>::new());
    }

    #[test]
    fn whoever_writes_a_whole_name_asks_for_no_more_than_is_known_of_it() {
        let rules = WordRules::default();
        for name in ["Quetzal Tango.mp3", "b.c/Vol. 2.ogg", "x/.hidden", "T.A.T.U", "Song.mp3 "] {
            let (asked, known) = (rules.of_query(name).all, rules.of_name(name.trim_end()));
            assert!(asked.iter().all(|word| known.contains(word)), "{name}: {asked:?} of {known:?}");
        }
        assert_eq!(rules.of_query("big -film.avi").none, ["film"]);
        let rules = WordRules { ignore_suffix: false, ..rules };
        assert_eq!(rules.of_query("big film.avi").all, ["big", "film", "avi"]);
    }

    #[test]
    fn a_minus_excludes_up_to_the_next_blank() {
        let terms = WordRules::default().of_query("Jay-Z - -live 99 99 -remix/dub '");
        assert_eq!(terms.all, ["jay", "z", "99"]);
        assert_eq!(terms.none, ["live", "remix", "dub"]);
    }
}
