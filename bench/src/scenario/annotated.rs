//! The TOML form with a comment on each key: what a user copies and edits.

use std::fmt::Write as _;

use super::Scenario;

/// A key of the form.
struct Key {
    /// Where it stands, with dots.
    path: &'static str,
    /// What it is.
    comment: &'static str,
    /// How it is written where nothing is set.
    example: Option<&'static str>,
}

const fn key(path: &'static str, comment: &'static str) -> Key {
    Key { path, comment, example: None }
}

const fn optional(path: &'static str, comment: &'static str, example: &'static str) -> Key {
    Key { path, comment, example: Some(example) }
}

/// Every key, in the order of the text. Those of [`super::Arrivals`] depend on the shape.
const KEYS: &[Key] = &[
    key("version", "The version of this form."),
    key("name", "A short name for tables and files: letters, digits, '-' and '_'."),
    key("about", "What it shows, in a sentence."),
    key("seed", "Where all that is random comes from; further runs have the numbers after it."),
    optional(
        "backends",
        "What runs it unless something else is asked for: \"tcp\", \"processes\", \"sim\".",
        "[\"tcp\", \"sim\"]",
    ),
    optional(
        "repeats",
        "Simulations of each overlay: six are the fewest that give an interval of a median.",
        "6",
    ),
    key("peers", "How many people take part. Servers come on top."),
    key(
        "duration_limit_s",
        "A run that has not ended by itself is stopped after so many seconds of its own time.",
    ),
    optional("folder", "A folder whose files are shared in place of invented ones.", "\"/home/me/Music\""),
    optional(
        "publisher",
        "The first person has every title, on a line like the server's, stays and looks for nothing; nobody else has anything.",
        "true",
    ),
    key(
        "faults",
        "What goes wrong, and when: busiest@10s, server@10s, random 10%@20s, top 5%@20s (vanish; top: by control traffic so far),\n\
         back@40s (all come back), cut 50%@10s for 30s, slow random 10% by 8@20s for 60s, corrupt 2%@0s. The last three: simulated only.",
    ),
    key("lines", "The people's access lines."),
    key("lines.mix", "Their classes, in kilobits per second; shares are relative to their sum."),
    key("lines.firewalled", "The share of people who can dial but not be dialled, 0 to 1."),
    key("lines.latency_ms", "Half of the median round trip between two people, in milliseconds: one way."),
    key(
        "lines.latency_sigma",
        "Its spread from line to line (standard deviation of the logarithm); 0 makes all equal.",
    ),
    key("server", "The line of each server or mirror."),
    key("server.down_kbps", "Kilobits per second towards it."),
    key("server.up_kbps", "Kilobits per second from it."),
    key("server.delay_ms", "One-way delay of its line, in milliseconds."),
    key("catalog", "What there is to share."),
    key("catalog.titles", "How many files."),
    key("catalog.artists", "By how many artists; these are in the names."),
    key("catalog.words", "Of how many different words the names are made."),
    key(
        "catalog.zipf_alpha",
        "The exponent of their popularity: 0 is uniform, measured values lie between 0.6 and 1.2.",
    ),
    key(
        "catalog.sizes",
        "Their sizes in bytes, log-normal: the mean, the spread of the logarithm, and the bounds.",
    ),
    key("catalog.fingerprint", "The digest that stands beside a file where an overlay has none of its own."),
    key("placement", "Who shares how much of it."),
    key("placement.free_riders", "The share of people who share nothing, 0 to 1."),
    key("placement.files_mean", "The mean number of files of the others, log-normal."),
    key("placement.files_sigma", "The standard deviation of its logarithm."),
    key("placement.files_max", "Nobody shares more."),
    key("placement.every_title_held", "Titles that nobody happens to have are given to somebody who shares."),
    key("searches", "Who looks for what."),
    key("searches.per_peer", "Searches of each person."),
    key("searches.downloads_per_peer", "How many of these (the first ones) lead to a download."),
    key("searches.pause_s", "The mean pause between two searches of one person, in seconds (exponential)."),
    key("searches.settle_s", "How long after coming the first search waits at least, in seconds."),
    key(
        "arrivals",
        "When people come. The shapes and what they need: together; uniform (over_s); poisson (per_s);\n\
         flash_crowd (per_s, lasting_s, then_per_s); redhat9 (from_day, days, over_s).",
    ),
    key("arrivals.shape", "Which of these."),
    key("arrivals.per_s", "How many come in a second on average."),
    key("arrivals.lasting_s", "For so many seconds."),
    key("arrivals.then_per_s", "How many come in a second from then on."),
    key("arrivals.from_day", "The first day of RedHat 9's curve, counted from the launch."),
    key("arrivals.days", "How many of its days, up to 146 after the launch."),
    key("arrivals.over_s", "The time in which all come, in seconds of the run."),
    key(
        "sessions",
        "When people go. A time is a number of seconds, \"exponential MEAN\" or \"weibull SHAPE SCALE\" (in seconds).",
    ),
    optional(
        "sessions.linger_s",
        "How long people stay after their last search or download has ended; without it until the end.",
        "\"exponential 30\"",
    ),
    optional(
        "sessions.patience_s",
        "How long after coming people go who are not done; without it they wait until the end.",
        "60.0",
    ),
];

