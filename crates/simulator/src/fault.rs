//! What can go wrong on purpose: one rule says where, how often and what.
//!
//! The JSON of [`FaultRule`] is the same in `simulate --faults FILE` and in the control routes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;

use crate::words::TenantId;

/// One fault and the requests it applies to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FaultRule {
    /// Only requests of this tenant; of any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// Only this method; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Only paths (with version, without query) that fit; `*` stands for any text. Any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// How many fitting requests pass before the fault begins.
    #[serde(default)]
    pub after: u32,
    /// How many times it happens before all is well again; for ever when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    pub fault: Fault,
}

impl FaultRule {
    /// A rule for every request, for ever.
    pub fn always(fault: Fault) -> Self {
        Self { tenant: None, method: None, route: None, after: 0, times: None, fault }
    }

    /// The same rule for one tenant only.
    #[must_use]
    pub fn for_tenant(mut self, tenant: impl Into<TenantId>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// The same rule for one method only.
    #[must_use]
    pub fn on_method(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    /// The same rule for paths that fit `route`, in which `*` stands for any text.
    #[must_use]
    pub fn on(mut self, route: &str) -> Self {
        self.route = Some(route.to_owned());
        self
    }

    /// The same rule, but it lets `count` fitting requests pass first.
    #[must_use]
    pub fn after(mut self, count: u32) -> Self {
        self.after = count;
        self
    }

    /// The same rule, but it ends after `count` times.
    #[must_use]
    pub fn times(mut self, count: u32) -> Self {
        self.times = Some(count);
        self
    }

    fn fits(&self, tenant: Option<TenantId>, method: &Method, path: &str) -> bool {
        self.tenant.is_none_or(|wanted| tenant == Some(wanted))
            && self
                .method
                .as_deref()
                .is_none_or(|wanted| wanted.eq_ignore_ascii_case(method.as_str()))
            && self.route.as_deref().is_none_or(|pattern| fits(pattern, path))
    }
}

/// A way to misbehave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Fault {
    /// Waits, then goes on as usual; adds to other faults of the same request.
    Latency {
        /// How long, in milliseconds.
        milliseconds: u64,
    },
    /// Answers with this status and does nothing else.
    Status {
        status: u16,
        /// The value of the `Retry-After` header; without it the answer has none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<RetryAfter>,
        /// The JSON body; Graph's (or Entra's) error shape when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<Value>,
        /// Further headers, such as `x-msft-approval-code`.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        headers: BTreeMap<String, String>,
    },
    /// Answers 429 as Graph does and does nothing else.
    Throttle {
        /// The `Retry-After` header; none when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<RetryAfter>,
    },
    /// Closes the connection; does nothing, answers nothing.
    Drop,
    /// Resets the connection (TCP RST); does nothing, answers nothing.
    Reset,
    /// Lets the request's access token expire, then goes on as usual: this request and every later
    /// one with that token are refused.
    ExpireToken,
    /// Does as asked, but the body of the answer breaks off.
    Truncate,
    /// Answers 200 with JSON that is not what was asked for; does nothing.
    WrongJson,
    /// Answers 200 with a web page, as a captive portal or proxy does; does nothing.
    Html,
    /// Does nothing and does not answer until faults are cleared; then closes the connection.
    Hang,
    /// Does as asked, then closes the connection without an answer.
    DoneButLost,
    /// Does as asked, then hangs like `hang`.
    DoneThenHang,
    /// Answers 307 to another place; does nothing.
    Redirect {
        /// The value of the `Location` header.
        location: String,
    },
    /// Does as asked, but a collection's answer points to this next page.
    NextLink {
        /// The next page's URL; `loop` means the page that was asked for.
        to: String,
    },
}

impl Fault {
    /// A status in Graph's or Entra's error shape.
    pub fn status(status: u16) -> Self {
        Self::Status { status, retry_after: None, body: None, headers: BTreeMap::new() }
    }

    /// The tag of its JSON.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Latency { .. } => "latency",
            Self::Status { .. } => "status",
            Self::Throttle { .. } => "throttle",
            Self::Drop => "drop",
            Self::Reset => "reset",
            Self::ExpireToken => "expire-token",
            Self::Truncate => "truncate",
            Self::WrongJson => "wrong-json",
            Self::Html => "html",
            Self::Hang => "hang",
            Self::DoneButLost => "done-but-lost",
            Self::DoneThenHang => "done-then-hang",
            Self::Redirect { .. } => "redirect",
            Self::NextLink { .. } => "next-link",
        }
    }
}

/// The value of `Retry-After`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RetryAfter {
    /// A number of seconds, as Graph sends it.
    Seconds(u64),
    /// An HTTP date, or anything else a server might write there; sent as it is.
    Text(String),
}

