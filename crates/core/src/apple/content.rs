//! What a file is, told by its content alone.
//!
//! The layers are taken off one by one (encoding of the text, armour, mail headers, base64, maybe
//! twice) until something shows that is known. Every layer makes the data smaller and there are
//! few of them, so this is linear in the file's size.

use serde::Deserialize;
use serde::de::IgnoredAny;
use zeroize::Zeroizing;

use super::der::{Shape, shape};
use super::{Finding, FindingCode, MAX_FILE, ber, cms, mime, pem, radix64, text};
use crate::model::Kind;
use crate::sealed::{Form, SecretKind, age, marks, sops};

/// Base64 in base64 in base64 is no accident any more.
const MAX_LAYERS: usize = 3;
/// A bundle of all of Apple's intermediates has 25.
const MAX_CERTIFICATES: usize = 1000;

/// What a file is.
pub(super) enum Content {
    /// Larger than any token file.
    TooLarge,
    Empty,
    /// One or more certificates' DER; `None` for one that cannot be decoded.
    Certificates(Vec<Option<Vec<u8>>>),
    /// CMS of any content type, in BER or DER.
    Cms(Vec<u8>),
    /// The JSON of a VPP token.
    Vpp(Zeroizing<Vec<u8>>),
    SeveralVpp,
    /// The decrypted credentials of an enrollment token.
    Credentials,
    /// A token file of this kind that is damaged beyond reading.
    Broken(Kind),
    Other(Form),
}

/// What a file is, and what about its bytes is not as Apple makes it; see [`look`].
pub(super) struct Look {
    pub(super) content: Content,
    /// What is not as Apple makes it, for people.
    pub(super) oddities: Vec<&'static str>,
    /// Whether a private key stands anywhere in it.
    pub(super) private_key: bool,
}

impl Look {
    /// The kind of token file that it is, or was meant to be.
    pub(super) fn kind(&self) -> Option<Kind> {
        match self.content {
            Content::Certificates(_) => Some(Kind::Push),
            Content::Cms(_) | Content::Credentials => Some(Kind::Enrollment),
            Content::Vpp(_) | Content::SeveralVpp => Some(Kind::Vpp),
            Content::Broken(kind) => Some(kind),
            Content::TooLarge | Content::Empty | Content::Other(_) => None,
        }
    }

    /// The findings that any kind of file has in common.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        if self.private_key {
            findings.push(Finding::new(
                FindingCode::PrivateKey,
                "the file holds a private key. Apple never hands one out with a token file, so it was added by hand, and in Git everyone with read access would have it. Take it out; if it was ever committed, treat the key as compromised",
            ));
        }
        if !self.oddities.is_empty() {
            findings.push(Finding::new(
                FindingCode::UnusualForm,
                format!(
                    "the file is readable but not as Apple makes it: {}. Only the token itself would be uploaded",
                    self.oddities.join("; ")
                ),
            ));
        }
        findings
    }

    fn odd(&mut self, oddity: &'static str) {
        if !self.oddities.contains(&oddity) {
            self.oddities.push(oddity);
        }
    }
}

/// Tells what a file is.
pub(super) fn look(bytes: &[u8]) -> Look {
    let mut look = Look { content: Content::Empty, oddities: Vec::new(), private_key: false };
    if bytes.len() > MAX_FILE {
        look.content = Content::TooLarge;
    } else if !text::is_blank(bytes) {
        look.content = data(bytes, &mut look, MAX_LAYERS);
    }
    if let Some(form) = put_in_its_place(bytes, &look.content) {
        look.content = Content::Other(form);
        // It is not readable, so nothing is odd about how.
        look.oddities.clear();
    }
    match &look.content {
        Content::Other(Form::Secret(_)) => look.private_key = true,
        Content::Other(Form::Unknown | Form::WebPage) if mime::is_message(bytes) => {
            look.content = unopened_mail();
        }
        // What is attached is whole: it is the mail around it that is not read here.
        Content::Broken(_) if mime::is_message(bytes) => look.content = unopened_mail(),
        _ => {}
    }
    look
}

/// What a helper of Git or a shell made of the file: no token, whatever stands between its marks.
fn put_in_its_place(bytes: &[u8], content: &Content) -> Option<Form> {
    match content {
        Content::TooLarge | Content::Empty => None,
        Content::Other(Form::SealedWithin) if text::utf16(bytes).is_some() => {
            Some(Form::Utf16(Box::new(Form::SealedWithin)))
        }
        _ => marks::of(bytes),
    }
}

/// A mail whose attachment is in no form that is taken out of it here.
fn unopened_mail() -> Content {
    Content::Other(Form::Mail(Box::new(Form::Unknown)))
}

