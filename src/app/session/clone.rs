//! What a run sees of its clone and the remote, besides the fleet itself: branches of renewals that
//! wait to be merged, and in what the worktree and the base differ from what is planned.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use super::loaded::Loaded;
use crate::app::{Context, Reach};
use applecart_core::attention::{CloneState, OpenRenewal};
use applecart_core::fleet::{self, Desired, Tenant, Token};
use applecart_core::model::{Kind, Sha256, TenantName, Timestamp, TokenRef, sentence};
use applecart_core::renewal::proposal;
use applecart_io::git::{GitError, RenewalBranch};

/// Looks at the clone, and with [`Reach::Remote`] at the remote's branches.
///
/// All of it is told beside what a run is for, so none of it ends one: what cannot be read is
/// unknown, and said to be.
pub fn state(context: &Context, loaded: &Loaded, reach: Reach) -> CloneState {
    let mut state = CloneState { readings: loaded.readings.clone(), ..CloneState::default() };
    let unknown = |what: &str, error: &GitError| {
        tracing::warn!("{what} is unknown: {}", sentence(error));
    };
    // A revision that was named is what was asked about, whatever is checked out.
    if context.rev == "HEAD" {
        match loaded.base.as_ref().map(|base| loaded.repo.standing(base)) {
            Some(Ok(standing)) => {
                (state.behind, state.unpushed) = (standing.behind, standing.unpushed);
                state.is_lost_there = standing.is_lost_there;
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
    let branches = loaded.renewals(asked.is_some());
    match branches {
        Ok(branches) => {
            state.open_renewals = open_renewals(loaded, remote.as_ref(), branches.into_owned())
        }
        Err(error) => unknown("which renewals wait on branches", &error),
    }
    match uncommitted(loaded, &state) {
        Ok(renewals) => state.open_renewals.extend(renewals),
        Err(error) => unknown("which renewals are not committed", &error),
    }
    state
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
        let Some(unmerged) = Unmerged::of(loaded, &branch.commit) else { continue };
        let named = proposal::stem_of(&branch.name).and_then(|stem| tokens.get(stem));
        let brought = match named {
            Some((tenant, token)) => vec![(*tenant, *token)],
            None => unmerged.brings(),
        };
        for (tenant, token) in brought {
            if let Some(file) = unmerged.waits(tenant, token) {
                let open = opened(&branch, remote.cloned(), &tenant.name, &token.token);
                waiting.push((file, open));
            }
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
    branch: &RenewalBranch,
    remote: Option<String>,
    tenant: &TenantName,
    token: &TokenRef,
) -> OpenRenewal {
    let (by, at) = branch.brought.clone().unzip();
    OpenRenewal {
        pushed: branch.remote.is_some(),
        remote: branch.remote.clone().or(remote),
        branch: branch.name.clone(),
        tenant: tenant.to_string(),
        token: token.clone(),
        by,
        at,
        others: Vec::new(),
    }
}

/// The tip of a branch that is not in the base, nor in what is looked at.
struct Unmerged<'l> {
    loaded: &'l Loaded,
    commit: &'l str,
}

/// A branch that changes so many tenants is no renewal: nobody reviews as many files at once.
const MAX_FOLDERS: usize = 200;

impl<'l> Unmerged<'l> {
    fn of(loaded: &'l Loaded, commit: &'l str) -> Option<Self> {
        let tips = [loaded.base.as_ref().map(|base| base.commit.as_str()), loaded.rev.as_deref()];
        let is_merged = tips.into_iter().flatten().any(|tip| loaded.repo.is_merged(commit, tip));
        (!is_merged).then_some(Self { loaded, commit })
    }

    fn tenant(&self, commit: &str, name: &str) -> Option<Tenant> {
        let folder = self.loaded.repo.tenant(commit, name).ok().flatten()?;
        tenant_in(folder)
    }

    /// The tokens for which the branch, by itself, changes the file. What it lacks of the base says
    /// nothing, and neither does a branch whose beginning this clone does not have.
    fn brings(&self) -> Vec<(&'l Tenant, &'l Token)> {
        let Self { loaded, commit } = self;
        let base = loaded.base.as_ref().map(|base| base.commit.as_str());
        let Some(base) = base.or(loaded.rev.as_deref()) else { return Vec::new() };
        let (fork, folders) = match loaded.repo.touched(commit, base) {
            Ok(touched) => touched,
            Err(error) => {
                tracing::debug!("a branch was not compared with the base: {}", sentence(&error));
                return Vec::new();
            }
        };
        if folders.len() > MAX_FOLDERS {
            return Vec::new();
        }
        let known = loaded.fleet.iter().filter_map(Desired::valid);
        let touched = known.filter(|tenant| folders.contains(tenant.name.as_str()));
        touched
            .flat_map(|tenant| {
                let name = tenant.name.as_str();
                let (before, after) = (self.tenant(&fork, name), self.tenant(commit, name));
                changed(tenant, before.as_ref(), after.as_ref())
            })
            .collect()
    }

    /// The file that waits; `None` once the fleet has it, by another commit, or a later one.
    fn waits(&self, tenant: &Tenant, token: &Token) -> Option<Waiting> {
        let there = self.tenant(self.commit, tenant.name.as_str())?;
        waits(token, its(&there, token)?)
    }
}

fn tenant_in(folder: fleet::Folder) -> Option<Tenant> {
    match fleet::load_folder(folder, None)? {
        Desired::Valid(tenant) => Some(tenant),
        Desired::Invalid { .. } => None,
    }
}

fn its<'t>(tenant: &'t Tenant, token: &Token) -> Option<&'t Token> {
    tenant.tokens().find(|it| it.token.same_token(&token.token))
}

fn sha256(token: &Token) -> Option<Sha256> {
    token.file.as_ref().map(|file| file.sha256)
}

/// The tokens of a tenant whose file is another one in `after`.
fn changed<'t>(
    tenant: &'t Tenant,
    before: Option<&Tenant>,
    after: Option<&Tenant>,
) -> Vec<(&'t Tenant, &'t Token)> {
    let file = |of: Option<&Tenant>, token: &Token| its(of?, token).and_then(sha256);
    let is_new = |token: &&Token| {
        let there = file(after, token);
        there.is_some() && there != file(before, token)
    };
    tenant.tokens().filter(is_new).map(|token| (tenant, token)).collect()
}

