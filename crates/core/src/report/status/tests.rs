//! What people and scripts read, whole.

use chrono::Duration;
use insta::assert_snapshot;

use super::*;
use crate::attention::tests::attention_of_plan;
use crate::fleet::Desired;
use crate::model::{Event, Problem, ProblemCode, Reading};
use crate::plan::Selection;
use crate::plan::world::{OTHER_TOPIC, World, push_entry, tenant};

fn status(world: &World) -> Status {
    crate::attention::tests::status_of(world)
}

/// As a terminal without colours shows it.
fn plain(status: &Status, view: StatusView) -> String {
    anstream::adapter::strip_str(&status_human(status, view)).to_string()
}

fn view(width: usize) -> StatusView {
    StatusView { width, is_terminal: true, ..StatusView::default() }
}

pub(in crate::report) fn held() -> Status {
    let mut world = World::renewal();
    world.entry().facts.topic = Some(OTHER_TOPIC.parse().unwrap());
    status(&world)
}

/// `count` copies of the first tenant under other names, changed by `change`.
pub(in crate::report) fn many(
    mut status: Status,
    count: usize,
    change: impl Fn(usize, &mut StatusTenant),
) -> Status {
    let first = status.tenants.first().unwrap().clone();
    status.tenants = (0..count)
        .map(|number| {
            let mut tenant = StatusTenant {
                name: format!("customer-{number:05}"),
                tenant_id: Some(
                    format!("{number:08}-0000-4000-8000-000000000000").parse().unwrap(),
                ),
                ..first.clone()
            };
            change(number, &mut tenant);
            tenant
        })
        .collect();
    // The list is made of a plan, and here it is the status that a test changed.
    let mut plan = World::equal().plan();
    let tokens = |tenant: &StatusTenant| {
        let planned = plan.tenants[0].tokens[0].clone();
        let of = |token: &StatusToken| crate::plan::PlannedToken {
            state: token.state.clone(),
            ..planned.clone()
        };
        tenant.tokens.iter().map(of).collect()
    };
    plan.tenants = status
        .tenants
        .iter()
        .map(|tenant| crate::plan::PlannedTenant {
            name: tenant.name.clone(),
            tenant_id: tenant.tenant_id,
            problems: tenant.problems.clone(),
            observed: tenant.observed,
            tokens: tokens(tenant),
            ..plan.tenants[0].clone()
        })
        .collect();
    status.attention = attention_of_plan(&plan).matters;
    status.count();
    status
}

pub(in crate::report) fn equal() -> Status {
    status(&World::equal())
}

#[test]
fn a_hold_at_80_columns() {
    assert_snapshot!(plain(&held(), view(80)));
}

#[test]
fn a_hold_at_120_columns() {
    assert_snapshot!(plain(&held(), view(120)));
}

#[test]
fn a_fleet_in_order_is_a_few_lines() {
    assert_snapshot!(plain(&many(equal(), 10_000, |_, _| {}), view(80)));
}

#[test]
fn of_ten_thousand_rows_the_screen_shows_what_needs_attention() {
    let status = many(equal(), 10_000, |number, tenant| {
        if number % 100 == 0 {
            tenant.tokens[0].state.expiry = Expiry::Critical;
        }
        if number == 4_321 {
            tenant.tokens[0].state.expiry = Expiry::Expired;
        }
    });
    let text = plain(&status, view(80));
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.len() < 70, "{text}");
    assert!(lines.iter().all(|line| line.chars().count() <= 80), "{text}");
    let rows: Vec<_> = lines.iter().filter(|line| line.starts_with(" customer-")).collect();
    assert!(rows.first().unwrap().contains("customer-04321"), "{text}");
    assert!(text.contains("… and 71 more that need attention and 9899"), "{text}");

    let all = plain(&status, StatusView { all: true, ..view(80) });
    assert_eq!(all.lines().filter(|line| line.starts_with(" customer-")).count(), 10_000);
    assert_eq!(status_csv(&status).lines().count(), 10_001);
}

/// Names are what a reader looks for; how healthy and how equal a token is stands in the list above.
#[test]
fn on_a_narrow_screen_names_stay_and_health_goes_first() {
    let table = |width| -> Vec<String> {
        let text = plain(&held(), view(width));
        let table = text.lines().skip_while(|line| !line.contains("TENANT"));
        table.take(2).map(str::to_owned).collect()
    };
    let wide = table(80);
    assert!(wide[0].contains("SYNC") && wide[0].contains("HEALTH"), "{wide:?}");
    let narrow = table(46);
    assert!(narrow[0].contains("SYNC") && !narrow[0].contains("HEALTH"), "{narrow:?}");
    let phone = table(30);
    assert!(!phone[0].contains("SYNC") && !phone[0].contains("LEFT"), "{phone:?}");
    for table in [wide, narrow, phone] {
        assert!(table[1].contains("contoso") && table[1].contains("renewal-due"), "{table:?}");
    }
}

#[test]
fn at_40_columns_the_name_of_a_token_is_whole() {
    let status = many(held(), 1, |_, tenant| {
        tenant.name = "contoso".into();
        tenant.tokens[0].state.kind = crate::model::Kind::Enrollment;
        tenant.tokens[0].state.name = Some("Teaching Staff".into());
    });
    let text = plain(&status, view(40));
    let table: Vec<&str> = text.lines().skip_while(|line| !line.contains("TENANT")).collect();
    assert!(table.iter().all(|line| line.chars().count() <= 40), "{text}");
    for word in ["contoso", "enrollment", "Teaching", "Staff", "renewal-due"] {
        assert!(table.iter().any(|line| line.contains(word)), "{word}: {text}");
    }
    assert!(!text.contains('…'), "{text}");
}

