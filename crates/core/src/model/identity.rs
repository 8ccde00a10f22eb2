//! Names and identifiers, parsed once from text.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::text::{is_pasteable, shell_word};

/// Why a text is not the identifier it is used as.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    #[error(
        "a tenant name is 1 to 64 lower-case letters, digits, `-`, `_` or `.`, and starts and ends with a letter or digit"
    )]
    TenantName,
    #[error("a tenant id is a GUID such as 6d1f0c5e-8a34-4b7a-9a51-0d6c2f6f1b11")]
    TenantId,
    #[error("a SHA-256 is 64 hexadecimal digits")]
    Sha256,
    #[error("a Git object id is 40 hexadecimal digits")]
    BlobId,
    #[error("a certificate serial number is 1 to 40 hexadecimal digits, such as 21AE703EB7C7B433")]
    Serial,
    #[error("an MDM push topic starts with com.apple.mgmt, such as com.apple.mgmt.External.<uuid>")]
    Topic,
    #[error(
        "Apple's id of a location is 1 to 64 letters, digits and `-`, such as 2049025000431439"
    )]
    LocationId,
    #[error("a kind is one of push, enrollment, vpp")]
    Kind,
}

/// Reads a value that is written as text, without a copy of the text.
pub(crate) fn parsed<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err: fmt::Display>,
    D: Deserializer<'de>,
{
    struct Text<T>(PhantomData<T>);

    impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for Text<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
            text.parse().map_err(E::custom)
        }
    }

    deserializer.deserialize_str(Text(PhantomData))
}

macro_rules! text_type {
    ($name:ident, $schema:expr) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                parsed(deserializer)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

/// A text that is kept as it was written.
macro_rules! word_type {
    ($name:ident, $schema:expr) => {
        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        text_type!($name, $schema);
    };
}

/// A digest of so many octets, written in lower-case hexadecimal digits.
macro_rules! digest_type {
    ($name:ident, $octets:literal, $description:literal) => {
        impl FromStr for $name {
            type Err = IdentityError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let mut digest = [0; $octets];
                hex::decode_to_slice(text, &mut digest).map_err(|_| IdentityError::$name)?;
                Ok(Self(digest))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut digits = [0; 2 * $octets];
                hex::encode_to_slice(self.0, &mut digits).map_err(|_| fmt::Error)?;
                f.write_str(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
            }
        }

        text_type!(
            $name,
            json_schema!({
                "type": "string",
                "pattern": format!("^[0-9a-fA-F]{{{}}}$", 2 * $octets),
                "description": $description
            })
        );
    };
}

/// The name of a tenant, equal to its folder under `tenants/`.
///
/// Lower case only, so that two folders cannot differ in case alone, which some file systems
/// cannot hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantName(String);

impl FromStr for TenantName {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let edge = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
        let bytes = text.as_bytes();
        let fits = (1..=64).contains(&bytes.len())
            && bytes.iter().all(|&c| edge(c) || matches!(c, b'-' | b'_' | b'.'))
            && bytes.first().is_some_and(|&c| edge(c))
            && bytes.last().is_some_and(|&c| edge(c));
        fits.then(|| Self(text.to_owned())).ok_or(IdentityError::TenantName)
    }
}

word_type!(
    TenantName,
    json_schema!({
        "type": "string",
        "pattern": "^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$",
        "description": "1 to 64 lower-case letters, digits, -, _ or .; equals the folder's name"
    })
);

/// The directory (tenant) id of an Entra tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(uuid::Uuid);

impl TenantId {
    /// What is recorded of the fleet as a whole stands under this id, which no tenant has.
    pub const FLEET: Self = Self(uuid::Uuid::nil());
}

impl FromStr for TenantId {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // `uuid` also takes braces, URNs and bare hex; Entra prints only the hyphenated form.
        if text.len() != 36 {
            return Err(IdentityError::TenantId);
        }
        uuid::Uuid::try_parse(text).map(Self).map_err(|_| IdentityError::TenantId)
    }
}

impl From<uuid::Uuid> for TenantId {
    fn from(id: uuid::Uuid) -> Self {
        Self(id)
    }
}

