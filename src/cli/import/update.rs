//! What an existing tenant file has to say differently, judged as `plan` judges.
//!
//! Facts of a watched token follow Intune. Of a token with a file they are the file's: they change
//! only when the token is adopted, because live is another credential.

use std::collections::BTreeSet;

use super::fresh::{Entries, country, is_account_type};
use applecart_core::fleet::{
    self, Change, EditError, NewValue, Tenant, Token, is_apple_id, is_country, is_text,
};
use applecart_core::model::{Facts, Kind, LiveEnrollment, LivePush, LiveTenant, LiveVpp};
use applecart_core::plan::{Action, PlannedTenant, PlannedToken, Reason, Sync, Warning};
use applecart_core::report::{ImportNote, ImportNoteCode};

/// Live is another credential than the file, and the file must not go over it.
const OUTSIDE: [Reason; 3] =
    [Reason::RenewedOutsideGit, Reason::ChangedOutsideGit, Reason::OlderThanLive];

/// An edited tenant file.
pub(super) struct Updated {
    pub(super) text: String,
    pub(super) notes: Vec<ImportNote>,
    /// Sealed files of adopted tokens.
    pub(super) left: Vec<String>,
}

/// Edits a tenant file so that its facts are those of `live`.
pub(super) fn update(
    path: &str,
    text: &str,
    tenant: &Tenant,
    planned: &PlannedTenant,
    live: &LiveTenant,
) -> Result<Updated, EditError> {
    let mut work = Work {
        path,
        updated: Updated { text: text.to_owned(), notes: Vec::new(), left: Vec::new() },
    };
    let of = |kind: Kind| planned.tokens.iter().filter(move |token| token.state.kind == kind);
    if let (Some(entry), Some(token)) = (&tenant.push, of(Kind::Push).next()) {
        let live = live.push.present();
        work.entry(entry, token, live.map(Live::Push))?;
    } else if let Some(one) = live.push.present().filter(|_| tenant.push.is_none())
        && of(Kind::Push).any(|token| token.state.sync == Sync::Unmanaged)
    {
        work.add(|entries| entries.push(one))?;
    }
    // Entries stand first and in the file's order, then what only Intune has.
    for (entry, token) in tenant.enrollment.iter().zip(of(Kind::Enrollment)) {
        let one = find(live.enrollment.present(), token, |one| &one.id);
        work.entry(entry, token, one.map(Live::Enrollment))?;
    }
    let mut names: BTreeSet<String> =
        tenant.enrollment.iter().filter_map(|entry| entry.token.name.clone()).collect();
    for token in of(Kind::Enrollment).filter(|token| token.state.sync == Sync::Unmanaged) {
        if let Some(one) = find(live.enrollment.present(), token, |one| &one.id) {
            work.add(|entries| entries.enrollment(one, &mut names))?;
        }
    }
    for (entry, token) in tenant.vpp.iter().zip(of(Kind::Vpp)) {
        let one = find(live.vpp.present(), token, |one| &one.id);
        work.entry(entry, token, one.map(Live::Vpp))?;
    }
    let mut names: BTreeSet<String> =
        tenant.vpp.iter().filter_map(|entry| entry.token.name.clone()).collect();
    for token in of(Kind::Vpp).filter(|token| token.state.sync == Sync::Unmanaged) {
        if let Some(one) = find(live.vpp.present(), token, |one| &one.id) {
            work.add(|entries| entries.vpp(one, &mut names))?;
        }
    }
    Ok(work.updated)
}

/// The live object that the plan means.
fn find<'a, T>(
    all: Option<&'a Vec<T>>,
    token: &PlannedToken,
    id_of: impl Fn(&T) -> &String,
) -> Option<&'a T> {
    token.state.live.as_ref()?;
    let id = token.state.id.as_deref()?;
    all?.iter().find(|one| id_of(one).eq_ignore_ascii_case(id))
}

