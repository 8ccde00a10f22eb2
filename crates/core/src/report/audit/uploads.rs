//! Ledger lines against Git: where an upload came from, and whether Intune got anything without
//! one.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{AuditArea, AuditFinding, AuditLevel, AuditPlace};
use crate::fleet::{Move, Owned};
use crate::model::{Event, Evidence, Record, Sha256, TenantId};

/// What the commit that a line names says about the line's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// The tenant's file at that commit names the digest for a token of this kind.
    Yes,
    No,
    /// The folder of that name was another tenant's at that commit.
    OtherTenant(TenantId),
    /// The line is about settings, and names no file.
    NotAsked,
}

/// What was found of the commit that a line names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fit {
    /// Whether it is reachable from the protected branch; `None` where the clone is too shallow to
    /// tell.
    pub on_branch: Option<bool>,
    /// Whether it holds the digest.
    pub held: Held,
    /// Why its signature does not count, where the policy asked for one.
    pub unsigned: Option<String>,
}

/// What was found of a line's commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trace {
    /// The line names none.
    NoCommit,
    /// The repository does not have it; `true` where the clone is cut off and may only lack it.
    Missing(bool),
    Found(Fit),
}

/// Clocks may differ by so much; over ten minutes from Graph's, nothing is uploaded.
const MAX_BACKWARDS: chrono::Duration = chrono::Duration::hours(1);

const REVIEW: &str = "find out who ran it (the line names run, clone and person), compare the credential in Intune with the reviewed one, and upload the reviewed one again if in doubt";

fn place(branch: &str, tenant: TenantId, record: &Record) -> AuditPlace {
    AuditPlace {
        refname: Some(branch.to_owned()),
        commit: record.rev.clone(),
        file: Some(format!("tenants/{tenant}.jsonl")),
        line: usize::try_from(record.seq).ok(),
        ..AuditPlace::default()
    }
}

fn what(record: &Record) -> String {
    format!("{} {} of {} at {}", record.token_words(), record.event(), record.name, record.at)
}

/// Judges one tenant's lines. `trace` answers for a line that names, or should name, a commit.
pub fn judge_uploads(
    branch: &str,
    tenant: TenantId,
    records: &[Record],
    trace: impl Fn(&Record) -> Trace,
) -> Vec<AuditFinding> {
    let mut found = out_of_order(branch, tenant, records);
    for (index, record) in records.iter().enumerate() {
        let before = records.get(..index).unwrap_or_default();
        let after = records.get(index + 1..).unwrap_or_default();
        let finding = |code: &str, message: String, advice: &str| {
            let place = place(branch, tenant, record);
            AuditFinding::new(AuditArea::Uploads, code, place, message, advice)
        };
        match record.event() {
            Event::Applied => {
                found.extend(of_commit(&trace(record), record, &finding));
                found.extend(of_intent(before, record, &finding));
            }
            Event::Adopted => found.extend(of_adoption(&trace(record), record, &finding)),
            Event::Confirmed if record.confirms_unannounced(before) => {
                found.extend(of_commit(&trace(record), record, &finding));
                let message =
                    format!("{}: no run announced or uploaded this file before", what(record));
                found.push(finding("confirmed-without-intent", message, REVIEW));
            }
            Event::Confirmed if record.evidence() == Some(Evidence::Inferred) => {
                let message = format!(
                    "{}: inferred from when Intune changed the token; no run recorded that Intune accepted the upload",
                    what(record)
                );
                let advice = "compare Intune's audit log with the run that announced it";
                let found_it = finding("confirmed-by-inference", message, advice);
                found.push(found_it.at(AuditLevel::Note));
            }
            Event::ChangedOutsideGit => {
                found.push(of_change(record, after, &finding));
            }
            _ => {}
        }
    }
    found
}

