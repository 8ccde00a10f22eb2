//! age files, identities, and what holds for any bytes.

use std::io::Write as _;

use age::secrecy::ExposeSecret as _;
use age::x25519;
use proptest::prelude::*;

use super::sops::sealing;
use super::*;

/// An identity and its public half.
pub(super) struct Pair {
    pub(super) identities: Identities,
    pub(super) recipient: String,
}

pub(super) fn pair() -> Pair {
    let identity = x25519::Identity::generate();
    let mut identities = Identities::default();
    let text = format!("# created: today\n{}\n", identity.to_string().expose_secret());
    identities.add(&KeySource::Value("test"), text.as_bytes(), &|_| None).unwrap();
    Pair { identities, recipient: identity.to_public().to_string() }
}

fn sealed(content: &[u8], pair: &Pair) -> Vec<u8> {
    seal(&Secret::new(content.to_vec()), std::slice::from_ref(&pair.recipient)).unwrap()
}

fn binary(content: &[u8], pair: &Pair) -> Vec<u8> {
    let recipient: x25519::Recipient = pair.recipient.parse().unwrap();
    age::encrypt(&recipient, content).unwrap()
}

fn fault(bytes: &[u8], identities: &Identities) -> OpenError {
    open(bytes, identities).err().unwrap()
}

#[test]
fn what_was_sealed_opens_again() {
    let pair = pair();
    for content in [&b"token"[..], b"", &[0; 70_000]] {
        assert_eq!(open(&sealed(content, &pair), &pair.identities).unwrap().expose(), content);
        assert_eq!(open(&binary(content, &pair), &pair.identities).unwrap().expose(), content);
    }
}

#[test]
fn line_ends_and_marks_of_editors_do_no_harm_to_armor() {
    let pair = pair();
    let text = String::from_utf8(sealed(b"token", &pair)).unwrap().replace('\n', "\r\n");
    let opened = open(format!("\u{feff}\r\n{text}\r\n").as_bytes(), &pair.identities).unwrap();
    assert_eq!(opened.expose(), b"token");
}

#[test]
fn every_fault_has_its_own_answer() {
    let (pair, other) = (pair(), pair());
    let keys = &pair.identities;
    let sealed = sealed(b"token", &pair);
    assert_eq!(fault(&sealed, &other.identities), OpenError::NoMatchingIdentity { identities: 1 });
    assert_eq!(fault(&sealed, &Identities::default()), OpenError::NoIdentity);
    assert_eq!(fault(b"-----BEGIN CERTIFICATE-----", keys), OpenError::NotSealed);
    assert_eq!(fault(b"", keys), OpenError::NotSealed);
    assert_eq!(fault(&sealed[..sealed.len() / 2], keys), OpenError::Damaged);
    assert_eq!(fault(b"age-encryption.org/v1\n", keys), OpenError::Damaged);
    assert_eq!(fault(b"age-encryption.org/v1\r\n-> X", keys), OpenError::Damaged);
    assert_eq!(fault(b"age-encryption.org/v2\n-> X", keys), OpenError::UnknownVersion);
    assert_eq!(
        fault(&vec![b'a'; MAX_SEALED + 1], keys),
        OpenError::TooLarge { limit: MAX_SEALED as u64 }
    );
}

#[test]
fn a_passphrase_is_refused_before_any_work() {
    let encryptor = age::Encryptor::with_user_passphrase("open sesame".to_owned().into());
    let mut sealed = Vec::new();
    encryptor.wrap_output(&mut sealed).unwrap().finish().unwrap();
    assert_eq!(fault(&sealed, &Identities::default()), OpenError::Passphrase);
}

#[test]
fn content_over_the_limit_is_an_error_never_a_cut() {
    let pair = pair();
    let limit = applecart_core::apple::MAX_FILE;
    assert!(open(&sealed(&vec![0; limit], &pair), &pair.identities).is_ok());
    assert_eq!(
        fault(&sealed(&vec![0; limit + 1], &pair), &pair.identities),
        OpenError::TooLarge { limit: limit as u64 }
    );
}