impl RetryAfter {
    pub(super) fn header(&self) -> String {
        match self {
            Self::Seconds(seconds) => seconds.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

/// What the rules do to one request.
#[derive(Debug)]
pub(super) struct Struck {
    /// How long to wait first, in milliseconds.
    pub(super) wait: u64,
    pub(super) fault: Option<Fault>,
    /// How often the rules had been cleared before.
    pub(super) clearance: u64,
}

/// The rules in force.
#[derive(Debug)]
pub(super) struct Faults {
    rules: Mutex<Vec<FaultRule>>,
    /// Spares the lock on every request while there is no rule.
    armed: AtomicBool,
    cleared: watch::Sender<u64>,
}

impl Faults {
    pub(super) fn new() -> Self {
        Self {
            rules: Mutex::new(Vec::new()),
            armed: AtomicBool::new(false),
            cleared: watch::Sender::new(0),
        }
    }

    fn rules(&self) -> MutexGuard<'_, Vec<FaultRule>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, rule: FaultRule) {
        self.rules().push(rule);
        self.armed.store(true, Ordering::Release);
    }

    /// Removes all rules and releases whoever hangs.
    pub(super) fn clear(&self) {
        self.rules().clear();
        self.armed.store(false, Ordering::Release);
        self.cleared.send_modify(|count| *count += 1);
    }

    pub(super) fn list(&self) -> Vec<FaultRule> {
        self.rules().clone()
    }

    /// What happens to a request: every latency that fits and the first other fault.
    pub(super) fn strike(&self, tenant: Option<TenantId>, method: &Method, path: &str) -> Struck {
        // Before the rules are looked at, so that clearing them can never be missed.
        let clearance = *self.cleared.borrow();
        if !self.armed.load(Ordering::Acquire) {
            return Struck { wait: 0, fault: None, clearance };
        }
        let mut wait = 0_u64;
        let mut struck = None;
        let mut rules = self.rules();
        for rule in rules.iter_mut().filter(|rule| rule.fits(tenant, method, path)) {
            let is_latency = matches!(rule.fault, Fault::Latency { .. });
            if !is_latency && struck.is_some() {
                continue;
            }
            if rule.after > 0 {
                rule.after -= 1;
                continue;
            }
            if let Some(left) = &mut rule.times {
                match left.checked_sub(1) {
                    Some(fewer) => *left = fewer,
                    None => continue,
                }
            }
            match &rule.fault {
                Fault::Latency { milliseconds } => wait = wait.saturating_add(*milliseconds),
                other => struck = Some(other.clone()),
            }
        }
        Struck { wait, fault: struck, clearance }
    }

    /// Waits until the rules that struck are cleared.
    pub(super) async fn until_cleared(&self, clearance: u64) {
        // The sender lives as long as `self`, so this cannot fail.
        let _ = self.cleared.subscribe().wait_for(|now| *now != clearance).await;
    }
}

/// Whether `text` fits `pattern`, in which `*` stands for any text, also for none.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(rest) = text.strip_prefix(head) else {
        return false;
    };
    rest.char_indices()
        .map(|(at, _)| at)
        .chain([rest.len()])
        .any(|at| rest.get(at..).is_some_and(|rest| fits(tail, rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_in_a_route_stands_for_any_text() {
        assert!(fits("/beta/*Tokens", "/beta/deviceAppManagement/vppTokens"));
        assert!(fits("*", ""));
        assert!(fits("/*/oauth2/*", "/6d1f/oauth2/v2.0/token"));
        assert!(!fits("/beta/*Tokens", "/beta/deviceAppManagement/vppTokens/1"));
    }

    #[test]
    fn a_counted_fault_passes_begins_and_ends() {
        let faults = Faults::new();
        faults.add(FaultRule::always(Fault::Drop).after(1).times(2));
        let struck = || faults.strike(None, &Method::GET, "/").fault.is_some();
        assert_eq!([struck(), struck(), struck(), struck()], [false, true, true, false]);
    }

    #[test]
    fn a_rule_has_a_plain_json_form() {
        let rule: FaultRule = serde_json::from_str(
            r#"{"method":"PATCH","route":"*/vppTokens/*","times":2,
                "fault":{"kind":"status","status":503,"retryAfter":7}}"#,
        )
        .unwrap();
        let fault = Fault::Status {
            status: 503,
            retry_after: Some(RetryAfter::Seconds(7)),
            body: None,
            headers: BTreeMap::new(),
        };
        assert_eq!(serde_json::to_value(&fault).unwrap()["kind"], fault.name());
        assert_eq!(rule, FaultRule::always(fault).on_method("PATCH").on("*/vppTokens/*").times(2));
    }
}
