//! The customer's word that a renewal works.

use std::time::Duration;

use super::download::DownloadError;
use super::session::{self, Loaded, Past, Tree, Unknown, Which};
use super::{AppError, Context, Reach};
use applecart_core::fleet::{Desired, Tenant};
use applecart_core::ledger::LedgerView;
use applecart_core::model::{
    Author, EntryBody, Event, LedgerEntry, Record, TenantName, Timestamp, TokenRef,
};
use applecart_core::plan::Selection;
use applecart_io::store::{ApplyLock, Holder};

/// How long another apply of this clone is waited for.
const LOCK_WAIT: Duration = Duration::from_secs(60);

/// Longest text that a person writes here, in characters.
pub const MAX_TEXT: usize = 2_000;

#[derive(Debug)]
pub struct Options {
    pub tenant: String,
    /// A kind, or a token's name or id.
    pub token: Option<String>,
    /// Who of the customer confirmed it, and what they said.
    pub by: Option<String>,
    pub note: Option<String>,
}

/// The uploads of one tenant that a person looked at and confirmed in the notes.
pub struct Acknowledged {
    pub tenant: TenantName,
    /// The confirmed uploads.
    pub uploads: Vec<ConfirmedUpload>,
    /// The notes' newest commit.
    pub head: Option<String>,
}

/// An upload that the customer confirmed.
pub struct ConfirmedUpload {
    pub token: TokenRef,
    pub at: Timestamp,
    /// When a run last read that Intune has it; `None` where none did. Intune is not read here.
    pub seen: Option<Timestamp>,
}

/// Why nothing was recorded.
#[derive(Debug, thiserror::Error)]
pub enum AcknowledgeError {
    #[error("--by and --note take 1 to {MAX_TEXT} characters")]
    Text,
    #[error("every upload of {what} is confirmed already, last on {at} in run {run}")]
    Already { what: String, at: Timestamp, run: String },
    #[error("the ledger has no upload of {what} that could be confirmed")]
    NoUpload { what: String, tenant: TenantName },
    /// The ledger, or the base that says where it is, is unknown.
    #[error(transparent)]
    Unknown(Unknown),
    /// The tenant's own record is damaged.
    #[error("{0}")]
    Broken(String),
}

pub(super) fn unknown_tenant(name: &str, near: Option<String>) -> AppError {
    let say = "Name a tenant of the fleet. This lists them:".to_owned();
    let next = (say, Some("applecart status --offline --all".to_owned()));
    DownloadError::NoTenant { place: "the fleet".to_owned(), name: name.to_owned(), near, next }
        .into()
}

/// The fleet, and the one tenant of it that has this name. A pattern would say of several customers what is
/// so of one.
pub(super) fn load_tenant(context: &Context, name: &str) -> Result<(Loaded, Tenant), AppError> {
    let unknown = |near| unknown_tenant(name, near);
    let name: TenantName = name.parse().map_err(|_| unknown(None))?;
    let selection = Selection::parse(&[name.as_str().to_owned()])?;
    let loaded = session::load(context, Tree::Commit, Reach::Remote, &selection);
    let loaded = loaded.map_err(|error| match error {
        AppError::NothingSelected { near, .. } => unknown(near),
        error => error,
    })?;
    let mut tenants = loaded.fleet.iter().filter_map(Desired::valid);
    let tenant = tenants.find(|tenant| tenant.name == name).ok_or_else(|| unknown(None))?.clone();
    Ok((loaded, tenant))
}

/// Records the confirmation for each named token that has an unconfirmed upload.
pub fn run(context: &Context, options: &Options) -> Result<Acknowledged, AppError> {
    for text in [&options.by, &options.note].into_iter().flatten() {
        if text.trim().is_empty() || text.chars().count() > MAX_TEXT {
            return Err(AcknowledgeError::Text.into());
        }
    }
    let (loaded, tenant) = load_tenant(context, &options.tenant)?;
    if let Some(why) = loaded.blind {
        return Err(AcknowledgeError::Unknown(why).into());
    }
    let actor = context.environment.actor();
    let run = context.ids.uuid().to_string();
    let holder = Holder { run: run.clone(), host: actor.host.clone(), since: context.real_now() };
    let lock = ApplyLock::acquire(
        &loaded.repo.path_common_dir(),
        &holder,
        Some((&*context.clock, LOCK_WAIT)),
    )?;
    let author = Author { run, clone: lock.clone_id().to_string(), actor };
    let Past { notes, known, .. } = session::past(&loaded, context, Which::Shared)?;
    let view = known.map_err(AcknowledgeError::Unknown)?;
    if let Some(why) = view.unknown_of(tenant.tenant_id) {
        return Err(AcknowledgeError::Broken(why.to_owned()).into());
    }
    let waiting = waiting(&view, &tenant, options.token.as_deref())?;
    let word = |upload: &&Record| {
        let (by, note) = (options.by.clone(), options.note.clone());
        let body = EntryBody::Acknowledged { sha256: upload.sha256()?, by, note };
        let (name, token) = (tenant.name.clone(), upload.token.clone());
        let entry = LedgerEntry::new(context.real_now(), name, token, &author, body);
        Some((tenant.tenant_id, LedgerEntry { rev: upload.rev.clone(), ..entry }))
    };
    let drafts: Vec<_> = waiting.iter().filter_map(word).collect();
    let head = match notes {
        Some(mut notes) => notes.deliver(&drafts)?.head,
        None => None,
    };
    let past = view.tenant(tenant.tenant_id);
    let confirmed = |upload: &&Record| {
        let token = upload.token.as_ref()?;
        let proof = upload.sha256().and_then(|sha256| past.proof(token, sha256));
        let (token, seen) = (token.clone(), proof.map(|proof| proof.at));
        Some(ConfirmedUpload { token, at: upload.at, seen })
    };
    let uploads = waiting.iter().filter_map(confirmed).collect();
    Ok(Acknowledged { tenant: tenant.name.clone(), uploads, head })
}

/// The uploads that wait for the customer's confirmation.
fn waiting<'a>(
    view: &'a LedgerView,
    tenant: &Tenant,
    wanted: Option<&str>,
) -> Result<Vec<&'a Record>, AcknowledgeError> {
    let past = view.tenant(tenant.tenant_id);
    let mut tokens: Vec<&TokenRef> = Vec::new();
    for token in past.records.iter().rev().filter_map(|record| record.token.as_ref()) {
        if !tokens.iter().any(|known| known.same_token(token)) {
            tokens.push(token);
        }
    }
    let is_called = |token: &TokenRef| {
        wanted.is_none_or(|wanted| {
            token.kind.as_str() == wanted
                || token.name.as_deref() == Some(wanted)
                || token.id.as_deref().is_some_and(|id| id.eq_ignore_ascii_case(wanted))
        })
    };
    tokens.retain(|token| is_called(token));
    tokens.sort_by_key(|token| token.kind);
    let waiting: Vec<&Record> =
        tokens.iter().filter_map(|token| past.unacknowledged(token)).collect();
    if !waiting.is_empty() {
        return Ok(waiting);
    }
    let what = match wanted {
        None => tenant.name.to_string(),
        Some(token) => format!("{}/{token}", tenant.name),
    };
    let last = tokens
        .iter()
        .filter_map(|token| past.of(token).rfind(|one| one.event() == Event::Acknowledged))
        .max_by_key(|record| record.at);
    Err(match last {
        Some(last) => AcknowledgeError::Already { what, at: last.at, run: last.run.clone() },
        None => AcknowledgeError::NoUpload { what, tenant: tenant.name.clone() },
    })
}
