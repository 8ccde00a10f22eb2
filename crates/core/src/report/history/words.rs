//! The sentences of a timeline, the same in every format for people.

use super::{
    ForceState, GitEvent, Happening, InForce, RecordEntry, Replaced, TimelineEntry, TokenHistory,
};
use crate::model::{Cause, Event, Facts, Person, Signature, Verification};
use crate::report::text::{self, short};

impl Happening {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Git(event) => match event {
                GitEvent::Added => "entry added",
                GitEvent::FileReplaced => "new token file",
                GitEvent::FileAdded => "first token file",
                GitEvent::FileRemoved => "token file removed, watched since",
                GitEvent::Resealed => "same file, re-encrypted",
                GitEvent::Edited => "entry edited",
                GitEvent::FolderRenamed => "folder renamed",
                GitEvent::Removed => "entry removed (Intune is left as it is)",
                GitEvent::Unreadable => "tenant file has a mistake",
                GitEvent::Readable => "mistake corrected",
                GitEvent::CutOff => "history of this clone begins here",
            },
            Self::Ledger(event) => match event {
                Event::RenewalOpened => "renewal opened",
                Event::Downloaded => "downloaded at Apple",
                Event::Intended => "about to upload",
                Event::Applied => "uploaded",
                Event::Failed => "upload failed",
                Event::NotLanded => "upload did not reach Intune",
                Event::NotShown => "uploaded, but Intune does not have it",
                Event::OutcomeUnknown => "Intune has another one, upload unknown",
                Event::Confirmed => "seen in Intune",
                Event::Verified => "found to be what Intune has",
                Event::Observed => "watched in Intune",
                Event::ChangedOutsideGit => "changed outside Git",
                Event::Adopted => "change outside Git adopted",
                Event::Acknowledged => "confirmed by the customer",
                Event::Joined => "line of another ledger",
                Event::Notified => "told",
                Event::TicketOpened => "ticket opened",
                Event::TicketNoted => "ticket noted",
                Event::TicketClosed => "ticket closed",
                Event::TicketReopened => "ticket opened again",
                Event::TicketLinked => "ticket linked",
            },
        }
    }

    /// Whether it is worth a look.
    pub(super) fn is_trouble(self) -> bool {
        match self {
            Self::Git(event) => event == GitEvent::Unreadable,
            Self::Ledger(event) => matches!(
                event,
                Event::Failed
                    | Event::NotLanded
                    | Event::NotShown
                    | Event::OutcomeUnknown
                    | Event::ChangedOutsideGit
            ),
        }
    }

    /// How a page colours it.
    pub(super) fn class(self) -> &'static str {
        match self {
            event if event.is_trouble() => "bad",
            event if event.is_milestone() => "good",
            _ => "plain",
        }
    }

    /// Whether it is a credential that came or went.
    pub(super) fn is_milestone(self) -> bool {
        match self {
            Self::Git(event) => matches!(event, GitEvent::FileReplaced | GitEvent::FileAdded),
            Self::Ledger(event) => matches!(
                event,
                Event::Applied | Event::Confirmed | Event::Verified | Event::Acknowledged
            ),
        }
    }
}

/// A token as people name it.
pub(super) fn label(token: &TokenHistory) -> String {
    text::label(token.kind, token.name.as_deref().or(token.id.as_deref()))
}

/// What a signature is worth.
pub(super) fn signature(signature: Option<&Signature>) -> String {
    let Some(signature) = signature else { return "not signed".to_owned() };
    let Verification::Unknown = signature.verified;
    match &signature.key {
        Some(key) => format!("signed by {} key {key}, not verified", signature.format.as_str()),
        None => format!("{} signature, not verified", signature.format.as_str()),
    }
}

/// A person with their address.
pub(super) fn person(person: &Person) -> String {
    match (person.name.as_str(), person.email.as_str()) {
        ("", email) => email.to_owned(),
        (name, "") => name.to_owned(),
        (name, email) => format!("{name} <{email}>"),
    }
}

