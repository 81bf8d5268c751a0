"""Prints a template as CloudFormation gets it: loops written out, SAM's resources translated. Run by SAM's interpreter.

.tools/sam/bin/python tests/cloudformation/expand.py template.yaml

A local CodeUri is replaced, as by `sam validate`, by one that says s3://bucket/value.
"""

import json
import sys
from pathlib import Path
from unittest.mock import MagicMock

from samcli.lib.translate.sam_template_validator import SamTemplateValidator  # type: ignore[import-not-found]
from samcli.yamlhelper import yaml_parse  # type: ignore[import-not-found]

REGION, ACCOUNT, STACK = "eu-central-1", "123456789012", "millicent"


def expanded(template: str) -> str:
    """As JSON. Raises samcli's InvalidSamDocumentException."""
    validator = SamTemplateValidator(
        yaml_parse(template),
        MagicMock(),
        region=REGION,
        parameter_overrides={"AWS::StackName": STACK, "AWS::Region": REGION, "AWS::AccountId": ACCOUNT},
        language_extensions_enabled=True,
    )
    translated: str = validator.get_translated_template_if_valid()
    return translated


if __name__ == "__main__":
    sys.stdout.write(json.dumps(yaml_parse(expanded(Path(sys.argv[1]).read_text()))))
