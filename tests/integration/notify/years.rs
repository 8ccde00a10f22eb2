//! Many customers over many days, with everything failing now and then: what every sink was told is
//! compared with what was so.
//!
//! The short form runs with every `cargo test`. Two years of 50 customers, with a real mail server and a
//! real Alertmanager beside the webhook, take a while and an optimised program:
//! `APPLECART_LONG_PROGRAM=target/release/applecart cargo test --test integration two_years -- --ignored
//! --nocapture`. APPLECART_LONG_MINUTES ends it sooner, with what was told until then.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use applecart_simulator::{Fault, FaultRule, Push, Tenant};
use chrono::{DateTime, Days, SubsecRound as _, Utc};
use serde_json::Value;

use super::alertmanager::Alertmanager;
use super::recorder::{Answers, Recorder};
use crate::world::hub::{Clone, Hub};
use crate::world::{project, tenant_id};

/// Chance, the same for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn percent(&mut self, share: u64) -> bool {
        self.roll(100) < share
    }
}

/// A port that leads to a server, or to nobody.
struct Gate {
    port: u16,
    open: Arc<AtomicBool>,
}

impl Gate {
    fn to(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let open = Arc::new(AtomicBool::new(true));
        let own = Arc::clone(&open);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if !own.load(Ordering::Relaxed) {
                    continue;
                }
                let Ok(server) = TcpStream::connect(&target) else { continue };
                let pipe = |mut from: TcpStream, mut to: TcpStream| {
                    std::thread::spawn(move || {
                        let _ = std::io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Write);
                    })
                };
                pipe(client.try_clone().unwrap(), server.try_clone().unwrap());
                pipe(server, client);
            }
        });
        Self { port, open }
    }

    fn set(&self, is_open: bool) {
        self.open.store(is_open, Ordering::Relaxed);
    }
}

/// A mail server of another make.
struct Mail {
    process: Child,
    folder: tempfile::TempDir,
    python: std::path::PathBuf,
    gate: Gate,
}

impl Mail {
    fn start() -> Option<Self> {
        let python = crate::sinks::python("aiosmtpd")?;
        let folder = tempfile::TempDir::new().unwrap();
        let mut process = Command::new(&python)
            .arg(project().join("tests/integration/sinks/smtpd.py"))
            .arg(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let gate = Gate::to(format!("127.0.0.1:{}", line.trim()));
        Some(Self { process, folder, python, gate })
    }

    /// The Message-IDs of all that was taken.
    fn ids(&self) -> Vec<String> {
        let output = Command::new(&self.python)
            .arg(project().join("tests/integration/sinks/read.py"))
            .arg(self.folder.path())
            .output()
            .unwrap();
        let taken: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
        let id = |mail: &Value| {
            let headers = mail["headers"].as_array().unwrap();
            let own = headers
                .iter()
                .find(|one| one[0].as_str().unwrap().eq_ignore_ascii_case("message-id"));
            own.unwrap()[1].as_str().unwrap().to_owned()
        };
        taken.iter().map(id).collect()
    }
}

impl Drop for Mail {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A customer's certificate, and how many days before its end it will be renewed.
struct Customer {
    name: String,
    expires: DateTime<Utc>,
    renewed_with: i64,
    serial: u64,
}

impl Customer {
    /// What a reading shows.
    fn code(&self, now: DateTime<Utc>) -> Option<&'static str> {
        match self.expires - now {
            left if left <= chrono::Duration::zero() => Some("expired"),
            left if left < chrono::Duration::days(14) => Some("critical"),
            left if left < chrono::Duration::days(45) => Some("renewal-due"),
            _ => None,
        }
    }

