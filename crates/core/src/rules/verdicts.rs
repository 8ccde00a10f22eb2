//! What the rules answer about a file that is proposed, for the people who review it.
//!
//! A tick in a pull request is a promise. [`Passed`] is the only thing that a text ticks, and it is
//! made here alone, of two known values that a rule compared: no sentence can promise what nobody
//! looked at.

use std::fmt;

use super::allow::Hold;
use super::codes::Reason;
use super::judge::{self, Case};
use super::requests;
use super::topics::KnownTopic;
use crate::apple::{self, FileFacts, Inspection};
use crate::fleet::Allow;
use crate::ledger::Maker;
use crate::model::{LiveEnrollment, LivePush, LiveToken, LiveVpp, Topic};

/// A rule that was asked about known values and had nothing to object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed(Rule);

/// The rules that a renewal may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    SameTopic,
    KnownTopic,
    KeyOfRequest,
    LaterCertificate,
    LaterToken,
    KeyOfIntune,
    SameOrganization,
}

impl Rule {
    /// The only way to a tick.
    fn passed(self, asked: bool) -> Option<Passed> {
        asked.then_some(Passed(self))
    }
}

impl fmt::Display for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Rule::SameTopic => "the topic is the one in Intune, so no device has to enrol again",
            Rule::KnownTopic => "the topic is the one that devices know",
            Rule::KeyOfRequest => {
                "its key is the one of this renewal's request for Apple (CSR), which a vendor whom Apple certified signed"
            }
            Rule::LaterCertificate => "it expires later than the certificate in Intune",
            Rule::LaterToken => "it expires later than the token in Intune",
            Rule::KeyOfIntune => "it is encrypted to the key that Intune has for this token",
            Rule::SameOrganization => "its organisation is the one in Intune",
        })
    }
}

/// What an upload does to the devices of a tenant, as far as its push topic decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The topic stays: enrolled devices notice nothing.
    Unnoticed(Passed),
    /// Intune has no certificate and none is known of: there is no device to notice it.
    First,
    /// Intune has no certificate any more, and this one has the topic that devices know.
    Restored(Passed),
    /// Intune has another topic, and this one has the one that devices know.
    BackTo { known: Topic, from: Topic, passed: Passed },
    /// Every device that is enrolled under the topic that devices know has to enrol again.
    CutOff { known: Topic, to: Topic },
    /// The topic stays the one in Intune, which is not the one that devices know.
    StaysForeign { known: Topic, live: Topic },
    /// Nobody knows which topic devices know: why, and how to find out.
    Unsure(String),
    /// No rule tells, or it is no push certificate.
    Unknown,
}

/// A hold that a reviewed line of the tenant file releases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Released {
    pub reason: Reason,
    pub by: Allow,
}

/// The rules' answers about one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdicts {
    pub passed: Vec<Passed>,
    pub effect: Effect,
    pub released: Vec<Released>,
    /// What the plan will hold all the same, until a line releases it.
    pub held: Vec<Reason>,
}

/// Asks the rules. `case` has the entry as it would be, `stated` is the topic that Git names so far.
pub fn verdicts(case: &Case<'_>, inspection: &Inspection, stated: Option<&Topic>) -> Verdicts {
    let facts = &inspection.facts;
    let effect = effect(case, facts, stated);
    let mut passed = Vec::new();
    if let Effect::Unnoticed(one) | Effect::Restored(one) | Effect::BackTo { passed: one, .. } =
        &effect
    {
        passed.push(*one);
    }
    passed.extend(match case.live {
        Some(LiveToken::Push(one)) => against_push(one, facts),
        Some(LiveToken::Enrollment(one)) => against_enrollment(one, facts),
        Some(LiveToken::Vpp(one)) => against_vpp(one, facts),
        None => Vec::new(),
    });
    passed.extend(key_of_request(case, facts));
    let (released, held) = holds(case, inspection);
    Verdicts { passed, effect, released, held }
}

