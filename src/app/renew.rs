//! Renewals: the sheet that opens one, and the branch that brings the file that Apple gave out.

mod account;
mod batch;
mod csr;
mod key;
mod propose;

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::Duration;

use super::download::{self, AskAccount, DownloadError, DownloadOptions};
use super::session::{self, Loaded, Past, Which, clone};
use super::{AppError, Context, Reach};
use applecart_core::attention::{CloneState, OpenRenewal};
use applecart_core::fleet::{self, Desired, Source, Tenant};
use applecart_core::model::{Kind, LiveTenant, TenantName, Timestamp};
use applecart_core::plan::Selection;
use applecart_core::renewal::due::{self, Due, DueError};
use applecart_core::renewal::forecast::{self, Upcoming};
use applecart_core::renewal::{sitting, split_spec};
use applecart_core::report::{
    Proposal, RENEW_FORMAT_VERSION, Sheet, Sheets, Sitting, complete_sheet,
};
use applecart_core::rules::bindings::Bindings;
use applecart_io::git::network::Pushed;
use applecart_io::git::{GitError, Repo};

pub use account::{AccountOptions, move_account};
pub use batch::{Answer, Batch, BatchOptions, bring_all};
pub(super) use csr::recorded_request;
pub use propose::Failed;

/// Why a renewal was not opened or brought, besides what speaks against the file.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    #[error(transparent)]
    Due(#[from] DueError),
    #[error("--public-key is for enrollment tokens, and none of these is one")]
    NoKey,
    #[error("--push needs a remote, and this repository has none")]
    NoRemote,
    #[error("there is no file to bring in {}", .0.display())]
    NoFiles(PathBuf),
    #[error(
        "the branch {branch} exists already, with another file or Apple Account than this one; nothing was written"
    )]
    Exists {
        branch: String,
        remote: Option<String>,
        here: bool,
        /// When the branch's enrollment file was downloaded, where this one was downloaded later.
        ended: Option<Timestamp>,
    },
    #[error(
        "this token was downloaded on {downloaded}, and the branch {branch} brings one of {later}: Apple ended this one with that download; nothing was written"
    )]
    EndedByLater { branch: String, remote: Option<String>, downloaded: Timestamp, later: Timestamp },
    #[error("the branch {branch} was made in this clone, but {remote} did not take it: {why}")]
    NotPushed { branch: String, remote: String, why: Box<NotPushed> },
}

/// Why a remote did not take a branch.
#[derive(Debug, thiserror::Error)]
pub enum NotPushed {
    #[error("another commit was pushed there meanwhile")]
    Moved,
    #[error(
        "it is busy with another push, or one of its branches has the name of a folder of this one (git ls-remote {remote} lists them)"
    )]
    Busy { remote: String },
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Git(GitError),
}

/// What is to be opened.
pub struct OpenOptions {
    pub which: WhichTokens,
    pub selection: Selection,
    pub csr: CsrSource,
    /// Whether only a topic that devices know and Intune lacks is brought back.
    pub restore: bool,
    /// Whether Intune's public keys of enrollment tokens are saved in any case; then no request for
    /// Apple is.
    pub public_key: bool,
    /// The folder that requests for Apple and public keys are saved in.
    pub out: PathBuf,
    pub by_account: Option<ByAccount>,
}

pub enum WhichTokens {
    /// `TENANT` for all of its tokens, or `TENANT/TOKEN` for one.
    Named(String),
    /// Every selected token that expires within this time.
    DueWithin(Duration),
}

/// That renewals are ordered for one sitting.
#[derive(Clone, Copy, Debug)]
pub struct ByAccount {
    /// More renewals than this in one week collide.
    pub per_week: usize,
}

/// Where requests for Apple come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CsrSource {
    /// The notes while a renewal is open, else Intune.
    Recorded,
    /// The recorded one whose key's SHA-256 begins so, which a person vouches for.
    Chosen(String),
    /// Intune, although a renewal is open.
    New,
    /// None is given out: read permissions suffice, and nothing is recorded.
    None,
}

/// What is brought as a branch.
pub struct BringOptions {
    pub download: DownloadOptions,
    /// `TENANT` for all of its tokens, or `TENANT/TOKEN` for one.
    pub token: String,
    pub branch: BranchOptions,
}

#[derive(Clone, Copy, Debug)]
pub struct BranchOptions {
    pub push: bool,
    /// Whether the branch has the line, too, that releases the upload of a certificate which brings back
    /// the topic that devices know.
    pub restore: bool,
    /// Seal with age in a fleet that uses SOPS.
    pub age: bool,
}

/// The revision that branches go on from.
#[derive(Clone, Debug)]
pub struct Start {
    /// Its name for people.
    pub name: String,
    pub commit: String,
}

/// The fleet at the base: what renewals go on from, because reviewers have agreed to it.
pub(super) struct Ground {
    pub(super) loaded: Loaded,
    pub(super) source: Source,
    pub(super) start: Start,
    /// Where branches are pushed to; `None` where there is no remote.
    pub(super) remote: Option<String>,
}

