use applecart_core::outlets::calendar::Entry;
use insta::assert_snapshot;

use super::ics;

fn entry(summary: &str) -> Entry {
    Entry {
        uid: "applecart-0123".into(),
        sequence: 1,
        day: "2026-11-21".parse().unwrap(),
        summary: summary.into(),
        description: "It expires; renew it, please.\nThen run:\napplecart renew contoso/push"
            .into(),
        priority: 3,
    }
}

fn text(summary: &str) -> String {
    ics(&[entry(summary)], "2026-11-20T12:00:00Z".parse().unwrap())
}

#[test]
fn an_entry_as_icalendar() {
    assert_snapshot!(text("Renewal due: Contoso, push certificate").replace('\r', ""));
}

#[test]
fn the_same_entries_are_the_same_bytes() {
    assert_eq!(text("one"), text("one"));
}

#[test]
fn lines_end_with_both_signs_and_are_folded_between_characters() {
    let long =
        "Zürich und Köln, 老虎老虎老虎老虎老虎老虎老虎老虎老虎老虎老虎老虎老虎老虎老虎; \\ end "
            .repeat(20);
    let text = text(&long);
    assert!(text.ends_with("END:VCALENDAR\r\n"));
    assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
    for line in text.split("\r\n") {
        assert!(line.len() <= 75, "{} bytes: {line}", line.len());
    }
    let unfolded = text.replace("\r\n ", "");
    let summary = unfolded.lines().find_map(|line| line.strip_prefix("SUMMARY:")).unwrap();
    let plain = summary.replace("\\,", ",").replace("\\;", ";").replace("\\\\", "\\");
    assert_eq!(plain.trim_end_matches('\r'), long);
}
