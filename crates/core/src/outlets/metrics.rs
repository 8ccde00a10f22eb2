//! A status as metrics, for Prometheus and what reads its text.
//!
//! No label holds an Apple Account or a secret. No series is there twice: Prometheus refuses the whole
//! scrape for it.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::model::{TenantId, Timestamp, TokenRef};
use crate::plan::{Expiry, Health, Observed, Sync};
use crate::report::{Status, StatusTenant, StatusToken, escape, without_commands};

/// How the text is to be served over HTTP: as Prometheus' own format, which every reader knows.
pub use prometheus_text::CONTENT_TYPE;

/// The metrics of a status, to which others may be added.
pub fn registry(status: &Status) -> Registry {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Gauges(families(status))));
    registry
}

/// The text of such a registry.
///
/// # Errors
/// When a metric cannot write itself.
pub fn text(registry: &Registry) -> Result<String, fmt::Error> {
    let mut text = String::new();
    prometheus_text::encode(&mut text, registry)?;
    Ok(text)
}

type Labels = Vec<(&'static str, String)>;

/// One metric with all its series, each once and in a fixed order.
#[derive(Debug)]
struct Gauge {
    name: &'static str,
    help: &'static str,
    series: BTreeMap<Labels, i64>,
}

impl Gauge {
    fn new(name: &'static str, help: &'static str) -> Self {
        Self { name, help, series: BTreeMap::new() }
    }

    fn one(name: &'static str, help: &'static str, value: i64) -> Self {
        let mut gauge = Self::new(name, help);
        gauge.series.insert(Vec::new(), value);
        gauge
    }

    /// Of two tokens that nothing tells apart, the date that comes first counts.
    fn earliest(&mut self, labels: Labels, at: Timestamp) {
        let at = at.date_time().timestamp();
        let known = self.series.entry(labels).or_insert(at);
        *known = at.min(*known);
    }

    fn count(&mut self, labels: Labels, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let known = self.series.entry(labels).or_insert(0);
        *known = known.saturating_add(count);
    }
}

#[derive(Debug)]
struct Gauges(Vec<Gauge>);

impl Collector for Gauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for gauge in self.0.iter().filter(|gauge| !gauge.series.is_empty()) {
            let mut metric =
                encoder.encode_descriptor(gauge.name, gauge.help, None, MetricType::Gauge)?;
            for (labels, value) in &gauge.series {
                ConstGauge::new(*value).encode(metric.encode_family(labels)?)?;
            }
        }
        Ok(())
    }
}

fn families(status: &Status) -> Vec<Gauge> {
    let tokens = || {
        let of = |tenant| move |token| (tenant, token);
        status.tenants.iter().flat_map(move |tenant| tenant.tokens.iter().map(of(tenant)))
    };
    let mut gauges = vec![about(status), when_made(status), within(status)];
    gauges.extend(readings(status));
    gauges.extend(dates(tokens()));
    gauges.push(attention(status));
    gauges.push(tenants(status));
    gauges.extend(axes(status));
    gauges
}

fn about(status: &Status) -> Gauge {
    let mut gauge = Gauge::new("applecart_build_info", "The version of Applecart; always 1");
    gauge.count(vec![("version", status.applecart.clone())], 1);
    gauge
}

fn when_made(status: &Status) -> Gauge {
    let help = "When these metrics were made, in seconds since 1970; stands still where nothing runs any more";
    Gauge::one("applecart_status_timestamp_seconds", help, seconds(status.generated_at))
}

/// The limit beside what it limits, so that an alert rule need not repeat the fleet's settings.
fn within(status: &Status) -> Gauge {
    let help = "How old the reading of a tenant may be, by the fleet's settings (drift.within)";
    Gauge::one("applecart_drift_within_seconds", help, status.drift_within_seconds)
}

/// How fresh what is known of each tenant is. Never is 0, so that a rule on the age fires.
fn readings(status: &Status) -> [Gauge; 2] {
    let mut each = Gauge::new(
        "applecart_last_reading_timestamp_seconds",
        "When all of the tenant was last read from Intune, in seconds since 1970; 0 where that is not known",
    );
    for tenant in &status.tenants {
        let at = tenant.read_at.map_or(0, seconds);
        let oldest = each.series.entry(of_tenant(tenant)).or_insert(at);
        *oldest = at.min(*oldest);
    }
    let help = "Since when every tenant has been read from Intune, in seconds since 1970: the oldest of the last readings; 0 where one is not known";
    let oldest = each.series.values().min().copied();
    let all = Gauge::one("applecart_last_success_timestamp_seconds", help, oldest.unwrap_or(0));
    [each, all]
}

