//! The rehearsal of a lost Apple Account: what ends when, in what order it is renewed, with whom, and
//! what each customer is told.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use super::AUDIT_VERSION;
use crate::fleet::{Desired, Tenant, Token};
use crate::ledger::LedgerView;
use crate::model::{Kind, Timestamp, TokenRef, nearest};
use crate::outlets::letter::{Item, Letter};
use crate::report::renew::{RENEWABLE, label};
use crate::report::text::{HEAD, day, escape, plural, styled, wrap};
use crate::rules::owners::folded;

/// What `audit --apple-ids --lost ACCOUNT --format json` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LostAccount {
    pub format_version: &'static str,
    pub rev: String,
    /// The account, in lower case.
    pub account: String,
    /// What depends on it, in the order in which it is best renewed.
    pub tokens: Vec<LostToken>,
    /// One for each customer.
    pub letters: Vec<LostLetter>,
    /// How many credentials name no account, so that they may depend on this one, too.
    pub unowned: usize,
    /// Whether the ledger's last readings were at hand; else expiry dates are Git's alone.
    pub ledger_read: bool,
    /// Tenants whose files are invalid, so that nothing is known of them.
    pub not_read: Vec<String>,
}

/// A credential that depends on the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LostToken {
    pub tenant: String,
    pub kind: Kind,
    /// The token's name; push certificates have none.
    pub name: Option<String>,
    /// Whether it ends together with the account, whatever its date says.
    pub at_once: bool,
    /// When it expires by its date, as last known.
    pub expires: Option<Timestamp>,
    /// Whether it has expired by its date.
    pub is_over: bool,
    /// What stops when it ends, and what renews it without the account.
    pub message: String,
    /// With whom it is renewed: the customer's contacts.
    pub contacts: Vec<String>,
    /// The command that opens its renewal; of a push certificate the one that tells which account it was
    /// moved to, in place of `ACCOUNT`.
    pub command: String,
}

/// What a customer is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LostLetter {
    pub tenant: String,
    /// The customer's contacts; empty where the tenant file names none.
    pub to: Vec<String>,
    pub subject: String,
    pub text: String,
}

/// No credential depends on the account.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "neither Git nor the last reading of Intune names the Apple Account {account} for any credential{}{}",
    if *unowned == 0 {
        String::new()
    } else {
        let which = plural(*unowned, "credential");
        format!(". {which} in Git name no account, and may depend on this one all the same")
    },
    near.as_ref().map(|near| format!("; was {near} meant?")).unwrap_or_default()
)]
pub struct NoSuchAccount {
    pub account: String,
    /// An account that was probably meant.
    pub near: Option<String>,
    /// How many credentials name no account.
    pub unowned: usize,
}

