//! What a tenant file states of a token that Intune has, and Intune has otherwise.
//!
//! `plan` tells it beside what it decides, and [`attention`](crate::attention) as a matter of its own:
//! a wrong fact calls for no write, so nothing but the comparison notices it before the next renewal.

use super::allow;
use crate::fleet::Token;
use crate::model::{Facts, Kind};

/// A fact that both Git and Intune know, and that tells a token apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// The name that administrators gave it.
    Name,
    Organization,
    Location,
    Serial,
    Expiry,
}

impl Fact {
    /// What makes it another credential, or one of another customer.
    pub const OF_CREDENTIAL: [Self; 4] =
        [Self::Serial, Self::Expiry, Self::Organization, Self::Location];

    /// Its value as text; `None` where it is unknown or blank.
    pub fn of(self, facts: &Facts) -> Option<String> {
        let trimmed = |text: &Option<String>| text.as_deref().map(|text| text.trim().to_owned());
        let value = match self {
            Self::Name => trimmed(&facts.name).or_else(|| trimmed(&facts.display_name)),
            Self::Organization => trimmed(&facts.organization),
            Self::Location => trimmed(&facts.location),
            Self::Serial => facts.serial.as_ref().map(ToString::to_string),
            Self::Expiry => facts.expires.map(|at| at.to_string()),
        };
        value.filter(|value| !value.is_empty())
    }

    /// The field of the tenant file that states it.
    pub fn field(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Organization => "organization",
            Self::Location => "location",
            Self::Serial => "serial",
            Self::Expiry => "expires",
        }
    }

    /// Whether `applecart import --update` writes Intune's value into the entry of a token whose file
    /// Intune has. The organisation is the file's, and people know an entry by its name.
    pub fn is_imported(self) -> bool {
        matches!(self, Self::Location | Self::Expiry)
    }
}

/// A fact of which Intune has another value than was stated or seen before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub fact: Fact,
    pub before: String,
    pub live: String,
}

impl Difference {
    /// `location "Leeds" instead of "London"`.
    pub fn told(&self) -> String {
        let Self { fact, before, live } = self;
        match fact {
            Fact::Name => format!("name {live:?} instead of {before:?}"),
            Fact::Organization => format!("organisation {live:?} instead of {before:?}"),
            Fact::Location => format!("location {live:?} instead of {before:?}"),
            Fact::Serial => format!("serial {live} instead of {before}"),
            Fact::Expiry => format!("it expires on {live} instead of {before}"),
        }
    }

    /// What of it is wrong in a tenant file whose token Intune has, and why that matters.
    pub fn misstated(&self) -> String {
        let Self { fact, before, live } = self;
        match fact {
            Fact::Name => format!(
                "The tenant file calls the token {before:?}, Intune {live:?}. Administrators and commands would take one token for another"
            ),
            Fact::Organization => format!(
                "The tenant file names the organisation {before:?}, Intune {live:?}. The next renewal is held for that"
            ),
            Fact::Location => format!(
                "The tenant file names the location {before:?}, Intune {live:?}. The next renewal is held for that"
            ),
            Fact::Serial | Fact::Expiry => format!(
                "The tenant file says `{}: {before}` of this very certificate, and Intune {live}. The next renewal is compared with a wrong date",
                fact.field()
            ),
        }
    }

    /// How the tenant file is put right, if it is the one that is wrong.
    pub fn repair(&self) -> String {
        let Self { fact, live, .. } = self;
        let pasted = allow::pasted(live);
        match fact {
            Fact::Name => format!(
                "If the entry means this token, write `name: {pasted}`; if it means another one, correct its `id`"
            ),
            Fact::Organization => {
                format!("Find out who wrote it. If Intune is right, write `organization: {pasted}`")
            }
            Fact::Location => {
                format!(
                    "If Apple renamed it, or the tenant file is wrong, write `location: {pasted}`"
                )
            }
            Fact::Serial | Fact::Expiry => {
                format!("Find out who wrote it, and write `{}: {live}`", fact.field())
            }
        }
    }
}

/// In which of these facts Intune has another value. What one side does not know differs in nothing.
pub fn differences(facts: &[Fact], before: &Facts, live: &Facts) -> Vec<Difference> {
    let differing = facts.iter().filter_map(|&fact| {
        let (before, live) = (fact.of(before)?, fact.of(live)?);
        (before != live).then_some(Difference { fact, before, live })
    });
    differing.collect()
}

/// What the entry of a token whose very file Intune has states wrongly.
///
/// When an enrollment token expires, its entry says as last seen; a VPP token's name is a setting,
/// which is written to Intune.
pub fn misstated(entry: &Token, live: &Facts) -> Vec<Difference> {
    match entry.token.kind {
        Kind::Push => differences(&[Fact::Expiry], &entry.facts, live),
        Kind::Enrollment => misnamed(entry, live).into_iter().collect(),
        Kind::Vpp => differences(&[Fact::Organization, Fact::Location], &entry.facts, live),
    }
}

/// Whether Intune has the token under another name than the entry's, which may be that of another
/// token. Where two have one name, `import` gives the second its id as well.
pub fn misnamed(entry: &Token, live: &Facts) -> Option<Difference> {
    let id = entry.token.id.as_deref().unwrap_or_default();
    let mut differing = differences(&[Fact::Name], &entry.facts, live);
    differing.retain(|one| one.before != told_apart(&one.live, id));
    differing.pop()
}

/// The name of an entry whose token has the name of another one in Intune.
pub fn told_apart(name: &str, id: &str) -> String {
    format!("{name} ({id})")
}
