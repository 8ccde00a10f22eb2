//! `ticket` through the program: one ticket a renewal, in the right customer, opened and closed once. And
//! what customers are written after a renewal.

use applecart_simulator::{Fault, FaultRule, Issued};
use serde_json::Value;
use tempfile::TempDir;

use crate::notify::recorder::{Answers, Recorder};
use crate::sinks::mail::{Smtp, certified, header};
use crate::world::hub::{Clone, Hub};
use crate::world::{finish, tenant_id};

/// A fleet whose tickets go to a recorded webhook, with the number of each customer in `halo`.
struct Desk {
    hub: Hub,
    recorder: Recorder,
}

const TICKETS: &str = "tickets: {sink: hub, client: halo, require: true}\n";

impl Desk {
    fn new() -> Self {
        let (hub, recorder) = (Hub::without_ledger(), Recorder::new());
        let settings = format!(
            "notify:\n  - sink: hub\n    webhook: {{url: '{}/hook'}}\n{TICKETS}",
            recorder.url()
        );
        hub.world.write("applecart.yaml", &hub.world.policy(&settings));
        hub.world.commit("Tickets");
        hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
        hub.begin();
        Self { hub, recorder }
    }

    /// What Git has of a customer; with `number`, the customer's in the ticket system.
    fn git(&self, name: &str, certificate: &Issued, number: Option<u32>) {
        let tickets = number.map(|number| format!("tickets: {{halo: {number}}}\n"));
        let bytes = certificate.pem.as_bytes();
        let world = &self.hub.world;
        world.tenant_with(name, certificate, bytes, "", &tickets.unwrap_or_default());
        world.commit(name);
        world.git(&["push", "--quiet", &self.hub.url(), "main"]);
    }

    /// A customer whose certificate has so many days left, in Git and in Intune.
    fn customer(&self, name: &str, days: i64, number: Option<u32>) -> Issued {
        let certificate = self.hub.world.issue(None, days);
        self.hub.world.live(name, Some(&certificate));
        self.git(name, &certificate, number);
        certificate
    }

    fn clone(&self, name: &str) -> Clone<'_> {
        self.hub.clone(name, &[])
    }

    /// What tickets were told since it was asked last: `opened contoso 7`.
    fn told(&self) -> Vec<String> {
        let said = |event: &Value| {
            let word =
                event["type"].as_str().unwrap().strip_prefix("dev.applecart.ticket.").unwrap();
            let (of, ticket) = (&event["data"]["tenant"], &event["data"]["ticket"]);
            let key = ticket["key"].as_str().unwrap();
            assert!(key.starts_with(of["tenantId"].as_str().unwrap()), "{event}");
            assert_eq!(event["subject"], key);
            format!(
                "{word} {} {} for {}",
                ticket["step"].as_str().unwrap(),
                of["name"].as_str().unwrap(),
                ticket["client"].as_str().unwrap_or("nobody")
            )
        };
        let mut told: Vec<String> =
            self.recorder.take().iter().map(|one| said(&one.body)).collect();
        told.sort();
        told
    }
}

#[test]
fn a_ticket_follows_its_renewal_from_the_first_day_to_the_proof() {
    let desk = Desk::new();
    let old = desk.customer("contoso", 30, Some(7));
    desk.customer("fabrikam", 300, Some(8));
    let (one, two) = (desk.clone("one"), desk.clone("two"));
    one.run(&["ticket", "--dry-run"])
        .ends_with(0)
        .says("How to renew it")
        .says("1 message would be");
    assert_eq!(desk.told(), [""; 0]);
    one.run(&["ticket"]).ends_with(0).says("1 message sent");
    assert_eq!(desk.told(), ["opened opened contoso for 7"]);
    // Once, wherever and however often it runs.
    one.run(&["ticket"]).ends_with(0).says("0 messages sent");
    two.run(&["ticket"]).ends_with(0).says("0 messages sent");

    one.run(&["ticket", "link", "contoso/push", "T20261127.0042"]).ends_with(0);
    one.run(&["ticket", "list"]).ends_with(0).says("T20261127.0042").says("open, opened");
    one.run(&["history", "contoso", "--fetch"]).ends_with(0).says("ticket T20261127.0042");
    one.run(&["status", "-v", "--all"]).says("ticket: T20261127.0042");

    let new = desk.hub.world.issue(Some(&old.topic), 364);
    desk.git("contoso", &new, Some(7));
    two.run(&["ticket"]).ends_with(0);
    let sent = desk.recorder.take().remove(0);
    assert_eq!(sent.body["type"], "dev.applecart.ticket.noted");
    assert_eq!(sent.body["data"]["ticket"]["step"], "merged");
    assert!(sent.body["data"]["title"].as_str().unwrap().ends_with("[T20261127.0042]"), "{sent:?}");

    // What cannot be read closes nothing.
    desk.hub.world.live("contoso", Some(&new));
    let fault = FaultRule::always(Fault::Drop).for_tenant(tenant_id("contoso"));
    desk.hub.world.state().add_fault(fault);
    one.run(&["ticket"]).ends_with(3);
    assert_eq!(desk.told(), [""; 0]);
    desk.hub.world.state().clear_faults();
    one.run(&["ticket"]).ends_with(0);
    assert_eq!(desk.told(), ["closed closed contoso for 7"]);
    two.run(&["ticket"]).ends_with(0).says("0 messages sent");
    one.run(&["ticket", "list"]).ends_with(0).says("closed");

    // The earlier certificate again, as after a restored tenant.
    desk.hub.world.live("contoso", Some(&old));
    two.run(&["ticket"]).ends_with(0);
    assert_eq!(desk.told(), ["reopened reopened-back contoso for 7"]);
    two.run(&["ticket"]).ends_with(0);
    assert_eq!(desk.told(), ["noted merged contoso for 7"]);
    two.run(&["ticket"]).ends_with(0).says("0 messages sent");
    one.run(&["ledger", "verify"]).ends_with(0);
}

