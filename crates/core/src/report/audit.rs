//! What an audit found: the ledger's wholeness, where each upload came from, who changed the
//! policy, what lies unencrypted in Git, and to whom token files are sealed.
//!
//! Judging is pure: [`uploads`] compares ledger lines with what was read of Git, and
//! [`recipients`] a file's shown recipients against the fleet's list. Reading is `cli`'s business.

mod apple_ids;
mod human;
mod lost;
mod recipients;
mod secrets;
#[cfg(test)]
mod tests;
mod uploads;

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::Serialize;

use super::annotations::{Annotation, Level};
use crate::fleet::AcceptedFinding;
use crate::model::Timestamp;
use crate::words::kebab_enum;

pub use apple_ids::{AppleId, AppleIdToken, AppleIds, apple_ids, apple_ids_human};
pub use human::audit_human;
pub use lost::{
    LostAccount, LostLetter, LostToken, NoSuchAccount, lost_account, lost_account_human,
};
pub use recipients::{
    OnceSealed, SealedFile, former_recipients, judge_once_sealed, judge_recipients, strangers,
    unnamed,
};
pub use secrets::{LeakPart, LeakPlace, judge_secret};
pub use uploads::{Fit, Held, Trace, judge_bindings, judge_uploads};

/// The version of both machine outputs.
pub const AUDIT_VERSION: &str = "1.0";

kebab_enum! {
    /// What is looked at.
    AuditArea {
        /// Whether the record is whole.
        Ledger => "ledger",
        /// Whether each upload traces to a reviewed commit, and each change in Intune to an upload.
        Uploads => "uploads",
        /// Whether those who may sign, and those who can open, were changed by a person who may.
        Policy => "policy",
        /// Whether a token, a private key or an age identity lies unencrypted in Git.
        Secrets => "secrets",
        /// Whether token files are encrypted to the keys that the fleet lists.
        Recipients => "recipients",
    }
}

/// How much it weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AuditLevel {
    /// Something does not hold: exit code 7.
    Finding,
    /// Unknown: exit code 3.
    Unknown,
    /// The policy agrees to it; fails nothing.
    Accepted,
    /// Worth knowing; fails nothing.
    Note,
}

/// Where it is. What does not apply is `null`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditPlace {
    /// The branch or other reference; `null` for the audited revision.
    #[serde(rename = "ref")]
    pub refname: Option<String>,
    /// The commit that did it, or that has it.
    pub commit: Option<String>,
    /// The file, from the root of the commit or of the reference.
    pub file: Option<String>,
    /// The line in that file.
    pub line: Option<usize>,
    /// The blob or folder that is meant, by its name in Git.
    pub object: Option<String>,
}

impl AuditPlace {
    /// A file of the audited revision, or of a commit.
    pub fn file(file: impl Into<String>) -> Self {
        Self { file: Some(file.into()), ..Self::default() }
    }

    pub fn commit(commit: impl Into<String>) -> Self {
        Self { commit: Some(commit.into()), ..Self::default() }
    }
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditFinding {
    /// How much it weighs.
    pub level: AuditLevel,
    /// What it is about.
    pub area: AuditArea,
    /// The stable name, in kebab-case.
    pub code: String,
    pub place: AuditPlace,
    pub message: String,
    pub advice: String,
    /// What the policy says about it, where it agrees to it.
    pub accepted: Option<AuditAcceptance>,
}

/// Who agreed to a finding, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditAcceptance {
    pub reason: String,
    pub by: String,
    /// The last day on which it counts.
    pub until: NaiveDate,
}

impl AuditFinding {
    /// Something that does not hold.
    pub fn new(
        area: AuditArea,
        code: &str,
        place: AuditPlace,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        let (code, message, advice) = (code.to_owned(), message.into(), advice.into());
        Self { level: AuditLevel::Finding, area, code, place, message, advice, accepted: None }
    }

    /// What the policy has to name to agree to it: its commit or its object. What has neither is
    /// about the present state, which is to be corrected.
    pub fn named(&self) -> Option<(&'static str, &str)> {
        let object = self.place.object.as_deref().map(|object| ("object", object));
        object.or_else(|| self.place.commit.as_deref().map(|commit| ("commit", commit)))
    }

