"""The API description: OpenAPI with all body forms and errors, and a page for it that needs no other server."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.staticfiles import StaticFiles

from service import errors
from service.access.page_headers import page_headers, policy_with_inline_scripts
from service.inference.body import HEADER, InferBody
from service.schemas import CvatShape, JsonBody, Options, Problem

REFERENCE = "#/components/schemas/"
DESCRIPTION = """
`POST /v1/pose` takes a photograph and answers with people and their keypoints as a COCO results list.

Coordinates are pixels of the upright image (EXIF orientation applied), the origin at the top-left.
Every error is `application/problem+json` (RFC 9457) with a sentence that says what to do.
"""

KEY_ERRORS: dict[type[errors.ServiceError], str] = {
    errors.UnauthenticatedError: "This server asks for an API key: send Authorization: Bearer KEY or X-API-Key.",
    errors.ForbiddenError: "This key has no scope 'pose'; it has: metrics.",
}
"""Only where the server has API keys."""
POSE_ERRORS: dict[type[errors.ServiceError], str] = {
    **KEY_ERRORS,
    errors.InvalidImageError: "The JPEG file is truncated or corrupt; send the whole file.",
    errors.TooLargeError: "The image has 30000 x 30000 pixels; at most 64000000 are taken.",
    errors.UnsupportedMediaError: "Content-Type text/plain is not taken; send image/*, multipart/form-data or JSON.",
    errors.InvalidOptionError: "person_threshold: input should be less than or equal to 1",
    errors.OverloadedError: "256 requests are in flight, the most this server takes. Try again.",
    errors.UnavailableError: "The models are loading. GET /readyz says when they are ready.",
    errors.DeadlineExceededError: "The deadline of 30000 ms passed. Allow more with timeout_ms, or try later.",
}
LISTING_ERRORS: dict[type[errors.ServiceError], str] = {
    **KEY_ERRORS,
    errors.UnavailableError: "The models are loading. GET /readyz says when they are ready.",
}
MODEL_ERRORS: dict[type[errors.ServiceError], str] = {
    **KEY_ERRORS,
    errors.NotFoundError: "No model is called 'yolo'; loaded are: person-detector, fasterpose-r18.",
    errors.UnavailableError: "The models are loading. GET /readyz says when they are ready.",
}
LOAD_ERRORS: dict[type[errors.ServiceError], str] = {
    **KEY_ERRORS,
    errors.NotFoundError: "There is no bundle of that name that may be loaded. There is: fasterpose-r18.",
    errors.NotLoadedError: "my-pose: bundle my-pose lacks model.onnx, which its spec names; export it again. "
    "What served before still does.",
    errors.UnavailableError: "The models are loading. GET /readyz says when they are ready.",
}
HEALTH_ERRORS: dict[type[errors.ServiceError], str] = {errors.UnavailableError: "The server is loading."}
INFER_ERRORS = {**POSE_ERRORS, **MODEL_ERRORS}
ROUTE_ERRORS = {
    "/v1/pose": POSE_ERRORS,
    "/v1/models": LISTING_ERRORS,
    "/v1/models/{name}/load": LOAD_ERRORS,
    "/metrics": KEY_ERRORS,
    "/v1/models/{name}": MODEL_ERRORS,
    "/v2": KEY_ERRORS,
    "/v2/models/{name}": MODEL_ERRORS,
    "/v2/models/{name}/versions/{version}": MODEL_ERRORS,
    "/v2/models/{name}/ready": MODEL_ERRORS,
    "/v2/models/{name}/versions/{version}/ready": MODEL_ERRORS,
    "/v2/models/{name}/infer": INFER_ERRORS,
    "/v2/models/{name}/versions/{version}/infer": INFER_ERRORS,
    "/readyz": HEALTH_ERRORS,
    "/v2/health/ready": HEALTH_ERRORS,
}
INFER_PATHS = [path for path, errors_of in ROUTE_ERRORS.items() if errors_of is INFER_ERRORS]


def add_docs(app: FastAPI) -> None:
    """Serve `/openapi.json` and `/docs`, the latter with the Swagger UI files of the package fastapi-offline."""
    app.mount("/docs/assets", StaticFiles(packages=[("fastapi_offline", "static")]), name="docs-assets")

    page = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="FasterPose API",
        swagger_js_url="/docs/assets/swagger-ui-bundle.js",
        swagger_css_url="/docs/assets/swagger-ui.css",
        swagger_favicon_url="/static/icon.svg",
    )
    page.headers.update(page_headers(policy_with_inline_scripts(bytes(page.body).decode())))

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return page

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = describe(app)
        return app.openapi_schema

    app.openapi = openapi  # FastAPI's documented way to extend the description


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI description."""
    schema = get_openapi(
        title=app.title, version=app.version, summary=app.summary, description=DESCRIPTION, routes=app.routes
    )
    components = schema["components"]["schemas"]
    components.update(_component_schemas(JsonBody, Options, Problem, CvatShape, InferBody))
    for name in ("HTTPValidationError", "ValidationError"):
        components.pop(name, None)
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            operation["responses"].pop("422", None)
            operation["responses"].update(_error_responses(ROUTE_ERRORS.get(path, {})))
    _describe_pose(schema["paths"]["/v1/pose"]["post"], components)
    for path in INFER_PATHS:
        _describe_infer(schema["paths"][path]["post"])
    _describe_metrics(schema["paths"]["/metrics"]["get"])
    _describe_keys(schema)
    return schema


