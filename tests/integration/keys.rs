//! Private keys as people have them, from outside.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use age::secrecy::ExposeSecret as _;
use age_core::format::{FileKey, Stanza};
use base64::Engine as _;

use crate::world::hub::script;
#[cfg(target_os = "linux")]
use crate::world::on_a_terminal;
use crate::world::{Run, World, finish, project};

/// A fleet with a renewal that is due, and nothing that names a key.
fn due() -> World {
    let world = World::new();
    world.renewal("contoso");
    world
}

/// The command without a key.
fn without_key(world: &World, arguments: &[&str]) -> Command {
    let mut command = world.command(arguments);
    command.env_remove("SOPS_AGE_KEY");
    command
}

fn all(run: &Run) -> String {
    format!("{}{}", run.stdout, run.stderr)
}

fn doctor(world: &World, variable: &str, value: &str) -> Run {
    let mut command = without_key(world, &["doctor"]);
    command.env(variable, value);
    finish(command)
}

#[test]
fn the_key_file_where_sops_looks_is_used_without_being_named() {
    let world = due();
    let missing = finish(without_key(&world, &["apply"])).ends_with(1);
    missing.says("sops/age/keys.txt").says("export SOPS_AGE_KEY_FILE=PATH");
    let folder = world.path(".config/sops/age");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("keys.txt"), &world.key).unwrap();
    finish(without_key(&world, &["apply"])).ends_with(0).says("uploaded");
    assert_eq!(world.uploads("contoso"), 1);
}

#[test]
fn a_damaged_key_file_that_nobody_named_is_no_reason_to_refuse_another_key() {
    let world = due();
    let folder = world.path(".config/sops/age");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("keys.txt"), "hello").unwrap();
    finish(without_key(&world, &["apply"])).ends_with(1).says("not an age identity");
    world.run(&["apply"]).ends_with(0).says("not used: ").says("keys.txt (where SOPS looks)");
}

#[cfg(unix)]
#[test]
fn a_command_that_prints_the_key_is_run_as_sops_runs_it() {
    let world = due();
    std::fs::write(world.path("the key"), &world.key).unwrap();
    let with = |line: &str| {
        let mut command = without_key(&world, &["apply"]);
        command.env("SOPS_AGE_KEY_CMD", line);
        finish(command)
    };
    with("no-such-program").ends_with(1).says("could not be started");
    with("false").ends_with(1).says("ended with exit code 1");
    with("cat 'open").ends_with(1).says("a quote is not closed");
    // Without a shell: what would be one's syntax is a name.
    with("cat '../the key' ; true").ends_with(1).says("ended with exit code 1");
    assert_eq!(world.uploads("contoso"), 0);
    with("cat '../the key'").ends_with(0).says("uploaded");
}

#[test]
fn a_key_where_a_path_belongs_is_never_shown() {
    let world = due();
    let run = doctor(&world, "SOPS_AGE_KEY_FILE", &world.key);
    assert!(!all(&run).contains(&world.key[20..]), "{}", all(&run));
    run.ends_with(3).says("this is a private key, not the path of a file");
    let run = finish(without_key(&world, &["apply", "--identity", &world.key]));
    assert!(!all(&run).contains(&world.key[20..]), "{}", all(&run));
    run.ends_with(1).says("--identity: this is a private key");
}

#[test]
fn a_key_that_opens_nothing_is_refused_before_intune_is_asked() {
    let world = due();
    let stranger = World::new();
    let mut command = world.command(&["apply"]);
    command.env("SOPS_AGE_KEY", &stranger.key);
    let run = finish(command).ends_with(4);
    run.says("the available private key does not open the sealed file of the selected tenants");
}

#[test]
fn a_key_that_opens_only_some_files_is_told_once_with_the_tokens() {
    let world = due();
    world.renewal("fabrikam");
    world.renewal("northwind");
    let stranger = age::x25519::Identity::generate().to_public();
    for name in ["contoso", "northwind"] {
        let path = world.repo().join(format!("tenants/{name}/push.pem.age"));
        encrypt_again(&world, &path, &[&stranger]);
    }
    world.commit("Two files for another key");
    let run = world.run(&["apply"]).ends_with(4);
    let (cause, text) = ("no available identity opens it", all(&run));
    assert_eq!(text.matches(cause).count(), 1, "{text}");
    run.says("✗ contoso push refused ✗ northwind push refused All 2 for the same reason:");
    assert_eq!(world.uploads("fabrikam"), 1);
    let run = world.run(&["reseal", "--dry-run"]).ends_with(3);
    assert_eq!(all(&run).matches(cause).count(), 1, "{}", all(&run));
    run.says("tenants/northwind/push.pem.age left as it is, as tenants/contoso/push.pem.age");
}

