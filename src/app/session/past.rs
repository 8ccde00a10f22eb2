//! What happened before: the ledger, what people recorded beside it, and the base's history.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::loaded::{Loaded, Unknown};
use super::record::Earlier;
use super::{first_locations, first_topics, trust};
use crate::app::{AppError, Context};
use applecart_core::attention::CloneState;
use applecart_core::fleet::{Desired, Policy};
use applecart_core::ledger::{LedgerView, Line, Lines, Origin};
use applecart_core::model::{TenantId, sentence};
use applecart_core::rules::bindings::History;
use applecart_core::rules::requests;
use applecart_io::git::{BaseError, Beside, KnownHistory, Repo, Signers, Told};
use applecart_io::store::{Ledger, LedgerError, MustBeSigned, Proof, Role};

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

impl Which {
    /// What a use case that only reads looks at.
    pub fn of(offline: bool) -> Self {
        if offline { Self::Offline } else { Self::Shared }
    }
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
    /// First commits of the record that the settings named and name no more, in words.
    dropped: Vec<String>,
}

impl Past {
    /// What a run sees of its clone, with what the settings no longer say of the record.
    pub fn seen_in(&self, clone: CloneState) -> CloneState {
        CloneState { moved: self.dropped.clone(), ..clone }
    }

    /// The ledger's tip; `None` where there is none or it is unknown.
    pub(super) fn head(&self) -> Option<&str> {
        self.known.as_ref().ok().and_then(|view| view.head.as_deref())
    }
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
    let ledger = match which {
        Which::Shared | Which::Writing => Ledger::open_shared(&context.repo, &policy.ledger_branch),
        Which::Local => Ledger::open(&context.repo, &policy.ledger_branch),
        Which::Offline => Ledger::open_offline(&context.repo, &policy.ledger_branch),
    }?;
    Ok(as_ledger(ledger, context, policy))
}

fn as_ledger(mut ledger: Ledger, context: &Context, policy: &Policy) -> Ledger {
    ledger.play(Role::Ledger { genesis: policy.genesis.clone() });
    ledger.accept(&policy.accepted, context.now().date_time().date_naive());
    ledger.live_by(Arc::clone(&context.clock), Arc::clone(&context.ids));
    ledger
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
    notes.live_by(Arc::clone(&context.clock), Arc::clone(&context.ids));
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
    judge_signatures(repo, (policy, policy_rev), &mut origins);
    requests::attribute(&mut view, &origins);
    Ok((view, notes))
}

/// Says of signed commits whether a signer whom the settings name signed them. Where that cannot be
/// judged, they stay unverified, which is what people are told: nothing depends on it.
fn judge_signatures(
    repo: &Repo,
    (policy, policy_rev): (&Policy, Option<&str>),
    origins: &mut BTreeMap<Line, Origin>,
) {
    let signing = &policy.signing;
    let mut signed: Vec<&mut Origin> =
        origins.values_mut().filter(|origin| origin.commit.signature.is_some()).collect();
    let names_nobody = signing.signers.is_none() && signing.openpgp_keys.is_none();
    if signed.is_empty() || names_nobody {
        return;
    }
    let commits: Vec<String> = signed.iter().map(|origin| origin.commit.id.clone()).collect();
    let commits: Vec<&str> = commits.iter().map(String::as_str).collect();
    let found =
        Signers::of(repo, policy_rev, signing).and_then(|signers| signers.verify(repo, &commits));
    match found {
        Ok(found) => {
            for (origin, signature) in signed.iter_mut().zip(found) {
                origin.signature = Some(signature.to_string());
            }
        }
        Err(error) => tracing::warn!("the notes' signatures were not verified: {error}"),
    }
}

/// Opens and reads the fleet's ledger. What cannot be read is unknown, which the plan deals with.
///
/// # Errors
/// When the person has to say which remote has the ledger.
pub fn past(loaded: &Loaded, context: &Context, which: Which) -> Result<Past, AppError> {
    past_of(loaded, context, which, |policy| open_ledger(context, policy, which))
}

