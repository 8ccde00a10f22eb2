use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use proptest::prelude::*;

use super::*;
use crate::apple::classify;
use crate::apple::testing::{envelope, mail, name, vpp};
use crate::model::Kind;

const SSH: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8e3w0hJ2dH0m2iT7xTn9mGqkq0y8tD6o4kqv0dW5aG dana";
const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n-----END PRIVATE KEY-----\n";
const EXPIRES: &str = "2027-11-20T10:11:12+0000";

fn mark() -> String {
    let Key::Ssh(mark) = Key::of(SSH) else { panic!("no SSH key") };
    STANDARD_NO_PAD.encode(hex::decode(mark).unwrap())
}

/// An age file with one stanza of each kind.
fn age_file() -> Vec<u8> {
    let mark = mark();
    format!(
        "age-encryption.org/v1\n-> X25519 abc\nYWJj\n-> X25519 abc\nYWJj\n-> p256tag abc def\nYWJj\n-> mlkem768x25519 abc\nYWJj\n-> ssh-ed25519 {mark} abc\nYWJj\n-> x-grease a\n\n-> scrypt a 18\nYQ\n-> yubikey a\nYQ\n--- mac\ncontent"
    )
    .into_bytes()
}

fn armored(binary: &[u8]) -> String {
    let body = STANDARD.encode(binary);
    let lines: Vec<&str> =
        body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!(
        "-----BEGIN AGE ENCRYPTED FILE-----\n{}\n-----END AGE ENCRYPTED FILE-----\n",
        lines.join("\n")
    )
}

fn sops(members: &str) -> String {
    format!(
        "{{\"data\":\"ENC[AES256_GCM,data:x,iv:y,tag:z,type:str]\",\"sops\":{{{members}\"mac\":\"x\"}}}}"
    )
}

fn utf16(text: &str) -> Vec<u8> {
    let units = text.encode_utf16().flat_map(u16::to_le_bytes);
    [0xFF, 0xFE].into_iter().chain(units).collect()
}

#[test]
fn a_header_shows_the_kinds_of_its_recipients() {
    let wanted = AgeRecipients {
        x25519: 2,
        post_quantum: 1,
        tagged: 1,
        ssh: BTreeSet::from([Key::of(SSH)]),
        passphrase: true,
        others: 1,
    };
    let sealed = Form::Sealed(Seal::Age(Some(wanted)));
    assert_eq!(classify(&age_file()), sealed);
    let text = armored(&age_file());
    for text in [text.clone(), text.replace('\n', "\r\n"), format!("\u{feff}\n{text}")] {
        assert_eq!(classify(text.as_bytes()), sealed);
    }
    let shown = seal(&age_file()).unwrap().addressees().unwrap();
    assert_eq!((shown.anonymous, shown.others, shown.names_all), (4, 2, false));
    assert_eq!(shown.keys, BTreeSet::from([Key::of(SSH)]));
}

#[test]
fn a_damaged_age_file_is_still_one() {
    for file in [
        &b"age-encryption.org/v2\n-> X"[..],
        b"age-encryption.org/v1\n-> X25519 a\n",
        &[b"-----BEGIN AGE ENCRYPTED FILE-----\n".as_slice(), b"!!!!"].concat(),
    ] {
        assert_eq!(classify(file), Form::Sealed(Seal::Age(None)));
        assert_eq!(seal(file).unwrap().addressees(), None);
    }
    // What is behind the header may be cut off.
    let cut = armored(&age_file()).replace("-----END AGE ENCRYPTED FILE-----", "!");
    assert!(seal(cut.as_bytes()).unwrap().addressees().is_some());
}

