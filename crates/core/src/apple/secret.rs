//! Whether bytes from anywhere hold a secret in the clear: a token, a private key, an age identity.
//!
//! It is the content that tells, never a name. Marks that stand in documentation or in a pattern
//! (`-----BEGIN PRIVATE KEY-----` and nothing after it) are no secrets: what follows must be long
//! enough to be one. A push certificate alone is public.
//!
//! [`layers`] takes off what hides a mark and nothing else (UTF-16, base64, gzip, ZIP), [`keys`]
//! knows key material in DER. Nothing is skipped because of how a file begins: what calls itself
//! sealed is looked through like everything else.

mod keys;
mod layers;

use std::collections::BTreeSet;

use memchr::memmem;

use super::content::{self, Content};
use crate::model::Kind;
use crate::sealed::{Form, SecretKind};

/// What was found in some bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Secrets {
    /// What lies open in them.
    pub kinds: BTreeSet<SecretKind>,
    /// Whether something in them could not be looked into: an archive with a password, of an unusual
    /// kind, or that unpacks to more than 64 MiB.
    pub is_closed: bool,
}

/// The shortest key there is (Ed25519 in PKCS#8) has 64 letters of base64.
const SHORTEST_KEY: usize = 60;
/// The shortest line that counts; writers make them of 64 letters or more.
const LINE_OF_A_KEY: usize = 16;
/// A bech32 age identity has 58 letters after its prefix.
const IDENTITY: usize = 58;
/// age takes identities in capitals and, being bech32, some readers take them in small letters.
const AGE: [&[u8]; 4] =
    [b"AGE-SECRET-KEY-1", b"AGE-SECRET-KEY-PQ-1", b"age-secret-key-1", b"age-secret-key-pq-1"];
/// What stands in the middle of every client secret that Entra ID makes.
const ENTRA: &[u8] = b"Q~";
/// The shortest `token` of a VPP file.
const VPP_TOKEN: usize = 24;
/// The shortest secret of an enrollment token's opened credentials.
const CREDENTIALS: usize = 20;

/// Base64 of a compressed file that holds base64 of UTF-16: more is no accident.
const MAX_LAYERS: usize = 3;
/// Large files are looked through piece by piece, so that what is decoded of them stays small.
const PIECE: usize = 4 * 1024 * 1024;
/// Longer than any secret.
const OVERLAP: usize = 64 * 1024;

/// All kinds of secrets that stand in the bytes. Nothing of the bytes is kept.
pub fn secrets_in(bytes: &[u8]) -> Secrets {
    let mut search = Search { found: Secrets::default(), left: layers::MAX_UNPACKED };
    search.scan(bytes, MAX_LAYERS);
    if may_be_token(bytes) {
        whole(bytes, &mut search.found.kinds);
    }
    search.found
}

struct Search {
    found: Secrets,
    /// How many octets may be unpacked yet, so that archives in archives cost no more than one.
    left: u64,
}

impl Search {
    fn scan(&mut self, bytes: &[u8], layers: usize) {
        let mut start = 0;
        loop {
            let end = bytes.len().min(start + PIECE + OVERLAP);
            self.piece(bytes.get(start..end).unwrap_or_default(), layers);
            if end == bytes.len() {
                break;
            }
            start += PIECE;
        }
        if layers > 0 {
            let (members, all) = layers::unpacked(bytes, &mut self.left);
            self.found.is_closed |= !all || layers::is_closed_archive(bytes);
            for member in members {
                self.scan(&member, layers - 1);
            }
        }
    }

    fn piece(&mut self, bytes: &[u8], layers: usize) {
        marks(bytes, &mut self.found.kinds);
        keys::find(bytes, &mut self.found.kinds);
        if layers == 0 {
            return;
        }
        if let Some(narrow) = layers::narrowed(bytes) {
            marks(&narrow, &mut self.found.kinds);
            layers::decoded(&narrow, |plain| self.scan(plain, layers - 1));
        }
        layers::decoded(bytes, |plain| self.scan(plain, layers - 1));
    }
}