#[test]
fn tickets_are_opened_for_whom_the_sink_selects_and_one_that_is_open_goes_on() {
    let desk = Desk::new();
    let settings = |select: &str| {
        let path = desk.hub.world.repo().join("applecart.yaml");
        let text = std::fs::read_to_string(path).unwrap();
        let text: Vec<&str> = text.lines().filter(|line| !line.contains("select:")).collect();
        let text = text.join("\n").replace("/hook'}", &format!("/hook'}}\n    select: [{select}]"));
        desk.hub.world.write("applecart.yaml", &(text + "\n"));
        desk.hub.world.commit("Select");
        desk.hub.world.git(&["push", "--quiet", &desk.hub.url(), "main"]);
    };
    settings("contoso");
    let old = desk.customer("contoso", 30, Some(7));
    desk.customer("fabrikam", 30, Some(8));
    desk.customer("northwind", 30, None);
    let one = desk.clone("one");
    // Nobody asks for the number of one that gets no ticket, either.
    let run = one.run(&["ticket"]).ends_with(0);
    assert!(!run.stdout.contains("northwind") && !run.stderr.contains("northwind"), "{run:?}");
    assert_eq!(desk.told(), ["opened opened contoso for 7"]);
    settings("fabrikam");
    let new = desk.hub.world.issue(Some(&old.topic), 364);
    desk.git("contoso", &new, Some(7));
    one.run(&["ticket"]).ends_with(0);
    assert_eq!(desk.told(), ["noted merged contoso for 7", "opened opened fabrikam for 8"]);
}

#[test]
fn without_the_customers_number_nothing_is_opened_and_it_is_urgent() {
    let desk = Desk::new();
    desk.customer("contoso", 30, None);
    desk.customer("fabrikam", 30, Some(8));
    let one = desk.clone("one");
    one.run(&["ticket"]).ends_with(3).says("No ticket is opened for contoso");
    assert_eq!(desk.told(), ["opened opened fabrikam for 8"]);
    one.run(&["status", "--fail-on", "ticket-unmapped"]).ends_with(9).says("ticket-unmapped");
    let certificate = desk.hub.world.issue(None, 30);
    desk.hub.world.live("contoso", Some(&certificate));
    desk.git("contoso", &certificate, Some(7));
    one.run(&["ticket"]).ends_with(0);
    assert_eq!(desk.told(), ["opened opened contoso for 7"]);
}

#[test]
fn a_ticket_system_that_is_down_loses_nothing_and_gets_nothing_twice() {
    let desk = Desk::new();
    desk.customer("contoso", 30, Some(7));
    let one = desk.clone("one");
    desk.recorder.answer(Answers::Status(503));
    one.run(&["ticket"]).ends_with(3).says("not delivered").says("status 503");
    let key = desk.recorder.take().remove(0).body["id"].clone();
    desk.recorder.answer(Answers::Status(200));
    one.run(&["ticket"]).ends_with(0).says("1 message sent");
    assert_eq!(desk.recorder.take().remove(0).body["id"], key, "the same message");
    one.run(&["ticket"]).ends_with(0).says("0 messages sent");
}

