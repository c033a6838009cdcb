/* The page: what a visitor does, and what is shown for it. */

import { apiKey, listModels, Problem, serverFacts, useKey } from "./api.js";
import { copy, element, make, renderList, save } from "./dom.js";
import { draw, under } from "./draw.js";
import { readable, renderPeople } from "./list.js";
import { Live } from "./live.js";
import { renderModels } from "./models.js";
import { ASKED_PERSON_THRESHOLD, shownPeople, shownResponse } from "./people.js";
import { Photo } from "./photo.js";
import { snippets } from "./snippets.js";
import { renderTimes } from "./times.js";

const REACH = 14; // how near the pointer must come to a keypoint, pixels of the screen
const AT_ONCE = 2; // photographs of one drop that are asked for at the same time
const TABS = ["curl", "python", "grpcurl", "json"];

const state = {
  photos: [], current: null, // a Photo, or a live frame with the same name, blob, picture, size, response
  people: [], chosen: null, hovered: null,
  skeleton: null, grpcPort: null, live: null, tab: "curl", problem: null,
};

const thresholds = () => ({
  person: Number(element("person-threshold").value), keypoint: Number(element("keypoint-threshold").value),
});
const asked = () => ({ person_threshold: ASKED_PERSON_THRESHOLD, ...(element("flip").checked ? { flip_test: true } : {}) });

const askedLive = () => ({ ...asked(), ...(element("follow").checked ? { track: true, smooth: true } : {}) });

/* ---- what is shown ---- */

function render() {
  const { current } = state;
  const before = state.people.indexOf(state.chosen);
  state.people = shownPeople(current?.response, thresholds());
  state.chosen = state.people[before] ?? null; // the same place in the list, of the next frame too
  state.hovered = state.pointer ? whatIsUnder(state.pointer) : null;
  renderPicture();
  renderResults();
  renderStrip();
  renderTip();
}

function renderPicture() {
  const size = current()?.size;
  const canvas = element("canvas");
  canvas.hidden = !size;
  element("invitation").hidden = Boolean(size);
  element("stage").classList.toggle("filled", Boolean(size));
  if (!size) return;
  const scale = state.current.picture ? state.current.picture.width / size.width : 1;
  draw(canvas, state.current.picture, size, scale, state.people, state.skeleton, view());
  canvas.setAttribute("aria-label", `${state.current.name}: ${counted(state.people.length)}`);
}

const current = () => state.current;
const view = () => ({
  threshold: thresholds().keypoint, boxes: element("boxes").checked, chosen: state.chosen, hovered: state.hovered,
});

function renderResults() {
  const { response } = state.current ?? {};
  const { person, keypoint } = thresholds();
  for (const [name, value] of [["person", person], ["keypoint", keypoint]]) element(`${name}-value`).textContent = value.toFixed(2);
  element("count").textContent = state.people.length;
  element("nobody").hidden = state.people.length > 0;
  element("nobody").textContent = response ? "Nobody is as sure as that. Move the first slider to the left." : "They are listed here, the surest first.";
  renderPeople(state.people, { ...view(), skeleton: state.skeleton }, { choose, hover });
  renderTimes(response);
  for (const id of ["save-json", "save-image"]) element(id).disabled = !response;
  renderSnippet();
}

function renderSnippet() {
  const { person, keypoint } = thresholds();
  const options = { person_threshold: person, keypoint_threshold: keypoint, flip_test: element("flip").checked };
  const name = state.current?.blob ? state.current.name : "photo.jpg";
  const shown = { ...snippets(name, options, state.grpcPort), json: responseText() };
  if (element("snippet").textContent !== shown[state.tab]) element("snippet").textContent = shown[state.tab];
}

function responseText() {
  if (state.tab !== "json") return "";
  if (!state.current?.response) return "Choose a photograph first.";
  return JSON.stringify(shownResponse(state.current.response, thresholds()), null, 1)
    .replace(/\[\s+([-\d.,\s]+?)\s+\]/g, (_, numbers) => `[${numbers.replace(/\s+/g, " ")}]`);
}

