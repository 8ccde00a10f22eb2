use proptest::prelude::*;

use super::super::diagnostic::render_all;
use super::super::source::{MAX_SETTINGS_BYTES, MAX_TOKEN_BYTES};
use super::*;
use crate::model::{Kind, Sha256};

const POLICY: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/valid/fleet-whole.yaml"));

fn entry(path: &str, kind: EntryKind, size: Option<u64>) -> Entry {
    Entry { path: path.to_owned(), kind, id: Sha256::of(path.as_bytes()).to_string(), size }
}

/// A folder with one of each that a `file` can name.
fn folder(name: &str, yaml: &[u8]) -> Folder {
    Folder {
        name: name.to_owned(),
        tree: "0".repeat(40),
        tenant_file: Some(FileBytes::Read(yaml.to_vec())),
        entries: vec![
            entry(".gitattributes", EntryKind::Blob, Some(10)),
            entry("abm.p7m.age", EntryKind::Executable, Some(3000)),
            entry("empty.age", EntryKind::Blob, Some(0)),
            entry("huge.age", EntryKind::Blob, Some(MAX_TOKEN_BYTES + 1)),
            entry("link.age", EntryKind::Symlink, Some(10)),
            entry("london.vpptoken.age", EntryKind::Blob, Some(3000)),
            entry("module", EntryKind::Submodule, None),
            entry("old", EntryKind::Tree, None),
            entry("partial.age", EntryKind::Blob, None),
            entry("push.pem.age", EntryKind::Blob, Some(MAX_TOKEN_BYTES)),
        ],
        overfull: None,
    }
}

fn fleet(folders: Vec<Folder>) -> Source {
    Source {
        near_policy: None,
        rev: None,
        policy: Some(FileBytes::Read(POLICY.to_vec())),
        tenants: folders,
        strays: Vec::new(),
    }
}

fn load_tenant_file(yaml: &[u8]) -> Loaded {
    load(&fleet(vec![folder("contoso", yaml)]))
}

/// Loads a case: `applecart.yaml` where its name says so, else the tenant file of `contoso`.
fn load_case(name: &str, yaml: &[u8]) -> (bool, Vec<Diagnostic>) {
    if name.starts_with("fleet-") {
        let (policy, diagnostics) = load_policy(Some(yaml));
        (policy.is_some(), diagnostics)
    } else {
        let loaded = load_tenant_file(yaml);
        (loaded.tenants.iter().all(|tenant| tenant.valid().is_some()), loaded.diagnostics)
    }
}

fn schema_for(name: &str) -> serde_json::Value {
    if name.starts_with("fleet-") { schema::fleet() } else { schema::tenant() }
}

/// Cases that the loader refuses for what stands elsewhere, so no tenant by itself is invalid.
const HELD: [&str; 2] = ["duplicate-token-id", "same-file-twice"];

macro_rules! invalid {
    ($($test:ident = $name:literal,)+) => {
        mod invalid {
            $(#[test] fn $test() {
                super::is_refused(
                    $name,
                    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/invalid/", $name, ".yaml")),
                );
            })+
        }
    };
}

macro_rules! valid {
    ($($test:ident = $name:literal,)+) => {
        mod valid {
            $(#[test] fn $test() {
                super::is_taken(
                    $name,
                    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/valid/", $name, ".yaml")),
                );
            })+
        }
    };
}

fn is_refused(name: &str, yaml: &[u8]) {
    let (sound, diagnostics) = load_case(name, yaml);
    assert_eq!(sound, HELD.contains(&name), "{name}");
    assert!(diagnostics.iter().any(Diagnostic::is_error), "{name}");
    insta::with_settings!({
        snapshot_path => concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/snapshots/invalid"),
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!(name, render_all(&diagnostics));
    });
}

fn is_taken(name: &str, yaml: &[u8]) {
    let (sound, diagnostics) = load_case(name, yaml);
    assert!(sound && diagnostics.is_empty(), "{}", render_all(&diagnostics));
    let value: serde_json::Value = serde_yaml::from_slice(yaml).unwrap();
    let schema = schema_for(name);
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(errors, Vec::<String>::new(), "{name}");
}