/// Bytes that may be text or binary.
fn data(bytes: &[u8], look: &mut Look, layers: usize) -> Content {
    if let Some(decoded) = text::decode(bytes) {
        if let Some(oddity) = decoded.oddity {
            look.odd(oddity);
        }
        return from_text(&decoded.text, look, layers);
    }
    if let Some(body) = mime::binary_body(bytes) {
        look.odd("its body is binary instead of base64");
        return binary(body, look);
    }
    match bytes {
        [0x30, ..] => {
            let content = binary(bytes, look);
            match content {
                Content::Certificates(_) => look.odd("it is DER without PEM armour"),
                Content::Cms(_) => look.odd("it is binary without mail headers"),
                _ => {}
            }
            content
        }
        [b'P', b'K', 3, 4, ..] | [0x1F, 0x8B, ..] => Content::Other(Form::Archive),
        _ if mime::is_outlook_message(bytes) => unopened_mail(),
        _ if age::is_age(bytes) => Content::Other(Form::SealedWithin),
        _ => Content::Other(Form::Unknown),
    }
}

/// Binary data that opens a SEQUENCE.
fn binary(bytes: &[u8], look: &mut Look) -> Content {
    match shape(bytes) {
        Shape::Certificate => {
            let (ders, private_key) = certificates(bytes);
            look.private_key |= private_key;
            Content::Certificates(ders)
        }
        Shape::Cms => match cms::read(bytes) {
            Ok(cms::Cms::Other(cms::ContentType::Signed)) => Content::Other(Form::Signed),
            Ok(cms::Cms::Other(_)) => Content::Other(Form::UnencryptedCms),
            Ok(cms::Cms::Enveloped(_)) | Err(_) => Content::Cms(bytes.to_vec()),
        },
        Shape::Request => Content::Other(Form::Request),
        Shape::PrivateKey => Content::Other(Form::Secret(SecretKind::PrivateKey)),
        Shape::KeyStore => Content::Other(Form::Secret(SecretKind::KeyStore)),
        Shape::PublicKey => Content::Other(Form::PublicKey),
        Shape::Other => Content::Other(Form::Unknown),
    }
}

/// DER structures one after the other, of which the first is a certificate. What fills the space
/// between them is stepped over once, so that a file of nothing else costs one look at it.
fn certificates(bytes: &[u8]) -> (Vec<Option<Vec<u8>>>, bool) {
    let is_fill = |octet: &u8| octet.is_ascii_whitespace() || *octet == 0;
    let mut budget = ber::Budget::default();
    let mut rest = bytes;
    let mut found = Vec::new();
    let mut private_key = false;
    while let Some(at) = rest.iter().position(|octet| !is_fill(octet)) {
        rest = rest.get(at..).unwrap_or_default();
        let element = match ber::first(rest, &mut budget) {
            Ok(element) if found.len() < MAX_CERTIFICATES => Some(element),
            _ => None,
        };
        let Some((element, after)) = element else {
            // What is cut off is judged by the certificate's own reader, which tells the place.
            found.push(Some(rest.to_vec()));
            break;
        };
        match shape(element.whole) {
            Shape::PrivateKey | Shape::KeyStore => private_key = true,
            _ => found.push(Some(element.whole.to_vec())),
        }
        rest = after;
    }
    (found, private_key)
}

fn from_text(whole: &str, look: &mut Look, layers: usize) -> Content {
    look.private_key |= names_private_key(whole);
    let carriage_returns = whole.contains('\r');
    let unified = Zeroizing::new(if carriage_returns {
        whole.replace("\r\n", "\n").replace('\r', "\n")
    } else {
        whole.to_owned()
    });
    let text = unified.as_str();
    let trimmed = text.trim();
    if names_credentials(text) {
        return Content::Credentials;
    }
    // Before PEM: the vendor's certificates stand in it, and none of them is the answer.
    if text.contains("PushCertRequestCSR") {
        return Content::Other(Form::Request);
    }
    if text.contains(pem::BEGIN) {
        return armoured(text, carriage_returns, look);
    }
    if let Some(entity) = mime::entity(text) {
        return mail(&entity, look, layers);
    }
    // Markup, JSON and base64 begin with different letters, so the first one decides.
    if trimmed.starts_with('<') {
        return markup(trimmed);
    }
    if trimmed.starts_with('{') {
        return json(trimmed.as_bytes(), look, true);
    }
    if let Some(decoded) = radix64::decode(trimmed) {
        return layer(&decoded, trimmed, look, layers);
    }
    let content = loose(trimmed, look, layers);
    if matches!(content, Content::Other(_)) && trimmed.to_ascii_lowercase().contains("<html") {
        return Content::Other(Form::WebPage);
    }
    content
}

