//! `--select`: which tenants a command is about.
//!
//! One `--select` is a comma-separated list of terms that must all hold; several `--select`s add
//! up. A term is a tenant's name with `*` as wildcard, `name=…` (the same), `tenantId=…`, or a
//! label as `ring=pilot` or `ring!=pilot`. `--base` narrows all that to the tenants that a branch
//! touches.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::load::Desired;
use super::tenant::Tenant;

/// Why a `--select` cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "--select {text:?}: a term is a tenant's name (`contoso`, `con*`), `tenantId=…`, or a label (`ring=pilot`, `ring!=pilot`); terms are separated by commas"
)]
pub struct SelectionError {
    /// The expression as it was given.
    pub text: String,
}

/// Which tenants were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SelectionReport {
    /// The `--select` expressions; empty means all tenants.
    pub select: Vec<String>,
    /// What `--base` narrows that to; absent without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub touched: Option<Touched>,
}

/// The tenants that a branch touches: those whose folder is another one than where the branch left
/// its base.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Touched {
    /// The base as it was named, such as `origin/main`.
    pub base: String,
    /// The commit where the branch left it.
    pub since: String,
    /// The folders, by name; also those that the branch removes.
    pub tenants: BTreeSet<String>,
}

/// Which tenants; none given means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    source: Vec<String>,
    alternatives: Vec<Vec<Term>>,
    touched: Option<Touched>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Term {
    Name(String),
    TenantId(String),
    Label { key: String, value: String, equal: bool },
}

