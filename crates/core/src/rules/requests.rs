//! Whose request for Apple (CSR) a push certificate answers.
//!
//! Intune keeps the private key of the request that it made, so a certificate is of use only to the
//! tenant whose request was signed. One Apple Account often holds the rows of many customers: a
//! request that is uploaded on another customer's row comes back as a certificate with one
//! customer's key and the other's topic, and is of use to neither.
//!
//! The rule takes requests from wherever they are recorded, and whoever gives them says in which
//! order they were.

use std::collections::{BTreeMap, HashMap};

use crate::apple::{self, Finding, FindingCode, Vendor, VendorSignature};
use crate::ledger::{LedgerView, Line, Maker, Origin, Provenance, TenantLedger};
use crate::model::{Actor, Facts, Record, Sha256, TenantId, TenantName, Timestamp, Topic};

/// A recorded request for Apple.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub tenant_id: TenantId,
    /// The tenant's name when it was recorded.
    pub tenant: TenantName,
    pub opened: Timestamp,
    /// Who recorded it, and when.
    pub recorder: String,
    /// SHA-256 of the public key that it asks a certificate for.
    pub key: Sha256,
    /// The certificate in Intune that it is to renew: its row at Apple.
    pub row: Option<Facts>,
}

impl Request {
    /// Where it has to be uploaded at Apple.
    fn row(&self) -> String {
        let facts = self.row.as_ref();
        row_of(
            &self.tenant,
            facts.and_then(|facts| facts.topic.as_ref()),
            facts.and_then(|facts| facts.apple_id.as_deref()),
        )
    }
}

/// Says of the requests in question which commit brought them and who made them.
pub fn attribute(view: &mut LedgerView, origins: &BTreeMap<Line, Origin>) {
    let lines = view.requests_in_question();
    set_belied_aside(view);
    let mut provenance: BTreeMap<Line, Provenance> = BTreeMap::new();
    for &line in &lines {
        let origin = origins.get(&line).cloned();
        provenance.insert(line, Provenance { origin, maker: Maker::default() });
    }
    let usual = if lines.is_empty() { None } else { usual_vendor(view) };
    for (line, one) in provenance {
        let Some(ledger) = view.tenants.get_mut(&line.tenant) else { continue };
        let is_it = |record: &&Record| Line::of(line.tenant, record) == Some(line);
        // Of one that was set aside only who brought it is of interest.
        let maker = ledger.records.iter().find(is_it).map_or_else(Maker::default, |record| {
            let own = earlier_vendor(ledger, record);
            maker(record, own.as_ref().or(usual.as_ref()))
        });
        ledger.provenance.insert(line.hash, Provenance { maker, ..one });
    }
}

/// What is wrong with the record of a request that asks for another key than the record states.
/// Whoever may write notes can state any key; only the request itself tells which one it is about.
pub fn belied(record: &Record) -> Option<String> {
    let (text, stated) = record.request()?;
    let stated_key = short(stated);
    match apple::requested_key(text) {
        Some(asked) if asked == stated => None,
        Some(asked) => Some(format!(
            "names the key {stated_key} and holds a request for Apple (CSR) that asks a certificate for another key, {}",
            short(asked)
        )),
        None => Some(format!(
            "names the key {stated_key} and holds a text that is no request for Apple (CSR)"
        )),
    }
}

/// Such a record has no effect: it neither opens a renewal nor claims a key.
fn set_belied_aside(view: &mut LedgerView) {
    for (&tenant, ledger) in &mut view.tenants {
        let aside: Vec<Record> =
            ledger.records.extract_if(.., |record| belied(record).is_some()).collect();
        if !aside.is_empty() {
            view.set_aside.entry(tenant).or_default().extend(aside);
        }
    }
}

/// Who made a request that was just recorded, by what the fleet's earlier ones are.
pub fn maker_beside(view: &LedgerView, tenant: TenantId, record: &Record) -> Maker {
    let own = earlier_vendor(view.tenant(tenant), record);
    maker(record, own.or_else(|| usual_vendor(view)).as_ref())
}

