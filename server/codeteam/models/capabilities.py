"""What AutoGen is told that a model can do."""

from __future__ import annotations

from autogen_core.models import ModelInfo

from codeteam.models.table import Facts


def model_info(facts: Facts) -> ModelInfo:
    return ModelInfo(
        vision=False,
        function_calling=False,
        json_output=facts.json_output,
        structured_output=facts.structured_output,
        family="unknown",
        multiple_system_messages=False,
    )
