//! What forbids a write because of the tenant and of what Intune has, beside what speaks against
//! the credential itself ([`judge`]): decision table, row 7.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use crate::apple::push;
use crate::fleet::{Policy, Token, TokenFile};
use crate::ledger::Sending;
use crate::model::{Facts, Kind, LiveToken, LiveVpp, TenantName, Timestamp};
use crate::rules::allow::{self, Change, Hold};
use crate::rules::bindings::Bindings;
use crate::rules::codes::Reason;
use crate::rules::identity::{self, Collected, Likeness};
use crate::rules::judge;
use crate::rules::requests::{self, Requests};
use crate::rules::subject::{ABSENT, noun};

/// What one token's decision rests on.
pub(super) struct Case<'a> {
    /// The credential and what it would replace.
    pub(super) one: judge::Case<'a>,
    pub(super) file: &'a TokenFile,
    pub(super) policy: &'a Policy,
    /// Which token in Intune is meant cannot be told.
    pub(super) ambiguous: bool,
    /// Intune has no token with the known id, and this one in its place.
    pub(super) made_again: Option<&'a MadeAgain>,
    /// Every VPP token that Intune has for the tenant.
    pub(super) all_vpp: &'a [LiveVpp],
    /// Intune says that sharing data with Apple was consented to.
    pub(super) has_consented: bool,
    pub(super) bindings: &'a Bindings<'a>,
    /// Every tenant's recorded requests for Apple.
    pub(super) requests: &'a Requests,
    /// Runs that are proved to have ended.
    pub(super) dead_runs: &'a BTreeSet<String>,
    /// By which leases end.
    pub(super) real_now: Timestamp,
    /// A file that failed is tried again at once.
    pub(super) retry: bool,
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
pub(super) fn account_moved(case: &Case<'_>, live: LiveToken<'_>) -> Option<Moved> {
    let (LiveToken::Push(_), Some(to)) = (live, &case.one.token.facts.apple_id) else {
        return None;
    };
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
    holds.extend(other_request(case));
    holds
}

/// The certificate's key, by what the tenant file states of it, is not the one of this tenant's request
/// for Apple: Intune has no private key for it. Of an entry that states no key only the opened file
/// tells, which `apply` asks before anything is uploaded.
fn other_request(case: &Case<'_>) -> Option<Hold> {
    let key = case.one.token.public_key?;
    let tenant = case.one.tenant;
    if let Some(foreign) = case.requests.foreign(tenant.tenant_id, &tenant.name, key) {
        return Some(releasable(case, Reason::ForeignRequest, &foreign.message));
    }
    let live = case.one.live.map(LiveToken::facts);
    let opened = case.one.past.renewal_opened(case.one.of, live.as_ref())?;
    let (_, asked) = opened.request()?;
    let other = push::against_request(key, Some(asked))?;
    // Where nothing proves which open request Intune made, that is the hold.
    let is_disputed = case.one.disputed_request().is_some();
    let recorder = requests::recorder(case.one.past, opened);
    let told = format!("{}. That request was recorded by {recorder}", other.message);
    (!is_disputed).then(|| releasable(case, Reason::KeyMismatch, &told))
}

/// A hold about the certificate's key, with the line that releases it: whoever may write notes could
/// otherwise stop every upload.
fn releasable(case: &Case<'_>, reason: Reason, told: &str) -> Hold {
    let change = case.one.change();
    let why = "it answers the request that Intune made";
    let line = change.line(reason, why, case.one.today());
    let detail = format!(
        "The certificate in Git is of no use to this tenant: {told}. Ask them. If the certificate answers the request that Intune gave out, get this line reviewed on the push entry: {line}"
    );
    Hold::releasable(reason, change, detail)
}