/// Name and result of each line of a table in docs/keys.md.
fn documented(first_column: &str) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(project().join("docs/keys.md")).unwrap();
    let rows = text.lines().skip_while(|line| !line.starts_with(&format!("| {first_column} |")));
    rows.skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let mut cells = line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned());
            (cells.next().unwrap(), cells.next().unwrap().trim_matches([' ', '|']).to_owned())
        })
        .collect()
}

/// What a line says that it does, and what shows it.
type Line<'a> = (&'a str, &'a str);

/// Compares what was seen, line by line, with the table.
fn compare(first_column: &str, seen: &[Line<'_>]) {
    let seen: Vec<(String, String)> =
        seen.iter().map(|(name, result)| ((*name).to_owned(), (*result).to_owned())).collect();
    assert_eq!(seen, documented(first_column));
}

const WORKS: &str = "works";
const NOTE: &str = "works, with a note";
const REFUSED: &str = "refused";

const YUBIKEY: &str = "AGE-PLUGIN-YUBIKEY-1QGPQYQQ4CC8R4";
const TAGGED: &str = "age1tag1qt8lw0ual6avlwmwatk888yqnmdamm7xfd0wak53ut6elz5c4swx2yqdj4e";

fn post_quantum_identity() -> String {
    format!("AGE-SECRET-KEY-PQ-1{}", "Q".repeat(59))
}

/// The one sealed file of contoso.
fn sealed_file(world: &World) -> PathBuf {
    let files = std::fs::read_dir(world.repo().join("tenants/contoso")).unwrap();
    files.map(|one| one.unwrap().path()).find(|path| !path.ends_with("tenant.yaml")).unwrap()
}

/// Encrypts a file of the fleet to other recipients.
fn encrypt_again(world: &World, path: &Path, recipients: &[&dyn age::Recipient]) {
    let identity: age::x25519::Identity = world.key.parse().unwrap();
    let opened = age::decrypt(&identity, &std::fs::read(path).unwrap()).unwrap();
    let encryptor = age::Encryptor::with_recipients(recipients.iter().copied()).unwrap();
    let mut bytes = Vec::new();
    let mut writer = encryptor.wrap_output(&mut bytes).unwrap();
    std::io::Write::write_all(&mut writer, &opened).unwrap();
    writer.finish().unwrap();
    std::fs::write(path, &bytes).unwrap();
}

/// The recipient of a plugin for tests, which hides nothing.
struct OfPlugin;

impl age::Recipient for OfPlugin {
    fn wrap_file_key(
        &self,
        key: &FileKey,
    ) -> Result<(Vec<Stanza>, HashSet<String>), age::EncryptError> {
        let body = key.expose_secret().to_vec();
        Ok((vec![Stanza { tag: "fake".into(), args: Vec::new(), body }], HashSet::new()))
    }
}

const OF_PLUGIN: &str = "AGE-PLUGIN-FAKE-1QGPQYQQ4CC8R4";

/// The program of that plugin.
#[cfg(unix)]
fn plugin(world: &World) -> PathBuf {
    let path = world.path("age-plugin-fake");
    script(
        &path,
        r#"while read -r line; do
  case $line in
    "-> recipient-stanza 0 fake") read -r key ;;
    "-> done") read -r end; break ;;
  esac
done
test -z "$SOPS_AGE_KEY$AZURE_CLIENT_SECRET" || exit 1
printf '%s\n' '-> msg' "$(printf 'touch the key' | base64 | tr -d =)"
read -r ok; read -r end
printf '%s\n' '-> file-key 0' "$key"
read -r ok; read -r end
printf '%s\n' '-> done' ''"#,
    );
    path
}

#[cfg(unix)]
#[test]
fn an_age_plugin_is_started_only_where_the_environment_names_its_program() {
    let world = due();
    encrypt_again(&world, &sealed_file(&world), &[&OfPlugin]);
    world.commit("For a hardware key");
    let program = plugin(&world);
    let folder = program.parent().unwrap().to_str().unwrap();
    let with = |plugins: &str| {
        let mut command = without_key(&world, &["apply"]);
        command.env("SOPS_AGE_KEY", OF_PLUGIN);
        // On the search path it is not looked for.
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{folder}:{path}")).env("APPLECART_AGE_PLUGINS", plugins);
        finish(command)
    };
    with("").ends_with(1).says("command -v age-plugin-fake");
    with("age-plugin-fake").ends_with(1).says("the absolute one of an age plugin's program");
    with("/bin/cat").ends_with(1).says("the absolute one of an age plugin's program");
    assert_eq!(world.uploads("contoso"), 0);
    let run = with(program.to_str().unwrap()).ends_with(0);
    run.says("age-plugin-fake: touch the key").says("uploaded");
    assert_eq!(world.uploads("contoso"), 1);
}

