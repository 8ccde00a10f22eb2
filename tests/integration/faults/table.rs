//! The table: rows are faults, columns are kinds of request.

use std::time::Duration;

use applecart_simulator::{Fault, RetryAfter};
use serde_json::json;

use super::{Column, Ground, Lasting};

/// What must come of a fault.
pub(super) enum Cell {
    /// When it happens once, and when it stays.
    Must(&'static str, &'static str),
    /// The fault cannot happen there, or not differently from another row.
    Never(&'static str),
}

use Cell::{Must, Never};
use Column::{Batch, Page, Part, Poll, Read, SignIn, Write};

/// The order of a row's cells.
pub(super) const COLUMNS: [Column; 7] = [SignIn, Read, Batch, Part, Page, Write, Poll];

/// A fault.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) fault: fn(&Ground, Lasting) -> Fault,
    /// The shortest time that it must be waited out where it happens once.
    pub(super) waits: Duration,
    /// Whether the client has to give up by itself.
    pub(super) hangs: bool,
    pub(super) cells: [Cell; 7],
}

fn row(name: &'static str, fault: fn(&Ground, Lasting) -> Fault, cells: [Cell; 7]) -> Row {
    Row { name, fault, waits: Duration::ZERO, hangs: false, cells }
}

const NO_LINK: &str = "an answer that is no collection has no next page";
const NO_PART: &str = "a batch answer has one connection and one body for all its parts";
const OF_PAGES: &str = "the VPP tokens are the collection; see the column of pages";

pub(super) fn rows() -> Vec<Row> {
    let second = Duration::from_secs(1);
    vec![
        row(
            "429 without Retry-After",
            |_, _| Fault::Throttle { retry_after: None },
            throttled("8"),
        ),
        Row {
            waits: second,
            ..row(
                "429 with Retry-After in seconds",
                |_, lasting| {
                    let seconds = if lasting == Lasting::Once { 1 } else { 3600 };
                    Fault::Throttle { retry_after: Some(RetryAfter::Seconds(seconds)) }
                },
                throttled("1"),
            )
        },
        Row {
            waits: second,
            ..row(
                "429 with Retry-After as a date",
                |ground, lasting| {
                    let seconds = if lasting == Lasting::Once { 2 } else { 3600 };
                    let at = ground.now() + chrono::Duration::seconds(seconds);
                    let date = httpdate::fmt_http_date(at.into());
                    Fault::Throttle { retry_after: Some(RetryAfter::Text(date)) }
                },
                throttled("1"),
            )
        },
        row("500", |_, _| Fault::status(500), down()),
        row("502", |_, _| Fault::status(502), down()),
        row("503", |_, _| Fault::status(503), down()),
        row("504", |_, _| Fault::status(504), down()),
        Row {
            hangs: true,
            ..row(
                "hang",
                |_, _| Fault::Hang,
                [
                    Must("known, after 2 token, 1 read", "unknown (timeout), after 4 token"),
                    Must("known, after 2 read", "unknown (timeout), after 4 read"),
                    // Three batches, then each kind once alone; alone, they are well.
                    Must("known, after 2 batch", "known, after 3 batch, 3 read"),
                    Never("a part that hangs is a batch that hangs"),
                    Must("known, after 3 read", "unknown (timeout), after 5 read"),
                    Must(
                        "outcome unknown, Intune unchanged, after 1 write",
                        "outcome unknown, Intune unchanged, after 1 write",
                    ),
                    Must("known, after 2 read", "unknown (timeout), after 4 read"),
                ],
            )
        },
        row("reset", |_, _| Fault::Reset, cut(false)),
        row("closed without an answer", |_, _| Fault::Drop, cut(false)),
        row("truncated body", |_, _| Fault::Truncate, cut(true)),
        row("wrong JSON", |_, _| Fault::WrongJson, garbled()),
        row("a web page", |_, _| Fault::Html, garbled()),
        row(
            "redirect to another host",
            |ground, _| Fault::Redirect { location: format!("{}/beta/x", ground.elsewhere) },
            [
                Must("unknown (bad-answer), after 1 token", "unknown (bad-answer), after 1 token"),
                Must("unknown (bad-answer), after 1 read", "unknown (bad-answer), after 1 read"),
                Must("known, after 1 batch, 3 read", "known, after 1 batch, 3 read"),
                Must(
                    "push unknown (bad-answer), the others known, after 1 batch",
                    "push unknown (bad-answer), the others known, after 1 batch",
                ),
                Must("unknown (bad-answer), after 2 read", "unknown (bad-answer), after 2 read"),
                Must(
                    "outcome unknown, Intune unchanged, after 1 write",
                    "outcome unknown, Intune unchanged, after 1 write",
                ),
                Must("unknown (bad-answer), after 1 read", "unknown (bad-answer), after 1 read"),
            ],
        ),
        row(
            "next links in a circle",
            |_, _| Fault::NextLink { to: "loop".to_owned() },
            links("unknown (bad-answer), after 2 read"),
        ),
        row(
            "a next link to another host",
            |ground, _| Fault::NextLink { to: format!("{}/beta/x?$skiptoken=2", ground.elsewhere) },
            links("unknown (bad-answer), after 2 read"),
        ),
        row("a token that expires mid-run", |_, _| Fault::ExpireToken, expired()),
        row(
            "a token whose time has not begun (nbf)",
            |_, _| {
                let message = "Lifetime validation failed, the token is not yet valid.";
                let code = "InvalidAuthenticationToken";
                let body = json!({
                    "error": {"code": code, "message": message},
                    "error_description": "AADSTS700024: Client assertion is not within its valid time range.",
                    "error_codes": [700_024],
                });
                let body = Some(body);
                Fault::Status { status: 401, retry_after: None, body, headers: [].into() }
            },
            too_early(),
        ),
        row("done, but the answer is lost", |_, _| Fault::DoneButLost, lost()),
        Row { hangs: true, ..row("done, then silence", |_, _| Fault::DoneThenHang, lost()) },
    ]
}

