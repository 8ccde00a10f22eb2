"""What Python's own mail parser finds in the files of a folder, as JSON."""
import email
import email.policy
import json
import pathlib
import sys

found = []
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.eml")):
    mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    parts = {part.get_content_type(): part.get_content() for part in mail.walk() if not part.is_multipart()}
    found.append({
        "headers": [[name, str(value)] for name, value in mail.items()],
        "parts": {kind: text if isinstance(text, str) else text.decode() for kind, text in parts.items()},
        "defects": [str(defect) for part in mail.walk() for defect in part.defects],
        "envelope": json.loads(path.with_suffix(".json").read_text()),
    })
print(json.dumps(found))
