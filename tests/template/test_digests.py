from typing import Any, Final

from tests.template.loading import properties, resource, template

BUCKET: Final[dict[str, Any]] = dict(properties("DigestBucket"))


def test_a_digest_is_locked_for_as_long_as_the_parameters_say() -> None:
    assert BUCKET["ObjectLockEnabled"] is True
    assert BUCKET["VersioningConfiguration"] == {"Status": "Enabled"}
    assert BUCKET["ObjectLockConfiguration"] == {
        "ObjectLockEnabled": "Enabled",
        "Rule": {"DefaultRetention": {"Mode": {"Ref": "DigestLockMode"}, "Days": {"Ref": "DigestRetentionDays"}}},
    }
    assert template()["Parameters"]["DigestLockMode"]["AllowedValues"] == ["GOVERNANCE", "COMPLIANCE"]


def test_digests_are_never_public_and_never_travel_in_clear() -> None:
    assert set(BUCKET["PublicAccessBlockConfiguration"].values()) == {True}
    (statement,) = properties("DigestBucketPolicy")["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert statement["Resource"] == [
        {"Fn::GetAtt": ["DigestBucket", "Arn"]},
        {"Fn::Sub": "${DigestBucket.Arn}/*"},
    ]


def test_the_key_is_one_that_a_verifier_can_check_with_whole_numbers_alone() -> None:
    key = properties("SigningKey")
    assert (key["KeySpec"], key["KeyUsage"]) == ("RSA_3072", "SIGN_VERIFY")


def test_digests_and_their_key_outlive_the_stack() -> None:
    for name in ("DigestBucket", "SigningKey"):
        assert resource(name)["DeletionPolicy"] == resource(name)["UpdateReplacePolicy"] == "Retain"