#[test]
fn a_number_that_could_end_a_subject_or_names_no_token_is_refused() {
    let desk = Desk::new();
    desk.customer("contoso", 30, Some(7));
    let one = desk.clone("one");
    for number in ["", "1\r\nBcc: x@y.example", &"9".repeat(41), "<b>"] {
        one.run(&["ticket", "link", "contoso/push", number]).ends_with(64);
    }
    one.run(&["ticket", "link", "contoso/vpp", "1"]).ends_with(64).says("contoso/push");
    one.run(&["ticket", "link", "nobody/push", "1"]).ends_with(64);
    // A renewal whose ticket somebody opened by hand has a number, too, and ours joins it.
    one.run(&["ticket", "link", "contoso", "ID:0012345"]).ends_with(0);
    one.run(&["ticket", "--dry-run"]).ends_with(0).says("[ID:0012345]");
    one.run(&["history", "contoso", "--fetch"]).ends_with(0).says("ticket ID:0012345");
}

#[test]
fn the_list_has_also_what_was_linked_by_hand_and_what_a_tenant_left_behind() {
    let desk = Desk::new();
    desk.customer("contoso", 30, Some(7));
    desk.customer("fabrikam", 300, Some(8));
    let one = desk.clone("one");
    one.run(&["ticket"]).ends_with(0).says("1 message sent");
    one.run(&["ticket", "link", "fabrikam/push", "T1"]).ends_with(0);
    one.run(&["ticket", "list"]).ends_with(0).says("T1").says("linked by hand");
    desk.hub.world.git(&["rm", "-r", "--quiet", "tenants/contoso"]);
    desk.hub.world.commit("contoso left");
    desk.hub.world.git(&["push", "--quiet", &desk.hub.url(), "main"]);
    one.git(&["pull", "--quiet"]);
    one.run(&["ticket", "list"]).ends_with(0).says("contoso").says("close it by hand").says("T1");
    let selected = one.run(&["ticket", "list", "--select", "fabrikam"]).ends_with(0).says("T1");
    assert!(!selected.stdout.contains("contoso"), "{}", selected.stdout);
    // What cannot be read is named, whatever is known of it.
    desk.customer("northwind", 30, Some(9));
    one.git(&["pull", "--quiet"]);
    let mut blind = one.command(&["ticket"]);
    blind.env("AZURE_CLIENT_SECRET", "another-one");
    finish(blind).ends_with(8).says("No ticket is told anything of northwind push");
}

#[test]
fn a_mailbox_keeps_the_mails_of_a_ticket_together() {
    let folder = TempDir::new().unwrap();
    let (certificate, secret) = certified(folder.path());
    let Some(smtp) = Smtp::start(Some((&certificate, &secret))) else { return };
    let hub = Hub::without_ledger();
    let settings = format!(
        "notify:\n  - sink: desk\n    email: {{server: 'localhost:{}', tls: starttls, from: applecart@msp.example, to: [desk@msp.example]}}\ntickets: {{sink: desk}}\n",
        smtp.port()
    );
    hub.world.write("applecart.yaml", &hub.world.policy(&settings));
    let old = hub.world.issue(None, 30);
    hub.world.live("contoso", Some(&old));
    hub.world.tenant("contoso", &old);
    hub.world.commit("Tickets by mail");
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    hub.begin();
    let one = hub.clone("one", &[]);
    let ticket = |trusts: bool, password: &str| {
        let mut command = one.command(&["ticket"]);
        command.env("APPLECART_SINK_DESK_USER", "applecart");
        command.env("APPLECART_SINK_DESK_PASSWORD", password);
        if trusts {
            command.env("SSL_CERT_FILE", &certificate);
        }
        finish(command)
    };
    ticket(false, "s3cret").ends_with(3).says("not delivered");
    ticket(true, "wr0ng").ends_with(3).says("status 535");
    assert!(smtp.taken().is_empty());
    ticket(true, "s3cret").ends_with(0).says("1 message sent");
    one.run(&["ticket", "link", "contoso/push", "ID:0012345"]).ends_with(0);
    let new = hub.world.issue(Some(&old.topic), 364);
    hub.world.live("contoso", Some(&new));
    ticket(true, "s3cret").ends_with(0).says("1 message sent");
    let taken = smtp.taken();
    let [opened, closed] = taken.as_slice() else { panic!("{taken:?}") };
    for mail in [opened, closed] {
        assert_eq!(mail["envelope"]["tls"], true);
        assert_eq!(mail["envelope"]["user"], true);
        assert_eq!(mail["defects"], serde_json::json!([]));
    }
    assert_eq!(header(closed, "in-reply-to"), header(opened, "message-id"));
    assert_eq!(header(closed, "references"), header(opened, "message-id"));
    let token = |mail: &Value| {
        let subject = header(mail, "subject")[0].to_owned();
        subject.rsplit_once(" [AC-").map(|(_, token)| token.to_owned())
    };
    assert_eq!(token(opened), token(closed));
    assert!(header(closed, "subject")[0].contains("[ID:0012345]"), "{closed}");
    let text = opened["parts"]["text/plain"].as_str().unwrap();
    let text = text.replace("\r\n", "\n");
    assert!(text.contains("\n\n    applecart renew contoso/push --file FILE --push\n"), "{text}");
    assert!(
        text.contains("How to renew it") && text.contains("applecart renew contoso/push"),
        "{text}"
    );
}

