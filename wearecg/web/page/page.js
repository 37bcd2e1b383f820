// The live page: takes the stream by a WebSocket (texts are events as JSON, binary messages are samples), draws it.
// Times are timeline seconds of the stream that they belong to, as everywhere in wearecg.

const MM = 96 / 25.4;            // CSS pixels
const SPEED = 25 * MM;           // pixels a second
const GAIN = 10 * MM;            // pixels a millivolt
const ZERO = 18 * MM;            // from the top of a lead: R waves are taller than S waves are deep
const BLANK_S = 0.25;            // ahead of the newest sample
const KEPT_S = 30;               // seconds of samples in the page
const MISSING = -32768;
const OLD_S = 2;                 // from this age on it is said how old the newest sample is
const TREND_S = 3600;
const MOST_LISTED = 30;
const RETRY_S = [0.5, 1, 2, 4, 8];

const byId = id => document.getElementById(id);
const token = location.hash.slice(1);
const now = () => performance.now() / 1000;
const two = n => String(n).padStart(2, "0");
const clock = s => `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(Math.floor(s) % 60)}`;

const streams = new Map();       // by number
const findings = new Map();      // by stream, source and code
let main = null;                 // the stream whose heart rate and time are shown
let trend = [];
let socket = null, tries = 0, arrived = 0, links = new Map(), past = null;

// ---- samples -------------------------------------------------------------------------------------------------------

class Ring {                     // the newest KEPT_S of a stream, by sample number
  constructor(fs, leads) {
    this.fs = fs; this.size = Math.ceil(KEPT_S * fs); this.leads = leads.map(() => new Float32Array(this.size).fill(NaN));
    this.end = null;             // number of the sample after the newest
  }
  put(start, data, leads) {
    const first = Math.round(start * this.fs), n = data.length / leads;
    if (this.end === null || first < this.end - this.size) { this.leads.forEach(x => x.fill(NaN)); this.end = first; }
    for (let i = this.end; i < Math.min(first, this.end + this.size); i++) this.leads.forEach(x => { x[i % this.size] = NaN; });
    for (let i = 0; i < n; i++) for (let k = 0; k < leads; k++) {
      const v = data[i * leads + k];
      this.leads[k][(first + i) % this.size] = v === MISSING ? NaN : v / 1000;
    }
    this.end = Math.max(this.end, first + n);
  }
  at(lead, i) { return i < this.end && i >= this.end - this.size ? this.leads[lead][i % this.size] : NaN; }
}

class Stream {
  constructor(info) {
    this.info = info; this.number = info.number; this.ring = new Ring(info.fs, info.leads);
    this.arrivals = []; this.head = null; this.beats = []; this.rows = [];
  }
  take(start, data, leads) {
    this.ring.put(start, data, leads);
    const at = now(), end = this.ring.end / this.info.fs;
    arrived = at;
    this.arrivals.push([at, at - end]);
    while (this.arrivals.length > 400 || this.arrivals[0][0] < at - 10) this.arrivals.shift();
  }
  // Samples come in lumps: they are shown as late as the latest of the last lumps came, so that the trace runs evenly.
  get played() {
    if (!this.arrivals.length) return null;
    const late = this.arrivals.map(a => a[1]).sort((a, b) => a - b);
    const delay = late[Math.min(late.length - 1, Math.floor(late.length * 0.98))];
    const end = this.ring.end / this.info.fs;
    const head = Math.min(now() - delay, end);
    if (this.head === null || head < this.head - 2 || head > this.head + KEPT_S) this.head = head;
    this.head = Math.max(this.head, head);
    return this.head;
  }
}

// ---- drawing -------------------------------------------------------------------------------------------------------

const style = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
let colours = {};
function readColours() { for (const n of ["trace", "made", "held", "rate", "line", "dim"]) colours[n] = style(`--${n}`); }

