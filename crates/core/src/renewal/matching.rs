//! Whose a downloaded file is, by its content. A file's name proves nothing: browsers number it,
//! people rename it, and every tenant's has the same.

use std::collections::{BTreeMap, BTreeSet};

use super::spec;
use crate::apple::{self, FileFacts};
use crate::fleet::{Desired, Owned, Tenant, Token};
use crate::ledger::{Bindings, LedgerView};
use crate::model::{Kind, LiveTenant, Sha256, TenantName, TokenRef};
use crate::rules::bindings;
use crate::rules::identity::{self, Match};

/// A token that a file may be for.
#[derive(Clone)]
pub struct Candidate<'a> {
    pub tenant: &'a Tenant,
    pub token: Token,
}

/// What tells tokens apart.
pub struct Matcher<'a> {
    pub tenants: Vec<&'a Tenant>,
    /// Topics that the ledger has seen, for tenant files that name none.
    bindings: Option<Bindings>,
    /// What Intune has, where it was read: the encryption keys of enrollment tokens, and the
    /// organisations of VPP tokens.
    live: BTreeMap<TenantName, LiveTenant>,
}

impl<'a> Matcher<'a> {
    pub fn new(
        fleet: &'a [Desired],
        selected: impl Fn(&Tenant) -> bool,
        known: Option<&LedgerView>,
    ) -> Self {
        let tenants = fleet.iter().filter_map(Desired::valid).filter(|one| selected(one));
        Self {
            tenants: tenants.collect(),
            bindings: known.map(LedgerView::bindings),
            live: BTreeMap::new(),
        }
    }

    /// Adds what Intune has of tenants.
    pub fn with_live(&mut self, live: BTreeMap<TenantName, LiveTenant>) {
        self.live = live;
    }

    /// Whether Git does not tell which of a tenant's tokens files of these kinds are for, so that Intune has
    /// to.
    pub fn needs_intune(tenant: &Tenant, kinds: &BTreeSet<Kind>) -> bool {
        let is_unsaid = |token: &Token| token.facts.organization.is_none();
        (kinds.contains(&Kind::Enrollment) && !tenant.enrollment.is_empty())
            || (kinds.contains(&Kind::Vpp) && tenant.vpp.iter().any(is_unsaid))
    }