/// The vendor of the first signed request of the fleet.
fn usual_vendor(view: &LedgerView) -> Option<Vendor> {
    let records = view.tenants.values().flat_map(|ledger| &ledger.records);
    let mut requests: Vec<&Record> = records.filter(|record| record.request().is_some()).collect();
    requests.sort_by_key(|record| record.at);
    requests.into_iter().find_map(vendor)
}

/// The vendor of the tenant's first signed request before this one.
fn earlier_vendor(ledger: &TenantLedger, record: &Record) -> Option<Vendor> {
    let mut requests: Vec<&Record> = ledger
        .records
        .iter()
        .filter(|other| other.request().is_some() && other.seq < record.seq)
        .collect();
    requests.sort_by_key(|other| other.seq);
    requests.into_iter().find_map(vendor)
}

fn vendor(record: &Record) -> Option<Vendor> {
    match apple::vendor_signature(record.request()?.0) {
        VendorSignature::Good(vendor) => Some(vendor),
        VendorSignature::Missing | VendorSignature::Broken(_) => None,
    }
}

/// Who made a request, where `usual` signed an earlier one.
fn maker(record: &Record, usual: Option<&Vendor>) -> Maker {
    let other = |why: String| Maker::Other { why };
    let Some((text, _)) = record.request() else { return Maker::Unsigned };
    match (apple::vendor_signature(text), usual) {
        (VendorSignature::Broken(why), _) => other(why.to_owned()),
        (VendorSignature::Good(vendor), usual) => match usual {
            Some(usual) if *usual != vendor && usual.is_certified() >= vendor.is_certified() => {
                other(format!(
                    "it is signed by the vendor {:?}, and an earlier request by {:?} with another certificate",
                    vendor.name, usual.name
                ))
            }
            _ if vendor.is_certified() => Maker::Vendor { vendor: vendor.name },
            _ => Maker::Signed { vendor: vendor.name },
        },
        (VendorSignature::Missing, Some(usual)) => other(format!(
            "no vendor signed it, and an earlier request is signed by {:?}",
            usual.name
        )),
        (VendorSignature::Missing, None) => Maker::Unsigned,
    }
}

/// What a request's form says of who made it, for people.
pub fn told_maker(maker: &Maker) -> String {
    match maker {
        Maker::Unsigned => {
            "it carries no vendor's signature, so nothing but its record proves that Intune made it"
                .to_owned()
        }
        Maker::Signed { vendor } => format!(
            "the vendor {vendor:?} signed it, whose certificate does not lead to Apple's root, so that proves nothing about who made it"
        ),
        Maker::Vendor { vendor } => {
            format!("it is signed by the vendor {vendor:?}, whom Apple certified")
        }
        Maker::Other { why } => format!("Intune did not make it: {why}"),
    }
}

/// Who recorded a request, and when: by the commit that brought it, else as the record says.
pub fn recorder(past: &TenantLedger, record: &Record) -> String {
    match past.provenance(record).and_then(|it| it.origin.as_ref()) {
        Some(origin) => origin.to_string(),
        None => stated_recorder(record),
    }
}

fn stated_recorder(record: &Record) -> String {
    let Actor { pipeline, user, host } = &record.actor;
    let who = match (user, host, pipeline) {
        (Some(user), Some(host), _) => format!("{user} on {host}"),
        (Some(one), None, _) | (None, Some(one), _) | (None, None, Some(one)) => one.clone(),
        (None, None, None) => "an unnamed person".to_owned(),
    };
    format!("{who}, {}", record.at)
}

/// Who made a recorded request, as far as its form tells.
pub fn maker_of<'a>(past: &'a TenantLedger, record: &Record) -> &'a Maker {
    static UNSIGNED: Maker = Maker::Unsigned;
    past.provenance(record).map_or(&UNSIGNED, |it| &it.maker)
}

