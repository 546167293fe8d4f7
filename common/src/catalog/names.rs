//! Names that nobody ever sang: words of syllables, artists of words, songs of both.

use std::collections::HashSet;

use rand::Rng;

use super::draw::{Zipf, below, chance, pick};

const ONSETS: [&str; 24] = [
    "b", "br", "d", "dr", "f", "fl", "g", "gr", "h", "j", "k", "l", "m", "n", "p", "pr", "r", "s", "sh",
    "st", "t", "tr", "v", "w",
];
const VOWELS: [&str; 8] = ["a", "e", "i", "o", "u", "ai", "ee", "ou"];
/// Letters beyond ASCII, in one word of some: what every index and every protocol here must carry.
const FOREIGN_VOWELS: [&str; 8] = ["ä", "é", "ö", "ü", "å", "í", "ø", "ñe"];
const CODAS: [&str; 12] = ["", "", "", "l", "n", "r", "s", "t", "nd", "ck", "m", "ss"];
/// The share of words with a foreign vowel.
const FOREIGN_SHARE: f64 = 0.06;

/// How skewed words are within titles: natural language is near one.
const WORD_ALPHA: f64 = 1.0;
/// How skewed titles are among artists: a few record a lot.
const ARTIST_ALPHA: f64 = 0.6;

/// Makes different file names, `Artist/Artist - Song.mp3`.
pub(super) struct Names {
    words: Vec<String>,
    word_ranks: Zipf,
    artists: Vec<String>,
    artist_ranks: Zipf,
    made: HashSet<String>,
}

impl Names {
    /// A vocabulary of `words` words and `artists` artists, at least one of each.
    pub(super) fn new(words: u32, artists: u32, rng: &mut impl Rng) -> Self {
        let words = different(words, |tries| word(rng, 1 + tries / 4));
        let word_ranks = Zipf::new(words.len(), WORD_ALPHA);
        let artists = different(artists, |tries| {
            // Names of artists use the whole vocabulary evenly, so that they tell artists apart.
            let count = 1 + below(rng, 3) as usize + tries / 4;
            (0..count).map(|_| pick(rng, &words).as_str()).collect::<Vec<_>>().join(" ")
        });
        let artist_ranks = Zipf::new(artists.len(), ARTIST_ALPHA);
        Names { words, word_ranks, artists, artist_ranks, made: HashSet::new() }
    }

    /// A name that was not made before.
    pub(super) fn next(&mut self, rng: &mut impl Rng) -> String {
        let artist = &self.artists[self.artist_ranks.draw(rng)];
        let mut song: Vec<&str> = Vec::new();
        // One word more at each turn: that ends.
        for _ in 0..=below(rng, 4) {
            song.push(&self.words[self.word_ranks.draw(rng)]);
        }
        loop {
            let name = format!("{artist}/{artist} - {}.mp3", song.join(" "));
            if self.made.insert(name.clone()) {
                return name;
            }
            song.push(pick::<String>(rng, &self.words));
        }
    }
}

/// `count` different names; `make` is told how often it has just made one that is known.
fn different(count: u32, mut make: impl FnMut(usize) -> String) -> Vec<String> {
    let mut known = HashSet::new();
    let mut names = Vec::new();
    let mut tries = 0;
    while names.len() < count.max(1) as usize {
        let name = make(tries);
        if known.insert(name.clone()) {
            names.push(name);
            tries = 0;
        } else {
            tries += 1;
        }
    }
    names
}

/// A capitalised word of `syllables_min` to two more syllables.
fn word(rng: &mut impl Rng, syllables_min: usize) -> String {
    let syllables = syllables_min + below(rng, 3) as usize;
    let foreign = chance(rng, FOREIGN_SHARE).then(|| below(rng, syllables as u64) as usize);
    let mut word = String::new();
    for syllable in 0..syllables {
        let vowels = if foreign == Some(syllable) { &FOREIGN_VOWELS } else { &VOWELS };
        for part in [&ONSETS[..], vowels, &CODAS] {
            word.push_str(part[below(rng, part.len() as u64) as usize]);
        }
    }
    // Onsets are ASCII.
    word[..1].make_ascii_uppercase();
    word
}
