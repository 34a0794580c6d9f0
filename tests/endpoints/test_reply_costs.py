"""Costs of replies, and limits that stop a call."""

import pytest

from egoactgen_bench.endpoints.endpoint_options import EndpointOptions, make_client
from egoactgen_bench.endpoints.reply_costs import Budget, Prices, Usage
from egoactgen_bench.endpoints.reply_records import ReplyTally, endpoint_record, expected_cost
from egoactgen_bench.endpoints.request_threads import in_threads
from egoactgen_bench.errors import BenchError

USED = Usage(2_000_000, 500_000, 1)


def test_costs_are_computed_from_usage_and_prices():
    assert Prices(3.0, 8.0).cost(USED) == 10.0
    assert Prices(3.0, 8.0, 0.5).cost(USED) == 10.5
    assert Prices(image=0.04).cost(Usage(images=1)) == 0.04
    assert Prices().cost(USED) is None
    assert Prices(3.0, 8.0).cost(Usage(10, None)) is None


@pytest.mark.parametrize(
    ("reported", "expected"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 4}, Usage(3, 4)),
        ({"input_tokens": 3, "output_tokens": 4}, Usage(3, 4)),
        ({"input_tokens": -3, "output_tokens": 4.5}, Usage()),
        ({"input_tokens": True, "output_tokens": 1 << 60}, Usage()),
        ({"input_tokens": 3}, Usage(3, None)),
        (None, Usage()),
        ([], Usage()),
    ],
)
def test_usage_is_read_from_both_kinds_of_replies(reported, expected):
    assert Usage.of(reported) == expected


def test_a_number_of_requests_is_not_exceeded():
    budget = Budget(max_requests=2)
    for _ in range(2):
        budget.begin()
        budget.end(None)
    with pytest.raises(
        BenchError, match="Stopped at max_requests=2, after 2 requests of this call"
    ):
        budget.begin()


def test_a_cost_is_not_exceeded_by_requests_in_progress():
    budget = Budget(Prices(image=0.25), max_cost=1.0)
    for _ in range(4):
        budget.begin()
    with pytest.raises(BenchError, match=r"Stopped at max_cost=1, after 4 requests"):
        budget.begin()
    budget.end(None)  # a failed request costs nothing
    budget.begin()
    for _ in range(4):
        budget.end(Usage(images=1))
    assert budget.spent == 1.0
    with pytest.raises(BenchError, match=r"which cost 1\.0000\. All replies are kept"):
        budget.begin()


def test_the_next_request_is_expected_to_cost_what_the_dearest_did():
    budget = Budget(Prices(1.0, 1.0), max_cost=5.0)
    budget.begin()
    budget.end(Usage(2_000_000, 1_000_000))
    with pytest.raises(BenchError, match="max_cost=5"):
        budget.begin()


def test_a_cost_that_cannot_be_checked_is_refused():
    with pytest.raises(BenchError, match=r"max_cost needs prices .* max_requests"):
        Budget(max_cost=1.0)
    with pytest.raises(BenchError, match="price_in and price_out belong together"):
        make_client("m", EndpointOptions(price_in=1.0), None, 1)
    budget = Budget(Prices(1.0, 1.0), max_cost=5.0)
    budget.begin()
    budget.end(Usage())
    with pytest.raises(BenchError, match="does not report the tokens"):
        budget.begin()


def test_threads_keep_the_order_and_stop_at_an_error():
    assert in_threads(lambda value: value * 2, range(50), 7) == [value * 2 for value in range(50)]
    assert in_threads(str, [], 3) == []
    done = []

    def fail(value):
        if value == 3:
            raise BenchError("stop")
        done.append(value)

    with pytest.raises(BenchError, match="stop"):
        in_threads(fail, range(1000), 1)
    assert done == [0, 1, 2]


def test_records_add_up_and_say_what_is_unknown():
    tally = ReplyTally("h")
    tally.add("a", Usage(10, 5, 1), "m-1", "8x8")
    tally.add("b", Usage(20, 5, 1), "m-2", "8x8")
    tally.add("b", Usage(30, 5, 1), "m-2", "8x6")  # repeated, and counted once
    batches = [tally.take(), tally.take()]
    assert (batches[0]["replies"], batches[1]["replies"]) == (2, 0)
    found = endpoint_record("m", batches, Prices(1e6, 2e6, 0.5))
    assert (found.tokens, found.cost, found.replies) == ({"in": 40, "out": 10}, 61.0, 2)
    assert (found.reported_models, found.sizes) == (["m-1", "m-2"], {"8x6": 1, "8x8": 1})
    assert endpoint_record("m", batches, Prices()).cost == "unknown"
    tally.add("c", Usage(images=1), "")
    unknown = endpoint_record("m", [*batches, tally.take()], Prices(1.0, 1.0))
    assert (unknown.tokens, unknown.cost, unknown.hosts) == (None, "unknown", ["h"])
    assert endpoint_record("m", [tally.take()], Prices(image=0.5)).cost == 0.0


def test_a_cost_is_expected_from_prices_and_earlier_replies():
    assert expected_cost(10, 1, Prices(image=0.04), None) == "at a cost of about 0.40"
    earlier = {"tokens": {"in": 2000, "out": 1000}, "replies": 2}
    assert expected_cost(10, 1, Prices(100.0, 200.0), earlier) == "at a cost of about 2.00"
    assert "until an earlier run" in expected_cost(10, 1, Prices(100.0, 200.0), None)
    assert "give prices" in expected_cost(10, 1, Prices(), earlier)
