//! `notify` and `tickets` of `applecart.yaml`: raw → [`SinkPolicy`].

use std::collections::{BTreeMap, BTreeSet};

use chrono::Duration;

use super::super::at::At;
use super::super::diagnostic::Code;
use super::super::notify::{
    Codes, Email, MailTls, REMIND, Receiver, SinkPolicy, TicketPolicy, Webhook, WebhookAuth,
    WebhookUrl,
};
use super::super::raw::{
    AlertAuthWord, AuthWord, RawAlertmanager, RawChat, RawEmail, RawFleet, RawIssue, RawSink,
    RawWebhook,
};
use super::super::selection::Selection;
use super::super::text::quote;
use super::{Checks, Span};
use crate::attention::Cause;
use crate::rules::codes::{Appearance, explain};

/// What every matter's code is, besides those that only attention has.
const TOLD: [Appearance; 6] = [
    Appearance::Attention,
    Appearance::Hold,
    Appearance::Health,
    Appearance::Problem,
    Appearance::Expiry,
    Appearance::Sync,
];

impl Checks<'_, '_> {
    pub(super) fn sinks(&mut self, raw: &RawFleet) -> Vec<SinkPolicy> {
        let carrier = raw.tickets.as_ref().and_then(|tickets| tickets.sink.as_ref());
        let carrier = carrier.map(|sink| sink.value.as_str());
        let raw = self.limited("notify", raw.notify.as_deref(), |one| {
            one.sink.as_ref().map(|name| name.span)
        });
        let mut sinks: Vec<SinkPolicy> = Vec::new();
        for one in raw {
            let Some(sink) = self.sink(one, carrier) else { continue };
            if sinks.iter().any(|other| other.name == sink.name) {
                let span = one.sink.as_ref().map(|name| name.span).unwrap_or_default();
                let message = format!("two sinks are named {}", quote(&sink.name));
                let help = "what was told is recorded under the sink's name: give each its own one";
                self.error_with_help(Code::DuplicateName, span, message, help);
            }
            sinks.push(sink);
        }
        sinks
    }

    /// `carrier` is the sink that tickets are carried by.
    fn sink(&mut self, raw: &RawSink, carrier: Option<&str>) -> Option<SinkPolicy> {
        let At { value: name, span } = raw.sink.as_ref()?;
        if !is_sink_name(name) {
            let message = format!("{} is not a sink's name", quote(name));
            let help = "use 1 to 32 lower-case letters, digits and `-`";
            self.error_with_help(Code::BadName, *span, message, help);
        }
        // Each is looked at before giving up, so that every mistake is told in one run.
        let receiver = self.receiver(raw, *span);
        let codes = self.codes(raw.codes.as_ref(), carrier == Some(name.as_str()));
        let select = raw.select.as_deref().unwrap_or_default();
        for At { value, span } in select {
            if let Err(error) = Selection::parse(std::slice::from_ref(value)) {
                let message = format!("{} selects nothing", quote(value));
                self.error_with_help(Code::BadText, *span, message, error.to_string());
            }
        }
        let remind = self.duration(raw.remind.as_ref(), Some((Duration::days(1), "1d")), REMINDERS);
        let receiver = receiver?;
        // Only customers are asked to confirm where the settings do not say who is.
        let is_left_out = raw.codes.is_none();
        let codes = match (receiver.writes_to_customers() && is_left_out, codes) {
            (true, Codes::These { urgent, mut codes }) => {
                codes.insert(Cause::AwaitingConfirmation.code().to_string());
                Codes::These { urgent, codes }
            }
            (_, codes) => codes,
        };
        Some(SinkPolicy {
            name: name.clone(),
            receiver,
            codes,
            select: select.iter().map(|one| one.value.clone()).collect(),
            digest: raw.digest,
            remind: remind.unwrap_or(REMIND),
        })
    }

