//! What an edit changes and, above all, what it does not.

use proptest::prelude::*;

use super::*;

const HEAD: &str = "apiVersion: applecart/v1\nkind: Tenant # ours\nname: contoso\n";

/// A file before and after, written as one text: `⟦before|after⟧` where they differ.
fn both(marked: &str) -> (String, String) {
    let (mut before, mut after) = (String::new(), String::new());
    let mut rest = marked;
    while let Some((same, more)) = rest.split_once('⟦') {
        let (change, more) = more.split_once('⟧').unwrap();
        let (old, new) = change.split_once('¦').unwrap();
        before.push_str(same);
        before.push_str(old);
        after.push_str(same);
        after.push_str(new);
        rest = more;
    }
    before.push_str(rest);
    after.push_str(rest);
    (before, after)
}

fn token(kind: Kind, id: Option<&str>, name: Option<&str>) -> TokenRef {
    TokenRef { kind, id: id.map(str::to_owned), name: name.map(str::to_owned) }
}

fn push() -> TokenRef {
    TokenRef::push()
}

fn vpp() -> TokenRef {
    token(Kind::Vpp, None, Some("London"))
}

fn dep() -> TokenRef {
    token(Kind::Enrollment, Some("39D1"), Some("renamed since"))
}

fn set(field: &'static str, text: &str) -> Vec<Change> {
    vec![Change::set(field, text)]
}

fn flag(flag: bool) -> Vec<Change> {
    vec![Change::Set("automaticallyUpdateApps", NewValue::Flag(flag))]
}

fn recipient() -> Vec<Change> {
    let fields = vec![("issuer", "CN=Intune, O=MS".to_owned()), ("serial", "0A".to_owned())];
    vec![Change::Set("recipient", NewValue::Fields(fields))]
}

