"""The bare git repository behind the fake GitHub."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

NO_COMMIT = "0" * 40
# The machine's git settings must not leak into a test.
ISOLATED = {"GIT_CONFIG_GLOBAL": str(Path(__file__).with_name("gitconfig")), "GIT_CONFIG_SYSTEM": os.devnull}
LEFT_BEHIND = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache")

Files = Mapping[str, str | bytes | None]


def git(folder: Path, *arguments: str) -> str:
    """Run git in `folder` and return what it prints; raise `CalledProcessError` when it fails."""
    person = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in PERSON.items()}
    environment = {**os.environ, **ISOLATED, **person}
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


PERSON = {"NAME": "Dev", "EMAIL": "dev@example.com"}


class Origin:
    """A bare repository and the work tree in which tests commit to it."""

    def __init__(self, folder: Path, source: Path, branch: str) -> None:
        self.path = folder / "origin.git"
        self._tree = folder / "author"
        shutil.copytree(source, self._tree, ignore=LEFT_BEHIND, symlinks=True)
        git(self._tree, "init", "--quiet", f"--initial-branch={branch}")
        self._save("first commit")
        git(folder, "clone", "--quiet", "--bare", str(self._tree), str(self.path))
        # Checkout asks for commits by hash, as the real action does.
        git(self.path, "config", "uploadpack.allowAnySHA1InWant", "true")
        git(self._tree, "remote", "add", "origin", str(self.path))

    def commit(self, files: Files, *, branch: str, base: str, message: str) -> str:
        """Commit changes (`None` deletes a file) on `branch`, made from `base` when new; return the hash."""
        start = branch if self.has_branch(branch) else base
        git(self._tree, "checkout", "--quiet", "-B", branch, self.head(start))
        for name, content in files.items():
            self._write(self._tree / name, content)
        self._save(message)
        git(self._tree, "push", "--quiet", "--force", "origin", branch)
        return self.head(branch)

    def merge(self, base: str, head: str, *, ref: str) -> str:
        """Make the merge commit that GitHub tests for a pull request, under `ref`; return the hash."""
        git(self._tree, "checkout", "--quiet", "--detach", base)
        git(self._tree, "merge", "--quiet", "--no-ff", "--no-edit", head)
        git(self._tree, "push", "--quiet", "--force", "origin", f"HEAD:{ref}")
        return git(self._tree, "rev-parse", "HEAD")

    def take_over(self, other: Origin, branch: str) -> None:
        """Make the commits of another repository's `branch` part of this one's past, and keep the files as they are."""
        git(self._tree, "checkout", "--quiet", "-B", branch, self.head(branch))
        git(self._tree, "fetch", "--quiet", str(other.path), branch)
        options = ("--quiet", "--no-edit", "--strategy=ours", "--allow-unrelated-histories")
        git(self._tree, "merge", *options, "FETCH_HEAD")
        git(self._tree, "push", "--quiet", "origin", branch)

    def has_branch(self, branch: str) -> bool:
        """Tell whether the branch exists."""
        return bool(git(self.path, "branch", "--list", branch))

    def has_file(self, ref: str, path: str) -> bool:
        """Tell whether a commit has a file at `path`."""
        return bool(git(self.path, "ls-tree", "--name-only", ref, path))

    def branches(self) -> dict[str, str]:
        """Return the hash of every branch."""
        lines = git(self.path, "for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads")
        return {line.split()[0]: line.split()[1] for line in lines.splitlines()}

    def head(self, branch: str) -> str:
        """Return the hash of a branch, tag or hash."""
        return git(self.path, "rev-parse", f"{branch}^{{commit}}")

    def changed(self, before: str, after: str) -> tuple[str, ...]:
        """Return the paths that differ between two commits; every path when there is no `before`."""
        if before == NO_COMMIT:
            return tuple(git(self.path, "ls-tree", "-r", "--name-only", after).splitlines())
        return tuple(git(self.path, "diff", "--name-only", f"{before}...{after}").splitlines())

    def export(self, sha: str, folder: Path) -> None:
        """Write the files of a commit to a new folder."""
        git(self.path, "clone", "--quiet", "--no-checkout", str(self.path), str(folder))
        git(folder, "checkout", "--quiet", "--detach", sha)

    def _save(self, message: str) -> None:
        git(self._tree, "add", "--all")
        git(self._tree, "commit", "--quiet", "--allow-empty", f"--message={message}")

    @staticmethod
    def _write(path: Path, content: str | bytes | None) -> None:
        if content is None:
            path.unlink()
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
