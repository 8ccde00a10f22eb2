//! The plan of one tenant: every watched token, decided one by one.

use super::axes;
use super::decide::{self, Ruling};
use super::holds::{Case, MadeAgain};
use super::input::{Input, Known};
use super::planned::{Due, DueWrite, Note, Noted, Verify};
use super::settings::{Settings, overlay};
use super::types::{
    Action, Expiry, Health, HealthReason, Observed, PlannedTenant, PlannedToken, Reason, Sync,
    TokenState, Warning,
};
use super::watch::{self, Shown};
use crate::fleet::{CheckWithApple, Tenant, Token};
use crate::ledger::TenantLedger;
use crate::model::{
    Facts, FileRef, Kind, LiveTenant, LiveToken, LiveVpp, Problem, ProblemCode, Reading, Resource,
    Timestamp, TokenRef,
};
use crate::rules::bindings::Bindings;
use crate::rules::downloads::Redated;
use crate::rules::identity::{self, Collected, Match};
use crate::rules::judge;
use crate::rules::requests::Requests;
use crate::rules::topics;
use crate::rules::touched::touched;

/// Clocks that differ by more than this are warned about; certificates and leases depend on them.
pub(super) const SKEW_WARNING: i64 = 5 * 60;
/// Nothing is announced, recorded or uploaded where they differ by more: a line of the ledger that is
/// dated in the future would bind other runs.
pub const SKEW_LIMIT: i64 = 10 * 60;

/// The plan of one tenant in the making.
pub(super) struct OneTenant<'a> {
    pub(super) input: &'a Input<'a>,
    pub(super) tenant: &'a Tenant,
    bindings: &'a Bindings<'a>,
    requests: &'a Requests,
    /// The push entry of the base, where that is another revision than the planned one.
    pub(super) reviewed_push: Option<&'a Token>,
    /// Files that are older than their entries say.
    pub(super) redated: &'a [Redated],
    pub(super) due: Vec<Due>,
    pub(super) verifies: Vec<Verify>,
    pub(super) notes: Vec<Noted>,
}

