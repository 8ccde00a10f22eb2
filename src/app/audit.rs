//! Gathers what an audit reports. Everything here reads.

mod files;
mod ledger;
mod policy;
mod secrets;
mod uploads;

use super::{AppError, Context, Reach, session};
use applecart_core::audit::wrong_destinations;
use applecart_core::fleet::{self, Policy};
use applecart_core::ledger::LedgerView;
use applecart_core::report::{
    self, AUDIT_VERSION, AppleIds, Audit, AuditArea, AuditFinding, AuditLedger, AuditLevel,
    AuditPlace, AuditSummary,
};
use applecart_io::git::Repo;

pub struct AuditOptions {
    /// The ledger's head as an earlier audit printed it: the present one must hold it.
    pub expect_head: Option<String>,
    /// Contact nothing.
    pub offline: bool,
}

/// What all checks rest on.
struct Ground<'a> {
    repo: &'a Repo,
    rev: &'a str,
    /// Of the protected branch.
    policy: &'a Policy,
    policy_rev: &'a str,
}

/// What was found of the ledger.
struct AuditedLedger {
    summary: AuditLedger,
    view: Option<LedgerView>,
}

pub fn audit(options: &AuditOptions, context: &Context) -> Result<Audit, AppError> {
    let repo = Repo::discover(&context.repo)?.alone(options.offline);
    let reach = if options.offline { Reach::Clone } else { Reach::Remote };
    let rev = repo.resolve(&context.rev)?;
    let base = super::find_base(&repo, context, reach)?;
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
    let ledger = ledger::audit(options, context, &ground, &mut findings)?;
    let (uploads, traced) = uploads::audit(&ground, ledger.view.as_ref(), &ledger.summary.branch)?;
    findings.extend(uploads);
    let files = files::Files::read(&ground)?;
    findings.extend(wrong_destinations(&files.past, &files.present, &policy.moves));
    let (changes, listed_ever) = policy::audit(&ground, ledger.summary.head.is_some())?;
    findings.extend(changes);
    let (objects, shown) = secrets::audit(&repo, &mut findings)?;
    findings.extend(files.audit_recipients(&ground, &shown, &listed_ever)?);

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
    };
    Ok(audit.finish(&policy.accepted_findings))
}

/// Which tokens depend on which Apple Account, and what would be stranded without it.
pub fn apple_ids(context: &Context) -> Result<AppleIds, AppError> {
    let repo = Repo::discover(&context.repo)?;
    let rev = repo.resolve(&context.rev)?;
    let (fleet, _) = fleet::load_tenants(&repo.snapshot(&rev)?, None);
    Ok(report::apple_ids(&rev, &fleet))
}

/// Something that this clone does not have, so that it is unknown.
fn incomplete(code: &str, message: &str, advice: &str) -> AuditFinding {
    AuditFinding::new(AuditArea::Secrets, code, AuditPlace::default(), message, advice)
        .at(AuditLevel::Unknown)
}
