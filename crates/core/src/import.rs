//! What Intune has, as tenant files: which tenants, which entries, which edits.
//!
//! * [`Wanted`] tenants are named on the command line, in a list ([`parse_list`]) or by a partner
//!   ([`of_customers`]); [`Targets`] are those that have to be read.
//! * [`Drafts`] are the files to write, and a row about every tenant.

mod drafts;
mod entries;
mod list;
mod names;
mod targets;
mod update;

pub use drafts::{Draft, Drafts};
pub(crate) use list::csv_table;
pub use list::{ListMistake, parse_list};
pub use names::Customer;
pub(crate) use names::folders as folder_names;
pub use targets::{Target, Targets, Wanted, of_customers, taken};
pub use update::Accept;

use crate::report::{ImportNote, ImportNoteCode};

/// A note on the whole tenant.
pub fn note(code: ImportNoteCode, detail: impl Into<String>) -> ImportNote {
    ImportNote { code, token: None, detail: detail.into() }
}