/// Why the open requests of a renewal do not tell which of them Intune made, and who recorded them.
/// Intune has the private key of one request; a certificate for any other cuts off every device.
pub fn disputed(past: &TenantLedger, open: &[&Record]) -> Option<String> {
    let told = |record: &&Record| {
        let (_, key) = record.request()?;
        let maker = match maker_of(past, record) {
            Maker::Other { why } => format!(" ({why})"),
            Maker::Unsigned | Maker::Signed { .. } | Maker::Vendor { .. } => String::new(),
        };
        Some(format!("key {} recorded by {}{maker}", short(key), recorder(past, record)))
    };
    let all: Vec<String> = open.iter().filter_map(told).collect();
    match open {
        [] => None,
        [one] => matches!(maker_of(past, one), Maker::Other { .. }).then(|| {
            format!(
                "Intune did not make the request for Apple (CSR) that is recorded for this renewal: {}. A certificate for its key would cut off every device",
                all.join("; ")
            )
        }),
        // One vendor's signature on all of them shows that Intune was asked more than once.
        many if are_of_one_vendor(past, many) => None,
        many => Some(format!(
            "{} requests for Apple (CSR) of this renewal are recorded, with different keys: {}. Intune has the private key of one of them, and nothing proves of which. A certificate for another key would cut off every device",
            many.len(),
            all.join("; ")
        )),
    }
}

/// That one key is recorded twice for a renewal, with requests of different texts. Whoever writes
/// the second one cannot have made the key, and the first one counts.
pub fn repeated(past: &TenantLedger, open: &[&Record]) -> Option<String> {
    open.iter().enumerate().find_map(|(index, second)| {
        let (text, key) = second.request()?;
        let is_other = |first: &&&Record| {
            let found = first.request();
            found.is_some_and(|(other, of)| of == key && other != text)
                && !are_of_one_vendor(past, &[**first, *second])
        };
        let first = open.iter().take(index).find(is_other)?;
        Some(format!(
            "The key {} is recorded twice for this renewal, with different requests for Apple (CSR): by {}; and by {}. The one that was recorded first counts",
            short(key),
            recorder(past, first),
            recorder(past, second)
        ))
    })
}

/// Whose word it is that Intune made the request of a renewal, where no vendor's signature proves it.
pub(crate) fn unproved(past: &TenantLedger, record: &Record) -> Option<String> {
    if matches!(maker_of(past, record), Maker::Vendor { .. }) {
        return None;
    }
    Some(format!(
        "No vendor's signature proves that Intune made the request for Apple (CSR) of this renewal. It was recorded by {}. Ask them if you do not know of it",
        recorder(past, record)
    ))
}

/// That the key of a request in question is recorded for several tenants, and by whom.
pub fn shared(view: &LedgerView, record: &Record) -> Option<String> {
    let (_, key) = record.request()?;
    let mut all: Vec<_> = Vec::new();
    for (tenant, ledger) in view.tenants.iter().filter(|(_, it)| !it.provenance.is_empty()) {
        let is_it = |other: &&Record| other.request().is_some_and(|(_, other)| other == key);
        let Some(other) = ledger.records.iter().find(is_it) else { continue };
        let place = ledger.provenance(other).and_then(|it| it.origin.as_ref()).map(Origin::place);
        let told = format!("for {} by {}", other.name, recorder(ledger, other));
        all.push(((place.is_none(), place, other.at, *tenant), told));
    }
    if all.len() < 2 {
        return None;
    }
    all.sort();
    let told: Vec<String> = all.into_iter().map(|(_, told)| told).collect();
    Some(format!(
        "The request for Apple (CSR) with the key {} is recorded for several tenants: {}. The one that was recorded first counts: a certificate for this key is held for every other tenant",
        short(key),
        told.join("; ")
    ))
}

/// Whether one and the same vendor signed all requests.
fn are_of_one_vendor(past: &TenantLedger, open: &[&Record]) -> bool {
    let mut makers = open.iter().map(|record| maker_of(past, record));
    let first = makers.next();
    let is_signed = matches!(first, Some(Maker::Signed { .. } | Maker::Vendor { .. }));
    is_signed && makers.all(|maker| Some(maker) == first)
}

