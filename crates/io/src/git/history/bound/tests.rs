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

fn file(digit: char) -> Owned {
    format!("sha256:{}", String::from(digit).repeat(64)).parse().unwrap()
}

/// Who has claimed something, and who of them was first.
fn tenants(history: &History, owned: &Owned) -> (Vec<String>, Vec<String>) {
    let name = |bound: &Bound| bound.value.to_string();
    let claims = history.of(owned).into_iter();
    let all = claims.clone().flat_map(|claims| claims.settled()).map(|(bound, _)| name(bound));
    (all.collect(), claims.flat_map(|claims| claims.firsts()).map(name).collect())
}

fn both(first: &str, second: &str) -> Vec<String> {
    vec![first.to_owned(), second.to_owned()]
}

fn alone(one: &str) -> (Vec<String>, Vec<String>) {
    (vec![one.to_owned()], vec![one.to_owned()])
}

#[test]
fn who_was_first_stays_first_and_what_came_since_is_added() {
    let world = World::new();
    let first = world.names("contoso", A, 'a');
    assert_eq!(tenants(&world.history(&[]), &folder()), alone(A));
    world.names("contoso", B, 'a');
    let history = world.history(&[]);
    for owned in [folder(), file('a')] {
        assert_eq!(tenants(&history, &owned), (both(A, B), vec![A.to_owned()]));
        assert_eq!(history.of(&owned).unwrap().firsts().next().unwrap().commit, first);
    }
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
    assert_eq!(tenants(&world.history(&[]), &folder()), alone(B));
}

#[test]
fn what_a_branch_had_before_it_was_merged_binds_and_also_if_nothing_of_it_is_left() {
    let world = World::new();
    world.names("fabrikam", B, 'f');
    world.git(&["checkout", "--quiet", "-b", "renew"]);
    world.names("contoso", A, 'a');
    world.names("contoso", A, 'b');
    world.git(&["checkout", "--quiet", "main"]);
    world.git(&["merge", "--quiet", "--no-ff", "-m", "Merge", "renew"]);
    assert_eq!(tenants(&world.history(&[]), &file('a')), alone(A));
    world.git(&["checkout", "--quiet", "-b", "dropped", "main^"]);
    world.names("adatum", A, 'd');
    world.git(&["checkout", "--quiet", "main"]);
    world.git(&["merge", "--quiet", "-s", "ours", "-m", "Merge", "dropped"]);
    for _ in 0..2 {
        assert_eq!(tenants(&world.history(&[]), &file('d')), alone(A));
        std::fs::remove_file(world.kept()).unwrap();
    }
    world.names("fabrikam", B, 'a');
    assert_eq!(tenants(&world.history(&[]), &file('a')), (both(A, B), vec![A.to_owned()]));
}

#[test]
fn a_fast_forward_to_a_line_that_merged_the_mainline_rewrites_no_owner() {
    let world = World::new();
    world.names("fabrikam", B, 'f');
    world.git(&["branch", "evil"]);
    world.names("contoso", A, 'a');
    // What is kept is of the mainline as it was.
    assert_eq!(tenants(&world.history(&[]), &file('a')), alone(A));
    world.git(&["checkout", "--quiet", "evil"]);
    world.names("fabrikam", B, 'a');
    world.git(&["merge", "--quiet", "-s", "ours", "-m", "Merge main", "main"]);
    for again in [true, false] {
        let history = world.history(&[]);
        let (claimed, mut first) = tenants(&history, &file('a'));
        first.sort_unstable();
        assert_eq!((claimed.len(), first), (2, both(A, B)));
        assert_eq!(tenants(&history, &file('f')), alone(B));
        if again {
            std::fs::remove_file(world.kept()).unwrap();
        }
    }
    // What comes after both is later than both.
    world.names("adatum", "8d1f0c5e-8a34-4b7a-9a51-0d6c2f6f1b11", 'a');
    let (claimed, first) = tenants(&world.history(&[]), &file('a'));
    assert_eq!((claimed.len(), first.len()), (3, 2));
}

#[test]
fn an_empty_difference_takes_no_topic_from_a_tenant() {
    let world = World::new();
    let (one, two) = ("com.apple.mgmt.External.1", "com.apple.mgmt.External.2");
    let first = || world.told(&[]).topics.of(A.parse().unwrap());
    world.watches("contoso", A, one);
    // A topic that the line itself has changed stays later.
    world.watches("contoso", A, two);
    world.watches("contoso", A, one);
    assert_eq!(first(), FirstTopic::Named(one.parse().unwrap()));
    world.git(&["checkout", "--quiet", "--orphan", "evil"]);
    world.watches("contoso", A, two);
    let merge =
        ["merge", "--quiet", "-s", "ours", "--allow-unrelated-histories", "-m", "x", "main"];
    world.git(&merge);
    world.git(&["checkout", "--quiet", "main", "--", "."]);
    world.git(&["commit", "--quiet", "--amend", "-m", "x"]);
    assert_eq!(world.git(&["diff", "main", "evil"]), "");
    let topics = [one, two].map(|topic| topic.parse().unwrap()).to_vec();
    assert_eq!(first(), FirstTopic::Disputed(topics));
}

