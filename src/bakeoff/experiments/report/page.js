"use strict";
(() => {
  const tasks = JSON.parse(document.getElementById("data").textContent);
  const PAGE = 50;
  const form = document.getElementById("filters");
  const place = document.getElementById("row-table");
  const count = document.getElementById("count");
  const more = document.getElementById("more-rows");
  const state = { task: 0, metric: 0, a: 0, b: 1, show: "all", category: "", words: "", sort: "", down: false, shown: PAGE };
  let pool = [];

  const el = (name, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  };
  const unpacked = (value) => {
    if (Array.isArray(value)) return unpacked(pool[value[0]]);
    if (value && typeof value === "object") {
      if (Array.isArray(value.list)) return value.list.map(unpacked);
      return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, unpacked(part)]));
    }
    return value;
  };
  const score = (row, contender) => row.cells[contender].scores[state.metric];
  const figure = (value) => (typeof value === "number" ? String(Math.round(value * 1000) / 1000) : "-");

  const tests = {
    all: () => true,
    a: (row) => (score(row, state.a) ?? 0) > (score(row, state.b) ?? 0),
    b: (row) => (score(row, state.b) ?? 0) > (score(row, state.a) ?? 0),
    differ: (row) => score(row, state.a) !== score(row, state.b),
    errors: (row) => row.cells.some((cell) => cell.error || cell.scores.includes(null)),
  };
  const found = (row) => {
    if (!state.words) return true;
    if (row.haystack === undefined) {
      row.haystack = JSON.stringify([row.id, unpacked(row.data), row.cells.map((cell) => unpacked(cell.answer))]).toLowerCase();
    }
    return row.haystack.includes(state.words.toLowerCase());
  };

  function chosen() {
    const task = tasks[state.task];
    const rows = task.rows.filter((row) => tests[state.show](row) && (!state.category || row.category === state.category) && found(row));
    if (state.sort !== "") {
      const key = (row) => (state.sort === "id" ? row.id : state.sort === "category" ? row.category : score(row, state.sort) ?? -Infinity);
      rows.sort((x, y) => (key(x) < key(y) ? -1 : key(x) > key(y) ? 1 : 0) * (state.down ? -1 : 1));
    }
    return rows;
  }

  function select(label, key, options, numeric = false) {
    const control = el("select", { name: key }, ...options.map(([value, text]) => el("option", { value: String(value), textContent: text })));
    control.value = String(state[key]);
    control.addEventListener("change", () => {
      state[key] = numeric ? Number(control.value) : control.value;
      state.shown = PAGE;
      if (key === "task") Object.assign(state, { metric: 0, a: 0, b: 1, show: "all", category: "", sort: "" });
      draw(key !== "category" && key !== "show");
      form.elements[key].focus();
    });
    return el("label", {}, label, control);
  }

  function drawForm() {
    const task = tasks[state.task];
    const names = task.contenders.map((name, number) => [number, name]);
    const metric = task.metrics[state.metric];
    const better = (name) => (metric.kind === "pass_fail" ? `only ${name} right` : `${name} better`);
    const shows = [["all", "all rows"]];
    if (names.length > 1) {
      shows.push(["a", better(task.contenders[state.a])], ["b", better(task.contenders[state.b])], ["differ", "scores differ"]);
    }
    shows.push(["errors", "errors and rows without a score"]);
    const categories = [...new Set(task.rows.map((row) => row.category))].filter(Boolean).sort();
    const words = el("input", { name: "words", type: "search", value: state.words, autocomplete: "off" });
    words.addEventListener("input", () => { state.words = words.value; state.shown = PAGE; draw(false); });
    const parts = [];
    if (tasks.length > 1) parts.push(select("task", "task", tasks.map((one, number) => [number, one.name]), true));
    parts.push(select("metric", "metric", task.metrics.map((one, number) => [number, one.label]), true));
    if (names.length > 2) parts.push(select("A", "a", names, true), select("B", "b", names, true));
    parts.push(select("show", "show", shows));
    if (categories.length > 1) parts.push(select("category", "category", [["", "all"], ...categories.map((name) => [name, name])]));
    parts.push(el("label", {}, "search", words));
    form.replaceChildren(...parts);
    form.hidden = false;
  }

  function head(text, key, right) {
    const sorted = state.sort === key;
    const button = el("button", { type: "button", textContent: sorted ? `${text} ${state.down ? "▼" : "▲"}` : text });
    button.addEventListener("click", () => {
      state.down = sorted ? !state.down : typeof key === "number";
      state.sort = key;
      draw(false);
      const again = [...place.querySelectorAll("thead button")].find((one) => one.textContent.startsWith(text));
      if (again) again.focus();
    });
    const cell = el("th", { scope: "col", className: right ? "figure" : "" }, button);
    cell.setAttribute("aria-sort", sorted ? (state.down ? "descending" : "ascending") : "none");
    return cell;
  }

  function draw(withForm = true) {
    const task = tasks[state.task];
    pool = task.pool;
    if (withForm) drawForm();
    const rows = chosen();
    const repeats = task.repeats > 1 ? `, the first of ${task.repeats} repeats` : "";
    count.textContent = `${rows.length} of ${task.rows.length} rows${repeats}`;
    const titles = task.contenders.map((name, number) => head(name, number, true));
    const header = el("tr", {}, head("row", "id"), head("category", "category"), el("th", { scope: "col", textContent: "question" }), ...titles);
    const body = el("tbody", {}, ...rows.slice(0, state.shown).map((row) => line(task, row)));
    place.replaceChildren(el("table", {}, el("thead", {}, header), body));
    more.hidden = rows.length <= state.shown;
  }

  function line(task, row) {
    const opener = el("button", { type: "button", className: "opener", textContent: row.id });
    opener.setAttribute("aria-expanded", "false");
    const data = unpacked(row.data);
    const asked = data.question ?? Object.values(data).find((value) => typeof value === "string") ?? "";
    const cells = row.cells.map((cell, number) => {
      const shown = cell.error ? "error" : figure(score(row, number));
      return el("td", { className: `figure${cell.error ? " error" : ""}`, textContent: shown });
    });
    const made = el("tr", {}, el("th", { scope: "row" }, opener), el("td", { textContent: row.category }),
      el("td", {}, el("div", { className: "brief", textContent: asked })), ...cells);
    opener.addEventListener("click", () => {
      const open = opener.getAttribute("aria-expanded") === "true";
      opener.setAttribute("aria-expanded", String(!open));
      if (open) made.nextSibling.remove();
      else made.after(detail(task, row, data, made.children.length));
    });
    return made;
  }

  function detail(task, row, data, width) {
    const cards = row.cells.map((cell, number) => {
      const scores = task.metrics.map((metric, index) => {
        const reason = (unpacked(cell.reasons ?? {}))[metric.name];
        return [metric.label, figure(cell.scores[index]) + (reason ? `: ${reason}` : "")];
      });
      const facts = [...scores, ["outcome", cell.outcome], ["seconds", cell.seconds ?? "-"]];
      const card = el("div", { className: "card" }, el("h3", { textContent: task.contenders[number] }),
        el("p", { className: "text", textContent: unpacked(cell.answer ?? "") || "(no answer)" }));
      if (cell.error) card.append(el("p", { className: "text error", textContent: unpacked(cell.error) }));
      card.append(pairs(facts));
      for (const messages of cell.prompts ? unpacked(cell.prompts) : []) {
        const said = messages.map((message) => [message.role, message.content]);
        card.append(el("details", {}, el("summary", { textContent: "prompt" }), pairs(said)));
      }
      const others = unpacked(cell.more ?? {});
      for (const [name, value] of Object.entries(others)) card.append(el("details", {}, el("summary", { textContent: name }), tree(value)));
      return card;
    });
    const cell = el("td", { colSpan: width }, pairs(Object.entries(data)), el("div", { className: "side" }, ...cards));
    return el("tr", { className: "detail" }, cell);
  }

  function pairs(entries) {
    return el("dl", { className: "pairs" }, ...entries.flatMap(([name, value]) => [el("dt", { textContent: name }), el("dd", {}, tree(value))]));
  }

  function tree(value) {
    if (value === null || typeof value !== "object") return el("div", { className: "text", textContent: value === null ? "-" : String(value) });
    if (Array.isArray(value)) {
      if (!value.length) return el("div", { textContent: "none" });
      return el("div", {}, ...value.map(tree));
    }
    return pairs(Object.entries(value));
  }

  more.addEventListener("click", () => { state.shown += PAGE; draw(false); });
  form.addEventListener("submit", (event) => event.preventDefault());
  if (tasks.length && tasks[0].contenders.length < 2) state.b = 0;
  draw();
})();
