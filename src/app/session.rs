//! What the use cases share: desired state, Intune's state and the ledger become a plan.
//!
//! [`plan()`] is the whole way, load → past → policy → read → plan, as one function. A use case that
//! has to do something between the steps (`apply` checks signatures and takes a lock) takes them
//! one by one: [`load`], [`past`], [`Session::plan`].

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::{FutureExt as _, StreamExt as _};

use super::base::{self, Other, Reach};
use super::{AppError, Context};
use super::{clone, downloads, first_topics, history_of_base as history, trust};
use applecart_core::attention::{self, Attention, CloneState};
use applecart_core::fleet::{self, Desired, Entry, FLEET_FILE, Folder, Policy, Source, Tenant};
use applecart_core::ledger::{LedgerView, Lines};
use applecart_core::model::{
    LiveTenant, Outcome, Problem, ProblemCode, Reading, TenantName, sentence,
};
use applecart_core::plan::{
    self, Action, Due, DueWrite, Input, Known, Note, Plan, Planned, Selection,
};
use applecart_core::rules::bindings::History;
use applecart_core::rules::downloads::Downloads;
use applecart_core::rules::requests;
use applecart_io::git::{Base, BaseError, Repo, Signers};
use applecart_io::intune::{
    Connector, ConnectorOptions, IntuneRead as _, KeyRequest, ReadRequest, Turn, Turns,
};
use applecart_io::seams::Seams;
use applecart_io::store::{ApplyLock, Holder, Ledger, LedgerError, MustBeSigned, Proof, Role};

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
    /// What the planned revision is by its own settings, where they judge writes otherwise.
    pub proposed: Option<Proposed>,
}

/// A revision by its own settings, which count once it is merged.
pub struct Proposed {
    pub policy: Policy,
    pub fleet: Vec<Desired>,
}

impl Loaded {
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
    let look = |folder: &Folder, entry: &Entry| repo.form(&source, folder, entry);
    let (fleet, _) = fleet::load_tenants_looking(&source, Some(&policy), &look);
    let other =
        there.map(|there| Other::of(&repo, &there, &policy, &source, &fleet)).transpose()?;
    let proposed =
        other.as_ref().and_then(Other::proposed).filter(|own| own.sha256 != policy.sha256);
    let proposed = proposed.cloned().map(|policy| {
        let (fleet, _) = fleet::load_tenants_looking(&source, Some(&policy), &look);
        Proposed { policy, fleet }
    });
    AppError::check_selection(selection, &fleet)?;
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
    if selected > 0 && valid == 0 {
        let mistakes = fleet.into_iter().flat_map(|desired| match desired {
            Desired::Invalid { mistakes, .. } => mistakes,
            Desired::Valid(_) => Vec::new(),
        });
        return Err(AppError::InvalidFleet(mistakes.collect()));
    }
    Ok(Loaded { repo, rev, policy_rev, policy, base, other, blind, fleet, proposed })
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
    Ok((policy_of(context, &repo.snapshot(rev)?)?, repo.resolve(rev)?))
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

/// Builds the way to Entra and Graph from the environment.
pub fn connector(context: &Context) -> Result<Connector, AppError> {
    let overrides = context.environment.overrides()?;
    // Each tenant's sign-in asks for it; the environment is the only place it is kept.
    let secrets = context.environment.clone();
    let variables = context.environment.clone();
    let seams = Seams { clock: Arc::clone(&context.clock), ids: Arc::clone(&context.ids) };
    let options = ConnectorOptions::new(Box::new(move |auth| secrets.client_secret(auth)));
    let variables = Box::new(move |name: &str| variables.variable(name));
    Ok(Connector::new(ConnectorOptions { overrides, variables, seams, ..options })?)
}

/// The way to Entra and Graph, for a run that is to sign in to these tenants. What keeps it from
/// signing in to any of them (a secret that is missing, an application that does not exist) is one
/// cause, told once and before the first request; what holds for some only is theirs to tell.
pub fn signed_in(
    context: &Context,
    loaded: &Loaded,
    selection: &Selection,
) -> Result<Connector, AppError> {
    let connector = connector(context)?;
    if loaded.blind.is_none() {
        let profiles = selected(&loaded.fleet, selection).map(|tenant| tenant.auth.as_deref());
        must_sign_in(&connector, &loaded.policy, profiles)?;
    }
    Ok(connector)
}

/// Refuses a run of which no profile can sign in.
pub fn must_sign_in<'a>(
    connector: &Connector,
    policy: &Policy,
    profiles: impl Iterator<Item = Option<&'a str>>,
) -> Result<(), AppError> {
    let mut first = None;
    let distinct: BTreeSet<Option<&str>> = profiles.collect();
    // A profile that applecart.yaml does not have is its tenants' mistake.
    for auth in distinct.into_iter().filter_map(|profile| policy.auth_of(profile)) {
        match connector.check(auth) {
            Ok(()) => return Ok(()),
            Err(error) => first = first.or(Some(error)),
        }
    }
    first.map_or(Ok(()), |error| Err(error.into()))
}