#[test]
fn an_open_branch_tells_whose_its_files_are_and_nothing_else() {
    let world = World::new();
    world.names("fabrikam", B, 'f');
    world.git(&["checkout", "--quiet", "-b", "renew/contoso/vpp"]);
    world.names("contoso", A, 'a');
    world.git(&["checkout", "--quiet", "-b", "pr", "main"]);
    let planned = world.names("fabrikam", B, 'a');
    world.git(&["checkout", "--quiet", "main"]);
    let hear = |told: &mut Told, planned: Option<&str>| {
        let repo = Repo::discover(world.0.path()).unwrap();
        let branches = repo.renewal_branches(None, &|name| name == "main" || name == "pr").unwrap();
        let planned = planned.map(|commit| Beside { commit: commit.to_owned(), branch: None });
        let all: Vec<Beside> =
            planned.into_iter().chain(branches.into_iter().map(Beside::from)).collect();
        repo.hear_beside(told, &repo.resolve("HEAD").unwrap(), &all).unwrap();
    };
    let mine: TenantId = B.parse().unwrap();
    let mut told = world.told(&[]);
    hear(&mut told, Some(&planned));
    let says = told.bindings.elsewhere(&file('a'), mine);
    assert!(
        matches!(
            says[..],
            [applecart_core::rules::bindings::Says::Open { branch: "renew/contoso/vpp", .. }]
        ),
        "{says:?}"
    );
    assert!(told.bindings.of(&folder()).is_none(), "a folder may begin on a branch");
    // The same once the other was merged: that one was merged first makes it nobody's.
    world.git(&["merge", "--quiet", "--no-ff", "-m", "Merge", "pr"]);
    let mut told = world.told(&[]);
    hear(&mut told, None);
    assert_eq!(told.bindings.elsewhere(&file('a'), mine).len(), 1);
    // A branch that came after it takes nothing away.
    world.git(&["checkout", "--quiet", "-B", "renew/contoso/vpp"]);
    world.names("contoso", A, 'f');
    world.git(&["checkout", "--quiet", "main"]);
    let mut told = world.told(&[]);
    hear(&mut told, None);
    assert!(told.bindings.elsewhere(&file('f'), mine).is_empty());
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
    assert_eq!(tenants(&told.bindings, &folder()), (both(A, B), vec![A.to_owned()]));
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
    let folders = told.bindings.entries().filter(|(owned, _)| matches!(owned, Owned::Folder(_)));
    assert_eq!(folders.count(), 1, "the others are no tenant's");
}

#[test]
fn an_applied_commit_is_looked_up_once_and_again_when_it_may_be_on_the_mainline() {
    let world = World::new();
    let on = world.names("contoso", A, 'a');
    world.git(&["checkout", "--quiet", "-b", "renew"]);
    let outside = world.names("adatum", B, 'd');
    world.git(&["checkout", "--quiet", "main"]);
    let applied = [on.as_str(), outside.as_str(), "ABCDEF", "main"];
    assert_eq!(world.told(&applied).mainline, BTreeSet::from([on.clone()]));
    assert_eq!(world.stored().unwrap().elsewhere, BTreeSet::from([outside.clone()]));
    world.git(&["merge", "--quiet", "--ff-only", "renew"]);
    assert_eq!(world.told(&applied).mainline, BTreeSet::from([on, outside]));
    assert!(world.stored().unwrap().elsewhere.is_empty());
}

#[test]
fn settings_that_were_replaced_are_found_in_order_also_those_that_a_merge_put_aside() {
    let world = World::new();
    let settings = |text: &str| {
        std::fs::write(world.0.path().join("applecart.yaml"), text).unwrap();
        world.commit();
    };
    let found = || {
        let repo = Repo::discover(world.0.path()).unwrap();
        let past = repo.past_settings("HEAD").unwrap();
        let texts = |all: Vec<Vec<u8>>| {
            all.into_iter().map(|bytes| String::from_utf8(bytes).unwrap()).collect::<Vec<_>>()
        };
        (texts(past.mainline), texts(past.aside))
    };
    let nothing: [&str; 0] = [];
    settings("one");
    assert_eq!(found(), (vec![], vec![]), "of now are none of before");
    world.git(&["branch", "evil"]);
    settings("two");
    settings("one");
    for _ in 0..2 {
        let (mainline, aside) = found();
        assert_eq!((mainline, aside.as_slice()), (vec!["one".into(), "two".into()], &[][..]));
    }
    world.git(&["checkout", "--quiet", "evil"]);
    settings("evil");
    // The first parent's own is no news, and what the mainline never had is.
    world.git(&["merge", "--quiet", "-s", "ours", "-m", "Merge main", "main~1"]);
    assert_eq!(found(), (vec!["one".into()], vec!["two".into()]));
    settings("three");
    for _ in 0..2 {
        assert_eq!(found(), (vec!["one".into(), "evil".into()], vec!["two".into()]));
    }
    world.git(&["merge", "--quiet", "-s", "ours", "-m", "Merge main", "main"]);
    assert_eq!(found().1, ["two"], "what the mainline had before is not put aside");
    world.git(&["checkout", "--quiet", "main"]);
    let (mainline, aside) = found();
    assert_eq!(mainline, ["one", "two"], "of another mainline nothing is taken over");
    assert_eq!(aside, nothing);
}
