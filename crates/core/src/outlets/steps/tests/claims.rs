//! Runs that die, sinks that are down, and lines of the notes that no run wrote.

use super::*;

#[test]
fn a_forged_line_silences_a_critical_matter_for_one_reminder_and_no_longer() {
    let mut scene = Scene::new();
    scene.raise(Cause::Expired);
    // Whoever may push notes writes that it was told, long in the future.
    let told = Told { matter: scene.matters[0].clone(), step: Step::Raised(1) };
    let matters = TenantMatters::new(
        Customer { tenant_id: Some(scene.world.tenant.tenant_id), ..Customer::default() },
        std::slice::from_ref(&told),
    );
    let message = Message::digest("hub", matters, scene.now).unwrap();
    let (file, now) = (scene.world.tenant.tenant_id, scene.now);
    for on in [now, now.plus(Duration::days(4_000))] {
        scene.told.clear();
        scene.now = on;
        scene.write("mallory", file, "hub", &message, &told, Phase::Sent);
        scene.now = now;
        let mut first = None;
        for day in 0..9 {
            let said = scene.run();
            if !said.is_empty() && first.is_none() {
                assert!(said[0].starts_with("hub: again-"), "{said:?}");
                first = Some(day);
            }
            scene.days(1);
        }
        assert!(first.is_some_and(|day| day <= 7), "{first:?}");
        scene.now = now;
    }
}

/// Whoever may push notes writes in one minute what would be told in years, or what never can be.
#[test]
fn forged_lines_of_steps_to_come_silence_no_critical_matter() {
    let years: Vec<Step> = (1..500).map(|count| Step::Again(count, 1)).collect();
    let never = vec![Step::Raised(u32::MAX), Step::Resolved(u32::MAX)];
    let later = (2..200).flat_map(|time| [Step::Resolved(time - 1), Step::Raised(time)]).collect();
    for forged in [years, never, later] {
        let mut scene = Scene::new();
        scene.raise(Cause::Expired);
        assert_eq!(scene.run(), ["hub: raised-1 expired"]);
        let file = scene.world.tenant.tenant_id;
        for step in forged {
            let told = Told { matter: scene.matters[0].clone(), step };
            let customer = Customer { tenant_id: Some(file), ..Customer::default() };
            let matters = TenantMatters::new(customer, std::slice::from_ref(&told));
            let message = Message::digest("hub", matters, scene.now).unwrap();
            scene.write("mallory", file, "hub", &message, &told, Phase::Sent);
        }
        let mut said = Vec::new();
        for _ in 0..21 {
            scene.days(1);
            said.extend(scene.run());
        }
        assert_eq!(said.len(), 3, "once a week: {said:?}");
    }
}

#[test]
fn a_sink_that_is_down_loses_nothing_and_the_others_wait_for_nothing() {
    let mut scene = Scene::new();
    scene.sinks.push(sink("mail"));
    scene.down = vec!["hub"];
    scene.raise(Cause::Expired);
    assert_eq!(scene.run(), ["mail: raised-1 expired"]);
    assert_eq!(scene.run(), NOTHING);
    scene.matters.clear();
    assert_eq!(scene.run(), ["mail: resolved-1 expired"]);
    scene.down.clear();
    assert_eq!(scene.run(), ["hub: raised-1 expired", "hub: resolved-1 expired"]);
    assert_eq!(scene.run(), NOTHING);
}

#[test]
fn a_run_that_died_is_made_up_for_with_the_same_message() {
    let mut scene = Scene::new();
    scene.raise(Cause::Expired);
    scene.run_ending(End::Killed);
    let claimed = scene.told.values().flatten().next().unwrap().notice().unwrap().1.delivery;
    scene.clone = "clone-2";
    assert_eq!(scene.run(), NOTHING, "it may still be sending");
    scene.now = scene.now.plus(Duration::minutes(15));
    assert_eq!(scene.run(), ["hub: raised-1 expired"]);
    let sent = scene.told.values().flatten().last().unwrap().notice().unwrap().1.clone();
    assert_eq!((sent.delivery, sent.phase), (claimed, Phase::Sent));
}