/// Reads every selected tenant, many at once. Each is an island: whatever happens to one is in
/// its own answer.
pub async fn read_live(
    context: &Context,
    connector: &Connector,
    loaded: &Loaded,
    selection: &Selection,
) -> BTreeMap<TenantName, LiveTenant> {
    if loaded.blind.is_some() {
        return BTreeMap::new();
    }
    let asked = selected(&loaded.fleet, selection)
        .map(|tenant| (tenant.name.clone(), request(&loaded.policy, tenant)))
        .collect();
    read_each(context, connector, asked).await
}

/// Reads tenants, many at once; a problem instead of a request is that tenant's answer.
pub async fn read_each(
    context: &Context,
    connector: &Connector,
    asked: Vec<(TenantName, Result<ReadRequest, Problem>)>,
) -> BTreeMap<TenantName, LiveTenant> {
    let progress = (context.progress)("reading");
    progress.begin(asked.len());
    let turns = Turns::new(context.parallelism);
    let answers = futures::stream::iter(asked)
        .map(|(name, request)| {
            let (progress, turns) = (&progress, &turns);
            async move {
                let turn = turns.take().await;
                // A panic is a mistake in this program; it blinds this tenant and no other.
                let read = AssertUnwindSafe(read_one(connector, request, turn));
                let live = read.catch_unwind().await.unwrap_or_else(|_| {
                    let detail = "an internal error stopped the read; please report it";
                    LiveTenant::unknown(&Problem::new(ProblemCode::BadAnswer, detail))
                });
                progress.advance(name.as_str());
                (name, live)
            }
        })
        .buffer_unordered(turns.under_way())
        .collect()
        .await;
    progress.end();
    answers
}

