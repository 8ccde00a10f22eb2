//! What `ticket` told, and the tickets that there are.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::notify::Ending;
use super::table::{Column, table};
use super::text::{day, escape, label, names};
use crate::attention::Matter;
use crate::model::{Timestamp, TokenRef};
use crate::outlets::memory::Claimed;
use crate::plan::FORMAT_VERSION;

/// The result of `ticket`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TicketReport {
    pub format_version: String,
    pub generated_at: Timestamp,
    /// Whether nothing was sent, and `messages` are those that would be.
    pub dry_run: bool,
    /// What was sent.
    pub messages: Vec<ShownTicket>,
    /// What did not arrive; the next run sends it again.
    pub failed: Vec<FailedTicket>,
    /// The tenants that have no ticket, because their file lacks the number that tickets need.
    pub unmapped: Vec<String>,
    /// What keeps tickets that are open from being told anything.
    pub moved: Vec<MovedTicket>,
    /// The renewals of whose tickets nothing is said, because their tokens could not be read.
    #[serde(default)]
    pub unread: Vec<String>,
    /// Why it is unknown what tickets were told before, so that nothing was sent; `null` where it is
    /// known.
    pub unknown: Option<String>,
    /// What another run claimed and has not sent yet; `null` where nothing is.
    #[serde(default)]
    pub claimed: Option<Claimed>,
    /// Every exit code that applies.
    pub exits: Vec<u8>,
}

/// A ticket that is open at another customer of the ticket system than the tenant file names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MovedTicket {
    /// Of which tenant and token, in words.
    pub of: String,
    pub message: String,
    /// What to do about it, and the command that does it.
    pub next: String,
    pub command: Option<String>,
}

impl From<&Matter> for MovedTicket {
    fn from(matter: &Matter) -> Self {
        let Matter { message, next, command, .. } = matter.clone();
        Self { of: matter.subject(), message, next, command }
    }
}

/// A message of a ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShownTicket {
    pub tenant: String,
    pub token: Option<TokenRef>,
    /// Such as `opened-1`: what it says, and which time the ticket is open.
    pub step: String,
    pub title: String,
    /// The idempotency key, which the receiver sees, too.
    pub key: String,
    /// The message in words, where nothing was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// A message that did not arrive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailedTicket {
    #[serde(flatten)]
    pub ticket: ShownTicket,
    pub why: String,
}

/// The result of `ticket list`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TicketList {
    pub format_version: String,
    pub generated_at: Timestamp,
    pub tickets: Vec<ListedTicket>,
}

/// A ticket, as the notes have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListedTicket {
    pub tenant: String,
    pub token: TokenRef,
    /// The day on which the credential expires that is renewed.
    pub period: String,
    /// Its number in the ticket system; `null` where none was recorded.
    pub number: Option<String>,
    pub open: bool,
    /// How far the renewal was told to be; `null` while no sink has taken anything.
    pub stage: Option<String>,
    pub opened_at: Option<Timestamp>,
    /// Whether no sink was told of it: somebody opened it by hand and linked its number.
    #[serde(default)]
    pub by_hand: bool,
    /// Whether its tenant has left the fleet, so that nothing more is told of it.
    #[serde(default)]
    pub left: bool,
    /// Its identity, which webhooks see, too.
    pub key: String,
}

impl TicketReport {
    pub fn new(generated_at: Timestamp, dry_run: bool) -> Self {
        Self {
            format_version: FORMAT_VERSION.to_owned(),
            generated_at,
            dry_run,
            messages: Vec::new(),
            failed: Vec::new(),
            unmapped: Vec::new(),
            moved: Vec::new(),
            unread: Vec::new(),
            unknown: None,
            claimed: None,
            exits: Vec::new(),
        }
    }
}

impl TicketList {
    pub fn new(generated_at: Timestamp, tickets: Vec<ListedTicket>) -> Self {
        Self { format_version: FORMAT_VERSION.to_owned(), generated_at, tickets }
    }
}

/// For people.
pub fn ticket_human(report: &TicketReport) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    for one in &report.messages {
        let _ = writeln!(text, "{}: {}", escape(&one.step), escape(&one.title));
        for line in one.text.iter().flat_map(|words| words.lines()) {
            let _ = writeln!(text, "    {}", escape(line));
        }
    }
    for FailedTicket { ticket, why } in &report.failed {
        let (step, title, why) = (escape(&ticket.step), escape(&ticket.title), escape(why));
        let _ = writeln!(text, "{step}: {title}: not delivered: {why}");
    }
    if !report.unmapped.is_empty() {
        let _ = writeln!(
            text,
            "No ticket is opened for {}: the tenant file, as it is merged, lacks the customer's number under `tickets`.",
            names(&report.unmapped, 20)
        );
    }
    for one in &report.moved {
        let (of, message, next) = (escape(&one.of), escape(&one.message), escape(&one.next));
        let _ = writeln!(text, "{of}: {message} {next}");
        if let Some(command) = &one.command {
            let _ = writeln!(text, "{}", escape(command));
        }
    }
    if !report.unread.is_empty() {
        let who = names(&report.unread, 20);
        let _ = writeln!(
            text,
            "No ticket is told anything of {}: Intune could not be read. The next run that reads it does.",
            escape(&who)
        );
    }
    let ending = Ending {
        dry_run: report.dry_run,
        sent: report.messages.len(),
        failed: report.failed.len(),
        unknown: report.unknown.as_deref().map(|why| {
            let so = "Nothing was sent, or tickets would be opened twice";
            ("What tickets were told before is unknown", why, so)
        }),
        claimed: report.claimed.as_ref(),
    };
    text + &ending.human()
}

/// The tickets as a table, the newest renewal first.
pub fn tickets_human(list: &TicketList, width: Option<usize>) -> String {
    if list.tickets.is_empty() {
        return "No ticket was opened yet.\n".to_owned();
    }
    let columns = [
        Column::Fixed("tenant"),
        Column::Name("token"),
        Column::Fixed("renewal by"),
        Column::Fixed("number"),
        Column::Fixed("state"),
        Column::Spare("opened"),
    ];
    let mut tickets: Vec<&ListedTicket> = list.tickets.iter().collect();
    tickets.sort_by(|one, other| other.period.cmp(&one.period));
    let row = |one: &&ListedTicket| {
        let state = match (&one.stage, one.open) {
            (None, _) if one.by_hand => "linked by hand".to_owned(),
            (None, _) => "not delivered yet".to_owned(),
            (Some(_), false) => "closed".to_owned(),
            (Some(stage), true) if one.left => {
                format!("open, {stage}; its tenant left: close it by hand")
            }
            (Some(stage), true) => format!("open, {stage}"),
        };
        let cells = vec![
            one.tenant.clone(),
            label(one.token.kind, one.token.name.as_deref().or(one.token.id.as_deref())),
            one.period.clone(),
            one.number.clone().unwrap_or_else(|| "-".to_owned()),
            state,
            one.opened_at.map(day).unwrap_or_default(),
        ];
        (None, cells)
    };
    table(&columns, &tickets.iter().map(row).collect::<Vec<_>>(), width)
}
