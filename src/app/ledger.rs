//! Show, verify, extend the record of what was uploaded and seen.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::download::DownloadError;
use super::replace::{self, New};
use super::session::{self, Earlier, Which, trust};
use super::{AppError, Context, Reach, files};
use applecart_core::fleet::{self, Desired, FLEET_FILE, Policy};
use applecart_core::ledger::{self, Filter, LedgerView, ShowReport, VerifyReport};
use applecart_core::model::{LedgerEntry, TenantId, nearest};
use applecart_io::git::Repo;
use applecart_io::store::{self, Begun, Create, Delivered, Joined, Ledger, LedgerError};

/// The ledger's place and policy.
struct Record {
    repo: Repo,
    policy: Policy,
    policy_rev: String,
}

impl Record {
    /// Only writing needs to know from the base where the ledger is.
    fn find(context: &Context, reach: Reach) -> Result<Self, AppError> {
        let repo = Repo::discover(&context.repo)?;
        let (policy, policy_rev) = session::ledger_policy(&repo, context, reach)?;
        Ok(Self { repo, policy, policy_rev })
    }

    fn open(&self, context: &Context, offline: bool) -> Result<Ledger, AppError> {
        Ok(session::open_ledger(context, &self.policy, Which::of(offline))?)
    }

    /// Opens the ledger to write to it, with the key that signs it.
    fn writer(&self, context: &Context) -> Result<Ledger, AppError> {
        let mut ledger = self.open(context, false)?;
        let rev = Some(self.policy_rev.as_str());
        if let Some(key) = trust::ledger_key(context, &self.repo, &self.policy, rev)? {
            ledger.sign_with(key);
        }
        Ok(ledger)
    }
}

/// Every entry, oldest first; `tenant` is a name or an id.
pub fn show(
    context: &Context,
    tenant: Option<String>,
    offline: bool,
) -> Result<ShowReport, AppError> {
    let record = Record::find(context, Reach::Clone)?;
    let ledger = record.open(context, offline)?;
    let which = Which::of(offline);
    let policy = (&record.policy, Some(record.policy_rev.as_str()));
    let view = ledger.read()?;
    let (view, _) = session::prove(context, &record.repo, policy, which, &ledger, view)?;
    if let Some(name) = &tenant {
        must_be_known(name, &record, &view)?;
    }
    Ok(ledger::show(&view, &Filter { tenant }, ledger.asked_remote()))
}

/// A name or id that neither the fleet nor the ledger has is a slip.
fn must_be_known(name: &str, record: &Record, view: &LedgerView) -> Result<(), AppError> {
    // The name of a tenant whose record is broken is not known.
    if !view.broken.is_empty() {
        return Ok(());
    }
    let recorded = view.tenants.values().flat_map(|tenant| &tenant.records);
    let mut known: BTreeSet<&str> = recorded.map(|record| record.name.as_str()).collect();
    let id = name.parse::<TenantId>().ok();
    if known.contains(name) || id.is_some_and(|id| view.tenants.contains_key(&id)) {
        return Ok(());
    }
    // Reading the fleet takes longer than reading the ledger.
    let (fleet, _) = fleet::load_tenants(&record.repo.snapshot(&record.policy_rev)?, None);
    known.extend(fleet.iter().map(Desired::name));
    if known.contains(name) || fleet.iter().any(|one| id.is_some() && one.tenant_id() == id) {
        return Ok(());
    }
    let near = nearest(name, known).map(str::to_owned);
    let all = Some("applecart ledger show".to_owned());
    let next = ("This shows every tenant of the ledger:".to_owned(), all);
    let place = "neither the fleet nor the ledger".to_owned();
    Err(DownloadError::NoTenant { place, name: name.to_owned(), near, next }.into())
}

