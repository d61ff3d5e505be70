// What the experiment calls of PsychoJS, and no more: names, options and meaning as in PsychoJS 2024.2.0. An option that it does not know is an error.
const OPTIONS = {
  PsychoJS: ["debug", "collectIP", "hosts", "topLevelStatus", "autoStartScheduler", "saveResults", "captureErrors", "checkWebGLSupport"],
  openWindow: ["name", "fullscr", "color", "gamma", "units", "waitBlanking", "autoLog"],
  start: ["configURL", "expName", "expInfo", "resources", "dataFileName", "surveyId"],
  quit: ["message", "isCompleted", "closeWindow", "showOK"],
  DlgFromDict: ["logoUrl", "text", "dictionary", "title", "requireParticipantClick", "OKAlwaysEnabledForLocal"],
  Keyboard: ["psychoJS", "bufferSize", "waitForStart", "clock", "autoLog"],
  getKeys: ["keyList", "waitRelease", "clear"],
  Mouse: ["name", "win", "autoLog"],
  isPressedIn: ["shape", "buttons"],
  TextStim: [
    "name", "win", "text", "font", "pos", "anchor", "color", "opacity", "depth", "contrast", "units", "ori", "height", "bold", "italic", "alignHoriz",
    "alignVert", "wrapWidth", "flipHoriz", "flipVert", "clipMask", "autoDraw", "autoLog",
  ],
  ImageStim: [
    "name", "win", "image", "mask", "pos", "anchor", "units", "ori", "size", "color", "opacity", "contrast", "texRes", "depth", "interpolate", "flipHoriz",
    "flipVert", "autoDraw", "autoLog", "aspectRatio", "blurVal",
  ],
  Polygon: [
    "name", "win", "lineWidth", "lineColor", "fillColor", "opacity", "edges", "radius", "pos", "size", "ori", "units", "contrast", "depth", "interpolate",
    "autoDraw", "autoLog",
  ],
  Slider: [
    "name", "win", "pos", "size", "ori", "units", "color", "markerColor", "lineColor", "contrast", "opacity", "depth", "style", "ticks", "labels",
    "startValue", "granularity", "flip", "readOnly", "font", "bold", "italic", "fontSize", "compact", "clipMask", "autoDraw", "autoLog", "dependentStims",
  ],
};
// What the run looks at: keys that wait, the button of the mouse and where it is, what is drawn, what was saved.
export const seen = { keys: [], mouse: { down: false, over: null }, drawn: new Set(), draws: [], frame: 0, entries: [], quit: null };

function checked(name, options) {
  const unknown = Object.keys(options).filter((option) => !OPTIONS[name].includes(option));
  if (unknown.length) throw new Error(`${name} of PsychoJS has no ${unknown.join(", ")}`);
  return options;
}

class MonotonicClock { static getReferenceTime() { return performance.now() / 1000 - 5; } }

class Color {
  static COLOR_SPACE = { RGB: "RGB", RGB255: "RGB255" };
  constructor(of, space) {
    if (Array.isArray(of) && space === "RGB255" && of.every((value) => value >= 0 && value <= 255)) return;
    if (!["white", "red"].includes(of)) throw new Error(`no colour: ${of}`);
  }
}

class Scheduler {
  static Event = { NEXT: Symbol("NEXT"), FLIP_REPEAT: Symbol("FLIP_REPEAT"), FLIP_NEXT: Symbol("FLIP_NEXT"), QUIT: Symbol("QUIT") };
  constructor(psychoJS) { Object.assign(this, { psychoJS, tasks: [], current: null, stopped: false }); }

  add(task, ...given) { this.tasks.push([task, given]); }

  addConditional(condition, yes, no) { this.add(() => { this.add(condition() ? yes : no); return Scheduler.Event.NEXT; }); }

  start() {
    const update = async () => {
      if (this.stopped || await this.next() === Scheduler.Event.QUIT) return;
      this.psychoJS.window.render();
      requestAnimationFrame(update);
    };
    requestAnimationFrame(update);
  }

