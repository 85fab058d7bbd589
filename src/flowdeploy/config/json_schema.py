"""The JSON Schema of the file, for editors."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from flowdeploy.config.models import ConfigFile
from flowdeploy.units import Portion


def schema() -> dict[str, Any]:
    """JSON Schema, draft 2020-12, of the whole file."""
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        **ConfigFile.model_json_schema(schema_generator=_AsWritten),
        "title": "flowdeploy: config/instances.yaml",
    }


class _AsWritten(GenerateJsonSchema):
    """Describes the file as it is written: shares are text, and null is not allowed."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if schema.get("default") is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)

    def encode_default(self, dft: Any) -> Any:
        return str(dft) if isinstance(dft, Portion) else super().encode_default(dft)
