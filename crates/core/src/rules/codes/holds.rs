//! Why a write is held, most dangerous first.

super::rows! {
    "topic-change" [Hold Refusal] Critical (Allow)
        "The push certificate has another topic than the one that Intune uses, or than the one that enrolled devices know.",
        "Enrolled Apple devices know only the old topic: under this certificate none of them answers, and each would have to enrol again.",
        "At Apple's push portal press Renew on the old certificate, not Create, with the Apple Account that made it. If no device is enrolled, have an `allow` line with both topics reviewed.";
    "wrong-destination" [Hold] Critical (Moves)
        "The folder, file or topic belongs to another Intune tenant, as the base revision or the ledger says.",
        "A credential must never reach another customer's Intune.",
        "Put the file into the folder of its own tenant. If it really moved, have a `moves` line in applecart.yaml reviewed and merged first.";
    "duplicate" [Hold Renewal] Critical ()
        "The same tenantId, token file, sha256 or push topic is in the fleet more than once.",
        "Only one of the places can be right, and the others would receive a foreign credential.",
        "Remove it everywhere but where it belongs.";
    "ambiguous" [Hold Warning] Error (Id)
        "More than one token in Intune fits the entry, or several entries fit one token.",
        "Nothing tells which token an upload would replace.",
        "Write Intune's `id` on the entry. To list the ids, run `applecart status --format json --select TENANT`.";
    "renewed-outside-git" [Hold] Error (Import)
        "Intune has a later credential than the file in Git, which was there before.",
        "The credential was renewed in the portal, or Git went back to an older file. An upload would move the expiry date backwards.",
        "Take it over, which makes the token watched as it is in Intune, or seal a newer renewal. To take it over, run `applecart import --update TENANT`.";
    "changed-outside-git" [Hold] Critical (Allow Import)
        "Intune has another credential than the file in Git, which was there before.",
        "It was changed outside Git. Until it is known by whom and why, nothing is uploaded over it.",
        "Find out who changed it. Then have an `allow` line reviewed, or take it over. To take it over, run `applecart import --update TENANT`.";
    "vanished" [Hold] Critical (Allow)
        "The credential was in Intune before, and Intune has none now.",
        "It was deleted on purpose, which an upload would undo, or by accident, which a person has to know of.",
        "Find out who removed it. A push certificate comes back with a fresh one of the same row at Apple, for Intune may have lost the key of the earlier one: run `applecart renew TENANT/push --restore`. For a VPP token, have `create: true` and an `allow` line reviewed. An enrollment token is made again only in the Intune portal.";
    "id-gone" [Hold] Error (Id Create)
        "Intune has no token with the `id` that the entry or the ledger names.",
        "The token was deleted in the portal; a new one would have another id.",
        "Find out who deleted it. If Intune has the token again under another id, remove `id`. To create a new one, remove `id` and write `create: true`.";
    "create-in-portal" [Hold] Error (Id)
        "Intune has no enrollment token of this name.",
        "Intune creates enrollment tokens only in its portal.",
        "Create it there once (Devices > Enrollment > Apple > Enrollment program tokens), and run `applecart plan` again. If it has another name there, correct `name`.";
    "create-not-permitted" [Hold] Error (Create Id)
        "Intune has no such VPP token, and the entry does not permit creating it; or one that looks like it exists.",
        "Two tokens of one location stop each other, and a file of another location takes the licences of its apps away.",
        "Write `create: true` on the entry, or the `id` of the token that Intune has. Where the organisation has a token for another location, write `location` as well.";
    "older-than-live" [Hold Refusal] Error ()
        "The file in Git expires before the credential that Intune has.",
        "Uploading it would shorten the tenant's time, and an older enrollment token no longer works at Apple.",
        "Seal the newest download. Or remove `file` and `sha256`, which makes the token watched.";
    "age-unknown" [Hold Renewal] Error (Allow Downloaded Import)
        "Nothing proves that the enrollment token is newer than the one in Intune.",
        "It has no download date, or both were downloaded within a day. Apple ends the older token with each download, so uploading the older one stops device sync.",
        "If Intune has this very file or a newer one, run `applecart import --update`. Add `downloaded` to the entry where it is missing (Apple's file name has the time). If the file in Git is the newest download, have an `allow` line reviewed.";
    "expired" [Hold Refusal Expiry] Critical ()
        "The credential has expired.",
        "Apple no longer accepts it, so devices are no longer managed or synced by it. An expired file is never uploaded.",
        "Renew it at Apple, and seal the new file.";
    "revoked" [Hold Health] Critical ()
        "Apple revoked the push certificate.",
        "Apple's list of revoked certificates names it, so no device can be reached through it, whatever its expiry date says.",
        "Renew the same row in Apple's push portal, never Create. Unless Git has a newer file, run `applecart renew TENANT/TOKEN`.";
    "not-yet-valid" [Hold Refusal] Error ()
        "The certificate becomes valid, or the enrollment token was downloaded, more than ten minutes from now.",
        "Intune and Apple would refuse such a certificate; which of two tokens is newer, such a date does not tell.",
        "Check this machine's clock. Wait until the certificate is valid; correct `downloaded` of the enrollment entry: Apple's file name has the time.";
    "rejected" [Hold Failure] Error (Allow)
        "Intune refused this file, or it was uploaded twice and never appeared.",
        "Uploading the same file again would end the same way.",
        "Read the cause. Download a new file from Apple and seal it, or have an `allow` line reviewed to upload this one once more.";
    "organization-differs" [Hold Remark Renewal] Error (Allow)
        "The VPP token is of another organisation than the one in Intune or in the tenant file.",
        "It may be another customer's token, whose licences would then be used.",
        "Seal this customer's token. If Apple renamed the organisation, have an `allow` line with both names reviewed.";
    "wrong-location" [Hold Failure] Critical (Allow Import)
        "The VPP token in Intune, or its file by what Apple says of it, is of another location than the tenant file names.",
        "Either Apple renamed the location, which changes nothing, or licences of one location would be taken away from its devices.",
        "If it was renamed, run `applecart import --update TENANT`. Else correct `id` or `location`, or seal the right location's token. If the move is meant, have an `allow` line reviewed.";
    "external-mdm" [Hold Health] Critical (Claim)
        "Another device management system uses this VPP token.",
        "Taking it back ends the licences there.",
        "Ask the customer which system is to have the location: Apple Business brings one of its own, which takes the location once it is started. Remove it in the other one. If it is to be taken back, write `claim: true` on the entry.";
    "dead-at-apple" [Hold Health] Critical ()
        "Apple says that the VPP token does not work.",
        "It has expired, was revoked, or ended with the password of the Apple Account that downloaded it. Intune takes it all the same, and no licence arrives by it.",
        "Download a new token at Apple, and bring that file: run `applecart renew TENANT/TOKEN --file FILE`.";
    "location-unproved" [Hold Warning] Error ()
        "Apple gave no answer about the VPP token.",
        "Whether it works, and of which location it is, is not known. With `checkWithApple: require` in applecart.yaml nothing is uploaded then; with `warn` it is only told.",
        "Run the same command again later. If Apple stays silent and the upload cannot wait, have `checkWithApple: warn` reviewed.";
    "duplicate-location" [Hold Health] Critical ()
        "Intune has another VPP token for the same location.",
        "Neither of the two works.",
        "If one of the two got the other's file by mistake, remove none: bring it a newly downloaded file of its own location. Else remove the one that is not needed in the Intune portal, and run `applecart plan` again.";
    "recipient-mismatch" [Hold Refusal] Error ()
        "The enrollment token is encrypted to another key than the one that Intune has.",
        "Intune could not open it.",
        "Upload Intune's current public key to the MDM server in Apple Business or Apple School Manager, download the token again, and bring that file. To save Intune's key, run `applecart renew TENANT/TOKEN --public-key`.";
    "key-mismatch" [Hold Refusal] Error (Allow)
        "The push certificate's key is not the one of the request that the renewal was opened with, or the record does not tell which request Intune made, or nothing says that Intune still has the key since it lost its certificate.",
        "Without the private key for it, Intune could not reach any device.",
        "Ask whoever recorded the request; the message names them. If Intune made it, upload it at Apple's push portal and use the certificate that comes back. If the certificate is right and the record is not, have the message's `allow` line reviewed. Where Intune has no certificate any more, run `applecart renew TENANT/push --restore`, which reads its request.";
    "foreign-request" [Hold Refusal] Critical (Allow)
        "The push certificate's key is the one of another tenant's request for Apple (CSR).",
        "Only the Intune tenant that made the request has the private key, so this one could not reach any device. A request was uploaded on the wrong row at Apple.",
        "At Apple's push portal press Renew on each tenant's own row, with that tenant's own request. The message names both, and who recorded the request. If that record is wrong, have the message's `allow` line reviewed.";
    "wrong-kind" [Hold Refusal] Error ()
        "The file is something else: another kind of token, a request, a key or a web page.",
        "Intune would refuse it.",
        "Download the right file, or put it where it belongs.";
    "bad-file" [Hold Refusal] Error ()
        "The opened file is not the one that the tenant file describes.",
        "What would be uploaded is not what was reviewed.",
        "Seal the right file again, or correct the tenant file.";
    "consent-missing" [Hold] Error (Consent)
        "The customer has not consented to sharing data with Apple.",
        "Intune takes no first push certificate and no new VPP token without it, and consenting is the customer's legal act.",
        "When the customer has agreed, write `consent: {dataSharing: true}` in the tenant file.";
    "apple-id-missing" [Hold Renewal] Error (AppleId)
        "Neither the tenant file nor Intune says with which Apple Account the credential was made.",
        "Intune takes no upload without the account.",
        "Add `appleId` to the entry, or run `seal` or `renew` with `--apple-id ACCOUNT`.";
    "apple-id-change" [Hold] Warning (Allow)
        "The Apple Account that Intune names for the push certificate is to become the one in Git.",
        "Intune takes the account only together with the certificate, so `apply` uploads the same certificate again. Nothing changes for devices. It happens only where an `allow` line names it, and holds nothing by itself.",
        "Have the `allow` line with both accounts reviewed. To propose it, run `applecart renew TENANT/push --apple-id ACCOUNT --push`.";
    "suspended" [Hold] Note (Suspend)
        "The tenant, or this token, is suspended in the tenant file.",
        "A reviewer asked for it, with a reason. Expiry is still reported.",
        "Wait until the date, or change or remove `suspend`.";
    "suspension-ended" [Hold] Error (Suspend)
        "The suspension has ended, and its line is still in the tenant file.",
        "Nothing is uploaded until a person says how to go on.",
        "Remove `suspend`, or move its date.";
}