  async next() {
    const { NEXT, FLIP_REPEAT, QUIT } = Scheduler.Event;
    for (;;) {
      if (!this.current && !this.tasks.length) return QUIT;
      this.current ??= this.tasks.shift();
      const [task, given] = this.current;
      let state = task instanceof Function ? await task(...given) : await task.next();
      if (!(task instanceof Function) && state === QUIT && !this.psychoJS.experiment.experimentEnded) state = NEXT;
      if (state !== FLIP_REPEAT) this.current = null;
      if (state !== NEXT) return state;
    }
  }
}

class Window {
  constructor() { Object.assign(this, { size: [1200, 900], waiting: [] }); }

  callOnFlip(act, ...given) { this.waiting.push(() => act(...given)); }

  render() {
    seen.frame += 1;
    for (const act of this.waiting.splice(0)) act();
  }
}

class ExperimentHandler {
  constructor(info) { Object.assign(this, { info, entry: {} }); }

  addData(key, value) { this.entry[key] = value; }

  nextEntry() { seen.entries.push({ ...this.entry, ...this.info }); this.entry = {}; }
}

class PsychoJS {
  constructor(options) {
    checked("PsychoJS", options);
    this.scheduler = new Scheduler(this);
    this.gui = { DlgFromDict: (given) => this.ask(checked("DlgFromDict", given)), dialogComponent: {} };
  }

  openWindow(options) { checked("openWindow", options); this.window = new Window(); }

  schedule(task) { this.scheduler.add(task); }

  scheduleCondition(condition, yes, no) { this.scheduler.addConditional(condition, yes, no); }

  // What stands in the address is not asked for.
  ask({ dictionary }) {
    return () => {
      dictionary.participant ||= "";
      this.gui.dialogComponent.button = globalThis.CANCELLED ? "Cancel" : "OK";
      return Scheduler.Event.NEXT;
    };
  }

  async start(options) {
    this.experiment = new ExperimentHandler(checked("start", options).expInfo);
    this.scheduler.start();
  }

  async quit(options) {
    this.experiment.experimentEnded = true;
    this.scheduler.stopped = true;
    seen.quit = { ...checked("quit", options), file: this.experiment.dataFileName };
  }
}

class Keyboard {
  constructor(options) { checked("Keyboard", options); }

  clearEvents() { seen.keys = []; }

  getKeys(options) { checked("getKeys", options); return seen.keys.splice(0); }
}

class Mouse {
  constructor(options) { checked("Mouse", options); }

  getPressed() { return [Number(seen.mouse.down), 0, 0]; }

  isPressedIn(options) { return seen.mouse.down && seen.mouse.over === checked("isPressedIn", options).shape; }
}

class Stimulus {
  constructor(options) {
    this.kind = this.constructor.name;
    this.name = checked(this.kind, options).name;
    if (!(options.win instanceof Window)) throw new Error(`${this.name} has no window`);
    Object.assign(this, { options, shown: false });
  }

  setAutoDraw(on) {
    if (on === this.shown) throw new Error(`${this.name} is ${on ? "" : "not "}drawn already`);
    this.shown = on;
    seen.drawn[on ? "add" : "delete"](this);
    if (on) seen.draws.push(this.draw = { name: this.name, kind: this.kind, from: seen.frame, text: this.text, src: this.image?.src, size: this.size, pos: this.pos });
    else this.draw.to = seen.frame;
  }
}

class TextStim extends Stimulus { setText(text) { if (!text) throw new Error("an empty text is measured wrongly"); this.text = text; } }

class ImageStim extends Stimulus {
  setImage(image) { if (!(image instanceof Image)) throw new Error("no image"); this.image = image; }

  setSize(size) { this.size = size; }

  setPos(pos) { this.pos = pos; }
}

class Polygon extends Stimulus {}

class Slider extends Stimulus {
  reset() { Object.assign(this, { rating: undefined, begun: performance.now() }); }

  // By whoever takes part.
  mark(rating) { Object.assign(this, { rating, marked: (performance.now() - this.begun) / 1000 }); }

  getRating() { return this.rating; }

  getRT() { return this.marked; }
}

const getUrlParameters = () => new URLSearchParams(location.search);
export const core = { PsychoJS, Keyboard, Mouse };
export const util = { Scheduler, Color, MonotonicClock, getUrlParameters };
export const visual = { TextStim, ImageStim, Polygon, Slider };