#[test]
fn what_a_run_hands_back_any_clone_tells_at_once_and_it_counts_as_no_death() {
    let mut scene = Scene::new();
    scene.raise(Cause::Expired);
    for clone in ["clone-1", "clone-2", "clone-3", "clone-4"] {
        scene.clone = clone;
        scene.run_ending(End::HandedBack);
    }
    // Claims of runs that died would by now bind nobody.
    scene.clone = "clone-5";
    scene.run_ending(End::Killed);
    scene.clone = "clone-6";
    assert_eq!(scene.run(), NOTHING, "clone-5 may be sending");
    scene.now = scene.now.plus(Duration::minutes(15));
    assert_eq!(scene.run(), ["hub: raised-1 expired"]);
}

#[test]
fn what_did_not_arrive_arrives_in_the_order_in_which_it_happened() {
    let mut scene = Scene::new();
    let urgent = [Cause::CannotLand, Cause::FactsDiffer, Cause::CanaryFailed, Cause::Expired];
    urgent.into_iter().for_each(|cause| scene.raise(cause));
    scene.down = vec!["hub"];
    scene.run();
    let raised = std::mem::take(&mut scene.matters);
    scene.run();
    scene.down.clear();
    let told = scene.run();
    let place = |step: &str, matter: &Matter| {
        told.iter().position(|one| *one == format!("hub: {step} {}", matter.code)).unwrap()
    };
    for matter in &raised {
        assert!(place("raised-1", matter) < place("resolved-1", matter), "{told:?}");
    }

    // A run that was killed telling of an end, before the matter came again.
    let mut scene = Scene::new();
    scene.raise(Cause::CannotLand);
    scene.run();
    let raised = std::mem::take(&mut scene.matters);
    scene.run_ending(End::Killed);
    scene.matters = raised;
    assert_eq!(scene.run(), ["hub: resolved-1 cannot-land", "hub: raised-2 cannot-land"]);
}

#[test]
fn a_run_of_the_same_clone_knows_at_once_that_the_other_died() {
    let mut scene = Scene::new();
    scene.raise(Cause::Expired);
    scene.run_ending(End::Killed);
    assert_eq!(scene.run(), ["hub: raised-1 expired"]);
}

#[test]
fn a_claim_that_asks_for_more_than_a_run_may_have_binds_nobody() {
    let mut scene = Scene::new();
    scene.raise(Cause::Expired);
    scene.run_ending(End::Killed);
    scene.clone = "clone-2";
    let record = scene.told.values_mut().flatten().next().unwrap();
    let EntryBody::Told { notice, .. } = &mut record.entry.body else { panic!() };
    notice.phase = Phase::Claimed { until: at("2099-01-01T00:00:00Z") };
    assert_eq!(scene.run(), ["hub: raised-1 expired"]);
}

#[test]
fn a_digest_that_died_is_made_up_for_as_the_one_message_it_was() {
    let mut scene = Scene::new();
    scene.sinks[0].digest = Some(crate::fleet::Digest::Daily);
    scene.raise(Cause::RenewalDue);
    scene.raise(Cause::CannotLand);
    scene.run_ending(End::Killed);
    scene.matters.clear();
    scene.days(1);
    let said = scene.run();
    assert_eq!(said[0], "hub: raised-1 cannot-land, raised-1 renewal-due");
}

#[test]
fn a_forged_line_gives_up_nothing_that_arrived() {
    let mut scene = Scene::new();
    scene.raise(Cause::Expired);
    let plan = scene.plan();
    let deliveries = due(&scene.input(&plan, "run"), &scene.sinks[0]);
    scene.run();
    let [Delivery { file, message }] = deliveries.as_slice() else { panic!() };
    let dropped = Phase::Dropped { why: "nobody".into() };
    scene.write("mallory", *file, "hub", message, &message.told()[0], dropped);
    assert_eq!(scene.run(), NOTHING);
    scene.matters.clear();
    assert_eq!(scene.run(), ["hub: resolved-1 expired"]);
    assert_eq!(scene.run(), NOTHING);
}

#[test]
fn a_sink_fails_since_the_first_message_that_did_not_arrive_after_the_last_that_did() {
    let mut scene = Scene::new();
    scene.raise(Cause::Expired);
    scene.run();
    assert_eq!(memory::failing_since(&scene.told, "hub", |_, _| true), None);
    scene.down = vec!["hub"];
    scene.days(1);
    scene.raise(Cause::CannotLand);
    scene.run();
    let since = scene.now;
    scene.days(1);
    scene.run();
    assert_eq!(memory::failing_since(&scene.told, "hub", |_, _| true), Some((since, "down")));
    scene.down.clear();
    scene.run();
    assert_eq!(memory::failing_since(&scene.told, "hub", |_, _| true), None);
}

