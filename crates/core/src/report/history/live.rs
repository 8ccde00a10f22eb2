//! What Intune has now, beside what the records say is in force.

use super::{LiveNow, TokenHistory};
use crate::model::{Facts, Kind, LiveEnrollment, LiveTenant, LiveVpp, Reading, Timestamp};
use crate::rules::identity;

/// Notes beside each token what a read of its tenant showed. Tokens of other tenants stay as they
/// are.
pub fn with_live(token: &mut TokenHistory, live: &LiveTenant, at: Timestamp) {
    let found = match token.kind {
        Kind::Push => live.push.and_then(|push| Some(push.facts())),
        Kind::Enrollment => {
            only(&live.enrollment, |one| is(token, &one.id, &one.name), LiveEnrollment::facts)
        }
        Kind::Vpp => only(
            &live.vpp,
            |one| is(token, &one.id, &one.display_name) || is(token, &one.id, &one.location),
            LiveVpp::facts,
        ),
    };
    let (facts, problem) = match found {
        Reading::Present(facts) => (Some(facts), None),
        Reading::Absent => (None, None),
        Reading::NotAsked => return,
        Reading::Unknown(problem) => (None, Some(problem)),
    };
    // Of what was not uploaded, Git's own facts are the record.
    let recorded = token.in_force.facts.as_ref().or(token.in_force.tracked.as_ref());
    let same = match (&facts, recorded) {
        (Some(live), Some(recorded)) => is_same(live, recorded),
        _ => None,
    };
    token.live = Some(LiveNow { at, facts, problem, same });
}

/// By id where one is known, else by name.
fn is(token: &TokenHistory, id: &str, name: &Option<String>) -> bool {
    match &token.id {
        Some(known) => identity::is_same_id(known, id),
        None => name.is_some() && token.name == *name,
    }
}

fn only<T>(
    all: &Reading<Vec<T>>,
    is: impl Fn(&T) -> bool,
    facts: impl Fn(&T) -> Facts,
) -> Reading<Facts> {
    all.and_then(|all| all.iter().find(|one| is(one)).map(facts))
}

/// A push certificate is its serial number, the others show only when they expire.
fn is_same(live: &Facts, recorded: &Facts) -> Option<bool> {
    match (&live.serial, &recorded.serial) {
        (Some(live), Some(recorded)) => Some(live == recorded),
        _ => Some(live.expires? == recorded.expires?),
    }
}

pub(super) fn words(live: &LiveNow) -> String {
    if let Some(problem) = &live.problem {
        let detail = problem.detail.as_deref().unwrap_or_default();
        return format!("Intune could not be read ({}): {detail}", problem.code);
    }
    let Some(facts) = &live.facts else { return "Intune has none now".to_owned() };
    let until = facts.expires.map(|at| format!(" until {at}")).unwrap_or_default();
    let what = match &facts.serial {
        Some(serial) => format!("serial {serial}{until}"),
        None => format!("a token{until}"),
    };
    match live.same {
        Some(true) => format!("Intune has it now: {what}"),
        Some(false) => format!("Intune has another one now: {what}"),
        None => format!("Intune has now: {what}"),
    }
}
