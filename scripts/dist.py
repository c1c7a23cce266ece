"""Archives that people can unpack and use: `make dist`.

    python3 scripts/dist.py cpu         target/dist/eco-VERSION-TARGET.tar.gz, one program that needs nothing but the C library
    python3 scripts/dist.py libtorch    target/dist/eco-VERSION-TARGET-libtorch.tar.gz, the libraries beside the program

Each has the program, man pages, completions, the licences of all that is inside, and a file SHA256SUMS beside it. The program is what
`make build-cpu` or `make build` made. `eco-decode` is left out: it is bound to the FFmpeg of the machine that builds it.
"""

import argparse
import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "target/dist"
# One file that can be sent to workers; what it may weigh, packed, in bytes.
MOST_CPU = 15_000_000
# Libraries that every Linux system of the same age has.
OF_THE_SYSTEM = re.compile(r"^(linux-vdso|ld-linux|lib(c|m|dl|rt|pthread|gcc_s|stdc\+\+|util)\.so)")
LICENCE = re.compile(r"^(un)?licen[cs]e|^copying|^notice|^copyright|^(ofl|ufl)\b", re.IGNORECASE)


def run(*command, **options):
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, cwd=ROOT, **options).stdout


def target():
    return re.search(r"^host: (.*)$", run("rustc", "-vV"), re.MULTILINE)[1]


def metadata(*features):
    text = run("cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", target(), *features)
    return json.loads(text)


def linked(found):
    """The packages whose code is in the program: dependencies of dependencies, but not those of builds and tests."""
    packages = {package["id"]: package for package in found["packages"]}
    nodes = {node["id"]: node for node in found["resolve"]["nodes"]}
    seen, todo = set(), [found["resolve"]["root"]]
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        for dependency in nodes[name]["deps"]:
            kinds = {kind["kind"] for kind in dependency["dep_kinds"]}
            is_macro = any("proc-macro" in item["kind"] for item in packages[dependency["pkg"]]["targets"])
            if None in kinds and not is_macro:
                todo.append(dependency["pkg"])
    seen.remove(found["resolve"]["root"])
    return sorted((packages[name] for name in seen), key=lambda package: package["name"])


def licences(packages, others):
    """One text: every licence once, under the packages that it is of. `others` are names with folders of their licences."""
    texts, without = {}, []
    folders = [(f"{package['name']} {package['version']} ({package['license']})", Path(package["manifest_path"]).parent)
               for package in packages]
    for name, folder in [*folders, *others]:
        files = [path for path in sorted(folder.rglob("*")) if path.is_file() and LICENCE.match(path.name)
                 and path.suffix not in (".rs", ".py", ".html")]
        for path in files:
            texts.setdefault(path.read_text(errors="replace").strip(), set()).add(name)
        if not files:
            without.append(name)
    parts = ["What this program is made of, and under which licences.\n"]
    if without:
        parts.append("Published without a licence file; the licence is named in brackets:\n  " + "\n  ".join(without) + "\n")
    for text, names in sorted(texts.items(), key=lambda item: sorted(item[1])):
        parts.append("=" * 80 + "\n" + "\n".join(sorted(names)) + "\n" + "-" * 80 + "\n" + text + "\n")
    return "\n".join(parts)


def libraries(program):
    """The files of the libraries that the program is linked to, but for the system's."""
    found = {}
    for line in run("ldd", program).splitlines():
        name, _, rest = line.strip().partition(" => ")
        path = rest.split(" (")[0]
        if rest.startswith("not found"):
            sys.exit(f"dist: {name}, which {program} needs, is not found")
        if rest and not OF_THE_SYSTEM.match(name):
            found[name] = Path(path).resolve()
    return found


def stage(kind, version, name):
    """The folder that is packed."""
    folder = DIST / name
    shutil.rmtree(folder, ignore_errors=True)
    program = folder / "bin/eco"
    program.parent.mkdir(parents=True)
    made = ROOT / {"cpu": "target/cpu/release/eco", "libtorch": "target/release/eco"}[kind]
    if not made.exists():
        sys.exit(f"dist: there is no {made.relative_to(ROOT)}: make {'build-cpu' if kind == 'cpu' else 'build'} makes it")
    run("strip", "-o", program, made)
    others = []
    if kind == "libtorch":
        library = folder / "lib"
        library.mkdir()
        for soname, path in libraries(made).items():
            shutil.copy2(path, library / soname)
            others += licences_of_wheel(path)
    share = folder / "share"
    run(made, "man", share / "man/man1")
    for shell, path in [("bash", "bash-completion/completions/eco"), ("zsh", "zsh/site-functions/_eco"),
                        ("fish", "fish/vendor_completions.d/eco.fish")]:
        (share / path).parent.mkdir(parents=True, exist_ok=True)
        (share / path).write_text(run(made, "completions", shell))
    docs = share / "doc/eco"
    docs.mkdir(parents=True)
    for file in ("README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"):
        shutil.copy2(ROOT / file, docs)
    features = ["--no-default-features"] if kind == "cpu" else []
    packages = linked(metadata(*features))
    (docs / "THIRD-PARTY.txt").write_text(licences(packages, sorted(set(others))))
    return folder


def licences_of_wheel(path):
    """The folders of licences of the Python package that a library comes with."""
    site = next((parent for parent in path.parents if parent.name == "site-packages"), None)
    if site is None:
        return []
    inside = path.relative_to(site)
    for record in site.glob("*.dist-info/RECORD"):
        if f"{inside.as_posix()}," in record.read_text():
            return [(record.parent.name.removesuffix(".dist-info"), record.parent)]
    return []


def pack(folder, archive):
    """The same files give the same bytes."""
    when = int(os.environ.get("SOURCE_DATE_EPOCH") or run("git", "log", "-1", "--format=%ct") or 0)

    def plain(entry):
        entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = when, 0, 0, "", ""
        entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
        return entry

    unfinished = archive.with_suffix(".unfinished")
    with open(unfinished, "wb") as file, gzip.GzipFile("", "wb", 6, file, mtime=0) as zipped:
        with tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for path in sorted(folder.rglob("*")):
                tar.add(path, path.relative_to(DIST), recursive=False, filter=plain)
    unfinished.replace(archive)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=["cpu", "libtorch"], nargs="+")
    args = parser.parse_args()
    version = next(package["version"] for package in metadata("--no-deps")["packages"])
    for kind in args.kind:
        name = f"eco-{version}-{target()}" + ("" if kind == "cpu" else "-libtorch")
        archive = DIST / f"{name}.tar.gz"
        folder = stage(kind, version, name)
        pack(folder, archive)
        shutil.rmtree(folder)
        size = archive.stat().st_size
        print(f"{archive.relative_to(ROOT)}  {size / 1e6:.1f} MB")
        if kind == "cpu" and size > MOST_CPU:
            sys.exit(f"dist: {size} bytes are more than the {MOST_CPU} that one file may have")
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(DIST.glob("*.tar.gz"))]
    (DIST / "SHA256SUMS").write_text("".join(sums))
    return 0


if __name__ == "__main__":
    sys.exit(main())
