//! The scenarios that come with the program.

use std::path::Path;

use super::text::{hint, nearest};
use super::{Scenario, ScenarioError};

/// A scenario that comes with the program.
#[derive(Clone, Copy, Debug)]
pub struct Listed {
    /// What to call it on the command line.
    pub name: &'static str,
    /// Its text form.
    pub text: &'static str,
}

/// The one for the files of a real folder, which are too large for the lines of the others.
pub const OF_A_FOLDER: &str = "real-folder";

/// All of them, the default first.
pub const LIBRARY: &[Listed] = &[
    Listed { name: "classroom", text: include_str!("../../scenarios/classroom.toml") },
    Listed { name: "flash-crowd", text: include_str!("../../scenarios/flash-crowd.toml") },
    Listed { name: "free-riders", text: include_str!("../../scenarios/free-riders.toml") },
    Listed { name: "kill-the-server", text: include_str!("../../scenarios/kill-the-server.toml") },
    Listed { name: "churn", text: include_str!("../../scenarios/churn.toml") },
    Listed { name: "slashdot", text: include_str!("../../scenarios/slashdot.toml") },
    Listed { name: "antivirus", text: include_str!("../../scenarios/antivirus.toml") },
    Listed { name: "private-network", text: include_str!("../../scenarios/private-network.toml") },
    Listed { name: "redhat9", text: include_str!("../../scenarios/redhat9.toml") },
    Listed { name: "dozen", text: include_str!("../../scenarios/dozen.toml") },
    Listed { name: OF_A_FOLDER, text: include_str!("../../scenarios/real-folder.toml") },
];

/// The scenario of that name.
pub fn named(name: &str) -> Option<&'static Listed> {
    LIBRARY.iter().find(|listed| listed.name == name)
}

/// The scenario of that name, or in the file of that name.
///
/// # Errors
/// If there is neither, or the file is none.
pub fn find(name: &str) -> Result<Scenario, ScenarioError> {
    let path = Path::new(name);
    match named(name) {
        Some(listed) => Scenario::parse(listed.text),
        None if path.exists() => Scenario::read(path),
        None => {
            let known: Vec<&str> = LIBRARY.iter().map(|listed| listed.name).collect();
            let hint = hint(nearest(name, known.iter().copied()));
            Err(ScenarioError::Unknown { name: name.to_owned(), known: known.join(", "), hint })
        }
    }
}

impl Default for Scenario {
    /// The classroom.
    fn default() -> Self {
        Scenario::parse(LIBRARY[0].text).expect("a test parses every scenario of the library")
    }
}
