//! Gathers what `audit` reports. Everything here reads.

mod bindings;
mod ledger;
mod policy;
mod recipients;
mod secrets;
mod signed;
mod uploads;

use clap::ValueEnum;

use super::error::CliError;
use super::global::{Context, Format as TableFormat};
use super::output::Output;
use crate::app::session;
use crate::app::{self, Reach};
use applecart_core::fleet::{self, Policy};
use applecart_core::model::Outcome;
use applecart_core::report::{
    self, AUDIT_VERSION, AnnotationFormat, Audit, AuditArea, AuditFinding, AuditLedger, AuditLevel,
    AuditPlace, AuditSummary,
};
use applecart_io::git::Repo;

/// Prove that the record is whole, that uploads were reviewed, and that nothing secret lies open
///
/// Checks the ledger (chains, append-only over its whole history, signatures where the policy asks
/// for them, a head that was seen before), traces every upload to a commit of the protected branch
/// that holds its digest and to a plan, looks at who changed the signers and recipients, at every
/// blob of every commit for tokens, private keys and age identities, and at whom token files are
/// sealed to. Writes nothing and needs no key. Ends with 7 when anything does not hold, else with 3
/// when something could not be told, else with 0; notes fail nothing.
///
/// Keep the head that it prints somewhere outside the forge, and give it to the next audit with
/// --expect-head: that finds a ledger that was replaced by an older one.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart audit
  applecart audit --expect-head 8c2f… --format json
  applecart audit --format sarif > audit.sarif
  applecart audit --apple-ids")]
pub(super) struct Args {
    /// The ledger's head as an earlier audit printed it: the present one must hold it
    #[arg(long, value_name = "COMMIT", value_parser = whole_commit)]
    expect_head: Option<String>,
    /// Contact nothing: audit what this clone has; without --policy-rev, --rev is taken for the
    /// protected branch
    #[arg(long)]
    offline: bool,
    /// Only show which tokens hang on which Apple ID, and what would be stranded without it
    #[arg(long, conflicts_with = "expect_head")]
    apple_ids: bool,
    /// How to show it
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Human,
    Json,
    Sarif,
}

fn whole_commit(text: &str) -> Result<String, String> {
    let whole = text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if whole {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("a whole commit name is needed, 40 hexadecimal digits".to_owned())
    }
}

pub(super) fn run(args: &Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    let repo = Repo::discover(&context.repo)?;
    if args.apple_ids {
        return apple_ids(args, &repo, context, output);
    }
    let reach = if args.offline { Reach::Clone } else { Reach::Remote };
    let rev = repo.resolve(&context.rev)?;
    let base = app::find_base(&repo, context, reach)?;
    let (policy_rev, policy_name) = match &base {
        Some(base) => (base.commit.clone(), base.name.clone()),
        None => (rev.clone(), context.rev.clone()),
    };
    let policy = session::policy_of(context, &repo.snapshot(&policy_rev)?)?;
    let ground = Ground { repo: &repo, rev: &rev, policy: &policy, policy_rev: &policy_rev };

    let mut findings = Vec::new();
    if repo.is_shallow() {
        let message = "the clone is shallow: what came before its ends was not audited";
        findings.push(incomplete("history-incomplete", message, "git fetch --unshallow"));
    }
    if repo.is_grafted()? {
        let message = "this clone gives commits other parents than they name (.git/info/grafts): what that hides was not audited";
        findings.push(incomplete("history-grafted", message, "audit a fresh clone"));
    }
    let ledger = ledger::audit(args, context, &ground, &mut findings)?;
    let (uploads, traced) = uploads::audit(&ground, ledger.view.as_ref(), &ledger.summary.branch)?;
    findings.extend(uploads);
    let past = bindings::past_files(&ground)?;
    findings.extend(bindings::audit(&ground, &past)?);
    let (changes, listed_ever) = policy::audit(&ground, ledger.summary.head.is_some())?;
    findings.extend(changes);
    let (objects, shown) = secrets::audit(&repo, &mut findings)?;
    findings.extend(recipients::audit(&ground, &past, &shown, &listed_ever)?);

    let audit = Audit {
        format_version: AUDIT_VERSION,
        generated_at: context.now(),
        rev: rev.clone(),
        policy_rev: policy_rev.clone(),
        policy_name,
        ledger: ledger.summary,
        uploads: traced,
        objects,
        findings,
        summary: AuditSummary::default(),
    }
    .finish();
    match args.format {
        Format::Human => output.result(&report::audit_human(&audit, output.width()))?,
        Format::Json => output.json(&audit)?,
        Format::Sarif => {
            output.result(&report::annotate(AnnotationFormat::Sarif, &audit.remarks(), "")?)?;
        }
    }
    Ok(match (audit.summary.findings, audit.summary.unknown) {
        (0, 0) => Outcome::Done,
        (0, _) => Outcome::Partial,
        _ => Outcome::Untrusted,
    })
}

/// What all checks stand on.
struct Ground<'a> {
    repo: &'a Repo,
    rev: &'a str,
    /// Of the protected branch.
    policy: &'a Policy,
    policy_rev: &'a str,
}

/// Something that this clone does not have, so that nobody can tell.
fn incomplete(code: &str, message: &str, advice: &str) -> AuditFinding {
    AuditFinding::new(AuditArea::Secrets, code, AuditPlace::default(), message, advice)
        .at(AuditLevel::Unknown)
}

/// What was found of the ledger.
struct AuditedLedger {
    summary: AuditLedger,
    view: Option<applecart_core::ledger::LedgerView>,
}

fn apple_ids(
    args: &Args,
    repo: &Repo,
    context: &Context,
    output: &Output,
) -> Result<Outcome, CliError> {
    let format = match args.format {
        Format::Human => TableFormat::Human,
        Format::Json => TableFormat::Json,
        Format::Sarif => return Err(CliError::AuditFormat),
    };
    let rev = repo.resolve(&context.rev)?;
    let (fleet, _) = fleet::load_tenants(&repo.snapshot(&rev)?, None);
    let found = report::apple_ids(&rev, &fleet);
    match format {
        TableFormat::Human => output.result(&report::apple_ids_human(&found))?,
        TableFormat::Json => output.json(&found)?,
    }
    Ok(if found.not_read.is_empty() { Outcome::Done } else { Outcome::Partial })
}
