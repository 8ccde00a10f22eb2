//! Token files for tests, made without any program.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub(crate) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut der = vec![tag];
    match u8::try_from(content.len()) {
        Ok(short @ 0..0x80) => der.push(short),
        _ => {
            let octets = content.len().to_be_bytes();
            let zeros = octets.iter().take_while(|octet| **octet == 0).count();
            der.push(0x80 | u8::try_from(octets.len() - zeros).unwrap());
            der.extend(&octets[zeros..]);
        }
    }
    der.extend(content);
    der
}

/// One element of indefinite length.
pub(crate) fn open(tag: u8, content: &[u8]) -> Vec<u8> {
    [&[tag, 0x80], content, &[0, 0]].concat()
}

/// A name of one UTF8String common name.
pub(crate) fn name(common: &str) -> Vec<u8> {
    let pair = [element(6, &[0x55, 4, 3]), element(0x0C, common.as_bytes())].concat();
    element(0x30, &element(0x31, &element(0x30, &pair)))
}

/// An enrollment token of Apple's shape, to the key of this issuer and number.
pub(crate) fn envelope(issuer: &[u8], serial: &[u8]) -> Vec<u8> {
    let rid = element(0x30, &[issuer, &element(2, serial)].concat());
    let rsa = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01];
    let algorithm = element(0x30, &[element(6, &rsa), vec![5, 0]].concat());
    let recipient = [element(2, &[0]), rid, algorithm, element(4, &[7; 256])].concat();
    envelope_of(&element(0x31, &element(0x30, &recipient)))
}

/// The same with these recipients, a SET.
pub(crate) fn envelope_of(recipients: &[u8]) -> Vec<u8> {
    let aes = [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x02];
    let algorithm = element(0x30, &[element(6, &aes), element(4, &[1; 16])].concat());
    let pkcs7 = |last| [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, last];
    let chunks = open(0xA0, &[element(4, &[9; 1000]), element(4, &[9; 24])].concat());
    let content = open(0x30, &[element(6, &pkcs7(1)), algorithm, chunks].concat());
    let data = open(0x30, &[&element(2, &[0]), recipients, &content].concat());
    open(0x30, &[element(6, &pkcs7(3)), open(0xA0, &data)].concat())
}

pub(crate) fn mail(der: &[u8]) -> String {
    format!(
        "Content-Type: application/pkcs7-mime; name=\"smime.p7m\"; smime-type=enveloped-data\nContent-Transfer-Encoding: base64\n\n{}\n",
        STANDARD.encode(der)
    )
}

/// A VPP token of Apple's shape.
pub(crate) fn vpp(expires: &str, organization: &str) -> String {
    STANDARD.encode(format!(
        r#"{{"expDate":"{expires}","token":"VE9LRU4tTUFSS0VSLVNFQ1JFVA==","orgName":"{organization}"}}"#
    ))
}
