//! Renewals as issues of a forge: one for what one tenant has due, found again by the keys in its
//! first line.

use std::collections::{BTreeMap, BTreeSet};

use super::{Sheet, Sheets};
use crate::model::Timestamp;
use crate::outlets::letter::clipped;
use crate::report::text::day;

/// What a work item's tag for one renewal begins with.
const TAG: &str = "applecart-";
/// Forges cut or refuse longer texts: GitHub 65,536 characters, GitLab and Azure more.
const MAX_BODY: usize = 60_000;
const MAX_TITLE: usize = 250;

/// What one tenant has due and was not told yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenewalIssue {
    pub tenant: String,
    /// The keys of its renewals.
    pub keys: Vec<String>,
    pub title: String,
    /// In Markdown, with what it is found again by at its beginning.
    pub body: String,
}

/// What an issue of ours says of itself: of which renewals it tells, and of whose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldRenewals {
    keys: Vec<String>,
    /// Unknown in issues of earlier versions.
    tenant: Option<String>,
}

impl Sheets {
    /// Issues for what is due and not told yet, one for each tenant, the most urgent first. A renewal
    /// without a known date is told by the plan and by the job that fails.
    pub fn issues(&self, told: &BTreeSet<String>) -> Vec<RenewalIssue> {
        let mut order: Vec<&str> = Vec::new();
        let mut of: BTreeMap<&str, Vec<&Sheet>> = BTreeMap::new();
        for sheet in self.dated().filter(|sheet| !told.contains(&sheet.key)) {
            let tenant = sheet.tenant.as_str();
            if !of.contains_key(tenant) {
                order.push(tenant);
            }
            of.entry(tenant).or_default().push(sheet);
        }
        order.into_iter().filter_map(|tenant| Some(issue(tenant, of.get(tenant)?))).collect()
    }

    fn dated(&self) -> impl Iterator<Item = &Sheet> {
        self.sheets.iter().filter(|sheet| sheet.facts.expires.is_some())
    }

    /// Whether a reading shows that nothing of what an issue tells is due any more.
    pub fn is_over(&self, told: &ToldRenewals) -> bool {
        let is_due = |key: &String| self.dated().any(|sheet| sheet.key == *key);
        let is_unread = match &told.tenant {
            Some(tenant) => self.not_read.contains(tenant),
            None => !self.not_read.is_empty(),
        };
        !self.selected && !is_unread && !told.keys.iter().any(is_due)
    }
}

impl RenewalIssue {
    /// The body as a work item's description.
    pub fn html(&self) -> String {
        maud::html! { pre { (self.body) } }.into_string()
    }

    /// A tag for all work items, and one for each renewal.
    pub fn tags(&self, label: &str) -> String {
        let own = self.keys.iter().map(|key| format!("; {TAG}{key}"));
        std::iter::once(label.to_owned()).chain(own).collect()
    }
}

impl ToldRenewals {
    /// What the tags of work items tell.
    pub fn of_tags<'a>(tags: impl Iterator<Item = &'a str>) -> Self {
        let keys = tags.filter_map(|tag| tag.strip_prefix(TAG)).filter(|key| is_key(key));
        Self { keys: keys.map(str::to_owned).collect(), tenant: None }
    }

    /// What the text of an issue begins with; `None` where it is none of renewals.
    pub fn read(body: &str) -> Option<Self> {
        let mut lines = body.lines();
        let keys = within(lines.next()?, "renewal")?;
        let keys: Vec<String> = keys.split_whitespace().map(str::to_owned).collect();
        let tenant = lines.next().and_then(|line| within(line, "tenant")).map(str::to_owned);
        (!keys.is_empty() && keys.iter().all(|key| is_key(key))).then_some(Self { keys, tenant })
    }

    pub fn keys(&self) -> &[String] {
        &self.keys
    }
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// What a line such as `<!-- applecart:tenant contoso -->` holds.
fn within<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    let rest = line.strip_prefix("<!-- applecart:")?.strip_prefix(word)?;
    rest.strip_prefix(' ')?.trim_end().strip_suffix(" -->")
}

