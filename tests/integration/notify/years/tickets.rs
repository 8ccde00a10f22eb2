//! Tickets over the years: one for each renewal, in its own customer, opened once and closed once.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{Customer, day_of, mail_key};
use crate::sinks::mail::header;
use crate::world::tenant_id;

/// A customer, and the day on which the certificate expires that is renewed.
type Renewal = (String, String);

/// What is told of tickets, and what is to be.
pub(super) struct Desk {
    /// The receiver of tickets, which takes other messages by another sink.
    pub(super) carrier: &'static str,
    pub(super) events: Vec<Value>,
    /// What a run has seen to be due whose messages were taken, and what any run may have seen.
    owed: BTreeSet<Renewal>,
    due: BTreeSet<Renewal>,
    /// When Intune had a certificate that expires later.
    renewed: BTreeMap<Renewal, DateTime<Utc>>,
}

/// The sink that carries tickets.
pub(super) const SINK: &str = "desk";

/// A customer's number in the ticket system.
pub(super) fn client(number: usize) -> usize {
    41_000 + number
}

fn renewal(name: &str, expires: DateTime<Utc>) -> Renewal {
    (name.to_owned(), expires.format("%Y-%m-%d").to_string())
}

impl Desk {
    pub(super) fn new(carrier: &'static str) -> Self {
        let (owed, due, renewed) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
        Self { carrier, events: Vec::new(), owed, due, renewed }
    }

    pub(super) fn renewed(&mut self, name: &str, expires: DateTime<Utc>, now: DateTime<Utc>) {
        self.renewed.insert(renewal(name, expires), now);
    }

    pub(super) fn see(&mut self, name: &str, expires: DateTime<Utc>, is_due: bool, is_told: bool) {
        if is_due {
            self.due.insert(renewal(name, expires));
        }
        if is_due && is_told {
            self.owed.insert(renewal(name, expires));
        }
    }

