//! The plan of a fleet: each selected tenant's tokens, decided one by one.

use super::decide::{self, Decision};
use super::identity::{self, Bindings, Match};
use super::input::{Input, Known};
use super::types::{
    Action, FORMAT_VERSION, Health, HealthReason, Observed, Plan, PlannedTenant, PlannedToken,
    Reason, Summary, Sync, TokenState, Warning,
};
use super::{axes, digest};
use crate::fleet::{Desired, Tenant, Token};
use crate::ledger::TenantLedger;
use crate::model::{
    Facts, Kind, LiveTenant, Problem, ProblemCode, Reading, Sha256, TenantId, TenantName,
    Timestamp, TokenRef,
};

/// Clocks that differ by more than this are warned about; certificates and leases depend on them.
const SKEW_WARNING: i64 = 5 * 60;

/// Something that `apply` records in the ledger although nothing is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// Live shows an unfinished sending.
    Confirmed,
    /// Live is another credential than the last recorded one.
    ChangedOutsideGit,
    /// Sent twice, and never shown.
    NeverVisible,
    /// What was changed outside Git is tracked now.
    Adopted,
}

/// A write that is due, with everything `apply` needs to find and check it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The tenant as Git wants it.
    pub tenant: Tenant,
    /// The token as Git wants it.
    pub token: Token,
    /// Live facts that must still hold directly before the write.
    pub before: Option<Facts>,
    /// Facts that live must show after it.
    pub after: Facts,
    /// Holds that a reviewed `allow` line released.
    pub allows: Vec<Reason>,
}

/// A [`Note`] and what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// The tenant's name.
    pub name: TenantName,
    /// The tenant.
    pub tenant_id: TenantId,
    /// The token.
    pub token: TokenRef,
    /// The digest in Git.
    pub sha256: Option<Sha256>,
    /// Live facts; `None` when proved absent.
    pub live: Option<Facts>,
    /// What to record.
    pub note: Note,
}

/// A plan with what is not part of its public form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// The writes that are due, in the plan's order.
    pub due: Vec<Due>,
    /// What the ledger should learn although nothing is sent.
    pub notes: Vec<Noted>,
}

/// Makes the plan. Same input, same plan.
pub fn make(input: &Input<'_>) -> Planned {
    let ledger = match input.known {
        Known::Read(view) => Some(view),
        Known::Unknown(_) => None,
    };
    let bindings = Bindings::of(input.fleet, ledger);
    let mut due = Vec::new();
    let mut notes = Vec::new();
    let mut tenants = Vec::new();
    for desired in input.fleet {
        match desired {
            Desired::Invalid { name, tenant_id, file, mistakes }
                if input.selection.may_match_invalid(name) =>
            {
                let first = mistakes.first();
                let problem = Problem::new(
                    ProblemCode::InvalidFile,
                    format!(
                        "{} {} in {}; run `applecart validate` for all of them. First: {}",
                        mistakes.len(),
                        if mistakes.len() == 1 { "mistake" } else { "mistakes" },
                        first.map_or_else(
                            || file.clone(),
                            |m| format!("{}:{}:{}", m.file, m.line, m.column)
                        ),
                        first.map(|m| m.message.clone()).unwrap_or_default(),
                    ),
                );
                tenants.push(PlannedTenant {
                    name: name.clone(),
                    tenant_id: *tenant_id,
                    display_name: None,
                    tree: None,
                    observed: Observed::None,
                    problems: vec![problem],
                    tokens: Vec::new(),
                });
            }
            Desired::Valid(tenant) if input.selection.matches(tenant) => {
                let mut one = OneTenant {
                    input,
                    tenant,
                    bindings: &bindings,
                    due: Vec::new(),
                    notes: Vec::new(),
                };
                tenants.push(one.plan());
                due.append(&mut one.due);
                notes.append(&mut one.notes);
            }
            Desired::Invalid { .. } | Desired::Valid(_) => {}
        }
    }
    let digest = digest::digest(&tenants).unwrap_or_default();
    let summary = summary(&tenants);
    let plan = Plan {
        format_version: FORMAT_VERSION.to_owned(),
        applecart: env!("CARGO_PKG_VERSION").to_owned(),
        rev: input.rev.map(str::to_owned),
        policy_rev: input.policy_rev.map(str::to_owned),
        policy_sha256: input.policy.sha256,
        source: input.source,
        selection: input.selection.report(),
        generated_at: input.now,
        digest,
        tenants,
        summary,
    };
    Planned { plan, due, notes }
}

