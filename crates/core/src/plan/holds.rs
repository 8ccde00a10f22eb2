//! What forbids a write that would be due (decision table, row 7), each with its way out.

use chrono::Duration;

use super::decide::{Case, was_confirmed};
use super::release::Hold;
use super::subject::{self, ABSENT, Subject, noun, renew_at_apple};
use super::types::{Reason, Warning};
use crate::apple;
use crate::ledger::Sending;
use crate::model::{Event, Kind, LiveVpp, Timestamp};

/// Apple's server tokens are valid for a year from the download.
const LIFETIME: Duration = Duration::days(365);
/// Between Apple's clock, the browser's file name and leap days, a day is no difference.
const LIFETIME_TOLERANCE: Duration = Duration::hours(24);

/// Intune's `state` of a VPP token that another MDM holds.
const EXTERNAL: &str = "assignedToExternalMDM";
/// Intune's `state` of a VPP token whose location another token has, too.
const DUPLICATE: &str = "duplicateLocationId";

/// Every hold of an upload or a creation.
pub(super) fn all(case: &Case<'_>) -> Vec<Hold> {
    let mut holds = without_file(case);
    holds.extend(topic(case));
    holds.extend(match case.live {
        Some(live) => age(case, live),
        None => absent(case),
    });
    holds.extend(expired(case));
    holds.extend(consent(case));
    holds.extend(apple_id(case));
    if let Recipient::Other(detail) = recipient(case) {
        holds.push(Hold::firm(Reason::RecipientMismatch, detail));
    }
    holds
}

/// The holds that are about the tenant and the live token, not about the file; they hold a change
/// of settings just as well.
pub(super) fn without_file(case: &Case<'_>) -> Vec<Hold> {
    let mut holds = Vec::new();
    for detail in case.bindings.conflicts(case.tenant, case.token, &case.policy.moves) {
        holds.push(Hold::firm(Reason::WrongDestination, detail));
    }
    for detail in case.bindings.duplicates(case.tenant, case.token) {
        holds.push(Hold::firm(Reason::Duplicate, detail));
    }
    if let Some(Subject::Vpp(live)) = case.live {
        holds.extend(vpp(case, live));
    }
    holds.extend(suspension(case));
    holds
}

/// More than one live token fits the entry.
pub(super) fn ambiguous(case: &Case<'_>) -> Hold {
    Hold::firm(
        Reason::Ambiguous,
        format!(
            "more than one live {} token fits this entry, or two entries fit one; nothing is sent until the entry has Intune's `id`. `applecart status --format json` lists the ids",
            case.kind()
        ),
    )
}

fn topic(case: &Case<'_>) -> Option<Hold> {
    let Some(Subject::Push(live)) = case.live else { return None };
    let topic = case.token.topic().filter(|topic| **topic != live.topic)?;
    Some(Hold {
        reason: Reason::TopicChange,
        release: Some((live.topic.to_string(), topic.to_string())),
        detail: format!(
            "Git's certificate has topic {topic}, {} is live: every Apple device enrolled under the live topic would stop answering and have to be enrolled again. At Apple's portal press Renew on the old certificate, not Create{}",
            live.topic,
            live.apple_id.as_ref().map(|id| format!(", signed in as {id}")).unwrap_or_default()
        ),
    })
}