/// The holds that are about the tenant and the token in Intune, not about the file; they hold a
/// change of settings just as well.
pub(super) fn without_file(case: &Case<'_>) -> Vec<Hold> {
    let (tenant, token) = (case.one.tenant, case.one.token);
    let conflicts = case.bindings.conflicts(
        tenant,
        token,
        &case.policy.moves,
        case.one.now.date_time().date_naive(),
    );
    let duplicates = case.bindings.duplicates(tenant, token);
    let firm = |reason| move |detail| Hold::firm(reason, detail);
    let mut holds: Vec<Hold> = conflicts.into_iter().map(firm(Reason::WrongDestination)).collect();
    holds.extend(duplicates.into_iter().map(firm(Reason::Duplicate)));
    holds.extend(case.one.against_place());
    holds.extend(not_to_be_made(case));
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
    let Some(LiveToken::Vpp(live)) = case.one.live else { return None };
    match live.state.as_str() {
        EXTERNAL if !case.one.token.claim => Some(Hold::firm(
            Reason::ExternalMdm,
            "Another MDM uses this VPP token; taking it back ends that MDM's licences. If that is meant, write `claim: true` on the entry",
        )),
        DUPLICATE if !leaves_its_location(case, live) => Some(Hold::firm(
            Reason::DuplicateLocation,
            "Intune has another VPP token for the same location, and neither works. If one of the two got the other's file by mistake, remove none: bring it a newly downloaded file of its own location, with its `location` on the entry. Else remove the one that is not needed in the portal, then run `applecart plan` again",
        )),
        _ => None,
    }
}

/// Whether this upload ends that two tokens are of one location: another location's file was uploaded
/// here, and this one is of a location that no other token has. Whether it may is then for the hold
/// of a change of location to say.
fn leaves_its_location(case: &Case<'_>, live: &LiveVpp) -> bool {
    let Some(meant) = case.one.location_meant() else { return false };
    let has = |one: &LiveVpp| one.location.as_deref() == Some(meant);
    live.location.is_some()
        && !has(live)
        && !case.all_vpp.iter().any(|other| other.id != live.id && has(other))
}

/// The entry says that Intune does not have the token yet, and Intune has one of its name. Nothing
/// tells that it is of the same location: neither did a run make it, nor was a file of this entry
/// ever seen there.
fn not_to_be_made(case: &Case<'_>) -> Option<Hold> {
    let (entry, past) = (case.one.token, case.one.past);
    let Some(LiveToken::Vpp(live)) = case.one.live.filter(|_| entry.create) else { return None };
    let is_its_own = entry.token.id.is_some()
        || identity::likeness(live, entry) == Some(Likeness::Location)
        || past.was_created(case.one.of)
        || past.last_known_file(case.one.of).is_some();
    (!is_its_own).then(|| {
        let found = live.location.as_ref().map(|it| format!(" of the location {it:?}"));
        Hold::firm(
            Reason::CreateNotPermitted,
            format!(
                "The entry says `create: true`, and Intune has a token of this name already{} (id {}). An upload would take the licences of its apps away, if that is another location. If it is the one that the entry means, remove `create` and write that `id`; if not, give the entry another `name`",
                found.unwrap_or_default(),
                live.id
            ),
        )
    })
}

/// A token of Intune's that has the location (VPP) or the name (enrollment) of an entry whose known
/// id is gone: the token was deleted and created again.
pub(super) struct MadeAgain {
    pub(super) id: String,
    /// The location or the name that the entry and this token share.
    pub(super) alike: String,
}

impl MadeAgain {
    pub(super) fn of<T: Collected>(one: &T, entry: &Token) -> Self {
        let location = entry.facts.location.as_ref().filter(|_| T::KIND == Kind::Vpp);
        let alike = location.or(entry.token.name.as_ref()).cloned().unwrap_or_default();
        Self { id: one.id().to_owned(), alike }
    }
}

/// Proved absent: the first that fits, and what else speaks against making it again where a line
/// releases that one.
fn absent(case: &Case<'_>) -> Vec<Hold> {
    if let Some(vanished) = vanished(case) {
        let is_released = vanished.is_released(&case.one.token.allow, case.one.today());
        let next = is_released.then(|| make(case)).flatten();
        return std::iter::once(vanished).chain(next).collect();
    }
    id_gone(case).or_else(|| make(case)).into_iter().collect()
}