impl Ground {
    /// Reads the fleet at the base: what `plan` judges by, so that a branch brings one file and
    /// nothing else that is not merged yet. Without a remote it is `--rev`.
    pub(super) fn load(context: &Context, selection: &Selection) -> Result<Self, AppError> {
        let repo = Repo::discover(&context.repo)?;
        let base = super::find_base(&repo, context, Reach::Remote)?;
        let (name, rev) = match &base {
            Some(base) => (base.name.clone(), base.commit.clone()),
            None => (repo.name_of(&context.rev), context.rev.clone()),
        };
        let source = repo.snapshot(&rev)?;
        let commit = repo.resolve(&rev)?;
        let policy = session::policy_of(context, &source)?;
        let in_force = (base.as_ref(), Some(commit.as_str()));
        let unmerged = session::Unmerged::told(context, &repo, in_force, &policy);
        let (fleet, _) = fleet::load_tenants(&source, Some(&policy));
        let remote = repo.fleet_remote()?;
        AppError::check_selection(selection, &fleet)?;
        let rev = Some(commit.clone());
        let loaded = Loaded::new(repo, base, policy, fleet);
        let loaded = Loaded { rev: rev.clone(), policy_rev: rev, unmerged, ..loaded };
        Ok(Self { loaded, source, start: Start { name, commit }, remote })
    }

    /// Pushes a branch of this clone; `None` where there is no remote.
    pub(super) fn push(&self, branch: &str, commit: &str) -> Result<Option<bool>, RenewError> {
        let Some(remote) = self.remote.clone() else { return Ok(None) };
        let why = match self.loaded.repo.push_branch(&remote, branch, commit) {
            Ok(Pushed::Done) => return Ok(Some(true)),
            Ok(Pushed::Moved) => NotPushed::Moved,
            Ok(Pushed::Busy) => NotPushed::Busy { remote: remote.clone() },
            Ok(Pushed::Refused { reason }) => NotPushed::Refused(reason),
            Err(error) => NotPushed::Git(error),
        };
        Err(RenewError::NotPushed { branch: branch.to_owned(), remote, why: Box::new(why) })
    }

    fn tenant(&self, name: &str) -> Result<&Tenant, AppError> {
        let next = ("If it is new, merge its folder first".to_owned(), None);
        download::tenant(&self.loaded.fleet, name, &self.start.name, next)
    }

    /// The ledger that all clones share.
    fn past(&self, context: &Context) -> Result<Past, AppError> {
        session::past(&self.loaded, context, Which::Shared)
    }

    /// What belongs to which tenant.
    fn bindings<'a>(&'a self, past: &'a Past) -> Bindings<'a> {
        Bindings::of(&self.loaded.fleet, None, past.known.as_ref().ok(), &past.history)
    }
}

/// Opens renewals: a sheet for each token, and of push certificates the request for Apple.
pub fn open(options: &OpenOptions, context: &Context) -> Result<(Sheets, CloneState), AppError> {
    let mut ground = Ground::load(context, &options.selection)?;
    if options.csr == CsrSource::None || options.public_key {
        ground.loaded = ground.loaded.for_reading();
    }
    // Reading one tenant is reading a selection of one.
    let selection = match &options.which {
        WhichTokens::Named(spec) => {
            Selection::parse(&[ground.tenant(split_spec(spec).0)?.name.to_string()])?
        }
        WhichTokens::DueWithin(_) => options.selection.clone(),
    };
    let connector = session::signed_in(context, &ground.loaded, &selection)?;
    // A certificate that Apple took back is due at once, whatever its date says.
    let apple = session::asked_apple(context, &ground.loaded)?;
    let ways = (&connector, apple.as_ref());
    let live = super::block_on(session::read_live(context, ways, &ground.loaded, &selection))?;
    let now = context.now();
    let selected = session::selected(&ground.loaded.fleet, &selection);
    // What devices know, and what belongs to whom, is on record.
    let past = ground.past(context)?;
    let known = past.known.as_ref().ok();
    let all = Due::all(selected, &live, known, &ground.loaded.policy);
    let upcoming = options.by_account.map(|_| upcoming(options, &all, now));
    let due = asked_for(options, all, ground.loaded.policy.renew_before, now)?;

    let clone = clone::state(context, &ground.loaded, Reach::Remote);
    let mut sheets = blank_sheets(&due, &ground, &past, &clone, now);
    if options.public_key || options.csr != CsrSource::None {
        key::attach(options, &due, &mut sheets, &ground, &connector)?;
    }
    if !options.public_key && options.csr != CsrSource::None {
        let pushes: Vec<_> = due
            .iter()
            .zip(&mut sheets)
            .filter(|(due, sheet)| due.is_push() && !sheet.waiting && sheet.open.is_none())
            .filter(|(_, sheet)| sheet.wrong_destination.is_none())
            .collect();
        if !pushes.is_empty() {
            csr::attach(options, pushes, past, &ground, &connector, context)?;
        }
    }
    // The steps name the request's file, so they come last.
    sheets.iter_mut().for_each(complete_sheet);
    let sitting = options.by_account.zip(upcoming).map(|(ByAccount { per_week }, upcoming)| {
        let forecast = forecast::forecast(&upcoming, now, per_week);
        Sitting { sign_ins: sitting::order(&mut sheets), forecast }
    });
    let sheets = Sheets {
        format_version: RENEW_FORMAT_VERSION.to_owned(),
        generated_at: now,
        base: ground.start.commit,
        sheets,
        selected: !selection.is_all(),
        not_read: not_read(&ground.loaded.fleet, &selection, &live),
        sitting,
    };
    Ok((sheets, clone))
}