    /// Compares the tickets with the renewals.
    pub(super) fn judge(
        &self,
        customers: &[Customer],
        unread: &BTreeSet<(String, String)>,
        lines: &[Value],
        mails: &[Value],
    ) -> BTreeMap<&'static str, usize> {
        let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
        let tickets = self.tickets(lines);
        let claims = lines.iter().enumerate().filter(|(_, line)| is_of_ticket(line));
        let tried: BTreeMap<String, (usize, Renewal)> =
            claims.map(|(at, line)| (delivery(line), (at, renewal_of(line)))).collect();
        let opened: BTreeSet<Renewal> = tickets.keys().cloned().collect();
        let missing: Vec<_> = self.owed.difference(&opened).collect();
        assert!(missing.is_empty(), "no ticket was opened: {missing:?}");
        let made_up: Vec<_> = opened.difference(&self.due).collect();
        assert!(made_up.is_empty(), "nothing was due: {made_up:?}");
        let mut count = |what: &'static str| *counts.entry(what).or_default() += 1;
        for (renewal, steps) in &tickets {
            let (name, period) = renewal;
            let mut is_open = false;
            for line in steps {
                let step = line["notice"]["step"].as_str().unwrap();
                let day = day_of(line);
                let was_read = !unread.contains(&(name.clone(), day.clone()));
                match line["event"].as_str().unwrap() {
                    "ticket-opened" => {
                        assert_eq!((step, is_open), ("opened-1", false), "{renewal:?}");
                        is_open = true;
                        count("opened");
                    }
                    "ticket-reopened" => {
                        assert_eq!((step, is_open), ("reopened-expired-2", true), "{renewal:?}");
                        assert!(day[..10] >= period[..], "{renewal:?} expired on {day}");
                        count("reopened");
                    }
                    // Critical, and a week has passed.
                    "ticket-noted" if step.starts_with("reminded-") => {
                        assert!(is_open && was_read, "{renewal:?} on {day}");
                        count("reminded");
                    }
                    // The opening arrived, and the run died that was to record it.
                    "ticket-closed" if steps.len() == 1 => {
                        assert!(was_read, "{renewal:?} was closed on {day} without a reading");
                        assert!(
                            tried.values().any(|(at, one)| {
                                one == renewal && lines[*at]["event"] == "ticket-opened"
                            }),
                            "{renewal:?} was never opened"
                        );
                        count("closed that a run died opening");
                    }
                    "ticket-closed" => {
                        assert!(is_open, "closed twice: {renewal:?}");
                        assert!(was_read, "{renewal:?} was closed on {day} without a reading");
                        let proof = self.renewed.get(renewal).map(DateTime::to_rfc3339);
                        assert!(proof.is_some_and(|proof| proof <= day), "{renewal:?} on {day}");
                        is_open = false;
                        count("closed");
                    }
                    other => panic!("{other} {step} of {renewal:?}"),
                }
            }
            assert_eq!(
                is_open,
                !self.renewed.contains_key(renewal),
                "open at the end: {renewal:?}"
            );
            if is_open {
                count("open at the end");
            }
        }
        let arrived = match self.carrier {
            "hub" => self.of_events(customers),
            _ => of_mails(customers, mails),
        };
        let sent: BTreeSet<String> =
            tickets.values().flatten().map(|line| delivery(line)).collect();
        let received: BTreeSet<String> = arrived.iter().cloned().collect();
        let lost: Vec<_> = sent.difference(&received).collect();
        assert!(lost.is_empty(), "recorded as sent, and never there: {lost:?}");
        // What arrived and is not recorded is a step whose run died, and what came after it was told.
        for key in received.difference(&sent) {
            let (at, renewal) = &tried[key];
            let after = &lines[at + 1..];
            let is_next = |line: &Value| {
                is_of_ticket(line)
                    && line["notice"]["phase"] == "sent"
                    && renewal_of(line) == *renewal
            };
            assert!(after.iter().any(is_next), "left so: {}", lines[*at]);
        }
        counts.insert("messages", received.len());
        counts.insert("sent again after a kill", arrived.len() - received.len());
        counts
    }

    /// The lines that say that a step was sent, by renewal, in their order. Each step was sent once.
    fn tickets<'a>(&self, lines: &'a [Value]) -> BTreeMap<Renewal, Vec<&'a Value>> {
        let mut tickets: BTreeMap<Renewal, Vec<&Value>> = BTreeMap::new();
        let is_sent = |line: &&Value| is_of_ticket(line) && line["notice"]["phase"] == "sent";
        let mut steps = BTreeSet::new();
        for line in lines.iter().filter(is_sent) {
            let name = line["name"].as_str().unwrap().to_owned();
            let notice = &line["notice"];
            let key = notice["key"].as_str().unwrap();
            assert_eq!(notice["sink"], SINK);
            assert!(key.starts_with(&tenant_id(&name).to_string()), "{key} at {name}");
            assert!(steps.insert((key, notice["step"].as_str())), "twice: {line}");
            tickets.entry(renewal_of(line)).or_default().push(line);
        }
        tickets
    }

    /// The keys of what arrived at the webhook, each in its own customer.
    fn of_events(&self, customers: &[Customer]) -> Vec<String> {
        let key = |event: &Value| {
            let of = &event["data"]["tenant"];
            let customer = customers.iter().find(|one| of["name"] == one.name).unwrap();
            assert_eq!(of["tenantId"], tenant_id(&customer.name).to_string());
            let ticket = &event["data"]["ticket"];
            assert_eq!(ticket["client"], client(customer.number).to_string(), "{event}");
            let id = tenant_id(&customer.name).to_string();
            assert!(ticket["key"].as_str().unwrap().starts_with(&id), "{event}");
            event["id"].as_str().unwrap().to_owned()
        };
        self.events.iter().map(key).collect()
    }
}

/// The keys of the mails about tickets, each in its own customer and in nobody else's.
fn of_mails(customers: &[Customer], mails: &[Value]) -> Vec<String> {
    let mut keys = Vec::new();
    for mail in mails {
        let text = mail["parts"]["text/plain"].as_str().unwrap();
        // Only the mails of tickets bring it.
        let Some((_, rest)) = text.split_once("Customer number: ") else { continue };
        let number = rest.lines().next().unwrap().trim();
        let customer = customers.iter().find(|one| client(one.number).to_string() == number);
        let Customer { name, .. } = customer.unwrap_or_else(|| panic!("{mail}"));
        assert_eq!(mail["envelope"]["to"], serde_json::json!(["noc@msp.example"]));
        assert!(header(mail, "subject")[0].contains(name.as_str()), "{mail}");
        assert!(text.contains(&tenant_id(name).to_string()), "{mail}");
        for other in customers.iter().filter(|other| other.name != *name) {
            assert!(!mail.to_string().contains(&other.name), "{} in {mail}", other.name);
        }
        keys.push(mail_key(mail));
    }
    keys
}

fn is_of_ticket(line: &Value) -> bool {
    line["event"].as_str().unwrap().starts_with("ticket-")
}

fn renewal_of(line: &Value) -> Renewal {
    let key = line["notice"]["key"].as_str().unwrap();
    (line["name"].as_str().unwrap().to_owned(), key.rsplit('/').next().unwrap().to_owned())
}

fn delivery(line: &Value) -> String {
    line["notice"]["delivery"].as_str().unwrap().to_owned()
}
