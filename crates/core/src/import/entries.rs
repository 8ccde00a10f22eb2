//! A token in Intune → the fields of its entry in a tenant file.

use std::collections::BTreeSet;

use crate::fleet::{NewField, NewToken, is_apple_id, is_country, is_text};
use crate::model::{Facts, Kind, LiveTenant, LiveToken};
use crate::report::{ImportNote, ImportNoteCode};
use crate::rules::stated::told_apart;

/// The scope tags of a token to which no administrator gave any.
const DEFAULT_SCOPE: &str = "0";

/// New entries, and what they cannot say.
#[derive(Default)]
pub(super) struct Entries {
    pub(super) tokens: Vec<NewToken>,
    pub(super) notes: Vec<ImportNote>,
}

/// An entry for every token that Intune is known to have.
pub(super) fn entries(live: &LiveTenant) -> Entries {
    let mut entries = Entries::default();
    for kind in Kind::ALL {
        let mut taken = BTreeSet::new();
        for one in live.tokens(kind) {
            entries.add(one, &mut taken);
        }
    }
    entries
}

/// The facts of an entry that Intune and Apple know, in the order of a tenant file.
pub(super) fn fields(facts: Facts, account_type: Option<&str>) -> Vec<(&'static str, NewField)> {
    let text = |value: Option<String>| value.filter(|it| !it.is_empty()).map(NewField::Text);
    let tags = facts.role_scope_tag_ids.filter(|tags| !tags.is_empty() && *tags != [DEFAULT_SCOPE]);
    let all = [
        ("appleId", text(facts.apple_id)),
        ("topic", text(facts.topic.map(|topic| topic.to_string()))),
        ("serial", text(facts.serial.map(|serial| serial.to_string()))),
        ("organization", text(facts.organization)),
        ("location", text(facts.location)),
        // Graph was seen with both cases.
        ("country", text(facts.country_or_region.map(|code| code.to_ascii_lowercase()))),
        ("accountType", text(account_type.map(str::to_owned))),
        ("automaticallyUpdateApps", facts.automatically_update_apps.map(NewField::Flag)),
        ("expires", text(facts.expires.map(|at| at.to_string()))),
        ("roleScopeTagIds", tags.map(NewField::Texts)),
    ];
    all.into_iter().filter_map(|(field, value)| Some((field, value?))).collect()
}

/// The same of a token in Intune.
pub(super) fn fields_of(live: LiveToken<'_>) -> Vec<(&'static str, NewField)> {
    let account_type = match live {
        LiveToken::Vpp(live) => live.account_type.as_deref(),
        LiveToken::Push(_) | LiveToken::Enrollment(_) => None,
    };
    fields(live.facts(), account_type)
}

/// Whether a tenant file can have this value.
pub(super) fn fits(field: &str, value: &NewField) -> bool {
    match (field, value) {
        ("appleId", NewField::Text(text)) => is_apple_id(text),
        ("country", NewField::Text(text)) => is_country(text),
        ("accountType", NewField::Text(text)) => matches!(text.as_str(), "business" | "education"),
        (_, NewField::Text(text)) => is_text(text),
        (_, NewField::Texts(all)) => all.iter().all(|text| is_text(text)),
        (_, NewField::Flag(_)) => true,
    }
}

impl Entries {
    /// Adds the entry of a token. `taken` are the names that entries of its kind have already.
    pub(super) fn add(&mut self, live: LiveToken<'_>, taken: &mut BTreeSet<String>) {
        let kind = live.kind();
        let mut token = kind.to_string();
        let mut fields = Vec::new();
        if let Some(id) = live.id() {
            let name = self.name(live, id, taken);
            token = format!("{kind} {name:?}");
            fields.push(("name", NewField::Text(name)));
            fields.push(("id", NewField::Text(id.to_owned())));
        }
        fields.extend(fields_of(live));
        fields.retain(|(field, value)| {
            let fits = fits(field, value);
            if !fits {
                let shown = match value {
                    NewField::Text(text) => format!("{text:?}"),
                    other => format!("{other:?}"),
                };
                self.note(&token, format!("`{field}` is {shown} in Intune, which a tenant file cannot have; it was left out"));
            }
            fits
        });
        self.tokens.push(NewToken { kind, fields });
    }

