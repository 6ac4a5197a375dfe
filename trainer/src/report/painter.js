/** A run's waveform, unpacked, with what drawing and read-out ask of it. */
class Signal {
  constructor(packed) {
    Object.assign(this, packed);
    this.gaps = this.spans.filter(([, , status]) => status === "gap");
    this.channels = packed.channels.map((channel) => {
      const [originals, decoded] = channel.lengths;
      const original = unpack(channel.original, originals);
      const reconstruction = unpack(channel.reconstruction, decoded);
      const residual = Float64Array.from(reconstruction.subarray(0, originals), (count, index) => original[index] - count);
      return { ...channel, original, reconstruction, residual };
    });
  }

  seconds(frame) { return (this.start + frame) / this.rate; }

  frame(seconds) { return seconds * this.rate - this.start; }

  inGap(frame) { return this.gaps.some(([from, to]) => from <= frame && frame < to); }

  /** Calls `visit(from, to)` for each run of decoded frames in `from..to`. */
  eachDecoded(from, to, visit) {
    for (const [gapFrom, gapTo] of this.gaps) {
      if (gapFrom >= to) break;
      if (gapFrom > from) visit(from, gapFrom);
      from = Math.max(from, gapTo);
    }
    if (from < to) visit(from, to);
  }
}

/** `[low, high]` widened by the samples `from..to`. */
function extent(samples, from, to, [low, high] = [Infinity, -Infinity]) {
  for (let index = Math.max(0, from); index < Math.min(to, samples.length); index++) {
    if (samples[index] < low) low = samples[index];
    if (samples[index] > high) high = samples[index];
  }
  return [low, high];
}

