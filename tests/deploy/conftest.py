"""The application on stand-in networks, as in the tests of the service."""

from tests.service.conftest import app, client, photo, scene

__all__ = ["app", "client", "photo", "scene"]