/// The first digits of a key's SHA-256, by which people tell requests apart.
pub fn short(key: Sha256) -> String {
    let key = key.to_string();
    key.get(..12).unwrap_or(&key).to_owned()
}

/// A tenant's row in Apple's push portal, in words.
fn row_of(tenant: &TenantName, topic: Option<&Topic>, account: Option<&str>) -> String {
    let topic = topic.map(|topic| format!("topic {topic}"));
    let account = account
        .filter(|account| !account.trim().is_empty())
        .map(|account| format!("Apple Account {account}"));
    let details: Vec<String> = [topic, account].into_iter().flatten().collect();
    match details.is_empty() {
        true => format!("the row of {tenant}"),
        false => format!("the row of {tenant} ({})", details.join(", ")),
    }
}

/// The recorded requests of all tenants, by the keys that they name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    by_key: HashMap<Sha256, Request>,
}

impl Requests {
    /// These requests, oldest record first: of two records of one key the older one counts.
    pub fn of(requests: impl IntoIterator<Item = Request>) -> Self {
        let mut by_key = HashMap::new();
        for request in requests {
            by_key.entry(request.key).or_insert(request);
        }
        Self { by_key }
    }

    /// Those that the ledger has.
    pub fn recorded(view: &LedgerView) -> Self {
        let mut requests: Vec<(_, Request)> = view
            .tenants
            .iter()
            .flat_map(|(tenant_id, ledger)| {
                ledger.records.iter().map(move |record| (*tenant_id, ledger, record))
            })
            .filter_map(|(tenant_id, ledger, record)| {
                let (_, key) = record.request()?;
                let (tenant, opened) = (record.name.clone(), record.at);
                let recorder = recorder(ledger, record);
                let row = record.before.clone();
                let place = ledger.provenance(record).and_then(|it| it.origin.as_ref());
                let place = place.map(Origin::place);
                let request = Request { tenant_id, tenant, opened, recorder, key, row };
                Some(((place.is_none(), place, opened, tenant_id), request))
            })
            .collect();
        requests.sort_by_key(|(place, _)| *place);
        Self::of(requests.into_iter().map(|(_, request)| request))
    }

    /// The request that names this key.
    pub fn with_key(&self, key: Sha256) -> Option<&Request> {
        self.by_key.get(&key)
    }

    /// Why a certificate with this key is not for this tenant: it answers another tenant's request.
    pub fn foreign(
        &self,
        tenant_id: TenantId,
        tenant: &TenantName,
        key: Sha256,
    ) -> Option<Finding> {
        let request = self.with_key(key).filter(|request| request.tenant_id != tenant_id)?;
        Some(Finding::new(
            FindingCode::ForeignRequest,
            format!(
                "its key is the one of {}'s request for Apple (CSR), recorded by {}, so Intune of {tenant} has no private key for it and could not reach any device. That request was uploaded on another row at Apple, so this file is of use to neither tenant. At Apple's push portal press Renew on {} with that request, and on the row of {tenant} with the request of {tenant}",
                request.tenant,
                request.recorder,
                request.row(),
            ),
        ))
    }

