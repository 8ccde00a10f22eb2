//! The sheet of a push certificate whose topic Intune no longer has: devices know it, and a fresh
//! certificate from its row at Apple brings it back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::sheet::{PUSH_PORTAL, Sheet, row_gone};
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

    /// What to do, in order.
    pub(super) fn steps(&self, sheet: &Sheet) -> Vec<String> {
        let known = &self.devices_know;
        if let Some(unsure) = known.unsure() {
            return vec![
                format!("{unsure}."),
                "Only then renew that row, and bring its file; or, if devices know the topic that Intune has, have it accepted (`applecart import --update`).".to_owned(),
                format!("Run: {}", sheet.next),
            ];
        }
        let sign_in = match &known.apple_id {
            Some(account) => format!(
                "Sign in at {PUSH_PORTAL} as {account}: that account has the certificate that devices know."
            ),
            None => format!(
                "Sign in at {PUSH_PORTAL} with the Apple Account that made the certificate which devices know. Which one is unknown: ask the customer."
            ),
        };
        let leave = match &self.in_intune {
            Some(other) => {
                let account = other.apple_id.as_ref().filter(|id| !id.trim().is_empty());
                let account = account.map(|id| format!(", Apple Account {id}")).unwrap_or_default();
                format!(" Do not renew the row with {}{account}: no device knows it.", other.topic)
            }
            None => String::new(),
        };
        let file = match &sheet.csr {
            Some(csr) => csr.file.clone(),
            None if sheet.problems.is_empty() => format!(
                "the request for Apple (CSR) that `applecart renew {}/push --restore` saves",
                sheet.tenant
            ),
            None => "the request for Apple (CSR), which is missing: see above".to_owned(),
        };
        let mut steps = vec![
            sign_in,
            format!(
                "Find the row whose details show {} and press Renew on it. Never press Create: that makes one more topic that no device knows.{leave}",
                known.topic
            ),
            row_gone(sheet),
            format!(
                "Choose {file}, press Upload, then Download. If the portal does not take the file, rename it so that it ends in .txt instead of .csr."
            ),
            format!("Run: {}", sheet.next),
        ];
        if let Some(line) = &self.allow {
            steps.push(format!(
                "In the pull request, add this line to the push entry of tenants/{}/tenant.yaml, because without it the upload is held (topic-change): {line}",
                sheet.tenant
            ));
        }
        steps
    }
}
