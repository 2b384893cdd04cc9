"""What every keeper of knowledge must do. A subclass provides the fixture `open_knowledge`: each call is one more
process with the same data, empty at first.
"""

import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from index.incident import Deviation, EvidenceLine, Incident, Note, Onset
from index.knowledge_store import KnowledgeStore
from index.pattern import PatternEdit

Open = Callable[[], KnowledgeStore]
SECOND = 1_000_000_000


def an_incident(start_s: int, *, end_s: int | None = None, services: tuple[str, ...] = ("cart", "pay")) -> Incident:
    start_ns = start_s * SECOND + 123_456_789
    line = EvidenceLine("ab-12", start_ns, "cart", "error", "支付失败 \n\t\x00 'quoted' \ud83d", "00ff", "ab", 12)
    deviation = Deviation(
        "cart", "slower", "00ff", "took <*>", 1.1, 1 / 3, -0.1 - 1e-17, start_ns, ("ab-12",), "before"
    )
    return Incident(
        incident_id=f"{start_s:016x}",
        title="cart slower",
        start_ns=start_ns,
        end_ns=(start_s + 60 if end_s is None else end_s) * SECOND,
        severity="major",
        services=services,
        onset=(Onset("cart", start_ns, "ab-12"), Onset("pay", start_ns + 1, "ab-12")),
        kinds=("avalanche",),
        deviations=(deviation, dataclasses.replace(deviation, kind="burst", evidence=())),
        evidence=(line,),
        signature=(("burst|cart|00ff", 0.1 + 0.2), ("slower|cart|00ff", 2**-60)),
        line_count=2**53 + 1,
    )


def ids(knowledge: KnowledgeStore, *, before_ns: int | None = None) -> list[int]:
    return [int(incident.incident_id, 16) for incident in knowledge.incidents(before_ns=before_ns)]


