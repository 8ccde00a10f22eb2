//! A token's facts as name and value, and what differs between two sets of them.

use super::FactChange;
use crate::fleet::{Tenant, Token};
use crate::model::Facts;

/// Name and value, in a fixed order.
pub(super) type Pairs = Vec<(&'static str, String)>;

/// What a tenant file and its folder say of a token, and of the tenant as far as it decides where
/// the token goes.
pub(super) fn of_token(tenant: &Tenant, token: &Token) -> Pairs {
    let Token {
        token: named,
        facts,
        file,
        downloaded,
        downloaded_by,
        server,
        recipient,
        public_key,
        location_id,
        account_type,
        create,
        claim,
        topic_accepted,
        allow,
        suspend,
    } = token;
    let mut all = Pairs::new();
    let mut add = |name, value: Option<String>| all.extend(value.map(|value| (name, value)));
    add("folder", Some(tenant.name.to_string()));
    add("tenantId", Some(tenant.tenant_id.to_string()));
    add("auth", tenant.auth.clone());
    for one in suspend.iter().chain(&tenant.suspend) {
        add("suspend", Some(format!("until {}: {}", one.until, one.reason)));
    }
    add("id", named.id.clone());
    for (name, value) in facts.pairs() {
        // The token's name in Intune has two homes in the facts, one for each kind.
        add(if name == "displayName" { "name" } else { name }, Some(value));
    }
    if !all.iter().any(|(name, _)| *name == "name") {
        all.extend(named.name.clone().map(|name| ("name", name)));
    }
    let mut add = |name, value: Option<String>| all.extend(value.map(|value| (name, value)));
    add("server", server.clone());
    add("downloaded", downloaded.map(|at| at.to_string()));
    add("downloadedBy", downloaded_by.clone());
    add(
        "recipient",
        recipient.as_ref().map(|one| format!("{}, serial {}", one.issuer, one.serial)),
    );
    add("publicKeySha256", public_key.map(|key| key.to_string()));
    add("locationId", location_id.as_ref().map(ToString::to_string));
    add("accountType", account_type.clone());
    add("create", create.then(|| "true".to_owned()));
    add("claim", claim.then(|| "true".to_owned()));
    add(
        "topicAccepted",
        topic_accepted.as_ref().map(|one| format!("in place of {}: {}", one.from, one.reason)),
    );
    for one in allow {
        add(
            "allow",
            Some(format!(
                "{} from {} to {} until {}: {}",
                one.hold, one.from, one.to, one.until, one.reason
            )),
        );
    }
    add("file", file.as_ref().map(|file| file.name.clone()));
    add("sha256", file.as_ref().map(|file| file.sha256.to_string()));
    all
}

/// What two sets of facts differ in.
pub(super) fn between(before: &Pairs, after: &Pairs) -> Vec<FactChange> {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in before.iter().chain(after) {
        if !names.contains(name) {
            names.push(name);
        }
    }
    let values = |pairs: &Pairs, wanted: &str| {
        let of: Vec<&str> = pairs
            .iter()
            .filter(|(name, _)| *name == wanted)
            .map(|(_, value)| value.as_str())
            .collect();
        (!of.is_empty()).then(|| of.join("; "))
    };
    names
        .into_iter()
        .map(|name| FactChange {
            fact: name.to_owned(),
            from: values(before, name),
            to: values(after, name),
        })
        .filter(|change| change.from != change.to)
        .collect()
}

/// What a line of the ledger says changed.
pub(super) fn of_record(before: Option<&Facts>, after: Option<&Facts>) -> Vec<FactChange> {
    let all = |facts: Option<&Facts>| facts.map(Facts::pairs).unwrap_or_default();
    match after {
        Some(_) => between(&all(before), &all(after)),
        // A line without facts of after says what was there, not that it went.
        None => Vec::new(),
    }
}
