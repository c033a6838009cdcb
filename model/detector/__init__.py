"""Training, measuring and export of the person detector, with ultralytics (AGPL-3.0).

Ultralytics looks for a network connection when it is imported, to send usage events and to fetch weights.
Nothing here needs either, so it is told that there is none.
"""

import os

os.environ.setdefault("YOLO_OFFLINE", "True")
