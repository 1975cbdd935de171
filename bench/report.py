"""From results to what people and programs read: the tables on stdout, bench.json, and the tables for docs/performance.md."""

import re
from collections import Counter

from bench import figures, targets

BASE = "crun"
MEASURES = (("cpu_us", "CPU"), ("wall_us", "wall"))
COMMANDS = ("run", "create", "start", "state", "exec", "kill", "delete")
NOT_QUIET = "not from a quiet machine"
TICK_US = 1000  # where processor time is counted by sampling, every value is a multiple of the tick, which is this or more
COARSE = "this kernel counts processor time in ticks, too coarse for this"


def summary(results, order, machine, load, versions):
    """All that bench.json holds."""
    return {
        "machine": machine,
        "load": load,
        "versions": versions,
        "pairs": order["pairs"],
        "is_quick": order["is_quick"],
        "layout": order["layout"],
        "commit": order["commit"],
        "floor_compiler": order["floor_compiler"],
        "floor_filter": order["floor_filter"],
        "operations": {name: operation_summary(results, name, load["is_quiet"], order["is_quick"]) for name in results.samples},
        "figures": {name: figure_summary(name, values, order["is_quick"]) for name, values in results.single.items()},
        "scale": results.scale,
        "failures": [{"operation": operation, "subject": subject, "count": len(texts), "first": texts[0]}
                     for (operation, subject), texts in results.failures.items() if texts],
    }


def operation_summary(results, name, is_quiet, is_quick):
    found = {"subjects": {}, "ratios": {}, "verdicts": {}}
    for subject, samples in results.samples[name].items():
        found["subjects"][subject] = {measure: spread([getattr(cost, measure) for cost in samples.values()]) for measure, _ in MEASURES}
        found["subjects"][subject]["samples"] = len(samples)
        if subject == BASE:
            continue
        found["ratios"][subject] = {}
        for measure, _ in MEASURES:
            ours, theirs = results.paired(name, subject, BASE, measure)
            if ours:
                found["ratios"][subject][measure] = vars(figures.ratio_of_medians(ours, theirs))
    for (measure, label), target in zip(MEASURES, targets.RATIOS.get(name, (None, None))):
        ratio = found["ratios"].get("tare", {}).get(measure)
        if target is not None and ratio is not None:
            word, why = judge(figures.Ratio(**ratio), target, measure, is_quiet, is_quick)
            if measure == "cpu_us" and is_coarse(results.samples[name]):
                word, why = figures.UNDECIDED, COARSE
            found["verdicts"][measure] = {"target": target, "verdict": word, "why": why}
    return found


def is_coarse(by_subject):
    return all(round(cost.cpu_us) % TICK_US == 0 for samples in by_subject.values() for cost in samples.values())


def judge(ratio, target, measure, is_quiet, is_quick):
    if is_quick:
        return figures.UNDECIDED, "a quick run"
    word, why = figures.verdict(ratio, target)
    if measure == "wall_us" and not is_quiet:
        return figures.UNDECIDED, f"{NOT_QUIET}; {why}"
    return word, why


def spread(values):
    return {"median": figures.median(values), "p10": figures.quantile(values, 0.1), "p90": figures.quantile(values, 0.9)}


def figure_summary(name, values, is_quick):
    found = {"subjects": values}
    if name in targets.SINGLE and "tare" in values:
        most, unit = targets.SINGLE[name]
        found.update(target=most, unit=unit)
        if not is_quick:
            found["verdict"] = figures.MET if values["tare"] <= most else figures.MISSED
    return found


# ---- text ----

def text(found):
    parts = [heading(found), times_table(found), figures_table(found), scale_table(found), failures_list(found)]
    return "\n\n".join(part for part in parts if part)


def heading(found):
    machine, load, versions = found["machine"], found["load"], found["versions"]
    quiet = "" if load["is_quiet"] else f"; wall figures: {NOT_QUIET}"
    lines = [
        f"{machine['processors']} x {machine['processor']}, Linux {machine['kernel']}, cgroup {found['layout']}, {machine['date']}",
        "; ".join(f"{name}: {version}" for name, version in versions.items()) + f"; commit {found['commit']}",
        f"load average {load['before']} before, {load['highest']} at most; processors used by others {load['others']:.1%}, stolen"
        f" {load['steal']:.1%}{quiet}",
        f"{found['pairs']} interleaved pairs; ratios are of medians, with their 95 % interval; times in µs; runc is in every third"
        f" pair; floor: {found['floor_compiler']}, {found['floor_filter']}",
    ]
    return "\n".join(lines)


