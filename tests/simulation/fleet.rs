//! The fleet's repository: two clones that share their objects, and a history of merges.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use git2::{Oid, Repository, RepositoryInitOptions, Signature, Time};

use crate::pool::{Credential, Pool, Slot, tenant_id, tenant_name};
use crate::script::{Script, Stated};

/// What a tenant file says.
#[derive(Clone, Default)]
pub(crate) struct Declared {
    /// Entries, with their file.
    pub(crate) slots: BTreeMap<Slot, Option<Arc<Credential>>>,
    pub(crate) allowed: BTreeMap<Slot, bool>,
    /// Further reviewed lines that permit what is otherwise held.
    pub(crate) released: BTreeMap<Slot, Vec<String>>,
    pub(crate) suspended: bool,
    pub(crate) settings: bool,
}

/// A commit of the base.
#[derive(Clone)]
pub(crate) struct Main {
    pub(crate) at: DateTime<Utc>,
    pub(crate) commit: Oid,
    /// The tree of each tenant's folder.
    pub(crate) trees: Vec<String>,
    pub(crate) tenants: Vec<Declared>,
}

pub(crate) struct Fleet {
    pub(crate) clones: [PathBuf; 2],
    repo: Repository,
    genesis: Option<String>,
    /// Lines of the policy that let a token go to another customer.
    pub(crate) moves: Vec<String>,
    recipient: String,
    ids: bool,
    pub(crate) history: Vec<Main>,
}

impl Fleet {
    pub(crate) fn new(folder: &Path, pool: &Pool, script: &Script) -> Self {
        let clones = [folder.join("one"), folder.join("two")];
        for clone in &clones {
            let mut options = RepositoryInitOptions::new();
            options.initial_head("main").external_template(false);
            Repository::init_opts(clone, &options).unwrap();
        }
        let [one, two] = &clones;
        let objects = one.join(".git/objects");
        std::fs::create_dir_all(objects.join("info")).unwrap();
        let lent = pool.store.join("objects");
        std::fs::write(objects.join("info/alternates"), format!("{}\n", lent.display())).unwrap();
        // What one clone has, the other one has: the remote is a reference and nothing else.
        std::fs::remove_dir_all(two.join(".git/objects")).unwrap();
        std::os::unix::fs::symlink(&objects, two.join(".git/objects")).unwrap();
        let repo = Repository::open(one).unwrap();
        let (recipient, ids) = (pool.recipient.clone(), script.ids);
        Self { clones, repo, genesis: None, moves: Vec::new(), recipient, ids, history: Vec::new() }
    }

    pub(crate) fn begins_with(&mut self, genesis: String) {
        self.genesis = Some(genesis);
    }

    pub(crate) fn now(&self) -> &Main {
        self.history.last().expect("there is a first commit")
    }

    /// Merges what tenant files say from now on.
    pub(crate) fn merge(&mut self, tenants: Vec<Declared>, at: DateTime<Utc>) {
        let repo = &self.repo;
        let mut folders = repo.treebuilder(None).unwrap();
        let mut trees = Vec::new();
        for (number, declared) in tenants.iter().enumerate() {
            let mut folder = repo.treebuilder(None).unwrap();
            let text = self.text(number, declared);
            folder.insert("tenant.yaml", repo.blob(text.as_bytes()).unwrap(), 0o100_644).unwrap();
            for (slot, credential) in &declared.slots {
                if let Some(credential) = credential {
                    folder.insert(file(*slot), credential.blob, 0o100_644).unwrap();
                }
            }
            let tree = folder.write().unwrap();
            trees.push(tree.to_string());
            folders.insert(tenant_name(number), tree, 0o040_000).unwrap();
        }
        let mut root = repo.treebuilder(None).unwrap();
        root.insert("tenants", folders.write().unwrap(), 0o040_000).unwrap();
        let policy = repo.blob(self.policy().as_bytes()).unwrap();
        root.insert("applecart.yaml", policy, 0o100_644).unwrap();
        let tree = repo.find_tree(root.write().unwrap()).unwrap();
        let when = Time::new(at.timestamp(), 0);
        let who = Signature::new("Dana", "dana@contoso.example", &when).unwrap();
        let parent = self.history.last().map(|main| repo.find_commit(main.commit).unwrap());
        let parents: Vec<_> = parent.iter().collect();
        let commit = repo.commit(None, &who, &who, "Merge", &tree, &parents).unwrap();
        self.history.push(Main { at, commit, trees, tenants });
    }

    /// Brings a clone to the tip of the base.
    pub(crate) fn pull(&self, clone: usize) {
        let path = self.clones.get(clone).expect("one of two");
        let repo = Repository::open(path).unwrap();
        repo.reference("refs/heads/main", self.now().commit, true, "pull").unwrap();
    }

