//! Which push topic the enrolled devices know.
//!
//! Devices are bound to the topic that they were enrolled under. Where Create was pressed at Apple
//! instead of Renew, Intune has a certificate with another topic, and no device answers any more:
//! what Intune has now therefore proves nothing about devices, and neither does a later look at it.
//!
//! The same holds for an upload that keeps the topic which Intune has: it brings no device back.
//!
//! An edit of a tenant file proves nothing either: one line of a pull request would turn a team
//! against the certificate that its devices know. Of Git only the oldest revision of the entry
//! speaks, and only where no line of the ledger does. Where the two disagree nobody knows, and
//! nothing is promised, proposed or released until somebody has looked at a device.
//!
//! Which revision is the oldest, ancestry tells ([`super::claims`]): what was named first stays first,
//! whatever is merged. A line of history that begins elsewhere can only stand beside it. Then the
//! history decides nothing, and the ledger's first sight of Intune is taken at its word if it is one
//! of the two: neither a side branch nor a fast-forward takes that from a tenant, and no more can one
//! of them hide a topic that the ledger or the history has.
//!
//! Nor does a line of the ledger by itself bring another topic: whoever may push that branch can write
//! one. It counts where a commit of the base bears it out (see [`is_backed`]); else it is a claim that
//! stands against what is known without it.

mod first;

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::allow;
use super::codes::Reason;
use crate::fleet::{NewAllow, Token};
use crate::ledger::{FirstTopic, TenantLedger};
use crate::model::{Event, LivePush, Record, Timestamp, TokenRef, Topic};
pub use first::FirstTopics;

/// The topic that enrolled devices know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KnownTopic {
    pub topic: Topic,
    /// The Apple Account that has the certificate's row, where Git or the ledger says so.
    pub apple_id: Option<String>,
    /// What the knowledge rests on: a line of the ledger, or Git.
    pub by: Witness,
    /// When that witness said so; `null` where it has no date.
    pub at: Option<Timestamp>,
    /// Why nobody can be sure that it is this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<Doubt>,
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
    /// The tenant file named it when the base first had the entry.
    FirstInGit,
    /// The tenant file named it first in one of two histories that were merged.
    FirstInOneHistory,
    /// The tenant file names it.
    Git,
}

/// Why nobody knows which topic devices know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "code", rename_all = "kebab-case")]
pub enum Doubt {
    /// Another witness names another one.
    Against { topic: Topic, by: Witness, at: Option<Timestamp> },
    /// The history that would tell what the entry named first is not in this clone.
    HistoryUnknown,
    /// Only a line of the ledger names it, which no commit of the base bears out.
    Unbacked,
}

impl Witness {
    /// What it shows, for a sentence.
    fn told(self, at: Option<Timestamp>) -> String {
        match (self, at) {
            (Self::Confirmed, Some(at)) => format!("uploaded and confirmed on {at}"),
            (Self::Adopted, Some(at)) => format!("accepted in Git and recorded on {at}"),
            (Self::FirstSeen, Some(at)) => {
                format!("in Intune when it was first seen on {at}, by the ledger")
            }
            (Self::Confirmed | Self::Adopted | Self::FirstSeen, None) => {
                "as the ledger says".to_owned()
            }
            (Self::FirstInGit, _) => "as the tenant file said when it was first merged".to_owned(),
            (Self::FirstInOneHistory, _) => {
                "as the tenant file said first in one of two histories that were merged".to_owned()
            }
            (Self::Git, _) => "as the tenant file says".to_owned(),
        }
    }
}

impl KnownTopic {
    fn new(topic: Topic, by: Witness) -> Self {
        Self { topic, apple_id: None, by, at: None, doubt: None }
    }

    /// What shows it, for a sentence.
    pub fn shown_by(&self) -> String {
        self.by.told(self.at)
    }

    /// Whether nothing speaks against it.
    pub fn is_sure(&self) -> bool {
        self.doubt.is_none()
    }

    /// Whether devices may know this topic.
    pub fn may_be(&self, topic: &Topic) -> bool {
        let other = match &self.doubt {
            Some(Doubt::Against { topic, .. }) => Some(topic),
            Some(Doubt::HistoryUnknown | Doubt::Unbacked) | None => None,
        };
        self.topic == *topic || other == Some(topic)
    }