/// Lines that are dated well before the one above them: entries that a run could not push were handed
/// over later, a clock was wrong, or history was rewritten. Days that are asked about stand on it.
fn out_of_order(branch: &str, tenant: TenantId, records: &[Record]) -> Vec<AuditFinding> {
    let pairs = records.iter().zip(records.iter().skip(1));
    pairs
        .filter(|(above, below)| above.at.since(below.at) > MAX_BACKWARDS)
        .map(|(above, below)| {
            let message = format!(
                "{}: the line above is dated {}; entries that were handed over later look like this, and so do forged ones",
                what(below),
                above.at
            );
            let advice = "compare it with the run that the line names and with the date of the ledger's commit";
            let place = place(branch, tenant, below);
            AuditFinding::new(AuditArea::Ledger, "out-of-order", place, message, advice)
                .at(AuditLevel::Note)
        })
        .collect()
}

/// Nothing but a reviewed tenant file takes a change over.
fn of_adoption(
    trace: &Trace,
    record: &Record,
    finding: &impl Fn(&str, String, &str) -> AuditFinding,
) -> Option<AuditFinding> {
    let line = what(record);
    let rev = record.rev.as_deref().unwrap_or_default();
    let message = match trace {
        Trace::Found(fit) if fit.held == Held::Yes && fit.on_branch != Some(false) => return None,
        Trace::Missing(true) => {
            let message = format!("{line}: commit {rev} is not in this clone, which is shallow");
            let unknown = finding("history-incomplete", message, "git fetch --unshallow");
            return Some(unknown.at(AuditLevel::Unknown));
        }
        Trace::NoCommit => format!("{line}: the line names no commit"),
        Trace::Missing(false) => format!("{line}: commit {rev} does not exist here"),
        Trace::Found(Fit { on_branch: Some(false), .. }) => {
            format!("{line}: commit {rev} is not on the protected branch")
        }
        Trace::Found(_) => format!(
            "{line}: at commit {rev} the tenant file neither watches this credential nor accepts its topic"
        ),
    };
    Some(finding("adopted-without-review", message, REVIEW))
}

/// A change outside Git, and what answered it.
fn of_change(
    record: &Record,
    after: &[Record],
    finding: &impl Fn(&str, String, &str) -> AuditFinding,
) -> AuditFinding {
    let answered = after.iter().find(|later| {
        later.is_of_token_of(record)
            && matches!(
                later.event(),
                Event::Adopted | Event::Applied | Event::Confirmed | Event::Verified
            )
    });
    let (level, so_far) = match answered {
        None => (AuditLevel::Finding, "nothing has answered that since".to_owned()),
        Some(later) => (AuditLevel::Note, format!("{} at {}", later.event(), later.at)),
    };
    let message = format!(
        "{}: the credential in Intune changed, and no run uploaded it; {so_far}",
        what(record)
    );
    let (code, advice) = match answered {
        None => (
            "live-change-without-upload",
            "find out who did it in the portal; adopt it (`applecart import --update`) or upload the reviewed file again",
        ),
        Some(_) => ("live-change-answered", "Intune's audit log names who did it in the portal"),
    };
    finding(code, message, advice).at(level)
}

