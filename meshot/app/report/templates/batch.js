"use strict";
(() => {
  const body = document.querySelector(".meshes tbody");
  const rows = [...body.rows];
  const part = (name) => document.querySelector(`[data-is="${name}"]`);

  // Numbers are sorted by what they are, and come before what is none; words as people sort them, numbers in them too.
  const words = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const key = (row, column) => {
    const cell = row.cells[column];
    return "value" in cell.dataset ? parseFloat(cell.dataset.value) : cell.textContent.trim();
  };
  function compare(a, b, sign) {
    if (typeof a === "string") return sign * words.compare(a, b);
    return isNaN(a) - isNaN(b) || sign * (a - b) || 0;
  }

  function sort(heading) {
    const column = heading.cellIndex;
    const sign = heading.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    for (const other of heading.parentNode.cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
    const keyed = rows.map((row) => [key(row, column), row]);
    keyed.sort(([a], [b]) => compare(a, b, sign));
    body.append(...keyed.map(([, row]) => row));
  }

  function filter() {
    const status = part("status").value;
    const wanted = part("words").value.trim().toLowerCase();
    let shown = 0;
    for (const row of rows) {
      const text = `${row.cells[1].textContent} ${row.cells[2].textContent}`.toLowerCase();
      row.hidden = (status !== "" && row.dataset.status !== status) || !text.includes(wanted);
      shown += !row.hidden;
    }
    part("shown").textContent = shown < rows.length ? `${shown} of ${rows.length} meshes` : "";
  }

  for (const button of document.querySelectorAll(".sorter"))
    button.addEventListener("click", () => sort(button.closest("th")));
  for (const name of ["status", "words"]) part(name).addEventListener("input", filter);
})();