valid! {
    fleet_minimal = "fleet-minimal",
    fleet_whole = "fleet-whole",
    tenant_hexadecimal_that_looks_like_a_number = "tenant-hexadecimal-that-looks-like-a-number",
    tenant_json = "tenant-json",
    tenant_minimal = "tenant-minimal",
    tenant_norway = "tenant-norway",
    tenant_optional_fields_left_empty = "tenant-optional-fields-left-empty",
    tenant_watched = "tenant-watched",
    tenant_whole = "tenant-whole",
    tenant_windows_line_ends = "tenant-windows-line-ends",
}

invalid! {
    alias = "alias",
    allow_incomplete = "allow-incomplete",
    api_version_newer = "api-version-newer",
    api_version_other = "api-version-other",
    bad_date = "bad-date",
    bad_facts = "bad-facts",
    bad_guid = "bad-guid",
    bad_indentation = "bad-indentation",
    bad_labels_and_contacts = "bad-labels-and-contacts",
    bad_text = "bad-text",
    colon_in_value = "colon-in-value",
    complex_key = "complex-key",
    directive = "directive",
    duplicate_key = "duplicate-key",
    duplicate_name = "duplicate-name",
    duplicate_token_id = "duplicate-token-id",
    empty_file = "empty-file",
    field_without_value = "field-without-value",
    file_absolute = "file-absolute",
    file_in_another_tenant = "file-in-another-tenant",
    file_in_subfolder = "file-in-subfolder",
    file_is_empty = "file-is-empty",
    file_is_folder = "file-is-folder",
    file_is_submodule = "file-is-submodule",
    file_is_symlink = "file-is-symlink",
    file_is_tenant_yaml = "file-is-tenant-yaml",
    file_kind = "file-kind",
    file_not_in_clone = "file-not-in-clone",
    file_of_git = "file-of-git",
    file_too_large = "file-too-large",
    file_with_drive_letter = "file-with-drive-letter",
    fleet_bad_branch = "fleet-bad-branch",
    fleet_bad_client_id = "fleet-bad-client-id",
    fleet_bad_durations = "fleet-bad-durations",
    fleet_bad_move = "fleet-bad-move",
    fleet_bad_profile = "fleet-bad-profile",
    fleet_bad_recipient = "fleet-bad-recipient",
    fleet_bad_safety = "fleet-bad-safety",
    fleet_bad_wire = "fleet-bad-wire",
    fleet_branch_of_files = "fleet-branch-of-files",
    fleet_branch_with_refs = "fleet-branch-with-refs",
    fleet_critical_after_due = "fleet-critical-after-due",
    fleet_file_kind = "fleet-file-kind",
    fleet_missing_auth = "fleet-missing-auth",
    fleet_missing_signers = "fleet-missing-signers",
    fleet_private_key = "fleet-private-key",
    fleet_secret_in_the_file = "fleet-secret-in-the-file",
    fleet_share_out_of_range = "fleet-share-out-of-range",
    fleet_signers_outside = "fleet-signers-outside",
    fleet_unknown_credential = "fleet-unknown-credential",
    hold_not_releasable = "hold-not-releasable",
    merge_key = "merge-key",
    missing_fact = "missing-fact",
    missing_field = "missing-field",
    missing_file = "missing-file",
    missing_file_without_neighbour = "missing-file-without-neighbour",
    missing_space_after_colon = "missing-space-after-colon",
    name_mismatch = "name-mismatch",
    not_a_mapping = "not-a-mapping",
    nothing_watched = "nothing-watched",
    only_null = "only-null",
    same_file_twice = "same-file-twice",
    several_documents = "several-documents",
    several_mistakes = "several-mistakes",
    sha256_of_a_template = "sha256-of-a-template",
    sha256_without_file = "sha256-without-file",
    tab = "tab",
    tag = "tag",
    too_deep = "too-deep",
    too_many_tokens = "too-many-tokens",
    unclosed_bracket = "unclosed-bracket",
    unclosed_quote = "unclosed-quote",
    unknown_field = "unknown-field",
    unknown_field_without_neighbour = "unknown-field-without-neighbour",
    unknown_hold = "unknown-hold",
    unknown_profile = "unknown-profile",
    unknown_value = "unknown-value",
    unwatched_file = "unwatched-file",
    wide_characters_before_the_mistake = "wide-characters-before-the-mistake",
    wrong_type = "wrong-type",
}

