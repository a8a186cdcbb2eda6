"""A page for browsers that are embedded: its script asks, as an application's does, and the title says the statuses."""

import json
import os

STEPS = [["POST", "/login", os.environ["BODY"]], ["GET", "/me"], ["POST", "/logout"], ["GET", "/me"]]
PAGE = f"""<title>-</title><script type="module">
const seen = [];
for (const [method, path, body] of {json.dumps(STEPS)}) {{
  const headers = body ? {{ "content-type": "application/json" }} : {{}};
  seen.push((await fetch(path, {{ method, body, headers }})).status);
}}
document.title = "seen " + seen.join(" ");
</script>"""


def statuses(title: str | None) -> list[str]:
    """What a title says: the four statuses, or nothing yet."""
    word, *seen = (title or "-").split()
    return seen if word == "seen" else []