class Row {
  constructor(stream, lead) {
    this.stream = stream; this.lead = lead;
    const { info } = stream, name = info.leads[lead];
    this.made = info.reconstructed.includes(name) ? "reconstructed"
      : info.synthetic.includes(name) ? "drawn from the pulse" : "";
    this.box = document.createElement("div");
    this.heart = isHeart(name);  // others have no millivolts: they are drawn to fit, without a grid
    this.box.className = `lead${this.made ? " made" : ""}${this.heart ? "" : " other"}`;
    const label = document.createElement("span");
    label.textContent = this.made ? `${name} ${this.made}` : name;
    this.canvas = document.createElement("canvas");
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", `Lead ${name}${this.made && `, ${this.made}`}`);
    this.box.append(label, this.canvas);
    this.drawn = null;           // sample number up to which it is drawn; null: nothing
  }
  resize() {
    const ratio = devicePixelRatio || 1, { clientWidth: w, clientHeight: h } = this.box;
    if (this.width === w && this.height === h && this.ratio === ratio) return;
    Object.assign(this, { width: w, height: h, ratio });
    this.canvas.width = Math.max(1, Math.round(w * ratio)); this.canvas.height = Math.round(h * ratio);
    this.pen = this.canvas.getContext("2d");
    this.drawn = null;
  }
  get seconds() { return this.width / SPEED; }
  prepare() {
    this.pen.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    this.pen.lineWidth = 1.3; this.pen.lineJoin = "round";
    this.pen.strokeStyle = this.made ? colours.made : colours.trace;
  }
  // Pixels of a value, from the top.
  scale(ring, first, last) {
    if (this.heart) return v => ZERO - v * GAIN;
    let low = Infinity, high = -Infinity;
    for (let i = Math.max(first, ring.end - ring.size); i < last; i++) {
      const v = ring.at(this.lead, i);
      if (v < low) low = v;
      if (v > high) high = v;
    }
    const centre = (low + high) / 2, gain = (this.height - 8) / Math.max(high - low, 1e-3);
    return v => this.height / 2 - (v - centre) * gain;
  }
  // Draws samples first..last of a ring, of which `left` (a time) is at the left edge.
  line(ring, first, last, left, y) {
    const pen = this.pen;
    let drawing = false;
    pen.beginPath();
    for (let i = first; i <= last; i++) {
      const v = ring.at(this.lead, i), x = (i / ring.fs - left) * SPEED;
      if (Number.isNaN(v)) { drawing = false; continue; }
      if (drawing) pen.lineTo(x, y(v)); else pen.moveTo(x, y(v));
      drawing = true;
    }
    pen.stroke();
  }
  letters(beats, from, to, left) {
    this.pen.fillStyle = colours.held; this.pen.font = "700 13px system-ui"; this.pen.textAlign = "center";
    for (const beat of beats) if (beat.code && beat.code !== "N" && beat.time >= from && beat.time < to)
      this.pen.fillText(beat.code, (beat.time - left) * SPEED, this.height - 4);
  }
  sweep() {
    const head = this.stream.played;
    if (head === null || !this.width) return;
    const { ring } = this.stream, fs = ring.fs, last = Math.floor(head * fs), span = this.seconds;
    if (this.drawn === null || this.drawn < last - span * fs) {
      this.pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
      this.drawn = Math.ceil((head - span + BLANK_S) * fs);
    }
    if (last <= this.drawn) return;
    this.prepare();
    // A stretch that crosses the right edge is drawn in two parts.
    let first = this.drawn;
    const y = this.scale(ring, ring.end - ring.size, ring.end);
    while (first < last) {
      const left = Math.floor(first / fs / span) * span;
      const until = Math.min(last, Math.ceil((left + span) * fs));
      const x = (first / fs - left) * SPEED, width = ((until - first) / fs + BLANK_S) * SPEED;
      this.pen.clearRect(x + 1, 0, width, this.height);
      if (x + width > this.width) this.pen.clearRect(0, 0, x + width - this.width, this.height);
      this.line(ring, first, until, left, y);
      first = until;
    }
    this.drawn = last;
  }
  still(stretch) {
    const ring = stretch.rings.get(this.stream.number);
    this.pen.setTransform(1, 0, 0, 1, 0, 0);
    this.pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (!ring || ring.end === null) return;
    this.prepare();
    const first = Math.ceil(stretch.start * ring.fs), last = Math.floor((stretch.start + this.seconds) * ring.fs);
    this.line(ring, first, last, stretch.start, this.scale(ring, first, last));
    if (this.lead === 0) this.letters(stretch.beats.get(this.stream.info.stream) || [], stretch.start, Infinity, stretch.start);
  }
}

const ORDER = ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"];
const isHeart = name => ORDER.includes(name) || name === "ECG" || name.startsWith("ECG") || name.endsWith("*");
let rows = [];