fn summary(tenants: &[PlannedTenant]) -> Summary {
    let count = |action: Action| {
        tenants
            .iter()
            .flat_map(|tenant| &tenant.tokens)
            .filter(|token| token.action == action)
            .count()
    };
    Summary {
        tenants: tenants.len(),
        uploads: count(Action::Upload),
        creates: count(Action::Create),
        configures: count(Action::Configure),
        holds: count(Action::Hold),
        unobserved: tenants.iter().filter(|tenant| tenant.observed != Observed::Complete).count(),
    }
}

struct OneTenant<'a> {
    input: &'a Input<'a>,
    tenant: &'a Tenant,
    bindings: &'a Bindings,
    due: Vec<Due>,
    notes: Vec<Noted>,
}

impl OneTenant<'_> {
    fn plan(&mut self) -> PlannedTenant {
        let missing = LiveTenant::not_asked();
        let live = self.input.live.get(&self.tenant.name).unwrap_or(&missing);
        let mut problems: Vec<Problem> = Vec::new();
        let readings = [live.push.problem(), live.enrollment.problem(), live.vpp.problem()];
        for problem in readings.into_iter().flatten() {
            if !problems.contains(problem) {
                problems.push(problem.clone());
            }
        }
        if let Known::Unknown(why) = self.input.known {
            problems.push(Problem::new(ProblemCode::LedgerUnknown, why));
        }
        let empty = TenantLedger::default();
        let past = match self.input.known {
            Known::Read(view) => Some(view.tenants.get(&self.tenant.tenant_id).unwrap_or(&empty)),
            Known::Unknown(_) => None,
        };

        let mut tokens = Vec::new();
        if self.tenant.watches(Kind::Push) {
            tokens.push(self.push(live, past));
        }
        if self.tenant.watches(Kind::Enrollment) {
            tokens.extend(self.enrollment(live, past));
        }
        if self.tenant.watches(Kind::Vpp) {
            tokens.extend(self.vpp(live, past));
        }
        if live.clock_skew.is_some_and(|skew| skew.abs() > SKEW_WARNING) {
            for token in tokens.iter_mut().filter(|token| token.action != Action::None) {
                token.state.warnings.push(Warning::ClockSkew);
            }
        }
        let asked = self.tenant.watch.len();
        let unknown = tokens_unknown(live);
        PlannedTenant {
            name: self.tenant.name.to_string(),
            tenant_id: Some(self.tenant.tenant_id),
            display_name: self.tenant.display_name.clone(),
            tree: Some(self.tenant.tree.clone()),
            observed: if past.is_none() || (asked > 0 && unknown >= asked) {
                Observed::None
            } else if unknown > 0 {
                Observed::Partial
            } else {
                Observed::Complete
            },
            problems,
            tokens,
        }
    }

    fn push(&mut self, live: &LiveTenant, past: Option<&TenantLedger>) -> PlannedToken {
        let entry = self.tenant.push.as_ref();
        let token = entry.map_or_else(TokenRef::push, |entry| entry.token.clone());
        let shown = Shown {
            token,
            entry,
            live: live.push.present().map(crate::model::LivePush::facts),
            health: live.push.present().map(axes::push),
        };
        let (Some(past), Reading::Present(_) | Reading::Absent) = (past, &live.push) else {
            return self.unobserved(&shown, past);
        };
        let mut decision = match (entry, entry.and_then(|entry| entry.file.as_ref())) {
            (Some(entry), Some(file)) => decide::push(&decide::Facts {
                now: self.input.now,
                policy: self.input.policy,
                tenant: self.tenant,
                token: entry,
                file,
                live: live.push.present(),
                consented: self.tenant.consent_data_sharing
                    || live.consent.present().copied().unwrap_or(false),
                past,
                bindings: self.bindings,
                dead_runs: self.input.dead_runs,
            }),
            _ => watched(&shown),
        };
        note_adoption(&mut decision, &shown, past);
        if let (Some(entry), Some(now_live)) = (entry, live.push.present()) {
            warn_apple_id(&mut decision, entry, now_live.apple_id.as_deref());
        }
        self.finish(&shown, decision)
    }

    fn enrollment(&mut self, live: &LiveTenant, past: Option<&TenantLedger>) -> Vec<PlannedToken> {
        let known_id = |entry: &Token| {
            past.and_then(|past| past.known_id(entry.token.kind, entry.token.name.as_deref()?))
                .map(str::to_owned)
        };
        let objects = live.enrollment.present().map(Vec::as_slice);
        let mut taken = Vec::new();
        let mut tokens = Vec::new();
        for entry in &self.tenant.enrollment {
            let found = match objects {
                Some(objects) => identity::enrollment(entry, known_id(entry).as_deref(), objects),
                None => Match::None,
            };
            let one = if let Match::One(one) = found { Some(one) } else { None };
            taken.extend(one.map(|one| one.id.clone()));
            let shown = Shown {
                token: named(entry, one.map(|one| &one.id)),
                entry: Some(entry),
                live: one.map(crate::model::LiveEnrollment::facts),
                health: one.map(|one| axes::enrollment(one, self.input.now)),
            };
            tokens.push(self.watched_entry(
                &shown,
                objects.is_some() && past.is_some(),
                found == Match::Ambiguous,
                past,
            ));
        }
        for one in objects.into_iter().flatten().filter(|one| !taken.contains(&one.id)) {
            let shown = Shown {
                token: TokenRef {
                    kind: Kind::Enrollment,
                    id: Some(one.id.clone()),
                    name: one.name.clone(),
                },
                entry: None,
                live: Some(one.facts()),
                health: Some(axes::enrollment(one, self.input.now)),
            };
            tokens.push(self.watched_entry(&shown, past.is_some(), false, past));
        }
        tokens
    }

    fn vpp(&mut self, live: &LiveTenant, past: Option<&TenantLedger>) -> Vec<PlannedToken> {
        let known_id = |entry: &Token| {
            past.and_then(|past| past.known_id(entry.token.kind, entry.token.name.as_deref()?))
                .map(str::to_owned)
        };
        let objects = live.vpp.present().map(Vec::as_slice);
        let mut taken = Vec::new();
        let mut tokens = Vec::new();
        for entry in &self.tenant.vpp {
            let found = match objects {
                Some(objects) => identity::vpp(entry, known_id(entry).as_deref(), objects),
                None => Match::None,
            };
            let one = if let Match::One(one) = found { Some(one) } else { None };
            taken.extend(one.map(|one| one.id.clone()));
            let shown = Shown {
                token: named(entry, one.map(|one| &one.id)),
                entry: Some(entry),
                live: one.map(crate::model::LiveVpp::facts),
                health: one.map(|one| axes::vpp(one, self.input.now)),
            };
            tokens.push(self.watched_entry(
                &shown,
                objects.is_some() && past.is_some(),
                found == Match::Ambiguous,
                past,
            ));
        }
        for one in objects.into_iter().flatten().filter(|one| !taken.contains(&one.id)) {
            let shown = Shown {
                token: TokenRef {
                    kind: Kind::Vpp,
                    id: Some(one.id.clone()),
                    name: one.display_name.clone(),
                },
                entry: None,
                live: Some(one.facts()),
                health: Some(axes::vpp(one, self.input.now)),
            };
            tokens.push(self.watched_entry(&shown, past.is_some(), false, past));
        }
        tokens
    }

    /// An enrollment or VPP token: this version watches them and never writes to them.
    fn watched_entry(
        &mut self,
        shown: &Shown<'_>,
        observed: bool,
        ambiguous: bool,
        past: Option<&TenantLedger>,
    ) -> PlannedToken {
        if !observed {
            return self.unobserved(shown, past);
        }
        let mut decision = watched(shown);
        if let Some(past) = past {
            note_adoption(&mut decision, shown, past);
        }
        if ambiguous {
            decision.sync = Some(Sync::Tracked);
            decision.warnings.push(Warning::Ambiguous);
            decision.details.push(
                "more than one live token fits this entry; add Intune's `id` to it".to_owned(),
            );
        }
        if shown.entry.is_some_and(|entry| entry.file.is_some()) {
            decision.warnings.push(Warning::UploadNotSupported);
            decision.details.push(format!(
                "this version watches {} tokens and does not upload their files yet; upload it in the portal",
                shown.token.kind
            ));
        }
        if let (Some(entry), Some(live)) = (shown.entry, &shown.live) {
            warn_apple_id(&mut decision, entry, live.apple_id.as_deref());
        }
        self.finish(shown, decision)
    }

    fn unobserved(&self, shown: &Shown<'_>, past: Option<&TenantLedger>) -> PlannedToken {
        let last_seen = past
            .and_then(|past| past.last_live_facts(&shown.token))
            .and_then(|(facts, _)| facts.expires);
        let in_git = shown.entry.and_then(|entry| entry.facts.expires);
        let mut token = self.token(shown, last_seen.or(in_git));
        token.state.sync = Sync::Unobserved;
        token.state.live = None;
        (token.state.health, token.state.health_reasons) = (Health::Unknown, Vec::new());
        token
    }

    fn finish(&mut self, shown: &Shown<'_>, decision: Decision) -> PlannedToken {
        let expires = shown.live.as_ref().and_then(|live| live.expires);
        let mut token = self.token(shown, expires);
        token.state.sync = decision.sync.unwrap_or(Sync::Unobserved);
        token.state.reasons = decision.reasons;
        token.state.warnings = decision.warnings;
        token.state.details = decision.details;
        token.action = decision.action.unwrap_or(Action::None);
        token.allows = decision.allows;
        for note in decision.notes {
            self.notes.push(Noted {
                name: self.tenant.name.clone(),
                tenant_id: self.tenant.tenant_id,
                token: shown.token.clone(),
                sha256: token.state.sha256,
                live: shown.live.clone(),
                note,
            });
        }
        if token.action != Action::None {
            token.before = shown.live.clone();
            token.after = shown.entry.map(|entry| entry.facts.clone());
        }
        if let (true, Some(entry), Some(after)) = (token.action.writes(), shown.entry, &token.after)
        {
            self.due.push(Due {
                tenant: self.tenant.clone(),
                token: entry.clone(),
                before: token.before.clone(),
                after: after.clone(),
                allows: token.allows.clone(),
            });
        }
        token
    }

    fn token(&self, shown: &Shown<'_>, expires: Option<Timestamp>) -> PlannedToken {
        let (health, health_reasons) =
            shown.health.clone().unwrap_or((Health::Unknown, Vec::new()));
        PlannedToken {
            state: TokenState {
                kind: shown.token.kind,
                name: shown.token.name.clone(),
                id: shown.token.id.clone(),
                sha256: shown.entry.and_then(|entry| entry.file.as_ref()).map(|file| file.sha256),
                sync: Sync::Unobserved,
                expiry: axes::expiry(expires, self.input.now, self.input.policy),
                expires,
                health,
                health_reasons,
                reasons: Vec::new(),
                warnings: Vec::new(),
                details: Vec::new(),
                live: shown.live.clone(),
            },
            action: Action::None,
            allows: Vec::new(),
            urgent: false,
            before: None,
            after: None,
        }
    }
}