    /// The tokens that the file may be for. One that has this very file already is the only one.
    pub fn candidates(&self, kind: Kind, facts: &FileFacts, sha256: Sha256) -> Vec<Candidate<'a>> {
        let all = match kind {
            Kind::Push => self.by_topic(facts),
            Kind::Enrollment => self.by_recipient(facts),
            Kind::Vpp => self.by_organization(facts),
        };
        let has_it = |one: &&Candidate<'_>| {
            one.token.file.as_ref().is_some_and(|file| file.sha256 == sha256)
        };
        match all.iter().find(has_it) {
            Some(one) => vec![one.clone()],
            None => all,
        }
    }

    fn tokens(&self, kind: Kind) -> impl Iterator<Item = Candidate<'a>> {
        self.tenants.iter().flat_map(move |&tenant| {
            let tokens = tenant.tokens().filter(move |token| token.token.kind == kind);
            tokens.map(move |token| Candidate { tenant, token: token.clone() })
        })
    }

    fn by_topic(&self, facts: &FileFacts) -> Vec<Candidate<'a>> {
        let Some(topic) = &facts.topic else { return Vec::new() };
        let stated: Vec<_> =
            self.tokens(Kind::Push).filter(|one| one.token.topic() == Some(topic)).collect();
        if !stated.is_empty() {
            return stated;
        }
        let Some(bindings) = &self.bindings else { return stated };
        let seen = bindings.of(&Owned::Topic(topic.clone()));
        let push = |tenant: &Tenant| tenant.push.clone();
        let no_entry = || Token::watched(TokenRef::push());
        self.tenants
            .iter()
            .filter(|tenant| seen.contains(&tenant.tenant_id))
            .map(|&tenant| Candidate { tenant, token: push(tenant).unwrap_or_else(no_entry) })
            .collect()
    }

    fn by_recipient(&self, facts: &FileFacts) -> Vec<Candidate<'a>> {
        let Some(found) = &facts.recipient else { return Vec::new() };
        let (Some(issuer), Some(serial)) = (&found.issuer, &found.serial) else {
            return Vec::new();
        };
        let is_key = |key: &str| {
            apple::key_identity(key).is_some_and(|(of, number)| of == *issuer && number == *serial)
        };
        // What Intune has now counts more than what was written down a year ago.
        let live = self.tokens(Kind::Enrollment).filter(|one| {
            let live = self.live.get(&one.tenant.name);
            let Some(tokens) = live.and_then(|live| live.enrollment.present()) else {
                return false;
            };
            matches!(
                identity::meant(&one.tenant.enrollment, &one.token, None, tokens),
                Match::One(live) if live.encryption_public_key.as_deref().is_some_and(is_key)
            )
        });
        let live: Vec<_> = live.collect();
        if !live.is_empty() {
            return live;
        }
        self.tokens(Kind::Enrollment)
            .filter(|one| bindings::is_stated_by(&one.token, facts))
            .collect()
    }

    fn by_organization(&self, facts: &FileFacts) -> Vec<Candidate<'a>> {
        let Some(organization) = &facts.organization else { return Vec::new() };
        let is_theirs = |one: &Candidate<'_>| {
            let stated = one.token.facts.organization.as_deref();
            let said = stated.or_else(|| self.organization_in_intune(one));
            said.is_some_and(|said| said.trim() == organization.trim())
        };
        self.tokens(Kind::Vpp).filter(is_theirs).collect()
    }

    /// Why no token was found for a file of this kind. Whose Intune could not be read may have it.
    pub fn no_candidate(&self, kind: Kind) -> Vec<String> {
        let unread: Vec<&str> = self
            .live
            .iter()
            .filter(|(_, live)| kind != Kind::Push && live.problem(kind).is_some())
            .map(|(tenant, _)| tenant.as_str())
            .collect();
        let unread = (!unread.is_empty()).then(|| {
            format!(
                "not-read: Intune of {} could not be read, and the file may be for a token there. Run this again once it can be",
                unread.join(", ")
            )
        });
        unread.into_iter().chain([no_candidate(kind).to_owned()]).collect()
    }

    fn organization_in_intune(&self, one: &Candidate<'_>) -> Option<&str> {
        let tokens = self.live.get(&one.tenant.name)?.vpp.present()?;
        match identity::meant(&one.tenant.vpp, &one.token, None, tokens) {
            Match::One(live) => live.organization.as_deref(),
            Match::None | Match::Ambiguous => None,
        }
    }
}

/// Why no token was found for a file of this kind, and what to do.
fn no_candidate(kind: Kind) -> &'static str {
    match kind {
        Kind::Push => {
            "unknown: no tenant of the fleet has this certificate's topic. If Create was pressed at Apple instead of Renew, the topic is a new one: press Renew on the old row, or every device would have to enrol again"
        }
        Kind::Enrollment => {
            "unknown: no enrollment token of the fleet has the key that this file is encrypted to. Upload Intune's current public key at Apple, and download the token again. To save that key: applecart renew TENANT/TOKEN --public-key"
        }
        Kind::Vpp => {
            "unknown: no VPP token of the fleet has this organisation, in Git or in Intune. Write it into `organization`, or name the token: applecart renew TENANT/TOKEN --file FILE"
        }
    }
}

/// A file of a batch whose token is known.
pub struct Claim<'a> {
    pub tenant: &'a Tenant,
    pub token: &'a Token,
    pub file: String,
    pub sha256: Sha256,
}

/// What another file of the batch means for a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Twin {
    /// It is the same file as this earlier one.
    Same(String),
    /// Several different files are for the token, and nothing tells which one is meant.
    Other(String),
}

impl Twin {
    pub fn reason(&self) -> String {
        match self {
            Self::Same(first) => format!("twice: it is the same file as {first}"),
            Self::Other(all) => format!(
                "ambiguous: several files are for {all}. Keep the newest download, and run this again"
            ),
        }
    }
}