    fn receiver(&mut self, raw: &RawSink, span: Span) -> Option<Receiver> {
        let RawSink { email, webhook, alertmanager, teams, slack, issue, .. } = raw;
        let found = [
            email.is_some(),
            webhook.is_some(),
            alertmanager.is_some(),
            teams.is_some(),
            slack.is_some(),
            issue.is_some(),
        ];
        if found.iter().filter(|found| **found).count() != 1 {
            let message = "a sink needs exactly one receiver";
            let help =
                "name one of `email`, `webhook`, `alertmanager`, `teams`, `slack` and `issue`";
            self.error_with_help(Code::MissingField, span, message, help);
            return None;
        }
        if let Some(raw) = email {
            return self.email(raw).map(Receiver::Email);
        }
        if let Some(raw) = webhook {
            return self.webhook(raw, span).map(Receiver::Webhook);
        }
        if let Some(raw) = alertmanager {
            return self.alertmanager(raw);
        }
        if let Some(raw) = issue {
            return self.issue(raw);
        }
        let host = |raw: &Option<RawChat>| raw.as_ref().and_then(|raw| raw.host.clone());
        match (host(teams), host(slack)) {
            (Some(host), _) => self.host(&host).map(|host| Receiver::Teams { host }),
            (_, Some(host)) => self.host(&host).map(|host| Receiver::Slack { host }),
            (None, None) => None,
        }
    }

    fn email(&mut self, raw: &RawEmail) -> Option<Email> {
        let tls = raw.tls.as_ref().map(|tls| tls.value).unwrap_or_default();
        let server = raw.server.as_ref().and_then(|server| self.server(server, tls));
        let from = raw.from.as_ref().and_then(|from| self.mail(from));
        let to = raw.to.as_deref().unwrap_or_default();
        let to: Vec<String> = to.iter().filter_map(|one| self.mail(one)).collect();
        let reply_to = raw.reply_to.as_ref().and_then(|one| self.mail(one));
        let contacts = raw.contacts.as_ref().is_some_and(|contacts| contacts.value);
        if let Some(At { span, .. }) = raw.server.as_ref()
            && contacts != to.is_empty()
        {
            let (message, help) = if contacts {
                (
                    "`to` and `contacts: true` exclude each other",
                    "leave `to` out here, and add another sink for your own people: customers are written to in other words",
                )
            } else {
                ("this sink writes to nobody", "add `to: [address]`, or `contacts: true`")
            };
            self.error_with_help(Code::MissingField, *span, message, help);
        }
        let (host, port) = server?;
        if tls == MailTls::None
            && !is_loopback(&host)
            && let Some(At { span, .. }) = &raw.tls
        {
            let message = format!("mail to {} would be sent in the clear", quote(&host));
            let help = "write `tls: starttls` or `tls: implicit`; `none` is for this machine only";
            self.error_with_help(Code::OutOfRange, *span, message, help);
        }
        Some(Email { host, port, tls, from: from?, to, reply_to, contacts })
    }