/// The same of a ledger that was opened otherwise, such as one whose remote is in memory.
pub fn past_in(
    ledger: Ledger,
    loaded: &Loaded,
    context: &Context,
    which: Which,
) -> Result<Past, AppError> {
    past_of(loaded, context, which, |policy| Ok(as_ledger(ledger, context, policy)))
}

fn past_of(
    loaded: &Loaded,
    context: &Context,
    which: Which,
    open: impl FnOnce(&Policy) -> Result<Ledger, LedgerError>,
) -> Result<Past, AppError> {
    let unknown = |why| {
        let history = History::default();
        Ok(Past { ledger: None, notes: None, known: Err(why), history, dropped: Vec::new() })
    };
    if let Some(why) = &loaded.blind {
        return unknown(why.clone());
    }
    let earlier = match earlier(loaded, which) {
        Ok(earlier) => earlier,
        Err(AppError::Base(error)) => return unknown(Unknown::Base(error.into())),
        Err(error) => return Err(error),
    };
    let policy = earlier.in_force(&loaded.policy);
    let opened = open(&policy);
    let key = match which {
        Which::Writing | Which::Local => {
            let rev = loaded.policy_rev.as_deref();
            trust::ledger_key(context, &loaded.repo, &policy, rev)?
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
    let read = read.and_then(|view| {
        earlier.must_go_on(&loaded.repo, which, &ledger)?;
        let policy = (&policy, loaded.policy_rev.as_deref());
        let (mut view, notes) = prove(context, &loaded.repo, policy, which, &ledger, view)?;
        if let Err(error) = earlier.notes_must_go_on(&loaded.repo, which, &notes) {
            view.lose_notes(error.sentence_of_notes());
        }
        Ok((view, notes))
    });
    let (known, notes) = match read {
        Ok((view, notes)) => (Ok(view.within(context.real_now())), Some(notes)),
        Err(error) => (Err(Unknown::Ledger(error.into())), None),
    };
    let (known, history) = match known {
        Ok(mut view) => match bound_history(loaded, &view, which) {
            Ok((mut told, is_whole)) => {
                if let Some(told) = told.as_ref().filter(|_| is_whole) {
                    view = told_only_of_the_fleets(view, loaded, told);
                }
                hear_beside(loaded, told.as_mut(), which);
                first_topics::note(loaded, told.as_ref(), &mut view);
                first_locations::note(loaded, told.as_ref(), &mut view);
                (Ok(view), told.unwrap_or_default().bindings)
            }
            Err(AppError::Base(error)) => (Err(Unknown::Base(error.into())), History::default()),
            Err(error) => return Err(error),
        },
        unknown => (unknown, History::default()),
    };
    let dropped = earlier.dropped(&loaded.policy);
    Ok(Past { ledger: Some(ledger), notes, known, history, dropped })
}

/// What the settings named of the record before. What this clone lacks of the history is fetched.
///
/// # Errors
/// When it cannot be fetched: a record is never taken for the first one because nothing is there
/// that says otherwise.
fn earlier(loaded: &Loaded, which: Which) -> Result<&Earlier, AppError> {
    if let Some(earlier) = loaded.earlier.get() {
        return Ok(earlier);
    }
    let read = read_earlier(loaded, which)?;
    Ok(loaded.earlier.get_or_init(|| read))
}

fn read_earlier(loaded: &Loaded, which: Which) -> Result<Earlier, AppError> {
    let read = Earlier::of(&loaded.repo, loaded.tip(), &loaded.policy);
    match (&loaded.base, read) {
        // Nothing is contacted, and nothing that comes of it is applied.
        (_, read) if which == Which::Offline => Ok(read.unwrap_or_default()),
        (Some(base), read) if loaded.repo.is_shallow() || read.is_err() => {
            loaded.repo.fetch_history(base)?;
            Ok(Earlier::of(&loaded.repo, loaded.tip(), &loaded.policy)?)
        }
        (_, read) => Ok(read?),
    }
}

/// What the base's history tells, up to the base, else to the planned commit, and along the commits
/// that the ledger says were applied. What this clone lacks of it is fetched. `None` for a worktree that
/// is its own base, where nothing is committed yet.
///
/// # Errors
/// When it cannot be fetched: that something belongs to nobody is never inferred from a history
/// that is not there.
fn bound_history(
    loaded: &Loaded,
    ledger: &LedgerView,
    which: Which,
) -> Result<(Option<Told>, bool), AppError> {
    let records = ledger.tenants.values().flat_map(|tenant| &tenant.records);
    let applied: BTreeSet<String> = records.filter_map(|record| record.rev.clone()).collect();
    let repo = &loaded.repo;
    let planned = loaded.rev.as_deref();
    let Some(tip) = loaded.base.as_ref().map(|base| base.commit.as_str()).or(planned) else {
        return Ok((of_worktree(repo, &applied), false));
    };
    match (repo.bound_history(tip, &applied)?, &loaded.base) {
        (KnownHistory::Whole(told), _) => Ok((Some(told), true)),
        // Nothing is contacted, and nothing that comes of it is applied.
        (KnownHistory::Part(told), _) if which == Which::Offline => Ok((Some(told), false)),
        (KnownHistory::Part(told), None) => Ok((Some(told), false)),
        (KnownHistory::Part(_), Some(base)) => {
            repo.fetch_history(base)?;
            // libgit2 remembers where a clone was cut off.
            match repo.reopen()?.bound_history(tip, &applied)? {
                KnownHistory::Whole(told) => Ok((Some(told), true)),
                KnownHistory::Part(_) => {
                    Err(BaseError::History { base: base.clone(), source: None }.into())
                }
            }
        }
    }
}

/// Sets aside what the notes tell of tenants that neither the fleet, the base's whole history nor the ledger
/// has.
fn told_only_of_the_fleets(view: LedgerView, loaded: &Loaded, told: &Told) -> LedgerView {
    let of_base = loaded.other.iter().flat_map(|other| &other.tenants);
    let today = loaded.fleet.iter().chain(of_base).filter_map(Desired::tenant_id);
    let known = today.chain(told.bindings.tenants()).chain(view.tenants.keys().copied());
    let known: BTreeSet<TenantId> = known.collect();
    view.told_only_of(|id| known.contains(&id))
}

/// Adds what would be in the history once the planned revision is merged, so that what is held after the
/// merge is held before it, and whose the files are that wait on branches: the first that is merged is
/// not the first that had one.
fn hear_beside(loaded: &Loaded, told: Option<&mut Told>, which: Which) {
    let (Some(told), Some(base)) = (told, &loaded.base) else { return };
    let planned = loaded.rev.iter().map(|rev| Beside { commit: rev.clone(), branch: None });
    let heard = loaded.renewals(which != Which::Offline).and_then(|branches| {
        let waiting = branches.iter().cloned().map(Beside::from);
        let all: Vec<Beside> = planned.chain(waiting).collect();
        loaded.repo.reopen()?.hear_beside(told, &base.commit, &all)
    });
    // They bind no more than what is merged, which was read.
    if let Err(error) = heard {
        tracing::warn!("whose the files on open branches are is unknown: {}", sentence(&error));
    }
}

/// A worktree that is its own base binds by itself: its commits tell only about topics.
fn of_worktree(repo: &Repo, applied: &BTreeSet<String>) -> Option<Told> {
    match repo.bound_history("HEAD", applied) {
        Ok(KnownHistory::Whole(told) | KnownHistory::Part(told)) => {
            Some(Told { bindings: History::default(), ..told })
        }
        Err(error) => {
            tracing::warn!("which topics the fleet named first is unknown: {}", sentence(&error));
            None
        }
    }
}

/// The ledger as this clone saw it last; nothing is contacted, and what cannot be proved is not there.
pub fn last_seen(context: &Context, repo: &Repo, policy: &Policy) -> Option<LedgerView> {
    let ledger = open_ledger(context, policy, Which::Offline).ok()?;
    let view = ledger.read().ok()?;
    let proved = prove(context, repo, (policy, None), Which::Offline, &ledger, view).ok()?;
    Some(proved.0.within(context.real_now()))
}
