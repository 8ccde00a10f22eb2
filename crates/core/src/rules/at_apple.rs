//! What Apple's answer about a VPP token, or its list of revoked push certificates, means for an upload: one
//! rule for `seal`, `renew`, `apply` and `check`.
//!
//! A token that Apple calls dead, or that is of another location than the entry, is held in any case.
//! That Apple gives no answer is told, and holds where the policy asks for an answer.

use chrono::NaiveDate;

use super::allow::{self, Change, Hold};
use super::bindings::Bindings;
use super::codes::Reason;
use super::locations::Slot;
use crate::apple::location::{Answer, Death, Location, Silence};
use crate::fleet::{CheckWithApple, Policy, Tenant, Token};
use crate::ledger::TenantLedger;
use crate::model::{
    Facts, FailureCode, LocationId, Record, Revocation, Sha256, Timestamp, TokenRef,
};

crate::code_enum! {
    /// Worth knowing of what Apple answered; holds nothing.
    Remark [Warning] {
        LocationUnproved = "location-unproved",
        LocationRenamed = "location-renamed",
        CountryDiffers = "country-differs",
        RevocationUnknown = "revocation-unknown",
    }
}

/// A VPP token that Apple was asked about, and what it is to replace.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The entry as it is, or as it would be.
    pub token: &'a Token,
    /// SHA-256 of the opened file.
    pub sha256: Sha256,
    pub past: &'a TenantLedger,
    /// What Intune has of the token; `None` where it has none, or was not asked.
    pub before: Option<&'a Facts>,
    /// The tenant, and whose each location is; `None` where nothing is to be brought to the tenant, or the
    /// base's history was not read.
    pub destination: Option<(&'a Tenant, &'a Bindings<'a>)>,
    pub policy: &'a Policy,
    pub today: NaiveDate,
}

/// What follows from an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What speaks against the upload and no line releases.
    pub holds: Vec<Hold>,
    pub remarks: Vec<(Remark, String)>,
    /// The location that the file is of.
    pub location: Option<LocationId>,
}

impl Verdict {
    /// What follows from Apple's list of revoked certificates for a push certificate.
    pub fn of_list(of_list: Revocation) -> Self {
        match of_list {
            Revocation::Since(since) => Self { holds: vec![revoked(since)], ..Self::default() },
            Revocation::Unknown(why) => {
                let told = format!("{why}. Nothing is held for that");
                Self { remarks: vec![(Remark::RevocationUnknown, told)], ..Self::default() }
            }
            Revocation::No | Revocation::NotAsked => Self::default(),
        }
    }

    /// The remarks, each with its code in front.
    pub fn told(&self) -> impl Iterator<Item = String> {
        self.remarks.iter().map(|(remark, told)| format!("{remark}: {told}"))
    }
}