fn of_commit(
    trace: &Trace,
    record: &Record,
    finding: &impl Fn(&str, String, &str) -> AuditFinding,
) -> Vec<AuditFinding> {
    let line = what(record);
    let rev = record.rev.as_deref().unwrap_or_default();
    let fit = match trace {
        Trace::NoCommit => {
            let message = format!("{line}: the line names no commit");
            return vec![finding("upload-without-commit", message, REVIEW)];
        }
        Trace::Missing(true) => {
            let message = format!("{line}: commit {rev} is not in this clone, which is shallow");
            return vec![
                finding("history-incomplete", message, "git fetch --unshallow")
                    .at(AuditLevel::Unknown),
            ];
        }
        Trace::Missing(false) => {
            let message = format!(
                "{line}: commit {rev} does not exist here; it was amended, rebased or never pushed"
            );
            return vec![finding("upload-without-commit", message, REVIEW)];
        }
        Trace::Found(fit) => fit,
    };
    let mut found = Vec::new();
    match fit.on_branch {
        Some(true) => {}
        Some(false) => {
            let message = format!(
                "{line}: commit {rev} is not on the protected branch; it was amended or rebased after the upload, or never merged"
            );
            found.push(finding("commit-not-on-branch", message, REVIEW));
        }
        None => {
            let message = format!(
                "{line}: whether commit {rev} is on the protected branch is unknown: the clone is shallow"
            );
            let unknown = finding("history-incomplete", message, "git fetch --unshallow");
            found.push(unknown.at(AuditLevel::Unknown));
        }
    }
    match fit.held {
        Held::Yes | Held::NotAsked => {}
        Held::No => {
            let message = format!("{line}: commit {rev} does not name this digest for the token");
            found.push(finding("digest-not-in-commit", message, REVIEW));
        }
        Held::OtherTenant(other) => {
            let message = format!("{line}: at commit {rev} the folder is tenant {other}'s");
            found.push(finding("wrong-destination", message, REVIEW));
        }
    }
    if let Some(why) = &fit.unsigned {
        let message = format!("{line}: commit {rev} {why}, and the policy asks for signed commits");
        found.push(finding("upload-not-signed", message, REVIEW));
    }
    found
}

fn of_intent(
    before: &[Record],
    record: &Record,
    finding: &impl Fn(&str, String, &str) -> AuditFinding,
) -> Option<AuditFinding> {
    let intent = before.iter().rev().find(|earlier| {
        earlier.event() == Event::Intended
            && earlier.run == record.run
            && earlier.sha256() == record.sha256()
            && earlier.is_of_token_of(record)
    });
    let line = what(record);
    match intent {
        None => Some(finding(
            "applied-without-intent",
            format!("{line}: no line of the same run announced it before"),
            REVIEW,
        )),
        Some(intent)
            if intent.plan_digest().is_none() || intent.plan_digest() != record.plan_digest() =>
        {
            Some(finding(
                "applied-without-plan",
                format!("{line}: the line that announced it does not name the same plan"),
                REVIEW,
            ))
        }
        Some(_) => None,
    }
}

/// Files that went to several tenants, each told at the line of the later one. A `moves` line
/// of the policy releases one.
pub fn judge_bindings(
    branch: &str,
    ledger: &BTreeMap<TenantId, Vec<Record>>,
    moves: &[Move],
) -> Vec<AuditFinding> {
    let mut firsts: HashMap<Sha256, Vec<(TenantId, &Record)>> = HashMap::new();
    for (&tenant, records) in ledger {
        let mut seen = BTreeSet::new();
        for record in records {
            let sent =
                matches!(record.event(), Event::Intended | Event::Applied | Event::Confirmed);
            if let Some(sha256) = record.sha256().filter(|_| sent)
                && seen.insert(sha256)
            {
                firsts.entry(sha256).or_default().push((tenant, record));
            }
        }
    }
    let mut found = Vec::new();
    for (sha256, mut lines) in firsts {
        lines.sort_by_key(|(tenant, record)| (record.at, *tenant));
        let Some(((owner, _), later)) = lines.split_first() else { continue };
        for (tenant, record) in later {
            let released =
                moves.iter().any(|line| line.of == Owned::File(sha256) && line.to == *tenant);
            if !released {
                let message =
                    format!("{}: the same file went to tenant {owner} before", what(record));
                found.push(AuditFinding::new(
                    AuditArea::Uploads,
                    "wrong-destination",
                    place(branch, *tenant, record),
                    message,
                    "a customer's credential must never reach another customer's Intune: upload each tenant's own; if it really moved, a `moves` line in applecart.yaml says so",
                ));
            }
        }
    }
    found
}