/// The lines under an entry's title: who, through what, why.
pub(super) fn particulars(entry: &TimelineEntry) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(commit) = &entry.commit {
        lines.push(format!("{} {}", short(&commit.id), commit.subject));
        let mut by = format!("by {}", person(&commit.author));
        if commit.committer != commit.author {
            by.push_str(&format!(", committed by {}", person(&commit.committer)));
        }
        if commit.authored != commit.committed {
            by.push_str(&format!(", written {}", commit.authored));
        }
        lines.push(by);
        if let Some(review) = &entry.review {
            lines.push(match &entry.merge {
                Some(merge) => format!(
                    "{}, merged {} by {} ({}, {})",
                    review.label(),
                    merge.committed,
                    person(&merge.author),
                    short(&merge.id),
                    signature(merge.signature.as_ref())
                ),
                None => format!("{}, as the message says", review.label()),
            });
        } else if let Some(merge) = &entry.merge {
            lines.push(format!(
                "merged {} by {} ({}, {}), which names no pull request",
                merge.committed,
                person(&merge.author),
                short(&merge.id),
                signature(merge.signature.as_ref())
            ));
        }
        if !entry.reviewers.is_empty() {
            lines.push(reviewed_by(&entry.reviewers));
        }
        lines.push(signature(commit.signature.as_ref()));
    }
    if let Some(record) = &entry.record {
        lines.extend(of_record(record));
    }
    lines
}

fn reviewed_by(reviewers: &[String]) -> String {
    format!("reviewed by {}, as the message says", reviewers.join(", "))
}

fn of_record(record: &RecordEntry) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(why) = &record.cause {
        lines.push(format!("because: {}", cause(why)));
    }
    if record.by.is_some() || record.note.is_some() {
        let by = record.by.as_deref().map(|by| format!("said by {by}"));
        let note = record.note.as_deref().map(|note| format!("“{note}”"));
        lines.push(by.into_iter().chain(note).collect::<Vec<_>>().join(": "));
    }
    lines.push(run(record));
    lines
}

pub(super) fn cause(cause: &Cause) -> String {
    let code = serde_json::to_value(cause.code).ok();
    let mut text = code.as_ref().and_then(|code| code.as_str()).unwrap_or_default().to_owned();
    if let Some(status) = cause.status {
        text.push_str(&format!(", HTTP {status}"));
    }
    if let Some(detail) = &cause.detail {
        text.push_str(&format!(", {detail}"));
    }
    if let Some(request) = &cause.request_id {
        text.push_str(&format!(" (request {request})"));
    }
    text
}

/// Which run, and who ran it.
pub(super) fn run(record: &RecordEntry) -> String {
    let mut text = format!("run {}", record.run);
    if let Some(who) = record.who() {
        text.push_str(&format!(" by {who}"));
    }
    if let Some(rev) = &record.rev {
        text.push_str(&format!(" at commit {}", short(rev)));
    }
    if let Some(pipeline) = &record.pipeline {
        text.push_str(&format!(", {pipeline}"));
    }
    text
}

/// The answer to "what was in force": a headline, and the lines under it.
pub(super) fn force(force: &InForce) -> (String, Vec<String>) {
    let mut lines = Vec::new();
    let head = match force.state {
        ForceState::Confirmed => "in Intune, as a read showed".to_owned(),
        ForceState::Applied => "accepted by Intune, not yet seen there".to_owned(),
        ForceState::Observed => "in Intune, as a run saw it; Git only watches it".to_owned(),
        ForceState::OutsideGit => "put there outside Git".to_owned(),
        ForceState::Gone => "gone: a run saw that Intune had none any more".to_owned(),
        ForceState::Adopted => "put there from outside Git, and watched by Git since".to_owned(),
        ForceState::Uncertain => {
            "uncertain: it was changed outside Git before a run looked again".to_owned()
        }
        ForceState::NotRecorded => "unknown: the ledger has no upload until then".to_owned(),
        ForceState::Unknown => "unknown, because the ledger is".to_owned(),
    };
    lines.extend(force.replaced.iter().flat_map(replaced_by));
    if let Some(sha256) = force.sha256 {
        lines.push(format!("file: sha256 {sha256}"));
    }
    if let Some(facts) = &force.facts {
        let facts = facts.pairs();
        lines.extend(facts.into_iter().map(|(name, value)| format!("{name}: {value}")));
    }
    if force.lapsed == Some(true) {
        lines.push("it had expired by then".to_owned());
    }
    lines.extend(brought_in(force));
    if let Some(reached) = &force.reached {
        let how = match (force.state, force.sha256) {
            (ForceState::Observed, _) => "first seen",
            (ForceState::Gone, _) => "first missed",
            (ForceState::OutsideGit | ForceState::Adopted, _) | (_, None) => "first recorded",
            _ => "reached Intune",
        };
        lines.push(format!("{how} {}, {}", reached.at, run(reached)));
    }
    if let Some(confirmed) = &force.confirmed {
        lines.push(format!("seen in Intune {}, {}", confirmed.at, run(confirmed)));
    }
    lines.extend(wanted(force));
    (head, lines)
}

