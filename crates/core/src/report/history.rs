//! One timeline per token: what Git's history says, joined with what the ledger says.
//!
//! This file holds the result as data. `tokens` tells which entry of one commit is which of the
//! next, `changes` what differs between them, `review` reads the request's number out of a message,
//! `join` puts both records in order, `force` answers what was in force when, and `live` puts that
//! beside what Intune has. `human`,
//! `flat` and `html` write it down.

mod changes;
mod flat;
mod force;
mod html;
mod human;
mod join;
mod live;
mod picture;
mod review;
#[cfg(test)]
mod tests;
mod tokens;
mod words;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fleet::Desired;
use crate::model::{
    Cause, Commit, EntryBody, Event, Evidence, Facts, Kind, Person, Problem, Record, Sha256,
    Signature, TenantId, Timestamp,
};
use crate::words::kebab_enum;

pub use flat::{history_csv, history_markdown};
pub use html::history_html;
pub(super) use html::{body, title};
pub use human::history_human;
pub use join::{Period, TenantPast, tokens_of};
pub use live::with_live;
use review::reviewers;
pub use review::{RequestKind, Review};

/// What a read of Intune showed of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LiveNow {
    /// When it was read.
    pub at: Timestamp,
    /// The public facts; `null` where Intune does not have it, or could not be asked.
    pub facts: Option<Facts>,
    /// Why it could not be asked.
    pub problem: Option<Problem>,
    /// Whether it is the credential that the records say is in force; `null` where that cannot be
    /// told.
    pub same: Option<bool>,
}

/// The version of the format of `history`.
pub(super) const FORMAT_VERSION: &str = "1.0";

/// A commit that changed a tenant's folder, with what the folder held before and after.
#[derive(Clone, Debug)]
pub struct Version {
    pub commit: Commit,
    /// The merge of the mainline that brought it; `None` for a commit of the mainline itself.
    pub via: Option<Commit>,
    /// The folder's name then.
    pub folder: String,
    /// The folder that it was moved from.
    pub renamed_from: Option<String>,
    /// The folder that it was moved to.
    pub renamed_to: Option<String>,
    /// Whether the clone is cut off here.
    pub cut_off: bool,
    /// What the folder held before; `None` where there was none.
    pub before: Option<Arc<Desired>>,
    /// What it held after.
    pub after: Option<Arc<Desired>>,
}

/// What happened to a token: one word of two records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Happening {
    /// What a commit of the fleet did.
    Git(GitEvent),
    /// What a line of the ledger says.
    Ledger(Event),
}

impl Happening {
    /// The word as it is written in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Git(event) => event.as_str(),
            Self::Ledger(event) => event.as_str(),
        }
    }
}

impl From<GitEvent> for Happening {
    fn from(event: GitEvent) -> Self {
        Self::Git(event)
    }
}

impl From<Event> for Happening {
    fn from(event: Event) -> Self {
        Self::Ledger(event)
    }
}

kebab_enum! {
    /// What a commit did to a token.
    GitEvent {
        /// The entry of the token came into the tenant file.
        Added => "added",
        /// Another file took the place of the sealed one.
        FileReplaced => "file-replaced",
        /// A watched token got a sealed file.
        FileAdded => "file-added",
        /// The token lost its sealed file and is watched since.
        FileRemoved => "file-removed",
        /// The same file was re-encrypted.
        Resealed => "resealed",
        /// Something in the entry changed, not the file.
        Edited => "edited",
        /// The tenant's folder got another name.
        FolderRenamed => "folder-renamed",
        /// The entry went. Nothing is ever removed from Intune because of it.
        Removed => "removed",
        /// The folder has a mistake since, so that nothing can be said about the token.
        Unreadable => "unreadable",
        /// The mistake was corrected.
        Readable => "readable",
        /// This clone has no history from before.
        CutOff => "cut-off",
    }
}

kebab_enum! {
    /// Where an entry of a timeline comes from.
    Origin {
        /// The fleet's Git history.
        Git => "git",
        Ledger => "ledger",
    }
}

/// One fact's old and new value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FactChange {
    /// Its name in the tenant file.
    pub fact: String,
    /// The old value; `null` where there was none.
    pub from: Option<String>,
    /// The new value; `null` where there is none.
    pub to: Option<String>,
}

/// A commit as a timeline shows it. Names and mail addresses are what the commit says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommitEntry {
    /// The whole SHA-1 name, 40 hexadecimal digits.
    pub id: String,
    /// The first line of the message.
    pub subject: String,
    /// Who wrote the change.
    pub author: Person,
    /// When, by the author's clock.
    pub authored: Timestamp,
    /// Who made the commit.
    pub committer: Person,
    /// When, by the committer's clock.
    pub committed: Timestamp,
    /// The signature; `null` where there is none.
    pub signature: Option<Signature>,
}

