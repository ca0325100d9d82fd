import msgspec

from wellhead.serve.status import Ask, DecisionRow, Explanation, Reply, Standing, Status


def test_everything_that_crosses_the_socket_comes_back_equal():
    standing = Standing("ann", 5, 1.5, 0.4, 0.9, 0.1, 0.375, 12.0, "throttle", "why", 7)
    status = Status("enforce", "m", "p", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, (standing,))
    explanation = Explanation(standing, 0.5, ("hit",), ("bob",), ("F-1",), 0.8)
    row = DecisionRow("d", "ann", "block", "operator", "why", 7, False)
    for reply in (Reply(status=status), Reply(explanation=explanation), Reply(decisions=(row,)), Reply(error="no")):
        assert msgspec.json.decode(msgspec.json.encode(reply), type=Reply) == reply
    ask = Ask(ask="decide", principal="ann", stance="block", hours=1.5)
    assert msgspec.json.decode(msgspec.json.encode(ask), type=Ask) == ask
