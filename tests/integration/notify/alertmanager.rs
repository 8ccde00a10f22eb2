//! Against the real Alertmanager: what is raised stands, what is over is gone, and twice is once.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::interop::program;
use crate::world::eventually;
use crate::world::hub::Hub;

/// A running Alertmanager.
pub(crate) struct Alertmanager {
    child: Child,
    url: String,
}

impl Alertmanager {
    /// `None` where it is not installed.
    pub(crate) fn start(folder: &std::path::Path) -> Option<Self> {
        let program = program("prometheus-alertmanager", "APPLECART_ALERTMANAGER")?;
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        std::fs::create_dir_all(folder).unwrap();
        let config = folder.join("alertmanager.yml");
        std::fs::write(&config, "route: {receiver: none}\nreceivers: [{name: none}]\n").unwrap();
        let child = Command::new(program)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--cluster.listen-address=")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let own = Self { child, url: format!("http://127.0.0.1:{port}") };
        eventually("Alertmanager answers", || own.alerts().is_some());
        Some(own)
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The alerts that are active.
    pub(crate) fn alerts(&self) -> Option<Vec<Value>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let url = format!("{}/api/v2/alerts?active=true", self.url);
        runtime.block_on(async {
            let client = reqwest::Client::builder().no_proxy().build().ok()?;
            let answer = client.get(url).send().await.ok()?.error_for_status().ok()?;
            serde_json::from_slice(&answer.bytes().await.ok()?).ok()
        })
    }

    /// `alertname tenant severity` of what is active, sorted.
    pub(crate) fn active(&self) -> Vec<String> {
        let of = |alert: &Value| {
            let label = |name: &str| alert["labels"][name].as_str().unwrap_or("-").to_owned();
            format!("{} {} {}", label("alertname"), label("tenant"), label("severity"))
        };
        let mut active: Vec<String> = self.alerts().unwrap().iter().map(of).collect();
        active.sort();
        active
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn what_is_raised_stands_and_what_is_over_is_gone() {
    let hub = Hub::without_ledger();
    let Some(alerts) = Alertmanager::start(&hub.world.path("am")) else { return };
    let sink =
        format!("notify:\n  - sink: alerts\n    alertmanager: {{url: '{}'}}\n", alerts.url());
    hub.world.write("applecart.yaml", &hub.world.policy(&sink));
    let customer = |days: i64| {
        let certificate = hub.world.issue(None, days);
        hub.world.live("contoso", Some(&certificate));
        hub.world.tenant("contoso", &certificate);
        hub.world.commit("Contoso");
        hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    };
    customer(10);
    hub.begin();
    let one = hub.clone("one", &[]);
    one.run(&["notify"]).ends_with(0);
    one.run(&["notify"]).ends_with(0);
    assert_eq!(alerts.active(), ["ApplecartCritical contoso critical"]);

    // It keeps alerts in memory only, and knows them again after the next run.
    drop(alerts);
    let alerts = Alertmanager::start(&hub.world.path("am")).unwrap();
    let settings = std::fs::read_to_string(hub.world.repo().join("applecart.yaml")).unwrap();
    let old = settings.split('\'').nth(1).unwrap();
    hub.world.write("applecart.yaml", &settings.replace(old, alerts.url()));
    hub.world.commit("Alertmanager moved");
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    assert_eq!(alerts.active(), [""; 0]);
    one.git(&["pull", "--quiet"]);
    one.run(&["notify"]).ends_with(0).says("0 messages sent");
    assert_eq!(alerts.active(), ["ApplecartCritical contoso critical"]);

    customer(300);
    one.git(&["pull", "--quiet"]);
    one.run(&["notify"]).ends_with(0);
    eventually("it is over", || alerts.active().is_empty());
}
