/* Boxes and skeletons on a canvas, in the colours of the server's own overlay; and what lies under the pointer. */

import { points } from "./people.js";

const LEFT = "#ff8a4c", RIGHT = "#38bdf8", MIDDLE = "#a3e635", EDGE = "#111827", BOX = "#fafafa";
const FADED = 0.22;

/* `scale` is canvas pixels for each pixel of the photograph; people are in the latter. */
export function draw(canvas, picture, size, scale, people, skeleton, { threshold, boxes, chosen, hovered }) {
  canvas.width = Math.round(size.width * scale);
  canvas.height = Math.round(size.height * scale);
  const pen = canvas.getContext("2d");
  if (picture) pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
  pen.scale(scale, scale);
  pen.lineCap = pen.lineJoin = "round";
  const focus = hovered?.person ?? chosen;
  for (const person of [...people].reverse()) {
    pen.globalAlpha = focus && focus !== person ? FADED : 1;
    const width = lineWidth(person.bbox, size);
    if (boxes) drawBox(pen, person, width);
    if (skeleton) drawSkeleton(pen, person, skeleton, threshold, width);
  }
  pen.globalAlpha = 1;
  if (hovered?.point) drawRing(pen, hovered.point, lineWidth(hovered.person.bbox, size));
}

/* The keypoint within `reach` pixels of a place, or else the smallest box around it. */
export function under(place, people, skeleton, threshold, reach) {
  let best = null;
  for (const person of people) {
    points(person).forEach((point, i) => {
      const distance = Math.hypot(point.x - place.x, point.y - place.y);
      if (point.score >= threshold && distance <= reach && distance < (best?.distance ?? Infinity)) {
        best = { person, point, name: skeleton?.names[i] ?? `keypoint ${i}`, distance };
      }
    });
  }
  return best ?? boxUnder(place, people);
}

function boxUnder(place, people) {
  const inside = people.filter(({ bbox: [x, y, width, height] }) =>
    place.x >= x && place.x <= x + width && place.y >= y && place.y <= y + height);
  inside.sort((a, b) => a.bbox[2] * a.bbox[3] - b.bbox[2] * b.bbox[3]);
  return inside.length ? { person: inside[0] } : null;
}

function lineWidth([, , width, height], size) {
  const floor = Math.max(size.width, size.height) / 400;
  return Math.min(Math.max(Math.sqrt(width * height) / 70, floor, 1), Math.max(14, 2 * floor));
}

function drawBox(pen, person, lineWidth) {
  for (const [colour, grown] of [[EDGE, 2], [BOX, 0]]) {
    pen.strokeStyle = colour;
    pen.lineWidth = Math.max(1, lineWidth / 3) + grown;
    pen.strokeRect(...person.bbox);
  }
  if (person.track_id) drawNumber(pen, person, lineWidth);
}

/* Of somebody who is followed, in the corner of the box. */
function drawNumber(pen, { bbox: [x, y], track_id }, lineWidth) {
  const height = 10 + 3 * lineWidth, text = `#${track_id}`;
  pen.font = `600 ${height}px system-ui, sans-serif`;
  pen.textBaseline = "top";
  pen.fillStyle = EDGE;
  pen.fillRect(x, y, pen.measureText(text).width + height / 2, height * 1.3);
  pen.fillStyle = BOX;
  pen.fillText(text, x + height / 4, y + height * 0.15);
}

function drawSkeleton(pen, person, skeleton, threshold, width) {
  const all = points(person);
  const seen = (i) => all[i].score >= threshold;
  const limbs = skeleton.edges.filter(([start, end]) => seen(start) && seen(end));
  for (const outline of [true, false]) {
    for (const [start, end] of limbs) {
      pen.strokeStyle = outline ? EDGE : limbColour(skeleton.names[start], skeleton.names[end]);
      pen.lineWidth = width * (outline ? 1.35 : 1) + (outline ? 1 : 0);
      pen.beginPath();
      pen.moveTo(all[start].x, all[start].y);
      pen.lineTo(all[end].x, all[end].y);
      pen.stroke();
    }
  }
  all.forEach(({ x, y }, i) => {
    if (seen(i)) drawJoint(pen, x, y, width * 0.8 + 0.5, sideColour(skeleton.names[i]));
  });
}

function drawJoint(pen, x, y, radius, colour) {
  for (const [fill, size] of [[EDGE, radius * 1.25 + 0.5], [colour, radius]]) {
    pen.fillStyle = fill;
    pen.beginPath();
    pen.arc(x, y, size, 0, 2 * Math.PI);
    pen.fill();
  }
}

function drawRing(pen, { x, y }, width) {
  pen.strokeStyle = BOX;
  pen.lineWidth = width * 0.6;
  pen.beginPath();
  pen.arc(x, y, width * 2.2, 0, 2 * Math.PI);
  pen.stroke();
}

function sideColour(name) {
  return name.startsWith("left_") ? LEFT : name.startsWith("right_") ? RIGHT : MIDDLE;
}

function limbColour(start, end) {
  return sideColour(start) === sideColour(end) ? sideColour(start) : MIDDLE;
}