    /// Takes what the policy agrees to for that, exactly and up to its day.
    fn accept(&mut self, accepted: &[AcceptedFinding], today: NaiveDate) {
        if !matches!(self.level, AuditLevel::Finding | AuditLevel::Unknown) {
            return;
        }
        let place = &self.place;
        let is_meant = |one: &&AcceptedFinding| {
            let of = Some(one.of.as_str());
            one.finding == self.code
                && (place.commit.as_deref() == of || place.object.as_deref() == of)
        };
        let Some(one) = accepted.iter().filter(is_meant).max_by_key(|one| one.until) else {
            return;
        };
        if one.until < today {
            self.advice = format!(
                "{}. It was accepted until {} by {}; look at it again",
                self.advice, one.until, one.by
            );
            return;
        }
        let (reason, by, until) = (one.reason.clone(), one.by.clone(), one.until);
        self.accepted = Some(AuditAcceptance { reason, by, until });
        self.level = AuditLevel::Accepted;
    }

    /// The same with another weight.
    #[must_use]
    pub fn at(self, level: AuditLevel) -> Self {
        Self { level, ..self }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditLedger {
    pub branch: String,
    /// The remote that was asked; `null` when only this clone was looked at.
    pub remote: Option<String>,
    /// The present head, for the next audit's `--expect-head`; `null` when there is no ledger.
    pub head: Option<String>,
    /// The head that was given, which the present one must hold.
    pub expected_head: Option<String>,
    /// How many tenants have a file.
    pub tenants: usize,
    /// How many entries their unbroken chains have.
    pub entries: usize,
    /// How many commits were walked.
    pub commits: usize,
}

/// The objects that were looked at for secrets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditObjects {
    /// Blobs that were looked at, reachable or not.
    pub blobs: usize,
    /// Commits and annotated tags whose messages were looked at.
    pub messages: usize,
    /// Blobs over 128 MiB, which were not looked at.
    pub too_large: usize,
}

/// How much of each weight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditSummary {
    pub findings: usize,
    /// Questions that could not be answered, which exit code 3 tells.
    pub unknown: usize,
    /// What the policy agrees to.
    pub accepted: usize,
    pub notes: usize,
}

/// What `audit --format json` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Audit {
    pub format_version: &'static str,
    pub generated_at: Timestamp,
    pub rev: String,
    /// The commit since which everything new was looked at, and nothing else; `null` for everything.
    pub since: Option<String>,
    /// The commit of the protected branch that uploads must come from and that the policy is of.
    pub policy_rev: String,
    /// What the protected branch is called here.
    pub policy_name: String,
    pub ledger: AuditLedger,
    /// How many `applied` lines were traced.
    pub uploads: usize,
    pub objects: AuditObjects,
    /// Everything that was found, heaviest first.
    pub findings: Vec<AuditFinding>,
    /// How much of it.
    pub summary: AuditSummary,
}

impl Audit {
    /// Sorts what was found, without what is said twice, takes what the policy agrees to for that,
    /// and counts it.
    #[must_use]
    pub fn finish(mut self, accepted: &[AcceptedFinding]) -> Self {
        let today = self.generated_at.date_time().date_naive();
        self.findings.iter_mut().for_each(|one| one.accept(accepted, today));
        self.findings.sort();
        self.findings.dedup();
        let count = |level| self.findings.iter().filter(|one| one.level == level).count();
        self.summary = AuditSummary {
            findings: count(AuditLevel::Finding),
            unknown: count(AuditLevel::Unknown),
            accepted: count(AuditLevel::Accepted),
            notes: count(AuditLevel::Note),
        };
        self
    }

    /// What was found as remarks, for a code scanner. What has no file of its own stands at the
    /// fleet's settings.
    pub fn remarks(&self) -> Vec<Annotation> {
        self.findings
            .iter()
            .map(|one| {
                let place = human::place(&one.place).map(|place| place + ": ").unwrap_or_default();
                let file = one.place.file.clone();
                Annotation {
                    level: match one.level {
                        AuditLevel::Finding => Level::Error,
                        AuditLevel::Unknown | AuditLevel::Accepted | AuditLevel::Note => {
                            Level::Warning
                        }
                    },
                    file: file.unwrap_or_else(|| crate::fleet::FLEET_FILE.to_owned()),
                    line: one.place.line.unwrap_or(1),
                    columns: None,
                    code: one.code.clone(),
                    identity: format!("{}\0{place}", one.code),
                    message: format!("{place}{}. {}", one.message, one.advice),
                }
            })
            .collect()
    }
}
