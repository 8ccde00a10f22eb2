//! What `plan`, `apply` and `status` share: desired state, live state, ledger → a plan.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;

use futures::{FutureExt as _, StreamExt as _};

use super::environment::variable;
use super::error::CliError;
use super::global::Context;
use super::output::Output;
use super::progress::Bar;
pub(super) use super::sign_in::connector;
use crate::apply::Progress as _;
use crate::fleet::{self, Desired, Diagnostic, FLEET_FILE, Policy, Source, Tenant};
use crate::git::Repo;
use crate::intune::{Connector, IntuneRead as _, Overrides, ReadRequest};
use crate::ledger::{ApplyLock, Holder, Ledger, LedgerView};
use crate::model::{LiveTenant, Outcome, Problem, ProblemCode, TenantName, Timestamp};
use crate::plan::{Plan, Selection};

/// The fleet as it stands at a revision.
pub(super) struct Loaded {
    pub(super) repo: Repo,
    /// The commit; `None` for a worktree.
    pub(super) rev: Option<String>,
    pub(super) policy_rev: Option<String>,
    pub(super) policy: Policy,
    pub(super) fleet: Vec<Desired>,
}

/// Reads the fleet. Mistakes in single tenants stay with them; a mistake in applecart.yaml, or
/// nothing but invalid tenants, makes the fleet invalid.
pub(super) fn load(
    context: &Context,
    worktree: bool,
    selection: &Selection,
    output: &Output,
) -> Result<Loaded, CliError> {
    let repo = Repo::discover(&context.repo)?;
    let source = if worktree { repo.worktree_snapshot()? } else { repo.snapshot(&context.rev)? };
    let rev = source.rev.clone();
    let base = match &context.policy_rev {
        Some(wanted) => repo
            .snapshot(wanted)
            .map_err(|source| CliError::PolicyRev { rev: wanted.clone(), source })?,
        None => Source { tenants: Vec::new(), ..source.clone() },
    };
    let policy_rev = base.rev.clone();
    let policy = policy_of(base, output)?;
    let (fleet, _) = fleet::load_tenants(&source, Some(&policy));
    let mut selected = 0;
    let mut valid = 0;
    for desired in &fleet {
        match desired {
            Desired::Valid(tenant) if selection.matches(tenant) => {
                selected += 1;
                valid += 1;
            }
            Desired::Invalid { name, .. } if selection.may_match_invalid(name) => selected += 1,
            Desired::Valid(_) | Desired::Invalid { .. } => {}
        }
    }
    if selected == 0 && !selection.is_all() {
        return Err(CliError::NothingSelected);
    }
    if selected > 0 && valid == 0 {
        let mistakes = fleet.into_iter().flat_map(|desired| match desired {
            Desired::Invalid { mistakes, .. } => mistakes,
            Desired::Valid(_) => Vec::new(),
        });
        return Err(invalid(mistakes.collect(), output));
    }
    Ok(Loaded { repo, rev, policy_rev, policy, fleet })
}

/// The settings of one revision, or every mistake in them.
fn policy_of(source: Source, output: &Output) -> Result<Policy, CliError> {
    let loaded = fleet::load(&Source { tenants: Vec::new(), strays: Vec::new(), ..source });
    let mistakes = loaded.diagnostics;
    loaded.policy.ok_or_else(|| {
        invalid(mistakes.into_iter().filter(|mistake| mistake.file == FLEET_FILE).collect(), output)
    })
}

/// Where the settings say that the ledger is.
pub(super) fn ledger_branch(context: &Context, output: &Output) -> Result<String, CliError> {
    let repo = Repo::discover(&context.repo)?;
    let rev = context.policy_rev.as_deref().unwrap_or(&context.rev);
    Ok(policy_of(repo.snapshot(rev)?, output)?.ledger_branch)
}

fn invalid(mistakes: Vec<Diagnostic>, output: &Output) -> CliError {
    output.note(&fleet::render_all(&mistakes));
    CliError::InvalidFleet(mistakes)
}

/// The valid, selected tenants.
pub(super) fn selected<'a>(
    fleet: &'a [Desired],
    selection: &'a Selection,
) -> impl Iterator<Item = &'a Tenant> {
    fleet.iter().filter_map(|desired| match desired {
        Desired::Valid(tenant) if selection.matches(tenant) => Some(tenant),
        Desired::Valid(_) | Desired::Invalid { .. } => None,
    })
}

