//! What was told stays in the list while its token cannot be read, and ends by a reading.

use super::*;
use crate::ledger::testing::author;
use crate::model::{
    EntryBody, LedgerEntry, LiveTenant, Notice, Noticed, Phase, Record, Revocation, Telling,
    TokenRef,
};
use crate::rules::last_known::{Readings, SeenToken};

const TOLD: &str = "2026-11-20T08:00:00Z";
const LATER: &str = "2026-11-20T09:00:00Z";

/// A world with a sink, whose push certificate does not work.
fn broken() -> World {
    let mut world = World::renewal();
    world.policy.notify.push(sink("hub"));
    world.live_push(|push| push.failure = Some("invalid".into()));
    world
}

fn is_invalid(matter: &Matter) -> bool {
    matter.code.as_str() == "token-invalid"
}

fn invalid(world: &World) -> Matter {
    attention(world).into_iter().find(is_invalid).unwrap()
}

/// Notes that this step of a matter was told at a sink.
fn tell(world: &mut World, matter: &Matter, (sink, step, on): (&str, &str, &str)) {
    let noticed = Noticed {
        code: matter.code.to_string(),
        severity: matter.severity.as_str().into(),
        since: matter.since,
        due: matter.due,
    };
    let notice = Notice {
        key: matter.key.clone(),
        sink: sink.into(),
        step: step.into(),
        delivery: Sha256::of(step.as_bytes()),
        on: at(on),
        phase: Phase::Sent,
        client: None,
        matter: Some(noticed),
    };
    let body = EntryBody::Told { event: Telling::Notified, notice };
    let name = world.tenant.name.clone();
    let entry = LedgerEntry::new(at(on), name, matter.token.clone(), &author("run-1"), body);
    let id = world.tenant.tenant_id;
    let lines: &mut Vec<Record> = world.ledger.as_mut().unwrap().told.entry(id).or_default();
    let seq = lines.len() as u64 + 1;
    lines.push(entry.at_place(seq, Sha256::ZERO));
}

fn no_answer(world: &mut World) {
    world.live.push = Reading::Unknown(Problem::new(ProblemCode::Timeout, "no answer in time"));
}

/// The same matter of another cause, as if it had been told.
fn of(matter: &Matter, cause: Cause, period: &str) -> Matter {
    let (start, _) = matter.key.split_once("/token-invalid/").unwrap();
    let key = format!("{start}/{}/{period}", cause.code());
    Matter { key, code: cause.code(), severity: cause.severity(), ..matter.clone() }
}

fn remembered(world: &World) -> Vec<Matter> {
    attention(world).into_iter().filter(|one| one.is_remembered).collect()
}

#[test]
fn what_was_told_stays_until_a_reading_disproves_it() {
    let mut world = broken();
    let told = invalid(&world);
    tell(&mut world, &told, ("hub", "raised-1", TOLD));
    let read = world.live.push.clone();
    no_answer(&mut world);
    let kept = attention(&world).into_iter().find(is_invalid).unwrap();
    assert_eq!((kept.key, kept.severity), (told.key, told.severity));
    assert_eq!(kept.as_of, Some(at(TOLD)));
    assert!(kept.message.starts_with("Told last on 2026-11-20: "), "{}", kept.message);
    assert_eq!(kept.command.as_deref(), Some("applecart history contoso/push"));
    // Read again, and well, though no sink was told of the end.
    world.live.push = read;
    world.live_push(|push| push.failure = None);
    assert!(!attention(&world).iter().any(is_invalid));
}

#[test]
fn what_is_read_is_told_once_and_by_the_reading() {
    let mut world = broken();
    let told = invalid(&world);
    tell(&mut world, &told, ("hub", "raised-1", TOLD));
    let matters: Vec<_> = attention(&world).into_iter().filter(is_invalid).collect();
    assert_eq!(matters, [told]);
}

#[test]
fn what_is_over_does_not_come_back() {
    let mut world = broken();
    let told = invalid(&world);
    tell(&mut world, &told, ("hub", "raised-1", TOLD));
    tell(&mut world, &told, ("hub", "resolved-1", LATER));
    no_answer(&mut world);
    assert_eq!(remembered(&world), []);
    // And again, for the second time.
    tell(&mut world, &told, ("hub", "raised-2", LATER));
    assert_eq!(remembered(&world).len(), 1);
}

