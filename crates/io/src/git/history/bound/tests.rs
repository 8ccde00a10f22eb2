#![expect(clippy::disallowed_methods, reason = "tests build real repositories with the real git")]

use tempfile::TempDir;

use super::*;
use crate::git::testing::git;

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
        let path = self.0.path().join("tenants").join(folder);
        std::fs::create_dir_all(&path).unwrap();
        let digest = String::from(digit).repeat(64);
        let text = format!("tenantId: {tenant}\nvpp:\n  - sha256: {digest}\n");
        std::fs::write(path.join("tenant.yaml"), text).unwrap();
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "-m", "x"]);
        self.git(&["rev-parse", "HEAD"])
    }

    fn history(&self, applied: &[&str]) -> History {
        let applied = applied.iter().map(|rev| (*rev).to_owned()).collect();
        let repo = Repo::discover(self.0.path()).unwrap();
        let head = repo.resolve("HEAD").unwrap();
        match repo.bound_history(&head, &applied).unwrap() {
            Known::Whole(history) => history,
            Known::Part(_) => panic!("nothing is cut off here"),
        }
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
    let Known::Whole(history) = repo.bound_history(&head, &BTreeSet::new()).unwrap() else {
        panic!("all of it was fetched")
    };
    assert_eq!(tenants(&history, &folder(), false), [A, B]);
}
