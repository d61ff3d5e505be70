"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const specs = JSON.parse(document.getElementById("figures").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");

  // Filters: a card, a table row or a trace shows if its kind, layer and status are all chosen.
  const form = document.getElementById("filters");
  const cards = all(".card"), rows = all(".sortable tbody tr");
  const words = new Map(rows.map((row) => [row.dataset.id, row.textContent.toLowerCase()]));
  const chosen = () => Object.fromEntries(all("fieldset[data-filter]", form).map((set) =>
    [set.dataset.filter, new Set(all("input:checked", set).map((input) => input.value))]));
  const fits = (item, wanted) => Object.entries(wanted).every(([field, values]) => item[field] === undefined || values.has(item[field]));

  function filter() {
    const wanted = chosen(), find = document.getElementById("find").value.trim().toLowerCase();
    const shows = (id, data) => fits(data, wanted) && (!find || words.get(id).includes(find));
    for (const card of cards) card.hidden = !shows(card.id, card.dataset);
    for (const row of rows) row.hidden = !shows(row.dataset.id, row.dataset);
    for (const box of [...all(".column"), ...all(".group"), ...all(".filtered")])
      box.hidden = !box.querySelector(".card:not([hidden])");
    document.getElementById("shown").value = `${rows.filter((row) => !row.hidden).length} of ${rows.length} shown`;
    for (const figure of all(".figure")) if (figure.drawn) draw(figure);
    for (const audio of all("[hidden] audio")) audio.pause();
  }
  form.addEventListener("input", filter);
  form.addEventListener("reset", () => setTimeout(filter));
  form.addEventListener("submit", (event) => event.preventDefault());

  // A link to a stimulus that is filtered away brings everything back first.
  addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#"]');
    const target = link && document.getElementById(link.getAttribute("href").slice(1));
    if (target && target.hidden) { form.reset(); filter(); }
  });

  // Figures: drawn when they come into view, drawn again when the scheme changes.
  function draw(figure) {
    const spec = specs[figure.dataset.figure], style = getComputedStyle(document.documentElement), wanted = chosen();
    const data = spec.data.map((trace) => ({ ...plots.coloured(trace, style), visible: fits(trace.meta, wanted) }));
    // The legend entry of a group goes with its first trace that shows.
    const named = new Set();
    for (const trace of data) {
      const group = trace.legendgroup ?? trace.name;
      trace.showlegend = trace.visible && !named.has(group);
      if (trace.visible) named.add(group);
    }
    figure.drawn = true;
    plots.react(figure, data, spec.layout, style);
  }
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) { watcher.unobserve(entry.target); draw(entry.target); }
  }, { rootMargin: "600px" });
  for (const figure of all(".figure")) {
    figure.style.minHeight = `${specs[figure.dataset.figure].layout.height + 22}px`;
    watcher.observe(figure);
  }
  dark.addEventListener("change", () => { for (const figure of all(".figure")) if (figure.drawn) draw(figure); });
  addEventListener("beforeprint", () => { for (const figure of all(".figure")) draw(figure); });
  for (const button of all("[data-show]")) button.addEventListener("click", () => {
    for (const other of all("[data-show]")) other.setAttribute("aria-pressed", String(other === button));
    const figure = document.getElementById("figure-null");
    figure.dataset.figure = button.dataset.show;
    draw(figure);
  });

  // Sorting: missing values stay last, whichever way.
  for (const head of all(".sortable th")) head.querySelector("button").addEventListener("click", () => {
    const column = head.cellIndex, up = head.getAttribute("aria-sort") !== "ascending", numeric = "numeric" in head.dataset;
    for (const other of all(".sortable th")) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const key = (row) => row.cells[column].dataset.key;
    const order = (a, b) => (numeric ? Number(a) - Number(b) : a.localeCompare(b, "en", { numeric: true }));
    const body = head.closest("table").tBodies[0];
    body.append(...[...rows].sort((a, b) => (key(a) === "") - (key(b) === "") || (up ? 1 : -1) * order(key(a), key(b))));
  });

  // Players: one sounds at a time, with a line that moves over its waveform and picture. They load as they come
  // into view: browsers limit how many a page may hold open.
  const panelOf = (audio) => audio.parentElement.querySelector(".panel");
  function follow(audio) {
    const panel = panelOf(audio), head = panel.querySelector(".head"), left = Number(panel.dataset.left), right = Number(panel.dataset.right);
    panel.classList.toggle("begun", audio.currentTime > 0);
    const x = left + (right - left) * (audio.currentTime / audio.duration || 0);
    head.setAttribute("x1", x);
    head.setAttribute("x2", x);
    if (!audio.paused) requestAnimationFrame(() => follow(audio));
  }
  const loader = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) { loader.unobserve(entry.target); entry.target.preload = "metadata"; }
  }, { rootMargin: "300px" });
  for (const audio of all("audio")) loader.observe(audio);
  for (const event of ["play", "seeked", "ended"]) addEventListener(event, ({ target }) => {
    if (event === "play") for (const other of all("audio")) if (other !== target) other.pause();
    follow(target);
  }, true);

  // Enlarging: an image at the largest whole multiple that fits, a sound's panel with a player; a metamer beside its
  // reference, a controller beside the best natural one for its goal.
  const dialog = document.getElementById("large");
  let order = [], place = 0;
  const partner = (button) => {
    const card = button.closest(".card"), group = button.closest(".group");
    if (!card) return [];
    const thumbs = all(".thumbs", group), suited = thumbs.find((set) => set.dataset.goal === card.dataset.goal) ?? thumbs[0];
    return [group.querySelector(".reference .picture [data-caption]") ?? suited?.querySelector("[data-caption]")].filter(Boolean);
  };
  function enlarge(index) {
    place = (index + order.length) % order.length;
    const button = order[place], shown = [...partner(button), button.querySelector("[data-caption]")];
    const side = innerWidth < 760 && shown[0].tagName !== "IMG" ? 1 : shown.length;
    const width = (innerWidth * 0.9 - 40 * side) / side, height = innerHeight * 0.9 - 120;
    dialog.querySelector(".pair").replaceChildren(...shown.map((one) => (one.tagName === "IMG" ? larger : louder)(one, width, height)));
    document.getElementById("large-title").textContent = shown.at(-1).dataset.caption;
    if (!dialog.open) dialog.showModal();
  }
  function larger(image, width, height) {
    const copy = new Image(), figure = document.createElement("figure"), caption = document.createElement("figcaption");
    const fit = Math.min(width / image.dataset.width, height / image.dataset.height), scale = fit >= 1 ? Math.floor(fit) : fit;
    copy.src = image.src;
    copy.alt = image.alt;
    copy.width = Math.max(1, Math.round(image.dataset.width * scale));
    copy.height = Math.max(1, Math.round(image.dataset.height * scale));
    copy.className = scale >= 2 ? "pixelated" : "";
    caption.textContent = `${image.dataset.caption} · ${image.dataset.width} × ${image.dataset.height} pixels, shown ${scale >= 1 ? scale : scale.toFixed(2)} ×`;
    figure.append(copy, caption);
    return figure;
  }
  function louder(panel, width, height) {
    const copy = panel.cloneNode(true), figure = document.createElement("figure"), caption = document.createElement("figcaption");
    const audio = panel.closest(".sound").querySelector("audio").cloneNode();
    const scale = Math.min(width / panel.dataset.width, (height - 40) / panel.dataset.height, 3);
    copy.classList.remove("begun");
    copy.setAttribute("width", panel.dataset.width * scale);
    copy.setAttribute("height", panel.dataset.height * scale);
    audio.preload = "auto";
    caption.textContent = `${panel.dataset.caption} · ${panel.dataset.about}`;
    figure.append(audio, copy, caption);
    return figure;
  }
  // In the enlarged panel a click plays from there.
  dialog.addEventListener("click", (event) => {
    const panel = event.target.closest(".panel");
    if (!panel) return;
    const audio = panel.parentElement.querySelector("audio"), at = new DOMPoint(event.clientX, event.clientY).matrixTransform(panel.getScreenCTM().inverse());
    const left = Number(panel.dataset.left), right = Number(panel.dataset.right);
    audio.currentTime = Math.min(Math.max((at.x - left) / (right - left), 0), 1) * audio.duration;
    audio.play();
  });
  addEventListener("click", (event) => {
    const button = event.target.closest("button.picture");
    if (!button) return;
    order = all("button.picture").filter((one) => one.getClientRects().length);
    enlarge(order.indexOf(button));
  });
  document.getElementById("large-before").addEventListener("click", () => enlarge(place - 1));
  document.getElementById("large-after").addEventListener("click", () => enlarge(place + 1));
  document.getElementById("large-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => { for (const audio of all("audio", dialog)) audio.pause(); });
  dialog.addEventListener("keydown", (event) => {
    if (event.target.tagName === "AUDIO") return;
    if (event.key === "ArrowLeft") enlarge(place - 1);
    if (event.key === "ArrowRight") enlarge(place + 1);
  });
})();
