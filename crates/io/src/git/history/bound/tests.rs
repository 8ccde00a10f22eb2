#![expect(clippy::disallowed_methods, reason = "tests build real repositories with the real git")]

use tempfile::TempDir;

use super::*;
use crate::git::testing::git;
use applecart_core::ledger::FirstTopic;

const A: &str = "6d1f0c5e-8a34-4b7a-9a51-0d6c2f6f1b11";
const B: &str = "7d1f0c5e-8a34-4b7a-9a51-0d6c2f6f1b11";

struct World(TempDir);

impl World {
    fn new() -> Self {
        let world = Self(tempfile::tempdir().unwrap());
        world.git(&["init", "--quiet", "-b", "main"]);
        world
    }

    fn git(&self, args: &[&str]) -> String {
        git(self.0.path(), args)
    }

    /// Commits that a folder names this tenant.
    fn names(&self, folder: &str, tenant: &str, digit: char) -> String {
        let digest = String::from(digit).repeat(64);
        self.says(folder, &format!("tenantId: {tenant}\nvpp:\n  - sha256: {digest}\n"))
    }

    /// Commits that a folder watches a push certificate with this topic.
    fn watches(&self, folder: &str, tenant: &str, topic: &str) -> String {
        self.says(folder, &format!(
            "apiVersion: applecart/v1\nkind: Tenant\nname: {folder}\ntenantId: {tenant}\nwatch: [push]\npush: {{topic: {topic}}}\n"
        ))
    }

    fn says(&self, folder: &str, text: &str) -> String {
        let path = self.0.path().join("tenants").join(folder);
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("tenant.yaml"), text).unwrap();
        self.commit()
    }

    fn commit(&self) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "-m", "x"]);
        self.git(&["rev-parse", "HEAD"])
    }

    fn told(&self, applied: &[&str]) -> Told {
        let applied = applied.iter().map(|rev| (*rev).to_owned()).collect();
        let repo = Repo::discover(self.0.path()).unwrap();
        let head = repo.resolve("HEAD").unwrap();
        match repo.bound_history(&head, &applied).unwrap() {
            Known::Whole(told) => told,
            Known::Part(_) => panic!("nothing is cut off here"),
        }
    }

    fn history(&self, applied: &[&str]) -> History {
        self.told(applied).bindings
    }

    /// What the kept file holds, for this tip.
    fn stored(&self) -> Option<Collected> {
        let folder = self.0.path().join(".git");
        let stored = slot::Slot::of(&folder).load(&State::of(&folder))?;
        assert_eq!(stored.tip.to_string(), self.git(&["rev-parse", "HEAD"]));
        Some(stored.collected)
    }

    fn kept(&self) -> std::path::PathBuf {
        self.0.path().join(".git/applecart/bound")
    }
}

fn folder() -> Owned {
    Owned::Folder("contoso".to_owned())
}

fn tenants(history: &History, owned: &Owned, beside: bool) -> Vec<String> {
    let all = history.entries().filter(|(is, of, _)| *is == beside && *of == owned);
    all.map(|(_, _, bound)| bound.tenant.to_string()).collect()
}

#[test]
fn who_was_first_stays_first_and_what_came_since_is_added() {
    let world = World::new();
    let first = world.names("contoso", A, 'a');
    assert_eq!(tenants(&world.history(&[]), &folder(), false), [A]);
    world.names("contoso", B, 'a');
    let history = world.history(&[]);
    assert_eq!(tenants(&history, &folder(), false), [A, B]);
    let file: Owned = format!("sha256:{}", "a".repeat(64)).parse().unwrap();
    assert_eq!(tenants(&history, &file, false), [A, B]);
    assert_eq!(history.first(&file).unwrap().commit, first);
    // The same, made again from nothing and from what was kept.
    std::fs::remove_file(world.kept()).unwrap();
    assert_eq!(world.history(&[]), history);
    assert_eq!(world.history(&[]), history);
}

#[test]
fn what_is_kept_is_believed_only_as_it_was_written_and_for_this_mainline() {
    let world = World::new();
    world.names("contoso", A, 'a');
    let history = world.history(&[]);
    let text = std::fs::read_to_string(world.kept()).unwrap();
    std::fs::write(world.kept(), text.replace(A, B)).unwrap();
    assert_eq!(world.history(&[]), history);
    // Another history, by force: nothing of the first is left.
    world.git(&["checkout", "--quiet", "--orphan", "other"]);
    world.names("contoso", B, 'b');
    assert_eq!(tenants(&world.history(&[]), &folder(), false), [B]);
}

#[test]
fn a_merge_that_puts_the_mainline_aside_does_not_unbind_what_was_applied() {
    let world = World::new();
    world.names("fabrikam", B, 'f');
    world.git(&["branch", "evil"]);
    let applied = world.names("contoso", A, 'a');
    world.git(&["checkout", "--quiet", "evil"]);
    world.names("contoso", B, 'a');
    world.git(&["merge", "--quiet", "-s", "ours", "-m", "Merge main", "main"]);
    assert_eq!(tenants(&world.history(&[]), &folder(), false), [B]);
    for _ in 0..2 {
        let history = world.history(&[&applied]);
        assert_eq!(tenants(&history, &folder(), true), [A]);
        // What both had before they parted is said once.
        let shared = Owned::Folder("fabrikam".to_owned());
        assert!(tenants(&history, &shared, true).is_empty());
    }
    // A commit that nobody merged says nothing, and neither does one that is not here.
    world.git(&["checkout", "--quiet", "-b", "unmerged"]);
    let unmerged = world.names("adatum", A, 'd');
    world.git(&["checkout", "--quiet", "evil"]);
    let history = world.history(&[&applied, &unmerged, &"1".repeat(40)]);
    assert!(tenants(&history, &Owned::Folder("adatum".to_owned()), true).is_empty());
}

