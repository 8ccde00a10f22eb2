use super::error::CliError;
use super::global::Context;
use super::output::Output;
use crate::app::Reach;
use crate::app::session::{self, Past, Tree, Which};
use applecart_core::fleet::{Desired, Tenant};
use applecart_core::ledger::LedgerView;
use applecart_core::model::{
    Author, EntryBody, Event, LedgerEntry, Outcome, Record, TenantName, TokenRef,
};
use applecart_core::plan::Selection;
use applecart_core::report::escape;
use applecart_io::store::{ApplyLock, Holder};

/// How long another apply of this clone is waited for.
const LOCK_WAIT: std::time::Duration = std::time::Duration::from_secs(60);

/// Longest text that a person writes here, in characters.
const MAX_TEXT: usize = 2_000;

/// Record that the customer confirmed a renewal: a device enrolled, apps arrived
///
/// The runbook's last step. It is recorded in the ledger for each named token that has an upload
/// which nobody has confirmed yet, and pushed like every other entry; `status` shows the uploads
/// that wait for it. Ends with 4, and records nothing, when no upload waits.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart acknowledge contoso
  applecart acknowledge contoso/push --by 'Dana, IT' --note 'iPad enrolled, three apps arrived'")]
pub(super) struct Args {
    /// The tenant, or one of its tokens: `push`, a token's name or id, or a kind
    #[arg(value_name = "TENANT[/TOKEN]")]
    target: String,
    /// Who of the customer said so
    #[arg(long, value_name = "PERSON")]
    by: Option<String>,
    /// What they said
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

pub(super) fn run(args: &Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    let (name, token) = match args.target.split_once('/') {
        None => (args.target.as_str(), None),
        Some((name, token)) => (name, Some(token)),
    };
    for text in [&args.by, &args.note].into_iter().flatten() {
        if text.trim().is_empty() || text.chars().count() > MAX_TEXT {
            return Err(CliError::Acknowledge(format!(
                "--by and --note take 1 to {MAX_TEXT} characters"
            )));
        }
    }
    // A pattern would say of several customers what one of them said.
    let name: TenantName = name.parse().map_err(|_| CliError::NothingSelected)?;
    let selection = Selection::parse(&[name.as_str().to_owned()])?;
    let loaded = session::load(context, Tree::Commit, Reach::Remote, &selection)?;
    if let Some(why) = &loaded.blind {
        output.note(&format!("Nothing was recorded: {}", escape(&why.to_string())));
        return Ok(Outcome::Partial);
    }
    let tenant = loaded
        .fleet
        .iter()
        .filter_map(Desired::valid)
        .find(|tenant| tenant.name == name)
        .ok_or(CliError::NothingSelected)?;
    let actor = context.environment.actor();
    let run = context.ids.next().to_string();
    let holder = Holder { run: run.clone(), host: actor.host.clone(), since: context.now() };
    let lock = ApplyLock::acquire(&loaded.repo.path_common_dir(), &holder, Some(LOCK_WAIT))?;
    let author = Author { run, clone: lock.clone_id().to_string(), actor };
    let (mut ledger, view) = match session::past(&loaded, context, Which::Writing)? {
        Past { ledger: Some(ledger), known: Ok(view) } => (ledger, view),
        Past { known, .. } => {
            let why = known
                .err()
                .map_or_else(|| "the ledger cannot be opened".to_owned(), |why| why.to_string());
            output.note(&format!("Nothing was recorded: {}", escape(&why)));
            return Ok(Outcome::Partial);
        }
    };
    if let Some(why) = view.broken.get(&tenant.tenant_id) {
        output.note(&format!("Nothing was recorded: {}", escape(why)));
        return Ok(Outcome::Partial);
    }
    let waiting = waiting(&view, tenant, token)?;
    let drafts: Vec<_> = waiting
        .iter()
        .filter_map(|upload| {
            let (by, note) = (args.by.clone(), args.note.clone());
            let body = EntryBody::Acknowledged { sha256: upload.sha256()?, by, note };
            let (name, token) = (tenant.name.clone(), upload.token.clone());
            let entry = LedgerEntry {
                rev: upload.rev.clone(),
                ..LedgerEntry::new(context.now(), name, token, &author, body)
            };
            Some((tenant.tenant_id, entry))
        })
        .collect();
    let delivered = ledger.deliver(&drafts)?;
    let mut text = String::new();
    for upload in waiting {
        text.push_str(&format!(
            "{} {}: the upload of {} is confirmed by the customer{}.\n",
            tenant.name,
            escape(&upload.token.to_string()),
            upload.at,
            args.by.as_ref().map(|by| format!(" ({})", escape(by))).unwrap_or_default(),
        ));
    }
    if let Some(head) = delivered.head {
        text.push_str(&format!("ledger {head}\n"));
    }
    output.result(&text)?;
    Ok(Outcome::Done)
}

/// The uploads that wait for a word of the customer.
fn waiting<'a>(
    view: &'a LedgerView,
    tenant: &Tenant,
    wanted: Option<&str>,
) -> Result<Vec<&'a Record>, CliError> {
    let past = view.tenant(tenant.tenant_id);
    let mut tokens: Vec<&TokenRef> = Vec::new();
    for token in past.records.iter().rev().map(|record| &record.token) {
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
    if waiting.is_empty() {
        let what = match wanted {
            None => tenant.name.to_string(),
            Some(token) => format!("{}/{token}", tenant.name),
        };
        let last = tokens
            .iter()
            .filter_map(|token| past.of(token).rfind(|one| one.event() == Event::Acknowledged))
            .max_by_key(|record| record.at);
        return Err(CliError::Acknowledge(match last {
            Some(last) => format!(
                "every upload of {what} is confirmed already, last on {} in run {}",
                last.at, last.run
            ),
            None => format!(
                "the ledger has no upload of {what} that could be confirmed; `applecart history {}` shows what it has",
                tenant.name
            ),
        }));
    }
    Ok(waiting)
}