/// What is known of one token before it is decided.
struct Shown<'a> {
    token: TokenRef,
    entry: Option<&'a Token>,
    live: Option<Facts>,
    health: Option<(Health, Vec<HealthReason>)>,
}

fn named(entry: &Token, id: Option<&String>) -> TokenRef {
    TokenRef { id: id.cloned().or_else(|| entry.token.id.clone()), ..entry.token.clone() }
}

/// Row 2 and the kinds that are only watched.
fn watched(shown: &Shown<'_>) -> Decision {
    let sync = match (shown.entry, &shown.live) {
        (Some(_), Some(_)) => Sync::Tracked,
        (_, None) => Sync::Missing,
        (None, Some(_)) => Sync::Unmanaged,
    };
    let mut decision = Decision { sync: Some(sync), ..Decision::default() };
    if let (Some(entry), Some(live)) = (shown.entry, &shown.live) {
        let stated = &entry.facts;
        let mut differ = Vec::new();
        let mut compare = |what: &str, git: Option<String>, live: Option<String>| {
            if let (Some(git), Some(live)) = (git, live)
                && git != live
            {
                differ.push(format!("{what} {git} in Git, {live} live"));
            }
        };
        let text = |fact: &Option<Timestamp>| fact.map(|at| at.to_string());
        compare(
            "topic",
            stated.topic.as_ref().map(ToString::to_string),
            live.topic.as_ref().map(ToString::to_string),
        );
        compare(
            "serial",
            stated.serial.as_ref().map(ToString::to_string),
            live.serial.as_ref().map(ToString::to_string),
        );
        compare("expires", text(&stated.expires), text(&live.expires));
        compare("organization", stated.organization.clone(), live.organization.clone());
        compare("location", stated.location.clone(), live.location.clone());
        if !differ.is_empty() {
            decision.warnings.push(Warning::FactsDiffer);
            decision.details.push(format!("the tenant file is behind: {}", differ.join("; ")));
        }
    }
    decision
}

