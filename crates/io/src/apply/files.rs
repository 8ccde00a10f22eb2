//! Sealed files, opened as late as possible and judged before and again directly before a write.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::tools::{Files, FilesError, Tools};
use crate::vault::Secret;
use applecart_core::apple::enrollment::EnrollmentToken;
use applecart_core::apple::push::PushCertificate;
use applecart_core::apple::vpp::VppToken;
use applecart_core::apple::{Finding, FindingCode, Parsed, enrollment, push, vpp};
use applecart_core::fleet::{DepTokenWire, PushCertificateWire, Token, TokenFile, VppTokenWire};
use applecart_core::model::{
    Facts, Kind, LivePush, Outcome, Revocation, Sha256, TenantId, Timestamp,
};
use applecart_core::plan::{Action, Due, DueWrite, Reason, Verify};
use applecart_core::rules::allow::{self, Change, Hold};
use applecart_core::rules::at_apple::Verdict;
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
    /// Apple's answer speaks against it.
    AtApple(Vec<Hold>),
    /// Apple was silent, and something speaks against the file all the same.
    Unanswered(Verdict),
    /// It was not opened and read in time, or is of a tenant with such a file.
    Slow(Duration),
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

    /// Whether it is the file that is at fault, as far as anybody with the key can tell.
    pub(super) fn is_of_file(&self) -> bool {
        match self {
            Self::Digest { .. } | Self::Findings(_) | Self::EmptyToken => true,
            Self::AtApple(_) => true,
            // That Apple was silent says nothing new of the file.
            Self::Unanswered(_) | Self::File(_) | Self::Slow(_) | Self::Internal => false,
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
            Self::AtApple(holds) => told(holds).collect(),
            Self::Unanswered(verdict) => told(&verdict.holds).chain(verdict.told()).collect(),
            Self::Slow(limit) => vec![format!(
                "bad-file: a file of this tenant takes more than {} seconds to open and read, and no token file does. Nothing was uploaded, and no other file of the tenant was opened. Find out who brought it, and seal the right file again",
                limit.as_secs()
            )],
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

/// Holds, each with its code in front.
fn told(holds: &[Hold]) -> impl Iterator<Item = String> {
    holds.iter().map(|hold| format!("{}: {}", hold.reason, hold.detail))
}

/// A judged file in the fleet's wire encoding, ready to be sent; wiped when dropped.
pub(super) struct Ready {
    sent: Zeroizing<String>,
    /// A VPP token as Apple takes it, where that is not what is sent.
    own: Option<Zeroizing<String>>,
}

impl Ready {
    fn new(sent: String) -> Self {
        Self { sent: Zeroizing::new(sent), own: None }
    }

    /// The value for the request. Each use of this is a place to review.
    pub(super) fn expose(&self) -> &str {
        &self.sent
    }

    /// The value that Apple knows a VPP token by. Each use of this is a place to review.
    pub(super) fn bearer(&self) -> &str {
        self.own.as_ref().unwrap_or(&self.sent)
    }
}

/// A file that was opened and read; nothing of it was judged yet.
pub(super) enum Opened {
    Push(Parsed<PushCertificate>),
    /// The bytes as well: Apple's own form goes out as it is.
    Enrollment(Secret, Parsed<EnrollmentToken>),
    Vpp(Parsed<VppToken>),
}

/// Opens the file of a due write once more, and judges it.
pub(super) fn judge(due: &Due, file: &TokenFile, tools: &Tools<'_>) -> Result<Ready, Refused> {
    let opening = Opening::begin(due.kind(), file, tools);
    opening.end(tools.opening).and_then(|opened| judge_opened(due, file, opened, tools))
}

/// Opens a file and compares it with what the tenant file states of it, which is what Intune has.
/// Whether it may still be uploaded is no question here: nothing is.
///
/// Of a VPP token it gives what Apple knows it by.
pub(super) fn verify(
    verify: &Verify,
    tools: &Tools<'_>,
) -> Result<Option<Zeroizing<String>>, Refused> {
    let opening = Opening::begin(verify.token.token.kind, &verify.file, tools);
    compare(verify, opening.end(tools.opening)?)
}

/// Opens and judges the files of due writes, some beside each other: a file that takes its time delays
/// no other tenant's for longer than the limit. Of a tenant with such a file no other one is opened.
pub(super) fn judge_all<'d>(
    dues: &[&'d Due],
    tools: &Tools<'_>,
) -> Vec<(&'d Due, Result<Option<Ready>, Refused>)> {
    let mut slow: BTreeSet<TenantId> = BTreeSet::new();
    let mut judged = Vec::with_capacity(dues.len());
    for some in dues.chunks(BESIDE) {
        if tools.stopped() {
            break;
        }
        let begun = some.iter().map(|due| {
            let is_slow = slow.contains(&due.tenant.tenant_id);
            let file = due.opens().filter(|_| !is_slow);
            (*due, is_slow, file.map(|file| (file, Opening::begin(due.kind(), file, tools))))
        });
        let begun: Vec<_> = begun.collect();
        let mut left = tools.opening;
        for (due, is_slow, opening) in begun {
            let result = match opening {
                Some((file, opening)) => opening
                    .end(left)
                    .and_then(|opened| judge_opened(due, file, opened, tools))
                    // Others are opened again directly before they are sent.
                    .map(|ready| Some(ready).filter(|_| due.kind() == Kind::Vpp)),
                None if is_slow => Err(Refused::Slow(tools.opening)),
                None => Ok(None),
            };
            if matches!(result, Err(Refused::Slow(_))) {
                slow.insert(due.tenant.tenant_id);
                // The others beside it have had their time.
                left = Duration::ZERO;
            }
            judged.push((due, result));
        }
    }
    judged
}

/// So many files are opened at once: more threads than a machine has cores make each of them slow.
const BESIDE: usize = 4;

/// A file that is being opened by a thread of its own. Nothing can stop a parser from outside; where
/// it takes too long, the thread is left to itself and ends with the process.
struct Opening {
    result: mpsc::Receiver<Result<Opened, Refused>>,
    limit: Duration,
}

impl Opening {
    fn begin(kind: Kind, file: &TokenFile, tools: &Tools<'_>) -> Self {
        let (sender, receiver) = mpsc::channel();
        let (files, blob, stated) = (Arc::clone(&tools.files), file.blob.clone(), file.sha256);
        let open = move || {
            let opened =
                std::panic::catch_unwind(AssertUnwindSafe(|| open(kind, &*files, &blob, stated)));
            // Whoever asked may have stopped waiting.
            let _ = sender.send(opened.unwrap_or(Err(Refused::Internal)));
        };
        // Without a thread the sender is gone, which is told as an internal error.
        let _ = std::thread::Builder::new().name("open".to_owned()).spawn(open);
        Self { result: receiver, limit: tools.opening }
    }

    /// What came of it, if that is there before `left` is over.
    fn end(self, left: Duration) -> Result<Opened, Refused> {
        self.result.recv_timeout(left).unwrap_or_else(|error| {
            Err(match error {
                mpsc::RecvTimeoutError::Timeout => Refused::Slow(self.limit),
                mpsc::RecvTimeoutError::Disconnected => Refused::Internal,
            })
        })
    }
}

fn open(kind: Kind, files: &dyn Files, blob: &str, stated: Sha256) -> Result<Opened, Refused> {
    let secret = files.open(blob).map_err(Refused::File)?;
    let actual = Sha256::of(secret.expose());
    if actual != stated {
        return Err(Refused::Digest { stated, actual });
    }
    Ok(match kind {
        Kind::Push => Opened::Push(push::read(secret.expose())),
        Kind::Vpp => Opened::Vpp(vpp::read(secret.expose())),
        Kind::Enrollment => {
            let read = enrollment::read(secret.expose());
            Opened::Enrollment(secret, read)
        }
    })
}

/// What a file does to a judge ends here as a refusal, too.
fn judge_opened(
    due: &Due,
    file: &TokenFile,
    opened: Opened,
    tools: &Tools<'_>,
) -> Result<Ready, Refused> {
    let judge = AssertUnwindSafe(|| match opened {
        Opened::Push(reading) => push_file(due, file, reading, tools),
        Opened::Enrollment(secret, reading) => enrollment_file(due, &secret, reading, tools),
        Opened::Vpp(reading) => vpp_file(due, reading, tools),
    });
    std::panic::catch_unwind(judge).unwrap_or(Err(Refused::Internal))
}

fn compare(verify: &Verify, opened: Opened) -> Result<Option<Zeroizing<String>>, Refused> {
    let Token { facts: stated, public_key, .. } = &verify.token;
    let compare = AssertUnwindSafe(|| match opened {
        Opened::Push(Parsed { token, mut findings }) => {
            findings.extend(token.as_ref().and_then(|token| {
                push::differences(token, push::Stated { facts: stated, public_key: *public_key })
            }));
            usable(token, findings).map(|_| None)
        }
        Opened::Vpp(Parsed { token, mut findings }) => {
            findings.extend(token.as_ref().and_then(|token| vpp::differences(token, stated)));
            let token = usable(token, findings)?;
            Ok(Some(Zeroizing::new(token.expose_text().to_owned())))
        }
        // Only Intune can open it far enough to compare its facts. A plan asks for it where a run saw
        // this very file in Intune and the sealed bytes are others since: its digest tells all.
        Opened::Enrollment(..) => Ok(None),
    });
    std::panic::catch_unwind(compare).unwrap_or(Err(Refused::Internal))
}

fn push_file(
    due: &Due,
    file: &TokenFile,
    reading: Parsed<PushCertificate>,
    tools: &Tools<'_>,
) -> Result<Ready, Refused> {
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
                now: tools.judged_at(),
                stated: Some(push::Stated {
                    facts: &due.token.facts,
                    public_key: due.token.public_key,
                }),
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
            finding.message.push_str(&way_out(due, file, finding.code, tools.judged_at()));
        }
    }
    findings.retain(|finding| !is_allowed(due, file, finding, tools.judged_at()));
    let certificate = usable(reading.token, findings)?;
    let text = match tools.policy.wire.push_certificate {
        PushCertificateWire::Pem => certificate.to_pem(),
        PushCertificateWire::Base64Der => certificate.to_base64_der(),
    };
    Ok(Ready::new(text))
}

fn enrollment_file(
    due: &Due,
    secret: &Secret,
    reading: Parsed<EnrollmentToken>,
    tools: &Tools<'_>,
) -> Result<Ready, Refused> {
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
    Ok(match tools.policy.wire.dep_token {
        DepTokenWire::Base64 => Ready::new(STANDARD.encode(mail.as_bytes())),
        DepTokenWire::Text => Ready { sent: mail, own: None },
    })
}

fn vpp_file(due: &Due, reading: Parsed<VppToken>, tools: &Tools<'_>) -> Result<Ready, Refused> {
    let mut findings = reading.findings;
    if let Some(token) = &reading.token {
        findings.extend(vpp::judge(
            token,
            &vpp::Expectations {
                now: tools.judged_at(),
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
    Ok(match tools.policy.wire.vpp_token {
        VppTokenWire::Text => Ready::new(text.to_owned()),
        VppTokenWire::Base64 => {
            let own = Some(Zeroizing::new(text.to_owned()));
            Ready { own, ..Ready::new(STANDARD.encode(text)) }
        }
    })
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
        revocation: Revocation::NotAsked,
    })
}
