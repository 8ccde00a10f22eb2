use std::collections::BTreeSet;

use super::*;
use crate::report::Happened;
use crate::rules::at_apple;
use crate::{apple, attention, fleet, model, plan};

/// Every code that the program's own enums have, with where it appears.
fn raised() -> BTreeSet<(&'static str, Appearance)> {
    let mut all = BTreeSet::new();
    let mut add = |explained: &'static Explanation, appearance| {
        assert!(explained.appears_as(appearance), "{} {appearance:?}", explained.code);
        all.insert((explained.code, appearance));
    };
    plan::Reason::ALL.iter().for_each(|one| add(one.explained(), Appearance::Hold));
    plan::Warning::ALL.iter().for_each(|one| add(one.explained(), Appearance::Warning));
    at_apple::Remark::ALL.iter().for_each(|one| add(one.explained(), Appearance::Warning));
    plan::HealthReason::ALL.iter().for_each(|one| add(one.explained(), Appearance::Health));
    plan::Sync::ALL.iter().for_each(|one| add(one.explained(), Appearance::Sync));
    plan::Expiry::ALL.iter().for_each(|one| add(one.explained(), Appearance::Expiry));
    model::ProblemCode::ALL.iter().for_each(|one| add(one.explained(), Appearance::Problem));
    model::FailureCode::ALL.iter().for_each(|one| add(one.explained(), Appearance::Failure));
    for one in [Happened::Superseded, Happened::Stale, Happened::Refused, Happened::NotStarted] {
        add(explain(one.as_str()).unwrap(), Appearance::Result);
    }
    fleet::Code::ALL.iter().for_each(|one| add(one.explained(), Appearance::Diagnostic));
    for one in attention::Code::all() {
        let explained = explain(one.as_str()).unwrap();
        if explained.appears_as(Appearance::Attention) {
            add(explained, Appearance::Attention);
        }
    }
    for one in apple::FindingCode::ALL {
        let appearance = match one.severity() {
            apple::Severity::Refuse => Appearance::Refusal,
            apple::Severity::Warn => Appearance::Remark,
        };
        add(one.explained(), appearance);
    }
    all
}

#[test]
fn every_code_is_raised_somewhere_and_every_raised_code_is_explained() {
    let raised = raised();
    for one in all() {
        for appearance in one.appears {
            // Refusals of a renewal and faults of the ledger are sentences, not values of an enum.
            let told = matches!(appearance, Appearance::Renewal | Appearance::Ledger);
            assert!(
                told || raised.contains(&(one.code, *appearance)),
                "{} {appearance:?}",
                one.code
            );
        }
    }
}

#[test]
fn codes_are_kebab_case_and_stand_once() {
    let mut seen = BTreeSet::new();
    for one in all() {
        let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        assert!(one.code.bytes().all(plain), "{}", one.code);
        assert!(seen.insert(one.code), "{} stands twice", one.code);
    }
}

#[test]
fn every_code_says_what_it_means_why_and_what_to_do() {
    for one in all() {
        for text in [one.meaning, one.why, one.next] {
            assert!(text.ends_with('.') && text.len() > 12, "{}: {text:?}", one.code);
            assert!(
                text.starts_with(|c: char| c.is_uppercase() || c == '`'),
                "{}: {text:?}",
                one.code
            );
            for word in
                [" lapse", "mend", " live ", "somebody", "obody", "anew", "at hand", "Git's"]
            {
                assert!(!text.contains(word), "{}: {word:?} in {text:?}", one.code);
            }
        }
        assert!(!one.appears.is_empty(), "{}", one.code);
    }
}

#[test]
fn a_release_is_named_only_for_what_holds_a_write() {
    for one in all().filter(|one| !one.released_by.is_empty()) {
        let holds =
            one.appears.iter().any(|place| matches!(place, Appearance::Hold | Appearance::Warning));
        assert!(holds, "{}", one.code);
    }
}

#[test]
fn a_typo_finds_its_code() {
    assert_eq!(nearest("topic-chnage"), Some("topic-change"));
    assert_eq!(nearest("Wrong_Destination"), Some("wrong-destination"));
    assert_eq!(nearest("something else entirely"), None);
}