/// Token, changes, and the file behind its head.
fn corpus() -> Vec<(TokenRef, Vec<Change>, &'static str)> {
    vec![
        // Words of YAML's own have no quotes, whatever stood there.
        (vpp(), flag(false), "vpp:\n- name: London\n  automaticallyUpdateApps: ⟦true¦false⟧ # x\n"),
        (vpp(), flag(true), "vpp:\n- name: London⟦¦\n  automaticallyUpdateApps: true⟧\n"),
        (vpp(), flag(true), "vpp: [{name: London⟦¦, automaticallyUpdateApps: true⟧}]\n"),
        // Values in every style.
        (push(), set("sha256", "bee"), "push:\n  sha256: ⟦abc¦bee⟧\n"),
        (push(), set("sha256", "bee"), "push:\n  sha256:    ⟦abc¦bee⟧   # old one\n  allow: []\n"),
        (push(), set("sha256", "bee"), "push:\n  sha256: '⟦abc¦bee⟧' # it's\n"),
        (push(), set("sha256", "bee"), "push:\n  \"sha256\" : \"⟦a\\x62c¦bee⟧\"\n"),
        (push(), set("sha256", "bee"), "push:\n  sha256:\n    ⟦abc¦bee⟧ # on a line of its own\n"),
        (
            push(),
            set("sha256", "bee"),
            "push:\n  sha256: ⟦>-\n    abc¦bee⟧\n  # after\n  allow: []\n",
        ),
        (push(), set("sha256", "bee"), "push:\n  sha256: ⟦|\n    abc¦bee⟧\n\n\nsuspend:\n"),
        (push(), set("serial", "21E7"), "push:\n  serial: ⟦0A¦'21E7'⟧ # a number to others\n"),
        (push(), set("serial", "5050"), "push:\n  serial: \"⟦0A¦5050⟧\"\n"),
        (push(), set("sha256", "bee"), "push:\n  sha256: ⟦~¦bee⟧ # nothing yet\n"),
        (push(), set("sha256", "bee"), "push:\n  sha256:⟦¦ bee⟧ # nothing yet\n  allow: []\n"),
        (push(), set("sha256", "abc"), "push:\n  sha256:   >-\n    abc\n"),
        (
            vpp(),
            set("organization", "Müller: Söhne"),
            "vpp:\n  - name: London\n    organization: ⟦a plain\n      text on two lines¦'Müller: Söhne'⟧ # c\n",
        ),
        (
            vpp(),
            set("organization", "b"),
            "vpp:\n  - name: London\n    organization: \"⟦a long \\\n      text, folded\\\n      \\ by hand¦b⟧\"\n    # not this: organization: x\n",
        ),
        // Entries between brackets, and as JSON.
        (push(), set("sha256", "bee"), "push: {topic: x, sha256: ⟦abc¦bee⟧, file: f}\n"),
        (push(), set("sha256", "bee"), "push: { topic: x, file: f⟦¦, sha256: bee⟧ } # c\n"),
        (push(), set("topic", "x"), "push: {⟦¦topic: x⟧}\n"),
        (push(), set("topic", "x"), "push: { ⟦¦topic: x, ⟧file: f }\n"),
        (
            push(),
            set("sha256", "bee"),
            "push: {\n  topic: x, # of Apple\n  file: f⟦¦,\n  sha256: bee⟧,\n  allow: [] # none\n}\n",
        ),
        (
            push(),
            set("serial", "0A"),
            "push: {\n  topic: x⟦¦, serial: 0A⟧, # of Apple\n  file: f }\n",
        ),
        (
            push(),
            set("sha256", "bee"),
            "\"push\": {\n  \"topic\": \"x\",\n  \"file\": \"f\"⟦¦,\n  \"sha256\": \"bee\"⟧\n  }\n",
        ),
        (push(), vec![Change::Remove("file")], "push: {topic: x, ⟦file: f, ¦⟧sha256: abc}\n"),
        (push(), vec![Change::Remove("file")], "push: {topic: x⟦, file: f¦⟧}\n"),
        (push(), vec![Change::Remove("file")], "push: {⟦file: f, ¦⟧topic: x}\n"),
        (
            push(),
            vec![Change::Remove("file")],
            "push: {\n  topic: x, # of Apple\n⟦  file: f, # sealed\n¦⟧  # of the file\n  sha256: abc\n}\n",
        ),
        (
            push(),
            vec![Change::Remove("file")],
            "push: {\n  topic: x⟦,¦⟧ # of Apple\n⟦  file: f # sealed\n¦⟧  # the end\n}\n",
        ),
        // New fields go behind their natural neighbours, with the entry's indentation.
        (
            push(),
            set("file", "push.pem.age"),
            "push:\n      topic: x\n      expires: 2027-01-01T00:00:00Z  # soon\n⟦¦      file: push.pem.age\n⟧      # about allow\n      allow: []\n# end\n",
        ),
        (push(), set("topic", "x"), "push:\n  ⟦¦topic: x\n  ⟧file: f\n"),
        (
            dep(),
            set("downloaded", "2026-11-20T10:11:12Z"),
            "enrollment:\n- name: A\n  id: 39d0\n-   name: B\n    id: 39d1   # this one\n    expires: x\n⟦¦    downloaded: 2026-11-20T10:11:12Z\n⟧\n\n-   name: C\n",
        ),
        (
            dep(),
            set("sha256", "bee"),
            "enrollment:\n  - # Contoso's\n    name: B\n    id: 39d1\n⟦¦    sha256: bee\n⟧    allow:\n      - reason: |\n          old: file\n\n          sha256: x\n",
        ),
        (
            dep(),
            recipient(),
            "enrollment:\n  - name: B\n    id: 39d1\n    sha256: abc\n⟦¦    recipient: {issuer: 'CN=Intune, O=MS', serial: 0A}\n⟧    roleScopeTagIds: ['0']\n",
        ),
        (
            dep(),
            recipient(),
            "enrollment:\n  - name: B\n    id: 39d1\n    recipient:  # Intune's key\n        serial: ⟦'09'¦'0A'⟧\n        issuer: ⟦CN=old¦CN=Intune, O=MS⟧\n",
        ),
        (
            dep(),
            recipient(),
            "enrollment:\n  - name: B\n    id: 39d1\n    recipient: {issuer: ⟦CN=old¦'CN=Intune, O=MS'⟧⟦¦, serial: 0A⟧}\n",
        ),
        (
            dep(),
            recipient(),
            "enrollment:\n  - name: B\n    id: 39d1\n    recipient:⟦¦ {issuer: 'CN=Intune, O=MS', serial: 0A}⟧ # none\n",
        ),
        // Fields that go take their line and its comment with them, and no other.
        (
            vpp(),
            vec![Change::Remove("file"), Change::Remove("sha256")],
            "vpp:\n  - name: London\n    # the file\n⟦    file: f # sealed\n¦⟧    # its digest\n⟦    sha256: >-\n      abc\n¦⟧    create: true\n",
        ),
        (
            vpp(),
            vec![Change::Remove("file")],
            "vpp:\n  - ⟦file: f # first\n    ¦⟧name: London\n  - name: Leeds\n    file: g\n",
        ),
        (
            dep(),
            vec![Change::Remove("recipient")],
            "enrollment:\n  - name: B\n    id: 39d1\n⟦    recipient:\n      issuer: x # i\n      serial: y # s\n¦⟧    # kept\n    allow: []\n",
        ),
        (vpp(), vec![Change::Remove("file")], "vpp: [{name: Leeds, file: f}, {name: London}]\n"),
        // A push entry that is not there yet.
        (push(), set("topic", "x"), "push:⟦¦\n  topic: x⟧\nvpp: []\n"),
        (push(), set("topic", "x"), "push:  # to come⟦¦\n  topic: x⟧\nvpp: []\n"),
        (
            push(),
            [set("topic", "x"), set("sha256", "bee")].concat(),
            "watch: [push] # all\n⟦¦push:\n  topic: x\n  sha256: bee\n⟧\n# tokens\nvpp: []\n",
        ),
        // Several at once.
        (
            vpp(),
            [set("organization", "Contoso"), set("file", "l.age"), set("sha256", "bee")].concat(),
            "vpp:\n    - name: 'London'\n      # who\n      organization: \"⟦Old¦Contoso⟧\"\n      location: London # where\n⟦¦      file: l.age\n      sha256: bee\n⟧      create: true\n",
        ),
    ]
}