/// What `doctor` says of a key: whether it works, and whether it tells `note`.
fn judged(world: &World, variable: &str, value: &str, note: &str) -> &'static str {
    judged_with(world, &[(variable, value)], note)
}

fn judged_with(world: &World, variables: &[(&str, &str)], note: &str) -> &'static str {
    let mut command = without_key(world, &["doctor", "--format", "json"]);
    command.envs(variables.iter().copied().filter(|(name, _)| !name.is_empty()));
    judged_by(&finish(command).json(), note)
}

/// The same of what `doctor` printed.
fn judged_by(found: &serde_json::Value, note: &str) -> &'static str {
    let checks = found["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["area"] == "identities").unwrap();
    let text = check["text"].as_str().unwrap();
    assert!(text.contains(note), "{note:?} is not in {text}");
    match check["state"].as_str().unwrap() {
        "ok" if text.ends_with("a sealed file of the fleet opens") => WORKS,
        "ok" => NOTE,
        "failed" => REFUSED,
        other => panic!("{other}: {text}"),
    }
}

/// What `doctor` says of a key file whose passphrase somebody types at the terminal.
#[cfg(target_os = "linux")]
fn judged_on_a_terminal(world: &World, file: &Path, passphrase: &str) -> &'static str {
    let mut command = without_key(world, &["doctor", "--format", "json"]);
    command.env("SOPS_AGE_KEY_FILE", file);
    let typed = format!("{passphrase}\n");
    let Some(run) = on_a_terminal(&command, "Passphrase of ", &typed) else { return WORKS };
    let json = run.stdout.get(run.stdout.find('{').unwrap()..).unwrap();
    let found = serde_json::Deserializer::from_str(json).into_iter().next().unwrap().unwrap();
    judged_by(&found, "")
}

