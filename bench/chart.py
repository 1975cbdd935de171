"""The chart that `--publish` puts into docs/: bars of each operation as parts of crun's cost, in SVG, for light and dark pages. Pure."""

from html import escape

OPERATIONS = ("run", "run, idle", "create", "start", "state", "exec", "kill", "delete", "100 runs, 4 at a time")
LABELS = {"run, idle": "run after 50 ms idle", "delete": "delete --force"}
PANELS = (("cpu_us", "processor time"), ("wall_us", "wall time"))
SUBJECTS = ("tare", "floor", "runc")

WIDTH = 860
LABEL_WIDTH = 150
PANEL_WIDTH = 330
PANEL_GAP = 20
TOP = 64
BAR_HEIGHTS = {"tare": 10, "floor": 6, "runc": 3}
BAR_GAP = 2
ROW_HEIGHT = sum(BAR_HEIGHTS.values()) + 3 * BAR_GAP + 10
FOOT = 44
RATIO_MOST = 1.2  # what is longer is cut off and written

STYLE = """
text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328; }
.title { font-size: 14px; font-weight: 600; } .small { font-size: 10px; } .quiet { fill: #59636e; }
.tare { fill: #0969da; } .floor { fill: #8c959f; } .runc { fill: #d8a34a; } .base { stroke: #cf222e; } .axis { stroke: #d1d9e0; }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc; } .quiet { fill: #9198a1; }
.tare { fill: #4493f8; } .floor { fill: #6e7681; } .runc { fill: #9e6a03; } .base { stroke: #f85149; } .axis { stroke: #3d444d; }
}"""


def draw(found):
    operations = [name for name in OPERATIONS if found["operations"].get(name, {}).get("ratios")]
    height = TOP + len(operations) * ROW_HEIGHT + FOOT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img"'
        f' aria-label="Cost of tare, the floor and runc as parts of crun\'s">',
        f"<style>{STYLE}</style>",
        word(10, 20, "Cost as a part of crun's (shorter is better)", "title"),
        *legend(),
    ]
    for index, (measure, title) in enumerate(PANELS):
        left = LABEL_WIDTH + index * (PANEL_WIDTH + PANEL_GAP)
        parts += panel(found, operations, measure, title, left)
    for row, name in enumerate(operations):
        parts.append(word(LABEL_WIDTH - 8, TOP + row * ROW_HEIGHT + 14, LABELS.get(name, name), anchor="end"))
    parts += [word(10, height - 22 + 12 * line, text, "small quiet") for line, text in enumerate(foot(found))]
    return "\n".join(parts) + "\n</svg>\n"


def word(x, y, text, kind="", anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(text)}</text>'


def legend():
    left, parts = 430, []
    for subject in SUBJECTS:
        parts.append(f'<rect x="{left}" y="12" width="10" height="10" class="{subject}"/>')
        parts.append(word(left + 15, 21, subject))
        left += 70
    parts.append(f'<line x1="{left + 5}" y1="10" x2="{left + 5}" y2="24" class="base" stroke-width="1.5"/>')
    parts.append(word(left + 15, 21, "crun = 1"))
    return parts


def panel(found, operations, measure, title, left):
    bottom = TOP + len(operations) * ROW_HEIGHT
    parts = [word(left, TOP - 18, title, "title")]
    for tick in (0, 0.25, 0.5, 0.75, 1):
        x = left + scaled(tick)
        kind = "base" if tick == 1 else "axis"
        parts.append(f'<line x1="{x:.1f}" y1="{TOP - 4}" x2="{x:.1f}" y2="{bottom - 6}" class="{kind}" stroke-width="1"/>')
        parts.append(word(x, TOP - 7, f"{tick:g}", "small quiet", "middle"))
    for row, name in enumerate(operations):
        top = TOP + row * ROW_HEIGHT
        for subject in SUBJECTS:
            ratio = found["operations"][name]["ratios"].get(subject, {}).get(measure)
            if ratio:
                parts += bar(left, top, ratio["value"], subject)
            top += BAR_HEIGHTS[subject] + BAR_GAP
    return parts


def scaled(ratio):
    return min(ratio, RATIO_MOST) / RATIO_MOST * (PANEL_WIDTH - 40)


def bar(left, top, value, subject):
    height, length = BAR_HEIGHTS[subject], max(scaled(value), 1)
    label = f"{value:.2f}" if value < 1 else f"{value:.1f}"
    cut = " ›" if value > RATIO_MOST else ""
    return [f'<rect x="{left}" y="{top}" width="{length:.1f}" height="{height}" class="{subject}"/>',
            word(left + length + 3, top + height / 2 + 3.5, label + cut, "small quiet")]


def foot(found):
    machine, load, versions = found["machine"], found["load"], found["versions"]
    quiet = "" if load["is_quiet"] else ", not a quiet machine: read processor time"
    return [
        f"{machine['processors']} × {machine['processor']}, Linux {machine['kernel']}, cgroup {found['layout']}, {machine['date']}; load"
        f" {load['before']}–{load['highest']}{quiet}",
        f"{found['pairs']} interleaved pairs, ratio of medians; {versions.get('crun', 'crun')}, {versions.get('runc', 'runc')};"
        " floor: bare system calls, no checks",
    ]