fn tenant_yaml(name: &str, id: u32, rest: &str) -> String {
    format!(
        "apiVersion: applecart/v1\nkind: Tenant\nname: {name}\ntenantId: {id:08x}-8a34-4b7a-9a51-0d6c2f6f1b11\n{rest}"
    )
}

fn codes(diagnostics: &[Diagnostic]) -> Vec<&'static str> {
    diagnostics.iter().map(|one| one.code.as_str()).collect()
}

#[test]
fn what_the_files_say_is_what_is_checked() {
    let yaml = include_bytes!("../../../../../tests/data/valid/tenant-whole.yaml");
    let loaded = load_tenant_file(yaml);
    let Desired::Valid(tenant) = &loaded.tenants[0] else { panic!() };
    let tokens: Vec<String> = tenant.tokens().map(|token| token.token.to_string()).collect();
    assert_eq!(tokens, ["push", "enrollment \"Contoso ABM\"", "vpp \"London\""]);
    let vpp = &tenant.vpp[0];
    assert_eq!(vpp.facts.expires.unwrap().to_string(), "2027-11-20T09:11:12Z");
    assert_eq!(vpp.facts.display_name.as_deref(), Some("London"));
    assert!(vpp.create && !vpp.claim);
    assert_eq!(tenant.enrollment[0].recipient.as_ref().unwrap().serial.to_string(), "5050");
    assert_eq!(
        tenant.enrollment[0].facts.role_scope_tag_ids,
        Some(vec!["0".to_owned(), "1".to_owned()])
    );
    assert_eq!(tenant.labels["wave"], "2");
    let file = tenant.push.as_ref().unwrap().file.as_ref().unwrap();
    assert_eq!(file.blob, Sha256::of(b"push.pem.age").to_string());

    let policy = loaded.policy.unwrap();
    assert_eq!(policy.critical, chrono::Duration::weeks(2));
    assert_eq!(policy.auth_of(tenant.auth.as_deref()).unwrap().cloud, super::super::Cloud::Usgov);
    assert_eq!(policy.signing.signers.as_deref(), Some(".applecart/allowed_signers"));
}

#[test]
fn plain_words_stay_text() {
    let yaml = include_bytes!("../../../../../tests/data/valid/tenant-norway.yaml");
    let loaded = load_tenant_file(yaml);
    let vpp = &loaded.tenants[0].valid().unwrap().vpp[0];
    assert_eq!(vpp.facts.country_or_region.as_deref(), Some("no"));
    assert_eq!(vpp.facts.organization.as_deref(), Some("007"));
    let yaml = include_bytes!(
        "../../../../../tests/data/valid/tenant-hexadecimal-that-looks-like-a-number.yaml"
    );
    let loaded = load_tenant_file(yaml);
    let push = loaded.tenants[0].valid().unwrap().push.clone().unwrap();
    assert_eq!(push.facts.serial.unwrap().to_string(), "21E7");
}

#[test]
fn what_older_yaml_reads_as_true_is_no_country() {
    let yaml = include_str!("../../../../../tests/data/valid/tenant-norway.yaml");
    for on in ["on", "'on'"] {
        let loaded =
            load_tenant_file(yaml.replace("country: no", &format!("country: {on}")).as_bytes());
        let found: Vec<_> = loaded.diagnostics.iter().map(|one| one.code.as_str()).collect();
        assert_eq!(found, ["bad-country"], "{on}");
    }
}

#[test]
fn defaults_are_the_documented_ones() {
    let yaml = include_bytes!("../../../../../tests/data/valid/fleet-minimal.yaml");
    let policy = load_policy(Some(yaml)).0.unwrap();
    assert_eq!(policy.renew_before, chrono::Duration::days(45));
    assert_eq!(policy.critical, chrono::Duration::days(14));
    assert_eq!((policy.max_share_percent, policy.max_tenants), (30, 50));
    assert_eq!(policy.ledger_branch, "applecart/ledger");
    assert_eq!(policy.settle, chrono::Duration::minutes(30));
    let loaded = load_tenant_file(tenant_yaml("contoso", 1, "").as_bytes());
    assert_eq!(loaded.tenants[0].valid().unwrap().watch, Kind::ALL.into_iter().collect());
}

