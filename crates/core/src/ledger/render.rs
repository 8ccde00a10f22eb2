//! The reports of `ledger show` and `ledger verify`, and their text for people.
//!
//! The report types are the JSON contract. All text from entries goes through [`safe_text`] before a
//! person sees it: names come from Intune and from pull requests, and a terminal obeys what it is
//! shown.
#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fmt::Write as _;

use chrono::NaiveDate;
use comfy_table::{Table, presets};
use schemars::JsonSchema;
use serde::Serialize;

use super::view::LedgerView;
use crate::fleet::Accepted;
use crate::model::{EntryBody, Evidence, Facts, FileRef, Record, Sha256, TenantId, safe_text};
use crate::report::wrap;

/// The version of both reports.
pub const FORMAT_VERSION: &str = "1.0";

/// Which entries to show; everything by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// A tenant's id, or a name that any of its entries has.
    pub tenant: Option<String>,
}

/// What `ledger show --format json` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShowReport {
    /// The version of this format.
    pub format_version: &'static str,
    /// The remote that was asked; `null` when only this clone was looked at.
    pub remote: Option<String>,
    /// The commit that was read; `null` when there is no ledger.
    pub head: Option<String>,
    /// The entries, by tenant, in the order of each chain.
    pub entries: Vec<ShowEntry>,
    /// How many of the ledger's entries this clone has recorded and not pushed yet. They stand at
    /// the ends of their chains and may get another place there.
    pub unpushed: usize,
    /// Tenants whose files are broken, so that their entries are not shown.
    pub broken: Vec<BrokenTenant>,
    /// Why what people recorded is not shown; `null` where it could be read.
    pub lost_notes: Option<String>,
}

/// A tenant whose file is broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BrokenTenant {
    /// Whose file it is.
    pub tenant_id: TenantId,
    /// One sentence for a person: what is broken, and at which line.
    pub message: String,
}

/// One entry with its tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShowEntry {
    /// Whose file it is in.
    pub tenant_id: TenantId,
    /// The line as it was written, with the hash that the next one names.
    #[serde(flatten)]
    pub record: Record,
}

/// What `ledger verify --format json` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VerifyReport {
    /// The version of this format.
    pub format_version: &'static str,
    /// The remote that was asked; `null` when only this clone was looked at.
    pub remote: Option<String>,
    /// The commit that was verified; `null` when there is no ledger.
    pub head: Option<String>,
    /// How many tenants' files were read.
    pub tenants: usize,
    /// How many entries their unbroken chains have.
    pub entries: usize,
    /// How many commits were walked.
    pub commits: usize,
    /// `broken` if there is any fault.
    pub verdict: Verdict,
    /// Everything that was found.
    pub faults: Vec<Fault>,
}

/// Whether a ledger can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every chain is unbroken and no commit changed what was written before.
    Ok,
    /// There is a fault.
    Broken,
}

/// The code of a line that has no effect, in a chain that is whole.
pub const LINE_BROKEN: &str = "ledger-line-broken";

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    /// The file on the branch; `null` when it is about the branch itself.
    pub file: Option<String>,
    /// The line in that file.
    pub line: Option<usize>,
    /// The commit that did it, where the history tells.
    pub commit: Option<String>,
    /// Stable: `applecart explain` and scripts read it.
    pub code: &'static str,
    /// One sentence for a person: what is broken, and at which line.
    pub message: String,
    /// By what the policy can accept it, once somebody has looked into it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accept: Option<Acceptable>,
}

/// What an entry of `ledger.accepted` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Acceptable {
    /// The tenant whose file has lost lines, or has got some without a valid signature.
    pub tenant: TenantId,
    /// SHA-256 of the line that names the loss.
    pub line: Sha256,
}