/// Intune had this file before. A `create: true` that a run has used up permits no second creation
/// either: somebody deleted what it made.
fn vanished(case: &Case<'_>) -> Option<Hold> {
    let (kind, token) = (case.one.kind(), case.one.token);
    let is_used_up = || token.create && case.one.past.was_created(case.one.of);
    if !(case.one.was_confirmed() || kind == Kind::Vpp && is_used_up()) {
        return None;
    }
    let noun = noun(kind);
    let gone = format!("Intune had this {noun} before and has none now. Find out who removed it");
    let change = case.one.change();
    let what = match (kind, case.made_again) {
        // What is lost with a push certificate speaks against the file itself, whoever brings it.
        (Kind::Push, _) => return None,
        (_, Some(made_again)) => again(case, made_again),
        (Kind::Enrollment, None) => format!("{gone}. {CREATE_IN_PORTAL}"),
        (Kind::Vpp, None) => format!(
            "{gone}. To have it made again, have `create: true` and this line reviewed on its entry: {}",
            change.line(Reason::Vanished, "it was deleted by mistake", case.one.today())
        ),
    };
    Some(Hold::releasable(Reason::Vanished, change, what))
}

const CREATE_IN_PORTAL: &str = "Intune creates enrollment tokens only in its portal. Create it there once (Devices > Enrollment > Apple > Enrollment program tokens), then run `applecart plan` again. If it has another name there, correct `name`";

/// Git names an id that Intune does not have, or the ledger does and Git permits no creation.
fn id_gone(case: &Case<'_>) -> Option<Hold> {
    let id = case.one.of.id.as_ref().filter(|_| case.one.kind() == Kind::Vpp)?;
    let gone = format!(
        "Intune no longer has a VPP token with the id {id}. Find out who deleted it; to create a new one,"
    );
    let what = match (case.made_again, case.one.token.token.id.is_some()) {
        (Some(made_again), _) => again(case, made_again),
        (None, true) => format!("{gone} remove `id` and write `create: true`"),
        (None, false) if !case.one.token.create => format!("{gone} write `create: true`"),
        (None, false) => return None,
    };
    Some(Hold::firm(Reason::IdGone, what))
}

/// Whether a token that Intune does not have may be made.
fn make(case: &Case<'_>) -> Option<Hold> {
    match case.one.kind() {
        Kind::Push => None,
        Kind::Enrollment => Some(Hold::firm(
            Reason::CreateInPortal,
            match case.made_again {
                Some(made_again) => again(case, made_again),
                None => {
                    format!("Intune has no enrollment token of this name or id. {CREATE_IN_PORTAL}")
                }
            },
        )),
        Kind::Vpp => create(case),
    }
}

/// The token was deleted and created again, and how the entry follows it.
fn again(case: &Case<'_>, MadeAgain { id, alike }: &MadeAgain) -> String {
    let gone = case.one.of.id.as_deref().unwrap_or_default();
    format!(
        "Intune no longer has the token with the id {gone}, but has one of {alike:?} with the id {id}: it was deleted and created again. Find out who did it, so that this upload reaches the right one. Then remove `id` from the entry, or have the new one written by `applecart import --update {}`",
        case.one.tenant.name
    )
}

/// Whether a VPP token may be created.
fn create(case: &Case<'_>) -> Option<Hold> {
    let twin = case
        .all_vpp
        .iter()
        .find_map(|live| Some(twin(case, live, identity::likeness(live, case.one.token)?)));
    let detail = match twin {
        Some(told) => told,
        None if case.one.token.create => return None,
        None => "Intune has no such VPP token. If it is to be created, write `create: true` on the entry; if it has another name or location there, write its `id`".to_owned(),
    };
    Some(Hold::firm(Reason::CreateNotPermitted, detail))
}

