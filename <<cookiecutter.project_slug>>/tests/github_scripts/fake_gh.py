"""A `gh` for tests: an executable that answers from a table, and writes down what it was asked."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

# A shell, because it starts in a millisecond. `calls` holds one request per line, `table` a request, the number of its
# row and how many answers there are; row.answer.out goes to stdout, and row.answer.err to stderr with exit code 1.
PROGRAM = r"""#!/bin/sh
cd "$FAKE_GH" || exit 99
if [ "$1" = api ]; then
    method=GET; [ "$3" != --method ] || method=$4
    request="$method $2"; [ "$5" != --input ] || piped=yes
else
    request="$*"; [ "$2" != set ] || piped=yes
fi
total=0; earlier=0
while IFS= read -r line; do
    total=$((total + 1)); [ "$line" != "$request" ] || earlier=$((earlier + 1))
done < calls
printf '%s\n' "$request" >> calls
[ -z "$piped" ] || cat > "body.$total"
while IFS='	' read -r known row answers; do
    [ "$known" = "$request" ] || continue
    [ "$earlier" -lt "$answers" ] || earlier=$((answers - 1))
    if [ -f "$row.$earlier.err" ]; then cat "$row.$earlier.err" >&2; exit 1; fi
    exec cat "$row.$earlier.out"
done < table
echo "fake gh: no answer for $request" >&2
exit 99
"""


class FakeGitHub:
    """The table of answers and the record of calls, in a folder that is put on the PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.counts: dict[str, int] = {}
        (folder / "gh").write_text(PROGRAM, encoding="utf-8")
        (folder / "gh").chmod(0o755)
        (folder / "calls").touch()
        (folder / "table").touch()

    def answers(self, request: str, answer: object = None, *, status: int = 200, says: str = "refused") -> None:
        """Answer `request`, such as `GET repos/o/r`; several answers are given in turn, the last one for ever.

        A status of 0 is a failure before GitHub was reached.
        """
        if status in range(200, 300):
            self._next(request, "out").write_text("" if answer is None else json.dumps(answer), encoding="utf-8")
        else:
            text = f"gh: {says} (HTTP {status})" if status else says
            self._next(request, "err").write_text(text, encoding="utf-8")

    def refuses(self, request: str, *, status: int, says: str) -> None:
        """Refuse `request` from now on, whatever it was answered before."""
        row = list(self.counts).index(request)
        for number in range(self.counts[request]):
            (self.folder / f"{row}.{number}.err").write_text(f"gh: {says} (HTTP {status})", encoding="utf-8")

    def sends(self, request: str, file: Path) -> None:
        """Answer `request` with the bytes of `file`."""
        shutil.copy(file, self._next(request, "out"))

    def calls(self) -> list[tuple[str, Any]]:
        """Return every request with its body, in order."""
        requests = (self.folder / "calls").read_text(encoding="utf-8").splitlines()
        return [(request, self._body(number)) for number, request in enumerate(requests)]

    def writes(self) -> list[tuple[str, Any]]:
        """Return the calls that change something."""
        return [(request, body) for request, body in self.calls() if not request.startswith("GET ")]

    def _body(self, number: int) -> Any:
        path = self.folder / f"body.{number}"
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        return json.loads(text) if text.startswith("{") else text or None

    def _next(self, request: str, kind: str) -> Path:
        number = self.counts.get(request, 0)
        self.counts[request] = number + 1
        rows = [f"{known}\t{row}\t{count}\n" for row, (known, count) in enumerate(self.counts.items())]
        (self.folder / "table").write_text("".join(rows), encoding="utf-8")
        return self.folder / f"{list(self.counts).index(request)}.{number}.{kind}"
