/* What the page asks the server, and what to do where the server says no. */

const HELP = {
  "unauthenticated": "Whoever runs this server gives out keys. It is kept until you close this tab.",
  "forbidden": "Ask whoever runs this server for a key that may do this.",
  "invalid-image": "Open the file in a picture viewer and save it anew, then send that.",
  "unsupported-media": "Save the photograph as JPEG or PNG and send that.",
  "too-large": "Send a smaller photograph, or start the server with a higher limit (fasterpose serve --help).",
  "overloaded": "The server has more to do than it can. Wait a moment.",
  "rate-limited": "This key has used up what it may for now. Wait a moment.",
  "unavailable": "The server is not ready. Wait a moment.",
  "deadline-exceeded": "The server was too busy or too slow. Try again when it has less to do.",
  "internal": "Whoever runs this server finds the cause in its log.",
  "unreachable": "Is it still running? Start it with: make serve",
};
const MOST_TRIES = 3, LONGEST_WAIT_S = 10;
const keyStore = "fasterpose-key";

/* An error as the page shows it. */
export class Problem extends Error {
  constructor({ type = "", title, detail = "", request_id: requestId, retry_after: retryAfter }, help) {
    super(`${title}: ${detail}`);
    this.slug = type.split(":").pop();
    this.title = title;
    this.detail = requestId && this.slug === "internal" ? `${detail} Its id: ${requestId}.` : detail;
    this.retryAfter = retryAfter;
    this.help = help ?? HELP[this.slug] ?? "";
  }
}

export function unreachable() {
  return new Problem({ type: ":unreachable", title: "The server does not answer." });
}

export function apiKey() {
  try { return sessionStorage.getItem(keyStore) ?? ""; } catch { return ""; }
}

export function useKey(key) {
  try { sessionStorage.setItem(keyStore, key); } catch { /* it is asked for again */ }
}

export const address = (path) => new URL(path, document.baseURI);

/* A response that is a success; a busy server is asked again, as soon as it says. */
async function ask(path, request = {}, onWait = () => {}) {
  for (let attempt = 1; ; attempt++) {
    const headers = { ...request.headers, ...(apiKey() ? { Authorization: `Bearer ${apiKey()}` } : {}) };
    let response;
    try {
      response = await fetch(address(path), { ...request, headers });
    } catch {
      throw unreachable();
    }
    if (response.ok) return response;
    const problem = await readProblem(response);
    const loading = problem.slug === "unavailable";
    if (!(loading ? attempt < 60 : problem.slug === "overloaded" && attempt < MOST_TRIES)) throw problem;
    onWait(loading ? "The models are loading" : "The server is busy");
    await new Promise((resolve) => setTimeout(resolve, 1000 * Math.min(problem.retryAfter ?? 1, LONGEST_WAIT_S)));
  }
}

async function readProblem(response) {
  const retryAfter = Number(response.headers.get("Retry-After")) || undefined;
  try {
    return new Problem({ ...(await response.json()), retry_after: retryAfter });
  } catch {
    return new Problem({ title: `The server answered ${response.status}.`, retry_after: retryAfter });
  }
}

/* People of one photograph: the native response. */
export async function estimate(blob, options, onWait) {
  const query = new URLSearchParams(options);
  const response = await ask(`v1/pose?${query}`, { method: "POST", headers: { "Content-Type": mediaType(blob) }, body: blob }, onWait);
  return response.json();
}

/* The upright photograph as JPEG, for types that the browser cannot show: drawn by the server with nobody in it. */
export async function upright(blob) {
  const headers = { "Content-Type": mediaType(blob), Accept: "image/jpeg" };
  return (await ask("v1/pose?boxes=[]", { method: "POST", headers, body: blob })).blob();
}

export async function listModels(onWait) {
  return (await (await ask("v1/models", {}, onWait)).json()).models;
}

export async function serverFacts() {
  return (await ask("static/server.json")).json();
}

/* A WebSocket to stream frames over; a page may send a key only as a subprotocol. */
export function openStream(options) {
  const url = address(`v1/stream?${new URLSearchParams(options)}`);
  url.protocol = url.protocol.replace("http", "ws");
  return new WebSocket(url, apiKey() ? ["fasterpose.v1", `fasterpose-key.${apiKey()}`] : ["fasterpose.v1"]);
}

function mediaType(blob) {
  return blob.type.startsWith("image/") ? blob.type : "application/octet-stream";
}
