use super::*;
use applecart_core::apple::RecipientFacts;
use applecart_core::fleet::{Recipient, TokenFile};
use applecart_core::model::{Event, TokenRef};
use applecart_core::plan::world;

/// contoso with a push topic, and a sibling with London and Leeds of one organisation.
fn fleet() -> Vec<Desired> {
    let contoso = world::World::equal().tenant;
    let mut fabrikam = contoso.clone();
    fabrikam.name = "fabrikam".parse().unwrap();
    fabrikam.tenant_id = "00000000-8a34-4b7a-9a51-0d6c2f6f1b11".parse().unwrap();
    fabrikam.push = None;
    fabrikam.vpp = ["London", "Leeds"]
        .into_iter()
        .map(|name| {
            let mut token =
                Token::watched(TokenRef { kind: Kind::Vpp, id: None, name: Some(name.to_owned()) });
            token.facts.organization = Some("Fabrikam GmbH ".to_owned());
            token
        })
        .collect();
    let mut abm =
        Token::watched(TokenRef { kind: Kind::Enrollment, id: None, name: Some("ABM".to_owned()) });
    abm.recipient =
        Some(Recipient { issuer: "CN=Intune".to_owned(), serial: "AA".parse().unwrap() });
    fabrikam.enrollment = vec![abm];
    vec![Desired::Valid(contoso), Desired::Valid(fabrikam)]
}

fn names(found: &[Candidate<'_>]) -> Vec<String> {
    found.iter().map(|one| format!("{} {}", one.tenant.name, one.token.token)).collect()
}

fn of(fleet: &[Desired], kind: Kind, facts: &FileFacts) -> Vec<String> {
    let matcher = Matcher::new(fleet, |_| true, None);
    names(&matcher.candidates(kind, facts, Sha256::of(b"new")))
}

#[test]
fn a_topic_a_recipient_and_an_organisation_tell_whose_it_is() {
    let fleet = fleet();
    let topic = FileFacts { topic: Some(world::TOPIC.parse().unwrap()), ..FileFacts::default() };
    assert_eq!(of(&fleet, Kind::Push, &topic), ["contoso push"]);
    let recipient = |serial: &str| FileFacts {
        recipient: Some(RecipientFacts {
            issuer: Some("CN=Intune".to_owned()),
            serial: Some(serial.parse().unwrap()),
            ..RecipientFacts::default()
        }),
        ..FileFacts::default()
    };
    assert_eq!(of(&fleet, Kind::Enrollment, &recipient("AA")), ["fabrikam enrollment \"ABM\""]);
    assert!(of(&fleet, Kind::Enrollment, &recipient("BB")).is_empty());
    let organization =
        FileFacts { organization: Some("Fabrikam GmbH".to_owned()), ..FileFacts::default() };
    assert_eq!(of(&fleet, Kind::Vpp, &organization).len(), 2, "two locations, one organisation");
    assert!(of(&fleet, Kind::Vpp, &FileFacts::default()).is_empty());
}

#[test]
fn the_token_that_has_the_file_already_is_the_only_one() {
    let mut fleet = fleet();
    let file = TokenFile {
        name: "leeds.vpptoken.age".to_owned(),
        sha256: Sha256::of(b"new"),
        blob: "x".to_owned(),
    };
    if let Some(Desired::Valid(tenant)) = fleet.get_mut(1) {
        tenant.vpp[1].file = Some(file);
    }
    let organization =
        FileFacts { organization: Some("Fabrikam GmbH".to_owned()), ..FileFacts::default() };
    assert_eq!(of(&fleet, Kind::Vpp, &organization), ["fabrikam vpp \"Leeds\""]);
}

#[test]
fn a_topic_that_no_file_states_is_known_from_the_ledger() {
    let mut world = world::World::equal();
    world.recorded(Event::Confirmed, "AA", "run-0", "2026-11-20T11:00:00Z");
    let mut tenant = world.tenant.clone();
    tenant.push = None;
    let fleet = [Desired::Valid(tenant)];
    let view = world.ledger.as_ref().unwrap();
    let facts = FileFacts { topic: Some(world::TOPIC.parse().unwrap()), ..FileFacts::default() };
    let found = |known| {
        names(&Matcher::new(&fleet, |_| true, known).candidates(
            Kind::Push,
            &facts,
            Sha256::of(b"new"),
        ))
    };
    assert_eq!(found(Some(view)), ["contoso push"]);
    assert!(found(None).is_empty());
}
