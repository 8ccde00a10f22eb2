//! Which token in Intune an entry of a tenant file means, and which token a person means.
//!
//! Ids are GUIDs and compare without case. An id that Git names decides alone: where Intune has it
//! no more, nothing else is meant, however alike it is, but for the token that a run made in its
//! place. So does an id that only the ledger knows,
//! unless Intune has one token in its place, of the same location or name: that one was created
//! again, and an entry from which the old `id` was removed means it.

use crate::fleet::{Tenant, Token};
use crate::ledger::{Remade, Sending, TenantLedger};
use crate::model::{
    Facts, Kind, LiveEnrollment, LiveTenant, LiveToken, LiveVpp, Reading, TokenRef,
};

/// Which token of Intune's an entry means.
#[derive(Debug, PartialEq, Eq)]
pub enum Match<'a, T> {
    One(&'a T),
    /// Intune's whole list was read, and the token is not in it.
    None,
    /// Several fit, or several entries mean it.
    Ambiguous,
}

/// A token of one of the two collections.
pub trait Collected: Sized + PartialEq + 'static {
    const KIND: Kind;

    fn id(&self) -> &str;
    fn as_token(&self) -> LiveToken<'_>;
    /// The natural keys, strongest first: whether this token has what the entry says.
    fn keys() -> &'static [fn(&Self, &Token) -> bool];
}

impl Collected for LiveEnrollment {
    const KIND: Kind = Kind::Enrollment;

    fn id(&self) -> &str {
        &self.id
    }

    fn as_token(&self) -> LiveToken<'_> {
        LiveToken::Enrollment(self)
    }

    fn keys() -> &'static [fn(&Self, &Token) -> bool] {
        &[|live, entry| live.name.is_some() && live.name == entry.token.name]
    }
}

impl Collected for LiveVpp {
    const KIND: Kind = Kind::Vpp;

    fn id(&self) -> &str {
        &self.id
    }

    fn as_token(&self) -> LiveToken<'_> {
        LiveToken::Vpp(self)
    }

    fn keys() -> &'static [fn(&Self, &Token) -> bool] {
        &[has_location, has_name]
    }
}

fn has_location(live: &LiveVpp, entry: &Token) -> bool {
    live.location.is_some() && live.location == entry.facts.location
}

fn has_name(live: &LiveVpp, entry: &Token) -> bool {
    live.display_name.is_some() && live.display_name == entry.token.name
}

fn has_owner(live: &LiveVpp, entry: &Token) -> bool {
    let lower = |id: &Option<String>| id.as_deref().map(str::to_lowercase);
    live.apple_id.is_some()
        && live.organization.is_some()
        && live.organization == entry.facts.organization
        && lower(&live.apple_id) == lower(&entry.facts.apple_id)
}

/// In what a VPP token of Intune's is like an entry, so that a second one must not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    Location,
    Name,
    /// Organisation and Apple Account, and one of the two does not tell its location. An organisation
    /// has a token for each of its locations, often of one account, so these two name none of them:
    /// no write may take one for the other.
    Owner,
}

/// In what a VPP token of Intune's is like the entry.
pub fn likeness(live: &LiveVpp, entry: &Token) -> Option<Likeness> {
    let is_told = live.location.is_some() && entry.facts.location.is_some();
    if has_location(live, entry) {
        Some(Likeness::Location)
    } else if has_name(live, entry) {
        Some(Likeness::Name)
    } else if !is_told && has_owner(live, entry) {
        Some(Likeness::Owner)
    } else {
        None
    }
}

