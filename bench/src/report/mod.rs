//! What is left of a comparison: a table on the screen and files in a folder.

mod files;
pub(crate) mod number;
pub(crate) mod spark;
pub(crate) mod table;

pub use files::{Folder, FolderFault, to_json};
pub use table::{Look, render};
