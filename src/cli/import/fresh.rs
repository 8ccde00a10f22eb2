//! Live tokens → the entries of a tenant file.

use std::collections::BTreeSet;

use applecart_core::fleet::{NewField, NewToken, is_apple_id, is_country, is_text};
use applecart_core::model::{Kind, LiveEnrollment, LivePush, LiveTenant, LiveVpp};
use applecart_core::report::{ImportNote, ImportNoteCode};

/// The scope tags of a token that nobody gave any.
const DEFAULT_SCOPE: &str = "0";

/// Entries, and what they do not say.
#[derive(Default)]
pub(super) struct Entries {
    pub(super) tokens: Vec<NewToken>,
    pub(super) notes: Vec<ImportNote>,
}

/// An entry for every live token that is known.
pub(super) fn entries(live: &LiveTenant) -> Entries {
    let mut entries = Entries::default();
    if let Some(live) = live.push.present() {
        entries.push(live);
    }
    let mut names = BTreeSet::new();
    for one in live.enrollment.present().into_iter().flatten() {
        entries.enrollment(one, &mut names);
    }
    let mut names = BTreeSet::new();
    for one in live.vpp.present().into_iter().flatten() {
        entries.vpp(one, &mut names);
    }
    entries
}

/// The fields of one entry.
struct Fields<'e> {
    entries: &'e mut Entries,
    token: String,
    fields: Vec<(&'static str, NewField)>,
}

impl Fields<'_> {
    fn add(&mut self, field: &'static str, value: Option<&str>, fits: fn(&str) -> bool) {
        let Some(value) = value.filter(|value| !value.is_empty()) else { return };
        if fits(value) {
            self.fields.push((field, NewField::Text(value.to_owned())));
        } else {
            self.entries.notes.push(ImportNote {
                code: ImportNoteCode::NotWritten,
                token: Some(self.token.clone()),
                detail: format!("its live `{field}` is {value:?}, which a tenant file cannot have; it was left out"),
            });
        }
    }

    fn add_scope(&mut self, tags: Option<&Vec<String>>) {
        let Some(tags) = tags.filter(|tags| !tags.is_empty() && *tags != &[DEFAULT_SCOPE]) else {
            return;
        };
        if tags.iter().all(|tag| is_text(tag)) {
            self.fields.push(("roleScopeTagIds", NewField::Texts(tags.clone())));
        }
    }

    fn end(self, kind: Kind) {
        self.entries.tokens.push(NewToken { kind, fields: self.fields });
    }
}

