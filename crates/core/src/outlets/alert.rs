//! Matters as alerts of Alertmanager (version 2 of its API).
//!
//! Alertmanager knows an alert by its labels and keeps it in memory only, until `endsAt`. So an open
//! matter ends far in the future, and every run tells all that are open again: nothing ends because a
//! run was late, and an Alertmanager that was restarted knows all of it after the next one.

use std::collections::BTreeMap;

use chrono::Duration;
use serde::{Deserialize, Serialize};

use super::message::{Message, Step, Told};
use crate::attention::{Matter, Severity};
use crate::model::{Timestamp, safe_text};

/// So long an open matter stands without being told again.
const STANDS: Duration = Duration::days(365);
/// And so long one that was told without a record: another clone cannot know that it has to end it. A
/// daily run tells it again before.
const STANDS_BLIND: Duration = Duration::hours(25);

/// One alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// Its identity.
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
}

/// The alerts of a message, at the real time: Alertmanager compares with its own clock. Severity is a
/// label, by which alerts are routed, so one that changed it ends under the other ones.
pub fn of(message: &Message, real_now: Timestamp) -> Vec<Alert> {
    message.told().iter().flat_map(|told| alerts(message, told, real_now)).collect()
}

fn alerts(message: &Message, told: &Told, now: Timestamp) -> Vec<Alert> {
    let is_over = told.step.is_last();
    let others_end = is_over || matches!(told.step, Step::Worse(..));
    let severities = Severity::ALL.iter().copied();
    severities
        .filter(|severity| *severity == told.matter.severity || others_end)
        .map(|severity| {
            let is_open = !is_over && severity == told.matter.severity;
            let since = told.matter.since.unwrap_or(message.generated_at());
            Alert {
                labels: labels(message, told, severity),
                annotations: annotations(message, told),
                starts_at: since.min(now.plus(-Duration::seconds(1))),
                ends_at: if is_open { now.plus(stands(&told.matter)) } else { now },
            }
        })
        .collect()
}

/// How long an open matter stands.
fn stands(matter: &Matter) -> Duration {
    if is_blind(matter) { STANDS_BLIND } else { STANDS }
}

/// The matters of the fleet that may keep anything from being recorded: then they are told all the same.
const BLIND: [&str; 3] = ["ledger-unknown", "notes-unknown", "base-unknown"];

/// The key of one of them.
pub fn blind_key(code: &str) -> String {
    format!("fleet/-/-/{code}/-")
}

/// Whether nobody may be able to record that the matter was told.
pub fn is_blind(matter: &Matter) -> bool {
    BLIND.iter().any(|code| matter.key == blind_key(code))
}

fn labels(message: &Message, told: &Told, severity: Severity) -> BTreeMap<String, String> {
    let (matter, customer) = (&told.matter, message.customer());
    let code = if message.is_test() { "test" } else { matter.code.as_str() };
    let token = matter.token.as_ref();
    let all = [
        ("alertname", Some(format!("Applecart{}", in_one_word(code)))),
        ("code", Some(code.to_owned())),
        ("tenant", customer.map(|one| one.name.clone())),
        ("tenant_id", customer.and_then(|one| one.tenant_id).map(|id| id.to_string())),
        ("kind", token.map(|token| token.kind.to_string())),
        ("name", token.and_then(|token| token.name.clone())),
        ("severity", Some(severity.to_string())),
        ("key", Some(matter.key.clone())),
    ];
    let given = all.into_iter().filter_map(|(name, value)| Some((name, value?)));
    given.map(|(name, value)| (name.to_owned(), safe_text(&value))).collect()
}

fn annotations(message: &Message, told: &Told) -> BTreeMap<String, String> {
    let matter = &told.matter;
    let all = [
        ("summary", message.title()),
        ("description", matter.message.clone()),
        ("next", matter.next.clone()),
        ("command", matter.command.clone().unwrap_or_default()),
    ];
    let said = all.into_iter().filter(|(_, text)| !text.is_empty());
    said.map(|(name, text)| (name.to_owned(), text)).collect()
}

/// `renewal-due` as `RenewalDue`.
fn in_one_word(code: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
    };
    code.split('-').map(|word| -> String { capital(word) }).collect()
}
