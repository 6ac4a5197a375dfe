/** What the address asks to show: `#from=10&to=14`, in seconds, and `&run=NAME`. */
function readAddress() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const seconds = (name) => (asked.has(name) ? Number(asked.get(name)) : NaN);
  return { from: seconds("from"), to: seconds("to"), run: asked.get("run") };
}

/** Fills the waveform section and keeps the address in step with it, so that a view can be shared. */
function startViewer(root, runs) {
  const state = { run: runs[0], timer: 0 };
  let shown = [];
  const viewer = new Viewer(root, (from, to) => {
    shown = [from, to];
    clearTimeout(state.timer);
    state.timer = setTimeout(writeAddress, 300);
  });
  const choice = document.getElementById("runs");
  const buttons = runs.map((run) => element("button", { type: "button" }, run.name));
  function choose(run) {
    state.run = run;
    buttons.forEach((button, index) => button.setAttribute("aria-pressed", String(runs[index] === run)));
    run.signal ??= new Signal(run.waveform);
    viewer.load(run.signal);
  }
  function writeAddress() {
    const words = new URLSearchParams({ from: shown[0].toFixed(3), to: shown[1].toFixed(3) });
    if (runs.length > 1) words.set("run", state.run.name);
    history.replaceState(null, "", `#${words}`);
  }
  function followAddress() {
    const { from, to, run } = readAddress();
    choose(runs.find(({ name }) => name === run) ?? state.run);
    if (to > from) viewer.show(state.run.signal.frame(from), state.run.signal.frame(to));
    clearTimeout(state.timer);
  }
  buttons.forEach((button, index) => button.addEventListener("click", () => choose(runs[index])));
  choice.append(...buttons);
  choice.hidden = runs.length < 2;
  window.addEventListener("hashchange", followAddress);
  followAddress();
}

/** Lets the pointer read a chart's curves at a step; without it the legend has their last values. */
function startChart(figure, { last, lines }) {
  const plot = figure.querySelector("svg");
  const cursor = figure.querySelector(".cursor");
  const outputs = [...figure.querySelectorAll("output")];
  const final = outputs.map((output) => output.textContent);
  const step = figure.querySelector("small");
  const words = step.textContent;
  plot.addEventListener("pointermove", (event) => {
    const part = clamp(event.offsetX / plot.clientWidth, 0, 1);
    cursor.hidden = false;
    cursor.style.setProperty("--at", `${100 * part}%`);
    step.textContent = `step ${fixed(part * last, 0)}`;
    lines.forEach(({ steps, values }, index) => {
      outputs[index].textContent = number(values[Math.max(0, lastAtMost(steps, part * last))]);
    });
  });
  plot.addEventListener("pointerleave", () => {
    cursor.hidden = true;
    step.textContent = words;
    outputs.forEach((output, index) => { output.textContent = final[index]; });
  });
}

{
  const { runs, charts } = JSON.parse(document.getElementById("data").textContent);
  const root = document.getElementById("waveform");
  if (root) startViewer(root, runs.filter(({ waveform }) => waveform?.frames > 1));
  charts.forEach((chart, index) => startChart(document.querySelector(`[data-chart="${index}"]`), chart));
}
