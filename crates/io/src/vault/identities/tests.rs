//! Key files as people have them.

use std::io::Write as _;
use std::path::PathBuf;

use age::secrecy::ExposeSecret as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;

/// A key file as age-keygen writes it, and its identity's line.
fn key_file() -> (String, String) {
    let identity = x25519::Identity::generate();
    let line = identity.to_string().expose_secret().to_owned();
    let recipient = identity.to_public();
    (format!("# created: 2026-11-20T10:00:00Z\n# public key: {recipient}\n{line}\n"), line)
}

const SOURCE: KeySource = KeySource::Value("KEY");

fn read(bytes: &[u8]) -> Result<Identities, IdentitiesError> {
    let mut identities = Identities::default();
    identities.add(&SOURCE, bytes, &|_| None)?;
    identities.usable()
}

fn fault(bytes: &[u8]) -> (Option<usize>, IdentityFault) {
    let error = read(bytes).err().unwrap();
    (error.line, error.fault)
}

/// Encrypted with a passphrase, at the least cost that there is.
fn locked(content: &[u8], passphrase: &str) -> Vec<u8> {
    let mut recipient = age::scrypt::Recipient::new(passphrase.to_owned().into());
    recipient.set_work_factor(1);
    age::encrypt(&recipient, content).unwrap()
}

fn armored(binary: &[u8]) -> Vec<u8> {
    let format = age::armor::Format::AsciiArmor;
    let mut writer = age::armor::ArmoredWriter::wrap_output(Vec::new(), format).unwrap();
    writer.write_all(binary).unwrap();
    writer.finish().unwrap()
}

