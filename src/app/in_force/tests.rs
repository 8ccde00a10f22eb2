#![expect(clippy::disallowed_methods, reason = "tests build real clones with the real git")]

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;

use super::*;
use applecart_core::model::Timestamp;
use applecart_io::git::Wanted;
use applecart_io::git::testing::git;

const FLEET: &str = "apiVersion: applecart/v1
kind: Fleet
auth: {clientId: 2f6b0000-0000-4000-8000-000000000001, credential: client-secret}
";
const TENANT: &str = "apiVersion: applecart/v1
kind: Tenant
name: contoso
tenantId: 6d1f0c5e-8a34-4b7a-9a51-0d6c2f6f1b11
push: {appleId: mdm@contoso.example, topic: com.apple.mgmt.External.1}
";

/// Stands still until a test sets it.
#[derive(Default)]
struct Seconds(AtomicU64);

impl Clock for Seconds {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix(0).unwrap()
    }

    fn elapsed(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::Relaxed))
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'_, ()> {
        futures::future::ready(()).boxed()
    }

    fn pause(&self, _: Duration) {}
}

/// A remote, a clone in which people work, and a clone that applies its commit.
struct World {
    folder: TempDir,
    clock: Arc<Seconds>,
}

impl World {
    fn new() -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap(), clock: Arc::default() };
        world.git("", &["init", "--quiet", "--bare", "-b", "main", "remote"]);
        world.git("", &["clone", "--quiet", "remote", "author"]);
        std::fs::create_dir_all(world.path("author/tenants/contoso")).unwrap();
        world.merge("applecart.yaml", FLEET);
        world.merge("tenants/contoso/tenant.yaml", TENANT);
        world.git("", &["clone", "--quiet", "remote", "run"]);
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn git(&self, folder: &str, args: &[&str]) {
        git(&self.path(folder), args);
    }

    fn merge(&self, file: &str, text: &str) {
        std::fs::write(self.path("author").join(file), text).unwrap();
        self.git("author", &["add", "--all"]);
        self.git("author", &["commit", "--quiet", "-m", "Change it"]);
        self.git("author", &["push", "--quiet", "origin", "HEAD:main"]);
    }

    fn watched(&self) -> (Watched, Tenant) {
        let repo = Repo::discover(&self.path("run")).unwrap();
        let applied = repo.resolve("HEAD").unwrap();
        let policy = fleet::load_policy(Some(FLEET.as_bytes())).0.unwrap();
        let folder = repo.tenant(&applied, "contoso").unwrap().unwrap();
        let tenant = fleet::load_folder(folder, Some(&policy)).unwrap().valid().unwrap().clone();
        let base = repo.base(&Wanted::Default).unwrap().unwrap();
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let (asked, ended) = (None, None);
        let watched = Watched { repo, base, applied, policy, clock, asked, ended };
        (watched, tenant)
    }
}

fn suspended() -> String {
    format!("{TENANT}suspend: {{reason: migration, until: 2099-01-01}}\n")
}

fn is_superseded(still: &Still) -> bool {
    matches!(still, Still::Superseded { .. })
}

#[test]
fn the_first_question_asks_the_remote_and_a_minute_later_so_does_the_next() {
    let world = World::new();
    let (mut watched, tenant) = world.watched();
    assert_eq!(watched.judge(&tenant), Still::InForce);
    world.merge("tenants/contoso/tenant.yaml", &suspended());
    world.clock.0.store(60, Ordering::Relaxed);
    assert_eq!(watched.judge(&tenant), Still::InForce, "an answer is good for a minute");
    world.clock.0.store(61, Ordering::Relaxed);
    assert!(is_superseded(&watched.judge(&tenant)));
}

#[test]
fn a_remote_that_does_not_answer_ends_the_run_for_every_tenant() {
    let world = World::new();
    let (mut watched, tenant) = world.watched();
    std::fs::rename(world.path("remote"), world.path("away")).unwrap();
    for _ in 0..2 {
        let still = watched.judge(&tenant);
        let Still::Unknown { why } = still else { panic!("{still:?}") };
        assert!(why.contains("nothing more is uploaded"), "{why}");
        // It is back, and the run does not begin again: what it missed is for the next one.
        std::fs::rename(world.path("away"), world.path("remote")).ok();
    }
}

#[test]
fn settings_that_changed_while_the_run_waited_end_it_and_a_comment_does_not() {
    let world = World::new();
    let (mut watched, tenant) = world.watched();
    world.merge("applecart.yaml", &format!("# a comment\n{FLEET}expiry: {{renewBefore: 90d}}\n"));
    assert_eq!(watched.judge(&tenant), Still::InForce);
    world.merge("applecart.yaml", &format!("{FLEET}safety: {{maxTenants: 1}}\n"));
    world.clock.0.store(100, Ordering::Relaxed);
    let still = watched.judge(&tenant);
    let Still::Superseded { why } = still else { panic!("{still:?}") };
    assert!(why.contains("applecart.yaml changed in origin/main in commit"), "{why}");
}

#[test]
fn a_branch_that_lost_the_applied_commit_supersedes_everything() {
    let world = World::new();
    let (mut watched, tenant) = world.watched();
    world.git("author", &["reset", "--quiet", "--hard", "HEAD~1"]);
    world.git("author", &["commit", "--quiet", "--allow-empty", "-m", "another"]);
    world.git("author", &["push", "--quiet", "--force", "origin", "HEAD:main"]);
    let still = watched.judge(&tenant);
    let Still::Superseded { why } = still else { panic!("{still:?}") };
    assert!(why.contains("does not contain commit"), "{why}");
}

#[test]
fn a_tenant_that_left_the_base_is_superseded_by_the_commit_that_removed_it() {
    let world = World::new();
    let (mut watched, tenant) = world.watched();
    world.git("author", &["rm", "-r", "--quiet", "tenants/contoso"]);
    world.merge("README.md", "Contoso left\n");
    let removed = {
        let repo = Repo::discover(&world.path("author")).unwrap();
        repo.resolve("HEAD").unwrap()
    };
    world.merge("README.md", "Later\n");
    let still = watched.judge(&tenant);
    let Still::Superseded { why } = still else { panic!("{still:?}") };
    assert!(why.contains(&format!("since commit {}", &removed[..12])), "{why}");
}