    fn matter(&self, code: &str) -> (String, String, String) {
        (self.name.clone(), code.to_owned(), self.expires.format("%Y-%m-%d").to_string())
    }
}

type Matter = (String, String, String);

struct Years {
    days: u64,
    hub: Hub,
    webhook: Recorder,
    mail: Option<Mail>,
    alerts: Option<(Alertmanager, Gate)>,
    customers: Vec<Customer>,
    dice: Dice,
    start: DateTime<Utc>,
    /// What a run that ended has seen, what one that was killed may have seen, and what was last seen.
    seen: BTreeSet<Matter>,
    glimpsed: BTreeSet<Matter>,
    last: BTreeMap<String, Option<Matter>>,
    /// Who did not answer on which day.
    unread: BTreeSet<(String, String)>,
    events: Vec<Value>,
    counts: BTreeMap<&'static str, usize>,
}

impl Years {
    fn new(days: u64, tenants: usize, seed: u64, is_whole: bool) -> Option<Self> {
        let (hub, webhook) = (Hub::without_ledger(), Recorder::new());
        let mut sinks =
            format!("notify:\n  - sink: hub\n    webhook: {{url: '{}/h'}}\n", webhook.url());
        let (mut mail, mut alerts) = (None, None);
        if is_whole {
            let server = Mail::start()?;
            sinks.push_str(&format!("  - sink: mail\n    email: {{server: '127.0.0.1:{}', tls: none, from: a@msp.example, to: [noc@msp.example]}}\n", server.gate.port));
            mail = Some(server);
            let server = Alertmanager::start(&hub.world.path("am"))?;
            let gate = Gate::to(server.url().trim_start_matches("http://").to_owned());
            sinks.push_str(&format!(
                "  - sink: alerts\n    alertmanager: {{url: 'http://127.0.0.1:{}'}}\n",
                gate.port
            ));
            alerts = Some((server, gate));
        }
        hub.world.write("applecart.yaml", &hub.world.policy(&sinks));
        let start = Utc::now().trunc_subsecs(0);
        let mut dice = Dice(seed);
        let mut customers = Vec::new();
        for number in 0..tenants {
            let name = format!("customer-{number}");
            let topic = format!("com.apple.mgmt.External.{number}");
            hub.world.write(
                &format!("tenants/{name}/tenant.yaml"),
                &format!("apiVersion: applecart/v1\nkind: Tenant\nname: {name}\ntenantId: {}\nwatch: [push]\npush: {{topic: {topic}}}\n", tenant_id(&name)),
            );
            let expires = start + Days::new(10 + dice.roll(days.max(60)));
            let renewed_with = i64::try_from(dice.roll(48)).unwrap() - 6;
            customers.push(Customer { name, expires, renewed_with, serial: 1 });
        }
        hub.world.commit("Customers");
        hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
        hub.begin();
        Some(Self {
            days,
            hub,
            webhook,
            mail,
            alerts,
            customers,
            dice,
            start,
            seen: BTreeSet::new(),
            glimpsed: BTreeSet::new(),
            last: BTreeMap::new(),
            unread: BTreeSet::new(),
            events: Vec::new(),
            counts: BTreeMap::new(),
        })
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    fn run(mut self) {
        let folders = ["one", "two"].map(|name| self.hub.clone(name, &[]).folder);
        let (started, limit) = (Instant::now(), number("APPLECART_LONG_MINUTES", 600));
        let mut day = 0;
        while day < self.days {
            if started.elapsed() > Duration::from_secs(60 * limit) {
                self.days = self.days.min(day + 4);
            }
            let is_calm = day + 3 >= self.days;
            let now = self.start + Days::new(day);
            self.renew(now);
            self.fail(now, is_calm);
            let clones =
                folders.each_ref().map(|folder| Clone { hub: &self.hub, folder: folder.clone() });
            let kind = if is_calm { 100 } else { self.dice.roll(100) };
            let pause = Duration::from_millis(50 + self.dice.roll(1_500));
            let command = |clone: &Clone<'_>| {
                let mut command = program(&clone.command(&["notify", "--now", &now.to_rfc3339()]));
                command.stdout(Stdio::piped()).stderr(Stdio::piped());
                command
            };
            match kind {
                0..6 => {
                    let mut child = command(&clones[0]).spawn().unwrap();
                    std::thread::sleep(pause);
                    let is_over = child.try_wait().unwrap().is_some();
                    let _ = child.kill();
                    child.wait().unwrap();
                    self.count(if is_over { "runs" } else { "killed" });
                    self.see(now, is_over);
                }
                6..16 => {
                    let runs = clones.each_ref().map(|clone| command(clone).spawn().unwrap());
                    for run in runs {
                        check(run);
                    }
                    self.count("runs");
                    self.count("two at once");
                    self.see(now, true);
                }
                _ => {
                    check(command(&clones[0]).spawn().unwrap());
                    self.count("runs");
                    self.see(now, true);
                }
            }
            let taken = self.webhook.take();
            let is_up = !matches!(self.webhook.answers(), Answers::Status(503));
            self.events.extend(taken.into_iter().filter(|_| is_up).map(|one| one.body));
            day += 1;
        }
        self.judge();
    }

