#![expect(clippy::disallowed_methods, reason = "tests build real repositories in real folders")]

use std::fs;
use std::path::Path;

use git2::{Repository, Signature};
use tempfile::TempDir;

use super::*;
use applecart_core::fleet::{
    Entry, EntryKind, MAX_ENTRIES, MAX_SETTINGS_BYTES, MAX_TOKEN_BYTES, Source, load,
};

const BLOB: i32 = 0o100_644;
const EXECUTABLE: i32 = 0o100_755;
const LINK: i32 = 0o120_000;
const SUBMODULE: i32 = 0o160_000;
const TREE: i32 = 0o040_000;

const POLICY: &str = "apiVersion: applecart/v1\nkind: Fleet\nauth:\n  clientId: 2f6b1c9d-2e6f-4704-a8b9-c3d2e1f0a9b8\n  credential: client-secret\n";

fn tenant(name: &str, id: u32) -> String {
    format!(
        "apiVersion: applecart/v1\nkind: Tenant\nname: {name}\ntenantId: {id:08x}-8a34-4b7a-9a51-0d6c2f6f1b11\n"
    )
}

/// A repository that is written object by object, so that it can also hold what `git add` refuses.
struct Fixture {
    folder: TempDir,
    raw: Repository,
}

impl Fixture {
    fn new(bare: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let raw = if bare {
            Repository::init_bare(folder.path()).unwrap()
        } else {
            Repository::init(folder.path()).unwrap()
        };
        Self { folder, raw }
    }

    fn open(&self) -> Repo {
        Repo::discover(self.folder.path()).unwrap()
    }

    fn blob(&self, content: &[u8]) -> Oid {
        self.raw.blob(content).unwrap()
    }

    /// Writes a tree as it stands, without the checks of a tree builder.
    fn tree(&self, entries: &[(&[u8], i32, Oid)]) -> Oid {
        let mut bytes = Vec::new();
        for (name, mode, id) in entries {
            bytes.extend_from_slice(format!("{mode:o} ").as_bytes());
            bytes.extend_from_slice(name);
            bytes.push(0);
            bytes.extend_from_slice(id.as_bytes());
        }
        self.raw.odb().unwrap().write(ObjectType::Tree, &bytes).unwrap()
    }

    fn commit(&self, tree: Oid) -> String {
        let who = Signature::new("t", "t@example", &git2::Time::new(0, 0)).unwrap();
        let tree = self.raw.find_tree(tree).unwrap();
        let parent = self.raw.head().ok().and_then(|head| head.peel_to_commit().ok());
        let parents: Vec<_> = parent.iter().collect();
        self.raw.commit(Some("HEAD"), &who, &who, "m", &tree, &parents).unwrap().to_string()
    }

    /// Commits `applecart.yaml` and these members of `tenants/`.
    fn fleet(&self, tenants: &[(&[u8], i32, Oid)]) -> String {
        let policy = self.blob(POLICY.as_bytes());
        let tenants = self.tree(tenants);
        self.commit(self.tree(&[(b"applecart.yaml", BLOB, policy), (b"tenants", TREE, tenants)]))
    }

    fn snapshot(&self) -> Source {
        self.open().snapshot("HEAD").unwrap()
    }
}

fn other(id: &str) -> Oid {
    Oid::from_str(&id.repeat(40)).unwrap()
}