#[test]
fn a_line_ends_a_matter_at_its_own_sink_and_no_sink_that_is_gone_keeps_one() {
    let mut world = broken();
    world.policy.notify.push(sink("desk"));
    let told = invalid(&world);
    tell(&mut world, &told, ("hub", "raised-1", TOLD));
    tell(&mut world, &told, ("desk", "raised-1", TOLD));
    tell(&mut world, &told, ("desk", "resolved-1", LATER));
    no_answer(&mut world);
    assert_eq!(remembered(&world).len(), 1, "one end, of two sinks");
    world.policy.notify.retain(|sink| sink.name == "desk");
    assert_eq!(remembered(&world), []);
}

#[test]
fn the_calendar_tells_how_far_a_renewal_is_also_of_a_token_that_cannot_be_read() {
    let mut world = broken();
    let told = invalid(&world);
    for (cause, period) in [(Cause::RenewalDue, "2026-12-01"), (Cause::Critical, "2026-12-01")] {
        tell(&mut world, &of(&told, cause, period), ("hub", "raised-1", TOLD));
    }
    let codes = |world: &World| -> Vec<String> {
        remembered(world).iter().map(|one| one.code.to_string()).collect()
    };
    no_answer(&mut world);
    assert_eq!(codes(&world), ["critical"], "the later stage took the place of the earlier one");
    // A later reading is on record, and of another certificate.
    world.recorded(Event::Observed, "AA", "run-1", LATER);
    assert_eq!(codes(&world), [""; 0]);
}

#[test]
fn what_the_record_tells_needs_no_reading_to_be_over() {
    let mut world = broken();
    let told = invalid(&world);
    for cause in [Cause::AwaitingConfirmation, Cause::RequestDisputed, Cause::RenewalOpen] {
        tell(&mut world, &of(&told, cause, "-"), ("hub", "raised-1", TOLD));
    }
    no_answer(&mut world);
    assert_eq!(remembered(&world), []);
}

#[test]
fn a_token_that_only_intune_names_keeps_what_was_told_of_it() {
    let mut world = broken();
    let told = invalid(&world);
    let token = TokenRef {
        kind: crate::model::Kind::Vpp,
        id: Some("9a1f".into()),
        name: Some("London".into()),
    };
    let key = told.key.replacen("/push/-/", "/vpp/9a1f/", 1);
    let stranger = Matter { key, token: Some(token), ..told };
    tell(&mut world, &stranger, ("hub", "raised-1", TOLD));
    assert_eq!(remembered(&world), [], "it was read that Intune has no such token");
    no_answer(&mut world);
    let kept = remembered(&world);
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].command.as_deref(), Some("applecart status --select contoso"));
}

#[test]
fn a_forged_line_hides_nothing_that_a_run_found() {
    let mut world = broken();
    let told = invalid(&world);
    for step in ["raised-1", "resolved-1", "raised-4294967295", "unwatched-2"] {
        tell(&mut world, &told, ("hub", step, TOLD));
    }
    assert_eq!(invalid(&world), told);
    // One from the future is not known yet.
    tell(&mut world, &told, ("hub", "raised-2", "2031-01-01T00:00:00Z"));
    no_answer(&mut world);
    assert_eq!(remembered(&world), []);
}

/// A world of a watched certificate that Git says expires soon, and whose clone read a later date.
fn renewed_in_the_portal() -> World {
    let mut world = World::unrecorded();
    world.entry().file = None;
    world.entry().facts.expires = Some(at("2026-11-25T10:00:00Z"));
    world.live.push = Reading::Unknown(Problem::new(ProblemCode::Timeout, "no answer"));
    world
}

fn of_clone(world: &World, plan: &Plan) -> Vec<Matter> {
    let mut fleet = world.others.clone();
    fleet.push(Desired::Valid(world.tenant.clone()));
    let clone = CloneState { readings: world.readings.clone(), ..CloneState::default() };
    let (ledger, policy) = (world.ledger.as_ref().ok(), &world.policy);
    list(&Input { plan, fleet: &fleet, ledger, policy, clone: &clone }).matters
}

fn reading(world: &World, expires: &str) -> Readings {
    let seen = at("2026-11-21T10:00:00Z");
    let token = SeenToken { token: TokenRef::push(), expires: at(expires), at: seen };
    let whole = Some(seen);
    let remembered =
        Remembered { name: "contoso".into(), whole, tokens: vec![token], ..Remembered::default() };
    Readings::from([(world.tenant.tenant_id, remembered)])
}

