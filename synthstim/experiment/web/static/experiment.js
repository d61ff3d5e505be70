"use strict";
// What is known while the experiment runs, and the order in which its routines come.
class State {
  constructor(about, started, saving) {
    Object.assign(this, { about, saving, participant: started.participant, rows: started.rows, done: started.done });
    // Of the check that is going on: a page that is loaded anew goes on counting.
    this.headphoneRight = started.headphone_right;
    this.byFile = new Map(about.stimuli.map((one) => [one.file, one]));
    this.images = new Map();
    this.sounds = new Map();
    this.scale = 1;
    this.routine = "";
    this.stopped = false;
    this.page = 0;
    this.pages = Math.ceil(about.words.length / (about.words_columns * about.words_rows));
  }

  partOf(row) { return row.phase === "catch" ? "main" : row.phase; }

  remaining(part) {
    const done = new Set(this.done.map(([known, trial]) => `${known} ${trial}`));
    return this.rows.filter((row) => this.partOf(row) === part && !done.has(`${part} ${row.trial}`));
  }

  async preload(tell) {
    const files = [...this.byFile.keys()];
    let ready = 0;
    for (const file of files) {
      const address = file.split("/").map(encodeURIComponent).join("/");
      if (this.about.modality === "image") {
        const image = new Image();
        image.src = address;
        await image.decode();
        this.images.set(file, image);
      } else {
        this.audio ??= new AudioContext({ sampleRate: this.about.rate_hz });
        const answer = await fetch(address);
        if (!answer.ok) throw new Refused(`${file} is missing.`);
        this.sounds.set(file, await this.audio.decodeAudioData(await answer.arrayBuffer()));
      }
      tell(++ready, files.length);
    }
  }

  image(slot) { return this.images.get(this.row[slot]); }

  size(slot) {
    const { width_px, height_px } = this.byFile.get(this.row[slot]);
    return [width_px * this.scale, height_px * this.scale];
  }

  place(piece) {
    const places = this.byFile.get(this.row[piece.slot]).places ?? this.about.places;
    return places[piece.name].map((side) => side * this.scale);
  }

  text(name) {
    const row = this.row ?? {};
    const part = this.row ? this.partOf(row) : "";
    const { value } = this.answers?.response ?? {};
    const right = row.right === "n/a" ? undefined : row.right;
    const verdict = value === undefined ? "late" : String(value) === right ? "right" : "wrong";
    const did = this.done.filter(([known]) => known === "main").length;
    const count = this.rows.filter((one) => this.partOf(one) === "main").length;
    const texts = this.about.texts;
    const figures = {
      participant: this.participant, number: (row.trial ?? 0) + 1, count: this.rows.filter((one) => this.partOf(one) === part).length,
      right, word: right, answer: value, verdict: texts[verdict], headphone_result: texts[this.headphonePassed() ? "headphone_passed" : "headphone_failed"],
      resumed: did ? fill(texts.resumed ?? "", { done: did, count }) : "", done: did, page: this.page + 1, pages: this.pages, ...this.columns(),
    };
    return fill(texts[name] ?? "", figures);
  }

  // The words of the page that is shown.
  columns() {
    const { words, words_columns: columns, words_rows: rows } = this.about;
    const column = (at) => words.slice((this.page * columns + at) * rows, (this.page * columns + at + 1) * rows).map(([, word]) => word).join("\n");
    return Object.fromEntries(Array.from({ length: columns }, (_, at) => [`column_${at + 1}`, column(at)]));
  }

  headphonePassed() { return this.headphoneRight >= this.about.criteria.headphone_pass; }

  enter(routine) { this.routine = routine; }

  begin(row) {
    Object.assign(this, { row, onsets: {}, answers: {}, told: false });
  }

  // On the server's disk before the first stimulus: a trial that was begun never comes again.
  announce() {
    if (this.told) return;
    this.told = true;
    this.saving.add("begin", { part: this.partOf(this.row), trial: this.row.trial });
  }

  came(slot, time) { this.announce(); this.onsets[slot] = time / 1000; }

  answer(stores, value, time, more) { if (this.answers) this.answers[stores] = { value, time: time / 1000, ...more }; }

  finish() {
    const { row } = this;
    // What was begun and not answered is interrupted, as in the laboratory.
    if (this.stopped) return;
    const response = this.answers.response?.value;
    if (row.phase === "headphone" && String(response) === row.right) this.headphoneRight += 1;
    this.announce();
    this.saving.add("trial", { part: this.partOf(row), trial: row.trial, onsets: this.onsets, answers: this.answers });
    this.row = null;
  }

  load(piece) {
    this.playing = { file: piece.plays ? this.about.level : this.row[piece.slot], piece, source: null, over: false };
  }

  sounding(piece, elapsed) {
    const playing = this.playing;
    if (elapsed >= piece.after_s && !playing.source) {
      const source = this.audio.createBufferSource();
      source.buffer = this.sounds.get(playing.file);
      source.loop = piece.repeat;
      source.connect(this.audio.destination);
      source.onended = () => { playing.over = true; };
      if (!piece.plays) this.came(piece.slot, performance.now());
      source.start();
      playing.source = source;
    }
    return playing.over && !piece.repeat;
  }

  silence() {
    if (this.playing?.source) this.playing.source.stop();
    this.playing = null;
  }
}

function fill(text, figures) { return text.replace(/\{(\w+)\}/g, (_, name) => String(figures[name] ?? "")); }

