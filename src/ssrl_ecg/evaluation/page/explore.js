"use strict";
// A map of records: colour by choice, point at one to see it, click to keep it, find one by its id.
const data = JSON.parse(document.getElementById("data").textContent);
const [points, legend, choice, search, found, record, canvas] =
  ["points", "legend", "colouring", "search", "found", "record", "ecg"].map((id) => document.getElementById(id));
const MARGIN = 20, SIDE = 1000, RADIUS = 5, REACH = 25, PLAIN = "#0072b2";
const places = data.positions.map(([x, y]) => [MARGIN + x * (SIDE - 2 * MARGIN), SIDE - MARGIN - y * (SIDE - 2 * MARGIN)]);
const ecgs = Int8Array.from(atob(data.ecgs), (letter) => letter.charCodeAt(0));
const circles = places.map(([x, y]) => {
  const circle = document.createElementNS("http://www.w3.org/2000/svg", "circle");
  for (const [name, value] of [["cx", x], ["cy", y], ["r", RADIUS], ["fill", PLAIN]]) circle.setAttribute(name, value);
  points.append(circle);
  return circle;
});
const hidden = new Set(); // names of legend entries that were switched off
let coloured = null, shown = null, isKept = false, matches = null;

function element(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

function colour(number) {
  coloured = data.colourings[number] ?? null;
  hidden.clear();
  if (coloured) circles.forEach((circle, row) => circle.setAttribute("fill", coloured.colours[coloured.of[row]]));
  drawLegend();
  dim();
}

function isAway(row) {
  return (matches && !matches.has(row)) || (coloured && hidden.has(coloured.names[coloured.of[row]]));
}

function dim() {
  circles.forEach((circle, row) => circle.classList.toggle("away", Boolean(isAway(row))));
}

// Categories of one name (patients, whose colours come again) share an entry.
function drawLegend() {
  legend.replaceChildren();
  for (const name of new Set(coloured?.names ?? [])) {
    const places = coloured.names.flatMap((other, place) => (other === name ? [place] : []));
    const count = coloured.of.filter((place) => places.includes(place)).length;
    if (!count) continue;
    const button = element("button", "");
    button.type = "button";
    button.setAttribute("aria-pressed", "true");
    for (const place of places) button.append(dot(coloured.colours[place]));
    button.append(`${name} (${count})`);
    button.addEventListener("click", () => {
      if (!hidden.delete(name)) hidden.add(name);
      button.setAttribute("aria-pressed", String(!hidden.has(name)));
      dim();
    });
    legend.append(element("li", ""));
    legend.lastChild.append(button);
  }
}

function dot(fill) {
  const made = element("i", "");
  made.style.background = fill;
  return made;
}

function nearest(event) {
  const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(points.getScreenCTM().inverse());
  let best = null, least = REACH * REACH;
  places.forEach(([x, y], row) => {
    const distance = (x - at.x) ** 2 + (y - at.y) ** 2;
    if (distance < least && !isAway(row)) [best, least] = [row, distance];
  });
  return best;
}

function show(row) {
  if (row === null || row === shown) return;
  circles[shown]?.classList.remove("chosen");
  circles[row].classList.add("chosen");
  shown = row;
  const words = element("dl", "");
  const facts = data.colourings.filter((one) => !one.name.includes(": ")).map((one) => [one.name, one.words[row]]);
  for (const [name, text] of [["record", data.ids[row]], ...facts]) words.append(element("dt", name), element("dd", text));
  record.replaceChildren(words);
  if (canvas) drawSheet(row);
}

function drawSheet(row) {
  const { samples, seconds, step_mv: step, leads } = data.sheet, rows = leads.length;
  const paper = canvas.getContext("2d"), { width, height } = canvas;
  const perSecond = width / seconds, perMv = perSecond * 0.4, perRow = height / rows; // 25 mm/s and 10 mm/mV
  paper.clearRect(0, 0, width, height);
  paper.beginPath();
  for (let x = 0; x <= width; x += perSecond * 0.2) paper.rect(x, 0, 0, height);
  for (let y = 0; y <= height; y += perMv * 0.5) paper.rect(0, y, width, 0);
  paper.strokeStyle = "#f3cccc";
  paper.lineWidth = 1;
  paper.stroke();
  paper.strokeStyle = paper.fillStyle = "#16161d";
  paper.font = "20px system-ui, sans-serif";
  paper.lineWidth = 1.6;
  for (let line = 0; line < rows; line++) {
    const baseline = (line + 0.5) * perRow;
    drawTrace(paper, ecgs.subarray((row * rows + line) * samples, (row * rows + line + 1) * samples), (place, value) => [
      (place / samples) * width, baseline - value * step * perMv,
    ]);
    leads[line].forEach((lead, column) => paper.fillText(lead, (column * width) / leads[line].length + 4, baseline - perRow * 0.32));
  }
}

function drawTrace(paper, values, position) {
  let isDrawing = false;
  paper.beginPath();
  values.forEach((value, place) => {
    if (value === -128) return void (isDrawing = false);
    paper[isDrawing ? "lineTo" : "moveTo"](...position(place, value));
    isDrawing = true;
  });
  paper.stroke();
}

function find() {
  const wanted = search.value.trim().toLowerCase();
  const rows = data.ids.flatMap((id, row) => (wanted && id.toLowerCase().includes(wanted) ? [row] : []));
  const exact = rows.find((row) => data.ids[row].toLowerCase() === wanted);
  matches = wanted ? new Set(rows) : null;
  found.textContent = wanted ? `${rows.length} found` : "";
  dim();
  if (rows.length) {
    isKept = true;
    show(exact ?? rows[0]);
  }
}

data.colourings.forEach((one, number) => choice.append(new Option(one.name, number)));
choice.parentElement.hidden = !data.colourings.length;
choice.addEventListener("change", () => colour(choice.value));
search.addEventListener("input", find);
points.addEventListener("pointermove", (event) => isKept || show(nearest(event)));
points.addEventListener("click", (event) => {
  isKept = false;
  const row = nearest(event);
  show(row);
  isKept = row !== null;
});
colour(0);
