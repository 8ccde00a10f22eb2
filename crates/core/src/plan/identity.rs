//! Who is who: which live object an entry in Git means.

use crate::fleet::Token;
use crate::model::{LiveEnrollment, LiveVpp};

/// Which live object an entry means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match<'a, T> {
    /// This one.
    One(&'a T),
    /// None: proved absent.
    None,
    /// Several fit.
    Ambiguous,
}

impl<T> Match<'_, T> {
    /// Whether it is the one live object with this id.
    pub(super) fn is(&self, id_of: impl Fn(&T) -> &str, id: &str) -> bool {
        matches!(self, Self::One(one) if id_of(one) == id)
    }
}

fn by_key<'a, T>(live: &[&'a T], fits: impl Fn(&T) -> bool) -> Match<'a, T> {
    let mut found = live.iter().copied().filter(|object| fits(object));
    match (found.next(), found.next()) {
        (Some(one), None) => Match::One(one),
        (None, _) => Match::None,
        (Some(_), Some(_)) => Match::Ambiguous,
    }
}

/// The live enrollment token of an entry: by the id that Git or the ledger knows, else by name.
pub(super) fn enrollment<'a>(
    token: &Token,
    known_id: Option<&str>,
    live: &[&'a LiveEnrollment],
) -> Match<'a, LiveEnrollment> {
    match known_id {
        Some(id) => by_key(live, |object| object.id.eq_ignore_ascii_case(id)),
        None => by_key(live, |object| object.name.is_some() && object.name == token.token.name),
    }
}

/// The live VPP token of an entry: by the id that Git or the ledger knows, else by location, else by name, else by Apple Account
/// and organisation.
pub(super) fn vpp<'a>(
    token: &Token,
    known_id: Option<&str>,
    live: &[&'a LiveVpp],
) -> Match<'a, LiveVpp> {
    if let Some(id) = known_id {
        return by_key(live, |object| object.id.eq_ignore_ascii_case(id));
    }
    let facts = &token.facts;
    let by_location =
        by_key(live, |object| facts.location.is_some() && object.location == facts.location);
    if by_location != Match::None {
        return by_location;
    }
    let by_name = by_key(live, |object| {
        token.token.name.is_some() && object.display_name == token.token.name
    });
    if by_name != Match::None {
        return by_name;
    }
    by_key(live, |object| {
        facts.apple_id.is_some()
            && facts.organization.is_some()
            && object.organization == facts.organization
            && object.apple_id.as_deref().map(str::to_lowercase)
                == facts.apple_id.as_deref().map(str::to_lowercase)
    })
}
