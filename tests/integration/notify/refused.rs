//! Sinks that are down, and messages that they will not take.

use super::*;

#[test]
fn a_sink_that_fails_for_a_day_is_told_at_the_others_and_in_the_status() {
    let told = Told::with("  - sink: dead\n    webhook: {url: 'http://127.0.0.1:9/x'}\n");
    told.customer("contoso", 10);
    let one = told.clone("one");
    let day = |days: i64| (chrono::Utc::now() + chrono::Duration::days(days)).to_rfc3339();
    one.run(&["notify", "--now", &day(0)]).ends_with(3);
    assert_eq!(told.told(), ["raised contoso critical"]);
    one.run(&["notify", "--now", &day(1)]).ends_with(3);
    assert_eq!(told.told(), ["raised fleet sink-failing"]);
    one.run(&["status", "--now", &day(1)]).says("sink-failing");
}

#[test]
fn a_sink_that_refuses_everything_is_asked_a_few_times_a_run_and_not_for_each_message() {
    let told = Told::new();
    for name in ["contoso", "fabrikam", "northwind", "tailspin"] {
        told.customer(name, 10);
    }
    let one = told.clone("one");
    // Of three customers' messages each may be at fault; an address that is wrong is wrong for all.
    for (status, asked) in [(400, 3), (404, 1)] {
        told.recorder.answer(Answers::Status(status));
        one.run(&["notify"]).ends_with(3);
        told.recorder.take();
        one.run(&["notify"]).ends_with(3);
        assert_eq!(told.recorder.take().len(), asked, "{status}");
    }
    told.recorder.answer(Answers::Status(200));
    one.run(&["notify"]).ends_with(0).says("4 messages sent");
    assert_eq!(told.told().len(), 4);
}

/// A contact that bounces, a body that the receiver does not like.
#[test]
fn a_message_that_is_refused_keeps_no_other_customers_from_being_told() {
    let told = Told::new();
    told.customer("contoso", 10);
    let one = told.clone("one");
    told.recorder.answer(Answers::Refuses("contoso"));
    for _ in 0..4 {
        one.run(&["notify"]).ends_with(3);
    }
    told.recorder.take();
    told.customer("fabrikam", 10);
    one.run(&["notify"]).ends_with(3).says("1 message sent");
    assert!(told.told().contains(&"raised fabrikam critical".to_owned()));
    told.recorder.answer(Answers::Status(200));
    one.run(&["notify"]).ends_with(0).says("1 message sent");
    assert_eq!(told.told(), ["raised contoso critical"]);
}

#[test]
fn the_end_of_a_matter_waits_for_its_beginning_to_arrive() {
    let told = Told::new();
    told.customer("contoso", 10);
    let one = told.clone("one");
    told.recorder.answer(Answers::Refuses(".raised"));
    one.run(&["notify"]).ends_with(3);
    assert_eq!(told.told(), ["raised contoso critical"], "and it is refused");
    told.customer("contoso", 300);
    one.git(&["pull", "--quiet"]);
    for _ in 0..4 {
        one.run(&["notify"]).ends_with(3);
        let words = told.told();
        assert!(words.iter().all(|word| word.starts_with("raised")), "{words:?}");
    }
    told.recorder.answer(Answers::Status(200));
    for _ in 0..4 {
        one.run(&["notify"]);
    }
    let in_order: Vec<String> = told.recorder.take().iter().map(|one| said(&one.body)).collect();
    assert_eq!(in_order, ["raised contoso critical", "resolved contoso critical"]);
}

#[test]
fn a_stage_is_not_told_to_be_over_where_the_next_one_does_not_arrive() {
    let told = Told::new();
    told.customer("contoso", 10);
    let one = told.clone("one");
    one.run(&["notify"]).ends_with(0);
    assert_eq!(told.told(), ["raised contoso critical"]);
    told.recorder.answer(Answers::Refuses("/expired/"));
    let day = |days: i64| (chrono::Utc::now() + chrono::Duration::days(days)).to_rfc3339();
    for days in 11..14 {
        one.run(&["notify", "--now", &day(days)]).ends_with(3);
        let words = told.told();
        assert!(!words.contains(&"resolved contoso critical".to_owned()), "{words:?}");
    }
    told.recorder.answer(Answers::Status(200));
    one.run(&["notify", "--now", &day(16)]).ends_with(0);
    let in_order: Vec<String> = told.recorder.take().iter().map(|one| said(&one.body)).collect();
    assert_eq!(in_order, ["raised contoso expired", "resolved contoso critical"]);
}

#[test]
fn a_message_that_the_sink_will_not_take_is_tried_again_now_and_then_and_stays_told() {
    let told = Told::new();
    told.customer("contoso", 10);
    told.customer("fabrikam", 10);
    let one = told.clone("one");
    told.recorder.answer(Answers::Refuses("contoso"));
    let start = chrono::Utc::now();
    let hours = |hours: i64| (start + chrono::Duration::hours(hours)).to_rfc3339();
    let mut tried = Vec::new();
    for hour in 0..96 {
        // Each of them says so, whether it asks or not.
        one.run(&["notify", "--now", &hours(hour)]).ends_with(3).says("status 400");
        if told.told().contains(&"raised contoso critical".to_owned()) {
            tried.push(hour);
        }
    }
    assert_eq!(tried, [0, 1, 2, 4, 8, 16, 32, 54, 76]);
    // Nothing else was due there; then something is, and arrives.
    one.run(&["status", "--now", &hours(96)]).says("Nothing that was sent to the sink hub");
    told.customer("northwind", 10);
    one.run(&["notify", "--now", &hours(97)]).ends_with(3).says("tried again later");
    assert_eq!(told.told(), ["raised northwind critical"]);
    one.run(&["status", "--now", &hours(97)]).says("refuses 1 message and takes others");
    told.recorder.answer(Answers::Status(200));
    one.run(&["notify", "--now", &hours(98)]).ends_with(0).says("1 message sent");
    assert_eq!(told.told(), ["raised contoso critical"]);
    one.run(&["notify", "--now", &hours(99)]).ends_with(0).says("0 messages sent");
}
