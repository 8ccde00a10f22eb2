use proptest::prelude::*;

use super::super::diagnostic::render_all;
use super::super::source::{MAX_SETTINGS_BYTES, MAX_TOKEN_BYTES};
use super::*;
use crate::model::Kind;

const POLICY: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/valid/fleet-whole.yaml"));

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
                    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/invalid/", $name, ".yaml")),
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
                    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/valid/", $name, ".yaml")),
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
        snapshot_path => concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots/invalid"),
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
    tenant_tracked = "tenant-tracked",
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
