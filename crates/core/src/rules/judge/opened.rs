//! What speaks against an opened file, in the entry as it would be.

use chrono::NaiveDate;

use super::Case;
use crate::apple::{FileFacts, Finding, FindingCode};
use crate::fleet::{Token, TokenFile};
use crate::model::{Kind, Sha256, Timestamp};
use crate::rules::allow::{self, Change, Hold};
use crate::rules::codes::Reason;

/// Why an opened file is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objection {
    pub code: &'static str,
    pub detail: String,
}

impl Objection {
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }

    /// A hold, as `seal` and `renew` tell it.
    pub fn of(hold: &Hold) -> Self {
        Self::new(hold.reason.as_str(), hold.detail.clone())
    }
}

impl std::fmt::Display for Objection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

/// The entry as it would state the opened file.
#[must_use]
pub fn entry_with(
    entry: &Token,
    facts: &FileFacts,
    sha256: Sha256,
    apple_id: Option<&str>,
) -> Token {
    let mut entry = entry.clone();
    let stated = &mut entry.facts;
    stated.topic = facts.topic.clone().or(stated.topic.take());
    stated.serial = facts.serial.clone().or(stated.serial.take());
    stated.organization = facts.organization.clone().or(stated.organization.take());
    stated.apple_id = apple_id.map(str::to_owned).or(stated.apple_id.take());
    if entry.token.kind != Kind::Enrollment {
        stated.expires = facts.expires.or(stated.expires);
    }
    entry.downloaded = facts.downloaded;
    entry.public_key = facts.public_key_sha256.or(entry.public_key);
    // Whether Intune can open it is a finding of the opened file, which may name several.
    entry.recipient = None;
    entry.file = Some(TokenFile { name: String::new(), sha256, blob: String::new(), shown: None });
    entry
}

/// Whether the finding is released by a reviewed `allow` line: what only the opened file shows,
/// and no hold of a plan tells.
pub fn is_released(finding: &Finding, case: &Case<'_>) -> bool {
    let hold = match finding.code {
        FindingCode::ForeignRequest => Reason::ForeignRequest,
        FindingCode::KeyMismatch => Reason::KeyMismatch,
        _ => return false,
    };
    allow::releases(&case.token.allow, hold, &case.change(), case.today())
}

/// What speaks against an opened file. `case` has the entry as it would be ([`entry_with`]).
pub fn opened(case: &Case<'_>, findings: &[Finding]) -> Vec<Objection> {
    let mut holds = case.against_place();
    if !case.is_same() {
        holds.extend(case.against_file());
    }
    let (released, standing): (Vec<Hold>, Vec<Hold>) =
        holds.into_iter().partition(|hold| hold.is_released(&case.token.allow, case.today()));
    let is_hold =
        |holds: &[Hold], code: &str| holds.iter().any(|hold| hold.reason.as_str() == code);
    let mut all: Vec<Objection> = findings
        .iter()
        .filter(|finding| finding.refuses())
        .filter(|finding| !is_hold(&released, finding.code.as_str()))
        .filter(|finding| !is_released(finding, case))
        .map(|finding| Objection::new(finding.code.as_str(), finding.message.clone()))
        .collect();
    for hold in standing {
        if !all.iter().any(|told| told.code == hold.reason.as_str()) {
            let near_miss = hold.near_miss(&case.token.allow, case.today());
            let detail = match near_miss {
                Some(near_miss) => format!("{}; {near_miss}", hold.detail),
                None => hold.detail,
            };
            all.push(Objection::new(hold.reason.as_str(), detail));
        }
    }
    all
}

/// What speaks against an opened file by what the entry said so far.
pub fn against_entry(
    entry: &Token,
    facts: &FileFacts,
    sha256: Sha256,
    today: NaiveDate,
) -> Vec<Objection> {
    let releases = |hold, from: &dyn ToString, to: &dyn ToString| {
        let change = Change::of(&from.to_string(), &to.to_string(), sha256);
        allow::releases(&entry.allow, hold, &change, today)
    };
    let mut all = Vec::new();
    if let (Some(stated), Some(found)) = (&entry.facts.topic, &facts.topic)
        && stated != found
        && !releases(Reason::TopicChange, stated, found)
    {
        all.push(Objection::new(
            Reason::TopicChange.as_str(),
            format!(
                "the certificate's topic is {found}, but the tenant file says {stated}: every device enrolled under that topic would be cut off. At Apple's push portal press Renew on the old certificate, not Create"
            ),
        ));
    }
    if let (Some(stated), Some(found)) = (&entry.facts.organization, &facts.organization)
        && stated.trim() != found.trim()
        && !releases(Reason::OrganizationDiffers, stated, found)
    {
        all.push(Objection::new(
            Reason::OrganizationDiffers.as_str(),
            format!(
                "the token is for {found:?}, but the tenant file says {stated:?}: another customer's licences would be used. Download this customer's token, or correct `organization` in the tenant file if the customer was renamed"
            ),
        ));
    }
    if let (Some(stated), Some(found)) = (&entry.recipient, &facts.recipient)
        && (found.issuer.as_ref() != Some(&stated.issuer)
            || found.serial.as_ref() != Some(&stated.serial))
    {
        all.push(Objection::new(
            Reason::RecipientMismatch.as_str(),
            "the token is encrypted to another key than the tenant file's `recipient`, so Intune could not open it. Upload Intune's current public key to the MDM server in Apple Business or Apple School Manager and download the token again; if Intune's key is a new one, remove `recipient` from the tenant file",
        ));
    }
    all.extend(older_than_stated(entry, facts));
    all
}

/// By what the entry says, it is not the newest file of this token.
fn older_than_stated(entry: &Token, facts: &FileFacts) -> Vec<Objection> {
    let older = |detail| Objection::new(Reason::OlderThanLive.as_str(), detail);
    let earlier = |stated: Option<Timestamp>, found: Option<Timestamp>| {
        stated.zip(found).filter(|(stated, found)| found < stated)
    };
    // When an enrollment token expires, only Intune tells.
    let stated = entry.facts.expires.filter(|_| entry.token.kind != Kind::Enrollment);
    let expires = earlier(stated, facts.expires).map(|(stated, found)| {
        older(format!(
            "it expires on {found}, the one in the tenant file on {stated}. Look for a newer download; if the tenant file is wrong, correct `expires`"
        ))
    });
    let downloaded = earlier(entry.downloaded, facts.downloaded).map(|(stated, found)| {
        older(format!(
            "it was downloaded on {found}, the one in the tenant file on {stated}, which ended it at Apple. Look for the newer download"
        ))
    });
    expires.into_iter().chain(downloaded).collect()
}
