"""`circuits/README.md`: a table of the catalogue and a drawing of every circuit, from manifest and files.

Drawings are Qiskit's, in text: they need no fonts, and say the same wherever they are made.
"""

from __future__ import annotations

from qgeo.circuit import catalogue
from qgeo.circuit.catalogue import CatalogueEntry

WIDTH = 100
"""Characters in a line of a drawing, which is then carried on below."""

LONGEST_SHOWN = 45
"""Lines of a drawing that is in sight; a longer one opens with a click."""

HEAD = """\
# The frozen catalogue

Circuits that experiments cite by name and digest. A text never changes: another circuit gets another name.
[manifest.toml](manifest.toml) has for each of them the SHA-256 of its text, the order of its parameters, a
number for each, and at these the eigenvalues of F_Q (the quantum Fisher information, 4 Re Q) and of F_C (the
Fisher information of the measured bits) with every parameter trainable. So another library can read the same
text and check itself, and us:

```
qgeo circuits list
qgeo circuits show born-4                       # what the manifest says, and a drawing
qgeo circuits export born-4 --out born-4.qasm   # OpenQASM 3
```

In Python `qgeo.circuit.catalogue.circuit("born-4")` and `.entry("born-4")`. The texts keep to the gates of
`stdgates.inc`, to definitions made of these, and to + − * / in angles. The eigenvalues come from a reference
in dense numpy that shares no code with qgeo. A second reading is in the tests
(`tests/external/test_second_reader.py`, extra `peers`): Amazon Braket reads the texts and simulates them, and
its states have the same eigenvalues.

n: qubits; P: parameters, inputs among them; ranks: eigenvalues above 1e-9 of the largest. Those of ising-10
and heisenberg-8 pass through that threshold without a gap; those of all others leave a gap of nine orders of
magnitude or more. F_C leaves out outcomes whose probability is 0: at the values of h2 all but two.

"""

FOOT = """\
---

`make catalogue` writes this page, the texts and the manifest. Observables of the variational circuits:
[observables](observables).
"""


def page() -> str:
    """The whole page."""
    entries = [catalogue.entry(name) for name in catalogue.names()]
    return "\n".join([HEAD + table(entries), *map(section, entries), FOOT])


def table(entries: list[CatalogueEntry]) -> str:
    """A row per circuit."""
    head = [
        "| circuit | what it is | n | P | rank of F_Q | rank of F_C | source |",
        "|---|---|--:|--:|--:|--:|---|",
    ]
    return "\n".join([*head, *map(row, entries), ""])


def row(entry: CatalogueEntry) -> str:
    """Name, title, sizes and ranks; of the provenance what stands before the first semicolon."""
    sizes = entry.num_qubits, len(entry.parameters), entry.rank, entry.classical_rank
    cells = f"[{entry.name}](#{entry.name})", entry.title, *map(str, sizes), entry.provenance.split(";")[0]
    return f"| {' | '.join(cells)} |"


def section(entry: CatalogueEntry) -> str:
    """What the manifest says in words and figures, then the drawing."""
    facts = (
        f"`{entry.builder}`, [{entry.file}]({entry.file}). {spectra(entry)} Provenance: {entry.provenance}."
    )
    return f"## {entry.name}\n\n{entry.title}.\n\n{facts}\n\n{framed(drawing(entry.name))}"


def spectra(entry: CatalogueEntry) -> str:
    """Where the eigenvalues lie that count, and the energy of a variational circuit."""
    quantum = within(entry.quantum_fisher_eigenvalues, entry.rank)
    classical = within(entry.classical_fisher_eigenvalues, entry.classical_rank)
    energy = "" if entry.energy is None else f" Energy of `{entry.observable}`: {entry.energy:.8g}."
    return f"Eigenvalues of F_Q: {quantum}; of F_C: {classical}.{energy}"


def within(eigenvalues: tuple[float, ...], rank: int) -> str:
    """How many count, with the least and the largest of them to three digits."""
    counted = eigenvalues[len(eigenvalues) - rank :]
    least, largest = f"{counted[0]:.3g}", f"{counted[-1]:.3g}"
    return f"{rank} of {len(eigenvalues)}, " + (
        f"each {least}" if least == largest else f"{least} to {largest}"
    )


def drawing(name: str) -> str:
    """Qiskit's text drawing, no blanks at the ends of lines."""
    lines = catalogue.circuit(name).draw(output="text", fold=WIDTH, vertical_compression="high").lines()
    return "\n".join(line.rstrip() for line in lines)


def framed(text: str) -> str:
    """A code block, behind a click where it is long."""
    block = f"```text\n{text}\n```\n"
    if text.count("\n") < LONGEST_SHOWN:
        return block
    return f"<details>\n<summary>Drawing, {text.count(chr(10)) + 1} lines</summary>\n\n{block}\n</details>\n"
