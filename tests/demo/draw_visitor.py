"""Draws the film that the demo's camera shows: `python -m tests.demo.draw_visitor` writes firmware/demo/picture/door.h264 and door.jpg.

Nobody was filmed: the visitor is a drawing, picture by picture an SVG. Needs `rsvg-convert` (librsvg2-bin) and `ffmpeg`, which only whoever
changes the drawing has to install; the film itself lies in the repository.
"""

from __future__ import annotations

import subprocess
import tempfile
from math import cos, pi, sin
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "firmware" / "demo" / "picture"
WIDTH, HEIGHT = 480, 360
FPS = 10
PICTURES = 40  # the film ends as it begins, and is played over and over
FLAKES = 46
ENCODER = "keyint=20:min-keyint=20:scenecut=0:slice-max-size=1100:aud=1:threads=1:bframes=0"


def drawing(number: int) -> str:
    """One picture of the film, 0 to PICTURES - 1."""
    turn = 2 * pi * number / PICTURES
    lean, wave = 3 * sin(turn), 13 + 13 * sin(4 * turn)
    lids = 1 if number % 20 in (12, 13) else 9
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 480 360" width="{WIDTH}" height="{HEIGHT}" font-family="DejaVu Sans">
<defs>
<linearGradient id="sky" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="#16243f"/>
<stop offset="1" stop-color="#41527a"/></linearGradient>
<radialGradient id="lamp"><stop offset="0" stop-color="#ffe9b0" stop-opacity=".95"/>
<stop offset=".25" stop-color="#ffcf70" stop-opacity=".4"/><stop offset="1" stop-color="#ffcf70" stop-opacity="0"/></radialGradient>
<linearGradient id="coat" x1="0" x2="1"><stop offset="0" stop-color="#0d6f6a"/><stop offset="1" stop-color="#0a4f54"/></linearGradient>
</defs>
<rect width="480" height="360" fill="url(#sky)"/>
{_street()}
{_snow(number)}
<rect y="0" width="70" height="360" fill="#5b4034"/>{_bricks()}
<circle cx="70" cy="70" r="165" fill="url(#lamp)"/>
<rect x="52" y="54" width="22" height="30" rx="5" fill="#2b2422"/><rect x="56" y="59" width="14" height="20" rx="3" fill="#fff1c4"/>
<g transform="translate({lean:.2f} {1.5 * cos(2 * turn):.2f})">
<path d="M128 360 C130 276 172 246 238 244 C306 246 346 278 350 360 Z" fill="url(#coat)"/>
<path d="M236 262 L232 360" stroke="#07393c" stroke-width="3"/>
<circle cx="244" cy="304" r="4" fill="#07393c"/><circle cx="244" cy="334" r="4" fill="#07393c"/>
<path d="M182 238 C206 264 272 264 296 238 L292 218 L186 218 Z" fill="#c2571a"/>
<path d="M262 246 L284 250 L280 322 L256 318 Z" fill="#a94712"/>
<path d="M258 306 L282 310 M259 296 L282 300" stroke="#f0b48c" stroke-width="3"/>
<ellipse cx="238" cy="164" rx="62" ry="72" fill="#e7b58f"/>
<ellipse cx="176" cy="170" rx="10" ry="16" fill="#d69f78"/><ellipse cx="300" cy="170" rx="10" ry="16" fill="#d69f78"/>
<path d="M172 140 C168 60 308 60 304 140 C280 120 196 120 172 140 Z" fill="#8c2f39"/>
<path d="M168 142 C176 116 300 116 308 142 C310 156 166 156 168 142 Z" fill="#b14a52"/><circle cx="238" cy="68" r="15" fill="#e8d9c8"/>
<ellipse cx="214" cy="172" rx="7" ry="{lids}" fill="#2b2422"/><ellipse cx="264" cy="172" rx="7" ry="{lids}" fill="#2b2422"/>
<path d="M204 156 Q214 150 225 156 M253 156 Q264 150 275 156" stroke="#5d3d2a" stroke-width="4" fill="none" stroke-linecap="round"/>
<path d="M238 176 Q230 198 240 200" stroke="#c98f68" stroke-width="4" fill="none" stroke-linecap="round"/>
<path d="M212 212 Q238 232 266 212" stroke="#9c3d35" stroke-width="5" fill="none" stroke-linecap="round"/>
<circle cx="198" cy="198" r="11" fill="#e08f7a" opacity=".55"/><circle cx="280" cy="198" r="11" fill="#e08f7a" opacity=".55"/>
<g transform="rotate({wave:.2f} 330 320)">
<path d="M318 344 C336 306 346 270 350 226" stroke="#0c6864" stroke-width="42" fill="none" stroke-linecap="round"/>
<rect x="329" y="208" width="46" height="20" rx="8" fill="#c2571a"/>
<path d="M334 208 C326 184 332 168 340 172 L340 142 Q345 134 350 142 L351 136 Q356 128 361 136 L362 141 Q367 134 372 142 L373 154 Q378 148
 382 156 C384 178 380 196 372 208 Z" fill="#8c2f39"/>
