//! Enrollment tokens: Apple's shape first, then everything that mail and openssl make.

use applecart_core::apple::Verdict::{Accept, Refuse, Warn};
use applecart_core::model::Kind::Enrollment;
use serde_json::{Value, json};

use super::Case;
use super::maker::{Maker, base64};

/// Apple's four header lines.
const HEADERS: &str = "Content-Type: application/pkcs7-mime; name=\"smime.p7m\"; smime-type=enveloped-data\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=\"smime.p7m\"\nContent-Description: S/MIME Encrypted Message\n\n";

fn lines(text: &str, columns: usize) -> String {
    let lines: Vec<&str> =
        text.as_bytes().chunks(columns).map(|line| std::str::from_utf8(line).unwrap()).collect();
    lines.join("\n") + "\n"
}

pub(super) fn cases(maker: &Maker) -> Vec<Case> {
    let mut cases = Vec::new();
    // Indefinite lengths and chunks, PKCS#1 v1.5, AES-128-CBC: what Apple's printed sample has.
    let apple = maker.encrypted(&["negative"], &["-aes128", "-stream", "-outform", "DER"]);
    assert!(base64(&apple).starts_with("MIAGCSqGSIb3DQEHA6CAMIACAQAx"), "Apple's file starts so");
    let facts =
        [("recipient", maker.recipient_facts("negative")), ("contentCipher", json!("aes-128-cbc"))];
    let body = lines(&base64(&apple), 76);
    let mail = format!("{HEADERS}{body}");

    let mut good = |name: &str, bytes: Vec<u8>| {
        cases.push(
            Case::new(format!("enrollment {name}"), bytes)
                .of_kind(Enrollment, Accept, &[])
                .facts(&facts),
        );
    };
    good("as Apple makes it", mail.clone().into_bytes());
    good("CRLF", mail.replace('\n', "\r\n").into_bytes());
    good("CR", mail.replace('\n', "\r").into_bytes());
    good("folded headers", mail.replace("; ", ";\n\t").into_bytes());
    good(
        "folded after the name",
        mail.replacen("Content-Type: ", "Content-Type:\n ", 1).into_bytes(),
    );
    good(
        "other case",
        mail.replace("Content-Type", "CONTENT-TYPE").replace(": base64", ": BASE64").into_bytes(),
    );
    good("with MIME-Version", format!("MIME-Version: 1.0\n{mail}").into_bytes());
    good(
        "with all headers of a mail",
        format!("Received: by x\n\twith y\nFrom: a@b.example\nSubject: token: new\n{mail}")
            .into_bytes(),
    );
    good("x-pkcs7-mime", mail.replace("application/pkcs7", "application/x-pkcs7").into_bytes());
    good("in one line", format!("{HEADERS}{}", base64(&apple)).into_bytes());
    good("in lines of 64", format!("{HEADERS}{}", lines(&base64(&apple), 64)).into_bytes());
    good(
        "in uneven lines",
        format!("{HEADERS}{}", lines(&base64(&apple), 61).replace('\n', " \n\n ")).into_bytes(),
    );
    good("blank lines at the end", format!("{mail}\n\n\r\n").into_bytes());

    let mut odd = |name: &str, bytes: Vec<u8>| {
        cases.push(
            Case::new(format!("enrollment {name}"), bytes)
                .of_kind(Enrollment, Warn, &["unusual-form"])
                .facts(&facts),
        );
    };
    odd("UTF-8 mark", format!("\u{feff}{mail}").into_bytes());
    odd(
        "UTF-16",
        [0xFF, 0xFE].into_iter().chain(mail.encode_utf16().flat_map(u16::to_le_bytes)).collect(),
    );
    odd("UTF-16 without a mark", mail.encode_utf16().flat_map(u16::to_le_bytes).collect());
    odd("without headers", body.clone().into_bytes());
    odd("without headers in one line", base64(&apple).into_bytes());
    odd("without padding", base64(&apple).trim_end_matches('=').as_bytes().to_vec());
    odd("URL-safe", base64(&apple).replace('+', "-").replace('/', "_").into_bytes());
    odd("binary", apple.clone());
    odd("binary with headers", [HEADERS.replace("base64", "binary").as_bytes(), &apple].concat());
    odd(
        "without a transfer encoding",
        mail.replace("Content-Transfer-Encoding: base64\n", "").into_bytes(),
    );
    odd("without the blank line", mail.replace("\n\n", "\n").into_bytes());
    odd("blank line in front of a text", format!("see below\n\n{mail}").into_bytes());
    odd("footer", format!("{mail}\n-- \nSent by a list\n").into_bytes());
    odd("part of a multipart", format!("Content-Type: multipart/mixed; boundary=\"x\"\n\n--x\nContent-Type: text/plain\n\nHello\n--x\n{mail}--x--\n").into_bytes());
    odd("PEM", format!("-----BEGIN PKCS7-----\n{body}-----END PKCS7-----\n").into_bytes());
    odd("PEM, newer label", format!("-----BEGIN CMS-----\n{body}-----END CMS-----\n").into_bytes());
    odd(
        "PEM, wrong label",
        format!("-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n").into_bytes(),
    );
    odd("base64 of the mail", base64(mail.as_bytes()).into_bytes());
    odd("trailing bytes", [&apple[..], b"more"].concat());

    made_by_openssl(maker, &mut cases);
    names(&mail, &mut cases);
    damaged(maker, &apple, &mut cases);
    cases
}