/// Reads one tenant outside a queue.
pub async fn read_tenant(connector: &Connector, policy: &Policy, tenant: &Tenant) -> LiveTenant {
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

/// Why a tenant cannot be asked.
pub const NO_PROFILE: &str = "the tenant names a sign-in profile that applecart.yaml does not have";

/// What to ask about a tenant, or why it cannot be asked.
pub fn request(policy: &Policy, tenant: &Tenant) -> Result<ReadRequest, Problem> {
    let Some(auth) = policy.auth_of(tenant.auth.as_deref()) else {
        return Err(Problem::new(ProblemCode::InvalidFile, NO_PROFILE));
    };
    Ok(ReadRequest {
        tenant_id: tenant.tenant_id,
        auth: auth.clone(),
        watch: tenant.watch.clone(),
        consent_if_push_absent: tenant.push.as_ref().is_some_and(|push| push.file.is_some()),
    })
}

/// Which ledger a use case looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
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
pub struct Past {
    /// `None` when it could not even be opened.
    pub ledger: Option<Ledger>,
    /// The branch of what people record; `None` as above.
    pub notes: Option<Ledger>,
    pub known: Result<LedgerView, Unknown>,
    /// What the base's history says belongs to whom.
    pub history: History,
}

impl Past {
    /// The ledger's tip; `None` where there is none or it is unknown.
    fn head(&self) -> Option<&str> {
        self.known.as_ref().ok().and_then(|view| view.head.as_deref())
    }
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
    format!(
        "{}. The ledger is there as well, so nothing was read from Intune and nothing is written. Try `git ls-remote {remote}`; a plan needs only the policy: --policy-rev REV names a commit of this clone",
        sentence(error)
    )
}

/// Opens the ledger that the policy names.
///
/// # Errors
/// When it cannot be opened; that it is missing or another fleet's, reading tells.
pub fn open_ledger(
    context: &Context,
    policy: &Policy,
    which: Which,
) -> Result<Ledger, LedgerError> {
    let mut ledger = match which {
        Which::Shared | Which::Writing => Ledger::open_shared(&context.repo, &policy.ledger_branch),
        Which::Local => Ledger::open(&context.repo, &policy.ledger_branch),
        Which::Offline => Ledger::open_offline(&context.repo, &policy.ledger_branch),
    }?;
    ledger.play(Role::Ledger { genesis: policy.genesis.clone() });
    ledger.accept(&policy.accepted, context.now().date_time().date_naive());
    Ok(ledger)
}

/// Opens the branch of what people record.
///
/// # Errors
/// When it cannot be opened.
pub fn open_notes(context: &Context, policy: &Policy, which: Which) -> Result<Ledger, LedgerError> {
    let (branch, ledger) = (&policy.notes_branch, &policy.ledger_branch);
    let mut notes = match which {
        Which::Shared | Which::Writing => Ledger::open_notes(&context.repo, branch, ledger, true),
        Which::Offline => Ledger::open_notes(&context.repo, branch, ledger, false),
        Which::Local => Ledger::open(&context.repo, branch),
    }?;
    notes.play(Role::Notes { genesis: policy.notes_genesis.clone() });
    notes.accept(&policy.accepted, context.now().date_time().date_naive());
    Ok(notes)
}

/// Proves what was read of the ledger, and adds what people recorded.
///
/// # Errors
/// When who signed the ledger cannot be judged, or the notes cannot be opened.
pub fn prove(
    context: &Context,
    repo: &Repo,
    (policy, policy_rev): (&Policy, Option<&str>),
    which: Which,
    ledger: &Ledger,
    mut view: LedgerView,
) -> Result<(LedgerView, Ledger), LedgerError> {
    let judge = |source| LedgerError::Judge {
        branch: policy.ledger_branch.clone(),
        source: Box::new(source),
    };
    let signers = policy.ledger_signing.required.then(|| policy.ledger_signers());
    let signers = signers.map(|signing| Signers::of(repo, policy_rev, &signing)).transpose();
    let signers = signers.map_err(judge)?;
    let unsigned_until = policy.ledger_signing.unsigned_until.as_deref();
    let signed = signers.as_ref().map(|signers| MustBeSigned { signers, repo, unsigned_until });
    let today = context.now().date_time().date_naive();
    let accepted = &policy.accepted;
    ledger.prove(&mut view, Proof { signed, accepted, today })?;
    let notes = open_notes(context, policy, which)?;
    let proof = Proof { signed: None, accepted, today };
    let noted = notes.read().and_then(|mut noted| {
        notes.prove(&mut noted, proof)?;
        Ok(noted)
    });
    let in_ledger = view.requests();
    match noted {
        Ok(noted) => view.take_notes(noted),
        // Only certificates depend on notes: everything else goes on.
        Err(error) => view.lose_notes(error.sentence_of_notes()),
    }
    let (in_ledger, in_notes): (Lines, Lines) =
        view.requests_in_question().into_iter().partition(|line| in_ledger.contains(line));
    let mut origins = ledger.origins(&in_ledger)?;
    origins.extend(notes.origins(&in_notes)?);
    requests::attribute(&mut view, &origins);
    Ok((view, notes))
}

/// Opens and reads the fleet's ledger. What cannot be read is unknown, which the plan deals with.
///
/// # Errors
/// When the person has to say which remote has the ledger.
pub fn past(loaded: &Loaded, context: &Context, which: Which) -> Result<Past, AppError> {
    let unknown =
        |why| Ok(Past { ledger: None, notes: None, known: Err(why), history: History::default() });
    if let Some(why) = &loaded.blind {
        return unknown(why.clone());
    }
    let opened = open_ledger(context, &loaded.policy, which);
    let key = match which {
        Which::Writing | Which::Local => {
            let rev = loaded.policy_rev.as_deref();
            trust::ledger_key(context, &loaded.repo, &loaded.policy, rev)?
        }
        Which::Shared | Which::Offline => None,
    };
    let mut ledger = match opened {
        Ok(ledger) => ledger,
        Err(error @ LedgerError::WhichRemote { .. }) => return Err(error.into()),
        Err(error) => return unknown(Unknown::Ledger(error.into())),
    };
    if let Some(key) = key {
        ledger.sign_with(key);
    }
    let read = if which == Which::Writing { ledger.begin() } else { ledger.read() };
    let policy = (&loaded.policy, loaded.policy_rev.as_deref());
    let read = read.and_then(|view| prove(context, &loaded.repo, policy, which, &ledger, view));
    let (known, notes) = match read {
        Ok((view, notes)) => (Ok(view.within(context.latest())), Some(notes)),
        Err(error) => (Err(Unknown::Ledger(error.into())), None),
    };
    let (known, history) = match known {
        Ok(mut view) => match history::of(loaded, &view, which) {
            Ok(history) => {
                first_topics::note(loaded, &mut view);
                (Ok(view), history)
            }
            Err(AppError::Base(error)) => (Err(Unknown::Base(error.into())), History::default()),
            Err(error) => return Err(error),
        },
        unknown => (unknown, History::default()),
    };
    Ok(Past { ledger: Some(ledger), notes, known, history })
}

/// Where Intune's state comes from.
#[expect(clippy::large_enum_variant, reason = "one for each run")]
pub enum Intune {
    /// From Graph. The public keys of enrollment tokens that a due upload is encrypted to are read,
    /// too: an ordinary plan costs no request for them.
    Graph(Connector),
    /// From a file, or from what was read before.
    Read(BTreeMap<TenantName, LiveTenant>, plan::Source),
}

/// What a plan is to be made of.
pub struct Wanted {
    pub tree: Tree,
    pub reach: Reach,
    pub which: Which,
    /// Whether everything is only looked at: it signs in with no more than it needs.
    pub reading: bool,
}

/// A plan, and what it was made of.
pub struct Made {
    pub loaded: Loaded,
    pub known: Result<LedgerView, Unknown>,
    pub planned: Planned,
    pub clone: CloneState,
}

impl Made {
    /// What needs a person.
    pub fn attention(&self) -> Attention {
        attention_of(&self.planned.plan, &self.loaded, self.known.as_ref().ok(), &self.clone)
    }
}

/// What needs a person, by a plan and what it was made of.
pub fn attention_of(
    plan: &Plan,
    loaded: &Loaded,
    ledger: Option<&LedgerView>,
    clone: &CloneState,
) -> Attention {
    attention::list(&attention::Input {
        plan,
        fleet: &loaded.fleet,
        ledger,
        policy: &loaded.policy,
        clone,
        earlier: None,
    })
}

/// The whole way from a repository to a plan: load → past → policy → read → plan.
///
/// `intune` says where Intune's state comes from, once the fleet is known.
pub fn plan(
    context: &Context,
    selection: &Selection,
    wanted: &Wanted,
    intune: impl FnOnce(&Loaded) -> Result<Intune, AppError>,
) -> Result<Made, AppError> {
    let mut loaded = load(context, wanted.tree, wanted.reach, selection)?;
    if wanted.reading {
        loaded = loaded.for_reading();
    }
    let past_now = || past(&loaded, context, wanted.which);
    let first = past_now()?;
    let clone = clone::state(context, &loaded, wanted.reach);
    let (Past { known, .. }, planned) = match intune(&loaded)? {
        Intune::Graph(connector) => super::block_on(async {
            let plan_of = async |past: &Past| {
                let known = (&past.known, &past.history);
                Session::new(context, &loaded, selection, known).plan(&connector).await
            };
            let mut past = first;
            let mut planned = plan_of(&past).await?;
            for _ in 0..OVERTAKEN {
                let Some(newer) = newer(&planned, &past, past_now)? else { break };
                past = newer;
                planned = plan_of(&past).await?;
            }
            Ok::<_, AppError>((past, planned))
        })??,
        Intune::Read(live, source) => {
            let known = (&first.known, &first.history);
            let planned = Session::new(context, &loaded, selection, known).make(&live, source)?;
            (first, planned)
        }
    };
    Ok(Made { loaded, known, planned, clone })
}

/// So often a plan is made again because another run wrote meanwhile.
pub const OVERTAKEN: usize = 3;

/// The ledger as it is now, where another run wrote to it while this one read Intune and the plan
/// rests on the difference: without that run's lines, its upload looks like a change outside Git.
///
/// Every upload is announced before it is made, so an upload that Intune showed has its line in a
/// ledger that is read afterwards.
pub fn newer(
    planned: &Planned,
    before: &Past,
    read: impl FnOnce() -> Result<Past, AppError>,
) -> Result<Option<Past>, AppError> {
    let changed = planned.notes.iter().any(|noted| !matches!(noted.note, Note::Observed));
    let tokens = planned.plan.tenants.iter().flat_map(|tenant| &tenant.tokens);
    let held = tokens.into_iter().any(|token| token.action == Action::Hold);
    if !changed && !held && planned.verifies.is_empty() {
        return Ok(None);
    }
    let now = read()?;
    Ok((now.head() != before.head()).then_some(now))
}

/// Everything that a plan is made of besides Intune's state.
pub struct Session<'a> {
    pub context: &'a Context,
    pub loaded: &'a Loaded,
    pub selection: &'a Selection,
    pub known: &'a Result<LedgerView, Unknown>,
    pub history: &'a History,
    pub dead_runs: BTreeSet<String>,
    /// Files that failed are tried again at once.
    pub retry: bool,
}