#[test]
fn a_revision_is_read_without_its_worktree() {
    for bare in [false, true] {
        let fixture = Fixture::new(bare);
        let yaml = fixture.blob(tenant("contoso", 1).as_bytes());
        let sealed = fixture.blob(b"age-encryption.org/v1\n");
        let old = fixture.tree(&[(b"2024.age", BLOB, sealed)]);
        let contoso = fixture.tree(&[
            (b"link.age", LINK, fixture.blob(b"push.pem.age")),
            (b"module", SUBMODULE, other("a")),
            (b"old", TREE, old),
            (b"push.pem.age", EXECUTABLE, sealed),
            (b"tenant.yaml", BLOB, yaml),
        ]);
        let commit = fixture.fleet(&[
            (b"README.md", BLOB, sealed),
            (b"contoso", TREE, contoso),
            (b"elsewhere", LINK, sealed),
        ]);
        let source = fixture.snapshot();
        assert_eq!(source.rev, Some(commit));
        assert_eq!(source.policy, Some(FileBytes::Read(POLICY.into())));
        let folder = &source.tenants[0];
        assert_eq!((folder.name.as_str(), folder.tree.clone()), ("contoso", contoso.to_string()));
        assert_eq!(folder.tenant_file, Some(FileBytes::Read(tenant("contoso", 1).into())));
        let listed: Vec<_> =
            folder.entries.iter().map(|one| (one.path.as_str(), one.kind, one.size)).collect();
        assert_eq!(
            listed,
            [
                ("link.age", EntryKind::Symlink, Some(12)),
                ("module", EntryKind::Submodule, None),
                ("old", EntryKind::Tree, None),
                ("push.pem.age", EntryKind::Executable, Some(22)),
            ]
        );
        let strays: Vec<_> =
            source.strays.iter().map(|one| (one.path.as_str(), one.kind)).collect();
        assert_eq!(strays, [("README.md", EntryKind::Blob), ("elsewhere", EntryKind::Symlink)]);
        let repo = fixture.open();
        assert_eq!(repo.blob(&sealed.to_string(), 100).unwrap(), b"age-encryption.org/v1\n");
        assert_eq!(repo.policy("HEAD").unwrap().unwrap(), POLICY.as_bytes());
        assert_eq!(repo.worktree().is_none(), bare);
    }
}

#[test]
fn what_is_not_a_repository_or_not_ours_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Repo::discover(folder.path()), Err(GitError::NotARepository { .. })));
    assert!(matches!(
        Repo::discover(&folder.path().join("nowhere")),
        Err(GitError::NotARepository { .. })
    ));

    let fixture = Fixture::new(false);
    let config = fixture.folder.path().join(".git/config");
    fs::write(
        &config,
        "[core]\n\trepositoryformatversion = 1\n[extensions]\n\tobjectformat = sha256\n",
    )
    .unwrap();
    let error = Repo::discover(fixture.folder.path()).unwrap_err();
    assert!(matches!(error, GitError::ObjectFormat { .. }), "{error:?}");
}

#[cfg(unix)]
#[test]
fn a_repository_of_another_user_is_refused() {
    for bare in [false, true] {
        let fixture = Fixture::new(bare);
        let path = fixture.folder.path();
        let chown = |path: &Path| std::os::unix::fs::chown(path, Some(4_242), None);
        // Only root can give files away; elsewhere there is nothing to test with.
        if chown(path).is_err() || (!bare && chown(&path.join(".git")).is_err()) {
            return;
        }
        let error = Repo::discover(path).unwrap_err();
        assert!(matches!(error, GitError::Owner { .. }), "{error:?}");
    }
}

#[test]
fn revisions_are_resolved_or_named_in_the_error() {
    let fixture = Fixture::new(true);
    let repo = fixture.open();
    assert!(matches!(repo.resolve("HEAD"), Err(GitError::UnknownRevision { .. })));
    let first = fixture.fleet(&[]);
    let second = fixture.fleet(&[(b"a.txt", BLOB, fixture.blob(b"a"))]);
    assert_eq!(repo.resolve("HEAD").unwrap(), second);
    assert_eq!(repo.resolve("HEAD~1").unwrap(), first);
    assert_eq!(repo.resolve(&first).unwrap(), first);
    for unknown in
        ["", "nope", "HEAD~9", "--upload-pack=x", "a\0b", "refs/heads/..", &"0".repeat(40)]
    {
        let error = repo.resolve(unknown).unwrap_err();
        assert!(matches!(error, GitError::UnknownRevision { shallow: false, .. }), "{error:?}");
    }
    assert!(matches!(repo.resolve("HEAD^{tree}"), Err(GitError::NotACommit { .. })));
}

#[test]
fn remotes_are_named_without_their_urls() {
    let fixture = Fixture::new(true);
    assert!(fixture.open().remotes().unwrap().is_empty());
    fixture.raw.remote("origin", "https://user:hunter2@example.invalid/x").unwrap();
    let repo = fixture.open();
    assert_eq!(repo.remotes().unwrap(), ["origin"]);
    assert!(!repo.remotes().unwrap().is_empty());
    assert!(!format!("{repo:?}").contains("hunter2"));
}