/// Labels that announce a private key, in PEM, SSH, PuTTY and age.
fn names_private_key(text: &str) -> bool {
    ["PRIVATE KEY-----", "PuTTY-User-Key-File-", "AGE-SECRET-KEY-1"]
        .iter()
        .any(|mark| text.contains(mark))
}

/// The names that stand in decrypted enrollment credentials and nowhere else.
fn names_credentials(text: &str) -> bool {
    text.contains("consumer_secret")
        || text.contains("access_secret")
        || text.contains("BEGIN MESSAGE-----")
}

/// Sorts a text of PEM blocks by their labels: certificates, keys, requests, CMS.
fn armoured(text: &str, carriage_returns: bool, look: &mut Look) -> Content {
    // Copied out of JSON or a pipeline variable, line ends are two letters.
    let escaped = text.contains("\\n").then(|| text.replace("\\r", "").replace("\\n", "\n"));
    if escaped.is_some() {
        look.odd("its line ends are written as \\n");
    }
    let found = pem::blocks(escaped.as_deref().unwrap_or(text));
    let mut ders = Vec::new();
    let mut cms = None;
    let mut other = None;
    for block in &found.blocks {
        let content = block.content.as_ref();
        // A block's label may lie about a key; its content does not.
        let inner = content.map_or(Shape::Other, |content| shape(content));
        look.private_key |= matches!(inner, Shape::PrivateKey | Shape::KeyStore);
        match block.label.as_str() {
            "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => match inner {
                Shape::Cms => cms = content,
                Shape::Request => other = Some(Form::Request),
                Shape::PrivateKey | Shape::KeyStore => {}
                _ => ders.push(content.map(|content| certificate_alone(&block.label, content))),
            },
            "CMS" | "PKCS7" | "PKCS #7 SIGNED DATA" => match content {
                Some(_) => cms = content,
                None => return Content::Broken(Kind::Enrollment),
            },
            "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => other = Some(Form::Request),
            "PUBLIC KEY" | "RSA PUBLIC KEY" => other = Some(Form::PublicKey),
            "AGE ENCRYPTED FILE" => other = Some(Form::SealedWithin),
            _ => {}
        }
    }
    if let (Some(cms), true) = (cms, ders.is_empty()) {
        look.odd("it is PEM instead of mail");
        return binary(cms, look);
    }
    if ders.is_empty() {
        return Content::Other(match other {
            Some(other) => other,
            None if look.private_key => Form::Secret(SecretKind::PrivateKey),
            None => Form::Unknown,
        });
    }
    if found.text_around {
        look.odd("there is other text around the certificate");
    }
    if found.blocks.len() > 1 {
        look.odd("it has several PEM blocks");
    }
    if carriage_returns {
        look.odd("its line ends are not LF alone");
    }
    Content::Certificates(ders)
}

/// OpenSSL's trusted certificates have its own trust settings behind them.
fn certificate_alone(label: &str, content: &[u8]) -> Vec<u8> {
    let element = match label {
        "TRUSTED CERTIFICATE" => ber::first(content, &mut ber::Budget::default()).ok(),
        _ => None,
    };
    element.map_or(content, |(element, _)| element.whole).to_vec()
}

/// A MIME entity with a CMS body.
fn mail(entity: &mime::Entity<'_>, look: &mut Look, layers: usize) -> Content {
    if let Some(oddity) = entity.oddity {
        look.odd(oddity);
    }
    if !matches!(entity.encoding.as_str(), "base64" | "") {
        return Content::Broken(Kind::Enrollment);
    }
    if entity.encoding.is_empty() {
        look.odd("its headers do not say that it is base64");
    }
    let content = match radix64::decode(entity.body) {
        Some(decoded) => match decoded.bytes.first() {
            Some(0x30) => binary(&decoded.bytes, look),
            _ if layers > 1 => data(&decoded.bytes, look, layers - 1),
            _ => Content::Broken(Kind::Enrollment),
        },
        None => match radix64::islands(entity.body).into_iter().next() {
            Some(decoded) => {
                look.odd("other text follows the token");
                binary(&decoded.bytes, look)
            }
            None => return Content::Broken(Kind::Enrollment),
        },
    };
    match content {
        Content::Other(Form::Unknown) => Content::Broken(Kind::Enrollment),
        known => known,
    }
}

fn markup(text: &str) -> Content {
    let head: String = text.chars().take(2048).collect();
    let lower = head.to_ascii_lowercase();
    Content::Other(if lower.contains("<plist") { Form::PropertyList } else { Form::WebPage })
}

