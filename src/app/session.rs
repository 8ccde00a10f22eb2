//! What the use cases share: desired state, Intune's state and the ledger become a plan.
//!
//! [`plan()`] is the whole way, load → past → policy → read → plan, as one function. A use case that
//! has to do something between the steps (`apply` checks signatures and takes a lock) takes them
//! one by one: [`load`], [`past()`], [`Session::plan`].

pub mod clone;
mod downloads;
mod first_locations;
mod first_topics;
mod live;
mod loaded;
mod past;
mod record;
mod revoked;
pub mod trust;
mod unmerged;

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt as _;

pub use live::{
    NO_PROFILE, apple, asked_apple, asks_apple, connector, look, must_sign_in, read_each,
    read_live, read_tenant, request, signed_in,
};
pub use loaded::{
    Loaded, Proposed, Tree, Unknown, brings_none, ledger_policy, load, policy_of, selected,
};
pub use past::{Past, Which, last_seen, open_ledger, open_notes, past, past_in, prove};
pub use record::Earlier;
pub use revoked::Revoked;
pub use unmerged::Unmerged;
pub(super) use unmerged::say_what_only_this_clone_has;

use super::{AppError, Context, Other, Reach};
use applecart_core::apple::location::Answer;
use applecart_core::attention::{self, Attention, CloneState};
use applecart_core::fleet::Desired;
use applecart_core::ledger::LedgerView;
use applecart_core::model::{
    LiveTenant, Outcome, Reading, Sha256, TenantId, TenantName, Timestamp,
};
use applecart_core::plan::{
    self, Action, Due, DueWrite, Input, Known, Note, Plan, Planned, Selection, TokenState,
};
use applecart_core::rules::bindings::History;
use applecart_core::rules::downloads::Downloads;
use applecart_core::rules::last_known::{Remembered, SeenToken};
use applecart_io::apple::Apple;
use applecart_io::git::Repo;
use applecart_io::intune::{Connector, KeyRequest};
use applecart_io::store::{ApplyLock, Holder, Ledger};

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
    /// The branch of what people record; `None` where it is unknown.
    pub notes: Option<Ledger>,
}

impl Made {
    /// Whether it can be recorded of this tenant, or of the fleet, that somebody was told. What cannot is
    /// not told; that is a matter of its own.
    pub fn can_tell_of(&self, file: TenantId) -> bool {
        self.known.as_ref().is_ok_and(|view| view.notes_unknown(file).is_none())
    }

    /// What needs a person.
    pub fn attention(&self) -> Attention {
        attention_of(&self.planned.plan, &self.loaded, self.known.as_ref().ok(), &self.clone)
    }

    /// Whether anything besides this machine says what day it is: Microsoft's answers to this run, or a
    /// reading of the last day, which was made while they did.
    pub fn clock_is_known(&self, context: &Context) -> bool {
        let now = self.planned.plan.generated_at;
        let is_fresh = |at: Timestamp| {
            let age = now.since(at);
            age >= chrono::Duration::zero() && age <= CLOCK_PROVED_FOR
        };
        context.frozen.is_some()
            || !self.planned.clocks.is_empty()
            || self.attention().readings.values().any(|last| is_fresh(last.at))
    }
}

/// So old a reading may be that says what day it is: clocks do not lose a day in a day.
const CLOCK_PROVED_FOR: chrono::Duration = chrono::Duration::days(1);

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
    let clone = first.seen_in(clone::state(context, &loaded, wanted.reach));
    let (Past { known, notes, .. }, planned) = match intune(&loaded)? {
        Intune::Graph(connector) => {
            let apple = asked_apple(context, &loaded)?;
            let plan_of = async |past: &Past| {
                let known = (&past.known, &past.history);
                let session = Session::new(context, &loaded, selection, known);
                Session { apple: apple.as_ref(), ..session }.plan(&connector).await
            };
            super::block_on(plan_undisturbed(first, past_now, plan_of))??
        }
        Intune::Read(live, source) => {
            let known = (&first.known, &first.history);
            let planned = Session::new(context, &loaded, selection, known).make(&live, source)?;
            (first, planned)
        }
    };
    // A day that was asked about is no mistake of the clock.
    let clock_off = planned.clock_error().filter(|_| context.frozen.is_none());
    let clone = CloneState { clock_off, ..clone };
    Ok(Made { loaded, known, planned, clone, notes })
}

/// So often a plan is made again because another run wrote meanwhile.
const OVERTAKEN: usize = 3;