function layOut() {
  const measured = new Set();
  rows = [];
  for (const stream of streams.values()) {
    if (!/^(ecg|twelve|pulse|ppg)/.test(stream.info.stream)) continue;
    stream.info.leads.forEach((name, lead) => {
      const made = stream.info.reconstructed.includes(name) || stream.info.synthetic.includes(name);
      if (name === "RR" || (!made && stream.info.stream.startsWith("twelve") && measured.has(name))) return;
      if (!made) measured.add(name);
      rows.push(new Row(stream, lead));
    });
  }
  const place = name => { const i = ORDER.indexOf(name); return i < 0 ? ORDER.length : i; };
  const twelve = [...streams.values()].some(s => s.info.stream.startsWith("twelve"));
  if (twelve) rows.sort((a, b) => place(a.stream.info.leads[a.lead]) - place(b.stream.info.leads[b.lead]));
  byId("leads").replaceChildren(...rows.map(row => row.box));
  byId("leads").classList.toggle("many", rows.length > 3);
  byId("leads").style.setProperty("--rows", Math.ceil(rows.length / 2));
  rows.forEach(row => row.resize());
  byId("streams").textContent = [...streams.values()]
    .map(({ info }) => `${info.source}: ${info.stream} ${info.leads.join(" ")}, ${+info.fs.toFixed(3)} Hz`).join("; ");
}

function frame() {
  if (past) { if (past.dirty) { rows.forEach(row => row.still(past)); past.dirty = false; } }
  else rows.forEach(row => row.sweep());
  requestAnimationFrame(frame);
}

function drawTrend() {
  const canvas = byId("trend"), ratio = devicePixelRatio || 1, w = canvas.clientWidth, h = canvas.clientHeight;
  canvas.width = Math.max(1, w * ratio); canvas.height = Math.max(1, h * ratio);
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  const known = trend.filter(p => p[1] !== null).map(p => p[1]);
  if (!known.length) return;
  const end = trend[trend.length - 1][0], span = Math.min(TREND_S, Math.max(120, end - trend[0][0]));
  const low = Math.min(40, ...known) - 5, high = Math.max(120, ...known) + 5;
  const x = t => (1 - (end - t) / span) * (w - 34), y = v => h - 4 - (v - low) / (high - low) * (h - 8);
  pen.font = "11px system-ui"; pen.fillStyle = colours.dim; pen.strokeStyle = colours.line; pen.lineWidth = 1;
  for (const v of [60, 100]) { pen.beginPath(); pen.moveTo(0, y(v)); pen.lineTo(w - 34, y(v)); pen.stroke(); pen.fillText(v, w - 28, y(v) + 4); }
  pen.strokeStyle = colours.rate; pen.lineWidth = 1.6; pen.beginPath();
  let drawing = false;
  for (const [t, v] of trend) {
    if (t < end - span) continue;
    if (v === null) { drawing = false; continue; }
    if (drawing) pen.lineTo(x(t), y(v)); else { pen.moveTo(x(t) - 1, y(v)); pen.lineTo(x(t), y(v)); }
    drawing = true;
  }
  pen.stroke();
  canvas.setAttribute("aria-label", `Heart rate of the last ${Math.max(1, Math.round(span / 60))} minutes: ` +
    `${Math.round(Math.min(...known))} to ${Math.round(Math.max(...known))} bpm`);
}

// ---- events --------------------------------------------------------------------------------------------------------

function listed(id, text, className = "") {
  const item = document.createElement("li");
  item.textContent = text; item.className = className;
  byId(id).prepend(item);
  while (byId(id).children.length > MOST_LISTED) byId(id).lastChild.remove();
}

function showFindings() {
  const items = [...findings.values()].map(one => {
    const item = document.createElement("li"), name = document.createElement("strong");
    const sensor = /-\d+$/.test(one.stream) ? `${one.stream}: ` : "";
    if (one.why) { item.className = "dim"; item.textContent = `${sensor}not scored: ${one.reason}`; return item; }
    name.textContent = sensor + one.text;
    const parts = [`since ${clock(one.since)}`];
    if (one.probability !== null) parts.push(`p ${one.probability.toFixed(2)}`);
    if (one.uncertainty !== null) parts.push(`chance of a wrong call ${Math.round(100 * one.uncertainty)} %`);
    for (const [key, value] of Object.entries(one.evidence)) parts.push(`${key.replaceAll("_", " ")} ${+value.toPrecision(3)}`);
    item.append(name, ` ${parts.join(", ")}`);
    return item;
  });
  if (!items.length) { const none = document.createElement("li"); none.className = "none"; none.textContent = "nothing is stated"; items.push(none); }
  byId("findings").replaceChildren(...items);
}

const streamOf = id => [...streams.values()].find(s => s.info.stream === id);