/// A glance that spares most files the whole look.
fn may_be_token(bytes: &[u8]) -> bool {
    const MARKS: [&[u8]; 8] = [
        b"pkcs7-mime",
        b"BEGIN PKCS7",
        b"BEGIN CMS",
        b"\"expDate\"",
        b"\"orgName\"",
        b"MII",
        b"MIA",
        b"consumer_secret",
    ];
    matches!(
        bytes,
        [0x30, ..] | [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [_, 0, _, 0, ..] | [0, _, 0, _, ..]
    ) || MARKS.iter().any(|mark| has(bytes, mark))
        || is_base64(bytes)
}

/// Whether it begins with a long run of base64, maybe of base64.
fn is_base64(bytes: &[u8]) -> bool {
    let start = bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).take(64);
    let mut length = 0;
    for byte in start {
        if !is_letter(byte) {
            return false;
        }
        length += 1;
    }
    length == 64
}

/// The file taken as one thing, with whatever layers are around it.
fn whole(bytes: &[u8], found: &mut BTreeSet<SecretKind>) {
    let look = content::look(bytes);
    match &look.content {
        Content::Cms(_) => found.insert(SecretKind::EnrollmentToken),
        Content::Vpp(json) => is_vpp(json) && found.insert(SecretKind::VppToken),
        Content::SeveralVpp | Content::Broken(Kind::Vpp) => found.insert(SecretKind::VppToken),
        Content::Credentials => {
            has(bytes, b"CS_")
                && has(bytes, b"consumer_secret")
                && found.insert(SecretKind::EnrollmentCredentials)
        }
        // Armoured ones are looked at closer, for their marks stand in texts about keys, too.
        Content::Other(Form::Secret(SecretKind::PrivateKey)) => {
            !has(bytes, b"PRIVATE KEY")
                && !has(bytes, b"AGE-SECRET-KEY-")
                && !has(bytes, b"PuTTY")
                && found.insert(SecretKind::PrivateKey)
        }
        Content::Other(Form::Secret(SecretKind::KeyStore)) => found.insert(SecretKind::KeyStore),
        _ => false,
    };
}

fn is_vpp(json: &[u8]) -> bool {
    after(json, b"\"token\"").any(is_value)
        && (has(json, b"\"expDate\"") || has(json, b"\"orgName\""))
}

/// Secrets that stand in a text as they are.
fn marks(bytes: &[u8], found: &mut BTreeSet<SecretKind>) {
    for prefix in AGE {
        let is_one = |rest: &[u8]| run(rest, u8::is_ascii_alphanumeric) >= IDENTITY;
        if after(bytes, prefix).any(is_one) {
            found.insert(SecretKind::AgeIdentity);
        }
    }
    if after(bytes, b"-----BEGIN ").any(is_key) {
        found.insert(SecretKind::PrivateKey);
    }
    if has(bytes, b"PuTTY-User-Key-File-") && has(bytes, b"Private-Lines:") {
        found.insert(SecretKind::PrivateKey);
    }
    if is_vpp(bytes) {
        found.insert(SecretKind::VppToken);
    }
    let is_secret = |rest: &[u8]| run(rest, u8::is_ascii_alphanumeric) >= CREDENTIALS;
    if has(bytes, b"consumer_secret") && after(bytes, b"CS_").any(is_secret) {
        found.insert(SecretKind::EnrollmentCredentials);
    }
    if memmem::find_iter(bytes, ENTRA).any(|at| is_client_secret(bytes, at)) {
        found.insert(SecretKind::ClientSecret);
    }
}

/// Whether what follows a JSON name is a string as long as a VPP token's.
fn is_value(rest: &[u8]) -> bool {
    let start = run(rest, |byte| byte.is_ascii_whitespace() || matches!(byte, b':' | b'"' | b'\\'));
    start > 1 && run(rest.get(start..).unwrap_or_default(), |byte| is_letter(*byte)) >= VPP_TOKEN
}

/// Whether the mark at `at` has three letters and a digit before it and over thirty letters after.
fn is_client_secret(bytes: &[u8], at: usize) -> bool {
    let is_one =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'~' | b'.' | b'-');
    let before = at.checked_sub(4).and_then(|start| bytes.get(start..at));
    let before = before
        .is_some_and(|four| four.iter().all(is_one) && four.last().is_some_and(u8::is_ascii_digit));
    before && (31..=40).contains(&run(bytes.get(at + 2..).unwrap_or_default(), is_one))
}

