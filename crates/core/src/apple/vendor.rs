//! Which vendor of an MDM service signed a request for Apple.
//!
//! Apple's push portal takes a customer's request only with the signature of the vendor whose service
//! it is for: over the PKCS#10 request's DER, by a key that Apple certified. Nobody but that vendor can
//! make one, so a request with Microsoft's signature comes from Intune, and its private key is there.
//! <https://developer.apple.com/documentation/devicemanagement/setting-up-push-notifications-for-your-mdm-customers>
//!
//! Apple's present text asks for SHA-256, and no other digest is looked at. A certificate's dates are
//! not: who signed a request then is no question of today.

use super::issuer::{Pin, ROOT};
use super::key::request_der;
use super::x509::X509;
use super::{pem, radix64};
use crate::model::Sha256;

/// The most certificates that a vendor's chain is read to have; Apple's have three.
const MAX_CHAIN: usize = 6;
/// The members of the property list.
const REQUEST: &str = "PushCertRequestCSR";
const CHAIN: &str = "PushCertCertificateChain";
const SIGNATURE: &str = "PushCertSignature";

/// A vendor of an MDM service, as its certificate names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vendor {
    /// The common name of the vendor's certificate, such as `MDM Vendor: …`.
    pub name: String,
    /// SHA-256 of the key that its chain ends with; `None` for Apple's root.
    root: Option<Sha256>,
}

impl Vendor {
    /// Whether Apple certified it. Anybody can make a chain that ends otherwise.
    pub(crate) fn is_certified(&self) -> bool {
        self.root.is_none()
    }
}

/// What the form of a request says about the vendor that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VendorSignature {
    /// It carries no signature.
    Missing,
    /// It carries one that is not right, and why.
    Broken(&'static str),
    /// It is signed by this vendor.
    Good(Vendor),
}

/// Looks for the vendor's signature on a request, and verifies it.
pub fn vendor_signature(text: &str) -> VendorSignature {
    let Some(list) = property_list(text) else { return VendorSignature::Missing };
    match read(&list, text) {
        Ok(Some(vendor)) => VendorSignature::Good(vendor),
        Ok(None) => VendorSignature::Missing,
        Err(why) => VendorSignature::Broken(why),
    }
}

fn read(list: &str, text: &str) -> Result<Option<Vendor>, &'static str> {
    // Two readers of XML must not find two requests in one list.
    if ["<!--", "<![CDATA[", "&"].iter().any(|mark| list.contains(mark)) {
        return Err("its property list can be read in two ways");
    }
    let request = member(list, REQUEST)?.ok_or("its property list has no request")?;
    let (chain, signature) = match (member(list, CHAIN)?, member(list, SIGNATURE)?) {
        (None, None) => return Ok(None),
        (Some(chain), Some(signature)) => (chain, signature),
        _ => return Err("it has a signature without a chain of certificates, or the reverse"),
    };
    let decoded = |text| radix64::decode(text).map(|decoded| decoded.bytes.to_vec());
    let request = decoded(request).ok_or("its request is not base64")?;
    if request_der(text).as_deref() != Some(&request) {
        return Err("its property list can be read in two ways");
    }
    let signature = decoded(signature).ok_or("its signature is not base64")?;
    let chain = certificates(chain)?;
    let vendor = chain.first().ok_or("its chain has no certificate")?;
    let key = Pin::of(vendor).ok_or("its vendor's key is no RSA key")?;
    if !key.verifies(&request, &signature) {
        return Err("the vendor's signature does not fit it");
    }
    let root = root_of(&chain)?;
    let name = vendor.common_name().ok_or("its vendor's certificate has no name")?;
    Ok(Some(Vendor { name, root }))
}

/// Verifies a chain, and gives SHA-256 of the key that it ends with; `None` for Apple's root.
fn root_of(chain: &[X509]) -> Result<Option<Sha256>, &'static str> {
    for (certificate, authority) in chain.iter().zip(chain.iter().skip(1)) {
        let signed = Pin::of(authority).is_some_and(|key| key.signed(certificate));
        if !signed || !authority.is_authority() {
            return Err("its chain of certificates does not hold together");
        }
    }
    let last = chain.last().ok_or("its chain has no certificate")?;
    let is_apples = Pin::of(last).is_some_and(|key| key == *ROOT) || ROOT.signed(last);
    Ok((!is_apples).then(|| last.public_key_sha256()))
}

fn certificates(chain: &str) -> Result<Vec<X509>, &'static str> {
    let blocks = pem::blocks(chain).blocks;
    if blocks.len() > MAX_CHAIN {
        return Err("its chain has too many certificates");
    }
    let read = |block: pem::Block| X509::read(&block.content?).ok();
    let all: Option<Vec<X509>> = blocks.into_iter().map(read).collect();
    all.ok_or("a certificate of its chain cannot be read")
}

/// The text of a member that the list has at most once.
fn member<'a>(list: &'a str, name: &str) -> Result<Option<&'a str>, &'static str> {
    const TWICE: &str = "its property list names something twice or not as a member";
    let Some((_, rest)) = list.split_once(&format!("<key>{name}</key>")) else {
        return if list.contains(name) { Err(TWICE) } else { Ok(None) };
    };
    if list.matches(name).count() > 1 {
        return Err(TWICE);
    }
    let value = rest.trim_start().strip_prefix("<string>");
    let value = value.and_then(|rest| Some(rest.split_once("</string>")?.0));
    value.map(Some).ok_or("a member of its property list is no text")
}