fn utf16(text: &str) -> Vec<u8> {
    let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

#[test]
fn what_is_put_around_a_key_is_taken_off_and_told() {
    let (file, line) = key_file();
    let written = file.replace('\n', "\\n");
    let of_windows = file.replace('\n', "\r\n");
    let base64 = STANDARD.encode(&file);
    let cases: [(&str, Vec<u8>, &[Dressing]); 13] = [
        ("as it is", file.clone().into(), &[]),
        ("the line alone", line.clone().into(), &[]),
        ("CRLF", of_windows.clone().into(), &[]),
        ("a byte order mark", format!("\u{feff}{of_windows}").into(), &[]),
        ("UTF-16", utf16(&of_windows), &[Dressing::Utf16]),
        ("double quotes", format!("\"{line}\"\n").into(), &[Dressing::Quotes]),
        ("single quotes", format!("'{file}'").into(), &[Dressing::Quotes]),
        ("written line ends", written.clone().into(), &[Dressing::WrittenLineEnds]),
        ("of Windows", of_windows.replace("\r\n", "\\r\\n").into(), &[Dressing::WrittenLineEnds]),
        ("base64", base64.clone().into(), &[Dressing::Base64]),
        (
            "base64 in lines",
            format!("{}\n{}\n", &base64[..76], &base64[76..]).into(),
            &[Dressing::Base64],
        ),
        (
            "base64 of UTF-16",
            STANDARD.encode(utf16(&file)).into(),
            &[Dressing::Base64, Dressing::Utf16],
        ),
        ("both", format!("\"{written}\"").into(), &[Dressing::Quotes, Dressing::WrittenLineEnds]),
    ];
    for (name, bytes, told) in cases {
        let identities = read(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(identities.len(), 1, "{name}");
        let notes: Vec<IdentityNote> = told
            .iter()
            .map(|dressing| IdentityNote::Bared { source_name: SOURCE, dressing: *dressing })
            .collect();
        assert_eq!(identities.notes(), notes, "{name}");
    }
}

/// What is no X25519 identity and still belongs to one, with its line in a file behind two comments.
fn other_kinds() -> Vec<(String, IdentityFault)> {
    let plugin = IdentityFault::Plugin { name: "age-plugin-yubikey".into() };
    let public = "age1qyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqs3290gq";
    vec![
        ("AGE-SECRET-KEY-PQ-1ASWNRDYNPNVXH3N2TA5H".into(), IdentityFault::PostQuantum),
        ("AGE-PLUGIN-YUBIKEY-1QGPQYQQ4CC8R4".into(), plugin),
        (public.into(), IdentityFault::PublicKey),
        ("ssh-ed25519 AAAAC3Nza me@host".into(), IdentityFault::PublicKey),
    ]
}

#[test]
fn an_identity_of_another_kind_is_passed_over_as_long_as_one_is_usable() {
    for (other, expected) in other_kinds() {
        let alone = read(format!("# x\n{other}\n").as_bytes()).err().unwrap();
        assert_eq!((alone.line, &alone.fault), (Some(2), &expected));
        let beside = read(format!("{other}\n{}", key_file().0).as_bytes()).unwrap();
        assert_eq!(beside.len(), 1, "{other}");
        let error = IdentitiesError { source_name: SOURCE, line: Some(1), fault: expected };
        assert_eq!(beside.notes(), [IdentityNote::Skipped(error)]);
    }
}

#[test]
fn what_is_no_identity_is_refused_even_beside_one() {
    let (file, line) = key_file();
    for (text, expected) in [
        ("secret".to_owned(), IdentityFault::NotAnIdentity),
        (line[..60].to_owned(), IdentityFault::Damaged),
        (format!("SOPS_AGE_KEY={line}"), IdentityFault::Surrounded),
        ("~/.config/sops/age/keys.txt".to_owned(), IdentityFault::Path),
        ("C:\\keys\\fleet.agekey".to_owned(), IdentityFault::Path),
    ] {
        assert_eq!(fault(text.as_bytes()), (Some(1), expected.clone()), "{text}");
        let beside = format!("{file}{text}");
        assert_eq!(fault(beside.as_bytes()), (Some(4), expected), "{text}");
    }
}

#[test]
fn a_file_without_an_identity_is_named_for_what_it_is() {
    let (file, line) = key_file();
    let lost = file.replace('\n', " ");
    assert_eq!(fault(lost.as_bytes()), (None, IdentityFault::Commented));
    assert_eq!(fault(b"# only a comment"), (None, IdentityFault::Empty));
    assert_eq!(fault(&[0xc3, 0x28, 0xff, 0x10]), (None, IdentityFault::NotText));
    let pointer =
        format!("version https://git-lfs.github.com/spec/v1\noid sha256:{}\n", "0".repeat(64));
    for (bytes, what) in [
        (pointer.as_bytes(), "is a Git LFS pointer, not the file that it stands for"),
        (
            b"<!DOCTYPE html><html><body>Sign in</body></html>",
            "is a web page, probably a sign-in or error page saved under the token's name",
        ),
    ] {
        assert_eq!(fault(bytes).1, IdentityFault::OtherFile { what });
    }
    let recipient = line.parse::<x25519::Identity>().unwrap().to_public();
    let token = armored(&age::encrypt(&recipient, b"token").unwrap());
    assert_eq!(fault(&token), (None, IdentityFault::Sealed));
    assert_eq!(fault(&vec![b'#'; MAX_IDENTITY_TEXT + 1]), (None, IdentityFault::TooLarge));
}

#[test]
fn an_identity_under_a_passphrase_is_opened_where_somebody_can_be_asked() {
    let (file, _) = key_file();
    let binary = locked(file.as_bytes(), "open sesame");
    for locked in [binary.clone(), armored(&binary), STANDARD.encode(&binary).into()] {
        assert_eq!(fault(&locked), (None, IdentityFault::Passphrase), "nobody can be asked");
        let with = |passphrase: &'static str| {
            let mut identities = Identities::default();
            let added = identities.add(&SOURCE, &locked, &|_| Some(passphrase.to_owned().into()));
            added.map(|()| identities.len()).map_err(|error| error.fault)
        };
        assert_eq!(with("open sesame"), Ok(1));
        assert_eq!(with("shut"), Err(IdentityFault::WrongPassphrase));
    }
    let mut beside = Identities::default();
    beside.add(&SOURCE, &binary, &|_| None).unwrap();
    beside.add(&SOURCE, file.as_bytes(), &|_| None).unwrap();
    assert_eq!(beside.usable().unwrap().len(), 1, "another one can be used");
}

#[test]
fn an_ssh_key_is_named() {
    let text = b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA";
    match Identities::READS_SSH {
        true => assert_eq!(fault(text).1, IdentityFault::SshMalformed),
        false => assert_eq!(fault(text), (None, IdentityFault::Ssh)),
    }
}

#[test]
fn identity_errors_say_what_is_there_and_what_to_do() {
    let at = |line, fault| IdentitiesError {
        source_name: KeySource::Value("SOPS_AGE_KEY"),
        line,
        fault,
    };
    let of = |name, path: &str, fault: IdentityFault| {
        fault.of(&KeySource::FileOf(name, PathBuf::from(path)))
    };
    let file = |fault| of("SOPS_AGE_KEY_FILE", "/keys/my fleet.agekey", fault);
    let all = [
        at(Some(2), IdentityFault::NotAnIdentity),
        at(Some(3), IdentityFault::Damaged),
        at(Some(1), IdentityFault::Surrounded),
        at(None, IdentityFault::Commented),
        at(Some(1), IdentityFault::PublicKey),
        at(Some(1), IdentityFault::PostQuantum),
        at(Some(1), IdentityFault::Plugin { name: "age-plugin-yubikey".into() }),
        at(None, IdentityFault::Ssh),
        file(IdentityFault::SshPassphrase),
        file(IdentityFault::SshKind),
        file(IdentityFault::SshMalformed),
        file(IdentityFault::Passphrase),
        file(IdentityFault::WrongPassphrase),
        file(IdentityFault::Sealed),
        file(IdentityFault::SealedDamaged),
        file(IdentityFault::OtherFile {
            what: "is a Git LFS pointer, not the file that it stands for",
        }),
        file(IdentityFault::NotText),
        at(Some(1), IdentityFault::Path),
        IdentityFault::KeyForPath.of(&KeySource::Value("SOPS_AGE_KEY_FILE")),
        of("SOPS_AGE_KEY_FILE", "~/.config/sops/age/keys.txt", IdentityFault::Tilde),
        IdentityFault::Tilde.of(&KeySource::File(PathBuf::from("~/fleet.agekey"))),
        file(IdentityFault::Empty),
        file(IdentityFault::TooLarge),
        file(IdentityFault::Unreadable(std::io::ErrorKind::NotFound)),
        IdentityFault::Unreadable(std::io::ErrorKind::PermissionDenied)
            .of(&KeySource::Usual(PathBuf::from("/home/dana/.config/sops/age/keys.txt"))),
        IdentityFault::CommandLine.of(&KeySource::CommandOf("SOPS_AGE_KEY_CMD")),
        IdentityFault::Command("ended with exit code 1".into())
            .of(&KeySource::CommandOf("SOPS_AGE_KEY_CMD")),
    ];
    let text = all.map(|error| match error.remedy() {
        Some(remedy) => format!("{error}\n{}\n  {}", remedy.say, remedy.run),
        None => error.to_string(),
    });
    insta::assert_snapshot!(text.join("\n\n"));
}

#[test]
fn notes_say_what_other_programs_make_of_it() {
    let all = [Dressing::Utf16, Dressing::Quotes, Dressing::WrittenLineEnds, Dressing::Base64];
    let text =
        all.map(|dressing| IdentityNote::Bared { source_name: SOURCE, dressing }.to_string());
    insta::assert_snapshot!(text.join("\n"));
}
