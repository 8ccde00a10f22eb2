//! Why a tenant could not be read, and why an upload failed.

super::rows! {
    "sign-in-failed" [Problem] Error ()
        "Microsoft Entra refused the sign-in.",
        "The message has Entra's reason.",
        "Correct the credential or `auth` in applecart.yaml, and run `applecart doctor`.";
    "tenant-not-found" [Problem] Error ()
        "Microsoft Entra does not know the tenant.",
        "`tenantId` is wrong, or the tenant is in another cloud.",
        "Correct `tenantId` in the tenant file, or `cloud` in applecart.yaml.";
    "no-consent" [Problem] Error ()
        "The application has no administrator's consent in the tenant.",
        "Without it the tenant cannot be read.",
        "Have an administrator of the customer open the consent link and accept. To list the links of all tenants, run `applecart doctor`.";
    "forbidden" [Problem] Error ()
        "Microsoft Graph refused the request (403).",
        "The application does not have the permission that the problem names, or its consent is older than that permission.",
        "Add the permission to the application, and ask an administrator of the customer to consent again.";
    "no-licence" [Problem] Error ()
        "The tenant has no active Intune licence.",
        "Intune does not answer without one.",
        "Ask the customer to renew the licence, or remove the tenant from the fleet.";
    "throttled" [Problem Failure] Error ()
        "Microsoft Graph was still throttling after every retry.",
        "Too many requests were sent for this tenant; nothing was uploaded.",
        "Run the command again later, or with a lower `--parallelism`.";
    "timeout" [Problem] Error ()
        "No answer came in time.",
        "The network or Microsoft's service is slow.",
        "Run the command again.";
    "unreachable" [Problem Ledger] Error ()
        "No connection could be made.",
        "The network, a proxy or a firewall is in the way.",
        "Check the network and the proxy, and run the command again.";
    "server-error" [Problem] Error ()
        "Microsoft Graph answered with a server error after every retry.",
        "The fault is Microsoft's.",
        "Run the command again later; Microsoft's support asks for the request id.";
    "bad-answer" [Problem] Error ()
        "The answer is not what Microsoft Graph documents.",
        "A proxy changed it, or Graph did. What is not understood is not acted on.",
        "Run the command again; if it stays, report it with the request id.";
    "invalid-file" [Problem] Error ()
        "The tenant's folder in Git has a mistake.",
        "Nothing is uploaded for a tenant whose files are not understood.",
        "Run `applecart validate`, and correct what it names.";
    "ledger-unknown" [Problem] Error ()
        "The ledger could not be read.",
        "Without it nothing tells what was uploaded before, so nothing is uploaded.",
        "Run `applecart ledger verify`.";
    "notes-unknown" [Problem] Error ()
        "What people recorded of the tenant (the notes) was taken away or could not be read.",
        "It says which request for Apple (CSR) a push certificate has to answer. A certificate for another key would cut off every device, so no push certificate is uploaded. Other tokens are.",
        "Bring the notes back as the message says, and find out who took them away. Run `applecart ledger verify`.";
    "base-unknown" [Problem] Error ()
        "The remote could not be asked for what is in force.",
        "The base says what was merged and by which settings it is judged. Without it nothing is uploaded.",
        "Check that `git ls-remote` works here (network, proxy, credentials), and run the command again.";
    "not-permitted" [Failure] Error ()
        "Microsoft Graph refused the upload for lack of a permission or a valid sign-in.",
        "Nothing was uploaded.",
        "Add the permission that the message names, and run `applecart apply` again.";
    "approval-required" [Failure] Error ()
        "Intune asks for the approval of a second administrator.",
        "Nothing was uploaded, and no approval was asked for.",
        "Upload it in the Intune portal with approval, or exempt the application; then run `applecart apply` again.";
    "not-landed" [Failure] Warning ()
        "The upload did not arrive: Intune has what it had before.",
        "The connection ended, Intune had a fault, or the run was stopped.",
        "Nothing to do: `applecart apply` tries again, after a while if it failed before.";
    "not-sent" [Failure] Warning ()
        "The upload was announced, and nothing was uploaded.",
        "Intune had changed, or the run was stopped or out of time.",
        "Nothing to do: the next `applecart apply` tries again.";
    "never-visible" [Failure] Error ()
        "The file was uploaded twice and never appeared in Intune.",
        "Intune accepted it and did not keep it.",
        "Look at the token in the Intune portal. Download a new file from Apple and seal it.";
}