/// Whether the record is whole, signed where the policy asks for it, and goes on with the one that the
/// settings named before.
pub fn verify(context: &Context, offline: bool) -> Result<VerifyReport, AppError> {
    let record = Record::find(context, Reach::Clone)?;
    let which = Which::of(offline);
    let Record { repo, policy, policy_rev } = &record;
    let earlier = Earlier::of(repo, Some(policy_rev), policy)?;
    let policy = &earlier.in_force(policy);
    let ledger = session::open_ledger(context, policy, which)?;
    let mut report = trust::verified(context, repo, (policy, policy_rev), &ledger)??;
    let of_notes = session::open_notes(context, policy, which)?;
    let notes = store::verify(&of_notes, context.real_now())?;
    // What is lost or another fleet's is told as that.
    if report.faults.is_empty()
        && let Err(error) = earlier.must_go_on(repo, which, &ledger)
    {
        report = report.with(error.code(), error.sentence());
    }
    if notes.faults.is_empty()
        && let Err(error) = earlier.notes_must_go_on(repo, which, &of_notes)
    {
        report = report.with(error.code(), error.sentence_of_notes());
    }
    let today = context.now().date_time().date_naive();
    Ok(report.without(&policy.accepted, today).with_notes(&policy.notes_branch, notes))
}

