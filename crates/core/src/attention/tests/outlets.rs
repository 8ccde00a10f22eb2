//! Every outlet shows the whole list, and none calls a fleet fine that needs a person.

use super::*;

#[test]
fn every_outlet_shows_every_code() {
    let fleet = every_cause();
    let listed: BTreeSet<&str> = fleet.list().matters.iter().map(|one| one.code.as_str()).collect();
    let mut forgotten = Vec::new();
    let mut shown = 0;
    for code in Code::all() {
        assert!(listed.contains(code.as_str()), "nothing raises {code}");
        for (outlet, render) in OUTLETS {
            let text = anstream::adapter::strip_str(&render(&fleet)).to_string();
            let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
            // A plan shows what is due as its own rows.
            let own = code == Cause::OutOfSync.code() && outlet.starts_with("plan");
            if own || text.split(|c| !is_word(c)).any(|word| word == code.as_str()) {
                shown += 1;
            } else {
                forgotten.push(format!("{code}: {outlet}"));
            }
        }
    }
    assert_eq!(forgotten, Vec::<String>::new());
    assert_eq!(shown, Code::all().len() * OUTLETS.len());
}

#[test]
fn no_outlet_calls_a_fleet_fine_while_the_list_has_something() {
    for cause in Cause::all() {
        let fleet = Fleet::of(cause);
        assert!(!fleet.list().matters.is_empty(), "{cause:?}");
        for (outlet, render) in OUTLETS {
            let text = render(&fleet).to_lowercase();
            for calm in ["nothing to do", "in order", "nothing needs attention"] {
                assert!(!text.contains(calm), "{cause:?}, {outlet}: {text}");
            }
        }
    }
}

#[test]
fn the_exit_code_tells_every_code() {
    for cause in Cause::all() {
        let attention = Fleet::of(cause).list();
        let fails = |on: FailOn| attention.matters.iter().any(|matter| on.fails(matter));
        assert!(fails(FailOn::Code(cause.code())), "{cause:?}");
        let (urgent, critical) = match cause.severity() {
            Severity::Critical => (true, true),
            Severity::Urgent => (true, false),
            Severity::Notice => (false, false),
        };
        assert_eq!(fails(FailOn::Urgent), urgent, "status --fail-on urgent: {cause:?}");
        assert_eq!(attention.is_critical(), critical, "plan --detailed-exitcode: {cause:?}");
    }
}

#[test]
fn what_is_urgent_has_its_next_step_in_every_outlet() {
    for cause in Cause::all().into_iter().filter(|cause| cause.severity() != Severity::Notice) {
        let fleet = Fleet::of(cause);
        let matters = fleet.list().matters;
        let urgent = matters.iter().find(|one| one.code == cause.code()).unwrap();
        for (outlet, render) in OUTLETS {
            let text = anstream::adapter::strip_str(&render(&fleet)).to_string();
            // Wrapped, quoted and escaped as each outlet does it: the words are what counts.
            let words = |text: &str| -> Vec<String> {
                let marks = ["\\n", "%0A", "&gt;", "&lt;", "&amp;", "<!-- -->"];
                let plain =
                    marks.iter().fold(text.to_owned(), |text, mark| text.replace(mark, " "));
                let words = plain.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase);
                words.filter(|word| !word.is_empty()).collect()
            };
            let (text, next) = (words(&text), words(&urgent.next));
            let step = urgent.command.as_deref().map_or(next, words);
            assert!(
                text.windows(step.len()).any(|part| part == step),
                "{cause:?}, {outlet}: {step:?}\n{}",
                render(&fleet)
            );
        }
    }
}

#[test]
fn every_matter_says_what_happened_and_what_to_do() {
    for matter in every_cause().list().matters {
        assert!(!matter.message.is_empty() && !matter.next.is_empty(), "{matter:?}");
        let needs_command = matter.next.ends_with(':');
        assert_eq!(matter.command.is_some(), needs_command, "{matter:?}");
    }
}

#[test]
fn a_known_token_is_named_and_a_command_stands_alone() {
    for matter in every_cause().list().matters {
        for text in [Some(&matter.next), matter.command.as_ref(), matter.command_for_all.as_ref()] {
            let text = text.map_or("", String::as_str);
            assert!(matter.tenant.is_none() || !text.contains("TENANT"), "{matter:?}");
        }
        // A closing command is taken out of the sentence.
        let last = matter.next.strip_suffix("`.").and_then(|text| text.rsplit('`').next());
        assert!(last.is_none_or(|last| !last.starts_with("applecart ")), "{matter:?}");
    }
    let fleet = every_cause();
    let invalid = |one: &&Matter| one.code.as_str() == "token-invalid";
    let matters = fleet.list().matters;
    let command = matters.iter().find(invalid).unwrap().command.clone().unwrap();
    assert!(command.starts_with("applecart renew tenant-"), "{command}");
}

#[test]
fn what_to_do_about_a_topic_is_told_once() {
    let mut world = World::renewal();
    world.entry().facts.topic = Some(OTHER_TOPIC.parse().unwrap());
    let matters = attention(&world);
    let held = matters.iter().find(|one| one.code.as_str() == "topic-change").unwrap();
    assert!(held.message.ends_with("Uploading it would cut off every enrolled device."));
    assert!(
        held.next.starts_with(
            "At Apple's push portal press Renew on the old certificate, not Create, signed in as mdm@contoso.example. If no device"
        ),
        "{}",
        held.next
    );
}

#[test]
fn a_list_says_how_it_goes_on() {
    let mut fleet = every_cause();
    fleet.plan.tenants.clear();
    fleet.git.clear();
    for _ in 0..20 {
        fleet.add(Cause::Critical);
    }
    for (number, tenant) in fleet.plan.tenants.iter_mut().enumerate() {
        let day = format!("2026-12-{:02}T10:00:00Z", number + 1);
        tenant.tokens[0].state.expires = Some(day.parse().unwrap());
    }
    let view = report::StatusView { width: 100, ..report::StatusView::default() };
    let text = report::status_human(&fleet.status(), view);
    let text = anstream::adapter::strip_str(&text).to_string();
    assert!(text.contains("… and 17 more (-o json shows all, --select narrows)"), "{text}");
    assert!(text.contains("\n    applecart renew --due "), "{text}");
}

#[test]
fn one_waiting_confirmation_has_its_command_above_the_plan() {
    let mut fleet = every_cause();
    fleet.plan.tenants.clear();
    fleet.git.clear();
    fleet.ledger = LedgerView::default();
    fleet.add(Cause::AwaitingConfirmation);
    let text = |fleet: &Fleet| {
        let text = report::plan_human(&fleet.plan, &fleet.list(), false, 100);
        anstream::adapter::strip_str(&text).to_string()
    };
    assert!(
        text(&fleet).contains("\n      applecart acknowledge tenant-10/push\n"),
        "{}",
        text(&fleet)
    );
    for _ in 0..4 {
        fleet.add(Cause::AwaitingConfirmation);
    }
    let five = text(&fleet);
    assert_eq!(five.matches("applecart acknowledge tenant-").count(), 3, "{five}");
    assert!(five.contains("… and 2 more"), "{five}");
}

#[test]
fn fail_on_takes_urgent_and_every_code() {
    assert_eq!("urgent".parse(), Ok(FailOn::Urgent));
    assert_eq!("renewal-due".parse(), Ok(FailOn::Code(Cause::RenewalDue.code())));
    let error = "soon".parse::<FailOn>().unwrap_err().to_string();
    assert!(error.contains("\"soon\"") && error.contains("applecart explain"), "{error}");
}
