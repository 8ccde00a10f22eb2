//! A message as sentences: the provider's, or the customer's.

use super::customer;
use super::letter::{Item, Letter, heading};
use super::message::{Customer, Message, Step, Told};
use super::ticket::told::{Stage, TicketTold, sentence};
use crate::attention::{Severity, advice};
use crate::report::plural;

/// For the people who run the fleet: what happened, why it matters, what to do, and the command.
pub fn of_provider(message: &Message) -> Letter {
    let letter = Letter::new(&message.title());
    if message.is_test() {
        let said = message
            .told()
            .iter()
            .map(|told| Item::new("This is a test").says(&told.matter.message));
        return said.fold(letter, Letter::item);
    }
    let letter = match message.customer() {
        Some(customer) => letter.lead(&whose(customer)),
        None => letter,
    };
    let letter = match message.ticket() {
        Some(ticket) => of_ticket(ticket, letter),
        None => letter,
    };
    message.told().iter().fold(letter, |letter, told| letter.item(provider_item(told)))
}

/// What a ticket's message says: how far the renewal is, and while it is not done, the way on.
fn of_ticket(ticket: &TicketTold, letter: Letter) -> Letter {
    let period = ticket.key.rsplit_once('/').map_or("", |(_, period)| period);
    let heading = sentence(ticket.step, period);
    let mut item = Item::new(&heading).says(&ticket.message);
    if ticket.step.stage != Stage::Closed {
        item = item.severity(Severity::Notice).says(&ticket.next);
        item = item.command(ticket.command.as_deref());
    }
    let letter = match &ticket.client {
        Some(client) => letter.lead(&format!("Customer number: {client}")),
        None => letter,
    };
    let letter = letter.item(item);
    let Some(sheet) = &ticket.sheet else { return letter };
    let steps = sheet.steps.iter().fold(Item::new("How to renew it"), |item, step| item.step(step));
    let links = sheet.links.iter().map(|link| format!("{}: {}", link.title, link.url));
    let request = sheet.request.iter().map(|request| request.told.clone());
    letter.item(links.chain(request).fold(steps, |item, text| item.says(&text)))
}

fn whose(customer: &Customer) -> String {
    let id = customer.tenant_id.map(|id| format!(", tenant id {id}")).unwrap_or_default();
    format!("Customer: {} (folder {}{id})", customer.called(), customer.name)
}

fn provider_item(told: &Told) -> Item {
    let Told { matter, step } = told;
    let head = heading(matter);
    match step {
        Step::Resolved(_) => Item::new(&format!("{head}: resolved"))
            .says("A reading of Intune shows that this is over. It said:")
            .says(&matter.message),
        Step::Unwatched(_) => Item::new(&format!("{head}: no longer watched"))
            .severity(Severity::Notice)
            .says("The customer's folder left the fleet, so nobody looks at this any more. Whether it is over is unknown. It said:")
            .says(&matter.message),
        Step::Raised(_) | Step::Worse(..) | Step::Again(..) => {
            let head = match step {
                Step::Worse(severity, _) => format!("{head}: now {severity}"),
                Step::Again(..) => format!("{head}: still so"),
                _ => head,
            };
            // A message that has the date says it in its own words.
            let day = matter.due.map(advice::day).filter(|day| !matter.message.contains(day));
            let due = day.map(|day| format!("Expires on {day}."));
            let as_of = matter.as_of.map(|at| format!("Last known on {}: it could not be read since.", advice::day(at)));
            Item::new(&head)
                .severity(matter.severity)
                .says(&matter.message)
                .says(&due.unwrap_or_default())
                .says(&as_of.unwrap_or_default())
                .says(&matter.next)
                .command(matter.command.as_deref())
        }
    }
}

/// For the customer's own contacts, with whom to answer; `None` where nothing of it is theirs.
pub fn of_customer(message: &Message, answer_to: &str) -> Option<Letter> {
    let customer = message.customer()?;
    let item = |told: &Told| {
        let token = told.matter.token.as_ref()?;
        match told.step {
            Step::Resolved(_) => customer::over(told.matter.code, token),
            Step::Unwatched(_) => None,
            _ => customer::item(told.matter.code, token, told.matter.due),
        }
    };
    let items: Vec<(&Told, Item)> =
        message.told().iter().filter_map(|told| Some((told, item(told)?))).collect();
    let title = match items.as_slice() {
        [] => return None,
        [(_, one)] => format!("{}: {}", customer.called(), one.heading()),
        all => format!(
            "{}: {} about your Apple devices",
            customer.called(),
            plural(all.len(), "message")
        ),
    };
    let asks =
        items.iter().any(|(told, _)| customer::asks(told.matter.code) && !told.step.is_last());
    let letter = Letter::new(&title).lead("Hello,");
    let letter = items.into_iter().fold(letter, |letter, (_, item)| letter.item(item));
    Some(letter.close(&customer::answer_to(answer_to, asks)))
}

#[cfg(test)]
mod tests;