#[test]
fn of_two_claims_of_one_step_the_earlier_one_is_won() {
    let mut scene = Scene::new();
    scene.raise(Cause::Expired);
    scene.run_ending(End::Killed);
    let records: Vec<Record> = scene.told.values().flatten().cloned().collect();
    let mut second = records[0].clone();
    (second.seq, second.entry.run, second.entry.clone) = (2, "run-9".into(), "clone-9".into());
    let file = scene.world.tenant.tenant_id;
    let chain = [records[0].clone(), second.clone()];
    let asker = |run, clone| Asker { real_now: scene.now, run, clone };
    assert!(memory::is_won(file, (&chain, &[]), &chain[0], asker("run-1", "clone-1")));
    assert!(!memory::is_won(file, (&chain, &[]), &chain[1], asker("run-9", "clone-9")));
    let judged = &records[..1];
    assert!(
        memory::is_won(file, (&chain, judged), &chain[1], asker("run-9", "clone-9")),
        "it was judged"
    );
}

/// Several runs claimed the same and all of them died.
#[test]
fn a_claim_that_was_lost_holds_up_neither_its_own_clone_nor_the_one_that_won() {
    let mut scene = Scene::new();
    scene.raise(Cause::Expired);
    let claim = |scene: &mut Scene, clone| {
        let known = std::mem::take(&mut scene.told);
        scene.clone = clone;
        scene.run_ending(End::Killed);
        let own = std::mem::replace(&mut scene.told, known);
        for (file, records) in own {
            scene.told.entry(file).or_default().extend(records);
        }
    };
    for clone in ["clone-1", "clone-2", "clone-3"] {
        claim(&mut scene, clone);
    }
    let plan = scene.plan();
    let asked = |scene: &Scene, clone| {
        let asker = Asker { real_now: scene.now, run: "run-9", clone };
        let input = Input { asker, ..scene.input(&plan, "run-9") };
        let sinks = scene.sinks.iter().map(|sink| sink.name.as_str());
        let claimed = memory::claimed(&scene.told, sinks, |_| true, asker);
        (due(&input, &scene.sinks[0]).len(), claimed.map(|one| one.messages))
    };
    assert_eq!(asked(&scene, "clone-1"), (1, None), "its own run is dead");
    assert_eq!(asked(&scene, "clone-2"), (0, Some(1)), "the first may be sending");
    scene.now = scene.now.plus(Duration::minutes(16));
    assert_eq!(asked(&scene, "clone-2"), (1, None));
}

#[test]
fn what_a_machine_with_a_fast_clock_has_told_is_no_reminder_an_hour_before() {
    let mut scene = Scene::new();
    scene.raise(Cause::Expired);
    scene.now = scene.now.plus(Duration::hours(1));
    scene.run();
    scene.now = scene.now.plus(-Duration::hours(1));
    assert!(scene.run().iter().all(|said| !said.contains("again")));
}

#[test]
fn a_clone_whose_runs_die_again_and_again_keeps_the_others_waiting_for_two_claims_only() {
    let mut scene = Scene::new();
    scene.raise(Cause::Expired);
    for _ in 0..3 {
        scene.clone = "clone-1";
        scene.run_ending(End::Killed);
        scene.now = scene.now.plus(Duration::minutes(10));
        scene.clone = "clone-2";
        if scene.runs < 3 {
            assert!(scene.run().is_empty());
            scene.runs -= 1;
        }
    }
    assert_eq!(scene.run(), ["hub: raised-1 expired"]);
}

#[test]
fn fresh_clones_that_die_day_after_day_keep_the_others_waiting_for_two_claims_only() {
    let mut scene = Scene::new();
    scene.raise(Cause::Expired);
    let mut told = Vec::new();
    for clone in ["clone-1", "clone-3", "clone-4"] {
        scene.clone = clone;
        scene.run_ending(End::Killed);
        scene.now = scene.now.plus(Duration::minutes(10));
        scene.clone = "clone-2";
        told = scene.run();
        scene.now = scene.now.plus(Duration::days(1));
    }
    assert_eq!(told, ["hub: raised-1 expired"]);
}
