//! What an existing tenant file has to say differently, judged as `plan` judges.
//!
//! Facts of a watched token follow Intune. Of a token with a file they are the file's: they change
//! only when the token is adopted, because Intune has another credential.

use std::collections::BTreeSet;

use super::entries::{Entries, fields, fields_of, fits};
use crate::fleet::{self, Change, EditError, NewField, NewValue, Tenant, Token, TokenFile};
use crate::ledger::TenantLedger;
use crate::model::{Kind, LiveTenant, LiveToken, Topic, shell_word};
use crate::plan::{Action, PlannedTenant, PlannedToken, Reason, Sync, TokenState, Warning};
use crate::report::{ImportNote, ImportNoteCode};
use crate::rules::identity;
use crate::rules::subject::noun;
use crate::rules::topics::KnownTopic;

/// What an entry says of its file alone.
const OF_FILE: [&str; 6] =
    ["file", "sha256", "publicKeySha256", "recipient", "downloaded", "downloadedBy"];

/// Intune has another credential than the file, which must not be uploaded over it.
const OUTSIDE: [Reason; 3] =
    [Reason::RenewedOutsideGit, Reason::ChangedOutsideGit, Reason::OlderThanLive];

/// Whether the token is taken over as Intune has it. Of an enrollment file of unknown age that is so
/// where Intune may have this very file, and not where only its date is missing.
fn is_outside(entry: &Token, state: &TokenState) -> bool {
    state.reasons.iter().any(|reason| OUTSIDE.contains(reason))
        || (entry.downloaded.is_some() && state.reasons.contains(&Reason::AgeUnknown))
}

/// An edited tenant file.
pub(super) struct Updated {
    pub(super) text: String,
    pub(super) notes: Vec<ImportNote>,
    /// Sealed files of adopted tokens.
    pub(super) left: Vec<String>,
    /// Whether the push entry stays as it is, because Intune has a topic that devices do not know.
    pub(super) is_topic_left: bool,
}

/// A topic that a person accepts in place of the one that devices know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accept {
    /// The topic that Intune has.
    pub topic: Topic,
    pub reason: String,
}

/// Edits a tenant file so that its facts are those of Intune.
pub(super) fn update(
    path: &str,
    text: &str,
    tenant: &Tenant,
    planned: &PlannedTenant,
    live: &LiveTenant,
    past: Option<&TenantLedger>,
    accept: Option<&Accept>,
) -> Result<Updated, EditError> {
    let text = text.to_owned();
    let updated = Updated { text, notes: Vec::new(), left: Vec::new(), is_topic_left: false };
    let mut work = Work { path, tenant, past, accept, updated };
    for kind in Kind::ALL {
        let entries: Vec<&Token> =
            tenant.tokens().filter(|entry| entry.token.kind == kind).collect();
        let planned = || planned.tokens.iter().filter(move |token| token.state.kind == kind);
        // A plan names the entries first, in the file's order, then what only Intune has.
        let mut unmanaged: Vec<LiveToken<'_>> = planned()
            .filter(|token| token.state.sync == Sync::Unmanaged)
            .filter_map(|token| find(live, &token.state))
            .collect();
        for (entry, token) in entries.iter().zip(planned()) {
            match made_again(entry, &token.state, &unmanaged) {
                Some(at) => work.follow_id(entry, unmanaged.remove(at))?,
                None => work.entry(entry, token, find(live, &token.state), tenant)?,
            }
        }
        let mut names: BTreeSet<String> =
            entries.iter().filter_map(|entry| entry.token.name.clone()).collect();
        for one in unmanaged {
            work.add(one, &mut names)?;
        }
    }
    Ok(work.updated)
}

/// The token in Intune that the plan means.
fn find<'a>(live: &'a LiveTenant, state: &TokenState) -> Option<LiveToken<'a>> {
    state.live.as_ref()?;
    live.tokens(state.kind).into_iter().find(|one| match (one.id(), state.id.as_deref()) {
        (Some(one), Some(id)) => identity::is_same_id(one, id),
        (one, _) => one.is_none(),
    })
}

