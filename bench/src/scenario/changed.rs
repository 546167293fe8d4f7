//! What a scenario has otherwise than the one that it was copied from.

use std::collections::BTreeMap;

use super::Scenario;
use super::library::{LIBRARY, named};

/// Shown by themselves wherever a scenario is named, or of no matter for what comes out.
const TOLD_APART: [&str; 8] = ["version", "name", "about", "seed", "peers", "folder", "repeats", "backends"];

impl Scenario {
    /// What is set otherwise than in the scenario of the same name that comes with the program, or than in the first of these, as
    /// `key = value`, in the order of the keys.
    pub fn changed(&self) -> Vec<String> {
        let base = named(&self.name).unwrap_or(&LIBRARY[0]);
        let base = Scenario::parse(base.text).expect("a test parses every scenario of the library");
        let (mut mine, mut theirs) = (BTreeMap::new(), BTreeMap::new());
        flatten(&self.to_table(), "", &mut mine);
        flatten(&base.to_table(), "", &mut theirs);
        let set = mine.iter().filter(|(key, value)| theirs.get(*key) != Some(value));
        let set = set.map(|(key, value)| (key.clone(), format!("{key} = {value}")));
        let unset = theirs.keys().filter(|key| !mine.contains_key(*key));
        let unset = unset.map(|key| (key.clone(), format!("without {key}")));
        let all: BTreeMap<String, String> = set.chain(unset).collect();
        all.into_values().collect()
    }
}

/// Every value of a table, as text, under the names that lead to it.
fn flatten(table: &toml::Table, above: &str, into: &mut BTreeMap<String, String>) {
    for (name, value) in table {
        match value {
            _ if above.is_empty() && TOLD_APART.contains(&name.as_str()) => {}
            toml::Value::Table(inner) => flatten(inner, &format!("{above}{name}."), into),
            value => drop(into.insert(format!("{above}{name}"), value.to_string())),
        }
    }
}