/// What would end if the account were lost: its password changed, or whoever has it gone.
pub fn lost_account(
    rev: &str,
    fleet: &[Desired],
    ledger: Option<&LedgerView>,
    account: &str,
    now: Timestamp,
) -> Result<LostAccount, NoSuchAccount> {
    let account = folded(account);
    let all = || {
        let tenants = fleet.iter().filter_map(Desired::valid);
        tenants.flat_map(|tenant| tenant.tokens().map(move |token| (tenant, token)))
    };
    let owners = |(tenant, token): (&Tenant, &Token)| owners(tenant, token, ledger);
    let unowned = all().filter(|one| owners(*one).is_empty()).count();
    let mut found: Vec<(&Tenant, LostToken)> = all()
        .filter(|one| owners(*one).contains(&account))
        .map(|(tenant, token)| (tenant, lost(tenant, token, ledger, now)))
        .collect();
    if found.is_empty() {
        let known: BTreeSet<String> = all().flat_map(owners).collect();
        let near = nearest(&account, known.iter().map(String::as_str)).map(str::to_owned);
        return Err(NoSuchAccount { account, near, unowned });
    }
    let mut at_once: BTreeMap<&str, usize> = BTreeMap::new();
    for (tenant, _) in found.iter().filter(|(_, token)| token.at_once) {
        *at_once.entry(tenant.name.as_str()).or_default() += 1;
    }
    // What ends at once comes first, customer by customer, those with most of it first: one sign-in
    // renews all of a customer's. Then the certificates, which live until their date.
    found.sort_by_key(|(tenant, token)| {
        let most = at_once.get(tenant.name.as_str()).copied().unwrap_or_default();
        let most = std::cmp::Reverse(if token.at_once { most } else { 0 });
        let date = token.expires.filter(|_| !token.at_once);
        let enrollment_first = token.kind != Kind::Enrollment;
        (most, date, token.tenant.clone(), enrollment_first, token.name.clone())
    });
    let mut letters: Vec<LostLetter> = Vec::new();
    for (tenant, _) in &found {
        if !letters.iter().any(|letter| letter.tenant == tenant.name.as_str()) {
            let its = found.iter().filter(|(of, _)| of.name == tenant.name).map(|(_, token)| token);
            letters.push(letter(tenant, &account, &its.collect::<Vec<_>>()));
        }
    }
    let not_read = fleet.iter().filter(|one| one.valid().is_none());
    Ok(LostAccount {
        format_version: AUDIT_VERSION,
        rev: rev.to_owned(),
        tokens: found.into_iter().map(|(_, token)| token).collect(),
        letters,
        unowned,
        ledger_read: ledger.is_some(),
        not_read: not_read.map(|one| one.name().to_owned()).collect(),
        account,
    })
}

/// Whose account a credential depends on, in lower case: whom Git says. As long as Git says nobody, or
/// Intune is not proved to have the file that Git tells of, it is the one that Intune was read to name.
fn owners(tenant: &Tenant, token: &Token, ledger: Option<&LedgerView>) -> BTreeSet<String> {
    let past = ledger.map(|view| view.tenant(tenant.tenant_id));
    let is_in_intune = token
        .file
        .as_ref()
        .is_none_or(|file| past.is_none_or(|past| past.proof(&token.token, file.sha256).is_some()));
    let read = past
        .and_then(|past| past.last_live_facts(&token.token))
        .and_then(|(facts, _)| facts.apple_id.as_deref())
        .filter(|_| token.owner().is_none() || !is_in_intune);
    let all = token.owner().into_iter().chain(read).map(folded);
    all.filter(|owner| !owner.is_empty()).collect()
}

/// What becomes of a push certificate whose account is lost, by its date.
fn lost_certificate(expires: Option<Timestamp>, now: Timestamp) -> String {
    let back =
        "Get the account back, or have Apple's support move the certificate to another account";
    match expires {
        Some(at) if at <= now => {
            let until = day(at.plus(RENEWABLE));
            format!(
                "It expired, so no device answers. Apple is known to renew a certificate for about 30 days after that, here until about {until}, and nobody else can renew it. {back}, before that day. Else every device has to enrol again."
            )
        }
        _ => {
            let by = expires.map(|at| format!(" by {}", day(at))).unwrap_or_default();
            format!(
                "Devices answer until it expires, and nobody else can renew it. {back},{by}. Else every device has to enrol again."
            )
        }
    }
}

fn lost(tenant: &Tenant, token: &Token, ledger: Option<&LedgerView>, now: Timestamp) -> LostToken {
    let seen = ledger.and_then(|view| view.tenant(tenant.tenant_id).last_live_facts(&token.token));
    let expires = seen.and_then(|(facts, _)| facts.expires).or(token.facts.expires);
    let kind = token.token.kind;
    let message = match kind {
        Kind::Enrollment => "No device syncs and none enrols by itself until a new token is in Intune. Any administrator in Apple Business or Apple School Manager who may manage MDM servers can download it.".to_owned(),
        Kind::Vpp => "No app is assigned or updated until a new token is in Intune. Any content manager of the location can download it.".to_owned(),
        Kind::Push => lost_certificate(expires, now),
    };
    let spec = token.token.spec(&tenant.name);
    LostToken {
        tenant: tenant.name.to_string(),
        kind,
        name: token.token.name.clone(),
        at_once: kind != Kind::Push,
        expires,
        message,
        contacts: tenant.contacts.clone(),
        is_over: expires.is_some_and(|at| at <= now),
        command: match kind {
            Kind::Push => format!("applecart renew {spec} --apple-id ACCOUNT --push"),
            Kind::Enrollment | Kind::Vpp => format!("applecart renew {spec}"),
        },
    }
}

