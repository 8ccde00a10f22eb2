//! What a customer is told, in their words: what it means for their devices, what is done, by whom,
//! and whom to answer. No code, no command, no name that only the provider knows.

use super::letter::{Item, name};
use crate::attention::{Cause, Code, Severity, advice};
use crate::model::{Kind, Timestamp, TokenRef};
use crate::plan::HealthReason;

/// What a customer can be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Topic {
    Renewal,
    Expired,
    DeviceSyncDown,
    NewTerms,
    Renewed,
}

fn topic(code: Code) -> Option<Topic> {
    let is = |cause: Cause| cause.code() == code;
    if is(Cause::RenewalDue) || is(Cause::Critical) {
        Some(Topic::Renewal)
    } else if is(Cause::Expired) {
        Some(Topic::Expired)
    } else if is(Cause::DeviceSyncDown) {
        Some(Topic::DeviceSyncDown)
    } else if is(Cause::Failing(HealthReason::TermsNotAccepted)) {
        Some(Topic::NewTerms)
    } else if is(Cause::AwaitingConfirmation) {
        Some(Topic::Renewed)
    } else {
        None
    }
}

/// Whether customers are told of matters with this code. Everything else is the provider's own
/// business.
pub fn is_told(code: Code) -> bool {
    topic(code).is_some()
}

/// Whether a customer is told that a matter with this code is over. That a renewal was confirmed, the
/// customer said themselves.
pub fn is_told_over(code: Code) -> bool {
    topic(code).is_some_and(|topic| topic != Topic::Renewed)
}

/// Whether the customer is asked for an answer: what was renewed, they have to try.
pub fn asks(code: Code) -> bool {
    topic(code) == Some(Topic::Renewed)
}

/// What a customer calls the credential.
fn thing(token: &TokenRef) -> String {
    let which =
        || token.name.as_deref().map(|text| format!(" ({})", name(text))).unwrap_or_default();
    match token.kind {
        Kind::Push => "Apple push certificate".to_owned(),
        Kind::Enrollment => format!("connection to automated device enrollment{}", which()),
        Kind::Vpp => format!("connection to Apps and Books{}", which()),
    }
}

/// What stops without it.
fn stops(kind: Kind) -> &'static str {
    match kind {
        Kind::Push => {
            "your Apple devices can no longer be managed: no settings, no apps, no lock or wipe reach them"
        }
        Kind::Enrollment => {
            "new Apple devices no longer set themselves up, and changes in Apple's portal no longer arrive"
        }
        Kind::Vpp => {
            "apps and their licences can no longer be installed or updated on your Apple devices"
        }
    }
}

/// What to try after a renewal, so that it is proved on a device.
fn tests(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Push => &[
            "Take a managed iPhone, iPad or Mac, open Company Portal and press Check Status: it answers within a few minutes.",
            "If you have a spare device, enrol it: it appears among your devices.",
        ],
        Kind::Enrollment => &[
            "Erase a device that your organisation owns, or unpack a new one, and start it: it shows your organisation's name during setup.",
            "The device appears among your devices in Intune.",
        ],
        Kind::Vpp => &[
            "Assign an app that you have licences for to a device: it is installed.",
            "Open an app that was installed before: it still starts.",
        ],
    }
}