    fn server(&mut self, raw: &At<String>, tls: MailTls) -> Option<(String, u16)> {
        let usual = if tls == MailTls::Implicit { 465 } else { 587 };
        let (host, port) = match raw.value.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().ok().filter(|port| *port > 0)),
            None => (raw.value.as_str(), Some(usual)),
        };
        match port.filter(|_| is_host(host)) {
            Some(port) => Some((host.to_owned(), port)),
            None => {
                let message = format!("{} is not a mail server", quote(&raw.value));
                let help = "write it as smtp.msp.example:587";
                self.error_with_help(Code::BadText, raw.span, message, help);
                None
            }
        }
    }

    fn webhook(&mut self, raw: &RawWebhook, span: Span) -> Option<Webhook> {
        let to = match (&raw.url, &raw.host) {
            (Some(url), None) => self.url(url).map(WebhookUrl::Open),
            (None, Some(host)) => self.host(host).map(|host| WebhookUrl::Secret { host }),
            _ => {
                let message = "a webhook needs either `url` or `host`";
                let help = "with `host`, the URL is a secret and stands in the environment";
                self.error_with_help(Code::MissingField, span, message, help);
                None
            }
        };
        let auth = match (raw.auth.unwrap_or_default(), &raw.header) {
            (AuthWord::Header, Some(header)) => {
                if !is_header_name(&header.value) {
                    let message = format!("{} cannot carry a secret", quote(&header.value));
                    let help = "name a header of your own, such as X-Api-Key";
                    self.error_with_help(Code::BadName, header.span, message, help);
                }
                WebhookAuth::Header(header.value.clone())
            }
            (auth, header) if (auth == AuthWord::Header) != header.is_some() => {
                let message = "`auth: header` and `header` belong together";
                let help = "name the header that carries the secret, such as `header: X-Api-Key`";
                self.error_with_help(Code::MissingField, span, message, help);
                WebhookAuth::None
            }
            (AuthWord::Bearer, _) => WebhookAuth::Bearer,
            (AuthWord::Basic, _) => WebhookAuth::Basic,
            (AuthWord::Hmac, _) => WebhookAuth::Hmac,
            (AuthWord::None | AuthWord::Header, _) => WebhookAuth::None,
        };
        Some(Webhook { to: to?, auth })
    }

    fn alertmanager(&mut self, raw: &RawAlertmanager) -> Option<Receiver> {
        let url = raw.url.as_ref().and_then(|url| self.url(url))?;
        let url = url.trim_end_matches('/').to_owned();
        let auth = match raw.auth.unwrap_or_default() {
            AlertAuthWord::None => WebhookAuth::None,
            AlertAuthWord::Bearer => WebhookAuth::Bearer,
            AlertAuthWord::Basic => WebhookAuth::Basic,
        };
        Some(Receiver::Alertmanager { url, auth })
    }

    fn issue(&mut self, raw: &RawIssue) -> Option<Receiver> {
        let host = match &raw.host {
            Some(host) => Some(self.host(host)?),
            None => None,
        };
        let At { value: project, span } = raw.project.as_ref()?;
        let plain = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && part.chars().all(|c| c.is_alphanumeric() || "-_. ".contains(c))
        };
        if project.split('/').count() < 2 || !project.split('/').all(plain) {
            let message = format!("{} is not a project", quote(project));
            self.error_with_help(Code::BadText, *span, message, "write it as OWNER/NAME");
            return None;
        }
        Some(Receiver::Issue { forge: raw.forge?, project: project.clone(), host })
    }

    /// An address that a secret may be sent to, and that holds none itself.
    fn url(&mut self, raw: &At<String>) -> Option<String> {
        let At { value, span } = raw;
        let (message, help) = match fault_of_url(value) {
            None => return Some(value.clone()),
            Some(UrlFault::Form) => (
                format!("{} is not a URL", quote(value)),
                "write it as https://hooks.msp.example/applecart",
            ),
            Some(UrlFault::Clear) => (
                format!("{} would be sent to in the clear", quote(value)),
                "write https:; http: is for this machine only",
            ),
            Some(UrlFault::Secret) => (
                "a URL here has no user, no `?` and no `#`: secrets would stand in them".to_owned(),
                "name its `host` instead, and put the URL into the environment",
            ),
        };
        self.error_with_help(Code::BadText, *span, message, help);
        None
    }

    /// A host, with a port where it is not the usual one.
    fn host(&mut self, raw: &At<String>) -> Option<String> {
        let (host, port) = raw.value.split_once(':').unwrap_or((&raw.value, "443"));
        let fits = is_host(host) && port.parse::<u16>().is_ok_and(|port| port > 0);
        if !fits {
            let message = format!("{} is not a host", quote(&raw.value));
            let help = "write it without https:// and without a path, such as hooks.slack.com";
            self.error_with_help(Code::BadText, raw.span, message, help);
        }
        fits.then(|| raw.value.to_ascii_lowercase())
    }

    fn codes(&mut self, raw: Option<&At<Vec<At<String>>>>, has_tickets: bool) -> Codes {
        let Some(At { value: list, span }) = raw else { return Codes::default_set() };
        if list.is_empty() && !has_tickets {
            let message = "this sink is told nothing";
            let help = "name `urgent`, `all` or codes, or leave `codes` out";
            self.error_with_help(Code::NothingWatched, *span, message, help);
        }
        let mut codes = BTreeSet::new();
        for At { value, span } in list {
            let is_code = explain(value)
                .is_some_and(|told| told.appears.iter().any(|one| TOLD.contains(one)));
            if !is_code && !matches!(value.as_str(), "urgent" | "all") {
                let message = format!("{} is no code of a matter", quote(value));
                let help = "name `urgent`, `all` or codes; `applecart explain` lists them";
                self.error_with_help(Code::UnknownValue, *span, message, help);
            }
            codes.insert(value.clone());
        }
        if codes.contains("all") {
            return Codes::All;
        }
        let urgent = codes.remove("urgent");
        Codes::These { urgent, codes }
    }

    pub(super) fn tickets(&mut self, raw: &RawFleet, sinks: &[SinkPolicy]) -> Option<TicketPolicy> {
        let raw_tickets = raw.tickets.as_ref()?;
        let At { value: sink, span } = raw_tickets.sink.as_ref()?;
        let carries = |one: &SinkPolicy| {
            matches!(&one.receiver, Receiver::Webhook(_))
                || matches!(&one.receiver, Receiver::Email(email) if !email.contacts)
        };
        // A sink with a mistake of its own has been complained about.
        let is_named = raw
            .notify
            .iter()
            .flatten()
            .any(|one| one.sink.as_ref().is_some_and(|name| name.value == *sink));
        let found = sinks.iter().find(|one| one.name == *sink);
        if !is_named || found.is_some_and(|one| !carries(one)) {
            let message = format!("{} carries no tickets", quote(sink));
            let help = "name a sink under `notify` that is a `webhook`, or `email` to an address";
            self.error_with_help(Code::UnknownValue, *span, message, help);
            return None;
        }
        let client = raw_tickets.client.as_ref();
        if let Some(At { value, span }) = client
            && !is_sink_name(value)
        {
            let message = format!("{} is not a key of `tickets`", quote(value));
            let help = "use 1 to 32 lower-case letters, digits and `-`";
            self.error_with_help(Code::BadName, *span, message, help);
        }
        let require = raw_tickets.require.as_ref();
        if let Some(At { value: true, span }) = require
            && client.is_none()
        {
            let message = "`require: true` needs `client`";
            let help = "name the key of a tenant's `tickets` that every tenant must have";
            self.error_with_help(Code::MissingField, *span, message, help);
        }
        Some(TicketPolicy {
            sink: sink.clone(),
            client: client.map(|at| at.value.clone()),
            require: require.is_some_and(|at| at.value),
            remind: found.map_or(REMIND, |sink| sink.remind),
            // What it cannot be read to select has been complained about.
            select: found.and_then(|sink| Selection::parse(&sink.select).ok()).unwrap_or_default(),
        })
    }

    /// The customer's numbers in ticket systems.
    pub(super) fn customer_numbers(
        &mut self,
        raw: Option<&BTreeMap<String, At<String>>>,
    ) -> BTreeMap<String, String> {
        let mut numbers = BTreeMap::new();
        for (key, at) in raw.into_iter().flatten() {
            if !is_sink_name(key) {
                let message = format!("{} is not a key of `tickets`", quote(key));
                let help = "use 1 to 32 lower-case letters, digits and `-`";
                self.error_with_help(Code::BadName, at.span, message, help);
            }
            numbers.extend(self.text(Some(at)).map(|number| (key.clone(), number)));
        }
        numbers
    }
}

