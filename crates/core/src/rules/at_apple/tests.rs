use super::*;
use crate::model::{Event, Reading};
use crate::plan::world::{World, policy};
use crate::rules::bindings::{Bindings, History};

const LONDON: &str = "2049025000431439";
const PARIS: &str = "2049025000431440";

fn alive(id: &str, name: &str) -> Location {
    Location {
        id: id.parse().unwrap(),
        name: Some(name.to_owned()),
        country: Some("GB".to_owned()),
        mdm: Some("Microsoft Intune".to_owned()),
    }
}

/// What follows from an answer about London's next file, in a world that a test changed.
fn judged(world: &World, mode: CheckWithApple, answer: &Answer) -> Verdict {
    let policy = Policy { check_with_apple: mode, ..policy() };
    let token = &world.tenant.vpp[0];
    let nothing = TenantLedger::default();
    let past = world.ledger.as_ref().unwrap().tenants.get(&world.tenant.tenant_id);
    let before = match &world.live.vpp {
        Reading::Present(all) => Some(all[0].facts()),
        _ => None,
    };
    let history = History::default();
    let bindings = Bindings::of(&world.others, None, world.ledger.as_ref().ok(), &history);
    let asked = Asked {
        token,
        sha256: Sha256::of(b"AA"),
        past: past.unwrap_or(&nothing),
        before: before.as_ref(),
        destination: Some((&world.tenant, &bindings)),
        policy: &policy,
        today: "2026-11-22".parse().unwrap(),
    };
    asked.verdict(answer)
}

fn with_id(id: &str) -> World {
    let mut world = World::vpp_renewal();
    world.tenant.vpp[0].location_id = Some(id.parse().unwrap());
    world.tenant.vpp[0].facts.country_or_region = Some("gb".to_owned());
    world.seen_at(id);
    world
}

