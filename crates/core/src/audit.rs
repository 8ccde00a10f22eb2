//! What an audit concludes from what was read of the ledger, the policy and the sealed files.

use crate::fleet::{FLEET_FILE, Owned, Policy};
use crate::ledger::Fault;
use crate::model::{Sha256, TenantId, TokenRef};
use crate::report::{AuditArea, AuditFinding, AuditLevel, AuditPlace};
use crate::rules::bindings::Moves;

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

/// Present files that belong to another tenant by the history, besides those that the policy says have
/// moved: what `plan` holds, also where it was uploaded already.
pub fn wrong_destinations(present: &[PresentFile], moves: &Moves<'_>) -> Vec<AuditFinding> {
    let judge = |file: &PresentFile| {
        // The digest of the opened file, and the encrypted file itself: either may have been moved
        // alone.
        let opened = Owned::File(file.sha256);
        let both = [
            ("this digest", opened.clone()),
            ("this encrypted file", Owned::Sealed(file.blob.clone())),
        ];
        both.into_iter().find_map(|(what, owned)| {
            let mut elsewhere = moves.history.elsewhere(&owned, file.tenant).into_iter();
            let kind = file.token.kind;
            let wrong =
                elsewhere.find(|one| !moves.lead(&opened, kind, one.tenant(), file.tenant))?;
            let own = moves.history.of(&owned).and_then(|claims| claims.of(&file.tenant));
            let place = AuditPlace {
                commit: own.map(|claim| claim.commit.clone()),
                line: Some(file.line),
                ..AuditPlace::file(&*file.tenant_file)
            };
            Some(AuditFinding::new(
                AuditArea::Uploads,
                "wrong-destination",
                place,
                format!("{}: {}", file.token, wrong.told(what, file.tenant)),
                "files were swapped or copied: bring each tenant's own file back (git log -- the folder); if it really moved, a `moves` line in applecart.yaml says so",
            ))
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
    use crate::fleet::Move;
    use crate::model::{Kind, Sha256};
    use crate::plan::world;
    use crate::rules::bindings::{Bound, History};

    #[test]
    fn a_file_that_was_another_tenants_first_is_found_unless_it_was_moved() {
        let [contoso, fabrikam] =
            [("contoso", 1), ("fabrikam", 2)].map(|(name, id)| world::tenant(name, id).tenant_id);
        let sha256 = Sha256::of(b"london");
        let mut history = History::default();
        for (value, commit, blob) in [(contoso, "c1", "b1"), (fabrikam, "c2", "b2")] {
            let since = "2025-01-01T00:00:00Z".parse().unwrap();
            let bound = Bound { value, since, commit: commit.to_owned() };
            history.add(Owned::File(sha256), bound.clone());
            history.add(Owned::Sealed(blob.to_owned()), bound);
        }
        let present = |tenant, blob: &str| PresentFile {
            tenant,
            token: TokenRef { kind: Kind::Vpp, id: None, name: Some("London".to_owned()) },
            tenant_file: "tenants/fabrikam/tenant.yaml".to_owned(),
            line: 7,
            path: "x".to_owned(),
            sha256,
            blob: blob.to_owned(),
        };
        let today = "2026-11-20".parse().unwrap();
        let moves = Moves { lines: &[], history: &history, today };
        assert!(wrong_destinations(&[present(contoso, "b1")], &moves).is_empty());
        let found = wrong_destinations(&[present(fabrikam, "b2")], &moves);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].place.commit.as_deref(), Some("c2"), "since when it is there");
        assert!(found[0].message.contains(&format!("belongs to tenant {contoso}")));
        let mut alone = present(fabrikam, "b1");
        alone.sha256 = Sha256::of(b"another");
        let found = wrong_destinations(&[alone], &moves);
        assert!(found[0].message.contains("this encrypted file"), "{found:?}");
        let moved = Move {
            of: Owned::File(sha256),
            from: contoso,
            to: fabrikam,
            reason: "one customer now".to_owned(),
            until: chrono::NaiveDate::MAX,
        };
        let moves = Moves { lines: &[moved], history: &history, today };
        assert!(wrong_destinations(&[present(fabrikam, "b2")], &moves).is_empty());
    }
}
