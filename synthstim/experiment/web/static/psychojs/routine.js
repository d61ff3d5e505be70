// A routine of the protocol: its pieces as components of PsychoJS, which come and go with the frames.
import { WordField } from "./completion.js";

// A frame that comes so little before its time is in time.
const EARLY_MS = 4;
const MAKERS = {
  text: ({ visual, util, psychoJS }, piece) => new visual.TextStim({
    ...common(psychoJS, piece), units: "height", text: " ", pos: [piece.x, piece.y], height: 0.032, color: new util.Color("white"),
    wrapWidth: 0.9 * psychoJS.window.size[0] / psychoJS.window.size[1],
  }),
  image: ({ visual, psychoJS }, piece) => new visual.ImageStim({ ...common(psychoJS, piece), units: "pix", interpolate: true }),
  fixation: ({ visual, util, psychoJS, state }, piece) => {
    const [size, red] = [Math.max(2, state.about.fixation_px * state.scale), new util.Color("red")];
    return new visual.Polygon({ ...common(psychoJS, piece), units: "pix", edges: 64, size: [size, size], fillColor: red, lineColor: red });
  },
  slider: ({ visual, psychoJS }, piece) => new visual.Slider({
    ...common(psychoJS, piece), units: "height", pos: [piece.x, piece.y], size: [1, 0.06], ticks: piece.ticks,
    labels: piece.labels.length ? piece.labels : piece.ticks.map(String), granularity: 1, fontSize: 0.032,
  }),
};

function common(psychoJS, piece) { return { win: psychoJS.window, name: piece.name, depth: -piece.order }; }

export class Routine {
  constructor(name, stage) {
    Object.assign(this, { name, stage, state: stage.state, pressed: true, seen: new Set() });
    this.pieces = stage.state.about.routines[name].pieces.map((piece, order) => ({ ...piece, order }));
    this.begun = performance.now();
    for (const piece of this.pieces) this.prepare(piece);
    stage.keyboard.clearEvents();
  }

  component(piece) { return this.stage.made.get(`${this.name} ${piece.name}`); }

  prepare(piece) {
    const { stage, state } = this;
    const key = `${this.name} ${piece.name}`;
    // Made once: a new one each trial would fill the graphics memory.
    if (piece.piece in MAKERS && !stage.made.has(key)) stage.made.set(key, MAKERS[piece.piece](stage, piece));
    const component = stage.made.get(key);
    if (piece.piece === "text") component.setText((piece.text && state.text(piece.text)) || " ");
    if (piece.piece === "image") {
      component.setImage(state.image(piece.slot));
      component.setSize(state.size(piece.slot));
      component.setPos(state.place(piece));
    }
    if (piece.piece === "slider") component.reset();
    if (piece.piece === "sound") state.load(piece);
    if (piece.piece === "entry") this.write(piece);
  }

  // Over the canvas, where the text is that the word is shown in.
  write(piece) {
    const shown = this.pieces.find((one) => one.name === piece.shown_in);
    this.place = Object.assign(document.createElement("div"), { className: "typed" });
    this.place.style.top = `${50 - 100 * shown.y}%`;
    document.body.append(this.place);
    this.field = new WordField(this.state.about, this.place, (word, more) => { this.typed = [piece, word, performance.now(), more]; });
  }

  // Whether the routine goes on after this frame.
  frame() {
    const elapsed = performance.now() - this.begun + EARLY_MS;
    if (this.asked(elapsed)) return false;
    let going = false;
    for (const piece of this.pieces) {
      const over = piece.lasts_ms !== null && elapsed >= piece.start_ms + piece.lasts_ms;
      const on = elapsed >= piece.start_ms && !over;
      going ||= !over;
      this.draw(piece, on);
      if (piece.piece === "sound" && this.state.sounding(piece, elapsed / 1000)) return false;
    }
    return going;
  }

  draw(piece, on) {
    const { state, stage } = this;
    if (on && piece.piece === "entry") this.field.focus();
    const component = this.component(piece);
    if (!component || on === this.seen.has(piece.name)) return;
    this.seen[on ? "add" : "delete"](piece.name);
    component.setAutoDraw(on);
    if (on && piece.piece === "image") stage.psychoJS.window.callOnFlip(() => state.came(piece.slot, performance.now()));
  }

  // Whether a key, a click, a mark or a word ends the routine.
  asked(elapsed) {
    const { util, keyboard } = this.stage;
    const keys = keyboard.getKeys({ waitRelease: false }).map(({ name, tDown }) => (
      { name, time: performance.now() - 1000 * (util.MonotonicClock.getReferenceTime() - tDown) }
    ));
    if (keys.some(({ name }) => name === "escape")) {
      this.state.stopped = true;
      return true;
    }
    if (this.typed) return this.answer(...this.typed);
    const click = this.click();
    for (const piece of this.pieces) {
      // What was given before it was asked for does not count.
      const given = keys.filter(({ time }) => time - this.begun + EARLY_MS >= piece.start_ms);
      if (elapsed < piece.start_ms) continue;
      if (piece.piece === "key" && given.some(({ name }) => piece.keys.includes(name))) return true;
      if (piece.piece === "choice" && this.chosen(piece, given, click)) return true;
      if (piece.piece === "slider" && this.marked(piece)) return true;
    }
    return false;
  }

  chosen(piece, given, click) {
    const { keys } = this.state.about.questions[piece.name];
    const key = given.find(({ name }) => name in keys);
    if (key) return this.answer(piece, keys[key.name], key.time);
    const shape = click && Object.keys(piece.click).find((name) => (
      this.seen.has(name) && this.stage.mouse.isPressedIn({ shape: this.component({ name }) })
    ));
    return shape ? this.answer(piece, piece.click[shape], performance.now()) : false;
  }

  // A button that goes down in this routine; one that is still down from the last does not.
  click() {
    const down = this.stage.mouse.getPressed().some(Boolean);
    const began = down && !this.pressed;
    this.pressed = down;
    return began;
  }

  marked(piece) {
    const component = this.component(piece);
    const rating = component.getRating();
    if (rating === undefined) return false;
    const tick = piece.ticks.find((one) => Math.abs(one - rating) < 0.5);
    return tick === undefined ? false : this.answer(piece, tick, this.begun + 1000 * component.getRT());
  }

  answer(piece, value, time, more = {}) {
    this.state.answer(this.state.about.questions[piece.name].stores, value, time, more);
    return true;
  }

  end() {
    for (const piece of this.pieces) if (this.seen.has(piece.name)) this.component(piece).setAutoDraw(false);
    this.place?.remove();
    this.state.silence();
  }
}