const PARTS = { headphone_trials: "headphone", practice_trials: "practice", main_trials: "main" };
const SKIPS = {
  participant_known: () => true,
  no_rest: (state) => !state.row?.rest,
  practice_known: (state) => !state.remaining("practice").length,
  headphone_known: (state) => state.headphoneKnown,
};

function timelineOf(state, steps) {
  const nodes = [];
  for (const step of steps) {
    if (step.routine) nodes.push(node(state, step.routine));
    if (step.loop === "word_pages") {
      for (let at = 0; at < state.pages; at += 1) {
        const inner = timelineOf(state, step.each);
        inner[0].on_begin.push(() => { state.page = at; });
        nodes.push(...inner);
      }
    }
    if (!(step.loop in PARTS)) continue;
    for (const row of state.remaining(PARTS[step.loop])) {
      const inner = timelineOf(state, step.each);
      inner[0].on_begin.push(() => state.begin(row));
      inner.at(-1).on_end.push(() => state.finish());
      nodes.push(...inner);
    }
  }
  return nodes;
}

// jsPsych asks a condition before each node: there a trial begins, even where its first routine is left out.
function node(state, routine) {
  const made = { on_begin: [], on_end: [] };
  const skip = SKIPS[state.about.routines[routine].skip];
  made.timeline = [{ type: Routine, routine, state, on_finish: () => made.on_end.forEach((act) => act()) }];
  made.conditional_function = () => {
    made.on_begin.forEach((act) => act());
    const runs = !state.stopped && !skip?.(state);
    if (!runs) made.on_end.forEach((act) => act());
    if (runs && routine === "headphone_result" && !state.headphonePassed() && state.about.headphone_fail === "stop") {
      made.on_end.push(() => { state.stopped = true; });
    }
    return runs;
  };
  return made;
}

function page(text, button) {
  const root = document.getElementById("experiment");
  const place = document.createElement("div");
  place.className = "page";
  place.textContent = text;
  root.replaceChildren(place);
  document.body.style.background = "#444";
  if (!button) return place;
  const go = document.createElement("button");
  go.textContent = button;
  place.append("\n\n", go);
  return new Promise((resolve) => go.addEventListener("click", () => resolve(place)));
}

// A bank card is 85.6 mm wide everywhere: the participant makes the picture as wide as theirs.
async function cardScale(about) {
  const key = "synthstim px per cm";
  if (localStorage.getItem(key)) return Number(localStorage.getItem(key));
  const place = page(about.texts.card ?? "Hold a bank card against the screen and move the handle until the grey one is as wide as yours.\n");
  const card = document.createElement("div");
  card.className = "card";
  const handle = Object.assign(document.createElement("input"), { type: "range", min: 150, max: 900, value: 324 });
  const draw = () => { card.style.width = `${handle.value}px`; card.style.height = `${handle.value / 1.586}px`; };
  handle.addEventListener("input", draw);
  draw();
  const done = Object.assign(document.createElement("button"), { textContent: "It is as wide", id: "card_done" });
  place.append(handle, card, done);
  await new Promise((resolve) => done.addEventListener("click", resolve));
  localStorage.setItem(key, String(handle.value / 8.56));
  return handle.value / 8.56;
}

async function main() {
  const about = await (await fetch("experiment.json", { cache: "no-store" })).json();
  document.title = about.title;
  const simulated = new URLSearchParams(location.search).get("simulate");
  const saving = new Saving();
  const consent = about.texts.consent ?? `${about.title}\n\nYour answers are kept under a number, without your name. You may stop at any time by closing this page.`;
  const agree = () => page(consent, about.texts.consent_button ?? "I agree and take part");
  const key = `synthstim ${about.protocol} ${location.pathname}`;
  const known = saving.known(key);
  if (!simulated && !known) await agree();
  const started = await saving.start(key);
  // The server may not know who comes back, as after its data were moved: then it is somebody new.
  const back = known && saving.token === known;
  if (!simulated && known && !back) await agree();
  const state = new State(about, started, saving);
  await state.preload((ready, count) => page(`Loading ${ready} of ${count}`));
  // It waits for a click, which the page of consent had.
  if (!simulated && back && state.audio) await page(about.texts.go_on ?? "You go on where you were.", about.texts.go_on_button ?? "Go on");
  state.audio?.resume();
  if (!simulated && about.modality === "image") {
    const distance = Math.round(about.distance_cm);
    state.scale = (await cardScale(about)) / about.px_per_cm;
    await page(about.texts.distance ?? `Sit so that your eyes are ${distance} cm from the screen, and stay there.`, "I do");
  }
  state.headphoneKnown = !state.remaining("headphone").length;
  document.getElementById("experiment").replaceChildren();
  const jsPsych = initJsPsych({ display_element: "experiment" });
  window.experiment = { state, jsPsych, saving };
  const timeline = timelineOf(state, about.flow);
  await (simulated ? jsPsych.simulate(timeline, simulated) : jsPsych.run(timeline));
  const saved = await saving.settled();
  if (saving.served && saved) page(state.stopped ? "Thank you. The experiment ends here." : "All answers are saved. You may close this page.");
  else {
    await page("The answers are to be sent by hand: save the file and send it to the experimenter.", "Save the file");
    saving.download(`${about.protocol}_participant_${String(state.participant).padStart(3, "0")}.json`);
  }
  document.body.dataset.finished = "1";
}

main().catch((error) => { page(error instanceof Refused ? error.message : `Something went wrong: ${error.message}`); document.body.dataset.failed = "1"; });