/// The files of a batch that another one stands in the way of, by their places among `claims`.
pub fn twins(claims: &[Option<Claim<'_>>]) -> BTreeMap<usize, Twin> {
    let mut of: BTreeMap<String, Vec<(usize, &Claim<'_>)>> = BTreeMap::new();
    for (at, claim) in claims.iter().enumerate() {
        if let Some(claim) = claim {
            of.entry(spec(claim.tenant, &claim.token.token)).or_default().push((at, claim));
        }
    }
    let mut found = BTreeMap::new();
    for (name, all) in of {
        let [(_, first), rest @ ..] = all.as_slice() else { continue };
        if rest.iter().all(|(_, other)| other.sha256 == first.sha256) {
            found.extend(rest.iter().map(|(at, _)| (*at, Twin::Same(first.file.clone()))));
        } else {
            let files: Vec<&str> = all.iter().map(|(_, one)| one.file.as_str()).collect();
            let told = format!("{name} ({})", files.join(", "));
            found.extend(all.iter().map(|(at, _)| (*at, Twin::Other(told.clone()))));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apple::RecipientFacts;
    use crate::fleet::{Recipient, TokenFile};
    use crate::model::{Event, Problem, ProblemCode};
    use crate::plan::world;

    /// contoso with a push topic, and a sibling with London and Leeds of one organisation.
    fn fleet() -> Vec<Desired> {
        let contoso = world::World::equal().tenant;
        let mut fabrikam = contoso.clone();
        fabrikam.name = "fabrikam".parse().unwrap();
        fabrikam.tenant_id = "00000000-8a34-4b7a-9a51-0d6c2f6f1b11".parse().unwrap();
        fabrikam.push = None;
        fabrikam.vpp = ["London", "Leeds"]
            .into_iter()
            .map(|name| {
                let mut token = Token::watched(TokenRef {
                    kind: Kind::Vpp,
                    id: None,
                    name: Some(name.to_owned()),
                });
                token.facts.organization = Some("Fabrikam GmbH ".to_owned());
                token
            })
            .collect();
        let mut abm = Token::watched(TokenRef {
            kind: Kind::Enrollment,
            id: None,
            name: Some("ABM".to_owned()),
        });
        abm.recipient =
            Some(Recipient { issuer: "CN=Intune".to_owned(), serial: "AA".parse().unwrap() });
        fabrikam.enrollment = vec![abm];
        vec![Desired::Valid(contoso), Desired::Valid(fabrikam)]
    }

    fn names(found: &[Candidate<'_>]) -> Vec<String> {
        found.iter().map(|one| format!("{} {}", one.tenant.name, one.token.token)).collect()
    }

    fn of(fleet: &[Desired], kind: Kind, facts: &FileFacts) -> Vec<String> {
        let matcher = Matcher::new(fleet, |_| true, None);
        names(&matcher.candidates(kind, facts, Sha256::of(b"new")))
    }

    #[test]
    fn a_topic_a_recipient_and_an_organisation_tell_whose_it_is() {
        let fleet = fleet();
        let topic =
            FileFacts { topic: Some(world::TOPIC.parse().unwrap()), ..FileFacts::default() };
        assert_eq!(of(&fleet, Kind::Push, &topic), ["contoso push"]);
        let recipient = |serial: &str| FileFacts {
            recipient: Some(RecipientFacts {
                issuer: Some("CN=Intune".to_owned()),
                serial: Some(serial.parse().unwrap()),
                ..RecipientFacts::default()
            }),
            ..FileFacts::default()
        };
        assert_eq!(of(&fleet, Kind::Enrollment, &recipient("AA")), ["fabrikam enrollment \"ABM\""]);
        assert!(of(&fleet, Kind::Enrollment, &recipient("BB")).is_empty());
        let organization =
            FileFacts { organization: Some("Fabrikam GmbH".to_owned()), ..FileFacts::default() };
        assert_eq!(
            of(&fleet, Kind::Vpp, &organization).len(),
            2,
            "two locations, one organisation"
        );
        assert!(of(&fleet, Kind::Vpp, &FileFacts::default()).is_empty());
    }

    #[test]
    fn an_organisation_that_git_does_not_name_is_known_from_intune() {
        let mut world = world::World::vpp();
        world.entry().facts.organization = None;
        let vpp = [Kind::Vpp].into();
        assert!(Matcher::needs_intune(&world.tenant, &vpp));
        let found = |world: &world::World, organization: &str| {
            let fleet = [Desired::Valid(world.tenant.clone())];
            let mut matcher = Matcher::new(&fleet, |_| true, None);
            matcher.with_live([(world.tenant.name.clone(), world.live.clone())].into());
            let organization = Some(organization.to_owned());
            let facts = FileFacts { organization, ..FileFacts::default() };
            names(&matcher.candidates(Kind::Vpp, &facts, Sha256::of(b"new")))
        };
        let tokens = found(&world, "Contoso Ltd");
        assert!(matches!(tokens.as_slice(), [one] if one.starts_with("contoso vpp")), "{tokens:?}");
        assert!(found(&world, "Fabrikam GmbH").is_empty());
        let fleet = [Desired::Valid(world.tenant.clone())];
        let told = |live: &LiveTenant| {
            let mut matcher = Matcher::new(&fleet, |_| true, None);
            matcher.with_live([(world.tenant.name.clone(), live.clone())].into());
            matcher.no_candidate(Kind::Vpp)
        };
        assert_eq!(told(&world.live).len(), 1);
        let down = Problem::new(ProblemCode::LedgerUnknown, "timed out");
        let told = told(&LiveTenant::unknown(&down));
        assert!(told[0].contains("Intune of contoso could not be read"), "{told:?}");
        // What was reviewed counts more than what an upload by hand may have brought.
        world.entry().facts.organization = Some("Fabrikam GmbH".to_owned());
        assert!(found(&world, "Contoso Ltd").is_empty());
        assert!(!Matcher::needs_intune(&world.tenant, &vpp));
        assert!(!Matcher::needs_intune(&world.tenant, &[Kind::Push, Kind::Enrollment].into()));
    }

    #[test]
    fn the_token_that_has_the_file_already_is_the_only_one() {
        let mut fleet = fleet();
        let file = TokenFile {
            name: "leeds.vpptoken.age".to_owned(),
            sha256: Sha256::of(b"new"),
            blob: "x".to_owned(),
            shown: None,
        };
        if let Some(Desired::Valid(tenant)) = fleet.get_mut(1) {
            tenant.vpp[1].file = Some(file);
        }
        let organization =
            FileFacts { organization: Some("Fabrikam GmbH".to_owned()), ..FileFacts::default() };
        assert_eq!(of(&fleet, Kind::Vpp, &organization), ["fabrikam vpp \"Leeds\""]);
    }

    #[test]
    fn a_topic_that_no_file_states_is_known_from_the_ledger() {
        let mut world = world::World::equal();
        world.recorded(Event::Confirmed, "AA", "run-0", "2026-11-20T11:00:00Z");
        let mut tenant = world.tenant.clone();
        tenant.push = None;
        let fleet = [Desired::Valid(tenant)];
        let view = world.ledger.as_ref().unwrap();
        let facts =
            FileFacts { topic: Some(world::TOPIC.parse().unwrap()), ..FileFacts::default() };
        let found = |known| {
            names(&Matcher::new(&fleet, |_| true, known).candidates(
                Kind::Push,
                &facts,
                Sha256::of(b"new"),
            ))
        };
        assert_eq!(found(Some(view)), ["contoso push"]);
        assert!(found(None).is_empty());
    }

    #[test]
    fn the_same_file_twice_is_brought_once_and_of_different_ones_none() {
        let fleet = fleet();
        let tenant = fleet[1].valid().unwrap();
        let claim = |token: usize, file: &str, content: &str| {
            Some(Claim {
                tenant,
                token: &tenant.vpp[token],
                file: file.to_owned(),
                sha256: Sha256::of(content.as_bytes()),
            })
        };
        let all = [claim(0, "a", "1"), None, claim(1, "b", "2"), claim(0, "a (1)", "1")];
        let found = twins(&all);
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [(3, Twin::Same("a".to_owned()))]);
        let all = [claim(0, "a", "1"), claim(0, "b", "2"), claim(1, "c", "2")];
        let found = twins(&all);
        assert_eq!(found.keys().copied().collect::<Vec<_>>(), [0, 1]);
        assert!(found[&0].reason().contains("fabrikam/London (a, b)"), "{:?}", found[&0]);
    }
}
