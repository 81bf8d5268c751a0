"""The page on the protocol's states is drawn from the code."""

from local.protocol_diagram import SOURCE, page, steps

PAGE = SOURCE.parents[2] / "docs" / "protocol.md"


def test_the_page_says_what_the_code_does() -> None:
    assert PAGE.read_text() == page(SOURCE.read_text()), "run make diagrams"


def test_every_command_that_is_sent_has_an_answer_for_whatever_comes_back() -> None:
    found = steps(SOURCE.read_text())
    sent = {(step.name, command) for step in found for command in step.sends}
    answers = [(step.name, command, outcome) for step in found for command, outcome, _ in step.answers]
    assert {(name, command) for name, command, outcome in answers if outcome == "anything else"} == sent


def test_another_answer_makes_another_page() -> None:
    source = SOURCE.read_text()
    assert page(source.replace("case Committed():", "case Committed() if change.state:")) != page(source)
