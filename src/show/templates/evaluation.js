(() => {
  "use strict";
  const PAGE = 100;
  /** Classes of a zoomed matrix beside the one that was chosen. */
  const RELATED = 9;
  const id = (name) => document.getElementById(name);
  const { classes, cells: flat, clips } = JSON.parse(id("data").textContent);
  const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  const percent = (share) => `${(100 * share).toFixed(1)}%`;
  const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : noun.endsWith("s") ? "es" : "s"}`;
  const make = (name, properties, ...children) => {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children);
    return element;
  };

  const counts = new Map();
  const support = classes.map(() => 0);
  const key = (truth, answer) => truth * classes.length + answer;
  for (let n = 0; n < flat.length; n += 3) {
    counts.set(key(flat[n], flat[n + 1]), flat[n + 2]);
    support[flat[n]] += flat[n + 2];
  }
  const count = (truth, answer) => counts.get(key(truth, answer)) || 0;
  // As in the page: the stronger, the larger the share of the clips of the true class.
  const strength = (share) => (share > 0 ? 0.15 + 0.85 * Math.sqrt(share) : 0);

  const search = id("search");
  const chosen = id("class");
  const state = id("state");
  /** Two classes whose clips are listed, or null. */
  let pair = null;

  // ---- sorted tables

  /** Turns the heads of a table into buttons that call `order` with a key and a sign. */
  function sortable(table, order) {
    const heads = [...table.tHead.querySelectorAll("th[data-key]")];
    for (const head of heads) {
      const button = make("button", { type: "button" }, ...head.childNodes);
      button.addEventListener("click", () => {
        const now = head.getAttribute("aria-sort");
        const turned = now === "ascending" ? "descending" : "ascending";
        const direction = now === "none" ? head.dataset.first || "ascending" : turned;
        heads.forEach((other) => other.setAttribute("aria-sort", "none"));
        head.setAttribute("aria-sort", direction);
        order(head.dataset.key, direction === "ascending" ? 1 : -1);
      });
      head.append(button);
    }
  }
  const compare = (a, b) => (typeof a === "string" ? collator.compare(a, b) : a - b);

  // ---- classes

  const classTable = id("class-table");
  const columns = ["index", "label", "precision", "recall", "f1", "support", "predicted"];
  const classRows = [...classTable.tBodies[0].rows].map((row) => {
    const entry = { row, text: row.cells[1].textContent.toLowerCase() };
    columns.forEach((name, n) => {
      const text = row.cells[n].textContent;
      entry[name] = name === "label" ? text : Number(text);
    });
    const name = row.cells[1];
    const button = make("button", { type: "button", className: "link" }, ...name.childNodes);
    button.addEventListener("click", () => zoom(entry.index, true));
    name.append(button);
    return entry;
  });
  sortable(classTable, (name, sign) => {
    classRows.sort((a, b) => sign * compare(a[name], b[name]) || a.index - b.index);
    classTable.tBodies[0].append(...classRows.map((entry) => entry.row));
  });
  const byName = classes.map((name, index) => ({ name, index })).sort((a, b) => collator.compare(a.name, b.name));
  chosen.append(...byName.map(({ name, index }) => new Option(name, index)));

  // ---- zoom to a class

  /** The classes that a class is confused with most, in both directions. */
  function related(index) {
    const others = classes.map((_, other) => ({
      other,
      taken: count(index, other),
      all: count(index, other) + count(other, index),
    }));
    return others
      .filter(({ other, all }) => other !== index && all > 0)
      .sort((a, b) => b.all - a.all || b.taken - a.taken || a.other - b.other)
      .slice(0, RELATED)
      .map(({ other }) => other);
  }

  function name(text) {
    return make("span", { title: text }, text);
  }

  function cell(truth, answer) {
    const clips = count(truth, answer);
    const kind = clips === 0 ? "zero" : truth === answer ? "right" : "wrong";
    const data = make("td", { className: kind });
    data.style.setProperty("--strength", strength(clips / Math.max(1, support[truth])).toFixed(3));
    data.append(clips > 0 ? cellButton(truth, answer, clips) : "0");
    return data;
  }

  function cellButton(truth, answer, clips) {
    const button = make("button", { type: "button", className: "link", title: words(truth, answer) }, String(clips));
    button.addEventListener("click", () => list(truth, answer));
    return button;
  }

  function zoom(index, isMoved) {
    chosen.value = index === null ? "" : String(index);
    const section = id("zoom");
    section.hidden = index === null;
    for (const entry of classRows) entry.row.classList.toggle("here", entry.index === index);
    if (pair && pair[0] !== index) pair = null;
    if (index !== null) {
      const entry = classRows.find((row) => row.index === index);
      id("zoom-name").textContent = classes[index];
      const shown = [index, ...related(index)];
      const wrong = entry.predicted - count(index, index);
      id("zoom-facts").textContent =
        `Class ${index}: ${count(index, index)} of ${plural(entry.support, "clip")} recognised (recall ${entry.recall.toFixed(4)}); `
        + `${wrong} of ${plural(entry.predicted, "answer")} wrong (precision ${entry.precision.toFixed(4)}); F1 ${entry.f1.toFixed(4)}. `
        + (shown.length > 1
          ? `With ${plural(shown.length - 1, "class")} that it is confused with most; a number lists its clips.`
          : "It is confused with no other class.");
      const head = make("tr", {}, make("td", {}, make("span", { className: "axis" }, "True class ↓ Answer →")),
        ...shown.map((other) => make("th", { scope: "col" }, name(classes[other]))));
      const rows = shown.map((truth) => make("tr", {}, make("th", { scope: "row" }, name(classes[truth])),
        ...shown.map((answer) => cell(truth, answer))));
      id("zoom-table").replaceChildren(make("thead", {}, head), make("tbody", {}, ...rows));
    }
    filter();
    if (index !== null && isMoved) {
      section.scrollIntoView({ block: "start" });
      section.focus({ preventScroll: true });
    }
  }

  /** Lists the clips of a cell. */
  function list(truth, answer) {
    pair = [truth, answer];
    zoom(truth, false);
    id("clips").scrollIntoView({ block: "start" });
    id("clips").focus({ preventScroll: true });
  }

  function words(truth, answer) {
    const clips = count(truth, answer);
    const of = support[truth] ? ` (${percent(clips / support[truth])})` : "";
    const what = truth === answer ? "recognised" : `taken for ${classes[answer]}`;
    return `${classes[truth]}: ${clips} of ${plural(support[truth], "clip")} ${what}${of}`;
  }

  // ---- the whole matrix

  const table = document.querySelector("#confusion .matrix");
  if (table) {
    [...table.tBodies[0].rows].forEach((row, truth) => {
      [...row.cells].slice(1).forEach((data, answer) => {
        const clips = count(truth, answer);
        data.title = words(truth, answer);
        if (clips > 0) data.replaceChildren(cellButton(truth, answer, clips));
      });
    });
  }

  const picture = id("cells");
  if (picture) {
    const [row, column] = [picture.querySelector(".row"), picture.querySelector(".column")];
    const last = classes.length - 1;
    const bound = (place) => Math.min(last, Math.max(0, place));
    let here = null;
    const show = (truth, answer) => {
      here = [truth, answer];
      const side = 100 / classes.length;
      row.hidden = column.hidden = false;
      Object.assign(row.style, { top: `${truth * side}%`, height: `${side}%` });
      Object.assign(column.style, { left: `${answer * side}%`, width: `${side}%` });
      const clips = count(truth, answer);
      const of = support[truth] ? `, ${percent(clips / support[truth])}` : "";
      id("cell").replaceChildren(
        "True class ", make("b", {}, classes[truth]), ` (${truth}), answer `, make("b", {}, classes[answer]), ` (${answer}): `,
        make("b", {}, `${clips} of ${plural(support[truth], "clip")}`), of,
      );
    };
    /** The cell at a point; where cells are small, the nearest one close by that has clips. */
    const at = (event) => {
      const box = picture.getBoundingClientRect();
      const size = box.width / classes.length;
      const answer = bound(Math.floor((event.clientX - box.left) / size));
      const truth = bound(Math.floor((event.clientY - box.top) / size));
      const reach = Math.floor((event.pointerType === "touch" ? 12 : 5) / size);
      let best = [truth, answer];
      let nearest = Infinity;
      for (let t = bound(truth - reach); t <= bound(truth + reach); t += 1) {
        for (let a = bound(answer - reach); a <= bound(answer + reach); a += 1) {
          const distance = (t - truth) ** 2 + (a - answer) ** 2;
          if (distance < nearest && count(t, a) > 0) {
            nearest = distance;
            best = [t, a];
          }
        }
      }
      return best;
    };
    const open = () => here && zoom(here[0], true);
    picture.tabIndex = 0;
    picture.setAttribute("role", "application");
    picture.setAttribute("aria-label", "Confusion matrix: arrow keys move, Enter zooms to the true class");
    picture.setAttribute("aria-describedby", "cell");
    picture.addEventListener("pointermove", (event) => show(...at(event)));
    picture.addEventListener("click", (event) => {
      // A finger has not hovered: its first touch tells the cell, the next one at it opens it.
      const [truth, answer] = at(event);
      const isNew = !here || here[0] !== truth || here[1] !== answer;
      show(truth, answer);
      if (event.pointerType !== "touch" || !isNew) open();
    });
    picture.addEventListener("keydown", (event) => {
      const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        open();
      }
      if (!step) return;
      event.preventDefault();
      const [from, to] = here || [0, 0];
      let [truth, answer] = here ? [bound(from + step[0]), bound(to + step[1])] : [0, 0];
      if (event.shiftKey) {
        let [t, a] = [from + step[0], to + step[1]];
        while (bound(t) === t && bound(a) === a && count(t, a) === 0) [t, a] = [t + step[0], a + step[1]];
        [truth, answer] = bound(t) === t && bound(a) === a ? [t, a] : [from, to];
      }
      show(truth, answer);
    });
  }

  for (const row of document.querySelectorAll("[data-pair]")) {
    const [truth, answer] = row.dataset.pair.split(" ").map(Number);
    const data = row.cells[2];
    const button = make("button", { type: "button", className: "link" }, ...data.childNodes);
    button.addEventListener("click", () => list(truth, answer));
    data.append(button);
    const head = row.cells[1];
    const other = make("button", { type: "button", className: "link" }, ...head.childNodes);
    other.addEventListener("click", () => zoom(truth, true));
    head.append(other);
  }

  // ---- clips

  const NOTHING = "no class";
  const entries = clips.map(([clip, truth, answer, score, rank], n) => ({
    n, clip, score,
    truthIndex: truth, answerIndex: answer,
    truth: classes[truth],
    answer: answer === null ? NOTHING : classes[answer],
    rank: rank === null ? Infinity : rank,
    isRight: rank === 1,
    text: `${clip} ${classes[truth]} ${answer === null ? NOTHING : classes[answer]}`.toLowerCase(),
  }));
  const clipTable = id("clip-table");
  let found = entries;
  let page = 0;
  sortable(clipTable, (name, sign) => {
    entries.sort((a, b) => sign * compare(a[name], b[name]) || a.n - b.n);
    filter();
  });

  function filter() {
    const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const has = (text) => wanted.every((word) => text.includes(word));
    const index = chosen.value === "" ? null : Number(chosen.value);
    const fits = (entry) =>
      (!state.value || (state.value === "right") === entry.isRight)
      && (pair
        ? entry.truthIndex === pair[0] && entry.answerIndex === pair[1]
        : index === null || entry.truthIndex === index || entry.answerIndex === index)
      && has(entry.text);
    found = entries.filter(fits);
    id("found").textContent = `${found.length} of ${entries.length} shown`;
    let shown = 0;
    for (const entry of classRows) {
      entry.row.hidden = !has(entry.text);
      shown += entry.row.hidden ? 0 : 1;
    }
    document.querySelector("#classes .nothing").hidden = shown > 0;
    let mistakes = 0;
    for (const item of document.querySelectorAll(".mistakes li, .failures li")) {
      const isOf = index === null || item.dataset.class === undefined || Number(item.dataset.class) === index;
      item.hidden = !(isOf && has(item.textContent.toLowerCase()));
      mistakes += item.hidden || !item.dataset.class ? 0 : 1;
    }
    const none = document.querySelector("#mistakes .nothing");
    if (none) none.hidden = mistakes > 0;
    id("count").textContent = wanted.length > 0 ? `${plural(shown, "class")}, ${plural(found.length, "clip")}` : "";
    id("pair").hidden = !pair;
    if (pair) id("pair").textContent = `only ${classes[pair[0]]}${pair[0] === pair[1] ? ", recognised" : `, taken for ${classes[pair[1]]}`} ✕`;
    turn(0);
  }

  /** Shows a page of the clips that were found. */
  function turn(to) {
    const last = Math.max(0, Math.ceil(found.length / PAGE) - 1);
    page = Math.min(Math.max(0, to), last);
    const rows = found.slice(page * PAGE, (page + 1) * PAGE).map((entry) => make("tr", {},
      make("th", { scope: "row" }, entry.clip),
      make("td", {}, entry.truth),
      make("td", { className: entry.isRight ? "" : "wrong-answer" }, entry.answer),
      make("td", { className: "number" }, percent(entry.score)),
      make("td", { className: "number" }, Number.isFinite(entry.rank) ? String(entry.rank) : "none")));
    clipTable.tBodies[0].replaceChildren(...rows);
    document.querySelector(".pages").hidden = last === 0;
    id("page").textContent = `${page * PAGE + 1} to ${Math.min(found.length, page * PAGE + PAGE)} of ${found.length}`;
    id("previous").disabled = page === 0;
    id("next").disabled = page === last;
  }

  const made = document.querySelector("time");
  made.title = made.dateTime;
  made.textContent = new Date(made.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  for (const [button, step] of [["previous", -1], ["next", 1]]) {
    id(button).addEventListener("click", () => {
      turn(page + step);
      id("clips").scrollIntoView({ block: "start" });
    });
  }
  search.addEventListener("input", filter);
  state.addEventListener("change", filter);
  chosen.addEventListener("change", () => zoom(chosen.value === "" ? null : Number(chosen.value), false));
  id("whole").addEventListener("click", () => zoom(null, false));
  id("pair").addEventListener("click", () => {
    pair = null;
    filter();
  });
  const tools = document.querySelector(".tools");
  tools.addEventListener("submit", (event) => event.preventDefault());
  tools.hidden = false;
  for (const element of document.querySelectorAll(".scripted")) element.hidden = false;
  filter();
})();