impl<'a> Session<'a> {
    pub fn new(
        context: &'a Context,
        loaded: &'a Loaded,
        selection: &'a Selection,
        (known, history): (&'a Result<LedgerView, Unknown>, &'a History),
    ) -> Self {
        let dead_runs = match known {
            Ok(view) => dead_runs(context, &loaded.repo, view),
            Err(_) => BTreeSet::new(),
        };
        Self { context, loaded, selection, known, history, dead_runs, retry: false }
    }

    /// Reads Intune and makes the plan of it.
    pub async fn plan(&self, connector: &Connector) -> Result<Planned, AppError> {
        let mut live = read_live(self.context, connector, self.loaded, self.selection).await;
        let planned = self.make(&live, plan::Source::Live)?;
        if self.read_keys(connector, &planned, &mut live).await {
            return self.make(&live, plan::Source::Live);
        }
        Ok(planned)
    }

    /// Makes the plan of what was read; once more where files that would be uploaded are older than
    /// the tenant file says.
    ///
    /// # Errors
    /// When the base's history cannot be read: how old a file is is then unknown.
    pub fn make(
        &self,
        live: &BTreeMap<TenantName, LiveTenant>,
        source: plan::Source,
    ) -> Result<Planned, AppError> {
        let planned = self.make_with(live, source, &Downloads::default());
        let downloads = downloads::of_base(self.loaded, &planned.due)?;
        let mut planned = match downloads.is_empty() {
            true => planned,
            false => self.make_with(live, source, &downloads),
        };
        if let Some(proposed) = &self.loaded.proposed {
            let unknown = self.known.as_ref().err().map(ToString::to_string);
            let now = self.input(live, source, &downloads, unknown.as_deref());
            let as_merged = |base| plan::Base { policy_changed: false, proposed: None, ..base };
            let then = plan::make(&Input {
                policy: &proposed.policy,
                fleet: &proposed.fleet,
                base: now.base.map(as_merged),
                ..now
            });
            planned.plan.after_merge = Some(plan::AfterMerge::of(&planned.plan, &then.plan));
        }
        Ok(planned)
    }

