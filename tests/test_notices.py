from wearecg.block import Notice
from wearecg.notices import KINDS, REPEAT_S, Notices


def texts(notices):
    return [notice.message for notice in notices]


def test_the_first_is_told_then_they_are_counted():
    notices = Notices()
    said = [s for i in range(224) for s in notices.tell([Notice(f"clock set; {i}.25 s missing")], i * 0.04)]
    assert texts(said) == ["clock set; 0.25 s missing"]
    assert texts(notices.flush()) == ["clock set; 223.25 s missing (223 more times since that was told)"]
    assert notices.flush() == []


def test_the_number_comes_once_a_minute_also_when_it_is_over():
    notices = Notices()
    said = [(t, s) for t in range(150) for s in notices.tell([Notice(f"at {t}")] if t < 100 else [], t)]
    assert [t for t, _ in said] == [0, 60, 120]
    assert said[1][1].message == "at 59 (59 more times since that was told)"
    assert said[2][1].message == "at 99 (40 more times since that was told)"


def test_what_comes_once_in_a_while_is_told_each_time():
    notices = Notices()
    said = [notices.tell([Notice("battery 15 %", "warning")], t) for t in (0, REPEAT_S, 2.5 * REPEAT_S)]
    assert texts(one for some in said for one in some) == ["battery 15 %"] * 3
    assert notices.flush() == []


def test_of_many_kinds_the_rest_are_one():
    notices = Notices()
    words = ["".join(chr(97 + i // 26**k % 26) for k in range(4)) for i in range(5000)]
    said = [s for word in words for s in notices.tell([Notice(word)], 0.0)]
    assert len(said) == KINDS + 1
    (rest,) = notices.flush()
    assert f"{5000 - KINDS - 1} more times" in rest.message


def test_levels_are_kept():
    notices = Notices()
    assert notices.tell([Notice("a", "warning"), Notice("a", "warning")], 0.0)[0].level == "warning"
    assert notices.flush()[0].level == "warning"
