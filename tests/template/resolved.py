"""template.yaml with values in place of its functions: a deployment as it comes out, names and ARNs written out."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from tests.template.loading import references, template

REGION: Final = "eu-central-1"
ACCOUNT: Final = "123456789012"
STACK: Final = "millicent"
PSEUDO: Final = {
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::StackName": STACK,
    "AWS::URLSuffix": "amazonaws.com",
}
REMOVED: Final = object()
"""What AWS::NoValue comes to."""
NAMED_BY: Final = {
    "AWS::DynamoDB::Table": ("TableName", "dynamodb", "table/{name}"),
    "AWS::SQS::Queue": ("QueueName", "sqs", "{name}"),
    "AWS::SNS::Topic": ("TopicName", "sns", "{name}"),
    "AWS::Events::EventBus": ("Name", "events", "event-bus/{name}"),
    "AWS::Events::Rule": (None, "events", "rule/{name}"),
    "AWS::Logs::LogGroup": ("LogGroupName", "logs", "log-group:{name}:*"),
    "AWS::Serverless::Function": ("FunctionName", "lambda", "function:{name}"),
    "AWS::KMS::Key": (None, "kms", "key/{name}"),
    "AWS::IAM::Role": (None, "iam", "role/{name}"),
    "AWS::CloudWatch::Alarm": ("AlarmName", "cloudwatch", "alarm:{name}"),
}
"""By type: the property that names a resource, its service, and what stands last in its ARN."""


@dataclass(frozen=True)
class Deployment:
    """A stack of these parameters; those that are not given are as the template has them."""

    parameters: Mapping[str, Any] = field(default_factory=dict)

    def value(self, written: Any) -> Any:
        """The plain value of anything in the template; REMOVED for AWS::NoValue."""
        if isinstance(written, list):
            return [value for each in written if (value := self.value(each)) is not REMOVED]
        if not isinstance(written, Mapping):
            return written
        if len(written) == 1:
            ((name, argument),) = written.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._computed(name, argument)
        values = {name: self.value(each) for name, each in written.items()}
        return {name: value for name, value in values.items() if value is not REMOVED}

    def holds(self, condition: str) -> bool:
        return self._is_true(template()["Conditions"][condition])

    def properties(self, name: str) -> Any:
        return self.value(template()["Resources"][name]["Properties"])

    def statements(self, role: str) -> list[dict[str, Any]]:
        """All that a role's own policies say, and those of the stack that it is given."""
        written = self.properties(role)
        given = [
            each for name, each in self.of_type("AWS::IAM::ManagedPolicy").items() if self._is_given(name, written)
        ]
        policies = [*written["Policies"], *given]
        return [each for policy in policies for each in policy["PolicyDocument"]["Statement"]]

    def _is_given(self, policy: str, role: Mapping[str, Any]) -> bool:
        return self._attribute(policy, "Arn") in role["ManagedPolicyArns"]

    def is_there(self, name: str) -> bool:
        condition = template()["Resources"][name].get("Condition")
        return condition is None or self.holds(condition)

    def of_type(self, resource_type: str) -> dict[str, Any]:
        """The properties of all resources of a type that are made, by logical id."""
        found = [name for name, each in template()["Resources"].items() if each["Type"] == resource_type]
        return {name: self.properties(name) for name in found if self.is_there(name)}

    def _computed(self, name: str, argument: Any) -> Any:
        compute: dict[str, Callable[[Any], Any]] = {
            "Ref": self._reference,
            "Fn::GetAtt": lambda named: self._attribute(*named),
            "Fn::Sub": self._filled,
            "Fn::Join": lambda given: given[0].join(str(each) for each in self.value(given[1])),
            "Fn::Split": lambda given: self.value(given[1]).split(given[0]),
            "Fn::Select": lambda given: self.value(given[1])[given[0]],
            "Fn::If": lambda given: self.value(given[1 if self.holds(given[0]) else 2]),
        }
        return compute[name](argument)

    def _is_true(self, condition: Any) -> bool:
        ((name, argument),) = condition.items()
        decide: dict[str, Callable[[Any], bool]] = {
            "Condition": self.holds,
            "Fn::Equals": lambda two: str(self.value(two[0])) == str(self.value(two[1])),
            "Fn::Not": lambda one: not self._is_true(one[0]),
            "Fn::And": lambda all_of: all(map(self._is_true, all_of)),
        }
        return decide[name](argument)

    def _filled(self, argument: Any) -> str:
        text, names = argument if isinstance(argument, list) else (argument, {})

        def value(found: re.Match[str]) -> str:
            name = found[1]
            if name in names:
                return str(self.value(names[name]))
            resource, _, attribute = name.partition(".")
            return str(self._attribute(resource, attribute) if attribute else self._reference(name))

        return re.sub(r"\$\{([^!}]+)\}", value, text)

    def _reference(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return REMOVED
        if name in PSEUDO:
            return PSEUDO[name]
        if name in template()["Parameters"]:
            return self.parameters.get(name, template()["Parameters"][name].get("Default", ""))
        match template()["Resources"][name]["Type"]:
            case "AWS::SQS::Queue":
                return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{self._name(name)}"
            case "AWS::SNS::Topic" | "AWS::IAM::ManagedPolicy":
                return self._attribute(name, "Arn")
        return self._name(name)

    def _attribute(self, resource: str, attribute: str) -> str:
        kind = template()["Resources"][resource]["Type"]
        if attribute == "StreamArn":
            return f"{self._attribute(resource, 'Arn')}/stream/2025-01-01T00:00:00.000"
        if kind == "AWS::S3::Bucket" and attribute == "Arn":
            return f"arn:aws:s3:::{self._name(resource)}"
        if kind in NAMED_BY and attribute in {"Arn", "TopicArn"}:
            _, service, last = NAMED_BY[kind]
            region = "" if service == "iam" else REGION
            return f"arn:aws:{service}:{region}:{ACCOUNT}:{last.format(name=self._name(resource))}"
        return f"{resource}.{attribute}"

    def _name(self, resource: str) -> str:
        """That the template gives it, or one as CloudFormation might."""
        kind = template()["Resources"][resource]["Type"]
        named_by = NAMED_BY[kind][0] if kind in NAMED_BY else None
        given = template()["Resources"][resource]["Properties"].get(named_by)
        return f"{STACK}-{resource.lower()}" if given is None else str(self.value(given))


DEFAULT: Final = Deployment()


@cache
def resource_variables(function: str) -> Mapping[str, str]:
    """The variables by which a function of this logical name, such as Check, knows resources, and their names."""
    written = template()["Resources"][f"{function}Function"]["Properties"]["Environment"]["Variables"]
    naming = {name: each for name, each in written.items() if set(references(each)) & set(template()["Resources"])}
    return {name: str(DEFAULT.value(each)) for name, each in naming.items()}
