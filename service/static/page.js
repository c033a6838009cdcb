import { draw } from "./draw.js";

const SENT_PERSON_THRESHOLD = 0.1; // ask for more people than are shown, so that the slider acts at once
const element = (id) => document.getElementById(id);
const state = { skeleton: null, picture: null, name: "photo.jpg", blob: null, response: null, chosen: null, sent: 0 };

async function loadModels() {
  const response = await fetch("v1/models");
  if (response.status === 503) return setTimeout(loadModels, 500);
  const { models } = await response.json();
  const pose = models.find((model) => model.task === "pose");
  state.skeleton = { names: pose.keypoint_names, edges: pose.skeleton };
  element("models").textContent = models
    .map((model) => `${model.name} ${model.version}: ${model.runtime} ${model.precision} on ${model.device}`)
    .join(" · ");
  redraw();
}

async function open(blob, name) {
  state.blob = blob;
  state.name = name;
  state.response = null;
  state.chosen = null;
  try {
    state.picture = await createImageBitmap(blob, { imageOrientation: "from-image" });
  } catch {
    state.picture = null; // a type that this browser does not show, the server may
  }
  redraw();
  await send();
}

async function send() {
  if (!state.blob) return;
  const number = ++state.sent;
  element("busy").hidden = false;
  element("message").textContent = "";
  try {
    const response = await fetch(`v1/pose?${query(SENT_PERSON_THRESHOLD)}`, {
      method: "POST",
      headers: { "Content-Type": state.blob.type.startsWith("image/") ? state.blob.type : "application/octet-stream" },
      body: state.blob,
    });
    const answer = await response.json();
    if (number !== state.sent) return; // a newer photograph is under way
    if (response.ok) state.response = answer;
    else element("message").textContent = `${answer.title}: ${answer.detail}`;
  } catch (error) {
    if (number === state.sent) element("message").textContent = `The server cannot be reached: ${error.message}`;
  } finally {
    if (number === state.sent) element("busy").hidden = true;
  }
  redraw();
}

function query(personThreshold) {
  const options = new URLSearchParams({ person_threshold: personThreshold });
  if (element("keypoint-threshold").value !== "0.2") options.set("keypoint_threshold", element("keypoint-threshold").value);
  if (element("flip").checked) options.set("flip_test", "true");
  return options.toString();
}

function people() {
  const least = Number(element("person-threshold").value);
  return (state.response?.results ?? []).filter((person) => person.bbox_score >= least);
}

function redraw() {
  const shown = people();
  element("person-value").textContent = Number(element("person-threshold").value).toFixed(2);
  element("keypoint-value").textContent = Number(element("keypoint-threshold").value).toFixed(2);
  element("count").textContent = shown.length;
  element("nobody").hidden = shown.length > 0;
  element("nobody").textContent = state.response ? "Nobody found above this score." : "None yet.";
  element("people").replaceChildren(...shown.map(personEntry));
  const file = /^[\w.-]+$/.test(state.name) ? state.name : `'${state.name.replaceAll("'", "'\\''")}'`;
  const options = query(element("person-threshold").value);
  element("curl").textContent = `curl -F image=@${file} '${new URL("v1/pose", document.baseURI)}?${options}'`;
  showResponse();
  showPicture(shown);
}

function showResponse() {
  const { response } = state;
  element("save-json").disabled = element("save-image").disabled = !response;
  if (!response) return;
  const { decode, detect, queue, estimate, total } = response.timings_ms;
  element("timings").textContent =
    `${total} ms on the server: decode ${decode}, detect ${detect}, estimate ${estimate}, waiting ${queue}`;
  element("json").textContent = JSON.stringify(response, null, 1).replace(/\[\s+([-\d.,\s]+?)\s+\]/g, (_, numbers) =>
    `[${numbers.replace(/\s+/g, " ")}]`);
}

function showPicture(shown) {
  const canvas = element("canvas");
  const size = state.response?.images[0] ?? state.picture;
  canvas.hidden = !size;
  element("invitation").hidden = Boolean(size);
  element("drop").classList.toggle("filled", Boolean(size));
  if (!size) return;
  draw(canvas, state.picture, size, shown, state.skeleton, {
    keypointThreshold: Number(element("keypoint-threshold").value),
    boxes: element("boxes").checked,
    chosen: state.chosen,
  });
}

function personEntry(person, index) {
  const button = document.createElement("button");
  const meter = document.createElement("meter");
  const label = document.createElement("span");
  const score = document.createElement("b");
  label.textContent = index + 1;
  meter.value = person.score;
  score.textContent = person.score.toFixed(2);
  button.append(label, meter, score);
  button.title = `Box score ${person.bbox_score.toFixed(2)}, person score ${person.score.toFixed(2)}`;
  button.setAttribute("aria-label", `Person ${index + 1}, score ${person.score.toFixed(2)}`);
  button.setAttribute("aria-pressed", String(state.chosen === person));
  button.addEventListener("click", () => {
    state.chosen = state.chosen === person ? null : person;
    redraw();
    element("people").children[index]?.firstElementChild.focus();
  });
  const entry = document.createElement("li");
  entry.append(button);
  return entry;
}

function save(blob, suffix) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = state.name.replace(/\.\w+$/, "") + suffix;
  link.click();
  URL.revokeObjectURL(link.href);
}

function takeFile(file) {
  if (file) open(file, file.name || "photo.png");
}

const drop = element("drop");
drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  takeFile(event.dataTransfer.files[0]);
});
addEventListener("paste", (event) => takeFile(event.clipboardData.files[0]));
element("file").addEventListener("change", (event) => { takeFile(event.target.files[0]); event.target.value = ""; });
for (const id of ["person-threshold", "keypoint-threshold", "boxes"]) element(id).addEventListener("input", redraw);
element("keypoint-threshold").addEventListener("change", send); // the scores of people follow it
element("flip").addEventListener("change", send);
for (const button of document.querySelectorAll("[data-sample]")) {
  button.addEventListener("click", async () => {
    const response = await fetch(button.dataset.sample);
    open(await response.blob(), button.dataset.sample.split("/").pop());
  });
}
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(element(button.dataset.copy).textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1200);
  });
}
element("save-json").addEventListener("click", () =>
  save(new Blob([JSON.stringify(state.response)], { type: "application/json" }), ".json"));
element("save-image").addEventListener("click", () => element("canvas").toBlob((blob) => save(blob, "-pose.png")));

redraw();
loadModels();