class KnowledgeContract:
    """Tests that use nothing but the protocol."""

    @pytest.fixture
    def knowledge(self, open_knowledge: Open) -> KnowledgeStore:
        return open_knowledge()

    def test_everything_is_there_for_the_next_process(self, open_knowledge: Open) -> None:
        edits = [PatternEdit("aa", "rename", "付款失败", 5), PatternEdit("bb", "merge", "aa", 6)]
        first = open_knowledge()
        for edit in edits:
            first.add_edit(edit)
        note = first.add_note(
            Note("", "aa", "restart it", name="n", cause="c", fix="f", runbook="r", author="a", time_ns=7)
        )
        first.add_feedback({"answer": "x", "vote": "up", "time_ns": 8})
        first.save_view("errors", {"query": "level:error"})
        first.save_channel("ops", {"window": "7d"})
        first.keep_incidents([an_incident(100)], floor_ns=0)
        first.freeze(before_ns=50)
        revision = first.revision()
        first.close()
        second = open_knowledge()
        assert second.edits() == tuple(edits)
        assert second.notes() == (note,)
        assert second.feedback() == ({"answer": "x", "vote": "up", "time_ns": 8},)
        assert second.views() == {"errors": {"query": "level:error"}}
        assert second.channels() == {"ops": {"window": "7d"}}
        assert second.incidents() == (an_incident(100),)
        assert (second.frozen_before_ns(), second.revision()) == (50, revision)
        second.close()

    def test_edits_keep_the_order_in_which_they_were_made_even_of_one_time(self, knowledge: KnowledgeStore) -> None:
        made = [PatternEdit("aa", action, "", 5) for action in ("unmute", "mute", "unmute", "mute")]
        for edit in made:
            knowledge.add_edit(edit)
        assert knowledge.edits() == tuple(made)

    def test_what_was_made_at_a_time_or_later_is_hidden_as_of_it(self, knowledge: KnowledgeStore) -> None:
        for time_ns in (10, 20, 30):
            knowledge.add_edit(PatternEdit("aa", "rename", str(time_ns), time_ns))
            knowledge.add_note(Note("", "aa", f"note {time_ns}", time_ns=time_ns))
            knowledge.add_feedback({"time_ns": time_ns})
        assert [edit.time_ns for edit in knowledge.edits(before_ns=20)] == [10]
        assert [note.time_ns for note in knowledge.notes(before_ns=21)] == [10, 20]
        assert [each["time_ns"] for each in knowledge.feedback(before_ns=10)] == []
        knowledge.keep_incidents([an_incident(100), an_incident(300)], floor_ns=0)
        assert ids(knowledge, before_ns=159 * SECOND) == []
        assert ids(knowledge, before_ns=160 * SECOND) == [100]

    def test_the_id_of_a_note_is_of_its_content(self, knowledge: KnowledgeStore) -> None:
        one = knowledge.add_note(Note("", "aa", "text", time_ns=1))
        same = knowledge.add_note(Note("ignored", "aa", "text", time_ns=1))
        other = knowledge.add_note(Note("", "aa", "", name="text", time_ns=1))
        assert one == same
        assert len({one.note_id, other.note_id}) == 2
        assert set(knowledge.notes()) == {one, other}

    def test_mining_again_replaces_incidents_from_the_floor_on(self, knowledge: KnowledgeStore) -> None:
        knowledge.keep_incidents([an_incident(100), an_incident(500), an_incident(900)], floor_ns=0)
        knowledge.keep_incidents([an_incident(600), an_incident(1200)], floor_ns=400 * SECOND)
        assert ids(knowledge) == [100, 600, 1200]

    def test_a_lesser_copy_of_an_older_incident_is_left_out(self, knowledge: KnowledgeStore) -> None:
        knowledge.keep_incidents([an_incident(100, end_s=300)], floor_ns=0)
        remains = an_incident(200, end_s=300)
        elsewhere = an_incident(210, end_s=300, services=("search",))
        after = an_incident(301, end_s=400)
        knowledge.keep_incidents([remains, elsewhere, after], floor_ns=150 * SECOND)
        assert ids(knowledge) == [100, 210, 301]

    def test_the_frozen_boundary_only_grows(self, knowledge: KnowledgeStore) -> None:
        boundaries = []
        for before_ns in (-5, 40, 30, 40, 50):
            knowledge.freeze(before_ns=before_ns)
            boundaries.append(knowledge.frozen_before_ns())
        assert boundaries == [-5, 40, 40, 40, 50]

    def test_of_a_document_the_notes_of_its_last_reading_hold(self, knowledge: KnowledgeStore) -> None:
        own = knowledge.add_note(Note("", "aa", "of a person", time_ns=1))
        first = [knowledge.add_note(Note("", each, "old", time_ns=10, source="d/a.md")) for each in ("aa", "bb")]
        other = knowledge.add_note(Note("", "aa", "other", time_ns=11, source="d/b.md"))
        last = knowledge.add_note(Note("", "cc", "new", time_ns=20, source="d/a.md"))
        assert knowledge.notes() == (own, other, last)
        assert set(knowledge.notes(before_ns=20)) == {own, *first, other}

    def test_a_thing_is_told_once_whoever_asks_and_however_many_at_once(self, open_knowledge: Open) -> None:
        keepers = [open_knowledge() for _ in range(4)]
        revision = keepers[0].revision()
        with ThreadPoolExecutor(len(keepers)) as pool:
            first = list(pool.map(lambda keeper: keeper.tell_once("incident:cart:9", time_ns=5), keepers))
        assert sorted(first) == [False, False, False, True]
        assert open_knowledge().tell_once("incident:cart:9", time_ns=6) is False
        assert open_knowledge().tell_once("事件 " + "x" * 2000, time_ns=6) is True
        assert keepers[0].revision() == revision

    def test_what_was_told_in_vain_is_untold_and_what_is_old_is_forgotten(self, open_knowledge: Open) -> None:
        one, other = open_knowledge(), open_knowledge()
        told = {key: one.tell_once(key, time_ns=time_ns) for key, time_ns in (("old", 10), ("vain", 20), ("new", 20))}
        other.untell("vain")
        other.untell("never told")
        assert [one.tell_once(key, time_ns=20) for key in told] == [False, True, False]
        other.forget_told(before_ns=20)
        assert [one.tell_once(key, time_ns=20) for key in told] == [True, False, False]

    def test_the_revision_grows_with_what_changes_a_generation_alone(self, knowledge: KnowledgeStore) -> None:
        seen = [knowledge.revision()]
        knowledge.add_edit(PatternEdit("aa", "mute", "", 10))
        seen.append(knowledge.revision())
        knowledge.add_note(Note("", "aa", "text", time_ns=20))
        seen.append(knowledge.revision())
        knowledge.freeze(before_ns=5)
        seen.append(knowledge.revision())
        assert seen == sorted(set(seen))
        assert knowledge.revision(before_ns=15) < seen[-1]
        knowledge.save_view("v", {})
        knowledge.add_feedback({})
        knowledge.keep_incidents([an_incident(100)], floor_ns=0)
        assert knowledge.revision() == seen[-1]

    def test_a_view_is_replaced_under_its_name_and_deleted_once(self, knowledge: KnowledgeStore) -> None:
        knowledge.save_view("b", {"query": "1"})
        knowledge.save_view("a", {"query": "2"})
        knowledge.save_view("b", {"query": "3"})
        assert list(knowledge.views().items()) == [("a", {"query": "2"}), ("b", {"query": "3"})]
        assert [knowledge.view(name) for name in ("a", "b", "c")] == [{"query": "2"}, {"query": "3"}, None]
        assert knowledge.delete_view("b")
        assert not knowledge.delete_view("b")

    def test_channels_have_a_room_of_their_own(self, knowledge: KnowledgeStore) -> None:
        knowledge.save_view("b", {"query": "1"})
        knowledge.save_channel("b", {"window": "1d"})
        knowledge.save_channel("a", {"service": ["付款"]})
        knowledge.save_channel("b", {"window": "7d"})
        assert list(knowledge.channels().items()) == [("a", {"service": ["付款"]}), ("b", {"window": "7d"})]
        assert [knowledge.channel(name) for name in ("a", "b", "c")] == [{"service": ["付款"]}, {"window": "7d"}, None]
        assert knowledge.views() == {"b": {"query": "1"}}
        assert knowledge.delete_view("b")
        assert knowledge.channel("b") == {"window": "7d"}

    def test_processes_that_edit_at_once_agree_on_one_order(self, open_knowledge: Open) -> None:
        def edit(writer: int) -> None:
            knowledge = open_knowledge()
            for number in range(8):
                knowledge.add_edit(PatternEdit(f"{writer}", "rename", str(number), 5))

        with ThreadPoolExecutor(3) as pool:
            list(pool.map(edit, range(3)))
        one, other = open_knowledge().edits(), open_knowledge().edits()
        assert one == other
        for writer in range(3):
            assert [each.argument for each in one if each.pattern_id == str(writer)] == [str(n) for n in range(8)]

    def test_processes_that_keep_incidents_at_once_leave_the_whole_set_of_one(self, open_knowledge: Open) -> None:
        sets = [[an_incident(start + writer) for start in range(100, 2_000, 200)] for writer in range(3)]

        def keep(writer: int) -> None:
            open_knowledge().keep_incidents(sets[writer], floor_ns=0)

        def read(_: int) -> tuple[Incident, ...]:
            return open_knowledge().incidents()

        open_knowledge().keep_incidents(sets[0], floor_ns=0)
        with ThreadPoolExecutor(4) as pool:
            reading = pool.map(read, range(5))
            list(pool.map(keep, (1, 2, 0, 2, 1)))
            seen = [*reading, open_knowledge().incidents()]
        assert all(list(each) in sets for each in seen)

    def test_processes_that_freeze_at_once_leave_the_furthest_boundary(self, open_knowledge: Open) -> None:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda before_ns: open_knowledge().freeze(before_ns=before_ns), (30, 50, 10, 40)))
        assert open_knowledge().frozen_before_ns() == 50

    def test_text_comes_back_as_it_was(self, knowledge: KnowledgeStore) -> None:
        text = "付款 \n\t\x00 'quoted' \"double\" \\ 🙂"
        note = knowledge.add_note(Note("", "aa", text, time_ns=1))
        knowledge.save_view(text * 40, {"query": text})
        assert knowledge.notes() == (note,)
        assert list(knowledge.views().values()) == [{"query": text}]
