//! Push certificates in every shape, and what is mistaken for them.

use applecart_core::apple::Verdict::{Refuse, Warn};
use applecart_core::model::Kind::Push;

use super::Case;
use super::maker::{Maker, base64};

fn utf16(text: &str, little: bool, mark: bool) -> Vec<u8> {
    let units = text
        .encode_utf16()
        .flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() });
    let bom: &[u8] = if !mark {
        &[]
    } else if little {
        &[0xFF, 0xFE]
    } else {
        &[0xFE, 0xFF]
    };
    bom.iter().copied().chain(units).collect()
}

pub(super) fn cases(maker: &Maker) -> Vec<Case> {
    let known = maker.push("known");
    let facts = maker.push_facts(&known);
    let pem = known.pem.trim_end().to_owned();
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let ca = std::fs::read_to_string(maker.path("ca.pem")).unwrap();
    let mut cases = Vec::new();

    // As Apple makes it, but for the issuer.
    let mut plain = |name: &str, bytes: Vec<u8>| {
        cases.push(
            Case::new(format!("push {name}"), bytes)
                .of_kind(Push, Warn, &["issuer-unknown"])
                .facts(&facts),
        );
    };
    plain("no newline at the end", pem.clone().into_bytes());
    plain("newline at the end", format!("{pem}\n").into_bytes());

    let mut odd = |name: &str, bytes: Vec<u8>| {
        let case = Case::new(format!("push {name}"), bytes);
        cases.push(case.of_kind(Push, Warn, &["issuer-unknown", "unusual-form"]).facts(&facts));
    };
    odd("CRLF", pem.replace('\n', "\r\n").into_bytes());
    odd("CR", pem.replace('\n', "\r").into_bytes());
    odd("UTF-8 mark", format!("\u{feff}{pem}").into_bytes());
    for (name, little, mark) in [
        ("UTF-16LE mark", true, true),
        ("UTF-16BE mark", false, true),
        ("UTF-16LE", true, false),
        ("UTF-16BE", false, false),
    ] {
        odd(name, utf16(&pem, little, mark));
        odd(&format!("{name} CRLF"), utf16(&pem.replace('\n', "\r\n"), little, mark));
    }
    odd("UTF-16LE and half a character", [utf16(&pem, true, true), vec![0x0A]].concat());
    odd("DER", known.der.clone());
    odd("DER and a newline", [&known.der[..], b"\n"].concat());
    odd("DER and zeros", [&known.der[..], &[0; 16]].concat());
    odd("bare base64", body.clone().into_bytes());
    odd(
        "bare base64 in lines",
        pem.lines()
            .filter(|line| !line.starts_with('-'))
            .collect::<Vec<_>>()
            .join("\r\n")
            .into_bytes(),
    );
    odd("bare base64 without padding", body.trim_end_matches('=').as_bytes().to_vec());
    odd("URL-safe base64", body.replace('+', "-").replace('/', "_").into_bytes());
    odd("base64 of PEM", base64(pem.as_bytes()).into_bytes());
    odd("base64 of base64", base64(body.as_bytes()).into_bytes());
    odd("quoted base64", format!("\"{body}\"").into_bytes());
    odd(
        "base64 in a mail",
        format!(
            "Hello,\nhere it is:\n\n{}\n\nRegards,\nBob",
            body.as_bytes()
                .chunks(64)
                .map(|line| std::str::from_utf8(line).unwrap())
                .collect::<Vec<_>>()
                .join("\n")
        )
        .into_bytes(),
    );
    odd("text before", format!("Bag Attributes\n    friendlyName: x\n{pem}").into_bytes());
    odd("text after", format!("{pem}\n\nSent from my phone").into_bytes());
    odd("text in Latin-1", [b"Gr\xFC\xDFe\n", pem.as_bytes()].concat());
    odd("openssl's own text", maker.openssl(&["x509", "-text", "-in", "push-known.pem"]));
    odd(
        "indented",
        format!("\n{}", pem.lines().map(|line| format!("    {line}\n")).collect::<String>())
            .replace("    -----", "-----")
            .into_bytes()
            .into_iter()
            .chain(*b"x")
            .collect(),
    );
    odd(
        "in one line",
        format!(
            "{} .",
            pem.replace('\n', " ")
                .replace("BEGIN CERTIFICATE----- ", "BEGIN CERTIFICATE-----")
                .replace(" -----END", "-----END")
        )
        .into_bytes(),
    );
    odd("escaped line ends", pem.replace('\n', "\\n").into_bytes());
    odd("escaped CRLF", pem.replace('\n', "\\r\\n").into_bytes());
    odd("chain behind", format!("{pem}\n{ca}").into_bytes());
    odd("chain in front", format!("{ca}{pem}").into_bytes());
    odd("chain glued", format!("{pem}{ca}").into_bytes());
    odd("twice", format!("{pem}\n{pem}").into_bytes());
    odd("DER chain", [&known.der[..], &maker.recipient("ca").der].concat());
    odd(
        "openssl's trusted certificate",
        [
            b"x\n".to_vec(),
            maker.openssl(&[
                "x509",
                "-trustout",
                "-addtrust",
                "clientAuth",
                "-in",
                "push-known.pem",
            ]),
        ]
        .concat(),
    );
    odd(
        "old label",
        pem.replace("CERTIFICATE-----", "X509 CERTIFICATE-----").replace('\n', "\r\n").into_bytes(),
    );

    for (variation, verdict, codes) in [
        ("forged", Warn, &["issuer-forged"][..]),
        ("unmarked", Warn, &["unusual-certificate"]),
        ("soon", Warn, &["expires-soon"]),
        ("cn-differs", Warn, &["issuer-unknown"]),
        ("markup", Warn, &["issuer-unknown"]),
        ("high", Warn, &["issuer-unknown"]),
        ("other", Warn, &["issuer-unknown"]),
    ] {
        let made = maker.push(variation);
        let facts = maker.push_facts(&made);
        cases.push(
            Case::new(format!("push {variation}"), made.pem)
                .of_kind(Push, verdict, codes)
                .facts(&facts),
        );
        cases.push(
            Case::new(format!("push {variation} DER"), made.der)
                .of_kind(Push, verdict, codes)
                .facts(&facts),
        );
    }
    for variation in ["no-uid", "two-uids", "mail"] {
        cases.push(Case::new(format!("push {variation}"), maker.push(variation).pem).of_kind(
            Push,
            Refuse,
            &["no-topic"],
        ));
    }
    cases.push(Case::new("push authority alone", ca.clone()).of_kind(Push, Refuse, &["no-topic"]));
    cases.push(
        Case::new("push two of them", format!("{pem}\n{}", maker.push("other").pem)).of_kind(
            Push,
            Refuse,
            &["several-certificates"],
        ),
    );
    let elliptic = std::fs::read_to_string(maker.path("ec.pem")).unwrap();
    cases.push(Case::new("push elliptic certificate", elliptic).of_kind(
        Push,
        Refuse,
        &["no-topic"],
    ));

    damaged(maker, &mut cases);
    keys(maker, &mut cases);
    cases
}

