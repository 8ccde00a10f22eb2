//! What the seeds together must reach: every hold, every row of the decision table, every point of a
//! crash, and everything that can go wrong on the way. What cannot be reached stands here with the
//! reason.

use std::collections::BTreeMap;

use applecart_core::plan::{Reason, Sync};
use applecart_core::report::Happened;

use crate::witness::Stage;

/// From so many seeds on, everything must have been reached.
const ENOUGH: u64 = 10_000;

/// From so many seeds on, everything but what is seldom.
const SOME: u64 = 100;

/// What fewer than one seed in fifteen reaches, so that a short run may miss it.
const SELDOM: [&str; 11] = [
    "action:configure action:create",
    "crash:announced crash:answered crash:begun crash:readback crash:sent",
    "event:adopted event:not-shown event:outcome-unknown",
    "failure:approval-required failure:never-visible failure:not-landed failure:not-permitted",
    "failure:rejected failure:throttled",
    "fault:doubled fault:hangs fault:noconnection fault:nonsense fault:paused",
    "hold:ambiguous hold:apple-id-missing hold:bad-file hold:changed-outside-git hold:consent-missing \
     hold:create-in-portal hold:create-not-permitted hold:duplicate hold:duplicate-location",
    "hold:external-mdm hold:id-gone hold:key-mismatch hold:suspension-ended hold:wrong-destination \
     hold:wrong-location",
    "ledger:away ledger:busy ledger:refused ledger:unheard",
    "result:adopted result:canary-failed result:canary-pending result:configured result:created \
     result:outcome-unknown result:stale result:superseded result:unknown",
    "row:5 retry-after",
];

/// What no seed can reach.
const NOT_REACHED: [(&str, &str); 7] = [
    ("hold:dead-at-apple", "Apple is not asked here; tests/integration/at_apple.rs asks it"),
    ("hold:revoked", "no list of Apple's is asked for here; the table of situations has it"),
    ("hold:location-unproved", "Apple is not asked here, as the settings have it by default"),
    (
        "hold:recipient-mismatch",
        "no entry names a recipient; the file is refused when it is opened",
    ),
    ("hold:foreign-request", "nobody records a request: that is `renew`, which is no run"),
    ("hold:apple-id-change", "it is only the name of a line that permits, and holds nothing"),
    ("result:not-reviewed", "no plan file is applied"),
];

/// The row of the decision table (design, "What to do with a token") that a token's state comes from,
/// where the state alone tells.
pub(crate) fn row(sync: Sync, is_watched: bool, waits: bool) -> Option<&'static str> {
    Some(match sync {
        Sync::Unobserved => "1 unobserved",
        Sync::Watched | Sync::Unmanaged => "2 watched",
        Sync::Missing if is_watched => "2 missing",
        Sync::Progressing => "5 progressing",
        Sync::OutOfSync if waits => "5 retry-after",
        Sync::InSync => "6 in-sync",
        Sync::Unverified => "6 unverified",
        Sync::OutOfSync => "8 upload",
        Sync::Held | Sync::Missing => return None,
    })
}

/// Everything that there is to reach. The rows 3, 4 and 7 show in events and holds.
fn all() -> Vec<String> {
    let holds = Reason::ALL.iter().map(|reason| format!("hold:{reason}"));
    let results = Happened::ALL.iter().map(|result| format!("result:{result}"));
    let syncs = Sync::ALL.iter().map(|sync| format!("sync:{sync}"));
    let crashes = Stage::ALL.iter().map(|stage| format!("crash:{stage:?}").to_lowercase());
    let others = [
        "action:configure action:create action:hold action:upload action:verify",
        "event:adopted event:applied event:changed-outside-git event:confirmed event:failed event:intended",
        "event:not-landed event:not-shown event:observed event:outcome-unknown event:verified",
        "failure:approval-required failure:never-visible failure:not-landed failure:not-permitted",
        "failure:not-sent failure:refused failure:rejected failure:throttled failure:wrong-location",
        "fault:brokeoff fault:doubled fault:hangs fault:late fault:lost fault:noconnection fault:nonsense fault:paused fault:swallowed",
        "fault:silence fault:stale fault:status fault:throttled",
        "ledger:away ledger:busy ledger:refused ledger:unheard",
    ];
    let others = others.into_iter().flat_map(|line| line.split(' ').map(str::to_owned));
    let rows = [
        "1 unobserved",
        "2 watched",
        "2 missing",
        "5 progressing",
        "5 retry-after",
        "6 in-sync",
        "6 unverified",
        "8 upload",
    ];
    let rows = rows.map(|row| format!("row:{row}"));
    holds.chain(results).chain(syncs).chain(crashes).chain(others).chain(rows).collect()
}

pub(crate) fn check(reached: &BTreeMap<String, u64>, seeds: u64) {
    for (corner, count) in reached {
        println!("{count:7} {corner}");
    }
    let excused = |corner: &str| NOT_REACHED.iter().any(|(one, _)| *one == corner);
    let missed: Vec<String> =
        all().into_iter().filter(|one| !reached.contains_key(one) && !excused(one)).collect();
    println!("not reached: {}", missed.join(", "));
    let stale: Vec<&str> =
        NOT_REACHED.iter().map(|(one, _)| *one).filter(|one| reached.contains_key(*one)).collect();
    if seeds >= ENOUGH {
        assert!(stale.is_empty(), "reached, although it is said that it cannot be: {stale:?}");
        assert!(missed.is_empty(), "no seed reaches {missed:?}");
    }
    if seeds >= SOME {
        let is_seldom = |corner: &str| SELDOM.iter().any(|line| line.contains(corner));
        let gone: Vec<&String> = missed.iter().filter(|one| !is_seldom(one)).collect();
        assert!(gone.is_empty(), "{seeds} seeds, and none reaches what many did: {gone:?}");
    }
}
