/* The list of people: one button each, and the keypoints of the one that is chosen. */

import { element, make, renderList } from "./dom.js";
import { points } from "./people.js";

/* `on.choose(person)` and `on.hover(person or null)` are told what the visitor does. */
export function renderPeople(people, { chosen, hovered, threshold, skeleton }, on) {
  renderList(element("people"), people, () => createEntry(on), (entry, person, i) => {
    entry.person = person;
    const isChosen = chosen === person;
    const button = entry.firstElementChild;
    const [number, bar, score] = button.children;
    const name = person.track_id ?? i + 1;
    number.textContent = name;
    bar.firstElementChild.style.width = `${100 * person.score}%`;
    score.textContent = person.score.toFixed(2);
    button.title = `Box ${person.bbox_score.toFixed(2)}, with keypoints ${person.score.toFixed(2)}`;
    button.setAttribute("aria-label", `Person ${name}, score ${person.score.toFixed(2)}`);
    button.setAttribute("aria-expanded", String(isChosen));
    button.classList.toggle("hovered", hovered?.person === person);
    entry.lastElementChild.hidden = !isChosen;
    if (isChosen) fillTable(entry.lastElementChild, person, skeleton, threshold);
  });
}

function createEntry(on) {
  const button = make("button", { type: "button" },
    make("span", { className: "number" }), make("span", { className: "meter" }, make("span")), make("b"));
  const table = make("table", { hidden: true },
    make("caption", { className: "unseen", textContent: "Keypoints in pixels of the upright photograph" }),
    make("thead", {}, make("tr", {}, ...["Keypoint", "x", "y", "Score"].map((text) => make("th", { scope: "col", textContent: text })))),
    make("tbody"));
  const entry = make("li", {}, button, table);
  button.addEventListener("click", () => on.choose(entry.person));
  for (const [event, over] of [["pointerenter", true], ["pointerleave", false], ["focus", true], ["blur", false]]) {
    // Later, since an entry that has the focus says `blur` while the list is being shortened.
    button.addEventListener(event, () => queueMicrotask(() => on.hover(over ? entry.person : null)));
  }
  return entry;
}

function fillTable(table, person, skeleton, threshold) {
  renderList(table.tBodies[0], points(person), () => make("tr", {}, make("th", { scope: "row" }), make("td"), make("td"), make("td")),
    (row, point, i) => {
      const [name, x, y, score] = row.children;
      name.textContent = readable(skeleton?.names[i] ?? `keypoint ${i}`);
      x.textContent = point.x.toFixed(1);
      y.textContent = point.y.toFixed(1);
      score.textContent = point.score.toFixed(2);
      row.classList.toggle("low", point.score < threshold);
    });
}

export const readable = (name) => name.replaceAll("_", " ");
