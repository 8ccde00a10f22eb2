//! What Apple's answer about a VPP token, or its list of revoked push certificates, means for an upload: one
//! rule for `seal`, `renew`, `apply` and `check`.
//!
//! A token that Apple calls dead, or that is of another location than the entry, is held in any case.
//! That Apple gives no answer is told, and holds where the policy asks for an answer.

use chrono::NaiveDate;

use super::allow::{Change, Hold};
use super::bindings::Bindings;
use super::codes::Reason;
use crate::apple::location::{Answer, Death, Location, Silence};
use crate::fleet::{CheckWithApple, Policy, Tenant, Token};
use crate::ledger::TenantLedger;
use crate::model::{Facts, LocationId, Revocation, Sha256, Timestamp};

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

/// The location at Apple that a token belongs to, as far as it is known: the tenant file's, else that of
/// the last file that Intune is proved to have had.
pub fn known_location<'a>(token: &'a Token, past: &'a TenantLedger) -> Option<&'a LocationId> {
    token.location_id.as_ref().or_else(|| past.location_id(&token.token))
}

impl Asked<'_> {
    /// What follows from Apple's answer.
    pub fn verdict(&self, answer: &Answer) -> Verdict {
        let (holds, remarks) = match answer {
            Answer::Alive(location) => (
                self.others(location)
                    .into_iter()
                    .chain(self.location(location))
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

    fn known(&self) -> Option<&LocationId> {
        known_location(self.token, self.past)
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
        let (change, own) = match self.known() {
            Some(known) if *known == found.id => return None,
            Some(known) => {
                let meant = self.meant().map(|meant| format!("{meant:?} ")).unwrap_or_default();
                (Change::of(known, &found.id, self.sha256), format!("{meant}({known})"))
            }
            // Without an id the name has to do.
            None => {
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
        let renamed = match self.known() {
            Some(_) => "",
            None => "If Apple renamed the location, correct `location` on the entry. ",
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
        let is_same = self.known() == Some(&found.id) && name.trim() != meant.trim();
        is_same.then(|| {
            let told = format!(
                "Apple calls the location {name:?} by now, and the tenant file {meant:?}. It is the same one ({}), so no licence is lost. Write `location: {name}` on the entry; `applecart import --update` does, once Intune shows it",
                found.id
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
        let unknown = "it is not known whether this token works, and of which location it is";
        if self.policy.check_with_apple == CheckWithApple::Require {
            let detail = format!(
                "{silence}, so {unknown}. `checkWithApple: require` in applecart.yaml uploads nothing then. Run the same command again later. If Apple stays silent, have `checkWithApple: warn` reviewed"
            );
            return (vec![Hold::firm(Reason::LocationUnproved, detail)], Vec::new());
        }
        let told =
            format!("{silence}, so {unknown}. Nothing is held for that (`checkWithApple: warn`)");
        (self.other_name().into_iter().collect(), vec![(Remark::LocationUnproved, told)])
    }

    /// A plan leaves another name to Apple's answer where the id is known; without an answer it counts.
    fn other_name(&self) -> Option<Hold> {
        self.known()?;
        let (meant, shown) = (self.token.facts.location.as_deref()?, self.in_intune()?);
        (meant != shown).then(|| {
            let change = Change::of(&shown, &meant, self.sha256);
            let line = change.line(Reason::WrongLocation, "WHY", self.today);
            let detail = format!(
                "Intune calls the location {shown:?}, the tenant file {meant:?}, and Apple does not tell whether that is one location. Run the same command again later. If it was renamed, write `location: {shown}` on the entry. If the file is of another location on purpose, have this line on the entry reviewed: {line}"
            );
            Hold::releasable(Reason::WrongLocation, change, detail)
        })
    }
}

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