/// A plain letter: the customer knows neither this program nor Apple's words.
fn letter(tenant: &Tenant, account: &str, tokens: &[&LostToken]) -> LostLetter {
    let customer = tenant.display_name.as_deref().unwrap_or(tenant.name.as_str());
    let has = |at_once: bool| tokens.iter().any(|token| token.at_once == at_once);
    let mut letter = Letter::new(&format!("Apple devices of {customer}: an Apple Account is lost"))
        .lead(&format!(
            "The Apple Account {account} can no longer be used. What Apple gave out to it for {customer} has to be renewed:"
        ));
    for token in tokens {
        let when = match (token.at_once, token.expires) {
            (true, _) => "has ended together with the account".to_owned(),
            (false, Some(at)) if token.is_over => format!("expired on {}", day(at)),
            (false, Some(at)) => format!("works until {}", day(at)),
            (false, None) => "works until it expires; the date is unknown".to_owned(),
        };
        let what = label(&TokenRef { kind: token.kind, id: None, name: token.name.clone() });
        letter = letter.item(Item::new(&format!("The {what} {when}.")).says(&token.message));
    }
    let mut asks = Vec::new();
    if has(true) {
        asks.push("Please name an administrator of yours in Apple Business or Apple School Manager who can sign in there with us, today if possible.");
    }
    if has(false) {
        asks.push("Please find out who can still open the account, or its mailbox. If nobody can, call Apple's support together with us, soon: this may take weeks.");
    }
    asks.push("Please name an account that only does this and that more than one person can open. The new ones are downloaded with it.");
    for ask in asks {
        letter = letter.close(ask);
    }
    LostLetter {
        tenant: tenant.name.to_string(),
        to: tenant.contacts.clone(),
        subject: letter.title().to_owned(),
        text: letter.text(),
    }
}

