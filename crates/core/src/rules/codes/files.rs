//! What is remarkable about a token file, and why `seal` and `renew` do not take one.

super::rows! {
    "private-key" [Refusal] Critical ()
        "The file holds a private key.",
        "Apple never hands one out, and a key that lies in a repository is no longer secret.",
        "Take the key out. If the file was ever committed, replace the key.";
    "plaintext-credentials" [Refusal] Critical ()
        "The file holds the decrypted credentials of an enrollment token.",
        "Everybody who can read it can enrol devices into the customer's MDM.",
        "Never commit it; use the encrypted .p7m. If it was committed, download a new token from Apple, which makes these credentials void.";
    "malformed" [Refusal] Error ()
        "The file is of the right kind and cannot be read.",
        "It was cut off or changed on its way, or a part is missing.",
        "Download it again from Apple, and copy it as a file, not as text.";
    "empty" [Refusal Ledger] Error ()
        "The file is empty or only white space.",
        "A download or a write was interrupted.",
        "Download it again from Apple; an empty file of the ledger: restore it with `git revert` or from another clone.";
    "too-large" [Refusal Ledger] Error ()
        "The file is larger than the limit (1 MiB for a token file).",
        "No file of Apple's is, and no ledger that this program writes.",
        "Look at what it is, and download it again from Apple; a ledger: run `applecart ledger verify`.";
    "no-topic" [Refusal] Error ()
        "The certificate's subject has no MDM topic.",
        "It is another kind of certificate.",
        "Use the .pem that Apple's push portal hands out.";
    "several-certificates" [Refusal] Error ()
        "The file holds several MDM push certificates.",
        "Which of them is meant cannot be told.",
        "Keep only the new one in the file.";
    "several-tokens" [Refusal] Error ()
        "The file holds several VPP tokens.",
        "Which of them is meant cannot be told.",
        "Keep each in a file of its own.";
    "expires-soon" [Remark] Warning ()
        "The credential expires within the renewal time (`renewBefore`, 45 days unless set).",
        "It may be the file of the previous renewal.",
        "Look for a newer download, or renew it now.";
    "same-as-live" [Remark Renewal] Warning ()
        "The file is the credential that Intune has already.",
        "Nothing would be renewed.",
        "Nothing to do, unless a renewal was meant: then look for the newer download.";
    "csr-unknown" [Remark Warning] Warning ()
        "No request for Apple (CSR) is on record for this renewal, or none that the vendor's signature proves to be Intune's.",
        "So nothing proves that Intune has the certificate's private key. Everyone who may write notes can record a request.",
        "If you are unsure, open the renewal with `applecart renew TENANT/push` and use its request.";
    "moved-here" [Warning] Warning ()
        "The file belonged to another tenant, and a `moves` line in applecart.yaml lets it go to this one.",
        "The other customer's licences or devices are then managed by this tenant.",
        "Merge it only if the customer agreed to the move.";
    "gives-consent" [Warning] Warning ()
        "The upload states the customer's consent that Intune shares data with Apple.",
        "Consenting is the customer's legal act; `consent: {dataSharing: true}` in the tenant file is what permits it.",
        "Merge it only once the customer has agreed.";
    "recipient-unverifiable" [Remark Warning] Warning ()
        "The key that Intune has is not a certificate, or could not be read.",
        "So it is unknown whether Intune can open the enrollment token.",
        "Make sure that the token was downloaded after Intune's current public key was uploaded to Apple.";
    "not-compared" [Remark] Warning ()
        "The snapshot does not have this kind of token.",
        "So the file was not compared with Intune.",
        "Take a snapshot that has it.";
    "issuer-unknown" [Remark] Warning ()
        "The push certificate's issuer is not the authority of Apple that signs MDM push certificates.",
        "Apple may have a new authority, or the file may be forged.",
        "Check where the file comes from.";
    "issuer-forged" [Remark] Warning ()
        "The push certificate names Apple's authority, but Apple's key did not sign it.",
        "The file was changed or forged.",
        "Download it again at Apple's push portal.";
    "no-time-zone" [Remark] Note ()
        "The VPP token's expiry has no time zone and is taken as UTC.",
        "The true instant may differ by up to 14 hours.",
        "Nothing to do.";
    "unusual-form" [Remark] Warning ()
        "The file can be read, but not in the form in which Apple makes it.",
        "A browser, mail program or editor changed it.",
        "Prefer the file as Apple handed it out.";
    "unusual-certificate" [Remark] Warning ()
        "The certificate does not have Apple's mark of a production push certificate.",
        "It may be for development or for something else.",
        "Check where the file comes from.";
    "not-live" [Renewal] Error ()
        "Intune has no credential that this file would follow.",
        "So it is not a renewal, or the entry names another token.",
        "Bring a first file with `applecart seal`; or correct `id` in the tenant file.";
    "not-later" [Renewal] Error ()
        "The file expires when the credential in Intune does.",
        "Nothing would be renewed.",
        "Look for the newer download.";
    "wrong-tenant" [Renewal] Critical ()
        "The file is for another tenant of the fleet.",
        "A credential must never reach another customer's Intune.",
        "Run `applecart renew` for the tenant that the message names.";
    "wrong-row" [Renewal] Critical ()
        "The certificate answers this tenant's request for Apple (CSR), and has another tenant's topic.",
        "At Apple the request was uploaded on the other tenant's row, so the file is of use to neither tenant.",
        "At Apple's push portal press Renew on this tenant's own row with the same request, and use the file that it returns.";
}