fn issue(tenant: &str, sheets: &[&Sheet]) -> RenewalIssue {
    let keys: Vec<String> = sheets.iter().map(|sheet| sheet.key.clone()).collect();
    let first = sheets.iter().filter_map(|sheet| sheet.facts.expires).min();
    let title = match sheets {
        [one] => one.title.clone(),
        all => of_many(all, first),
    };
    let mut body = format!(
        "<!-- applecart:renewal {} -->\n<!-- applecart:tenant {tenant} -->\n",
        keys.join(" ")
    );
    for (number, sheet) in sheets.iter().enumerate() {
        let left_out = sheets.len() - number;
        if number > 0 && body.len() + sheet.markdown.len() > MAX_BODY {
            body.push_str(&format!(
                "\n---\n\n{left_out} more are left out here. This shows all of them:\n\n```sh\napplecart renew --due 60d --select {tenant}\n```\n"
            ));
            break;
        }
        if number > 0 {
            body.push_str("\n---\n\n");
        }
        body.push_str(&sheet.markdown);
    }
    RenewalIssue { tenant: tenant.to_owned(), keys, title: clipped(&title, MAX_TITLE), body }
}

fn of_many(sheets: &[&Sheet], first: Option<Timestamp>) -> String {
    let name = sheets.first().and_then(|sheet| sheet.display_name.as_deref());
    let name = name.or(sheets.first().map(|sheet| sheet.tenant.as_str())).unwrap_or_default();
    let by = first.map(|at| format!(", the first by {}", day(at)));
    format!("Renew {} Apple credentials of {name}{}", sheets.len(), by.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Option<(Vec<String>, Option<String>)> {
        ToldRenewals::read(text).map(|told| (told.keys, told.tenant))
    }

    #[test]
    fn an_issue_says_of_which_renewals_it_tells_and_of_whose() {
        let of = |keys: &[&str], tenant: Option<&str>| {
            let keys = keys.iter().map(|key| (*key).to_owned()).collect();
            Some((keys, tenant.map(str::to_owned)))
        };
        // Of an earlier version, and of this one.
        assert_eq!(told("<!-- applecart:renewal 0a1b -->\ntext"), of(&["0a1b"], None));
        let text = "<!-- applecart:renewal 0a1b 2c -->\r\n<!-- applecart:tenant contoso -->\r\n";
        assert_eq!(told(text), of(&["0a1b", "2c"], Some("contoso")));
        for text in [
            "",
            "they wrote: <!-- applecart:renewal 0a1b -->",
            "<!-- applecart:renewal -->",
            "<!-- applecart:renewal x -->",
            "<!-- applecart:renewals 0a1b -->",
        ] {
            assert_eq!(told(text), None, "{text}");
        }
        let tags = ["applecart-renewal", "applecart-0a1b", "mine"];
        assert_eq!(ToldRenewals::of_tags(tags.into_iter()).keys(), ["0a1b"]);
    }

    #[test]
    fn only_a_reading_of_its_own_tenant_ends_an_issue() {
        let sheets = |selected, not_read: &[&str]| Sheets {
            format_version: String::new(),
            generated_at: "2026-11-23T00:00:00Z".parse().unwrap(),
            base: String::new(),
            sheets: Vec::new(),
            selected,
            not_read: not_read.iter().map(|name| (*name).to_owned()).collect(),
            sitting: None,
        };
        let of = |tenant: Option<&str>| ToldRenewals {
            keys: vec!["0a1b".to_owned()],
            tenant: tenant.map(str::to_owned),
        };
        let contoso = of(Some("contoso"));
        assert!(sheets(false, &[]).is_over(&contoso));
        assert!(sheets(false, &["fabrikam"]).is_over(&contoso));
        assert!(!sheets(false, &["contoso"]).is_over(&contoso));
        assert!(!sheets(true, &[]).is_over(&contoso), "nobody asked for it");
        assert!(sheets(false, &[]).is_over(&of(None)));
        assert!(!sheets(false, &["fabrikam"]).is_over(&of(None)), "it may be that one's");
    }
}
