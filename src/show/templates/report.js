(() => {
  "use strict";
  const PAGE = 100;
  const table = document.getElementById("clips");
  const body = table.tBodies[0];
  const heads = [...table.tHead.querySelectorAll("th")];
  const tools = document.querySelector(".tools");
  const search = document.getElementById("search");
  const state = document.getElementById("state");
  const label = document.getElementById("class");
  const count = document.getElementById("count");
  const nothing = document.getElementById("nothing");
  const pages = document.querySelector(".pages");
  const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

  const number = (value) => (value === undefined ? NaN : Number(value));
  const rows = [...body.rows].map((row, n) => {
    const path = row.querySelector(".path").textContent;
    const best = row.querySelector(".label");
    const answer = row.querySelector(".answer").textContent;
    return {
      row, n, clip: path,
      label: best ? best.textContent : "",
      score: number(row.dataset.score),
      time: number(row.dataset.time),
      state: row.dataset.state,
      text: `${path} ${answer}`.toLowerCase(),
    };
  });
  let found = rows;
  let page = 0;

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
    filter();
  }

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    // An uncertain clip has been answered, too.
    const fits = (entry) =>
      (!state.value || entry.state === state.value || (state.value === "answered" && entry.state === "uncertain"))
      && (!label.value || entry.label === label.value)
      && words.every((word) => entry.text.includes(word));
    found = rows.filter(fits);
    count.textContent = `${found.length} of ${rows.length} shown`;
    nothing.hidden = found.length > 0;
    turn(0);
  }

  /** Shows a page of what was found. */
  function turn(to) {
    const last = Math.max(0, Math.ceil(found.length / PAGE) - 1);
    page = Math.min(Math.max(0, to), last);
    const shown = new Set(found.slice(page * PAGE, (page + 1) * PAGE));
    for (const entry of rows) entry.row.hidden = !shown.has(entry);
    pages.hidden = last === 0;
    const from = page * PAGE + 1;
    document.getElementById("page").textContent =
      `${from} to ${Math.min(found.length, page * PAGE + PAGE)} of ${found.length}`;
    document.getElementById("previous").disabled = page === 0;
    document.getElementById("next").disabled = page === last;
  }

  /** Shows the row that the address names, whatever was searched for. */
  function jump() {
    const row = /^#r\d+$/.test(location.hash) && document.getElementById(location.hash.slice(1));
    if (!row) return;
    if (!found.some((entry) => entry.row === row)) {
      search.value = state.value = label.value = "";
      filter();
    }
    turn(Math.floor(found.findIndex((entry) => entry.row === row) / PAGE));
    row.scrollIntoView({ block: "center" });
    // Rows get their heights when they are first drawn, which moves this one.
    requestAnimationFrame(() => row.scrollIntoView({ block: "center" }));
  }

  for (const head of heads) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(head));
    head.append(button);
  }
  for (const name of document.querySelectorAll(".classes .label")) {
    label.append(new Option(name.textContent, name.textContent));
    const button = document.createElement("button");
    button.type = "button";
    button.append(...name.childNodes);
    button.addEventListener("click", () => {
      label.value = button.textContent;
      filter();
      tools.scrollIntoView();
    });
    name.append(button);
  }
  const made = document.querySelector("time");
  made.title = made.dateTime;
  made.textContent = new Date(made.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  for (const [id, step] of [["previous", -1], ["next", 1]]) {
    document.getElementById(id).addEventListener("click", () => {
      turn(page + step);
      tools.scrollIntoView();
    });
  }
  search.addEventListener("input", filter);
  state.addEventListener("change", filter);
  label.addEventListener("change", filter);
  tools.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", jump);
  // On paper there are no pages to turn.
  addEventListener("beforeprint", () => found.forEach((entry) => { entry.row.hidden = false; }));
  addEventListener("afterprint", () => turn(page));
  tools.hidden = false;
  filter();
  jump();
})();