#[test]
fn sixty_four_recipients_are_read_and_more_are_not() {
    let pair = pair();
    let sealed_to = |count: usize| {
        let recipients = vec![pair.recipient.clone(); count];
        seal(&Secret::new(b"token".to_vec()), &recipients).unwrap()
    };
    assert!(open(&sealed_to(64), &pair.identities).is_ok());
    assert_eq!(fault(&sealed_to(65), &pair.identities), OpenError::TooManyRecipients { limit: 64 });
}

/// A header with so many repetitions of a text, closed, with content behind it.
fn header(part: &str, times: usize) -> Vec<u8> {
    let mac = "A".repeat(43);
    format!("age-encryption.org/v1\n{}--- {mac}\n0123456789abcdefxyz", part.repeat(times)).into()
}

#[test]
fn headers_over_a_limit_are_refused_before_they_are_parsed() {
    let pair = pair();
    let stanza = format!("-> X25519 {0}\n{0}\n", "A".repeat(43));
    let long = format!("-> x {}\n", "a".repeat(3000));
    let line = format!("{}\n", "A".repeat(64));
    // The most that the limits let through to age's parser is 64 recipients of 900 bytes each.
    let largest = format!("-> x\n{}AAAA\n", line.repeat(14));
    let larger = format!("-> x\n{}AAAA\n", line.repeat(20));
    let broken = format!("{}-> x\n{}", largest.repeat(63), "A\n".repeat(1000));
    let cases = [
        (header(&stanza, 20_000), OpenError::TooManyRecipients { limit: 64 }),
        (header("-> a-grease\n", 100_000), OpenError::TooManyRecipients { limit: 64 }),
        (header(&long, 600), OpenError::HeaderTooLarge { limit: 2048 }),
        (header(&line, 30_000), OpenError::HeaderTooLarge { limit: 2048 }),
        (header(&larger, 64), OpenError::HeaderTooLarge { limit: 65536 }),
        (header(&largest, 64), OpenError::OtherKinds { kinds: "64 age plugin keys".into() }),
        (header(&broken, 1), OpenError::Damaged),
    ];
    for (file, expected) in cases {
        assert_eq!(fault(&file, &pair.identities), expected);
        let armored = armored(&file);
        assert!(armored.len() > MAX_SEALED || fault(&armored, &pair.identities) == expected);
    }
}

fn armored(binary: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let format = age::armor::Format::AsciiArmor;
    let mut writer = age::armor::ArmoredWriter::wrap_output(&mut out, format).unwrap();
    writer.write_all(binary).unwrap();
    writer.finish().unwrap();
    out
}

#[cfg(not(feature = "ssh-identities"))]
#[test]
fn an_ssh_recipient_needs_the_build_feature() {
    let recipients = ["ssh-ed25519 AAAA".to_owned()];
    let fault = seal(&Secret::new(vec![1]), &recipients).unwrap_err();
    assert_eq!(fault, SealError::SshRecipient { index: 1 });
}

/// A valid file of each form, with what it opens to.
fn forms(content: &[u8], pair: &Pair) -> [Vec<u8>; 3] {
    let recipients = std::slice::from_ref(&pair.recipient);
    [
        sealed(content, pair),
        binary(content, pair),
        sealing::binary(content, recipients).to_string().into_bytes(),
    ]
}

/// Byte by byte: overwritten, removed, or another put before it.
#[derive(Clone, Debug)]
enum Mutation {
    Set(prop::sample::Index, u8),
    Flip(prop::sample::Index, u8),
    Remove(prop::sample::Index, usize),
    Insert(prop::sample::Index, Vec<u8>),
    Cut(prop::sample::Index),
    Swap(prop::sample::Index, prop::sample::Index, usize),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    use any as a;
    type I = prop::sample::Index;
    prop_oneof![
        (a::<I>(), a::<u8>()).prop_map(|(at, byte)| Mutation::Set(at, byte)),
        (a::<I>(), 0..8u8).prop_map(|(at, bit)| Mutation::Flip(at, 1 << bit)),
        (a::<I>(), 1..80usize).prop_map(|(at, count)| Mutation::Remove(at, count)),
        (a::<I>(), prop::collection::vec(a::<u8>(), 1..40))
            .prop_map(|(at, bytes)| Mutation::Insert(at, bytes)),
        a::<I>().prop_map(Mutation::Cut),
        (a::<I>(), a::<I>(), 1..80usize).prop_map(|(a, b, count)| Mutation::Swap(a, b, count)),
    ]
}