    fn renew(&mut self, now: DateTime<Utc>) {
        for customer in &mut self.customers {
            if (customer.expires - now).num_days() < customer.renewed_with {
                customer.expires = now + Days::new(365);
                customer.renewed_with = i64::try_from(self.dice.roll(48)).unwrap() - 6;
                customer.serial += 1;
                *self.counts.entry("renewals").or_default() += 1;
            }
            let mut tenant = Tenant::new(tenant_id(&customer.name));
            let number = customer.name.trim_start_matches("customer-");
            tenant.apple_push_notification_certificate = Some(Push {
                apple_identifier: "mdm@msp.example".into(),
                topic_identifier: format!("com.apple.mgmt.External.{number}"),
                certificate_serial_number: format!("{:X}", customer.serial),
                expiration_date_time: customer.expires,
                certificate_upload_failure_reason: None,
            });
            self.hub.world.state().add_tenant(tenant).unwrap();
        }
    }

    /// Who does not answer on this day.
    fn fail(&mut self, now: DateTime<Utc>, is_calm: bool) {
        self.hub.world.state().clear_faults();
        for number in 0..self.customers.len() {
            if is_calm || !self.dice.percent(4) {
                continue;
            }
            let name = self.customers[number].name.clone();
            let rule =
                FaultRule::always(Fault::status(403)).for_tenant(tenant_id(&name)).on("/beta/*");
            self.hub.world.state().add_fault(rule);
            self.unread.insert((name, now.to_rfc3339()));
            self.count("days of a tenant unread");
        }
        let mut is_down = || !is_calm && self.dice.percent(8);
        let (webhook, mail, alerts) = (is_down(), is_down(), is_down());
        self.webhook.answer(Answers::Status(if webhook { 503 } else { 200 }));
        if let Some(server) = &self.mail {
            server.gate.set(!mail);
        }
        if let Some((_, gate)) = &self.alerts {
            gate.set(!alerts);
        }
        *self.counts.entry("days of a sink down").or_default() +=
            [webhook, mail, alerts].iter().filter(|down| **down).count();
    }

    fn see(&mut self, now: DateTime<Utc>, is_whole: bool) {
        for customer in &self.customers {
            if self.unread.contains(&(customer.name.clone(), now.to_rfc3339())) {
                continue;
            }
            let matter = customer.code(now).map(|code| customer.matter(code));
            if is_whole {
                self.seen.extend(matter.clone());
                self.last.insert(customer.name.clone(), matter);
            } else {
                self.glimpsed.extend(matter);
            }
        }
    }

    /// Compares what was told with what was so.
    fn judge(mut self) {
        let mut received: BTreeMap<String, usize> = BTreeMap::new();
        let mut unique = Vec::new();
        for event in &self.events {
            let times = received.entry(event["id"].as_str().unwrap().to_owned()).or_default();
            *times += 1;
            if *times == 1 {
                unique.push(event.clone());
            }
        }
        let again = self.events.len() - unique.len();
        let killed = self.counts.get("killed").copied().unwrap_or_default();
        assert!(again == 0 || killed > 0, "{again} messages came twice, and no run was killed");

        // Every life of a matter is told in its order, and nothing of it twice.
        let mut open: BTreeMap<String, bool> = BTreeMap::new();
        let (mut raised, mut resolved) = (BTreeSet::new(), BTreeSet::new());
        let mut words: BTreeMap<String, usize> = BTreeMap::new();
        for event in &unique {
            let one = &event["data"]["matters"][0];
            let (word, key) =
                (one["step"].as_str().unwrap(), one["matter"]["key"].as_str().unwrap());
            *words.entry(word.to_owned()).or_default() += 1;
            let was_open = open.insert(key.to_owned(), word != "resolved").unwrap_or(false);
            assert_eq!(was_open, word != "raised", "{word} of {key}");
            let code = one["matter"]["code"].as_str().unwrap().to_owned();
            let Some(name) = event["data"]["tenant"]["name"].as_str() else { continue };
            assert_eq!(event["data"]["tenant"]["tenantId"], tenant_id(name).to_string());
            assert!(key.starts_with(&tenant_id(name).to_string()), "{key} at {name}");
            if ["renewal-due", "critical", "expired"].contains(&code.as_str()) {
                let matter = (name.to_owned(), code, key.rsplit('/').next().unwrap().to_owned());
                match word {
                    "raised" => assert!(raised.insert(matter), "raised twice: {key}"),
                    "resolved" => assert!(resolved.insert(matter), "resolved twice: {key}"),
                    _ => {}
                }
            }
        }
        let lost: Vec<_> = self.seen.difference(&raised).collect();
        assert!(lost.is_empty(), "never told: {lost:?}");
        let made_up: Vec<_> = raised
            .iter()
            .filter(|one| !self.seen.contains(*one) && !self.glimpsed.contains(*one))
            .collect();
        assert!(made_up.is_empty(), "told and never so: {made_up:?}");
        let now_open: BTreeSet<Matter> = self.last.values().flatten().cloned().collect();
        let ended: BTreeSet<Matter> = raised.difference(&now_open).cloned().collect();
        assert_eq!(resolved, ended, "resolved, and what is over");
        let by_not_reading = self.record();
        assert_eq!(by_not_reading, 0, "resolved on a day on which the tenant did not answer");
        if let Some((alerts, _)) = &self.alerts {
            let is_open = open.values().filter(|open| **open).count();
            assert_eq!(alerts.active().len(), is_open, "{:?}", alerts.active());
        }
        self.counts.insert("messages at the webhook", unique.len());
        self.counts.insert("of them sent again after a kill", again);
        println!("{} days, {} customers: {:?}", self.days, self.customers.len(), self.counts);
        println!("steps at the webhook: {words:?}; open at the end: {}", now_open.len());
    }

