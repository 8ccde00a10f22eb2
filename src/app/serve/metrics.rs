//! How the runs go, as metrics: whether somebody has to look at the controller itself.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::board::Figures;
use applecart_core::model::Timestamp;
use applecart_core::outlets::metrics;

/// The metrics of the controller.
///
/// # Errors
/// When a metric cannot write itself.
pub(super) fn text(figures: Figures) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Runs(figures)));
    metrics::text(&registry)
}

#[derive(Debug)]
struct Runs(Figures);

impl Collector for Runs {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Self(figures) = self;
        let took = figures.last_took.map_or(0.0, |took| took.as_secs_f64());
        let gauges = [
            (
                "last_success_timestamp_seconds",
                "When a run of the controller last succeeded, in seconds since 1970; 0 where none has",
                seconds(figures.last_success),
            ),
            (
                "next_timestamp_seconds",
                "When the next run begins, in seconds since 1970; 0 while one is going on",
                seconds(figures.next),
            ),
            ("last_duration_seconds", "How long the last run took", took),
            (
                "running",
                "Whether a run is going on",
                f64::from(u8::from(figures.running_since.is_some())),
            ),
            ("consecutive_failures", "How many runs in a row failed", f64::from(figures.failing)),
        ];
        for (name, help, value) in gauges {
            let name = format!("applecart_reconcile_{name}");
            let metric = encoder.encode_descriptor(&name, help, None, MetricType::Gauge)?;
            ConstGauge::new(value).encode(metric)?;
        }
        let help = "How many runs ended how: partial ones could not read everything";
        let mut runs =
            encoder.encode_descriptor("applecart_reconcile", help, None, MetricType::Counter)?;
        for (outcome, count) in &figures.runs {
            let labels = [("outcome", *outcome)];
            ConstCounter::new(*count).encode(runs.encode_family(&labels)?)?;
        }
        let help = "How many webhooks started a run";
        let woken = encoder.encode_descriptor(
            "applecart_webhook_wakes",
            help,
            None,
            MetricType::Counter,
        )?;
        ConstCounter::new(figures.wakes).encode(woken)?;
        let help = "When the controller started, in seconds since 1970";
        let name = "applecart_start_timestamp_seconds";
        let started = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        ConstGauge::new(seconds(Some(figures.started))).encode(started)
    }
}

fn seconds(at: Option<Timestamp>) -> f64 {
    let whole = at.map_or(0, |at| at.date_time().timestamp());
    // Exact until long after the year 9999.
    i32::try_from(whole).map_or_else(|_| whole.to_string().parse().unwrap_or(0.0), f64::from)
}