#[test]
fn a_screen_wraps_a_long_name_and_keeps_the_expiry_and_a_file_wraps_nothing() {
    let name = "a".repeat(60);
    let status = many(held(), 1, |_, tenant| {
        tenant.name = "a".repeat(60);
        tenant.tokens[0].apple_id = Some("somebody.with.a.very.long.name@example.invalid".into());
        tenant.tokens[0].state.name = Some("The one and only token of the whole customer".into());
    });
    for width in [40, 60, 80, 100, 120, 160] {
        let text = plain(&status, view(width));
        let table: Vec<_> =
            text.lines().skip_while(|line| !line.contains("TENANT")).take(2).collect();
        assert!(table.iter().all(|line| line.chars().count() <= width), "{width}\n{text}");
        assert!(table[1].contains("renewal-due"), "{text}");
        let rows: String = text.lines().skip_while(|line| !line.contains("TENANT")).collect();
        assert!(rows.matches('a').count() >= 60 && !rows.contains('…'), "{text}");
        let file = plain(&status, StatusView { is_terminal: false, ..view(width) });
        let row = file.lines().find(|line| line.contains("renewal-due ")).unwrap();
        assert!(row.contains(&name) && row.contains("token of the whole customer"), "{file}");
        assert!(row.contains("held") && row.contains("ok"), "{file}");
    }
}

#[test]
fn an_urgent_row_has_a_colour_and_another_has_none() {
    let rows = |status: &Status| {
        let text = status_human(status, StatusView { all: true, ..view(100) });
        let row = text.lines().rfind(|line| line.contains("customer-00000")).unwrap().to_owned();
        row.contains('\u{1b}')
    };
    assert!(rows(&many(held(), 1, |_, _| {})));
    assert!(!rows(&many(equal(), 1, |_, _| {})));
}

#[test]
fn one_problem_of_many_tenants_is_told_once() {
    let mut world = World::equal();
    world.live.push = Reading::Unknown(Problem::new(ProblemCode::NoConsent, "Open this link"));
    let status = many(status(&world), 200, |number, tenant| {
        tenant.problems[0].detail = Some(format!("link {number}"));
    });
    assert_snapshot!(plain(&status, view(80)));
}

#[test]
fn what_intune_calls_broken_comes_with_advice() {
    let status = many(equal(), 3, |_, tenant| {
        tenant.tokens[0].state.health = Health::Failing;
        tenant.tokens[0].state.health_reasons = vec![crate::plan::HealthReason::TermsNotAccepted];
    });
    assert_snapshot!(plain(&status, view(80)));
}

#[test]
fn offline_only_the_time_is_judged() {
    let world = World::equal();
    let status = status_of(&world.plan(), &[], None, Attention::default(), true);
    assert_snapshot!(plain(&status, view(100)));
}

#[test]
fn only_what_expires_within_a_time_or_may() {
    let mut world = World::renewal();
    let mut other = tenant("fabrikam", 2);
    other.push = Some(push_entry("02", "com.apple.mgmt.External.2", "2027-01-01T00:00:00Z"));
    world.others.push(Desired::Valid(other));
    world.selection = Selection::default();
    let status = status(&world);
    let within = |status: &Status, days: i64| -> Vec<String> {
        let mut status = status.clone();
        status.keep_within(Duration::days(days), &format!("{days}d"));
        assert_eq!(status.summary.tenants, status.tenants.len());
        assert_eq!(status.within, Some(format!("{days}d")));
        status.tenants.into_iter().map(|tenant| tenant.name).collect()
    };
    assert!(within(&status, 26).is_empty());
    assert_eq!(within(&status, 28), ["contoso"]);
    assert_eq!(within(&status, 41), ["fabrikam", "contoso"]);
    // A token of unknown expiry may expire tomorrow.
    let mut unknown = status;
    unknown.tenants[0].tokens[0].state.expires = None;
    assert_eq!(within(&unknown, 26), ["fabrikam"]);
    unknown.tenants[0].tokens.clear();
    unknown.tenants[0].problems = vec![Problem::new(ProblemCode::InvalidFile, "a mistake")];
    assert_eq!(within(&unknown, 26), ["fabrikam"]);
}

#[test]
fn who_owns_uploaded_and_confirmed_it() {
    let mut world = World::equal();
    for event in [Event::Intended, Event::Applied, Event::Confirmed] {
        let line = world.recorded(event, "AA", "run-7", "2026-11-01T08:00:00Z");
        line.actor.user = Some("dana".into());
    }
    world.live_push(|push| push.apple_id = None);
    let status = status(&world);
    let token = &status.tenants[0].tokens[0];
    assert_eq!(token.apple_id, world.tenant.push.as_ref().unwrap().facts.apple_id);
    assert_eq!(token.last_upload.as_ref().unwrap().at.to_string(), "2026-11-01T08:00:00Z");
    assert!(token.last_confirmed.is_some());
    let view = StatusView { all: true, verbose: true, ..view(120) };
    assert_snapshot!(plain(&status, view));
}

#[test]
fn a_table_for_a_pull_request() {
    assert_snapshot!(status_markdown(&held(), StatusView::default()));
}

#[test]
fn cells_for_a_spreadsheet() {
    let status = many(held(), 1, |_, tenant| {
        tenant.name = "=HYPERLINK(\"http://evil\")".to_owned();
    });
    assert_snapshot!(status_csv(&status));
}
