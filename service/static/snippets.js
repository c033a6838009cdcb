/* The request that is shown, as a reader would write it. */

import { address, apiKey } from "./api.js";

const DEFAULTS = { person_threshold: 0.3, keypoint_threshold: 0.2, flip_test: false };

/* `name` is the photograph's, `options` are as REST takes them, `grpcPort` is null if it is not known. */
export function snippets(name, options, grpcPort) {
  const chosen = Object.fromEntries(Object.entries(options).filter(([key, value]) => DEFAULTS[key] !== value));
  return { curl: curl(name, chosen), python: python(name, chosen), grpcurl: grpcurl(name, chosen, grpcPort) };
}

function curl(name, options) {
  const query = new URLSearchParams(options).toString();
  const key = apiKey() ? ` -H "Authorization: Bearer $FASTERPOSE_KEY"` : "";
  return `curl${key} -F image=@${shell(name)} ${shell(address("v1/pose") + (query && `?${query}`))}`;
}

function python(name, options) {
  const values = Object.entries(options).map(([key, value]) => `"${key}": ${value === true ? '"true"' : value}`);
  return [
    ...(apiKey() ? ["import os", ""] : []),
    "import httpx",
    "",
    `with open(${JSON.stringify(name)}, "rb") as photo:`,
    "    answer = httpx.post(",
    `        "${address("v1/pose")}",`,
    ...(values.length ? [`        params={${values.join(", ")}},`] : []),
    ...(apiKey() ? ['        headers={"Authorization": f"Bearer {os.environ[\'FASTERPOSE_KEY\']}"},'] : []),
    '        files={"image": photo},',
    "        timeout=60,",
    "    )",
    'for person in answer.raise_for_status().json()["results"]:',
    '    x, y, score = person["keypoints"][:3]  # the first keypoint',
    '    print(f"score {person[\'score\']:.2f}, first keypoint at ({x}, {y}) with {score:.2f}")',
  ].join("\n");
}

/* The photograph goes through a pipe: it would be too long for an argument. */
function grpcurl(name, options, port) {
  const message = `{"images": [{"data": "%s"}], "options": ${JSON.stringify(options)}}`;
  const plain = location.protocol === "https:" ? "" : " -plaintext";
  const key = apiKey() ? ` -H "authorization: Bearer $FASTERPOSE_KEY"` : "";
  return `printf '${message}' "$(base64 < ${shell(name)} | tr -d '\\n')" |\n` +
    `  grpcurl${plain}${key} -d @ ${location.hostname}:${port ?? "GRPC_PORT"} fasterpose.v1.PoseService/Estimate`;
}

function shell(text) {
  return /^[\w./:@=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