function renderStrip() {
  const strip = element("strip");
  strip.hidden = state.photos.length < 2 || Boolean(state.live);
  renderList(strip, strip.hidden ? [] : state.photos, createThumbnail, (entry, photo) => {
    const [canvas, label] = entry.firstElementChild.children;
    entry.photo = photo;
    if (photo.picture && entry.drawn !== photo.picture) drawThumbnail(canvas, photo.picture);
    entry.drawn = photo.picture;
    label.textContent = photo.busy ? "…" : photo.problem ? "!" : shownPeople(photo.response, thresholds()).length;
    label.classList.toggle("bad", Boolean(photo.problem));
    const said = photo.busy ? "being answered" : photo.problem ? "failed" : counted(Number(label.textContent));
    entry.firstElementChild.setAttribute("aria-label", `${photo.name}, ${said}`);
    entry.firstElementChild.setAttribute("aria-current", String(photo === state.current));
  });
}

function createThumbnail() {
  const button = make("button", { type: "button" }, make("canvas", { width: 128, height: 128 }), make("span"));
  const entry = make("li", {}, button);
  button.addEventListener("click", () => show(entry.photo));
  return entry;
}

function drawThumbnail(canvas, picture) {
  const side = Math.min(picture.width, picture.height);
  const [x, y] = [(picture.width - side) / 2, (picture.height - side) / 4];
  canvas.getContext("2d").drawImage(picture, x, y, side, side, 0, 0, canvas.width, canvas.height);
}

function renderTip() {
  const { hovered } = state;
  const tip = element("tip");
  tip.hidden = !hovered || !state.pointer;
  if (tip.hidden) return;
  const person = `Person ${state.people.indexOf(hovered.person) + 1}`;
  tip.textContent = hovered.point ? `${readable(hovered.name)} ${hovered.point.score.toFixed(2)}` : `${person} ${hovered.person.score.toFixed(2)}`;
  const stage = element("stage").getBoundingClientRect();
  const [x, y] = [state.pointer.clientX - stage.left, state.pointer.clientY - stage.top];
  tip.style.left = `${Math.min(x + 14, stage.width - tip.offsetWidth - 8)}px`;
  tip.style.top = `${Math.max(y - tip.offsetHeight - 10, 8)}px`;
}

function say(text) {
  element("status").textContent = text;
}

function showProblem(problem) {
  state.problem = problem;
  element("problem").hidden = !problem;
  if (!problem) return;
  say("");
  element("problem-title").textContent = problem.title.endsWith(".") ? problem.title : `${problem.title}.`;
  element("problem-detail").textContent = problem.detail;
  element("problem-help").textContent = problem.help;
  element("key-form").hidden = problem.slug !== "unauthenticated";
  element("again").hidden = problem.slug === "unauthenticated";
}

function wait(text) {
  element("busy").hidden = !text;
  if (text) element("busy-text").textContent = text;
}

const counted = (number) => (number === 0 ? "nobody" : number === 1 ? "1 person" : `${number} people`);

/* ---- photographs ---- */