/// Makes a plan with what was known `first`, and makes it again where another run wrote to the
/// ledger meanwhile; returns it with what it was made with.
pub async fn plan_undisturbed(
    first: Past,
    past_now: impl Fn() -> Result<Past, AppError>,
    plan_of: impl AsyncFn(&Past) -> Result<Planned, AppError>,
) -> Result<(Past, Planned), AppError> {
    let mut past = first;
    let mut planned = plan_of(&past).await?;
    for _ in 0..OVERTAKEN {
        let Some(newer) = newer(&planned, &past, &past_now)? else { break };
        past = newer;
        planned = plan_of(&past).await?;
    }
    Ok((past, planned))
}

/// The ledger as it is now, where another run wrote to it while this one read Intune and the plan
/// rests on the difference: without that run's lines, its upload looks like a change outside Git.
///
/// Every upload is announced before it is made, so an upload that Intune showed has its line in a
/// ledger that is read afterwards.
fn newer(
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
    /// The way to Apple, where Apple is asked.
    pub apple: Option<&'a Apple>,
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
        let (apple, retry) = (None, false);
        Self { context, loaded, selection, known, history, apple, dead_runs, retry }
    }

    /// Reads Intune and makes the plan of it.
    pub async fn plan(&self, connector: &Connector) -> Result<Planned, AppError> {
        let ways = (connector, self.apple);
        let mut live = read_live(self.context, ways, self.loaded, self.selection).await;
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
        if source == plan::Source::Live {
            self.remember(&planned);
        }
        let downloads = downloads::of_base(self.loaded, &planned.due)?;
        let mut planned = match downloads.is_empty() {
            true => planned,
            false => self.make_with(live, source, &downloads),
        };
        if let Some(other) = &self.loaded.other {
            plan::foretell(&mut planned.plan, &self.loaded.policy, &other.as_proposed());
        }
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
            planned.plan.after_merge = Some(plan::AfterMerge {
                signs_in_otherwise: proposed.signs_in_otherwise,
                ..plan::AfterMerge::of(&planned.plan, &then.plan)
            });
        }
        Ok(planned)
    }

    /// Remembers what this run read, for a later one that cannot.
    fn remember(&self, planned: &Planned) {
        // A wrong clock would date it wrongly.
        if planned.clock_error().is_some() {
            return;
        }
        let plan = &planned.plan;
        let now = self.context.now();
        let read = plan.tenants.iter().filter_map(|tenant| {
            let read = tenant.tokens.iter().map(|one| &one.state);
            let read = read.filter(|state| state.sync != plan::Sync::Unobserved);
            let seen = |state: &TokenState| {
                let expires = state.live.as_ref()?.expires?;
                Some(SeenToken { token: state.token(), expires, at: now })
            };
            let tokens: Vec<SeenToken> = read.filter_map(seen).collect();
            let whole = (tenant.observed == plan::Observed::Complete).then_some(now);
            let is_something = whole.is_some() || !tokens.is_empty();
            let name = tenant.name.clone();
            let remembered = Remembered { name, whole, tokens, ..Remembered::default() };
            is_something.then_some((tenant.tenant_id?, remembered))
        });
        self.loaded.repo.remember_readings(read.collect());
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
            real_now: self.context.real_now(),
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
            readings: &self.loaded.readings,
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

/// Remembers which VPP tokens Apple called dead, for runs that have no key to ask with.
pub fn remember_deaths(context: &Context, loaded: &Loaded, said: &BTreeMap<Sha256, Answer>) {
    let now = context.now();
    let tenants = loaded.fleet.iter().filter_map(Desired::valid);
    let files = tenants.flat_map(|tenant| {
        let files = tenant.vpp.iter().filter_map(|token| token.file.as_ref());
        files.map(move |file| ((tenant.tenant_id, &tenant.name), file.sha256))
    });
    let told = files.filter_map(|(tenant, sha256)| match said.get(&sha256)? {
        Answer::Dead(_) => Some((tenant, sha256, Some(now))),
        Answer::Alive(_) => Some((tenant, sha256, None)),
        Answer::Unknown(_) => None,
    });
    loaded.repo.remember_deaths(told);
}

/// The unfinished runs of this clone that are proved dead, because its apply lock is free. Only
/// asked where a run is unfinished, so that an ordinary plan takes no lock.
fn dead_runs(context: &Context, repo: &Repo, view: &LedgerView) -> BTreeSet<String> {
    let now = context.real_now();
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