/// The same recipient in other structures, ciphers and key types.
fn made_by_openssl(maker: &Maker, cases: &mut Vec<Case>) {
    for (recipient, cipher, name) in [
        ("plain", "-aes128", "aes-128-cbc"),
        ("plain", "-aes192", "aes-192-cbc"),
        ("plain", "-aes256", "aes-256-cbc"),
        ("plain", "-des3", "des-ede3-cbc"),
        ("negative", "-aes256", "aes-256-cbc"),
        ("positive", "-aes128", "aes-128-cbc"),
        ("long", "-aes128", "aes-128-cbc"),
        ("one", "-aes128", "aes-128-cbc"),
        ("ec", "-aes256", "aes-256-cbc"),
    ] {
        let facts =
            [("recipient", maker.recipient_facts(recipient)), ("contentCipher", json!(name))];
        for stream in [&[][..], &["-stream"]] {
            let bytes = maker.mail(recipient, &[&[cipher][..], stream].concat());
            let form = if stream.is_empty() { "DER" } else { "BER" };
            cases.push(
                Case::new(format!("enrollment {form} to {recipient} with {name}"), bytes)
                    .of_kind(Enrollment, Accept, &[])
                    .facts(&facts),
            );
        }
    }
    let plain = maker.recipient_facts("plain");
    let more: [(&str, Vec<u8>, Option<&Value>); 4] = [
        (
            "OAEP",
            maker.encrypted(
                &[],
                &[
                    "-aes128",
                    "-outform",
                    "SMIME",
                    "-recip",
                    "plain.pem",
                    "-keyopt",
                    "rsa_padding_mode:oaep",
                ],
            ),
            Some(&plain),
        ),
        (
            "two recipients",
            maker.encrypted(&["plain", "long"], &["-aes128", "-outform", "SMIME"]),
            None,
        ),
        (
            "recipient and password",
            maker.encrypted(&["plain"], &["-aes128", "-outform", "SMIME", "-pwri_password", "x"]),
            None,
        ),
        (
            "older PKCS#7",
            maker.openssl(&["smime", "-encrypt", "-aes128", "-in", "content", "plain.pem"]),
            Some(&plain),
        ),
    ];
    for (name, bytes, recipient) in more {
        let facts: Vec<_> =
            recipient.map(|facts| ("recipient", facts.clone())).into_iter().collect();
        let case = Case::new(format!("enrollment {name}"), bytes);
        cases.push(case.of_kind(Enrollment, Accept, &[]).facts(&facts));
    }
    let identifier = maker.mail("plain", &["-aes128", "-keyid"]);
    let text = String::from_utf8(maker.openssl(&[
        "x509",
        "-in",
        "plain.pem",
        "-noout",
        "-ext",
        "subjectKeyIdentifier",
    ]))
    .unwrap();
    let hex: String = text.lines().last().unwrap().trim().replace(':', "");
    cases.push(
        Case::new("enrollment by key identifier", identifier)
            .of_kind(Enrollment, Accept, &[])
            .facts(&[("recipient", json!({"subjectKeyIdentifier": hex}))]),
    );
    let authenticated = maker.mail("plain", &["-aes-128-gcm"]);
    cases.push(
        Case::new("enrollment authenticated", authenticated)
            .of_kind(Enrollment, Warn, &["unusual-form"])
            .facts(&[("recipient", plain), ("contentCipher", json!("aes-128-gcm"))]),
    );

    let sign = |more: &[&str]| {
        maker.openssl(
            &[
                &[
                    "cms",
                    "-sign",
                    "-in",
                    "content",
                    "-signer",
                    "plain.pem",
                    "-inkey",
                    "plain.key",
                    "-nodetach",
                ][..],
                more,
            ]
            .concat(),
        )
    };
    for (name, bytes) in [
        ("signed mail", sign(&["-outform", "SMIME"])),
        ("signed in BER", sign(&["-outform", "DER", "-stream"])),
        (
            "digested",
            maker.openssl(&["cms", "-digest_create", "-in", "content", "-outform", "DER"]),
        ),
        (
            "under a shared key",
            maker.openssl(&[
                "cms",
                "-EncryptedData_encrypt",
                "-in",
                "content",
                "-aes128",
                "-secretkey",
                "000102030405060708090A0B0C0D0E0F",
                "-outform",
                "DER",
            ]),
        ),
    ] {
        cases.push(Case::new(format!("not a token: {name}"), bytes).of_no_kind("wrong-kind"));
    }
}