/// Which token that no entry means was created again in the place of this one, whose id is gone.
fn made_again(entry: &Token, state: &TokenState, unmanaged: &[LiveToken<'_>]) -> Option<usize> {
    if state.sync == Sync::Unobserved || state.live.is_some() || state.id.is_none() {
        return None;
    }
    let is_alike = |one: &LiveToken<'_>| identity::has_its_place(*one, entry);
    let mut alike = unmanaged.iter().enumerate().filter(|(_, one)| is_alike(one));
    let (at, _) = alike.next()?;
    alike.next().is_none().then_some(at)
}

fn reasons(state: &TokenState) -> String {
    state.reasons.iter().map(|reason| reason.as_str()).collect::<Vec<_>>().join(", ")
}

struct Work<'a> {
    path: &'a str,
    tenant: &'a Tenant,
    /// What is recorded of the tenant, where the ledger could be read.
    past: Option<&'a TenantLedger>,
    accept: Option<&'a Accept>,
    updated: Updated,
}

impl Work<'_> {
    fn note(&mut self, code: ImportNoteCode, token: &impl ToString, detail: impl Into<String>) {
        let token = Some(token.to_string());
        self.updated.notes.push(ImportNote { code, token, detail: detail.into() });
    }

    fn add(&mut self, live: LiveToken<'_>, names: &mut BTreeSet<String>) -> Result<(), EditError> {
        let mut entries = Entries::default();
        entries.add(live, names);
        for token in &entries.tokens {
            self.updated.text = fleet::add_token(self.path, &self.updated.text, token)?;
            let name = match token.fields.first() {
                Some(("name", NewField::Text(name))) => format!("{} {name:?}", token.kind),
                _ => token.kind.to_string(),
            };
            let detail = "in Intune and not in the file; added as a watched token";
            self.note(ImportNoteCode::Added, &name, detail);
        }
        self.updated.notes.append(&mut entries.notes);
        Ok(())
    }

    /// Lets the entry of a token that was deleted and created again name the new one.
    fn follow_id(&mut self, entry: &Token, live: LiveToken<'_>) -> Result<(), EditError> {
        let Some(id) = live.id().filter(|id| fleet::is_text(id)) else { return Ok(()) };
        let change = Change::set("id", id);
        self.updated.text = fleet::edit(self.path, &self.updated.text, &entry.token, &[change])?;
        let detail = format!(
            "the token was deleted in Intune and created again with the id {id}, which the entry names now. Find out who did it"
        );
        self.note(ImportNoteCode::MadeAgain, &entry.token, detail);
        Ok(())
    }

    fn entry(
        &mut self,
        entry: &Token,
        planned: &PlannedToken,
        live: Option<LiveToken<'_>>,
        tenant: &Tenant,
    ) -> Result<(), EditError> {
        let state = &planned.state;
        if state.sync == Sync::Unobserved {
            return Ok(());
        }
        if state.warnings.contains(&Warning::Ambiguous)
            || state.reasons.contains(&Reason::Ambiguous)
        {
            let detail =
                "more than one token in Intune fits this entry; write Intune's `id` into it";
            self.note(ImportNoteCode::Ambiguous, &entry.token, detail);
            return Ok(());
        }
        let Some(live) = live else {
            let detail = "Intune does not have it; the entry was left as it is. Remove it by hand if it is gone for good";
            self.note(ImportNoteCode::Missing, &entry.token, detail);
            return Ok(());
        };
        let mut changes = Vec::new();
        if let Some(known) = state.devices_know.as_deref() {
            let in_intune = live.facts().topic;
            let Some(accept) = self.accept.filter(|one| Some(&one.topic) == in_intune.as_ref())
            else {
                self.other_topic(entry, known, in_intune.as_ref());
                self.updated.is_topic_left = true;
                return Ok(());
            };
            changes.push(accepted(known, accept));
        }
        let is_named = |id: &&str| {
            entry.token.id.as_deref().is_some_and(|ours| identity::is_same_id(ours, id))
        };
        // Git names none yet, or the one of a token in whose place a run made this one.
        if let Some(id) = live.id().filter(|id| fleet::is_text(id) && !is_named(id)) {
            changes.push(Change::set("id", id));
        }
        match &entry.file {
            None => {
                self.follow(entry, live, &mut changes, |_, _| true);
                self.differing(entry, live);
            }
            Some(file) if state.devices_know.is_some() || is_outside(entry, state) => {
                self.adopt(entry, live, file, state, &mut changes);
            }
            Some(_) => {
                let is_file = state.sync == Sync::InSync || planned.action == Action::Configure;
                // An enrollment file does not tell its expiry, which is as last seen in Intune; of the
                // very certificate that is in the file Intune knows it. A VPP token is told apart by it.
                let expires = is_file && entry.token.kind != Kind::Vpp;
                let location = self.is_renamed(entry, state, live, tenant);
                self.follow(entry, live, &mut changes, |field, stated| match field {
                    "appleId" => stated.is_none(),
                    "expires" => expires,
                    "location" => location,
                    _ => false,
                });
                changes.extend(self.location_id(entry));
                if planned.action == Action::Hold {
                    let detail = format!(
                        "held: not uploaded ({}), which an import does not change. This says more: `applecart plan`",
                        reasons(state)
                    );
                    self.note(ImportNoteCode::Held, &entry.token, detail);
                }
            }
        }
        self.updated.text = fleet::edit(self.path, &self.updated.text, &entry.token, &changes)?;
        Ok(())
    }

    /// Apple's id of the location, which a run was told when it asked about a file that Intune is proved to
    /// have had. Written down, a review sees where another one comes into its place.
    fn location_id(&self, entry: &Token) -> Option<Change> {
        let known = self.past.filter(|_| entry.location_id.is_none())?.location_id(&entry.token)?;
        Some(Change::set("locationId", known.as_str()))
    }

    /// Whether Intune names the location of a token with a file differently, and that may be Apple's
    /// new name: neither has another entry that name, nor does a review move the token there. Where
    /// Git names none, that is asked only of a token that is held for it.
    fn is_renamed(
        &mut self,
        entry: &Token,
        state: &TokenState,
        live: LiveToken<'_>,
        tenant: &Tenant,
    ) -> bool {
        let LiveToken::Vpp(live) = live else { return false };
        let Some(theirs) = &live.location else { return false };
        let ours = entry.facts.location.as_ref();
        let is_held = |reason| state.reasons.contains(&reason);
        if ours.is_none() && !is_held(Reason::Rejected) && !is_held(Reason::WrongLocation) {
            return false;
        }
        let is_taken = tenant.vpp.iter().any(|other| other.facts.location.as_ref() == Some(theirs));
        let is_moved = entry.allow.iter().any(|allow| allow.hold == Reason::WrongLocation);
        if ours == Some(theirs) || is_taken || is_moved {
            return false;
        }
        let detail = match ours {
            Some(ours) => other_location(theirs, ours),
            None => format!(
                "Intune names the location {theirs:?}, the file had none. That is right if the token was always of {theirs:?}, or if Apple renamed its location. If another location's token was uploaded here, devices of the right one lost their apps' licences: do not merge this, and upload the right token again"
            ),
        };
        self.note(ImportNoteCode::LocationChanged, &entry.token, detail);
        true
    }

    /// Intune has a topic that devices do not know: its entry goes on saying which one they know.
    fn other_topic(&mut self, entry: &Token, known: &KnownTopic, in_intune: Option<&Topic>) {
        let in_intune = in_intune.map(ToString::to_string).unwrap_or_default();
        let tenant = shell_word(self.tenant.name.as_str());
        let devices = match known.unsure() {
            Some(unsure) => format!(". {unsure}"),
            None => format!(", and devices know {}: they no longer answer", known.topic),
        };
        let detail = format!(
            "the push topic in Intune is {in_intune}{devices}. The entry was left as it is. Bring the topic back (`applecart renew {tenant}/push --restore`). Only if every device is enrolled again, accept the new one: `applecart import --update {tenant} --accept-topic {in_intune} --reason TEXT`"
        );
        self.note(ImportNoteCode::TopicChanged, &entry.token, detail);
    }

    /// Lets go of a file: the token is watched from then on.
    fn adopt(
        &mut self,
        entry: &Token,
        live: LiveToken<'_>,
        file: &TokenFile,
        state: &TokenState,
        changes: &mut Vec<Change>,
    ) {
        changes.extend(OF_FILE.map(Change::Remove));
        self.updated.left.push(file.name.clone());
        let what = match state.reasons.contains(&Reason::AgeUnknown) {
            true => "nothing proves that Intune has an earlier credential than",
            false => "Intune has another credential than",
        };
        let detail = format!(
            "{what} {} ({}); the token is watched from now on, with the facts that Intune has",
            file.name,
            reasons(state)
        );
        self.note(ImportNoteCode::Adopted, &entry.token, detail);
        // Settings of a token with a file are what the fleet wants.
        self.follow(entry, live, changes, |field, _| !is_setting(field));
    }

    /// Changes the chosen fields to what Intune and Apple say. Settings follow only where the file
    /// states them: what it leaves out is Intune's business.
    fn follow(
        &mut self,
        entry: &Token,
        live: LiveToken<'_>,
        changes: &mut Vec<Change>,
        is_chosen: impl Fn(&str, Option<&NewField>) -> bool,
    ) {
        let stated = fields(entry.facts.clone(), entry.account_type.as_deref());
        for (field, now) in fields_of(live) {
            let before = stated.iter().find(|(name, _)| *name == field).map(|(_, value)| value);
            let is_same = before.is_some_and(|before| match (before, &now) {
                (NewField::Text(before), NewField::Text(now)) if field == "appleId" => {
                    before.to_lowercase() == now.to_lowercase()
                }
                (before, now) => before == now,
            });
            let is_unstated_setting = is_setting(field) && before.is_none();
            if is_same || is_unstated_setting || !is_chosen(field, before) || !fits(field, &now) {
                continue;
            }
            if let (Some(NewField::Text(before)), NewField::Text(now)) = (before, &now) {
                self.taken_over(entry, field, before, now);
            }
            match now {
                NewField::Text(text) => changes.push(Change::set(field, text)),
                NewField::Flag(flag) => changes.push(Change::Set(field, NewValue::Flag(flag))),
                // A list is corrected by hand, which `differing` says.
                NewField::Texts(_) => {}
            }
        }
    }

    /// Says what it means that the entry follows Intune to another organisation, topic, account or
    /// location. Expiry dates and serial numbers change with every renewal.
    fn taken_over(&mut self, entry: &Token, field: &str, before: &str, now: &str) {
        let (code, detail) = match field {
            "organization" => (
                ImportNoteCode::OrganizationChanged,
                format!(
                    "Intune names the organisation {now:?}, the file had {before:?}. That is right if Apple knows the organisation by a new name. If another customer's token was uploaded here, that customer's licences are used: do not merge this, and upload the token of {before:?} again"
                ),
            ),
            "topic" => (
                ImportNoteCode::TopicChanged,
                format!(
                    "the push topic in Intune is {now}, the file had {before}. Devices that were enrolled under {before} do not answer under {now}: merge this only if none is left, or each is enrolled again"
                ),
            ),
            "appleId" => (
                ImportNoteCode::AccountChanged,
                format!(
                    "Intune names the Apple Account {now}, the file had {before}. The next renewal is done with the account in the file: merge this only if the {} was really moved to {now}",
                    noun(entry.token.kind)
                ),
            ),
            // A token with a file has had its note.
            "location" if entry.file.is_none() => {
                (ImportNoteCode::LocationChanged, other_location(now, before))
            }
            _ => return,
        };
        self.note(code, &entry.token, detail);
    }

    /// Names and scope tags that are others in Intune; both stay as the file has them.
    fn differing(&mut self, entry: &Token, live: LiveToken<'_>) {
        let (stated, now) = (&entry.facts.role_scope_tag_ids, live.facts().role_scope_tag_ids);
        if let (Some(stated), Some(now)) = (stated, now)
            && stated.iter().collect::<BTreeSet<_>>() != now.iter().collect::<BTreeSet<_>>()
        {
            let tags = now.join(", ");
            let detail =
                format!("`roleScopeTagIds` is [{tags}] in Intune; correct the list by hand");
            self.note(ImportNoteCode::Differs, &entry.token, detail);
        }
        // People and scripts know the entry by its name, the ledger by its id.
        if let Some(name) = live.name().filter(|name| Some(*name) != entry.token.name.as_deref()) {
            let detail = format!("it is named {name:?} in Intune; the entry keeps its name");
            self.note(ImportNoteCode::Differs, &entry.token, detail);
        }
    }
}