/// Why no ledger was begun, or its beginning was not written down.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    #[error("a replacement takes the reason, in 1 to {MAX_REASON} characters; nothing was begun")]
    Reason,
    #[error("the branch {branch} is there and is this fleet's, so it is not replaced")]
    StillThere { branch: String },
    /// `name` is the setting, `genesis` or `notesGenesis`.
    #[error("the branch begins with {genesis}, and applecart.yaml could not be edited")]
    Edit { name: &'static str, genesis: String, source: fleet::EditError },
    #[error("the branch begins with {genesis}, and there is no applecart.yaml to write it into")]
    NoFile { name: &'static str, genesis: String },
}

/// The longest reason for a new ledger.
pub const MAX_REASON: usize = 200;

/// A ledger that was begun or found.
pub struct Created {
    pub begun: Begun,
    pub branch: String,
    pub notes: String,
    /// The remote that has it; `None` where only this clone does.
    pub remote: Option<String>,
    /// Whether applecart.yaml was changed, and so has to be merged.
    pub written: bool,
}

/// Begins the ledger and the notes where there are none, and writes their first commits into
/// applecart.yaml. The reasons say why what no clone has any more is replaced.
pub fn create(
    context: &Context,
    replace: Option<&str>,
    replace_notes: Option<&str>,
) -> Result<Created, AppError> {
    let record = Record::find(context, Reach::Remote)?;
    let mut ledger = record.open(context, false)?;
    let begun = begin(&mut ledger, replace)?;
    let mut notes = session::open_notes(context, &record.policy, Which::Shared)?;
    // Who begins a new ledger because everything is lost has no notes either.
    let is_lost = || must_be_lost(&notes).is_ok();
    let replace_notes = replace_notes.or_else(|| replace.filter(|_| is_lost()));
    let noted = begin(&mut notes, replace_notes)?;
    let written = write_genesis(
        &record.repo,
        [("genesis", &begun.genesis), ("notesGenesis", &noted.genesis)],
    )?;
    Ok(Created {
        begun,
        branch: record.policy.ledger_branch.clone(),
        notes: record.policy.notes_branch.clone(),
        remote: ledger.asked_remote().map(str::to_owned),
        written,
    })
}

fn begin(branch: &mut Ledger, replace: Option<&str>) -> Result<Begun, AppError> {
    let Some(reason) = replace.map(str::trim) else { return Ok(branch.create(&Create::Missing)?) };
    if !(1..=MAX_REASON).contains(&reason.chars().count()) {
        return Err(CreateError::Reason.into());
    }
    must_be_lost(branch)?;
    Ok(branch.create(&Create::Replacing { reason: reason.to_owned() })?)
}

/// Only what no clone has any more is replaced: of anything else, the error says how to bring it
/// back.
fn must_be_lost(ledger: &Ledger) -> Result<(), AppError> {
    match ledger.read() {
        Ok(view) if view.head.is_none() => Ok(()),
        Ok(_) => Err(CreateError::StillThere { branch: ledger.branch().to_owned() }.into()),
        Err(LedgerError::Missing { .. } | LedgerError::Foreign { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Writes first commits into the worktree's applecart.yaml; says whether that changed it.
fn write_genesis(repo: &Repo, beginnings: [(&'static str, &String); 2]) -> Result<bool, AppError> {
    let [(name, genesis), _] = beginnings;
    let no_file = || CreateError::NoFile { name, genesis: genesis.clone() };
    let path = repo.worktree().ok_or_else(no_file)?.join(FLEET_FILE);
    if !path.is_file() {
        return Err(no_file().into());
    }
    let bytes = files::read(&path, files::MAX_READ)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let mut edited = text.clone();
    for (name, genesis) in beginnings {
        edited = fleet::set_ledger(FLEET_FILE, &edited, name, genesis)
            .map_err(|source| CreateError::Edit { name, genesis: genesis.clone(), source })?;
    }
    if edited == text {
        return Ok(false);
    }
    replace::replace(&[New { path, bytes: edited.into_bytes() }])?;
    Ok(true)
}

/// Takes notes that were taken away, or another fleet's, into this fleet's notes.
pub fn join_notes(context: &Context, rev: &str) -> Result<Joined, AppError> {
    let record = Record::find(context, Reach::Remote)?;
    let mut notes = session::open_notes(context, &record.policy, Which::Shared)?;
    Ok(notes.join(rev, &context.author(&record.repo)?, context.real_now())?)
}

/// Takes another ledger into this one.
pub fn join(context: &Context, rev: &str) -> Result<Joined, AppError> {
    let record = Record::find(context, Reach::Remote)?;
    let mut ledger = record.writer(context)?;
    Ok(ledger.join(rev, &context.author(&record.repo)?, context.real_now())?)
}

/// What became of a file's entries.
pub struct Appended {
    pub file: PathBuf,
    pub entries: usize,
    pub delivered: Delivered,
    /// The remote that has the ledger; `None` where only this clone has one.
    pub remote: Option<String>,
    /// Why the entries of single tenants were not recorded.
    pub refused: Vec<LedgerError>,
}

/// What `append` did, step by step.
pub struct Written {
    /// The tip of the ledger that was published; `Some(None)` where there is no ledger yet.
    pub published: Option<Option<String>>,
    pub appended: Option<Appended>,
}

/// Publishes the clone's ledger, then records the entries of a file.
pub fn append(
    context: &Context,
    publish: bool,
    file: Option<PathBuf>,
) -> Result<Written, AppError> {
    let record = Record::find(context, Reach::Remote)?;
    let mut ledger = record.writer(context)?;
    let published = if publish { Some(ledger.publish()?) } else { None };
    let Some(file) = file else { return Ok(Written { published, appended: None }) };
    let entries = store::read_saved(&file)?;
    let remote = ledger.asked_remote().map(str::to_owned);
    let count = entries.len();
    let (noted, entries): (Vec<_>, Vec<_>) =
        entries.into_iter().partition(|(_, entry)| entry.event().is_note());
    let (mut delivered, mut refused) = deliver(&mut ledger, &entries)?;
    if !noted.is_empty() {
        let mut notes = session::open_notes(context, &record.policy, Which::Writing)?;
        let (more, others) = deliver(&mut notes, &noted)?;
        delivered.recorded += more.recorded;
        delivered.known += more.known;
        refused.extend(others);
    }
    let appended = Appended { file, entries: count, delivered, remote, refused };
    Ok(Written { published, appended: Some(appended) })
}

/// All together; where one tenant's entries cannot be recorded, each tenant's by themselves.
fn deliver(
    ledger: &mut Ledger,
    entries: &[(TenantId, LedgerEntry)],
) -> Result<(Delivered, Vec<LedgerError>), AppError> {
    match ledger.deliver(entries) {
        Err(error) if error.is_of_one_tenant() => {}
        delivered => return Ok((delivered?, Vec::new())),
    }
    let tenants: BTreeSet<TenantId> = entries.iter().map(|(tenant, _)| *tenant).collect();
    let mut total = Delivered { recorded: 0, known: 0, head: None };
    let mut refused = Vec::new();
    for tenant in tenants {
        let own: Vec<_> = entries.iter().filter(|(of, _)| *of == tenant).cloned().collect();
        match ledger.deliver(&own) {
            Ok(delivered) => {
                total.recorded += delivered.recorded;
                total.known += delivered.known;
                total.head = delivered.head;
            }
            Err(error) if error.is_of_one_tenant() => refused.push(error),
            Err(error) => return Err(error.into()),
        }
    }
    Ok((total, refused))
}
