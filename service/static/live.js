/* The camera, streamed over a WebSocket: the newest picture is sent as soon as an answer makes room for it. */

import { openStream, Problem, unreachable } from "./api.js";
import { make } from "./dom.js";

const MOST_UNANSWERED = 2; // one travels while the other is computed
const LONGEST_SIDE = 640, JPEG_QUALITY = 0.85;
const MOST_TRIES = 5, FIRST_WAIT_MS = 500, GOING_AWAY = new Set([1001, 1006, 1012, 1013]);
const SHOWN_LATENCIES = 15;

const CAMERA_HELP = {
  NotAllowedError: ["The browser keeps the camera from this page.", "Allow it beside the address of this page, then start again."],
  NotFoundError: ["There is no camera.", "Plug one in, then start again."],
  NotReadableError: ["The camera is in use.", "Close the other program that uses it, then start again."],
};

export class Live {
  /* `on.frame({picture, blob, response, fps, latency})` for each answer, `on.problem(problem)` for one that failed,
     `on.end(problem or null)` once, `on.wait(text)` while the server is asked again. */
  constructor(video, options, on) {
    this.video = video;
    this.options = options;
    this.on = on;
    this.scratch = make("canvas");
    this.tries = 0;
    this.ended = false;
  }

  async start() {
    try {
      this.media = await openCamera();
      if (this.ended) return this.release(); // stopped while the browser asked
      this.video.srcObject = this.media;
      await this.video.play();
    } catch (error) {
      return this.end(cameraProblem(error));
    }
    this.media.getVideoTracks()[0].addEventListener("ended", () => this.end(cameraProblem({ name: "NotFoundError" })));
    this.connect();
    this.watch();
  }

  stop() {
    this.end(null);
  }

  /* Options for the frames from now on. */
  change(options) {
    this.options = options;
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(options));
  }

  connect() {
    this.unanswered = [];
    this.answers = [];
    this.lastProblem = null;
    this.encoding = false;
    const socket = openStream(this.options);
    this.socket = socket;
    socket.addEventListener("message", (event) => { if (socket === this.socket) this.receive(JSON.parse(event.data)); });
    socket.addEventListener("close", (event) => { if (socket === this.socket) this.closed(event.code); });
  }

  /* A new picture of the camera: only the newest is kept. */
  watch() {
    if (this.ended) return;
    const next = this.video.requestVideoFrameCallback?.bind(this.video) ?? requestAnimationFrame;
    next(() => {
      this.fresh = true;
      this.send();
      this.watch();
    });
  }

  async send() {
    const room = this.socket.readyState === WebSocket.OPEN && this.unanswered.length < MOST_UNANSWERED;
    if (!room || !this.fresh || this.encoding || this.ended) return;
    this.encoding = true;
    this.fresh = false;
    const socket = this.socket;
    const frame = await this.take();
    if (socket !== this.socket || this.ended) return;
    this.encoding = false;
    this.unanswered.push(frame);
    socket.send(frame.blob);
    this.send();
  }

  async take() {
    const sent = performance.now();
    const { videoWidth, videoHeight } = this.video;
    const scale = Math.min(1, LONGEST_SIDE / Math.max(videoWidth, videoHeight));
    this.scratch.width = Math.round(videoWidth * scale);
    this.scratch.height = Math.round(videoHeight * scale);
    this.scratch.getContext("2d").drawImage(this.video, 0, 0, this.scratch.width, this.scratch.height);
    const [picture, blob] = await Promise.all([
      createImageBitmap(this.scratch),
      new Promise((resolve) => this.scratch.toBlob(resolve, "image/jpeg", JPEG_QUALITY)),
    ]);
    return { picture, blob, sent };
  }

  receive(answer) {
    if (answer.type && answer.image_id === undefined) { // the last word before the server closes
      this.lastProblem = new Problem(answer);
      return;
    }
    const frame = this.unanswered.shift();
    if (answer.type) {
      this.on.problem(new Problem(answer));
    } else {
      this.tries = 0;
      const now = performance.now();
      this.answers = [...this.answers.filter((each) => now - each.at < 1000), { at: now, latency: now - frame.sent }];
      this.on.frame({ picture: frame.picture, blob: frame.blob, response: answer, ...this.speed() });
    }
    this.send();
  }

  speed() {
    const span = this.answers.at(-1).at - this.answers[0].at;
    const latencies = this.answers.slice(-SHOWN_LATENCIES).map((each) => each.latency).sort((a, b) => a - b);
    return {
      fps: span > 0 ? (1000 * (this.answers.length - 1)) / span : 0,
      latency: latencies[Math.floor(latencies.length / 2)],
    };
  }

  closed(code) {
    if (this.ended) return;
    if (!GOING_AWAY.has(code) || this.tries >= MOST_TRIES) {
      this.end(this.lastProblem ?? unreachable());
      return;
    }
    this.on.wait(this.lastProblem?.title ?? "Connecting again");
    setTimeout(() => { if (!this.ended) this.connect(); }, FIRST_WAIT_MS * 2 ** this.tries++);
  }

  end(problem) {
    if (this.ended) return;
    this.ended = true;
    this.release();
    this.socket?.close(1000);
    this.on.end(problem);
  }

  release() {
    this.media?.getTracks().forEach((track) => track.stop());
    this.video.srcObject = null;
  }
}

async function openCamera() {
  if (!navigator.mediaDevices) throw { name: "InsecureError" };
  return navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 }, facingMode: "user" } });
}

function cameraProblem(error) {
  if (error.name === "InsecureError") {
    return new Problem({ title: "This page may not use a camera.", detail: "Browsers allow it on https and on localhost only." },
      "Open http://localhost on the machine of the server, or start the server with --tls-cert and --tls-key.");
  }
  const [title, help] = CAMERA_HELP[error.name] ?? ["The camera does not start.", "Try another one, or another browser."];
  return new Problem({ title, detail: CAMERA_HELP[error.name] ? "" : String(error.message ?? "") }, help);
}
