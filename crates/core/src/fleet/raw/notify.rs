//! `notify` and `tickets` of `applecart.yaml` as they are written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::notify::{Digest, Forge, MailTls};
use super::At;
use crate::words::kebab_enum;

/// A receiver of messages: a name, exactly one of `email`, `webhook`, `alertmanager`, `teams`, `slack`
/// and `issue`, and what it is told.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Sink")]
pub struct RawSink {
    /// Its name. The record of what was told knows it by this name, and its secrets stand in the
    /// environment as APPLECART_SINK_NAME_USER, _PASSWORD, _TOKEN, _SECRET or _URL.
    #[schemars(required, regex(pattern = r"^[a-z0-9-]{1,32}$"))]
    pub sink: Option<At<String>>,
    /// Mail.
    pub email: Option<RawEmail>,
    /// A webhook that takes CloudEvents.
    pub webhook: Option<RawWebhook>,
    /// Prometheus' Alertmanager.
    pub alertmanager: Option<RawAlertmanager>,
    /// A channel of Microsoft Teams, by a Workflows webhook. Its URL stands in the environment.
    pub teams: Option<RawChat>,
    /// A channel of Slack, by an incoming webhook. Its URL stands in the environment.
    pub slack: Option<RawChat>,
    /// Issues of a project at a forge.
    pub issue: Option<RawIssue>,
    /// What it is told: `urgent`, `all`, or codes (see `applecart explain`). Default: `urgent` and
    /// `renewal-due`.
    pub codes: Option<At<Vec<At<String>>>>,
    /// Whose matters it is told, as with --select. Default: every tenant's.
    pub select: Option<Vec<At<String>>>,
    /// One message a tenant and day or week, with all that changed. What is critical goes at once.
    /// Default: a message for each matter.
    pub digest: Option<Digest>,
    /// How often a critical matter that lasts is told again. Default: 7d; at least 1d.
    #[schemars(regex(pattern = r"^[0-9]+[smhdw]$"))]
    pub remind: Option<At<String>>,
}

/// Mail.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Email")]
pub struct RawEmail {
    /// The server and its port, such as smtp.msp.example:587. The port is 587 where none is named,
    /// 465 with `tls: implicit`.
    #[schemars(required)]
    pub server: Option<At<String>>,
    /// How the connection is protected. `none` only to this machine. Default: starttls.
    pub tls: Option<At<MailTls>>,
    /// The sender's address.
    #[schemars(required)]
    pub from: Option<At<String>>,
    /// The receivers' addresses; none with `contacts: true`.
    pub to: Option<Vec<At<String>>>,
    /// Where answers go.
    pub reply_to: Option<At<String>>,
    /// Whether each message goes to its tenant's `contacts`, in the customer's words. Default: false.
    pub contacts: Option<At<bool>>,
}

/// A webhook, by its `url`, or by its `host` where the URL itself is a secret.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Webhook")]
pub struct RawWebhook {
    /// Where it is. `http:` only to this machine.
    pub url: Option<At<String>>,
    /// The host of a URL that stands in the environment, as APPLECART_SINK_NAME_URL.
    pub host: Option<At<String>>,
    /// How it knows who sends: `hmac` signs time and content. Default: none.
    pub auth: Option<AuthWord>,
    /// The header that carries the secret, with `auth: header`.
    pub header: Option<At<String>>,
}

kebab_enum! {
    /// How a webhook knows who sends.
    #[derive(Default)]
    AuthWord {
        #[default]
        None => "none",
        Bearer => "bearer",
        Basic => "basic",
        Header => "header",
        Hmac => "hmac",
    }
}

/// Prometheus' Alertmanager.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Alertmanager")]
pub struct RawAlertmanager {
    /// Its address without the path of the API, such as `https://alertmanager.msp.example`. `http:`
    /// only to this machine.
    #[schemars(required)]
    pub url: Option<At<String>>,
    /// How it knows who sends. Default: none.
    pub auth: Option<AlertAuthWord>,
}

kebab_enum! {
    /// How Alertmanager, or a proxy before it, knows who sends.
    #[derive(Default)]
    AlertAuthWord {
        #[default]
        None => "none",
        Bearer => "bearer",
        Basic => "basic",
    }
}

/// A channel.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Channel")]
pub struct RawChat {
    /// The host of the webhook's URL, such as hooks.slack.com. A URL with another host is refused.
    #[schemars(required)]
    pub host: Option<At<String>>,
}

/// Issues of a project at a forge.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "IssueSink")]
pub struct RawIssue {
    /// Which forge.
    #[schemars(required)]
    pub forge: Option<Forge>,
    /// The project: OWNER/NAME at GitHub, GROUP/NAME at GitLab, ORGANISATION/PROJECT at Azure DevOps.
    #[schemars(required)]
    pub project: Option<At<String>>,
    /// The forge's own host, where it is not the public one.
    pub host: Option<At<String>>,
}

/// Which sink carries tickets.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Tickets")]
pub struct RawTickets {
    /// The name of a sink under `notify`, of `email` or `webhook`.
    #[schemars(required)]
    pub sink: Option<At<String>>,
    /// The key of a tenant's `tickets` that names the customer in the ticket system.
    pub client: Option<At<String>>,
    /// Whether no ticket is opened for a tenant without that key. Default: false.
    pub require: Option<At<bool>>,
}
