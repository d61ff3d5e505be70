// Each trial as a row with the columns of trials.tsv, for PsychoJS to save: worked out as the laboratory's own session does.
const MISSING = "n/a";

export class Rows {
  constructor(about, plan, experiment) {
    Object.assign(this, { about, plan, experiment, begun: null, headphoneRight: 0 });
    this.byFile = new Map(about.stimuli.map((one) => [one.file, one]));
  }

  // What a session tells: that a trial begins, and what was answered in it.
  add(kind, content) {
    if (kind === "begin") this.begun = content;
    else this.write(content, this.answered(this.planned(content), content));
  }

  // A trial that began and was not answered.
  interrupt() { if (this.begun) this.write(this.begun, { status: "interrupted" }); }

  planned({ part, trial }) {
    return this.plan.find((row) => row.trial === trial && (row.phase === "catch" ? "main" : row.phase) === part);
  }

  write(content, found) {
    this.begun = null;
    const planned = this.planned(content);
    const { slots, columns, criteria } = this.about;
    const checked = content.part !== "headphone" && criteria.headphone_pass > 0;
    if (planned.phase === "headphone") this.headphoneRight += found.correct ?? 0;
    const row = {
      ...planned, ...Object.fromEntries(slots.map((slot) => [slot, undefined])), session: 1, attempt: content.part === "headphone" ? 1 : undefined,
      headphone_passed: checked ? Number(this.headphoneRight >= criteria.headphone_pass) : undefined, time: stamp(new Date()), ...found,
    };
    for (const name of columns) this.experiment.addData(name, cell(row[name]));
    this.experiment.nextEntry();
  }

  answered(planned, { onsets, answers }) {
    const { slots, masks, asks, also } = this.about;
    const shown = {};
    for (const slot of slots.filter((one) => planned[one] !== MISSING)) {
      const entry = this.byFile.get(planned[slot]);
      Object.assign(shown, { [slot]: entry.stimulus_id, [`${slot}_sha256`]: entry.sha256, [`${slot}_onset_s`]: seconds(onsets[slot]) });
    }
    const last = Math.max(0, ...slots.filter((slot) => !masks.includes(slot) && onsets[slot] !== undefined).map((slot) => onsets[slot]));
    const { response, confidence } = answers;
    const since = (time) => (time === undefined ? undefined : seconds(time - last));
    const right = planned.right === MISSING || !response ? undefined
      : Number(String(response.value) === planned.right || (also[planned.right] ?? []).includes(response.value));
    return {
      ...shown, response: response?.value, response_time: since(response?.time), confidence: confidence?.value, confidence_time: since(confidence?.time),
      first_key_time: since(response?.first), replaced: response?.refused, correct: right, status: response || !asks ? "answered" : "no_response",
    };
  }
}

function seconds(value) { return value === undefined ? undefined : value.toFixed(6); }

function cell(value) { return value === undefined || value === null ? MISSING : String(value).replace(/[\t\r\n]+/g, " "); }

// The wall clock with its offset, to the second.
function stamp(now) {
  const two = (value) => String(Math.trunc(Math.abs(value))).padStart(2, "0");
  const offset = -now.getTimezoneOffset();
  const local = new Date(now.getTime() + 60_000 * offset).toISOString().slice(0, 19);
  return `${local}${offset < 0 ? "-" : "+"}${two(offset / 60)}:${two(offset % 60)}`;
}