fn damaged(maker: &Maker, cases: &mut Vec<Case>) {
    let known = maker.push("known");
    let (pem, der) = (known.pem, known.der);
    let mut broken = |name: &str, bytes: Vec<u8>| {
        cases.push(Case::new(format!("push damaged: {name}"), bytes).of_kind(
            Push,
            Refuse,
            &["malformed"],
        ));
    };
    for part in [30, 60, 95] {
        broken(&format!("PEM cut at {part} %"), pem.as_bytes()[..pem.len() * part / 100].to_vec());
        broken(&format!("DER cut at {part} %"), der[..der.len() * part / 100].to_vec());
    }
    broken("no end", pem.replace("-----END CERTIFICATE-----", "").into_bytes());
    broken(
        "wrong end",
        pem.replace("-----END CERTIFICATE-----", "-----END CERT-----").into_bytes(),
    );
    broken("a letter that is no base64", pem.replacen("MII", "M!I", 1).into_bytes());
    broken("base64 cut", base64(&der).as_bytes()[..201].to_vec());
    let mut longer = der.clone();
    longer[3] = longer[3].wrapping_add(1);
    broken("outer length lies", longer);
    let mut inner = der.clone();
    inner[7] = inner[7].wrapping_add(40);
    broken("inner length lies", inner);
    // A changed name breaks only the signature, which a forger or a bad disk would do.
    let mut altered = der;
    let last = altered.len() - 1;
    altered[last] ^= 1;
    cases.push(Case::new("push altered signature", altered).of_kind(
        Push,
        Warn,
        &["issuer-unknown"],
    ));
}

