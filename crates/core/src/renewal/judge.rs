//! What speaks against a downloaded file: its own content, live Intune, and what the tenant file
//! said so far.

use crate::apple::{FileFacts, Finding, FindingCode, Inspection};
use crate::fleet::{Desired, Tenant, Token};
use crate::model::{Kind, LiveTenant, Reading, Timestamp};
use crate::rules::codes::Reason;

/// The live state of this token alone, so that the file is held against what it would replace.
///
/// As in a plan, an `id` in the tenant file decides alone: where Intune has it no more, nothing is
/// live, whatever else has its name. Without one, a token that is not told apart from others leaves
/// all of its kind.
pub fn narrow(mut live: LiveTenant, token: &Token) -> LiveTenant {
    let (id, name) = (token.token.id.as_deref(), token.token.name.as_deref());
    match token.token.kind {
        Kind::Push => {}
        Kind::Enrollment => {
            if let Reading::Present(all) = &mut live.enrollment {
                let named = || only(all.iter().map(|one| one.name.as_deref() == name));
                let place = place(all, id, |one| &one.id, named);
                keep(all, place, id);
            }
        }
        Kind::Vpp => {
            let location = token.facts.location.as_deref();
            if let Reading::Present(all) = &mut live.vpp {
                let named = || {
                    location
                        .and_then(|location| {
                            only(all.iter().map(|one| one.location.as_deref() == Some(location)))
                        })
                        .or_else(|| only(all.iter().map(|one| one.display_name.as_deref() == name)))
                };
                let place = place(all, id, |one| &one.id, named);
                keep(all, place, id);
            }
        }
    }
    live
}

/// Where the token is: by its id, and only without one by its name.
fn place<T>(
    all: &[T],
    id: Option<&str>,
    id_of: fn(&T) -> &String,
    named: impl Fn() -> Option<usize>,
) -> Option<usize> {
    match id {
        Some(id) => all.iter().position(|one| id_of(one).eq_ignore_ascii_case(id)),
        None => named(),
    }
}

/// Keeps the token at this place; of an id that is not there, nothing.
fn keep<T>(all: &mut Vec<T>, place: Option<usize>, id: Option<&str>) {
    match place {
        Some(place) => *all = vec![all.swap_remove(place)],
        None if id.is_some() => all.clear(),
        None => {}
    }
}

/// The place of the only one that is so.
fn only(mut all: impl Iterator<Item = bool>) -> Option<usize> {
    let first = all.position(|so| so)?;
    (!all.any(|so| so)).then_some(first)
}

/// Every reason not to seal the file, as sentences; empty when it may be sealed.
pub fn refusals(
    inspection: &Inspection,
    token: &Token,
    live: Option<&LiveTenant>,
    now: Timestamp,
) -> Vec<String> {
    let facts = &inspection.facts;
    let refusing = inspection.findings.iter().filter(|finding| finding.refuses());
    let mut all: Vec<String> = refusing
        .filter(|finding| !is_allowed(finding, token, facts, live, now))
        .map(ToString::to_string)
        .collect();
    let told: Vec<FindingCode> = inspection.findings.iter().map(|finding| finding.code).collect();
    all.extend(against_entry(facts, token, &told, now));
    all
}

