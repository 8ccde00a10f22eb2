//! Where a recorded request for Apple comes from: which commit brought its line, and who made it.
#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fmt;

use super::line::encode;
use crate::model::{Commit, Record, Sha256, TenantId};

/// One line of a branch, by its place and its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    pub tenant: TenantId,
    /// Its number in the tenant's file, from 1.
    pub seq: u64,
    /// SHA-256 of the line without its LF.
    pub hash: Sha256,
}

/// Lines of any tenants.
pub type Lines = BTreeSet<Line>;

impl Line {
    /// The line that a record stands on; `None` for a record that cannot be written as one.
    pub fn of(tenant: TenantId, record: &Record) -> Option<Self> {
        let hash = Sha256::of(&encode(record).ok()?);
        Some(Self { tenant, seq: record.seq, hash })
    }
}

/// The commit that brought a line to its branch. Git proves the order of commits and not the names in
/// them, which anybody can write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    pub commit: Commit,
    /// How many commits of the branch are newer.
    pub newer: usize,
    /// Whether the line stands in the ledger, where notes stood before they had their own branch.
    pub in_ledger: bool,
    /// What was found out about the commit's signature, such as `is signed by …`; `None` where it has
    /// none, or the settings name no signers.
    pub signature: Option<String>,
}

impl Origin {
    /// Orders lines as they were recorded, whatever times they state.
    pub fn place(&self) -> (bool, Reverse<usize>) {
        (!self.in_ledger, Reverse(self.newer))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Commit { id, author, committer, committed, .. } = &self.commit;
        write!(f, "{author}")?;
        if (&author.name, &author.email) != (&committer.name, &committer.email) {
            write!(f, ", committed by {committer}")?;
        }
        let id = id.get(..12).unwrap_or(id);
        write!(f, ", {committed}, commit {id}")?;
        match (&self.signature, &self.commit.signature) {
            (Some(signature), _) => write!(f, " which {signature}"),
            (None, Some(_)) => f.write_str(" with a signature that was not verified"),
            (None, None) => f.write_str(", not signed"),
        }
    }
}

/// Who made a request for Apple, as far as its own form tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Maker {
    /// It carries no vendor's signature that could be checked.
    #[default]
    Unsigned,
    /// The signature of this vendor fits it, and nothing proves that Apple certified the vendor.
    Signed { vendor: String },
    /// The signature of this vendor fits it, and Apple certified the vendor.
    Vendor { vendor: String },
    /// Intune did not make it, and why that is known.
    Other { why: String },
}

/// What is known of a recorded request beside the record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// `None` for what this clone has not pushed yet.
    pub origin: Option<Origin>,
    pub maker: Maker,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Person, Signature, SignatureFormat, Verification};

    #[test]
    fn an_origin_names_the_people_of_the_commit_and_what_its_signature_is_worth() {
        let person =
            |name: &str| Person { name: name.into(), email: format!("{name}@example.com") };
        let at = "2026-11-27T10:00:00Z".parse().unwrap();
        let mut origin = Origin {
            commit: Commit {
                id: "0123456789abcdef".into(),
                author: person("dana"),
                authored: at,
                committer: person("dana"),
                committed: at,
                message: String::new(),
                signature: None,
            },
            newer: 0,
            in_ledger: false,
            signature: None,
        };
        let plain =
            "dana <dana@example.com>, 2026-11-27T10:00:00Z, commit 0123456789ab, not signed";
        assert_eq!(origin.to_string(), plain);
        origin.commit.committer = person("mallory");
        assert!(origin.to_string().contains(", committed by mallory <mallory@example.com>, "));
        let (format, verified) = (SignatureFormat::Ssh, Verification::Unknown);
        origin.commit.signature = Some(Signature { format, key: None, verified });
        assert!(origin.to_string().ends_with("with a signature that was not verified"));
        origin.signature = Some("is signed by dana".into());
        assert!(origin.to_string().ends_with("commit 0123456789ab which is signed by dana"));
    }

    #[test]
    fn what_was_recorded_first_comes_first_and_older_ledgers_before_notes() {
        let place = |in_ledger: bool, newer| (!in_ledger, Reverse(newer));
        assert!(place(true, 0) < place(false, 9));
        assert!(place(false, 9) < place(false, 1));
    }
}
