//! Sealed files: opening with identities, sealing to recipients, and secrets that cannot leak by
//! accident.
//!
//! The vault gets bytes and identities and hands out a [`Secret`]. It does not know where the
//! bytes come from, what they mean, or what the environment holds; `cli` reads identities from
//! the places SOPS users have them. Plugins are off: a file in the repository must not be able to
//! name a program to run. SOPS's MAC is always checked: there is no switch.
#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

mod addressees;
mod age_file;
mod error;
mod form;
mod identities;
mod open;
mod seal;
mod secret;
mod sops;
#[cfg(test)]
mod tests;

pub use addressees::addressees;
pub use applecart_core::sealed::{Addressees, Key};
pub use error::OpenError;
pub use form::{Form, form};
pub use identities::{Identities, IdentitiesError};
pub use open::{MAX_SEALED, open};
pub use seal::{SealError, seal};
pub use secret::Secret;
