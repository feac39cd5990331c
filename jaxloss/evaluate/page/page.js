"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  if (!at("table")) return;
  const PAGE = 50;
  const read = (score) => (score === null ? NaN : score === "inf" ? Infinity : score === "-inf" ? -Infinity : score);
  const show = (score) => {
    if (Number.isNaN(score)) return "-";
    if (!Number.isFinite(score)) return score > 0 ? "∞" : "−∞";
    const size = Math.abs(score);
    const text = size !== 0 && (size < 1e-4 || size >= 1e6) ? score.toExponential(2) : String(Number(score.toPrecision(5)));
    return text.replace("-", "−");
  };
  const make = (tag, options = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), options);
    element.append(...children);
    return element;
  };
  const chip = (method) => {
    const element = make("span", { className: "chip", textContent: data.methods[method].name });
    element.style.setProperty("--color", `var(--c${data.methods[method].color})`);
    return element;
  };
  const choices = (select, names, values) => names.forEach((name, i) => select.append(new Option(name, values[i])));
  const several = data.methods.length > 1;

  // The gallery: one metric and one method at a time.
  const scale = (key) => {
    const { formula, highest } = data.legends[key];
    return make("span", {}, `${formula}: 0`, make("i"), `${show(highest)}+`);
  };
  const picture = (number, caption) =>
    make("figure", {}, make("img", { src: data.pictures[number], alt: caption, loading: "lazy" }), make("figcaption", { textContent: caption, title: caption }));
  const frames = (scores) => {
    const known = scores.map(read).map((score) => (Number.isFinite(score) ? score : null));
    const low = Math.min(...known.filter((score) => score !== null)), high = Math.max(...known.filter((score) => score !== null));
    const points = known.flatMap((score, i) => (score === null ? [] : [`${(100 * i) / Math.max(1, known.length - 1)},${29 - (28 * (score - low)) / (high - low || 1)}`]));
    const svg = new DOMParser().parseFromString('<svg xmlns="http://www.w3.org/2000/svg" class="frames" viewBox="0 0 100 30" preserveAspectRatio="none"><title/><polyline/></svg>', "image/svg+xml").documentElement;
    svg.firstChild.textContent = `scores of the frames, from ${show(low)} to ${show(high)}`;
    svg.lastChild.setAttribute("points", points.join(" "));
    return svg;
  };
  const card = (item, metric) => {
    const method = data.methods[item.method].name, formula = data.legends[metric.name];
    const figure = make("article", { className: "card" },
      make("header", {}, make("span", { className: "name", textContent: item.name, title: item.name }), make("b", { textContent: `${metric.name} ${show(read(item.score))}` })));
    if (item.note) figure.append(make("p", { className: "remark", textContent: item.note }));
    else figure.append(make("div", { className: "strip" }, ...item.pictures.map((number, place) => picture(number, ["reference", method, "|difference|", formula?.formula][place]))));
    if (item.frames) figure.append(frames(item.frames));
    return figure;
  };
  const gallery = () => {
    const metric = Number(at("gallery-metric").value), method = Number(at("gallery-method").value);
    for (const end of ["worst", "best"]) {
      const cards = data.cards.filter((item) => item.metric === metric && item.method === method && item.end === end);
      at(end).replaceChildren(...cards.map((item) => card(item, data.metrics[metric])));
      at(end).previousElementSibling.hidden = !cards.length;
    }
    const name = data.metrics[metric].name;
    at("legend").replaceChildren(...(data.pictures.length ? [scale("difference"), ...(data.legends[name] ? [scale(name)] : [])] : []));
  };
  choices(at("gallery-metric"), data.metrics.map((metric) => metric.name), [...data.metrics.keys()]);
  choices(at("gallery-method"), data.methods.map((method) => method.name), [...data.methods.keys()]);
  for (const id of ["gallery-metric", "gallery-method"]) at(id).addEventListener("change", gallery);
  gallery();

  // The table: all rows are sorted and filtered, fifty are drawn.
  const rows = data.rows.map(([method, name, ...scores]) => ({ method, name: data.names[name], scores: scores.map(read) }));
  const collator = new Intl.Collator(undefined, { numeric: true });
  const columns = [
    { title: "pair", compare: (a, b) => collator.compare(a.name, b.name) },
    ...(several ? [{ title: "method", compare: (a, b) => a.method - b.method }] : []),
    ...data.metrics.map((metric, i) => {
      const sign = metric.better === "higher" ? -1 : 1;
      const value = (row) => row.scores[i];
      // Better first; what is not computed stays last either way.
      return { title: metric.name, metric, i, missing: (row) => Number.isNaN(value(row)), compare: (a, b) => (value(a) === value(b) ? 0 : sign * (value(a) - value(b))) };
    }),
  ];
  for (const column of columns.filter((one) => one.metric && data.complete)) {
    const known = rows.filter((row) => !column.missing(row)).sort(column.compare);
    if (known.length < 2 || column.compare(known[0], known.at(-1)) === 0) continue;
    known.forEach((row, place) => ((row.share ??= [])[column.i] = 1 - place / (known.length - 1)));
    column.best = known[0].scores[column.i];
    column.worst = known.at(-1).scores[column.i];
  }
  let sorted = { column: 0, reverse: false }, page = 0, found = rows;

  const cell = (row, column) => {
    if (!column.metric) return column.title === "pair" ? make("td", { className: "name", textContent: row.name, title: row.name }) : make("td", {}, chip(row.method));
    const score = row.scores[column.i], td = make("td", { className: "score", textContent: show(score) });
    if (row.share?.[column.i] !== undefined) td.style.setProperty("--good-share", row.share[column.i].toFixed(3));
    if (score === column.best) Object.assign(td, { className: "score is-best", title: "the best score" });
    if (score === column.worst) Object.assign(td, { className: "score is-worst", title: "the worst score" });
    return td;
  };
  const draw = () => {
    const pages = Math.max(1, Math.ceil(found.length / PAGE));
    page = Math.min(page, pages - 1);
    at("table").tBodies[0].replaceChildren(...found.slice(page * PAGE, (page + 1) * PAGE).map((row) => make("tr", {}, ...columns.map((column) => cell(row, column)))));
    at("count").textContent = found.length === rows.length ? `${rows.length} rows` : `${found.length} of ${rows.length} rows`;
    at("page").textContent = `page ${page + 1} of ${pages}`;
    at("previous").disabled = page === 0;
    at("next").disabled = page === pages - 1;
    at("page").parentElement.hidden = pages === 1;
  };
  const update = () => {
    const text = at("filter").value.toLowerCase(), method = at("filter-method").value, { column, reverse } = sorted;
    found = rows.filter((row) => row.name.toLowerCase().includes(text) && (method === "" || row.method === Number(method)));
    const { compare, missing = () => false } = columns[column];
    found.sort((a, b) => missing(a) - missing(b) || (missing(a) ? 0 : (reverse ? -1 : 1) * compare(a, b)));
    page = 0;
    draw();
  };
  const headings = columns.map((column, place) => {
    const button = make("button", { type: "button" });
    button.addEventListener("click", () => {
      sorted = { column: place, reverse: sorted.column === place && !sorted.reverse };
      label();
      update();
    });
    return make("th", { scope: "col", className: column.metric ? "n" : "" }, button);
  });
  const label = () =>
    columns.forEach(({ title, metric }, place) => {
      const active = sorted.column === place, end = sorted.reverse ? "worst" : "best";
      const arrow = metric ? (metric.better === "higher" ? " ↑" : " ↓") : "";
      headings[place].firstChild.textContent = title + arrow + (!active ? "" : metric ? ` · ${end} first` : sorted.reverse ? " · z-a" : " · a-z");
      headings[place].firstChild.title = metric ? `${metric.better} is better; sort` : "sort";
      // Whether the numbers rise or fall, which for a metric depends on its better end.
      const falls = metric ? (metric.better === "higher") !== sorted.reverse : sorted.reverse;
      if (active) headings[place].setAttribute("aria-sort", falls ? "descending" : "ascending");
      else headings[place].removeAttribute("aria-sort");
    });
  at("table").tHead.append(make("tr", {}, ...headings));
  choices(at("filter-method"), ["all", ...data.methods.map((method) => method.name)], ["", ...data.methods.keys()]);
  at("filter").addEventListener("input", update);
  at("filter-method").addEventListener("change", update);
  at("filters").addEventListener("submit", (event) => event.preventDefault());
  at("previous").addEventListener("click", () => { page -= 1; draw(); });
  at("next").addEventListener("click", () => { page += 1; draw(); });
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => (one.open = true)));
  label();
  update();
})();
