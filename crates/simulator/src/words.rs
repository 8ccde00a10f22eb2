//! The few words that the simulator shares with nobody: it is a witness of its own, so it reads ids
//! and kinds by itself.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The directory (tenant) id of an Entra tenant.
pub type TenantId = uuid::Uuid;

/// Reads a directory id as Entra prints it: hyphenated, and in no other of the forms that UUIDs have.
pub(crate) fn tenant_id(text: &str) -> Option<TenantId> {
    (text.len() == 36).then(|| TenantId::try_parse(text).ok()).flatten()
}

/// One of the three Apple credentials of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The Apple MDM push certificate (APNs).
    Push,
    /// An enrollment program (ADE/DEP) server token.
    Enrollment,
    /// A VPP (content, location) token.
    Vpp,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Push => "push",
            Self::Enrollment => "enrollment",
            Self::Vpp => "vpp",
        })
    }
}