/// The same file as other editors leave it.
fn as_others_write_it(text: &str) -> Vec<String> {
    let windows = text.replace('\n', "\r\n");
    vec![
        text.to_owned(),
        windows.clone(),
        format!("{BOM}{text}"),
        format!("{BOM}{windows}"),
        format!("---\n# Who: \u{1f34f}\n{text}# last\n...\n"),
    ]
}

#[test]
fn everything_but_the_changed_values_stays_byte_for_byte() {
    let mut files = 0;
    for (token, changes, marked) in corpus() {
        let (before, after) = both(&format!("{HEAD}{marked}"));
        for (before, after) in as_others_write_it(&before).iter().zip(as_others_write_it(&after)) {
            let edited = edit("tenant.yaml", before, &token, &changes);
            assert_eq!(edited.as_deref(), Ok(after.as_str()), "{before}");
            let again = edit("tenant.yaml", &after, &token, &changes);
            assert_eq!(again.as_deref(), Ok(after.as_str()), "a second time changes nothing");
            files += 1;
        }
    }
    assert!(files >= 200, "{files}");
}

#[test]
fn a_last_line_without_a_break_gets_none() {
    let text = format!("{HEAD}push:\n  topic: x");
    let edited = edit("tenant.yaml", &text, &push(), &set("file", "f")).unwrap();
    assert_eq!(edited, format!("{text}\n  file: f"));
    let windows = text.replace('\n', "\r\n");
    let edited = edit("tenant.yaml", &windows, &push(), &set("file", "f")).unwrap();
    assert_eq!(edited, format!("{windows}\r\n  file: f"));
}

#[test]
fn what_was_put_in_can_be_taken_out_again() {
    for (token, _, marked) in corpus() {
        let (before, _) = both(&format!("{HEAD}{marked}"));
        for before in as_others_write_it(&before) {
            if before.contains("allow") && !before.contains("serial") && token.kind == Kind::Push {
                let Ok(with) = edit("t", &before, &token, &set("serial", "0A")) else { continue };
                assert_ne!(with, before);
                let without = edit("t", &with, &token, &[Change::Remove("serial")]).unwrap();
                assert_eq!(without, before);
            }
        }
    }
}

#[test]
fn every_file_of_the_readers_own_examples_can_be_edited() {
    let whole = include_str!("../../../../../tests/data/valid/tenant-whole.yaml");
    let json = include_str!("../../../../../tests/data/valid/tenant-json.yaml");
    for text in [whole, json] {
        let edited = edit("t", text, &push(), &set("sha256", &"ab".repeat(32))).unwrap();
        let changed = text.lines().zip(edited.lines()).filter(|(a, b)| a != b).count();
        assert_eq!((changed, edited.contains(&"ab".repeat(32))), (1, true), "{edited}");
    }
}

fn refusal(text: &str, token: &TokenRef, changes: &[Change]) -> String {
    edit("tenants/contoso/tenant.yaml", &format!("{HEAD}{text}"), token, changes)
        .unwrap_err()
        .to_string()
}

