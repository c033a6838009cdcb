/* Where the time of a request went: a bar and its legend. */

import { element, make, renderList } from "./dom.js";

const STAGES = ["decode", "detect", "queue", "estimate", "other"];

export function renderTimes(response) {
  for (const id of ["bar", "total"]) element(id).hidden = !response;
  element("no-time").hidden = Boolean(response);
  const times = response ? stages(response.timings_ms) : [];
  element("total").textContent = response ? inShort(response.timings_ms.total) : "";
  renderList(element("bar"), times, () => make("span"), (part, [name, milliseconds]) => {
    part.className = name;
    part.style.flexGrow = milliseconds;
  });
  renderList(element("times"), times, () => make("div", {}, make("dt"), make("dd")), (row, [name, milliseconds]) => {
    row.className = name;
    row.firstElementChild.textContent = name;
    row.lastElementChild.textContent = inShort(milliseconds);
  });
}

const inShort = (milliseconds) => `${milliseconds.toFixed(milliseconds < 100 ? 1 : 0)} ms`;

/* Stages may overlap, so that they can add up to more than the total: then nothing is left for `other`. */
function stages(timings) {
  const known = STAGES.filter((name) => name in timings).map((name) => [name, timings[name]]);
  const rest = timings.total - known.reduce((sum, [, milliseconds]) => sum + milliseconds, 0);
  return [...known, ["other", Math.max(0, rest)]];
}