#[test]
fn links_and_submodules_in_the_place_of_the_fleet_are_refused() {
    let fixture = Fixture::new(true);
    let blob = fixture.blob(POLICY.as_bytes());
    let tree = fixture.tree(&[]);
    for (name, mode, id) in [
        ("applecart.yaml", LINK, blob),
        ("applecart.yaml", SUBMODULE, other("b")),
        ("applecart.yaml", TREE, tree),
        ("tenants", LINK, blob),
        ("tenants", SUBMODULE, other("b")),
        ("tenants", BLOB, blob),
    ] {
        fixture.commit(fixture.tree(&[(name.as_bytes(), mode, id)]));
        let error = fixture.open().snapshot("HEAD").unwrap_err();
        assert!(matches!(&error, GitError::WrongKind { path, .. } if path == name), "{error:?}");
    }
    let error = fixture.open().snapshot("HEAD").unwrap_err();
    assert_eq!(error.to_string(), "tenants is a file; it must be a folder");
}

#[test]
fn what_is_not_in_the_clone_is_that_tenants_mistake() {
    let fixture = Fixture::new(true);
    let here = fixture.tree(&[
        (b"gone.age", BLOB, other("d")),
        (b"tenant.yaml", BLOB, fixture.blob(tenant("here", 1).as_bytes())),
    ]);
    let gone = fixture.tree(&[(b"tenant.yaml", BLOB, other("c"))]);
    fixture.fleet(&[(b"gone", TREE, gone), (b"here", TREE, here)]);
    let source = fixture.snapshot();
    assert_eq!(source.tenants[0].tenant_file, Some(FileBytes::NotHere));
    assert_eq!(source.tenants[1].entries[0].size, None);
    let loaded = load(&source);
    assert!(loaded.tenants[0].valid().is_none());
    assert!(loaded.tenants[1].valid().is_some());
    let repo = fixture.open();
    for id in [&"c".repeat(40), "", "abc", "not hexadecimal", &"0".repeat(64), &here.to_string()] {
        assert!(matches!(repo.blob(id, 9), Err(GitError::NoSuchBlob { .. })), "{id}");
    }
}

#[test]
fn sizes_are_known_before_anything_is_read() {
    let fixture = Fixture::new(true);
    let large = fixture.blob(&vec![b' '; MAX_SETTINGS_BYTES as usize + 1]);
    let contoso = fixture.tree(&[(b"tenant.yaml", BLOB, large)]);
    fixture.fleet(&[(b"contoso", TREE, contoso)]);
    let size = MAX_SETTINGS_BYTES + 1;
    assert_eq!(fixture.snapshot().tenants[0].tenant_file, Some(FileBytes::TooLarge { size }));
    let error = fixture.open().blob(&large.to_string(), 100).unwrap_err();
    assert!(matches!(error, GitError::BlobTooLarge { max: 100, size: found, .. } if found == size));
    fixture.commit(fixture.tree(&[(b"applecart.yaml", BLOB, large)]));
    assert!(matches!(fixture.open().policy("HEAD"), Err(GitError::Limit { .. })));
}

#[test]
fn a_folder_that_is_too_full_is_that_tenants_mistake() {
    let fixture = Fixture::new(true);
    let blob = fixture.blob(b"x");
    let names: Vec<String> = (0..=MAX_ENTRIES).map(|n| format!("f{n:05}")).collect();
    let many: Vec<_> = names.iter().map(|name| (name.as_bytes(), BLOB, blob)).collect();
    let many = fixture.tree(&many);
    let names: Vec<String> = (0..20_000).map(|n| format!("f{n:05}")).collect();
    let most: Vec<_> = names.iter().map(|name| (name.as_bytes(), BLOB, blob)).collect();
    let most = fixture.tree(&most);
    fixture.fleet(&[(b"many", TREE, many), (b"most", TREE, most)]);
    let source = fixture.snapshot();
    assert!(source.tenants.iter().all(|folder| folder.overfull == Some(MAX_ENTRIES + 1)));
    assert!(source.tenants.iter().all(|folder| folder.entries.is_empty()));
}

#[test]
fn a_small_repository_that_names_one_tree_very_often_is_an_error() {
    let fixture = Fixture::new(true);
    let blob = fixture.blob(b"x");
    let names: Vec<String> = (0..1_000).map(|n| format!("f{n:05}")).collect();
    let full: Vec<_> = names.iter().map(|name| (name.as_bytes(), BLOB, blob)).collect();
    let full = fixture.tree(&full);
    let names: Vec<String> = (0..1_100).map(|n| format!("t{n:05}")).collect();
    let tenants: Vec<_> = names.iter().map(|name| (name.as_bytes(), TREE, full)).collect();
    fixture.fleet(&tenants);
    let error = fixture.open().snapshot("HEAD").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the files of all tenants: 1001000, more than the 1000000 that are read"
    );
}