#[test]
fn who_is_told_of_an_expiry_has_the_time_to_renew() {
    let text = |expiry: &str| {
        let text = std::str::from_utf8(POLICY).unwrap();
        text.replace("expiry: {renewBefore: 60d, critical: 2w}", &format!("expiry: {{{expiry}}}"))
    };
    for (expiry, told) in [
        ("renewBefore: 6d", Some("at least 7d and at most 365d")),
        ("renewBefore: 167h", Some("at least 7d and at most 365d")),
        ("renewBefore: 0d", Some("at least 7d and at most 365d")),
        ("renewBefore: 366d", Some("at least 7d and at most 365d")),
        ("critical: 23h", Some("at least 1d and at most 365d")),
        ("critical: 0d", Some("at least 1d and at most 365d")),
        ("renewBefore: 7d, critical: 8d", Some("`critical` is longer than `renewBefore`")),
        ("renewBefore: 168h, critical: 24h", None),
        ("renewBefore: 365d, critical: 365d", None),
    ] {
        let mistakes = load_policy(Some(text(expiry).as_bytes())).1;
        assert_eq!(codes(&mistakes), vec!["out-of-range"; usize::from(told.is_some())], "{expiry}");
        let message = mistakes.first().map(|mistake| mistake.message.as_str()).unwrap_or_default();
        assert!(message.contains(told.unwrap_or_default()), "{expiry}: {message}");
    }
    let short = load_policy(Some(text("renewBefore: 7d").as_bytes())).0.unwrap();
    assert_eq!(short.critical, chrono::Duration::days(7), "critical is never longer than due");
}

#[test]
fn a_mistake_makes_one_tenant_invalid_and_no_other() {
    let good = tenant_yaml("adatum", 1, "");
    let bad = tenant_yaml("contoso", 2, "colour: blue\n");
    let loaded = load(&fleet(vec![
        folder("contoso", bad.as_bytes()),
        folder("adatum", good.as_bytes()),
        folder("fabrikam", b"\xff"),
    ]));
    assert!(loaded.tenants[0].valid().is_some());
    let Desired::Invalid { name, tenant_id, file, mistakes } = &loaded.tenants[1] else { panic!() };
    assert_eq!((name.as_str(), file.as_str()), ("contoso", "tenants/contoso/tenant.yaml"));
    assert!(tenant_id.is_some());
    assert_eq!(codes(mistakes), ["unknown-field"]);
    assert_eq!(loaded.tenants[2].name(), "fabrikam");
    assert_eq!(codes(&loaded.diagnostics), ["unknown-field", "not-utf8"]);
    assert!(loaded.policy.is_some());
}

#[test]
fn duplicates_are_reported_on_each_and_leave_the_tenants_valid() {
    let push = "push: {topic: com.apple.mgmt.External.one}\n";
    let loaded = load(&fleet(vec![
        folder("adatum", tenant_yaml("adatum", 1, push).as_bytes()),
        folder("contoso", tenant_yaml("contoso", 1, push).as_bytes()),
        folder("fabrikam", tenant_yaml("fabrikam", 2, push).as_bytes()),
    ]));
    assert!(loaded.tenants.iter().all(|tenant| tenant.valid().is_some()));
    insta::assert_snapshot!(render_all(&loaded.diagnostics));
}

#[test]
fn one_customers_number_of_two_tenants_is_a_warning_on_each() {
    let numbers = |number: &str| format!("tickets: {{halo: {number}, other: 7{number}}}\n");
    let loaded = load(&fleet(vec![
        folder("adatum", tenant_yaml("adatum", 1, &numbers("1")).as_bytes()),
        folder("contoso", tenant_yaml("contoso", 2, "tickets: {halo: '1', desk: 71}\n").as_bytes()),
        folder("fabrikam", tenant_yaml("fabrikam", 3, &numbers("2")).as_bytes()),
    ]));
    let found = loaded.diagnostics.iter().map(|one| (one.code, one.is_error(), &*one.message));
    let code = Code::DuplicateTicketNumber;
    assert_eq!(
        found.collect::<Vec<_>>(),
        [
            (code, false, "this customer's number is also that of `contoso` (tickets.halo)"),
            (code, false, "this customer's number is also that of `adatum` (tickets.halo)"),
        ]
    );
}