impl VerifyReport {
    /// A report with its verdict.
    pub fn new(
        remote: Option<String>,
        head: Option<String>,
        tenants: usize,
        entries: usize,
        commits: usize,
        faults: Vec<Fault>,
    ) -> Self {
        let verdict = if faults.is_empty() { Verdict::Ok } else { Verdict::Broken };
        let format_version = FORMAT_VERSION;
        Self { format_version, remote, head, tenants, entries, commits, verdict, faults }
    }

    /// The same without what the policy accepts on this day.
    #[must_use]
    pub fn without(mut self, accepted: &[Accepted], today: NaiveDate) -> Self {
        self.faults.retain(|fault| {
            !fault.accept.is_some_and(|found| {
                accepted.iter().any(|one| {
                    (one.tenant, one.line) == (found.tenant, found.line) && today <= one.until
                })
            })
        });
        if self.faults.is_empty() {
            self.verdict = Verdict::Ok;
        }
        self
    }

    /// The same with something that is wrong with the branch itself.
    #[must_use]
    pub fn with(mut self, code: &'static str, message: String) -> Self {
        self.faults.push(Fault {
            file: None,
            line: None,
            commit: None,
            code,
            message,
            accept: None,
        });
        self.verdict = Verdict::Broken;
        self
    }

    /// The same with what is wrong with the notes, on the branch of this name.
    #[must_use]
    pub fn with_notes(mut self, branch: &str, notes: Self) -> Self {
        self.faults.extend(notes.faults.into_iter().map(|fault| Fault {
            file: fault.file.map(|file| format!("{branch}:{file}")),
            ..fault
        }));
        if !self.faults.is_empty() {
            self.verdict = Verdict::Broken;
        }
        self
    }
}

/// The entries that the filter lets through. `remote` is the one that was asked for the view.
pub fn show(view: &LedgerView, filter: &Filter, remote: Option<&str>) -> ShowReport {
    let wanted = |tenant: TenantId, records: &[Record]| {
        filter.tenant.as_deref().is_none_or(|text| {
            text.parse() == Ok(tenant) || records.iter().any(|record| record.name.as_str() == text)
        })
    };
    let entries = view
        .tenants
        .iter()
        .filter(|(tenant, ledger)| wanted(**tenant, &ledger.records))
        .flat_map(|(&tenant_id, ledger)| {
            ledger.records.iter().cloned().map(move |record| ShowEntry { tenant_id, record })
        })
        .collect();
    // The name of a tenant whose file is broken is not known, so a filter hides none of them.
    let broken = view
        .broken
        .iter()
        .chain(&view.broken_notes)
        .map(|(&tenant_id, message)| BrokenTenant { tenant_id, message: message.clone() });
    ShowReport {
        format_version: FORMAT_VERSION,
        remote: remote.map(str::to_owned),
        head: view.head.clone(),
        entries,
        unpushed: view.unpushed,
        broken: broken.collect(),
        lost_notes: view.lost_notes.clone(),
    }
}

/// The entries, oldest first over all tenants: a table with one line an entry, and where a screen of
/// `width` columns has no room for it, one paragraph an entry.
pub fn show_text(report: &ShowReport, width: Option<usize>) -> String {
    let place = match &report.head {
        Some(head) => place(report.remote.as_deref(), head),
        // Notes may be there before the first upload.
        None if !report.entries.is_empty() => "notes only".to_owned(),
        None => return none(report.remote.as_deref()),
    };
    let mut notes = String::new();
    if report.unpushed > 0 {
        let (count, noun) = counted(report.unpushed, "entry", "entries");
        let _ = writeln!(notes, "{count} {noun} of this clone not pushed yet");
    }
    if let Some(why) = &report.lost_notes {
        let _ = writeln!(notes, "the notes are not shown: {}", safe_text(why));
    }
    for BrokenTenant { tenant_id, message } in &report.broken {
        let _ = writeln!(notes, "tenant {tenant_id} is not shown: {}", safe_text(message));
    }
    if report.entries.is_empty() {
        return format!("No entries ({place}).\n{notes}");
    }
    let mut entries: Vec<_> = report.entries.iter().collect();
    entries.sort_by_key(|entry| entry.record.at);
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["AT", "EVENT", "TENANT", "TOKEN", "SHA256", "WHAT", "BY"]);
    for ShowEntry { record, .. } in &entries {
        table.add_row([
            record.at.to_string(),
            record.event().to_string(),
            safe_text(record.name.as_str()),
            safe_text(&record.token_words()),
            record.sha256().map(|sha256| short(&sha256.to_string(), 12)).unwrap_or_default(),
            what(record),
            by(record),
        ]);
    }
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.trim());
        text.push('\n');
    }
    let widest = text.lines().map(|line| line.chars().count()).max().unwrap_or_default();
    if let Some(width) = width.filter(|width| widest > *width) {
        text = paragraphs(&entries, width);
    }
    if report.remote.is_some() {
        let _ = writeln!(text, "({place})");
    }
    text + &notes
}

