//! Bad days, with the real program, the real `git` and a real HTTP server: whatever happens, a run ends within
//! its stated time and says what it did not do, and a later one brings every token to where Git says it is.
//!
//! The short forms run with every `cargo test`. The long ones, with their commands, stand in
//! docs/reliability.md; they take an optimised program, which `APPLECART_LONG_PROGRAM` names.

mod clock;
mod disk;
mod hangs;
mod kills;
mod repositories;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use applecart_core::model::{Kind, Timestamp};
use chrono::Utc;
use serde_json::Value;

use crate::world::hub::{Clone, Hub};
use crate::world::{Run, finish, in_days, long_program, tenant_id};

const KINDS: [Kind; 3] = [Kind::Push, Kind::Enrollment, Kind::Vpp];

/// Far more than a run takes on a slow machine where nothing hangs.
const BRIEF: Duration = Duration::from_secs(300);

/// A fleet at its hub, whose tokens of all kinds are due.
struct Fleet {
    hub: Hub,
    names: Vec<String>,
    /// What nobody may find on a disk: the key, the client secret, and what the token files hold.
    secrets: Vec<String>,
}

impl Fleet {
    fn of(tenants: usize) -> Self {
        let hub = Hub::new();
        let names: Vec<String> = (0..tenants).map(|number| format!("customer{number}")).collect();
        let mut secrets = vec![hub.world.key.clone(), hub.world.secret.clone()];
        for name in &names {
            hub.world.live_of_all_kinds(name);
            let live = hub.world.state().tenant(tenant_id(name)).unwrap();
            let topic = live.apple_push_notification_certificate.unwrap().topic_identifier;
            let enrollment = hub.world.enrollment_file(name);
            let vpp = hub.world.vpp_file("London", 364);
            let tokens = hub.world.tokens(name).push(&hub.world.issue(Some(&topic), 364));
            let tokens = tokens.enrollment(&enrollment, "");
            tokens.vpp("London", Some(&format!("vpp-{name}")), &vpp, "").commit();
            secrets.push(vpp.text);
            secrets.extend(enrollment.lines().max_by_key(|line| line.len()).map(str::to_owned));
        }
        hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
        Self { hub, names, secrets }
    }

