//! What forbids a write because of the tenant and of what Intune has, beside what speaks against
//! the credential itself ([`judge`]): decision table, row 7.

use std::collections::BTreeSet;

use crate::fleet::{Policy, TokenFile};
use crate::ledger::Sending;
use crate::model::{Kind, LiveVpp};
use crate::rules::allow::{Change, Hold};
use crate::rules::bindings::Bindings;
use crate::rules::codes::Reason;
use crate::rules::identity;
use crate::rules::judge;
use crate::rules::subject::{ABSENT, Subject, noun};

/// What one token's decision rests on.
pub(super) struct Case<'a> {
    /// The credential and what it would replace.
    pub(super) one: judge::Case<'a>,
    pub(super) file: &'a TokenFile,
    pub(super) policy: &'a Policy,
    /// Which token in Intune is meant cannot be told.
    pub(super) ambiguous: bool,
    /// Every VPP token that Intune has for the tenant.
    pub(super) all_vpp: &'a [LiveVpp],
    /// Sharing data with Apple was consented to, in Git or in Intune.
    pub(super) consented: bool,
    pub(super) bindings: &'a Bindings,
    /// Runs that are proved to have ended.
    pub(super) dead_runs: &'a BTreeSet<String>,
}

/// Intune's `state` of a VPP token that another MDM holds.
const EXTERNAL: &str = "assignedToExternalMDM";
/// Intune's `state` of a VPP token whose location another token has, too.
const DUPLICATE: &str = "duplicateLocationId";

/// The account that Intune is to name for the certificate that it has, and what has to release that.
pub(super) struct Moved {
    pub(super) to: String,
    pub(super) hold: Hold,
}

/// Git names another Apple Account for the push certificate than Intune does: it was moved to another
/// account at Apple. Without its `allow` line that is a warning, and nothing is written.
pub(super) fn account_moved(case: &Case<'_>, live: Subject<'_>) -> Option<Moved> {
    let (Subject::Push(_), Some(to)) = (live, &case.one.token.facts.apple_id) else { return None };
    let from = live.apple_id();
    if from.is_some_and(|from| from.to_lowercase() == to.to_lowercase()) {
        return None;
    }
    let from = from.unwrap_or(ABSENT);
    let change = Change::of(&from, to, case.file.sha256);
    let detail = format!(
        "Intune names the Apple Account {from}, Git {to}. Intune takes it only together with the certificate"
    );
    let hold = Hold::releasable(Reason::AppleIdChange, change, detail);
    Some(Moved { to: to.clone(), hold })
}

/// Every hold of an upload or a creation.
pub(super) fn all(case: &Case<'_>) -> Vec<Hold> {
    let mut holds = without_file(case);
    holds.extend(case.one.against_file());
    if case.one.live.is_none() {
        holds.extend(absent(case));
    }
    holds.extend(consent(case));
    holds
}

/// The holds that are about the tenant and the token in Intune, not about the file; they hold a
/// change of settings just as well.
pub(super) fn without_file(case: &Case<'_>) -> Vec<Hold> {
    let (tenant, token) = (case.one.tenant, case.one.token);
    let conflicts = case.bindings.conflicts(tenant, token, &case.policy.moves);
    let duplicates = case.bindings.duplicates(tenant, token);
    let firm = |reason| move |detail| Hold::firm(reason, detail);
    let mut holds: Vec<Hold> = conflicts.into_iter().map(firm(Reason::WrongDestination)).collect();
    holds.extend(duplicates.into_iter().map(firm(Reason::Duplicate)));
    holds.extend(case.one.against_place());
    holds.extend(vpp_state(case));
    holds.extend(suspension(case));
    holds
}

/// More than one token in Intune fits the entry.
pub(super) fn ambiguous(case: &Case<'_>) -> Hold {
    Hold::firm(
        Reason::Ambiguous,
        format!(
            "More than one {} token in Intune fits this entry, or two entries fit one. Nothing is uploaded until the entry has Intune's `id`; `applecart status --format json` lists the ids",
            case.one.kind()
        ),
    )
}