const REMINDERS: (Duration, &str) = (Duration::days(30), "30d");

/// What a name may be that stands in records and in names of environment variables.
fn is_sink_name(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && name.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
}

/// A DNS name or an IPv4 address.
fn is_host(host: &str) -> bool {
    (1..=253).contains(&host.len())
        && host.split('.').all(|part| {
            (1..=63).contains(&part.len())
                && !part.starts_with('-')
                && !part.ends_with('-')
                && part.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-')
        })
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
}

/// Headers that carry something else already, or that a proxy would act on.
const TAKEN: [&str; 8] = [
    "host",
    "content-type",
    "content-length",
    "transfer-encoding",
    "connection",
    "idempotency-key",
    "upgrade",
    "expect",
];

fn is_header_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-')
        && !TAKEN.iter().any(|taken| name.eq_ignore_ascii_case(taken))
}

enum UrlFault {
    Form,
    Clear,
    Secret,
}

fn fault_of_url(url: &str) -> Option<UrlFault> {
    let (is_clear, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => (false, rest),
        (_, Some(rest)) => (true, rest),
        (None, None) => return Some(UrlFault::Form),
    };
    let lower = url.to_ascii_lowercase();
    if url.contains(['@', '?', '#']) || lower.contains("%40") || lower.contains("%3f") {
        return Some(UrlFault::Secret);
    }
    let authority = rest.split('/').next().unwrap_or_default();
    let (host, port) = authority.split_once(':').unwrap_or((authority, "443"));
    let plain = |c: u8| c.is_ascii_graphic() && !b"\\\"<>^`{|}".contains(&c);
    let fits = is_host(host)
        && port.parse::<u16>().is_ok_and(|port| port > 0)
        && url.len() <= 1_000
        && url.bytes().all(plain);
    match fits {
        false => Some(UrlFault::Form),
        true => (is_clear && !is_loopback(host)).then_some(UrlFault::Clear),
    }
}