def _component_schemas(*models: type[BaseModel]) -> dict[str, Any]:
    modes = [(model, "validation") for model in models]
    _, definitions = models_json_schema(modes, ref_template=REFERENCE + "{model}")  # pyright: ignore
    return definitions["$defs"]


def _error_responses(route_errors: dict[type[errors.ServiceError], str]) -> dict[str, Any]:
    return {str(error.status): _error_response(error, detail) for error, detail in route_errors.items()}


def _error_response(error: type[errors.ServiceError], detail: str) -> dict[str, Any]:
    example = error(detail).problem() | {"request_id": "8d5b0f8be66b4a3c"}
    content = {"schema": {"$ref": f"{REFERENCE}Problem"}, "example": example}
    return {"description": error.title, "content": {"application/problem+json": content}}


def _describe_pose(operation: dict[str, Any], components: dict[str, Any]) -> None:
    """Body forms and query parameters, which the route reads by hand: the raw form must not be buffered twice."""
    image = {"schema": {"type": "string", "format": "binary"}}
    parts = {
        "type": "object",
        "required": ["image"],
        "properties": {
            "image": {"type": "array", "items": {"type": "string", "format": "binary"}},
            "options": {"$ref": f"{REFERENCE}Options"},
        },
    }
    operation["requestBody"] = {
        "required": True,
        "description": "One image as raw bytes; one or more as parts `image`; or base64 in JSON.",
        "content": {
            "image/*": image,
            "application/octet-stream": image,
            "multipart/form-data": {"schema": parts, "encoding": {"options": {"contentType": "application/json"}}},
            "application/json": {"schema": {"$ref": f"{REFERENCE}JsonBody"}},
        },
    }
    properties = components["Options"]["properties"]
    operation["parameters"] = [_query_parameter(name, schema) for name, schema in properties.items()]
    forms = [
        {"$ref": f"{REFERENCE}PoseResponse"},
        {"type": "array", "title": "coco-results", "items": {"$ref": f"{REFERENCE}PoseResult"}},
        {"type": "array", "title": "cvat", "items": {"$ref": f"{REFERENCE}CvatShape"}},
    ]
    content = {"application/json": {"schema": {"anyOf": forms}}, "image/jpeg": image, "image/png": image}
    operation["responses"]["200"] = {"description": "The people, in the chosen `format`.", "content": content}


def _query_parameter(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A query parameter of forms 1 and 2; `boxes` is written as JSON."""
    common = {"name": name, "in": "query", "required": False, "description": schema.get("description", "")}
    if name == "boxes":
        return common | {"content": {"application/json": {"schema": schema}}}
    return common | {"schema": schema}


def _describe_infer(operation: dict[str, Any]) -> None:
    """Bodies of the binary data extension, which are JSON and then bytes."""
    binary = {"schema": {"type": "string", "format": "binary"}}
    operation["requestBody"] = {
        "required": True,
        "description": f"JSON; with the header {HEADER}, so many bytes of JSON and then the tensors' bytes.",
        "content": {
            "application/json": {"schema": {"$ref": f"{REFERENCE}InferBody"}},
            "application/octet-stream": binary,
        },
    }
    operation["responses"]["200"]["content"]["application/octet-stream"] = binary


def _describe_metrics(operation: dict[str, Any]) -> None:
    operation["responses"]["200"]["content"] = {"text/plain": {"schema": {"type": "string"}}}


def _describe_keys(schema: dict[str, Any]) -> None:
    """Two ways to send an API key; `{}` says that a server may ask for none."""
    schema["components"]["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "description": "An API key of this server."},
        "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    schema["security"] = [{}, {"bearer": []}, {"apiKey": []}]
