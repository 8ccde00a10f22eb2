//! The fleet as it stands at a revision, with the settings that are in force.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use super::record::Earlier;
use super::unmerged::Unmerged;
use crate::app::base::{self, Other, Reach};
use crate::app::{AppError, Context};
use applecart_core::fleet::{self, Desired, Entry, FLEET_FILE, Folder, Policy, Source, Tenant};
use applecart_core::model::{ProblemCode, sentence};
use applecart_core::plan::Selection;
use applecart_core::rules::last_known::Readings;
use applecart_io::git::{Base, BaseError, GitError, RenewalBranch, Repo};
use applecart_io::store::LedgerError;

/// Which files are planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tree {
    /// Those of the revision.
    Commit,
    /// Those of the worktree, committed or not.
    Worktree,
}

/// The fleet as it stands at a revision.
pub struct Loaded {
    pub repo: Repo,
    /// The commit; `None` for a worktree.
    pub rev: Option<String>,
    /// The commit of the policy; `None` for a worktree that is its own base.
    pub policy_rev: Option<String>,
    pub policy: Policy,
    /// The base; `None` where the planned revision is its own, for want of a remote.
    pub base: Option<Base>,
    /// What it holds, where it is another commit than the planned one.
    pub other: Option<Other>,
    /// Why the base is not known: the remote did not answer. The settings are then the planned
    /// revision's own, good enough to say what is unknown; Intune is not contacted with them.
    pub blind: Option<Unknown>,
    pub fleet: Vec<Desired>,
    /// The settings of this clone, where they are others than those that are in force.
    pub unmerged: Option<Unmerged>,
    /// What this clone read before.
    pub readings: Readings,
    /// What the planned revision is by its own settings, where they judge writes otherwise.
    pub proposed: Option<Proposed>,
    /// What the settings named of the record before, once it was read: that takes a walk through the
    /// whole history.
    pub earlier: OnceLock<Earlier>,
    /// What the remote answered of the branches of renewals, once it was asked.
    pub(in crate::app) renewals: OnceLock<Vec<RenewalBranch>>,
}

/// A revision by its own settings, which count once it is merged.
pub struct Proposed {
    pub policy: Policy,
    pub fleet: Vec<Desired>,
    /// Whether it signs in otherwise than the base does.
    pub signs_in_otherwise: bool,
}

impl Loaded {
    /// A fleet of which nothing else is known yet.
    pub fn new(repo: Repo, base: Option<Base>, policy: Policy, fleet: Vec<Desired>) -> Self {
        Self {
            readings: repo.readings(),
            repo,
            rev: None,
            policy_rev: None,
            policy,
            base,
            other: None,
            blind: None,
            fleet,
            unmerged: None,
            proposed: None,
            earlier: OnceLock::new(),
            renewals: OnceLock::new(),
        }
    }

    /// The newest commit of the history that counts: the base's, else the planned one.
    pub fn tip(&self) -> Option<&str> {
        self.base.as_ref().map(|base| base.commit.as_str()).or(self.rev.as_deref())
    }

    /// The branches of renewals. The remote is asked once, where `is_remote` allows it; what it does
    /// not answer, the clone does as it saw it last.
    pub fn renewals(&self, is_remote: bool) -> Result<Cow<'_, [RenewalBranch]>, GitError> {
        if let Some(known) = self.renewals.get() {
            return Ok(Cow::Borrowed(known));
        }
        let base = self.base.as_ref();
        let is_other = |branch: &str| brings_none(base, &self.policy, branch);
        let remote = self.repo.fleet_remote().ok().flatten();
        let Some(remote) = remote.filter(|_| is_remote && self.blind.is_none()) else {
            return Ok(Cow::Owned(self.repo.renewal_branches(None, &is_other)?));
        };
        match self.repo.renewal_branches(Some(&remote), &is_other) {
            Ok(found) => Ok(Cow::Borrowed(self.renewals.get_or_init(|| found))),
            Err(error) => {
                tracing::warn!(
                    "which renewals wait on branches of {remote} is unknown: {}",
                    sentence(&error)
                );
                Ok(Cow::Owned(self.repo.renewal_branches(None, &is_other)?))
            }
        }
    }

    /// For a command that only reads: it signs in with no more than it needs.
    #[must_use]
    pub fn for_reading(mut self) -> Self {
        self.policy = self.policy.for_reading();
        self
    }
}

