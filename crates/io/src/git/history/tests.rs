use super::signature::named;
use applecart_core::model::SignatureFormat;

#[test]
fn a_signature_that_is_none_names_no_key() {
    for (text, format) in [
        ("", SignatureFormat::Other),
        (
            "-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----",
            SignatureFormat::Ssh,
        ),
        ("-----BEGIN SSH SIGNATURE-----\n????\n-----END SSH SIGNATURE-----", SignatureFormat::Ssh),
        (
            "-----BEGIN PGP SIGNATURE-----\n\nwv8=\n=abcd\n-----END PGP SIGNATURE-----",
            SignatureFormat::Openpgp,
        ),
        (
            "-----BEGIN SIGNED MESSAGE-----\nAAAA\n-----END SIGNED MESSAGE-----",
            SignatureFormat::X509,
        ),
    ] {
        let signature = named(text);
        assert_eq!((signature.format, signature.key), (format, None), "{text}");
    }
}
