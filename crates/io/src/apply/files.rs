//! Sealed files, opened as late as possible and judged before and again directly before a write.

use std::panic::AssertUnwindSafe;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::Tools;
use crate::vault::Secret;
use applecart_core::apple::{Finding, FindingCode, enrollment, push, vpp};
use applecart_core::fleet::{DepTokenWire, PushCertificateWire, VppTokenWire};
use applecart_core::model::{Facts, Kind, LivePush, Outcome, Sha256, Timestamp};
use applecart_core::plan::{Due, Reason};

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
    /// The file cannot be written in the encoding that `wire` asks for.
    Encoding(&'static str),
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
            Self::Encoding(why) => vec![format!(
                "bad-file: {why}. Seal the file as Apple handed it out, or change `wire` in applecart.yaml"
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

/// A judged file in the fleet's wire encoding, ready to be sent; wiped when dropped.
pub(super) struct Ready(Zeroizing<String>);

impl Ready {
    /// The value for the request. Each use of this is a place to review.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

/// Opens and judges the file of a due write; `live` is what it would replace.
///
/// Whatever a file does to a parser, it ends here as a refusal.
pub(super) fn judge(due: &Due, tools: &Tools<'_>) -> Result<Ready, Refused> {
    std::panic::catch_unwind(AssertUnwindSafe(|| open_and_judge(due, tools)))
        .unwrap_or(Err(Refused::Internal))
}

fn open_and_judge(due: &Due, tools: &Tools<'_>) -> Result<Ready, Refused> {
    let Some(file) = &due.token.file else { return Err(Refused::Findings(Vec::new())) };
    let secret = tools.files.open(&file.blob).map_err(Refused::File)?;
    let actual = Sha256::of(secret.expose());
    if actual != file.sha256 {
        return Err(Refused::Digest { stated: file.sha256, actual });
    }
    match due.token.token.kind {
        Kind::Push => push_file(due, &secret, tools),
        Kind::Enrollment => enrollment_file(due, &secret, tools),
        Kind::Vpp => vpp_file(due, &secret, tools),
    }
}

fn push_file(due: &Due, secret: &Secret, tools: &Tools<'_>) -> Result<Ready, Refused> {
    let reading = push::read(secret.expose());
    let mut findings = reading.findings;
    if let Some(certificate) = &reading.certificate {
        let live = due.before.as_ref().and_then(as_live);
        let past = tools.view.tenants.get(&due.tenant.tenant_id);
        let requested_key = past
            .and_then(|past| past.renewal_opened(&due.token.token, due.before.as_ref()))
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
    let certificate = usable(reading.certificate, findings)?;
    let text = match tools.policy.wire.push_certificate {
        PushCertificateWire::Pem => certificate.to_pem(),
        PushCertificateWire::Base64Der => certificate.to_base64_der(),
    };
    Ok(Ready(Zeroizing::new(text)))
}

fn enrollment_file(due: &Due, secret: &Secret, tools: &Tools<'_>) -> Result<Ready, Refused> {
    let reading = enrollment::read(secret.expose());
    let mut findings = reading.findings;
    if let Some(token) = &reading.token {
        // Its age was judged by the plan, and a review may have released it.
        findings.extend(enrollment::against_key(token, due.encryption_key.as_deref()));
        let stated = due.token.recipient.as_ref();
        findings.extend(
            stated
                .and_then(|stated| enrollment::differences(token, &stated.issuer, &stated.serial)),
        );
    }
    let token = usable(reading.token, findings)?;
    // Apple's own form goes out byte for byte; anything else is brought into it.
    let apples_form = std::str::from_utf8(secret.expose())
        .ok()
        .filter(|text| text.trim_start().to_ascii_lowercase().starts_with("content-"));
    let mail = Zeroizing::new(apples_form.map_or_else(|| token.to_mail(), str::to_owned));
    Ok(Ready(match tools.policy.wire.dep_token {
        DepTokenWire::Base64 => Zeroizing::new(STANDARD.encode(mail.as_bytes())),
        DepTokenWire::Text => mail,
    }))
}

fn vpp_file(due: &Due, secret: &Secret, tools: &Tools<'_>) -> Result<Ready, Refused> {
    let reading = vpp::read(secret.expose());
    let mut findings = reading.findings;
    if let Some(token) = &reading.token {
        findings.extend(vpp::judge(
            token,
            &vpp::Expectations {
                now: tools.clock.now(),
                // The plan compared the stated facts with live; that they are the file's is next.
                live: None,
                renew_before: tools.policy.renew_before,
            },
        ));
        findings.extend(vpp::differences(token, &due.token.facts));
    }
    let token = usable(reading.token, findings)?;
    let text = token.expose_text();
    if text.is_empty() {
        return Err(Refused::Encoding("the token's text is empty"));
    }
    Ok(Ready(Zeroizing::new(match tools.policy.wire.vpp_token {
        VppTokenWire::Text => text.to_owned(),
        VppTokenWire::Base64 => STANDARD.encode(text),
    })))
}

fn usable<T>(read: Option<T>, findings: Vec<Finding>) -> Result<T, Refused> {
    match read {
        Some(token) if !findings.iter().any(Finding::refuses) => Ok(token),
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