fn names(mail: &str, cases: &mut Vec<Case>) {
    let today = chrono::Utc::now() - chrono::Duration::hours(2);
    let stamp = today.format("%Y-%m-%dT%H-%M-%SZ").to_string();
    let at = json!(today.to_rfc3339_opts(chrono::SecondsFormat::Secs, true));
    for name in [
        format!("Contoso_Token_{stamp}_smime.p7m"),
        format!("Contoso_Token_{stamp}_smime (1).p7m"),
        format!("A B_Token_{stamp}_smime.p7m.age"),
    ] {
        cases.push(
            Case::new(format!("enrollment named {name}"), mail)
                .named(&name)
                .of_kind(Enrollment, Accept, &[])
                .facts(&[("downloaded", at.clone())]),
        );
    }
    cases.push(
        Case::new("enrollment of long ago", mail)
            .named("x_Token_2020-01-02T03-04-05Z_smime.p7m")
            .of_kind(Enrollment, Refuse, &["expired"])
            .facts(&[("downloaded", json!("2020-01-02T03:04:05Z"))]),
    );
}

fn damaged(maker: &Maker, apple: &[u8], cases: &mut Vec<Case>) {
    let mail = |bytes: &[u8]| format!("{HEADERS}{}", lines(&base64(bytes), 76)).into_bytes();
    let mut broken = |name: &str, bytes: Vec<u8>| {
        cases.push(Case::new(format!("enrollment damaged: {name}"), bytes).of_kind(
            Enrollment,
            Refuse,
            &["malformed"],
        ));
    };
    for part in [10, 50, 99] {
        broken(&format!("BER cut at {part} %"), mail(&apple[..apple.len() * part / 100]));
        broken(
            &format!("text cut at {part} %"),
            mail(apple)[..(HEADERS.len() + (apple.len() * 4 / 3) * part / 100)].to_vec(),
        );
    }
    let der = maker.encrypted(&["plain"], &["-aes128", "-outform", "DER"]);
    broken("DER cut", mail(&der[..der.len() - 1]));
    broken("binary cut", der[..der.len() / 2].to_vec());
    broken("headers alone", HEADERS.as_bytes().to_vec());
    broken("not base64", format!("{HEADERS}*** attachment removed ***").into_bytes());
    broken(
        "quoted-printable",
        String::from_utf8(mail(apple))
            .unwrap()
            .replace(": base64", ": quoted-printable")
            .into_bytes(),
    );
    broken("a page behind the headers", format!("{HEADERS}<html>").into_bytes());
    broken(
        "only end markers",
        mail(&[0x30, 0x80, 0x06, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 7, 3, 0, 0]),
    );

    let json = r#"{"consumer_key":"CK_SECRET-MARKER","consumer_secret":"CS_SECRET-MARKER","access_token":"AT_1","access_secret":"AS_1","access_token_expiry":"2027-01-14T21:27:41Z"}"#;
    let message = format!(
        "Content-Type: text/plain;charset=UTF-8\nContent-Transfer-Encoding: 7bit\n\n-----BEGIN MESSAGE-----\n{json}\n-----END MESSAGE-----\n"
    );
    for (name, bytes) in [
        ("JSON", json.as_bytes().to_vec()),
        ("message", message.clone().into_bytes()),
        ("message CRLF", message.replace('\n', "\r\n").into_bytes()),
        (
            "without markers",
            message
                .replace("-----BEGIN MESSAGE-----\n", "")
                .replace("-----END MESSAGE-----\n", "")
                .into_bytes(),
        ),
        ("base64", base64(json.as_bytes()).into_bytes()),
        ("UTF-16", json.encode_utf16().flat_map(u16::to_le_bytes).collect()),
    ] {
        cases.push(Case::new(format!("credentials: {name}"), bytes).of_kind(
            Enrollment,
            Refuse,
            &["plaintext-credentials"],
        ));
    }
}