    /// Why nobody knows, and how to find out; `None` where nothing speaks against the topic.
    pub fn unsure(&self) -> Option<String> {
        let why = match self.doubt.as_ref()? {
            Doubt::Against { topic, by, at } => format!(
                "It is unknown which push topic the enrolled devices know: it may be {} ({}) or {topic} ({})",
                self.topic,
                self.shown_by(),
                by.told(*at)
            ),
            Doubt::HistoryUnknown => format!(
                "It is unknown which push topic the enrolled devices know: the tenant file names {} now, and this clone does not have the history that would tell what it named first. This brings it: `git fetch --unshallow`",
                self.topic
            ),
            Doubt::Unbacked => format!(
                "It is unknown which push topic the enrolled devices know: a line of the ledger names {} ({}), and no commit of the base bears it out",
                self.topic,
                self.shown_by()
            ),
        };
        Some(format!("{why}. {CHECK_A_DEVICE}"))
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

/// Where a device says which topic it knows.
pub const CHECK_A_DEVICE: &str = "Look at an enrolled device before anything is renewed or uploaded: a Mac lists the topic in the output of `sudo profiles show -type configuration` (Topic, com.apple.mdm), an iPhone or iPad in its management profile's details. Renew at Apple only the row with that topic";

/// The topic that devices know: that of the last certificate which settled it in the ledger (see
/// [`is_settled`]), else of the one that Intune was first seen with, else the one that the entry named
/// first in the base's history. What is seen or written later shows nothing, and neither does a file
/// that no run has uploaded, for no device has ever heard of its topic.
///
/// Where first sight and Git's oldest revision disagree, each may be the mistake: Intune may have had
/// another certificate by then, and a line or a tenant file may have been wrong from the start. The
/// one that Intune does not have is named, with the other as its doubt.
pub fn devices_know(
    past: &TenantLedger,
    of: &TokenRef,
    reviewed: Option<&Token>,
    entry: Option<&Token>,
    in_intune: Option<&Topic>,
) -> Option<KnownTopic> {
    let Told { recorded, claim } = told_by_ledger(past, of);
    let (settled, seen) = match recorded {
        Some(Recorded { known, is_settled: true }) => (Some(known), None),
        Some(Recorded { known, is_settled: false }) => (None, Some(known)),
        None => (None, None),
    };
    let known = settled.or_else(|| {
        let current = [reviewed, entry].into_iter().flatten();
        let mut current = current.filter(|entry| entry.file.is_none()).filter_map(Token::topic);
        let named = current.next();
        match (seen, &past.first_topic) {
            (Some(seen), FirstTopic::Named(first)) if seen.topic != *first => {
                let first = KnownTopic::new(first.clone(), Witness::FirstInGit);
                Some(match Some(&seen.topic) == in_intune {
                    true => first.against(seen),
                    false => seen.against(first),
                })
            }
            (Some(seen), FirstTopic::Disputed(topics)) if !topics.contains(&seen.topic) => {
                let disputed = disputed(topics, in_intune)?;
                Some(match Some(&seen.topic) == in_intune {
                    true => KnownTopic { doubt: None, ..disputed }.against(seen),
                    false => seen.against(disputed),
                })
            }
            (Some(seen), _) => Some(seen),
            (None, FirstTopic::Disputed(topics)) => disputed(topics, in_intune),
            (None, FirstTopic::Named(first)) => {
                let first = KnownTopic::new(first.clone(), Witness::FirstInGit);
                // Git says now what Intune has: the entry followed it, or was wrong at first.
                let followed =
                    named.filter(|named| Some(*named) == in_intune && **named != first.topic);
                Some(match followed {
                    Some(named) => first.against(KnownTopic::new(named.clone(), Witness::Git)),
                    None => first,
                })
            }
            (None, first) => {
                let known = KnownTopic::new(named?.clone(), Witness::Git);
                let is_unknown = *first == FirstTopic::Unknown && in_intune != Some(&known.topic);
                let doubt = is_unknown.then_some(Doubt::HistoryUnknown);
                Some(KnownTopic { doubt, ..known })
            }
        }
    });
    let known = match claim {
        Some(claim) => claim.beside(known, in_intune),
        None => known?,
    };
    // Git's reviewed account comes before the one that was recorded.
    let stated = [entry, reviewed].into_iter().flatten();
    let stated = stated.filter(|entry| entry.topic() == Some(&known.topic));
    let stated = stated.filter_map(|entry| entry.facts.apple_id.clone()).next();
    let apple_id = stated.or(known.apple_id).filter(|account| !account.trim().is_empty());
    Some(KnownTopic { apple_id, ..known })
}

/// One of the topics that two histories name, with another as its doubt: the one that Intune does not
/// have is named.
fn disputed(topics: &[Topic], in_intune: Option<&Topic>) -> Option<KnownTopic> {
    let known = |topic: &Topic| KnownTopic::new(topic.clone(), Witness::FirstInOneHistory);
    let named = topics.iter().find(|topic| Some(*topic) != in_intune)?;
    let other = topics.iter().find(|topic| *topic != named)?;
    Some(known(named).against(known(other)))
}

/// What is wrong while Intune has a certificate with another topic, and why that matters.
pub fn told(known: &KnownTopic, in_intune: &LivePush) -> String {
    if let Some(unsure) = known.unsure() {
        let account = account(in_intune.apple_id.as_deref());
        return format!(
            "Intune has a push certificate with the topic {}{account}. {unsure}",
            in_intune.topic
        );
    }
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
/// Intune; `None` while nobody is sure which one that is.
pub fn way_back(in_intune: &Topic, known: &KnownTopic, today: NaiveDate) -> Option<String> {
    let (from, to) = (in_intune.as_str(), known.topic.as_str());
    let line = || allow::line(Reason::TopicChange, from, to, THE_DEVICES_OWN, today);
    known.is_sure().then(line)
}

/// The same for a branch that brings the line together with the certificate.
pub fn release(in_intune: &Topic, known: &KnownTopic, today: NaiveDate) -> Option<NewAllow> {
    let (from, to) = (in_intune.as_str(), known.topic.as_str());
    let release = || allow::release(Reason::TopicChange, from, to, THE_DEVICES_OWN, today);
    known.is_sure().then(release)
}

/// Why such a line is right, for its reviewer.
const THE_DEVICES_OWN: &str = "devices know this topic";

impl KnownTopic {
    fn against(self, other: Self) -> Self {
        let Self { topic, by, at, .. } = other;
        Self { doubt: Some(Doubt::Against { topic, by, at }), ..self }
    }

    /// What a line that Git does not bear out leaves of what is known without it. Where they name
    /// two topics, the one that Intune does not have is named, with the other as its doubt.
    fn beside(self, known: Option<Self>, in_intune: Option<&Topic>) -> Self {
        let is_in_intune = in_intune == Some(&self.topic);
        match known {
            Some(known) if known.topic == self.topic => known,
            Some(known) if is_in_intune => known.against(self),
            Some(known) => self.against(known),
            None if is_in_intune => self,
            None => Self { doubt: Some(Doubt::Unbacked), ..self },
        }
    }
}

fn account(apple_id: Option<&str>) -> String {
    let apple_id = apple_id.filter(|id| !id.trim().is_empty());
    apple_id.map(|id| format!(" (Apple Account {id})")).unwrap_or_default()
}

/// What the ledger says of the topic that devices know.
#[derive(Default)]
struct Told {
    recorded: Option<Recorded>,
    /// The newest line since that Git does not bear out.
    claim: Option<KnownTopic>,
}

/// What the ledger shows of the topic that devices know.
struct Recorded {
    known: KnownTopic,
    /// Git's history cannot speak against it.
    is_settled: bool,
}

/// Whether the ledger alone tells which topic devices know: a person accepted one, or a run brought
/// one in the place of the one that they knew, which no run does without a reviewed line that names
/// both.
pub fn is_settled(past: &TenantLedger, of: &TokenRef) -> bool {
    let told = told_by_ledger(past, of);
    told.claim.is_none() && told.recorded.is_some_and(|recorded| recorded.is_settled)
}

/// The lines that may bring another topic than was known, each with the commit that has to bear it
/// out: that of the run which announced the upload, or which adopted.
pub fn in_question<'a>(
    past: &'a TenantLedger,
    of: &'a TokenRef,
) -> Vec<(&'a Record, Option<&'a str>)> {
    let mut announced: Vec<&Record> = Vec::new();
    let mut witnesses = Vec::new();
    for record in past.of(of) {
        if record.event() == Event::Intended {
            announced.push(record);
        }
        if let Some(known) = witness(record) {
            let rev = match known.by {
                Witness::Confirmed => announcement(record, &announced),
                _ => Some(record),
            };
            witnesses.push((record, known, rev.and_then(|record| record.rev.as_deref())));
        }
    }
    let Some((_, first, _)) = witnesses.first() else { return Vec::new() };
    let is_plain = first.by == Witness::FirstSeen
        && witnesses.iter().all(|(_, known, _)| known.topic == first.topic);
    if is_plain {
        return Vec::new();
    }
    let brings = |known: &KnownTopic| matches!(known.by, Witness::Confirmed | Witness::Adopted);
    let brought = witnesses.into_iter().filter(|(_, known, _)| brings(known));
    brought.map(|(record, _, rev)| (record, rev)).collect()
}

/// Whether the push entry of the commit that a line names bears the line out: it has the file that
/// was uploaded, or accepts the topic that was adopted.
pub fn is_backed(record: &Record, entry: &Token) -> bool {
    let topic = record.after.as_ref().and_then(|facts| facts.topic.as_ref());
    let is_of_topic = topic.is_some() && entry.topic() == topic;
    is_of_topic
        && match record.event() {
            Event::Confirmed => {
                let file = entry.file.as_ref().map(|file| file.sha256);
                file.is_some() && file == record.sha256()
            }
            Event::Adopted => entry.topic_accepted.is_some(),
            _ => false,
        }
}

/// Walks the token's life. An upload that left Intune's topic as it was tells no more than a look at
/// Intune: where that topic was not the one that devices know, it still is not, however often it is
/// uploaded and confirmed.
fn told_by_ledger(past: &TenantLedger, of: &TokenRef) -> Told {
    let mut announced: Vec<&Record> = Vec::new();
    let Told { mut recorded, mut claim } = Told::default();
    for record in past.of(of) {
        if record.event() == Event::Intended {
            announced.push(record);
        }
        let Some(new) = witness(record) else { continue };
        if past.unbacked.contains(&record.seq) {
            let is_known = recorded.as_ref().is_some_and(|so_far| so_far.known.topic == new.topic);
            claim = if is_known { claim } else { Some(new) };
            continue;
        }
        // Who looked at a device after a claim has the last word.
        if new.by == Witness::Adopted {
            claim = None;
        }
        recorded = match recorded {
            _ if new.by == Witness::Adopted => Some(Recorded { known: new, is_settled: true }),
            None => {
                let is_settled = new.by == Witness::Confirmed
                    && replaced(record, &announced) != Some(&new.topic);
                Some(Recorded { known: new, is_settled })
            }
            Some(so_far) if new.by == Witness::Confirmed => {
                Some(so_far.confirmed(new, replaced(record, &announced)))
            }
            so_far => so_far,
        };
    }
    Told { recorded, claim }
}

impl Recorded {
    /// What is known once a certificate was uploaded and seen in the place of one with the topic
    /// `replaced`.
    fn confirmed(self, new: KnownTopic, replaced: Option<&Topic>) -> Self {
        let is_change = replaced != Some(&new.topic);
        if new.topic == self.known.topic {
            return Self { known: new, is_settled: self.is_settled || is_change };
        }
        // The line that released it named the topic that devices knew, or that Intune had none.
        let is_given_up = replaced.is_none_or(|replaced| *replaced == self.known.topic);
        if is_given_up { Self { known: new, is_settled: true } } else { self }
    }
}

/// The topic that Intune had before the upload that a line confirms: what its announcement says.
fn replaced<'a>(confirmed: &'a Record, announced: &[&'a Record]) -> Option<&'a Topic> {
    announcement(confirmed, announced).unwrap_or(confirmed).before.as_ref()?.topic.as_ref()
}

/// The newest line that announced the upload which a line confirms.
fn announcement<'a>(confirmed: &Record, announced: &[&'a Record]) -> Option<&'a Record> {
    announced.iter().rev().find(|record| record.sha256() == confirmed.sha256()).copied()
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
    let (apple_id, at) = (facts.apple_id.clone(), Some(record.at));
    Some(KnownTopic { topic, apple_id, by, at, doubt: None })
}
