//! What is left of a comparison: a table on the screen, files in a folder, and a page that is drawn from these files.

mod files;
mod html;
mod made;
pub(crate) mod number;
pub(crate) mod spark;
mod stored;
pub(crate) mod table;

pub use files::{Folder, FolderFault, to_json};
pub use html::{FOLDERS_MAX, PageFault, draw};
pub(crate) use html::{SCALE_PAGE, draw_scale, draw_sweep};
pub use made::{Machine, Made, VERSION};
pub use stored::StoredFault;
pub use table::{Look, render};