    fn make_with(
        &self,
        live: &BTreeMap<TenantName, LiveTenant>,
        source: plan::Source,
        downloads: &Downloads,
    ) -> Planned {
        let unknown = self.known.as_ref().err().map(ToString::to_string);
        plan::make(&self.input(live, source, downloads, unknown.as_deref()))
    }

    /// Everything that the plan is made of; `unknown` says why the past is, where it is.
    fn input<'i>(
        &'i self,
        live: &'i BTreeMap<TenantName, LiveTenant>,
        source: plan::Source,
        downloads: &'i Downloads,
        unknown: Option<&'i str>,
    ) -> Input<'i> {
        Input {
            now: self.context.now(),
            rev: self.loaded.rev.as_deref(),
            policy_rev: self.loaded.policy_rev.as_deref(),
            policy: &self.loaded.policy,
            base: self.loaded.other.as_ref().map(Other::as_input),
            history: self.history,
            fleet: &self.loaded.fleet,
            downloads,
            selection: self.selection,
            live,
            known: match self.known {
                Ok(view) => Known::Read(view),
                Err(why) => Known::Unknown(why.code(), unknown.unwrap_or_default()),
            },
            source,
            dead_runs: &self.dead_runs,
            retry: self.retry,
        }
    }

    /// Adds to `live` the keys that the due uploads need; says whether there are any, so that the
    /// plan has to be made again with them. A key that cannot be read stays unknown, which the plan
    /// warns about.
    async fn read_keys(
        &self,
        connector: &Connector,
        planned: &Planned,
        live: &mut BTreeMap<TenantName, LiveTenant>,
    ) -> bool {
        let policy = &self.loaded.policy;
        let keys: Vec<(&Due, Reading<String>)> = futures::stream::iter(&planned.due)
            .filter_map(|due| async move {
                let DueWrite::UploadEnrollment { id, encryption_key: None, .. } = &due.write else {
                    return None;
                };
                let request = KeyRequest {
                    tenant_id: due.tenant.tenant_id,
                    auth: policy.auth_of(due.tenant.auth.as_deref())?.clone(),
                    id: id.clone(),
                };
                Some((due, request))
            })
            .map(|(due, request)| async move { (due, connector.encryption_key(&request).await) })
            .buffer_unordered(self.context.parallelism)
            .collect()
            .await;
        let mut any = false;
        for (due, key) in keys {
            let Reading::Present(key) = key else { continue };
            let Some(LiveTenant { enrollment: Reading::Present(tokens), .. }) =
                live.get_mut(&due.tenant.name)
            else {
                continue;
            };
            let id = due.token.token.id.as_ref();
            for token in tokens.iter_mut().filter(|one| Some(&one.id) == id) {
                token.encryption_public_key = Some(key.clone());
                any = true;
            }
        }
        any
    }
}

/// The unfinished runs of this clone that are proved dead, because its apply lock is free. Only
/// asked where a run is unfinished, so that an ordinary plan takes no lock.
fn dead_runs(context: &Context, repo: &Repo, view: &LedgerView) -> BTreeSet<String> {
    let now = context.now();
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
pub fn observed(plan: &Plan) -> Outcome {
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
