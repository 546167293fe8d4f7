//! Settings of single overlays: the tables `[overlay.NAME]`, which the overlays read themselves.
//!
//! A scenario carries them without knowing what they mean. Which names there are, the table of overlays says; which
//! knobs a name has and what they may be, its entry says by the type it reads them into, in which every knob has a default.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::de::{DeTable, DeValue};

use super::text::in_words;
use super::{Rule, Scenario};
use crate::overlays::overlays;

/// The name of all these tables together.
const TABLES: &str = "overlay";

/// Overlays by name, knobs by name.
pub type Knobs = BTreeMap<String, toml::Table>;

/// What is wrong with a knob.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KnobFault {
    /// The overlay, and the knob if it is one knob's fault.
    pub(super) path: Vec<String>,
    /// What is wrong, beginning with `unknown` if it is the last name of the path.
    pub(super) what: String,
}

impl fmt::Display for KnobFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{TABLES}.{}: {}", self.path.join("."), self.what)
    }
}

/// Reads what a scenario says of the overlay of that name.
///
/// # Errors
/// The first knob that is unknown or of the wrong type, or the first rule that does not hold.
pub fn read<K: DeserializeOwned>(
    knobs: &Knobs,
    name: &str,
    rules: fn(&K) -> Vec<Rule>,
) -> Result<K, KnobFault> {
    let fault = |knob: Option<&String>, what: &str| KnobFault {
        path: [name.to_owned()].into_iter().chain(knob.cloned()).collect(),
        what: in_words(what),
    };
    let given = knobs.get(name).cloned().unwrap_or_default();
    for (knob, value) in &given {
        // Each alone first, so that the fault has a name, and with it a line of the text.
        let alone = toml::Table::from_iter([(knob.clone(), value.clone())]);
        alone.try_into::<K>().map_err(|error| fault(Some(knob), error.message()))?;
    }
    let read: K = given.try_into().map_err(|error: toml::de::Error| fault(None, error.message()))?;
    match rules(&read).into_iter().find(|(holds, _)| !holds) {
        Some((_, wrong)) => Err(fault(None, wrong)),
        None => Ok(read),
    }
}

/// Knobs in their text form.
///
/// # Panics
/// If the type of an overlay's knobs is no table.
pub fn table_of(knobs: &impl Serialize) -> toml::Table {
    toml::Table::try_from(knobs).expect("an overlay's knobs have names and values")
}

impl Scenario {
    /// Says whether every overlay that is named exists and understands its knobs.
    pub(super) fn check_knobs(&self) -> Result<(), KnobFault> {
        for name in self.overlay.keys() {
            let Some(overlay) = overlays().iter().find(|overlay| overlay.name() == name) else {
                let known: Vec<String> =
                    overlays().iter().map(|overlay| format!("`{}`", overlay.name())).collect();
                let what = format!("unknown overlay `{name}`, expected one of {}", known.join(", "));
                return Err(KnobFault { path: vec![name.clone()], what });
            };
            overlay.knobs(self)?;
        }
        Ok(())
    }

    /// The overlays' tables with every knob and the value it has here: as comments, but for those that the scenario sets.
    ///
    /// # Panics
    /// If the scenario has not been [checked](Scenario::check).
    pub(super) fn annotated_knobs(&self) -> String {
        let mut text = String::new();
        for overlay in overlays() {
            let knobs = overlay.knobs(self).expect("a checked scenario's knobs can be read");
            let set = self.overlay.get(overlay.name());
            let mark = |is_set: bool| if is_set { "" } else { "# " };
            if !knobs.is_empty() {
                text += &format!("\n{}[{TABLES}.{}]\n", mark(set.is_some()), overlay.name());
            }
            for (knob, value) in &knobs {
                let is_set = set.is_some_and(|set| set.contains_key(knob));
                text += &format!("{}{knob} = {value}\n", mark(is_set));
            }
        }
        text
    }
}

impl KnobFault {
    /// The names that lead to it in a scenario.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        [TABLES].into_iter().chain(self.path.iter().map(String::as_str))
    }
}

/// Where in a scenario's text the names lead, in bytes: to the last of them that the text has, if it has one.
pub(super) fn place_of<'a>(names: impl Iterator<Item = &'a str>, text: &str) -> Option<usize> {
    let root = DeTable::parse(text).ok()?;
    let mut table = root.get_ref();
    let mut place = None;
    for name in names {
        let Some((key, value)) = table.get_key_value(name) else { break };
        place = Some(key.span().start);
        let DeValue::Table(inner) = value.get_ref() else { break };
        table = inner;
    }
    place
}