/// Whoever is throttled waits as long as Graph asks, and comes back: 8 times at most where it does
/// not say how long, and not at all where the time is longer than the tenant's.
fn throttled(times: &str) -> [Cell; 7] {
    let ever: [&str; 7] = match times {
        "8" => [
            "unknown (throttled), after 8 token",
            "unknown (throttled), after 8 read",
            // Not asked for alone: whoever is throttled prolongs it by asking.
            "unknown (throttled), after 8 batch",
            "push unknown (throttled), the others known, after 1 batch, 7 read",
            "unknown (throttled), after 9 read",
            "throttled, Intune unchanged, after 8 write",
            "unknown (throttled), after 8 read",
        ],
        _ => [
            "unknown (throttled), after 1 token",
            "unknown (throttled), after 1 read",
            "unknown (throttled), after 1 batch",
            "push unknown (throttled), the others known, after 1 batch",
            "unknown (throttled), after 2 read",
            "throttled, Intune unchanged, after 1 write",
            "unknown (throttled), after 1 read",
        ],
    };
    let once = [
        "known, after 2 token, 1 read",
        "known, after 2 read",
        "known, after 2 batch",
        "known, after 1 batch, 1 read",
        "known, after 3 read",
        "done, Intune changed, after 2 write",
        "known, after 2 read",
    ];
    let mut cells = once.into_iter().zip(ever).map(|(once, ever)| Must(once, ever));
    std::array::from_fn(|_| cells.next().unwrap())
}

/// A server that fails is asked again; a write is not, for it may have happened.
fn down() -> [Cell; 7] {
    [
        Must("known, after 2 token, 1 read", "unknown (server-error), after 8 token"),
        Must("known, after 2 read", "unknown (server-error), after 8 read"),
        Must("known, after 2 batch", "known, after 3 batch, 3 read"),
        Must(
            "known, after 1 batch, 1 read",
            "push unknown (server-error), the others known, after 1 batch, 7 read",
        ),
        Must("known, after 3 read", "unknown (server-error), after 9 read"),
        Must(
            "outcome unknown, Intune unchanged, after 1 write",
            "outcome unknown, Intune unchanged, after 1 write",
        ),
        Must("known, after 2 read", "unknown (server-error), after 8 read"),
    ]
}