def aligned(rows):
    """Columns of text: the first to the left, numbers to the right, the last as it is."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    last = len(widths) - 1
    lines = []
    for row in rows:
        cells = [cell.ljust(width) if column in (0, 1, last) else cell.rjust(width)
                 for column, (cell, width) in enumerate(zip(row, widths))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def times_table(found):
    rows = [["operation", "", "crun", "tare", "tare p10–p90", "tare/crun", "95 % interval", "floor/crun", "runc/crun", "target", "verdict"]]
    for name, operation in found["operations"].items():
        for measure, label in MEASURES:
            if measure == "wall_us" and name.startswith("create with init"):
                continue  # the init works while create waits for it: the wall time is that of create
            rows.append(times_row(name, operation, measure, label))
    return aligned(rows) if len(rows) > 1 else ""


def times_row(name, operation, measure, label):
    subjects, ratios = operation["subjects"], operation["ratios"]
    tare = ratios.get("tare", {}).get(measure)
    verdict = operation["verdicts"].get(measure)
    spread_of_tare = subjects.get("tare", {}).get(measure)
    return [
        name if measure == "cpu_us" else "",
        label,
        number(subjects.get(BASE, {}).get(measure, {}).get("median")),
        number(spread_of_tare and spread_of_tare["median"]),
        f"{spread_of_tare['p10']:.0f}–{spread_of_tare['p90']:.0f}" if spread_of_tare else "–",
        f"{tare['value']:.3f}" if tare else "–",
        f"{tare['low']:.3f}–{tare['high']:.3f}" if tare else "–",
        ratio_text(ratios.get("floor", {}).get(measure)),
        ratio_text(ratios.get("runc", {}).get(measure)),
        f"≤ {verdict['target']:.2f}" if verdict else "–",
        verdict_text(verdict) if verdict else "",
    ]


def verdict_text(verdict):
    return verdict["verdict"] if verdict["verdict"] != figures.UNDECIDED else f"undecided: {verdict['why']}"


def number(value):
    return "–" if value is None else f"{value:.0f}"


def ratio_text(ratio):
    return f"{ratio['value']:.3f}" if ratio else "–"


def figures_table(found):
    rows = [["figure", "", "tare", "crun", "runc", "floor", "target", "verdict"]]
    for name, figure in found["figures"].items():
        if name.startswith("calls by name"):
            continue
        values = figure["subjects"]
        unit = "" if name.startswith("system calls") else "KiB"
        rows.append([name, unit, *(f"{values[one]:,}" if one in values else "–" for one in ("tare", "crun", "runc", "floor")),
                     f"≤ {figure['target']:,}" if "target" in figure else "–", figure.get("verdict", "")])
    return aligned(rows) if len(rows) > 1 else ""


def scale_table(found):
    rows = [["beside", "operation", "tare CPU", "more than beside nothing", "floor CPU", "more", "tare / tare with an empty root (interval)"]]
    none = found["scale"][0]["operations"] if found["scale"] else {}
    for level in found["scale"]:
        for operation, values in level["operations"].items():
            empty = values["cpu_ratio_to_empty_root"]
            row = [level["beside"], operation]
            for subject in ("tare", "floor"):
                now, then = (one["medians"].get(subject, {}).get("cpu_us") for one in (values, none[operation]))
                row += [number(now), f"{now - then:+.0f}" if now and then else "–"]
            rows.append(row + [f"{empty['value']:.2f} ({empty['low']:.2f}–{empty['high']:.2f})" if empty else "–"])
    return aligned(rows) if len(rows) > 1 else ""


def failures_list(found):
    return "\n".join(f"failed: {one['subject']}: {one['operation']}: {one['count']} times; first: {one['first']}" for one in found["failures"])


# ---- docs/performance.md ----

def profile(found):
    """System calls of each command as tables in Markdown: all subjects, and tare's by name."""
    lines = ["| system calls | " + " | ".join(("tare", "crun", "runc", "floor")) + " |", "| --- " * 5 + "|"]
    for command in COMMANDS:
        values = found["figures"].get(f"system calls of {command}", {"subjects": {}})["subjects"]
        lines.append(f"| {command} | " + " | ".join(f"{values[one]:,}" if one in values else "–" for one in ("tare", "crun", "runc", "floor")) + " |")
    by_command = {command: Counter(found["figures"].get(f"calls by name of {command}", {"subjects": {}})["subjects"].get("tare", {}))
                  for command in COMMANDS}
    totals = sum(by_command.values(), Counter())
    lines += ["", "| call of tare | " + " | ".join(COMMANDS) + " |", "| --- " * (len(COMMANDS) + 1) + "|"]
    for name, _ in totals.most_common():
        lines.append(f"| {name} | " + " | ".join(str(by_command[command][name] or "") for command in COMMANDS) + " |")
    return "\n".join(lines) + "\n"


def filled(page, name, tables):
    """A page with these tables between the marks of that name, which it has once."""
    marked = rf"(<!-- bench: {name} -->\n).*?(<!-- bench: end -->)"
    page, places = re.subn(marked, lambda match: match[1] + tables + match[2], page, flags=re.DOTALL)
    if places != 1:
        raise ValueError(f"the page has the mark {name!r} {places} times")
    return page