#[test]
fn many_duplicates_name_a_few_of_the_others() {
    let folders: Vec<Folder> = (0..2_000)
        .map(|n| {
            let name = format!("t{n:04}");
            folder(&name, tenant_yaml(&name, 7, "").as_bytes())
        })
        .collect();
    let loaded = load(&fleet(folders));
    assert_eq!(loaded.diagnostics.len(), 2_000);
    assert_eq!(
        loaded.diagnostics[0].message,
        "this tenant id is also that of `t0001`, `t0002`, `t0003` and 1996 more"
    );
}

#[test]
fn folders_that_are_none_are_explained() {
    let mut source = fleet(vec![
        Folder { tenant_file: None, ..folder("adatum", b"") },
        Folder { tenant_file: Some(FileBytes::TooLarge { size: 300_000 }), ..folder("big", b"") },
        Folder { tenant_file: Some(FileBytes::NotHere), ..folder("partial", b"") },
        Folder { overfull: Some(2_000), entries: Vec::new(), ..folder("crowd", b"") },
        Folder {
            tenant_file: None,
            entries: vec![entry("tenant.yaml", EntryKind::Symlink, Some(3))],
            ..folder("linked", b"")
        },
        Folder {
            tenant_file: None,
            entries: vec![entry("tenant.yml", EntryKind::Blob, Some(3))],
            ..folder("spelt", b"")
        },
        folder("UPPER", tenant_yaml("UPPER", 1, "").as_bytes()),
    ]);
    source.strays = vec![
        entry(".gitkeep", EntryKind::Blob, Some(0)),
        entry("README.md", EntryKind::Blob, Some(10)),
        entry("link", EntryKind::Symlink, Some(10)),
        entry("notes.txt", EntryKind::Blob, Some(10)),
        entry("other", EntryKind::Submodule, None),
    ];
    let loaded = load(&source);
    assert!(loaded.tenants.iter().all(|tenant| tenant.valid().is_none()));
    assert_eq!(loaded.tenants.len(), 9);
    insta::assert_snapshot!(render_all(&loaded.diagnostics));
}

#[test]
fn a_folder_in_which_a_killed_import_left_only_its_waiting_file_is_no_tenant() {
    let waiting = format!(".tenant.yaml.{}.tmp", "0f".repeat(16));
    let left = |names: &[&str]| {
        let entries = names.iter().map(|name| entry(name, EntryKind::Blob, Some(3))).collect();
        let source = fleet(vec![Folder { tenant_file: None, entries, ..folder("adatum", b"") }]);
        load(&source).tenants.len()
    };
    assert_eq!(left(&[&waiting]), 0);
    assert_eq!(left(&[&waiting, "push.pem.age"]), 1, "a person's file stands there");
    assert_eq!(left(&[".tenant.yaml.old.tmp"]), 1, "not one of ours");
}

#[test]
fn a_fleet_without_settings_and_tenants_says_how_to_start() {
    let loaded = load(&Source::default());
    assert_eq!(loaded.policy, None);
    insta::assert_snapshot!(render_all(&loaded.diagnostics));
    let report = serde_json::to_value(super::super::ValidateReport::new(&loaded)).unwrap();
    assert_eq!(report["summary"], serde_json::json!({"errors": 1, "warnings": 1, "tenants": 0}));
    let (_, schema) =
        schema::schemas().into_iter().find(|(name, _)| name.starts_with("diag")).unwrap();
    assert!(jsonschema::is_valid(&schema, &report));
}

#[test]
fn without_a_policy_profiles_are_not_judged() {
    let yaml = tenant_yaml("contoso", 1, "auth: anything\n");
    let source = fleet(vec![folder("contoso", yaml.as_bytes())]);
    assert!(load_tenants(&source, None).0[0].valid().is_some());
}

#[test]
fn a_byte_order_mark_is_no_mistake() {
    let yaml = format!("\u{feff}{}", tenant_yaml("contoso", 1, ""));
    assert_eq!(load_tenant_file(yaml.as_bytes()).diagnostics, []);
}

#[test]
fn a_file_full_of_mistakes_is_cut_and_says_so() {
    let mut yaml = tenant_yaml("contoso", 1, "labels: {");
    for n in 0..20_000 {
        yaml.push_str(&format!("k{n}: [], "));
    }
    yaml.push_str("}\n");
    assert!(yaml.len() < MAX_SETTINGS_BYTES as usize);
    let diagnostics = load_tenant_file(yaml.as_bytes()).diagnostics;
    assert_eq!(diagnostics.len(), 101);
    assert_eq!(diagnostics[0].code, Code::TooManyMistakes);
    assert_eq!(diagnostics[0].message, "19900 more mistakes in this file are not shown");
}

