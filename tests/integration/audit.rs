//! `audit`: what was tampered with is found and named, by the program and by plain tools.

mod large;
mod ledger;
mod recipe;
mod recipients;
mod secrets;
mod trust;
mod uploads;

use serde_json::Value;

use crate::world::hub::REFNAME;
use crate::world::{Run, World, tenant_id};

/// Where the tenant's lines are, on the ledger's branch.
fn file_of(name: &str) -> String {
    format!("tenants/{}.jsonl", tenant_id(name))
}

/// Every finding (notes left out) as `code place`.
#[track_caller]
fn found(run: &Run) -> Vec<String> {
    let json = run.json();
    let findings = json["findings"].as_array().unwrap();
    let mut found: Vec<String> = findings
        .iter()
        .filter(|one| one["level"] != "note")
        .map(|one| one["code"].as_str().unwrap().to_owned())
        .collect();
    found.sort();
    found.dedup();
    found
}

#[track_caller]
fn finding(run: &Run, code: &str) -> Value {
    let json = run.json();
    let findings = json["findings"].as_array().unwrap();
    let one = findings.iter().find(|one| one["code"] == code);
    one.unwrap_or_else(|| panic!("no {code} in {json:#}")).clone()
}

impl World {
    fn audit(&self) -> Run {
        self.run(&["audit", "--format", "json"])
    }

    /// A tenant whose renewal was planned, reviewed and applied.
    fn applied(&self, name: &str) {
        self.renewal(name);
        self.run(&["apply"]).ends_with(0);
        assert_eq!(self.events(name), ["intended", "applied", "confirmed"]);
    }

    fn lines(&self, name: &str) -> Vec<String> {
        let text = self.git(&["show", &format!("{REFNAME}:{}", file_of(name))]);
        text.lines().map(str::to_owned).collect()
    }

    /// Commits these lines on top of the ledger's branch.
    fn write_lines(&self, name: &str, lines: &[String]) {
        self.on_ledger(|| {
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            self.write(&file_of(name), &text);
            self.commit("Tampered");
        });
    }

    fn on_ledger(&self, work: impl FnOnce()) {
        self.git(&["checkout", "--quiet", "applecart/ledger"]);
        work();
        self.git(&["checkout", "--quiet", "main"]);
    }

    pub(crate) fn ledger_head(&self) -> String {
        self.git(&["rev-parse", REFNAME])
    }
}

#[test]
fn a_clean_fleet_holds_and_prints_its_head() {
    let world = World::new();
    world.applied("contoso");
    world.applied("fabrikam");
    let run = world.audit().ends_with(0);
    assert_eq!(found(&run), Vec::<String>::new());
    let json = run.json();
    assert_eq!(json["formatVersion"], "1.0");
    assert_eq!(json["ledger"]["head"], world.ledger_head().as_str());
    assert_eq!((&json["ledger"]["entries"], &json["uploads"]), (&6.into(), &2.into()));
    // What cannot be told of age's own recipients is said, and fails nothing.
    assert_eq!(finding(&run, "not-verifiable")["level"], "note");
    let human = world.run(&["audit"]).ends_with(0).says("audit passed");
    human.says(&world.ledger_head());
    let sarif = world.run(&["audit", "--format", "sarif"]).ends_with(0).json();
    assert_eq!(sarif["version"], "2.1.0");
}

#[test]
fn a_fleet_without_a_ledger_holds() {
    let world = World::new();
    world.commit("Start");
    let run = world.audit().ends_with(0);
    assert_eq!(run.json()["ledger"]["head"], Value::Null);
}

#[test]
fn a_wrong_command_line_is_told() {
    let world = World::new();
    world.commit("Start");
    world.run(&["audit", "--expect-head", "main"]).ends_with(64).says("40 hexadecimal digits");
    world.run(&["audit", "--apple-ids", "--format", "sarif"]).ends_with(64);
}

#[test]
fn apple_ids_are_told_with_what_hangs_on_them() {
    let world = World::new();
    for (name, id) in [
        ("contoso", "Shared@msp.example"),
        ("fabrikam", "shared@msp.example"),
        ("adatum", "own@adatum.example"),
    ] {
        let text = format!(
            "apiVersion: applecart/v1\nkind: Tenant\nname: {name}\ntenantId: {}\npush:\n  appleId: {id}\nvpp:\n  - name: London\n    location: London\n",
            tenant_id(name)
        );
        world.write(&format!("tenants/{name}/tenant.yaml"), &text);
    }
    world.commit("Three");
    let json = world.run(&["audit", "--apple-ids", "--format", "json"]).ends_with(0).json();
    let ids = json["appleIds"].as_array().unwrap();
    assert_eq!(ids[0]["appleId"], "shared@msp.example");
    assert_eq!((&ids[0]["tenants"], &ids[0]["push"]), (&2.into(), &2.into()));
    assert_eq!(ids[1]["appleId"], "own@adatum.example");
    assert_eq!((&ids[2]["appleId"], &ids[2]["vpp"]), (&Value::Null, &3.into()));
    let human = world
        .run(&["audit", "--apple-ids"])
        .ends_with(0)
        .says("2 push certificates cannot be renewed without");
    human.says("if it is lost, none of them can be renewed");
    let lost = ["audit", "--apple-ids", "--lost", "SHARED@msp.example"];
    world.run(&lost).ends_with(0).says("2 credentials of 2 tenants would be lost, 0 of them");
    let json = world.run(&[&lost[..], &["--format", "json"]].concat()).ends_with(0).json();
    assert_eq!(json["letters"].as_array().unwrap().len(), 2);
    assert_eq!(json["unowned"], 3, "what names no account may depend on it, too");
    world
        .run(&["audit", "--apple-ids", "--lost", "shraed@msp.example"])
        .ends_with(64)
        .says("was shared@msp.example meant?")
        .says("applecart audit --apple-ids");
    world.run(&["audit", "--lost", "shared@msp.example"]).ends_with(64);
    world.write("tenants/adatum/tenant.yaml", "kind: Tenant\n");
    world.commit("Broken");
    world
        .run(&["audit", "--apple-ids"])
        .ends_with(3)
        .says("not read, because its file is invalid: adatum");
}