/// Whether a block that begins here is a private key with a body.
fn is_key(rest: &[u8]) -> bool {
    let head = rest.get(..80.min(rest.len())).unwrap_or_default();
    let Some(end) = memmem::find(head, b"-----") else { return false };
    let (label, body) = rest.split_at(end);
    if !has(label, b"PRIVATE KEY") {
        return false;
    }
    // A broken or cut block counts as far as it goes: it may be the best part of a key. What counts
    // are long words of mixed letters, whatever stands around them on a line; a script that searches
    // for keys has none.
    let body = body.get(5..).unwrap_or_default();
    let body = body.get(..16 * 1024).unwrap_or(body);
    let body = body.get(..memmem::find(body, b"-----").unwrap_or(body.len())).unwrap_or_default();
    let is_data = |word: &&[u8]| {
        let has = |is_one: fn(&u8) -> bool| word.iter().any(is_one);
        word.len() >= LINE_OF_A_KEY
            && has(u8::is_ascii_uppercase)
            && has(u8::is_ascii_lowercase)
            && has(u8::is_ascii_digit)
    };
    let words = body.split(|byte| !is_letter(*byte)).filter(is_data);
    words.map(<[u8]>::len).sum::<usize>() >= SHORTEST_KEY
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// How many octets at the start are of a kind.
fn run(bytes: &[u8], is_one: impl Fn(&u8) -> bool) -> usize {
    bytes.iter().take(256).take_while(|byte| is_one(byte)).count()
}

/// What follows each place where `mark` stands.
fn after<'a>(bytes: &'a [u8], mark: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    memmem::find_iter(bytes, mark).filter_map(move |at| bytes.get(at + mark.len()..))
}

