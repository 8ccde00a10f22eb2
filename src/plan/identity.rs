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

fn by_key<'a, T>(live: &'a [T], fits: impl Fn(&T) -> bool) -> Match<'a, T> {
    let mut found = live.iter().filter(|object| fits(object));
    match (found.next(), found.next()) {
        (Some(one), None) => Match::One(one),
        (None, _) => Match::None,
        (Some(_), Some(_)) => Match::Ambiguous,
    }
}

/// The live enrollment token of an entry: by id, else by name.
pub(super) fn enrollment<'a>(
    token: &Token,
    known_id: Option<&str>,
    live: &'a [LiveEnrollment],
) -> Match<'a, LiveEnrollment> {
    match token.token.id.as_deref().or(known_id) {
        Some(id) => by_key(live, |object| object.id == id),
        None => by_key(live, |object| object.name.is_some() && object.name == token.token.name),
    }
}

/// The live VPP token of an entry: by id, else by location, else by name, else by Apple Account
/// and organisation.
pub(super) fn vpp<'a>(
    token: &Token,
    known_id: Option<&str>,
    live: &'a [LiveVpp],
) -> Match<'a, LiveVpp> {
    if let Some(id) = token.token.id.as_deref().or(known_id) {
        return by_key(live, |object| object.id == id);
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