fn effect(case: &Case<'_>, facts: &FileFacts, stated: Option<&Topic>) -> Effect {
    let Some(to) = &facts.topic else { return Effect::Unknown };
    let live = match case.live {
        Some(LiveToken::Push(live)) => Some(&live.topic),
        Some(_) => return Effect::Unknown,
        None => None,
    };
    // What two witnesses say differently, or the tenant file alone, is no reason for a tick.
    if let Some(unsure) = case.devices_know.and_then(KnownTopic::unsure) {
        return Effect::Unsure(unsure);
    }
    let known = case.devices_know.map(|known| &known.topic);
    let known = match (known, live, stated) {
        (Some(known), _, _) => known,
        (None, Some(live), Some(stated)) if stated != live => return Effect::Unknown,
        (None, Some(live), _) => live,
        (None, None, Some(_)) => return Effect::Unknown,
        (None, None, None) => return Effect::First,
    };
    match live {
        Some(live) if live != known && live == to => {
            Effect::StaysForeign { known: known.clone(), live: live.clone() }
        }
        _ if to != known => Effect::CutOff { known: known.clone(), to: to.clone() },
        Some(live) if live != to => match Rule::KnownTopic.passed(known == to) {
            Some(passed) => Effect::BackTo { known: known.clone(), from: live.clone(), passed },
            None => Effect::Unknown,
        },
        Some(live) => Rule::SameTopic.passed(live == to).map_or(Effect::Unknown, Effect::Unnoticed),
        None => Rule::KnownTopic.passed(known == to).map_or(Effect::Unknown, Effect::Restored),
    }
}

fn against_push(live: &LivePush, facts: &FileFacts) -> Vec<Passed> {
    let is_later = facts.expires.is_some_and(|expires| expires > live.expires);
    Rule::LaterCertificate.passed(is_later).into_iter().collect()
}

/// Whoever may write notes can record a request, so only the vendor's own signature counts.
fn key_of_request(case: &Case<'_>, facts: &FileFacts) -> Option<Passed> {
    let key = facts.public_key_sha256?;
    let live = case.live.map(LiveToken::facts);
    let open = case.past.requests_open(case.of, live.as_ref());
    let asked =
        open.iter().find(|record| record.request().is_some_and(|(_, asked)| asked == key))?;
    let maker = requests::maker_of(case.past, asked);
    Rule::KeyOfRequest.passed(matches!(maker, Maker::Vendor { .. }))
}

fn against_enrollment(live: &LiveEnrollment, facts: &FileFacts) -> Vec<Passed> {
    let Some((issuer, serial)) =
        live.encryption_public_key.as_deref().and_then(apple::key_identity)
    else {
        return Vec::new();
    };
    let is_to_intune =
        facts.recipient.iter().chain(&facts.other_recipients).any(|one| {
            one.issuer.as_ref() == Some(&issuer) && one.serial.as_ref() == Some(&serial)
        });
    Rule::KeyOfIntune.passed(is_to_intune).into_iter().collect()
}

fn against_vpp(live: &LiveVpp, facts: &FileFacts) -> Vec<Passed> {
    let is_same = match (&live.organization, &facts.organization) {
        (Some(live), Some(found)) => live.trim() == found.trim(),
        _ => false,
    };
    let is_later = live.expires.zip(facts.expires).is_some_and(|(live, found)| found > live);
    [Rule::SameOrganization.passed(is_same), Rule::LaterToken.passed(is_later)]
        .into_iter()
        .flatten()
        .collect()
}

