//! What an audit concludes from what was read of the ledger, the policy and the sealed files.

use std::collections::HashMap;

use crate::fleet::{FLEET_FILE, Move, Owned, Policy};
use crate::ledger::Fault;
use crate::model::{Sha256, TenantId, TokenRef};
use crate::report::{AuditArea, AuditFinding, AuditLevel, AuditPlace};

/// A sealed file as a commit of the past had it.
pub struct PastFile {
    pub commit: String,
    /// Relative to the repository's root, with `/`.
    pub path: String,
    pub tenant: TenantId,
    pub sha256: Sha256,
    pub blob: String,
}

/// A sealed file of the audited revision.
pub struct PresentFile {
    pub tenant: TenantId,
    pub token: TokenRef,
    /// The tenant file that names it, and the token's line there.
    pub tenant_file: String,
    pub line: usize,
    /// Relative to the repository's root, with `/`.
    pub path: String,
    pub sha256: Sha256,
    pub blob: String,
}

/// To whom a file belonged first, and since which commit each tenant has it.
#[derive(Default)]
struct Bound {
    first: Option<TenantId>,
    since: HashMap<TenantId, String>,
}

/// Present files that were another tenant's before, by Git's history (oldest first), besides those
/// that the policy says have moved.
pub fn wrong_destinations(
    past: &[PastFile],
    present: &[PresentFile],
    moves: &[Move],
) -> Vec<AuditFinding> {
    // The digest of the opened file, and the sealed file itself: either may have been moved alone.
    let mut bound: HashMap<String, Bound> = HashMap::new();
    for file in past {
        for key in [file.sha256.to_string(), file.blob.clone()] {
            let bound = bound.entry(key).or_default();
            bound.first.get_or_insert(file.tenant);
            bound.since.entry(file.tenant).or_insert_with(|| file.commit.clone());
        }
    }
    let judge = |file: &PresentFile| {
        let keys = [("digest", file.sha256.to_string()), ("sealed file", file.blob.clone())];
        keys.into_iter().find_map(|(what, key)| {
            let bound = bound.get(&key)?;
            let owner = bound.first.filter(|owner| *owner != file.tenant)?;
            let has_moved = moves.iter().any(|line| {
                line.of == Owned::File(file.sha256) && line.to == file.tenant && line.from == owner
            });
            let place = AuditPlace {
                commit: bound.since.get(&file.tenant).cloned(),
                line: Some(file.line),
                ..AuditPlace::file(&*file.tenant_file)
            };
            (!has_moved).then(|| {
                AuditFinding::new(
                    AuditArea::Uploads,
                    "wrong-destination",
                    place,
                    format!(
                        "{}: the {what} belonged to tenant {owner} first; files were swapped or copied",
                        file.token
                    ),
                    "bring each tenant's own file back (git log -- the folder); if it really moved, a `moves` line in applecart.yaml says so",
                )
            })
        })
    };
    present.iter().filter_map(judge).collect()
}

/// Something wrong with the ledger, with what to do.
pub fn of_fault(branch: &str, fault: &Fault) -> AuditFinding {
    let place = AuditPlace {
        refname: Some(branch.to_owned()),
        commit: fault.commit.clone(),
        file: fault.file.clone(),
        line: fault.line,
        ..AuditPlace::default()
    };
    let advice = match fault.code {
        "not-append-only" | "file-removed" => {
            "compare the commit with its parent (git diff), find out who pushed it, and bring the branch back to the last whole commit; forbid force pushes and edits by hand on it"
        }
        "history-incomplete" => "git fetch --unshallow",
        "history-grafted" => "audit a fresh clone",
        "ledger-behind" => {
            "wait until the replica has caught up, and audit again; if the remote was restored from a backup, push what this clone has, which only moves the branch forward"
        }
        "ledger-lost" | "ledger-rewritten" | "ledger-foreign" => {
            "the branch was pushed by force or deleted: find out by whom, and push what this clone has seen (refs/applecart/seen/…) back; forbid force pushes on it"
        }
        "unsigned"
        | "unknown-key"
        | "revoked-key"
        | "expired-key"
        | "bad-signature"
        | "wrong-namespace"
        | "unsupported-signature"
        | "key-not-yet-valid" => {
            "find out who made the commit and what it records; only those whom `ledger.signers` names may"
        }
        _ => {
            "compare the file with the commit before (git log -p), find out who changed it, and bring the branch back to the last whole commit"
        }
    };
    let level = match fault.code {
        "history-incomplete" | "history-grafted" | "unreadable" | "unverifiable-signature" => {
            AuditLevel::Unknown
        }
        _ => AuditLevel::Finding,
    };
    AuditFinding::new(AuditArea::Ledger, fault.code, place, &*fault.message, advice).at(level)
}

