//! Which push topic the enrolled devices know.
//!
//! Devices are bound to the topic that they were enrolled under. Where Create was pressed at Apple
//! instead of Renew, Intune has a certificate with another topic, and no device answers any more:
//! what Intune has now therefore proves nothing about devices, and neither does a later look at it.

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::allow;
use super::codes::Reason;
use crate::fleet::Token;
use crate::ledger::TenantLedger;
use crate::model::{Event, LivePush, Record, Timestamp, TokenRef, Topic};

/// The topic that enrolled devices know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KnownTopic {
    pub topic: Topic,
    /// The Apple Account that has the certificate's row, where Git or the ledger says so.
    pub apple_id: Option<String>,
    /// What shows it.
    pub by: Witness,
    /// When that was.
    pub at: Option<Timestamp>,
}

/// What shows that devices know a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Witness {
    /// A run uploaded the certificate and saw it in Intune.
    Confirmed,
    /// The topic was accepted in a reviewed tenant file.
    Adopted,
    /// Intune had it when it was first looked at.
    FirstSeen,
    /// The tenant file named it when it began to watch Intune's certificate.
    Git,
}

impl KnownTopic {
    /// What shows it, for a sentence.
    pub fn shown_by(&self) -> String {
        match (self.by, self.at) {
            (Witness::Confirmed, Some(at)) => format!("uploaded and confirmed on {at}"),
            (Witness::Adopted, Some(at)) => format!("accepted in Git and recorded on {at}"),
            (Witness::FirstSeen, Some(at)) => format!("in Intune when it was first seen on {at}"),
            (Witness::Confirmed | Witness::Adopted | Witness::FirstSeen, None) => {
                "as the ledger says".to_owned()
            }
            (Witness::Git, _) => "as the tenant file says".to_owned(),
        }
    }

    /// Its row at Apple, for a sentence.
    pub fn row(&self) -> String {
        let signed_in = self.apple_id.as_ref().map(|id| format!(", signed in as {id}"));
        format!("the row with the topic {}{}", self.topic, signed_in.unwrap_or_default())
    }

    /// Whether the entry accepts the topic that Intune has in place of this one.
    pub fn is_given_up_for(&self, in_intune: &Topic, entry: &Token) -> bool {
        let accepted = entry.topic_accepted.as_ref();
        entry.topic() == Some(in_intune) && accepted.is_some_and(|line| line.from == self.topic)
    }
}

/// The topic that devices know: that of the last certificate which was confirmed or adopted, else of
/// the one that Intune was first seen with, else the one that Git names while it only watches
/// Intune's. What is seen later shows nothing.
///
/// First sight and Git say what Intune had once, and neither tells which was earlier: where they
/// disagree, the one that Intune no longer has counts. A file that no run has uploaded shows nothing,
/// for no device has ever heard of its topic.
pub fn devices_know(
    past: &TenantLedger,
    of: &TokenRef,
    reviewed: Option<&Token>,
    entry: Option<&Token>,
    in_intune: Option<&Topic>,
) -> Option<KnownTopic> {
    let sure = |record: &&Record| matches!(record.event(), Event::Confirmed | Event::Adopted);
    let known = past.of(of).filter(sure).rev().find_map(witness).or_else(|| {
        let first_seen = past.of(of).find_map(witness);
        let entries = [reviewed, entry].into_iter().flatten();
        let git = entries.filter(|entry| entry.file.is_none()).filter_map(|entry| {
            let topic = entry.topic()?.clone();
            Some(KnownTopic { topic, apple_id: None, by: Witness::Git, at: None })
        });
        let all: Vec<KnownTopic> = first_seen.into_iter().chain(git).collect();
        let gone = all.iter().find(|one| Some(&one.topic) != in_intune).cloned();
        gone.or_else(|| all.into_iter().next())
    })?;
    // Git's reviewed account comes before the one that was recorded.
    let stated = [entry, reviewed].into_iter().flatten();
    let stated = stated.filter(|entry| entry.topic() == Some(&known.topic));
    let stated = stated.filter_map(|entry| entry.facts.apple_id.clone()).next();
    let apple_id = stated.or(known.apple_id).filter(|account| !account.trim().is_empty());
    Some(KnownTopic { apple_id, ..known })
}

/// What is wrong while Intune has a certificate with another topic, and why that matters.
pub fn told(known: &KnownTopic, in_intune: &LivePush) -> String {
    format!(
        "Intune has a push certificate with the topic {}{}, but the enrolled devices know the topic {}{} ({}). They do not answer under another one",
        in_intune.topic,
        account(in_intune.apple_id.as_deref()),
        known.topic,
        account(known.apple_id.as_deref()),
        known.shown_by()
    )
}

/// The line that lets a certificate with the topic that devices know take the place of the one in
/// Intune.
pub fn way_back(in_intune: &Topic, known: &KnownTopic, today: NaiveDate) -> String {
    let (from, to) = (in_intune.as_str(), known.topic.as_str());
    allow::line(Reason::TopicChange, from, to, "devices know this topic", today)
}

fn account(apple_id: Option<&str>) -> String {
    let apple_id = apple_id.filter(|id| !id.trim().is_empty());
    apple_id.map(|id| format!(" (Apple Account {id})")).unwrap_or_default()
}

fn witness(record: &Record) -> Option<KnownTopic> {
    let by = match record.event() {
        Event::Confirmed => Witness::Confirmed,
        Event::Adopted => Witness::Adopted,
        Event::Observed | Event::Verified => Witness::FirstSeen,
        _ => return None,
    };
    let facts = record.after.as_ref()?;
    let topic = facts.topic.clone()?;
    Some(KnownTopic { topic, apple_id: facts.apple_id.clone(), by, at: Some(record.at) })
}