impl From<&Commit> for CommitEntry {
    fn from(commit: &Commit) -> Self {
        Self {
            id: commit.id.clone(),
            subject: commit.subject().to_owned(),
            author: commit.author.clone(),
            authored: commit.authored,
            committer: commit.committer.clone(),
            committed: commit.committed,
            signature: commit.signature.clone(),
        }
    }
}

/// A line of the ledger as a timeline shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecordEntry {
    /// Whose file of the ledger it stands in.
    pub tenant_id: TenantId,
    pub seq: u64,
    pub at: Timestamp,
    pub run: String,
    /// The pipeline run's URL, where one ran it.
    pub pipeline: Option<String>,
    pub user: Option<String>,
    pub host: Option<String>,
    /// The fleet commit that was applied.
    pub rev: Option<String>,
    /// The digest of the plan that asked for it.
    pub plan_digest: Option<String>,
    pub cause: Option<Cause>,
    /// Confirmations: what they rest on, where no run recorded that Intune accepted the upload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// Acknowledgements: who of the customer confirmed.
    pub by: Option<String>,
    /// Acknowledgements: what they said. Tickets: their number.
    pub note: Option<String>,
}

impl RecordEntry {
    fn of(tenant_id: TenantId, record: &Record) -> Self {
        let (by, note) = match &record.body {
            EntryBody::Acknowledged { by, note, .. } => (by.clone(), note.clone()),
            EntryBody::TicketLinked { ticket } => (None, Some(format!("ticket {}", ticket.number))),
            _ => (None, None),
        };
        Self {
            tenant_id,
            seq: record.seq,
            at: record.at,
            run: record.run.clone(),
            pipeline: record.actor.pipeline.clone(),
            user: record.actor.user.clone(),
            host: record.actor.host.clone(),
            rev: record.rev.clone(),
            plan_digest: record.plan_digest().map(str::to_owned),
            cause: record.cause().cloned(),
            evidence: record.evidence(),
            by,
            note,
        }
    }

    /// The user, else the machine.
    pub fn who(&self) -> Option<&str> {
        self.user.as_deref().or(self.host.as_deref())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TimelineEntry {
    /// When: a commit's by its committer's clock, a line's as it was recorded.
    pub at: Timestamp,
    /// Which record has it.
    pub origin: Origin,
    pub event: Happening,
    /// SHA-256 of the opened token file that it is about.
    pub sha256: Option<Sha256>,
    /// What became different by it.
    pub changes: Vec<FactChange>,
    pub commit: Option<CommitEntry>,
    /// Git: the merge of the mainline that brought the commit; `null` for one of the mainline.
    pub merge: Option<CommitEntry>,
    /// Git: the pull or merge request, as the message of the merge or of the commit names it.
    pub review: Option<Review>,
    /// Git: who reviewed or approved, as the trailers of the messages name them.
    pub reviewers: Vec<String>,
    pub record: Option<RecordEntry>,
}

/// How a credential was in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ForceState {
    /// A read showed it in Intune.
    Confirmed,
    /// Intune accepted it, and no read had shown it yet.
    Applied,
    /// A run saw it in Intune, where Git only watches it.
    Observed,
    /// It was put there outside Git.
    OutsideGit,
    /// It came from outside Git, and Git watches it.
    Adopted,
    /// A run saw that Intune had none any more.
    Gone,
    /// It was seen in Intune before, and by the time of the next entry it had been changed outside
    /// Git: which of the two was in force then, the record does not tell.
    Uncertain,
    /// The ledger has nothing of the token from until then.
    NotRecorded,
    /// The ledger is unknown.
    Unknown,
}

/// What was found in place of a credential, changed outside Git.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Replaced {
    /// The line by which it was seen first.
    pub seen: RecordEntry,
    pub facts: Option<Facts>,
    /// When the one before was recorded last.
    pub last_known: Timestamp,
}

