//! The scenarios that come with the program.

use super::Scenario;

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
    Listed { name: "lost-server", text: include_str!("../../scenarios/lost-server.toml") },
    Listed { name: "churn", text: include_str!("../../scenarios/churn.toml") },
    Listed { name: "dozen", text: include_str!("../../scenarios/dozen.toml") },
    Listed { name: OF_A_FOLDER, text: include_str!("../../scenarios/real-folder.toml") },
];

/// The scenario of that name.
pub fn named(name: &str) -> Option<&'static Listed> {
    LIBRARY.iter().find(|listed| listed.name == name)
}

impl Default for Scenario {
    /// The classroom.
    fn default() -> Self {
        Scenario::parse(LIBRARY[0].text).expect("a test parses every scenario of the library")
    }
}
