import asyncio

from wellhead.capture.deadlines import Deadlines


def test_only_what_stays_too_long_expires():
    async def run():
        deadlines, expired = Deadlines(0.06), []
        for name in "abc":
            deadlines.watch(name, lambda name=name: expired.append(name))
        deadlines.drop("b")
        deadlines.drop("unheard of")
        assert len(deadlines) == 2
        await asyncio.sleep(0.03)
        assert expired == []
        deadlines.watch("late", lambda: expired.append("late"))
        await asyncio.sleep(0.055)
        assert expired == ["a", "c"]
        deadlines.drop("late")
        await asyncio.sleep(0.05)
        assert expired == ["a", "c"] and deadlines._timer is None

    asyncio.run(run())