    /// A clone whose remote's own programs outlive the death of whoever asks, as those of a server do.
    fn clone(&self, name: &str) -> Clone<'_> {
        let clone = self.hub.clone(name, &[]);
        clone.git(&["config", "remote.origin.receivepack", "setsid -w git-receive-pack"]);
        clone.git(&["config", "remote.origin.uploadpack", "setsid -w git-upload-pack"]);
        std::fs::create_dir_all(self.temporary()).unwrap();
        clone
    }

    fn temporary(&self) -> PathBuf {
        self.hub.world.path("temporary")
    }

    fn command(&self, clone: &Clone<'_>, arguments: &[&str]) -> Command {
        let mut command = long_program(&clone.command(arguments));
        command.env("TMPDIR", self.temporary());
        command
    }

    fn run(&self, clone: &Clone<'_>, arguments: &[&str]) -> Run {
        let begun = Instant::now();
        let run = finish(self.command(clone, arguments));
        assert!(begun.elapsed() < BRIEF, "{arguments:?} took {:?}", begun.elapsed());
        run
    }

    /// The lines of all tenants at the hub.
    fn lines(&self) -> Vec<Value> {
        let files = self.hub.git(&["ls-tree", "-r", "--name-only", crate::world::hub::REFNAME]);
        let files = files.lines().filter(|file| file.starts_with("tenants/"));
        let shown = files
            .map(|file| self.hub.git(&["show", &format!("{}:{file}", crate::world::hub::REFNAME)]));
        let text = shown.collect::<Vec<_>>().join("\n");
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// How many lines of a token's are at the hub, with this event.
    fn recorded(lines: &[Value], name: &str, kind: Kind, event: &str) -> usize {
        let is_about = |line: &&Value| {
            line["name"] == *name
                && line["token"]["kind"] == kind.to_string()
                && line["event"] == *event
        };
        lines.iter().filter(is_about).count()
    }

    /// How many files arrived.
    fn arrived(&self) -> usize {
        self.tokens().map(|(name, kind)| self.hub.world.uploads_of(name, kind)).sum()
    }

    /// What must hold at every moment: no file arrived twice, and none that was not announced at the hub.
    #[track_caller]
    fn has_sent_nothing_twice(&self) {
        let lines = self.lines();
        for (name, kind) in self.tokens() {
            let arrived = self.hub.world.uploads_of(name, kind);
            assert!(arrived < 2, "{name} {kind} arrived {arrived} times");
            let announced = Self::recorded(&lines, name, kind, "intended");
            assert!(arrived <= announced, "{name} {kind} arrived and was not announced");
        }
        assert_eq!(self.hub.world.state().violations(), []);
    }

    fn tokens(&self) -> impl Iterator<Item = (&str, Kind)> {
        self.names.iter().flat_map(|name| KINDS.map(|kind| (&**name, kind)))
    }

    /// The next runs, at once and after the settling time: all is as Git says, recorded, and nothing is in
    /// the way.
    #[track_caller]
    fn ends_well(&self, clone: &Clone<'_>) {
        let run = self.run(clone, &["apply", "--yes"]);
        assert!(matches!(run.code, 0 | 3 | 6), "{run:?}");
        self.has_sent_nothing_twice();
        let mut at = Utc::now();
        for hours in [1, 2, 4, 8, 16] {
            at += chrono::Duration::hours(hours);
            let now = Timestamp::new(at).to_string();
            let run = self.run(clone, &["apply", "--yes", "--wait", "10s", "--now", &now]);
            assert!(matches!(run.code, 0 | 3), "{run:?}");
            let plan = self.run(clone, &["plan", "--detailed-exitcode", "--now", &now]);
            if (run.code, plan.code) == (0, 0) {
                self.run(clone, &["ledger", "verify", "--now", &now]).ends_with(0);
                return self.is_as_git_says(clone);
            }
        }
        panic!("after a day, not everything is as Git says: {:?}", self.run(clone, &["plan"]));
    }

    #[track_caller]
    fn is_as_git_says(&self, clone: &Clone<'_>) {
        self.has_sent_nothing_twice();
        let lines = self.lines();
        for (name, kind) in self.tokens() {
            assert_eq!(self.hub.world.uploads_of(name, kind), 1, "{name} {kind}");
            let until = self.hub.world.live_until(name, kind).unwrap();
            assert!(until > in_days(300), "{name} {kind}: {until}");
            // Two clones that both saw it may both have recorded it.
            assert!(Self::recorded(&lines, name, kind, "confirmed") > 0, "{name} {kind}");
        }
        let (left, _) = self.left_behind(clone);
        assert!(left.is_empty(), "locks were left behind: {left:?}");
    }

    /// Git's lock files in the clone and at the hub, and how many temporary files there are. No file holds
    /// what is secret.
    fn left_behind(&self, clone: &Clone<'_>) -> (Vec<PathBuf>, usize) {
        let (mut locks, mut temporary) = (Vec::new(), 0);
        let git = clone.folder.join(".git");
        for file in [files(&git), files(&self.hub.folder()), files(&self.temporary())].concat() {
            let bytes = std::fs::read(&file).unwrap_or_default();
            for secret in &self.secrets {
                let found = memchr::memmem::find(&bytes, secret.as_bytes());
                assert!(found.is_none(), "a secret lies in {}", file.display());
            }
            let name = file.file_name().unwrap().to_string_lossy();
            // Applecart's own are locks of the system's, which no dead process holds.
            let is_ours = file.starts_with(git.join("applecart"));
            if name.ends_with(".lock") && !is_ours {
                locks.push(file);
            } else if name.starts_with("tmp_") || file.starts_with(self.temporary()) {
                temporary += 1;
            }
        }
        (locks, temporary)
    }
}

/// Every file in a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(files(&entry.path())),
            _ => found.push(entry.path()),
        }
    }
    found
}