fn other_location(now: &str, before: &str) -> String {
    format!(
        "Intune names the location {now:?}, the file had {before:?}. That is right if Apple renamed the location. If another location's token was uploaded here, devices of {before:?} lost their apps' licences: do not merge this, and upload the token of {before:?} again"
    )
}

/// The line by which a reviewer sees that a topic is given up.
fn accepted(known: &KnownTopic, accept: &Accept) -> Change {
    let fields = vec![("reason", accept.reason.clone()), ("from", known.topic.to_string())];
    Change::Set("topicAccepted", NewValue::Fields(fields))
}

fn is_setting(field: &str) -> bool {
    matches!(field, "country" | "automaticallyUpdateApps")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::{Desired, FileBytes, Folder, load_folder};
    use crate::model::Event;
    use crate::plan::world::{OTHER_TOPIC, TOPIC, World};

    /// What becomes of a tenant file that says this, in a world.
    fn updated(world: World, tokens: &str) -> Updated {
        updated_with(world, tokens, None)
    }

    fn updated_with(mut world: World, tokens: &str, accept: Option<&Accept>) -> Updated {
        let text = format!(
            "apiVersion: applecart/v1\nkind: Tenant\nname: contoso\ntenantId: {}\n{tokens}",
            world.tenant.tenant_id
        );
        let folder = Folder {
            name: "contoso".to_owned(),
            tree: String::new(),
            tenant_file: Some(FileBytes::Read(text.clone().into_bytes())),
            entries: sealed(tokens),
            overfull: None,
        };
        match load_folder(folder, None) {
            Some(Desired::Valid(tenant)) => world.tenant = tenant,
            other => panic!("{other:?}"),
        }
        let plan = world.plan();
        let planned = &plan.tenants[0];
        let past = world.ledger.as_ref().ok().map(|view| view.tenant(world.tenant.tenant_id));
        update("tenant.yaml", &text, &world.tenant, planned, &world.live, past, accept).unwrap()
    }

    fn codes(updated: &Updated) -> Vec<ImportNoteCode> {
        updated.notes.iter().map(|note| note.code).collect()
    }

    #[test]
    fn a_watched_certificate_follows_intune() {
        let file = format!("push:\n  appleId: MDM@contoso.example # shared\n  topic: {TOPIC}\n");
        let updated = updated(World::equal(), &file);
        assert!(updated.text.contains("MDM@contoso.example # shared"), "case is no difference");
        assert!(updated.text.contains("serial: AA"), "{}", updated.text);
        assert_eq!(codes(&updated), []);
    }

    fn other_topic() -> World {
        let mut world = World::equal();
        world.live_push(|push| push.topic = OTHER_TOPIC.parse().unwrap());
        world
    }

    #[test]
    fn a_topic_that_devices_do_not_know_is_not_followed() {
        let file = format!("push:\n  topic: {TOPIC}\n  serial: '77'\n");
        let updated = updated(other_topic(), &file);
        assert!(updated.text.ends_with(&file), "{}", updated.text);
        assert_eq!(codes(&updated), [ImportNoteCode::TopicChanged]);
        assert!(updated.is_topic_left, "so the import does not end as done");
        let detail = &updated.notes[0].detail;
        assert!(detail.contains(TOPIC) && detail.contains("renew contoso/push --restore"));
        assert!(detail.contains(&format!("--accept-topic {OTHER_TOPIC}")), "{detail}");
    }

    #[test]
    fn a_topic_is_accepted_by_its_name_and_with_a_reason() {
        let accept = |topic: &str| Accept {
            topic: topic.parse().unwrap(),
            reason: "all devices were enrolled again".to_owned(),
        };
        let file = format!("push:\n  topic: {TOPIC}\n");
        let told = updated_with(other_topic(), &file, Some(&accept(OTHER_TOPIC))).text;
        assert!(told.contains(&format!("topic: {OTHER_TOPIC}")), "{told}");
        let line =
            format!("topicAccepted: {{from: {TOPIC}, reason: all devices were enrolled again}}");
        assert!(told.contains(&line), "{told}");
        let other = accept("com.apple.mgmt.External.third");
        let left = updated_with(other_topic(), &file, Some(&other)).text;
        assert!(left.ends_with(&file), "another topic than the one in Intune: {left}");
    }

    #[test]
    fn a_setting_follows_only_where_the_file_states_it() {
        let file = "vpp:\n  - name: London\n    country: de\n";
        let updated = updated(World::vpp(), file);
        assert!(updated.text.contains("country: gb"), "{}", updated.text);
        assert!(!updated.text.contains("automaticallyUpdateApps"), "{}", updated.text);
        assert!(updated.text.contains("organization: Contoso Ltd"), "{}", updated.text);
    }

    /// A VPP entry as [`World::vpp`] has it, with this location and more lines.
    fn london(location: &str, more: &str) -> String {
        let sha256 = crate::model::Sha256::of(b"AA");
        format!(
            "vpp:\n  - name: London\n    id: vpp-1\n    organization: Contoso Ltd\n    location: {location}\n    expires: 2027-11-20T10:00:00Z\n    file: London.vpptoken.age\n    sha256: {sha256}\n{more}"
        )
    }

    fn sealed(text: &str) -> Vec<crate::fleet::Entry> {
        let name = if text.contains("vpptoken") { "London.vpptoken.age" } else { "abm.p7m.age" };
        vec![crate::fleet::Entry {
            path: name.to_owned(),
            kind: crate::fleet::EntryKind::Blob,
            id: "blob".to_owned(),
            size: Some(1),
        }]
    }

    #[test]
    fn a_location_that_apple_renamed_is_followed_and_both_readings_are_told() {
        let mut world = World::vpp_renewal();
        world.live_vpp(|live| live.location = Some("London HQ".into()));
        let updated = updated(world, &london("London", ""));
        assert!(updated.text.contains("location: London HQ\n"), "{}", updated.text);
        assert!(updated.text.contains("sha256: "), "the file stays: {}", updated.text);
        assert_eq!(codes(&updated), [ImportNoteCode::LocationChanged, ImportNoteCode::Held]);
        let detail = &updated.notes[0].detail;
        assert!(detail.contains("renamed") && detail.contains("lost their apps'"), "{detail}");
    }

    #[test]
    fn the_id_of_a_location_that_a_run_learnt_is_written_down_beside_the_file() {
        let id = "00000000-1111-2222-3333-444444444444";
        let learnt = |start: fn() -> World| {
            let mut world = start();
            let line = world.recorded(Event::Confirmed, "AA", "run-1", "2026-11-21T11:00:00Z");
            line.location_id = Some(id.parse().unwrap());
            world
        };
        let line = format!("    location: London\n    locationId: '{id}'\n");
        let written = updated(learnt(World::vpp), &london("London", ""));
        assert!(written.text.contains(&line), "{}", written.text);
        assert_eq!(codes(&written), []);
        let theirs = "    locationId: 99999999-1111-2222-3333-444444444444\n";
        let kept = updated(learnt(World::vpp), &london("London", theirs));
        assert!(kept.text.contains(theirs) && !kept.text.contains(id), "{}", kept.text);
        assert!(!updated(World::vpp(), &london("London", "")).text.contains("locationId"));
        // Another hand brought another credential, and nobody asked Apple about that.
        let mut world = learnt(World::vpp);
        world.live_vpp(|live| live.expires = Some(crate::plan::world::at("2027-11-25T10:00:00Z")));
        let adopted = updated(world, &london("London", ""));
        assert!(!adopted.text.contains("locationId"), "{}", adopted.text);
    }

    #[test]
    fn another_organisation_topic_account_or_location_is_told_before_it_is_taken_over() {
        let file = "vpp:\n  - name: London\n    id: vpp-1\n    appleId: old@contoso.example\n    organization: Fabrikam\n    location: Leeds\n    expires: 2026-12-20T10:00:00Z\n";
        let one = updated(World::vpp(), file);
        let expected = [
            ImportNoteCode::AccountChanged,
            ImportNoteCode::OrganizationChanged,
            ImportNoteCode::LocationChanged,
        ];
        let mut told = codes(&one);
        told.sort_by_key(|code| expected.iter().position(|one| one == code));
        assert_eq!(told, expected, "an expiry changes with every renewal");
        let all: Vec<&str> = one.notes.iter().map(|note| note.detail.as_str()).collect();
        for (before, now) in [
            ("old@contoso.example", "vpp@contoso.example"),
            ("Fabrikam", "Contoso Ltd"),
            ("Leeds", "London"),
        ] {
            assert!(all.iter().any(|one| one.contains(before) && one.contains(now)), "{all:?}");
        }

        let accept = Accept { topic: OTHER_TOPIC.parse().unwrap(), reason: "enrolled".to_owned() };
        let file = format!("push:\n  topic: {TOPIC}\n");
        let one = updated_with(other_topic(), &file, Some(&accept));
        assert_eq!(codes(&one), [ImportNoteCode::TopicChanged]);
        let detail = &one.notes[0].detail;
        assert!(detail.contains("do not answer under"), "{detail}");
    }

    #[test]
    fn a_location_that_another_entry_has_or_a_review_leaves_is_not_followed() {
        let paris = "  - name: Paris\n    id: vpp-2\n    location: London HQ\n";
        let allow = "    allow: [{hold: wrong-location, from: London HQ, to: London, reason: back, until: 2026-12-31}]\n";
        for more in [paris, allow] {
            let mut world = World::vpp_renewal();
            world.live_vpp(|live| live.location = Some("London HQ".into()));
            let updated = updated(world, &london("London", more));
            assert!(updated.text.contains("location: London\n"), "{}", updated.text);
            assert!(!codes(&updated).contains(&ImportNoteCode::LocationChanged));
        }
    }

    #[test]
    fn a_token_that_was_created_again_gets_its_new_id_and_no_second_entry() {
        let mut world = World::vpp();
        world.live_vpp(|live| live.id = "vpp-9".into());
        let file = "vpp:\n  - name: London\n    id: vpp-1\n    location: London\n";
        let one = updated(world, file);
        assert!(one.text.contains("id: vpp-9\n") && !one.text.contains("vpp-1"), "{}", one.text);
        assert_eq!(one.text.matches("name: London").count(), 1, "{}", one.text);
        assert_eq!(codes(&one), [ImportNoteCode::MadeAgain]);

        let mut world = World::enrollment();
        world.live_enrollment(|live| live.id = "dep-9".into());
        let file = "enrollment:\n  - name: Contoso ABM\n    id: dep-1\n";
        let one = updated(world, file);
        assert!(one.text.contains("id: dep-9\n"), "{}", one.text);
        assert_eq!(codes(&one), [ImportNoteCode::MadeAgain]);
    }

    #[test]
    fn an_enrollment_file_that_intune_may_have_is_taken_over_and_one_without_a_date_is_not() {
        let sha256 = crate::model::Sha256::of(b"AA");
        let file = |date: &str| {
            format!(
                "enrollment:\n  - name: Contoso ABM\n    id: dep-1\n{date}    file: abm.p7m.age\n    sha256: {sha256}\n"
            )
        };
        let mut world = World::enrollment();
        world.forget();
        let one = updated(world, &file("    downloaded: 2026-11-20T10:00:00Z\n"));
        assert_eq!(codes(&one), [ImportNoteCode::Adopted]);
        assert!(!one.text.contains("sha256"), "{}", one.text);
        let mut world = World::enrollment();
        world.forget();
        let one = updated(world, &file(""));
        assert_eq!(codes(&one), [ImportNoteCode::Held]);
        assert!(one.text.contains("sha256"), "{}", one.text);
    }

    #[test]
    fn what_only_intune_has_is_added_and_what_it_lacks_stays() {
        let file = "vpp:\n  - name: Paris\n    id: gone\n";
        let updated = updated(World::vpp(), file);
        assert!(updated.text.contains("id: gone") && updated.text.contains("name: London"));
        assert_eq!(codes(&updated), [ImportNoteCode::Missing, ImportNoteCode::Added]);
    }
}