/// A live token of any kind.
#[derive(Clone, Copy)]
enum Live<'a> {
    Push(&'a LivePush),
    Enrollment(&'a LiveEnrollment),
    Vpp(&'a LiveVpp),
}

impl Live<'_> {
    fn facts(self) -> Facts {
        match self {
            Self::Push(live) => live.facts(),
            Self::Enrollment(live) => live.facts(),
            Self::Vpp(live) => live.facts(),
        }
    }

    fn id(&self) -> Option<&str> {
        match self {
            Self::Push(_) => None,
            Self::Enrollment(live) => Some(&live.id),
            Self::Vpp(live) => Some(&live.id),
        }
    }
}

struct Work<'a> {
    path: &'a str,
    updated: Updated,
}

impl Work<'_> {
    fn note(&mut self, code: ImportNoteCode, token: String, detail: impl Into<String>) {
        self.updated.notes.push(ImportNote { code, token: Some(token), detail: detail.into() });
    }

    fn add(&mut self, make: impl FnOnce(&mut Entries)) -> Result<(), EditError> {
        let mut entries = Entries::default();
        make(&mut entries);
        for token in &entries.tokens {
            self.updated.text = fleet::add_token(self.path, &self.updated.text, token)?;
            let name = token.fields.iter().find_map(|(field, value)| match value {
                fleet::NewField::Text(text) if *field == "name" => Some(text),
                _ => None,
            });
            let name = name
                .map_or_else(|| token.kind.to_string(), |name| format!("{} {name:?}", token.kind));
            self.note(
                ImportNoteCode::Added,
                name,
                "live and not in the file; added; it is watched",
            );
        }
        self.updated.notes.append(&mut entries.notes);
        Ok(())
    }

    fn entry(
        &mut self,
        entry: &Token,
        planned: &PlannedToken,
        live: Option<Live<'_>>,
    ) -> Result<(), EditError> {
        let state = &planned.state;
        let name = entry.token.to_string();
        if state.sync == Sync::Unobserved {
            return Ok(());
        }
        if state.warnings.contains(&Warning::Ambiguous)
            || state.reasons.contains(&Reason::Ambiguous)
        {
            let detail = "more than one live token fits this entry; write Intune's `id` into it";
            self.note(ImportNoteCode::Ambiguous, name, detail);
            return Ok(());
        }
        let Some(live) = live.filter(|_| state.live.is_some()) else {
            let detail = "Intune does not have it; the entry was left as it is. Remove it by hand if it is gone for good";
            self.note(ImportNoteCode::Missing, name, detail);
            return Ok(());
        };
        let mut changes = Vec::new();
        if let (None, Some(id)) = (&entry.token.id, live.id().filter(|id| is_text(id))) {
            changes.push(Change::set("id", id));
        }
        let outside = state.reasons.iter().any(|reason| OUTSIDE.contains(reason));
        match &entry.file {
            None => {
                self.facts(entry, live, &mut changes);
                self.settings(entry, live, &mut changes);
            }
            Some(file) if outside => {
                for field in ["file", "sha256", "recipient", "downloaded"] {
                    changes.push(Change::Remove(field));
                }
                self.updated.left.push(file.name.clone());
                let reasons: Vec<&str> =
                    state.reasons.iter().map(|reason| reason.as_str()).collect();
                let detail = format!(
                    "live is another credential than {} ({}); it is watched from now on, as it is live",
                    file.name,
                    reasons.join(", ")
                );
                self.note(ImportNoteCode::Adopted, name.clone(), detail);
                self.facts(entry, live, &mut changes);
            }
            Some(_) => {
                let is_file = state.sync == Sync::InSync || planned.action == Action::Configure;
                let facts = live.facts();
                if entry.facts.apple_id.is_none() {
                    set_if(&mut changes, "appleId", facts.apple_id.as_deref(), is_apple_id);
                }
                // What was last seen live; the file itself does not tell.
                if is_file
                    && entry.token.kind == Kind::Enrollment
                    && facts.expires != entry.facts.expires
                {
                    set_if(
                        &mut changes,
                        "expires",
                        facts.expires.map(|at| at.to_string()).as_deref(),
                        |_| true,
                    );
                }
                if planned.action == Action::Hold {
                    let reasons: Vec<&str> =
                        state.reasons.iter().map(|reason| reason.as_str()).collect();
                    let detail = format!(
                        "held ({}), which an import does not change; `applecart plan` says more",
                        reasons.join(", ")
                    );
                    self.note(ImportNoteCode::Held, name.clone(), detail);
                }
            }
        }
        self.updated.text = fleet::edit(self.path, &self.updated.text, &entry.token, &changes)?;
        Ok(())
    }

    /// What Intune and Apple say of a credential.
    fn facts(&mut self, entry: &Token, live: Live<'_>, changes: &mut Vec<Change>) {
        let (stated, now) = (&entry.facts, live.facts());
        let lower = |id: &Option<String>| id.as_deref().map(str::to_lowercase);
        if lower(&stated.apple_id) != lower(&now.apple_id) {
            set_if(changes, "appleId", now.apple_id.as_deref(), is_apple_id);
        }
        if let (Some(topic), true) = (&now.topic, stated.topic != now.topic) {
            if let Some(before) = &stated.topic {
                let detail = format!(
                    "the live push topic is {topic}, the file had {before}: devices enrolled under the old one do not answer any more unless the certificate of before comes back"
                );
                self.note(ImportNoteCode::TopicChanged, entry.token.to_string(), detail);
            }
            changes.push(Change::set("topic", topic.as_str()));
        }
        if let (Some(serial), true) = (&now.serial, stated.serial != now.serial) {
            changes.push(Change::set("serial", serial.to_string()));
        }
        if stated.organization != now.organization {
            set_if(changes, "organization", now.organization.as_deref(), is_text);
        }
        if stated.location != now.location {
            set_if(changes, "location", now.location.as_deref(), is_text);
        }
        if stated.expires != now.expires {
            set_if(changes, "expires", now.expires.map(|at| at.to_string()).as_deref(), |_| true);
        }
        if let Live::Vpp(live) = live
            && entry.account_type.as_deref() != live.account_type.as_deref()
        {
            set_if(changes, "accountType", live.account_type.as_deref(), is_account_type);
        }
    }

    /// Settings that the file states: of a watched token they tell what is, for nothing configures
    /// it. What the file leaves out is Intune's business.
    fn settings(&mut self, entry: &Token, live: Live<'_>, changes: &mut Vec<Change>) {
        let (stated, now) = (&entry.facts, live.facts());
        if let Live::Vpp(vpp) = live {
            let country = country(vpp);
            if stated.country_or_region.is_some() && stated.country_or_region != country {
                set_if(changes, "country", country.as_deref(), is_country);
            }
            if let (Some(stated), Some(now)) =
                (stated.automatically_update_apps, now.automatically_update_apps)
                && stated != now
            {
                changes.push(Change::Set("automaticallyUpdateApps", NewValue::Flag(now)));
            }
        }
        let tags = |ids: &Option<Vec<String>>| {
            ids.as_ref().map(|ids| ids.iter().cloned().collect::<BTreeSet<_>>())
        };
        if stated.role_scope_tag_ids.is_some()
            && now.role_scope_tag_ids.is_some()
            && tags(&stated.role_scope_tag_ids) != tags(&now.role_scope_tag_ids)
        {
            let tags = now.role_scope_tag_ids.clone().unwrap_or_default().join(", ");
            let detail =
                format!("`roleScopeTagIds` is [{tags}] in Intune; correct the list by hand");
            self.note(ImportNoteCode::Differs, entry.token.to_string(), detail);
        }
        // People and scripts know the entry by its name, the ledger by its id.
        let (own, live_name) = match live {
            Live::Push(_) => return,
            Live::Enrollment(live) => (&entry.token.name, &live.name),
            Live::Vpp(live) => (&entry.token.name, &live.display_name),
        };
        if let Some(live_name) = live_name.as_ref().filter(|name| Some(*name) != own.as_ref()) {
            let detail = format!("it is named {live_name:?} in Intune; the entry keeps its name");
            self.note(ImportNoteCode::Differs, entry.token.to_string(), detail);
        }
    }
}

fn set_if(
    changes: &mut Vec<Change>,
    field: &'static str,
    value: Option<&str>,
    fits: fn(&str) -> bool,
) {
    if let Some(value) = value.filter(|value| fits(value)) {
        changes.push(Change::set(field, value));
    }
}