/// What came from outside Git and was recorded so is adopted once Git tracks it without a file.
fn note_adoption(decision: &mut Decision, shown: &Shown<'_>, past: &TenantLedger) {
    let tracked = decision.sync == Some(Sync::Tracked) && shown.live.is_some();
    if tracked && past.changed_outside_git_recorded(&shown.token).is_some() {
        decision.notes.push(Note::Adopted);
    }
}

fn warn_apple_id(decision: &mut Decision, entry: &Token, live: Option<&str>) {
    if let (Some(stated), Some(live)) = (entry.facts.apple_id.as_deref(), live)
        && stated.to_lowercase() != live.to_lowercase()
    {
        decision.warnings.push(Warning::AppleIdDiffers);
        decision.details.push(format!(
            "Git names the Apple Account {stated}, Intune {live}; whoever renews next needs the right one. Correct the tenant file, or Intune in the portal"
        ));
    }
}

fn tokens_unknown(live: &LiveTenant) -> usize {
    [live.push.problem(), live.enrollment.problem(), live.vpp.problem()]
        .into_iter()
        .flatten()
        .count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::world::{World, push_entry, tenant};
    use super::super::{CheckedPlan, Limits, Selection};
    use super::*;
    use crate::model::{Event, Reading};

    #[test]
    fn when_the_upload_has_landed_there_is_nothing_left_to_do() {
        let mut world = World::renewal();
        let due = world.planned().due.remove(0);
        world.live_push(|live| {
            live.serial = due.after.serial.clone().unwrap();
            live.expires = due.after.expires.unwrap();
        });
        assert!(!world.plan().has_changes());
    }

    #[test]
    fn a_plan_survives_its_own_json() {
        let plan = World::renewal().plan();
        let text = serde_json::to_string(&plan).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
    }

    #[test]
    fn no_summary_counts_a_tenant_as_clean_that_was_not_read() {
        let mut world = World::renewal();
        world.live.push = Reading::Unknown(Problem::new(ProblemCode::Timeout, "no answer"));
        assert_eq!(world.plan().summary.unobserved, 1);
        assert_eq!(world.plan().summary.uploads, 0);
    }

    #[test]
    fn a_small_fleet_is_limited_by_number_and_a_large_one_by_share_too() {
        let policy = super::super::world::policy();
        assert_eq!(Limits::of(&policy, 9).share, None);
        assert_eq!(Limits::of(&policy, 10).share, Some(3));
        assert_eq!(Limits::of(&policy, 19).share, Some(5));
    }

    #[test]
    fn over_the_limit_only_the_reviewed_digest_helps() {
        let mut world = World::renewal();
        world.policy.max_tenants = 0;
        let limits = Limits::of(&world.policy, 1);
        let view = world.ledger.clone().unwrap();
        let check = |approve: Option<&str>| {
            CheckedPlan::check(world.planned(), limits, Known::Read(&view), approve)
        };
        let digest = world.plan().digest;
        assert!(check(None).is_err());
        assert!(check(Some("sha256:other")).is_err());
        assert!(check(Some(&digest)).is_ok());
    }

    #[test]
    fn earlier_runs_of_the_same_commit_count() {
        let mut world = World::renewal();
        world.policy.max_tenants = 1;
        let other = tenant("fabrikam", 2).tenant_id;
        let intent =
            world.recorded_for(other, Event::Intended, "55", "run-0", "2026-11-22T10:00:00Z");
        // Another customer's certificate: its topic is its own.
        intent.after = None;
        let limits = Limits::of(&world.policy, 2);
        let view = world.ledger.clone().unwrap();
        let refused = CheckedPlan::check(world.planned(), limits, Known::Read(&view), None);
        assert!(refused.is_err());
        world.rev = "2222222222222222222222222222222222222222".into();
        assert!(CheckedPlan::check(world.planned(), limits, Known::Read(&view), None).is_ok());
    }

    proptest! {
        /// Whoever stands where in the fleet, the plan of a tenant is the same.
        #[test]
        fn other_tenants_change_nothing(order in Just((2_u8..30).collect::<Vec<_>>()).prop_shuffle(), take in 0_usize..28) {
            let alone = World::renewal().push();
            let mut world = World::renewal();
            for number in order.into_iter().take(take) {
                let mut other = tenant(&format!("tenant-{number}"), number);
                let topic = format!("com.apple.mgmt.External.{number}");
                other.push = Some(push_entry(&format!("{number:02}{number:02}"), &topic, "2027-01-01T00:00:00Z"));
                world.others.push(Desired::Valid(other));
            }
            prop_assert_eq!(world.push(), alone);
        }

        /// Whatever is live, no plan moves an expiry backwards or changes a topic by itself.
        #[test]
        fn no_plan_goes_backwards(days in -800_i64..800, other_topic: bool, confirmed: bool) {
            let mut world = World::renewal();
            world.live_push(|live| {
                live.expires = live.expires.plus(chrono::Duration::days(days));
                if other_topic {
                    live.topic = super::super::world::OTHER_TOPIC.parse().unwrap();
                }
            });
            if confirmed {
                world.recorded(Event::Confirmed, "AA", "run-1", "2026-11-01T10:00:00Z");
            }
            for due in world.planned().due {
                let before = due.before.unwrap();
                prop_assert!(due.after.expires >= before.expires);
                prop_assert_eq!(due.after.topic, before.topic);
            }
        }
    }

    #[test]
    fn a_selection_leaves_the_rest_out() {
        let world = World::renewal();
        assert!(Selection::parse(&["fabrikam".into()]).unwrap().may_match_invalid("fabrikam"));
        assert_eq!(world.plan().selection.select, ["contoso"]);
        assert_eq!(world.plan().tenants.len(), 1);
    }
}
