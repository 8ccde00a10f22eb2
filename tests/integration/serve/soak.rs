//! The controller for a long time, with everything around it failing: Graph throttled, broken, silent and
//! restarted, Git away, the controller asked to stop and killed, and two at once.
//!
//! Seconds in every run of the tests; a quarter of an hour, with its figures, by
//! `cargo test --test integration a_quarter -- --ignored --nocapture`, where `APPLECART_PROGRAM` names an
//! optimised program.

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use applecart_io::seams::Ids as _;
use applecart_io::seams::testing::SeededIds;
use applecart_simulator::{
    Fault, FaultRule, Issued, Options, PushRequest, RetryAfter, Running, Simulator, Tenant, Via,
};
use chrono::Utc;

use super::{Serve, arguments};
use crate::world::hub::Hub;
use crate::world::{pushed, tenant_id};

const TENANTS: usize = 12;
/// What a run that was due may be late by, on a machine that does other things.
const LATE: f64 = 5.0;

/// How long everything fails, and how long what is left to do may take afterwards.
struct Length {
    fails: Duration,
    rests: Duration,
    between: Duration,
    interval: &'static str,
    /// Whether Graph fails at any request. An upload that failed is tried again after five minutes.
    is_rough: bool,
}

#[test]
fn everything_fails_for_some_seconds_and_nothing_is_lost_or_sent_twice() {
    let length = Length {
        fails: Duration::from_secs(20),
        rests: Duration::from_secs(7 * 60),
        between: Duration::from_secs(2),
        interval: "1s",
        is_rough: false,
    };
    Soak::new(1, &length).run(&length);
}

#[test]
#[ignore = "takes twenty minutes"]
fn a_quarter_of_an_hour_of_failures() {
    let length = Length {
        fails: Duration::from_secs(15 * 60),
        rests: Duration::from_secs(15 * 60),
        between: Duration::from_secs(5),
        interval: "3s",
        is_rough: true,
    };
    Soak::new(17, &length).run(&length);
}

/// What was counted.
#[derive(Debug, Default)]
struct Figures {
    events: BTreeMap<&'static str, u32>,
    stops: Vec<Duration>,
    left: u32,
    samples: u32,
    missed: Vec<String>,
    slowest_answer: Duration,
}

struct Soak {
    hub: Hub,
    program: PathBuf,
    runtime: tokio::runtime::Runtime,
    simulator: Option<Running>,
    address: SocketAddr,
    ids: SeededIds,
    /// The certificates that were merged, newest last.
    merged: BTreeMap<String, Vec<Issued>>,
    figures: Figures,
    interval: &'static str,
    is_rough: bool,
}

impl Soak {
    fn new(seed: u64, length: &Length) -> Self {
        let hub =
            Hub::with_policy("safety: {maxShare: 100%, maxTenants: 50}\nledger: {settle: 1m}\n");
        hub.begin();
        let program = std::env::var_os("APPLECART_PROGRAM");
        let program = program.map_or_else(|| env!("CARGO_BIN_EXE_applecart").into(), PathBuf::from);
        let mut soak = Self {
            hub,
            program,
            runtime: tokio::runtime::Runtime::new().unwrap(),
            simulator: None,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            ids: SeededIds::new(seed),
            merged: BTreeMap::new(),
            figures: Figures::default(),
            interval: length.interval,
            is_rough: length.is_rough,
        };
        soak.start_simulator();
        for number in 0..TENANTS {
            let name = format!("tenant-{number:02}");
            let live = soak.issue(None, 20);
            let mut tenant = Tenant::new(tenant_id(&name));
            tenant.apple_push_notification_certificate = Some(pushed(&name, &live));
            soak.running().state().add_tenant(tenant).unwrap();
            soak.hub.world.tenant(&name, &live);
            soak.merged.insert(name, vec![live]);
        }
        soak.merge("Begin");
        soak
    }

    fn running(&self) -> &Running {
        self.simulator.as_ref().unwrap()
    }

    /// Starts the simulator with what it had, where it was.
    fn start_simulator(&mut self) {
        let state = Some(self.hub.world.path("intune"));
        let options = Options { listen: self.address, state, ..Options::default() };
        let running = self.runtime.block_on(Simulator::start(options)).unwrap();
        self.address = running.url().strip_prefix("http://").unwrap().parse().unwrap();
        self.simulator = Some(running);
    }

    fn stop_simulator(&mut self) {
        let running = self.simulator.take().unwrap();
        self.runtime.block_on(running.stop());
    }

    fn issue(&self, topic: Option<&str>, days: i64) -> Issued {
        let until = Utc::now() + chrono::Duration::days(days);
        let request = PushRequest {
            topic: topic.map(str::to_owned),
            not_after: Some(until),
            ..PushRequest::new((until - chrono::Duration::days(365)).min(Utc::now()))
        };
        self.running().apple().issue(&request).unwrap()
    }

