//! Which revision the policy is read from, for every command that has one.

use super::AppError;
use super::Context;
use applecart_core::fleet::{self, Desired, FLEET_FILE, Move, Policy, Source};
use applecart_core::model::TenantId;
use applecart_core::plan::{self, RecordChange};
use applecart_io::git::{Base, Repo, Wanted};
use std::collections::{BTreeMap, BTreeSet};

/// How far a command goes to find the base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It asks the remote for what is in force and writes by it: `--policy-rev`, else the remote's
    /// default branch, both as the remote has them now. Whoever opens a pull request chooses its
    /// target branch, so what the pipeline names counts for nothing.
    InForce,
    /// It asks the remote.
    Remote,
    /// It contacts nothing: `--policy-rev` and a pipeline's target branch are in this clone, and
    /// else the planned revision is its own base. What comes of it is never applied.
    Clone,
    /// It contacts nothing and judges nothing: `--policy-rev`, else the planned revision.
    Revision,
}

/// Finds the base: `--policy-rev`, else (for commands that only read) the target branch that the
/// pipeline names, else the remote's default branch; `None` where the planned revision is its own
/// base.
pub fn find(repo: &Repo, context: &Context, reach: Reach) -> Result<Option<Base>, AppError> {
    let wanted = match (&context.policy_rev, reach) {
        (Some(rev), Reach::InForce) => {
            let named = repo.base(&Wanted::Revision(rev.clone()))?;
            return match named {
                Some(base) => Ok(Some(repo.refresh(&base)?)),
                None => Ok(None),
            };
        }
        (None, Reach::InForce) => Wanted::Default,
        (Some(rev), _) => Wanted::Revision(rev.clone()),
        (None, Reach::Revision) => return Ok(None),
        (None, _) => match context.environment.target_branch() {
            Some((variable, branch)) => Wanted::Target { branch, variable },
            None if reach == Reach::Remote => Wanted::Default,
            None => return Ok(None),
        },
    };
    Ok(repo.base(&wanted)?)
}

/// The base's tenants, where it is another commit than the planned one, and what the planned
/// revision changes.
pub struct Other {
    pub tenants: Vec<Desired>,
    pub fork: Option<Vec<Desired>>,
    /// The folders that the base changed since the planned revision left its history.
    pub behind: BTreeSet<String>,
    pub policy_changed: bool,
    pub proposed: Option<Policy>,
    /// What of the planned revision's settings and files would have another record or other signers
    /// decide, or lets something move.
    pub record: RecordChange,
    /// Why the planned revision's settings cannot be read, where it is what changed them.
    pub invalid: Option<String>,
}

impl Other {
    /// Compares the planned `source`, of which `fleet` was read, with the base.
    pub fn of(
        repo: &Repo,
        base: &Source,
        policy: &Policy,
        source: &Source,
        fleet: &[Desired],
    ) -> Result<Self, AppError> {
        let (tenants, _) = fleet::load_tenants(base, Some(policy));
        // A worktree goes on from the commit that is checked out.
        let planned = source.rev.clone().or_else(|| repo.resolve("HEAD").ok());
        let fork = match (&planned, &base.rev) {
            (Some(planned), Some(base)) => repo.fork(planned, base).filter(|fork| fork != base),
            _ => None,
        };
        let unchanged = source.policy == base.policy
            || fork.as_ref().is_some_and(|fork| is_policy_of(repo, fork, source));
        let proposed = proposed(source);
        let own = proposed.as_ref().filter(|_| !unchanged);
        let mut record = own.map(|own| record_change(policy, own)).unwrap_or_default();
        record.settings.extend(signer_files(repo, base, policy, source, fork.as_deref()));
        let invalid = (!unchanged && proposed.is_none()).then(|| first_mistake(source));
        let behind = match &fork {
            Some(fork) => behind(repo, fork, fleet, &tenants)?,
            None => BTreeSet::new(),
        };
        // Reading a third revision whole is for the few that need it.
        let fork = match fork {
            Some(fork)
                if lacks_any(fleet, &tenants)
                    || plan::withdraws(fleet, &tenants)
                    || !plan::resealed(fleet, &tenants).is_empty() =>
            {
                Some(fleet::load_tenants(&repo.snapshot(&fork)?, Some(policy)).0)
            }
            _ => None,
        };
        let policy_changed = !unchanged;
        Ok(Self { tenants, fork, behind, policy_changed, proposed, record, invalid })
    }

    /// The planned revision's own settings, where it is what changed them.
    pub fn proposed(&self) -> Option<&Policy> {
        self.proposed.as_ref().filter(|_| self.policy_changed)
    }

