/* A card for each network that answers, from /v1/models. */

import { element, make } from "./dom.js";

export function renderModels(models) {
  element("models").replaceChildren(...models.map(card));
}

function card(model) {
  const facts = [
    ["Runs", `${model.precision} with ${model.runtime} on ${model.device}`],
    ["Input", `${model.input_size.width} × ${model.input_size.height}, up to ${model.max_batch} at a time`],
    ...(model.keypoint_names.length ? [["Keypoints", String(model.keypoint_names.length)]] : []),
    ["Accuracy", accuracy(model.accuracy[model.precision] ?? {})],
    ["Licence", model.licence],
    ["SHA-256", model.sha256],
  ];
  const entries = facts.map(([name, text]) => make("div", {}, make("dt", { textContent: name }),
    make("dd", { textContent: text, title: text, className: name === "SHA-256" ? "hash" : "" })));
  return make("article", { className: "card model" },
    make("h3", {}, model.name, make("span", { className: "badge", textContent: model.version })),
    make("p", { className: "quiet", textContent: `${model.task === "pose" ? "Estimates keypoints" : "Finds people"} · ${model.architecture}` }),
    make("dl", {}, ...entries));
}

function accuracy(figures) {
  const named = Object.entries(figures).slice(0, 3).map(([name, value]) => `${name} ${value}`);
  return named.join(", ") || "not measured";
}