/// A JSON text. Reading it is the VPP parser's task; here it is only told apart.
fn json(bytes: &[u8], look: &mut Look, bare: bool) -> Content {
    let has = |name: &str| contains(bytes, name.as_bytes());
    if has("consumer_secret") || has("access_secret") {
        return Content::Credentials;
    }
    if sops::is_sops(bytes) {
        return Content::Other(Form::SealedWithin);
    }
    if let Some(form) = apple_error(bytes) {
        return Content::Other(form);
    }
    if !has("\"expDate\"") && !has("\"orgName\"") && !has("\"token\"") {
        return Content::Other(Form::Unknown);
    }
    if bare {
        look.odd("it is plain JSON instead of base64");
    }
    Content::Vpp(Zeroizing::new(bytes.to_vec()))
}

/// What Apple answers in place of a file. Nothing else of the answer is kept.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorAnswer {
    /// The push portal answers with `ErrorCode` and `ErrorMessage`, in JSON.
    #[serde(rename = "ErrorCode")]
    code: Option<i64>,
    #[serde(rename = "ErrorMessage")]
    message: Option<IgnoredAny>,
    #[serde(rename = "ErrorDescription")]
    description: Option<IgnoredAny>,
    /// The one of the service for content tokens.
    #[serde(rename = "errorNumber")]
    number: Option<i64>,
}

fn apple_error(bytes: &[u8]) -> Option<Form> {
    let answer: ErrorAnswer = serde_json::from_slice(bytes).ok()?;
    let number = answer.code.or(answer.number);
    let is_error = number.is_some() || answer.message.is_some() || answer.description.is_some();
    is_error.then_some(Form::AppleError { number })
}

/// Linear: `windows` with the short names used here.
fn contains(bytes: &[u8], name: &[u8]) -> bool {
    bytes.windows(name.len()).any(|window| window == name)
}

/// What was in base64 without anything around.
fn layer(decoded: &radix64::Decoded, text: &str, look: &mut Look, layers: usize) -> Content {
    let before = look.oddities.len();
    let content = unwrapped(&decoded.bytes, look, layers);
    if decoded.url_safe {
        look.odd("it uses the URL-safe alphabet of base64");
    }
    if decoded.unpadded {
        look.odd("the padding of its base64 is missing");
    }
    match &content {
        Content::Vpp(_) if text.contains('\n') => look.odd("its base64 is broken into lines"),
        Content::Certificates(_) if before == look.oddities.len() => {
            look.odd("it is bare base64 without PEM armour");
        }
        Content::Cms(_) => look.odd("it is base64 without mail headers"),
        _ => {}
    }
    content
}

fn unwrapped(bytes: &[u8], look: &mut Look, layers: usize) -> Content {
    let start = bytes.iter().position(|octet| !octet.is_ascii_whitespace()).unwrap_or_default();
    match bytes.get(start..).unwrap_or_default() {
        [0x30, ..] if text::decode(bytes).is_none() => binary(bytes, look),
        json_text @ [b'{', ..] => json(json_text, look, false),
        _ if layers > 1 && text::decode(bytes).is_some() => {
            look.odd("it is wrapped in base64 once more");
            data(bytes, look, layers - 1)
        }
        _ => Content::Other(Form::Unknown),
    }
}

/// A text that is base64 only in parts: several tokens, prose around one, or one cut off.
fn loose(text: &str, look: &mut Look, layers: usize) -> Content {
    let unquoted = text.trim_matches(['"', '\'', '`', ',', ';']);
    if unquoted.len() < text.len()
        && let Some(decoded) = radix64::decode(unquoted)
    {
        look.odd("it is in quotes");
        return layer(&decoded, unquoted, look, layers);
    }
    let is_vpp = |decoded: &radix64::Decoded| {
        decoded.bytes.first() == Some(&b'{') && contains(&decoded.bytes, b"\"token\"")
    };
    if radix64::parts(text).iter().filter(|part| is_vpp(part)).count() > 1 {
        return Content::SeveralVpp;
    }
    let islands = radix64::islands(text);
    let known: Vec<&radix64::Decoded> = islands
        .iter()
        .filter(|decoded| is_vpp(decoded) || decoded.bytes.first() == Some(&0x30))
        .collect();
    match known.as_slice() {
        [decoded] => {
            look.odd("there is other text around it");
            return layer(decoded, "", look, layers);
        }
        [first, ..] if is_vpp(first) => return Content::SeveralVpp,
        _ => {}
    }
    let head = radix64::head(text);
    match head.as_slice() {
        [b'{', ..] if contains(&head, b"\"expDate\"") || contains(&head, b"\"token\"") => {
            Content::Broken(Kind::Vpp)
        }
        [0x30, ..] => match shape(&head) {
            Shape::Certificate => Content::Broken(Kind::Push),
            Shape::Cms => Content::Broken(Kind::Enrollment),
            Shape::PrivateKey | Shape::KeyStore => {
                Content::Other(Form::Secret(SecretKind::PrivateKey))
            }
            _ => Content::Other(Form::Unknown),
        },
        _ => Content::Other(Form::Unknown),
    }
}