#[test]
fn after_a_confirmed_renewal_the_customer_is_asked_to_try_it_once() {
    let Some(smtp) = Smtp::start(None) else { return };
    let hub = Hub::without_ledger();
    let settings = format!(
        "notify:\n  - sink: customers\n    email: {{server: '127.0.0.1:{}', tls: none, from: applecart@msp.example, replyTo: help@msp.example, contacts: true}}\n",
        smtp.port()
    );
    hub.world.write("applecart.yaml", &hub.world.policy(&settings));
    let write = |name: &str, certificate: &Issued| {
        let contacts = format!("displayName: '{name} <Ltd>'\ncontacts: [it@{name}.example]\n");
        let bytes = certificate.pem.as_bytes();
        hub.world.tenant_with(name, certificate, bytes, "", &contacts);
    };
    let (old, other) = (hub.world.issue(None, 20), hub.world.issue(None, 300));
    let new = hub.world.issue(Some(&old.topic), 364);
    hub.world.live("contoso", Some(&old));
    hub.world.live("fabrikam", Some(&other));
    write("contoso", &new);
    write("fabrikam", &other);
    hub.world.commit("Customers");
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    hub.begin();
    let one = hub.clone("one", &[]);
    one.run(&["notify"]).ends_with(0).says("1 message sent");
    let told = smtp.taken();
    let text = |mail: &Value| mail["parts"]["text/plain"].as_str().unwrap().to_owned();
    assert!(text(&told[0]).contains("expires on "), "{told:?}");

    one.run(&["apply"]).ends_with(0);
    one.run(&["notify", "--dry-run"])
        .ends_with(0)
        .says("To: it@contoso.example")
        .says("help@msp.example");
    one.run(&["notify"]).ends_with(0).says("2 messages sent");
    one.run(&["notify"]).ends_with(0).says("0 messages sent");
    let told = smtp.taken();
    assert_eq!(told.len(), 3);
    for mail in &told {
        assert_eq!(mail["envelope"]["to"], serde_json::json!(["it@contoso.example"]), "{mail}");
        assert_eq!(header(mail, "reply-to"), ["help@msp.example"]);
        let words = text(mail);
        for inner in ["fabrikam", "applecart", "Git", "ledger", "awaiting", "renewal-due"] {
            assert!(!words.contains(inner), "{inner}: {words}");
        }
    }
    let asks = |mail: &&Value| {
        text(mail).contains("please confirm it with a short reply to help@msp.example")
    };
    assert_eq!(told.iter().filter(asks).count(), 1, "{told:?}");

    one.run(&["acknowledge", "contoso/push", "--by", "Dana, IT"]).ends_with(0);
    one.run(&["notify"]).ends_with(0).says("0 messages sent");
    assert_eq!(smtp.taken().len(), 3);
}

#[test]
fn a_number_of_one_ticket_system_is_no_number_of_another() {
    let desk = Desk::new();
    desk.customer("contoso", 30, Some(7));
    let one = desk.clone("one");
    one.run(&["ticket"]).ends_with(0);
    one.run(&["ticket", "link", "contoso/push", "T20261127.0042"]).ends_with(0);
    desk.recorder.take();
    let settings = format!(
        "notify:\n  - sink: desk\n    webhook: {{url: '{}/hook'}}\n    codes: []\ntickets: {{sink: desk, client: halo}}\n",
        desk.recorder.url()
    );
    let world = &desk.hub.world;
    world.write("applecart.yaml", &world.policy(&settings));
    world.commit("Another ticket system");
    world.git(&["push", "--quiet", &desk.hub.url(), "main"]);
    one.run(&["ticket"]).ends_with(0).says("1 message sent");
    let sent = desk.recorder.take().remove(0);
    assert_eq!(sent.body["type"], "dev.applecart.ticket.opened");
    assert!(!sent.body.to_string().contains("T20261127.0042"), "{sent:?}");
    // One that is told of tickets only is told nothing else.
    one.run(&["notify"]).ends_with(0).says("0 messages sent");
}

