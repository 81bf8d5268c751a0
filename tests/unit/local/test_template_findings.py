"""What checkov finds, and what is excused of it."""

import pytest

from local.template_findings import EXCUSES, Excuse, Finding, excuses, problems, read_report

OPEN_BUCKET = Finding("CKV_1", "Bucket", "the bucket is open")


def test_what_has_no_excuse_is_told_with_its_resource() -> None:
    assert problems([OPEN_BUCKET], []) == ["CKV_1 Bucket: the bucket is open"]


def test_an_excuse_is_for_its_check_and_its_resources_alone() -> None:
    assert problems([OPEN_BUCKET], [Excuse("CKV_1", ["B*"], "it is empty")]) == []
    for other in (Excuse("CKV_2", ["B*"], "-"), Excuse("CKV_1", ["C*"], "-")):
        assert "CKV_1 Bucket: the bucket is open" in problems([OPEN_BUCKET], [other])


def test_an_excuse_that_excuses_nothing_any_more_is_told_name_by_name() -> None:
    excuse = Excuse("CKV_1", ["Bucket", "Gone"], "it is empty")
    assert problems([OPEN_BUCKET], [excuse]) == ["CKV_1 Gone: nothing is found that this excuses"]


def test_every_excuse_has_a_reason() -> None:
    assert [each.check for each in excuses(EXCUSES.read_text()) if len(each.reason.split()) < 10] == []


@pytest.mark.parametrize(
    "summary", [{"parsing_errors": 1, "resource_count": 0}, {"parsing_errors": 0, "resource_count": 0}]
)
def test_a_template_that_checkov_cannot_read_is_no_template_without_findings(summary: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="cannot read"):
        read_report({"summary": summary, "results": {"failed_checks": []}})