impl Asked<'_> {
    /// What follows from Apple's answer.
    pub fn verdict(&self, answer: &Answer) -> Verdict {
        let (holds, remarks) = match answer {
            Answer::Alive(location) => (
                self.others(location)
                    .into_iter()
                    .chain(self.location(location))
                    .chain(self.slot().edit())
                    .chain(self.taken(location))
                    .chain(self.claimed(location))
                    .collect(),
                [self.renamed(location), self.country(location)].into_iter().flatten().collect(),
            ),
            Answer::Dead(death) => (vec![dead(*death)], Vec::new()),
            Answer::Unknown(silence) => self.unknown(silence),
        };
        let is_held = |hold: &Hold| !hold.is_released(&self.token.allow, self.today);
        let location = match answer {
            Answer::Alive(location) => Some(location.id.clone()),
            Answer::Dead(_) | Answer::Unknown(_) => None,
        };
        Verdict { holds: holds.into_iter().filter(is_held).collect(), remarks, location }
    }

    /// The location belongs to another tenant.
    fn others(&self, found: &Location) -> Vec<Hold> {
        let Some((tenant, bindings)) = self.destination else { return Vec::new() };
        let token = Token { location_id: Some(found.id.clone()), ..self.token.clone() };
        let conflicts = bindings.conflicts(tenant, &token, &self.policy.moves, self.today);
        conflicts.into_iter().map(|detail| Hold::firm(Reason::WrongDestination, detail)).collect()
    }

    /// Another entry of the fleet has a file for the location: uploaded for both, neither would work.
    fn taken(&self, found: &Location) -> Option<Hold> {
        let (tenant, bindings) = self.destination?;
        let other = bindings.location_elsewhere(tenant, self.token, &found.id)?;
        Some(Hold::firm(
            Reason::Duplicate,
            format!(
                "Apple says that this file is of the location {}, for which {other} has a file already: two tokens of one location stop each other. Download the token of this entry's own location, or bring the file for that other entry",
                found.id
            ),
        ))
    }

    fn slot(&self) -> Slot<'_> {
        let Self { token, past, sha256, today, .. } = *self;
        Slot { token, of: &token.token, past, sha256, today }
    }

    /// The name of the location that the token is meant to be of.
    fn meant(&self) -> Option<&str> {
        let stated = self.token.facts.location.as_deref();
        let lost = || self.past.lost_location(&self.token.token);
        stated.or_else(lost).or(self.in_intune())
    }

    fn in_intune(&self) -> Option<&str> {
        self.before?.location.as_deref()
    }

    /// The file is of another location than the token.
    fn location(&self, found: &Location) -> Option<Hold> {
        let name = found.name.as_deref();
        let of =
            name.map_or_else(|| format!("{}", found.id), |name| format!("{name:?} ({})", found.id));
        let slot = self.slot();
        let known = slot.known();
        let other_id = known.filter(|known| *known.id != found.id);
        let (change, own) = match (other_id, known) {
            (None, Some(known)) if known.is_proved => return None,
            (Some(known), _) => {
                let meant = self.meant().map(|meant| format!("{meant:?} ")).unwrap_or_default();
                (Change::of(known.id, &found.id, self.sha256), format!("{meant}({})", known.id))
            }
            // Without an id, or with one that Git alone says, the name has to do.
            (None, _) => {
                let (meant, name) = (self.meant()?, name?);
                if meant.trim() == name.trim() {
                    return None;
                }
                let from = self.in_intune().unwrap_or(meant);
                let shown = match self.in_intune() {
                    Some(shown) if shown != meant => format!(", which Intune calls {shown:?}"),
                    _ => String::new(),
                };
                (Change::of(&from, &name, self.sha256), format!("{meant:?}{shown}"))
            }
        };
        let line = change.line(Reason::WrongLocation, "WHY", self.today);
        let renamed = match (other_id, known) {
            (Some(_), _) => "",
            (None, None) => "If Apple renamed the location, correct `location` on the entry. ",
            (None, Some(_)) => {
                "Only the tenant file says that this location's id is the token's; no file of it was seen in Intune. If Apple renamed the location, correct `location` on the entry once Intune shows the new name. "
            }
        };
        let detail = format!(
            "Apple says that this file is of the location {of}. The token is of {own}: its devices would lose their apps' licences. {renamed}Else download the token of the right location. If the token is to change its location, have this line on the entry reviewed: {line}"
        );
        Some(Hold::releasable(Reason::WrongLocation, change, detail))
    }

    /// Another MDM claimed the location.
    fn claimed(&self, found: &Location) -> Option<Hold> {
        let mdm = found.mdm.as_deref()?;
        let lower = mdm.to_lowercase();
        let is_intunes = self.policy.intune_mdm_names.iter().any(|name| lower.contains(name));
        (!is_intunes && !self.token.claim).then(|| {
            Hold::firm(
                Reason::ExternalMdm,
                format!(
                    "At Apple the MDM {mdm:?} claimed this location, and not Intune: taking it back ends the licences there. Remove it in that MDM. If it is to be taken back, write `claim: true` on the entry. If Intune claims locations under that name, add it to `intuneMdmNames` in applecart.yaml"
                ),
            )
        })
    }

    /// The same location under another name.
    fn renamed(&self, found: &Location) -> Option<(Remark, String)> {
        let (name, meant) = (found.name.as_deref()?, self.meant()?);
        let is_same = self.slot().known().is_some_and(|it| it.is_proved && *it.id == found.id)
            && name.trim() != meant.trim();
        is_same.then(|| {
            let told = format!(
                "Apple calls the location {name:?} by now, and the tenant file {meant:?}. It is the same one ({}), so no licence is lost. Write `location: {}` on the entry; `applecart import --update` does, once Intune shows it",
                found.id,
                allow::pasted(name)
            );
            (Remark::LocationRenamed, told)
        })
    }

    fn country(&self, found: &Location) -> Option<(Remark, String)> {
        let theirs = found.country.as_deref()?;
        let of_intune = || self.before?.country_or_region.as_deref();
        let ours = self.token.facts.country_or_region.as_deref().or_else(of_intune)?;
        (!ours.eq_ignore_ascii_case(theirs)).then(|| {
            let told = format!(
                "Apple has the location in the country {}, and the token has {ours}: Intune would look its apps up in another country's store. Find out which of the two is right. If Apple's is, write `country: {}` on the entry",
                theirs.to_lowercase(),
                theirs.to_lowercase()
            );
            (Remark::CountryDiffers, told)
        })
    }

    /// Nobody knows whether it works, nor whose it is.
    fn unknown(&self, silence: &Silence) -> (Vec<Hold>, Vec<(Remark, String)>) {
        let slot = self.slot();
        let unknown = "it is not known whether this token works, and of which location it is";
        if self.policy.check_with_apple == CheckWithApple::Require {
            let detail = format!(
                "{silence}, so {unknown}. `checkWithApple: require` in applecart.yaml uploads nothing then. Run the same command again later. If Apple stays silent, have `checkWithApple: warn` reviewed"
            );
            let unproved = Hold::firm(Reason::LocationUnproved, detail);
            return (said_before(&slot).into_iter().chain([unproved]).collect(), Vec::new());
        }
        let told = format!(
            "{silence}, so {unknown}. Nothing is held for that (`checkWithApple: {}`). Run the same command again later",
            self.policy.check_with_apple
        );
        let holds = said_before(&slot).into_iter().chain(slot.edit()).chain(self.other_name());
        (holds.collect(), vec![(Remark::LocationUnproved, told)])
    }

    /// A plan leaves another name to Apple's answer where the id is known; without an answer it counts.
    fn other_name(&self) -> Option<Hold> {
        self.slot().known()?;
        let (meant, shown) = (self.token.facts.location.as_deref()?, self.in_intune()?);
        (meant != shown).then(|| {
            let change = Change::of(&shown, &meant, self.sha256);
            let line = change.line(Reason::WrongLocation, "WHY", self.today);
            let detail = format!(
                "Intune calls the location {shown:?}, the tenant file {meant:?}, and Apple does not tell whether that is one location. Run the same command again later. If it was renamed, write `location: {}` on the entry. If the file is of another location on purpose, have this line on the entry reviewed: {line}",
                allow::pasted(shown)
            );
            Hold::releasable(Reason::WrongLocation, change, detail)
        })
    }
}