#[test]
fn an_outage_does_not_bring_back_the_date_that_a_renewal_in_the_portal_has_settled() {
    let mut world = renewed_in_the_portal();
    let codes = |world: &World| -> Vec<String> {
        let matters = of_clone(world, &world.plan());
        matters.iter().map(|one| one.code.to_string()).collect()
    };
    assert!(codes(&world).contains(&"critical".to_owned()), "nobody knows better than Git");
    world.readings = reading(&world, NEXT_YEAR);
    assert!(!codes(&world).contains(&"critical".to_owned()), "{:?}", codes(&world));
    assert_eq!(world.first().state.expires, Some(at(NEXT_YEAR)));
    world.readings = reading(&world, "2026-11-24T10:00:00Z");
    let matters = of_clone(&world, &world.plan());
    let told = matters.iter().find(|one| one.code.as_str() == "critical").unwrap();
    assert!(told.message.contains("2026-11-24, as last seen on 2026-11-21"), "{told:?}");
    assert_eq!(told.as_of, Some(at("2026-11-21T10:00:00Z")));
}

#[test]
fn a_broken_tenant_file_takes_no_date_away() {
    for tenant_id in [true, false] {
        let mut world = World::unrecorded();
        world.selection = Selection::default();
        world.readings = reading(&world, "2026-11-24T10:00:00Z");
        let id = world.tenant.tenant_id;
        let broken = Desired::Invalid {
            name: world.tenant.name.to_string(),
            tenant_id: tenant_id.then_some(id),
            file: "tenants/contoso/tenant.yaml".into(),
            mistakes: Vec::new(),
        };
        world.others = vec![broken.clone()];
        world.tenant = tenant("fabrikam", 9);
        let plan = world.plan();
        let tenant = plan.tenants.iter().find(|one| one.name == "contoso").unwrap();
        assert_eq!(tenant.tenant_id, Some(id), "by its folder, where the file does not say it");
        assert_eq!(tenant.tokens[0].state.expires, Some(at("2026-11-24T10:00:00Z")));
        let matters = of_clone(&world, &plan);
        let told = matters.iter().find(|one| one.code.as_str() == "critical").unwrap();
        assert_eq!(told.key, format!("{id}/push/-/critical/2026-11-24"));
        assert_eq!(told.command.as_deref(), Some("applecart validate"));
        // Somebody else has the tenant now.
        world.others.push(Desired::Invalid {
            name: "contoso-2".into(),
            tenant_id: Some(id),
            file: "tenants/contoso-2/tenant.yaml".into(),
            mistakes: Vec::new(),
        });
        let tenants = world.plan().tenants;
        let is_its = |name: &str| {
            let tenant = tenants.iter().find(|one| one.name == name).unwrap();
            !tenant.tokens.is_empty()
        };
        assert!(is_its("contoso-2"));
        assert_eq!(is_its("contoso"), tenant_id);
    }
}

#[test]
fn a_revoked_certificate_stays_revoked_while_apples_list_cannot_be_had() {
    let codes_with = |world: &mut World, revocation| {
        world.live_push(|live| live.revocation = revocation);
        attention(world).iter().map(|one| one.code.to_string()).collect::<Vec<_>>()
    };
    let mut world = World::equal();
    world.policy.notify.push(sink("hub"));
    assert_eq!(codes_with(&mut world, Revocation::Since(at(TOLD))), ["revoked"]);
    let told = attention(&world).remove(0);
    tell(&mut world, &told, ("hub", "raised-1", TOLD));
    let unknown = || Revocation::Unknown("Apple did not answer".into());
    assert_eq!(codes_with(&mut world, unknown()), ["revoked", "revocation-unknown"]);
    assert_eq!(codes_with(&mut world, Revocation::No), [""; 0], "a list disproves it");
    // So it does where another tenant cannot be read, for which the notes are looked at.
    let mut other = tenant("fabrikam", 9);
    other.push.clone_from(&world.tenant.push);
    world.selection = Selection::default();
    let unread = LiveTenant::unknown(&Problem::new(ProblemCode::Timeout, "no answer in time"));
    world.others_live.insert(other.name.clone(), unread);
    world.others = vec![Desired::Valid(other)];
    assert!(!codes_with(&mut world, Revocation::No).contains(&"revoked".to_owned()));
    world.others.clear();
    // Another certificate is not the one that was told of.
    world.live_push(|live| live.expires = at("2027-11-25T10:00:00Z"));
    assert!(!codes_with(&mut world, unknown()).contains(&"revoked".to_owned()));
}