#[test]
fn what_takes_a_person_is_told_with_its_place_and_what_to_write() {
    let bee = set("sha256", "bee");
    let all = [
        refusal("x: &x abc\npush:\n  sha256: *x\n", &push(), &bee),
        refusal("push:\n  sha256: {a: b}\n", &push(), &bee),
        refusal("push:\n  sha256: | # why\n    abc\n", &push(), &bee),
        refusal("push: &p\n  sha256: abc\n", &push(), &bee),
        refusal("push: ~\n", &push(), &bee),
        refusal("push:\n  file: f\n", &push(), &[Change::Remove("file")]),
        refusal("vpp:\n  - name: Leeds\n", &vpp(), &bee),
        refusal("vpp:\n  - name: London\n  - name: London\n", &vpp(), &bee),
        refusal("push: [\n", &push(), &bee),
    ];
    insta::assert_snapshot!(all.join("\n\n"));
}

#[test]
fn the_id_decides_before_the_name() {
    let text = "vpp:\n  - {name: London, id: a}\n  - {name: Leeds, id: B}\n";
    let both = token(Kind::Vpp, Some("b"), Some("London"));
    let edited = edit("t", text, &both, &set("file", "f")).unwrap();
    assert!(edited.contains("{name: Leeds, id: B, file: f}"), "{edited}");
}

proptest! {
    /// A made-up entry, in any indentation, order, quoting and line ends: the value changes and
    /// nothing else does.
    #[test]
    fn any_layout_survives(
        indent in 1usize..7,
        dash in 1usize..4,
        order in Just(vec!["name", "organization", "expires", "file", "sha256"]).prop_shuffle(),
        quotes in prop::collection::vec(0u8..3, 5),
        comments in prop::collection::vec("( {1,3}#[ a-zé:'\"{}-]{0,9})?", 5),
        blank in prop::collection::vec("(\n| *#[ a-z:*&'-]{0,9}\n){0,2}", 5),
        value in "[A-Za-zé0-9 :#'\"\\\\.,{}-]{0,24}",
        windows: bool,
        bom: bool,
    ) {
        let mut text = format!("{HEAD}vpp:\n");
        let inner = " ".repeat(indent + 1 + dash);
        for (index, field) in order.iter().enumerate() {
            let start = if index == 0 {
                format!("{}-{}", " ".repeat(indent), " ".repeat(dash))
            } else {
                inner.clone()
            };
            let value = if *field == "name" { "London" } else { "old" };
            let quote = ["", "'", "\""][usize::from(quotes[index])];
            let place = if *field == "sha256" {
                "@".to_owned()
            } else {
                format!("{quote}{value}{quote}")
            };
            text.push_str(&format!("{start}{field}: {place}{}\n{}", comments[index], blank[index]));
        }
        if windows {
            text = text.replace('\n', "\r\n");
        }
        if bom {
            text.insert(0, '\u{feff}');
        }
        let at = order.iter().position(|field| *field == "sha256").unwrap();
        let quote = [None, Some('\''), Some('"')][usize::from(quotes[at])];
        let before = text.replace('@', &match quote {
            Some(quote) => format!("{quote}old{quote}"),
            None => "old".to_owned(),
        });
        let after = text.replace('@', &scalar::render(&value, quote, false));
        prop_assert_eq!(edit("t", &before, &vpp(), &set("sha256", &value)), Ok(after));
        // Gone, and nothing else with it.
        let without = edit("t", &before, &vpp(), &[Change::Remove("sha256")]).unwrap();
        let again = edit("t", &without, &vpp(), &set("sha256", "old")).unwrap();
        prop_assert!(again.contains("old"));
        prop_assert_eq!(without.matches('#').count(),
            before.matches('#').count() - comments[at].matches('#').count());
    }
}

#[test]
fn a_setting_of_the_ledger_is_written_whatever_form_it_has() {
    let head = "apiVersion: applecart/v1\nkind: Fleet\n";
    for marked in [
        "safety: {maxShare: 30%}⟦¦\nledger:\n  genesis: 4f0c⟧\n",
        "ledger: {branch: ours⟦¦, genesis: 4f0c⟧, settle: 1h} # here\n",
        "ledger:\n  branch: ours # kept\n⟦¦  genesis: 4f0c\n⟧  settle: 1h\n",
        "ledger: {genesis: ⟦0000¦4f0c⟧}\n",
        "ledger: {genesis: 4f0c}\n",
    ] {
        let (before, after) = both(&format!("{head}{marked}"));
        assert_eq!(set_ledger("applecart.yaml", &before, "genesis", "4f0c"), Ok(after));
    }
    let list = format!("{head}ledger: [x]\n");
    let error = set_ledger("applecart.yaml", &list, "genesis", "4f0c").unwrap_err();
    assert!(error.to_string().contains("ledger.genesis: 4f0c"), "{error}");
}
