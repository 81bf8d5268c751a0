"""What is just within the bounds is taken."""

from tests.integration.world import World

ALICE = "user:alice"


def test_a_body_of_exactly_8_kib_is_read(world: World) -> None:
    empty = '{"actor": "user:alice", "cost": 1, "metadata": {"a": ""}}'
    text = empty.replace('""', f'"{"a" * (8192 - len(empty))}"')
    assert len(text) == 8192
    assert world.call("POST", "/v1/cost", text=text, key="k").status == 402


def test_metadata_as_deep_as_it_may_be_is_recorded(world: World) -> None:
    metadata = '{"a":' * 8 + "1" + "}" * 8
    text = f'{{"actor": "{ALICE}", "cost": 1, "metadata": {metadata}}}'
    world.call("POST", "/v1/cost", text=text, key="k")
    assert world.get("/v1/operations/k", query={"actor": ALICE}).body["entry"]["metadata"]["a"]


def test_the_last_time_that_can_be_written_down_can_be_an_expiry(world: World) -> None:
    answer = world.fund({"actor": ALICE, "amount": 5, "expires_at": "9999-12-31T23:59:59.999Z"})
    assert answer.body["grant"]["expires_at"] == "9999-12-31T23:59:59.999Z"
    assert world.get(f"/v1/accounts/{ALICE}").status == 200


def test_the_longest_ids_are_recorded_and_found(world: World) -> None:
    actor, key = "a" * 128, "k" * 128
    world.cost({"actor": actor, "cost": 1, "app": actor, "meter": actor}, key=key)
    assert world.get(f"/v1/operations/{key}", query={"actor": actor}).body["entry"]["app"] == actor


def test_the_largest_amount_is_exact(world: World) -> None:
    world.fund({"actor": ALICE, "old_amount": 0, "new_amount": 1_000_000_000_000})
    answer = world.cost(None, text=f'{{"actor": "{ALICE}", "cost": 0.001}}')
    assert '"available_after":999999999999.999' in answer.text


def test_a_reason_of_256_characters_is_recorded(world: World) -> None:
    reason = "ü" * 256
    assert world.fund({"actor": ALICE, "amount": 1, "reason": reason}).body["entry"]["reason"] == reason


def test_a_surrogate_pair_is_a_character(world: World) -> None:
    text = f'{{"actor": "{ALICE}", "amount": 1, "reason": "\\ud83d\\ude00"}}'
    assert world.fund(None, text=text).body["entry"]["reason"] == "\U0001f600"
