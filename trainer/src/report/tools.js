"use strict";

/** Undoes `embed::pack`: differences of wrapping 32-bit integers in base-32 digits. */
function unpack(text, length) {
  const samples = new Int32Array(length);
  let position = 0;
  for (let index = 0, value = 0; index < length; index++) {
    let bits = 0;
    for (let shift = 0, more = 32; more; shift += 5) {
      const digit = text.charCodeAt(position++) - 63;
      bits |= (digit & 31) << shift;
      more = digit & 32;
    }
    value = (value + ((bits >>> 1) ^ -(bits & 1))) | 0;
    samples[index] = value;
  }
  return samples;
}

/** An element with attributes and children. */
function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** A number with its count of decimals, set as the page sets its other numbers. */
function fixed(value, decimals) {
  const [whole, fraction] = Math.abs(value).toFixed(decimals).split(".");
  const sign = value < 0 && Number(value.toFixed(decimals)) !== 0 ? "−" : "";
  return sign + whole.replace(/\B(?=(\d{3})+$)/g, "\u202f") + (fraction === undefined ? "" : `.${fraction}`);
}

/** A number with its count of significant digits. */
function number(value, digits = 3) {
  const size = Math.floor(Math.log10(Math.abs(value) || 1));
  return size < -5 ? value.toExponential(digits - 1) : fixed(value, clamp(digits - 1 - size, 0, 9));
}

/** The smallest of 1, 2, 5 times a power of ten that is at least `value`. */
function roundStep(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5].find((digit) => digit * power >= value * (1 - 1e-9)) ?? 10) * power;
}

/** The multiples of a round step from `from` to `to`, with the decimals that tell them apart. */
function ticks(from, to, step) {
  const first = Math.ceil(from / step - 1e-9);
  const last = Math.floor(to / step + 1e-9);
  const decimals = clamp(-Math.floor(Math.log10(step) + 1e-9), 0, 9);
  const values = Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => (first + index) * step);
  return values.map((value) => ({ value, label: fixed(value, decimals) }));
}

/** The index of the last entry of an ascending list whose key is at most `value`; -1 before the first. */
function lastAtMost(list, value, key = (entry) => entry) {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (key(list[middle]) <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

const clamp = (value, low, high) => Math.max(low, Math.min(high, value));
