/* Boxes and skeletons on a canvas, in the colours of the server's own overlay. */

const LEFT = "#ff8a4c", RIGHT = "#38bdf8", MIDDLE = "#a3e635", EDGE = "#111827", BOX = "#fafafa";

export function draw(canvas, picture, size, people, skeleton, options) {
  canvas.width = size.width;
  canvas.height = size.height;
  const pen = canvas.getContext("2d");
  pen.lineCap = pen.lineJoin = "round";
  if (picture) pen.drawImage(picture, 0, 0, size.width, size.height);
  for (const person of [...people].reverse()) {
    pen.globalAlpha = options.chosen && options.chosen !== person ? 0.25 : 1;
    const width = lineWidth(person.bbox, size);
    if (options.boxes) drawBox(pen, person, width);
    if (skeleton) drawSkeleton(pen, person, skeleton, options.keypointThreshold, width);
  }
  pen.globalAlpha = 1;
}

function lineWidth([, , width, height], size) {
  const floor = Math.max(size.width, size.height) / 600;
  return Math.min(Math.max(Math.sqrt(width * height) / 70, floor, 1), 14);
}

function drawBox(pen, person, lineWidth) {
  const [x, y, width, height] = person.bbox;
  for (const [colour, grown] of [[EDGE, 2], [BOX, 0]]) {
    pen.strokeStyle = colour;
    pen.lineWidth = Math.max(1, lineWidth / 3) + grown;
    pen.strokeRect(x, y, width, height);
  }
}

function drawSkeleton(pen, person, skeleton, threshold, width) {
  const points = skeleton.names.map((_, i) => person.keypoints.slice(3 * i, 3 * i + 3));
  const seen = (i) => points[i][2] >= threshold;
  const limbs = skeleton.edges.filter(([start, end]) => seen(start) && seen(end));
  for (const outline of [true, false]) {
    for (const [start, end] of limbs) {
      pen.strokeStyle = outline ? EDGE : limbColour(skeleton.names[start], skeleton.names[end]);
      pen.lineWidth = width + (outline ? 2 : 0);
      pen.beginPath();
      pen.moveTo(points[start][0], points[start][1]);
      pen.lineTo(points[end][0], points[end][1]);
      pen.stroke();
    }
  }
  points.forEach(([x, y], i) => {
    if (seen(i)) drawJoint(pen, x, y, width * 0.75 + 0.5, sideColour(skeleton.names[i]));
  });
}

function drawJoint(pen, x, y, radius, colour) {
  for (const [fill, size] of [[EDGE, radius + 1], [colour, radius]]) {
    pen.fillStyle = fill;
    pen.beginPath();
    pen.arc(x, y, size, 0, 2 * Math.PI);
    pen.fill();
  }
}

function sideColour(name) {
  return name.startsWith("left_") ? LEFT : name.startsWith("right_") ? RIGHT : MIDDLE;
}

function limbColour(start, end) {
  return sideColour(start) === sideColour(end) ? sideColour(start) : MIDDLE;
}
