//! Sealed files, opened as late as possible and judged before and again directly before a write.

use std::panic::AssertUnwindSafe;

use crate::apple::{Finding, FindingCode, push};
use crate::model::{Facts, LivePush, Outcome, Sha256, Timestamp};
use crate::plan::{Due, Reason};
use crate::vault::Secret;

use super::Tools;

/// Opens a sealed file of the applied commit.
pub trait Files: Send + Sync {
    /// The opened content of a blob.
    ///
    /// # Errors
    /// When the blob is not there or cannot be opened; nothing of its content is in the error.
    fn open(&self, blob: &str) -> Result<Secret, FilesError>;
}

/// Why a sealed file could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// Git does not give it.
    #[error("the file could not be read from Git")]
    Git(#[from] crate::git::GitError),
    /// The vault does not open it.
    #[error("the file could not be opened: {0}")]
    Open(#[from] crate::vault::OpenError),
}

impl FilesError {
    /// Whether the file was changed after it was sealed, or cannot show that it was not: then it is
    /// its source that cannot be trusted.
    pub fn is_untrusted(&self) -> bool {
        matches!(self, Self::Open(error) if error.is_untrusted())
    }
}

/// Why a file was refused.
pub(super) enum Refused {
    File(FilesError),
    Digest {
        stated: Sha256,
        actual: Sha256,
    },
    Findings(Vec<Finding>),
    /// This program failed at it.
    Internal,
}

impl Refused {
    /// What it means for the run.
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::File(error) if error.is_untrusted() => Outcome::Untrusted,
            _ => Outcome::Refused,
        }
    }

    /// Sentences for a person.
    pub(super) fn details(&self) -> Vec<String> {
        match self {
            Self::File(error) => vec![error.to_string()],
            Self::Digest { stated, actual } => vec![format!(
                "bad-file: the opened file has sha256 {actual}, the tenant file says {stated}: it is not the file that was reviewed. Seal the right file again"
            )],
            Self::Internal => vec![
                "an internal error stopped the check of this file; nothing was sent. Please report it"
                    .to_owned(),
            ],
            Self::Findings(findings) => findings
                .iter()
                .filter(|finding| finding.refuses())
                .map(ToString::to_string)
                .collect(),
        }
    }
}

/// Opens and judges the file of a due write; `live` is what it would replace.
///
/// Whatever a file does to a parser, it ends here as a refusal.
pub(super) fn judge(
    due: &Due,
    live: Option<&Facts>,
    tools: &Tools<'_>,
) -> Result<push::PushCertificate, Refused> {
    std::panic::catch_unwind(AssertUnwindSafe(|| open_and_judge(due, live, tools)))
        .unwrap_or(Err(Refused::Internal))
}

fn open_and_judge(
    due: &Due,
    live: Option<&Facts>,
    tools: &Tools<'_>,
) -> Result<push::PushCertificate, Refused> {
    let Some(file) = &due.token.file else { return Err(Refused::Findings(Vec::new())) };
    let secret = tools.files.open(&file.blob).map_err(Refused::File)?;
    let actual = Sha256::of(secret.expose());
    if actual != file.sha256 {
        return Err(Refused::Digest { stated: file.sha256, actual });
    }
    let reading = push::read(secret.expose());
    let mut findings = reading.findings;
    if let Some(certificate) = &reading.certificate {
        let live = live.and_then(as_live);
        let past = tools.view.tenants.get(&due.tenant.tenant_id);
        let requested_key = past
            .and_then(|past| past.renewal_opened(&due.token.token))
            .and_then(|opened| opened.public_key_sha256);
        findings.extend(push::judge(
            certificate,
            &push::Expectations {
                now: tools.clock.now(),
                stated: Some(&due.token.facts),
                live: live.as_ref(),
                requested_key,
                renew_before: tools.policy.renew_before,
            },
        ));
    }
    findings.retain(|finding| !is_allowed(due, finding, tools.clock.now()));
    match reading.certificate {
        Some(certificate) if !findings.iter().any(Finding::refuses) => Ok(certificate),
        _ => Err(Refused::Findings(findings)),
    }
}

/// What a reviewed `allow` line released is not a refusal. A topic change was released by the
/// plan; whether the key is the requested one only the opened file tells, so its line is read
/// here.
fn is_allowed(due: &Due, finding: &Finding, now: Timestamp) -> bool {
    match finding.code {
        FindingCode::TopicChange => due.allows.contains(&Reason::TopicChange),
        FindingCode::KeyMismatch => {
            let live = due.before.as_ref().and_then(|facts| facts.serial.as_ref());
            let from = live.map_or_else(|| "absent".to_owned(), ToString::to_string);
            let to = due.after.serial.as_ref().map(ToString::to_string);
            let sha256 = due.token.file.as_ref().map(|file| file.sha256.to_string());
            due.token.allow.iter().any(|allow| {
                allow.hold == "key-mismatch"
                    && allow.until >= now.date_time().date_naive()
                    && allow.from == from
                    && (Some(&allow.to) == to.as_ref() || Some(&allow.to) == sha256.as_ref())
            })
        }
        _ => false,
    }
}

fn as_live(facts: &Facts) -> Option<LivePush> {
    Some(LivePush {
        topic: facts.topic.clone()?,
        serial: facts.serial.clone()?,
        expires: facts.expires?,
        apple_id: facts.apple_id.clone(),
        failure: None,
    })
}
