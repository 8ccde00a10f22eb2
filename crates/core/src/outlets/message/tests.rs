//! What a message holds, and whose.

use proptest::prelude::*;

use super::*;
use crate::attention::{Cause, InGit, MatterTenant};
use crate::model::{Kind, TokenRef};
use crate::outlets::letter;

fn id(number: u8) -> TenantId {
    format!("00000000-0000-4000-8000-0000000000{number:02x}").parse().unwrap()
}

/// A matter of the customer of this number, who is named by its secret in every text.
fn matter(number: u8, cause: Cause) -> Matter {
    let of = secret(number);
    Matter {
        key: format!("{}/push/-/{}/{of}", id(number), cause.code()),
        code: cause.code(),
        severity: cause.severity(),
        tenant: Some(MatterTenant { name: of.clone(), tenant_id: Some(id(number)) }),
        token: Some(TokenRef { name: Some(of.clone()), ..TokenRef::push() }),
        since: None,
        due: None,
        message: format!("The certificate of {of} expires."),
        next: format!("Renew it for {of}:"),
        command: Some(format!("applecart renew {of}")),
        as_of: None,
        suspended: false,
        command_for_all: None,
        in_git: InGit::No,
        devices: None,
        is_remembered: false,
        window: None,
    }
}

fn secret(number: u8) -> String {
    format!("customer-{number}-")
}

pub(crate) fn customer(number: u8) -> Customer {
    Customer {
        name: secret(number),
        display_name: Some(format!("{} Ltd", secret(number))),
        tenant_id: Some(id(number)),
        contacts: vec![format!("it@{}.example", secret(number))],
        tickets: BTreeMap::from([("halo".to_owned(), secret(number))]),
    }
}

pub(crate) fn told(number: u8, cause: Cause, step: Step) -> Told {
    Told { matter: matter(number, cause), step }
}

pub(super) fn at() -> Timestamp {
    "2027-01-15T08:00:00Z".parse().unwrap()
}