fn vpp_state(case: &Case<'_>) -> Option<Hold> {
    let Some(Subject::Vpp(live)) = case.one.live else { return None };
    match live.state.as_str() {
        EXTERNAL if !case.one.token.claim => Some(Hold::firm(
            Reason::ExternalMdm,
            "Another MDM uses this VPP token; taking it back ends that MDM's licences. If that is meant, write `claim: true` on the entry",
        )),
        DUPLICATE => Some(Hold::firm(
            Reason::DuplicateLocation,
            "Intune has another VPP token for the same location, and neither works. Remove one of the two in the portal, then run `applecart plan` again",
        )),
        _ => None,
    }
}

/// Proved absent: the first that fits.
fn absent(case: &Case<'_>) -> Option<Hold> {
    let kind = case.one.kind();
    let upload = "release this upload with an `allow` line";
    if case.one.was_confirmed() {
        return Some(Hold::releasable(
            Reason::Vanished,
            case.one.change(),
            format!(
                "Intune had this {} before and has none now. Find out who removed it; then {upload}",
                noun(kind)
            ),
        ));
    }
    match kind {
        Kind::Push => None,
        Kind::Enrollment => Some(Hold::firm(
            Reason::CreateInPortal,
            "Intune has no enrollment token of this name or id, and creates new ones only in its portal. Create it there once (Devices > Enrollment > Apple > Enrollment program tokens), then run `applecart plan` again. If it has another name there, correct `name`",
        )),
        Kind::Vpp => match &case.one.of.id {
            Some(id) => Some(Hold::firm(
                Reason::IdGone,
                format!(
                    "Intune no longer has a VPP token with the id {id}. Find out who deleted it; to create a new one, remove `id` and write `create: true`"
                ),
            )),
            None => create(case),
        },
    }
}

/// Whether a VPP token may be created.
fn create(case: &Case<'_>) -> Option<Hold> {
    let twin = case.all_vpp.iter().find(|live| identity::looks_like(live, case.one.token));
    let detail = match twin {
        Some(live) => format!(
            "Intune has a VPP token that looks like this one ({}, id {}); a second one for the same location stops both. Write that `id` on the entry, so that it is renewed instead",
            live.display_name.as_deref().or(live.location.as_deref()).unwrap_or("without a name"),
            live.id
        ),
        None if case.one.token.create => return None,
        None => "Intune has no such VPP token. If it is to be created, write `create: true` on the entry; if it has another name or location there, write its `id`".to_owned(),
    };
    Some(Hold::firm(Reason::CreateNotPermitted, detail))
}

/// Consenting is the customer's legal act. Without it Intune takes no first push certificate, and
/// a VPP token is made with the statement that it was given.
fn consent(case: &Case<'_>) -> Option<Hold> {
    let first = case.one.live.is_none();
    let what = match case.one.kind() {
        Kind::Push if first && !case.consented => "a first push certificate",
        Kind::Vpp if first && !case.one.tenant.consent_data_sharing => "a new VPP token",
        _ => return None,
    };
    Some(Hold::firm(
        Reason::ConsentMissing,
        format!(
            "{what} needs the customer's consent to share data with Apple. When the customer has agreed, add `consent: {{dataSharing: true}}` to the tenant file"
        ),
    ))
}

fn suspension(case: &Case<'_>) -> Option<Hold> {
    let today = case.one.today();
    let suspension = case.one.tenant.suspension_of(Some(case.one.token), today)?;
    Some(if !suspension.is_over(today) {
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

/// Whether a VPP token landed in another location than it was sent to, in a sentence.
pub(super) fn landed_elsewhere(case: &Case<'_>, sending: &Sending<'_>) -> Option<String> {
    let Some(Subject::Vpp(live)) = case.one.live else { return None };
    let before = sending.before().and_then(|before| before.location.as_ref());
    location_fault(case.one.token.facts.location.as_ref().or(before), live)
}

/// What is wrong when a VPP token in Intune is not in the location that was meant.
pub fn location_fault(meant: Option<&String>, live: &LiveVpp) -> Option<String> {
    let (meant, found) = (meant?, live.location.as_ref()?);
    (meant != found).then(|| {
        format!(
            "the token belongs to the location {found:?}, not to {meant:?}: devices there lost their apps' licences. Upload the token of {meant:?} again, at once"
        )
    })
}