/// Whether an upload that bears another name may be about the token `of` that an entry means: it
/// has the entry's file, or makes a VPP token that cannot be told from the entry's.
///
/// A token that is being made has no id yet, so its announcement names it as its entry was called
/// then, and a merged commit may have renamed that. Sent again under the new name, its file would
/// make a second token of one location.
pub fn is_under_way_as(
    sending: &Sending<'_>,
    of: &TokenRef,
    tenant: &Tenant,
    entry: &Token,
) -> bool {
    if sending.token.kind != of.kind {
        return false;
    }
    if entry.file.as_ref().is_some_and(|file| file.sha256 == sending.sha256) {
        return true;
    }
    if !sending.is_creation() {
        return false;
    }
    let made = sending.after();
    let location = made.and_then(|made| made.location.as_ref());
    match (location, &entry.facts.location) {
        (Some(made), Some(stated)) => made == stated,
        // What Intune has already is written to by its id, and no entry needs two tokens.
        _ => {
            let is_named = |other: &Token| other.token.same_token(sending.token);
            let owner = |facts: &Facts| {
                let account = facts.apple_id.as_deref().map(str::to_lowercase);
                (facts.organization.clone(), account)
            };
            of.id.is_none()
                && !tenant.vpp.iter().any(is_named)
                && made.map(owner) == Some(owner(&entry.facts))
        }
    }
}

/// The other entry that names this token of Intune's.
pub fn named_by<'a>(
    id: &str,
    entry: &Token,
    entries: &'a [Token],
    past: &'a TenantLedger,
) -> Option<&'a Token> {
    let names = |other: &Token| known_id(other, Some(past)).is_some_and(|it| is_same_id(it, id));
    entries.iter().find(|other| other.token != entry.token && names(other))
}

/// Whether two ids of Intune's are one.
pub(crate) fn is_same_id(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// The token of this id.
pub fn by_id<'a, T: Collected>(live: impl IntoIterator<Item = &'a T>, id: &str) -> Option<&'a T> {
    live.into_iter().find(|one| is_same_id(one.id(), id))
}

/// The id that Git or the ledger knows for an entry. An id of Git's gives way to the one of the
/// token that a run made in its place.
pub(crate) fn known_id<'a>(entry: &'a Token, past: Option<&'a TenantLedger>) -> Option<&'a str> {
    let learnt = || past?.known_id(entry.token.kind, entry.token.name.as_deref()?);
    match past.and_then(|past| past.remade(&entry.token)) {
        Some(Remade::As(id)) => Some(id),
        Some(Remade::Announced) | None => entry.token.id.as_deref().or_else(learnt),
    }
}

/// The same, where it is known what Intune has: what Git names and is there is what is meant.
fn known_id_in<'a, T: Collected>(
    entry: &'a Token,
    past: Option<&'a TenantLedger>,
    live: &[T],
) -> Option<&'a str> {
    let in_git = entry.token.id.as_deref().filter(|id| by_id(live, id).is_some());
    in_git.or_else(|| known_id(entry, past))
}

/// Whether an entry may mean a token of another id than the known one: Git names none, or a run has
/// announced that it makes one, and nothing tells how that ended.
fn may_have_another_id(entry: &Token, past: Option<&TenantLedger>) -> bool {
    entry.token.id.is_none()
        || past.and_then(|past| past.remade(&entry.token)) == Some(Remade::Announced)
}

/// The entry's token with the id that Git or the ledger knows.
pub fn known(entry: &Token, past: &TenantLedger) -> TokenRef {
    let id = known_id(entry, Some(past)).map(str::to_owned);
    TokenRef { id, ..entry.token.clone() }
}

/// Which tokens the entries of one collection mean. All are asked at once: what one entry names by
/// its id is not another one's, and two entries that mean one token would write over each other.
pub fn matches<'a, T: Collected>(
    entries: &[Token],
    past: Option<&TenantLedger>,
    live: &'a [T],
) -> Vec<Match<'a, T>> {
    let ids: Vec<Option<&str>> =
        entries.iter().map(|entry| known_id_in(entry, past, live)).collect();
    let is_taken = |one: &T| ids.iter().flatten().any(|id| is_same_id(id, one.id()));
    let found: Vec<Match<'a, T>> = entries
        .iter()
        .zip(&ids)
        .map(|(entry, id)| {
            let free = || live.iter().filter(|one| !is_taken(one));
            match id.map(|id| by_id(live, id)) {
                None => by_keys(entry, free),
                Some(Some(one)) => Match::One(one),
                Some(None) if may_have_another_id(entry, past) => {
                    in_place_of(entry, free()).map_or(Match::None, Match::One)
                }
                Some(None) => Match::None,
            }
        })
        .collect();
    let times = |id: &str| found.iter().filter(|found| found.is(id)).count();
    found
        .iter()
        .map(|one| match one {
            Match::One(token) if times(token.id()) == 1 => Match::One(*token),
            Match::One(_) | Match::Ambiguous => Match::Ambiguous,
            Match::None => Match::None,
        })
        .collect()
}

