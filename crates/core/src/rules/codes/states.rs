//! How a token is: against Git, in time, and in Intune's and Apple's eyes; and what is worth
//! knowing of it.

super::rows! {
    "in-sync" [Sync] Note ()
        "Intune has what Git says.",
        "The last reading proves it.",
        "Nothing to do.";
    "unverified" [Sync] Note ()
        "Intune has a credential with the facts that Git states, and no run has opened this sealed file and compared.",
        "The facts in the tenant file may be those of an earlier file, so that the new one was never uploaded; or the sealed file was replaced since a run opened it.",
        "Run `applecart apply`, which opens the file, compares, and uploads nothing.";
    "out-of-sync" [Sync] Warning ()
        "An upload or a change of settings is due.",
        "The file or the settings in Git are not what Intune has.",
        "Run `applecart apply`.";
    "held" [Sync] Error ()
        "An upload would be due but must not happen.",
        "The reasons name what speaks against it.",
        "Run `applecart explain` with each reason.";
    "progressing" [Sync] Note ()
        "An upload was announced or made, and Intune does not show it yet.",
        "Another run may be writing, or Intune takes up to `settle` to show it.",
        "Run `applecart apply` again later, which records how it ended.";
    "watched" [Sync] Note ()
        "Git has no file for the token.",
        "Its expiry, identity and health are reported; nothing is uploaded.",
        "Nothing to do. Its next renewal with `applecart renew` brings a file.";
    "missing" [Sync] Warning ()
        "The entry in Git is proved absent in Intune.",
        "It was deleted there, or never created.",
        "Upload a first file with `applecart seal`, or remove the entry.";
    "unmanaged" [Sync] Warning ()
        "Intune has the token, and Git has no entry for it.",
        "Its expiry and health are told, but nothing is recorded of it: that it was replaced or deleted is not noticed.",
        "To watch it, run `applecart import --update TENANT`.";
    "unobserved" [Sync] Error ()
        "Unknown: Intune or the ledger could not be read.",
        "The problems of the tenant say why. Nothing is uploaded on a guess.",
        "Correct what the problem names, and run the command again.";
    "superseded" [Result] Error ()
        "The base has other content for the tenant, or other settings, than the commit that is applied.",
        "What was merged since counts at once: a reverted renewal, a withdrawn `allow` line or a later `suspend` must not be passed by a run that waited. Exit code 5.",
        "The message names the commit. Apply the newest commit of the base: start its pipeline, or pull and run `applecart apply`.";
    "stale" [Result] Error ()
        "Intune changed between the plan and the upload.",
        "Another hand or run wrote to it, and what was judged is not what is there now. Nothing was uploaded.",
        "Run `applecart plan`, which judges what Intune has now.";
    "refused" [Result Failure] Error ()
        "The file was opened and is not what the tenant file says, or must not be uploaded.",
        "Only the opened file tells. Nothing was uploaded.",
        "The result names what is wrong with it. Download the right file at Apple, and bring it with `applecart renew TENANT/TOKEN --file FILE`.";
    "not-started" [Result] Error ()
        "The upload was due and was not begun.",
        "The run was stopped, the upload could not be recorded first, the base could not be asked, or an earlier upload forbids it.",
        "Correct what the result names, and run `applecart apply` again.";
    "valid" [Expiry] Note ()
        "More time is left than `renewBefore`.",
        "The expiry date is known.",
        "Nothing to do.";
    "renewal-due" [Expiry] Warning ()
        "Less time is left than `renewBefore`.",
        "A renewal at Apple needs a person and may take days.",
        "If Git has no newer file, run `applecart renew TENANT/TOKEN`.";
    "critical" [Expiry] Critical ()
        "Less time is left than `critical`.",
        "After the expiry date devices are no longer managed or synced.",
        "Act today. If Git has a newer file, have it uploaded; else run `applecart renew TENANT/TOKEN`.";
    "unknown" [Expiry] Warning ()
        "The expiry date is unknown.",
        "It could not be read, or Intune has none.",
        "Correct what the tenant's problems name; else look at the token in the Intune portal.";
    "terms-not-accepted" [Health] Critical ()
        "Apple has new terms that the customer has not accepted.",
        "Until then Apple refuses every sync (`lastSyncErrorCode` 3).",
        "Ask the customer's administrator to accept them in Apple Business (formerly Apple Business Manager) or Apple School Manager.";
    "sync-failing" [Health] Critical ()
        "The last sync between Intune and Apple failed.",
        "New devices and licences do not arrive.",
        "The commonest cause is a token that was downloaded at Apple later and not uploaded: that download ended the one in use. If there is such a file, bring it; else start a sync in the Intune portal and read its message. To bring it, run `applecart renew TENANT/TOKEN --file FILE`.";
    "sync-stale" [Health] Warning ()
        "The last successful sync between Intune and Apple is older than `syncStale` in applecart.yaml allows (3d, if it does not say), or there never was one.",
        "New devices and licences may not have arrived.",
        "Start a sync in the Intune portal, and look at its result. If a token was downloaded at Apple since then, it ended the one in use: bring that file.";
    "token-invalid" [Health] Critical ()
        "Intune calls the credential invalid.",
        "Apple does not accept it any more, whatever its expiry date says. The commonest causes with a VPP token: the Apple Account that downloaded it has another password now, or a newer token was downloaded and never uploaded.",
        "If there is such a newer file, bring it; else renew it at Apple. If Git has no newer file, run `applecart renew TENANT/TOKEN`.";
    "revocation-unknown" [Attention Warning] Note ()
        "It is unknown whether Apple revoked a push certificate.",
        "Apple's list of revoked certificates could not be fetched, or does not prove what it says. Nothing is held for that, and a revoked certificate would not be told.",
        "Let this machine reach https://crl.apple.com. If it is to ask Apple nothing, write `checkWithApple: off` in applecart.yaml. To try again, run `applecart status`.";
    "touched-outside-git" [Attention] Note ()
        "Another hand changed the enrollment token in Intune, and it expires as before.",
        "Its settings may be other ones, or another token of the same day took its place. It is told for a week.",
        "Find out who did it: the audit log in the Intune portal names the account. To see what was recorded of the token, run `applecart history TENANT/TOKEN`.";
    "state-unknown" [Health] Error ()
        "Intune does not say whether the VPP token works.",
        "It names a state that says nothing, or one that this version does not know. The token may not work, whatever its expiry date says.",
        "Look at the token in the Intune portal. If it does not work there, renew it at Apple, and run `applecart renew TENANT/TOKEN`.";
    "apple-id-differs" [Warning] Warning ()
        "The Apple Account in Git is not the one in Intune.",
        "The next renewal needs the account that has the credential at Apple. It is never written by itself.",
        "Find out which of the two is right. If the one in Intune is, correct `appleId` in the tenant file. If the one in Git is, the next upload tells Intune; for a push certificate that was moved to another account, run `applecart renew TENANT/push --apple-id ACCOUNT --push`.";
    "owner-risk" [Attention] Warning ()
        "The Apple Account that credentials depend on is at a free mail provider, has one person's name or a domain that is not the customer's; or credentials of many tenants depend on it.",
        "A token stops working when the account that downloaded it changes its password or goes, whatever its date says, and a push certificate can be renewed with its own account alone.",
        "At the next renewal download it with an account of the customer that only does this, and add `--apple-id ACCOUNT`. If the account is right, list it or its domain under `owners.accepted` in applecart.yaml, or the customer's domain under `domains` in the tenant file. To see what depends on which account, run `applecart audit --apple-ids`.";
    "unrecorded-upload" [Warning] Warning ()
        "Intune has the file, and the ledger does not say how that upload ended.",
        "A run was interrupted.",
        "Run `applecart apply`, which records it.";
    "sent-again" [Warning] Warning ()
        "An earlier run announced or made the upload of this file, and Intune does not have it.",
        "That run was interrupted, Graph gave no usable answer, or Intune lost the upload.",
        "Nothing to do. A file that Intune accepts twice and never shows is held as `rejected`.";
    "in-progress-elsewhere" [Warning] Note ()
        "Another run may still write to this token.",
        "It announced the upload in the ledger, and its time is not over.",
        "Wait until that run has ended, and run the command again.";
    "facts-differ" [Warning] Warning ()
        "The facts in the tenant file are not the ones in Intune.",
        "The tenant file is wrong or behind, or Apple renamed the location of a VPP token. No write follows from it, and the next renewal would be judged by it.",
        "Find out which of the two is right, and who changed what. To take over what Intune has, run `applecart import --update TENANT`.";
    "location-renamed" [Warning] Warning ()
        "Apple or Intune has another name for the location of a VPP token than the tenant file, and the same id.",
        "Apple's customers rename locations. The id says that it is the same one, so no licence is lost.",
        "Write the new name on the entry: run `applecart import --update TENANT`.";
    "country-differs" [Warning] Warning ()
        "Apple has the location of a VPP token in another country than the tenant file or Intune.",
        "Intune looks the apps up in the store of that country, and may not find them.",
        "Find out which of the two is right. If Apple's is, correct `country` on the entry.";
    "moved-outside-git" [Warning] Warning ()
        "The credential in Intune was changed by another hand since it was last recorded, and the file in Git is newer.",
        "The file in Git is uploaded over it. That holds nothing, and is recorded as `changed-outside-git`.",
        "Find out who changed it.";
    "evidence-inferred" [Warning] Warning ()
        "No run recorded that Intune accepted the file that it is said to have.",
        "The run was interrupted, and what Intune has since fits. Another file that an administrator uploaded at that time fits as well.",
        "Check the token in the Intune portal. If in doubt, download a new one from Apple and seal it.";
    "record-disproved" [Warning] Warning ()
        "The ledger says that Intune has this file, and what Intune shows since then speaks against it.",
        "Lines that no run wrote can make an upload that is due look done.",
        "Let the upload go on. Find out who wrote the lines: `applecart ledger show TENANT` names run and machine, `git blame` on the ledger branch the commit.";
    "canary" [Warning] Note ()
        "This upload is the first of its kind and goes alone.",
        "Until one was seen in Intune, it is unknown whether Intune takes the encoding that `wire` names.",
        "Nothing to do; the others follow when it was seen.";
    "canary-pending" [Warning] Note ()
        "Another token of this kind is uploaded first.",
        "The first upload of a kind goes alone, until it was seen in Intune.",
        "Run `applecart apply` again when it was seen.";
    "canary-failed" [Warning] Error (Wire)
        "The first uploads of this kind failed for two customers, so the others are not uploaded.",
        "The encoding that `wire` names is probably not the one that Intune takes.",
        "Read the causes. Change `wire` in applecart.yaml, or seal other files for those tokens.";
    "retry-after" [Warning] Warning ()
        "The last tries to upload this file failed, and the next one is not due yet.",
        "After each failure in a row `apply` waits twice as long, up to a day, and never longer than a quarter of the time to expiry.",
        "Correct the cause that is named. `applecart apply --retry` tries at once.";
    "cannot-land" [Attention] Error ()
        "The upload of this file failed three times in a row or more.",
        "`apply` goes on trying, but the cause does not go away by itself.",
        "Correct the cause that is named, and run `applecart apply --retry`.";
    "intent-without-outcome" [Attention] Error ()
        "Three runs in a row or more announced an upload of the token in the ledger, and none recorded what came of it.",
        "Runs are killed there, or a person who may push to the ledger forges such lines: while one is fresh, no other run uploads.",
        "Find out who wrote the lines, and correct what ends the runs. Run `applecart ledger show TENANT`.";
    "clock-skew" [Warning Attention] Warning ()
        "This machine's clock and Microsoft Graph's differ by more than 5 minutes.",
        "Expiry dates and times in the ledger would be wrong, so this machine sends no messages.",
        "Set the clock, with NTP for example.";
    "not-reviewed" [Warning] Note ()
        "The upload is due, but not in the plan file that is applied.",
        "Only what was reviewed is applied.",
        "Make a new plan file, and have it reviewed.";
    "topic-changed" [Health Attention] Critical ()
        "Intune uses a push certificate with another topic than the one that enrolled devices know, or the tenant file names another one than both.",
        "Where Create was pressed at Apple instead of Renew, devices no longer answer under the new topic, and would have to enrol again one by one. Where only the tenant file is wrong, the next certificate would do that.",
        "Renew the certificate that devices know at Apple, never Create, and bring it back. To open that renewal, run `applecart renew TENANT/push --restore`.";
    "device-sync-down" [Attention] Critical ()
        "An enrollment token was downloaded at Apple and is not uploaded yet.",
        "The download ended the token in use, so no device syncs until the new one is in Intune.",
        "Run `applecart apply`, or correct what holds the upload.";
    "expiry-unknown" [Attention] Warning ()
        "Nothing tells when the token expires.",
        "Intune names no date; or it was not read, and neither Git nor the ledger knows one. No warning comes before the token expires.",
        "If Intune was not read, run `applecart status` without `--offline`. Else start a sync of the token in the Intune portal, and look at its date there.";
    "ticket-unmapped" [Attention] Error ()
        "A renewal is due, and the tenant file does not say which customer of the ticket system it is for.",
        "The settings ask for that number, so no ticket is opened: one without it would be another customer's.",
        "Add the customer's number under `tickets` in the tenant file, and have it merged. Then open the ticket: run `applecart ticket --select TENANT`.";
    "ticket-moved" [Attention] Error ()
        "A ticket is open at another customer of the ticket system than the tenant file names now, or its number is that of another customer's ticket, too.",
        "The ticket is told nothing more, or another customer would read it.",
        "If the tenant file has a wrong customer number, have the earlier one put back. Else see to it that the ticket is the customer's own in the ticket system, and record its number there: run `applecart ticket link TENANT/TOKEN NUMBER`.";
    "awaiting-confirmation" [Attention] Note ()
        "A file was uploaded, and the customer has not confirmed yet that devices work.",
        "Only a device that enrols and apps that arrive prove a renewal.",
        "Ask the customer, and run `applecart acknowledge TENANT/TOKEN`.";
    "devices-cut-off" [Attention] Critical ()
        "An `allow` line releases the upload of a push certificate with another topic than the one that devices know.",
        "Once it is uploaded, no enrolled device answers any more: every one has to enrol again.",
        "Only if that is meant, have it reviewed and applied. Else remove the `allow` line and renew the certificate that devices know. To open that renewal, run `applecart renew TENANT/TOKEN`.";
    "hold-released" [Attention] Note ()
        "An `allow` line releases an upload that would be held.",
        "What the hold protects from can happen with this upload.",
        "Check the line's reason. If it is not meant, remove the line before it is applied.";
    "no-longer-watched" [Attention] Error ()
        "The planned revision stops watching tokens that its base watches.",
        "Nothing is removed in Intune, but no run tells any more when they expire or change.",
        "Only if another team takes care of them, have it reviewed. Else put the entry, or the kind in `watch`, back.";
    "file-withdrawn" [Attention] Note ()
        "The planned revision takes a token's file out of Git.",
        "A renewal that is not uploaded yet never will be; the token is only watched.",
        "Check that Intune has a newer credential already. Else put the file back.";
    "tenant-outdated" [Attention] Error ()
        "The default branch has other content for the tenant than the planned commit, which is older.",
        "What is shown of the tenant is outdated, and `apply` of this commit does nothing that was merged since.",
        "Bring the clone up to date, or plan the newest commit. Run `git pull --ff-only`.";
    "record-changes" [Attention] Critical ()
        "The planned revision changes what decides: the branches of ledger and notes, how they begin, what of them is accepted as lost, who must sign, or what may move to another tenant.",
        "What is held, told or unknown today may be uploaded, or be told no more, once it is merged. The plan of a pull request cannot foretell it.",
        "Merge it only if you know why each of these settings changes. Settle what is held or unknown first, and change the record in a pull request of its own.";
    "settings-invalid" [Attention] Critical ()
        "The applecart.yaml of the planned revision cannot be read.",
        "Once it is merged, every command ends with 78: nothing is uploaded, and no run tells any more what expires.",
        "Do not merge it. To see every mistake in it, run `applecart validate`.";
    "alarms-end" [Attention] Error ()
        "The planned revision shortens `expiry`, so that tokens which are critical or due are told less urgently or not at all; or its `notify` tells fewer people, or of less; or its `drift` later; or the labels, contacts or ticket numbers of a tenant file change, so that fewer sinks are told of this tenant, or others.",
        "No renewal follows from it: the tokens still expire on their day, and no run tells, or not those who were told so far.",
        "Renew these tokens first. Merge other limits only if the team that is told by them agrees, and other contacts and numbers only if this customer named them.";
    "ledger-moved" [Ledger Attention] Error ()
        "The settings named another branch for the ledger or the notes before, and that branch has lines which the one named now does not have; or a `genesis` that they named was dropped.",
        "Holds and first sights rest on those lines, so nothing is uploaded without them. A dropped `genesis` is asked for all the same, as long as the history says that there was one.",
        "Find the commit that changed it (git log -p applecart.yaml). If it was not meant, have it reverted. Else go on with the earlier record, as the message says. To write its first commit down again, run `applecart ledger create`.";
    "reading-stale" [Attention] Error ()
        "The tenant was not read for longer than `drift.within` in applecart.yaml allows (24h, if it does not say).",
        "A change that was made in Intune by hand is seen only by reading it. What is shown is as old as the last reading.",
        "Find out why no run reads it: does the schedule still run, and does Intune answer? To read it again, run `applecart status --select TENANT`.";
    "sink-failing" [Attention] Error ()
        "Nothing that `applecart notify` sent to this sink has arrived for a day or longer.",
        "Whoever is told there learns of nothing. All of it is kept, and sent once the sink takes it again.",
        "Look at the reason, and check the sink's address in applecart.yaml and its secrets in the environment. Then send a test message with `applecart notify --test SINK`.";
    "told-nobody" [Diagnostic Attention] Error ()
        "A sink under `notify` selects no tenant, or writes to customers of whom a tenant file names no `contacts`; or no sink is told of a tenant, or of everything urgent of it.",
        "What expires is not told there, and nothing else says so.",
        "Correct the sink's `select` or `codes` in applecart.yaml or the tenant's `labels`, or add `contacts` to the tenant file. To see what would be sent, run `applecart notify --dry-run`.";
    "clone-behind" [Attention] Note ()
        "The remote has commits that this clone does not have.",
        "What is shown may be outdated.",
        "Run `git pull --ff-only`.";
    "clone-ahead" [Attention] Note ()
        "The fleet's branch has commits in this clone that the remote does not have.",
        "`apply` takes only what the remote has.",
        "If they are reviewed and merged, run `git push`.";
    "renewal-open" [Attention] Note ()
        "A new file of the token waits on a branch to be reviewed and merged.",
        "Another download at Apple would waste it, and ends an enrollment token at once.",
        "Review the branch and have it merged. If its file is wrong, delete the branch.";
    "clone-dirty" [Attention] Note ()
        "The fleet's files have changes that are not committed.",
        "Only commits are planned and applied.",
        "Commit the changes, or drop them.";
}
