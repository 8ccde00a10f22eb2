//! What Apple knows of locations and of their content tokens, whoever has them.

use std::collections::{BTreeMap, HashMap};
use std::sync::PoisonError;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use super::State;
use super::vpp::{VppContents, vpp_contents};

/// A location by its organisation and the name that it had when its tokens were made.
type Key = (String, String);

/// What is not as usual at Apple. Gone after a restart.
#[derive(Debug, Default)]
pub(super) struct Books {
    locations: HashMap<Key, Location>,
    /// Apple's error number for a token, by the SHA-256 in hex of its text.
    numbers: HashMap<String, u32>,
    /// Push certificates that Apple took back, by serial number in hexadecimal.
    revoked_pushes: BTreeMap<String, DateTime<Utc>>,
}

/// What is not as usual with a location.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Location {
    /// Its name by now.
    pub name: Option<String>,
    /// Its country, in capitals; else the one that Intune has for its token, or the United States.
    pub country: Option<String>,
    /// By which name the MDM that claimed it last calls itself.
    pub mdm: Option<String>,
}

/// What Apple has for a token that works.
pub(crate) struct Told {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) country: String,
    pub(crate) mdm: String,
    pub(crate) expires: DateTime<Utc>,
}

impl State {
    /// Changes what Apple says of a location.
    pub fn set_location(&self, organization: &str, location: &str, now: Location) {
        let key = (organization.to_owned(), location.to_owned());
        if let Some(name) = &now.name {
            // Intune learns a new name with its next sync, which takes no time here.
            for id in self.tenants() {
                let renamed = self.change(id, |tenant| {
                    for vpp in &mut tenant.vpp_tokens {
                        if vpp.organization_name == organization && vpp.location_name == location {
                            vpp.location_name.clone_from(name);
                        }
                    }
                    Ok::<_, super::StateError>(())
                });
                if let Err(error) = renamed {
                    tracing::warn!(%error, "cannot rename a location");
                }
            }
        }
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        books.locations.insert(key, now);
    }

    /// Lets Apple answer about a token, given as the file's text, with one of its error numbers.
    pub fn answer_with(&self, token: &str, number: u32) {
        let sha256 = hex::encode(sha2::Sha256::digest(token.trim()));
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        books.numbers.insert(sha256, number);
    }

    /// Apple takes a push certificate back.
    pub fn revoke_push(&self, serial: &str) {
        let now = self.now();
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        books.revoked_pushes.entry(serial.to_uppercase()).or_insert(now);
    }

    pub(crate) fn revoked_pushes(&self) -> BTreeMap<String, DateTime<Utc>> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner).revoked_pushes.clone()
    }

    /// What a token holds, with its location as it is called by now.
    pub(crate) fn vpp_contents(&self, text: &str) -> Option<VppContents> {
        let contents = vpp_contents(text)?;
        let name = contents.location.as_deref();
        let location = name.map(|name| {
            let kept = self.kept(&contents.organization, name);
            kept.name.unwrap_or_else(|| name.to_owned())
        });
        Some(VppContents { location, ..contents })
    }

    /// What Apple says of a token, or the number of its error.
    pub(crate) fn told(&self, text: &str) -> Result<Told, u32> {
        let VppContents { organization, location, expires, sha256 } =
            vpp_contents(text).ok_or(9622_u32)?;
        let number = {
            let books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
            books.numbers.get(&sha256).copied()
        };
        // A token that Apple did not make.
        let location = location.ok_or(9622_u32)?;
        if let Some(number) = number {
            return Err(number);
        }
        if expires <= self.now() {
            return Err(9621);
        }
        let kept = self.kept(&organization, &location);
        let mut country = kept.country;
        let mut is_held_elsewhere = false;
        for id in self.tenants() {
            let looked = self.look(id, |tenant| {
                let is_revoked = tenant.revoked_vpp_tokens.contains(&sha256);
                let own =
                    tenant.vpp_tokens.iter().find(|vpp| vpp.organization_name == organization);
                let is_held = own.is_some() && tenant.locations_held_elsewhere.contains(&location);
                (is_revoked, is_held, own.map(|vpp| vpp.country_or_region.to_uppercase()))
            });
            let Some((is_revoked, is_held, of_intune)) = looked else { continue };
            if is_revoked {
                return Err(9625);
            }
            is_held_elsewhere |= is_held;
            country = country.or(of_intune);
        }
        let usual = if is_held_elsewhere { "Another MDM" } else { "Microsoft Intune" };
        Ok(Told {
            id: location_id(&organization, &location),
            name: kept.name.unwrap_or(location),
            country: country.unwrap_or_else(|| "US".to_owned()),
            mdm: kept.mdm.unwrap_or_else(|| usual.to_owned()),
            expires,
        })
    }

    fn kept(&self, organization: &str, location: &str) -> Location {
        let books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (organization.to_owned(), location.to_owned());
        books.locations.get(&key).cloned().unwrap_or_default()
    }
}

/// Apple's id of a location: 16 digits, as in real answers.
pub fn location_id(organization: &str, location: &str) -> String {
    let digest = sha2::Sha256::digest(format!("{organization}\0{location}"));
    let number = digest.iter().take(8).fold(0_u64, |sum, octet| sum << 8 | u64::from(*octet));
    format!("2{:015}", number % 1_000_000_000_000_000)
}