    /// Why a certificate that answers this tenant's own request is of no use to it: it has the topic
    /// of `other`.
    pub(crate) fn on_wrong_row(
        &self,
        tenant_id: TenantId,
        key: Sha256,
        other: &TenantName,
    ) -> Option<String> {
        let request = self.with_key(key).filter(|request| request.tenant_id == tenant_id)?;
        Some(format!(
            "it answers {}'s request for Apple (CSR) of {}, but has the topic of {other}: at Apple that request was uploaded on the row of {other}, so this file is of use to neither tenant. At Apple's push portal press Renew on {} with the same request, and use the file that it returns. The certificate of {other} in Intune still works; at its next renewal press Renew on its row with its own request",
            request.tenant,
            request.opened,
            request.row(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Author, Commit, EntryBody, LedgerEntry, Person, TokenRef};

    fn request(tenant: &str, number: u128, key: &[u8], at: &str) -> Request {
        Request {
            tenant_id: uuid(number),
            tenant: tenant.parse().unwrap(),
            opened: at.parse().unwrap(),
            recorder: format!("dana, {at}"),
            key: Sha256::of(key),
            row: None,
        }
    }

    fn uuid(number: u128) -> TenantId {
        format!("00000000-0000-4000-8000-{number:012x}").parse().unwrap()
    }

    #[test]
    fn a_key_is_the_tenants_whose_request_was_recorded_first() {
        let requests = Requests::of([
            request("contoso", 1, b"key", "2026-11-20T10:00:00Z"),
            request("fabrikam", 2, b"key", "2026-11-21T10:00:00Z"),
        ]);
        let key = Sha256::of(b"key");
        assert!(requests.foreign(uuid(1), &"contoso".parse().unwrap(), key).is_none());
        let told = requests.foreign(uuid(2), &"fabrikam".parse().unwrap(), key).unwrap().message;
        assert!(
            told.contains("contoso's request for Apple (CSR), recorded by dana, 2026-11-20"),
            "{told}"
        );
    }

    #[test]
    fn a_key_that_no_request_names_says_nothing() {
        let requests = Requests::of([request("contoso", 1, b"key", "2026-11-20T10:00:00Z")]);
        let other = Sha256::of(b"other");
        assert!(requests.foreign(uuid(2), &"fabrikam".parse().unwrap(), other).is_none());
        assert!(requests.on_wrong_row(uuid(1), other, &"fabrikam".parse().unwrap()).is_none());
    }

    #[test]
    fn the_row_to_press_renew_on_is_named_with_its_topic_and_account() {
        let mut contoso = request("contoso", 1, b"key", "2026-11-20T10:00:00Z");
        contoso.row = Some(Facts {
            topic: Some("com.apple.mgmt.External.contoso".parse().unwrap()),
            apple_id: Some("mdm@contoso.example".to_owned()),
            ..Facts::default()
        });
        let requests = Requests::of([contoso]);
        let key = Sha256::of(b"key");
        let row = "press Renew on the row of contoso (topic com.apple.mgmt.External.contoso, Apple Account mdm@contoso.example)";
        let fabrikam = "fabrikam".parse().unwrap();
        let foreign = requests.foreign(uuid(2), &fabrikam, key).unwrap().message;
        let wrong = requests.on_wrong_row(uuid(1), key, &fabrikam).unwrap();
        for told in [foreign, wrong] {
            assert!(told.contains(row), "{told}");
        }
    }

    /// Lines of `renewal-opened`: whose they are, at what minute they claim to be written, and the
    /// request. Each is brought by a commit of its own, in this order.
    fn recorded(lines: &[(u128, &str, i64, &str)]) -> LedgerView {
        let keyed = lines.iter().map(|(tenant, by, minute, csr)| {
            (*tenant, *by, *minute, *csr, apple::requested_key(csr).unwrap())
        });
        recorded_as(&keyed.collect::<Vec<_>>())
    }

    /// The same, with the key that each states.
    fn recorded_as(lines: &[(u128, &str, i64, &str, Sha256)]) -> LedgerView {
        let mut view = LedgerView::default();
        let mut origins = BTreeMap::new();
        for (index, (tenant, by, minute, csr, key)) in lines.iter().enumerate() {
            let ledger = view.tenants.entry(uuid(*tenant)).or_default();
            let author = Author {
                run: "run".into(),
                clone: "clone".into(),
                actor: Actor { user: Some("somebody else".into()), ..Actor::default() },
            };
            let csr = (*csr).to_owned();
            let body = EntryBody::RenewalOpened { csr, public_key_sha256: *key };
            let name = format!("tenant-{tenant}").parse().unwrap();
            let at = "2026-11-20T10:00:00Z".parse::<Timestamp>().unwrap();
            let at = at.plus(chrono::Duration::minutes(*minute));
            let entry = LedgerEntry::new(at, name, TokenRef::push(), &author, body);
            let seq = u64::try_from(ledger.records.len()).unwrap() + 1;
            let record = entry.at_place(seq, Sha256::of(b"previous"));
            let line = Line::of(uuid(*tenant), &record).unwrap();
            ledger.records.push(record);
            ledger.records.sort_by_key(|record| record.at);
            let person = Person { name: (*by).to_owned(), email: format!("{by}@example.com") };
            let commit = Commit {
                id: format!("{index:040}"),
                author: person.clone(),
                authored: at,
                committer: person,
                committed: at,
                message: String::new(),
                signature: None,
            };
            let newer = lines.len() - index;
            origins.insert(line, Origin { commit, newer, in_ledger: false, signature: None });
        }
        attribute(&mut view, &origins);
        view
    }

    fn bare() -> String {
        let key = rcgen::KeyPair::generate().unwrap();
        rcgen::CertificateParams::default().serialize_request(&key).unwrap().pem().unwrap()
    }

    /// What makes the open requests of the first tenant doubtful.
    fn doubt(view: &LedgerView) -> Option<String> {
        let past = view.tenant(uuid(1));
        disputed(past, &past.requests_open(&TokenRef::push(), None))
    }

    #[test]
    fn one_request_without_a_signature_is_told_with_the_commit_that_brought_it() {
        let view = recorded(&[(1, "mallory", 0, &bare())]);
        let past = view.tenant(uuid(1));
        assert_eq!(doubt(&view), None);
        assert_eq!(maker_of(past, &past.records[0]), &Maker::Unsigned);
        let who = recorder(past, &past.records[0]);
        assert!(who.starts_with("mallory <mallory@example.com>, 2026-11-20T10:00:00Z"), "{who}");
        assert!(!who.contains("somebody else"), "the line names anybody: {who}");
    }

    #[test]
    fn a_request_that_the_usual_vendor_did_not_sign_is_refused() {
        let vendor = apple::vendors::vendor("MDM Vendor: Usual", true);
        let other = apple::vendors::vendor("MDM Vendor: Usual", true);
        let signed = apple::vendors::signed(&vendor);
        for (foreign, why) in [
            (bare(), "no vendor signed it"),
            (apple::vendors::signed(&other), "an earlier request by \"MDM Vendor: Usual\""),
        ] {
            // The usual vendor is known from another tenant's request.
            let view = recorded(&[(2, "dana", 0, &signed), (1, "mallory", 5, &foreign)]);
            let told = doubt(&view).unwrap();
            assert!(told.contains("mallory") && told.contains(why), "{told}");
        }
        let own = apple::vendors::signed(&vendor);
        let view = recorded(&[(2, "dana", 0, &signed), (1, "kim", 5, &own)]);
        assert_eq!(doubt(&view), None);
    }

    #[test]
    fn a_signature_that_does_not_fit_is_no_missing_one() {
        let vendor = apple::vendors::vendor("MDM Vendor: Usual", true);
        let view = recorded(&[(1, "mallory", 0, &apple::vendors::broken(&vendor))]);
        let told = doubt(&view).unwrap();
        assert!(told.contains("the vendor's signature does not fit it"), "{told}");
        assert!(told.contains("mallory <"), "{told}");
        let past = view.tenant(uuid(1));
        assert!(matches!(maker_of(past, &past.records[0]), Maker::Other { .. }));
        // Nor does it teach the fleet who its vendor is.
        let bare = bare();
        let broken = apple::vendors::broken(&vendor);
        let view = recorded(&[(2, "mallory", 0, &broken), (1, "dana", 5, &bare)]);
        let past = view.tenant(uuid(1));
        assert_eq!(maker_of(past, &past.records[0]), &Maker::Unsigned);
    }

    #[test]
    fn two_open_requests_are_disputed_unless_one_vendor_signed_both() {
        let vendor = apple::vendors::vendor("MDM Vendor: Usual", true);
        let (one, two) = (apple::vendors::signed(&vendor), apple::vendors::signed(&vendor));
        let view = recorded(&[(1, "dana", 0, &one), (1, "dana", 5, &two)]);
        assert_eq!(doubt(&view), None, "Intune was asked twice");
        for forged_at in [-5, 5] {
            let view = recorded(&[(1, "dana", 0, &one), (1, "mallory", forged_at, &bare())]);
            let told = doubt(&view).unwrap();
            assert!(told.contains("dana <") && told.contains("mallory <"), "{told}");
        }
        let view = recorded(&[(1, "dana", 0, &bare()), (1, "kim", 5, &bare())]);
        assert!(doubt(&view).is_some());
    }

    #[test]
    fn a_record_that_states_another_key_than_its_request_asks_for_binds_nobody() {
        let (genuine, foreign) = (bare(), bare());
        let key = apple::requested_key(&genuine).unwrap();
        for text in [foreign.as_str(), "no request"] {
            let view = recorded_as(&[(1, "dana", 0, &genuine, key), (1, "mallory", 5, text, key)]);
            let past = view.tenant(uuid(1));
            assert_eq!(past.records.len(), 1);
            assert_eq!(doubt(&view), None);
            let push = TokenRef::push();
            let opened = past.renewal_opened(&push, None).unwrap();
            assert_eq!(opened.request(), Some((genuine.as_str(), key)));
            let aside = &view.set_aside[&uuid(1)];
            assert!(belied(&aside[0]).is_some());
            assert!(recorder(past, &aside[0]).starts_with("mallory <"), "who did it is known");
            assert!(view.within("2026-11-21T10:00:00Z".parse().unwrap()).set_aside.len() == 1);
        }
        // Nor does it claim a key for which no request is recorded.
        let view = recorded_as(&[(2, "mallory", 0, &foreign, key)]);
        assert!(Requests::recorded(&view).with_key(key).is_none());
    }

    #[test]
    fn of_two_requests_for_one_key_the_older_is_given_out_and_the_pair_is_told() {
        let key = rcgen::KeyPair::generate().unwrap();
        let request = |name: &str| {
            let params = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
            params.serialize_request(&key).unwrap().pem().unwrap()
        };
        let (one, two) = (request("one"), request("two"));
        let view = recorded(&[(1, "dana", 0, &one), (1, "mallory", -5, &two)]);
        let past = view.tenant(uuid(1));
        let push = TokenRef::push();
        let opened = past.renewal_opened(&push, None).unwrap();
        assert_eq!(opened.request().unwrap().0, one);
        let told = repeated(past, &past.opened(&TokenRef::push(), None)).unwrap();
        assert!(told.contains("by dana <") && told.contains("by mallory <"), "{told}");
        // Whoever asks Intune again may get the same request.
        let view = recorded(&[(1, "dana", 0, &one), (1, "kim", 5, &one)]);
        let past = view.tenant(uuid(1));
        assert_eq!(repeated(past, &past.opened(&TokenRef::push(), None)), None);
    }

    #[test]
    fn of_two_records_of_one_key_the_older_commit_counts_whatever_time_it_claims() {
        let csr = bare();
        let view = recorded(&[(1, "dana", 0, &csr), (2, "mallory", -60, &csr)]);
        let key = apple::requested_key(&csr).unwrap();
        let requests = Requests::recorded(&view);
        assert_eq!(requests.with_key(key).unwrap().tenant_id, uuid(1));
        for tenant in [1, 2] {
            let told = shared(&view, &view.tenant(uuid(tenant)).records[0]).unwrap();
            assert!(told.contains("for tenant-1 by dana"), "{told}");
            assert!(told.contains("; for tenant-2 by mallory"), "{told}");
        }
        let alone = recorded(&[(1, "dana", 0, &csr)]);
        assert_eq!(shared(&alone, &alone.tenant(uuid(1)).records[0]), None);
    }
}
