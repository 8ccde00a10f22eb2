//! Which tenants and tokens the fleet has, by Git alone.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::csv;
use super::table::{Column, table};
use super::text::{label, plural};
use crate::fleet::{Desired, Tenant};
use crate::model::{TenantId, Timestamp, TokenRef};
use crate::plan::FORMAT_VERSION;

/// The result of `tenants`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TenantList {
    pub format_version: String,
    /// The commit that was read.
    pub rev: Option<String>,
    pub tenants: Vec<ListedTenant>,
}

/// A tenant, as its file in Git has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListedTenant {
    pub name: String,
    pub display_name: Option<String>,
    /// `null` where the file has a mistake there.
    pub tenant_id: Option<TenantId>,
    pub labels: BTreeMap<String, String>,
    pub tokens: Vec<ListedToken>,
    /// How many mistakes keep the file from being read; labels and tokens are then left out.
    pub mistakes: usize,
}

/// A token that a tenant file names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListedToken {
    #[serde(flatten)]
    pub token: TokenRef,
    /// The sealed file; `null` for a token that is watched.
    pub file: Option<String>,
    /// The expiry date in Git, which may be older than Intune's.
    pub expires: Option<Timestamp>,
}

impl TenantList {
    /// The list of these tenants.
    pub fn new<'a>(rev: Option<String>, fleet: impl Iterator<Item = &'a Desired>) -> Self {
        let tenants = fleet.map(ListedTenant::of).collect();
        Self { format_version: FORMAT_VERSION.to_owned(), rev, tenants }
    }

    /// Whether every file could be read.
    pub fn is_whole(&self) -> bool {
        self.tenants.iter().all(|tenant| tenant.mistakes == 0)
    }
}

impl ListedTenant {
    fn of(desired: &Desired) -> Self {
        match desired {
            Desired::Valid(tenant) => Self {
                name: tenant.name.to_string(),
                display_name: tenant.display_name.clone(),
                tenant_id: Some(tenant.tenant_id),
                labels: tenant.labels.clone(),
                tokens: tokens_of(tenant),
                mistakes: 0,
            },
            Desired::Invalid { name, tenant_id, mistakes, .. } => Self {
                name: name.clone(),
                display_name: None,
                tenant_id: *tenant_id,
                labels: BTreeMap::new(),
                tokens: Vec::new(),
                mistakes: mistakes.len(),
            },
        }
    }

    fn labels(&self, between: &str) -> String {
        let labels = self.labels.iter().map(|(key, value)| format!("{key}={value}"));
        labels.collect::<Vec<_>>().join(between)
    }

    fn tokens(&self, between: &str) -> String {
        if self.mistakes > 0 {
            return plural(self.mistakes, "mistake");
        }
        let tokens = self.tokens.iter().map(|one| {
            label(one.token.kind, one.token.name.as_deref().or(one.token.id.as_deref()))
        });
        tokens.collect::<Vec<_>>().join(between)
    }
}

fn tokens_of(tenant: &Tenant) -> Vec<ListedToken> {
    let listed = tenant.tokens().map(|token| ListedToken {
        token: token.token.clone(),
        file: token.file.as_ref().map(|file| file.name.clone()),
        expires: token.facts.expires,
    });
    listed.collect()
}

/// The tenants as a table.
pub fn tenants_human(list: &TenantList, width: Option<usize>) -> String {
    if list.tenants.is_empty() {
        return "The fleet has no tenant yet. Add what Intune has:\napplecart import --from customers.csv\n"
            .to_owned();
    }
    let columns = [
        Column::Fixed("tenant"),
        Column::Spare("name"),
        Column::Fixed("tenant id"),
        Column::Name("labels"),
        Column::Name("tokens"),
    ];
    let row = |one: &ListedTenant| {
        let cells = vec![
            one.name.clone(),
            one.display_name.clone().unwrap_or_default(),
            one.tenant_id.map(|id| id.to_string()).unwrap_or_default(),
            one.labels(" "),
            one.tokens(", "),
        ];
        (None, cells)
    };
    let mut text = table(&columns, &list.tenants.iter().map(row).collect::<Vec<_>>(), width);
    let broken = list.tenants.iter().filter(|tenant| tenant.mistakes > 0).count();
    if broken > 0 {
        text.push_str(&format!(
            "\n{} cannot be read because of mistakes, so nothing is uploaded there. This names each with its line:\napplecart validate\n",
            plural(broken, "tenant file")
        ));
    }
    text
}

/// The tenants for spreadsheets and scripts, one a row.
pub fn tenants_csv(list: &TenantList) -> String {
    let row = |one: &ListedTenant| {
        [
            ("tenant", csv::text(&one.name)),
            ("displayName", csv::optional(one.display_name.as_deref())),
            ("tenantId", csv::or_empty(one.tenant_id)),
            ("labels", csv::text(&one.labels(" "))),
            ("tokens", csv::text(&one.tokens("; "))),
            ("mistakes", one.mistakes.to_string()),
        ]
    };
    let head = row(&ListedTenant {
        name: String::new(),
        display_name: None,
        tenant_id: None,
        labels: BTreeMap::new(),
        tokens: Vec::new(),
        mistakes: 0,
    });
    csv::table(head, list.tenants.iter().map(row))
}