/// A connection that ends before the answer does.
fn cut(done: bool) -> [Cell; 7] {
    let write = match done {
        true => "outcome unknown, Intune changed, after 1 write",
        false => "outcome unknown, Intune unchanged, after 1 write",
    };
    [
        Must("known, after 2 token, 1 read", "unknown (unreachable), after 8 token"),
        Must("known, after 2 read", "unknown (unreachable), after 8 read"),
        Must("known, after 2 batch", "known, after 3 batch, 3 read"),
        // It takes the whole batch with it, and afterwards the single read.
        Must(
            "known, after 2 batch",
            "push unknown (unreachable), the others known, after 3 batch, 7 read",
        ),
        Must("known, after 3 read", "unknown (unreachable), after 9 read"),
        Must(write, write),
        Must("known, after 2 read", "unknown (unreachable), after 8 read"),
    ]
}

/// A success that is not what was asked for may be an accident on the way, or all there is.
fn garbled() -> [Cell; 7] {
    [
        Must("known, after 2 token, 1 read", "unknown (bad-answer), after 3 token"),
        Must("known, after 2 read", "unknown (bad-answer), after 3 read"),
        Must("known, after 2 batch", "known, after 3 batch, 3 read"),
        Must(
            "known, after 1 batch, 1 read",
            "push unknown (bad-answer), the others known, after 1 batch, 2 read",
        ),
        Must("known, after 3 read", "unknown (bad-answer), after 4 read"),
        Must(
            "outcome unknown, Intune unchanged, after 1 write",
            "outcome unknown, Intune unchanged, after 1 write",
        ),
        Must("known, after 2 read", "unknown (bad-answer), after 3 read"),
    ]
}

/// A link that is not followed: the collection is unknown, never the part that was read.
fn links(ever: &'static str) -> [Cell; 7] {
    [
        Never("a token is no collection"),
        Never(NO_LINK),
        Never(OF_PAGES),
        Never(NO_LINK),
        Must(ever, ever),
        Never(NO_LINK),
        Never(NO_LINK),
    ]
}

/// A refused token is replaced once. A refusal of the token proves that nothing was done, so the
/// write that met it is sent with the fresh one; two refusals are a sign-in that does not fit.
fn expired() -> [Cell; 7] {
    [
        Never("before a sign-in there is no token"),
        Must("known, after 1 token, 2 read", "unknown (sign-in-failed), after 1 token, 2 read"),
        Must("known, after 1 token, 2 batch", "unknown (sign-in-failed), after 1 token, 2 batch"),
        Never("the parts bear the batch's token"),
        Must("known, after 1 token, 3 read", "unknown (sign-in-failed), after 1 token, 3 read"),
        Must(
            "done, Intune changed, after 1 token, 2 write",
            "not sent (sign-in-failed), Intune unchanged, after 1 token, 2 write",
        ),
        Must("known, after 1 token, 2 read", "unknown (sign-in-failed), after 1 token, 2 read"),
    ]
}

/// A fresh token would begin later still: the token is kept, and Graph is asked again in a while.
/// Entra's own form of it is a refused client assertion, which waiting does not mend.
fn too_early() -> [Cell; 7] {
    [
        Must("unknown (sign-in-failed), after 1 token", "unknown (sign-in-failed), after 1 token"),
        Must("known, after 2 read", "unknown (sign-in-failed), after 8 read"),
        Must("known, after 2 batch", "known, after 3 batch, 3 read"),
        Must(
            "known, after 1 batch, 1 read",
            "push unknown (sign-in-failed), the others known, after 1 batch, 8 read",
        ),
        Must("known, after 3 read", "unknown (sign-in-failed), after 9 read"),
        Must(
            "done, Intune changed, after 2 write",
            "not sent (sign-in-failed), Intune unchanged, after 8 write",
        ),
        Must("known, after 2 read", "unknown (sign-in-failed), after 8 read"),
    ]
}

/// What was done though nobody says so.
fn lost() -> [Cell; 7] {
    const SAME: &str = "nothing is done by it, so it is the connection that ends or hangs";
    let write = "outcome unknown, Intune changed, after 1 write";
    [
        Never(SAME),
        Never(SAME),
        Never(SAME),
        Never(NO_PART),
        Never(SAME),
        Must(write, write),
        Never(SAME),
    ]
}