#[cfg(target_os = "linux")]
#[test]
fn private_keys_are_what_the_table_says() {
    let world = due();
    let own: age::x25519::Identity = world.key.parse().unwrap();
    encrypt_again(&world, &sealed_file(&world), &[&own.to_public(), &OfPlugin]);
    world.commit("For a hardware key, too");
    let plugins = plugin(&world);
    let key = world.key.as_str();
    let whole = format!("# created: today\n# public key: {}\n{key}\n", world.recipient);
    let value = |text: &str, note: &str| judged(&world, "SOPS_AGE_KEY", text, note);
    let file = |bytes: &[u8], note: &str| {
        let path = world.path("key");
        std::fs::write(&path, bytes).unwrap();
        judged(&world, "SOPS_AGE_KEY_FILE", path.to_str().unwrap(), note)
    };
    let passphrase = {
        let mut recipient = age::scrypt::Recipient::new("open sesame".to_owned().into());
        recipient.set_work_factor(1);
        age::encrypt(&recipient, whole.as_bytes()).unwrap()
    };
    let utf16: Vec<u8> =
        format!("\u{feff}{whole}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let windows = format!("\u{feff}{}", whole.replace('\n', "\r\n"));
    let base64 = base64::engine::general_purpose::STANDARD.encode(&whole);
    let beside = |other: &str| format!("{other}\n{whole}");
    let (post_quantum, recipient) = (post_quantum_identity(), world.recipient.as_str());
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n";

    let mut seen = vec![
        ("an age identity, `AGE-SECRET-KEY-1…`", value(&whole, "")),
        ("with CRLF line ends and a byte order mark", file(windows.as_bytes(), "")),
    ];
    let usual = world.path(".config/sops/age");
    std::fs::create_dir_all(&usual).unwrap();
    std::fs::write(usual.join("keys.txt"), &whole).unwrap();
    seen.push(("in SOPS's own key file", judged(&world, "", "", "")));
    std::fs::remove_file(usual.join("keys.txt")).unwrap();
    std::fs::write(world.path("printed"), &whole).unwrap();
    let command = format!("cat '{}'", world.path("printed").display());
    seen.push(("printed by `SOPS_AGE_KEY_CMD`", judged(&world, "SOPS_AGE_KEY_CMD", &command, "")));
    seen.extend([
        ("in UTF-16", file(&utf16, "UTF-16")),
        ("with quotes around it", value(&format!("\"{key}\""), "quotes")),
        ("with `\\n` instead of line ends", value(&whole.replace('\n', "\\n"), "\\n")),
        ("in base64", value(&base64, "base64")),
        (
            "an identity of an age plugin that `APPLECART_AGE_PLUGINS` names",
            judged_with(
                &world,
                &[
                    ("SOPS_AGE_KEY", OF_PLUGIN),
                    ("APPLECART_AGE_PLUGINS", plugins.to_str().unwrap()),
                ],
                "",
            ),
        ),
        ("an identity with a passphrase, on a terminal", {
            let path = world.path("with a passphrase");
            std::fs::write(&path, &passphrase).unwrap();
            judged_on_a_terminal(&world, &path, "open sesame")
        }),
        ("beside a post-quantum identity", value(&beside(&post_quantum), "post-quantum")),
        ("beside one of another plugin", value(&beside(YUBIKEY), "age-plugin-yubikey")),
        ("beside a public key", value(&beside(recipient), "public key")),
        ("a post-quantum identity alone", value(&post_quantum, "post-quantum")),
        ("one of another plugin alone", value(YUBIKEY, "APPLECART_AGE_PLUGINS")),
        ("an identity with a passphrase, in a pipeline", file(&passphrase, "passphrase")),
        ("a public key alone", value(recipient, "public key")),
        (
            "an SSH key, in a build without `ssh-identities`",
            match cfg!(feature = "ssh-identities") {
                true => REFUSED,
                false => file(b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA", "SSH keys"),
            },
        ),
        ("cut off", value(&key[..60], "incomplete")),
        ("on one line with its comments", value(&whole.replace('\n', " "), "line ends were lost")),
        (
            "with a name before it, `KEY=AGE-SECRET-KEY-1…`",
            value(&format!("KEY={key}"), "other text"),
        ),
        ("the name of a secret that the pipeline did not replace, `$(NAME)`", {
            for name in ["${{ secrets.KEY }}", "***", "%KEY%"] {
                assert_eq!(value(name, "nothing replaced"), REFUSED, "{name}");
            }
            judged(&world, "SOPS_AGE_KEY_FILE", "$(KEY.secureFilePath)", "nothing replaced");
            value("$(KEY)", "nothing replaced")
        }),
        ("a path in `SOPS_AGE_KEY`", value("/etc/fleet.agekey", "the path of a file")),
        ("a key in `SOPS_AGE_KEY_FILE`", judged(&world, "SOPS_AGE_KEY_FILE", key, "a private key")),
        ("a path with `~` or `$HOME` that no shell replaced", {
            assert_eq!(judged(&world, "SOPS_AGE_KEY_FILE", "$HOME/k", "no shell"), REFUSED);
            judged(&world, "SOPS_AGE_KEY_FILE", "~/k", "no shell")
        }),
        ("a Git LFS pointer", file(pointer.as_bytes(), "Git LFS")),
    ]);
    compare("private key", &seen);
}

#[test]
fn public_keys_are_what_the_table_says() {
    let world = World::new();
    let judged = |keys: &[&str], note: &str| {
        let lists: String = keys.iter().map(|key| format!("  - {key}\n")).collect();
        let policy = world.policy("").replace(&format!("  - {}\n", world.recipient), &lists);
        world.write("applecart.yaml", &policy);
        let run = world.run(&["validate", "--worktree"]);
        let code = run.code;
        let all = all(&run);
        run.says(note);
        match code {
            0 if all.contains("warning[bad-recipient]") => NOTE,
            0 => WORKS,
            _ => REFUSED,
        }
    };
    let good = world.recipient.as_str();
    let ssh = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8e3w0hJ2dH0m2iT7xTn9mGqkq0y8tD6o4kqv0dW5aG";
    let yubikey = "age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t";
    let (hybrid, tagged) =
        (format!("age1pq1{}", "q".repeat(1952)), format!("age1tagpq1{}", "q".repeat(2000)));
    let without = "is not a key that files can be sealed to";
    let seen = [
        ("an age key, `age1…` of 62 characters", judged(&[good], "")),
        ("`ssh-ed25519` or `ssh-rsa`", judged(&[good, ssh], "")),
        ("a hardware key with a tag, `age1tag1…`, beside an age key", judged(&[good, TAGGED], "")),
        ("hardware keys only", judged(&[TAGGED], "hardware keys only")),
        ("a post-quantum key, `age1pq1…`", judged(&[&hybrid], "is a post-quantum age key")),
        (
            "a post-quantum hardware key, `age1tagpq1…`",
            judged(&[&tagged], "is a post-quantum age key"),
        ),
        (
            "a key of an age plugin, `age1yubikey1…`",
            judged(&[yubikey], "a key of age-plugin-yubikey"),
        ),
        (
            "an SSH key in hardware, `sk-ssh-…`",
            judged(&["sk-ssh-ed25519@openssh.com AAAAGnNr"], "an SSH key of a kind"),
        ),
        ("an age key with letters missing", judged(&[&good[..58]], without)),
        ("a private key", judged(&[&world.key], "this is a private key")),
    ];
    compare("public key in `recipients`", &seen);
}

#[test]
fn encrypted_files_are_what_the_table_says() {
    let world = due();
    let path = sealed_file(&world);
    let original = std::fs::read(&path).unwrap();
    let plan = || {
        let run = finish(without_key(&world, &["plan", "--worktree"])).ends_with(0);
        if run.stdout.contains("not encrypted to the recipients that applecart.yaml lists") {
            NOTE
        } else {
            WORKS
        }
    };
    let mut seen = vec![("for the keys that applecart.yaml lists", plan())];
    let own: age::x25519::Identity = world.key.parse().unwrap();
    let stranger = age::x25519::Identity::generate().to_public();
    encrypt_again(&world, &path, &[&own.to_public(), &stranger]);
    seen.push(("for a key that it does not list", plan()));

    let body = format!("{}\n{}\n", "A".repeat(64), "A".repeat(43));
    let header =
        format!("age-encryption.org/v1\n-> mlkem768x25519 AAAA\n{body}--- {}\n", "A".repeat(43));
    std::fs::write(&path, [header.as_bytes(), &[7; 64]].concat()).unwrap();
    finish(without_key(&world, &["validate", "--worktree"]))
        .says("1 post-quantum age key can open it");
    world.commit("A file for a post-quantum key");
    let run =
        world.run(&["apply"]).ends_with(4).says("it is encrypted to 1 post-quantum age key only");
    seen.push(("for a post-quantum key only", if run.code == 4 { REFUSED } else { WORKS }));
    assert_eq!(world.uploads("contoso"), 0);

    let mut refused = |name: &'static str, bytes: &[u8], said: &str| {
        std::fs::write(&path, bytes).unwrap();
        let run = finish(without_key(&world, &["validate", "--worktree"])).ends_with(78);
        assert!(!all(&run).contains("revoke"), "{}", all(&run));
        run.says(said);
        seen.push((name, REFUSED));
    };
    let opened = age::decrypt(&own, &original).unwrap();
    let armored = age::encrypt_and_armor(&own.to_public(), &opened).unwrap();
    let utf16: Vec<u8> = armored.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let conflict = format!("<<<<<<< HEAD\n{armored}=======\n{armored}>>>>>>> theirs\n");
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n";
    refused("not encrypted", &opened, "not encrypted");
    refused("a Git LFS pointer", pointer.as_bytes(), "Git LFS pointer");
    refused("in UTF-16, as `>` of Windows PowerShell writes", &utf16, "UTF-16");
    refused("with the marks of a merge conflict", conflict.as_bytes(), "conflict marks");
    refused("encrypted with git-crypt", b"\0GITCRYPT\0\x01\x02\x03\x04", "git-crypt");
    let pgp = "-----BEGIN PGP MESSAGE-----\n\nhQEMA\n-----END PGP MESSAGE-----\n";
    refused("encrypted with OpenPGP, Ansible Vault or openssl", pgp.as_bytes(), "OpenPGP");
    refused("cut off at the beginning", &original[..60], "cut off, damaged");
    refused("a web page", b"<!DOCTYPE html><html><body>Sign in</body></html>", "a web page");
    compare("file", &seen);
}

#[test]
fn a_file_may_be_named_from_its_own_folder() {
    let world = due();
    let path = "tenants/contoso/tenant.yaml";
    let text = std::fs::read_to_string(world.repo().join(path)).unwrap();
    let dotted = text.replace("file: ", "file: ./");
    assert_ne!(text, dotted);
    world.write(path, &dotted);
    world.commit("The same file");
    world.run(&["apply"]).ends_with(0).says("uploaded");
}

#[test]
fn a_settings_file_with_the_other_extension_is_named() {
    let world = due();
    world.git(&["mv", "applecart.yaml", "applecart.yml"]);
    world.commit("Rename");
    for arguments in [&["validate"][..], &["validate", "--worktree"], &["plan"]] {
        world.run(arguments).ends_with(78).says("git mv applecart.yml applecart.yaml");
    }
}