/// What Apple said against this very file when it last answered a run. That it is silent since does not
/// undo it: else an outage would be enough to have a dead token uploaded.
pub fn said_before(slot: &Slot<'_>) -> Vec<Hold> {
    // A line that names the location tells that Apple called the token alive.
    let is_answer =
        |line: &&Record| line.location_id.is_some() || refusals(line, slot.of).next().is_some();
    let Some(last) = slot.past.of_file(slot.sha256).rev().find(is_answer) else {
        return Vec::new();
    };
    let standing = refusals(last, slot.of).filter(|(reason, told)| match reason {
        Reason::ExternalMdm => !slot.token.claim,
        reason => !allow::releases_as_advised(&slot.token.allow, *reason, told, slot.today),
    });
    let hold = |(reason, told): (Reason, &str)| {
        let detail = format!(
            "That was Apple's answer on {}, and it holds until Apple answers otherwise. Run the same command again later, or bring a newly downloaded file. {told}",
            last.at
        );
        Hold::firm(reason, detail)
    };
    standing.map(hold).collect()
}

/// What a line says that Apple had against a file, each with its words. That it is of another location
/// says something about one token alone.
fn refusals<'r>(line: &'r Record, of: &TokenRef) -> impl Iterator<Item = (Reason, &'r str)> {
    let cause = line.cause().filter(|cause| cause.code == FailureCode::Refused);
    let detail = cause.and_then(|cause| cause.detail.as_deref()).unwrap_or_default();
    let is_of_token = line.is_of(of);
    SAID.into_iter()
        .filter(move |(reason, _)| *reason != Reason::WrongLocation || is_of_token)
        .filter_map(move |(reason, opening)| {
            let (_, told) =
                detail.split_at_checked(detail.find(&format!("{reason}: {opening}"))?)?;
            Some((reason, told.strip_prefix(reason.as_str())?.strip_prefix(": ")?))
        })
}

/// How what Apple answered begins; what is held while it is silent begins otherwise.
const SAID: [(Reason, &str); 3] = [
    (Reason::DeadAtApple, "Apple says that this token "),
    (Reason::ExternalMdm, "At Apple the MDM "),
    (Reason::WrongLocation, "Apple says that this file is of the location "),
];

/// Apple took back the push certificate that is to be uploaded. That the list cannot be had is told, and
/// holds nothing.
pub fn revoked(since: Timestamp) -> Hold {
    Hold::firm(
        Reason::Revoked,
        format!(
            "Apple revoked this push certificate on {since}: uploaded, no device could be reached through it. Renew the same row in Apple's push portal, never Create, and bring the certificate that comes back"
        ),
    )
}

fn dead(death: Death) -> Hold {
    let cause = match death {
        Death::Expired => "whatever date the file states",
        Death::Invalid => {
            "as after a change of the password of the Apple Account that downloaded it, or of its role"
        }
        Death::Revoked => {
            "as after a change of the password of the Apple Account that downloaded it, or where a newer token of the location was downloaded"
        }
    };
    Hold::firm(
        Reason::DeadAtApple,
        format!(
            "Apple says that this token {} (its error {}), {cause}. It would be of no use in Intune. Download a new one at Apple, and bring that file",
            death.told(),
            death.number()
        ),
    )
}

#[cfg(test)]
mod tests;