impl Entries {
    fn begin(&mut self, token: String) -> Fields<'_> {
        Fields { entries: self, token, fields: Vec::new() }
    }

    /// A name that no other entry of the kind has: the live one, else what else tells the token
    /// apart.
    fn name(
        &mut self,
        kind: Kind,
        live: &[Option<&str>],
        id: &str,
        taken: &mut BTreeSet<String>,
    ) -> String {
        let usable = |name: &&str| is_text(name);
        let name = live.iter().flatten().copied().find(usable).unwrap_or(id).to_owned();
        let own = live.first().copied().flatten();
        let given = if taken.contains(&name) { format!("{name} ({id})") } else { name };
        if own != Some(given.as_str()) {
            let why = match own {
                Some(own) if is_text(own) => format!("another live token is named {own:?} too"),
                _ => "Intune has no usable name of it".to_owned(),
            };
            self.notes.push(ImportNote {
                code: ImportNoteCode::NotWritten,
                token: Some(format!("{kind} {given:?}")),
                detail: format!("{why}, so the entry is named {given:?}"),
            });
        }
        taken.insert(given.clone());
        given
    }

    /// The push certificate's entry.
    pub(super) fn push(&mut self, live: &LivePush) {
        let mut fields = self.begin("push".to_owned());
        fields.add("appleId", live.apple_id.as_deref(), is_apple_id);
        fields.add("topic", Some(live.topic.as_str()), |_| true);
        fields.add("serial", Some(&live.serial.to_string()), |_| true);
        fields.add("expires", Some(&live.expires.to_string()), |_| true);
        fields.end(Kind::Push);
    }

    /// An enrollment token's entry. Graph does not tell the MDM server at Apple.
    pub(super) fn enrollment(&mut self, live: &LiveEnrollment, names: &mut BTreeSet<String>) {
        let name = self.name(Kind::Enrollment, &[live.name.as_deref()], &live.id, names);
        let mut fields = self.begin(format!("enrollment {name:?}"));
        fields.add("name", Some(&name), is_text);
        fields.add("id", Some(&live.id), is_text);
        fields.add("appleId", live.apple_id.as_deref(), is_apple_id);
        fields.add("expires", live.expires.map(|at| at.to_string()).as_deref(), |_| true);
        fields.add_scope(live.role_scope_tag_ids.as_ref());
        fields.end(Kind::Enrollment);
    }

    /// A VPP token's entry.
    pub(super) fn vpp(&mut self, live: &LiveVpp, names: &mut BTreeSet<String>) {
        let own =
            [live.display_name.as_deref(), live.location.as_deref(), live.organization.as_deref()];
        let name = self.name(Kind::Vpp, &own, &live.id, names);
        let mut fields = self.begin(format!("vpp {name:?}"));
        fields.add("name", Some(&name), is_text);
        fields.add("id", Some(&live.id), is_text);
        fields.add("appleId", live.apple_id.as_deref(), is_apple_id);
        fields.add("organization", live.organization.as_deref(), is_text);
        fields.add("location", live.location.as_deref(), is_text);
        fields.add("country", country(live).as_deref(), is_country);
        fields.add("accountType", live.account_type.as_deref(), is_account_type);
        if let Some(flag) = live.automatically_update_apps {
            fields.fields.push(("automaticallyUpdateApps", NewField::Flag(flag)));
        }
        fields.add("expires", live.expires.map(|at| at.to_string()).as_deref(), |_| true);
        fields.add_scope(live.role_scope_tag_ids.as_ref());
        fields.end(Kind::Vpp);
    }
}

/// The country as files have it; Graph was seen with both cases.
pub(super) fn country(live: &LiveVpp) -> Option<String> {
    live.country_or_region.as_deref().map(str::to_ascii_lowercase)
}

pub(super) fn is_account_type(text: &str) -> bool {
    matches!(text, "business" | "education")
}

#[cfg(test)]
mod tests {
    use super::*;
    use applecart_io::intune::parse_snapshot;

    fn of(json: &str) -> Entries {
        entries(&parse_snapshot(json.as_bytes()).unwrap())
    }

    fn names(entries: &Entries) -> Vec<NewField> {
        entries.tokens.iter().map(|token| token.fields[0].1.clone()).collect()
    }

    #[test]
    fn what_a_file_cannot_have_is_left_out_and_told() {
        let all = of(
            r#"{"applePushNotificationCertificate":null,"vppTokens":[{"id":"1","state":"valid","displayName":"London","countryOrRegion":"GB","vppTokenAccountType":"novel","organizationName":" x ","roleScopeTagIds":["0"]}]}"#,
        );
        let fields: Vec<&str> = all.tokens[0].fields.iter().map(|(name, _)| *name).collect();
        assert_eq!(fields, ["name", "id", "country"]);
        assert_eq!(all.tokens[0].fields[2].1, NewField::Text("gb".to_owned()));
        assert_eq!(all.notes.len(), 2, "{:?}", all.notes);
    }

    #[test]
    fn every_entry_has_a_name_of_its_own() {
        let all = of(
            r#"{"depOnboardingSettings":[{"id":"1","tokenType":"dep","tokenName":"ABM"},{"id":"2","tokenType":"dep","tokenName":"ABM"},{"id":"3","tokenType":"dep"}],"vppTokens":[{"id":"4","state":"valid","locationName":"Paris"}]}"#,
        );
        let text = |text: &str| NewField::Text(text.to_owned());
        assert_eq!(names(&all), [text("ABM"), text("ABM (2)"), text("3"), text("Paris")]);
        assert_eq!(all.notes.len(), 3, "{:?}", all.notes);
    }
}
