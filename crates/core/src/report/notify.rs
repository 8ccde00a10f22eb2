//! What `notify` told, and what did not arrive.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text::{escape, plural};
use crate::model::Timestamp;
use crate::outlets::memory::Claimed;
use crate::outlets::message::Step;
use crate::plan::FORMAT_VERSION;

/// The result of `notify`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotifyReport {
    pub format_version: String,
    pub generated_at: Timestamp,
    /// Whether nothing was sent, and `messages` are those that would be.
    pub dry_run: bool,
    /// What was sent.
    pub messages: Vec<ShownMessage>,
    /// What did not arrive; the next run sends it again.
    pub failed: Vec<FailedMessage>,
    /// What was to be sent and is given up, because nobody is left to whom it could be. Told once.
    #[serde(default)]
    pub dropped: Vec<FailedMessage>,
    /// Why it is unknown what was told before, so that nothing could be sent but that; `null` where it
    /// is known.
    pub unknown: Option<String>,
    /// What another run claimed and has not sent yet; `null` where nothing is.
    #[serde(default)]
    pub claimed: Option<Claimed>,
    /// Every exit code that applies.
    pub exits: Vec<u8>,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShownMessage {
    pub sink: String,
    /// The name of the tenant; `null` for the fleet as a whole.
    pub tenant: Option<String>,
    pub title: String,
    /// The idempotency key, which the receiver sees, too.
    pub key: String,
    pub steps: Vec<Step>,
    /// The message in words, where nothing was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// A message that did not arrive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailedMessage {
    pub sink: String,
    pub tenant: Option<String>,
    pub title: String,
    /// The idempotency key; `null` for what is told again in every run.
    pub key: Option<String>,
    pub why: String,
}

impl NotifyReport {
    pub fn new(generated_at: Timestamp, dry_run: bool) -> Self {
        Self {
            format_version: FORMAT_VERSION.to_owned(),
            generated_at,
            dry_run,
            messages: Vec::new(),
            failed: Vec::new(),
            dropped: Vec::new(),
            unknown: None,
            claimed: None,
            exits: Vec::new(),
        }
    }
}

/// For people.
pub fn notify_human(report: &NotifyReport) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    for one in &report.messages {
        let _ = writeln!(text, "{}: {}", escape(&one.sink), escape(&one.title));
        for line in one.text.iter().flat_map(|words| words.lines()) {
            let _ = writeln!(text, "    {}", escape(line));
        }
    }
    for one in &report.failed {
        let (sink, title, why) = (escape(&one.sink), escape(&one.title), escape(&one.why));
        let _ = writeln!(text, "{sink}: {title}: not delivered: {why}");
    }
    for one in &report.dropped {
        let (sink, title, why) = (escape(&one.sink), escape(&one.title), escape(&one.why));
        let _ = writeln!(text, "{sink}: {title}: not sent any more: {why}");
    }
    let ending = Ending {
        dry_run: report.dry_run,
        sent: report.messages.len(),
        failed: report.failed.len(),
        unknown: report.unknown.as_deref().map(|why| {
            (
                "What was told before is unknown",
                why,
                "Nothing else was sent, or people would be told twice",
            )
        }),
        claimed: report.claimed.as_ref(),
    };
    text + &ending.human()
}

/// How a run ended that told what it could.
pub(super) struct Ending<'a> {
    pub(super) dry_run: bool,
    pub(super) sent: usize,
    pub(super) failed: usize,
    /// What is unknown, why, and what follows from it.
    pub(super) unknown: Option<(&'a str, &'a str, &'a str)>,
    pub(super) claimed: Option<&'a Claimed>,
}

impl Ending<'_> {
    pub(super) fn human(&self) -> String {
        if let Some((what, why, so)) = self.unknown {
            let why = escape(why.trim_end_matches('.'));
            return format!(
                "{what}: {why}. {so}. Once the notes can be read again, the next run tells all that is due.\n"
            );
        }
        let messages = plural(self.sent, "message");
        let told = match (self.dry_run, self.failed) {
            (true, _) => format!("{messages} would be sent. Nothing was sent or recorded.\n"),
            (false, 0) => format!("{messages} sent.\n"),
            (false, failed) => format!(
                "{messages} sent, {failed} not delivered. The next run sends them again; nothing is lost.\n"
            ),
        };
        told + &self.claimed.map(claimed_human).unwrap_or_default()
    }
}

/// That others may not have sent what they claimed.
fn claimed_human(claimed: &Claimed) -> String {
    format!(
        "Another run claimed {} since {}, and has not recorded that it sent them. If that run has died, the first run after {} sends what did not arrive; a run of the same clone sends it at once.\n",
        plural(claimed.messages, "message"),
        claimed.since,
        claimed.until
    )
}
