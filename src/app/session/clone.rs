//! What a run sees of its clone and the remote, besides the fleet itself: branches of renewals that
//! wait to be merged, and in what the worktree and the base differ from what is planned.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::loaded::Loaded;
use crate::app::{Context, Reach};
use applecart_core::attention::{CloneState, OpenRenewal};
use applecart_core::fleet::{self, Desired, Tenant, Token};
use applecart_core::model::{Kind, TenantName, Timestamp, TokenRef, sentence};
use applecart_core::renewal::proposal;
use applecart_io::git::{GitError, RenewalBranch};

/// Looks at the clone, and with [`Reach::Remote`] at the remote's branches.
///
/// All of it is told beside what a run is for, so none of it ends one: what cannot be read is
/// unknown, and said to be.
pub fn state(context: &Context, loaded: &Loaded, reach: Reach) -> CloneState {
    let mut state = CloneState::default();
    let unknown = |what: &str, error: &GitError| {
        tracing::warn!("{what} is unknown: {}", sentence(error));
    };
    // A revision that was named is what was asked about, whatever is checked out.
    if context.rev == "HEAD" {
        match loaded.base.as_ref().map(|base| loaded.repo.standing(base)) {
            Some(Ok(standing)) => {
                (state.behind, state.unpushed) = (standing.behind, standing.unpushed);
            }
            Some(Err(error)) => unknown("whether this clone is behind its remote", &error),
            None => {}
        }
        // Of the worktree itself nothing is left out.
        if loaded.rev.is_some() {
            match loaded.repo.uncommitted() {
                Ok(files) => state.dirty = files,
                Err(error) => unknown("whether files of the fleet are not committed", &error),
            }
        }
    }
    let remote = loaded.repo.fleet_remote().ok().flatten();
    let asked = remote
        .as_deref()
        .filter(|_| matches!(reach, Reach::Remote | Reach::InForce) && loaded.blind.is_none());
    match moved(loaded, remote.as_deref(), asked) {
        Ok(moved) => state.moved = moved,
        Err(error) => unknown("which record the settings named before", &error),
    }
    let branches = loaded.repo.renewal_branches(asked).or_else(|error| match asked {
        Some(remote) => {
            unknown(&format!("which renewals wait on branches of {remote}"), &error);
            loaded.repo.renewal_branches(None)
        }
        None => Err(error),
    });
    match branches {
        Ok(branches) => state.open_renewals = open_renewals(loaded, remote.as_ref(), branches),
        Err(error) => unknown("which renewals wait on branches", &error),
    }
    state
}

/// What the settings said of the record before and no longer say, as far as it still matters: a
/// branch that has lines which its successor lacks, and a beginning that is no longer proved.
fn moved(
    loaded: &Loaded,
    remote: Option<&str>,
    asked: Option<&str>,
) -> Result<Vec<String>, GitError> {
    let now = &loaded.policy;
    let base = loaded.base.as_ref().map(|base| base.commit.as_str());
    let Some(tip) = base.or(loaded.rev.as_deref()) else { return Ok(Vec::new()) };
    // libgit2 remembers where a clone was cut off.
    let repo = loaded.repo.reopen()?;
    let mut branches = BTreeSet::new();
    let mut moved = BTreeSet::new();
    for version in repo.policy_versions(tip, |_| Vec::new())? {
        let Some(before) = fleet::load_policy(version.before.as_deref()).0 else { continue };
        branches.insert(("ledger.branch", before.ledger_branch, now.ledger_branch.as_str()));
        branches.insert(("ledger.notes", before.notes_branch, now.notes_branch.as_str()));
        for (setting, before, now) in [
            ("ledger.genesis", before.genesis, &now.genesis),
            ("ledger.notesGenesis", before.notes_genesis, &now.notes_genesis),
        ] {
            if let (Some(before), None) = (before, now) {
                moved.insert(format!("`{setting}: {before}` was dropped"));
            }
        }
    }
    branches.retain(|(_, before, now)| before != now);
    let references: BTreeSet<String> =
        branches.iter().flat_map(|(_, before, now)| [head(before), head(now)]).collect();
    let names: Vec<&str> = references.iter().map(String::as_str).collect();
    let tips: BTreeMap<String, String> = match asked {
        _ if names.is_empty() => BTreeMap::new(),
        Some(remote) => {
            let there = repo.ls_remote(remote, &names)?;
            there.into_iter().map(|(name, tip)| (name, tip.to_string())).collect()
        }
        // What the remote has is not known without asking it.
        None if remote.is_some() => BTreeMap::new(),
        None => names
            .iter()
            .filter_map(|&one| Some((one.to_owned(), repo.resolve(one).ok()?)))
            .collect(),
    };
    for (setting, before, now) in branches {
        let Some(old) = tips.get(&head(&before)) else { continue };
        // The record that is named now was read, so this clone has all of it.
        if !tips.get(&head(now)).is_some_and(|new| repo.is_merged(old, new)) {
            moved.insert(format!(
                "`{setting}` named {before} before, which has lines that {now} lacks"
            ));
        }
    }
    Ok(moved.into_iter().collect())
}