/// One matter in the customer's words; `None` where it is not theirs. `due` is the expiry date.
pub fn item(code: Code, token: &TokenRef, due: Option<Timestamp>) -> Option<Item> {
    let topic = topic(code)?;
    let thing = thing(token);
    let stops = stops(token.kind);
    let on = due.map(|at| format!(" on {}", advice::day(at))).unwrap_or_default();
    let item = match topic {
        Topic::Renewal => Item::new(&format!("Your {thing} expires{on}"))
            .severity(Severity::Notice)
            .says(&format!("Without it, {stops}."))
            .says("We renew it before then. We contact you if somebody has to sign in with your organisation's Apple Account."),
        Topic::Expired => Item::new(&format!("Your {thing} has expired"))
            .severity(Severity::Critical)
            .says(&format!("Until it is renewed, {stops}."))
            .says("We are renewing it with priority. Please do not remove devices from management, and do not enrol them again: that is not needed once it is renewed."),
        Topic::DeviceSyncDown => Item::new(&format!("Your {thing} is being renewed"))
            .severity(Severity::Urgent)
            .says(&format!("Until we have finished, {stops}."))
            .says("Devices that are set up already go on working. We tell you when it is done."),
        Topic::NewTerms => Item::new("Apple asks your organisation to accept new terms")
            .severity(Severity::Critical)
            .says(&format!("Until they are accepted, {stops}."))
            .says("An administrator of your organisation has to sign in to Apple Business Manager or Apple School Manager and accept them. Nobody else can do that for you."),
        Topic::Renewed => {
            let item = Item::new(&format!("Your {thing} has been renewed"))
                .says("It is in place, and Intune uses it. No device has to be enrolled again.")
                .says("Please test that it works:");
            tests(token.kind).iter().fold(item, |item, test| item.step(test))
        }
    };
    Some(item)
}

/// That a matter is over, in the customer's words.
pub fn over(code: Code, token: &TokenRef) -> Option<Item> {
    let topic = topic(code).filter(|_| is_told_over(code))?;
    let thing = thing(token);
    let item = match topic {
        Topic::Renewal | Topic::Expired => Item::new(&format!("Your {thing} is renewed"))
            .says("It is in place, and Intune uses it. Nothing is left for you to do."),
        Topic::DeviceSyncDown => {
            Item::new(&format!("Your {thing} works again")).says("Nothing is left for you to do.")
        }
        Topic::NewTerms => Item::new("Apple's new terms are accepted")
            .says(&format!("Your {thing} works again. Nothing is left for you to do.")),
        Topic::Renewed => return None,
    };
    Some(item)
}

/// Whom to answer; the last line of every customer's letter.
pub fn answer_to(address: &str, confirms: bool) -> String {
    if confirms {
        format!(
            "If everything works, please confirm it with a short reply to {address}, with your name. If something does not work, reply as well: we look at it at once."
        )
    } else {
        format!("Questions? Reply to {address}.")
    }
}

#[cfg(test)]
mod tests_of_words {
    use super::*;
    use crate::outlets::letter::Letter;

    fn token(kind: Kind) -> TokenRef {
        let name = (kind != Kind::Push).then(|| "London".to_owned());
        TokenRef { kind, id: None, name }
    }

    #[test]
    fn a_customer_reads_no_code_and_no_command() {
        let due = "2027-01-15T08:00:00Z".parse().ok();
        for code in Code::all() {
            for kind in [Kind::Push, Kind::Enrollment, Kind::Vpp] {
                let token = token(kind);
                let told = [item(code, &token, due), over(code, &token)];
                for item in told.into_iter().flatten() {
                    let text = Letter::new("").item(item).text();
                    for inner in ["applecart", "Git", "ledger", "tenant", "`", "vpp", "upload"] {
                        assert!(!text.contains(inner), "{inner}: {text}");
                    }
                    let is_word = code.as_str().contains('-');
                    assert!(!is_word || !text.contains(code.as_str()), "{code}: {text}");
                }
            }
        }
    }

    #[test]
    fn after_a_renewal_every_kind_says_what_to_test() {
        let code = Cause::AwaitingConfirmation.code();
        for kind in [Kind::Push, Kind::Enrollment, Kind::Vpp] {
            let item = item(code, &token(kind), None).unwrap();
            assert_eq!(item.steps().len(), 2, "{kind}");
        }
        assert!(over(code, &token(Kind::Push)).is_none());
    }

    #[test]
    fn the_providers_own_business_is_not_told() {
        for cause in
            [Cause::LedgerLineBroken, Cause::CloneDirty, Cause::OutOfSync, Cause::Unmanaged]
        {
            assert!(!is_told(cause.code()), "{}", cause.code());
        }
    }
}
