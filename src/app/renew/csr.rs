//! Intune's requests for Apple (CSRs): read once a renewal, recorded, and given out again.
//!
//! Whether Intune makes a new key pair at each reading is not documented. If it does, a second
//! reading voids a certificate that is on its way, so an open renewal's request comes from the
//! notes. It is given out only once it is recorded where every clone sees it.

use futures::StreamExt as _;

use super::{CsrSource, Ground, OpenOptions};
use crate::app::replace::{self, New};
use crate::app::session::{NO_PROFILE, Past};
use crate::app::{AppError, Context};
use applecart_core::apple;
use applecart_core::ledger::{LedgerView, Maker, TenantLedger};
use applecart_core::model::{
    Author, EntryBody, LedgerEntry, Problem, ProblemCode, Reading, Record, Resource, Sha256,
    TenantId, Timestamp,
};
use applecart_core::renewal::due::Due;
use applecart_core::report::{CsrOrigin, Sheet, SheetCsr};
use applecart_core::rules::requests;
use applecart_io::intune::Connector;
use applecart_io::store::Ledger;

/// A request that may be given out.
struct Ready {
    text: String,
    key: Sha256,
    opened_at: Timestamp,
    origin: CsrOrigin,
    recorded_by: String,
    maker: String,
}

impl Ready {
    fn of(record: &Record, origin: CsrOrigin, past: &TenantLedger, maker: &Maker) -> Option<Self> {
        let (text, key) = record.request()?;
        let text = text.to_owned();
        let recorded_by = requests::recorder(past, record);
        let maker = requests::told_maker(maker);
        Some(Self { text, key, opened_at: record.at, origin, recorded_by, maker })
    }
}

/// A push certificate's renewal, and its sheet.
type Push<'a> = (&'a Due<'a>, &'a mut Sheet);

/// Gives every sheet its request, or the problem that keeps it from one.
pub(super) fn attach(
    options: &OpenOptions,
    pushes: Vec<Push<'_>>,
    past: Past,
    ground: &Ground,
    connector: &Connector,
    context: &Context,
) -> Result<(), AppError> {
    // Before Intune is asked, for a request that was read is to be given out.
    #[expect(clippy::disallowed_methods, reason = "makes the folder that requests go to")]
    std::fs::create_dir_all(&options.out).map_err(AppError::file(&options.out, "make"))?;
    let Past { notes, known, .. } = past;
    let (notes, view) = match (notes, known) {
        (Some(notes), Ok(view)) => (notes, view),
        (_, known) => {
            let why = known.err().map(|why| why.to_string());
            let why = why.unwrap_or_else(|| "the ledger cannot be opened".to_owned());
            for (_, sheet) in pushes {
                sheet.problems.push(not_asked(&why));
            }
            return Ok(());
        }
    };
    let mut ready: Vec<(&mut Sheet, Result<Ready, Problem>)> = Vec::new();
    let mut missing: Vec<Push<'_>> = Vec::new();
    for (due, sheet) in pushes {
        match recorded(&view, due, &options.csr) {
            Err(problem) => ready.push((sheet, Err(problem))),
            Ok(Some(open)) if options.csr != CsrSource::New => ready.push((sheet, Ok(open))),
            Ok(_) => missing.push((due, sheet)),
        }
    }
    if !missing.is_empty() {
        ready.extend(request(missing, (notes, &view), ground, connector, context)?);
    }
    save(options, ready)
}

/// The request of the renewal that is open.
fn recorded(
    view: &LedgerView,
    due: &Due<'_>,
    source: &CsrSource,
) -> Result<Option<Ready>, Problem> {
    let tenant = due.tenant.tenant_id;
    if let Some(why) = view.unknown_of(tenant) {
        return Err(not_asked(why));
    }
    let past = view.tenant(tenant);
    let open = past.requests_open(&due.token.token, due.live.as_ref());
    let given_out = |record: &Record| {
        Ready::of(record, CsrOrigin::Ledger, past, requests::maker_of(past, record))
    };
    if let CsrSource::Chosen(key) = source {
        return chosen(key, &open, due).map(given_out);
    }
    let disputed = requests::disputed(past, &open);
    if let Some(why) = disputed.filter(|_| *source != CsrSource::New) {
        return Err(withheld(&why, due));
    }
    let opened = past.renewal_opened(&due.token.token, due.live.as_ref());
    // Intune dropped the request with the certificate that it was to renew.
    let is_answered = |record: &&Record| {
        due.is_gone() && record.before.as_ref().is_some_and(|before| before.serial.is_some())
    };
    Ok(opened.filter(|record| !is_answered(record)).and_then(given_out))
}