fn mutate(file: &mut Vec<u8>, mutation: &Mutation) {
    if file.is_empty() {
        return;
    }
    let size = file.len();
    match mutation {
        Mutation::Set(at, byte) => file[at.index(size)] = *byte,
        Mutation::Flip(at, bit) => file[at.index(size)] ^= bit,
        Mutation::Remove(at, count) => {
            let from = at.index(size);
            file.drain(from..(from + count).min(size));
        }
        Mutation::Insert(at, bytes) => {
            let from = at.index(size);
            file.splice(from..from, bytes.iter().copied());
        }
        Mutation::Cut(at) => file.truncate(at.index(size)),
        Mutation::Swap(a, b, count) => {
            for offset in 0..*count {
                file.swap((a.index(size) + offset) % size, (b.index(size) + offset) % size);
            }
        }
    }
}

proptest! {
    #[test]
    fn any_content_comes_back_whole(content in prop::collection::vec(any::<u8>(), 0..5000)) {
        let pair = pair();
        for form in forms(&content, &pair) {
            let opened = open(&form, &pair.identities).unwrap();
            prop_assert_eq!(opened.expose(), &content[..]);
        }
    }

    #[test]
    fn any_bytes_end_in_an_answer(
        bytes in prop::collection::vec(any::<u8>(), 0..2000),
        start in prop::sample::select(vec![
            "", "age-encryption.org/v1\n-> ", "-----BEGIN AGE ENCRYPTED FILE-----\n",
            "{", "{\"data\":\"ENC[AES256_GCM,data:", "{\"sops\":{",
        ]),
    ) {
        let pair = pair();
        let bytes = [start.as_bytes(), &bytes].concat();
        prop_assert!(open(&bytes, &pair.identities).is_err());
    }

    #[test]
    fn any_json_ends_in_an_answer(text in r#"\{("(data|sops|mac|age|enc|x)":("[a-zA-Z0-9,:=\[\]\\]{0,9}"|null|-?[0-9]{1,30}|\[|\]|\{|\}|true),?){0,30}\}?"#) {
        let pair = pair();
        prop_assert!(open(text.as_bytes(), &pair.identities).is_err());
    }

    #[test]
    fn a_changed_file_never_opens_to_something_else(
        content in prop::collection::vec(any::<u8>(), 0..300),
        mutations in prop::collection::vec(mutation(), 1..4),
    ) {
        let pair = pair();
        for mut form in forms(&content, &pair) {
            for mutation in &mutations {
                mutate(&mut form, mutation);
            }
            if let Ok(opened) = open(&form, &pair.identities) {
                prop_assert_eq!(opened.expose(), &content[..]);
            }
        }
    }
}

#[test]
fn age_shows_how_many_recipients_and_no_names() {
    let (one, two) = (pair().recipient, pair().recipient);
    let file = seal(&Secret::new(b"x".to_vec()), &[one, two]).unwrap();
    let shown = sealed::seal(&file).unwrap().addressees().unwrap();
    assert_eq!((shown.anonymous, shown.others, shown.names_all), (2, 0, false));
    assert!(shown.keys.is_empty());
    let file = binary(b"x", &pair());
    assert_eq!(sealed::seal(&file).unwrap().addressees().unwrap().anonymous, 1, "not armored");
}

#[test]
fn only_sops_says_whom_a_file_is_for() {
    use applecart_core::sealed::{Seal, SopsRecipients};
    let recipients = vec![pair().recipient];
    let mut sops = sealing::binary(b"x", &recipients);
    let form = |sops: &serde_json::Value| sealed::seal(sops.to_string().as_bytes());
    assert_eq!(form(&sops), Some(Seal::Sops(SopsRecipients::Named(recipients.clone()))));
    sops["sops"]["kms"] = serde_json::json!([{"arn": "x"}]);
    let kinds = ["AWS KMS"].into();
    let mixed = SopsRecipients::Mixed { keys: recipients, kinds, is_split: false };
    assert_eq!(form(&sops), Some(Seal::Sops(mixed)), "others open it, too");
}