fn head(branch: &str) -> String {
    format!("refs/heads/{branch}")
}

/// Those of the branches that bring a token of the fleet a file which it does not have yet.
fn open_renewals(
    loaded: &Loaded,
    remote: Option<&String>,
    branches: Vec<RenewalBranch>,
) -> Vec<OpenRenewal> {
    if branches.is_empty() {
        return Vec::new();
    }
    let tokens: HashMap<String, (&Tenant, &Token)> = loaded
        .fleet
        .iter()
        .filter_map(Desired::valid)
        .flat_map(|tenant| tenant.tokens().map(move |token| (tenant, token)))
        .map(|(tenant, token)| (proposal::stem(tenant, token), (tenant, token)))
        .collect();
    let mut waiting = Vec::new();
    for branch in branches {
        let of = proposal::stem_of(&branch.name).and_then(|stem| tokens.get(stem));
        let Some((tenant, token)) = of else { continue };
        if let Some(file) = waits(loaded, &branch, tenant, token) {
            let open = opened(branch, remote.cloned(), &tenant.name, &token.token);
            waiting.push((file, open));
        }
    }
    // The newest file first: each download ends an enrollment token, the one before it included.
    waiting.sort_by_key(|(file, open)| Reverse((file.dated, open.at)));
    let mut open: Vec<OpenRenewal> = Vec::new();
    for (_, one) in waiting {
        let is_its = |other: &&mut OpenRenewal| {
            other.tenant == one.tenant && other.token.same_token(&one.token)
        };
        match open.iter_mut().find(is_its) {
            Some(newest) => newest.others.push(one.branch),
            None => open.push(one),
        }
    }
    open
}

/// A file that waits on a branch.
struct Waiting {
    /// When it was downloaded, or expires: what tells two files of one token apart by age.
    dated: Option<Timestamp>,
}

fn opened(
    branch: RenewalBranch,
    remote: Option<String>,
    tenant: &TenantName,
    token: &TokenRef,
) -> OpenRenewal {
    let (by, at) = branch.brought.unzip();
    OpenRenewal {
        pushed: branch.remote.is_some(),
        remote: branch.remote.or(remote),
        branch: branch.name,
        tenant: tenant.to_string(),
        token: token.clone(),
        by,
        at,
        others: Vec::new(),
    }
}

/// The file that waits on a branch; `None` once it was merged, as it is or as another commit with the
/// same file, or the fleet has a later file.
fn waits(
    loaded: &Loaded,
    branch: &RenewalBranch,
    tenant: &Tenant,
    token: &Token,
) -> Option<Waiting> {
    let tips = [loaded.base.as_ref().map(|base| base.commit.as_str()), loaded.rev.as_deref()];
    if tips.into_iter().flatten().any(|tip| loaded.repo.is_merged(&branch.commit, tip)) {
        return None;
    }
    let folder = loaded.repo.tenant(&branch.commit, tenant.name.as_str()).ok().flatten();
    let there = folder.and_then(|folder| fleet::load_folder(folder, None));
    let there = there.as_ref().and_then(Desired::valid);
    let there = there.and_then(|it| it.tokens().find(|it| it.token.same_token(&token.token)))?;
    // A branch of that name which brings the token no other file is no renewal of it: anybody may
    // push one.
    let sha256 = |token: &Token| token.file.as_ref().map(|file| file.sha256);
    let is_same = sha256(there) == sha256(token) || sha256(there).is_none();
    let age = |token: &Token| match token.token.kind {
        Kind::Enrollment => token.downloaded,
        Kind::Push | Kind::Vpp => token.facts.expires,
    };
    let dated = age(there);
    let is_over = is_same || dated.is_some_and(|at| age(token) > Some(at));
    (!is_over).then_some(Waiting { dated })
}
