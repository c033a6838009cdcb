"""`docs/rest.md`, from the OpenAPI description that a server shows at `/openapi.json`."""

import json
from collections.abc import Iterator
from typing import Any

from docs.site.markdown import joined, page, table
from service.app import create_app
from service.settings import ServiceSettings

INTRODUCTION = """
Every route of the HTTP port, from the description that the server itself shows: `/openapi.json` for programs,
`/docs` for people to try. [api.md](api.md) tells how it is meant, [errors.md](errors.md) what a refusal looks like.
Where the server has API keys, send `Authorization: Bearer KEY` or `X-API-Key: KEY`.
"""
Schema = dict[str, Any]


def rest_page() -> str:
    """The page, Markdown."""
    description = create_app(ServiceSettings()).openapi()
    schemas = description["components"]["schemas"]
    routes = [
        _route(method, path, operation)
        for path, operations in sorted(description["paths"].items(), key=_pose_first)
        for method, operation in operations.items()
    ]
    objects = [_object(name, schema) for name, schema in sorted(schemas.items())]
    return page("REST", INTRODUCTION, *routes, "## Objects", *objects)


def _pose_first(route: tuple[str, object]) -> tuple[bool, str]:
    return route[0] != "/v1/pose", route[0]


def _route(method: str, path: str, operation: Schema) -> str:
    parts = [
        f"## `{method.upper()} {path}`",
        f"**{operation['summary']}**",
        joined(operation.get("description", "")),
        _parameters(operation.get("parameters", [])),
        _body(operation.get("requestBody")),
        _responses(operation["responses"]),
    ]
    return "\n\n".join(part for part in parts if part)


def _parameters(parameters: list[Schema]) -> str:
    rows = [
        [f"`{each['name']}`", each["in"], _kind(schema), _default(schema), each.get("description", "")]
        for each in parameters
        for schema in [each.get("schema") or each["content"]["application/json"]["schema"]]
    ]
    return table(["parameter", "in", "values", "default", "what"], rows) if rows else ""


def _body(body: Schema | None) -> str:
    if body is None:
        return ""
    rows = [[f"`{media_type}`", _kind(content["schema"])] for media_type, content in body["content"].items()]
    return f"{body['description']}\n\n" + table(["Content-Type of the body", "what it is"], rows)


def _responses(responses: Schema) -> str:
    rows = [
        [status, _contents(response), _problem(response) or response["description"]]
        for status, response in sorted(responses.items())
    ]
    return table(["status", "answer", "what, or an example"], rows)


def _contents(response: Schema) -> str:
    kinds = {media_type: _kind(content.get("schema", {})) for media_type, content in response["content"].items()}
    return "; ".join(f"`{media_type}`: {kind}" for media_type, kind in kinds.items())


def _problem(response: Schema) -> str:
    content = response["content"].get("application/problem+json", {})
    return content["example"]["detail"] if "example" in content else ""


def _object(name: str, schema: Schema) -> str:
    required = schema.get("required", [])
    rows = [
        [f"`{field}`", _kind(part), "yes" if field in required else _default(part), part.get("description", "")]
        for field, part in schema.get("properties", {}).items()
    ]
    text = joined(schema.get("description", ""))
    return "\n\n".join([f"### {name}", text, table(["member", "values", "required, or default", "what"], rows)])


def _default(schema: Schema) -> str:
    return f"`{json.dumps(schema['default'])}`" if schema.get("default") is not None else ""


def _kind(schema: Schema) -> str:
    """What a value may be, in words."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(choice) for choice in _not_null(schema["anyOf"])))
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    return f"`{json.dumps(schema['const'])}`" if "const" in schema else _type(schema)


def _type(schema: Schema) -> str:
    match schema:
        case {"prefixItems": list(items)}:
            return f"[{', '.join(item['type'] for item in items)}]"  # bounds of each would fill half a column
        case {"type": "array"}:
            return f"list{_length(schema)} of {_kind(schema.get('items', {}))}"
        case {"type": "object", "additionalProperties": dict(values)}:
            return f"map to {_kind(values)}"
        case {"type": "object", "properties": dict(members)}:
            return "; ".join(f"`{name}`: {_kind(member)}" for name, member in members.items())
        case _:
            kind = "file" if schema.get("format") == "binary" else schema.get("type", "any")
            return kind + _range(schema)


def _not_null(choices: list[Schema]) -> Iterator[Schema]:
    return (choice for choice in choices if choice.get("type") != "null")


def _range(schema: Schema) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    words = [f"from {_number(least)}" if least is not None else "", f"to {_number(most)}" if most is not None else ""]
    return "".join(f" {word}" for word in words if word)


def _length(schema: Schema) -> str:
    least, most = schema.get("minItems"), schema.get("maxItems")
    return f" of {least}" if least == most and least else f", at least {least}," if least else ""


def _number(value: float) -> str:
    """As people write it; -2^63 in full would fill half a line."""
    return f"{value:,.0f}" if value == int(value) and abs(value) < 1e9 else f"{value:.3g}"