/// Every token with its expiry; those that are due are renewed in this sitting.
fn upcoming(options: &OpenOptions, all: &[Due<'_>], now: Timestamp) -> Vec<Upcoming> {
    let is_due = |due: &Due<'_>| match options.which {
        WhichTokens::Named(_) => true,
        WhichTokens::DueWithin(within) => due.is_within(within, now),
    };
    let is_renewed = |due: &Due<'_>| is_due(due) && !due.is_waiting(now);
    all.iter().map(|due| due.upcoming(is_renewed(due), now)).collect()
}

/// The tenants of which not everything was read, among those that are asked for.
fn not_read(
    fleet: &[Desired],
    selection: &Selection,
    live: &BTreeMap<TenantName, LiveTenant>,
) -> Vec<String> {
    let is_read = |tenant: &&Tenant| {
        live.get(&tenant.name)
            .is_some_and(|live| Kind::ALL.into_iter().all(|kind| live.problem(kind).is_none()))
    };
    let unread = session::selected(fleet, selection).filter(|tenant| !is_read(tenant));
    // Whom an expression selects that cannot be read is not known either.
    let invalid = fleet.iter().filter(|one| one.valid().is_none()).map(Desired::name);
    unread.map(|tenant| tenant.name.as_str()).chain(invalid).map(str::to_owned).collect()
}

/// Those of the tokens that are to be renewed, most urgent first.
fn asked_for<'a>(
    options: &OpenOptions,
    mut due: Vec<Due<'a>>,
    renew_before: Duration,
    now: Timestamp,
) -> Result<Vec<Due<'a>>, RenewError> {
    match &options.which {
        WhichTokens::Named(spec) => {
            let (name, wanted) = split_spec(spec);
            due = due::choose(due, name, wanted, renew_before, now)?;
        }
        WhichTokens::DueWithin(within) => due.retain(|due| due.is_within(*within, now)),
    }
    if options.restore {
        due.retain(|due| due.lost.is_some());
        if let (WhichTokens::Named(spec), true) = (&options.which, due.is_empty()) {
            let tenant = split_spec(spec).0.to_owned();
            return Err(DueError::NothingLost { tenant }.into());
        }
    }
    due.sort_by_key(Due::urgency);
    Ok(due)
}

/// The sheets, without a request for Apple or a key.
fn blank_sheets(
    due: &[Due<'_>],
    ground: &Ground,
    past: &Past,
    clone: &CloneState,
    now: Timestamp,
) -> Vec<Sheet> {
    let (bindings, moves) = (ground.bindings(past), &ground.loaded.policy.moves);
    let today = now.date_time().date_naive();
    let sheet = |due: &Due<'_>| Sheet {
        open: open_branch(clone, due),
        wrong_destination: bindings.folder_conflict(due.tenant, moves, today),
        ..due.sheet(now)
    };
    due.iter().map(sheet).collect()
}

/// The branch on which a new file of the token waits already.
fn open_branch(clone: &CloneState, due: &Due<'_>) -> Option<OpenRenewal> {
    let is_its = |open: &&OpenRenewal| {
        due.tenant.name.as_str() == open.tenant && open.token.same_token(&due.token.token)
    };
    clone.open_renewals.iter().find(is_its).cloned()
}

/// Brings one file; of one that is not brought, as much as is known of it.
pub fn bring(
    options: BringOptions,
    context: &Context,
    ask: AskAccount<'_>,
) -> Result<(Start, Result<Proposal, Box<Failed>>), AppError> {
    let ground = Ground::load(context, &Selection::parse(&[])?)?;
    let (name, wanted) = split_spec(&options.token);
    let tenant = ground.tenant(name)?;
    if options.download.file.is_dir() {
        return Err(DownloadError::Folder(options.download.file).into());
    }
    let mut past = ground.past(context)?;
    let bench = propose::Bench::new(&ground, &mut past, options.branch, context)?;
    let brought = bench.propose(options.download, tenant, wanted, ask);
    Ok((ground.start.clone(), brought))
}

#[cfg(test)]
mod tests {
    use applecart_core::renewal::proposal::folder;

    #[test]
    fn git_takes_every_tenants_name_as_a_part_of_a_branchs() {
        for name in ["contoso.co-uk_1", "a..b", "a.-b", "a--b", "key.lock", "key-lock"] {
            let part = folder(&name.parse().unwrap());
            let whole = format!("refs/heads/renew/{part}/push-2027-11-20");
            assert!(git2::Reference::is_valid_name(&whole), "{whole}");
        }
    }
}
