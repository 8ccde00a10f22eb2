//! What a run sees of its clone and the remote, besides the fleet itself: branches of renewals that
//! wait to be merged, and in what the worktree and the base differ from what is planned.

use std::collections::HashMap;

use super::session::Loaded;
use super::{AppError, Context, Reach};
use applecart_core::attention::{CloneState, OpenRenewal};
use applecart_core::fleet::{self, Desired, Tenant, Token};
use applecart_core::model::{Kind, TokenRef, sentence};
use applecart_core::renewal::proposal;
use applecart_io::git::RenewalBranch;

/// Looks at the clone, and with [`Reach::Remote`] at the remote's branches.
pub(super) fn state(
    context: &Context,
    loaded: &Loaded,
    reach: Reach,
) -> Result<CloneState, AppError> {
    let mut state = CloneState::default();
    // A revision that was named is what was asked about, whatever is checked out.
    if context.rev == "HEAD" {
        if let Some(base) = &loaded.base {
            let standing = loaded.repo.standing(base)?;
            (state.behind, state.unpushed) = (standing.behind, standing.unpushed);
        }
        // Of the worktree itself nothing is left out.
        if loaded.rev.is_some() {
            state.dirty = loaded.repo.uncommitted()?;
        }
    }
    state.open_renewals = open_renewals(loaded, reach)?;
    Ok(state)
}

fn open_renewals(loaded: &Loaded, reach: Reach) -> Result<Vec<OpenRenewal>, AppError> {
    let remote = loaded.repo.fleet_remote()?;
    let asked = remote.as_deref().filter(|_| reach == Reach::Remote && loaded.blind.is_none());
    let branches = match (loaded.repo.renewal_branches(asked), asked) {
        (Ok(branches), _) => branches,
        (Err(error), Some(remote)) => {
            let why = sentence(&error);
            tracing::warn!("{remote} was not asked for branches of open renewals: {why}");
            loaded.repo.renewal_branches(None)?
        }
        (Err(error), None) => return Err(error.into()),
    };
    if branches.is_empty() {
        return Ok(Vec::new());
    }
    let tokens: HashMap<String, (&Tenant, &Token)> = loaded
        .fleet
        .iter()
        .filter_map(Desired::valid)
        .flat_map(|tenant| tenant.tokens().map(move |token| (tenant, token)))
        .map(|(tenant, token)| (proposal::stem(tenant, token), (tenant, token)))
        .collect();
    let mut open = Vec::new();
    for branch in branches {
        let of = proposal::stem_of(&branch.name).and_then(|stem| tokens.get(stem));
        let Some((tenant, token)) = of else { continue };
        if !is_over(loaded, &branch, tenant, token) {
            open.push(opened(branch, remote.clone(), &tenant.name, &token.token));
        }
    }
    Ok(open)
}

fn opened(
    branch: RenewalBranch,
    remote: Option<String>,
    tenant: &applecart_core::model::TenantName,
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
    }
}

/// Whether nothing waits on a branch any more: it was merged, as it is or as another commit with
/// the same file, or the fleet has a later file.
fn is_over(loaded: &Loaded, branch: &RenewalBranch, tenant: &Tenant, token: &Token) -> bool {
    let tips = [loaded.base.as_ref().map(|base| base.commit.as_str()), loaded.rev.as_deref()];
    if tips.into_iter().flatten().any(|tip| loaded.repo.is_merged(&branch.commit, tip)) {
        return true;
    }
    let Some(file) = &token.file else { return false };
    let folder = loaded.repo.tenant(&branch.commit, tenant.name.as_str()).ok().flatten();
    let there = folder.and_then(|folder| fleet::load_folder(folder, None));
    let there = there.as_ref().and_then(Desired::valid);
    let Some(there) = there.and_then(|it| it.tokens().find(|it| it.token.same_token(&token.token)))
    else {
        return false;
    };
    let is_same = there.file.as_ref().is_some_and(|there| there.sha256 == file.sha256);
    let age = |token: &Token| match token.token.kind {
        Kind::Enrollment => token.downloaded,
        Kind::Push | Kind::Vpp => token.facts.expires,
    };
    is_same || age(there).is_some_and(|at| age(token) > Some(at))
}