/// Live is another credential than the file, and not an older one.
fn age(case: &Case<'_>, live: Subject<'_>) -> Option<Hold> {
    let kind = case.kind();
    let confirmed = subject::confirmation(case.past, case.of, case.file.sha256);
    let stated = match kind {
        Kind::Push | Kind::Vpp => case.token.facts.expires,
        // The file does not tell; what was seen when it was live does.
        Kind::Enrollment => confirmed.and_then(|record| record.after.as_ref()?.expires),
    };
    let later = matches!((live.expires(), stated), (Some(live), Some(stated)) if live > stated);
    let ends = stated.map_or_else(String::new, |at| format!(", Git's file ends {at}"));
    if confirmed.is_some() && later {
        let applied = case.past.last_confirmed(case.of).filter(|last| {
            last.sha256() != Some(case.file.sha256)
                && last.after.as_ref().is_some_and(|after| after.expires == live.expires())
        });
        return Some(Hold::firm(
            Reason::RenewedOutsideGit,
            match applied {
                Some(last) => format!(
                    "Git went back to an older file: a newer one was uploaded and confirmed on {} and is live ({}){ends}. Nothing is uploaded over it. Undo the revert, or seal a newer renewal",
                    last.at,
                    live.described()
                ),
                None => format!(
                    "live was renewed by hand: {}{ends}. Nothing is uploaded over it. Adopt it with `applecart import --update {}`, or seal a newer renewal",
                    live.described(),
                    case.tenant.name
                ),
            },
        ));
    }
    if confirmed.is_some() {
        return Some(Hold {
            reason: Reason::ChangedOutsideGit,
            release: Some(case.values()),
            detail: format!(
                "live was changed by hand: {}. Find out who did it; then adopt it with `applecart import --update {}`, or release this upload with an `allow` line",
                live.described(),
                case.tenant.name
            ),
        });
    }
    if kind == Kind::Enrollment {
        return enrollment_age(case, live.expires());
    }
    let stated = stated.filter(|_| later)?;
    Some(Hold::firm(
        Reason::OlderThanLive,
        format!(
            "Git's file ends {stated}, the live {} ({}) later: uploading it would shorten the tenant's time. Seal the newest download",
            noun(kind),
            live.described()
        ),
    ))
}

/// An enrollment file tells its age only by when it was downloaded.
fn enrollment_age(case: &Case<'_>, live: Option<Timestamp>) -> Option<Hold> {
    let Some(downloaded) = case.token.downloaded else {
        return Some(Hold {
            reason: Reason::AgeUnknown,
            release: Some(case.values()),
            detail: "the tenant file does not say when this token was downloaded, so nobody can tell whether the live one is newer. Add `downloaded` (Apple's file name has it), or release this upload with an `allow` line".to_owned(),
        });
    };
    let ends = downloaded.plus(LIFETIME).plus(LIFETIME_TOLERANCE);
    let live = live.filter(|live| ends < *live)?;
    Some(Hold::firm(
        Reason::OlderThanLive,
        format!(
            "Git's file was downloaded on {downloaded} and lapses a year later; the live token runs until {live}, so it was downloaded later. Apple ended the older one with that download. Seal the newest download"
        ),
    ))
}

/// Proved absent: the first that fits.
fn absent(case: &Case<'_>) -> Option<Hold> {
    let kind = case.kind();
    let upload = "release this upload with an `allow` line";
    if was_confirmed(case) {
        return Some(Hold {
            reason: Reason::Vanished,
            release: Some(case.values()),
            detail: format!(
                "this {} was live before and Intune has none now. Find out who removed it; then {upload}",
                noun(kind)
            ),
        });
    }
    match kind {
        Kind::Push => None,
        Kind::Enrollment => Some(Hold::firm(
            Reason::CreateInPortal,
            "Intune has no enrollment token of this name or id, and makes new ones only in its portal. Create it there once (Devices > Enrollment > Apple > Enrollment program tokens), then run `applecart plan` again; if it has another name there, correct `name`",
        )),
        Kind::Vpp if case.of.id.is_some() => Some(Hold::firm(
            Reason::IdGone,
            format!(
                "Intune has no VPP token with the id {} any more. Find out who deleted it; to make a new one, remove `id` and write `create: true`",
                case.of.id.as_deref().unwrap_or(ABSENT)
            ),
        )),
        Kind::Vpp => create(case),
    }
}

/// Whether a VPP token may be made anew.
fn create(case: &Case<'_>) -> Option<Hold> {
    let facts = &case.token.facts;
    let lower = |text: &Option<String>| text.as_deref().map(str::to_lowercase);
    let twin = case.all_vpp.iter().find(|live| {
        let location = facts.location.is_some() && live.location == facts.location;
        let name = case.token.token.name.is_some() && live.display_name == case.token.token.name;
        let owner = facts.apple_id.is_some()
            && facts.organization.is_some()
            && lower(&live.apple_id) == lower(&facts.apple_id)
            && live.organization == facts.organization;
        location || name || owner
    });
    let detail = match twin {
        Some(live) => format!(
            "Intune has a VPP token that looks like this one ({}, id {}); a second one for the same location stops both. Write that `id` on the entry, so that it is renewed instead",
            live.display_name.as_deref().or(live.location.as_deref()).unwrap_or("without a name"),
            live.id
        ),
        None if case.token.create => return None,
        None => "Intune has no such VPP token. If it is to be made, write `create: true` on the entry; if it has another name or location there, write its `id`".to_owned(),
    };
    Some(Hold::firm(Reason::CreateNotPermitted, detail))
}