async function add(files) {
  const images = [...files];
  if (!images.length) return;
  state.live?.stop();
  const photos = images.map((file) => new Photo(file.name || "photo.png", file));
  state.photos.push(...photos);
  show(photos[0]);
  const waiting = [...photos];
  const worker = async () => { for (let photo; (photo = waiting.shift());) await load(photo); };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

async function load(photo) {
  await photo.open();
  if (photo === state.current) render();
  await answer(photo);
}

async function answer(photo) {
  const done = photo.answer(asked(), (text) => { if (photo === state.current) wait(text); });
  if (photo === state.current) announce(photo);
  await done;
  if (photo === state.current) announce(photo);
  render();
}

function show(photo) {
  state.current = photo;
  state.chosen = state.hovered = state.pointer = null;
  announce(photo);
  render();
}

function announce(photo) {
  wait(photo.busy ? "Finding people" : null);
  showProblem(photo.problem);
  if (photo.busy) return say("");
  if (!photo.problem) {
    const found = shownPeople(photo.response, thresholds()).length;
    say(`${found ? counted(found) : "Nobody"} in ${photo.name}.`);
  }
}

/* Ask again for all photographs: an option changed that only the server can follow. */
async function askAgain() {
  state.live?.change(askedLive());
  for (const photo of state.photos) await answer(photo);
}

/* ---- the camera ---- */

function toggleLive() {
  if (state.live) state.live.stop();
  else startLive();
}

function startLive() {
  showProblem(null);
  say("");
  wait("Starting the camera");
  state.live = new Live(element("video"), askedLive(), { frame: showFrame, problem: showProblem, end: endLive, wait });
  showLive(true);
  state.live.start();
}

function showFrame({ picture, blob, response, fps, latency }) {
  wait(null);
  if (state.problem) showProblem(null);
  if (state.current?.live) state.current.picture.close();
  state.current = { name: "camera.jpg", live: true, picture, blob, response, size: response.images[0] };
  element("fps").textContent = fps.toFixed(0);
  element("latency").textContent = ` · ${latency.toFixed(0)} ms`;
  element("speed").hidden = false;
  if (!element("status").textContent) say("The camera is live.");
  render();
}

function endLive(problem) {
  state.live = null;
  showLive(false);
  wait(null);
  element("speed").hidden = true;
  if (problem) showProblem(problem);
  else say(state.current?.live ? "The camera is off; its last picture stays." : "");
  render();
}

function showLive(on) {
  element("live").setAttribute("aria-pressed", String(on));
  element("live-text").textContent = on ? "Stop the camera" : "Live camera";
}

/* ---- the pointer, the list and the keys ---- */

function whatIsUnder(event) {
  const canvas = element("canvas");
  const bounds = canvas.getBoundingClientRect();
  const { size } = state.current ?? {};
  if (!size || !bounds.width) return null;
  const ratio = size.width / bounds.width;
  const place = { x: (event.clientX - bounds.left) * ratio, y: (event.clientY - bounds.top) * ratio };
  return under(place, state.people, state.skeleton, thresholds().keypoint, REACH * ratio);
}

function point(event) {
  state.pointer = event && { clientX: event.clientX, clientY: event.clientY };
  hoverOver(event ? whatIsUnder(event) : null);
}

function hover(person) {
  state.pointer = null;
  hoverOver(person && { person });
}

function hoverOver(hovered) {
  state.hovered = hovered;
  if (state.current?.size) renderPicture();
  renderPeople(state.people, { ...view(), skeleton: state.skeleton }, { choose, hover });
  renderTip();
}

function choose(person) {
  state.chosen = state.chosen === person ? null : person;
  render();
}

function openTab(tab) {
  state.tab = tab;
  for (const each of TABS) {
    element(`tab-${each}`).setAttribute("aria-selected", String(each === tab));
    element(`tab-${each}`).tabIndex = each === tab ? 0 : -1;
  }
  element("snippet").setAttribute("aria-labelledby", `tab-${tab}`);
  renderSnippet();
}

function moveTab(event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  openTab(TABS[(TABS.indexOf(state.tab) + step + TABS.length) % TABS.length]);
  element(`tab-${state.tab}`).focus();
}

/* ---- what is taken along ---- */

const stem = () => state.current.name.replace(/\.\w+$/, "");

function saveJson() {
  const text = JSON.stringify(shownResponse(state.current.response, thresholds()));
  save(new Blob([text], { type: "application/json" }), `${stem()}-pose.json`);
}

async function saveImage() {
  const shown = state.current, [people, name] = [state.people, stem()];
  const full = shown.live ? shown.picture : await shown.fullPicture();
  const canvas = make("canvas");
  draw(canvas, full, shown.size, 1, people, state.skeleton, { ...view(), chosen: null, hovered: null });
  canvas.toBlob((blob) => save(blob, `${name}-pose.png`));
}

/* ---- light and dark ---- */

const dark = matchMedia("(prefers-color-scheme: dark)");

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : dark.matches;
}