fn has(bytes: &[u8], mark: &[u8]) -> bool {
    memmem::find(bytes, mark).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apple::{radix64, testing};

    fn kinds(bytes: &[u8]) -> Vec<SecretKind> {
        secrets_in(bytes).kinds.into_iter().collect()
    }

    fn pem(label: &str) -> String {
        let body =
            format!("{}\n", "MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF");
        ["-----BEGIN ", label, "-----\n", &body, "-----END ", label, "-----\n"].concat()
    }

    #[test]
    fn keys_of_every_form_are_found_wherever_they_stand() {
        for label in [
            "PRIVATE KEY",
            "RSA PRIVATE KEY",
            "EC PRIVATE KEY",
            "OPENSSH PRIVATE KEY",
            "ENCRYPTED PRIVATE KEY",
        ] {
            let key = pem(label);
            assert_eq!(kinds(key.as_bytes()), [SecretKind::PrivateKey], "{label}");
            let inside = format!("secret: |\n  {}\nmore: 1\n", key.replace('\n', "\n  "));
            assert_eq!(kinds(inside.as_bytes()), [SecretKind::PrivateKey], "{label}");
            let escaped = format!("{{\"key\": \"{}\"}}", key.replace('\n', "\\n"));
            assert_eq!(kinds(escaped.as_bytes()), [SecretKind::PrivateKey], "{label}");
            let coded =
                format!("tls.key: {}\n", radix64::wrapped(key.as_bytes(), usize::MAX).trim());
            assert_eq!(kinds(coded.as_bytes()), [SecretKind::PrivateKey], "{label}");
            let wide: Vec<u8> = key.encode_utf16().flat_map(u16::to_le_bytes).collect();
            assert_eq!(kinds(&wide), [SecretKind::PrivateKey], "{label}");
        }
        let putty = "PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 1\nAAAA\n";
        assert_eq!(kinds(putty.as_bytes()), [SecretKind::PrivateKey]);
        let der = hex::decode("302e020100300506032b6570042204209f8362f87a484a954e6e740c5b4c0e84229139a20aa8ab56ff66586f6a7d29c5").unwrap();
        assert_eq!(kinds(&der), [SecretKind::PrivateKey]);
    }

    #[test]
    fn an_age_identity_is_found_by_its_length() {
        let key = identity();
        assert_eq!(
            kinds(format!("# public key: age1…\n{key}\n").as_bytes()),
            [SecretKind::AgeIdentity]
        );
        assert_eq!(kinds(b"export SOPS_AGE_KEY=AGE-SECRET-KEY-1...\n"), []);
    }

    #[test]
    fn tokens_are_found_alone_and_inside_of_something() {
        let vpp = testing::vpp("2027-01-31T00:00:00+0000", "Contoso Ltd");
        assert_eq!(kinds(vpp.as_bytes()), [SecretKind::VppToken]);
        assert_eq!(
            kinds(format!("token: {vpp}\nfor: London\n").as_bytes()),
            [SecretKind::VppToken]
        );
        let token = testing::envelope(&testing::name("x"), &[1]);
        assert_eq!(kinds(testing::mail(&token).as_bytes()), [SecretKind::EnrollmentToken]);
        assert_eq!(kinds(&token), [SecretKind::EnrollmentToken]);
        let opened =
            "-----BEGIN MESSAGE-----\n{\"consumer_secret\":\"CS_1\"}\n-----END MESSAGE-----\n";
        assert_eq!(kinds(opened.as_bytes()), [SecretKind::EnrollmentCredentials]);
    }

    fn identity() -> String {
        let letters = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQPZRY9X8GF2TVDW0S3JN54KHCE";
        format!("AGE-SECRET-KEY-1{letters}")
    }

    /// Keys as OpenSSL and ring write them, with what they are.
    fn ders() -> Vec<(&'static str, Vec<u8>)> {
        let ec = rcgen::KeyPair::generate().unwrap().serialize_der();
        let edwards = "302e020100300506032b6570042204209f8362f87a484a954e6e740c5b4c0e84229139a20aa8ab56ff66586f6a7d29c5";
        // The beginnings of keys of 2048 and 4096 bits; what follows are numbers.
        let pkcs1 = [&hex::decode("308204a402010002820101").unwrap()[..], &[0], &[0xC5; 1180]];
        let pkcs8 = [
            &hex::decode("308204be020100300d06092a864886f70d0101010500048204a8").unwrap()[..],
            &pkcs1.concat(),
        ];
        let sec1 = [
            &hex::decode("30770201010420").unwrap()[..],
            &[0xA7; 32],
            &hex::decode("a00a06082a8648ce3d030107a144034200").unwrap(),
            &[4; 65],
        ];
        let encrypted = "3081ec305706092a864886f70d01050d304a302906092a864886f70d01050c301c0408";
        let encrypted = [&hex::decode(encrypted).unwrap()[..], &[0x5A; 200]];
        vec![
            ("ec", ec),
            ("ed25519", hex::decode(edwards).unwrap()),
            ("pkcs1", pkcs1.concat()),
            ("pkcs8", pkcs8.concat()),
            ("sec1", sec1.concat()),
            ("encrypted", encrypted.concat()),
        ]
    }

    #[test]
    fn keys_in_der_are_found_in_the_middle_of_anything() {
        for (what, der) in ders() {
            let text = format!("  privateKey: {}\n", radix64::wrapped(&der, usize::MAX).trim());
            assert_eq!(kinds(text.as_bytes()), [SecretKind::PrivateKey], "{what} in base64");
            let inside = [b"some file\0", &der[..], b"\0and another"].concat();
            assert_eq!(kinds(&inside), [SecretKind::PrivateKey], "{what} in binary");
        }
        let store = hex::decode("308209f7020103308209ad06092a864886f70d010701a082099e").unwrap();
        let store = [&store[..], &[0x5A; 100]].concat();
        let text = format!("{{\"value\":\"{}\"}}", radix64::wrapped(&store, usize::MAX).trim());
        assert_eq!(kinds(text.as_bytes()), [SecretKind::KeyStore]);
        let token = testing::envelope(&testing::name("x"), &[1]);
        let text = format!("token: {}\n", radix64::wrapped(&token, usize::MAX).trim());
        assert_eq!(kinds(text.as_bytes()), [SecretKind::EnrollmentToken]);
    }

    #[test]
    fn what_hides_a_mark_hides_no_secret() {
        use std::io::Write as _;
        let key = pem("PRIVATE KEY");
        let file = format!("# created: today\n# public key: age1…\n{}\n", identity());
        let small = file.replace("# public key: age1…\n", "").to_lowercase();
        assert_eq!(kinds(small.as_bytes()), [SecretKind::AgeIdentity], "in small letters");
        // A Kubernetes secret, as Flux takes its age key.
        let coded = radix64::wrapped(file.as_bytes(), usize::MAX);
        let secret = format!("kind: Secret\ndata:\n  age.agekey: {coded}");
        assert_eq!(kinds(secret.as_bytes()), [SecretKind::AgeIdentity], "base64");
        let twice = radix64::wrapped(secret.as_bytes(), 76);
        assert_eq!(kinds(twice.as_bytes()), [SecretKind::AgeIdentity], "base64 of base64");
        // PowerShell's >> on a file in UTF-8.
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let mixed = [b"plain text\n", &wide(&file)[..]].concat();
        assert_eq!(kinds(&mixed), [SecretKind::AgeIdentity], "UTF-16 after UTF-8");
        let control = [&[0xFF, 0xFE], &wide("a\u{1}\n")[..], &wide(&key)].concat();
        assert_eq!(kinds(&control), [SecretKind::PrivateKey], "UTF-16 with a control character");
        for mark in ["+", "-", "- ", "> "] {
            let marked: String = key.lines().map(|line| format!("{mark}{line}\n")).collect();
            assert_eq!(kinds(marked.as_bytes()), [SecretKind::PrivateKey], "{mark}");
        }
        // What calls itself sealed.
        let sealed = "-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n-----END AGE ENCRYPTED FILE-----\n";
        for (before, after) in [("age-encryption.org/v1\n", ""), (sealed, sealed)] {
            let text = format!("{before}{key}{after}");
            assert_eq!(kinds(text.as_bytes()), [SecretKind::PrivateKey], "{before}");
        }
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&[key.as_bytes(), &[b'x'; 4096]].concat()).unwrap();
        assert_eq!(kinds(&gzip.finish().unwrap()), [SecretKind::PrivateKey], "gzip");
        let mut packed =
            flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(key.as_bytes()).unwrap();
        let header = [&b"PK\x03\x04\x14\0\0\0\x08\0"[..], &[0; 16], &[3, 0, 0, 0], b"key"].concat();
        let zip = [header, packed.finish().unwrap(), b"PK\x01\x02".to_vec()].concat();
        assert_eq!(kinds(&zip), [SecretKind::PrivateKey], "ZIP");
    }

    #[test]
    fn a_long_file_is_looked_through_to_its_end() {
        for size in [PIECE - 100, PIECE + OVERLAP - 50, 3 * PIECE] {
            let text = [&vec![b'.'; size][..], pem("PRIVATE KEY").as_bytes()].concat();
            assert_eq!(kinds(&text), [SecretKind::PrivateKey], "{size}");
        }
    }

    #[test]
    fn client_secrets_of_entra_are_told_by_their_form() {
        let secret = format!("AbC8{}~{}", "Q", "x1".repeat(17));
        assert_eq!(
            kinds(format!("AZURE_CLIENT_SECRET={secret}\n").as_bytes()),
            [SecretKind::ClientSecret]
        );
        assert_eq!(kinds(format!("{}\n", &secret[1..20]).as_bytes()), []);
    }

    #[test]
    fn an_archive_that_cannot_be_opened_is_told() {
        assert!(secrets_in(b"7z\xBC\xAF\x27\x1C\0\x04").is_closed);
        assert!(!secrets_in(b"plain").is_closed);
    }

    #[test]
    fn what_is_public_or_only_talks_about_secrets_is_none() {
        for text in [
            "grep -q -e '-----BEGIN .*PRIVATE KEY-----' && exit 1\n",
            "A file with -----BEGIN PRIVATE KEY----- must never be committed.\n",
            "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----\n",
            "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAn4Ni+HpISpVObnQMW0wOhCKROaIKqKtW/2ZYb2p9KcWcWcWcWcWcWcWc\n-----END PUBLIC KEY-----\n",
            "{\"token\": 1}",
            "the consumer_secret is never shown",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2ln",
            "Content-Type: text/plain\n\npkcs7-mime",
            "if grep -q -e '-----BEGIN .*PRIVATE KEY-----' file; then\n  uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5\n  sha256=9f2c1a4b9f2c1a4b9f2c1a4b9f2c1a4b9f2c1a4b9f2c1a4b9f2c1a4b9f2c1a4b\nfi\n",
            "{\"token\":{\"kind\":\"vpp\"},\"expDate\":\"2027\"}",
        ] {
            assert_eq!(kinds(text.as_bytes()), [], "{text}");
        }
        assert_eq!(
            kinds(b"-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n-----END AGE ENCRYPTED FILE-----\n"),
            []
        );
    }
}