#[test]
fn too_many_tenants_are_an_error() {
    let fixture = Fixture::new(true);
    let empty = fixture.tree(&[]);
    let names: Vec<String> = (0..100_001).map(|n| format!("t{n:06}")).collect();
    let tenants: Vec<_> = names.iter().map(|name| (name.as_bytes(), TREE, empty)).collect();
    fixture.fleet(&tenants);
    assert!(matches!(
        fixture.open().snapshot("HEAD"),
        Err(GitError::Limit { limit: 100_000, found: 100_001, .. })
    ));
}

#[test]
fn names_that_are_no_text_stay_apart_and_twins_are_refused() {
    let fixture = Fixture::new(true);
    let empty = fixture.tree(&[]);
    fixture.fleet(&[(b"a\xfe", TREE, empty), (b"a\xff", TREE, empty)]);
    let names: Vec<String> =
        fixture.snapshot().tenants.into_iter().map(|folder| folder.name).collect();
    assert_eq!(names, ["a\\xfe", "a\\xff"]);
    fixture.fleet(&[(b"a", TREE, empty), (b"a", TREE, empty)]);
    assert!(matches!(
        fixture.open().snapshot("HEAD"),
        Err(GitError::DuplicateEntry { path }) if path == "tenants/a"
    ));
    let blob = fixture.blob(b"x");
    let twins = fixture.tree(&[(b"p.age", BLOB, blob), (b"p.age", LINK, blob)]);
    fixture.fleet(&[(b"a", TREE, twins)]);
    assert!(matches!(
        fixture.open().snapshot("HEAD"),
        Err(GitError::DuplicateEntry { path }) if path == "tenants/a/p.age"
    ));
}

#[test]
fn a_second_tenant_file_and_modes_that_git_never_writes_are_refused() {
    let fixture = Fixture::new(true);
    let blob = fixture.blob(b"x");
    for other in [BLOB, LINK] {
        for pair in [[BLOB, other], [other, BLOB]] {
            let twins = pair.map(|mode| (&b"tenant.yaml"[..], mode, blob));
            fixture.fleet(&[(b"a", TREE, fixture.tree(&twins))]);
            assert!(matches!(
                fixture.open().snapshot("HEAD"),
                Err(GitError::DuplicateEntry { path }) if path == "tenants/a/tenant.yaml"
            ));
        }
    }
    for mode in [0, 0o100_600, 0o100_777] {
        fixture.fleet(&[(b"a", TREE, fixture.tree(&[(b"tenant.yaml", mode, blob)]))]);
        let source = fixture.snapshot();
        assert!(source.tenants[0].tenant_file.is_none(), "{mode:o}");
        assert_eq!(source.tenants[0].entries[0].kind, EntryKind::OddMode, "{mode:o}");
    }
}

#[test]
fn folders_are_sorted_by_name() {
    let fixture = Fixture::new(true);
    let empty = fixture.tree(&[]);
    // Git's own order: `a` counts as `a/`, which is behind `a-b` and `a.b`.
    fixture.fleet(&[(b"a-b", TREE, empty), (b"a.b", TREE, empty), (b"a", TREE, empty)]);
    let names: Vec<String> =
        fixture.snapshot().tenants.into_iter().map(|folder| folder.name).collect();
    assert_eq!(names, ["a", "a-b", "a.b"]);
}

#[test]
fn an_empty_commit_is_an_empty_fleet() {
    let fixture = Fixture::new(true);
    fixture.commit(fixture.tree(&[]));
    let source = fixture.snapshot();
    assert_eq!((source.policy, source.tenants.len(), source.strays.len()), (None, 0, 0));
}

fn write(root: &Path, path: &str, content: &[u8]) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// Puts everything in the worktree into a commit, as `git add --all` and `git commit` do.
fn commit_worktree(fixture: &Fixture) {
    let mut index = fixture.raw.index().unwrap();
    index.add_all(["*"], git2::IndexAddOption::FORCE, None).unwrap();
    fixture.commit(index.write_tree().unwrap());
}

