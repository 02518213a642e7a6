"""Keep the chosen variants of files, fill in plain answers, make the first commit, say what comes next.

Few modules are imported on purpose: `re` and `json` alone would double the time that this process takes.
"""

from __future__ import annotations

import os
import sys

# A file named NAME.CHOICE or NAME.CHOICE.EXT becomes NAME or NAME.EXT when its choice was taken, and goes otherwise.
VARIANTS = {
    "license": ("MIT", "Apache-2.0", "BSD-3-Clause", "Proprietary"),
    "problem_type": ("classification", "regression"),
    "cluster_credentials": ("kubeconfig", "aws", "gcp", "azure"),
    "traffic_split": ("replicas", "gateway-api"),
}

# Here files hold no logic, at most `cookiecutter.NAME` between the delimiters: they are copied and filled, because
# Jinja compiles each file that it renders, which took longer than all the rest of a generation.
FILLED = (".github", "Dockerfile", "LICENSE", "Makefile", "README.md", "config", "data", "k8s", "scripts", "tests")
OPEN, NAME, CLOSE = b"<" * 2, b"cookiecutter.", b">" * 2  # delimiters apart, or Jinja would take them for its own

MESSAGE = b"Generate the project from its template"


def keep_chosen(answers: dict[str, str], root: str = ".") -> None:
    """Rename the files of the chosen variants under `root`, delete those of the others and folders left empty."""
    taken = {answers[question]: True for question in VARIANTS}
    choices = {choice: taken.get(choice, False) for group in VARIANTS.values() for choice in group}
    changed = set()
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = [name for name in subfolders if name != ".git"]
        for name in names:
            choice = next((choice for choice in choices if f".{choice}." in f"{name}."), None)
            if choice:
                settle(folder, name, choice, keep=choices[choice])
                changed.add(folder)
    for folder in sorted(changed):  # a parent before what it holds
        if not os.listdir(folder):
            os.removedirs(folder)  # with the parents that this empties


def settle(folder: str, name: str, choice: str, *, keep: bool) -> None:
    """Rename one variant to its plain name, or delete it."""
    path = os.path.join(folder, name)
    if keep:
        os.replace(path, os.path.join(folder, f"{name}.".replace(f".{choice}.", ".", 1)[:-1]))
    else:
        os.remove(path)


def fill_in(answers: dict[str, str], root: str = ".") -> None:
    """Put answers in the place of their names in the files that were copied."""
    for top in FILLED:
        path = os.path.join(root, top)
        nested = (os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names)
        for file in nested if os.path.isdir(path) else [path]:
            with open(file, "rb+") as stream:
                template = stream.read()
                if NAME in template:
                    stream.seek(0)
                    stream.truncate()
                    stream.write(filled(template, answers))


def filled(template: bytes, answers: dict[str, str]) -> bytes:
    """Return `template` with each name of an answer, delimiters included, replaced by that answer."""
    start, *rest = template.replace(OPEN + b" " + NAME, OPEN + NAME).split(OPEN + NAME)
    named = (part.partition(CLOSE) for part in rest)
    return start + b"".join(answers[name.strip().decode()].encode() + text for name, _, text in named)


def first_commit(answers: dict[str, str]) -> str:
    """Make a repository with one commit and return what to say about it.

    The commit is the author's however this machine's Git is set: no hook, signature or global ignore file takes part.
    """
    if os.path.exists(".git"):  # an update of the template renders into a work tree of the project
        return "the repository that was here is untouched"
    # A caller that is itself a Git hook exports variables that point at another repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        for command in (
            ["git", "-c", "init.defaultBranch=main", "init", "--quiet", "--template="],
            # One pack for all, where `git add` would make a file for each; Git compresses when it packs anew.
            ["git", "-c", "fastimport.unpackLimit=1", "-c", "pack.compression=0", "fast-import", "--quiet", "--depth=0",
             "--date-format=now"],
            ["git", "read-tree", "HEAD"],
        ):  # fmt: skip
            code = run(command, environment, given=commit(answers) if "fast-import" in command else None)
            if code:
                return f"the files are complete, but Git could not make the first commit (exit {code})"
    except FileNotFoundError:
        return "Git is not installed, so there is no repository yet"
    return "a Git repository with a first commit"


def commit(answers: dict[str, str], root: str = ".") -> str:
    """Write a commit of all files, as `git fast-import` reads it, to a file in .git and return its path."""
    path = os.path.join(root, ".git", "first-commit")
    author = f"{answers['author_name']} <{answers['author_email']}>".encode()
    with open(path, "wb") as stream:
        stream.write(b"commit refs/heads/main\ncommitter %b now\ndata %d\n%b\n" % (author, len(MESSAGE), MESSAGE))
        for folder, subfolders, names in os.walk(root):
            subfolders[:] = [name for name in subfolders if name != ".git"]
            for name in names:
                file = os.path.join(folder, name)
                mode = 0o100755 if os.access(file, os.X_OK) else 0o100644
                with open(file, "rb") as source:
                    content = source.read()
                where = os.path.relpath(file, root).encode()
                stream.write(b"M %o inline %b\ndata %d\n%b\n" % (mode, where, len(content), content))
    return path


def run(command: list[str], environment: dict[str, str], *, given: str | None) -> int:
    """Run a command with the file `given` on standard input, which is deleted then, and return its exit code."""
    actions = [(os.POSIX_SPAWN_OPEN, 0, given, os.O_RDONLY, 0)] if given else []
    done = os.waitpid(os.posix_spawnp(command[0], command, environment, file_actions=actions), 0)
    if given:
        os.remove(given)
    return os.waitstatus_to_exitcode(done[1])


def main() -> int:
    """Finish the project in the working directory."""
    # A line for each answer, in which no quote can end the text.
    answers = dict(line.split("=", 1) for line in """<< cookiecutter | lines >>""".split("\n"))
    keep_chosen(answers)
    fill_in(answers)
    git = first_commit(answers) if answers["init_git"] == "True" else "no Git repository, as asked"
    print(f"{answers['project_name']} is ready: {git}.\n")
    print(f"  cd {os.getcwd()}")
    print("  make setup       # .venv with the locked dependencies")
    print("  make pipeline    # validate, train, evaluate, gate, register")
    print("  make check       # format, lint, types, tests")
    return 0


if __name__ == "__main__":
    sys.exit(main())
