"""
Make the pictures of the README from the program's own output.

.. code-block:: bash

    salt-run picloud.rack rack1 --out=json > rack1.json
    .venv/bin/python docs/picture.py docs/pictures/rack1.png < rack1.json
    make swap NODE=pi0 > swap.txt
    .venv/bin/python docs/picture.py docs/pictures/swap.png < swap.txt

Writes an SVG, or a PNG with the help of Debian's ``chromium``. What is no JSON is shown as it is.
"""

import io
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console, RenderableType
from rich.terminal_theme import TerminalTheme
from rich.text import Text

REPO = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPO / "_utils"))

from picloud import tables  # noqa: E402

COLUMNS = 88
SCALE = 2  # pixels of the PNG for each of the SVG, for sharp screens

# A dark terminal that reads well on a light and on a dark page.
THEME = TerminalTheme(
    (24, 26, 31),
    (222, 226, 230),
    [
        (40, 44, 52),
        (224, 80, 80),
        (80, 190, 110),
        (214, 160, 60),
        (90, 150, 230),
        (190, 120, 220),
        (80, 190, 200),
        (200, 204, 210),
    ],
)

# Rich's own frame, without the fonts it would fetch from elsewhere.
FRAME = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: "Fira Code", "DejaVu Sans Mono", Menlo, Consolas, monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def svg(page: RenderableType, title: str) -> str:
    """
    Return the picture as SVG.

    page
        What to show.
    title
        The command, for the window's title.
    """
    console = Console(
        record=True,
        width=COLUMNS,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        highlight=False,
    )
    console.print(page)
    return console.export_svg(title=title, theme=THEME, code_format=FRAME, unique_id="rack")


def png(drawing, target):
    """
    Write the picture as PNG, as a browser shows it.

    drawing
        The SVG.
    target
        The file to write.
    """
    browser = shutil.which("chromium")
    if browser is None:
        sys.exit(
            "For a PNG: apt-get install chromium fonts-firacode; or name a file that ends .svg"
        )
    width, height = (
        float(word) for word in drawing.split('viewBox="0 0 ')[1].split('"')[0].split()
    )
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "rack.html"
        page.write_text(
            f'<body style="margin:0"><div style="width:{width}px">{drawing}</div>', encoding="utf-8"
        )
        subprocess.run(
            [
                browser,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                "--default-background-color=00000000",
                f"--force-device-scale-factor={SCALE}",
                f"--window-size={round(width)},{round(height)}",
                f"--screenshot={target}",
                page.as_uri(),
            ],
            check=True,
            stderr=subprocess.DEVNULL,
            timeout=120,
        )


def main():
    """Read the data, write the file named on the command line."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    given = sys.stdin.read()
    target = Path(sys.argv[1]).resolve()
    try:
        data = json.loads(given)
    except ValueError:
        drawing = svg(Text.from_ansi(given), "")
    else:
        names = " ".join(data["racks"]) if len(data["racks"]) == 1 else "all"
        drawing = svg(tables.page(data, COLUMNS), f"salt-run picloud.rack {names}")
    if target.suffix == ".svg":
        target.write_text(drawing, encoding="utf-8")
    else:
        png(drawing, target)


if __name__ == "__main__":
    main()