    fn policy(&self) -> String {
        let genesis = self.genesis.as_deref().expect("the ledger began");
        format!(
            "apiVersion: applecart/v1\nkind: Fleet\nauth:\n  clientId: {}\n  credential: client-secret\n\
             safety: {{maxShare: 100%}}\nledger: {{genesis: {genesis}}}\nrecipients:\n  - {}\nmoves: [{}]\n",
            applecart_simulator::WRITER_CLIENT_ID,
            self.recipient,
            self.moves.join(", ")
        )
    }

    fn text(&self, number: usize, declared: &Declared) -> String {
        let name = tenant_name(number);
        let mut text = format!(
            "apiVersion: applecart/v1\nkind: Tenant\nname: {name}\ntenantId: {}\n",
            tenant_id(number)
        );
        if number.is_multiple_of(2) {
            text.push_str("consent: {dataSharing: true}\n");
        }
        if declared.suspended {
            text.push_str("suspend: {reason: it moves, until: 2026-12-05}\n");
        }
        let mut vpp = String::new();
        for (slot, credential) in &declared.slots {
            let mut entry = match slot {
                // One customer's Apple Account nobody knows, until somebody asks.
                Slot::Push if number == 3 && declared.released.is_empty() => "push:\n".to_owned(),
                Slot::Push => format!("push:\n    appleId: mdm@{name}.example\n"),
                Slot::Abm => {
                    let id =
                        if self.ids { format!("    id: dep-{number}\n") } else { String::new() };
                    format!("enrollment:\n  - name: ABM\n{id}    appleId: abm@contoso.example\n")
                }
                Slot::London | Slot::Paris => {
                    let id = if self.ids && *slot == Slot::London {
                        format!("    id: vpp-{number}\n")
                    } else {
                        String::new()
                    };
                    let create =
                        if *slot == Slot::Paris && declared.allowed.get(slot) == Some(&true) {
                            "    create: true\n"
                        } else {
                            ""
                        };
                    let settings = if declared.settings && *slot == Slot::London {
                        "    automaticallyUpdateApps: true\n"
                    } else {
                        ""
                    };
                    // What another MDM took, it gives up, and Intune has it back when it claims it.
                    let claim = match declared.released.contains_key(slot) {
                        true => "    claim: true\n",
                        false => "",
                    };
                    format!(
                        "  - name: {slot:?}\n{id}    appleId: vpp@contoso.example\n{create}{claim}{settings}"
                    )
                }
            };
            match credential {
                Some(credential) => {
                    entry.push_str(&credential.stated(file(*slot)));
                    if declared.allowed.get(slot) == Some(&true) {
                        let lines = credential.allowed(&crate::pool::topic(number, 0));
                        let lines: Vec<String> = lines
                            .into_iter()
                            .chain(declared.released.get(slot).into_iter().flatten().cloned())
                            .collect();
                        if !lines.is_empty() {
                            entry.push_str(&format!("    allow:\n{}", lines.concat()));
                        }
                    }
                }
                None if *slot == Slot::Push && number == 3 => entry = "push: {}\n".to_owned(),
                None if slot.kind() == "vpp" => {
                    entry.push_str(&format!("    location: {slot:?}\n"))
                }
                None => {}
            }
            match slot.kind() {
                "vpp" => vpp.push_str(&entry),
                _ => text.push_str(&entry),
            }
        }
        if !vpp.is_empty() {
            text.push_str("vpp:\n");
            text.push_str(&vpp);
        }
        text
    }
}

fn file(slot: Slot) -> &'static str {
    match slot {
        Slot::Push => "push.pem.age",
        Slot::Abm => "abm.p7m.age",
        Slot::London => "london.vpptoken.age",
        Slot::Paris => "paris.vpptoken.age",
    }
}

impl Declared {
    pub(crate) fn state(
        &mut self,
        pool: &Pool,
        (tenant, tenants): (usize, usize),
        slot: Slot,
        to: Stated,
        allow: bool,
    ) {
        self.allowed.insert(slot, allow);
        match to {
            Stated::Nothing => drop(self.slots.remove(&slot)),
            Stated::Watched => drop(self.slots.insert(slot, None)),
            Stated::File { role, foreign } => {
                // Of a customer outside the fleet nothing could tell whose a file is.
                let owner = if foreign { (tenant + 1) % tenants } else { tenant };
                let file = pool.find(owner, slot, role).or_else(|| pool.find(owner, slot, "new"));
                self.slots.insert(slot, file.cloned());
            }
        }
    }
}
