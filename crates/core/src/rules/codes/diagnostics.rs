//! Mistakes in the fleet's files.

const NOT_USED: &str = "A file with a mistake is not used, so nothing is uploaded for its tenant.";
const NOT_TAKEN: &str = "What cannot be read for sure is not guessed.";
const TWICE: &str = "Only one of the two can be right, and an upload could reach the wrong tenant.";

super::rows! {
    "not-utf8" [Diagnostic] Error ()
        "The file is not UTF-8.",
        NOT_TAKEN,
        "Save the file as UTF-8.";
    "file-too-long" [Diagnostic] Error ()
        "The file is larger than a settings file may be.",
        NOT_USED,
        "Split it, or remove what does not belong there.";
    "syntax" [Diagnostic] Error ()
        "The file is not well-formed YAML, or has a character that YAML forbids.",
        NOT_TAKEN,
        "Correct the marked place.";
    "too-deep" [Diagnostic] Error ()
        "The file nests deeper than any valid file does.",
        NOT_USED,
        "Correct the indentation.";
    "duplicate-key" [Diagnostic] Error ()
        "A key is written twice in one mapping.",
        NOT_TAKEN,
        "Remove one of the two.";
    "unsupported-yaml" [Diagnostic] Error ()
        "A feature of YAML that is not read here: anchor, alias, merge key, tag, directive or complex key.",
        NOT_TAKEN,
        "Write the value out.";
    "several-documents" [Diagnostic] Error ()
        "The file has more than one YAML document.",
        NOT_TAKEN,
        "Keep one; remove the `---` between them.";
    "empty-file" [Diagnostic] Error ()
        "The file has no content.",
        NOT_USED,
        "Write its content, or remove the file.";
    "too-many-mistakes" [Diagnostic] Error ()
        "The file has more mistakes than are shown.",
        NOT_USED,
        "Correct those that are shown, and run `applecart validate` again.";
    "api-version" [Diagnostic] Error ()
        "`apiVersion` is not one that this program reads.",
        NOT_TAKEN,
        "Write `apiVersion: applecart/v1`, or update applecart.";
    "file-kind" [Diagnostic] Error ()
        "`kind` does not belong into this file.",
        NOT_TAKEN,
        "Write `kind: Fleet` in applecart.yaml and `kind: Tenant` in tenant.yaml.";
    "unknown-field" [Diagnostic] Error ()
        "The format has no such field.",
        NOT_TAKEN,
        "Correct its name, or remove it.";
    "missing-field" [Diagnostic] Error ()
        "A required field is missing.",
        NOT_USED,
        "Add the field that the message names.";
    "wrong-type" [Diagnostic] Error ()
        "The value is of another type than the field takes.",
        NOT_TAKEN,
        "Write the type that the message names.";
    "unknown-value" [Diagnostic] Error ()
        "The word is not one of the field's words.",
        NOT_TAKEN,
        "Write one of the words that the message names.";
    "missing-fleet-file" [Diagnostic] Error ()
        "The fleet has no `applecart.yaml`.",
        NOT_USED,
        "Run `applecart init`, or run the command in the fleet's folder.";
    "missing-tenant-file" [Diagnostic] Error ()
        "The tenant's folder has no `tenant.yaml`.",
        NOT_USED,
        "Write one with `applecart import`, or remove the folder.";
    "no-tenants" [Diagnostic] Error ()
        "The fleet has no tenant.",
        NOT_USED,
        "Add one with `applecart import`.";
    "stray-file" [Diagnostic] Error ()
        "A file lies directly under `tenants/`.",
        NOT_USED,
        "Move it into a tenant's folder, or remove it.";
    "not-a-folder" [Diagnostic] Error ()
        "A symbolic link or submodule is where a tenant's folder should be.",
        NOT_USED,
        "Replace it by a folder.";
    "too-many-files" [Diagnostic] Error ()
        "The tenant's folder has too many entries.",
        NOT_USED,
        "Remove what does not belong there.";
    "object-missing" [Diagnostic] Error ()
        "The Git object is not in this clone.",
        NOT_USED,
        "Run `git fetch`; a partial clone: `git fetch --refetch`.";
    "bad-text" [Diagnostic] Error ()
        "The text is empty, too long, or has characters that it must not have.",
        NOT_TAKEN,
        "Correct the text.";
    "bad-name" [Diagnostic] Error ()
        "The folder's or tenant's name is not allowed.",
        NOT_TAKEN,
        "Use lower-case letters, digits and hyphens.";
    "name-mismatch" [Diagnostic] Error ()
        "`name` differs from the folder's name.",
        NOT_USED,
        "Make the two equal.";
    "bad-guid" [Diagnostic] Error ()
        "The value is not a GUID.",
        NOT_TAKEN,
        "Copy the id from Microsoft Entra.";
    "placeholder" [Diagnostic] Warning ()
        "The value is the one that a new fleet begins with.",
        "With it nothing can sign in, so nothing is read from Intune and nothing is uploaded.",
        "Write the application (client) id of your app registration in Entra ID.";
    "long-suspension" [Diagnostic] Warning ()
        "The suspension lasts for more than a year.",
        "Until then no exit code tells what it holds, and every credential expires within a year.",
        "Write a date within the next year. The line can be renewed by review.";
    "codeowners-overruled" [Diagnostic] Warning ()
        "The forge reads another CODEOWNERS, and not this file.",
        "Whoever adds one in front of it puts every rule in it out of force.",
        "Keep one file, where your forge looks first: .github/CODEOWNERS on GitHub, CODEOWNERS on GitLab.";
    "bad-date" [Diagnostic] Error ()
        "The value is not a date or an instant.",
        NOT_TAKEN,
        "Write 2026-12-31 or 2026-12-31T10:00:00Z.";
    "bad-duration" [Diagnostic] Error ()
        "The value is not a duration.",
        NOT_TAKEN,
        "Write a number and a unit, such as 45d or 30m.";
    "bad-percentage" [Diagnostic] Error ()
        "The value is not a percentage.",
        NOT_TAKEN,
        "Write a number and `%`, such as 30%.";
    "out-of-range" [Diagnostic] Error ()
        "The number is outside its range.",
        NOT_USED,
        "Write a number in the range that the message names.";
    "bad-sha256" [Diagnostic] Error ()
        "The value is not a SHA-256.",
        NOT_TAKEN,
        "Let `applecart seal` write it: 64 hexadecimal digits.";
    "bad-serial" [Diagnostic] Error ()
        "The value is not a certificate's serial number.",
        NOT_TAKEN,
        "Let `applecart seal` write it.";
    "bad-topic" [Diagnostic] Error ()
        "The value is not an MDM push topic.",
        NOT_TAKEN,
        "Let `applecart seal` or `applecart import` write it.";
    "bad-location-id" [Diagnostic] Error ()
        "The value is not Apple's id of a location.",
        NOT_TAKEN,
        "Let `applecart seal` or `applecart renew` write it.";
    "bad-country" [Diagnostic] Error ()
        "The value is not a country code.",
        NOT_TAKEN,
        "Write two lower-case letters (ISO 3166-1), such as gb.";
    "bad-recipient" [Diagnostic] Error ()
        "The value is not a key that files can be encrypted to.",
        NOT_TAKEN,
        "Write an age recipient (age1…).";
    "bad-branch" [Diagnostic] Error ()
        "The value is not a branch that the ledger can be on.",
        NOT_TAKEN,
        "Write a branch name such as applecart/ledger.";
    "bad-path" [Diagnostic] Error ()
        "The value is not a path inside the repository.",
        NOT_TAKEN,
        "Write a relative path without `..`.";
    "missing-signers" [Diagnostic] Error ()
        "`signers` is missing though signatures are required.",
        NOT_USED,
        "Name the file of allowed signers in `signers`.";
    "bad-signers" [Diagnostic] Error ()
        "A file that says who may sign is missing, empty, or not of its format.",
        NOT_TAKEN,
        "Correct the file that the message names.";
    "bad-commit" [Diagnostic] Error ()
        "The value is not the whole name of a commit.",
        NOT_TAKEN,
        "Write all of its hexadecimal digits, as `git rev-parse` prints them.";
    "bad-move" [Diagnostic] Error ()
        "The move leads nowhere, or is written twice.",
        NOT_TAKEN,
        "Correct `from` and `to`, or remove the line.";
    "missing-fact" [Diagnostic] Error ()
        "The token's `file` needs facts that are missing.",
        NOT_USED,
        "Let `applecart seal` write them.";
    "sha256-without-file" [Diagnostic] Error ()
        "There is a `sha256` without a `file`.",
        NOT_USED,
        "Name the sealed file, or remove `sha256`.";
    "unwatched-file" [Diagnostic] Error ()
        "The token file is of a kind that `watch` does not name.",
        NOT_USED,
        "Add the kind to `watch`, or remove `file`.";
    "nothing-watched" [Diagnostic] Error ()
        "`watch` is empty.",
        NOT_USED,
        "Name at least one kind, or remove `watch` to watch all.";
    "missing-file" [Diagnostic] Error ()
        "`file` names something that is not in the folder.",
        NOT_USED,
        "Commit the sealed file beside tenant.yaml, or correct the name.";
    "file-outside-folder" [Diagnostic] Error ()
        "`file` does not name a direct member of the folder.",
        NOT_USED,
        "Move the sealed file beside tenant.yaml.";
    "file-not-plain" [Diagnostic] Error ()
        "`file` names a link, a folder or a submodule.",
        NOT_USED,
        "Replace it by a plain file.";
    "file-too-large" [Diagnostic] Error ()
        "The token file is over the limit.",
        NOT_USED,
        "Look at what it is, and seal the right file.";
    "not-sealed" [Diagnostic] Error ()
        "`file` names a file that is not encrypted with age or SOPS.",
        "Git keeps whatever was committed, so a token that lies open in it is lost. Such a file is never uploaded.",
        "Encrypt the file that Apple handed out with `applecart seal`. If an open token was committed, renew it at Apple.";
    "sealed-to-others" [Diagnostic] Warning ()
        "The file is encrypted to other keys than `recipients` lists.",
        "The pipeline may not be able to open it, or a colleague who left still can.",
        "Run `applecart reseal`.";
    "open-secret" [Diagnostic] Error ()
        "A token, a private key or another secret lies open in a file of the fleet.",
        "Git keeps whatever was committed, so everyone who reads the repository has it.",
        "Take the file out before you commit. If it was committed, replace what is in it.";
    "unknown-profile" [Diagnostic] Error ()
        "`auth` names a profile that does not exist.",
        NOT_USED,
        "Correct the name, or add the profile in applecart.yaml.";
    "unknown-hold" [Diagnostic] Error ()
        "`allow` names a hold that does not exist.",
        NOT_USED,
        "Correct the name; `applecart explain` lists the holds.";
    "hold-not-releasable" [Diagnostic] Error ()
        "`allow` names a hold that no `allow` line releases.",
        NOT_USED,
        "Remove the line; `applecart explain HOLD` says what releases it.";
    "too-many-tokens" [Diagnostic] Error ()
        "The tenant has more tokens than it may have.",
        NOT_USED,
        "Remove entries that do not belong there.";
    "too-many-entries" [Diagnostic] Error ()
        "A list of a tenant file has more entries than any real one.",
        NOT_USED,
        "Remove what does not belong there.";
    "duplicate-name" [Diagnostic] Error ()
        "Two tokens of one tenant have the same name.",
        TWICE,
        "Rename one of the two, or remove it.";
    "duplicate-token-id" [Diagnostic] Error ()
        "Two tokens have the same `id`.",
        TWICE,
        "Correct one of the two.";
    "duplicate-tenant-id" [Diagnostic] Error ()
        "Two tenants have the same `tenantId`.",
        TWICE,
        "Correct one of the two, or remove its folder.";
    "duplicate-token-file" [Diagnostic] Error ()
        "Two tokens have the same file.",
        TWICE,
        "Seal each token's own file.";
    "duplicate-sha256" [Diagnostic] Error ()
        "Two tokens have the same `sha256`.",
        TWICE,
        "Seal each token's own file.";
    "duplicate-topic" [Diagnostic] Error ()
        "Two tenants have the same push topic.",
        TWICE,
        "Seal each tenant's own certificate.";
    "duplicate-location-id" [Diagnostic] Error ()
        "Two entries have a file for the same location at Apple.",
        "Two tokens of one location stop each other, and a location belongs to one customer. Nothing is uploaded for either.",
        "Remove the entry that is not needed, or bring it the file of its own location.";
    "duplicate-ticket-number" [Diagnostic] Warning ()
        "Two tenants have the same number under the same key of `tickets`.",
        "Tickets of one customer would be opened at the other: only where both tenants are one customer's is that right.",
        "Look the customer up in the ticket system, and correct the copied number.";
}
