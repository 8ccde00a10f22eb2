//! Whose request for Apple (CSR) a push certificate answers.
//!
//! Intune keeps the private key of the request that it made, so a certificate is of use only to the
//! tenant whose request was signed. One Apple Account often holds the rows of many customers: a
//! request that is uploaded on another customer's row comes back as a certificate with one
//! customer's key and the other's topic, and is of use to neither.
//!
//! The rule takes requests from wherever they are recorded, and whoever gives them says in which
//! order they were.

use std::collections::HashMap;

use crate::apple::{Finding, FindingCode};
use crate::ledger::LedgerView;
use crate::model::{Actor, Facts, Record, Sha256, TenantId, TenantName, Timestamp, Topic};

/// A recorded request for Apple.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub tenant_id: TenantId,
    /// The tenant's name when it was recorded.
    pub tenant: TenantName,
    pub opened: Timestamp,
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

/// Who recorded a request, and when, as the record says it.
pub fn recorder(record: &Record) -> String {
    let Actor { pipeline, user, host } = &record.actor;
    let who = match (user, host, pipeline) {
        (Some(user), Some(host), _) => format!("{user} on {host}"),
        (Some(one), None, _) | (None, Some(one), _) | (None, None, Some(one)) => one.clone(),
        (None, None, None) => "somebody who is not named".to_owned(),
    };
    format!("{who}, {}", record.at)
}

/// That several requests of one renewal are open, and who recorded them.
pub fn disputed(open: &[&Record]) -> Option<String> {
    if open.len() < 2 {
        return None;
    }
    let all: Vec<String> = open
        .iter()
        .filter_map(|record| {
            let (_, key) = record.request()?;
            let key = key.to_string();
            let key = key.get(..12).unwrap_or_default().to_owned();
            Some(format!("key {key}… by {}", recorder(record)))
        })
        .collect();
    Some(format!(
        "{} requests for Apple (CSR) of this renewal are recorded, with different keys ({}). Intune has the private key of one of them, and nothing proves of which: a certificate for another key would cut off every device",
        all.len(),
        all.join("; ")
    ))
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
        let mut requests: Vec<Request> = view
            .tenants
            .iter()
            .flat_map(|(tenant_id, ledger)| {
                ledger.records.iter().map(move |record| (*tenant_id, record))
            })
            .filter_map(|(tenant_id, record)| {
                let (_, key) = record.request()?;
                let (tenant, opened) = (record.name.clone(), record.at);
                Some(Request { tenant_id, tenant, opened, key, row: record.before.clone() })
            })
            .collect();
        requests.sort_by_key(|request| (request.opened, request.tenant_id));
        Self::of(requests)
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
                "its key is the one of {}'s request for Apple (CSR) of {}, so Intune of {tenant} has no private key for it and could not reach any device. That request was uploaded on another row at Apple, so this file is of use to neither tenant. At Apple's push portal press Renew on {} with that request, and on the row of {tenant} with the request of {tenant}",
                request.tenant,
                request.opened,
                request.row(),
            ),
        ))
    }

    /// Why a certificate that answers this tenant's own request is of no use to it: it has the topic
    /// of `other`.
    pub fn on_wrong_row(
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

    fn request(tenant: &str, number: u128, key: &[u8], at: &str) -> Request {
        Request {
            tenant_id: uuid(number),
            tenant: tenant.parse().unwrap(),
            opened: at.parse().unwrap(),
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
        assert!(told.contains("contoso's request for Apple (CSR) of 2026-11-20"), "{told}");
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
}
