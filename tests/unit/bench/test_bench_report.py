"""What a run leaves in docs/: tables, figures, a picture; and what people wrote around them."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree

import pytest

from bench.cases import CASES
from bench.cases_http import GO_HANDLER, GO_PROXY, OURS
from bench.goals import Verdict, goals
from bench.report import BEGIN, END, markdown, spliced, write
from bench.results import Result, Row


def check(ours=4000.0, go=10000.0):
    sample = {"cpu": 50.0, "p50": 1.0, "p99": 4.0, "rss": 60.0, "commands": 0.0, "pings": 8.0}
    rows = [Row(OURS, [{**sample, "rate": ours}, {**sample, "rate": ours / 2}, {**sample, "rate": ours * 2}])]
    rows.append(Row(GO_HANDLER, [{"rate": go, "cpu": 15.0, "p50": 0.5, "p99": 5.0, "rss": 12.0}] * 3))
    return Result("check", "Forward-auth check", rows, GO_HANDLER, "A note.")


def test_a_table_has_medians_with_least_and_most_and_the_ratio():
    [line] = [line for line in markdown([check()], {}).splitlines() if line.startswith(f"| {OURS}")]
    assert "4\u202f000 (2\u202f000–8\u202f000)" in line
    assert "0.40 ×" in line


def test_what_people_wrote_stays_and_the_generated_part_is_replaced(tmp_path):
    document = tmp_path / "performance.md"
    document.write_text(f"# Title\n\nBefore.\n\n{BEGIN}\nold\n{END}\n\nAfter.\n")
    for _ in range(2):
        write(tmp_path, [check()], {"Python": "3"}, {"seconds": 3.0})
    text = document.read_text()
    assert text.startswith("# Title\n\nBefore.\n")
    assert text.endswith(f"{END}\n\nAfter.\n")
    assert "old" not in text
    assert text.count("### Forward-auth check") == 1


@pytest.mark.parametrize("document", ["", BEGIN, END + BEGIN, f"{BEGIN}{BEGIN}{END}", f"{BEGIN}{END}{END}"])
def test_a_document_whose_markers_are_wrong_is_not_written_over(document):
    with pytest.raises(ValueError, match="markers"):
        spliced(document, "new")


def test_json_and_picture_can_be_read(tmp_path):
    _, figures, picture = write(tmp_path, [check()], {"Python": "3"}, {"seconds": 3.0})
    ours = json.loads(figures.read_text())["cases"]["check"]["contestants"][OURS]
    assert ours["rate"] == {"median": 4000.0, "min": 2000.0, "max": 8000.0, "samples": [4000.0, 2000.0, 8000.0]}
    root = ElementTree.fromstring(picture.read_text())
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert len(list(root.iter("{http://www.w3.org/2000/svg}rect"))) == 2


def test_the_picture_has_dark_colours_and_no_script(tmp_path):
    picture = write(tmp_path, [check()], {}, {})[2].read_text()
    assert "prefers-color-scheme: dark" in picture
    assert "script" not in picture


@pytest.mark.parametrize(("ours", "verdict"), [(3000.0, Verdict.MISSED), (3400.0, Verdict.REACHED), (5100.0, Verdict.STRETCH)])
def test_a_goal_says_how_it_stands(ours, verdict):
    found = goals({"check": check(ours)})
    assert found[0].verdict is verdict
    assert next(goal for goal in found if goal.what.startswith("p99, check,")).verdict is Verdict.REACHED


def test_less_is_better_where_memory_and_time_are_the_goal():
    samples = [{"seconds": 0.8, "cpu_seconds": 0.7, "rss": 44.0}]
    found = goals({"start": Result("start", "Start", [Row(OURS, samples)])})
    assert {goal.what: goal.verdict for goal in found if goal.measured} == {
        "Start to first answer": Verdict.MISSED,
        "Memory of one idle process": Verdict.STRETCH,
    }


def test_the_better_of_two_directions_does_not_hide_the_worse():
    rows = [Row(f"{OURS}, down", [{"growth": 1.0}]), Row(f"{OURS}, up", [{"growth": 40.0}])]
    [goal] = [goal for goal in goals({"huge": Result("huge", "2 GiB", rows)}) if "2 GiB" in goal.what]
    assert goal.verdict is Verdict.MISSED


def test_without_oauth2_proxy_the_check_by_nginx_is_judged_by_the_bare_go_proxy():
    rows = [Row(f"nginx + {OURS}", [{"rate": 70.0, "p99": 1.0}]), Row(GO_PROXY, [{"rate": 100.0, "p99": 1.0}])]
    [goal] = [goal for goal in goals({"check-by-nginx": Result("check-by-nginx", "", rows)}) if "auth_request" in goal.what]
    assert (goal.measured, goal.verdict) == ("0.70 ×", Verdict.REACHED)


@pytest.mark.parametrize(
    ("commands", "rate", "verdict"),
    [(0.004, 12_000.0, Verdict.STRETCH), (0.009, 12_000.0, Verdict.REACHED), (0.011, 12_000.0, Verdict.MISSED), (0.011, 6_000.0, Verdict.UNMEASURED)],
)
def test_store_commands_are_judged_at_a_rate_that_says_something(commands, rate, verdict):
    row = Row(OURS, [{"commands": commands, "rate": rate}])
    [goal] = [goal for goal in goals({"store-commands": Result("store-commands", "", [row])}) if "Store commands" in goal.what]
    assert goal.verdict is verdict


def test_what_was_not_measured_is_said_to_be_so():
    assert {goal.verdict for goal in goals({})} == {Verdict.UNMEASURED}


def test_cases_are_named_as_their_results_are():
    assert len(CASES) == len(set(CASES))
    assert all(name == name.lower() and " " not in name for name in CASES)
