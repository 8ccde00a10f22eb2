//! Which Apple Accounts put credentials at risk. A token stops working when the account that downloaded
//! it changes its password or goes, and a push certificate is renewed with its own account alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::fleet::{Desired, Owners, Tenant, Token};

/// Providers that give a mailbox to anybody.
const FREE_MAIL: [&str; 30] = [
    "126.com",
    "163.com",
    "aol.com",
    "btinternet.com",
    "comcast.net",
    "fastmail.com",
    "free.fr",
    "freenet.de",
    "gmail.com",
    "gmx.at",
    "gmx.ch",
    "gmx.com",
    "gmx.de",
    "gmx.net",
    "googlemail.com",
    "icloud.com",
    "laposte.net",
    "libero.it",
    "mac.com",
    "mail.com",
    "mail.ru",
    "me.com",
    "naver.com",
    "orange.fr",
    "pm.me",
    "proton.me",
    "protonmail.com",
    "qq.com",
    "t-online.de",
    "web.de",
];

/// Providers that have a domain in many countries.
const FREE_MAIL_ANYWHERE: [&str; 6] = ["hotmail", "live", "msn", "outlook", "yahoo", "ymail"];

/// Parts of a name by which an address is a role's and no person's.
const ROLES: [&str; 24] = [
    "abm", "account", "admin", "ade", "apns", "app", "apple", "apps", "asm", "dep", "device",
    "devices", "endpoint", "intune", "ios", "it", "mdm", "mobile", "push", "service", "support",
    "team", "token", "vpp",
];

/// Why an account is a risk to what depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnerRisk {
    /// Its mailbox is at a provider that gives one to anybody.
    FreeMail,
    /// It has a domain that is neither the customer's nor accepted.
    Foreign { domain: String },
    /// It has the name of one person, who may leave.
    Person,
}

impl fmt::Display for OwnerRisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FreeMail => write!(f, "is at a free mail provider"),
            Self::Foreign { domain } => write!(
                f,
                "has the domain {domain}, which is neither among this customer's `contacts` nor among its `domains`"
            ),
            Self::Person => write!(f, "has the name of one person"),
        }
    }
}

/// What speaks against an account of a tenant; nothing where it was looked into.
pub fn risk(account: &str, tenant: &Tenant, owners: &Owners) -> Option<OwnerRisk> {
    let account = folded(account);
    let (name, domain) = account.rsplit_once('@')?;
    if owners.accepted.contains(&account) {
        return None;
    }
    if is_free_mail(domain) {
        return Some(OwnerRisk::FreeMail);
    }
    let of_contact = |contact: &String| Some(contact.rsplit_once('@')?.1.to_lowercase());
    let own: BTreeSet<String> =
        tenant.contacts.iter().filter_map(of_contact).chain(tenant.domains.clone()).collect();
    let is_right = own.iter().chain(&owners.accepted).any(|one| is_within(domain, one));
    // Where nothing tells which domains are the customer's, nothing speaks against one.
    if !own.is_empty() && !is_right {
        return Some(OwnerRisk::Foreign { domain: domain.to_owned() });
    }
    is_person(name).then_some(OwnerRisk::Person)
}

/// The accounts on which credentials of more tenants depend than the settings accept, each with
/// those tenants. An account that was looked into is not among them.
pub fn shared<'a>(fleet: &'a [Desired], owners: &Owners) -> BTreeMap<String, BTreeSet<&'a str>> {
    let mut held: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for tenant in fleet.iter().filter_map(Desired::valid) {
        for account in tenant.tokens().filter_map(Token::owner) {
            held.entry(folded(account)).or_default().insert(tenant.name.as_str());
        }
    }
    let most = usize::try_from(owners.max_tenants).unwrap_or(usize::MAX);
    held.retain(|account, tenants| tenants.len() > most && !owners.accepted.contains(account));
    held
}

/// Apple's accounts are compared without case.
pub fn folded(account: &str) -> String {
    account.trim().to_lowercase()
}

fn is_free_mail(domain: &str) -> bool {
    let anywhere = domain.split('.').next().is_some_and(|name| FREE_MAIL_ANYWHERE.contains(&name));
    // `live.contoso.example` is somebody's own: such providers have a country behind their name.
    let is_short = domain.split('.').skip(1).all(|label| label.len() <= 3);
    FREE_MAIL.contains(&domain) || (anywhere && is_short)
}

