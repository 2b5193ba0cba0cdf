// Searches and sorts the table before this script; reads and moves its rows, and writes no text of theirs as HTML.
(() => {
  const box = document.currentScript.parentElement;
  const words = box.dataset;
  const body = box.querySelector("tbody");
  if (!body) return;
  const rows = [...body.rows];
  // Or JupyterLab would take what is typed for its own shortcuts.
  box.setAttribute("data-lm-suppress-shortcuts", "true");

  const field = document.createElement("input");
  field.type = "search";
  field.placeholder = words.search;
  field.setAttribute("aria-label", words.search);
  field.style.cssText = "font:inherit;padding:2px 6px;min-width:20em;margin:0 8px 4px 0";
  const count = document.createElement("span");
  count.setAttribute("role", "status");
  const line = document.createElement("div");
  line.append(field, count);
  box.prepend(line);

  const say = (shown) => {
    count.textContent = words.shown.replace("{shown}", shown).replace("{rows}", rows.length);
  };
  field.addEventListener("input", () => {
    const wanted = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !wanted.every((word) => text.includes(word));
      shown += !row.hidden;
    }
    lay();
    say(shown);
  });
  say(rows.length);

  let order = rows;
  // Hidden rows last, or the stripes of those that are seen would not alternate.
  const lay = () => body.append(...order.filter((row) => !row.hidden), ...order.filter((row) => row.hidden));

  const units = {"%": 1, ms: 0.001, s: 1, min: 60, h: 3600, d: 86400, "мс": 0.001, "с": 1, "мин": 60, "ч": 3600, "дн": 86400};
  const part = /(-?[0-9][0-9.,\u00a0\u202f ]*)(%|[a-zа-я]+)?\s*/giy;
  const toNumber = (text) => {
    let total = 0, place = text.match(/^[≥≤~\s]*/)[0].length;
    if (place === text.length) return NaN;
    while (place < text.length) {
      part.lastIndex = place;
      const found = part.exec(text);
      if (!found || (found[2] && !(found[2] in units))) return NaN;
      const digits = words.decimal === "," ? found[1].replace(/[^0-9,-]/g, "").replace(",", ".") : found[1].replace(/[^0-9.-]/g, "");
      total += Number(digits) * (units[found[2]] ?? 1);
      place = part.lastIndex;
    }
    return total;
  };
  const sortBy = (column, direction) => {
    const texts = new Map(rows.map((row) => [row, row.cells[column].textContent.trim()]));
    const numbers = new Map(rows.map((row) => [row, toNumber(texts.get(row))]));
    const areNumbers = rows.every((row) => !texts.get(row) || !Number.isNaN(numbers.get(row)));
    const compare = (one, other) => {
      // What is missing comes last, whichever way.
      if (!texts.get(one) || !texts.get(other)) return !texts.get(one) - !texts.get(other);
      return direction * (areNumbers ? numbers.get(one) - numbers.get(other) : texts.get(one).localeCompare(texts.get(other)));
    };
    order = direction ? [...rows].sort(compare) : rows;
    lay();
  };
  const heads = [...box.querySelectorAll("thead th")];
  heads.forEach((head, column) => {
    head.tabIndex = 0;
    head.title = words.sort;
    head.style.cursor = "pointer";
    const sign = document.createElement("span");
    sign.setAttribute("aria-hidden", "true");
    head.append(sign);
    const turn = () => {
      const next = {ascending: "descending", descending: "none"}[head.getAttribute("aria-sort")] ?? "ascending";
      for (const one of heads) {
        one.setAttribute("aria-sort", one === head ? next : "none");
        one.lastChild.textContent = one === head ? {ascending: " ▲", descending: " ▼"}[next] ?? "" : "";
      }
      sortBy(column, {ascending: 1, descending: -1}[next] ?? 0);
    };
    head.addEventListener("click", turn);
    head.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        turn();
      }
    });
  });
})();
