//! Sealed files: opening with identities, sealing to recipients, and secrets that cannot leak by
//! accident.
//!
//! The vault gets bytes and identities and hands out a [`Secret`]. It does not know where the
//! bytes come from, what they mean, or what the environment holds; `cli` reads identities from
//! the places SOPS users have them. Plugins are off: a file in the repository must not be able to
//! name a program to run.
#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

mod identities;
mod open;
mod secret;

pub use identities::{Identities, IdentitiesError};
pub use open::{MAX_SEALED, OpenError, SealError, open, seal};
pub use secret::Secret;