impl<'a> OneTenant<'a> {
    pub(super) fn new(
        input: &'a Input<'a>,
        tenant: &'a Tenant,
        bindings: &'a Bindings<'a>,
        requests: &'a Requests,
    ) -> Self {
        Self {
            input,
            tenant,
            bindings,
            requests,
            reviewed_push: None,
            redated: &[],
            due: Vec::new(),
            verifies: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub(super) fn plan(&mut self) -> PlannedTenant {
        let missing = LiveTenant::not_asked();
        let live = self.input.live.get(&self.tenant.name).unwrap_or(&missing);
        let mut problems: Vec<Problem> = Vec::new();
        let readings = [live.push.problem(), live.enrollment.problem(), live.vpp.problem()];
        for problem in readings.into_iter().flatten() {
            if !problems.contains(problem) {
                problems.push(problem.clone());
            }
        }
        let empty = TenantLedger::default();
        let past = match self.input.known {
            Known::Read(view) => match view.broken.get(&self.tenant.tenant_id) {
                None => Ok(view.tenants.get(&self.tenant.tenant_id).unwrap_or(&empty)),
                // Only this tenant's record is broken; the others' go on.
                Some(why) => Err((ProblemCode::LedgerUnknown, why.as_str())),
            },
            Known::Unknown(code, why) => Err((code, why)),
        };
        if let Err((code, why)) = past {
            problems.push(Problem::new(code, why));
        }
        let past = past.ok();
        let notes = self.notes_unknown().filter(|_| past.is_some());
        problems.extend(
            notes.map(|why| Problem::new(ProblemCode::NotesUnknown, why).on(Resource::Push)),
        );

        let mut tokens = Vec::new();
        if self.tenant.watches(Kind::Push) {
            tokens.push(self.push(live, past));
        }
        if self.tenant.watches(Kind::Enrollment) {
            tokens.extend(self.watched(&self.tenant.enrollment, &live.enrollment, live, past));
        }
        if self.tenant.watches(Kind::Vpp) {
            tokens.extend(self.watched(&self.tenant.vpp, &live.vpp, live, past));
        }
        if live.clock_skew.is_some_and(|skew| skew.abs() > SKEW_WARNING) {
            for token in tokens.iter_mut().filter(|token| token.action != Action::None) {
                token.state.warnings.push(Warning::ClockSkew);
            }
        }
        // Most tenants have fewer tokens than a vector begins with, and each takes a kilobyte.
        tokens.shrink_to_fit();
        let asked = self.tenant.watch.len();
        let unknown = tokens_unknown(live);
        PlannedTenant {
            name: self.tenant.name.to_string(),
            tenant_id: Some(self.tenant.tenant_id),
            display_name: self.tenant.display_name.clone(),
            new_destination: false,
            wrong_destination: self.bindings.folder_conflict(
                self.tenant,
                &self.input.policy.moves,
                self.input.now.date_time().date_naive(),
            ),
            withdrawn: Vec::new(),
            outdated: None,
            tree: Some(self.tenant.tree.clone()),
            observed: if past.is_none() || (asked > 0 && unknown >= asked) {
                Observed::None
            } else if unknown > 0 || notes.is_some() {
                Observed::Partial
            } else {
                Observed::Complete
            },
            problems,
            tokens,
        }
    }

    /// Why it is unknown which request for Apple a push certificate has to answer.
    fn notes_unknown(&self) -> Option<&'a str> {
        let Known::Read(view) = self.input.known else { return None };
        let is_asked = self.tenant.watches(Kind::Push);
        view.notes_unknown(self.tenant.tenant_id).filter(|_| is_asked)
    }

    fn push(&mut self, live: &LiveTenant, past: Option<&TenantLedger>) -> PlannedToken {
        let entry = self.tenant.push.as_ref();
        let token = entry.map_or_else(TokenRef::push, |entry| entry.token.clone());
        let shown = Shown {
            entry,
            live: live.push.present().map(LiveToken::Push),
            health: live
                .push
                .present()
                .map(|push| self.health(LiveToken::Push(push), &token, past)),
            ambiguous: false,
            made_again: None,
            devices_know: None,
            token,
        };
        let (Some(past), Reading::Present(_) | Reading::Absent) = (past, &live.push) else {
            return self.unobserved(&shown);
        };
        let in_intune = live.push.present().map(|push| &push.topic);
        let devices_know =
            topics::devices_know(past, &shown.token, self.reviewed_push, entry, in_intune);
        let shown = Shown { devices_know: devices_know.as_ref(), ..shown };
        let due = self.due.len();
        let mut token = self.one(&shown, live, past);
        if token.action == Action::Upload && self.notes_unknown().is_some() {
            self.due.truncate(due);
            token = self.unobserved(&shown);
        }
        token.state.devices = live.behind(Kind::Push, shown.live);
        token.state.devices_know =
            devices_know.filter(|known| Some(&known.topic) != in_intune).map(Box::new);
        if token.state.devices_know.is_some() && in_intune.is_some() {
            token.state.health = Health::Failing;
            token.state.health_reasons.insert(0, HealthReason::TopicChanged);
        }
        token
    }

    /// Decides one token that was observed.
    pub(super) fn one(
        &mut self,
        shown: &Shown<'_>,
        live: &LiveTenant,
        past: &TenantLedger,
    ) -> PlannedToken {
        let mut ruling = match (shown.entry, shown.entry.and_then(|entry| entry.file.as_ref())) {
            (Some(token), Some(file)) => decide::decide(&Case {
                one: judge::Case {
                    now: self.input.now,
                    tenant: self.tenant,
                    token,
                    sha256: file.sha256,
                    of: &shown.token,
                    live: shown.live,
                    past,
                    devices_know: shown.devices_know,
                    revoked: live.revoked_in_git(token.facts.serial.as_ref()),
                    asks_apple: self.input.policy.check_with_apple != CheckWithApple::Off,
                },
                file,
                policy: self.input.policy,
                ambiguous: shown.ambiguous,
                made_again: shown.made_again.as_ref(),
                all_vpp: live.vpp.present().map_or(&[], Vec::as_slice),
                has_consented: live.consent.present().copied().unwrap_or(false),
                bindings: self.bindings,
                requests: self.requests,
                dead_runs: self.input.dead_runs,
                real_now: self.input.real_now,
                retry: self.input.retry,
            }),
            _ => watch::decide(shown),
        };
        watch::note_sighting(&mut ruling, shown, past);
        if let (Some(entry), Some(live)) = (shown.entry, shown.live) {
            watch::warn_apple_id(&mut ruling, self.tenant, entry, live.apple_id());
        }
        self.finish(shown, ruling, past)
    }

    pub(super) fn unobserved(&self, shown: &Shown<'_>) -> PlannedToken {
        // What Intune has may be known while the ledger is not.
        let live = shown.live.and_then(LiveToken::expires);
        let last = self.input.memory_of(Some(self.tenant.tenant_id)).last(&shown.token);
        let last = last.and_then(|last| last.expires);
        let in_git = shown.entry.and_then(|entry| entry.facts.expires);
        let mut token = self.token(shown, live.or(last).or(in_git));
        token.state.sync = Sync::Unobserved;
        token.state.live = None;
        (token.state.health, token.state.health_reasons) = (Health::Unknown, Vec::new());
        token
    }

    /// What Apple said of the VPP token that Intune has, where a run that had the key asked. Intune's own word
    /// that it does not work, and its date, say as much.
    fn died(&self, shown: &Shown<'_>, state: &mut TokenState) {
        let is_in_intune = matches!(state.sync, Sync::InSync | Sync::Unverified);
        let is_told = state.expiry == Expiry::Expired
            || state.health_reasons.contains(&HealthReason::TokenInvalid);
        let file = shown.entry.and_then(|entry| entry.file.as_ref());
        let Some(file) = file.filter(|_| is_in_intune && !is_told) else { return };
        let memory = self.input.memory_of(Some(self.tenant.tenant_id));
        if let Some(at) = memory.died(file.sha256) {
            state.health = Health::Failing;
            state.health_reasons.insert(0, HealthReason::DeadAtApple);
            state.details.push(format!("Apple said on {at} that this token does not work"));
        }
    }

    fn finish(&mut self, shown: &Shown<'_>, ruling: Ruling, past: &TenantLedger) -> PlannedToken {
        let Ruling { decision, allows, warnings, details, notes, urgent, retry_after } = ruling;
        let expires = shown.live.and_then(LiveToken::expires);
        let mut token = self.token(shown, expires);
        token.state.sync = decision.sync();
        token.state.reasons = decision.reasons();
        token.state.warnings = warnings;
        token.state.details = details;
        token.state.retry_after = retry_after;
        token.action = decision.action();
        self.died(shown, &mut token.state);
        if token.action.is_change()
            && let Some(told) = self.redated(shown).and_then(Redated::told)
        {
            token.state.warnings.push(Warning::FactsDiffer);
            token.state.details.push(told);
        }
        token.allows = allows;
        token.urgent = urgent;
        for note in notes {
            self.notes.push(Noted {
                name: self.tenant.name.clone(),
                tenant_id: self.tenant.tenant_id,
                token: shown.token.clone(),
                file: match note {
                    Note::Closed(_, file) => Some(file),
                    // A plan opens nothing: that these very bytes were sent, only the sending says.
                    _ => shown.entry.and_then(Token::file_ref).map(FileRef::unopened),
                },
                live: shown.live.map(LiveToken::facts),
                note,
            });
        }
        if token.action == Action::Verify {
            self.verifies.extend(self.verify(shown));
        }
        if !token.action.is_change() {
            return token;
        }
        let settings = decision.into_settings();
        token.before = shown.live.map(|live| Box::new(live.facts()));
        let after = shown.entry.map(|entry| match (token.action, shown.live) {
            (Action::Configure, Some(live)) => settings.over(live.facts()),
            _ => {
                let mut after = after(entry, shown.live, &settings);
                if entry.facts.location.is_none()
                    && let Some(lost) = past.lost_location(&shown.token)
                {
                    after.location = Some(lost.to_owned());
                }
                // Only the name is another one: Apple is asked by id, and the name stays Intune's.
                if token.state.warnings.contains(&Warning::LocationRenamed) {
                    after.location = shown.live.and_then(|live| live.facts().location);
                }
                after
            }
        });
        token.after = after.map(Box::new);
        if token.action.writes() {
            self.write(&mut token, shown, settings);
        }
        token
    }

    fn redated(&self, shown: &Shown<'_>) -> Option<&Redated> {
        self.redated.iter().find(|one| one.token.same_token(&shown.token))
    }

    fn verify(&self, shown: &Shown<'_>) -> Option<Verify> {
        let entry = shown.entry?;
        Some(Verify {
            name: self.tenant.name.clone(),
            tenant_id: self.tenant.tenant_id,
            token: Token { token: shown.token.clone(), ..entry.clone() },
            file: entry.file.clone()?,
            live: shown.live?.facts(),
        })
    }

    /// Notes the write that the token's action asks for. One whose request would lack an id or an
    /// account is held instead; the decision table lets none through.
    fn write(&mut self, token: &mut PlannedToken, shown: &Shown<'_>, settings: Settings) {
        let (Some(entry), Some(after)) = (shown.entry, token.after.as_deref()) else { return };
        // What is created has no id yet; the one of a token that is gone would name the wrong one.
        let id = shown.token.id.clone().filter(|_| token.action != Action::Create);
        let wanted = Token { token: TokenRef { id, ..shown.token.clone() }, ..entry.clone() };
        let key = match shown.live {
            Some(LiveToken::Enrollment(live)) => live.encryption_public_key.clone(),
            _ => None,
        };
        match DueWrite::of(token.action, &wanted, after.apple_id.as_deref(), settings, key) {
            Ok(write) => self.due.push(Due {
                tenant: self.tenant.clone(),
                token: wanted,
                before: token.before.as_deref().cloned(),
                after: after.clone(),
                allows: token.allows.clone(),
                write,
            }),
            Err(reason) => {
                token.action = Action::Hold;
                token.state.sync = Sync::Held;
                token.state.reasons = vec![reason];
                token.state.details.push(match reason {
                    Reason::AppleIdMissing => "the request would name no Apple Account. Add `appleId` to the entry".to_owned(),
                    _ => "the request would not name one token in Intune. Add Intune's `id` to the entry; `applecart status --format json` lists the ids".to_owned(),
                });
            }
        }
    }

    fn health(
        &self,
        live: LiveToken<'_>,
        token: &TokenRef,
        past: Option<&TenantLedger>,
    ) -> (Health, Vec<HealthReason>) {
        let first_read = past
            .zip(live.expires())
            .and_then(|(past, at)| past.first_read_until(token, at).map(|record| record.at));
        axes::health(live, first_read, self.input)
    }

    fn token(&self, shown: &Shown<'_>, expires: Option<Timestamp>) -> PlannedToken {
        let mut token = unread(self.input, &shown.token, expires);
        if let Some((health, reasons)) = shown.health.clone() {
            (token.state.health, token.state.health_reasons) = (health, reasons);
        }
        let file = shown.entry.and_then(|entry| entry.file.as_ref());
        token.state.sha256 = file.map(|file| file.sha256);
        token.state.live = shown.live.map(LiveToken::facts);
        token
    }

    /// Every token of a collection that Git names, then those that only Intune has.
    fn watched<T: Collected>(
        &mut self,
        entries: &[Token],
        objects: &Reading<Vec<T>>,
        live: &LiveTenant,
        past: Option<&TenantLedger>,
    ) -> Vec<PlannedToken> {
        let objects = objects.present().map(Vec::as_slice);
        let found = identity::matches(entries, past, objects.unwrap_or_default());
        let mut tokens = Vec::new();
        for (entry, meant) in entries.iter().zip(&found) {
            let one = match meant {
                Match::One(one) => Some(*one),
                Match::None | Match::Ambiguous => None,
            };
            let id = one.map(T::id).or_else(|| identity::known_id(entry, past));
            let token = TokenRef { id: id.map(str::to_owned), ..entry.token.clone() };
            let shown = Shown {
                entry: Some(entry),
                live: one.map(T::as_token),
                health: one.map(|one| self.health(one.as_token(), &token, past)),
                token,
                ambiguous: *meant == Match::Ambiguous,
                made_again: identity::made_again(entry, past, &found, objects.unwrap_or_default())
                    .map(|one| MadeAgain::of(one, entry)),
                devices_know: None,
            };
            tokens.push(self.collected(&shown, objects.is_some(), live, past));
        }
        let is_meant = |one: &&T| found.iter().any(|found| found.is(one.id()));
        for one in objects.into_iter().flatten().filter(|one| !is_meant(one)) {
            let token = TokenRef {
                kind: T::KIND,
                id: Some(one.id().to_owned()),
                name: one.as_token().name().map(str::to_owned),
            };
            let shown = Shown {
                entry: None,
                live: Some(one.as_token()),
                health: Some(self.health(one.as_token(), &token, past)),
                token,
                ambiguous: false,
                made_again: None,
                devices_know: None,
            };
            tokens.push(self.collected(&shown, true, live, past));
        }
        tokens
    }

    fn collected(
        &mut self,
        shown: &Shown<'_>,
        observed: bool,
        live: &LiveTenant,
        past: Option<&TenantLedger>,
    ) -> PlannedToken {
        let mut token = match past.filter(|_| observed) {
            Some(past) => {
                let mut token = self.one(shown, live, past);
                let (settle, now) = (self.input.policy.settle, self.input.now);
                let touched = |live| touched(live, past, &shown.token, settle, now);
                token.state.touched = shown.live.and_then(touched);
                token
            }
            None => self.unobserved(shown),
        };
        token.state.devices = live.behind(shown.token.kind, shown.live);
        token
    }
}

/// A token of which nothing is known but when it expires.
pub(super) fn unread(
    input: &Input<'_>,
    token: &TokenRef,
    expires: Option<Timestamp>,
) -> PlannedToken {
    PlannedToken {
        state: TokenState {
            kind: token.kind,
            name: token.name.clone(),
            id: token.id.clone(),
            sha256: None,
            sync: Sync::Unobserved,
            expiry: axes::expiry(expires, input.now, input.policy),
            expires,
            health: Health::Unknown,
            health_reasons: Vec::new(),
            reasons: Vec::new(),
            warnings: Vec::new(),
            details: Vec::new(),
            live: None,
            devices_know: None,
            retry_after: None,
            devices: None,
            touched: None,
        },
        action: Action::None,
        allows: Vec::new(),
        urgent: false,
        before: None,
        after: None,
    }
}

/// What Intune is expected to have once the token file in Git is uploaded.
fn after(entry: &Token, live: Option<LiveToken<'_>>, settings: &Settings) -> Facts {
    let stated = &entry.facts;
    if entry.token.kind == Kind::Push {
        // Graph wants an Apple Account with every certificate.
        let live = live.and_then(LiveToken::apple_id).map(str::to_owned);
        return Facts { apple_id: stated.apple_id.clone().or(live), ..stated.clone() };
    }
    let mut facts = match live {
        Some(live) => settings.over(live.facts()),
        None => stated.clone(),
    };
    overlay(&mut facts.apple_id, &stated.apple_id);
    if entry.token.kind == Kind::Enrollment {
        // Only Intune can read when the file expires; the tenant file says what was last seen there.
        facts.expires = None;
    } else {
        overlay(&mut facts.organization, &stated.organization);
        overlay(&mut facts.location, &stated.location);
        overlay(&mut facts.expires, &stated.expires);
        facts.state = Some(LiveVpp::VALID.to_owned());
    }
    facts
}

fn tokens_unknown(live: &LiveTenant) -> usize {
    [live.push.problem(), live.enrollment.problem(), live.vpp.problem()]
        .into_iter()
        .flatten()
        .count()
}