/// What speaks against the file: what a line releases, with that line, and what stands.
fn holds(case: &Case<'_>, inspection: &Inspection) -> (Vec<Released>, Vec<Reason>) {
    let mut holds: Vec<Hold> = case.against_place();
    if !case.is_same() {
        holds.extend(case.against_file());
    }
    // What only the opened file shows.
    let found = inspection.findings.iter().filter(|finding| judge::is_released(finding, case));
    holds.extend(found.filter_map(|finding| {
        let code = finding.code.as_str();
        let reason = Reason::ALL.iter().find(|reason| reason.as_str() == code)?;
        Some(Hold::releasable(*reason, case.change(), finding.message.clone()))
    }));
    let (allows, today) = (&case.token.allow, case.today());
    let (mut released, mut held) = (Vec::new(), Vec::new());
    for hold in holds {
        match hold.released_by(allows, today) {
            Some(by) => released.push(Released { reason: hold.reason, by: by.clone() }),
            None => held.push(hold.reason),
        }
    }
    (released, held)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::apple::Verdict;
    use crate::ledger::{Line, Provenance, TenantLedger};
    use crate::model::{Event, Facts, Kind, Reading, Sha256};
    use crate::plan::world::{self, OTHER_TOPIC, World};
    use crate::rules::judge::entry_with;
    use crate::rules::topics;

    /// A file of this kind with these facts.
    pub(crate) fn file(kind: Kind, facts: FileFacts) -> Inspection {
        Inspection {
            format_version: String::new(),
            kind: Some(kind),
            verdict: Verdict::Accept,
            findings: Vec::new(),
            facts,
        }
    }

    /// A push certificate with this topic that expires next year.
    pub(crate) fn push_file(topic: &str) -> Inspection {
        let facts = FileFacts {
            topic: Some(topic.parse().unwrap()),
            serial: Some("BB".parse().unwrap()),
            expires: Some(world::at(world::NEXT_YEAR)),
            ..FileFacts::default()
        };
        file(Kind::Push, facts)
    }

    /// What the rules say of a file for the world's token.
    pub(crate) fn verdicts_of(world: &World, file: &Inspection) -> Verdicts {
        let kind = file.kind.unwrap();
        let entry = world.tenant.tokens().find(|token| token.token.kind == kind).unwrap();
        let sha256 = Sha256::of(b"file");
        let token = entry_with(entry, &file.facts, sha256, None);
        let nothing = TenantLedger::default();
        let view = world.ledger.as_ref().unwrap();
        let past = view.tenants.get(&world.tenant.tenant_id).unwrap_or(&nothing);
        let in_intune = world.live.push.present().map(|push| &push.topic);
        let devices_know = topics::devices_know(past, &entry.token, None, Some(entry), in_intune);
        let case = Case {
            now: world.now,
            tenant: &world.tenant,
            token: &token,
            sha256,
            of: &entry.token,
            live: world.live.only(kind),
            past,
            devices_know: devices_know.as_ref(),
            revoked: None,
            asks_apple: false,
        };
        verdicts(&case, file, entry.topic())
    }

    /// The verdicts on a renewal with this topic in a world.
    fn asked(world: &World, topic: &str) -> Verdicts {
        verdicts_of(world, &push_file(topic))
    }

    fn live_topic(world: &World) -> String {
        world.live.push.present().unwrap().topic.to_string()
    }

    #[test]
    fn the_same_topic_is_ticked_and_no_other() {
        let world = World::renewal();
        let same = asked(&world, &live_topic(&world));
        assert!(matches!(same.effect, Effect::Unnoticed(_)), "{same:?}");
        assert!(same.passed[0].to_string().contains("no device has to enrol again"));
        let other = asked(&world, OTHER_TOPIC);
        assert!(matches!(other.effect, Effect::CutOff { .. }), "{other:?}");
        assert!(!other.passed.iter().any(|one| one.to_string().contains("topic")), "{other:?}");
    }

    #[test]
    fn the_key_of_a_request_is_ticked_only_where_a_certified_vendor_signed_that() {
        let vendor = || "MDM Vendor".to_owned();
        for (maker, is_ticked) in [
            (Maker::Vendor { vendor: vendor() }, true),
            (Maker::Signed { vendor: vendor() }, false),
            (Maker::Unsigned, false),
            (Maker::Other { why: "another vendor signed it".into() }, false),
        ] {
            let mut world = World::renewal();
            world.recorded(Event::RenewalOpened, "AB", "run-0", "2026-11-20T11:00:00Z");
            let id = world.tenant.tenant_id;
            let ledger = world.ledger.as_mut().unwrap().tenants.get_mut(&id).unwrap();
            let line = Line::of(id, ledger.records.last().unwrap()).unwrap();
            let provenance = Provenance { origin: None, maker: maker.clone() };
            ledger.provenance.insert(line.hash, provenance);
            let mut file = push_file(&live_topic(&world));
            file.facts.public_key_sha256 = Some(Sha256::of(b"AB"));
            let asked = verdicts_of(&world, &file);
            let ticked =
                asked.passed.iter().any(|one| one.to_string().contains("request for Apple"));
            assert_eq!(ticked, is_ticked, "{maker:?}: {:?}", asked.passed);
        }
    }

    #[test]
    fn a_topic_that_intune_has_by_another_hand_is_not_ticked() {
        let mut world = World::renewal();
        world.live_push(|push| push.topic = OTHER_TOPIC.parse().unwrap());
        let unknown = asked(&world, OTHER_TOPIC);
        assert_eq!(unknown.effect, Effect::Unknown, "only the tenant file names another one");
        world.first_in_git(world::TOPIC);
        let stays = asked(&world, OTHER_TOPIC);
        assert!(matches!(stays.effect, Effect::StaysForeign { .. }), "{stays:?}");
        assert!(!stays.passed.iter().any(|one| one.to_string().contains("topic")), "{stays:?}");
    }

    #[test]
    fn the_way_back_is_the_topic_that_devices_know() {
        let mut world = World::renewal();
        let known = live_topic(&world);
        world.first_in_git(&known);
        world.live_push(|push| push.topic = OTHER_TOPIC.parse().unwrap());
        let back = asked(&world, &known);
        assert!(matches!(back.effect, Effect::BackTo { .. }), "{back:?}");
        assert_eq!(back.held, [Reason::TopicChange]);
        assert_eq!(back.passed[0].to_string(), "the topic is the one that devices know");
    }

    #[test]
    fn a_topic_that_only_an_edited_tenant_file_names_is_not_ticked() {
        let mut world = World::renewal();
        world.first_in_git(&live_topic(&world));
        world.entry().facts.topic = Some(OTHER_TOPIC.parse().unwrap());
        let edited = asked(&world, OTHER_TOPIC);
        assert!(matches!(edited.effect, Effect::CutOff { .. }), "{edited:?}");
        assert!(!edited.passed.iter().any(|one| one.to_string().contains("topic")), "{edited:?}");
    }

    #[test]
    fn while_two_witnesses_disagree_no_topic_is_ticked() {
        let mut world = World::renewal();
        let live = live_topic(&world);
        world.first_in_git(&live);
        world.recorded(Event::Observed, "AA", "run-0", "2026-10-01T11:00:00Z").after =
            Some(Facts { topic: Some(OTHER_TOPIC.parse().unwrap()), ..Facts::default() });
        for topic in [live.as_str(), OTHER_TOPIC] {
            let told = asked(&world, topic);
            assert!(matches!(told.effect, Effect::Unsure(_)), "{told:?}");
            assert!(!told.passed.iter().any(|one| one.to_string().contains("topic")), "{told:?}");
        }
    }

    #[test]
    fn without_a_certificate_in_intune_it_is_the_first_or_one_that_comes_back() {
        let mut world = World::renewal();
        let known = live_topic(&world);
        world.live.push = Reading::Absent;
        assert_eq!(asked(&world, &known).effect, Effect::Unknown, "a file's word is no reason");
        world.first_in_git(&known);
        assert!(matches!(asked(&world, &known).effect, Effect::Restored(_)));
        world.forget();
        world.tenant.push.as_mut().unwrap().facts.topic = None;
        assert_eq!(asked(&world, &known).effect, Effect::First);
        // The ledger remembers what devices know.
        world.recorded(Event::Confirmed, "AA", "run-1", "2026-10-01T11:00:00Z");
        let again = asked(&world, OTHER_TOPIC);
        assert!(!matches!(again.effect, Effect::First), "{again:?}");
    }

    #[test]
    fn what_is_unknown_is_never_ticked() {
        let enrollment = LiveEnrollment { encryption_public_key: None, ..world::live_enrollment() };
        assert_eq!(against_enrollment(&enrollment, &FileFacts::default()), []);
        let vpp = LiveVpp {
            organization: None,
            expires: None,
            ..world::live_vpp("London", "id", world::NEXT_YEAR)
        };
        assert_eq!(against_vpp(&vpp, &FileFacts::default()), []);
    }
}