/// What replaced it before a run looked again.
fn replaced_by(replaced: &Replaced) -> [String; 2] {
    let other = replaced.facts.as_ref().map(Facts::pairs).unwrap_or_default();
    let told = ["serial", "expires"];
    let other: Vec<String> = other
        .into_iter()
        .filter(|(name, _)| told.contains(name))
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    let other = if other.is_empty() { String::new() } else { format!(" ({})", other.join(", ")) };
    [
        format!(
            "another one{other} was first seen {}, {}; it was put there after {}",
            replaced.seen.at,
            run(&replaced.seen),
            replaced.last_known
        ),
        "before that, and possibly still at that time:".to_owned(),
    ]
}

/// Who brought the file in, and who looked at it.
fn brought_in(force: &InForce) -> Vec<String> {
    let Some(commit) = &force.brought_in else {
        let nobody = "no commit of this history brought the file in".to_owned();
        return force.sha256.map(|_| nobody).into_iter().collect();
    };
    let how = match force.sha256 {
        Some(_) => "brought in",
        None => "watched by Git",
    };
    let mut lines = vec![format!(
        "{how} by {} with commit {} ({})",
        person(&commit.author),
        short(&commit.id),
        signature(commit.signature.as_ref())
    )];
    lines.push(match (&force.review, &force.merge) {
        (Some(review), Some(merge)) => format!(
            "reviewed as {}, merged by {} with {}",
            review.label(),
            person(&merge.author),
            short(&merge.id)
        ),
        (Some(review), None) => format!("reviewed as {}, as the message says", review.label()),
        (None, Some(merge)) => format!(
            "merged by {} with {}; no pull request is named",
            person(&merge.author),
            short(&merge.id)
        ),
        (None, None) => "no pull request is named".to_owned(),
    });
    if !force.reviewers.is_empty() {
        lines.push(reviewed_by(&force.reviewers));
    }
    lines
}

/// What Git wanted at that time.
fn wanted(force: &InForce) -> Vec<String> {
    let mut lines = Vec::new();
    match (force.desired, &force.desired_since) {
        (Some(desired), _) if Some(desired) == force.sha256 => {
            lines.push("Git named the same file".to_owned());
        }
        (Some(desired), since) => {
            let since = since.as_ref().map_or(String::new(), |commit| {
                format!(" since commit {} of {}", short(&commit.id), commit.committed)
            });
            let which = if force.sha256.is_some() { "another file" } else { "a file" };
            lines.push(format!("Git named {which} then: sha256 {desired}{since}"));
        }
        (None, _) => lines.push("Git named no file then".to_owned()),
    }
    if let Some(facts) = &force.tracked {
        let facts: Vec<String> =
            facts.pairs().into_iter().map(|(name, value)| format!("{name} {value}")).collect();
        let since = force.tracked_since.as_ref().map_or(String::new(), |commit| {
            format!(" since commit {} of {}", short(&commit.id), commit.committed)
        });
        lines.push(format!("Git watched it{since} as {}", facts.join(", ")));
    }
    lines
}