#[cfg(test)]
mod tests {
    use crate::fleet::{Codes, Digest, Receiver, load_policy, render_all};

    const HEAD: &str = "apiVersion: applecart/v1\nkind: Fleet\nauth: {clientId: 2f6b1c9e-8a34-4b7a-9a51-0d6c2f6f1b11, credential: github}\n";

    fn mistakes(rest: &str) -> String {
        let (_, found) = load_policy(Some(format!("{HEAD}{rest}").as_bytes()));
        render_all(&found)
    }

    #[test]
    fn a_sink_has_its_settings_and_the_usual_ones_where_it_says_nothing() {
        let yaml = format!(
            "{HEAD}notify:\n  - sink: hub\n    webhook: {{url: https://hooks.msp.example/a, auth: hmac}}\n  - sink: noc-mail\n    email: {{server: smtp.msp.example, from: a@msp.example, to: [noc@msp.example]}}\n    codes: [urgent, expired]\n    digest: daily\n    remind: 2d\ntickets: {{sink: noc-mail, client: halo, require: true}}\n"
        );
        let (policy, found) = load_policy(Some(yaml.as_bytes()));
        assert_eq!(found, [], "{yaml}");
        let policy = policy.unwrap();
        let [hub, mail] = policy.notify.as_slice() else { panic!("{policy:?}") };
        assert_eq!(hub.codes, Codes::default_set());
        assert_eq!((hub.digest, hub.remind.num_days()), (None, 7));
        assert_eq!((mail.digest, mail.remind.num_days()), (Some(Digest::Daily), 2));
        let Receiver::Email(email) = &mail.receiver else { panic!("{mail:?}") };
        assert_eq!((email.host.as_str(), email.port), ("smtp.msp.example", 587));
        assert_eq!(policy.tickets.unwrap().client.as_deref(), Some("halo"));
    }

    #[test]
    fn no_mistake_shows_a_line_with_a_field_that_a_sink_does_not_have() {
        for sink in [
            "{sink: hub, webhook: {url: 'https://h.example/x', auth: bearer, cred: S3CRET}}",
            "{sink: hub, webhook: {url: 'https://h.example/x', auth: bogus, cred: S3CRET}}",
            "{sink: hub, codes: [bogus], pin: S3CRET, slack: {host: h.example}}",
            "{sink: hub, webhook: {url: 'https://h.example/x', token: S3CRET}",
            "{sink: hub, webhook: {url: 'https://u%3aS3CRET%40h.example/x'}}",
            "{sink: hub, slack: {host: h.example, tokn: S3CRET}}",
            "{sink: hub, alertmanager: {url: 'https://h.example', cred: S3CRET}}",
            "{sink: hub, issue: {forge: github, project: a/b, cred: S3CRET}}",
        ] {
            let told = mistakes(&format!("notify:\n  - {sink}\n"));
            assert!(!told.is_empty(), "{sink}");
            assert!(!told.contains("S3CRET"), "{told}");
        }
    }