#[cfg(unix)]
#[test]
fn an_unchanged_worktree_is_the_same_as_its_commit() {
    use std::os::unix::fs::{PermissionsExt, symlink};

    let fixture = Fixture::new(false);
    let root = fixture.folder.path();
    write(root, "applecart.yaml", POLICY.as_bytes());
    write(root, ".gitignore", b"*.age\n");
    for (n, name) in ["contoso", "a", "a.b", "a-b"].into_iter().enumerate() {
        write(root, &format!("tenants/{name}/tenant.yaml"), tenant(name, n as u32).as_bytes());
        write(root, &format!("tenants/{name}/push.pem.age"), name.as_bytes());
    }
    let script = root.join("tenants/contoso/push.pem.age");
    fs::set_permissions(script, fs::Permissions::from_mode(0o755)).unwrap();
    symlink("push.pem.age", root.join("tenants/contoso/link.age")).unwrap();
    write(root, "tenants/notes.txt", b"x");
    commit_worktree(&fixture);
    let repo = fixture.open();
    let committed = repo.snapshot("HEAD").unwrap();
    let worktree = repo.worktree_snapshot().unwrap();
    assert_eq!(worktree, Source { rev: None, ..committed.clone() });
    assert_eq!(committed.tenants.len(), 4);

    write(root, "tenants/a/tenant.yaml", b"name: changed\n");
    let edited = repo.worktree_snapshot().unwrap();
    assert_ne!(edited.tenants[0].tree, committed.tenants[0].tree);
    assert_eq!(edited.tenants[1], committed.tenants[1]);
}

#[cfg(unix)]
#[test]
fn a_worktree_preview_follows_no_link() {
    use std::os::unix::fs::symlink;

    let fixture = Fixture::new(false);
    let root = fixture.folder.path();
    let outside = tempfile::tempdir().unwrap();
    write(outside.path(), "tenant.yaml", tenant("linked", 1).as_bytes());
    write(root, "tenants/contoso/notes.txt", b"x");
    symlink(outside.path().join("tenant.yaml"), root.join("tenants/contoso/tenant.yaml")).unwrap();
    symlink(outside.path(), root.join("tenants/linked")).unwrap();
    write(root, "tenants/nested/.git/HEAD", b"x");
    write(root, "tenants/big/huge.age", &vec![0; MAX_TOKEN_BYTES as usize + 1]);
    write(root, "tenants/big/tenant.yaml", &vec![b' '; MAX_SETTINGS_BYTES as usize + 1]);
    let source = fixture.open().worktree_snapshot().unwrap();
    let strays: Vec<_> = source.strays.iter().map(|one| (one.path.as_str(), one.kind)).collect();
    assert_eq!(strays, [("linked", EntryKind::Symlink), ("nested", EntryKind::Submodule)]);
    let [big, contoso] = &source.tenants[..] else { panic!() };
    assert_eq!(big.entries[0].size, Some(MAX_TOKEN_BYTES + 1));
    assert_eq!(big.tenant_file, Some(FileBytes::TooLarge { size: MAX_SETTINGS_BYTES + 1 }));
    assert_eq!(contoso.tenant_file, None);
    let link: Vec<&Entry> =
        contoso.entries.iter().filter(|one| one.kind == EntryKind::Symlink).collect();
    assert_eq!(link[0].path, "tenant.yaml");

    fs::remove_dir_all(root.join("tenants")).unwrap();
    symlink(outside.path(), root.join("tenants")).unwrap();
    assert!(matches!(fixture.open().worktree_snapshot(), Err(GitError::WrongKind { .. })));
}

#[test]
fn a_bare_repository_has_no_worktree_to_preview() {
    let fixture = Fixture::new(true);
    assert!(matches!(fixture.open().worktree_snapshot(), Err(GitError::NoWorktree { .. })));
}

#[test]
fn linked_worktrees_share_one_common_folder() {
    let fixture = Fixture::new(false);
    fixture.fleet(&[]);
    let elsewhere = tempfile::tempdir().unwrap();
    let path = elsewhere.path().join("linked");
    fixture.raw.worktree("linked", &path, None).unwrap();
    let linked = Repo::discover(&path).unwrap();
    let real = |path: PathBuf| fs::canonicalize(path).unwrap();
    assert_eq!(real(linked.path_common_dir()), real(fixture.open().path_common_dir()));
    assert_eq!(linked.reopen().unwrap().resolve("HEAD").unwrap(), linked.resolve("HEAD").unwrap());
}