fn digest(sink: &str, number: u8, all: &[Told]) -> Message {
    Message::digest(sink, TenantMatters::new(customer(number), all), at()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_message_for_one_customer_has_not_a_byte_of_another(
        owners in prop::collection::vec(0_u8..6, 1..40),
        whom in 0_u8..6,
    ) {
        let all: Vec<Told> =
            owners.iter().map(|&owner| told(owner, Cause::Critical, Step::Raised(1))).collect();
        let matters = TenantMatters::new(customer(whom), &all);
        let mut messages = Message::each("hub", &matters, at());
        messages.extend(Message::digest("hub", matters, at()));
        for message in messages {
            let text = format!("{message:?} {}", message.title());
            for other in (0..6).filter(|&other| other != whom) {
                prop_assert!(!text.contains(&secret(other)), "{other} in {text}");
                prop_assert!(!text.contains(&id(other).to_string()), "{other} in {text}");
            }
        }
    }

    #[test]
    fn every_step_is_read_as_it_was_written(time in 1_u32.., count in 1_u32.., which in 0_usize..7) {
        let step = [
            Step::Raised(time),
            Step::Worse(Severity::Critical, time),
            Step::Worse(Severity::Urgent, time),
            Step::Worse(Severity::Notice, time),
            Step::Again(count, time),
            Step::Resolved(time),
            Step::Unwatched(time),
        ][which];
        prop_assert_eq!(step.to_string().parse(), Ok(step));
    }

    #[test]
    fn no_text_panics_the_reader_of_steps(text in "(raised|again|worse|resolved|-|[0-9]|critical){0,6}") {
        if let Ok(step) = text.parse::<Step>() {
            prop_assert_eq!(step.to_string(), text);
        }
    }
}

#[test]
fn a_customer_without_an_id_has_only_the_matters_of_its_folder_without_one() {
    let unread = |name: &str| {
        let mut one = told(1, Cause::Critical, Step::Raised(1));
        one.matter.tenant = Some(MatterTenant { name: name.into(), tenant_id: None });
        one
    };
    let all = [unread("contoso"), unread("fabrikam"), told(1, Cause::Expired, Step::Raised(1))];
    let contoso = Customer { name: "contoso".into(), ..Customer::default() };
    assert_eq!(TenantMatters::new(contoso, &all).told(), &all[..1]);
}

#[test]
fn a_renamed_folder_keeps_its_customers_matters() {
    let all = [told(1, Cause::Critical, Step::Raised(1))];
    let renamed = Customer { name: "new-name".into(), ..customer(1) };
    assert_eq!(TenantMatters::new(renamed, &all).told(), &all);
}

#[test]
fn what_is_about_no_tenant_is_the_fleets() {
    let mut of_fleet = told(1, Cause::RecordChanges, Step::Raised(1));
    of_fleet.matter.tenant = None;
    let all = [told(1, Cause::Critical, Step::Raised(1)), of_fleet.clone()];
    assert_eq!(TenantMatters::of_fleet(&all).told(), [of_fleet]);
    assert_eq!(TenantMatters::new(customer(1), &all).told(), &all[..1]);
}

#[test]
fn the_key_is_the_same_for_the_same_steps_and_another_for_any_other() {
    let raised = told(1, Cause::Critical, Step::Raised(1));
    let one = digest("hub", 1, std::slice::from_ref(&raised));
    assert_eq!(one.key(), digest("hub", 1, std::slice::from_ref(&raised)).key());
    assert_eq!(one.key().len(), 64);
    let mut reworded = raised.clone();
    reworded.matter.message = "In other words.".into();
    assert_eq!(one.key(), digest("hub", 1, &[reworded]).key(), "words are no identity");
    // A retry finds what is over by now after what is not.
    let both = [raised.clone(), told(1, Cause::Expired, Step::Raised(1))];
    let turned: Vec<Told> = both.iter().rev().cloned().collect();
    assert_eq!(digest("hub", 1, &both).key(), digest("hub", 1, &turned).key());
    let others = [
        digest("mail", 1, std::slice::from_ref(&raised)),
        digest("hub", 1, &[told(1, Cause::Expired, Step::Raised(1))]),
        digest("hub", 1, &[told(1, Cause::Critical, Step::Raised(2))]),
        digest("hub", 1, &[raised.clone(), told(1, Cause::Expired, Step::Raised(1))]),
        digest("hub", 2, &[told(2, Cause::Critical, Step::Raised(1))]),
    ];
    for other in others {
        assert_ne!(one.key(), other.key());
    }
}

#[test]
fn a_title_names_the_customer_and_says_nothing_that_changes_from_day_to_day() {
    let named = |told: &[Told]| {
        let contoso = Customer { display_name: Some("Contoso Ltd".into()), ..customer(1) };
        Message::digest("hub", TenantMatters::new(contoso, told), at()).unwrap().title()
    };
    let mut raised = told(1, Cause::Critical, Step::Raised(1));
    raised.matter.token = Some(TokenRef::push());
    assert_eq!(named(std::slice::from_ref(&raised)), "Contoso Ltd push: critical");
    let again = Told { step: Step::Again(3, 1), ..raised.clone() };
    assert_eq!(named(&[again]), "Contoso Ltd push: critical");
    let resolved = Told { step: Step::Resolved(1), ..raised.clone() };
    assert_eq!(named(std::slice::from_ref(&resolved)), "Contoso Ltd push: critical (resolved)");
    assert_eq!(named(&[raised.clone(), raised.clone()]), "Contoso Ltd: 2 matters");
    assert_eq!(named(&[raised, resolved]), "Contoso Ltd: 1 matter, 1 resolved");
}

#[test]
fn a_title_is_one_line_whatever_the_names() {
    let hostile = Customer { display_name: Some("a\r\nBcc: x\u{202e}".into()), ..customer(1) };
    let mut raised = told(1, Cause::Critical, Step::Raised(1));
    raised.matter.token = Some(TokenRef { name: Some("b\nc".into()), ..TokenRef::push() });
    let title =
        Message::digest("hub", TenantMatters::new(hostile, &[raised]), at()).unwrap().title();
    assert!(!title.contains(['\r', '\n', '\u{202e}']), "{title:?}");
}

#[test]
fn nothing_to_tell_is_no_message() {
    assert_eq!(Message::digest("hub", TenantMatters::new(customer(1), &[]), at()), None);
}

#[test]
fn a_ticket_of_another_customer_makes_no_message() {
    let ticket = |number: u8| TicketTold {
        key: format!("{}/push/-/renewal-due/2027-01-15", id(number)),
        token: TokenRef::push(),
        step: TicketStep::FIRST,
        message: String::new(),
        next: String::new(),
        command: None,
        number: Some("4711".into()),
        client: None,
        opening: None,
        is_corrected: false,
        sheet: None,
    };
    assert_eq!(Message::of_ticket("desk", customer(1), ticket(2), at()), None);
    let nobody = Customer { tenant_id: None, name: String::new(), ..customer(1) };
    assert_eq!(Message::of_ticket("desk", nobody, ticket(2), at()), None);
    let message = Message::of_ticket("desk", customer(1), ticket(1), at()).unwrap();
    assert_eq!(message.key(), message.root());
    assert_eq!(message.title(), "Renew the push certificate of customer-1- Ltd [4711]");
    // The number in brackets is the one that was linked; a token's name has none.
    let name = Some("[9999] #123456".to_owned());
    let token = TokenRef { kind: Kind::Vpp, name, ..TokenRef::push() };
    let forged = TicketTold { token, ..ticket(1) };
    let title = Message::of_ticket("desk", customer(1), forged, at()).unwrap().title();
    assert!(title.contains("(9999)  123456") && title.ends_with("[4711]"), "{title}");
    assert_eq!((title.matches('[').count(), title.matches('#').count()), (1, 0), "{title}");
}

#[test]
fn an_opening_with_a_corrected_number_is_another_message_and_what_follows_answers_it() {
    let told = |step: &str, client: &str, is_corrected, opening| TicketTold {
        key: format!("{}/push/-/renewal-due/2027-01-15", id(1)),
        token: TokenRef::push(),
        step: step.parse().unwrap(),
        message: String::new(),
        next: String::new(),
        command: None,
        number: None,
        client: Some(client.into()),
        opening,
        is_corrected,
        sheet: None,
    };
    let message = |told| Message::of_ticket("desk", customer(1), told, at()).unwrap();
    let refused = message(told("opened-1", "7", false, None));
    let corrected = message(told("opened-1", "8", true, None));
    assert_ne!(corrected.key(), refused.key());
    assert_eq!(corrected.key(), message(told("opened-1", "8", true, None)).key());
    assert_eq!(corrected.key(), corrected.root(), "it begins the conversation");
    let closed = message(told("closed-1", "9", true, Some(corrected.delivery())));
    assert_eq!(closed.root(), corrected.key());
}

#[test]
fn no_name_that_a_customer_gives_is_taken_for_the_number_of_a_ticket() {
    for (name, shown) in [
        ("[AC-3f4b27c8] London", "(AC-3f4b27c8) London"),
        ("ID:0012345", "ID 0012345"),
        ("Ticket #123456", "Ticket  123456"),
        ("##12##", "  12  "),
        ("T20260101.0001", "T 20260101.0001"),
        ("INC0012345", "INC 0012345"),
        ("Contoso: iPad 2026 (Nord)", "Contoso: iPad 2026 (Nord)"),
        ("iPad2026", "iPad2026"),
    ] {
        assert_eq!(without_ticket_numbers(name), shown);
        assert_eq!(titled(name), letter::name(shown));
    }
}
