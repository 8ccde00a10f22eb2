//! The texts and the JSON, as people and scripts see them.

use std::collections::BTreeMap;

use super::*;
use crate::ledger::TenantLedger;
use crate::ledger::testing::{at, draft, failure, intent, sha, tenant, vpp};
use crate::model::{Event, FailureCode, LedgerEntry};

fn facts(serial: &str, minute: i64) -> Facts {
    Facts { serial: Some(serial.parse().unwrap()), expires: Some(at(minute)), ..Facts::default() }
}

fn view() -> LedgerView {
    let (old, new) = (facts("0A", 10), facts("0B", 500_000));
    let first = vec![
        LedgerEntry {
            before: Some(old.clone()),
            after: Some(new.clone()),
            ..intent(0, "8c1f0000-run", sha("a"))
        },
        LedgerEntry {
            before: Some(old),
            after: Some(new),
            ..draft(Event::Applied, 2, "8c1f0000-run", Some(sha("a")))
        },
    ];
    let second = vec![LedgerEntry {
        name: "fabrikam".parse().unwrap(),
        token: Some(vpp("Lon\u{1b}[31mdon\u{202e}")),
        ..failure(1, "9d2e0000-run", sha("b"), FailureCode::Rejected)
    }];
    LedgerView {
        tenants: BTreeMap::from([
            (tenant(1), TenantLedger::from_entries(first)),
            (tenant(2), TenantLedger::from_entries(second)),
        ]),
        head: Some("0123456789abcdef0123456789abcdef01234567".into()),
        ..LedgerView::default()
    }
}

