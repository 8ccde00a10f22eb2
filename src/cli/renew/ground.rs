//! What renewals go on from: the base, which reviewers have agreed to.

use crate::app::session::{self, Loaded, Past, Which};
use crate::app::{self, Reach};
use crate::cli::error::CliError;
use crate::cli::global::Context;
use applecart_core::fleet::{self, Desired, Source, Tenant};
use applecart_core::plan::Selection;
use applecart_io::git::Repo;

/// The fleet at the base.
pub(super) struct Ground {
    pub(super) loaded: Loaded,
    pub(super) source: Source,
    /// The base's name for people.
    pub(super) base: String,
    pub(super) commit: String,
    /// Where branches are pushed to; `None` where there is no remote.
    pub(super) remote: Option<String>,
}

impl Ground {
    /// Reads the fleet at the base: what `plan` judges by, so that a branch brings one file and
    /// nothing else that is not merged yet. Without a remote it is `--rev`.
    pub(super) fn load(context: &Context, selection: &Selection) -> Result<Self, CliError> {
        let repo = Repo::discover(&context.repo)?;
        let found = app::find_base(&repo, context, Reach::Remote)?;
        let (base, rev) = match &found {
            Some(base) => (base.name.clone(), base.commit.clone()),
            None => (repo.name_of(&context.rev), context.rev.clone()),
        };
        let source = repo.snapshot(&rev)?;
        let commit = repo.resolve(&rev)?;
        let policy = session::policy_of(context, &source)?;
        let (fleet, _) = fleet::load_tenants(&source, Some(&policy));
        let remote = repo.fleet_remote()?;
        let any = fleet.iter().filter_map(Desired::valid).any(|tenant| selection.matches(tenant));
        if !any && !selection.is_all() {
            return Err(CliError::NothingSelected);
        }
        let rev = Some(commit.clone());
        let loaded = Loaded {
            repo,
            rev: rev.clone(),
            policy_rev: rev,
            policy,
            base: found,
            other: None,
            blind: None,
            fleet,
        };
        Ok(Self { loaded, source, base, commit, remote })
    }

    /// The tenant of this name.
    pub(super) fn tenant(&self, name: &str) -> Result<&Tenant, CliError> {
        match self.loaded.fleet.iter().find(|desired| desired.name() == name) {
            Some(Desired::Valid(tenant)) => Ok(tenant),
            Some(Desired::Invalid { mistakes, .. }) => {
                Err(CliError::InvalidFleet(mistakes.clone()))
            }
            None => Err(CliError::SealUsage(format!(
                "{} has no tenant {name:?}; if it is new, merge its folder first",
                self.base
            ))),
        }
    }

    /// The ledger that all clones share.
    pub(super) fn past(&self, context: &Context) -> Result<Past, CliError> {
        session::past(&self.loaded, context, Which::Shared)
    }
}
