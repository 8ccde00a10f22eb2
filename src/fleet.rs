//! The desired state: bytes of a fleet repository → checked [`Tenant`]s, or every mistake with
//! its place.
//!
//! Two steps, so that checks only ever see well-formed data: *raw* (the files' own shape, from
//! which the JSON Schemas are generated) and *checked* ([`Policy`], [`Tenant`]). A mistake in one
//! tenant's folder makes that tenant invalid and leaves the others alone; a mistake in
//! `applecart.yaml` makes the fleet invalid.
//!
//! The module gets bytes and gives values. Where the bytes come from (Git objects at a revision,
//! or a worktree) is `git`'s business.
#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

mod policy;
mod tenant;

pub use policy::{
    Auth, Cloud, CredentialKind, DepTokenWire, Move, Policy, PushCertificateWire, VppTokenWire,
    Wire,
};
pub use tenant::{Allow, Recipient, Suspension, Tenant, Token, TokenFile};