#[test]
fn no_list_of_a_file_is_longer_than_any_real_one() {
    let list = |count: usize| {
        let lines: String = (0..count).map(|n| format!("  k{n}: v\n")).collect();
        let contacts: String = (0..count).map(|n| format!("  - a{n}@b.example\n")).collect();
        tenant_yaml("contoso", 1, &format!("labels:\n{lines}contacts:\n{contacts}"))
    };
    assert_eq!(load_tenant_file(list(64).as_bytes()).diagnostics, []);
    let diagnostics = load_tenant_file(list(65).as_bytes()).diagnostics;
    let codes: Vec<Code> = diagnostics.iter().map(|one| one.code).collect();
    assert_eq!(codes, [Code::TooManyEntries, Code::TooManyEntries]);
    assert_eq!(diagnostics[0].message, "`labels` has 65 entries, more than the 64 that are read");
}

#[test]
fn no_secret_of_a_file_is_repeated() {
    for yaml in [
        "apiVersion: applecart/v1\nkind: Fleet\nauth: {clientSecret: hunter2hunter2, credential: x}\n",
        "apiVersion: applecart/v1\nkind: Fleet\nrecipients: [x, AGE-SECRET-KEY-1hunter2hunter2]\n",
    ] {
        let shown = render_all(&load_policy(Some(yaml.as_bytes())).1);
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

/// Pieces that valid and almost valid files are made of: random bytes alone never get past the
/// first line.
fn piece() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "apiVersion: applecart/v1\n",
        "kind: Tenant\n",
        "kind: Fleet\n",
        "name: contoso\n",
        "push:\n",
        "vpp:\n",
        "  - name: x\n",
        "  topic: ",
        "  file: ../x\n",
        "labels: {a: b",
        "}",
        "[",
        "]",
        "\t",
        "\r",
        ": ",
        "- ",
        "? ",
        "&a ",
        "*a",
        "!!str ",
        "<<: ",
        "'",
        "\"",
        "|",
        ">",
        "%",
        "@",
        "\u{feff}",
        "\u{85}",
        "\u{2028}",
        "---\n",
        "...\n",
        "auth:\n",
        "  clientId: ",
        "expiry: {critical: 9d",
        "suspend: {until: 2026-12-31, ",
        "\\x41",
        "~",
        "null",
    ])
    .prop_map(str::to_owned);
    prop_oneof![4 => words, 1 => any::<char>().prop_map(String::from), 1 => "[ a-z:\n-]{0,8}"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_panic_the_loader(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = load_policy(Some(&bytes));
        let _ = render_all(&load_tenant_file(&bytes).diagnostics);
    }

    #[test]
    fn no_text_panics_the_loader(pieces in prop::collection::vec(piece(), 0..40)) {
        let text = pieces.concat();
        let loaded = load_tenant_file(text.as_bytes());
        let _ = render_all(&loaded.diagnostics);
        let _ = load_policy(Some(text.as_bytes()));
        // A tenant is valid exactly when nothing is an error.
        let errors = loaded.diagnostics.iter().any(Diagnostic::is_error);
        prop_assert_eq!(loaded.tenants[0].valid().is_none(), errors);
    }

    #[test]
    fn the_order_of_folders_does_not_matter(order in Just((0..6_usize).collect::<Vec<_>>()).prop_shuffle()) {
        let all: Vec<Folder> = (0..6)
            .map(|n| {
                let name = format!("t{n}");
                folder(&name, tenant_yaml(&name, n / 2, if n == 3 { "x: y\n" } else { "" }).as_bytes())
            })
            .collect();
        let shuffled = order.iter().map(|&n| all[n].clone()).collect();
        prop_assert_eq!(load(&fleet(shuffled)), load(&fleet(all)));
    }
}

#[test]
fn a_settings_file_with_nearly_the_right_name_is_named() {
    let near = Source { near_policy: Some("applecart.yml".to_owned()), ..Source::default() };
    let mistakes = load(&near).diagnostics;
    let help = mistakes.iter().find_map(|one| one.help.as_deref()).unwrap();
    assert!(help.ends_with("\ngit mv applecart.yml applecart.yaml"), "{help}");
}
