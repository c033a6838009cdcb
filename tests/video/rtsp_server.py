"""An RTSP server on loopback, GStreamer's: sends an H.264 film to each client from its beginning.

Runs in Debian's own Python (`apt-get install gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good`), which has the
bindings: rtsp_server.py FILM. Its port goes to stdout.
"""
# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402 - after the versions

Gst.init(None)
server, film = GstRtspServer.RTSPServer(), GstRtspServer.RTSPMediaFactory()
server.set_address("127.0.0.1")
server.set_service("0")
film.set_launch(f"( filesrc location={sys.argv[1]} ! qtdemux ! h264parse ! rtph264pay name=pay0 pt=96 )")
server.get_mount_points().add_factory("/film", film)
server.attach(None)
print(server.get_bound_port(), flush=True)  # noqa: T201 - the test reads it
GLib.MainLoop().run()