</g></g>
<rect width="480" height="30" fill="#0b1016" opacity=".62"/>
<text x="14" y="20" font-size="14" fill="#f2efe6" font-weight="bold">Front door</text>
<text x="112" y="20" font-size="12" fill="#d8d3c4">a drawing, {WIDTH}×{HEIGHT}</text>
{_counter(number)}
</svg>"""


def _counter(number: int) -> str:
    """The picture's number, in digits and as a bar: whoever sees both agree sees a whole picture."""
    done = 96 * (number + 1) / PICTURES
    return (
        f'<text x="346" y="20" font-size="12" fill="#d8d3c4" text-anchor="end">{number + 1:02d}/{PICTURES}</text>'
        '<rect x="360" y="11" width="96" height="9" rx="2" fill="#35414d"/>'
        f'<rect x="360" y="11" width="{done:.1f}" height="9" rx="2" fill="#4cc3bb"/>'
    )


def _street() -> str:
    houses = ((86, 150, 74), (160, 120, 66), (226, 162, 60), (286, 108, 84), (370, 140, 110))
    parts = ['<rect y="262" width="480" height="98" fill="#8d99b4"/>']
    for place, (x, y, width) in enumerate(houses):
        colour = ("#2a3552", "#24304b", "#303c5c")[place % 3]
        parts.append(f'<path d="M{x} {y} L{x + width / 2} {y - 30} L{x + width} {y} V264 H{x} Z" fill="{colour}"/>')
        for column in range(2):
            lit = "#f5cf7a" if (place + column) % 2 else "#3b4a70"
            parts.append(f'<rect x="{x + 12 + column * (width - 38)}" y="{y + 20}" width="14" height="18" fill="{lit}"/>')
    return "".join(parts)


def _snow(number: int) -> str:
    """Flakes that have fallen a whole number of screens by the end, so that the film closes."""
    parts = []
    for flake in range(FLAKES):
        speed, size = 1 + flake % 2, 1.2 + flake % 3 * 0.7
        x = (flake * 97 + 31) % 480 + 8 * sin(2 * pi * number / PICTURES + flake)
        y = ((flake * 61) % 360 + 360 * speed * number / PICTURES) % 360
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size:.1f}" fill="#f3f6ff" opacity=".8"/>')
    return "".join(parts)


def _bricks() -> str:
    rows = [f"M0 {y} H70" for y in range(0, 361, 24)]
    rows += [f"M{x} {y} V{y + 24}" for y in range(0, 360, 24) for x in ((22, 58) if y // 24 % 2 else (4, 40))]
    return f'<path d="{" ".join(rows)}" stroke="#3f2c24" stroke-width="2.5" fill="none"/>'


def draw() -> None:
    """Draw, encode, and keep the first picture as the still one."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(PICTURES):
            (folder / "picture.svg").write_text(drawing(number), encoding="utf-8")
            subprocess.run(["rsvg-convert", str(folder / "picture.svg"), "-o", str(folder / f"{number:03d}.png")], check=True)
        pictures = ["ffmpeg", "-v", "error", "-y", "-framerate", str(FPS), "-i", str(folder / "%03d.png")]
        encoded = ["-c:v", "libx264", "-profile:v", "baseline", "-preset", "veryslow", "-crf", "28", "-pix_fmt", "yuv420p"]
        encoded += ["-x264-params", ENCODER, "-bsf:v", "filter_units=remove_types=6", "-f", "h264"]
        subprocess.run([*pictures, *encoded, str(FOLDER / "door.h264")], check=True)
        still = ["-frames:v", "1", "-q:v", "5", "-pix_fmt", "yuvj420p", "-map_metadata", "-1", "-fflags", "+bitexact"]
        subprocess.run([*pictures, *still, str(FOLDER / "door.jpg")], check=True)


if __name__ == "__main__":
    draw()
