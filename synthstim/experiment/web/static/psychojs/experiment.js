// The experiment in PsychoJS: the same plan, texts and order of routines as everywhere; its library is the server's.
import { core, util, visual } from "./lib/psychojs-PSYCHOPY_VERSION.js";
import { nodesOf, planOf, Refused, State } from "./course.js";
import { agree, leave, page, sit } from "./pages.js";
import { Routine } from "./routine.js";
import { Rows } from "./rows.js";

const { NEXT, FLIP_REPEAT, QUIT } = util.Scheduler.Event;
const about = await (await fetch("experiment.json", { cache: "no-store" })).json();
document.title = about.title;
const grey = Array(3).fill(about.background);
// Every row of the answers says whose it is: PsychoJS fills what stands here in.
const info = { participant: util.getUrlParameters().get("participant") ?? "" };
const psychoJS = new core.PsychoJS({ debug: false });
psychoJS.openWindow({ fullscr: true, color: new util.Color(grey, util.Color.COLOR_SPACE.RGB255), units: "pix", waitBlanking: true });

const flow = new util.Scheduler(psychoJS);
const cancelled = new util.Scheduler(psychoJS);
psychoJS.schedule(psychoJS.gui.DlgFromDict({ dictionary: info, title: about.title }));
psychoJS.scheduleCondition(() => psychoJS.gui.dialogComponent.button === "OK", flow, cancelled);
flow.add(begin);
cancelled.add(() => quit("The experiment did not begin.", false));
psychoJS.start({ expName: about.protocol, expInfo: info, resources: [] });

// All that comes before the first routine; then the routines are added to those to come.
async function begin() {
  try {
    const number = Number(info.participant || NaN);
    const rows = await planOf(number);
    await agree(about);
    const saved = new Rows(about, rows, psychoJS.experiment);
    const state = new State(about, { participant: number, rows, done: [], headphone_right: 0 }, saved);
    await state.preload((ready, count) => page(`Loading ${ready} of ${count}`));
    state.audio?.resume();
    await sit(state);
    leave();
    info.participant = String(number);
    psychoJS.experiment.dataFileName = `data/${about.protocol}_participant_${String(number).padStart(3, "0")}_trials`;
    const stage = { state, psychoJS, core, util, visual, keyboard: new core.Keyboard({ psychoJS }), mouse: new core.Mouse({ win: psychoJS.window }), made: new Map() };
    for (const node of nodesOf(state, about.flow)) flow.add(turnOf(node, stage));
    flow.add(() => end(state, saved));
    return NEXT;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    leave();
    return quit(error.message, false);
  }
}

// A routine in its turn, frame by frame; the next one begins in the frame in which this one ends.
function turnOf(node, stage) {
  let routine = null;
  return () => {
    if (routine === null) {
      if (!node.enter()) return NEXT;
      routine = new Routine(node.routine, stage);
    }
    if (routine.frame()) return FLIP_REPEAT;
    routine.end();
    node.leave();
    return NEXT;
  };
}

async function end(state, saved) {
  if (state.stopped) saved.interrupt();
  return quit(state.stopped ? "Thank you. The experiment ends here." : "Thank you. All trials are done.", !state.stopped);
}

async function quit(message, isCompleted) {
  await psychoJS.quit({ message, isCompleted });
  return QUIT;
}