function toggleTheme() {
  const theme = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  try { localStorage.setItem("fasterpose-theme", theme); } catch { /* it holds for this visit */ }
  showTheme();
}

const showTheme = () => element("theme").setAttribute("aria-pressed", String(isDark()));

/* ---- the server ---- */

async function loadServer() {
  try {
    const facts = await serverFacts();
    state.grpcPort = facts.grpc_port;
    element("version").textContent = facts.version;
    await loadModels();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    element("models").replaceChildren(make("p", { className: "quiet", textContent: `Not known: ${error.title}` }));
    showProblem(error);
  }
  render();
}

async function loadModels() {
  const models = await listModels(wait);
  const pose = models.find((model) => model.task === "pose");
  state.skeleton = { names: pose.keypoint_names, edges: pose.skeleton };
  renderModels(models);
  wait(state.current?.busy ? "Finding people" : null);
}

async function retry() {
  showProblem(null);
  if (!state.skeleton) await loadServer();
  const { current } = state;
  if (current instanceof Photo && current.problem) await answer(current);
  else if (state.skeleton && !current?.response) startLive();
}

async function enterKey(event) {
  event.preventDefault();
  useKey(element("key").value.trim());
  element("key").value = "";
  showProblem(null);
  await loadServer();
  if (apiKey() && state.skeleton) for (const photo of state.photos.filter((each) => each.problem)) await answer(photo);
}

/* ---- listeners ---- */

const stage = element("stage");
addEventListener("dragover", (event) => { event.preventDefault(); stage.classList.add("over"); });
addEventListener("dragleave", (event) => { if (!event.relatedTarget) stage.classList.remove("over"); });
addEventListener("drop", (event) => {
  event.preventDefault();
  stage.classList.remove("over");
  add(event.dataTransfer.files);
});
addEventListener("paste", (event) => add(event.clipboardData.files));
addEventListener("keydown", (event) => { if (event.key === "Escape") { state.chosen = null; point(null); render(); } });
element("file").addEventListener("change", (event) => {
  add(event.target.files);
  event.target.value = "";
});
for (const button of document.querySelectorAll("[data-sample]")) {
  button.addEventListener("click", async () => {
    const name = button.dataset.sample;
    const known = state.photos.find((photo) => photo.name === name && photo.sample);
    if (known) {
      state.live?.stop();
      return show(known);
    }
    const blob = await (await fetch(`static/samples/${name}`)).blob();
    const added = add([new File([blob], name, { type: blob.type })]);
    state.photos.at(-1).sample = true;
    await added;
  });
}
element("live").addEventListener("click", toggleLive);
element("canvas").addEventListener("pointermove", point);
element("canvas").addEventListener("pointerdown", point);
element("canvas").addEventListener("pointerleave", () => point(null));
element("canvas").addEventListener("click", (event) => { const found = whatIsUnder(event); if (found) choose(found.person); });
for (const id of ["person-threshold", "keypoint-threshold", "boxes"]) element(id).addEventListener("input", render);
element("flip").addEventListener("change", askAgain);
element("follow").addEventListener("change", () => state.live?.change(askedLive()));
for (const tab of TABS) element(`tab-${tab}`).addEventListener("click", () => openTab(tab));
for (const tab of TABS) element(`tab-${tab}`).addEventListener("keydown", moveTab);
element("copy").addEventListener("click", async () => {
  await copy(element("snippet").textContent, element("snippet"));
  element("copy").textContent = "Copied";
  setTimeout(() => { element("copy").textContent = "Copy"; }, 1500);
});
element("save-json").addEventListener("click", saveJson);
element("save-image").addEventListener("click", saveImage);
element("again").addEventListener("click", retry);
element("key-form").addEventListener("submit", enterKey);
element("theme").addEventListener("click", toggleTheme);
dark.addEventListener("change", showTheme);

showTheme();
render();
loadServer();
