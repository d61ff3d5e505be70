// The experiment as a page of jsPsych.
import { nodesOf, Refused, State } from "./course.js";
import { Projector, refreshRate, requireRefresh } from "./movies.js";
import { agree, isSomebodyElse, leave, page, sit } from "./pages.js";
import { Routine } from "./routine.js";
import { Saving } from "./saving.js";

async function main() {
  const about = await (await fetch("experiment.json", { cache: "no-store" })).json();
  document.title = about.title;
  const simulated = new URLSearchParams(location.search).get("simulate");
  const refresh = about.modality === "movie" ? await refreshRate() : null;
  if (refresh) requireRefresh(about, refresh, simulated);
  const saving = new Saving();
  const key = `synthstim ${about.protocol} ${location.pathname}${simulated ? " simulated" : ""}`;
  // Who is simulated is somebody new, and leaves who was here before as they are.
  let known = simulated ? null : saving.known(key);
  // The next participant at the same computer is not the last one.
  if (known && (await isSomebodyElse(about, saving.who(key)))) known = null;
  if (!simulated && !known) await agree(about);
  const started = await saving.start(key, known);
  // The server may not know who comes back, as after its data were moved: then it is somebody new.
  const back = known && saving.token === known;
  if (known && !back) await agree(about);
  const state = new State(about, started, saving);
  if (refresh) state.projector = new Projector(refresh);
  await state.preload((ready, count) => page(`Loading ${ready} of ${count}`));
  // It waits for a click, which the first page had.
  state.audio?.resume();
  if (!simulated) await sit(state);
  state.headphoneKnown = !state.remaining("headphone").length;
  leave();
  const jsPsych = initJsPsych({ display_element: "experiment" });
  window.experiment = { state, jsPsych, saving };
  const timeline = nodesOf(state, about.flow).map((node) => ({
    timeline: [{ type: Routine, routine: node.routine, state, on_finish: () => node.leave() }],
    conditional_function: () => node.enter(),
  }));
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