#[test]
fn repositories_are_found_from_below_and_used_from_threads() {
    let fixture = Fixture::new(false);
    let head = fixture.fleet(&[]);
    let below = fixture.folder.path().join("a/b");
    fs::create_dir_all(&below).unwrap();
    let repo = Repo::discover(&below).unwrap();
    let again = repo.reopen().unwrap();
    let found = std::thread::spawn(move || again.resolve("HEAD").unwrap()).join().unwrap();
    assert_eq!(found, head);
}

/// Run with `cargo test --release -- --ignored --nocapture ten_thousand`.
#[test]
#[ignore = "measures, does not judge"]
fn ten_thousand_tenants() {
    let fixture = Fixture::new(true);
    let names: Vec<String> = (0..10_000).map(|n| format!("t{n:05}")).collect();
    let sealed = fixture.blob(&[7; 3_000]);
    let tenants: Vec<_> = names
        .iter()
        .enumerate()
        .map(|(n, name)| {
            let whole = include_str!("../../../../tests/data/valid/tenant-whole.yaml");
            let (_, rest) = whole.split_once("b11\n").unwrap();
            let yaml = format!("{}{rest}", tenant(name, n as u32));
            let tree = fixture.tree(&[
                (b"abm.p7m.age", BLOB, sealed),
                (b"london.vpptoken.age", BLOB, sealed),
                (b"push.pem.age", BLOB, sealed),
                (b"tenant.yaml", BLOB, fixture.blob(yaml.as_bytes())),
            ]);
            (name.as_bytes(), TREE, tree)
        })
        .collect();
    fixture.fleet(&tenants);
    let start = std::time::Instant::now();
    let source = fixture.snapshot();
    let read = start.elapsed();
    let loaded = load(&source);
    println!("read {read:?}, loaded {:?}", start.elapsed() - read);
    assert_eq!(loaded.tenants.len(), 10_000);
}

#[test]
fn a_folder_that_is_too_deep_for_git_ends_no_walk() {
    let fixture = Fixture::new(false);
    let one = fixture.blob(tenant("contoso", 1).as_bytes());
    let folder =
        |more: &[(&[u8], i32, Oid)]| fixture.tree(&[more, &[(b"tenant.yaml", BLOB, one)]].concat());
    let first = fixture.fleet(&[(b"contoso", TREE, folder(&[]))]);
    let mut deep = fixture.tree(&[(b"f", BLOB, one)]);
    for _ in 0..5_000 {
        deep = fixture.tree(&[(b"d", TREE, deep)]);
    }
    let second = fixture.fleet(&[
        (b"a-file", BLOB, one),
        (b"contoso", TREE, folder(&[(b"d", TREE, deep)])),
        (b"fabrikam", TREE, folder(&[])),
    ]);
    let third = fixture.fleet(&[(b"contoso", TREE, folder(&[]))]);
    let repo = fixture.open();
    let changes = |folder: Option<&str>| -> Vec<(String, String)> {
        let walk = repo.walk("HEAD", folder).unwrap();
        walk.trees().map(|(commit, name, _)| (commit, name.to_owned())).collect()
    };
    let contoso = |commit: &String| (commit.clone(), "contoso".to_owned());
    assert_eq!(changes(Some("contoso")), [contoso(&third), contoso(&second), contoso(&first)]);
    assert_eq!(
        changes(None),
        [
            contoso(&third),
            contoso(&second),
            (second.clone(), "fabrikam".to_owned()),
            contoso(&first)
        ]
    );
}

#[test]
fn a_bare_repository_among_the_files_of_another_one_is_not_opened() {
    let fixture = Fixture::new(false);
    let hidden = fixture.folder.path().join("tenants/contoso/x");
    Repository::init_bare(&hidden).unwrap();
    let found = Repo::discover(&hidden.join("refs"));
    assert!(matches!(found, Err(GitError::BareInside { .. })), "{:?}", found.err());
    assert!(Repo::discover(&hidden).is_ok(), "who names it in full has looked");
    // A clone in a folder whose settings are kept in Git is everyday.
    let nested = fixture.folder.path().join("clone");
    Repository::init(&nested).unwrap();
    assert!(Repo::discover(&nested).is_ok());
}
