import msgspec
from validations import LEAK, VALIDATION, policy, taken

from wellhead.redteam.report.heat import NOT_MEASURED, curve, heat, matrix, tables, thieves


def luminance(colour):
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_every_number_is_text_and_a_better_copy_is_darker_in_grey():
    cells = [c for line in heat(VALIDATION) for c in line.cells if c.background]
    shades = {float(c.text.partition(" ")[0]): luminance(c.background) for c in cells}
    ordered = sorted(shades)
    assert len(ordered) > 4 and [shades[x] for x in ordered] == sorted(shades.values(), reverse=True)
    assert all(abs(luminance(c.ink) - luminance(c.background)) > 80 for c in cells)


def test_the_best_thief_of_each_policy_is_marked_once():
    for line, tried in zip(heat(VALIDATION), VALIDATION.tried, strict=True):
        marked = [thief for thief, c in zip(thieves(VALIDATION), line.cells, strict=True) if c.strong]
        assert marked == ([tried.best.thief] if tried.best else [])


def test_what_was_not_tried_is_a_dash_with_its_reason():
    lines = {line.policy: dict(zip(thieves(VALIDATION), line.cells, strict=True)) for line in heat(VALIDATION)}
    assert lines["shut"]["soft"].text == "–" and lines["shut"]["soft"].title == "closed"
    assert lines["modelguard_s"]["soft"].title == "no codebook"


def test_tables_have_a_row_for_each_policy_and_the_rows_fit_the_heads():
    best, noticed, members = tables(VALIDATION)
    for table in (matrix(VALIDATION), best, noticed, members):
        assert all(len(row) == len(table.head) for row in table.rows), table.title
    assert [row[0] for row in best.rows] == [t.policy for t in VALIDATION.tried]
    assert dict(zip(best.head, best.rows[0], strict=True))["accuracy"] == "93.0 % ± 0.0"
    assert noticed.rows[0][1:] == ("500 of 500", "0", "0.000", "0.000", "1", "12")
    assert members.rows[1][1:] == (NOT_MEASURED, NOT_MEASURED) and "AUC 0.70" in members.rows[0][1]


def test_what_was_not_measured_says_why():
    tried = policy("p", taken("soft", 0.5), by_scores=LEAK, why_labels="7 members and 0 others were answered")
    *_, members = tables(msgspec.structs.replace(VALIDATION, tried=(tried,)))
    assert members.rows[0][2] == f"{NOT_MEASURED}: 7 members and 0 others were answered"


def test_times_are_words_with_the_right_number():
    def answers(seconds):
        slow = msgspec.structs.replace(taken("soft", 0.5), seconds=seconds)
        best, *_ = tables(msgspec.structs.replace(VALIDATION, tried=(policy("p", slow),)))
        return dict(zip(best.head, best.rows[0], strict=True))["answers"]

    assert answers(86_400.0) == "100 in 24 h" and answers(5 * 86_400.0) == "100 in 5 days" and answers(60.0) == "100"


def test_every_point_of_the_chart_is_in_a_table():
    told = curve(VALIDATION)
    assert [row[:2] for row in told.rows if row[0] == "none"] == [("none", "100"), ("none", "200"), ("none", "300")]
    assert ("none", "300", "95.0 % ± 0.4", "93.0 to 97.0 %") in told.rows
    assert {row[0] for row in told.rows} == {t.policy for t in VALIDATION.tried if t.best}
