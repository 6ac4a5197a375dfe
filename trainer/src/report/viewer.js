/** Original over reconstruction: zoom, pan, read-out and an overview, on top of a Painter. */
class Viewer {
  /** Fewer frames than this are too few to see a signal in. */
  static LEAST = 8;

  /** `onMove(from, to)` hears, in seconds, of every change of what is in view. */
  constructor(root, onMove) {
    this.onMove = onMove;
    this.cursor = null;
    this.range = element("output", { class: "range" });
    this.readout = element("p", { class: "legend" });
    this.choice = element("div", { class: "switch", role: "group", "aria-label": "Channels shown" });
    const plot = element("canvas", { tabindex: 0, role: "application", "aria-roledescription": "zoomable waveform" });
    const overview = element("canvas", { "aria-hidden": "true" });
    this.line = element("i", { class: "cursor", hidden: "" });
    this.window = element("i", { class: "window" });
    const button = (label, words, act) => {
      const node = element("button", { type: "button", "aria-label": words, title: words }, label);
      node.addEventListener("click", act);
      return node;
    };
    const buttons = element("span", { class: "buttons" },
      button("−", "Zoom out", () => this.zoom(2)), button("+", "Zoom in", () => this.zoom(0.5)),
      button("All", "Show everything", () => this.show(0, this.signal.frames)),
      button("Reset", "Back to the first view", () => this.reset()));
    root.append(element("div", { class: "toolbar" }, this.range, buttons), this.choice, this.readout,
      element("div", { class: "canvas" }, plot, this.line),
      element("div", { class: "canvas overview" }, overview, this.window),
      element("p", { class: "hint" }, "Scroll or pinch to zoom, drag to move. With the keyboard: arrows, + − and 0."));
    this.painter = new Painter(plot);
    this.strip = new Painter(overview);
    this.listen(plot, overview);
  }

  /** Shows another waveform; the view stays where it is if that part of the recording is in it. */
  load(signal) {
    const view = this.signal && [this.from, this.to].map((frame) => signal.frame(this.signal.seconds(frame)));
    this.signal = signal;
    this.cursor = null;
    this.hidden = new Set(signal.channels.slice(3));
    this.choice.hidden = signal.channels.length < 2;
    this.choice.replaceChildren(...signal.channels.map((channel, index) => this.channelButton(channel, index)));
    if (view && view[0] < signal.frames && view[1] > 0) this.show(...view);
    else this.reset();
    this.redrawAll();
  }

  channelButton(channel, index) {
    const node = element("button", { type: "button" }, channel.name || `channel ${index + 1}`);
    const mark = () => node.setAttribute("aria-pressed", String(!this.hidden.has(channel)));
    node.addEventListener("click", () => {
      if (this.hidden.has(channel)) this.hidden.delete(channel);
      else if (this.channels().length > 1) this.hidden.add(channel);
      mark();
      this.redrawAll();
    });
    mark();
    return node;
  }

  channels() { return this.signal.channels.filter((channel) => !this.hidden.has(channel)); }

  /** Some frames per pixel that show a signal's shape, from the start. */
  reset() { this.show(0, 3 * this.painter.canvas.parentElement.clientWidth); }

  /** Brings the frames `from..to` into view, as far as they exist. */
  show(from, to) {
    const length = clamp(to - from, Math.min(Viewer.LEAST, this.signal.frames), this.signal.frames);
    this.from = clamp(from, 0, this.signal.frames - length);
    this.to = this.from + length;
    const [first, last] = [this.from, this.to].map((frame) => this.signal.seconds(frame));
    this.range.textContent = `${fixed(first, 2)} – ${fixed(last, 2)} s`;
    this.painter.canvas.setAttribute("aria-label", `Original and reconstruction, ${this.range.textContent}`);
    this.onMove(first, last);
    this.redraw();
  }

  zoom(factor, at = (this.from + this.to) / 2) {
    const length = clamp((this.to - this.from) * factor, Viewer.LEAST, this.signal.frames);
    const part = (at - this.from) / (this.to - this.from);
    this.show(at - part * length, at + (1 - part) * length);
  }

  pan(frames) { this.show(this.from + frames, this.to + frames); }

  /** Frames per pixel of the plot. */
  get perPixel() { return (this.to - this.from) / (this.painter.width - this.painter.left); }

  frameAt(x) { return this.from + (x - this.painter.left) * this.perPixel; }

  redraw() {
    this.request ??= requestAnimationFrame(() => {
      this.request = undefined;
      this.painter.draw(this.signal, this.channels(), this.from, this.to);
      this.window.style.left = `${100 * this.from / this.signal.frames}%`;
      this.window.style.width = `${100 * (this.to - this.from) / this.signal.frames}%`;
      this.read();
    });
  }

  /** Redraws what does not depend on the view too: for another signal, channel, size or theme. */
  redrawAll() {
    const { strip, signal } = this;
    const [channel] = this.channels();
    strip.fit(44);
    Object.assign(strip, { signal, from: 0, left: 0, bottom: 44, perPixel: signal.frames / strip.width });
    strip.drawSpans();
    const [low, high] = extent(channel.original, 0, signal.frames);
    strip.context.beginPath();
    strip.path(channel.original, 0, channel.original.length, (count) => 40 - (count - low) / Math.max(1, high - low) * 36);
    strip.context.strokeStyle = strip.color("original");
    strip.context.stroke();
    this.redraw();
  }