fn dates<'a>(tokens: impl Iterator<Item = (&'a StatusTenant, &'a StatusToken)>) -> [Gauge; 2] {
    let mut expiration = Gauge::new(
        "applecart_token_expiration_timestamp_seconds",
        "When the token expires, as last known, in seconds since 1970",
    );
    let mut renewal = Gauge::new(
        "applecart_token_renewal_timestamp_seconds",
        "From when on the token is due for renewal by the fleet's settings, in seconds since 1970",
    );
    for (tenant, token) in tokens {
        let mut labels = of_tenant(tenant);
        labels.extend(of_token(Some(&token.state.token())));
        if let Some(expires) = token.state.expires {
            expiration.earliest(labels.clone(), expires);
        }
        if let Some(due) = token.renew_by {
            renewal.earliest(labels, due);
        }
    }
    [expiration, renewal]
}

fn attention(status: &Status) -> Gauge {
    let mut gauge = Gauge::new(
        "applecart_attention",
        "What needs a person, with its code; parked is what a reviewed suspend covers",
    );
    for matter in &status.attention {
        let tenant = matter.tenant.as_ref();
        let id = tenant.and_then(|tenant| tenant.tenant_id);
        let mut labels = named(tenant.map_or("", |tenant| &tenant.name), id);
        labels.extend(of_token(matter.token.as_ref()));
        labels.push(("code", matter.code.to_string()));
        labels.push(("severity", matter.severity.to_string()));
        labels.push(("parked", matter.is_parked().to_string()));
        gauge.count(labels, 1);
    }
    gauge
}

fn tenants(status: &Status) -> Gauge {
    let mut gauge = Gauge::new("applecart_tenants", "How many tenants were read, and how much");
    for observed in Observed::ALL {
        gauge.count(vec![("observed", observed.to_string())], 0);
    }
    for tenant in &status.tenants {
        gauge.count(vec![("observed", tenant.observed.to_string())], 1);
    }
    gauge
}

/// The counts of each axis, with the values that no token has: a sum over one axis is all tokens.
fn axes(status: &Status) -> [Gauge; 3] {
    let mut sync = Gauge::new("applecart_tokens_sync", "How many tokens have each sync state");
    let mut expiry =
        Gauge::new("applecart_tokens_expiry", "How many tokens have each expiry state");
    let mut health =
        Gauge::new("applecart_tokens_health", "How many tokens have each health state");
    for (gauge, values, counts) in [
        (&mut sync, words(Sync::ALL), &status.summary.by_sync),
        (&mut expiry, words(Expiry::ALL), &status.summary.by_expiry),
        (&mut health, words(Health::ALL), &status.summary.by_health),
    ] {
        for value in values {
            let count = counts.get(&value).copied().unwrap_or(0);
            gauge.count(vec![("state", value)], count);
        }
    }
    [sync, expiry, health]
}

fn words<T: ToString>(values: &[T]) -> Vec<String> {
    values.iter().map(T::to_string).collect()
}

fn seconds(at: Timestamp) -> i64 {
    at.date_time().timestamp()
}

fn of_tenant(tenant: &StatusTenant) -> Labels {
    named(&tenant.name, tenant.tenant_id)
}

fn named(tenant: &str, id: Option<TenantId>) -> Labels {
    let id = id.map(|id| id.to_string()).unwrap_or_default();
    vec![("tenant", label(tenant)), ("tenant_id", id)]
}

fn of_token(token: Option<&TokenRef>) -> Labels {
    let kind = token.map(|token| token.kind.to_string()).unwrap_or_default();
    let name = token.and_then(|token| token.name.as_ref().or(token.id.as_ref()));
    vec![("kind", kind), ("name", label(name.map_or("", String::as_str)))]
}

/// A name as a label shows it: on one line, with nothing that a pipeline's runner would obey. What the
/// format needs escaped, the encoder escapes.
fn label(name: &str) -> String {
    without_commands(&escape(name)).into_owned()
}

#[cfg(test)]
mod tests;
