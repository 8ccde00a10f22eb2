//! Intune's signing requests: read once a renewal, recorded, and handed out again.
//!
//! Whether Intune makes a new key pair at each reading is not documented. If it does, a second
//! reading voids a certificate that is on its way, so an open renewal's request comes from the
//! ledger. It is handed out only once it is recorded where every clone sees it.

use futures::StreamExt as _;

use super::Args;
use super::ground::Ground;
use super::open::{Due, request_name};
use crate::app::replace::{self, New};
use crate::app::session::Past;
use crate::app::trust;
use crate::cli::error::CliError;
use crate::cli::global::Context;
use applecart_core::apple;
use applecart_core::ledger::{Author, Draft, LedgerView};
use applecart_core::model::{
    Event, Kind, Problem, ProblemCode, Reading, Record, Resource, Sha256, TenantId, Timestamp,
};
use applecart_core::report::{CsrOrigin, Sheet, SheetCsr};
use applecart_io::intune::{Connector, IntuneRead as _};
use applecart_io::store::{CloneId, Ledger, LedgerError};

/// A request that may be handed out.
struct Ready {
    text: String,
    key: Sha256,
    opened_at: Timestamp,
    origin: CsrOrigin,
}

/// A request that Intune gave and that is to be recorded.
struct Fetched {
    at: usize,
    tenant: TenantId,
    draft: Draft,
}

