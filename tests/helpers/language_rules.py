"""Phrases that the text, messages and names of this repository avoid, and what replaces them.

    python tests/helpers/language_rules.py [REVISION]

prints how often each is used in the working tree, or in a revision of git.
"""

import ast
import io
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
SUFFIXES = (".py", ".md", ".toml", ".html", ".js", ".css", ".jinja", ".yaml", ".yml", ".cff")
THIS = "tests/helpers/language_rules.py"

# A phrase may be wrapped: in a comment, or as a string that continues on the next line.
_GAP = r"""(?:[ ]|[ ]?["']?[ ]*\n\s*(?:\#[ ]?|//[ ]?|[rf]?["'])?)"""

_UNIT = (
    "answer|batch|cell|clip|day|device|entry|example|file|frame|image|instruction|key|line|method|"
    "metric|name|page|pixel|process|question|row|run|sample|score|second|seed|split|step|task|"
    "token|training|value|vector|video|vote|word|worker"
)
_COUNTED = (
    "answers?|bars?|bytes|captions?|files?|frames?|images?|instructions|lines?|milliseconds|"
    "operations|pixels|processes|rows?|samples?|seconds|sentences?|steps|summary|summaries|tasks|"
    "tokens|trainings?|values?|votes?|words?"
)


@dataclass(frozen=True)
class Rule:
    """A row of the table: examples to avoid, and what to write instead.

    `phrases` are regular expressions, matched without regard to case, with underscores read as
    spaces; a space in them also matches a line break. `names` are whole identifiers in Python.
    """

    avoid: str
    write: str
    phrases: tuple[str, ...] = ()
    names: str = ""

    def in_text(self, text: str) -> Iterator[tuple[int, int]]:
        """Start and end of each phrase in a text whose underscores are spaces."""
        for phrase in self.phrases:
            for found in re.finditer(phrase.replace(" ", _GAP), text, re.IGNORECASE):
                yield found.span()


RULES = (
    Rule(
        "There is no dtype 'x'",
        "Unknown dtype 'x'; 'x' was not found; no finished run of split 'x' was found",
        (r"(?<!where\s)(?<!if\s)(?<!when\s)\bthere (?:is|are) no\b",),
    ),
    Rule(
        "is no plain file name; is no number",
        "is not a plain file name; is NaN or infinite",
        (
            r"(?<!there\s)\b(?:is|are|was|were|be) no "
            r"(?!longer\b|more\b|less\b|better\b|worse\b|(?:great|larg|small|fast|slow|lat|earli)er\b)"
            r"[a-z]+",
        ),
    ),
    Rule(
        "cannot be served; are not to be had",
        "is invalid; cannot be read; are unavailable",
        (r"\b(?:can|could|cannot|not|ever|never) be served\b", r"\bbe had\b"),
    ),
    Rule(
        "goes on where it was; anew",
        "resumes; continues; again, from scratch",
        (r"\b(?:go|goes|went|gone) on\b", r"\banew\b"),
    ),
    Rule(
        "Start over instead of going on",
        "Start over instead of resuming",
        (r"\bgoing on\b",),
    ),
    Rule(
        "holds no finished run; already holds something else",
        "contains no finished run; already contains other files",
        (
            r"\b(?:hold|holds|held|holding) (?:no|none|nothing|something|anything)\b",
            r"\balready holds",
        ),
    ),
    Rule(
        "what the denoiser is told; class Told",
        "is conditioned on; input; metadata; is called with; distinguished (from)",
        (r"\btold\b",),
        r"\w*Told\w*",
    ),
    Rule(
        "say_noise, noises said",
        "predict_noise, predicted noise; prediction",
        (
            r"\bsay noise\b",
            r"\bnoises? (?:that )?(?:(?:is|are) )?said\b",
            r"\b(?:is|are|be|being|unless|all) said\b",
        ),
        "said",
    ),
    Rule(
        "Paint several actions; Ask people",
        "Generate several actions; User study",
        (
            r"\bask(?:s|ed|ing)? people\b",
            r"(?<!first\s)(?<!contentful-)\bpaint(?:s|ed|er|ers|ing)?\b",
        ),
        r"\w*Paint\w*",
    ),
    Rule(
        "Of all that is drawn by chance",
        "Random seed; randomness; all random draws",
        (r"\bdrawn by chance\b", r"\ball that (?:is|are|was|were|can)\b"),
    ),
    Rule(
        "Say what would be done and do nothing",
        "Show what would be done without doing it",
        (r"\bsays? what (?:would be|is|was) done\b", r"(?:[;,]| and) do nothing\b"),
    ),
    Rule(
        "a bad sample costs itself only",
        "a failing sample does not affect the others",
        (r"\bcosts? (?:only )?(?:itself|themselves)\b",),
    ),
    Rule(
        "whose samples do not feel each other",
        "whose samples are independent",
        (r"\b(?:not|never) feel\b", r"\bfeels? (?:each|one|its|the|no)\b"),
    ),
    Rule(
        "rank 0 speaks for all",
        "only rank 0 reports",
        (r"\b(?:speak|speaks|spoke|speaking) for\b",),
    ),
    Rule(
        "one row a sample, seconds an image",
        "one row per sample, seconds per image",
        (
            rf"\b(?:{_COUNTED}) an? (?:{_UNIT})\b"
            r"(?!'| (?:can|has|is|may|must|needs|takes|was)\b)",
        ),
    ),
    Rule(
        "hand it on; remake",
        "share; regenerate; reproduce",
        (
            r"(?<!acting\s)(?<!right\s)(?<!left\s)\bhand(?:s|ed|ing)? (?:it |them )?on\b",
            r"\b(?:remake|remakes|remade|remaking)\b",
        ),
    ),
    Rule(
        "rivals; knows this kitchen alone; stands on",
        "baselines; trained only on the toy kitchen; is based on",
        (
            r"\brivals?\b",
            r"\bknows? (?:this|the|its|one) (?:\w+ )?\w+ alone\b",
            r"\b(?:stand|stands|stood|standing) on\b(?! the counter)",
        ),
    ),
    Rule(
        "nought; beside the others; as LLaVA has it",
        "zero; next to, compared with; as defined by, in LLaVA's format",
        (r"\bnought\b", r"\bbeside\b", r"\bas [\w'.]+(?: [\w'.]+){0,3} (?:has|have|had) it\b"),
    ),
    Rule("from the same eyes", "from the same viewpoint", (r"\bsame eyes\b",)),
    Rule(
        "Share, Told, Lesson, Visit, Course, Fitting, Way, SLIPS, suspects, mechanics, lend",
        "ProcessShard, TrainingTask, SampleDraw, TrainingConfig, TrainingLoop, Deviation, "
        "KNOWN_MISTAKES, known_deviations, non_semantic_options, link_packages",
        names=r"Share|Lesson|lesson|Visits?|visits?|Course|COURSE|Fitting|Fitted|Ways?|SLIPS|Slipped\w*"
        r"|suspects|mechanics|MECHANICS|lend",
    ),
)