const take = {
  stream(e) {
    const stream = new Stream(e);
    streams.set(e.number, stream);
    if (!main || main === e.stream || (main !== "ecg" && e.stream === "ecg")) { main = e.stream; trend = []; }
    layOut();
  },
  rate(e) {
    if (e.stream !== main) return;
    byId("bpm").textContent = e.bpm === null ? "--" : Math.round(e.bpm);
    byId("why").textContent = e.bpm === null ? `unknown: ${e.reason}` : "";
    const last = trend[trend.length - 1];
    if (!last || e.time >= last[0] + 10) { trend.push([e.time, e.bpm]); drawTrend(); }
    if (trend.length > 5000) trend.shift();
  },
  trend(e) { trend = e.points; drawTrend(); },
  quality(e) {
    if (e.stream !== main) return;
    const bad = e.leads.filter(q => q.verdict !== "good").map(q => `${q.lead} ${q.verdict}: ${q.reason}`);
    byId("quality").textContent = bad.length ? `signal: ${bad.join(", ")}` : "signal good";
    byId("quality").className = bad.length ? "bad" : "";
  },
  link(e) {
    links.set(e.sensor, e);
    const said = [...links.values()].map(one => (one.sensor > 1 ? `${one.sensor}: ` : "") + (one.state === "live" ? "live" : `${one.state}: ${one.message}`));
    byId("link").textContent = said.join("; ");
    byId("link").className = [...links.values()].every(one => one.state === "live") ? "" : "bad";
  },
  beat(e) {
    const stream = streamOf(e.stream);
    if (stream) { stream.beats.push({ time: e.time + (e.lag || 0), code: "" }); if (stream.beats.length > 200) stream.beats.shift(); }
  },
  "beat-class"(e) {
    const stream = streamOf(e.stream), beat = stream && stream.beats.findLast(b => Math.abs(b.time - e.time) < 0.02);
    if (!beat || e.code === "N") return;
    beat.code = e.code;
    const row = rows.find(r => r.stream === stream && r.lead === 0);
    if (past || !row || row.drawn === null || stream.head - e.time > row.seconds - BLANK_S) return;
    row.prepare();
    row.letters([beat], -Infinity, Infinity, Math.floor(e.time / row.seconds) * row.seconds);
  },
  finding(e) {
    const key = `${e.stream} ${e.source} ${e.code}`;
    if (e.change === "ends") findings.delete(key); else findings.set(key, e);
    showFindings();
  },
  gap(e) { if (e.duration >= 1) listed("notices", `${clock(e.start)} gap of ${e.duration.toFixed(1)} s: ${e.reason}`); },
  notice(e) { listed("notices", `${e.level === "info" ? "" : `${e.level}: `}${e.message}`, e.level === "info" ? "" : "bad"); },
  mark(e) { listed("marks", `${clock(e.time)} ${e.text || "marked"}`); },
  account(e) {
    byId("account").replaceChildren(...e.lines.map(line => { const item = document.createElement("li"); item.textContent = line; return item; }));
  },
  recording(e) { byId("recording").textContent = e.place ? `recording to ${e.place}` : "not recorded"; },
  span(e) {                      // the end of what was before: only from here on it says how late samples come
    setSpan(e.start, e.end);
    for (const stream of streams.values()) stream.arrivals = stream.arrivals.slice(-1);
  },
};

function samplesOf(buffer) {
  const view = new DataView(buffer), leads = view.getUint8(1);
  return { number: view.getUint8(0), leads, fs: view.getFloat32(4, true), start: view.getFloat64(8, true), data: new Int16Array(buffer, 16) };
}

function receive(message) {
  if (typeof message.data === "string") {
    const event = JSON.parse(message.data);
    if (Object.hasOwn(take, event.type)) take[event.type](event);
    return;
  }
  const { number, leads, start, data } = samplesOf(message.data), stream = streams.get(number);
  if (stream) { stream.take(start, data, leads); if (stream.info.stream === main && !past) follow(stream); }
}

// ---- earlier -------------------------------------------------------------------------------------------------------

let span = [0, 0];
function setSpan(start, end) {
  span = [start, end];
  const place = byId("place");
  place.min = Math.floor(start); place.max = Math.ceil(end);
  if (!past) place.value = place.max;
}
function follow(stream) {
  const end = stream.ring.end / stream.info.fs;
  if (end > span[1] + 1) setSpan(span[1] ? span[0] : end, end);
}

