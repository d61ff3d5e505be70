// What is known while the experiment runs, and the order in which its routines come; for jsPsych and PsychoJS alike.
export class Refused extends Error {}

// What is planned for a participant, where the server only serves files.
export async function planOf(number) {
  const plan = Number.isInteger(number) ? await fetch(`plans/${String(number).padStart(3, "0")}.json`) : { ok: false };
  if (!plan.ok) throw new Refused(`There is no plan for participant ${number}.`);
  return plan.json();
}

export class State {
  constructor(about, started, saving) {
    Object.assign(this, { about, saving, participant: started.participant, rows: started.rows, done: started.done });
    // Of the check that is going on: a page that is loaded anew goes on counting.
    this.headphoneRight = started.headphone_right;
    this.byFile = new Map(about.stimuli.map((one) => [one.file, one]));
    this.images = new Map();
    this.sounds = new Map();
    // What shows movies, where the page does.
    this.projector = null;
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
      } else if (this.about.modality === "movie") {
        await this.projector.load(this.byFile.get(file), address);
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
    if (this.projector) this.projector.missed = 0;
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
    this.saving.add("trial", { part: this.partOf(row), trial: row.trial, onsets: this.onsets, answers: this.answers, missed: this.projector?.missed ?? null });
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

export function fill(text, figures) { return text.replace(/\{(\w+)\}/g, (_, name) => String(figures[name] ?? "")); }

const PARTS = { headphone_trials: "headphone", practice_trials: "practice", main_trials: "main" };
const SKIPS = {
  participant_known: () => true,
  no_rest: (state) => !state.row?.rest,
  practice_known: (state) => !state.remaining("practice").length,
  headphone_known: (state) => state.headphoneKnown,
};

// A routine in its turn.
class Node {
  constructor(state, routine) { Object.assign(this, { state, routine, begins: [], ends: [] }); }

  // Whether the routine runs. With the first of a trial the trial begins, even where that routine is left out.
  enter() {
    const { state, routine } = this;
    this.begins.forEach((act) => act());
    const runs = !state.stopped && !SKIPS[state.about.routines[routine].skip]?.(state);
    if (!runs) this.leave();
    if (runs && routine === "headphone_result" && !state.headphonePassed() && state.about.headphone_fail === "stop") {
      this.ends.push(() => { state.stopped = true; });
    }
    return runs;
  }

  leave() { this.ends.forEach((act) => act()); }
}

export function nodesOf(state, steps) {
  const nodes = [];
  for (const step of steps) {
    if (step.routine) nodes.push(new Node(state, step.routine));
    if (step.loop === "word_pages") {
      for (let at = 0; at < state.pages; at += 1) {
        const inner = nodesOf(state, step.each);
        inner[0].begins.push(() => { state.page = at; });
        nodes.push(...inner);
      }
    }
    if (!(step.loop in PARTS)) continue;
    for (const row of state.remaining(PARTS[step.loop])) {
      const inner = nodesOf(state, step.each);
      inner[0].begins.push(() => state.begin(row));
      inner.at(-1).ends.push(() => state.finish());
      nodes.push(...inner);
    }
  }
  return nodes;
}