#[test]
fn the_table_has_one_line_an_entry_in_the_order_of_time() {
    insta::assert_snapshot!(show_text(&show(&view(), &Filter::default(), None), None), @r#"
    AT                    EVENT     TENANT    TOKEN                           SHA256        WHAT                                                                                             BY
    2027-01-15T08:00:00Z  intended  contoso   push                            ca978112ca1b  serial 0A → 0B, expires 2027-01-15T08:10:00Z → 2027-12-28T13:20:00Z, until 2027-01-15T08:15:00Z  8c1f0000 dana@desk
    2027-01-15T08:01:00Z  failed    fabrikam  vpp "Lon\u{1b}[31mdon\u{202e}"  3e23e8160039  rejected (400)                                                                                   9d2e0000 dana@desk
    2027-01-15T08:02:00Z  applied   contoso   push                            ca978112ca1b  serial 0A → 0B, expires 2027-01-15T08:10:00Z → 2027-12-28T13:20:00Z                              8c1f0000 dana@desk
    "#);
}

#[test]
fn on_a_screen_without_room_an_entry_is_a_paragraph() {
    let report = show(&view(), &Filter::default(), None);
    for width in [40, 80, 120] {
        let text = show_text(&report, Some(width));
        assert!(text.lines().all(|line| line.chars().count() <= width), "{width}\n{text}");
        assert!(text.contains("2027-01-15T08:00:00Z  intended\n  contoso push\n"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }
    assert_eq!(show_text(&report, Some(400)), show_text(&report, None));
}

#[test]
fn what_a_name_holds_does_not_reach_the_terminal_as_it_is() {
    let text = show_text(&show(&view(), &Filter::default(), None), None);
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text:?}");
    assert_eq!(text.lines().count(), 4);
}

#[test]
fn entries_are_filtered_by_id_or_by_any_name_a_tenant_had() {
    let of = |text: &str| {
        let filter = Filter { tenant: Some(text.to_owned()) };
        show(&view(), &filter, None).entries.len()
    };
    assert_eq!(of("contoso"), 2);
    assert_eq!(of("fabrikam"), 1);
    assert_eq!(of(&tenant(1).to_string()), 2);
    assert_eq!(of(&tenant(1).to_string().to_uppercase()), 2);
    assert_eq!(of("nobody"), 0);
}

#[test]
fn an_absent_and_an_empty_ledger_say_so() {
    let none = show(&LedgerView::default(), &Filter::default(), None);
    assert_eq!(show_text(&none, None), "There is no ledger yet in this clone.\n");
    let filter = Filter { tenant: Some("nobody".into()) };
    assert_eq!(
        show_text(&show(&view(), &filter, None), None),
        "No entries (ledger in this clone at 0123456789ab).\n"
    );
}

#[test]
fn what_was_asked_what_is_not_pushed_and_what_is_broken_is_said() {
    let text = |report: &ShowReport| show_text(report, None);
    let none = show(&LedgerView::default(), &Filter::default(), Some("origin"));
    assert_eq!(text(&none), "There is no ledger yet (origin was asked).\n");
    let troubled = LedgerView {
        broken: BTreeMap::from([(tenant(3), "cut\u{1b}[2J off".to_owned())]),
        unpushed: 1,
        ..view()
    };
    let shown = text(&show(&troubled, &Filter::default(), Some("origin")));
    let notes: Vec<&str> = shown.lines().rev().take(3).collect();
    assert_eq!(
        notes,
        [
            "tenant 00000000-0000-4000-8000-000000000003 is not shown: cut\\u{1b}[2J off",
            "1 entry of this clone not pushed yet",
            "(ledger of origin at 0123456789ab)",
        ]
    );
}

#[test]
fn an_entrys_json_is_its_line_and_its_tenant() {
    let report = show(&view(), &Filter { tenant: Some("fabrikam".into()) }, None);
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["formatVersion"], "1.0");
    assert_eq!(json["entries"][0]["tenantId"], tenant(2).to_string());
    assert_eq!(json["entries"][0]["event"], "failed");
    assert_eq!(json["entries"][0]["cause"]["code"], "rejected");
}

#[test]
fn both_reports_fit_their_schemas() {
    let check = |schema: schemars::Schema, report: serde_json::Value| {
        let validator = jsonschema::validator_for(schema.as_value()).unwrap();
        let errors: Vec<_> = validator.iter_errors(&report).map(|e| e.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new());
    };
    let shown = serde_json::to_value(show(&view(), &Filter::default(), None)).unwrap();
    check(schemars::schema_for!(ShowReport), shown);
    let verified = serde_json::to_value(broken()).unwrap();
    check(schemars::schema_for!(VerifyReport), verified);
}

fn broken() -> VerifyReport {
    let fault = Fault {
        file: Some("tenants/x.jsonl".into()),
        line: Some(3),
        commit: None,
        code: "bad-seq",
        message: "`seq` is 4, not 3".into(),
        accept: None,
    };
    let cut = Fault {
        line: None,
        commit: Some("fedcba9876543210fedcba9876543210fedcba98".into()),
        code: "not-append-only",
        message: "the commit changes or removes lines written before".into(),
        ..fault.clone()
    };
    let head = Some("0123456789abcdef0123456789abcdef01234567".into());
    VerifyReport::new(None, head, 2, 5, 3, vec![fault, cut])
}

#[test]
fn faults_are_listed_with_file_line_and_commit() {
    insta::assert_snapshot!(verify_text(&broken()), @"
    tenants/x.jsonl:3: bad-seq: `seq` is 4, not 3
    tenants/x.jsonl: not-append-only: the commit changes or removes lines written before (commit fedcba987654)
    broken: 2 tenants, 5 entries, 3 commits (ledger in this clone at 0123456789ab)
    ");
    let ok = VerifyReport::new(None, broken().head, 2, 5, 3, vec![]);
    insta::assert_snapshot!(verify_text(&ok), @"ok: 2 tenants, 5 entries, 3 commits (ledger in this clone at 0123456789ab)");
}

#[test]
fn what_stops_uploads_is_told_apart_from_a_line_that_binds_nobody() {
    let accept = Some(Acceptable { tenant: tenant(1), line: sha("a") });
    let report = |code| {
        let fault = Fault { code, accept, ..broken().faults.remove(0) };
        verify_text(&VerifyReport::new(None, broken().head, 2, 5, 3, vec![fault]))
    };
    let aside = report(LINE_BROKEN);
    assert!(
        aside.contains("goes on uploading") && !aside.contains("Nothing is uploaded"),
        "{aside}"
    );
    let gone = report("bad-seq");
    assert!(gone.contains("Nothing is uploaded to tenants whose lines are gone"), "{gone}");
}