/// What was in force at an instant, and how it came to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InForce {
    pub at: Timestamp,
    pub state: ForceState,
    /// SHA-256 of the opened token file; `null` for what did not come from Git.
    pub sha256: Option<Sha256>,
    pub facts: Option<Facts>,
    /// Whether it had expired by then; `null` where no expiry is known.
    pub lapsed: Option<bool>,
    /// The line by which it reached Intune: the accepted upload, or the read that saw it first.
    pub reached: Option<RecordEntry>,
    /// The line by which a read showed it.
    pub confirmed: Option<RecordEntry>,
    /// Of an uncertain one: what was found in its place.
    pub replaced: Option<Replaced>,
    /// The commit that brought the file into Git; of an adopted one, the commit from which Git watches it.
    pub brought_in: Option<CommitEntry>,
    /// The merge of the mainline by which it came.
    pub merge: Option<CommitEntry>,
    /// The pull or merge request.
    pub review: Option<Review>,
    /// Who reviewed or approved, as the messages name them.
    pub reviewers: Vec<String>,
    /// Where nothing was recorded: the facts of the token that Git watched without a file.
    pub tracked: Option<Facts>,
    /// The commit from which Git says so.
    pub tracked_since: Option<CommitEntry>,
    /// The digest that Git named then, by the committers' clocks.
    pub desired: Option<Sha256>,
    /// The commit that made Git name it.
    pub desired_since: Option<CommitEntry>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenHistory {
    pub tenant: String,
    /// The directory id, as it was last known.
    pub tenant_id: Option<TenantId>,
    /// What people call the tenant.
    pub display_name: Option<String>,
    pub kind: Kind,
    /// Its name; push has none.
    pub name: Option<String>,
    /// Intune's id, where it is known.
    pub id: Option<String>,
    /// Whether Git names it at the revision.
    pub in_git: bool,
    /// Why the ledger's lines are missing; `null` where they are all there.
    pub ledger_problem: Option<String>,
    /// What was in force at the instant that was asked about.
    pub in_force: InForce,
    /// What Intune shows, where it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<LiveNow>,
    /// What happened, oldest first.
    pub entries: Vec<TimelineEntry>,
    /// How many entries there are outside `since` and `until`.
    pub left_out: usize,
}

/// Counts over a [`History`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistorySummary {
    pub tenants: usize,
    pub tokens: usize,
    /// Entries in the timelines.
    pub entries: usize,
    pub commits: usize,
    pub uploads: usize,
    pub outside: usize,
    pub failed: usize,
}

/// The machine output of `history`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct History {
    pub format_version: String,
    /// Version of the program.
    pub applecart: String,
    /// The fleet commit up to which Git's history was read.
    pub rev: String,
    pub generated_at: Timestamp,
    /// Whether this clone does not have the whole history.
    pub cut_off: bool,
    /// The ledger's commit; `null` when it is absent or unknown.
    pub ledger_head: Option<String>,
    /// Why the ledger is unknown; `null` when it is known.
    pub ledger_problem: Option<String>,
    /// From when on entries are shown.
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    /// The instant that was asked about, where one was.
    pub asked_at: Option<Timestamp>,
    /// Counts over what is in here.
    pub summary: HistorySummary,
    /// The timelines, by tenant, push first.
    pub tokens: Vec<TokenHistory>,
}

/// What a [`History`] says of itself.
#[derive(Clone, Debug)]
pub struct Heading {
    pub rev: String,
    pub now: Timestamp,
    /// Whether the clone is cut off.
    pub cut_off: bool,
    pub ledger_head: Option<String>,
    /// Why the ledger is unknown.
    pub ledger_problem: Option<String>,
}

/// How often a token was changed outside Git: an adoption is the same change again where a run had
/// seen it before, and else all that is known of it. Of a token that Git only watches the first
/// sight is no change, and each later one is.
fn outside(token: &TokenHistory) -> usize {
    let (mut seen, mut was_read) = (false, false);
    let mut count = 0;
    for entry in &token.entries {
        match entry.event {
            Happening::Ledger(Event::ChangedOutsideGit) => (seen, count) = (true, count + 1),
            Happening::Ledger(Event::Adopted) => {
                count += usize::from(!seen);
                seen = false;
            }
            Happening::Ledger(Event::Observed) if was_read => (seen, count) = (true, count + 1),
            Happening::Ledger(Event::Observed) => {}
            Happening::Ledger(Event::Confirmed) => seen = false,
            _ => continue,
        }
        was_read = true;
    }
    count
}

impl History {
    /// The history of these tokens.
    pub fn new(heading: Heading, period: Period, tokens: Vec<TokenHistory>) -> Self {
        let mut summary = HistorySummary { tokens: tokens.len(), ..HistorySummary::default() };
        let mut tenants: Vec<&str> = tokens.iter().map(|token| token.tenant.as_str()).collect();
        tenants.dedup();
        summary.tenants = tenants.len();
        for entry in tokens.iter().flat_map(|token| &token.entries) {
            summary.entries += 1;
            summary.commits += usize::from(entry.origin == Origin::Git);
            summary.uploads += usize::from(entry.event == Happening::Ledger(Event::Applied));
            summary.failed += usize::from(entry.event == Happening::Ledger(Event::Failed));
        }
        summary.outside = tokens.iter().map(outside).sum();
        Self {
            format_version: FORMAT_VERSION.to_owned(),
            applecart: env!("CARGO_PKG_VERSION").to_owned(),
            rev: heading.rev,
            generated_at: heading.now,
            cut_off: heading.cut_off,
            ledger_head: heading.ledger_head,
            ledger_problem: heading.ledger_problem,
            since: period.since,
            until: period.until,
            asked_at: period.at,
            summary,
            tokens,
        }
    }

    /// Whether something of the ledger is unknown, so that timelines lack lines.
    pub fn lacks_lines(&self) -> bool {
        self.ledger_problem.is_some()
            || self.tokens.iter().any(|token| token.ledger_problem.is_some())
    }
}