/// The property list in a request's text, from under as many layers of base64 as there are.
fn property_list(text: &str) -> Option<String> {
    const MAX_LAYERS: usize = 4;
    let mut text = text.to_owned();
    for _ in 0..MAX_LAYERS {
        if text.contains(REQUEST) {
            return Some(text);
        }
        text = String::from_utf8(radix64::decode(&text)?.bytes.to_vec()).ok()?;
    }
    None
}

#[cfg(test)]
pub(crate) mod tests {
    use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
    use aws_lc_rs::rsa::{KeySize, PrivateDecryptingKey};
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use rcgen::{
        BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SigningKey as _,
    };

    use super::*;

    fn rsa() -> KeyPair {
        let key = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = key.as_der().unwrap();
        KeyPair::try_from(der.as_ref().to_vec()).unwrap()
    }

    fn params(name: &str, is_ca: bool) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        if is_ca {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        params
    }

    /// A vendor's key and chain: its certificate and the one above it.
    pub(crate) struct Made {
        key: KeyPair,
        chain: String,
    }

    pub(crate) fn vendor(name: &str, authority_is_ca: bool) -> Made {
        let above = rsa();
        let authority = params("authority", authority_is_ca);
        let root = authority.self_signed(&above).unwrap().pem();
        let key = rsa();
        let issuer = Issuer::new(authority, above);
        let certificate = params(name, false).signed_by(&key, &issuer).unwrap().pem();
        Made { key, chain: format!("{certificate}{root}") }
    }

    fn request() -> Vec<u8> {
        let key = KeyPair::generate().unwrap();
        CertificateParams::default().serialize_request(&key).unwrap().der().to_vec()
    }

    fn list(request: &[u8], chain: &str, signature: &[u8]) -> String {
        format!(
            "<plist><dict>\n<key>PushCertRequestCSR</key>\n<string>{}</string>\n<key>PushCertCertificateChain</key>\n<string>{chain}</string>\n<key>PushCertSignature</key>\n<string>{}</string>\n</dict></plist>\n",
            STANDARD.encode(request),
            STANDARD.encode(signature)
        )
    }

    /// A new request that this vendor signed, as the file that Apple's portal takes.
    pub(crate) fn signed(by: &Made) -> String {
        let request = request();
        STANDARD.encode(list(&request, &by.chain, &by.key.sign(&request).unwrap()))
    }

    /// A request under the signature of another one.
    pub(crate) fn broken(by: &Made) -> String {
        STANDARD.encode(list(&request(), &by.chain, &by.key.sign(&request()).unwrap()))
    }

    fn name(signature: &VendorSignature) -> Option<&str> {
        match signature {
            VendorSignature::Good(vendor) => Some(&vendor.name),
            VendorSignature::Missing | VendorSignature::Broken(_) => None,
        }
    }

    #[test]
    fn a_signature_of_the_vendor_is_verified_over_the_request_and_up_the_chain() {
        let (one, other) = (vendor("MDM Vendor: One", true), vendor("MDM Vendor: One", true));
        let found = vendor_signature(&signed(&one));
        assert_eq!(name(&found), Some("MDM Vendor: One"));
        assert_eq!(found, vendor_signature(&signed(&one)), "the same vendor each time");
        // The name alone makes no vendor.
        assert_ne!(found, vendor_signature(&signed(&other)));
        let VendorSignature::Good(found) = found else { unreachable!() };
        assert!(!found.is_certified(), "anybody can make such a chain");

        let bytes = request();
        let right = one.key.sign(&bytes).unwrap();
        for (what, list) in [
            ("another request", list(&request(), &one.chain, &right)),
            ("another vendor's chain", list(&bytes, &other.chain, &right)),
            ("no signature", list(&bytes, &one.chain, &[])),
            ("no chain", list(&bytes, "", &right)),
            (
                "two requests",
                format!(
                    "{}{}",
                    list(&bytes, &one.chain, &right),
                    list(&request(), &one.chain, &right)
                ),
            ),
            ("a comment", list(&bytes, &one.chain, &right).replace("<dict>", "<dict><!-- -->")),
            ("an entity", list(&bytes, &one.chain, &right).replace("<dict>", "<dict>&x;")),
        ] {
            assert!(matches!(vendor_signature(&list), VendorSignature::Broken(_)), "{what}");
        }
        // A certificate that is no authority's makes no vendors.
        let forged = vendor("MDM Vendor: One", false);
        assert!(matches!(vendor_signature(&signed(&forged)), VendorSignature::Broken(_)));
    }

    #[test]
    fn a_form_without_a_signature_is_told_from_one_that_is_wrong() {
        let pem =
            der::pem::encode_string("CERTIFICATE REQUEST", der::pem::LineEnding::LF, &request());
        assert_eq!(vendor_signature(&pem.unwrap()), VendorSignature::Missing);
        let bare = format!(
            "<plist><dict><key>PushCertRequestCSR</key><string>{}</string></dict></plist>",
            STANDARD.encode(request())
        );
        assert_eq!(vendor_signature(&bare), VendorSignature::Missing);
        assert_eq!(vendor_signature("nonsense"), VendorSignature::Missing);
    }
}
