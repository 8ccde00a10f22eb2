//! Whom the sealed files are for.

use std::collections::{BTreeMap, BTreeSet};

use super::Ground;
use super::bindings::sealed_files;
use crate::cli::error::CliError;
use crate::fleet::{self, MAX_TOKEN_BYTES};
use crate::report::{self, AuditFinding, SealedFile};
use crate::vault::{Key, addressees};

/// `shown` are all keys that any blob names, `ever` all recipients that were ever listed.
pub(super) fn audit(
    ground: &Ground<'_>,
    shown: &BTreeMap<Key, usize>,
    ever: &BTreeSet<String>,
) -> Result<Vec<AuditFinding>, CliError> {
    let mut files = Vec::new();
    for (path, blob) in sealed_files(ground)? {
        let bytes = ground.repo.blob(&blob, MAX_TOKEN_BYTES)?;
        files.push(SealedFile { path, shown: addressees(&bytes) });
    }
    // The list of the audited revision, not of the policy: files are sealed by what stands beside
    // them.
    let bytes = ground.repo.policy(ground.rev)?;
    let listed = fleet::load_policy(bytes.as_deref()).0.map(|policy| policy.recipients);
    let listed = listed.unwrap_or_else(|| ground.policy.recipients.clone());
    let mut found = report::judge_recipients(&files, &listed);
    found.extend(report::former_recipients(shown, &listed, ever));
    Ok(found)
}
