//! What a message says, to the provider and to the customer.

use super::*;
use crate::attention::{Cause, Matter};
use crate::fleet::{Email, MailTls};
use crate::outlets::mail::{Mail, NoMail};
use crate::outlets::message::testing::{customer, message, told};

fn provider() -> Email {
    Email {
        host: "smtp.msp.example".into(),
        port: 587,
        tls: MailTls::Starttls,
        from: "applecart@msp.example".into(),
        to: vec!["noc@msp.example".into()],
        reply_to: Some("help@msp.example".into()),
        contacts: false,
    }
}

fn contacts() -> Email {
    Email { to: Vec::new(), contacts: true, ..provider() }
}

#[test]
fn the_provider_reads_what_happened_and_has_the_command_alone_on_its_line() {
    let mail =
        Mail::of(&message(&[told(1, Cause::Critical, Step::Raised(1))]), &provider()).unwrap();
    insta::assert_snapshot!(format!("{}\n\n{}", mail.subject, mail.text));
}

#[test]
fn what_follows_answers_the_first_mail_and_a_resolved_matter_says_so() {
    let first =
        Mail::of(&message(&[told(1, Cause::Critical, Step::Raised(1))]), &provider()).unwrap();
    let again =
        Mail::of(&message(&[told(1, Cause::Critical, Step::Again(2, 1))]), &provider()).unwrap();
    let over =
        Mail::of(&message(&[told(1, Cause::Critical, Step::Resolved(1))]), &provider()).unwrap();
    assert_eq!(first.answers, None);
    for later in [&again, &over] {
        assert_eq!(later.answers.as_ref(), Some(&first.message_id));
        assert_ne!(later.message_id, first.message_id);
        let token =
            |mail: &Mail| mail.subject.rsplit_once(" [AC-").map(|(_, token)| token.to_owned());
        assert_eq!(token(later), token(&first));
    }
    assert!(over.text.contains("A reading of Intune shows that this is over."), "{}", over.text);
    assert_eq!(
        first,
        Mail::of(&message(&[told(1, Cause::Critical, Step::Raised(1))]), &provider()).unwrap()
    );
}

#[test]
fn the_customer_reads_their_own_words_and_whom_to_answer() {
    let confirmed = message(&[told(1, Cause::AwaitingConfirmation, Step::Raised(1))]);
    let mail = Mail::of(&confirmed, &contacts()).unwrap();
    assert_eq!(mail.to, customer(1).contacts);
    assert_eq!(mail.reply_to, "help@msp.example");
    insta::assert_snapshot!(format!("{}\n\n{}", mail.subject, mail.text));
}

#[test]
fn a_test_says_so_and_goes_to_no_customer() {
    let about =
        Told { matter: told(1, Cause::SinkFailing, Step::Raised(1)).matter, step: Step::Raised(1) };
    let about = Told { matter: Matter { tenant: None, ..about.matter }, ..about };
    let test = Message::of_test("desk", &about, "2026-11-20T10:00:00Z".parse().unwrap()).unwrap();
    let mail = Mail::of(&test, &provider()).unwrap();
    assert_eq!(mail.to, ["noc@msp.example"]);
    assert!(mail.subject.starts_with("Test message to the sink desk ["), "{}", mail.subject);
    assert!(mail.text.starts_with("This is a test\n"), "{}", mail.text);
    assert_eq!(Mail::of(&test, &contacts()).unwrap().to, ["help@msp.example"]);
}

#[test]
fn a_customer_is_not_told_what_is_the_providers() {
    let inner = message(&[told(1, Cause::LedgerLineBroken, Step::Raised(1))]);
    assert_eq!(Mail::of(&inner, &contacts()), Err(NoMail::NotTheirs));
    let acknowledged = message(&[told(1, Cause::AwaitingConfirmation, Step::Resolved(1))]);
    assert_eq!(Mail::of(&acknowledged, &contacts()), Err(NoMail::NotTheirs));
    // A sender's address that could end a header makes no mail.
    let broken = Email { from: "a@b.example>\r\nBcc: x@y.example".into(), ..provider() };
    let one = message(&[told(1, Cause::Critical, Step::Raised(1))]);
    assert_eq!(Mail::of(&one, &broken), Err(NoMail::NoDomain));
}