/// What speaks against the file as a renewal, beyond [`refusals`]: there has to be something live
/// that it follows, and all of it has to be known.
pub fn against_renewal(
    inspection: &Inspection,
    token: &Token,
    live: &LiveTenant,
    now: Timestamp,
) -> Vec<String> {
    let facts = &inspection.facts;
    let (is_live, expires, organization) = match token.token.kind {
        Kind::Push => {
            let push = live.push.present();
            (push.is_some(), push.map(|push| push.expires), None)
        }
        Kind::Enrollment => {
            // When an enrollment token lapses, its file does not tell.
            (live.enrollment.present().is_some_and(|all| all.len() == 1), None, None)
        }
        Kind::Vpp => match live.vpp.present().map(Vec::as_slice) {
            Some([only]) => (true, only.expires, only.organization.clone()),
            _ => (false, None, None),
        },
    };
    let mut all = Vec::new();
    if !is_live {
        all.push(format!(
            "not-live: nothing that this file would follow was found in Intune for {}, so it is no renewal. Bring a first one with `applecart seal`; where several tokens could be meant, or Intune has it under another id, correct `id` in the tenant file",
            token.token
        ));
    }
    let is_released = || {
        let today = now.date_time().date_naive();
        token.allow.iter().any(|allow| allow.hold == Reason::AgeUnknown && allow.until >= today)
    };
    if is_live
        && token.token.kind == Kind::Enrollment
        && facts.downloaded.is_none()
        && !is_released()
    {
        all.push(
            "age-unknown: neither the file's name nor --downloaded tells when it was downloaded, so nobody could tell it from an older one, and `apply` would hold it. Apple's name has the time (…_Token_2026-11-20T10-11-12Z_smime.p7m); else name the token and the time: applecart renew TENANT/TOKEN --file FILE --downloaded 2026-11-20T10:11:12Z".to_owned(),
        );
    }
    let told = |code| inspection.findings.iter().any(|finding| finding.code == code);
    if told(FindingCode::SameAsLive) {
        all.push(
            "same-as-live: this very credential is live already, so nothing would be renewed. Look for the newer download, or download it again".to_owned(),
        );
    } else if let (Some(live), Some(found)) = (expires, facts.expires)
        && found == live
    {
        all.push(format!(
            "not-later: it lapses on {found}, as the live one does, so nothing would be renewed. Look for the newer download"
        ));
    }
    if let (Some(live), Some(found), None) =
        (&organization, &facts.organization, &token.facts.organization)
        && live.trim() != found.trim()
        && !allows(token, Reason::OrganizationDiffers, Some(live), &[found], now)
    {
        all.push(format!(
            "organization-differs: the token is for {found:?}, the live one for {live:?}: another customer's licences would be used. Download this customer's token"
        ));
    }
    all
}

/// Whose the file is, where that is plainly another tenant of the fleet.
pub fn elsewhere(fleet: &[Desired], tenant: &Tenant, facts: &FileFacts) -> Vec<String> {
    let others = fleet.iter().filter_map(Desired::valid).filter(|one| one.name != tenant.name);
    let is_theirs = |other: &&Tenant| {
        other.tokens().any(|token| {
            let topic = facts.topic.is_some() && token.facts.topic == facts.topic;
            let recipient = match (&token.recipient, &facts.recipient) {
                (Some(stated), Some(found)) => {
                    found.issuer.as_ref() == Some(&stated.issuer)
                        && found.serial.as_ref() == Some(&stated.serial)
                }
                _ => false,
            };
            topic || recipient
        })
    };
    others
        .filter(is_theirs)
        .map(|other| {
            format!(
                "wrong-tenant: the file is for the tenant {}, not for {}. Run: applecart renew {} --file FILE",
                other.name, tenant.name, other.name
            )
        })
        .collect()
}

/// Why Intune would take no upload of the file: it wants the Apple Account with it, and nobody says
/// which. Asked before the merge, for after it every hour counts.
pub fn no_apple_id(
    apple_id: Option<&str>,
    token: &Token,
    live: Option<&LiveTenant>,
) -> Option<String> {
    let is_known = |id: &Option<String>| id.as_ref().is_some_and(|id| !id.trim().is_empty());
    if apple_id.is_some_and(|id| !id.trim().is_empty()) || is_known(&token.facts.apple_id) {
        return None;
    }
    let live = live?;
    let in_intune = match token.token.kind {
        Kind::Push => live.push.present().is_some_and(|push| is_known(&push.apple_id)),
        Kind::Enrollment => {
            let all = live.enrollment.present();
            all.is_some_and(|all| all.iter().any(|one| is_known(&one.apple_id)))
        }
        // Its upload names none.
        Kind::Vpp => true,
    };
    (!in_intune).then(|| {
        "apple-id-missing: neither the tenant file nor Intune says with which Apple Account the file was downloaded, and Intune takes no upload without. Name it: --apple-id ACCOUNT".to_owned()
    })
}

