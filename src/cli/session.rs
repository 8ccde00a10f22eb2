//! What `plan`, `apply` and `status` share: desired state, live state, ledger → a plan.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;

use futures::{FutureExt as _, StreamExt as _};

use super::base::{self, Other, Reach};
use super::environment::{self, variable};
use super::error::CliError;
use super::global::Context;
use super::output::Output;
use super::progress::Bar;
pub(super) use super::sign_in::connector;
use super::trust;
use applecart_core::fleet::{self, Desired, Diagnostic, FLEET_FILE, Policy, Source, Tenant};
use applecart_core::ledger::LedgerView;
use applecart_core::model::{LiveTenant, Outcome, Problem, ProblemCode, TenantName, Timestamp};
use applecart_core::plan::{Plan, Selection};
use applecart_io::apply::Progress as _;
use applecart_io::git::{Base, BaseError, Repo};
use applecart_io::intune::{Connector, IntuneRead as _, Overrides, ReadRequest, Turn, Turns};
use applecart_io::store::{ApplyLock, Holder, Ledger, LedgerError};

/// The fleet as it stands at a revision.
pub(super) struct Loaded {
    pub(super) repo: Repo,
    /// The commit; `None` for a worktree.
    pub(super) rev: Option<String>,
    /// The commit of the policy; `None` for a worktree that is its own base.
    pub(super) policy_rev: Option<String>,
    pub(super) policy: Policy,
    /// The base; `None` where the planned revision is its own, for want of a remote.
    pub(super) base: Option<Base>,
    /// What it holds, where it is another commit than the planned one.
    pub(super) other: Option<Other>,
    /// Why the base is not known: the remote did not answer. The settings are then the planned
    /// revision's own, good enough to say what is unknown; Intune is not contacted with them.
    pub(super) blind: Option<String>,
    pub(super) fleet: Vec<Desired>,
}

impl Loaded {
    /// For a command that only reads: it signs in with no more than it needs.
    #[must_use]
    pub(super) fn for_reading(mut self) -> Self {
        self.policy = self.policy.for_reading();
        self
    }
}

/// Reads the fleet, and its policy from the base; of a worktree as of a commit. Mistakes in single
/// tenants stay with them; a mistake in the policy, or nothing but invalid tenants, makes the fleet
/// invalid.
pub(super) fn load(
    context: &Context,
    worktree: bool,
    reach: Reach,
    selection: &Selection,
    output: &Output,
) -> Result<Loaded, CliError> {
    let repo = Repo::discover(&context.repo)?;
    let source = if worktree { repo.worktree_snapshot()? } else { repo.snapshot(&context.rev)? };
    let rev = source.rev.clone();
    let (base, blind) = match base::find(&repo, context, reach) {
        Ok(base) => (base, None),
        // The ledger is at that remote, too: whatever is due, it cannot be written now.
        Err(CliError::Base(error)) if matches!(*error, BaseError::Unreachable { .. }) => {
            (None, Some(sentence(&error)))
        }
        Err(error) => return Err(error),
    };
    let elsewhere = base.as_ref().filter(|base| rev.as_ref() != Some(&base.commit));
    let there = elsewhere.map(|base| repo.snapshot(&base.commit)).transpose()?;
    let policy_source = there.as_ref().unwrap_or(&source);
    let policy_rev = policy_source.rev.clone();
    let policy = policy_of(policy_source, output)?;
    let (fleet, _) = fleet::load_tenants(&source, Some(&policy));
    let other =
        there.map(|there| Other::of(&repo, &there, &policy, &source, &fleet)).transpose()?;
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
    tracing::info!(rev, tenants = fleet.len(), selected, "the fleet is read");
    if selected == 0 && !selection.may_be_empty() {
        return Err(CliError::NothingSelected);
    }
    if selected > 0 && valid == 0 {
        let mistakes = fleet.into_iter().flat_map(|desired| match desired {
            Desired::Invalid { mistakes, .. } => mistakes,
            Desired::Valid(_) => Vec::new(),
        });
        return Err(invalid(mistakes.collect(), output));
    }
    Ok(Loaded { repo, rev, policy_rev, policy, base, other, blind, fleet })
}

/// The settings of one revision, or every mistake in them. How a person signs in is theirs to say.
pub(super) fn policy_of(source: &Source, output: &Output) -> Result<Policy, CliError> {
    let loaded = fleet::load(&Source {
        rev: source.rev.clone(),
        policy: source.policy.clone(),
        ..Source::default()
    });
    let mistakes = loaded.diagnostics;
    let policy = loaded.policy.ok_or_else(|| {
        invalid(mistakes.into_iter().filter(|mistake| mistake.file == FLEET_FILE).collect(), output)
    })?;
    Ok(match environment::credential()? {
        Some(credential) => policy.with_credential(credential),
        None => policy,
    })
}

/// The settings that say where the ledger is and who signs it, and the commit that has them.
pub(super) fn ledger_policy(
    repo: &Repo,
    context: &Context,
    reach: Reach,
    output: &Output,
) -> Result<(Policy, String), CliError> {
    let base = base::find(repo, context, reach)?;
    let rev = base.as_ref().map_or(context.rev.as_str(), |base| base.commit.as_str());
    Ok((policy_of(&repo.snapshot(rev)?, output)?, repo.resolve(rev)?))
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
    if loaded.blind.is_some() {
        return BTreeMap::new();
    }
    let asked = selected(&loaded.fleet, selection)
        .map(|tenant| (tenant.name.clone(), request(&loaded.policy, tenant)))
        .collect();
    read_each(connector, asked, parallelism).await
}

