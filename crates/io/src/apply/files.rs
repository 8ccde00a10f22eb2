//! Sealed files, opened as late as possible and judged before and again directly before a write.

use std::panic::AssertUnwindSafe;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::tools::{FilesError, Tools};
use crate::vault::Secret;
use applecart_core::apple::{Finding, FindingCode, Parsed, enrollment, push, vpp};
use applecart_core::fleet::{DepTokenWire, PushCertificateWire, TokenFile, VppTokenWire};
use applecart_core::model::{Facts, Kind, LivePush, Outcome, Sha256, Timestamp};
use applecart_core::plan::{Action, Due, DueWrite, Reason, Verify};
use applecart_core::rules::allow::{self, Change};
use applecart_core::rules::requests;

/// Why a file was refused.
pub(super) enum Refused {
    File(FilesError),
    Digest {
        stated: Sha256,
        actual: Sha256,
    },
    Findings(Vec<Finding>),
    EmptyToken,
    /// This program failed at it.
    Internal,
}

impl Refused {
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::File(error) if error.is_untrusted() => Outcome::Untrusted,
            _ => Outcome::Refused,
        }
    }

    pub(super) fn details(&self) -> Vec<String> {
        match self {
            Self::File(error) => vec![error.to_string()],
            Self::Digest { stated, actual } => vec![format!(
                "bad-file: the opened file has sha256 {actual}, but the tenant file says {stated}. It is not the file that was reviewed. Seal the right file again"
            )],
            Self::EmptyToken => vec![
                "bad-file: the token's text is empty. Download the token at Apple again, and seal that file"
                    .to_owned(),
            ],
            Self::Internal => vec![
                "an internal error stopped the check of this file. Nothing was uploaded. Please report it"
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

/// Opens and judges the file of a due write.
///
/// Whatever a file does to a parser, it ends here as a refusal.
pub(super) fn judge(due: &Due, file: &TokenFile, tools: &Tools<'_>) -> Result<Ready, Refused> {
    std::panic::catch_unwind(AssertUnwindSafe(|| open_and_judge(due, file, tools)))
        .unwrap_or(Err(Refused::Internal))
}

fn opened(file: &TokenFile, tools: &Tools<'_>) -> Result<Secret, Refused> {
    let secret = tools.files.open(&file.blob).map_err(Refused::File)?;
    let actual = Sha256::of(secret.expose());
    if actual != file.sha256 {
        return Err(Refused::Digest { stated: file.sha256, actual });
    }
    Ok(secret)
}

/// Opens a file and compares it with what the tenant file states of it, which is what Intune has.
/// Whether it may still be uploaded is no question here: nothing is.
pub(super) fn verify(verify: &Verify, tools: &Tools<'_>) -> Result<(), Refused> {
    std::panic::catch_unwind(AssertUnwindSafe(|| open_and_compare(verify, tools)))
        .unwrap_or(Err(Refused::Internal))
}

fn open_and_compare(verify: &Verify, tools: &Tools<'_>) -> Result<(), Refused> {
    let secret = opened(&verify.file, tools)?;
    let stated = &verify.token.facts;
    match verify.token.token.kind {
        Kind::Push => {
            let Parsed { token, mut findings } = push::read(secret.expose());
            findings.extend(token.as_ref().and_then(|token| push::differences(token, stated)));
            usable(token, findings).map(drop)
        }
        Kind::Vpp => {
            let Parsed { token, mut findings } = vpp::read(secret.expose());
            findings.extend(token.as_ref().and_then(|token| vpp::differences(token, stated)));
            usable(token, findings).map(drop)
        }
        // Only Intune can open it far enough to compare; no plan asks for it.
        Kind::Enrollment => Err(Refused::Internal),
    }
}

fn open_and_judge(due: &Due, file: &TokenFile, tools: &Tools<'_>) -> Result<Ready, Refused> {
    let secret = opened(file, tools)?;
    match due.kind() {
        Kind::Push => push_file(due, file, &secret, tools),
        Kind::Enrollment => enrollment_file(due, &secret, tools),
        Kind::Vpp => vpp_file(due, &secret, tools),
    }
}

fn push_file(
    due: &Due,
    file: &TokenFile,
    secret: &Secret,
    tools: &Tools<'_>,
) -> Result<Ready, Refused> {
    let reading = push::read(secret.expose());
    let mut findings = reading.findings;
    if let Some(certificate) = &reading.token {
        let live = due.before.as_ref().and_then(as_live);
        let past = tools.view.tenants.get(&due.tenant.tenant_id);
        // A certificate that Intune has already was made for an earlier request.
        let opened = past
            .filter(|_| due.action() != Action::Configure)
            .and_then(|past| past.renewal_opened(&due.token.token, due.before.as_ref()));
        let requested_key = opened.and_then(|opened| opened.request()).map(|(_, key)| key);
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
        let (tenant, key) = (&due.tenant, certificate.public_key_sha256);
        findings.extend(tools.requests.foreign(tenant.tenant_id, &tenant.name, key));
        let recorder = past.zip(opened).map(|(past, opened)| requests::recorder(past, opened));
        for finding in &mut findings {
            if finding.code == FindingCode::KeyMismatch
                && let Some(who) = &recorder
            {
                finding.message.push_str(&format!(". That request was recorded by {who}"));
            }
            finding.message.push_str(&way_out(due, file, finding.code, tools.clock.now()));
        }
    }
    findings.retain(|finding| !is_allowed(due, file, finding, tools.clock.now()));
    let certificate = usable(reading.token, findings)?;
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
        let key = match &due.write {
            DueWrite::UploadEnrollment { encryption_key, .. } => encryption_key.as_deref(),
            _ => None,
        };
        findings.extend(enrollment::against_key(token, key));
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
                // The plan compared the stated facts with Intune's. That they are the file's
                // comes next.
                live: None,
                renew_before: tools.policy.renew_before,
            },
        ));
        findings.extend(vpp::differences(token, &due.token.facts));
    }
    let token = usable(reading.token, findings)?;
    let text = token.expose_text();
    if text.is_empty() {
        return Err(Refused::EmptyToken);
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

/// The line by which people say that a certificate answers Intune's request whatever the record says:
/// whoever may write notes could otherwise stop every upload.
fn way_out(due: &Due, file: &TokenFile, code: FindingCode, now: Timestamp) -> String {
    let hold = match code {
        FindingCode::ForeignRequest => Reason::ForeignRequest,
        FindingCode::KeyMismatch => Reason::KeyMismatch,
        _ => return String::new(),
    };
    let change = Change::since(Kind::Push, due.before.as_ref(), &due.after, file.sha256);
    let why = "it answers the request that Intune made";
    let line = change.line(hold, why, now.date_time().date_naive());
    format!(
        ". Ask them. If the certificate answers the request that Intune gave out, get this line reviewed on the push entry: {line}"
    )
}

/// What a reviewed `allow` line released is not a refusal. The plan released a topic change. Only
/// the opened file tells whose request it answers, so those lines are read here.
fn is_allowed(due: &Due, file: &TokenFile, finding: &Finding, now: Timestamp) -> bool {
    let is_line = |hold| {
        let change = Change::since(Kind::Push, due.before.as_ref(), &due.after, file.sha256);
        allow::releases(&due.token.allow, hold, &change, now.date_time().date_naive())
    };
    match finding.code {
        FindingCode::TopicChange => due.allows.contains(&Reason::TopicChange),
        FindingCode::ForeignRequest => is_line(Reason::ForeignRequest),
        FindingCode::KeyMismatch => is_line(Reason::KeyMismatch),
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