impl From<TenantId> for uuid::Uuid {
    fn from(id: TenantId) -> Self {
        id.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

text_type!(
    TenantId,
    json_schema!({
        "type": "string",
        "format": "uuid",
        "pattern": "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
        "description": "The directory (tenant) id in Entra"
    })
);

/// One of the three Apple credentials of a tenant.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The Apple MDM push certificate (APNs).
    Push,
    /// An enrollment program (ADE/DEP) server token.
    Enrollment,
    /// A VPP (content, location) token.
    Vpp,
}

impl Kind {
    /// All kinds, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Push, Self::Enrollment, Self::Vpp];

    /// The kind as it is written in files and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Enrollment => "enrollment",
            Self::Vpp => "vpp",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(IdentityError::Kind)
    }
}

/// Which token of a tenant: kind, Intune's id once known, and the name an admin gave it.
///
/// The push certificate is one object per tenant and has neither id nor name.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct TokenRef {
    /// Which of the three credentials.
    pub kind: Kind,
    /// Intune's id of the object; `null` for push and until it is learnt.
    pub id: Option<String>,
    /// The token's name in Git; `null` for push.
    pub name: Option<String>,
}

impl TokenRef {
    /// The push certificate of a tenant.
    pub fn push() -> Self {
        Self { kind: Kind::Push, id: None, name: None }
    }

    /// `contoso/London`, as the command line takes it: in every command that is shown. A customer gives
    /// the name in its own Intune, and a person of the provider pastes the command into any shell, so that a
    /// name of more than words is not in it: its id is.
    pub fn spec(&self, tenant: impl fmt::Display) -> String {
        let mut names = [self.name.as_deref(), self.id.as_deref()].into_iter().flatten();
        let name = match self.kind {
            Kind::Push => None,
            Kind::Enrollment | Kind::Vpp => names.find(|name| is_pasteable(name)),
        };
        shell_word(&format!("{tenant}/{}", name.unwrap_or(self.kind.as_str())))
    }

    /// Whether a person who writes this means the token: its kind, name or id.
    pub fn is_called(&self, wanted: &str) -> bool {
        self.kind.as_str() == wanted
            || self.name.as_deref() == Some(wanted)
            || self.id.as_deref().is_some_and(|id| id.eq_ignore_ascii_case(wanted))
    }

    /// Whether both mean the same token: equal ids where both are known, else equal names.
    /// Ids are GUIDs, which compare without case.
    pub fn same_token(&self, other: &Self) -> bool {
        self.kind == other.kind
            && match (&self.id, &other.id) {
                (Some(mine), Some(theirs)) => mine.eq_ignore_ascii_case(theirs),
                _ => self.name == other.name,
            }
    }
}

impl fmt::Display for TokenRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name.as_ref().or(self.id.as_ref()) {
            Some(name) => write!(f, "{} {name:?}", self.kind),
            None => write!(f, "{}", self.kind),
        }
    }
}

/// Apple's id of a location (`uId`), to which a VPP token belongs for good. Names of locations are not
/// unique, and Apple's customers change them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocationId(String);

impl FromStr for LocationId {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (1..=64).contains(&text.len())
            && text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-');
        fits.then(|| Self(text.to_owned())).ok_or(IdentityError::LocationId)
    }
}

word_type!(
    LocationId,
    json_schema!({
        "type": "string",
        "pattern": "^[A-Za-z0-9-]{1,64}$",
        "description": "Apple's id of a location (`uId`)"
    })
);

/// The topic of an MDM push certificate: the UID of its subject.
///
/// Devices are bound to it for good: a push certificate with another topic silences all of them.
/// Compared byte for byte, because no source says that Apple ignores case here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic(String);

impl FromStr for Topic {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = text.starts_with("com.apple.mgmt")
            && text.len() <= 256
            && text.bytes().all(|c| c.is_ascii_graphic());
        fits.then(|| Self(text.to_owned())).ok_or(IdentityError::Topic)
    }
}

word_type!(
    Topic,
    json_schema!({
        "type": "string",
        "pattern": "^com\\.apple\\.mgmt[!-~]*$",
        "maxLength": 256,
        "description": "The UID of the push certificate's subject"
    })
);