/// Managed Apple Accounts often have a domain below the customer's, such as `appleid.contoso.example`.
fn is_within(domain: &str, own: &str) -> bool {
    domain.strip_suffix(own).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Whether an address is written as people's are: two names or more, and none of a role.
fn is_person(name: &str) -> bool {
    let parts: Vec<&str> = name.split('.').collect();
    let is_name = |part: &&str| {
        part.chars().count() > 1 && part.chars().all(|c| c.is_alphabetic() || c == '-')
    };
    let is_role = |part: &&str| part.split('-').any(|one| ROLES.contains(&one));
    parts.len() > 1 && parts.iter().all(is_name) && !parts.iter().any(is_role)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::world::{World, tenant};

    fn of(account: &str, change: impl FnOnce(&mut Tenant, &mut Owners)) -> Option<OwnerRisk> {
        let (mut tenant, mut owners) = (World::equal().tenant, Owners::default());
        tenant.contacts = vec!["IT@Contoso.example".into()];
        change(&mut tenant, &mut owners);
        risk(account, &tenant, &owners)
    }

    fn foreign(domain: &str) -> Option<OwnerRisk> {
        Some(OwnerRisk::Foreign { domain: domain.into() })
    }

    #[test]
    fn a_mailbox_that_anybody_gets_is_a_risk_and_a_company_of_a_like_name_is_none() {
        for account in ["vpp@gmail.com", "VPP@iCloud.com", "a@hotmail.co.uk", "a@yahoo.fr"] {
            assert_eq!(of(account, |_, _| ()), Some(OwnerRisk::FreeMail), "{account}");
        }
        assert_eq!(of("vpp@live.contoso.example", |_, _| ()), None);
        assert_eq!(of("vpp@mygmail.com", |_, _| ()), foreign("mygmail.com"));
    }

    #[test]
    fn a_domain_is_the_customers_by_contacts_by_domains_or_by_the_settings() {
        assert_eq!(of("vpp@contoso.example", |_, _| ()), None);
        assert_eq!(of("vpp@appleid.contoso.example", |_, _| ()), None, "a managed account");
        assert_eq!(of("vpp@notcontoso.example", |_, _| ()), foreign("notcontoso.example"));
        let msp = "apple@msp.example";
        assert_eq!(of(msp, |_, _| ()), foreign("msp.example"));
        assert_eq!(of(msp, |tenant, _| tenant.domains.push("msp.example".into())), None);
        assert_eq!(of(msp, |_, owners| owners.accepted.push("msp.example".into())), None);
        assert_eq!(of(msp, |_, owners| owners.accepted.push(msp.into())), None);
        assert_eq!(of(msp, |tenant, _| tenant.contacts.clear()), None, "nothing to compare with");
    }

    #[test]
    fn a_persons_own_address_is_a_risk_and_a_roles_is_none() {
        for person in ["sam.smith@contoso.example", "anna-lena.groß@contoso.example"] {
            assert_eq!(of(person, |_, _| ()), Some(OwnerRisk::Person), "{person}");
            let accepted =
                |_: &mut Tenant, owners: &mut Owners| owners.accepted.push(person.into());
            assert_eq!(of(person, accepted), None);
        }
        for role in ["mdm", "apple.tokens", "vpp.london", "it-team", "s.smith", "apple.it"] {
            assert_eq!(of(&format!("{role}@contoso.example"), |_, _| ()), None, "{role}");
        }
        assert_eq!(of("no address", |_, _| ()), None);
    }

    #[test]
    fn an_account_that_holds_more_tenants_than_accepted_is_told_once_with_all_of_them() {
        let fleet: Vec<Desired> = (1..=3)
            .map(|number| {
                let mut one = tenant(&format!("tenant-{number}"), number);
                one.push = World::equal().tenant.push;
                Desired::Valid(one)
            })
            .collect();
        let at_most = |max_tenants, accepted: &[&str]| {
            let accepted = accepted.iter().map(|one| (*one).to_owned()).collect();
            let found = shared(&fleet, &Owners { accepted, max_tenants });
            found.into_iter().map(|(account, held)| (account, held.len())).collect::<Vec<_>>()
        };
        assert_eq!(at_most(2, &[]), [("mdm@contoso.example".to_owned(), 3)]);
        assert!(at_most(3, &[]).is_empty());
        assert!(at_most(2, &["mdm@contoso.example"]).is_empty());
    }

    #[test]
    fn a_moved_row_is_the_new_accounts_and_a_token_stays_its_downloaders() {
        let mut push = World::equal().tenant.push.unwrap();
        push.downloaded_by = Some("old@contoso.example".into());
        assert_eq!(push.owner(), Some("mdm@contoso.example"));
        let mut vpp = World::vpp().tenant.vpp.remove(0);
        vpp.downloaded_by = Some("sam@contoso.example".into());
        assert_eq!(vpp.owner(), Some("sam@contoso.example"));
        vpp.downloaded_by = None;
        assert_eq!(vpp.owner(), vpp.facts.apple_id.as_deref());
    }
}
