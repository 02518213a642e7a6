"""Keep the chosen variants of files, fill in plain answers, make the first commit, say what comes next.

Few modules are imported on purpose: `re` and `json` alone would double the time that this process takes.
"""

from __future__ import annotations

import os
import sys

# question: its choices, and the files that hold one of these in the place of the star until the question is answered
VARIANTS = {
    "license": (("MIT", "Apache-2.0", "BSD-3-Clause", "Proprietary"), ("LICENSE.*",)),
    "problem_type": (
        ("classification", "regression"),
        (
            "config/gates.*.toml",
            "contract/data.schema.*.json",
            "contract/dataset.*.toml",
            "data/customers.*.csv",
        ),
    ),
    "cluster_credentials": (
        ("kubeconfig", "aws", "gcp", "azure"),
        (
            ".github/actions/connect-cluster/action.*.yml",
            "k8s/cluster/README.*.md",
            "k8s/cluster/production-review/reviewer.*.yaml",
            "k8s/cluster/production/deployer.*.yaml",
            "k8s/cluster/staging/deployer.*.yaml",
        ),
    ),
    "traffic_split": (
        ("replicas", "gateway-api"),
        (
            "k8s/cluster/base/kustomization.*.yaml",
            "k8s/components/gateway-api/httproute.*.yaml",
            "k8s/components/gateway-api/kustomization.*.yaml",
            "k8s/overlays/production/httproute.*.yaml",
            "k8s/overlays/production/kustomization.*.yaml",
            "k8s/overlays/staging/httproute.*.yaml",
            "k8s/overlays/staging/kustomization.*.yaml",
        ),
    ),
}

# Here files hold no logic, at most `cookiecutter.NAME` between the delimiters: they are copied and filled, because
# Jinja compiles each file that it renders, which took longer than all the rest of a generation.
FILLED = (".github", "Dockerfile", "LICENSE", "Makefile", "README.md", "config", "data", "k8s", "scripts", "tests")
OPEN, NAME, CLOSE = b"<" * 2, b"cookiecutter.", b">" * 2  # delimiters apart, or Jinja would take them for its own

MESSAGE = b"Generate the project from its template"
LISTED, STREAM = ".git/first-files", ".git/first-commit"
SETTINGS = [
    part
    for setting in (
        "core.excludesFile=" + os.devnull,
        "core.hooksPath=" + os.devnull,
        "fastimport.unpackLimit=1",
        "init.defaultBranch=main",
        "pack.compression=1",  # quick, and no later push or `git gc` compresses anew what lies in a pack
    )
    for part in ("-c", setting)
]


def keep_chosen(answers: dict[str, str], root: str = ".") -> None:
    """Give the chosen variants of files their plain names under `root`, delete the others and folders left empty."""
    for question, (choices, names) in VARIANTS.items():
        for name in names:
            for choice in choices:
                variant = os.path.join(root, name.replace("*", choice))
                if os.path.exists(variant):  # a choice may have none
                    settle(variant, os.path.join(root, name.replace(".*", "")), keep=choice == answers[question])


def settle(variant: str, plain: str, *, keep: bool) -> None:
    """Rename one variant to its plain name, or delete it."""
    if keep:
        os.replace(variant, plain)
        return
    os.remove(variant)
    folder = os.path.dirname(variant)
    if not os.listdir(folder):
        os.removedirs(folder)  # with the parents that this empties


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
    try:
        git("init", "--quiet", "--template=")
        git("symbolic-ref", "HEAD", "refs/heads/main")  # before 2.28, Git knows no init.defaultBranch
        git("ls-files", "--others", "--exclude-standard", "-z", into=LISTED)
        write_commit(answers)
        # One pack for all, where `git add` would make a file for each.
        git("fast-import", "--quiet", "--depth=0", "--date-format=now", given=STREAM)
        git("read-tree", "HEAD")
    except OSError as error:
        if isinstance(error, FileNotFoundError) and error.filename == "git":
            return "Git is not installed, so there is no repository yet"
        return f"the files are complete, but Git could not make the first commit ({error})"
    return "a Git repository with a first commit"


def write_commit(answers: dict[str, str]) -> None:
    """Write a commit of the listed files as `git fast-import` reads it."""
    author = f"{answers['author_name']} <{answers['author_email']}>".encode()
    with open(LISTED, "rb") as file:
        names = file.read().split(b"\0")
    os.remove(LISTED)
    with open(".git/config", "rb") as file:
        modes = b"filemode = true" in file.read()  # where each file looks executable, Git found that out
    with open(STREAM, "wb") as stream:
        stream.write(b"commit refs/heads/main\ncommitter %b now\ndata %d\n%b\n" % (author, len(MESSAGE), MESSAGE))
        for name in names:
            if not name or name.endswith(b"/"):  # a repository of somebody else
                continue
            mode, content = entry(name, modes=modes)
            path = name.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
            stream.write(b'M %o inline "%b"\ndata %d\n%b\n' % (mode, path, len(content), content))


def entry(name: bytes, *, modes: bool) -> tuple[int, bytes]:
    """Return the mode and the content of a file as Git stores them."""
    if os.path.islink(name):
        return 0o120000, os.readlink(name)
    with open(name, "rb") as file:
        executable = modes and os.fstat(file.fileno()).st_mode & 0o100
        return 0o100755 if executable else 0o100644, file.read()


def git(*words: str, given: str = "", into: str = "") -> None:
    """Run Git with the file `given` on standard input, which is deleted then, and its output in the file `into`.

    Raises OSError when Git cannot be run or fails.
    """
    actions = [(os.POSIX_SPAWN_OPEN, 0, given, os.O_RDONLY, 0)] if given else []
    actions += [(os.POSIX_SPAWN_OPEN, 1, into, os.O_WRONLY | os.O_CREAT, 0o600)] if into else []
    # A caller that is itself a Git hook exports variables that point at another repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = os.waitpid(os.posix_spawnp("git", ["git", *SETTINGS, *words], environment, file_actions=actions), 0)
    if given:
        os.remove(given)
    if code := os.waitstatus_to_exitcode(done[1]):
        raise ChildProcessError(f"exit {code}")


def shell_word(text: str) -> str:
    """Return `text` as one word of a shell, as `shlex.quote` does, which imports `re`."""
    plain = all(letter.isalnum() or letter in "/-_.+,:=@%" for letter in text)
    return text if plain else "'" + text.replace("'", "'\\''") + "'"


def main() -> int:
    """Finish the project in the working directory."""
    # A line for each answer, in which no quote can end the text.
    answers = dict(line.split("=", 1) for line in """<< cookiecutter | lines >>""".split("\n"))
    keep_chosen(answers)
    fill_in(answers)
    repository = first_commit(answers) if answers["init_git"] == "True" else "no Git repository, as asked"
    print(f"{answers['project_name']} is ready: {repository}.\n")
    print(f"  cd {shell_word(os.getcwd())}")
    print("  make setup       # .venv with the locked dependencies")
    print("  make pipeline    # validate, train, evaluate, gate, register")
    print("  make check       # format, lint, types, tests")
    return 0


if __name__ == "__main__":
    sys.exit(main())