fn keys(maker: &Maker, cases: &mut Vec<Case>) {
    let pem = maker.push("known").pem;
    let pkcs8 = std::fs::read_to_string(maker.path("push-known.key")).unwrap();
    let convert = |arguments: &[&str]| String::from_utf8(maker.openssl(arguments)).unwrap();
    let pkcs1 = convert(&["rsa", "-traditional", "-in", "push-known.key"]);
    let encrypted = convert(&["pkcs8", "-topk8", "-in", "push-known.key", "-passout", "pass:x"]);
    let legacy =
        convert(&["rsa", "-traditional", "-aes128", "-passout", "pass:x", "-in", "push-known.key"]);
    let sec1 = convert(&["ec", "-in", "ec.key"]);
    for (name, key) in [
        ("PKCS#8", &pkcs8),
        ("PKCS#1", &pkcs1),
        ("encrypted PKCS#8", &encrypted),
        ("encrypted PKCS#1", &legacy),
        ("SEC 1", &sec1),
    ] {
        cases.push(
            Case::new(format!("push with {name} behind"), format!("{}{key}", pem.trim_end()))
                .of_kind(Push, Refuse, &["private-key"]),
        );
        cases.push(Case::new(format!("push with {name} in front"), format!("{key}{pem}")).of_kind(
            Push,
            Refuse,
            &["private-key"],
        ));
        cases.push(Case::new(format!("{name} alone"), key.as_str()).of_no_kind("private-key"));
    }
    let der = |arguments: &[&str]| maker.openssl(&[arguments, &["-outform", "DER"]].concat());
    let keys = [
        ("PKCS#8", der(&["pkcs8", "-topk8", "-nocrypt", "-in", "push-known.key"])),
        ("PKCS#1", der(&["rsa", "-traditional", "-in", "push-known.key"])),
        (
            "encrypted PKCS#8",
            der(&["pkcs8", "-topk8", "-in", "push-known.key", "-passout", "pass:x"]),
        ),
        ("SEC 1", der(&["ec", "-in", "ec.key"])),
        (
            "PKCS#12",
            maker.openssl(&[
                "pkcs12",
                "-export",
                "-inkey",
                "push-known.key",
                "-in",
                "push-known.pem",
                "-passout",
                "pass:x",
            ]),
        ),
    ];
    for (name, key) in keys {
        cases.push(Case::new(format!("{name} in DER"), key.clone()).of_no_kind("private-key"));
        cases.push(Case::new(format!("{name} in base64"), base64(&key)).of_no_kind("private-key"));
        let lying = format!("{pem}-----BEGIN DATA-----\n{}\n-----END DATA-----\n", base64(&key));
        cases.push(Case::new(format!("push with {name} under another label"), lying).of_kind(
            Push,
            Refuse,
            &["private-key"],
        ));
    }
    let known = maker.push("known");
    let both = [&known.der[..], &der(&["rsa", "-traditional", "-in", "push-known.key"])].concat();
    cases.push(Case::new("push DER and key DER", both).of_kind(Push, Refuse, &["private-key"]));

    let request = maker.request(&known.key);
    let plist = format!(
        "<?xml version=\"1.0\"?><!DOCTYPE plist><plist version=\"1.0\"><dict><key>PushCertRequestCSR</key><string>{}</string></dict></plist>",
        base64(&request.der)
    );
    for (name, bytes) in [
        ("request PEM", request.pem.into_bytes()),
        ("request DER", request.der.clone()),
        ("request base64", base64(&request.der).into_bytes()),
        ("request plist", plist.clone().into_bytes()),
        ("Intune's request", base64(plist.as_bytes()).into_bytes()),
        ("public key PEM", maker.public_key(&pem).into_bytes()),
        ("certificate bundle PEM", maker.openssl(&["crl2pkcs7", "-nocrl", "-certfile", "push-known.pem"])),
        ("certificate bundle DER", maker.openssl(&["crl2pkcs7", "-nocrl", "-certfile", "push-known.pem", "-outform", "DER"])),
        ("web page", b"<!DOCTYPE html><html><head><title>Sign In</title></head></html>".to_vec()),
        ("web page with mark", "\u{feff}\r\n<html lang=en>".as_bytes().to_vec()),
        ("error document", b"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>".to_vec()),
        ("profile", b"<?xml version=\"1.0\"?><plist version=\"1.0\"><dict><key>PayloadType</key></dict></plist>".to_vec()),
        ("age file", b"-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n-----END AGE ENCRYPTED FILE-----\n".to_vec()),
        ("age file, binary", b"age-encryption.org/v1\n-> X25519 abc\n\x00\x01".to_vec()),
        ("SOPS file", b"{\"data\":\"ENC[AES256_GCM,data:x]\",\"sops\":{\"mac\":\"ENC[x]\"}}".to_vec()),
        ("zip", b"PK\x03\x04\x14\x00\x00\x00".to_vec()),
        ("gzip", vec![0x1F, 0x8B, 8, 0, 0, 0]),
        ("prose", b"The certificate is in my other mail.".to_vec()),
        ("JSON", b"{\"error\":\"unauthorized\"}".to_vec()),
        ("noise", (0..4000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect()),
    ] {
        cases.push(Case::new(format!("not a token: {name}"), bytes).of_no_kind("wrong-kind"));
    }
    for (name, bytes) in [
        ("nothing", vec![]),
        ("blanks", b" \r\n\t ".to_vec()),
        ("zeros", vec![0; 4096]),
        ("mark alone", vec![0xEF, 0xBB, 0xBF]),
        ("UTF-16 blanks", vec![0xFF, 0xFE, 0x20, 0, 0x0A, 0]),
    ] {
        cases.push(Case::new(format!("empty: {name}"), bytes).of_no_kind("empty"));
    }
    cases.push(Case::new("too large", vec![b'M'; 1024 * 1024 + 1]).of_no_kind("too-large"));
}
