//! Which tokens depend on which Apple Account.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use super::AUDIT_VERSION;
use crate::fleet::Desired;
use crate::model::{Kind, Timestamp};
use crate::report::table::{Column, table};
use crate::report::text::{escape, names, plural};
use crate::rules::owners;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppleIdToken {
    pub tenant: String,
    pub kind: Kind,
    /// The token's name; push certificates have none.
    pub name: Option<String>,
    /// When it expires, as Git says.
    pub expires: Option<Timestamp>,
}

/// An Apple Account and what depends on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppleId {
    /// As the tenant files write it, in lower case; `null` for tokens that name none.
    pub apple_id: Option<String>,
    pub tenants: usize,
    /// How many push certificates: without this account they cannot be renewed, and every device
    /// of their tenants has to be enrolled again.
    pub push: usize,
    /// How many enrollment program tokens: another administrator of the organisation can renew
    /// them.
    pub enrollment: usize,
    /// How many VPP tokens, of which the same is true.
    pub vpp: usize,
    pub tokens: Vec<AppleIdToken>,
}

/// What `audit --apple-ids --format json` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppleIds {
    pub format_version: &'static str,
    pub rev: String,
    /// Those with most tokens first; tokens without one last.
    pub apple_ids: Vec<AppleId>,
    /// Tenants whose files are invalid, so that nothing is known of them.
    pub not_read: Vec<String>,
}

/// Sorts a fleet's tokens by Apple Account.
pub fn apple_ids(rev: &str, fleet: &[Desired]) -> AppleIds {
    let mut tokens: BTreeMap<Option<String>, BTreeSet<AppleIdToken>> = BTreeMap::new();
    for tenant in fleet.iter().filter_map(Desired::valid) {
        for token in tenant.tokens() {
            let apple_id = token.owner().map(owners::folded);
            tokens.entry(apple_id.filter(|id| !id.is_empty())).or_default().insert(AppleIdToken {
                tenant: tenant.name.to_string(),
                kind: token.token.kind,
                name: token.token.name.clone(),
                expires: token.facts.expires,
            });
        }
    }
    let mut apple_ids: Vec<AppleId> = tokens
        .into_iter()
        .map(|(apple_id, tokens)| {
            let count = |kind| tokens.iter().filter(|token| token.kind == kind).count();
            AppleId {
                apple_id,
                tenants: tokens.iter().map(|token| &token.tenant).collect::<BTreeSet<_>>().len(),
                push: count(Kind::Push),
                enrollment: count(Kind::Enrollment),
                vpp: count(Kind::Vpp),
                tokens: tokens.into_iter().collect(),
            }
        })
        .collect();
    apple_ids.sort_by_key(|one| (one.apple_id.is_none(), std::cmp::Reverse(one.tokens.len())));
    let not_read =
        fleet.iter().filter(|one| one.valid().is_none()).map(|one| one.name().to_owned());
    AppleIds {
        format_version: AUDIT_VERSION,
        rev: rev.to_owned(),
        apple_ids,
        not_read: not_read.collect(),
    }
}

/// As a table, and below it what would be stranded.
pub fn apple_ids_human(found: &AppleIds) -> String {
    const COLUMNS: [Column; 7] = [
        Column::Name("APPLE ACCOUNT"),
        Column::Fixed("TOKENS"),
        Column::Fixed("TENANTS"),
        Column::Fixed("PUSH"),
        Column::Fixed("ENROLLMENT"),
        Column::Fixed("VPP"),
        Column::Fixed("IF IT IS LOST"),
    ];
    let mut rows = Vec::new();
    for one in &found.apple_ids {
        let name = one.apple_id.as_deref().unwrap_or("(none named)").to_owned();
        let lost = match (&one.apple_id, one.push) {
            (None, 0) => "find out whose they are".to_owned(),
            (None, push) => format!(
                "find out whose they are: {} cannot be renewed without",
                plural(push, "push certificate")
            ),
            (Some(_), 0) => "tokens end at once; another administrator can renew".to_owned(),
            (Some(_), push) => {
                format!(
                    "{} cannot be renewed without Apple's support",
                    plural(push, "push certificate")
                )
            }
        };
        let row = vec![
            name,
            one.tokens.len().to_string(),
            one.tenants.to_string(),
            one.push.to_string(),
            one.enrollment.to_string(),
            one.vpp.to_string(),
            lost,
        ];
        rows.push((None, row));
    }
    let mut text = table(&COLUMNS, &rows, None);
    text.extend(found.apple_ids.iter().filter_map(stranded));
    if found.apple_ids.iter().any(|one| one.apple_id.is_none()) {
        text.push_str(
            "\nThis writes the accounts that Intune names into Git:\n  applecart import --update\n",
        );
    }
    for name in &found.not_read {
        text.push_str(&format!("\nnot read, because its file is invalid: {}\n", escape(name)));
    }
    text
}

/// What several tenants would lose with an account.
fn stranded(one: &AppleId) -> Option<String> {
    let account = one.apple_id.as_deref()?;
    let pushes = one.tokens.iter().filter(|token| token.kind == Kind::Push);
    let mut tenants: Vec<&str> = pushes.map(|token| token.tenant.as_str()).collect();
    tenants.dedup();
    (tenants.len() > 1).then(|| {
        format!(
            "\n{} holds the push certificates of {}: if it is lost, none of them can be renewed.\n",
            escape(account),
            names(&tenants, 10)
        )
    })
}
