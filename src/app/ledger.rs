//! Show, verify, extend the record of what was uploaded and seen.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::download::DownloadError;
use super::session;
use super::{AppError, Context, Reach, trust};
use applecart_core::fleet::{self, Desired, Policy};
use applecart_core::ledger::{self, Filter, LedgerView, ShowReport, VerifyReport};
use applecart_core::model::{LedgerEntry, TenantId, nearest};
use applecart_io::git::{Repo, Signers};
use applecart_io::store::{self, Delivered, Ledger, LedgerError, MustBeSigned};

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
        let open = if offline { Ledger::open_offline } else { Ledger::open_shared };
        Ok(open(&context.repo, &self.policy.ledger_branch)?)
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
    let view = ledger.read()?;
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
    let (fleet, _) = fleet::load_tenants(&record.repo.snapshot(&record.policy_rev)?, None);
    if let Ok(id) = name.parse::<TenantId>()
        && (view.tenants.contains_key(&id) || fleet.iter().any(|one| one.tenant_id() == Some(id)))
    {
        return Ok(());
    }
    let recorded = view.tenants.values().flat_map(|tenant| &tenant.records);
    let recorded = recorded.map(|record| record.name.as_str());
    let known: BTreeSet<&str> = fleet.iter().map(Desired::name).chain(recorded).collect();
    if known.contains(name) {
        return Ok(());
    }
    let near = nearest(name, known).map(str::to_owned);
    let all = Some("applecart ledger show".to_owned());
    let next = ("This shows every tenant of the ledger:".to_owned(), all);
    let place = "neither the fleet nor the ledger".to_owned();
    Err(DownloadError::NoTenant { place, name: name.to_owned(), near, next }.into())
}

/// Whether the record is whole, and signed where the policy asks for it.
pub fn verify(context: &Context, offline: bool) -> Result<VerifyReport, AppError> {
    let record = Record::find(context, Reach::Clone)?;
    let ledger = record.open(context, offline)?;
    let Record { repo, policy, policy_rev } = &record;
    if !policy.ledger_signing.required {
        return Ok(store::verify(&ledger)?);
    }
    let signers = Signers::of(repo, Some(policy_rev), &policy.ledger_signers())?;
    let unsigned_until = policy.ledger_signing.unsigned_until.as_deref();
    let signed = MustBeSigned { signers: &signers, repo, unsigned_until };
    Ok(store::verify_signed(&ledger, signed)?)
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
    let mut ledger = record.open(context, false)?;
    let key = trust::ledger_key(context, &record.repo, &record.policy, Some(&record.policy_rev))?;
    if let Some(key) = key {
        ledger.sign_with(key);
    }
    let published = if publish { Some(ledger.publish()?) } else { None };
    let Some(file) = file else { return Ok(Written { published, appended: None }) };
    let entries = store::read_saved(&file)?;
    let remote = ledger.asked_remote().map(str::to_owned);
    let (delivered, refused) = deliver(&mut ledger, &entries)?;
    let appended = Appended { file, entries: entries.len(), delivered, remote, refused };
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
    let mut tenants: Vec<TenantId> = entries.iter().map(|(tenant, _)| *tenant).collect();
    tenants.sort();
    tenants.dedup();
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