    /// A name that no other entry of the kind has: Intune's, else what else tells the token apart.
    fn name(&mut self, live: LiveToken<'_>, id: &str, taken: &mut BTreeSet<String>) -> String {
        let own = live.name();
        let other = match live {
            LiveToken::Vpp(live) => [live.location.as_deref(), live.organization.as_deref()],
            LiveToken::Push(_) | LiveToken::Enrollment(_) => [None, None],
        };
        let names = [own].into_iter().chain(other).flatten();
        let name = names.into_iter().find(|name| is_text(name)).unwrap_or(id);
        let given = if taken.contains(name) { told_apart(name, id) } else { name.to_owned() };
        if own != Some(given.as_str()) {
            let why = match own {
                Some(own) if is_text(own) => {
                    format!("another token in Intune is named {own:?} too")
                }
                _ => "Intune has no usable name of it".to_owned(),
            };
            let token = format!("{} {given:?}", live.kind());
            self.note(&token, format!("{why}, so the entry is named {given:?}"));
        }
        taken.insert(given.clone());
        given
    }

    fn note(&mut self, token: &str, detail: String) {
        let token = Some(token.to_owned());
        self.notes.push(ImportNote { code: ImportNoteCode::NotWritten, token, detail });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{LiveVpp, Reading};
    use crate::plan::world;

    fn vpp(id: &str, name: Option<&str>) -> LiveVpp {
        LiveVpp {
            display_name: name.map(str::to_owned),
            organization: None,
            location: None,
            apple_id: None,
            country_or_region: None,
            account_type: None,
            automatically_update_apps: None,
            expires: None,
            role_scope_tag_ids: None,
            ..world::live_vpp("x", id, world::NEXT_YEAR)
        }
    }

    #[test]
    fn what_a_file_cannot_have_is_left_out_and_told() {
        let london = LiveVpp {
            country_or_region: Some("GB".to_owned()),
            account_type: Some("novel".to_owned()),
            organization: Some(" x ".to_owned()),
            role_scope_tag_ids: Some(vec!["0".to_owned()]),
            ..vpp("1", Some("London"))
        };
        let live = LiveTenant { vpp: Reading::Present(vec![london]), ..LiveTenant::not_asked() };
        let all = entries(&live);
        let fields: Vec<&str> = all.tokens[0].fields.iter().map(|(name, _)| *name).collect();
        assert_eq!(fields, ["name", "id", "country"]);
        assert_eq!(all.tokens[0].fields[2].1, NewField::Text("gb".to_owned()));
        assert_eq!(all.notes.len(), 2, "{:?}", all.notes);
    }

    #[test]
    fn every_entry_has_a_name_of_its_own() {
        let abm = |id: &str, name: Option<&str>| {
            let (id, name) = (id.to_owned(), name.map(str::to_owned));
            crate::model::LiveEnrollment { id, name, ..world::live_enrollment() }
        };
        let paris = LiveVpp { location: Some("Paris".to_owned()), ..vpp("4", None) };
        let live = LiveTenant {
            enrollment: Reading::Present(vec![
                abm("1", Some("ABM")),
                abm("2", Some("ABM")),
                abm("3", None),
            ]),
            vpp: Reading::Present(vec![paris]),
            ..LiveTenant::not_asked()
        };
        let all = entries(&live);
        let names: Vec<NewField> =
            all.tokens.iter().map(|token| token.fields[0].1.clone()).collect();
        let text = |text: &str| NewField::Text(text.to_owned());
        assert_eq!(names, [text("ABM"), text("ABM (2)"), text("3"), text("Paris")]);
        assert_eq!(all.notes.len(), 3, "{:?}", all.notes);
    }
}