/// The request of an open renewal as text, and who recorded it; none where several disagree.
pub(in crate::app) fn recorded_request(
    view: &LedgerView,
    due: &Due<'_>,
) -> Option<(String, String)> {
    let ready = recorded(view, due, &CsrSource::Recorded).ok()??;
    let told = format!(
        "The request for Apple (CSR) was recorded by {} on {}; {}.",
        ready.recorded_by, ready.opened_at, ready.maker
    );
    Some((ready.text, told))
}

/// The one open request whose key begins so: a person vouches for it.
fn chosen<'r>(key: &str, open: &[&'r Record], due: &Due<'_>) -> Result<&'r Record, Problem> {
    let begins = |record: &&&Record| {
        record.request().is_some_and(|(_, asked)| asked.to_string().starts_with(key))
    };
    let found: Vec<_> = open.iter().filter(begins).collect();
    let problem = |detail: String| Problem::new(ProblemCode::BadAnswer, detail).on(Resource::Push);
    match found.as_slice() {
        [record] => Ok(record),
        [] if open.is_empty() => {
            let spec = due.token.token.spec(&due.tenant.name);
            Err(problem(format!(
                "no request for Apple (CSR) of this renewal is open, so none has a key that begins with {key}. `applecart renew {spec}` reads one from Intune. Where the key is the one of another tenant's request, name that tenant"
            )))
        }
        _ => {
            let keys = open.iter().filter_map(|record| record.request());
            let keys: Vec<_> = keys.map(|(_, key)| requests::short(key)).collect();
            Err(problem(format!(
                "{} open requests for Apple (CSR) of this renewal have a key that begins with {key}; there are: {}",
                found.len(),
                keys.join(", ")
            )))
        }
    }
}

/// No request is given out, and how one is.
fn withheld(why: &str, due: &Due<'_>) -> Problem {
    let spec = due.token.token.spec(&due.tenant.name);
    let why = format!(
        "{why}. None is given out. Ask these people. `applecart renew {spec} --request KEY` gives out the one whose key you name; `applecart renew {spec} --new-csr` reads a new one from Intune"
    );
    Problem::new(ProblemCode::BadAnswer, why).on(Resource::Push)
}

/// What came of asking for the request of each sheet.
type Asked<'a> = Vec<(&'a mut Sheet, Result<Ready, Problem>)>;

/// Reads the requests that are missing from Intune, and records them.
fn request<'a>(
    missing: Vec<Push<'a>>,
    (mut notes, view): (Ledger, &LedgerView),
    ground: &Ground,
    connector: &Connector,
    context: &Context,
) -> Result<Asked<'a>, AppError> {
    // What is recorded must not have a made-up date.
    if context.frozen.is_some() && !context.environment.overrides()?.graph_is_loopback() {
        return Err(AppError::FrozenApply);
    }
    let author = context.author(&ground.loaded.repo)?;
    let asked: Vec<&Due<'_>> = missing.iter().map(|(due, _)| *due).collect();
    let answers = crate::app::block_on(fetch(&asked, ground, connector, context.parallelism))?;
    let mut ready = Vec::new();
    let (mut asking, mut drafts) = (Vec::new(), Vec::new());
    for ((due, sheet), answer) in missing.into_iter().zip(answers) {
        match draft(due, answer, &ground.start.commit, &author, context.real_now()) {
            Ok(draft) => {
                asking.push((due, sheet));
                drafts.push((due.tenant.tenant_id, draft));
            }
            Err(problem) => ready.push((sheet, Err(problem))),
        }
    }
    for ((due, sheet), recorded) in asking.into_iter().zip(record(&mut notes, &drafts)) {
        ready.push((sheet, recorded.and_then(|record| read_now(&record, due, view))));
    }
    Ok(ready)
}

