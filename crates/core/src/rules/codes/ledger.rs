//! What is wrong with the ledger.

const NOT_OURS: &str =
    "No version of applecart writes that; the file was changed by hand or damaged.";
const GONE: &str = "A line was changed, removed or added by hand.";
const RESTORE: &str =
    "Find the commit that changed it with `git log`, and restore the file from before it.";

super::rows! {
    "no-final-newline" [Ledger] Error ()
        "The last line of the ledger's file does not end in a line feed.",
        "It may be cut off.",
        RESTORE;
    "line-too-long" [Ledger] Error ()
        "A line of the ledger is longer than any line that is written.",
        NOT_OURS,
        RESTORE;
    "bad-json" [Ledger] Error ()
        "A line of the ledger is not JSON.",
        NOT_OURS,
        RESTORE;
    "not-a-record" [Ledger] Error ()
        "A line of the ledger is JSON, but no record.",
        "A newer version of applecart may have written it.",
        "Update applecart; else restore the file from another clone.";
    "not-canonical" [Ledger] Error ()
        "A line of the ledger is not written in the one form that lines have.",
        NOT_OURS,
        RESTORE;
    "unwritable" [Ledger] Error ()
        "A record has a value that a line of the ledger cannot hold.",
        "The line would not be read back as it was written.",
        "Report it with the command that was run.";
    "bad-seq" [Ledger] Critical ()
        "A line of the ledger has another number than its place.",
        GONE,
        RESTORE;
    "broken-prev" [Ledger] Critical ()
        "A line of the ledger does not name the line before it.",
        GONE,
        RESTORE;
    "other-tenant" [Ledger] Critical ()
        "A tenant's file of the ledger begins as another tenant's does.",
        "It was copied or moved by hand.",
        RESTORE;
    "request-disputed" [Attention] Error ()
        "The record does not tell which request for Apple (CSR) Intune made: several of one renewal are open with different keys, one is not the vendor's, or one key is recorded for two tenants or with two requests.",
        "Intune has the private key of its own request alone. A certificate for another key cuts off every device. Everyone who may write notes can record a request.",
        "Ask the people whom the message names. `applecart renew TENANT/TOKEN --request KEY` gives out the one that Intune made. If no one can tell, run `applecart renew TENANT/TOKEN --new-csr`.";
    "ledger-line-broken" [Ledger Attention] Error ()
        "A line is dated in the future, asks for a lease of more than 15 minutes, names no commit that its run worked from, says that Intune has a file that no run announced, or names another key than the request for Apple (CSR) that it holds.",
        "A run on a machine with a wrong clock wrote it, or it was forged. It decides nothing: no run waits for it, it proves no upload, and its request is not given out.",
        "Find out who wrote it; where the clock of a machine is wrong, correct it. Run `applecart ledger show TENANT`.";
    "cannot-open" [Ledger] Error ()
        "The repository could not be opened for the ledger.",
        "Nothing tells what was uploaded before.",
        "Check the path and its permissions.";
    "other-owner" [Ledger] Error ()
        "The repository belongs to another user.",
        "Git refuses to read what another user may have changed.",
        "Run the `git config` line that the message names.";
    "branch-name" [Ledger] Error ()
        "The ledger's branch has a name that Git does not allow.",
        "Nothing can be recorded there.",
        "Correct `ledger.branch` in applecart.yaml.";
    "symbolic-branch" [Ledger] Error ()
        "The ledger's branch is a symbolic reference.",
        "Writing to it would change another branch.",
        "Remove the symbolic reference with `git symbolic-ref --delete`.";
    "unreadable" [Ledger] Error ()
        "The ledger could not be read from the repository.",
        "Nothing tells what was uploaded before.",
        "Run `git fsck`, and fetch the branch again.";
    "unexpected-entry" [Ledger] Error ()
        "The ledger's branch has a file that does not belong there.",
        NOT_OURS,
        "Revert the commit that added it.";
    "too-many-tenants" [Ledger] Error ()
        "The ledger has more tenants than it may have.",
        NOT_OURS,
        "Run `applecart ledger verify`.";
    "file-full" [Ledger] Error ()
        "A tenant's file of the ledger is full.",
        "Nothing more can be recorded for the tenant.",
        "Begin a new ledger branch, and name it in `ledger.branch`.";
    "bad-entry" [Ledger] Error ()
        "An entry cannot be written to the ledger.",
        "The line would not be read back as it was written.",
        "Report it with the command that was run.";
    "same-start" [Ledger] Critical ()
        "Two files of the ledger begin with the same line.",
        "One was copied from the other by hand.",
        RESTORE;
    "ledger-lost" [Ledger] Critical ()
        "The ledger's branch is gone, and it was there before.",
        "Without it a file could be uploaded twice, or to another tenant.",
        "Push the branch again from a clone that has it; the message names the command.";
    "ledger-rewritten" [Ledger] Critical ()
        "The ledger's branch no longer contains what was seen of it before.",
        "A record of what was uploaded was taken away.",
        "Find out who rewrote it, and restore the branch; the message names the command.";
    "ledger-foreign" [Ledger] Critical ()
        "The ledger's branch does not begin with the commit that `ledger.genesis` in applecart.yaml names.",
        "It is another fleet's, or was begun again; what this fleet uploaded is unknown.",
        "Push this fleet's ledger from a clone that has it; for a copied repository, `applecart ledger create --replace REASON`.";
    "ledger-behind" [Ledger] Critical ()
        "The ledger's branch at the remote is older than what this clone saw of it.",
        "The remote is a replica that lags or a restored backup, or the branch was forced back.",
        "Wait for the replica, or push what this clone has; the message names the command.";
    "branch-in-the-way" [Ledger] Error ()
        "The remote has another branch where the ledger's is to be.",
        "A ledger is never overwritten, and Git has no room for two branches where one's name begins the other's.",
        "Rename that branch at the remote, or name another one in `ledger.branch`.";
    "no-ledger" [Ledger] Critical ()
        "The fleet has sealed token files and no ledger.",
        "Nothing tells what was uploaded, so an audit cannot pass.",
        "Push the ledger from a clone that has it; if nothing was ever uploaded, run `applecart ledger create`.";
    "remotes" [Ledger] Error ()
        "The remotes of the repository could not be read.",
        "So the shared ledger is unknown.",
        "Check `git remote -v`.";
    "which-remote" [Ledger] Error ()
        "The repository has several remotes, and nothing tells which one has the ledger.",
        "A ledger that is pushed to the wrong place is not shared.",
        "Set the branch's upstream, or name a remote `origin`.";
    "push-refused" [Ledger] Error ()
        "The remote refused to take the ledger.",
        "Branch rules or missing permissions; nothing is uploaded that cannot be recorded.",
        "Permit pushes to the ledger's branch; the message has the remote's reason.";
    "not-pushed" [Ledger] Error ()
        "The ledger could not be pushed: Git has no stored credential, the account may only read, or the connection broke.",
        "What cannot be recorded is not uploaded.",
        "The message has what Git said, and what to do about it. Run `applecart doctor`, which tries a push without pushing.";
    "offline" [Ledger] Error ()
        "The command was told to contact nothing, and needs the shared ledger.",
        "Nothing tells what other clones uploaded.",
        "Run it without `--offline`.";
    "no-remote" [Ledger] Error ()
        "The repository has no remote.",
        "So there is no shared ledger.",
        "Add a remote with `git remote add`.";
    "locked" [Ledger] Error ()
        "The ledger is locked in this repository.",
        "Another process writes to it, or was killed while it did.",
        "Wait for the other process; else remove the lock file that the message names.";
    "contended" [Ledger] Error ()
        "Other runs wrote to the ledger at the same time, again and again.",
        "The entry could not be appended.",
        "Run the command again.";
    "cannot-write" [Ledger] Error ()
        "The ledger could not be written.",
        "Nothing is uploaded that cannot be recorded.",
        "Check free space and permissions.";
    "cannot-sign" [Ledger] Error ()
        "The ledger's commit could not be signed.",
        "The fleet asks for a signed ledger.",
        "Check the signing key with `applecart doctor`.";
    "cannot-judge" [Ledger] Error ()
        "The signatures of the ledger could not be verified.",
        "The fleet asks for a signed ledger.",
        "Install what the message names, and run `applecart ledger verify` again.";
    "state" [Ledger] Error ()
        "What this clone remembers of the ledger could not be read or written.",
        "So a rewritten ledger would not be noticed.",
        "Check the permissions of the folder that the message names.";
    "closed" [Ledger] Error ()
        "The ledger was closed by an earlier error of this run.",
        "Nothing more is recorded after it.",
        "Read the earlier error, and run the command again.";
}
