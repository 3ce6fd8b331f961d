"""Examples at the end of the help of every command: lines for the shell, each with a remark.

    qgeo fisher --help

ends with those of `EXAMPLES["fisher"]`. The command reference of the documentation prints the same ones.
"""

from __future__ import annotations

EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "compare": (
        ("qgeo compare --preset quick", "seven arms on the default text, settings given"),
        ("qgeo compare --task golden-mean --arms born+quantum,born+classical", "two arms on a source"),
        ("qgeo compare --text corpus.txt --dry-run", "how many runs on your text, how long"),
        ("qgeo compare --write-config config.toml", "every key with its default, then edit and:"),
        ("qgeo compare config.toml --out runs/mine", "run it"),
        ("qgeo compare --resume runs/mine", "go on after an interruption"),
    ),
    "fisher": (
        ("qgeo fisher my.qasm --random 0", "F_Q at uniform values from seed 0"),
        ("qgeo fisher my.qasm --values numbers.txt --fisher classical --out F.npz", "F_C, to a file"),
        ("qgeo fisher my.qasm --random 0 --method block-diagonal --shots 1000", "blocks, from shots on Aer"),
    ),
    "vqe": (
        ("qgeo vqe my.qasm --observable '-1*ZZ - 0.5*XI - 0.5*IX'", "exact energies"),
        ("qgeo vqe my.qasm --observable h.txt --metric adam --out runs/adam", "the same by Adam"),
        ("qgeo vqe my.qasm --observable h.txt --backend fake_torino --dry-run", "what a device would take"),
    ),
    "report": (
        ("qgeo report runs/mine", "report.html of one run, anew"),
        ("qgeo report runs/mine runs/other --out both.html", "several, side by side"),
    ),
    "generate": (
        ("qgeo generate runs/mine", "200 tokens from the first arm"),
        ("qgeo generate runs/mine --arm born+quantum --length 500 --seed 1", ""),
    ),
    "backends": (("qgeo backends", "devices of your account too, where one is saved"),),
    "doctor": (("qgeo doctor", "first thing to run where something does not work"),),
    "circuits list": (("qgeo circuits list", ""),),
    "circuits show": (("qgeo circuits show stokes", ""),),
    "circuits export": (
        ("qgeo circuits export stokes --out stokes.qasm", "then: qgeo fisher stokes.qasm --random 0"),
    ),
    "study list": (("qgeo study list", ""),),
    "study show": (("qgeo study show filter", ""),),
    "study run": (
        ("qgeo study run filter", "preset quick, in a folder with a page"),
        ("qgeo study run filter --preset full --out runs/filter", "as in RESULTS.md: 20 CPU minutes"),
        ("qgeo study run --resume runs/filter", "go on after an interruption"),
    ),
    "study checks": (("qgeo study checks", "published numbers beside ours"),),
    "hardware plan": (
        ("qgeo hardware plan --circuit stokes.qasm --backend fake_torino", "what each method would cost"),
        (
            "qgeo hardware plan --config c.toml --backend ibm_NAME --fit 600 > small.toml",
            "what 600 s buy",
        ),
    ),
    "hardware submit": (
        (
            "qgeo hardware submit --circuit stokes.qasm --backend fake_torino --random 1 \\\n"
            "      --method block-diagonal --max-seconds 60 --out first",
            "a rehearsal; with ibm_NAME it is posted",
        ),
    ),
    "hardware status": (("qgeo hardware status first", ""),),
    "hardware resume": (("qgeo hardware resume first", "after a laptop died, or a budget was raised"),),
    "hardware collect": (("qgeo hardware collect first", "matrix and standard errors"),),
    "hardware cancel": (("qgeo hardware cancel first", ""),),
    "hardware retry": (("qgeo hardware retry first", "then: qgeo hardware resume first"),),
}


def examples(command: str) -> str:
    """The end of a command's help: each example below its remark.

    Raises:
        KeyError: a command without examples.

    >>> print(examples("study checks"))
    Examples:
      # published numbers beside ours
      qgeo study checks
    """
    return "\n".join(["Examples:", *(f"  {line}" for each in EXAMPLES[command] for line in _lines(*each))])


def _lines(line: str, remark: str) -> list[str]:
    return [f"# {remark}", line] if remark else [line]