    #[test]
    fn what_would_send_a_secret_astray_or_nothing_at_all_is_a_mistake_at_its_place() {
        let hub = |rest: &str| format!("notify:\n  - sink: hub\n    {rest}\n");
        for (yaml, line, told) in [
            (hub("webhook: {url: 'http://hooks.msp.example/a'}"), 6, "in the clear"),
            (hub("webhook: {url: 'https://a:b@hooks.msp.example/'}"), 6, "no user"),
            (hub("webhook: {url: 'https://hooks.msp.example/a?sig=b'}"), 6, "no user"),
            (hub("webhook: {url: 'ftp://hooks.msp.example'}"), 6, "is not a URL"),
            (hub("webhook: {url: 'https://hooks msp.example'}"), 6, "is not a URL"),
            (hub("webhook: {auth: bearer}"), 5, "either `url` or `host`"),
            (hub("webhook: {url: 'https://a.example', auth: header}"), 5, "belong together"),
            (
                hub("webhook: {url: 'https://a.example', auth: header, header: Host}"),
                6,
                "cannot carry a secret",
            ),
            (hub("codes: [urgent]"), 5, "exactly one receiver"),
            (hub("teams: {host: a.example}\n    slack: {host: b.example}"), 5, "exactly one"),
            (hub("slack: {host: 'https://hooks.slack.com/x'}"), 6, "is not a host"),
            (hub("slack: {host: a.example}\n    codes: [nothing-such]"), 7, "no code of a matter"),
            (hub("slack: {host: a.example}\n    codes: [bad-branch]"), 7, "no code of a matter"),
            (hub("slack: {host: a.example}\n    codes: []"), 7, "told nothing"),
            (hub("slack: {host: a.example}\n    select: ['=x']"), 7, "selects nothing"),
            (hub("slack: {host: a.example}\n    remind: 1h"), 7, "out of range"),
            (hub("issue: {forge: github, project: fleet}"), 6, "is not a project"),
            (
                hub("email: {server: smtp.msp.example, from: a@b.example}"),
                6,
                "writes to nobody",
            ),
            (
                hub("email: {server: a.example, from: a@b.example, to: [c@d.example], contacts: true}"),
                6,
                "exclude each other",
            ),
            (
                hub("email: {server: a.example, tls: none, from: a@b.example, to: [c@d.example]}"),
                6,
                "in the clear",
            ),
            (
                hub("email: {server: a.example, from: \"a@b.example\\r\\nBcc: x\", to: [c@d.example]}"),
                6,
                "control characters",
            ),
            (
                "notify:\n  - {sink: Hub, slack: {host: a.example}}\n".to_owned(),
                5,
                "not a sink's name",
            ),
            (
                "notify:\n  - {sink: hub, slack: {host: a.example}}\n  - {sink: hub, slack: {host: b.example}}\n"
                    .to_owned(),
                6,
                "two sinks are named",
            ),
            (
                format!("{}tickets: {{sink: hub}}\n", hub("slack: {host: a.example}")),
                7,
                "carries no tickets",
            ),
            ("tickets: {sink: hub}\n".to_owned(), 4, "carries no tickets"),
            (
                format!("{}tickets: {{sink: hub, require: true}}\n", hub("webhook: {host: a.example}")),
                7,
                "needs `client`",
            ),
        ] {
            let found = mistakes(&yaml);
            assert!(found.contains(told), "{yaml}\n{found}");
            assert!(found.contains(&format!("applecart.yaml:{line}:")), "{yaml}\n{found}");
        }
    }

    #[test]
    fn this_machine_may_be_told_in_the_clear() {
        for receiver in [
            "webhook: {url: 'http://127.0.0.1:8080/a'}",
            "alertmanager: {url: 'http://localhost:9093'}",
            "email: {server: 'localhost:2525', tls: none, from: a@b.example, to: [c@d.example]}",
        ] {
            assert_eq!(mistakes(&format!("notify:\n  - sink: hub\n    {receiver}\n")), "");
        }
    }
}