/// Reads the fleet, and its policy from the base; of a worktree as of a commit. Mistakes in single
/// tenants stay with them; a mistake in the policy, or nothing but invalid tenants, makes the fleet
/// invalid.
pub fn load(
    context: &Context,
    tree: Tree,
    reach: Reach,
    selection: &Selection,
) -> Result<Loaded, AppError> {
    let is_alone = matches!(reach, Reach::Clone | Reach::Revision);
    let repo = Repo::discover(&context.repo)?.alone(is_alone);
    let source = match tree {
        Tree::Commit => repo.snapshot(&context.rev)?,
        Tree::Worktree => repo.worktree_snapshot()?,
    };
    let rev = source.rev.clone();
    let (base, blind) = match base::find(&repo, context, reach) {
        Ok(base) => (base, None),
        // The ledger is at that remote, too: whatever is due, it cannot be written now.
        Err(AppError::Base(error))
            if matches!(*error, BaseError::Unreachable { .. } | BaseError::Gone { .. }) =>
        {
            (None, Some(Unknown::Base(error.into())))
        }
        Err(error) => return Err(error),
    };
    let elsewhere = base.as_ref().filter(|base| rev.as_ref() != Some(&base.commit));
    let there = elsewhere.map(|base| repo.snapshot(&base.commit)).transpose()?;
    let policy_source = there.as_ref().unwrap_or(&source);
    let policy_rev = policy_source.rev.clone();
    let policy = policy_of(context, policy_source)?;
    // Without a base the planned revision has the settings that count: a worktree its own.
    let in_force = (base.as_ref(), policy_rev.as_deref());
    let unmerged = Unmerged::told(context, &repo, in_force, &policy);
    let look = |folder: &Folder, entry: &Entry| repo.form(&source, folder, entry);
    let (fleet, _) = fleet::load_tenants_looking(&source, Some(&policy), &look);
    let other =
        there.map(|there| Other::of(&repo, &there, &policy, &source, &fleet)).transpose()?;
    let proposed =
        other.as_ref().and_then(Other::proposed).filter(|own| own.sha256 != policy.sha256);
    let proposed = proposed.cloned().map(|own| {
        let (fleet, _) = fleet::load_tenants_looking(&source, Some(&own), &look);
        let own = with_own_credential(context, own)?;
        Ok::<_, AppError>(Proposed {
            signs_in_otherwise: policy.signs_in_otherwise(&own),
            policy: own,
            fleet,
        })
    });
    let proposed = proposed.transpose()?;
    AppError::check_selection(selection, &fleet)?;
    let valid = selected(&fleet, selection).count();
    let invalid = fleet
        .iter()
        .filter(|desired| desired.valid().is_none() && selection.may_match_invalid(desired.name()));
    let invalid = invalid.count();
    tracing::info!(rev, tenants = fleet.len(), selected = valid + invalid, "the fleet is read");
    if invalid > 0 && valid == 0 {
        let mistakes = fleet.into_iter().flat_map(|desired| match desired {
            Desired::Invalid { mistakes, .. } => mistakes,
            Desired::Valid(_) => Vec::new(),
        });
        return Err(AppError::InvalidFleet(mistakes.collect()));
    }
    let loaded = Loaded::new(repo, base, policy, fleet);
    Ok(Loaded { rev, policy_rev, other, blind, proposed, unmerged, ..loaded })
}

/// Branches that never bring a renewal: the base itself, and the ones of the record.
pub fn brings_none(base: Option<&Base>, policy: &Policy, branch: &str) -> bool {
    let base = base.and_then(|base| base.remote_branch());
    base.is_some_and(|(_, base)| base == branch)
        || [policy.ledger_branch.as_str(), &policy.notes_branch].contains(&branch)
}

/// The settings of one revision, or every mistake in them. How a person signs in is theirs to say.
pub fn policy_of(context: &Context, source: &Source) -> Result<Policy, AppError> {
    let loaded = fleet::load(&Source {
        rev: source.rev.clone(),
        policy: source.policy.clone(),
        near_policy: source.near_policy.clone(),
        ..Source::default()
    });
    let Some(policy) = loaded.policy else {
        let mut mistakes = loaded.diagnostics;
        mistakes.retain(|mistake| mistake.file == FLEET_FILE);
        return Err(AppError::InvalidFleet(mistakes));
    };
    with_own_credential(context, policy)
}

/// The settings with the proof of a person's own, where the environment names one.
pub(super) fn with_own_credential(context: &Context, policy: Policy) -> Result<Policy, AppError> {
    Ok(match context.environment.credential()? {
        Some(credential) => policy.with_credential(credential),
        None => policy,
    })
}

/// The settings that say where the ledger is and who signs it, and the commit that has them.
pub fn ledger_policy(
    repo: &Repo,
    context: &Context,
    reach: Reach,
) -> Result<(Policy, String), AppError> {
    let base = base::find(repo, context, reach)?;
    let rev = base.as_ref().map_or(context.rev.as_str(), |base| base.commit.as_str());
    Ok((policy_of(context, &repo.settings_snapshot(rev)?)?, repo.resolve(rev)?))
}

/// The valid, selected tenants.
pub fn selected<'a>(
    fleet: &'a [Desired],
    selection: &'a Selection,
) -> impl Iterator<Item = &'a Tenant> {
    fleet.iter().filter_map(|desired| match desired {
        Desired::Valid(tenant) if selection.matches(tenant) => Some(tenant),
        Desired::Valid(_) | Desired::Invalid { .. } => None,
    })
}

/// Why nothing is known of what happened before, so that nothing may be written.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Unknown {
    #[error("{}", unreachable(.0))]
    Base(Arc<BaseError>),
    #[error("{}: {}", .0.code(), .0.sentence())]
    Ledger(Arc<LedgerError>),
}

impl Unknown {
    pub fn code(&self) -> ProblemCode {
        match self {
            Self::Base(_) => ProblemCode::BaseUnknown,
            Self::Ledger(_) => ProblemCode::LedgerUnknown,
        }
    }
}

/// What keeps the base unknown, with what to do.
fn unreachable(error: &BaseError) -> String {
    let remote = match error {
        BaseError::Unreachable { remote, .. } | BaseError::Gone { remote, .. } => remote.as_str(),
        _ => "the remote",
    };
    let next = error.trouble().map_or_else(
        || format!("Try: `git ls-remote {remote}`"),
        |trouble| trouble.next().to_owned(),
    );
    format!(
        "{}. The ledger is there as well, so nothing was read from Intune and nothing is written. A plan needs only the policy: --policy-rev REV names a commit of this clone. {next}",
        sentence(error)
    )
}
