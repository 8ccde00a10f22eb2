//! Keys, certificates and CMS, made by the program `openssl`.

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use serde_json::{Value, json};

pub(super) const TOPIC: &str = "com.apple.mgmt.External.5d0c0000-1111-2222-3333-444455556666";
/// The number of the certificate in Apple's printed sample: eight octets with the top bit set.
const NEGATIVE: &str = "-8985984398049445604";

pub(super) fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// A PEM file with its DER, and the path of its private key.
#[derive(Clone)]
pub(super) struct Made {
    pub(super) pem: String,
    pub(super) der: Vec<u8>,
    pub(super) path: PathBuf,
    pub(super) key: PathBuf,
}

pub(super) struct Maker {
    folder: PathBuf,
}

impl Maker {
    /// `None` where there is no OpenSSL 3.
    pub(super) fn new(folder: &Path) -> Option<Self> {
        let version = Command::new("openssl").arg("version").output().ok()?;
        let version = String::from_utf8_lossy(&version.stdout).into_owned();
        if !version.starts_with("OpenSSL 3") {
            return None;
        }
        let maker = Self { folder: folder.to_owned() };
        maker.write("content", b"-----BEGIN MESSAGE-----\n{\"consumer_key\":\"SECRET-MARKER\"}\n-----END MESSAGE-----\n".repeat(30).as_slice());
        for (name, subject, more) in [
            (
                "plain",
                "/C=US/O=Microsoft Corporation/CN=Intune Enrollment",
                &["-set_serial", "0x505050"][..],
            ),
            ("negative", "/CN=Intune", &["-set_serial", NEGATIVE]),
            ("positive", "/CN=Intune", &["-set_serial", "0x834B5ECCBD0F791C"]),
            (
                "long",
                "/CN=Ströer, GmbH; \"x\" <y>/O=#1",
                &["-utf8", "-set_serial", "0x7F0102030405060708090A0B0C0D0E0F10111213"],
            ),
            ("one", "/CN=one", &["-set_serial", "1"]),
        ] {
            maker.certificate(name, subject, "rsa:2048", more);
        }
        maker.certificate("ec", "/CN=elliptic", "ec", &["-set_serial", "0x77"]);
        Some(maker)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    #[track_caller]
    pub(super) fn openssl(&self, arguments: &[&str]) -> Vec<u8> {
        let output =
            Command::new("openssl").current_dir(&self.folder).args(arguments).output().unwrap();
        assert!(
            output.status.success(),
            "openssl {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    }

    fn text(&self, arguments: &[&str]) -> String {
        String::from_utf8(self.openssl(arguments)).unwrap()
    }

    /// A self-signed certificate over a new key.
    fn certificate(&self, name: &str, subject: &str, key: &str, more: &[&str]) {
        let (out, private) = (format!("{name}.pem"), format!("{name}.key"));
        let mut arguments = vec!["req", "-x509", "-nodes", "-days", "365", "-newkey", key];
        if key == "ec" {
            arguments.extend(["-pkeyopt", "ec_paramgen_curve:P-256"]);
        }
        arguments.extend(["-subj", subject, "-keyout", &private, "-out", &out]);
        arguments.extend(more);
        self.openssl(&arguments);
    }

    pub(super) fn recipient(&self, name: &str) -> Made {
        self.made(&format!("{name}.pem"), self.path(&format!("{name}.key")))
    }

    fn made(&self, file: &str, key: PathBuf) -> Made {
        let path = self.path(file);
        let pem = std::fs::read_to_string(&path).unwrap();
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = base64::engine::general_purpose::STANDARD.decode(body).unwrap();
        Made { pem, der, path, key }
    }

    /// A push certificate. `known` and `other` have a key and a topic each, an issuer that is
    /// not Apple's and validity of a year; the rest are variations.
    pub(super) fn push(&self, variation: &str) -> Made {
        let file = format!("push-{variation}.pem");
        let key = self.path(&format!("push-{variation}.key"));
        if self.path(&file).exists() {
            return self.made(&file, key);
        }
        let uuid = TOPIC.rsplit_once('.').unwrap().1;
        let topic = match variation {
            "other" => "com.apple.mgmt.External.other",
            "mail" => "com.apple.mail.XServer.1",
            _ => TOPIC,
        };
        let subject = match variation {
            "no-uid" => format!("/CN=APSP:{uuid}/C=US"),
            "two-uids" => format!("/UID={topic}/UID={topic}2/CN=APSP:{uuid}/C=US"),
            "cn-differs" => format!("/UID={topic}/CN=APSP:00000000-0000/C=NO"),
            "markup" => format!("/UID={topic}/CN=<script>alert(1)<\\/script>/C=US"),
            _ => format!("/UID={topic}/CN=APSP:{uuid}/C=US"),
        };
        let authority = if variation == "forged" {
            "/CN=Apple Application Integration 2 Certification Authority/OU=Apple Certification Authority/O=Apple Inc./C=US"
        } else {
            "/CN=Simulated Integration CA/O=Not Apple Inc./C=US"
        };
        let ca = if variation == "forged" { "forged-ca" } else { "ca" };
        if !self.path(&format!("{ca}.pem")).exists() {
            self.certificate(ca, authority, "rsa:2048", &["-utf8"]);
        }
        // Apple's extensions, in Apple's order.
        let mark = if variation == "unmarked" { "" } else { "1.2.840.113635.100.6.3.2=DER:0500\n" };
        let extensions = format!(
            "basicConstraints=DER:3000\nauthorityKeyIdentifier=keyid\ncertificatePolicies=1.2.840.113635.100.5.1\nextendedKeyUsage=clientAuth\ncrlDistributionPoints=URI:http://crl.example.invalid/aai2ca.crl\nsubjectKeyIdentifier=hash\nkeyUsage=digitalSignature\n{mark}"
        );
        self.write("extensions", extensions.as_bytes());
        let (private, request) = (format!("push-{variation}.key"), "push.csr");
        self.openssl(&[
            "req", "-new", "-utf8", "-nodes", "-newkey", "rsa:2048", "-subj", &subject, "-keyout",
            &private, "-out", request,
        ]);
        let serial = match variation {
            "other" => "0x01",
            "high" => "0xF34DF9C0BB2703FD",
            _ => "0x734DF9C0BB2703FD",
        };
        let days = match variation {
            "soon" => "30",
            "negative-days" => "-1",
            _ => "365",
        };
        self.openssl(&[
            "x509",
            "-req",
            "-sha256",
            "-in",
            request,
            "-CA",
            &format!("{ca}.pem"),
            "-CAkey",
            &format!("{ca}.key"),
            "-set_serial",
            serial,
            "-days",
            days,
            "-extfile",
            "extensions",
            "-out",
            &file,
        ]);
        self.made(&file, key)
    }

    /// What openssl says about a push certificate.
    pub(super) fn push_facts(&self, made: &Made) -> Vec<(&'static str, Value)> {
        let path = made.path.display().to_string();
        let read = |option: &[&str]| {
            let all = [&["x509", "-noout", "-in", &path][..], option].concat();
            self.text(&all).trim().to_owned()
        };
        let after = |text: String| text.split_once('=').unwrap().1.to_owned();
        let date = |text: String| {
            let at = chrono::NaiveDateTime::parse_from_str(&after(text), "%Y-%m-%d %H:%M:%SZ");
            at.unwrap().and_utc().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
        };
        let subject = after(read(&["-subject", "-nameopt", "RFC2253"]));
        let topic = subject.split(',').find_map(|part| part.strip_prefix("UID=")).unwrap();
        self.write("public.pem", read(&["-pubkey"]).as_bytes());
        let key = self.openssl(&["pkey", "-pubin", "-in", "public.pem", "-outform", "DER"]);
        self.write("public.der", &key);
        let digest = self.text(&["dgst", "-sha256", "-r", "public.der"]);
        vec![
            ("topic", json!(topic)),
            ("serial", json!(after(read(&["-serial"])))),
            ("notBefore", json!(date(read(&["-startdate", "-dateopt", "iso_8601"])))),
            ("expires", json!(date(read(&["-enddate", "-dateopt", "iso_8601"])))),
            ("publicKeySha256", json!(digest.split(' ').next().unwrap())),
        ]
    }

    /// A signing request over a key.
    pub(super) fn request(&self, key: &Path) -> Made {
        let key_path = key.display().to_string();
        self.openssl(&[
            "req",
            "-new",
            "-key",
            &key_path,
            "-subj",
            "/CN=Intune",
            "-out",
            "request.pem",
        ]);
        self.made("request.pem", key.to_owned())
    }

    pub(super) fn public_key(&self, certificate: &str) -> String {
        self.write("for-key.pem", certificate.as_bytes());
        self.text(&["x509", "-noout", "-pubkey", "-in", "for-key.pem"])
    }

    /// The certificate again, its name in PrintableString and with other blanks and case.
    pub(super) fn same_name_other_types(&self, name: &str) -> String {
        assert_eq!(name, "plain");
        let config = "[req]\nstring_mask=pkix\nprompt=no\ndistinguished_name=dn\n[dn]\nC=US\nO=microsoft  Corporation\nCN=Intune Enrollment\n";
        self.write("types.cnf", config.as_bytes());
        self.text(&[
            "req",
            "-x509",
            "-key",
            "plain.key",
            "-days",
            "9",
            "-config",
            "types.cnf",
            "-set_serial",
            "0x505050",
        ])
    }

    /// Another key under the same name and number.
    pub(super) fn same_number_longer_key(&self, name: &str) -> String {
        assert_eq!(name, "plain");
        self.certificate(
            "longer",
            "/C=US/O=Microsoft Corporation/CN=Intune Enrollment",
            "rsa:3072",
            &["-set_serial", "0x505050"],
        );
        self.recipient("longer").pem
    }

    /// An S/MIME file encrypted to a recipient.
    pub(super) fn mail(&self, name: &str, options: &[&str]) -> Vec<u8> {
        self.encrypted(&[name], &[options, &["-outform", "SMIME"]].concat())
    }

    pub(super) fn encrypted(&self, names: &[&str], options: &[&str]) -> Vec<u8> {
        let files: Vec<String> = names.iter().map(|name| format!("{name}.pem")).collect();
        let mut arguments = vec!["cms", "-encrypt", "-in", "content"];
        arguments.extend(options);
        arguments.extend(files.iter().map(String::as_str));
        self.openssl(&arguments)
    }

    /// What openssl says about a recipient's certificate.
    pub(super) fn recipient_facts(&self, name: &str) -> Value {
        let file = format!("{name}.pem");
        let read = |options: &[&str]| {
            let all = [&["x509", "-noout", "-in", &file][..], options].concat();
            self.text(&all).trim().split_once('=').unwrap().1.to_owned()
        };
        let issuer = read(&["-issuer", "-nameopt", "RFC2253,-esc_msb,utf8"]);
        let serial = match name {
            // openssl shows a sign; here it is the octets, -0x7CB4A13342F086E4 in 64 bits.
            "negative" => format!("{:X}", NEGATIVE.parse::<i64>().unwrap()),
            _ => read(&["-serial"]),
        };
        json!({"issuer": issuer, "serial": serial})
    }
}