/// Whether a file that is not merged waits for a token; `None` where the fleet has the same one, or a
/// later one.
fn waits(token: &Token, there: &Token) -> Option<Waiting> {
    // A branch of that name which brings the token no other file is no renewal of it: anybody may
    // push one.
    let is_same = sha256(there) == sha256(token) || sha256(there).is_none();
    let age = |token: &Token| match token.token.kind {
        Kind::Enrollment => token.downloaded,
        Kind::Push | Kind::Vpp => token.facts.expires,
    };
    let dated = age(there);
    let is_over = is_same || dated.is_some_and(|at| age(token) > Some(at));
    (!is_over).then_some(Waiting { dated })
}

/// Files that were sealed and are on no branch yet: nobody but this clone knows of the download.
fn uncommitted(loaded: &Loaded, state: &CloneState) -> Result<Vec<OpenRenewal>, GitError> {
    let folders: BTreeSet<&str> = state
        .dirty
        .iter()
        .filter_map(|path| path.strip_prefix("tenants/")?.split_once('/'))
        .map(|(folder, _)| folder)
        .collect();
    let known = loaded.fleet.iter().filter_map(Desired::valid);
    let dirty: Vec<&Tenant> =
        known.filter(|tenant| folders.contains(tenant.name.as_str())).collect();
    if dirty.is_empty() {
        return Ok(Vec::new());
    }
    let worktree = loaded.repo.worktree_snapshot()?;
    let mut renewals = Vec::new();
    for tenant in dirty {
        let folder = worktree.tenants.iter().find(|folder| folder.name == tenant.name.as_str());
        let after = folder.cloned().and_then(tenant_in);
        for (_, token) in changed(tenant, Some(tenant), after.as_ref()) {
            let there = after.as_ref().and_then(|after| its(after, token));
            if there.and_then(|there| waits(token, there)).is_some() {
                renewals.push(OpenRenewal {
                    branch: String::new(),
                    tenant: tenant.name.to_string(),
                    token: token.token.clone(),
                    by: None,
                    at: None,
                    remote: None,
                    pushed: false,
                    others: Vec::new(),
                });
            }
        }
    }
    Ok(renewals)
}