/// Which token one of the entries means.
pub fn meant<'a, T: Collected>(
    entries: &[Token],
    entry: &Token,
    past: Option<&TenantLedger>,
    live: &'a [T],
) -> Match<'a, T> {
    let all = entries.iter().zip(matches(entries, past, live));
    all.into_iter()
        .find(|(one, _)| one.token == entry.token)
        .map_or(Match::None, |(_, found)| found)
}

impl<T: Collected> Match<'_, T> {
    /// Whether it is the token of this id.
    pub fn is(&self, id: &str) -> bool {
        matches!(self, Self::One(one) if is_same_id(one.id(), id))
    }
}

/// The token that was created again in the place of an entry's: the known id is gone, and exactly
/// one token that no entry means has its location or name. `found` are the matches of all entries.
pub(crate) fn made_again<'a, T: Collected>(
    entry: &Token,
    past: Option<&TenantLedger>,
    found: &[Match<'_, T>],
    live: &'a [T],
) -> Option<&'a T> {
    let id = known_id_in(entry, past, live)?;
    let is_meant = |one: &T| found.iter().any(|found| found.is(one.id()));
    let free = live.iter().filter(|one| !is_meant(one));
    by_id(live, id).is_none().then(|| in_place_of(entry, free))?
}

/// The only one of the tokens that has the entry's strongest natural key.
fn in_place_of<'a, T: Collected>(
    entry: &Token,
    tokens: impl Iterator<Item = &'a T>,
) -> Option<&'a T> {
    let mut alike = tokens.filter(|one| is_in_place_of(*one, entry));
    alike.next().filter(|_| alike.next().is_none())
}

fn is_in_place_of<T: Collected>(one: &T, entry: &Token) -> bool {
    T::keys().first().is_some_and(|has| has(one, entry))
}

/// Whether a token of Intune's has the location (VPP) or the name (enrollment) of an entry.
pub(crate) fn has_its_place(live: LiveToken<'_>, entry: &Token) -> bool {
    match live {
        LiveToken::Push(_) => false,
        LiveToken::Enrollment(one) => is_in_place_of(one, entry),
        LiveToken::Vpp(one) => is_in_place_of(one, entry),
    }
}

fn by_keys<'a, T: Collected, I: Iterator<Item = &'a T>>(
    entry: &Token,
    live: impl Fn() -> I,
) -> Match<'a, T> {
    for has in T::keys() {
        let mut found = live().filter(|one| has(one, entry));
        match (found.next(), found.next()) {
            (Some(one), None) => return Match::One(one),
            (Some(_), Some(_)) => return Match::Ambiguous,
            (None, _) => {}
        }
    }
    Match::None
}

/// What the tenant has of this one token, so that a file is compared with what it would replace.
/// Where it cannot be told from others, all of its kind stay; where it is proved absent, none.
pub fn narrow(
    mut live: LiveTenant,
    tenant: &Tenant,
    token: &Token,
    past: Option<&TenantLedger>,
) -> LiveTenant {
    match token.token.kind {
        Kind::Push => {}
        Kind::Enrollment => keep(&mut live.enrollment, &tenant.enrollment, token, past),
        Kind::Vpp => keep(&mut live.vpp, &tenant.vpp, token, past),
    }
    live
}

fn keep<T: Collected + Clone>(
    reading: &mut Reading<Vec<T>>,
    entries: &[Token],
    token: &Token,
    past: Option<&TenantLedger>,
) {
    let Reading::Present(all) = reading else { return };
    match meant(entries, token, past, all) {
        Match::One(one) => *all = vec![one.clone()],
        // Of a name that Intune does not have, any token may be meant; of an id, none, and none where
        // the entry says that it is to be made.
        Match::None if known_id(token, past).is_some() || token.create => all.clear(),
        Match::None | Match::Ambiguous => {}
    }
}
