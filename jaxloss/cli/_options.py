"""Options that several commands have."""

from typing import Annotated

import typer


Metrics = Annotated[str | None, typer.Option(help="Names of metrics, separated by commas. All by default.")]
Params = Annotated[
    list[str] | None,
    typer.Option(metavar="FILE.safetensors", help="Parameters of your own, scored too. May be repeated."),
]
Display = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Of metrics that take one; for .exr and .hdr standard_hdr_linear ..."),
]
Exposure = Annotated[
    float | None, typer.Option(help="Of the display: for .exr and .hdr, cd/m2 of the value 1; by default 1.")
]
AsJSON = Annotated[bool, typer.Option("--json", help='Print JSON, with "inf" and null (not computed).')]
AsCSV = Annotated[bool, typer.Option("--csv", help="Print CSV, with inf and empty cells (not computed).")]