#[test]
fn a_shallow_clone_has_only_a_part() {
    let world = World::new();
    world.names("contoso", A, 'a');
    world.names("contoso", B, 'b');
    let clone = tempfile::tempdir().unwrap();
    let (url, into) = (
        format!("file://{}", world.0.path().display()),
        clone.path().join("c").display().to_string(),
    );
    world.git(&["clone", "--quiet", "--depth=1", &url, &into]);
    let repo = Repo::discover(&clone.path().join("c")).unwrap();
    let head = repo.resolve("HEAD").unwrap();
    assert!(matches!(repo.bound_history(&head, &BTreeSet::new()).unwrap(), Known::Part(_)));
    let base = repo.base(&crate::git::Wanted::Default).unwrap().unwrap();
    repo.fetch_history(&base).unwrap();
    let repo = repo.reopen().unwrap();
    let Known::Whole(told) = repo.bound_history(&head, &BTreeSet::new()).unwrap() else {
        panic!("all of it was fetched")
    };
    assert_eq!(tenants(&told.bindings, &folder(), false), [A, B]);
}

#[test]
fn the_topic_that_was_named_first_is_told_again_from_what_was_kept() {
    let world = World::new();
    let (one, two) = ("com.apple.mgmt.External.1", "com.apple.mgmt.External.2");
    let first = FirstTopic::Named(one.parse().unwrap());
    world.watches("contoso", A, one);
    assert_eq!(world.told(&[]).topics.of(A.parse().unwrap()), first);
    world.git(&["mv", "tenants/contoso", "tenants/contoso-ltd"]);
    world.watches("contoso-ltd", A, two);
    for _ in 0..2 {
        let topics = world.told(&[]).topics;
        assert_eq!(topics.of(A.parse().unwrap()), first);
        assert_eq!(topics.of(B.parse().unwrap()), FirstTopic::None);
    }
    let again = world.told(&[]);
    std::fs::remove_file(world.kept()).unwrap();
    assert_eq!(world.told(&[]), again);
}

#[test]
fn no_name_of_a_folder_and_no_date_of_a_commit_makes_every_run_walk_again() {
    let world = World::new();
    for name in ["Not A Name", "two\nlines"] {
        world.names(name, B, 'b');
    }
    world.names("contoso", A, 'a');
    let far = "253402300900 +0000";
    let folder = world.0.path();
    std::fs::write(folder.join("tenants/contoso/tenant.yaml"), format!("tenantId: {A}\n")).unwrap();
    world.git(&["add", "--all"]);
    let tree = world.git(&["write-tree"]);
    let head = world.git(&["rev-parse", "HEAD"]);
    let text = format!(
        "tree {tree}\nparent {head}\nauthor x <x@example.invalid> {far}\ncommitter x <x@example.invalid> {far}\n\nx\n"
    );
    std::fs::write(folder.join("commit"), text).unwrap();
    let commit = world.git(&["hash-object", "-t", "commit", "-w", "commit"]);
    world.git(&["reset", "--quiet", "--hard", &commit]);
    let told = world.told(&[]);
    assert_eq!(world.stored().unwrap().told, told);
    let folders = told.bindings.entries().filter(|(_, owned, _)| matches!(owned, Owned::Folder(_)));
    assert_eq!(folders.count(), 1, "the others are no tenant's");
}

#[test]
fn an_applied_commit_is_looked_up_once_and_one_outside_again_when_it_may_be_merged() {
    let world = World::new();
    let on = world.names("contoso", A, 'a');
    world.git(&["checkout", "--quiet", "-b", "renew"]);
    let outside = world.names("adatum", B, 'd');
    world.git(&["checkout", "--quiet", "main"]);
    world.names("contoso", A, 'b');
    let applied = [on.as_str(), outside.as_str(), "ABCDEF", "main"];
    assert_eq!(world.told(&applied).mainline, BTreeSet::from([on.clone()]));
    let stored = world.stored().unwrap();
    assert_eq!((stored.outside, stored.beside.len()), (BTreeSet::from([outside.clone()]), 0));
    world.git(&["merge", "--quiet", "--no-ff", "-m", "Merge", "renew"]);
    assert_eq!(world.told(&applied).mainline, BTreeSet::from([on]));
    let stored = world.stored().unwrap();
    assert_eq!((stored.beside, stored.outside.len()), (BTreeSet::from([outside]), 0));
}

#[test]
fn every_settings_file_there_ever_was_is_found_also_behind_a_merge_that_put_it_aside() {
    let world = World::new();
    let settings = |text: &str| {
        std::fs::write(world.0.path().join("applecart.yaml"), text).unwrap();
        world.commit();
    };
    let found = || {
        let repo = Repo::discover(world.0.path()).unwrap();
        let all = repo.past_settings("HEAD").unwrap().into_iter();
        all.map(|bytes| String::from_utf8(bytes).unwrap()).collect::<BTreeSet<_>>()
    };
    let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect::<BTreeSet<_>>();
    settings("one");
    world.git(&["branch", "evil"]);
    settings("two");
    settings("one");
    assert_eq!(found(), texts(&["one", "two"]));
    world.git(&["checkout", "--quiet", "evil"]);
    settings("evil");
    world.git(&["merge", "--quiet", "-s", "ours", "-m", "Merge main", "main"]);
    settings("three");
    // What main had before its tip is as good as never merged; its tip is not.
    for _ in 0..2 {
        assert_eq!(found(), texts(&["evil", "one", "three"]));
    }
    world.git(&["checkout", "--quiet", "main"]);
    assert_eq!(found(), texts(&["one", "two"]), "and of another mainline nothing is taken over");
}