impl Scenario {
    /// The TOML form with every key, each below what it is, and those that are not set as comments; at the end the overlays' knobs.
    ///
    /// # Panics
    /// If the scenario has not been [checked](Scenario::check).
    pub fn annotated(&self) -> String {
        let root = self.to_table();
        let mut text = String::new();
        for Key { path, comment, example } in KEYS {
            let (table, name) = path.rsplit_once('.').unwrap_or(("", path));
            let value = at(&root, path);
            // A String takes everything.
            let _ = match (value, example) {
                (Some(toml::Value::Table(_)), _) if table.is_empty() => {
                    write!(text, "\n{}[{path}]\n", commented(comment))
                }
                (Some(value), _) => writeln!(text, "{}{name} = {}", commented(comment), written(value)),
                (None, Some(example)) => writeln!(text, "{}# {name} = {example}", commented(comment)),
                (None, None) => Ok(()),
            };
        }
        text + OF_OVERLAYS + &self.annotated_knobs()
    }
}

/// What stands above the overlays' tables.
const OF_OVERLAYS: &str = "\n# What can be set of single overlays, with the values it has here.\n";

/// The value at a path with dots.
fn at<'a>(root: &'a toml::Table, path: &str) -> Option<&'a toml::Value> {
    let mut names = path.split('.');
    let first = root.get(names.next()?)?;
    names.try_fold(first, |value, name| value.get(name))
}

fn commented(comment: &str) -> String {
    comment.lines().map(|line| format!("# {line}\n")).collect()
}

/// A value as it stands after the sign; a list of tables with one of them in each line.
fn written(value: &toml::Value) -> String {
    match value.as_array() {
        Some(list) if list.iter().any(toml::Value::is_table) => {
            let rows: String = list.iter().map(|row| format!("    {row},\n")).collect();
            format!("[\n{rows}]")
        }
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The paths of the keys of the form and of its tables.
    fn paths(root: &toml::Table) -> Vec<String> {
        let inner = |(name, value): (&String, &toml::Value)| {
            let table = value.as_table().cloned().unwrap_or_default();
            table.into_iter().map(|(inner, _)| format!("{name}.{inner}")).collect::<Vec<_>>()
        };
        root.keys().cloned().chain(root.iter().flat_map(inner)).collect()
    }

    #[test]
    fn every_key_has_a_comment() {
        let shapes = [
            "shape = \"flash_crowd\"\nper_s = 1.0\nlasting_s = 1.0\nthen_per_s = 1.0",
            "shape = \"redhat9\"\ndays = 1.0\nover_s = 1.0",
        ];
        for shape in shapes {
            let classroom = Scenario::default().to_text();
            let plain = classroom.split("[arrivals]").next().unwrap();
            let all = format!(
                "backends = [\"sim\"]\nrepeats = 2\nfolder = \"x\"\npublisher = true\n{plain}\n[arrivals]\n{shape}\n\
                 [sessions]\nlinger_s = 1\npatience_s = \"weibull 0.5 3\"\n"
            );
            let scenario = Scenario::parse(&all).unwrap();
            for path in paths(&scenario.to_table()) {
                assert!(KEYS.iter().any(|key| key.path == path), "{path} has no comment");
            }
            assert_eq!(Scenario::parse(&scenario.annotated()).unwrap(), scenario);
        }
    }
}