/// What a person should know although the file is taken.
pub fn doubts(
    facts: &FileFacts,
    token: &Token,
    kind: Kind,
    apple_id: Option<&str>,
) -> Vec<&'static str> {
    let mut doubts = Vec::new();
    if kind == Kind::Enrollment && facts.downloaded.is_none() {
        doubts.push("nothing tells when this token was downloaded, so a plan holds it (age-unknown) while another one is live; give --downloaded TIME");
    }
    if token.facts.apple_id.is_none() && apple_id.is_none() {
        doubts.push("the entry has no `appleId`; write the Apple Account that the file was downloaded with: next year's person needs it (--apple-id writes it)");
    }
    doubts
}

fn against_entry(
    facts: &FileFacts,
    token: &Token,
    told: &[FindingCode],
    now: Timestamp,
) -> Vec<String> {
    let mut all = Vec::new();
    if let (Some(stated), Some(found)) = (&token.facts.topic, &facts.topic)
        && stated != found
        && !told.contains(&FindingCode::TopicChange)
        && !allows(token, Reason::TopicChange, Some(stated.as_str()), &[found.as_str()], now)
    {
        all.push(format!(
            "topic-change: the certificate's topic is {found}, the tenant file says {stated}: every device enrolled under the stated topic would stop answering. At Apple's push portal press Renew on the old certificate, not Create"
        ));
    }
    if let (Some(stated), Some(found)) = (&token.facts.organization, &facts.organization)
        && stated.trim() != found.trim()
        && !allows(token, Reason::OrganizationDiffers, Some(stated), &[found], now)
    {
        all.push(format!(
            "organization-differs: the token is for {found:?}, the tenant file says {stated:?}: another customer's licences would be used. Download this customer's token, or correct `organization` in the tenant file if the customer was renamed"
        ));
    }
    if let (Some(stated), Some(found)) = (&token.recipient, &facts.recipient)
        && (found.issuer.as_ref() != Some(&stated.issuer)
            || found.serial.as_ref() != Some(&stated.serial))
    {
        all.push(
            "recipient-mismatch: the token is encrypted to another key than the tenant file's `recipient`, so Intune could not open it. Upload Intune's current public key to the MDM server in Apple Business Manager and download the token again; if Intune's key is a new one, remove `recipient` from the tenant file".to_owned(),
        );
    }
    if let (Some(stated), Some(found)) = (token.facts.expires, facts.expires)
        && found < stated
        && token.token.kind != Kind::Enrollment
        && !told.contains(&FindingCode::OlderThanLive)
    {
        all.push(format!(
            "older-than-live: it lapses on {found}, the one in the tenant file on {stated}. Look for a newer download; if the tenant file is wrong, correct `expires`"
        ));
    }
    if let (Some(stated), Some(found)) = (token.downloaded, facts.downloaded)
        && found < stated
    {
        all.push(format!(
            "older-than-live: it was downloaded on {found}, the one in the tenant file on {stated}, which ended it at Apple. Look for the newer download"
        ));
    }
    all
}

/// Whether a reviewed `allow` line of the entry releases what a finding is about.
fn is_allowed(
    finding: &Finding,
    token: &Token,
    facts: &FileFacts,
    live: Option<&LiveTenant>,
    now: Timestamp,
) -> bool {
    let push = live.and_then(|live| live.push.present());
    match finding.code {
        FindingCode::TopicChange => {
            let from = push.map(|push| push.topic.as_str().to_owned());
            let to = facts.topic.as_ref().map(ToString::to_string);
            allows(token, Reason::TopicChange, from.as_deref(), &[to.as_deref().unwrap_or("")], now)
        }
        FindingCode::KeyMismatch => {
            let from = push.map_or_else(|| "absent".to_owned(), |push| push.serial.to_string());
            let to = facts.serial.as_ref().map(ToString::to_string);
            allows(token, Reason::KeyMismatch, Some(&from), &[to.as_deref().unwrap_or("")], now)
        }
        _ => false,
    }
}

fn allows(token: &Token, hold: Reason, from: Option<&str>, to: &[&str], now: Timestamp) -> bool {
    token.allow.iter().any(|allow| {
        allow.hold == hold
            && Some(allow.from.as_str()) == from
            && to.contains(&allow.to.as_str())
            && allow.until >= now.date_time().date_naive()
    })
}
