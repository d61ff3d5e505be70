// A routine of the protocol as a trial of jsPsych: pieces come and go with the frames, and an answer or the last of them ends it.
import { WordField } from "./completion.js";

const KEYS = { space: " ", return: "Enter", escape: "Escape", left: "ArrowLeft", right: "ArrowRight", up: "ArrowUp", down: "ArrowDown" };

function keyNames(event) {
  const named = Object.entries(KEYS).filter(([, key]) => key === event.key).map(([name]) => name);
  const digit = event.code.startsWith("Numpad") ? [`num_${event.key}`] : [];
  return [...named, ...digit, event.key.toLowerCase()];
}

export class Routine {
  static info = { name: "routine", version: "1", parameters: { routine: { default: "" }, state: { default: null } }, data: {} };

  constructor(jsPsych) { this.jsPsych = jsPsych; }

  trial(display, trial) {
    const { state } = trial;
    this.state = state;
    this.pieces = state.about.routines[trial.routine].pieces;
    this.display = display;
    this.elements = new Map();
    this.seen = new Set();
    this.ended = false;
    state.enter(trial.routine);
    const screen = document.createElement("div");
    screen.className = "screen";
    screen.style.background = `rgb(${Array(3).fill(state.about.background).join(",")})`;
    display.replaceChildren(screen);
    this.screen = screen;
    for (const piece of this.pieces) this.prepare(piece);
    this.asked = this.pieces.find((piece) => ["choice", "slider", "entry"].includes(piece.piece));
    screen.classList.toggle("pointed", Boolean(this.asked && (this.asked.piece === "slider" || Object.keys(this.asked.click).length)));
    this.listener = (event) => this.key(event);
    document.addEventListener("keydown", this.listener);
    this.begun = performance.now();
    requestAnimationFrame((now) => this.frame(now));
  }

  prepare(piece) {
    const { state } = this;
    let element = null;
    if (piece.piece === "text") {
      element = document.createElement("div");
      element.className = "text";
      element.textContent = piece.text ? state.text(piece.text) : "";
    } else if (piece.piece === "image") {
      element = state.image(piece.slot).cloneNode();
      const size = state.size(piece.slot);
      [element.style.width, element.style.height] = size.map((side) => `${side}px`);
      element.draggable = false;
    } else if (piece.piece === "movie") {
      element = state.projector.canvas(state.row[piece.slot]);
      [element.style.width, element.style.height] = state.size(piece.slot).map((side) => `${side}px`);
      state.projector.rewind();
    } else if (piece.piece === "fixation") {
      element = document.createElement("div");
      element.className = "fixation";
      element.style.width = element.style.height = `${Math.max(2, state.about.fixation_px * state.scale)}px`;
    } else if (piece.piece === "slider") {
      element = this.scale(piece);
    }
    if (element) {
      const [x, y] = ["image", "movie"].includes(piece.piece) ? state.place(piece) : [piece.x * innerHeight, piece.y * innerHeight];
      element.style.left = `${innerWidth / 2 + x}px`;
      element.style.top = `${innerHeight / 2 - y}px`;
      element.style.visibility = "hidden";
      element.dataset.name = piece.name;
      this.screen.append(element);
      this.elements.set(piece.name, element);
    }
    for (const [name, answer] of Object.entries(piece.click)) {
      const clicked = this.elements.get(name);
      clicked.classList.add("clickable");
      clicked.addEventListener("click", () => this.answer(piece, answer));
    }
    if (piece.piece === "sound") state.load(piece);
    if (piece.piece === "entry") {
      this.field = new WordField(state.about, this.elements.get(piece.shown_in), (word, more) => this.answer(piece, word, more));
    }
  }

  scale(piece) {
    const bar = document.createElement("div");
    bar.className = "scale";
    piece.ticks.forEach((tick, at) => {
      const mark = document.createElement("button");
      mark.textContent = piece.labels[at] ?? String(tick);
      mark.addEventListener("click", () => this.answer(piece, tick));
      bar.append(mark);
    });
    return bar;
  }

  frame(now) {
    if (this.ended) return;
    const elapsed = now - this.begun;
    let going = false;
    for (const piece of this.pieces) {
      const over = piece.lasts_ms !== null && elapsed >= piece.start_ms + piece.lasts_ms;
      const on = elapsed >= piece.start_ms && !over;
      going ||= !over;
      const element = this.elements.get(piece.name);
      if (element) element.style.visibility = on ? "visible" : "hidden";
      if (on && piece.piece === "entry") this.field.focus();
      if (on && piece.piece === "movie" && !this.state.projector.show(this.state.row[piece.slot], element, now)) return this.end();
      if (on && ["image", "movie"].includes(piece.piece) && !this.seen.has(piece.name)) {
        this.seen.add(piece.name);
        // The next frame is the first that shows it.
        requestAnimationFrame((shown) => this.state.came(piece.slot, shown));
      }
      if (piece.piece === "sound" && this.state.sounding(piece, elapsed / 1000)) return this.end();
    }
    if (!going) return this.end();
    requestAnimationFrame((next) => this.frame(next));
  }

  key(event) {
    if (event.isComposing) return;
    const names = keyNames(event);
    if (names.includes("escape")) {
      this.state.stopped = true;
      return this.end();
    }
    for (const piece of this.pieces) {
      if (performance.now() - this.begun < piece.start_ms) continue;
      if (piece.piece === "key" && piece.keys.some((key) => names.includes(key))) return this.end();
      if (piece.piece === "choice") {
        const keys = this.state.about.questions[piece.name].keys;
        const found = names.find((name) => name in keys);
        if (found) { event.preventDefault(); return this.answer(piece, keys[found]); }
      }
    }
  }

  answer(piece, value, more = {}) {
    if (this.ended || performance.now() - this.begun < piece.start_ms) return;
    this.state.answer(this.state.about.questions[piece.name].stores, value, performance.now(), more);
    this.end();
  }

  end() {
    this.ended = true;
    document.removeEventListener("keydown", this.listener);
    this.state.silence();
    this.display.replaceChildren();
    this.jsPsych.finishTrial({});
  }

  // jsPsych's own simulation: a key is pressed or an answer given, now and then the right one.
  simulate(trial, mode, options, loaded) {
    this.trial(this.jsPsych.getDisplayElement(), trial);
    loaded();
    const act = () => {
      if (this.ended) return;
      const elapsed = performance.now() - this.begun;
      const key = this.pieces.find((piece) => piece.piece === "key" && elapsed > 60);
      if (key) return this.end();
      if (this.asked && elapsed > this.asked.start_ms + 60) {
        const asked = this.state.about.questions[this.asked.name];
        const values = asked.kind === "words" ? this.state.about.words.map(([, word]) => word) : asked.values;
        const right = this.state.row?.right;
        const knows = values.includes(right) && Math.random() < 0.7;
        return this.answer(this.asked, knows ? right : values[Math.floor(Math.random() * values.length)]);
      }
      setTimeout(act, 20);
    };
    act();
  }
}