#[test]
fn a_ticket_at_another_customers_number_is_told_nothing_until_it_is_moved() {
    let desk = Desk::new();
    let old = desk.customer("contoso", 30, Some(7));
    let one = desk.clone("one");
    one.run(&["ticket"]).ends_with(0);
    assert_eq!(desk.told(), ["opened opened contoso for 7"]);
    let new = desk.hub.world.issue(Some(&old.topic), 364);
    desk.git("contoso", &new, Some(8));
    one.run(&["ticket"])
        .ends_with(3)
        .says("was opened for the customer number 7, and the tenant file has the number 8")
        .says("applecart ticket link contoso/push NUMBER");
    assert_eq!(desk.told(), [""; 0]);
    desk.clone("two")
        .run(&["status", "--fail-on", "ticket-moved"])
        .ends_with(9)
        .says("applecart ticket link contoso/push NUMBER");
    one.run(&["ticket", "link", "contoso/push", "4711"]).ends_with(0);
    one.run(&["ticket"]).ends_with(0);
    assert_eq!(desk.told(), ["noted merged contoso for 8"]);
}

#[test]
fn the_number_of_another_customers_ticket_is_refused() {
    let desk = Desk::new();
    desk.customer("contoso", 30, Some(7));
    desk.customer("fabrikam", 30, Some(8));
    let one = desk.clone("one");
    one.run(&["ticket"]).ends_with(0);
    one.run(&["ticket", "link", "contoso/push", "T42"]).ends_with(0);
    one.run(&["ticket", "link", "fabrikam/push", "T42"])
        .ends_with(4)
        .says("T42 is linked to the ticket of contoso push");
    one.run(&["ticket", "link", "contoso/push", "T41"]).ends_with(0);
    one.run(&["ticket", "link", "fabrikam/push", "T42"]).ends_with(0);
}

#[test]
fn a_refused_opening_is_tried_again_at_once_with_the_corrected_number() {
    for status in [422, 503] {
        let desk = Desk::new();
        let old = desk.customer("contoso", 30, Some(7));
        let one = desk.clone("one");
        desk.recorder.answer(Answers::Status(status));
        one.run(&["ticket"]).ends_with(3).says("not delivered");
        let refused = desk.recorder.take().remove(0).body["id"].clone();
        desk.recorder.answer(Answers::Status(200));
        desk.git("contoso", &old, Some(8));
        let status = one.run(&["status", "--format", "json"]);
        assert!(!status.stdout.contains("ticket-moved"), "{}", status.stdout);
        one.run(&["ticket"]).ends_with(0).says("1 message sent");
        let opened = desk.recorder.take().remove(0).body;
        assert_eq!(opened["type"], "dev.applecart.ticket.opened");
        assert_eq!(opened["data"]["ticket"]["client"], "8");
        assert_ne!(opened["id"], refused, "the receiver may remember what it refused");
        one.run(&["ticket"]).ends_with(0).says("0 messages sent");
        one.run(&["ticket", "list"]).ends_with(0).says("open, opened");
        // From here on it is somewhere.
        desk.git("contoso", &old, Some(9));
        one.run(&["ticket"]).ends_with(3).says("was opened for the customer number 8");
    }
}

#[test]
fn what_nobody_is_left_to_be_told_is_given_up_once_with_its_reason() {
    let hub = Hub::without_ledger();
    let settings = "notify:\n  - sink: customers\n    email: {server: '127.0.0.1:1', tls: none, from: applecart@msp.example, contacts: true}\n";
    hub.world.write("applecart.yaml", &hub.world.policy(settings));
    let certificate = hub.world.issue(None, 10);
    hub.world.live("contoso", Some(&certificate));
    let write = |contacts: &str| {
        let bytes = certificate.pem.as_bytes();
        hub.world.tenant_with("contoso", &certificate, bytes, "", contacts);
        hub.world.commit("Contacts");
        hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    };
    write("contacts: [it@contoso.example]\n");
    hub.begin();
    let one = hub.clone("one", &[]);
    one.run(&["notify"]).ends_with(3).says("not delivered");
    write("");
    one.run(&["notify"])
        .ends_with(0)
        .says("not sent any more: no tenant file names contacts of this customer");
    let again = one.run(&["notify"]).ends_with(0).says("0 messages sent");
    assert!(!again.stdout.contains("not sent any more"), "{}", again.stdout);
    write("contacts: [it@contoso.example]\n");
    one.run(&["notify"]).ends_with(3).says("not delivered");
}