#[test]
fn sops_names_its_recipients_unless_others_open_it() {
    let of = |text: &str| match seal(text.as_bytes()) {
        Some(Seal::Sops(recipients)) => Some(recipients),
        Some(Seal::Age(_)) => panic!("age"),
        None => None,
    };
    let age = "\"age\":[{\"recipient\":\"age1a\",\"enc\":\"x\"}],";
    let named = SopsRecipients::Named(vec!["age1a".into()]);
    assert_eq!(of(&sops(age)), Some(named.clone()));
    assert_eq!(of(&sops(&format!("{age}\"pgp\":[],\"kms\":null,"))), Some(named));
    let mixed = |keys: &[&str], kinds: &[&'static str], is_split| SopsRecipients::Mixed {
        keys: keys.iter().map(|&key| key.to_owned()).collect(),
        kinds: kinds.iter().copied().collect(),
        is_split,
    };
    let pgp = "\"pgp\":[{\"fp\":\"x\"}],";
    let groups = format!(
        "\"key_groups\":[{{{}}},{{{}}}],",
        age.trim_end_matches(','),
        pgp.trim_end_matches(',')
    );
    for (others, expected) in [
        (format!("{age}{pgp}\"kms\":[{{}}],"), mixed(&["age1a"], &["AWS KMS", "PGP"], false)),
        (pgp.to_owned(), mixed(&[], &["PGP"], false)),
        (groups, mixed(&["age1a"], &["PGP"], true)),
        ("\"age\":[{}],".to_owned(), mixed(&[], &["an unknown kind"], false)),
        (String::new(), mixed(&[], &["an unknown kind"], false)),
    ] {
        assert_eq!(of(&sops(&others)), Some(expected), "{others}");
    }
    let shown = seal(sops(&format!("{age}{pgp}")).as_bytes()).unwrap().addressees().unwrap();
    assert_eq!(shown.differences(&["age1a".into()]), ["keys of PGP can open it, too"]);
    let whole = sops(age);
    let (twice, renamed) =
        (whole.replacen('{', "{\"data\":1,", 1), whole.replace("\"sops\"", "\"spos\""));
    for damaged in [
        &whole[..whole.len() / 2],
        &twice,
        &renamed,
        "data: ENC[AES256_GCM,data:x,iv:y,tag:z,type:str]\nsops:\n  mac: x\n",
    ] {
        assert_eq!(of(damaged), Some(SopsRecipients::Unreadable), "{damaged}");
        assert_eq!(seal(damaged.as_bytes()).unwrap().addressees(), None);
    }
    for plain in ["{}", "{\"sops\":1}", "{\"a\":1,\"a\":2}", "[]", "sops: 1", ""] {
        assert_eq!(of(plain), None, "{plain}");
    }
}

#[test]
fn tokens_and_keys_that_lie_open_are_told_by_their_content() {
    let p7m = mail(&envelope(&name("Intune"), &[0x50]));
    let token = vpp(EXPIRES, "Contoso");
    let apple = applecart_simulator::Apple::open(None, chrono::DateTime::UNIX_EPOCH).unwrap();
    let certificate = apple.authority_pem().to_owned();
    for (text, wanted) in [
        (p7m.clone(), Form::Secret(SecretKind::EnrollmentToken)),
        (token.clone(), Form::Secret(SecretKind::VppToken)),
        (token[..token.len() - 3].to_owned(), Form::Secret(SecretKind::VppToken)),
        (KEY.to_owned(), Form::Secret(SecretKind::PrivateKey)),
        (format!("{certificate}{KEY}"), Form::Secret(SecretKind::PrivateKey)),
        (certificate.clone(), Form::Certificate),
        (
            "{\"consumer_secret\":\"CS_x\"}".to_owned(),
            Form::Secret(SecretKind::EnrollmentCredentials),
        ),
        (format!("AGE-SECRET-KEY-1{}\n", "Q".repeat(58)), Form::Secret(SecretKind::AgeIdentity)),
        (
            "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----"
                .to_owned(),
            Form::Request,
        ),
        ("<!DOCTYPE html><html>Sign in</html>".to_owned(), Form::WebPage),
        ("Content-Type: application/pkcs7-mime\n\n!".to_owned(), Form::Broken(Kind::Enrollment)),
        (STANDARD.encode(armored(&age_file())), Form::SealedWithin),
        (" \n".to_owned(), Form::Empty),
        ("# Notes about -----BEGIN PRIVATE KEY----- lines\n".to_owned(), Form::Unknown),
        ("hello\n".to_owned(), Form::Unknown),
    ] {
        assert_eq!(classify(text.as_bytes()), wanted, "{text}");
        assert_eq!(classify(&utf16(&text)), Form::Utf16(Box::new(wanted)), "{text}");
    }
    assert_eq!(classify(&vec![b'a'; crate::apple::MAX_FILE + 1]), Form::TooLarge);
    assert_eq!(classify(&vec![0; MAX_SEALED + 1]), Form::TooLarge);
}

#[test]
fn a_mail_is_told_with_what_is_attached() {
    let head = "From: admin@contoso.example\nTo: help@msp.example\nSubject: token\nDate: Fri, 20 Nov 2026 10:00:00 +0000\nMIME-Version: 1.0\n";
    let p7m = mail(&envelope(&name("Intune"), &[0x50]));
    let part = |what: &str, body: &str| {
        format!(
            "{head}Content-Type: multipart/mixed; boundary=x\n\nHere it is.\n\n--x\n{what}\n{body}\n--x--\n"
        )
    };
    let attachment = STANDARD.encode(vpp(EXPIRES, "Contoso"));
    let vpp = part("Content-Transfer-Encoding: base64\n", &attachment);
    for (text, holds) in [
        (
            part("", "").replace("--x\n\n\n", &format!("--x\n{p7m}")),
            Form::Secret(SecretKind::EnrollmentToken),
        ),
        (vpp, Form::Secret(SecretKind::VppToken)),
        (format!("{head}\nNothing.\n"), Form::Unknown),
    ] {
        assert_eq!(classify(text.as_bytes()), Form::Mail(Box::new(holds)), "{text}");
    }
}

