//! Gathers what an audit reports. Everything here reads.

mod files;
mod ledger;
mod policy;
mod secrets;
mod uploads;

use std::collections::BTreeSet;

use self::secrets::Objects;
use super::{AppError, Context, Reach, session};
use applecart_core::audit::wrong_destinations;
use applecart_core::fleet::{self, Policy};
use applecart_core::ledger::LedgerView;
use applecart_core::model::sentence;
use applecart_core::report::{
    self, AUDIT_VERSION, AppleIds, Audit, AuditArea, AuditFinding, AuditLedger, AuditLevel,
    AuditObjects, AuditPlace, AuditSummary, LostAccount,
};
use applecart_core::rules::bindings::{History, Moves};
use applecart_io::git::{Base, Beside, KnownHistory, Repo};

pub struct AuditOptions {
    /// The ledger's head as an earlier audit printed it: the present one must hold it.
    pub expect_head: Option<String>,
    /// Read this clone alone: neither the remote nor Intune is asked.
    pub offline: bool,
    /// Look only at what is new since the branch left this revision.
    pub base: Option<String>,
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
    let named = |since, objects, findings| Audit {
        format_version: AUDIT_VERSION,
        generated_at: context.now(),
        rev: rev.clone(),
        since,
        policy_rev: policy_rev.clone(),
        policy_name: policy_name.clone(),
        ledger: AuditLedger::default(),
        uploads: 0,
        objects,
        findings,
        summary: AuditSummary::default(),
    };
    if let Some(base) = &options.base {
        let (since, _) = repo.touched(&context.rev, base)?;
        let (objects, findings) = what_is_new(&ground, &since)?;
        return Ok(named(Some(since), objects, findings).finish(&policy.accepted_findings));
    }

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
    let history = whose(&ground, base.as_ref(), options.offline)?;
    let today = context.now().date_time().date_naive();
    let moves = Moves { lines: &policy.moves, history: &history, today };
    findings.extend(wrong_destinations(&files.present, &moves));
    let (changes, listed_ever) = policy::audit(&ground, ledger.summary.head.is_some())?;
    findings.extend(changes);
    let (objects, shown) = secrets::audit(&repo, Objects::All, &mut findings)?;
    findings.extend(files.audit_recipients(&ground, &shown, &listed_ever)?);

    let audit = named(None, objects, findings);
    let audit = Audit { ledger: ledger.summary, uploads: traced, ..audit };
    Ok(audit.finish(&policy.accepted_findings))
}

/// What belongs to whom by the history, and by the branches of renewals that wait to be merged.
fn whose(ground: &Ground<'_>, base: Option<&Base>, is_offline: bool) -> Result<History, AppError> {
    let (repo, rev) = (ground.repo, ground.rev);
    // Where something is missing, the audit says so for all that it looks at.
    let (KnownHistory::Whole(mut told) | KnownHistory::Part(mut told)) =
        repo.bound_history(rev, &BTreeSet::new())?;
    let remote = repo.fleet_remote().ok().flatten().filter(|_| !is_offline);
    let is_other = |branch: &str| session::brings_none(base, ground.policy, branch);
    let heard = repo.renewal_branches(remote.as_deref(), &is_other).and_then(|branches| {
        let waiting: Vec<Beside> = branches.into_iter().map(Beside::from).collect();
        repo.hear_beside(&mut told, rev, &waiting)
    });
    if let Err(error) = heard {
        tracing::warn!("whose the files on open branches are is unknown: {}", sentence(&error));
    }
    Ok(told.bindings)
}

/// What came with a branch: secrets that are readable in it, and files that are encrypted to others
/// than it lists. The rest of the history was audited before it was merged, and is by the schedule.
fn what_is_new(
    ground: &Ground<'_>,
    since: &str,
) -> Result<(AuditObjects, Vec<AuditFinding>), AppError> {
    let mut findings = Vec::new();
    let new = Objects::New { rev: ground.rev, since };
    let (objects, shown) = secrets::audit(ground.repo, new, &mut findings)?;
    let files = files::Files::new_in(ground, &shown)?;
    let listed = ground.policy.recipients.iter().cloned().collect();
    findings.extend(files.audit_recipients(ground, &shown, &listed)?);
    Ok((objects, findings))
}

/// Which tokens depend on which Apple Account, and what would be stranded without it.
pub fn apple_ids(context: &Context) -> Result<AppleIds, AppError> {
    let repo = Repo::discover(&context.repo)?;
    let rev = repo.resolve(&context.rev)?;
    let (fleet, _) = fleet::load_tenants(&repo.snapshot(&rev)?, None);
    Ok(report::apple_ids(&rev, &fleet))
}

/// What would end if an Apple Account were lost, and what each customer is told. Nothing is contacted.
pub fn lost(context: &Context, account: &str) -> Result<LostAccount, AppError> {
    let repo = Repo::discover(&context.repo)?;
    let rev = repo.resolve(&context.rev)?;
    let source = repo.snapshot(&rev)?;
    let policy = session::policy_of(context, &source)?;
    let (fleet, _) = fleet::load_tenants(&source, Some(&policy));
    let ledger = session::last_seen(context, &repo, &policy);
    Ok(report::lost_account(&rev, &fleet, ledger.as_ref(), account, context.now())?)
}

/// Something that this clone does not have, so that it is unknown.
fn incomplete(code: &str, message: &str, advice: &str) -> AuditFinding {
    AuditFinding::new(AuditArea::Secrets, code, AuditPlace::default(), message, advice)
        .at(AuditLevel::Unknown)
}