    fn merge(&self, message: &str) {
        self.hub.world.commit(message);
        self.hub.world.git(&["push", "--quiet", &self.hub.url(), "main"]);
    }

    /// Merges a newer certificate for a tenant whose last one has landed.
    fn renew(&mut self) {
        let settled: Vec<String> =
            self.merged.keys().filter(|name| self.is_landed(name)).cloned().collect();
        let Some(name) = settled.get(self.pick(settled.len().max(1))).cloned() else { return };
        let before = &self.merged[&name];
        let days = 360 + i64::try_from(before.len()).unwrap();
        let newer = self.issue(Some(&before[0].topic), days);
        self.hub.world.tenant(&name, &newer);
        self.merge(&format!("Renew {name}"));
        self.merged.get_mut(&name).unwrap().push(newer);
    }

    fn is_landed(&self, name: &str) -> bool {
        let tenant = self.running().state().tenant(tenant_id(name)).unwrap();
        let live =
            tenant.apple_push_notification_certificate.map(|push| push.certificate_serial_number);
        live.as_ref() == self.merged[name].last().map(|newest| &newest.serial)
    }

    fn pick(&self, of: usize) -> usize {
        (0..of).find(|number| self.ids.chance() * ((of - number) as f64) < 1.0).unwrap_or(0)
    }

    fn command(&self, clone: &str, arguments: &[&str]) -> Command {
        let plain = self.hub.world.command(&[]);
        let mut command = Command::new(&self.program);
        command.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let url = format!("http://{}", self.address);
        command.env("APPLECART_GRAPH_URL", &url).env("APPLECART_LOGIN_URL", &url);
        command.current_dir(self.hub.world.path(clone)).args(arguments);
        command
    }

    fn serve(&self, clone: &str, mode: &str) -> Serve {
        let more = ["--mode", mode, "--interval", self.interval];
        Serve::start(self.command(clone, &arguments(&more)))
    }

    fn run(mut self, length: &Length) {
        for clone in ["steady", "one", "two"] {
            self.hub.clone(clone, &[]);
        }
        let begun = Instant::now();
        let steady = self.serve("steady", "observe");
        let mut one = self.serve("one", "apply");
        let mut two = None;
        let mut memory = None;
        let mut renewed = Instant::now();
        while begun.elapsed() < length.fails {
            let third = begun.elapsed().as_secs_f64() * 3.0 / length.fails.as_secs_f64();
            match (&two, (1.0..2.0).contains(&third)) {
                (None, true) => two = Some(self.serve("two", "apply")),
                (Some(_), false) => self.stop(two.take().unwrap(), "two"),
                _ => {}
            }
            if renewed.elapsed() > length.between {
                self.renew();
                renewed = Instant::now();
            }
            one = self.event(one, third < 1.0);
            let pause = Instant::now();
            while pause.elapsed() < length.between {
                std::thread::sleep(Duration::from_millis(500));
                for serve in [&steady, &one].into_iter().chain(&two) {
                    self.look(serve);
                }
            }
            if memory.is_none() && steady.runs() >= 5.0 {
                memory = Some(resident(&steady));
            }
        }
        self.drain(length);
        self.look(&steady);
        let (runs, failed) = (steady.runs(), failures(&steady));
        let after = resident(&steady);
        for serve in two.into_iter().chain([one, steady]) {
            self.stop(serve, "one");
        }
        self.judge(begun.elapsed(), (memory.unwrap_or(after), after), (runs, failed));
    }

    /// Lets one thing fail for a moment; gives the controller back, or the one after it.
    fn event(&mut self, one: Serve, is_early: bool) -> Serve {
        let moment = Duration::from_millis(500 + 1500 * u64::try_from(self.pick(3)).unwrap() / 2);
        let always = FaultRule::always;
        let anywhere = |fault| match self.is_rough {
            true => always(fault),
            false => always(fault).on("*/token"),
        };
        let (name, rule) = match self.pick(12) {
            0 => ("429", anywhere(Fault::Throttle { retry_after: Some(RetryAfter::Seconds(1)) })),
            1 => ("503", anywhere(Fault::status(503))),
            2 => ("500", anywhere(Fault::status(500))),
            3 => ("hang", anywhere(Fault::Hang)),
            4 => ("drop", anywhere(Fault::Drop)),
            5 => ("upload slow", always(Fault::Latency { milliseconds: 1500 }).on_method("PATCH")),
            6 => ("upload done, answer lost", always(Fault::DoneButLost).on_method("PATCH")),
            7 => ("upload done, then hangs", always(Fault::DoneThenHang).on_method("PATCH")),
            // It is tried again after five minutes, so not near the end.
            8 if is_early && self.is_rough => {
                ("upload 503", always(Fault::status(503)).on_method("PATCH").times(1))
            }
            9 => return self.restart_or_part(one, moment),
            10 => return self.terminated(one),
            _ => return self.killed(one),
        };
        self.count(name);
        self.running().state().add_fault(rule);
        std::thread::sleep(moment);
        // Some faults meet a controller that ends in the midst of them.
        let next = match self.pick(4) {
            0 => self.terminated(one),
            1 => self.killed(one),
            _ => one,
        };
        self.running().state().clear_faults();
        next
    }