    /// What the planned revision changes of the settings, for its plan.
    pub fn as_proposed(&self) -> plan::Proposed<'_> {
        plan::Proposed {
            policy: self.proposed(),
            record: &self.record,
            invalid: self.invalid.as_deref(),
        }
    }

    pub fn as_input(&self) -> applecart_core::plan::Base<'_> {
        applecart_core::plan::Base {
            tenants: &self.tenants,
            fork: self.fork.as_deref(),
            behind: &self.behind,
            policy_changed: self.policy_changed,
            proposed: self.proposed.as_ref(),
        }
    }
}

/// What of the settings decides otherwise, or permits more, once they are merged.
fn record_change(base: &Policy, own: &Policy) -> RecordChange {
    let names = |settings: Vec<&str>| settings.into_iter().map(str::to_owned).collect();
    let moves = base.moves_added(own);
    let phrase = |one: &Move| {
        format!("{} from tenant {} to tenant {}, until {}", one.of, one.from, one.to, one.until)
    };
    RecordChange {
        settings: names(base.record_changes(own)),
        moves: moves.map(phrase).collect(),
        tenants: Vec::new(),
    }
}

/// The folders that are as they were where the planned revision left the base, and other ones in
/// the base by now: there it is the base that goes on.
fn behind(
    repo: &Repo,
    fork: &str,
    fleet: &[Desired],
    base: &[Desired],
) -> Result<BTreeSet<String>, AppError> {
    let trees: BTreeMap<&str, &str> = base
        .iter()
        .filter_map(Desired::valid)
        .map(|tenant| (tenant.name.as_str(), tenant.tree.as_str()))
        .collect();
    let mut behind = BTreeSet::new();
    for tenant in fleet.iter().filter_map(Desired::valid) {
        let name = tenant.name.as_str();
        if trees.get(name).is_none_or(|tree| *tree == tenant.tree) {
            continue;
        }
        if repo.tenant(fork, name)?.is_some_and(|folder| folder.tree == tenant.tree) {
            behind.insert(name.to_owned());
        }
    }
    Ok(behind)
}

/// Whether the planned settings are those of this commit: then the base changed them since, and
/// not the planned revision.
fn is_policy_of(repo: &Repo, commit: &str, source: &Source) -> bool {
    let there = repo.policy(commit).ok().map(|bytes| bytes.map(fleet::FileBytes::Read));
    there == Some(source.policy.clone())
}

fn proposed(source: &Source) -> Option<Policy> {
    match &source.policy {
        Some(fleet::FileBytes::Read(bytes)) => fleet::load_policy(Some(bytes)).0,
        _ => None,
    }
}

/// The files of signers, named by the base's settings, that the planned revision changes. One that
/// cannot be read counts as changed.
fn signer_files<'p>(
    repo: &Repo,
    base: &Source,
    policy: &'p Policy,
    source: &Source,
    fork: Option<&str>,
) -> impl Iterator<Item = String> + use<'p> {
    let at = |rev: &str, path: &str| repo.plain_file(rev, path).ok();
    let changed = |path: &&str| {
        let here = match &source.rev {
            Some(rev) => at(rev, path),
            None => repo.worktree_file(path).ok(),
        };
        let is_same =
            |rev: Option<&str>| rev.is_some_and(|rev| here.is_some() && here == at(rev, path));
        !is_same(base.rev.as_deref()) && !is_same(fork)
    };
    let files: BTreeSet<&'p str> = policy.signer_files().filter(changed).collect();
    files.into_iter().map(str::to_owned)
}

/// The first mistake of settings that cannot be read.
fn first_mistake(source: &Source) -> String {
    let bytes = match &source.policy {
        None => return format!("there is no {FLEET_FILE}"),
        Some(fleet::FileBytes::Read(bytes)) => bytes,
        Some(_) => return format!("{FLEET_FILE} cannot be read"),
    };
    let (_, mistakes) = fleet::load_policy(Some(bytes));
    mistakes.iter().find(|one| one.is_error()).map_or_else(
        || format!("{FLEET_FILE} cannot be read"),
        |one| format!("line {}: {}", one.line, one.message),
    )
}

fn lacks_any(fleet: &[Desired], base: &[Desired]) -> bool {
    let here: BTreeSet<TenantId> = fleet.iter().filter_map(Desired::tenant_id).collect();
    base.iter().any(|desired| desired.tenant_id().is_none_or(|id| !here.contains(&id)))
}