/// An edit of a tenant file can name any location: it proves nothing until a file of it was in Intune.
#[test]
fn an_id_that_git_alone_names_calls_no_other_name_the_same_location() {
    let mut world = World::vpp_renewal();
    world.tenant.vpp[0].location_id = Some(PARIS.parse().unwrap());
    let paris = Answer::Alive(alive(PARIS, "Paris"));
    let other = judged(&world, CheckWithApple::Warn, &paris);
    assert_eq!(other.holds[0].reason, Reason::WrongLocation);
    assert!(other.remarks.is_empty(), "{other:?}");
    assert!(other.holds[0].detail.contains("Only the tenant file says"), "{other:?}");
    let same = judged(&world, CheckWithApple::Warn, &Answer::Alive(alive(PARIS, "London")));
    assert!(same.holds.is_empty(), "{same:?}");
    // Nor does it where a file of another one was in Intune, or the entry named another one first.
    for of in [World::seen_at, World::first_location] {
        let mut world = World::vpp_renewal();
        world.tenant.vpp[0].location_id = Some(PARIS.parse().unwrap());
        of(&mut world, LONDON);
        let edited = judged(&world, CheckWithApple::Warn, &paris);
        assert!(edited.holds.iter().any(|hold| hold.reason == Reason::WrongLocation));
        let line = format!(r#"from: "{LONDON}", to: "{PARIS}""#);
        assert!(edited.holds[0].detail.contains(&line), "{edited:?}");
        let same_name = Answer::Alive(alive(PARIS, "London"));
        assert!(!judged(&world, CheckWithApple::Warn, &same_name).holds.is_empty());
    }
}

#[test]
fn what_apple_said_against_a_file_holds_until_it_answers_otherwise() {
    let silent = Answer::Unknown(Silence::TimedOut);
    let mut world = with_id(LONDON);
    let fresh = judged(&world, CheckWithApple::Warn, &silent);
    assert!(fresh.holds.is_empty(), "{fresh:?}");
    for (answer, reason) in [
        (Answer::Dead(Death::Invalid), Reason::DeadAtApple),
        (
            Answer::Alive(Location { mdm: Some("Another".into()), ..alive(LONDON, "London") }),
            Reason::ExternalMdm,
        ),
        (Answer::Alive(alive(PARIS, "Paris")), Reason::WrongLocation),
    ] {
        let Verdict { holds, .. } = judged(&world, CheckWithApple::Warn, &answer);
        let told = format!("{}: {}", holds[0].reason, holds[0].detail);
        let mut world = with_id(LONDON);
        world.refused_at_apple(&told);
        let held = judged(&world, CheckWithApple::Warn, &silent);
        assert_eq!(held.holds[0].reason, reason, "{held:?}");
        assert!(held.holds[0].detail.contains("answer on 2026-11-21"), "{held:?}");
        let alive = judged(&world, CheckWithApple::Warn, &Answer::Alive(alive(LONDON, "London")));
        assert!(alive.holds.is_empty(), "{alive:?}");
        // A later line with a location says that Apple called it alive since.
        let later = world.recorded(Event::Intended, "AA", "run-2", "2026-11-21T11:00:00Z");
        later.location_id = Some(LONDON.parse().unwrap());
        assert!(judged(&world, CheckWithApple::Warn, &silent).holds.is_empty());
    }
    // What a person answers to it counts without Apple.
    let Verdict { holds, .. } =
        judged(&world, CheckWithApple::Warn, &Answer::Alive(alive(PARIS, "Paris")));
    world.refused_at_apple(&format!("{}: {}", holds[0].reason, holds[0].detail));
    world.allow("wrong-location", LONDON, PARIS);
    assert!(judged(&world, CheckWithApple::Warn, &silent).holds.is_empty());
}

#[test]
fn a_location_that_another_entry_has_a_file_for_is_not_this_ones() {
    let mut world = World::vpp_renewal();
    let mut other = world.tenant.vpp[0].clone();
    other.token.name = Some("Paris".to_owned());
    other.token.id = Some("vpp-2".to_owned());
    other.location_id = Some(PARIS.parse().unwrap());
    world.tenant.vpp.push(other);
    world.others = vec![crate::fleet::Desired::Valid(world.tenant.clone())];
    let unnamed = Answer::Alive(Location { name: None, ..alive(PARIS, "Paris") });
    let held = judged(&world, CheckWithApple::Warn, &unnamed);
    assert_eq!(held.holds[0].reason, Reason::Duplicate, "{held:?}");
}

/// The rows of the matrix, and what each is in `warn` and in `require`.
#[test]
fn every_answer_is_judged_alike_by_warn_and_require_but_for_silence() {
    let renamed = Answer::Alive(alive(LONDON, "London HQ"));
    let claimed =
        Answer::Alive(Location { mdm: Some("Another MDM".to_owned()), ..alive(LONDON, "London") });
    let abroad =
        Answer::Alive(Location { country: Some("DE".to_owned()), ..alive(LONDON, "London") });
    let unreachable = Silence::Unreachable { cause: "refused".to_owned() };
    let held = |reason| (Some(reason), None);
    let told = |remark| (None, Some(remark));
    let rows = [
        (Answer::Alive(alive(LONDON, "London")), (None, None), (None, None)),
        (
            Answer::Alive(alive(PARIS, "Paris")),
            held(Reason::WrongLocation),
            held(Reason::WrongLocation),
        ),
        // Two locations of one name are two locations.
        (
            Answer::Alive(alive(PARIS, "London")),
            held(Reason::WrongLocation),
            held(Reason::WrongLocation),
        ),
        (renamed, told(Remark::LocationRenamed), told(Remark::LocationRenamed)),
        (claimed, held(Reason::ExternalMdm), held(Reason::ExternalMdm)),
        (Answer::Dead(Death::Revoked), held(Reason::DeadAtApple), held(Reason::DeadAtApple)),
        (Answer::Dead(Death::Expired), held(Reason::DeadAtApple), held(Reason::DeadAtApple)),
        (Answer::Dead(Death::Invalid), held(Reason::DeadAtApple), held(Reason::DeadAtApple)),
        (abroad, told(Remark::CountryDiffers), told(Remark::CountryDiffers)),
        (
            Answer::Unknown(unreachable),
            told(Remark::LocationUnproved),
            held(Reason::LocationUnproved),
        ),
        (
            Answer::Unknown(Silence::TimedOut),
            told(Remark::LocationUnproved),
            held(Reason::LocationUnproved),
        ),
        (
            Answer::Unknown(Silence::Error { number: 9646 }),
            told(Remark::LocationUnproved),
            held(Reason::LocationUnproved),
        ),
    ];
    let world = with_id(LONDON);
    for (answer, warn, require) in rows {
        for (mode, expected) in [(CheckWithApple::Warn, warn), (CheckWithApple::Require, require)] {
            let Verdict { holds, remarks, .. } = judged(&world, mode, &answer);
            let holds: Vec<_> = holds.iter().map(|hold| hold.reason).collect();
            let remarks: Vec<_> = remarks.iter().map(|(remark, _)| *remark).collect();
            let expected = (expected.0.into_iter().collect(), expected.1.into_iter().collect());
            assert_eq!((holds, remarks), expected, "{mode:?}: {answer:?}");
        }
    }
}

#[test]
fn without_an_id_the_name_has_to_do() {
    let world = World::vpp_renewal();
    let verdict = |name| judged(&world, CheckWithApple::Warn, &Answer::Alive(alive(PARIS, name)));
    let same = verdict("London");
    assert!(same.holds.is_empty(), "{same:?}");
    assert_eq!(same.location.unwrap().as_str(), PARIS);
    let other = verdict("Paris");
    assert_eq!(other.holds[0].reason, Reason::WrongLocation);
    let told = &other.holds[0].detail;
    assert!(told.contains("\"Paris\"") && told.contains("\"London\""), "{told}");
    assert!(
        told.contains(r#"allow: [{hold: wrong-location, from: "London", to: "Paris""#),
        "{told}"
    );
}

#[test]
fn where_git_names_no_location_it_is_the_one_that_intune_shows() {
    let mut world = World::vpp_renewal();
    world.tenant.vpp[0].facts.location = None;
    let other = judged(&world, CheckWithApple::Warn, &Answer::Alive(alive(PARIS, "Paris")));
    assert_eq!(other.holds[0].reason, Reason::WrongLocation);
    world.live.vpp = Reading::Absent;
    let first = judged(&world, CheckWithApple::Warn, &Answer::Alive(alive(PARIS, "Paris")));
    assert!(first.holds.is_empty(), "{first:?}");
}

#[test]
fn the_id_of_the_last_file_that_intune_had_is_the_tokens() {
    let mut world = World::vpp_renewal();
    world.forget();
    world.recorded(Event::Confirmed, "99", "run-0", "2025-12-20T11:00:00Z");
    let view = world.ledger.as_mut().unwrap();
    for ledger in view.tenants.values_mut() {
        for record in &mut ledger.records {
            record.entry.location_id = Some(LONDON.parse().unwrap());
        }
    }
    let other = judged(&world, CheckWithApple::Warn, &Answer::Alive(alive(PARIS, "London")));
    assert_eq!(other.holds[0].reason, Reason::WrongLocation);
    // And it belongs to this tenant.
    let bound = view_bindings(&world);
    assert_eq!(bound.len(), 1);
}

fn view_bindings(world: &World) -> std::collections::BTreeSet<crate::model::TenantId> {
    let view = world.ledger.as_ref().unwrap();
    view.bindings().of(&crate::fleet::Owned::Location(LONDON.parse().unwrap())).clone()
}

#[test]
fn a_reviewed_line_lets_the_location_change() {
    let mut world = with_id(LONDON);
    world.kind = crate::model::Kind::Vpp;
    world.allow("wrong-location", LONDON, PARIS);
    let released = judged(&world, CheckWithApple::Warn, &Answer::Alive(alive(PARIS, "Paris")));
    assert!(released.holds.is_empty(), "{released:?}");
}

#[test]
fn another_mdm_keeps_its_location_unless_it_is_to_be_claimed() {
    let mut world = with_id(LONDON);
    let theirs = Location { mdm: Some("Another MDM".to_owned()), ..alive(LONDON, "London") };
    let theirs = Answer::Alive(theirs);
    assert!(!judged(&world, CheckWithApple::Warn, &theirs).holds.is_empty());
    world.tenant.vpp[0].claim = true;
    assert!(judged(&world, CheckWithApple::Warn, &theirs).holds.is_empty());
    world.tenant.vpp[0].claim = false;
    let nobodys = Answer::Alive(Location { mdm: None, ..alive(LONDON, "London") });
    assert!(judged(&world, CheckWithApple::Warn, &nobodys).holds.is_empty());
}

/// A plan leaves a new name to Apple's id; where Apple is silent, nothing else tells.
#[test]
fn a_silent_apple_leaves_it_to_the_name() {
    let mut world = with_id(LONDON);
    world.live_vpp(|live| live.location = Some("Paris".to_owned()));
    let silent = judged(&world, CheckWithApple::Warn, &Answer::Unknown(Silence::TimedOut));
    assert_eq!(silent.holds[0].reason, Reason::WrongLocation);
    let asked = judged(&world, CheckWithApple::Warn, &Answer::Alive(alive(LONDON, "Paris")));
    assert!(asked.holds.is_empty(), "{asked:?}");
}