/// Where Graph and Entra are, for simulators and proxies.
pub(super) fn overrides() -> Result<Overrides, CliError> {
    let (graph, login) = (variable("APPLECART_GRAPH_URL"), variable("APPLECART_LOGIN_URL"));
    Ok(Overrides::parse(graph.as_deref(), login.as_deref())?)
}

/// Reads every selected tenant, many at once. Each is an island: whatever happens to one is in
/// its own answer.
pub(super) async fn read_live(
    connector: &Connector,
    loaded: &Loaded,
    selection: &Selection,
    parallelism: usize,
) -> BTreeMap<TenantName, LiveTenant> {
    let tenants: Vec<&Tenant> = selected(&loaded.fleet, selection).collect();
    let bar = Bar::new("reading");
    bar.begin(tenants.len());
    let answers = futures::stream::iter(tenants)
        .map(|tenant| {
            let bar = &bar;
            async move {
                // A panic is a mistake in this program; it blinds this tenant and no other.
                let read = AssertUnwindSafe(read_one(connector, &loaded.policy, tenant));
                let live = read.catch_unwind().await.unwrap_or_else(|_| {
                    let detail = "an internal error stopped the read; please report it";
                    LiveTenant::unknown(&Problem::new(ProblemCode::BadAnswer, detail))
                });
                bar.advance(tenant.name.as_str());
                (tenant.name.clone(), live)
            }
        })
        .buffer_unordered(parallelism)
        .collect()
        .await;
    bar.end();
    answers
}

async fn read_one(connector: &Connector, policy: &Policy, tenant: &Tenant) -> LiveTenant {
    let Some(auth) = policy.auth_of(tenant.auth.as_deref()) else {
        return LiveTenant::unknown(&Problem::new(
            ProblemCode::InvalidFile,
            "the tenant names a sign-in profile that applecart.yaml does not have",
        ));
    };
    let request = ReadRequest {
        tenant_id: tenant.tenant_id,
        auth: auth.clone(),
        watch: tenant.watch.clone(),
        consent_if_push_absent: tenant.push.as_ref().is_some_and(|push| push.file.is_some()),
    };
    connector.read(&request).await
}

/// Opens the fleet's ledger in this clone.
pub(super) fn ledger(loaded: &Loaded, context: &Context) -> Result<Ledger, CliError> {
    Ok(Ledger::open(&context.repo, &loaded.policy.ledger_branch)?)
}

/// What could be read of the ledger: the view, or the sentence that says why not.
pub(super) fn known(ledger: &Result<Ledger, CliError>) -> Result<LedgerView, String> {
    let chain = |error: &dyn std::error::Error| {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        text
    };
    match ledger {
        Ok(ledger) => ledger.read().map_err(|error| chain(&error)),
        Err(error) => Err(chain(error)),
    }
}

/// The unfinished runs of this clone that are proved dead, because its apply lock is free. Only
/// asked where a run is unfinished, so that an ordinary plan takes no lock.
pub(super) fn dead_runs(repo: &Repo, view: &LedgerView, now: Timestamp) -> BTreeSet<String> {
    if view.leases("", now, &BTreeSet::new()).is_empty() {
        return BTreeSet::new();
    }
    let holder = Holder { run: "plan".to_owned(), host: None, since: now };
    match ApplyLock::acquire(&repo.path_common_dir(), &holder, None) {
        Ok(lock) => lock.dead_runs(view, ""),
        // Held: an apply is running. Not to be had at all: nothing is proved either way.
        Err(_) => BTreeSet::new(),
    }
}

/// What a plan's problems mean for the exit code: 8 when nobody could sign in anywhere, 3 when
/// something could not be read.
pub(super) fn observed(plan: &Plan) -> Outcome {
    let troubled = plan.tenants.iter().filter(|tenant| !tenant.problems.is_empty()).count();
    let sign_in = plan
        .tenants
        .iter()
        .filter(|tenant| tenant.problems.iter().any(|problem| problem.code.is_sign_in()))
        .count();
    if troubled == 0 {
        Outcome::Done
    } else if sign_in == plan.tenants.len() {
        Outcome::SignIn
    } else {
        Outcome::Partial
    }
}
