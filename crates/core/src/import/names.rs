//! Customers' names → names of folders.

use std::collections::{BTreeMap, BTreeSet};

use crate::fleet::is_device_name;
use crate::model::{TenantId, TenantName};

/// A customer of a partner, as the partner's directory names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// `customerId`: the customer's own directory.
    pub tenant_id: TenantId,
    /// `displayName` of the contract in Graph; `None` where it has none.
    pub display_name: Option<String>,
    /// `defaultDomainName`, such as `contoso.onmicrosoft.com`.
    pub domain: Option<String>,
}

/// Longest part of a name that is taken from a customer's, so that room is left for an ending.
const LONGEST: usize = 48;

/// Longest part before a whole GUID.
const LONGEST_BEFORE_ID: usize = 27;

/// The folder's name of each customer, and why it is not simply the customer's. `taken` are the
/// folders that there are already. The order of the customers does not matter: where two would
/// have one name, both get an ending.
pub(crate) fn folders(
    customers: &[&Customer],
    taken: &BTreeSet<String>,
) -> Vec<(Option<TenantName>, Option<String>)> {
    let plain: Vec<(String, bool)> = customers.iter().map(|one| plain(one)).collect();
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, _) in &plain {
        *times.entry(name.as_str()).or_default() += 1;
    }
    customers
        .iter()
        .zip(&plain)
        .map(|(customer, (name, from_nothing))| {
            let id = customer.tenant_id.to_string();
            // The GUID's first group: what people see of it first.
            let ending = id.split('-').next().unwrap_or_default();
            let why = if *from_nothing && customer.display_name.is_none() {
                Some("no name of the customer is known".to_owned())
            } else if *from_nothing {
                Some("the customer has no name that a folder can have".to_owned())
            } else if times.get(name.as_str()).copied().unwrap_or_default() > 1 {
                Some(format!("several customers would be named {name}"))
            } else if taken.contains(name) {
                Some(format!("the folder {name} belongs to another tenant"))
            } else if is_device_name(name) {
                Some(format!("Windows cannot have a folder {name}"))
            } else {
                None
            };
            let Some(why) = why else { return (name.parse().ok(), None) };
            let longer = format!("{name}-{ending}");
            let longer = if taken.contains(&longer) {
                let short: String = name.chars().take(LONGEST_BEFORE_ID).collect();
                format!("{}-{id}", short.trim_end_matches('-'))
            } else {
                longer
            };
            let name: Option<TenantName> = longer.parse().ok().filter(|_| !taken.contains(&longer));
            (name, Some(format!("the folder is named {longer}, because {why}")))
        })
        .collect()
}

/// A name out of the display name, else out of the domain's first label; `true` where neither
/// gives one.
fn plain(customer: &Customer) -> (String, bool) {
    let display = customer.display_name.as_deref().unwrap_or_default();
    // Half a name is none: 株式会社 Contoso would become contoso.
    let display =
        Some(display).filter(|name| !name.chars().any(|c| c.is_alphabetic() && fold(c).is_none()));
    let domain = customer.domain.as_deref().and_then(|domain| domain.split('.').next());
    let name = display.map(slug).filter(|name| !name.is_empty());
    let name = name.or_else(|| domain.map(slug).filter(|name| !name.is_empty()));
    name.map_or_else(|| ("tenant".to_owned(), true), |name| (name, false))
}

fn slug(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match fold(c) {
            Some(letters) => out.push_str(&letters),
            // `Müller's`: an apostrophe joins.
            None if matches!(c, '\'' | '’') => {}
            None if !out.is_empty() && !out.ends_with('-') => out.push('-'),
            None => {}
        }
        if out.len() >= LONGEST {
            break;
        }
    }
    out.trim_matches('-').to_owned()
}

