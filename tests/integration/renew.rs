//! Renewals from the sheet to the pushed branch, against a simulated Intune and a bare remote.

mod account;
mod batch;
mod branch;
mod open;
mod people;
mod refused;
mod requests;
#[cfg(unix)]
mod rights;
mod sheet;
mod wrong_row;

use std::path::{Path, PathBuf};

use applecart_core::model::Timestamp;
use applecart_simulator::Issued;
use chrono::Utc;

use crate::world::hub::{Clone, Hub};
use crate::world::{Run, World, tenant_id};

/// Fleets of watched tenants at a remote, each with a token of every kind that lapses in 20 days.
fn hub(names: &[&str]) -> Hub {
    let hub = Hub::new();
    for name in names {
        track(&hub.world, name);
    }
    hub.world.commit("Import");
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    hub
}

/// Makes the tenant in Intune, and a file that watches it.
fn track(world: &World, name: &str) {
    world.live_of_all_kinds(name);
    world.write(
        &format!("tenants/{name}/tenant.yaml"),
        &format!(
            "# {name}: ask Ms Doe.\napiVersion: applecart/v1\nkind: Tenant\nname: {name}\ndisplayName: {name} Ltd\ntenantId: {}\ncontacts: [it@{name}.example]\npush:\n  appleId: mdm@{name}.example   # the shared mailbox\n  topic: {}\nenrollment:\n  - name: ABM\n    id: dep-{name}\n    appleId: abm@{name}.example\n    server: {name} Intune\nvpp:\n  - name: London\n    id: vpp-{name}\n    appleId: vpp@{name}.example\n    organization: Contoso Ltd\n    location: London\n",
            tenant_id(name),
            topic(world, name),
        ),
    );
}

fn topic(world: &World, name: &str) -> String {
    let tenant = world.state().tenant(tenant_id(name)).unwrap();
    tenant.apple_push_notification_certificate.unwrap().topic_identifier
}

/// A clone whose Git knows who works in it. It has no key.
fn admin<'a>(hub: &'a Hub, name: &str) -> Clone<'a> {
    let clone = hub.clone(name, &[]);
    clone.git(&["config", "user.name", "Dana"]);
    clone.git(&["config", "user.email", "dana@msp.example"]);
    clone
}

fn run(clone: &Clone<'_>, arguments: &[&str]) -> Run {
    let mut command = clone.command(arguments);
    command.env_remove("SOPS_AGE_KEY");
    crate::world::finish(command)
}

fn download(world: &World, name: &str, text: &str) -> PathBuf {
    let path = world.path("downloads").join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    path
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What Apple hands out when Renew is pressed with the request of an opened renewal.
fn renewed(hub: &Hub, clone: &Clone<'_>, name: &str) -> (PathBuf, Issued) {
    run(clone, &["renew", &format!("{name}/push"), "--out", text(&hub.world.path(""))])
        .ends_with(0);
    let request =
        std::fs::read_to_string(hub.world.path(&format!("IntuneCSR-{name}.csr"))).unwrap();
    let apple = hub.world.simulator().apple();
    let issued = apple.renew(&request, &topic(&hub.world, name), Utc::now()).unwrap();
    (download(&hub.world, &format!("MDM_{name}.pem"), &issued.pem), issued)
}

/// Presses Download Token at Apple, which ends the token in use.
fn enrollment(hub: &Hub, name: &str) -> PathBuf {
    let file = format!("{name}_Token_{}_smime.p7m", Utc::now().format("%Y-%m-%dT%H-%M-%SZ"));
    download(&hub.world, &file, &hub.world.enrollment_file(name))
}

fn date(at: Timestamp) -> String {
    at.date_time().format("%Y-%m-%d").to_string()
}

/// Everything that a refusal must leave as it is: files, index, references and the remote.
#[derive(Debug, PartialEq, Eq)]
struct State {
    files: Vec<(PathBuf, Vec<u8>)>,
    index: Vec<u8>,
    refs: String,
    remote: String,
}

fn state(hub: &Hub, clone: &Clone<'_>) -> State {
    fn walk(folder: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with(".git") {
            } else if path.is_dir() {
                walk(&path, files);
            } else {
                files.push((path.clone(), std::fs::read(&path).unwrap()));
            }
        }
    }
    let mut files = Vec::new();
    walk(&clone.folder, &mut files);
    files.sort();
    let refs = ["for-each-ref", "--format=%(refname) %(objectname)"];
    // The ledger's remote-tracking reference follows what was read.
    let own = clone.git(&refs);
    let own = own.lines().filter(|line| !line.contains("applecart")).collect::<Vec<_>>();
    State {
        files,
        index: std::fs::read(clone.folder.join(".git/index")).unwrap_or_default(),
        refs: own.join("\n"),
        remote: hub.git(&refs),
    }
}

/// How often Intune was asked for a signing request.
fn requests(world: &World) -> usize {
    let asked = world.state().requests();
    asked.iter().filter(|one| one.path.contains("CertificateSigningRequest")).count()
}
