"use strict";
// Headers of tables become buttons that sort their rows: once, the other way round, and back to the order of the page.
// Rows stay under their group's heading; what is missing (–) stays last.
const words = new Intl.Collator("en", { numeric: true });

function key(row, column) {
  const cell = row.cells[column];
  const text = cell.dataset.value ?? cell.textContent.trim();
  return text === "" || text.startsWith("–") ? null : text;
}

// "1,488", "10 %" and "−0.012" are numbers too.
function number(text) {
  return Number(text.replace(/[,%\s]/g, "").replace("−", "-"));
}

function isNumeric(rows, column) {
  return rows.every((row) => !Number.isNaN(number(key(row, column) ?? "0")));
}

function sorted(rows, column, direction) {
  const known = rows.filter((row) => key(row, column) !== null);
  const compare = isNumeric(rows, column) ? (a, b) => number(a) - number(b) : words.compare;
  known.sort((a, b) => direction * compare(key(a, column), key(b, column)));
  return [...known, ...rows.filter((row) => key(row, column) === null)];
}

function makeSortable(table) {
  const headers = [...table.tHead.rows[0].cells];
  const groups = [...table.tBodies].map((body) => [body, [...body.rows].filter((row) => !row.matches(".group"))]);
  if (groups.every(([, rows]) => rows.length < 2)) return;
  headers.forEach((header, column) => {
    if (header.tagName !== "TH") return;
    const first = isNumeric(groups.flatMap(([, rows]) => rows), column) ? "descending" : "ascending";
    const second = first === "ascending" ? "descending" : "ascending";
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    header.append(button);
    header.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const next = { none: first, [first]: second, [second]: "none" }[header.getAttribute("aria-sort")];
      headers.filter((one) => one.hasAttribute("aria-sort")).forEach((one) => one.setAttribute("aria-sort", "none"));
      header.setAttribute("aria-sort", next);
      const direction = next === "ascending" ? 1 : -1;
      groups.forEach(([body, rows]) => body.append(...(next === "none" ? rows : sorted(rows, column, direction))));
    });
  });
}

document.querySelectorAll("table").forEach(makeSortable);