    fn restart_or_part(&mut self, one: Serve, moment: Duration) -> Serve {
        if self.pick(2) == 0 {
            self.count("simulator restarted");
            self.stop_simulator();
            std::thread::sleep(moment);
            self.start_simulator();
        } else {
            self.count("Git away");
            let (here, away) = (self.hub.folder(), self.hub.world.path("away"));
            std::fs::rename(&here, &away).unwrap();
            std::thread::sleep(moment);
            std::fs::rename(&away, &here).unwrap();
        }
        one
    }

    fn terminated(&mut self, one: Serve) -> Serve {
        self.count("SIGTERM");
        self.stop(one, "one");
        self.serve("one", "apply")
    }

    fn killed(&mut self, one: Serve) -> Serve {
        self.count("kill -9");
        drop(one);
        self.serve("one", "apply")
    }

    /// Asks it to stop, and looks at the ledger that it leaves.
    fn stop(&mut self, serve: Serve, clone: &str) {
        let (code, took) = serve.stop();
        assert!([Some(0), Some(130)].contains(&code), "{code:?}");
        assert!(took < Duration::from_secs(5), "{took:?}");
        self.figures.left += u32::from(code == Some(130));
        self.figures.stops.push(took);
        let verified = self.command(clone, &["ledger", "verify"]).output().unwrap();
        assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    }

    /// Whether a run that is due has begun, and how long an answer takes.
    fn look(&mut self, serve: &Serve) {
        let asked = Instant::now();
        let running = serve.metric("applecart_reconcile_running");
        let next = serve.metric("applecart_reconcile_next_timestamp_seconds");
        self.figures.slowest_answer = self.figures.slowest_answer.max(asked.elapsed() / 2);
        self.figures.samples += 1;
        let late = Utc::now().timestamp() as f64 - next;
        if running == 0.0 && next > 0.0 && late > LATE {
            self.figures.missed.push(format!("{late:.1} s late"));
        }
    }

    fn count(&mut self, name: &'static str) {
        *self.figures.events.entry(name).or_default() += 1;
    }

    /// Waits until everything that was merged is in Intune.
    fn drain(&self, length: &Length) {
        let begun = Instant::now();
        let waits = || self.merged.keys().filter(|name| !self.is_landed(name)).collect::<Vec<_>>();
        while !waits().is_empty() {
            assert!(begun.elapsed() < length.rests, "never landed: {:?}", waits());
            std::thread::sleep(Duration::from_millis(500));
        }
        println!("what was left to do took {:.1} s", begun.elapsed().as_secs_f64());
    }

    fn judge(&self, took: Duration, memory: (u64, u64), (runs, failed): (f64, f64)) {
        let mut uploads = 0;
        for name in self.merged.keys() {
            let all = self.running().state().uploads(tenant_id(name));
            let files: Vec<_> = all
                .iter()
                .filter(|one| one.via == Via::Graph)
                .map(|one| &one.file_sha256)
                .collect();
            uploads += files.len();
            assert_eq!(
                files.iter().collect::<HashSet<_>>().len(),
                files.len(),
                "{name}: sent twice"
            );
        }
        let merged: usize = self.merged.values().map(|all| all.len() - 1).sum();
        let figures = &self.figures;
        let longest = figures.stops.iter().max().copied().unwrap_or_default();
        println!("{} s, {TENANTS} tenants: {:?}", took.as_secs(), figures.events);
        println!("{merged} renewals merged, {uploads} uploaded, none twice");
        println!(
            "{} stops, the longest {:.2} s, {} with an upload left to the next run; the ledger whole each time",
            figures.stops.len(),
            longest.as_secs_f64(),
            figures.left
        );
        println!(
            "the steady one: {runs} runs, {failed} failed; resident {} KiB after 5 runs, {} KiB at the end",
            memory.0, memory.1
        );
        println!(
            "{} samples, {} of a run that was due and had not begun; the slowest answer {:.0} ms",
            figures.samples,
            figures.missed.len(),
            figures.slowest_answer.as_secs_f64() * 1000.0
        );
        assert_eq!(uploads, merged, "every renewal was uploaded");
        assert!(figures.missed.is_empty(), "{:?}", figures.missed);
        assert!(memory.1 < memory.0 + memory.0 / 4 + 16 * 1024, "{memory:?}");
    }
}

fn failures(serve: &Serve) -> f64 {
    serve.metric("applecart_reconcile_total{outcome=\"failed\"}")
}

/// The resident memory of the process, in KiB.
fn resident(serve: &Serve) -> u64 {
    let id = serve.child.as_ref().unwrap().id();
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}