/// The rehearsal for a terminal: first what to do, then the letters.
pub fn lost_account_human(lost: &LostAccount, width: usize) -> String {
    let tenants: BTreeSet<&str> = lost.tokens.iter().map(|token| token.tenant.as_str()).collect();
    let at_once = lost.tokens.iter().filter(|token| token.at_once).count();
    let mut out = format!(
        "{}\n{} of {} would be lost, {at_once} of them on that day.\n\n",
        styled(HEAD, &format!("If {} is lost", escape(&lost.account))),
        plural(lost.tokens.len(), "credential"),
        plural(tenants.len(), "tenant"),
    );
    for (number, token) in lost.tokens.iter().enumerate() {
        let of = TokenRef { kind: token.kind, id: None, name: token.name.clone() };
        let when = match (token.at_once, token.expires) {
            (true, _) => "ends at once".to_owned(),
            (false, Some(at)) if token.is_over => format!("expired on {}", day(at)),
            (false, Some(at)) => format!("expires on {}", day(at)),
            (false, None) => "expires on an unknown day".to_owned(),
        };
        let title = format!("{}: the {} {when}", token.tenant, label(&of));
        out.push_str(&format!("{:>3}. {}\n", number + 1, styled(HEAD, &escape(&title))));
        let with = match token.contacts.is_empty() {
            true => "the tenant file names no contacts".to_owned(),
            false => token.contacts.join(", "),
        };
        let then = match token.kind {
            Kind::Push => " Once it is moved, this writes the new account into Git:",
            Kind::Enrollment | Kind::Vpp => "",
        };
        let told = format!("{} With: {with}.{then}", token.message);
        out.push_str(&wrap(&escape(&told), 5, width));
        out.push_str(&format!("     {}\n", escape(&token.command)));
    }
    for letter in &lost.letters {
        let to = match letter.to.is_empty() {
            true => format!("nobody: tenants/{}/tenant.yaml names no `contacts`", letter.tenant),
            false => letter.to.join(", "),
        };
        out.push_str(&format!(
            "\n{}\nTo: {}\nSubject: {}\n\n",
            styled(HEAD, &format!("Letter to {}", letter.tenant)),
            escape(&to),
            escape(&letter.subject)
        ));
        letter.text.lines().for_each(|line| out.push_str(&wrap(&escape(line), 0, width)));
    }
    if lost.unowned > 0 {
        out.push_str(&format!(
            "\n{} in Git name no account, so they may depend on this one, too. This writes those that Intune names into Git:\n  applecart import --update\n",
            plural(lost.unowned, "credential")
        ));
    }
    if !lost.ledger_read {
        out.push_str("\nThe ledger was not read, so dates are those of the tenant files.\n");
    }
    for name in &lost.not_read {
        out.push_str(&format!("\nnot read, because its file is invalid: {}\n", escape(name)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::world::{self, World};

    fn fleet() -> Vec<Desired> {
        let mut contoso = World::vpp().tenant;
        contoso.contacts = vec!["it@contoso.example".into()];
        contoso.push = World::equal().tenant.push;
        contoso.enrollment = World::enrollment().tenant.enrollment;
        let mut fabrikam = world::tenant("fabrikam", 9);
        fabrikam.push = World::equal().tenant.push;
        fabrikam.push.as_mut().unwrap().facts.expires = Some(world::at(world::THIS_YEAR));
        for token in contoso
            .vpp
            .iter_mut()
            .chain(&mut contoso.enrollment)
            .chain(contoso.push.as_mut())
            .chain(fabrikam.push.as_mut())
        {
            token.facts.apple_id = Some("Sam@contoso.example".into());
        }
        vec![Desired::Valid(contoso), Desired::Valid(fabrikam)]
    }

    fn rehearse(
        fleet: &[Desired],
        ledger: Option<&LedgerView>,
        account: &str,
    ) -> Result<LostAccount, NoSuchAccount> {
        lost_account("abc", fleet, ledger, account, world::at(world::NOW))
    }

    #[test]
    fn what_ends_with_the_account_comes_first_and_certificates_by_their_date() {
        let lost = rehearse(&fleet(), None, " sam@CONTOSO.example").unwrap();
        let order: Vec<(&str, Kind, bool)> = lost
            .tokens
            .iter()
            .map(|token| (token.tenant.as_str(), token.kind, token.at_once))
            .collect();
        let expected = [
            ("contoso", Kind::Enrollment, true),
            ("contoso", Kind::Vpp, true),
            ("fabrikam", Kind::Push, false),
            ("contoso", Kind::Push, false),
        ];
        assert_eq!(order, expected);
        assert_eq!(lost.letters.len(), 2, "one for each customer");
        insta::assert_snapshot!("lost_account", lost_account_human(&lost, 100));
    }

    #[test]
    fn the_customer_with_most_to_renew_at_once_comes_first() {
        let mut fleet = fleet();
        let mut adatum = world::tenant("adatum", 5);
        adatum.vpp = World::vpp().tenant.vpp;
        adatum.vpp[0].facts.apple_id = Some("sam@contoso.example".into());
        fleet.insert(0, Desired::Valid(adatum));
        let lost = rehearse(&fleet, None, "sam@contoso.example").unwrap();
        let first: Vec<&str> = lost.tokens.iter().map(|one| one.tenant.as_str()).take(3).collect();
        assert_eq!(first, ["contoso", "contoso", "adatum"]);
    }

    #[test]
    fn a_token_that_another_account_downloaded_does_not_end_with_the_one_that_intune_names() {
        let mut fleet = fleet();
        if let Some(Desired::Valid(contoso)) = fleet.first_mut() {
            contoso.vpp[0].downloaded_by = Some("vpp@contoso.example".into());
            contoso.enrollment[0].facts.apple_id = None;
        }
        let lost = rehearse(&fleet, None, "sam@contoso.example").unwrap();
        assert!(lost.tokens.iter().all(|token| token.kind == Kind::Push), "{lost:?}");
        assert_eq!(lost.unowned, 1);
        let other = rehearse(&fleet, None, "vpp@contoso.example").unwrap();
        assert_eq!(other.tokens.len(), 1);
    }

    #[test]
    fn the_last_reading_says_when_a_certificate_expires_and_not_what_git_said_once() {
        let mut world = World::equal();
        world.forget();
        let read =
            world.recorded(crate::model::Event::Observed, "99", "run", "2026-10-01T11:00:00Z");
        let read = read.after.as_ref().unwrap().expires;
        world.entry().facts.expires = None;
        let (fleet, ledger) = ([Desired::Valid(world.tenant.clone())], world.ledger.as_ref().ok());
        let lost = rehearse(&fleet, ledger, "mdm@contoso.example").unwrap();
        assert!(read.is_some() && lost.tokens[0].expires == read, "{lost:?}");
    }

    #[test]
    fn a_mistyped_account_is_no_calm_answer() {
        let error = rehearse(&fleet(), None, "sma@contoso.example").unwrap_err();
        assert_eq!(error.near.as_deref(), Some("sam@contoso.example"));
    }

    #[test]
    fn a_certificate_that_expired_is_not_said_to_work() {
        let mut fleet = fleet();
        let Some(Desired::Valid(fabrikam)) = fleet.get_mut(1) else { panic!("fabrikam") };
        let expired = world::at("2026-11-19T12:00:00Z");
        fabrikam.push.as_mut().unwrap().facts.expires = Some(expired);
        let lost = rehearse(&fleet, None, "sam@contoso.example").unwrap();
        let token = lost.tokens.iter().find(|token| token.tenant == "fabrikam").unwrap();
        assert!(token.message.starts_with("It expired, so no device answers."), "{token:?}");
        assert!(token.message.contains("until about 2026-12-19"), "{token:?}");
        let letter = &lost.letters.iter().find(|one| one.tenant == "fabrikam").unwrap().text;
        let human = lost_account_human(&lost, 400);
        for text in [letter, &human] {
            assert!(text.contains("push certificate expired on 2026-11-19"), "{text}");
        }
        assert!(!letter.contains("works until") && !letter.contains("Devices answer"), "{letter}");
    }

    #[test]
    fn an_account_that_only_intune_names_is_known_from_the_last_reading() {
        let mut world = World::vpp_renewal();
        let its = |world: &World, account: &str| {
            let (fleet, ledger) =
                ([Desired::Valid(world.tenant.clone())], world.ledger.as_ref().ok());
            rehearse(&fleet, ledger, account).map(|lost| lost.tokens.len())
        };
        let read = |world: &mut World| {
            let line =
                world.recorded(crate::model::Event::Observed, "99", "run", "2026-10-01T11:00:00Z");
            line.after.as_mut().unwrap().apple_id = Some("Old@contoso.example".into());
        };
        read(&mut world);
        // A file that is not in Intune yet: until then the earlier token is its account's.
        assert_eq!(its(&world, "old@contoso.example"), Ok(1));
        assert_eq!(its(&world, "vpp@contoso.example"), Ok(1));
        world.entry().file = None;
        assert_eq!(its(&world, "old@contoso.example").unwrap_err().unowned, 0, "Git says whose");
        world.entry().facts.apple_id = None;
        assert_eq!(its(&world, "old@contoso.example"), Ok(1));
        world.forget();
        let error = its(&world, "old@contoso.example").unwrap_err();
        assert_eq!(error.unowned, 1);
        assert!(error.to_string().contains("may depend on this one all the same"), "{error}");
    }
}