/// A letter or digit as a folder may have it.
fn fold(c: char) -> Option<String> {
    let plain = match c.to_lowercase().next().unwrap_or(c) {
        'ä' => "ae",
        'ö' => "oe",
        'ü' => "ue",
        'ß' => "ss",
        'æ' => "ae",
        'ø' => "oe",
        'œ' => "oe",
        'þ' => "th",
        'å' | 'à' | 'á' | 'â' | 'ã' | 'ā' | 'ă' | 'ą' => "a",
        'ç' | 'č' | 'ć' | 'ĉ' | 'ċ' => "c",
        'ď' | 'đ' | 'ð' => "d",
        'è' | 'é' | 'ê' | 'ë' | 'ę' | 'ē' | 'ė' | 'ě' => "e",
        'ğ' | 'ģ' | 'ĝ' | 'ġ' => "g",
        'ħ' => "h",
        'ì' | 'í' | 'î' | 'ï' | 'ī' | 'į' | 'ı' => "i",
        'ķ' => "k",
        'ł' | 'ľ' | 'ĺ' | 'ļ' => "l",
        'ñ' | 'ń' | 'ň' | 'ņ' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ő' | 'ō' => "o",
        'ř' | 'ŕ' => "r",
        'š' | 'ś' | 'ş' | 'ș' => "s",
        'ť' | 'ţ' | 'ț' => "t",
        'ù' | 'ú' | 'û' | 'ű' | 'ů' | 'ū' | 'ų' => "u",
        'ŵ' => "w",
        'ý' | 'ÿ' => "y",
        'ž' | 'ź' | 'ż' => "z",
        lower if lower.is_ascii_alphanumeric() => return Some(lower.to_string()),
        _ => return None,
    };
    Some(plain.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn customer(number: u32, name: Option<&str>, domain: Option<&str>) -> Customer {
        Customer {
            tenant_id: format!("{number:08x}-8a34-4b7a-9a51-0d6c2f6f1b11").parse().unwrap(),
            display_name: name.map(str::to_owned),
            domain: domain.map(str::to_owned),
        }
    }

    fn names(customers: &[Customer], taken: &[&str]) -> Vec<String> {
        let taken = taken.iter().map(|name| (*name).to_owned()).collect();
        let all = folders(&customers.iter().collect::<Vec<_>>(), &taken);
        all.into_iter().map(|(name, _)| name.unwrap().to_string()).collect()
    }

    #[test]
    fn a_folder_is_named_as_the_customer() {
        let one = |name, domain| names(&[customer(1, name, domain)], &[]).remove(0);
        assert_eq!(one(Some("Contoso Ltd."), None), "contoso-ltd");
        assert_eq!(one(Some("  Müller & Söhne (Zürich)  "), None), "mueller-soehne-zuerich");
        assert_eq!(one(Some("Hővíz Kft."), None), "hoviz-kft");
        assert_eq!(one(Some("Çelik A.Ş. İstanbul"), None), "celik-a-s-istanbul");
        assert_eq!(one(Some("Łódź Žižka Ťažký Đuro"), None), "lodz-zizka-tazky-duro");
        assert_eq!(one(Some("O'Neill’s"), None), "oneills");
        assert_eq!(one(Some("株式会社 Contoso"), Some("kontoso.onmicrosoft.com")), "kontoso");
        assert_eq!(one(Some("--"), Some("fabrikam.example")), "fabrikam");
        assert_eq!(one(None, None), "tenant-00000001");
        assert_eq!(one(Some("Con"), None), "con-00000001");
        assert_eq!(one(Some(&"xy".repeat(60)), None).len(), LONGEST);
    }

    #[test]
    fn two_of_one_name_both_get_an_ending_and_a_reason() {
        let two = [customer(1, Some("Contoso"), None), customer(2, Some("CONTOSO"), None)];
        assert_eq!(names(&two, &[]), ["contoso-00000001", "contoso-00000002"]);
        let turned = [two[1].clone(), two[0].clone()];
        assert_eq!(names(&turned, &[]), ["contoso-00000002", "contoso-00000001"]);
        let why = folders(&two.iter().collect::<Vec<_>>(), &BTreeSet::new()).remove(0).1.unwrap();
        assert!(why.contains("several customers would be named contoso"), "{why}");
        let one = [two[0].clone()];
        assert_eq!(names(&one, &["contoso"]), ["contoso-00000001"]);
        let long = "contoso-00000001-8a34-4b7a-9a51-0d6c2f6f1b11";
        assert_eq!(names(&one, &["contoso", "contoso-00000001"]), [long]);
        let taken = ["contoso", "contoso-00000001", long].map(str::to_owned).into();
        let all = folders(&[&one[0]], &taken);
        assert_eq!(all[0].0, None, "never onto another's");
    }
}