    /// What the notes say of it: every step at every sink arrived, and each message is there once.
    fn record(&mut self) -> usize {
        let mut steps: BTreeMap<(String, String, String), Vec<Value>> = BTreeMap::new();
        for customer in &self.customers {
            let file =
                format!("refs/heads/applecart/notes:tenants/{}.jsonl", tenant_id(&customer.name));
            let shown = Command::new("git")
                .current_dir(self.hub.folder())
                .args(["show", &file])
                .output()
                .unwrap();
            for line in String::from_utf8(shown.stdout).unwrap().lines() {
                let line: Value = serde_json::from_str(line).unwrap();
                let part = |name: &str| line["notice"][name].as_str().unwrap().to_owned();
                let step = (part("sink"), part("key"), part("step"));
                steps.entry(step).or_default().push(line);
            }
        }
        let mut by_not_reading = 0;
        let mut of_sink: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for ((sink, key, step), lines) in &steps {
            let sent = lines.iter().filter(|line| line["notice"]["phase"] == "sent").count();
            assert_eq!(sent, 1, "{sink}: {step} of {key}");
            let delivery = lines[0]["notice"]["delivery"].as_str().unwrap().to_owned();
            of_sink.entry(sink).or_default().insert(delivery);
            let day = lines[0]["notice"]["on"].as_str().unwrap().replace('Z', "+00:00");
            let name = lines[0]["name"].as_str().unwrap().to_owned();
            let is_end = step.starts_with("resolved");
            by_not_reading += usize::from(is_end && self.unread.contains(&(name, day)));
        }
        if let Some(mail) = &self.mail {
            let ids = mail.ids();
            let distinct: BTreeSet<&String> = ids.iter().collect();
            let fleet = ids.len() - distinct.len();
            let told = of_sink.get("mail").map_or(0, BTreeSet::len);
            // What is told of the fleet as a whole has its own file in the notes.
            assert!(distinct.len() >= told, "{} mails of {told}", distinct.len());
            self.counts.insert("mails", distinct.len());
            self.counts.insert("mails sent again after a kill", fleet);
        }
        self.counts.insert("steps in the notes", steps.len());
        by_not_reading
    }
}

/// A number from the environment.
fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// The program that is measured, run as this one would be.
fn program(plain: &Command) -> Command {
    let named = std::env::var_os("APPLECART_LONG_PROGRAM");
    let mut command = Command::new(named.as_deref().unwrap_or(plain.get_program()));
    command.env_clear().args(plain.get_args()).stdin(Stdio::null());
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(plain.get_current_dir().unwrap());
    command
}

/// A run ends well, or with what some tenant or sink did not answer.
fn check(run: Child) {
    let output = run.wait_with_output().unwrap();
    let code = output.status.code();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(code, Some(0 | 3 | 8)), "{code:?}: {said}");
}

#[test]
fn twenty_days_of_five_customers_are_told_whole_and_once() {
    Years::new(20, 5, 0x5eed, false).unwrap().run();
}

#[test]
#[ignore = "two years take half an hour, and an optimised program"]
fn two_years_of_fifty_customers_are_told_whole_and_once() {
    let (days, seed) = (number("APPLECART_LONG_DAYS", 730), number("APPLECART_LONG_SEED", 1));
    let tenants = usize::try_from(number("APPLECART_LONG_TENANTS", 50)).unwrap();
    if let Some(years) = Years::new(days, tenants, seed, true) {
        years.run();
    }
}