crate::code_enum! {
    /// Why a write is held, most dangerous first.
    Reason [Hold] {
        TopicChange = "topic-change",
        WrongDestination = "wrong-destination",
        Duplicate = "duplicate",
        Ambiguous = "ambiguous",
        RenewedOutsideGit = "renewed-outside-git",
        ChangedOutsideGit = "changed-outside-git",
        Vanished = "vanished",
        IdGone = "id-gone",
        CreateInPortal = "create-in-portal",
        CreateNotPermitted = "create-not-permitted",
        OlderThanLive = "older-than-live",
        AgeUnknown = "age-unknown",
        Expired = "expired",
        Revoked = "revoked",
        NotYetValid = "not-yet-valid",
        Rejected = "rejected",
        OrganizationDiffers = "organization-differs",
        WrongLocation = "wrong-location",
        ExternalMdm = "external-mdm",
        DeadAtApple = "dead-at-apple",
        LocationUnproved = "location-unproved",
        DuplicateLocation = "duplicate-location",
        RecipientMismatch = "recipient-mismatch",
        ForeignRequest = "foreign-request",
        KeyMismatch = "key-mismatch",
        WrongKind = "wrong-kind",
        BadFile = "bad-file",
        ConsentMissing = "consent-missing",
        AppleIdMissing = "apple-id-missing",
        AppleIdChange = "apple-id-change",
        Suspended = "suspended",
        SuspensionEnded = "suspension-ended",
    }
}

impl Reason {
    /// The holds that an `allow` line may release.
    pub(crate) fn releasable() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(|hold| hold.explained().is_releasable())
    }
}