/// A certificate's serial number, compared as a number, written as upper-case hex octets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial(Vec<u8>);

impl Serial {
    /// Makes a serial from big-endian octets; leading zero octets (the sign octet) do not count.
    pub fn from_octets(octets: &[u8]) -> Self {
        let zeros = octets.iter().take_while(|&&octet| octet == 0).count();
        let significant = octets.get(zeros..).unwrap_or_default();
        Self(if significant.is_empty() { vec![0] } else { significant.to_vec() })
    }
}

impl FromStr for Serial {
    type Err = IdentityError;

    /// With colons between the octets too, as certificates are often shown.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let octets = text.split(':');
        if text.contains(':') && !octets.clone().all(|octet| octet.len() == 2) {
            return Err(IdentityError::Serial);
        }
        let text: String = octets.collect();
        if text.is_empty() || text.len() > 40 {
            return Err(IdentityError::Serial);
        }
        let even = if text.len().is_multiple_of(2) { text } else { format!("0{text}") };
        hex::decode(even)
            .map(|octets| Self::from_octets(&octets))
            .map_err(|_| IdentityError::Serial)
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode_upper(&self.0))
    }
}

text_type!(
    Serial,
    json_schema!({
        "type": "string",
        "pattern": "^([0-9a-fA-F]{1,40}|[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){1,19})$",
        "description": "Certificate serial number in hexadecimal, such as 21AE703EB7C7B433"
    })
);

/// A SHA-256 digest, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256([u8; 32]);

impl Sha256 {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// 64 zeros: what the first line of a ledger file names as its predecessor.
    pub const ZERO: Self = Self([0; 32]);
}

digest_type!(Sha256, 32, "SHA-256 in hexadecimal");

/// The Git object id (SHA-1) of a sealed file. It tells the bytes apart that one opened file was
/// sealed to, which its SHA-256 does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobId([u8; 20]);

digest_type!(BlobId, 20, "Git object id in hexadecimal");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_are_compared_as_numbers() {
        let certificate = Serial::from_octets(&[0x00, 0xB0, 0x70]);
        assert_eq!(certificate, "00b070".parse().unwrap());
        assert_eq!(certificate.to_string(), "B070");
        assert_eq!("b70".parse::<Serial>().unwrap().to_string(), "0B70");
    }

    #[test]
    fn names_that_a_file_system_could_confuse_are_refused() {
        for bad in ["", "Contoso", "a/b", "..", ".git", "a.", "ä", "a b", "con\u{0}"] {
            assert_eq!(bad.parse::<TenantName>(), Err(IdentityError::TenantName), "{bad:?}");
        }
        assert!("contoso-01.emea_x".parse::<TenantName>().is_ok());
    }

    #[test]
    fn tenant_ids_are_hyphenated_guids_in_any_case() {
        let id: TenantId = "6D1F0C5E-8A34-4B7A-9A51-0D6C2F6F1B11".parse().unwrap();
        assert_eq!(id.to_string(), "6d1f0c5e-8a34-4b7a-9a51-0d6c2f6f1b11");
        assert!("6d1f0c5e8a344b7a9a510d6c2f6f1b11".parse::<TenantId>().is_err());
    }

    #[test]
    fn a_token_is_known_by_its_id_before_its_name() {
        let by_name = TokenRef { kind: Kind::Vpp, id: None, name: Some("London".into()) };
        let renamed = TokenRef { id: Some("1".into()), ..by_name.clone() };
        let other = TokenRef { kind: Kind::Vpp, id: Some("2".into()), name: Some("London".into()) };
        assert!(by_name.same_token(&renamed));
        assert!(!renamed.same_token(&other));
    }

    #[test]
    fn a_serial_may_have_colons_between_its_octets() {
        let plain: Serial = "21AE703EB7C7B433".parse().unwrap();
        assert_eq!("21:ae:70:3e:b7:c7:b4:33".parse(), Ok(plain));
        for wrong in ["21:AE7", ":21", "21:", "21::AE", "2:1", ":"] {
            assert_eq!(wrong.parse::<Serial>(), Err(IdentityError::Serial), "{wrong}");
        }
    }
}