/** Draws some frames of a signal: per channel the two traces, and the residual beneath. */
class Painter {
  static HEAD = 20;
  static FOOT = 28;

  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
  }

  /** Makes the canvas as wide as its place on the page and `height` high, in whole device pixels. */
  fit(height) {
    const ratio = window.devicePixelRatio || 1;
    this.width = this.canvas.parentElement.clientWidth;
    this.canvas.style.height = `${height}px`;
    this.canvas.width = Math.round(this.width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const style = getComputedStyle(document.documentElement);
    this.context.font = `11px ${style.getPropertyValue("--font")}`;
    this.color = (name) => style.getPropertyValue(`--${name}`).trim();
  }

  /** Sizes of a channel's two parts and of both with their headings. */
  static sizes(channels, width) {
    const [trace, residual] = channels > 1 ? [130, 48] : width < 560 ? [190, 64] : [250, 84];
    return { trace, residual, panel: trace + residual + 2 * Painter.HEAD + 8 };
  }

  x = (frame) => this.left + (frame - this.from) / this.perPixel;

  /** Draws the frames `from..to` of some channels. */
  draw(signal, channels, from, to) {
    const sizes = Painter.sizes(channels.length, this.canvas.parentElement.clientWidth);
    this.bottom = channels.length * sizes.panel;
    this.fit(this.bottom + Painter.FOOT);
    Object.assign(this, { signal, from });
    const scales = channels.map((channel) => this.scales(channel, Math.floor(from), Math.ceil(to) + 1, sizes));
    const labels = scales.flatMap((scale) => [...scale.trace.ticks, ...scale.residual.ticks]);
    const widths = labels.map(({ label }) => this.context.measureText(label).width);
    this.left = Math.ceil(Math.max(20, ...widths)) + 8;
    this.perPixel = (to - from) / (this.width - this.left);
    this.drawSpans();
    this.drawTimes(to);
    this.drawPackets(to);
    channels.forEach((channel, index) => {
      const top = index * sizes.panel + Painter.HEAD;
      const residualTop = top + sizes.trace + Painter.HEAD;
      const map = this.drawScale(scales[index].trace, top, sizes.trace);
      const residualMap = this.drawScale(scales[index].residual, residualTop, sizes.residual);
      const tall = residualMap.perUnit / map.perUnit;
      this.text([channel.name, channel.unit].filter(Boolean).join(", "), this.left + 4, top - 6, "left");
      this.text(`residual, ${number(tall, 2)} × the scale above`, this.left + 4, residualTop - 6, "left");
      this.drawTraces(channel, map, residualMap, Math.max(0, Math.floor(from) - 1), Math.ceil(to) + 2);
    });
  }

  /** Value scales for what is in view, in units. They end on round values, so that panning does not make them tremble. */
  scales(channel, from, to, sizes) {
    let range = extent(channel.original, from, to);
    let error = [0, 0];
    this.signal.eachDecoded(from, to, (begin, end) => {
      range = extent(channel.reconstruction, begin, end, range);
      error = extent(channel.residual, begin, end, error);
    });
    if (range[0] > range[1]) range = [0, 0];
    const unit = (count) => (count - channel.offset) / channel.scale;
    const [low, high] = range.map(unit);
    const step = roundStep(Math.max(high - low, 4 / channel.scale) / Math.round(sizes.trace / 28));
    const limit = roundStep(Math.max(-error[0], error[1], 1) / channel.scale);
    const scale = (low, high, step, unit) => ({ low, high, unit, ticks: ticks(low, high, step) });
    return {
      trace: scale(Math.floor(low / step) * step, Math.ceil(high / step + 1e-9) * step, step, unit),
      residual: scale(-limit, limit, limit, (count) => count / channel.scale),
    };
  }

  /** Draws a scale's grid and labels; returns the map from counts to pixels. */
  drawScale({ low, high, unit, ticks }, top, height) {
    const perUnit = height / (high - low);
    const y = (value) => top + (high - value) * perUnit;
    for (const { value, label } of ticks) {
      this.bar("grid", this.left, Math.round(y(value)), this.width - this.left, 1);
      this.text(label, this.left - 8, y(value) + 4, "right");
    }
    return Object.assign((count) => y(unit(count)), { perUnit });
  }

  drawTraces(channel, map, residualMap, from, to) {
    const { context } = this;
    const dense = this.perPixel > 3;
    context.save();
    context.beginPath();
    context.rect(this.left, 0, this.width - this.left, this.bottom);
    context.clip();
    context.lineJoin = "round";
    const stroke = (color, width, samples, y, runs) => {
      context.beginPath();
      runs((begin, end) => this.path(samples, begin, Math.min(end, samples.length), y));
      context.strokeStyle = this.color(color);
      context.lineWidth = width;
      context.stroke();
    };
    const decoded = (visit) => this.signal.eachDecoded(from, to, visit);
    stroke("original", dense ? 2 : 4, channel.original, map, (visit) => visit(from, to));
    stroke("reconstruction", dense ? 1 : 1.5, channel.reconstruction, map, decoded);
    stroke("residual", 1, channel.residual, residualMap, decoded);
    context.restore();
  }

  /** Adds samples to the path; where several share a pixel, the least and the greatest of them, each in its place. */
  path(samples, from, to, y) {
    // Groups start at multiples of their size: panning then moves the same picture.
    const group = Math.max(1, Math.floor(this.perPixel));
    if (from < to) this.context.moveTo(this.x(from), y(samples[from]));
    for (let end; from < to; from = end) {
      end = Math.min(to, (Math.floor(from / group) + 1) * group);
      let [low, high] = [from, from];
      for (let index = from + 1; index < end; index++) {
        if (samples[index] < samples[low]) low = index;
        if (samples[index] > samples[high]) high = index;
      }
      this.context.lineTo(this.x(Math.min(low, high)), y(samples[Math.min(low, high)]));
      if (low !== high) this.context.lineTo(this.x(Math.max(low, high)), y(samples[Math.max(low, high)]));
    }
  }

  drawTimes(to) {
    const [first, last] = [this.signal.seconds(this.from), this.signal.seconds(to)];
    const step = roundStep((last - first) / Math.max(2, Math.floor(this.width / 110)));
    for (const { value, label } of ticks(first, last, step)) {
      const x = this.x(this.signal.frame(value));
      const half = this.context.measureText(`${label} s`).width / 2;
      this.bar("grid", Math.round(x), 0, 1, this.bottom);
      this.text(`${label} s`, Math.min(x, this.width - half), this.bottom + 18, "center");
    }
  }

  drawSpans() {
    for (const [from, to, status] of this.signal.spans) {
      const [left, right] = [from, to].map((frame) => clamp(this.x(frame), this.left, this.width));
      if (right > left) this.bar(status, left, 0, Math.max(1, right - left), this.bottom);
    }
  }

  /** Marks where packets begin, with their bytes where there is room; too close together they would hide the signal. */
  drawPackets(to) {
    const { packets, frames } = this.signal;
    const first = Math.max(0, lastAtMost(packets, this.from, (packet) => packet[0]));
    const last = lastAtMost(packets, to, (packet) => packet[0]);
    const apart = (this.width - this.left) / Math.max(1, last - first);
    for (let index = first; index <= last && apart > 6; index++) {
      const [frame, bytes] = packets[index];
      const left = Math.round(this.x(frame));
      const right = Math.min(this.width, this.x(packets[index + 1]?.[0] ?? frames));
      if (left >= this.left) this.bar("packet", left, 0, 1, apart < 60 ? 8 : this.bottom);
      if (right - Math.max(left, this.left) > 130) this.text(`${bytes} bytes`, right - 8, 12, "right");
    }
  }

  bar(color, ...rectangle) {
    this.context.fillStyle = this.color(color);
    this.context.fillRect(...rectangle);
  }

  text(text, x, y, align) {
    this.context.fillStyle = this.color("soft-ink");
    this.context.textAlign = align;
    this.context.fillText(text, x, y);
  }
}