async fn fetch(
    asked: &[&Due<'_>],
    ground: &Ground,
    connector: &Connector,
    parallelism: usize,
) -> Vec<Reading<String>> {
    futures::stream::iter(asked)
        .map(|due| async move {
            match ground.loaded.policy.auth_of(due.tenant.auth.as_deref()) {
                Some(auth) => connector.push_signing_request(due.tenant.tenant_id, auth).await,
                None => Reading::Unknown(Problem::new(ProblemCode::InvalidFile, NO_PROFILE)),
            }
        })
        .buffered(parallelism)
        .collect()
        .await
}

fn draft(
    due: &Due<'_>,
    answer: Reading<String>,
    rev: &str,
    author: &Author,
    now: Timestamp,
) -> Result<LedgerEntry, Problem> {
    let unreadable = || {
        let detail = "Intune gave a request for Apple (CSR) in no known form; download it in the Intune admin center, and please report this";
        Problem::new(ProblemCode::BadAnswer, detail).on(Resource::Push)
    };
    let text = match answer {
        Reading::Present(text) => text,
        Reading::Unknown(problem) => {
            let detail = problem.detail.clone().unwrap_or_default();
            let detail = format!("Intune's request for Apple (CSR) could not be read: {detail}");
            return Err(Problem { detail: Some(detail), ..problem });
        }
        Reading::Absent | Reading::NotAsked => return Err(unreadable()),
    };
    let file = apple::request_file(&text).ok_or_else(unreadable)?;
    let key = apple::requested_key(&file).ok_or_else(unreadable)?;
    let (name, token) = (due.tenant.name.clone(), due.token.token.clone());
    let body = EntryBody::RenewalOpened { csr: file, public_key_sha256: key };
    Ok(LedgerEntry {
        before: due.live.clone(),
        rev: Some(rev.to_owned()),
        ..LedgerEntry::new(now, name, token, author, body)
    })
}

/// A request that Intune was just read to have. It is withheld where it is not the usual vendor's: then
/// something stands between, or an earlier record was forged.
fn read_now(record: &Record, due: &Due<'_>, view: &LedgerView) -> Result<Ready, Problem> {
    let past = view.tenant(due.tenant.tenant_id);
    let maker = requests::maker_beside(view, due.tenant.tenant_id, record);
    if let Maker::Other { why } = &maker {
        let why = format!("Intune gave out a request for Apple (CSR) that was not expected: {why}");
        return Err(withheld(&why, due));
    }
    Ready::of(record, CsrOrigin::Intune, past, &maker)
        .ok_or_else(|| not_recorded("the record lacks it"))
}

/// Records all requests at once; where one tenant's file is in the way, each by itself.
fn record(notes: &mut Ledger, drafts: &[(TenantId, LedgerEntry)]) -> Vec<Result<Record, Problem>> {
    match notes.announce(drafts) {
        Ok(announced) => announced.into_iter().map(|landed| Ok(landed.record)).collect(),
        Err(error) if error.is_of_one_tenant() && drafts.len() > 1 => {
            drafts.chunks(1).flat_map(|one| record(notes, one)).collect()
        }
        Err(error) => drafts.iter().map(|_| Err(not_recorded(&error.sentence()))).collect(),
    }
}

fn not_asked(why: &str) -> Problem {
    let why = format!(
        "Intune was not asked for its request for Apple (CSR), because it could not be recorded: {why}"
    );
    Problem::new(ProblemCode::LedgerUnknown, why).on(Resource::Push)
}

fn not_recorded(why: &str) -> Problem {
    let why = format!(
        "Intune's request for Apple (CSR) was read, but is not given out, because it could not be recorded: {why}"
    );
    Problem::new(ProblemCode::LedgerUnknown, why).on(Resource::Push)
}

/// Writes the files, and says in the sheets where they are.
fn save(
    options: &OpenOptions,
    ready: Vec<(&mut Sheet, Result<Ready, Problem>)>,
) -> Result<(), AppError> {
    let mut files = Vec::new();
    for (sheet, ready) in ready {
        match ready {
            Ok(ready) => {
                let path = options.out.join(format!("IntuneCSR-{}.csr", sheet.tenant));
                sheet.csr = Some(SheetCsr {
                    file: path.display().to_string(),
                    public_key_sha256: ready.key,
                    opened_at: ready.opened_at,
                    origin: ready.origin,
                    recorded_by: ready.recorded_by,
                    maker: ready.maker,
                });
                files.push(New { path, bytes: ready.text.into_bytes() });
            }
            Err(problem) => sheet.problems.push(problem),
        }
    }
    replace::replace(&files)
}