let asking = 0;
async function showPast(start) {
  const mine = ++asking, seconds = Math.max(...rows.map(row => row.seconds), 1);
  const answer = await fetch(`history?start=${start}&end=${Math.min(start + seconds, start + 119)}`, token ? { headers: { Authorization: `Bearer ${token}` } } : {});
  if (!answer.ok || mine !== asking) return;
  const buffer = await answer.arrayBuffer(), view = new DataView(buffer), rings = new Map(), beats = new Map();
  for (let at = 0; at < buffer.byteLength;) {
    const length = view.getUint32(at, true), text = view.getUint8(at + 4), data = buffer.slice(at + 5, at + 5 + length);
    at += 5 + length;
    if (text) {
      const event = JSON.parse(new TextDecoder().decode(data));
      if (event.type === "span") setSpan(event.start, event.end);
      if (event.type === "beat") beats.set(event.stream, [...(beats.get(event.stream) || []), { time: event.time, code: "" }]);
      if (event.type === "beat-class") { const b = (beats.get(event.stream) || []).findLast(one => Math.abs(one.time - event.time) < 0.02); if (b) b.code = event.code; }
      continue;
    }
    const one = samplesOf(data), stream = streams.get(one.number);
    if (!stream) continue;
    if (!rings.has(one.number)) rings.set(one.number, new Ring(one.fs, stream.info.leads));
    const ring = rings.get(one.number);
    ring.size = Math.max(ring.size, Math.ceil((seconds + 40) * one.fs));
    if (ring.leads[0].length < ring.size) ring.leads = stream.info.leads.map(() => new Float32Array(ring.size).fill(NaN));
    ring.put(one.start, one.data, one.leads);
  }
  past = { start, rings, beats, dirty: true };
  byId("live").disabled = false;
  byId("shown").textContent = `${clock(start)} to ${clock(start + seconds)}`;
  byId("place").setAttribute("aria-valuetext", `${clock(start)} after the beginning`);
}
function goLive() {
  asking++; past = null;
  byId("live").disabled = true; byId("shown").textContent = ""; byId("place").value = byId("place").max;
  byId("place").setAttribute("aria-valuetext", "live");
  rows.forEach(row => { row.drawn = null; });
}

// ---- the link ------------------------------------------------------------------------------------------------------

function connect() {
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${location.pathname.replace(/[^/]*$/, "")}live`);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => {
    tries = 0; streams.clear(); findings.clear(); main = null; links = new Map();
    byId("notices").replaceChildren(); byId("marks").replaceChildren(); showFindings();
    socket.send(JSON.stringify({ token }));
  };
  socket.onmessage = receive;
  socket.onclose = event => {
    const refused = event.code === 4401;
    byId("link").textContent = refused ? "the link's token is wrong: open the link that the terminal shows" : "no connection to wearecg: trying again";
    byId("link").className = "bad";
    if (!refused) setTimeout(connect, 1000 * RETRY_S[Math.min(tries++, RETRY_S.length - 1)]);
  };
}

function tellAge() {
  const old = arrived ? now() - arrived : 0;
  byId("age").textContent = old > OLD_S ? `the newest sample is ${old < 100 ? Math.round(old) : clock(old)}${old < 100 ? " s" : ""} old` : "";
  byId("age").className = "bad";
  if (old > OLD_S) { byId("bpm").textContent = "--"; byId("why").textContent = "unknown: no new samples"; }
}

byId("mark").addEventListener("submit", event => {
  event.preventDefault();
  if (!socket || socket.readyState !== WebSocket.OPEN) return;
  const stream = streamOf(main);
  socket.send(JSON.stringify({ mark: byId("words").value, time: stream && !past ? stream.played : null }));
  byId("words").value = "";
});
addEventListener("keydown", event => {
  if (event.key === "m" && !event.ctrlKey && !event.metaKey && !event.altKey && event.target.tagName !== "INPUT") { event.preventDefault(); byId("words").focus(); }
});
byId("place").addEventListener("input", event => {
  const at = +event.target.value;
  if (at >= +event.target.max - 1) goLive(); else showPast(at);
});
byId("live").addEventListener("click", goLive);
addEventListener("resize", () => { rows.forEach(row => row.resize()); if (past) past.dirty = true; drawTrend(); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readColours(); rows.forEach(row => { row.drawn = null; }); if (past) past.dirty = true; drawTrend(); });
// For measurements: the Unix time of the newest sample that is drawn.
window.wearecg = { shown: () => { const s = streamOf(main); return s && s.head !== null ? Date.parse(s.info.start) / 1000 + s.head : null; } };
readColours();
setInterval(tellAge, 500);
connect();
requestAnimationFrame(frame);
