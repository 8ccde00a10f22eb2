//! Whether the record is whole.

use super::{AuditOptions, AuditedLedger, Ground};
use crate::app::session::{self, Earlier, Which, trust};
use crate::app::{AppError, Context};
use applecart_core::audit::of_fault;
use applecart_core::fleet::{self, Desired, Tenant};
use applecart_core::report::{AuditArea, AuditFinding, AuditLedger, AuditLevel, AuditPlace};
use applecart_io::store::{self, Ledger, LedgerError};

pub(super) fn audit(
    options: &AuditOptions,
    context: &Context,
    ground: &Ground<'_>,
    findings: &mut Vec<AuditFinding>,
) -> Result<AuditedLedger, AppError> {
    let branch = ground.policy.ledger_branch.clone();
    let mut summary = AuditLedger {
        branch: branch.clone(),
        expected_head: options.expect_head.clone(),
        ..AuditLedger::default()
    };
    let which = Which::of(options.offline);
    let earlier = Earlier::of(ground.repo, Some(ground.policy_rev), ground.policy)?;
    let policy = &earlier.in_force(ground.policy);
    let ledger = match session::open_ledger(context, policy, which) {
        Ok(ledger) => ledger,
        Err(error @ LedgerError::WhichRemote { .. }) => return Err(error.into()),
        Err(error) => {
            findings.push(unknown(&branch, &error));
            return Ok(AuditedLedger { summary, view: None });
        }
    };
    let by = (ground.policy, ground.policy_rev);
    let report = match trust::verified(context, ground.repo, by, &ledger)? {
        Ok(report) => report,
        Err(error) => {
            findings.push(unknown(&branch, &error));
            return Ok(AuditedLedger { summary, view: None });
        }
    };
    findings.extend(report.faults.iter().map(|fault| of_fault(&branch, fault)));
    let notes_branch = &ground.policy.notes_branch;
    let notes = session::open_notes(context, policy, which).and_then(|notes| {
        let report = store::verify(&notes, context.real_now())?;
        findings.extend(report.faults.iter().map(|fault| of_fault(notes_branch, fault)));
        if report.faults.is_empty() {
            earlier.notes_must_go_on(ground.repo, which, &notes)?;
        }
        Ok(())
    });
    if let Err(error) = notes {
        findings.push(unknown(notes_branch, &error));
    }
    if report.faults.is_empty()
        && let Err(error) = earlier.must_go_on(ground.repo, which, &ledger)
    {
        findings.push(unknown(&branch, &error));
    }
    summary.remote = report.remote.clone();
    summary.head = report.head.clone();
    (summary.tenants, summary.entries, summary.commits) =
        (report.tenants, report.entries, report.commits);
    if let Some(expected) = &options.expect_head {
        findings.extend(expected_head(&ledger, &branch, expected, report.head.as_deref())?);
    }
    if report.head.is_none() && report.faults.is_empty() {
        findings.extend(no_ledger(ground, &branch, options.offline)?);
    }
    let mut view = None;
    if let Some(head) = &report.head {
        findings.extend(other_tips(&ledger, &branch, head)?);
        match ledger.view_at(head) {
            Ok(read) => view = Some(read),
            // What is wrong with it, the faults say; that its lines were not traced follows.
            Err(error) if report.faults.is_empty() => findings.push(unknown(&branch, &error)),
            Err(_) => {}
        }
    }
    Ok(AuditedLedger { summary, view })
}

fn finding(code: &str, place: AuditPlace, message: String, advice: &str) -> AuditFinding {
    AuditFinding::new(AuditArea::Ledger, code, place, message, advice)
}

fn at(branch: &str) -> AuditPlace {
    AuditPlace { refname: Some(branch.to_owned()), ..AuditPlace::default() }
}

/// A fleet with sealed files and no ledger: what became of them, nothing tells.
fn no_ledger(
    ground: &Ground<'_>,
    branch: &str,
    offline: bool,
) -> Result<Option<AuditFinding>, AppError> {
    let source = ground.repo.snapshot(ground.policy_rev)?;
    let (fleet, _) = fleet::load_tenants(&source, Some(ground.policy));
    let files = fleet.iter().filter_map(Desired::valid).flat_map(Tenant::tokens);
    let files = files.filter(|token| token.file.is_some()).count();
    if files == 0 {
        return Ok(None);
    }
    let noun = if files == 1 { "sealed token file" } else { "sealed token files" };
    let message =
        format!("the fleet has {files} {noun} and no ledger: nothing tells what was uploaded");
    Ok(Some(if offline {
        let advice = "fetch the ledger, or audit without --offline";
        finding("no-ledger", at(branch), message, advice).at(AuditLevel::Unknown)
    } else {
        let advice = "push the ledger from a clone that has it; if nothing was ever uploaded, begin it: applecart ledger create";
        finding("no-ledger", at(branch), message, advice)
    }))
}

fn unknown(branch: &str, error: &LedgerError) -> AuditFinding {
    if error.is_about_loss() {
        let advice = "find out who merged that, and have it reverted or the record continued, as the message says";
        return finding(error.code(), at(branch), error.sentence(), advice);
    }
    let advice = "check the network and credentials, or audit what this clone has with --offline";
    finding(error.code(), at(branch), error.sentence(), advice).at(AuditLevel::Unknown)
}

/// Whether the present head holds the one that was seen before.
fn expected_head(
    ledger: &Ledger,
    branch: &str,
    expected: &str,
    head: Option<&str>,
) -> Result<Option<AuditFinding>, LedgerError> {
    const ADVICE: &str = "the record was rewritten or replaced since that head was noted: fetch the commit from a clone or a backup that has it, and compare";
    let place = AuditPlace { commit: Some(expected.to_owned()), ..at(branch) };
    let held = match head {
        Some(head) => ledger.holds(head, expected)?,
        None => Some(false),
    };
    let present = head.unwrap_or("none");
    Ok(match held {
        Some(true) => None,
        Some(false) => Some(finding(
            "head-rewritten",
            place,
            format!("the ledger's head {present} does not hold the expected {expected}"),
            ADVICE,
        )),
        None => Some(finding(
            "head-not-found",
            place,
            format!(
                "the expected head {expected} is not in this repository; the head is {present}"
            ),
            ADVICE,
        )),
    })
}

/// Branch tips that this clone knows and that the verified head neither holds nor follows.
fn other_tips(ledger: &Ledger, branch: &str, head: &str) -> Result<Vec<AuditFinding>, LedgerError> {
    let mut found = Vec::new();
    for (refname, tip) in ledger.known_tips()? {
        let agrees =
            ledger.holds(head, &tip)? == Some(true) || ledger.holds(&tip, head)? == Some(true);
        if agrees {
            continue;
        }
        let place = AuditPlace { refname: Some(refname.clone()), ..AuditPlace::commit(&tip) };
        if refname.starts_with("refs/heads/") {
            // Entries that lost a race are appended again by the next push.
            let message =
                format!("this clone's branch has entries that {branch} at {head} does not have");
            let advice = "push them: applecart ledger append --publish, or the next apply does";
            found.push(finding("ledger-unpushed", place, message, advice).at(AuditLevel::Note));
        } else {
            let message =
                format!("this clone saw the remote's branch at {tip}, which {head} does not hold");
            let advice = "the branch was pushed by force: find out by whom, compare the two, and push the longer one back";
            found.push(finding("ledger-rewritten", place, message, advice));
        }
    }
    Ok(found)
}