#[test]
fn what_gits_helpers_leave_is_told() {
    let oid = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";
    let pointer =
        format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 12345\n");
    let wanted = Form::LfsPointer { sha256: oid.parse().ok(), size: Some(12345) };
    assert_eq!(classify(pointer.as_bytes()), wanted);
    let bare = Form::LfsPointer { sha256: None, size: None };
    assert_eq!(classify(b"version https://hawser.github.com/spec/v1\noid x\nsize -1"), bare);
    assert_eq!(classify(b"\0GITCRYPT\0nonce........data"), Form::GitCrypt);
    for other in
        ["-----BEGIN PGP MESSAGE-----\n\nx", "$ANSIBLE_VAULT;1.1;AES256\n61", "Salted__\u{1}"]
    {
        assert_eq!(classify(other.as_bytes()), Form::OtherCipher, "{other}");
    }
    let merge =
        format!("note\n<<<<<<< HEAD\n{}=======\nother\n>>>>>>> branch\n", armored(&age_file()));
    assert_eq!(classify(merge.as_bytes()), Form::Conflict { line: 2 });
    assert_eq!(classify(merge.replace('\n', "\r\n").as_bytes()), Form::Conflict { line: 2 });
    assert_eq!(
        classify(b"<<<<<<< HEAD\n>>>>>>> x\n"),
        Form::WebPage,
        "no conflict without its middle"
    );
}

#[test]
fn every_form_has_its_own_name_and_sentence() {
    use Form as F;
    use SecretKind as S;
    let secrets = [
        S::EnrollmentToken,
        S::EnrollmentCredentials,
        S::VppToken,
        S::PrivateKey,
        S::KeyStore,
        S::AgeIdentity,
        S::ClientSecret,
    ];
    let forms = [
        F::Sealed(Seal::Age(None)),
        F::Sealed(Seal::Sops(SopsRecipients::Unreadable)),
        F::SealedWithin,
        F::Empty,
        F::TooLarge,
        F::Certificate,
        F::Broken(Kind::Vpp),
        F::Mail(Box::new(F::Unknown)),
        F::Utf16(Box::new(F::Unknown)),
        F::LfsPointer { sha256: None, size: None },
        F::GitCrypt,
        F::OtherCipher,
        F::Conflict { line: 1 },
        F::Request,
        F::PublicKey,
        F::Signed,
        F::UnencryptedCms,
        F::WebPage,
        F::PropertyList,
        F::Archive,
        F::Unknown,
    ];
    let (mut names, mut text) = (BTreeSet::new(), String::new());
    for form in forms.into_iter().chain(secrets.map(F::Secret)) {
        let words = form.words();
        assert!(names.insert(words.name) && !words.what.ends_with('.'), "{words:?}");
        assert!(words.next.ends_with('.'), "{words:?}");
        text.push_str(&format!("{}\n  the file {}\n  {}\n", words.name, words.what, words.next));
    }
    insta::assert_snapshot!(text);
}

/// Beginnings that lead into each reader.
fn beginnings() -> impl Strategy<Value = Vec<u8>> {
    prop::sample::select(vec![
        Vec::new(),
        b"age-encryption.org/v1\n".to_vec(),
        b"age-encryption.org/v1\n-> X25519 ".to_vec(),
        b"-----BEGIN AGE ENCRYPTED FILE-----\n".to_vec(),
        b"{\"sops\":{\"age\":[".to_vec(),
        b"{\"data\":\"ENC[AES256_GCM,".to_vec(),
        b"version https://git-lfs.github.com/spec/v1\noid sha256:".to_vec(),
        b"\0GITCRYPT\0".to_vec(),
        b"<<<<<<< a\n=======\n".to_vec(),
        vec![0xFF, 0xFE],
        b"From: a\nTo: b\nSubject: c\n\n".to_vec(),
        b"Content-Type: application/pkcs7-mime\n\n".to_vec(),
        b"-----BEGIN CERTIFICATE-----\nMII".to_vec(),
        b"eyJ".to_vec(),
        vec![0x30, 0x82],
    ])
}

proptest! {
    #[test]
    fn any_bytes_at_all_have_a_form_and_the_two_answers_agree(
        start in beginnings(),
        rest in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let file = [start, rest].concat();
        let form = classify(&file);
        prop_assert!(!form.words().what.is_empty());
        if let Form::Sealed(found) = form {
            prop_assert_eq!(Some(found), seal(&file));
        }
    }

    #[test]
    fn a_changed_file_never_ends_in_a_panic(
        which in 0_usize..4, at in any::<prop::sample::Index>(), value in any::<u8>(), cut in any::<prop::sample::Index>(),
    ) {
        let files = [
            age_file(),
            armored(&age_file()).into_bytes(),
            sops("\"age\":[{\"recipient\":\"age1a\",\"enc\":\"x\"}],").into_bytes(),
            utf16(&armored(&age_file())),
        ];
        let mut file = files[which].clone();
        let at = at.index(file.len());
        file[at] = value;
        file.truncate(cut.index(file.len()) + 1);
        let _ = classify(&file).words();
    }
}