fn vpp(case: &Case<'_>, live: &LiveVpp) -> Vec<Hold> {
    let mut holds = Vec::new();
    let facts = &case.token.facts;
    if let (Some(ours), Some(theirs)) = (&facts.organization, &live.organization)
        && ours.trim() != theirs.trim()
    {
        holds.push(Hold {
            reason: Reason::OrganizationDiffers,
            release: Some((theirs.clone(), ours.clone())),
            detail: format!(
                "Git's token is of the organisation {ours:?}, the live one of {theirs:?}. If this is another customer's token, seal the right one; if Apple knows the organisation by a new name, release it with an `allow` line"
            ),
        });
    }
    if let (Some(ours), Some(theirs)) = (&facts.location, &live.location)
        && ours != theirs
    {
        holds.push(Hold {
            reason: Reason::WrongLocation,
            release: Some((theirs.clone(), ours.clone())),
            detail: format!(
                "Git's token is for the location {ours:?}, the live one is for {theirs:?}: apps and licences of {theirs:?} would be taken away. Correct `id` or `location`, or release the move with an `allow` line"
            ),
        });
    }
    holds.extend(filed_wrongly(case, live));
    if live.state == EXTERNAL && !case.token.claim {
        holds.push(Hold::firm(
            Reason::ExternalMdm,
            "another MDM holds this VPP token; taking it back ends that MDM's licences. If that is meant, write `claim: true` on the entry",
        ));
    }
    if live.state == DUPLICATE {
        holds.push(Hold::firm(
            Reason::DuplicateLocation,
            "Intune has another VPP token for the same location, and neither works. Remove one of the two in the portal, then run `applecart plan` again",
        ));
    }
    holds
}

/// This very file was live in another slot of the tenant: London's file in Paris's entry. The file
/// itself does not name its location, only the ledger remembers it.
fn filed_wrongly(case: &Case<'_>, live: &LiveVpp) -> Option<Hold> {
    let record = case.past.records.iter().rev().find(|record| {
        record.event() == Event::Confirmed
            && record.sha256() == Some(case.file.sha256)
            && record.token.kind == Kind::Vpp
            && !record.token.same_token(case.of)
    })?;
    let theirs = record.after.as_ref().and_then(|after| after.location.as_ref())?;
    let ours = case.token.facts.location.as_ref().or(live.location.as_ref())?;
    (theirs != ours).then(|| Hold {
        reason: Reason::WrongLocation,
        release: Some((ours.clone(), theirs.clone())),
        detail: format!(
            "this file was live as the token of {theirs:?} on {}; here it would turn {ours:?} into {theirs:?}. Seal the file of {ours:?}",
            record.at
        ),
    })
}

fn expired(case: &Case<'_>) -> Option<Hold> {
    let kind = case.kind();
    let detail = match kind {
        Kind::Push | Kind::Vpp => {
            let ended = case.token.facts.expires.filter(|expires| *expires <= case.now)?;
            format!("Git's file lapsed on {ended}; a dead {} is never uploaded", noun(kind))
        }
        Kind::Enrollment => {
            let downloaded = case.token.downloaded?;
            let ended = downloaded.plus(LIFETIME).plus(LIFETIME_TOLERANCE);
            if ended > case.now {
                return None;
            }
            format!(
                "Git's file was downloaded on {downloaded} and lapsed a year later; a dead token is never uploaded"
            )
        }
    };
    Some(Hold::firm(
        Reason::Expired,
        format!("{detail}. {} and seal the new file", renew_at_apple(kind)),
    ))
}