# Quotes, as (file, part of the line, reason).
ALLOWED = (
    (
        "egoactgen_bench/toy/networks/toy_texts.py",
        "before behind below beside between",
        "the vocabulary that the toy weights were trained with",
    ),
    (
        "lego/egoactgen_lego/curation/asking.py",
        "You are told an action",
        "the prompt that recorded replies answer",
    ),
    (
        "lego/egoactgen_lego/curation/asking.py",
        "nothing that is not told",
        "the prompt that recorded replies answer",
    ),
    (
        "tests/architecture/test_language.py",
        "def test_what_is_told_goes_on",
        "an example of names that the rules find",
    ),
)


class Use(NamedTuple):
    """A phrase found: file, 1-based line, what was found, the rule it breaks."""

    file: str
    line: int
    found: str
    rule: Rule

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {' '.join(self.found.split())!r}: write {self.rule.write}"


def files_in_tree() -> dict[str, str]:
    """Text by path of the files that git tracks or would track."""
    call = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [path for path in listed.splitlines() if path.endswith(SUFFIXES)]
    return {path: (ROOT / path).read_text("utf-8") for path in paths if (ROOT / path).is_file()}


def files_at(revision: str) -> dict[str, str]:
    """Text by path of the files of a revision of git."""
    call = ["git", "archive", "--format=tar", revision]
    packed = subprocess.run(call, cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        names = [member.name for member in archive if member.name.endswith(SUFFIXES)]
        read = {name: archive.extractfile(name) for name in names}
        return {name: file.read().decode("utf-8") for name, file in read.items() if file}


def uses(files: Mapping[str, str]) -> Iterator[Use]:
    """Each use of a phrase or name of `RULES`, in the order of the files."""
    for path, text in files.items():
        if path == THIS:
            continue
        if path == "CHANGELOG.md":  # its table lists old names
            text = re.sub(r"^\|.*$", "", text, flags=re.MULTILINE)
        plain, lines = text.replace("_", " "), text.splitlines()
        names = _identifiers(text) if path.endswith(".py") else []
        for rule in RULES:
            found = {
                (text.count("\n", 0, start) + 1, text[start:end])
                for start, end in rule.in_text(plain)
            }
            if rule.names:
                found.update(pair for pair in names if re.fullmatch(rule.names, pair[1]))
            for line, phrase in sorted(found):
                around = "\n".join(lines[line - 1 : line + 1])
                if not any(path == file and part in around for file, part, _ in ALLOWED):
                    yield Use(path, line, phrase, rule)


def _identifiers(source: str) -> set[tuple[int, str]]:
    """(line, name) of each identifier in Python source: defined, used or imported."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        for field in ("id", "attr", "arg", "name"):
            name = getattr(node, field, None)
            if isinstance(name, str):
                found.add((getattr(node, "lineno", 1), name))
    return found


def main() -> None:
    revision = sys.argv[1:]
    found = list(uses(files_at(revision[0]) if revision else files_in_tree()))
    for rule in RULES:
        print(f"{sum(use.rule is rule for use in found):5}  {rule.avoid}")
    print(f"{len(found):5}  in total")


if __name__ == "__main__":
    main()