fn paragraphs(entries: &[&ShowEntry], width: usize) -> String {
    let mut text = String::new();
    for ShowEntry { record, .. } in entries {
        let head = format!("{}  {}", record.at, record.event());
        let whose = safe_text(&format!("{} {}", record.name, record.token_words()));
        let sha256 = record.sha256().map(|sha256| short(&sha256.to_string(), 12));
        let sha256 = sha256.map(|sha256| format!("sha256 {sha256}")).unwrap_or_default();
        let _ = writeln!(text, "{head}");
        for line in [whose, what(record), sha256, by(record)] {
            if !line.is_empty() {
                text.push_str(&wrap(&line, 2, width));
            }
        }
    }
    text
}

/// Which ledger it is, and where.
fn place(remote: Option<&str>, head: &str) -> String {
    let head = short(head, 12);
    match remote {
        Some(remote) => format!("ledger of {} at {head}", safe_text(remote)),
        None => format!("ledger in this clone at {head}"),
    }
}

fn none(remote: Option<&str>) -> String {
    match remote {
        Some(remote) => format!("There is no ledger yet ({} was asked).\n", safe_text(remote)),
        None => "There is no ledger yet in this clone.\n".to_owned(),
    }
}

fn counted(count: usize, one: &'static str, many: &'static str) -> (usize, &'static str) {
    (count, if count == 1 { one } else { many })
}

/// The verdict, and every fault on a line of its own.
pub fn verify_text(report: &VerifyReport) -> String {
    let faults = &report.faults;
    let tenants = counted(report.tenants, "tenant", "tenants");
    let entries = counted(report.entries, "entry", "entries");
    let commits = counted(report.commits, "commit", "commits");
    let Some(head) = &report.head else {
        if faults.is_empty() {
            return none(report.remote.as_deref());
        }
        return fault_lines(faults);
    };
    let counted = format!(
        "{} {}, {} {}, {} {} ({})",
        tenants.0,
        tenants.1,
        entries.0,
        entries.1,
        commits.0,
        commits.1,
        place(report.remote.as_deref(), head)
    );
    match report.verdict {
        Verdict::Ok => format!("ok: {counted}\n"),
        Verdict::Broken => {
            format!("{}broken: {counted}\n{}", fault_lines(faults), to_accept(faults))
        }
    }
}

/// The entries that accept what is wrong, to paste.
fn to_accept(faults: &[Fault]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for Acceptable { tenant, line } in faults.iter().filter_map(|fault| fault.accept) {
        let entry = format!(
            "    - {{tenant: {tenant}, line: {line}, reason: WHAT YOU FOUND, by: WHO, until: DAY}}\n"
        );
        if !lines.contains(&entry) {
            lines.push(entry);
        }
    }
    if lines.is_empty() {
        return String::new();
    }
    let stops = |fault: &Fault| fault.accept.is_some() && fault.code != LINE_BROKEN;
    let what = if faults.iter().any(stops) {
        "Nothing is uploaded to tenants whose lines are gone until they are back. If they cannot be brought back, and\nsomebody has found out what happened,"
    } else {
        "These lines have no effect: Applecart goes on uploading as if they were not there. Once somebody has found out\nwhat happened,"
    };
    format!(
        "\n{what} this in applecart.yaml accepts it, reviewed and merged:\n\nledger:\n  accepted:\n{}",
        lines.concat()
    )
}

