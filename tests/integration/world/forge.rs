//! A forge that knows who pushes, and what somebody with the right to push may write.

use std::path::Path;
use std::process::Command;

use applecart_core::model::{Kind, Sha256, TenantId, Timestamp};
use serde_json::{Value, json};

use super::hub::{Clone, Hub, git, script};
use super::{Run, finish, in_days, tenant_id};

pub(crate) const LEDGER: &str = "applecart/ledger";
pub(crate) const NOTES: &str = "applecart/notes";

/// Who pushes, as the forge's sign-in tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum User {
    Reader,
    Author,
    Technician,
    /// A technician who was given the ledger as well.
    Deputy,
    Pipeline,
}

impl User {
    fn name(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Author => "author",
            Self::Technician => "technician",
            Self::Deputy => "deputy",
            Self::Pipeline => "pipeline",
        }
    }
}

/// What docs/ledger.md asks the forge for: a line for each right.
const RIGHTS: &str = r#"while read -r old new ref; do
  case "$FORGE_USER $ref" in
    "pipeline refs/heads/applecart/ledger") ;;
    "technician refs/heads/applecart/notes" | "technician refs/heads/renew/"*) ;;
    "deputy refs/heads/applecart/"* | "deputy refs/heads/renew/"*) ;;
    "author refs/heads/renew/"* | "author refs/heads/pr/"*) ;;
    *) echo "${FORGE_USER:-nobody} may not push $ref" >&2; exit 1 ;;
  esac
done"#;

impl Hub {
    /// From now on everybody pushes what is theirs, without force and without deleting.
    pub(crate) fn grant(&self) {
        script(&self.folder().join("hooks/pre-receive"), RIGHTS);
        for setting in ["receive.denyDeletes", "receive.denyNonFastForwards"] {
            self.git(&["config", setting, "true"]);
        }
    }

    /// The forge merges a reviewed pull request; no push to `main` is anybody's.
    pub(crate) fn merge(&self, branch: &str) {
        let old = self.git(&["rev-parse", "main"]);
        assert_eq!(self.git(&["merge-base", "main", branch]), old, "{branch} is up to date");
        self.git(&["update-ref", "refs/heads/main", &format!("refs/heads/{branch}")]);
    }

    /// The forge has the world's own commits on `main`, as if they had been reviewed.
    pub(crate) fn merge_world(&self) {
        let repo = self.world.repo();
        self.git(&["fetch", "--quiet", repo.to_str().unwrap(), "main:main"]);
    }

    /// Appends lines to a tenant's file as a plain push does: right numbers and a right chain.
    #[track_caller]
    pub(crate) fn append(&self, user: User, branch: &str, tenant: &str, lines: &[Value]) {
        self.append_to(user, branch, tenant_id(tenant), lines);
    }

    /// The same of a tenant id, or of the fleet's own file.
    #[track_caller]
    pub(crate) fn append_to(&self, user: User, branch: &str, file: TenantId, lines: &[Value]) {
        let clone = self.clone("forger", &["--branch", branch]);
        let path = clone.folder.join(format!("tenants/{file}.jsonl"));
        let mut text = std::fs::read_to_string(&path).unwrap_or_default();
        for line in lines {
            let (seq, prev) = match text.lines().last() {
                Some(last) => (text.lines().count(), Sha256::of(last.as_bytes()).to_string()),
                None => (0, "0".repeat(64)),
            };
            let mut line = line.clone();
            line["seq"] = json!(seq + 1);
            line["prev"] = json!(prev);
            text.push_str(&format!("{line}\n"));
        }
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        clone.git(&["add", "--all"]);
        clone.commit("applecart: 1 entry");
        assert!(clone.pushes(user, &format!("HEAD:refs/heads/{branch}")), "{user:?} {branch}");
        std::fs::remove_dir_all(clone.folder).unwrap();
    }

