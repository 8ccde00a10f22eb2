//! Renewals as entries of a calendar, as data.
//!
//! One entry a renewal, always on the next day that counts: the day from which the renewal is due;
//! once that is past, the day from which the token is critical; then the day on which it expires. An
//! entry in the past is one that nobody sees. It has one identity for as long as the token has this
//! credential, and its sequence grows with each day that it moves to, so that a calendar moves it
//! instead of showing it twice.
//!
//! Calendars are often read without a password, so an entry names no Apple Account: the sheet, whose
//! command it has, does.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::attention::{Cause, Matter, MatterTenant, Window, renewal_key};
use crate::model::{Kind, Sha256, Timestamp, TokenRef};
use crate::report::{Status, StatusTenant, StatusToken, escape, without_commands};

/// One renewal in a calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The same in every run and every calendar.
    pub uid: String,
    /// Grows whenever the entry moves to another day.
    pub sequence: u32,
    pub day: NaiveDate,
    pub summary: String,
    pub description: String,
    /// As calendars count it: 1 is the most urgent, 9 the least.
    pub priority: u32,
}

/// A renewal, with the dates that the fleet's settings give it.
#[derive(Clone, Copy, Debug)]
pub struct Renewal<'a> {
    pub tenant: &'a MatterTenant,
    /// What people call the tenant.
    pub display_name: Option<&'a str>,
    pub token: &'a TokenRef,
    pub expires: Timestamp,
    /// From when on it is due.
    pub due: Timestamp,
    /// From when on it is critical.
    pub critical: Timestamp,
    /// What is told of its expiry today; `None` while it is not due.
    pub matter: Option<&'a Matter>,
}

/// How far a renewal is, by the days that are past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Ahead,
    Due,
    Critical,
    Expired,
}

impl Stage {
    fn of(renewal: &Renewal<'_>, today: NaiveDate) -> Self {
        match today {
            _ if today > day(renewal.expires) => Self::Expired,
            _ if today > day(renewal.critical) => Self::Critical,
            _ if today > day(renewal.due) => Self::Due,
            _ => Self::Ahead,
        }
    }

    fn sequence(self) -> u32 {
        match self {
            Self::Ahead => 0,
            Self::Due => 1,
            Self::Critical => 2,
            Self::Expired => 3,
        }
    }
}

/// The renewals of a status, the earliest first. A token whose expiry is unknown has no day; the
/// status tells of it.
pub fn entries(status: &Status) -> Vec<Entry> {
    // To look through all matters for each of many tokens takes too long.
    let mut told: BTreeMap<&str, Vec<&Matter>> = BTreeMap::new();
    for matter in status.attention.iter().filter(|matter| is_of_expiry(matter)) {
        let tenant = matter.tenant.as_ref().map_or("", |tenant| &tenant.name);
        told.entry(tenant).or_default().push(matter);
    }
    let mut entries = Vec::new();
    for tenant in &status.tenants {
        let about = MatterTenant { name: tenant.name.clone(), tenant_id: tenant.tenant_id };
        let its = told.get(tenant.name.as_str()).map_or(&[][..], Vec::as_slice);
        for token in &tenant.tokens {
            let of = token.state.token();
            let renewal = renewal(tenant, &about, (token, &of), its);
            entries.extend(renewal.map(|renewal| renewal.entry(status.generated_at)));
        }
    }
    entries.sort_by(|one, other| (one.day, &one.uid).cmp(&(other.day, &other.uid)));
    // Two folders of one tenant have the same renewals; no calendar takes an identity twice.
    entries.dedup_by(|one, other| one.uid == other.uid);
    entries
}

fn renewal<'a>(
    tenant: &'a StatusTenant,
    about: &'a MatterTenant,
    (token, of): (&'a StatusToken, &'a TokenRef),
    told: &[&'a Matter],
) -> Option<Renewal<'a>> {
    Some(Renewal {
        tenant: about,
        display_name: tenant.display_name.as_deref(),
        token: of,
        expires: token.state.expires?,
        due: token.renew_by?,
        critical: token.critical_from?,
        matter: told.iter().find(|matter| matter.is_about(of)).copied(),
    })
}

pub(super) fn is_of_expiry(matter: &Matter) -> bool {
    [Cause::Expired, Cause::Critical, Cause::RenewalDue].iter().any(|one| one.code() == matter.code)
}

impl<'a> Renewal<'a> {
    /// The renewal that a matter tells of, for a message that carries its entry; `None` for a matter
    /// that is about no expiry.
    pub fn of_matter(matter: &'a Matter, display_name: Option<&'a str>) -> Option<Self> {
        let Window { due_from, critical_from } = matter.window?;
        Some(Self {
            tenant: matter.tenant.as_ref()?,
            display_name,
            token: matter.token.as_ref()?,
            expires: matter.due?,
            due: due_from,
            critical: critical_from,
            matter: Some(matter),
        })
    }

    /// Its entry, as things stand at this time.
    pub fn entry(&self, now: Timestamp) -> Entry {
        let stage = Stage::of(self, day(now));
        let what = self.what();
        let (day, summary, priority) = match stage {
            Stage::Ahead => (day(self.due), format!("Renew: {what}"), 5),
            Stage::Due => (day(self.critical), format!("Renewal due: {what}"), 3),
            Stage::Critical => (day(self.expires), format!("Expires: {what}"), 1),
            Stage::Expired => (day(self.expires), format!("Expired: {what}"), 1),
        };
        let identity = renewal_key(self.tenant, self.token, self.expires);
        let digest = Sha256::of(identity.as_bytes()).to_string();
        Entry {
            uid: format!("applecart-{}", digest.get(..32).unwrap_or(&digest)),
            sequence: stage.sequence(),
            day,
            summary: plain(&summary),
            description: plain_lines(&self.description()),
            priority,
        }
    }

    /// `Contoso Ltd, push certificate`.
    fn what(&self) -> String {
        let tenant = self.display_name.unwrap_or(&self.tenant.name);
        let kind = match self.token.kind {
            Kind::Push => "push certificate",
            Kind::Enrollment => "enrollment token",
            Kind::Vpp => "VPP token",
        };
        match self.token.name.as_ref().or(self.token.id.as_ref()) {
            Some(name) if self.token.kind != Kind::Push => format!("{tenant}, {kind} {name}"),
            _ => format!("{tenant}, {kind}"),
        }
    }

    fn description(&self) -> Vec<String> {
        let mut lines =
            vec![format!("Tenant {}. It expires on {}.", self.tenant.name, self.expires)];
        match self.matter {
            Some(matter) => {
                lines.push(matter.message.clone());
                lines.push(matter.next.clone());
                lines.extend(matter.command.clone());
            }
            None => {
                lines.push(format!(
                    "By the fleet's settings it is due for renewal from {} on. The steps, the dates and the Apple Account are on its sheet:",
                    self.due
                ));
                lines.push(format!("applecart renew {}", self.token.spec(&self.tenant.name)));
            }
        }
        lines
    }
}

fn day(at: Timestamp) -> NaiveDate {
    at.date_time().date_naive()
}

/// Text from elsewhere on one line, with nothing that a pipeline's runner would obey.
fn plain(text: &str) -> String {
    without_commands(&escape(text)).into_owned()
}

fn plain_lines(lines: &[String]) -> String {
    lines.iter().map(|line| plain(line)).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