/// Consenting is the customer's legal act. Without it Intune takes no first push certificate, and
/// a VPP token is made with the statement that it was given.
fn consent(case: &Case<'_>) -> Option<Hold> {
    let first = case.live.is_none();
    let what = match case.kind() {
        Kind::Push if first && !case.consented => "a first push certificate",
        Kind::Vpp if first && !case.tenant.consent_data_sharing => "a new VPP token",
        _ => return None,
    };
    Some(Hold::firm(
        Reason::ConsentMissing,
        format!(
            "{what} needs the customer's consent to share data with Apple. When the customer has agreed, add `consent: {{dataSharing: true}}` to the tenant file"
        ),
    ))
}

/// Intune takes the Apple Account with every certificate, every enrollment token and every new VPP
/// token, and refuses a blank one; a VPP renewal names none. Without this hold the plan would promise
/// an upload that `apply` cannot make.
fn apple_id(case: &Case<'_>) -> Option<Hold> {
    let is_known = |id: Option<&str>| id.is_some_and(|id| !id.trim().is_empty());
    let is_renewed_vpp = case.kind() == Kind::Vpp && case.live.is_some();
    if is_renewed_vpp
        || is_known(case.token.facts.apple_id.as_deref())
        || is_known(case.live.and_then(Subject::apple_id))
    {
        return None;
    }
    Some(Hold::firm(
        Reason::AppleIdMissing,
        format!(
            "neither the tenant file nor Intune says with which Apple Account this {} was made, and Intune takes none without. Add `appleId` to the entry",
            noun(case.kind())
        ),
    ))
}

fn suspension(case: &Case<'_>) -> Option<Hold> {
    let suspension = case.tenant.suspend.as_ref()?;
    Some(if case.today() <= suspension.until {
        Hold::firm(
            Reason::Suspended,
            format!("suspended until {}: {}", suspension.until, suspension.reason),
        )
    } else {
        Hold::firm(
            Reason::SuspensionEnded,
            format!(
                "the suspension ({}) ended on {}. Remove the `suspend` line, or move its date",
                suspension.reason, suspension.until
            ),
        )
    })
}

/// Whether Intune can open an enrollment file, as far as the tenant file and the live key tell.
pub(super) enum Recipient {
    /// It is encrypted to Intune's key, or it is no enrollment file.
    Fits,
    /// It is encrypted to another key.
    Other(String),
    /// Nobody can tell before the file is opened.
    Unverifiable,
}

impl Recipient {
    pub(super) fn warning(&self) -> Option<Warning> {
        matches!(self, Self::Unverifiable).then_some(Warning::RecipientUnverifiable)
    }
}

/// Compares by value. A bare or unreadable live key, or none stated in Git, proves nothing either
/// way: that is a warning, and `apply` compares the opened file.
pub(super) fn recipient(case: &Case<'_>) -> Recipient {
    let Some(Subject::Enrollment(live)) = case.live else { return Recipient::Fits };
    let key = live.encryption_public_key.as_deref().and_then(apple::key_identity);
    let (Some(stated), Some((issuer, serial))) = (&case.token.recipient, key) else {
        return Recipient::Unverifiable;
    };
    if stated.issuer == issuer && stated.serial == serial {
        return Recipient::Fits;
    }
    Recipient::Other(format!(
        "the file is encrypted to {} number {}, but Intune's key is {issuer} number {serial}: Intune could not open it. Upload Intune's public key to the MDM server{} in Apple Business Manager, download the token again and seal it",
        stated.issuer,
        stated.serial,
        case.token.server.as_ref().map(|name| format!(" {name:?}")).unwrap_or_default()
    ))
}

/// Whether a VPP token landed in another location than it was sent to, in a sentence.
pub(super) fn landed_elsewhere(case: &Case<'_>, sending: &Sending<'_>) -> Option<String> {
    let Some(Subject::Vpp(live)) = case.live else { return None };
    let before = sending.before().and_then(|before| before.location.as_ref());
    location_fault(case.token.facts.location.as_ref().or(before), live)
}

/// What is wrong when a live VPP token is not in the location that was meant.
pub fn location_fault(meant: Option<&String>, live: &LiveVpp) -> Option<String> {
    let (meant, found) = (meant?, live.location.as_ref()?);
    (meant != found).then(|| {
        format!(
            "the token belongs to the location {found:?}, not to {meant:?}: devices there lost their apps' licences. Upload the token of {meant:?} again, at once"
        )
    })
}
