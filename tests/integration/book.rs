//! What the pages say is there: links lead somewhere, commands are ones that the program takes, and
//! codes, options and files exist.

mod links;
mod pages;
pub(crate) mod powershell;
mod settings;
mod words;