fn of_policy(commit: &str, code: &str, message: String, advice: String) -> AuditFinding {
    let place = AuditPlace { commit: Some(commit.to_owned()), ..AuditPlace::file(FLEET_FILE) };
    AuditFinding::new(AuditArea::Policy, code, place, message, advice)
}

/// A commit that moves the ledger to another branch: what the earlier branch has was not audited.
pub fn moved_ledger(
    commit: &str,
    before: &Policy,
    after: &Policy,
    has_ledger: bool,
) -> Option<AuditFinding> {
    let (old, new) = (&before.ledger_branch, &after.ledger_branch);
    let empty = if has_ledger { "" } else { ", where there is none yet" };
    let found = of_policy(
        commit,
        "ledger-moved",
        format!(
            "the commit moves the ledger from {old} to {new}{empty}; what {old} has was not audited"
        ),
        format!(
            "audit the time before with --policy-rev {commit}~1 and keep both heads; a ledger is continued by pushing the old branch under the new name"
        ),
    );
    (old != new).then(|| found.at(AuditLevel::Note))
}

/// What a commit changed of those who may sign and those who can open, in words.
pub fn trust_changes(
    before: Option<&Policy>,
    after: Option<&Policy>,
    files_changed: bool,
) -> Vec<&'static str> {
    let mut changed = Vec::new();
    match (before, after) {
        (Some(before), Some(after)) => {
            let parts = [
                (before.signing != after.signing, "who may sign"),
                (before.ledger_signing != after.ledger_signing, "who may sign the ledger"),
                (
                    (&before.ledger_branch, &before.genesis)
                        != (&after.ledger_branch, &after.genesis),
                    "where the ledger is",
                ),
                (before.accepted != after.accepted, "which losses of the ledger are accepted"),
                (before.recipients != after.recipients, "the recipients"),
            ];
            changed.extend(parts.into_iter().filter(|(differs, _)| *differs).map(|(_, what)| what));
        }
        (Some(_), None) => changed.push("applecart.yaml, which is no longer a valid policy"),
        (None, _) => {}
    }
    if files_changed {
        changed.push("the files that name the signers");
    }
    changed
}

/// Such a commit, which is not signed by anyone who was allowed to before it; `why` says so.
pub fn unsigned_change(commit: &str, changed: &[&str], why: &str) -> AuditFinding {
    of_policy(
        commit,
        "policy-change-unsigned",
        format!("the commit changes {}, and {why}", changed.join(", ")),
        "find out who merged it; trust neither the keys nor the recipients that it brought, until a person who was allowed to sign before confirms it in a signed commit".to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Kind, TokenRef};
    use crate::plan::world;

    #[test]
    fn a_file_that_was_another_tenants_first_is_found_unless_it_was_moved() {
        let [contoso, fabrikam] =
            [("contoso", 1), ("fabrikam", 2)].map(|(name, id)| world::tenant(name, id).tenant_id);
        let sha256 = Sha256::of(b"london");
        let past = |commit: &str, tenant, blob: &str| PastFile {
            commit: commit.to_owned(),
            path: "x".to_owned(),
            tenant,
            sha256,
            blob: blob.to_owned(),
        };
        let past = [past("c1", contoso, "b1"), past("c2", fabrikam, "b2")];
        let present = |tenant, blob: &str| PresentFile {
            tenant,
            token: TokenRef { kind: Kind::Vpp, id: None, name: Some("London".to_owned()) },
            tenant_file: "tenants/fabrikam/tenant.yaml".to_owned(),
            line: 7,
            path: "x".to_owned(),
            sha256,
            blob: blob.to_owned(),
        };
        assert!(wrong_destinations(&past, &[present(contoso, "b1")], &[]).is_empty());
        let found = wrong_destinations(&past, &[present(fabrikam, "b2")], &[]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].place.commit.as_deref(), Some("c2"), "since when it is there");
        assert!(found[0].message.contains(&format!("tenant {contoso} first")));
        let moved = Move {
            of: Owned::File(sha256),
            from: contoso,
            to: fabrikam,
            reason: "one customer now".to_owned(),
            until: chrono::NaiveDate::MAX,
        };
        assert!(wrong_destinations(&past, &[present(fabrikam, "b2")], &[moved]).is_empty());
    }
}