/// Reads tenants, many at once; a problem instead of a request is that tenant's answer.
pub(super) async fn read_each(
    connector: &Connector,
    asked: Vec<(TenantName, Result<ReadRequest, Problem>)>,
    parallelism: usize,
) -> BTreeMap<TenantName, LiveTenant> {
    let bar = Bar::new("reading");
    bar.begin(asked.len());
    let turns = Turns::new(parallelism);
    let answers = futures::stream::iter(asked)
        .map(|(name, request)| {
            let (bar, turns) = (&bar, &turns);
            async move {
                let turn = turns.take().await;
                // A panic is a mistake in this program; it blinds this tenant and no other.
                let read = AssertUnwindSafe(read_one(connector, request, turn));
                let live = read.catch_unwind().await.unwrap_or_else(|_| {
                    let detail = "an internal error stopped the read; please report it";
                    LiveTenant::unknown(&Problem::new(ProblemCode::BadAnswer, detail))
                });
                bar.advance(name.as_str());
                (name, live)
            }
        })
        .buffer_unordered(turns.under_way())
        .collect()
        .await;
    bar.end();
    answers
}

/// Reads one tenant outside a queue.
pub(super) async fn read_tenant(
    connector: &Connector,
    policy: &Policy,
    tenant: &Tenant,
) -> LiveTenant {
    match request(policy, tenant) {
        Ok(request) => connector.read(&request).await,
        Err(problem) => LiveTenant::unknown(&problem),
    }
}

async fn read_one(
    connector: &Connector,
    request: Result<ReadRequest, Problem>,
    turn: Turn,
) -> LiveTenant {
    match request {
        Ok(request) => connector.read_in_turn(&request, turn).await,
        Err(problem) => LiveTenant::unknown(&problem),
    }
}

/// What to ask about a tenant, or why it cannot be asked.
pub(super) fn request(policy: &Policy, tenant: &Tenant) -> Result<ReadRequest, Problem> {
    let Some(auth) = policy.auth_of(tenant.auth.as_deref()) else {
        return Err(Problem::new(
            ProblemCode::InvalidFile,
            "the tenant names a sign-in profile that applecart.yaml does not have",
        ));
    };
    Ok(ReadRequest {
        tenant_id: tenant.tenant_id,
        auth: auth.clone(),
        watch: tenant.watch.clone(),
        consent_if_push_absent: tenant.push.as_ref().is_some_and(|push| push.file.is_some()),
    })
}

/// Which ledger a command looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// The one that all clones share; this clone's own where there is no remote.
    Shared,
    /// The same for a run that writes: what an earlier run of this clone could not push is pushed
    /// first.
    Writing,
    /// This clone's own, whatever the remote has.
    Local,
    /// What this clone saw last; nothing is contacted.
    Offline,
}

/// The ledger and what could be read of it.
pub(super) struct Past {
    /// `None` when it could not even be opened.
    pub(super) ledger: Option<Ledger>,
    /// The view, or the sentence that says why there is none.
    pub(super) known: Result<LedgerView, String>,
}

/// Opens and reads the fleet's ledger. What cannot be read is unknown, which the plan deals with.
///
/// # Errors
/// When the person has to say which remote has the ledger.
pub(super) fn past(loaded: &Loaded, context: &Context, which: Which) -> Result<Past, CliError> {
    if let Some(why) = &loaded.blind {
        return Ok(Past { ledger: None, known: Err(why.clone()) });
    }
    let branch = &loaded.policy.ledger_branch;
    let opened = match which {
        Which::Shared | Which::Writing => Ledger::open_shared(&context.repo, branch),
        Which::Local => Ledger::open(&context.repo, branch),
        Which::Offline => Ledger::open_offline(&context.repo, branch),
    };
    let key = match which {
        Which::Writing | Which::Local => {
            let rev = loaded.policy_rev.as_deref();
            trust::ledger_key(&loaded.repo, &loaded.policy, rev, context.now())?
        }
        Which::Shared | Which::Offline => None,
    };
    let mut ledger = match opened {
        Ok(ledger) => ledger,
        Err(error @ LedgerError::WhichRemote { .. }) => return Err(error.into()),
        Err(error) => return Ok(Past { ledger: None, known: Err(unknown(&error)) }),
    };
    if let Some(key) = key {
        ledger.sign_with(key);
    }
    let read = if which == Which::Writing { ledger.begin() } else { ledger.read() };
    Ok(Past { ledger: Some(ledger), known: read.map_err(|error| unknown(&error)) })
}

/// What keeps the base unknown, with what to do.
fn sentence(error: &BaseError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    let remote = match error {
        BaseError::Unreachable { remote, .. } => remote.as_str(),
        _ => "the remote",
    };
    format!(
        "{text}. The ledger is there as well, so nothing was read from Intune and nothing is written. Try `git ls-remote {remote}`; a plan needs only the policy: --policy-rev REV names a commit of this clone"
    )
}

fn unknown(error: &LedgerError) -> String {
    format!("{}: {}", error.code(), error.sentence())
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
