//! What every section of a page is given.

use std::collections::HashMap;

use maud::{Markup, html};

use super::PageView;
use crate::model::Timestamp;
use crate::report::status::{Status, StatusTenant};

/// What the sections of a page look things up in.
pub(super) struct Scene<'a> {
    pub(super) status: &'a Status,
    pub(super) view: PageView<'a>,
    /// What people call each tenant.
    names: HashMap<&'a str, &'a str>,
}

impl<'a> Scene<'a> {
    pub(super) fn new(status: &'a Status, view: PageView<'a>) -> Self {
        let named = |tenant: &'a StatusTenant| {
            Some((tenant.name.as_str(), tenant.display_name.as_deref()?))
        };
        Self { status, view, names: status.tenants.iter().filter_map(named).collect() }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.status.generated_at
    }

    pub(super) fn called(&self, tenant: &str) -> Option<&'a str> {
        self.names.get(tenant).copied().filter(|name| *name != tenant)
    }
}

pub(super) fn instant(at: Timestamp) -> Markup {
    let text = at.date_time().format("%Y-%m-%d %H:%M UTC").to_string();
    html! { time datetime=(at.to_string()) { (text) } }
}
