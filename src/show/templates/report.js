(() => {
  "use strict";
  const table = document.getElementById("clips");
  const body = table.tBodies[0];
  const heads = [...table.tHead.querySelectorAll("th")];
  const tools = document.querySelector(".tools");
  const search = document.getElementById("search");
  const state = document.getElementById("state");
  const count = document.getElementById("count");
  const nothing = document.getElementById("nothing");
  const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

  const number = (value) => (value === undefined ? NaN : Number(value));
  const rows = [...body.rows].map((row, n) => {
    const path = row.querySelector(".path").textContent;
    const label = row.querySelector(".label");
    const answer = row.querySelector(".answer").textContent;
    return {
      row, n, clip: path,
      label: label ? label.textContent : "",
      score: number(row.dataset.score),
      time: number(row.dataset.time),
      state: row.dataset.state,
      text: `${path} ${answer}`.toLowerCase(),
    };
  });

  // Clips without an answer have nothing to compare: they come last in both directions.
  const missing = (entry, key) => (key === "label" ? entry.label === "" : Number.isNaN(entry[key]));
  const compare = (a, b, key) =>
    typeof a[key] === "string" ? collator.compare(a[key], b[key]) : a[key] - b[key];

  function sort(head) {
    const key = head.dataset.key;
    const now = head.getAttribute("aria-sort");
    const first = head.dataset.first || "ascending";
    const turned = now === "ascending" ? "descending" : "ascending";
    const direction = now === "none" ? first : turned;
    const sign = direction === "ascending" ? 1 : -1;
    heads.forEach((other) => other.setAttribute("aria-sort", "none"));
    head.setAttribute("aria-sort", direction);
    rows.sort((a, b) => {
      const gap = missing(a, key) - missing(b, key);
      return gap || sign * compare(a, b, key) || a.n - b.n;
    });
    body.append(...rows.map((entry) => entry.row));
  }

  function show() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const entry of rows) {
      // An uncertain clip has been answered, too.
      const fits = !state.value || entry.state === state.value
        || (state.value === "answered" && entry.state === "uncertain");
      const visible = fits && words.every((word) => entry.text.includes(word));
      entry.row.hidden = !visible;
      shown += visible;
    }
    count.textContent = `${shown} of ${rows.length} shown`;
    nothing.hidden = shown > 0;
  }

  for (const head of heads) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(head));
    head.append(button);
  }
  search.addEventListener("input", show);
  state.addEventListener("change", show);
  tools.addEventListener("submit", (event) => event.preventDefault());
  tools.hidden = false;
  show();
})();