impl Selection {
    /// Reads the `--select` expressions of a command line.
    ///
    /// # Errors
    /// When one is empty or has an empty term.
    pub fn parse(expressions: &[String]) -> Result<Self, SelectionError> {
        let alternatives = expressions
            .iter()
            .map(|text| {
                text.split(',')
                    .map(|term| parse_term(term.trim()))
                    .collect::<Option<Vec<_>>>()
                    .ok_or_else(|| SelectionError { text: text.clone() })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { source: expressions.to_vec(), alternatives, touched: None })
    }

    /// The selection that a plan shows.
    ///
    /// # Errors
    /// When the plan was edited.
    pub fn of_report(report: &SelectionReport) -> Result<Self, SelectionError> {
        let mut selection = Self::parse(&report.select)?;
        selection.touched.clone_from(&report.touched);
        Ok(selection)
    }

    /// Of the selected tenants only those that a branch touches.
    #[must_use]
    pub fn within(mut self, touched: Touched) -> Self {
        self.touched = Some(touched);
        self
    }

    /// Whether every tenant is selected.
    pub fn is_all(&self) -> bool {
        self.alternatives.is_empty() && self.touched.is_none()
    }

    fn is_touched(&self, name: &str) -> bool {
        self.touched.as_ref().is_none_or(|touched| touched.tenants.contains(name))
    }

    /// Whether a valid tenant is selected.
    pub fn matches(&self, tenant: &Tenant) -> bool {
        self.is_touched(tenant.name.as_str()) && self.is_named(tenant)
    }

    fn is_named(&self, tenant: &Tenant) -> bool {
        self.alternatives.is_empty()
            || self.alternatives.iter().any(|terms| all_hold(terms, tenant))
    }

    /// The expressions that select no tenant of the fleet, as they were given. One that selects
    /// nothing is a slip, whatever the others select: its tenant would be left out without a word.
    pub fn unmatched(&self, fleet: &[Desired]) -> Vec<&str> {
        let places = self.unmatched_places(fleet).into_iter();
        places.filter_map(|place| Some(self.source.get(place)?.as_str())).collect()
    }

    /// Which of the expressions these are.
    pub(super) fn unmatched_places(&self, fleet: &[Desired]) -> Vec<usize> {
        let selects = |terms: &[Term]| {
            fleet.iter().any(|desired| match desired {
                Desired::Valid(tenant) => all_hold(terms, tenant),
                Desired::Invalid { name, .. } => may_hold(terms, name),
            })
        };
        let all = self.alternatives.iter().enumerate();
        all.filter(|(_, terms)| !selects(terms)).map(|(place, _)| place).collect()
    }

    /// Whether a term names a tenant that there is not. That nobody has a label may change tomorrow.
    pub(super) fn names_nobody(&self, fleet: &[Desired]) -> bool {
        let is_known = |id: &str| {
            let is = |one: &Desired| one.tenant_id().is_none_or(|own| own.to_string() == *id);
            fleet.iter().any(is)
        };
        self.alternatives.iter().flatten().any(|term| match term {
            Term::Name(name) => !name.contains('*') && !fleet.iter().any(|one| one.name() == name),
            Term::TenantId(id) => !is_known(id),
            Term::Label { .. } => false,
        })
    }

    /// Whether an invalid tenant may be selected. Its labels cannot be trusted, so only a term
    /// that names another tenant excludes it: a mistake must not hide behind a selection.
    pub fn may_match_invalid(&self, name: &str) -> bool {
        if !self.is_touched(name) {
            return false;
        }
        self.alternatives.is_empty() || self.alternatives.iter().any(|terms| may_hold(terms, name))
    }

    /// The selection as plans show it.
    pub fn report(&self) -> SelectionReport {
        SelectionReport { select: self.source.clone(), touched: self.touched.clone() }
    }
}

fn all_hold(terms: &[Term], tenant: &Tenant) -> bool {
    terms.iter().all(|term| match term {
        Term::Name(pattern) => wildcard(pattern, tenant.name.as_str()),
        Term::TenantId(id) => tenant.tenant_id.to_string() == *id,
        Term::Label { key, value, equal } => (tenant.labels.get(key) == Some(value)) == *equal,
    })
}

/// Of an invalid tenant only the name is sure.
fn may_hold(terms: &[Term], name: &str) -> bool {
    terms.iter().all(|term| match term {
        Term::Name(pattern) => wildcard(pattern, name),
        Term::TenantId(_) | Term::Label { .. } => true,
    })
}

fn parse_term(text: &str) -> Option<Term> {
    let (key, value, equal) = match (text.split_once("!="), text.split_once('=')) {
        (Some((key, value)), _) => (key, value, false),
        (None, Some((key, value))) => (key, value, true),
        (None, None) => return (!text.is_empty()).then(|| Term::Name(text.to_owned())),
    };
    let (key, value) = (key.trim(), value.trim());
    if key.is_empty() || value.is_empty() {
        return None;
    }
    Some(match (key, equal) {
        ("name" | "tenant", true) => Term::Name(value.to_owned()),
        ("tenantId", true) => Term::TenantId(value.to_ascii_lowercase()),
        _ => Term::Label { key: key.to_owned(), value: value.to_owned(), equal },
    })
}

/// `*` stands for any run of characters. Greedy with one point of return, so linear in practice
/// and never exponential.
fn wildcard(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(first) = parts.next() else { return text.is_empty() };
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_whole_names() {
        for (pattern, text, expected) in [
            ("contoso", "contoso", true),
            ("contoso", "contoso-2", false),
            ("con*", "contoso", true),
            ("*so", "contoso", true),
            ("c*t*o", "contoso", true),
            ("*", "", true),
            ("a*a", "a", false),
        ] {
            assert_eq!(wildcard(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn every_expression_must_select_a_tenant_by_itself() {
        let fleet = ["contoso", "fabrikam"].map(|name| Desired::Invalid {
            name: name.to_owned(),
            tenant_id: None,
            file: String::new(),
            mistakes: Vec::new(),
        });
        let unmatched = |given: &[&str]| {
            let given: Vec<String> = given.iter().map(|one| (*one).to_owned()).collect();
            let selection = Selection::parse(&given).unwrap();
            selection.unmatched(&fleet).into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(unmatched(&[]), [""; 0]);
        assert_eq!(unmatched(&["contoso", "fab*"]), [""; 0]);
        assert_eq!(unmatched(&["contoso", "fabricam", "nobody"]), ["fabricam", "nobody"]);
        assert_eq!(unmatched(&["contoso,fabrikam"]), ["contoso,fabrikam"], "a comma means and");
    }

    #[test]
    fn an_expression_without_a_term_is_an_error() {
        for bad in ["", "ring=", "=pilot", "contoso,"] {
            assert!(Selection::parse(&[bad.to_owned()]).is_err(), "{bad:?}");
        }
    }
}