fn fault_lines(faults: &[Fault]) -> String {
    let mut text = String::new();
    for Fault { file, line, commit, code, message, .. } in faults {
        if let Some(file) = file {
            text.push_str(&safe_text(file));
            if let Some(line) = line {
                let _ = write!(text, ":{line}");
            }
            text.push_str(": ");
        }
        let _ = write!(text, "{code}: {}", safe_text(message));
        if let Some(commit) = commit {
            let _ = write!(text, " (commit {})", short(commit, 12));
        }
        text.push('\n');
    }
    text
}

/// What an entry says: the facts that changed, the lease of an intent, the cause of a failure.
fn what(record: &Record) -> String {
    let mut parts = changes(record.before.as_ref(), record.after.as_ref());
    match &record.body {
        EntryBody::Intended { lease_until, .. } => parts.push(format!("until {lease_until}")),
        EntryBody::Failed { cause, .. } | EntryBody::NotLanded { cause: Some(cause), .. } => {
            let status = cause.status.map(|status| format!(" ({status})")).unwrap_or_default();
            let detail =
                cause.detail.as_deref().map(|text| format!(": {text}")).unwrap_or_default();
            parts.push(safe_text(&format!("{}{status}{detail}", cause.code)));
        }
        EntryBody::Confirmed { evidence: Some(Evidence::Inferred), .. } => {
            parts.push("inferred: no run recorded that Intune accepted it".to_owned());
        }
        EntryBody::Downloaded { file: FileRef { downloaded: Some(at), .. } } => {
            parts.push(format!("downloaded {at}"));
        }
        EntryBody::Joined { line } => parts.push(safe_text(line)),
        EntryBody::RenewalOpened { public_key_sha256, .. } => {
            parts.push(format!("request key {}", short(&public_key_sha256.to_string(), 12)));
        }
        _ => {}
    }
    parts.join(", ")
}

/// `serial A → B` for each fact that both sides have and that differs; without a before, what is
/// there now.
fn changes(before: Option<&Facts>, after: Option<&Facts>) -> Vec<String> {
    let Some(after) = after else { return Vec::new() };
    let new = words(after);
    let Some(before) = before else {
        return new.into_iter().map(|(name, value)| format!("{name} {value}")).collect();
    };
    let old = words(before);
    new.into_iter()
        .filter_map(|(name, value)| {
            let was = old.iter().find(|(other, _)| *other == name).map(|(_, was)| was);
            match was {
                Some(was) if *was == value => None,
                Some(was) => Some(format!("{name} {was} → {value}")),
                None => Some(format!("{name} {value}")),
            }
        })
        .collect()
}

fn words(facts: &Facts) -> Vec<(&'static str, String)> {
    facts.pairs().into_iter().map(|(name, value)| (name, safe_text(&value))).collect()
}

fn by(record: &Record) -> String {
    let actor = &record.actor;
    let who = match (&actor.pipeline, &actor.user, &actor.host) {
        (Some(pipeline), ..) => pipeline.clone(),
        (None, Some(user), Some(host)) => format!("{user}@{host}"),
        (None, Some(one), None) | (None, None, Some(one)) => one.clone(),
        (None, None, None) => String::new(),
    };
    safe_text(format!("{} {who}", short(&record.run, 8)).trim_end())
}

/// The first characters of a hash or an id.
fn short(text: &str, length: usize) -> String {
    text.chars().take(length).collect()
}

#[cfg(test)]
mod tests;