/// Gives every push sheet its request, or the problem that keeps it from one.
pub(super) fn attach(
    args: &Args,
    sheets: &mut [Sheet],
    due: &[Due<'_>],
    ground: &Ground,
    connector: &Connector,
    context: &Context,
) -> Result<(), CliError> {
    let places: Vec<usize> = (0..due.len()).filter(|&at| is_push(due.get(at))).collect();
    if places.is_empty() {
        return Ok(());
    }
    // Before Intune is asked, for a request that was read is to be handed out.
    #[expect(clippy::disallowed_methods, reason = "cli makes the folder that requests go to")]
    std::fs::create_dir_all(&args.out).map_err(|source| CliError::File {
        path: args.out.clone(),
        doing: "make",
        source,
    })?;
    let mut ready: Vec<(usize, Result<Ready, Problem>)> = Vec::new();
    let Past { ledger, known } = ground.past(context)?;
    let (mut ledger, view) = match (ledger, known) {
        (Some(ledger), Ok(view)) => (ledger, view),
        (_, known) => {
            let why = known
                .err()
                .map_or_else(|| "the ledger cannot be opened".to_owned(), |why| why.to_string());
            for at in places {
                put(sheets, at, ledger_unknown(&why));
            }
            return Ok(());
        }
    };
    let mut missing = Vec::new();
    for at in places {
        let Some(due) = due.get(at) else { continue };
        match recorded(&view, due) {
            Err(problem) => ready.push((at, Err(problem))),
            Ok(Some(open)) if !args.new_csr => ready.push((at, Ok(open))),
            Ok(_) => missing.push((at, due)),
        }
    }
    if !missing.is_empty() {
        // What is recorded must not have a made-up date.
        if context.frozen.is_some() && !context.environment.overrides()?.graph_is_loopback() {
            return Err(CliError::FrozenApply);
        }
        // Before Intune is asked: a request that cannot be recorded is not to be made.
        let rev = ground.loaded.policy_rev.as_deref();
        let policy = &ground.loaded.policy;
        if let Some(key) = trust::ledger_key(context, &ground.loaded.repo, policy, rev)? {
            ledger.sign_with(key);
        }
        let author = Author {
            run: context.ids.next().to_string(),
            clone: CloneId::of(&ground.loaded.repo.path_common_dir())?.to_string(),
            actor: context.environment.actor(),
        };
        let answers = crate::app::block_on(fetch(&missing, ground, connector, context))?;
        let mut fetched = Vec::new();
        for ((at, due), answer) in missing.iter().zip(answers) {
            match draft(due, answer, ground, &author, context.now()) {
                Ok(draft) => {
                    fetched.push(Fetched { at: *at, tenant: due.tenant.tenant_id, draft });
                }
                Err(problem) => ready.push((*at, Err(problem))),
            }
        }
        ready.extend(record(ledger, fetched));
    }
    save(args, sheets, ready)
}

fn is_push(due: Option<&Due<'_>>) -> bool {
    due.is_some_and(|due| due.token.token.kind == Kind::Push)
}

/// The request of the renewal that is open.
fn recorded(view: &LedgerView, due: &Due<'_>) -> Result<Option<Ready>, Problem> {
    if let Some(why) = view.broken.get(&due.tenant.tenant_id) {
        return Err(ledger_unknown(why));
    }
    let past = view.tenant(due.tenant.tenant_id);
    let opened = past.renewal_opened(&due.token.token, due.live.as_ref());
    Ok(opened.and_then(|record| ready(record, CsrOrigin::Ledger)))
}

fn ready(record: &Record, origin: CsrOrigin) -> Option<Ready> {
    Some(Ready {
        text: record.csr.clone()?,
        key: record.public_key_sha256?,
        opened_at: record.at,
        origin,
    })
}

fn ledger_unknown(why: &str) -> Problem {
    let why = format!(
        "Intune was not asked for its signing request, because what comes of it could not be recorded: {why}"
    );
    Problem::new(ProblemCode::LedgerUnknown, why).on(Resource::Push)
}

async fn fetch(
    missing: &[(usize, &Due<'_>)],
    ground: &Ground,
    connector: &Connector,
    context: &Context,
) -> Vec<Reading<String>> {
    futures::stream::iter(missing)
        .map(|(_, due)| async move {
            match ground.loaded.policy.auth_of(due.tenant.auth.as_deref()) {
                Some(auth) => connector.push_signing_request(due.tenant.tenant_id, auth).await,
                None => Reading::Unknown(Problem::new(
                    ProblemCode::InvalidFile,
                    "the tenant names a sign-in profile that applecart.yaml does not have",
                )),
            }
        })
        .buffered(context.parallelism)
        .collect()
        .await
}

fn draft(
    due: &Due<'_>,
    answer: Reading<String>,
    ground: &Ground,
    author: &Author,
    now: Timestamp,
) -> Result<Draft, Problem> {
    let unreadable = || {
        Problem::new(
            ProblemCode::BadAnswer,
            "Intune gave a signing request in no known form; download it in the Intune admin center, and please report this",
        )
        .on(Resource::Push)
    };
    let text = match answer {
        Reading::Present(text) => text,
        Reading::Unknown(problem) => {
            let detail = problem.detail.clone().unwrap_or_default();
            let detail = format!("Intune's signing request could not be read: {detail}");
            return Err(Problem { detail: Some(detail), ..problem });
        }
        Reading::Absent | Reading::NotAsked => return Err(unreadable()),
    };
    let file = apple::request_file(&text).ok_or_else(unreadable)?;
    let key = apple::requested_key(&file).ok_or_else(unreadable)?;
    let name = due.tenant.name.clone();
    let token = due.token.token.clone();
    Ok(Draft {
        csr: Some(file),
        public_key_sha256: Some(key),
        before: due.live.clone(),
        rev: Some(ground.commit.clone()),
        ..Draft::new(now, Event::RenewalOpened, name, token, author)
    })
}

/// Records all requests at once; where one tenant's file is in the way, each by itself.
fn record(mut ledger: Ledger, fetched: Vec<Fetched>) -> Vec<(usize, Result<Ready, Problem>)> {
    let entries = |fetched: &[Fetched]| -> Vec<(TenantId, Draft)> {
        fetched.iter().map(|one| (one.tenant, one.draft.clone())).collect()
    };
    match ledger.announce(&entries(&fetched)) {
        Ok(announced) => fetched
            .iter()
            .zip(announced)
            .map(|(one, landed)| (one.at, handed_out(&landed.record)))
            .collect(),
        Err(error) if error.is_of_one_tenant() && fetched.len() > 1 => fetched
            .into_iter()
            .map(|one| match ledger.announce(&entries(std::slice::from_ref(&one))) {
                Ok(announced) => {
                    let landed = announced.first().map(|landed| handed_out(&landed.record));
                    (one.at, landed.unwrap_or_else(|| Err(not_recorded("nothing was written"))))
                }
                Err(error) => (one.at, Err(refused(&error))),
            })
            .collect(),
        Err(error) => fetched.iter().map(|one| (one.at, Err(refused(&error)))).collect(),
    }
}

fn handed_out(record: &Record) -> Result<Ready, Problem> {
    ready(record, CsrOrigin::Intune).ok_or_else(|| not_recorded("the record lacks it"))
}

fn refused(error: &LedgerError) -> Problem {
    not_recorded(&error.sentence())
}

fn not_recorded(why: &str) -> Problem {
    let why = format!(
        "Intune's signing request was read, but it could not be recorded and is not handed out: {why}"
    );
    Problem::new(ProblemCode::LedgerUnknown, why).on(Resource::Push)
}

/// Writes the files and tells the sheets.
fn save(
    args: &Args,
    sheets: &mut [Sheet],
    ready: Vec<(usize, Result<Ready, Problem>)>,
) -> Result<(), CliError> {
    let mut files = Vec::new();
    for (at, ready) in ready {
        let Some(sheet) = sheets.get_mut(at) else { continue };
        match ready {
            Ok(ready) => {
                let path = args.out.join(request_name(&sheet.tenant));
                sheet.csr = Some(SheetCsr {
                    file: path.display().to_string(),
                    public_key_sha256: ready.key,
                    opened_at: ready.opened_at,
                    origin: ready.origin,
                });
                files.push(New { path, bytes: ready.text.into_bytes() });
            }
            Err(problem) => sheet.problems.push(problem),
        }
    }
    replace::replace(&files)
}

fn put(sheets: &mut [Sheet], at: usize, problem: Problem) {
    if let Some(sheet) = sheets.get_mut(at) {
        sheet.problems.push(problem);
    }
}