  /** Marks the cursor and says what is under it; without one, names the lines. */
  read() {
    this.line.hidden = this.cursor === null;
    this.line.style.setProperty("--at", `${this.painter.x(this.cursor)}px`);
    this.line.style.height = `${this.painter.bottom}px`;
    const index = this.cursor ?? -1;
    const channels = this.channels();
    const channel = channels[clamp(this.panel ?? 0, 0, channels.length - 1)];
    const digits = clamp(Math.ceil(Math.log10(channel.scale)), 0, 9);
    const entry = (name, samples, offset, there) => {
      const value = there && index >= 0 && index < samples.length
        ? `${fixed((samples[index] - offset) / channel.scale, digits)} ${channel.unit}` : "";
      return element("span", { class: name }, name, " ", element("output", {}, value));
    };
    const decoded = !this.signal.inGap(index);
    const packet = lastAtMost(this.signal.packets, index, ([frame]) => frame);
    const losses = [...new Set(this.signal.spans.map(([, , status]) => status))];
    const place = index < 0 ? [] : [`${fixed(this.signal.seconds(index), 3)} s`];
    if (packet >= 0) place.push(`packet ${packet + 1}`);
    this.readout.replaceChildren(entry("original", channel.original, channel.offset, true),
      entry("reconstruction", channel.reconstruction, channel.offset, decoded),
      entry("residual", channel.residual, 0, decoded), ...losses.map((loss) => element("span", { class: loss }, loss)),
      element("span", { class: "place" }, place.join(" · ")));
  }

  listen(plot, overview) {
    const inside = (event) => event.clientX - event.currentTarget.getBoundingClientRect().left;
    plot.addEventListener("wheel", (event) => {
      const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY);
      // Where there is nothing more to show, the wheel belongs to the page.
      if (!sideways && event.deltaY > 0 && this.to - this.from >= this.signal.frames) return;
      event.preventDefault();
      if (sideways) this.pan(event.deltaX * this.perPixel);
      else this.zoom(2 ** (clamp(event.deltaY, -100, 100) / 200), this.frameAt(inside(event)));
    }, { passive: false });
    const held = new Map();
    const release = (event) => held.delete(event.pointerId);
    plot.addEventListener("pointerdown", (event) => {
      plot.setPointerCapture(event.pointerId);
      held.set(event.pointerId, { frame: this.frameAt(inside(event)), x: inside(event) });
      this.point(event, inside(event));
    });
    plot.addEventListener("pointermove", (event) => {
      const finger = held.get(event.pointerId);
      if (finger) this.drag(Object.assign(finger, { x: inside(event) }), [...held.values()]);
      this.point(event, inside(event));
    });
    for (const end of ["pointerup", "pointercancel"]) plot.addEventListener(end, release);
    // A finger leaves when it lifts, and its reader still wants to read.
    plot.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && this.point(null));
    const centre = (event) => {
      if (event.buttons) this.pan(inside(event) * this.strip.perPixel - (this.from + this.to) / 2);
    };
    overview.addEventListener("pointerdown", (event) => {
      overview.setPointerCapture(event.pointerId);
      centre(event);
    });
    overview.addEventListener("pointermove", centre);
    plot.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.redrawAll()).observe(plot.parentElement);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redrawAll());
  }

  /** Keeps each held frame under its finger: one finger moves the view, two also stretch it. */
  drag(finger, held) {
    const { left, width } = this.painter;
    const other = held.find((another) => another !== finger);
    const apart = other ? (other.x - finger.x) / (other.frame - finger.frame) : 0;
    const perPixel = apart > 0 ? 1 / apart : this.perPixel;
    const from = finger.frame - (finger.x - left) * perPixel;
    this.show(from, from + (width - left) * perPixel);
  }

  /** Puts the cursor under the pointer, or takes it away. */
  point(event, x = -1) {
    const frame = x < this.painter.left ? -1 : Math.round(this.frameAt(x));
    this.cursor = frame >= 0 && frame < this.signal.frames ? frame : null;
    if (event) this.panel = Math.floor(event.offsetY / Painter.sizes(this.channels().length, this.painter.width).panel);
    this.read();
  }

  key(event) {
    const step = (this.to - this.from) / 8;
    const acts = {
      ArrowLeft: () => this.pan(-step), ArrowRight: () => this.pan(step),
      ArrowUp: () => this.zoom(0.8), ArrowDown: () => this.zoom(1.25),
      "+": () => this.zoom(0.5), "=": () => this.zoom(0.5), "-": () => this.zoom(2),
      Home: () => this.pan(-this.signal.frames), End: () => this.pan(this.signal.frames),
      0: () => this.reset(), Escape: () => this.reset(),
    };
    if (!(event.key in acts) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    acts[event.key]();
  }
}
