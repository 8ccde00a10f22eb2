use insta::assert_snapshot;

use super::*;
use crate::attention::tests::status_of;
use crate::model::{Problem, ProblemCode, Reading};
use crate::plan::world::World;

fn shown(status: &Status) -> String {
    text(&registry(status)).unwrap()
}

/// The value of one series; `None` where there is none.
fn value(text: &str, series: &str) -> Option<i64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
}

fn due() -> World {
    let mut world = World::vpp();
    world.live_vpp(|live| live.expires = Some("2026-12-05T10:00:00Z".parse().unwrap()));
    world
}

#[test]
fn a_status_as_metrics() {
    assert_snapshot!(shown(&status_of(&due())));
}

#[test]
fn names_from_elsewhere_stay_inside_their_label() {
    let mut status = status_of(&due());
    let hostile = "a\"} 1\nevil{x=\"\\ ##vso[task] \u{202e}";
    status.tenants[0].tokens[0].state.name = Some(hostile.to_owned());
    let text = shown(&status);
    let line = text.lines().find(|line| line.starts_with("applecart_token_expiration")).unwrap();
    assert!(
        line.contains(r#"name="a\"} 1\\u{a}evil{x=\"\\ #\\u{23}[task] \\u{202e}""#)
            || line.contains(r#"name="a\"} 1"#),
        "{line}"
    );
    assert!(!text.lines().any(|line| line.starts_with("evil")), "{text}");
    assert_eq!(without_commands(&text), text, "nothing is escaped behind the encoder's back");
}

#[test]
fn two_tokens_that_nothing_tells_apart_are_one_series_with_the_earlier_date() {
    let early: Timestamp = "2026-11-30T10:00:00Z".parse().unwrap();
    for place in [0, 1] {
        let mut status = status_of(&due());
        let mut twin = status.tenants[0].tokens[0].clone();
        twin.state.expires = Some(early);
        status.tenants[0].tokens.insert(place, twin);
        let text = shown(&status);
        let series =
            |line: &&str| line.starts_with("applecart_token_expiration_timestamp_seconds{");
        let found: Vec<&str> = text.lines().filter(series).collect();
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].ends_with(&early.date_time().timestamp().to_string()), "{found:?}");
    }
}

#[test]
fn no_label_names_an_apple_account() {
    let mut status = status_of(&due());
    let account = "mdm@contoso.example";
    for token in status.tenants.iter_mut().flat_map(|tenant| &mut tenant.tokens) {
        token.apple_id = Some(account.to_owned());
    }
    assert!(!shown(&status).contains('@'));
}

#[test]
fn a_tenant_that_was_never_read_is_zero_and_fires_a_rule_on_the_age() {
    let mut world = World::equal();
    let fresh = shown(&status_of(&world));
    let now = status_of(&world).generated_at.date_time().timestamp();
    assert_eq!(value(&fresh, "applecart_last_success_timestamp_seconds "), Some(now));
    world.forget();
    world.live.push = Reading::Unknown(Problem::new(ProblemCode::Timeout, "no answer in time"));
    let never = shown(&status_of(&world));
    assert_eq!(value(&never, "applecart_last_success_timestamp_seconds "), Some(0));
    assert_eq!(value(&never, "applecart_drift_within_seconds "), Some(86_400));
}

#[test]
fn the_counts_of_an_axis_are_all_tokens() {
    let text = shown(&status_of(&due()));
    for axis in ["sync", "expiry", "health"] {
        let series = format!("applecart_tokens_{axis}{{");
        let counts = text.lines().filter(|line| line.starts_with(&series));
        let sum: i64 =
            counts.map(|line| line.rsplit_once(' ').unwrap().1.parse::<i64>().unwrap()).sum();
        assert_eq!(sum, 1, "{axis}: {text}");
    }
}
