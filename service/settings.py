"""The settings of the service and where they come from.

A flag wins over the environment (FASTERPOSE_<NAME>), the environment over the TOML file of `--config`,
and that over the default. Unknown keys are errors.
"""

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

ENV_PREFIX = "FASTERPOSE_"
NOT_SETTINGS = {"FASTERPOSE_CONFIG", "FASTERPOSE_REQUIRE_BROWSER", "FASTERPOSE_REQUIRE_SHARED"}
"""The name of the TOML file itself, and switches of the tests."""

LONGEST_TIMEOUT_MS = 3_600_000

RuntimeKind = Literal["openvino", "torch"]
RuntimeChoice = Literal["auto", "openvino", "torch"]
PrecisionChoice = Literal["auto", "fp32", "bf16", "fp16", "int8"]
LogFormat = Literal["text", "json"]
WhenLost = Literal["exit", "retry"]


class SettingsError(ValueError):
    """A setting that cannot be used; the message names it and what to write instead."""


class ServiceSettings(BaseSettings):
    """All settings of the service; preprocessing is not among them, the bundle's spec decides it."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, extra="forbid", frozen=True)

    host: str = Field(default="127.0.0.1", description="Address to listen on; 0.0.0.0 lets other machines in.")
    http_port: int = Field(default=8000, ge=0, le=65535, description="HTTP port; 0 takes a free one.")
    grpc_port: int = Field(default=8001, ge=0, le=65535, description="gRPC port; 0 takes a free one.")
    model: str = Field(
        default="fast", description="Pose bundle: fast or accurate, name of an embedded one, or a folder."
    )
    detector: str = Field(
        default="person-detector", description="Detector bundle: name of an embedded one, or a folder."
    )
    runtime: RuntimeChoice = Field(
        default="auto", description="What runs the networks: openvino, torch, or auto: torch on CUDA, else openvino."
    )
    precision: PrecisionChoice = Field(
        default="auto",
        description="fp32, bf16, fp16, int8 or auto: the fastest whose measured AP is within 0.5 points of fp32's.",
    )
    device: str = Field(default="cpu", description="Devices of the runtime, for example cpu or cuda:0,cuda:1.")
    threads: int = Field(
        default=0, ge=0, description="CPU threads that compute a network, of all streams together; 0: one per core."
    )
    streams: int = Field(default=0, ge=0, description="Batches computed at the same time on a device; 0: two.")
    log_format: LogFormat = Field(default="text", description="Form of the log lines: text or json.")
    max_header_bytes: int = Field(
        default=32 * 2**10, gt=0, description="Largest request line and headers of HTTP together, bytes."
    )
    read_timeout_s: int = Field(
        default=10,
        gt=0,
        description="Time in which the head of a request has to be there, and in which its body has to bring 1 KiB a "
        "second, s.",
    )
    keep_alive_s: int = Field(
        default=75,
        gt=0,
        description="Time that a connection may be idle between requests, s; longer than that of a balancer before the "
        "server, so that only the balancer closes it.",
    )
    max_body_bytes: int = Field(default=64 * 2**20, gt=0, description="Largest request body, bytes.")
    grpc_max_message_bytes: int = Field(
        default=32 * 2**20, gt=0, lt=2**31, description="Largest gRPC message, either way, bytes."
    )
    grpc_stream_window: int = Field(
        default=4, gt=0, description="Frames of one gRPC stream in work at once; the next is read when one is answered."
    )
    stream_window: int = Field(
        default=4,
        gt=0,
        description="Frames of one WebSocket in work at once; the next waits for an answer.",
    )
    max_streams: int = Field(default=64, gt=0, description="Most WebSockets open at a time; more are turned away.")
    max_pixels: int = Field(default=64_000_000, gt=0, description="Largest image, pixels.")
    max_images: int = Field(default=32, gt=0, description="Most images in one request.")
    max_boxes: int = Field(default=100, gt=0, description="Most boxes given for one image.")
    max_in_flight: int = Field(default=256, gt=0, description="Most requests in flight; more are answered 429.")
    max_in_flight_bytes: int = Field(
        default=512 * 2**20, gt=0, description="Most bytes of request bodies in flight; more are answered 429."
    )
    max_queue_ms: int = Field(
        default=500,
        ge=0,
        description="Longest that a request may have to wait, estimated from the pace of the last ones, ms; who would "
        "wait longer is answered 429. 0: any time.",
    )
    max_queue_items: int = Field(default=2048, gt=0, description="Most images or people that wait for a model.")
    max_queue_bytes: int = Field(default=256 * 2**20, gt=0, description="Most bytes of them.")
    detector_batch: int = Field(
        default=0, ge=0, le=1024, description="Largest batch of the detector, images; 0: measured at the start."
    )
    pose_batch: int = Field(
        default=0, ge=0, le=1024, description="Largest batch of the pose network, people; 0: measured at the start."
    )
    timeout_ms: int = Field(
        default=30_000, gt=0, le=LONGEST_TIMEOUT_MS, description="Deadline of a request that names none, ms."
    )
    drain_s: int = Field(default=30, ge=0, description="Time that requests in flight get to finish after SIGTERM, s.")
    when_lost: WhenLost = Field(
        default="exit",
        description="When a device is lost to this process, as after an error of CUDA: exit with code 75, so that what "
        "runs the server starts it anew, or retry: stay, not ready, and try to open it again.",
    )
    drain_delay_s: int = Field(
        default=0,
        ge=0,
        description="Time after SIGTERM in which new requests are still let in while readiness is off, "
        "so that balancers learn of it first, s.",
    )
    tls_cert: Path | None = Field(
        default=None, description="Certificate chain, a PEM file; with it HTTP and gRPC speak TLS only."
    )
    tls_key: Path | None = Field(default=None, description="Private key of --tls-cert, a PEM file without password.")
    tls_client_ca: Path | None = Field(
        default=None, description="PEM file of the authorities whose client certificates are let in, and no one else."
    )
    keys_file: Path | None = Field(
        default=None, description="File of API keys, made by `fasterpose keys new`; with it every caller needs one."
    )
    metrics_key: bool = Field(default=False, description="Whether GET /metrics needs a key with the scope metrics.")
    admin_port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="Port of /metrics and the admin routes, which the HTTP port then has no more; 0 takes a free one.",
    )
    admin_host: str = Field(default="127.0.0.1", description="Address that --admin-port listens on.")
    bundles_dir: Path | None = Field(
        default=None, description="Folder of bundles that an admin key may load beside the embedded ones."
    )
    cors_origins: str = Field(
        default="", description="Origins whose pages may call, for example https://a.example,https://b.example."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic passes it by name
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic passes it by name
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, environment, TOML file; no .env and no secrets folder."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load_settings(flags: Mapping[str, object], config: Path | None, environment: Mapping[str, str]) -> ServiceSettings:
    """The settings from all sources.

    Args:
        flags: what the command line gave; a value of None was not given.
        config: the TOML file, if any.
        environment: the process environment, looked through for unknown names.

    Raises:
        SettingsError: a file that cannot be read, an unknown key, a wrong value.
    """
    _check_environment(environment)
    _check_file(config)

    class FileSettings(ServiceSettings):
        model_config = SettingsConfigDict(toml_file=config)

    given: dict[str, Any] = {name: value for name, value in flags.items() if value is not None}
    try:
        return FileSettings(**given)
    except ValidationError as error:
        raise SettingsError(_describe(error)) from error


def picklable(settings: ServiceSettings) -> ServiceSettings:
    """The same settings for another process: those that were read from sources are of a class without a name there."""
    return ServiceSettings.model_construct(**settings.model_dump())


def _check_environment(environment: Mapping[str, str]) -> None:
    for name in environment:
        upper = name.upper()
        if upper.startswith(ENV_PREFIX) and upper not in NOT_SETTINGS:
            _check_key(upper.removeprefix(ENV_PREFIX).lower(), name, ENV_PREFIX)


def _check_file(config: Path | None) -> None:
    if config is None:
        return
    try:
        content = tomllib.loads(config.read_text())
    except OSError as error:
        raise SettingsError(f"the settings file {config} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"the settings file {config} is not valid TOML: {error}") from error
    for key in content:
        _check_key(key, f"{key} in {config}", "")


def _check_key(key: str, shown: str, prefix: str) -> None:
    known = list(ServiceSettings.model_fields)
    if key in known:
        return
    near = difflib.get_close_matches(key, known, n=1)
    names = near or known
    written = ", ".join(f"{prefix}{name.upper()}" if prefix else name for name in names)
    raise SettingsError(f"{shown} is not a setting; {'did you mean' if near else 'the settings are'} {written}")


def _describe(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0])
    flag = f"--{name.replace('_', '-')}, {ENV_PREFIX}{name.upper()} or {name} in the settings file"
    return f"setting {name} is {first['input']!r}: {first['msg']} (set by {flag})"