    /// A line of an event as a run would write it of this tenant's due renewal.
    pub(crate) fn line(&self, event: &str, tenant: &str, kind: Kind) -> Value {
        let (id, name, wire) = match kind {
            Kind::Push => (Value::Null, Value::Null, "pem"),
            Kind::Enrollment => (json!(format!("dep-{tenant}")), json!("ABM"), "base64"),
            Kind::Vpp => (json!(format!("vpp-{tenant}")), json!("London"), "text"),
        };
        let now = in_days(0);
        let live = self.world.live_until(tenant, kind).map(Timestamp::new);
        let (mut before, mut after) = (json!({"expires": live}), json!({}));
        after["expires"] = json!(Timestamp::new(in_days(365)));
        if kind == Kind::Push {
            before["serial"] = json!(self.world.live_serial(tenant));
            for field in ["topic", "serial", "expires"] {
                after[field] = json!(stated(self, tenant, field));
            }
            before["topic"] = after["topic"].clone();
        } else if kind == Kind::Vpp {
            after["expires"] = json!(stated(self, tenant, "expires"));
        }
        let mut line = json!({
            "actor": {"host": "runner", "user": "ci"}, "at": Timestamp::new(now), "event": event, "name": tenant,
            "clone": "5d0c0000-0000-4000-8000-0000000000c1",
            "run": "5d0c0000-0000-4000-8000-0000000000d1",
            "rev": self.git(&["rev-parse", "main"]),
            "token": {"kind": kind.to_string(), "id": id, "name": name},
            "before": before, "after": after,
        });
        if !["observed", "adopted", "changed-outside-git"].contains(&event) {
            line["sha256"] = json!(stated(self, tenant, "sha256"));
            if kind == Kind::Enrollment {
                line["downloaded"] = json!(stated(self, tenant, "downloaded"));
            }
        }
        if ["intended", "applied"].contains(&event) {
            line["planDigest"] = json!(format!("sha256:{}", "b".repeat(64)));
            line["wire"] = json!(wire);
        }
        match event {
            "intended" => line["leaseUntil"] = json!(Timestamp::new(now + minutes(15))),
            "failed" => line["cause"] = json!({"code": "rejected", "status": 400}),
            "verified" => drop(line.as_object_mut().unwrap().remove("before")),
            _ => {}
        }
        line
    }
}

fn minutes(count: i64) -> chrono::Duration {
    chrono::Duration::minutes(count)
}

/// What the merged tenant file states of its token.
pub(crate) fn stated(hub: &Hub, tenant: &str, field: &str) -> String {
    let text = hub.git(&["show", &format!("main:tenants/{tenant}/tenant.yaml")]);
    let start = format!("{field}: ");
    let line = text.lines().find_map(|line| line.trim().strip_prefix(&start));
    line.unwrap_or_else(|| panic!("{field} is not in {text}")).trim_matches('\'').to_owned()
}

impl Clone<'_> {
    /// Runs the program as somebody whom the forge knows, with every secret there is: what is not
    /// done is not done for want of a right.
    pub(crate) fn run_as(&self, user: User, arguments: &[&str]) -> Run {
        let mut command = self.command(arguments);
        command.env("FORGE_USER", user.name());
        finish(command)
    }

    /// Whether a plain push is taken.
    pub(crate) fn pushes(&self, user: User, refspec: &str) -> bool {
        pushes(&self.folder, user, &["origin", refspec])
    }
}

fn pushes(folder: &Path, user: User, arguments: &[&str]) -> bool {
    let mut command = Command::new("git");
    command.current_dir(folder).env("FORGE_USER", user.name());
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
    command.args(["push", "--quiet"]).args(arguments);
    command.output().unwrap().status.success()
}

/// Everything that a clone with every branch holds: each object's content.
pub(crate) fn every_object(hub: &Hub) -> Vec<u8> {
    let folder = hub.world.path("mirror");
    let path = folder.to_str().unwrap();
    git(hub.world.path(""), &["clone", "--quiet", "--mirror", "--", &hub.url(), path]);
    let mut command = Command::new("git");
    command.current_dir(&folder).args(["cat-file", "--batch", "--batch-all-objects"]);
    let objects = command.output().unwrap().stdout;
    std::fs::remove_dir_all(folder).unwrap();
    objects
}