/// Intune has a token that may be the one to be made: which it is, and what to write.
fn twin(case: &Case<'_>, live: &LiveVpp, likeness: Likeness) -> String {
    let (entry, tenant) = (case.one.token, case.one.tenant);
    let name = live.display_name.as_deref().or(live.location.as_deref());
    let it = format!("{:?}, id {}", name.unwrap_or("without a name"), live.id);
    let owner = identity::named_by(&live.id, entry, &tenant.vpp, case.one.past);
    let named = owner.and_then(|other| other.token.name.as_deref()).unwrap_or_default();
    let renewal = owner.map(|other| other.token.spec(&tenant.name));
    match (likeness, renewal) {
        (Likeness::Location, Some(renewal)) => format!(
            "Intune has a VPP token of this location already ({it}), which the entry {named:?} names; a second one for the same location stops both. Remove this entry, and bring the file as the next one of that: `applecart renew {renewal} --file FILE`"
        ),
        (Likeness::Location, None) => format!(
            "Intune has a VPP token that looks like this one ({it}); a second one for the same location stops both. Write that `id` on the entry, so that it is renewed instead"
        ),
        (Likeness::Name, Some(_)) => format!(
            "Intune has a VPP token of this name already ({it}), which the entry {named:?} names. Give this entry another `name`"
        ),
        (Likeness::Name, None) => format!(
            "Intune has a VPP token of this name already ({it}). If the entry means that one, write that `id`; if not, give the entry another `name`"
        ),
        (Likeness::Owner, renewal) => {
            let same = match renewal {
                Some(_) => format!("remove it: the entry {named:?} names that token"),
                None => "write that `id` on it".to_owned(),
            };
            let other = match &live.location {
                Some(found) => format!(
                    "If this entry is for another location than {found:?}, write `location` on it, as Apple names it; if it is for the same, {same}"
                ),
                None => format!(
                    "Intune does not tell the location of that one: start its sync in the portal, and run `applecart plan` again when it does. If this entry is for the same location, {same}"
                ),
            };
            format!(
                "Intune has a VPP token of the same organisation and Apple Account ({it}), and nothing tells that it is not for this location; a second one for the same location stops both. {other}"
            )
        }
    }
}

/// Consenting is the customer's legal act. Without it Intune takes no first push certificate, and
/// a VPP token is made with the statement that it was given.
fn consent(case: &Case<'_>) -> Option<Hold> {
    let what = needs_consent(case)?;
    (!case.one.tenant.consent_data_sharing).then(|| Hold::firm(
        Reason::ConsentMissing,
        format!(
            "{what} needs the customer's consent to share data with Apple. When the customer has agreed, add `consent: {{dataSharing: true}}` to the tenant file"
        ),
    ))
}

/// What Intune takes only with the customer's consent, where it does not have that yet.
pub(super) fn needs_consent(case: &Case<'_>) -> Option<&'static str> {
    match case.one.kind() {
        _ if case.one.live.is_some() => None,
        Kind::Push => (!case.has_consented).then_some("a first push certificate"),
        Kind::Vpp => Some("a new VPP token"),
        Kind::Enrollment => None,
    }
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
    elsewhere(case, sending.before())
}

/// Whether Intune has this file in another location than the one that is meant or, where nothing
/// tells that, than it had before.
pub(super) fn elsewhere(case: &Case<'_>, before: Option<&Facts>) -> Option<String> {
    let Some(LiveToken::Vpp(live)) = case.one.live else { return None };
    let is_of = |id| case.one.past.is_of_location(case.one.of, case.file.sha256, id);
    if case.one.slot().known().is_some_and(|known| is_of(known.id)) {
        return None;
    }
    let before = before.and_then(|before| before.location.as_deref());
    let meant = case.one.location_meant().or(before);
    location_fault(&case.one.tenant.name, meant, live, case.one.today())
}

/// What is wrong when a VPP token that was uploaded is not in the location that was meant. The file
/// names no location, so a name that Apple changed looks the same as another location's file.
pub fn location_fault(
    tenant: &TenantName,
    meant: Option<&str>,
    live: &LiveVpp,
    today: NaiveDate,
) -> Option<String> {
    let (meant, found) = (meant?, live.location.as_deref()?);
    (meant != found).then(|| {
        let line = allow::line(Reason::WrongLocation, found, meant, "the wrong file is replaced", today);
        format!(
            "Intune names the location {found:?} for the uploaded token, not {meant:?}. If Apple renamed the location, no licence is lost: write {found:?} into `location`, which `applecart import --update {tenant}` does. If the file was another location's, devices of {meant:?} lost their apps' licences: download the token of {meant:?} at Apple at once, seal it, and have this line on its entry reviewed with it: {line}"
        )
    })
}
