//! The sheet of a push certificate whose topic Intune no longer has: devices know it, and a fresh
//! certificate from its row at Apple brings it back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::Topic;
use crate::rules::topics::KnownTopic;

/// What has to come back, and what Intune has in its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SheetRestore {
    /// The topic that enrolled devices know.
    pub devices_know: KnownTopic,
    /// The certificate that Intune has; `null` where it has none.
    pub in_intune: Option<OtherTopic>,
    /// The line that the push entry needs, so that the fresh certificate is uploaded; `null` where
    /// none is needed.
    pub allow: Option<String>,
}

/// A certificate in Intune whose topic no device knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OtherTopic {
    pub topic: Topic,
    pub apple_id: Option<String>,
}

impl SheetRestore {
    /// What is wrong, in place of a date: it cannot wait for one.
    pub(super) fn deadline(&self) -> String {
        match &self.in_intune {
            Some(_) if !self.devices_know.is_sure() => {
                "at once: Intune may have a topic that no enrolled device knows"
            }
            Some(_) => "at once: Intune has a topic that no enrolled device knows, so none answers",
            None => "at once: Intune has no push certificate, so no enrolled device answers",
        }
        .to_owned()
    }

    /// Who holds which certificate.
    pub(super) fn people(&self) -> Vec<(&'static str, String)> {
        let account = |account: Option<&String>| match account {
            Some(account) => format!("Apple Account {account}"),
            None => "Apple Account unknown: neither Git nor the ledger says it".to_owned(),
        };
        let known = &self.devices_know;
        let devices =
            format!("{} ({}; {})", known.topic, account(known.apple_id.as_ref()), known.shown_by());
        let in_intune = match &self.in_intune {
            Some(other) => {
                let account = other.apple_id.as_ref().filter(|id| !id.trim().is_empty());
                let account = account.map(|id| format!(" (Apple Account {id})"));
                let account = account.unwrap_or_default();
                match known.is_sure() {
                    true => format!("{}{account}: no device knows it", other.topic),
                    false => format!("{}{account}", other.topic),
                }
            }
            None => "no push certificate".to_owned(),
        };
        match known.unsure() {
            Some(unsure) => vec![("topic that devices know", unsure), ("in Intune now", in_intune)],
            None => vec![("topic that devices know", devices), ("in Intune now", in_intune)],
        }
    }
}
