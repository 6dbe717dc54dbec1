
"use strict";
// Zoom, hover and selection for the time line that is already drawn in the page.
(() => {
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("data").textContent);
  const svg = byId("timeline"), cross = byId("cross"), brush = byId("brush"), axis = byId("axis");
  const lanes = [...svg.querySelectorAll(".lane")].map((lane) => ({
    area: lane.querySelector(".area"), band: lane.querySelector(".band"), threshold: lane.querySelector(".threshold"),
  }));
  const readings = [...svg.querySelectorAll(".reading")];
  const caption = byId("moment"), captionAtRest = caption.textContent;
  const [first, last] = data.span;
  let view = [first, last], ceiling = data.ceiling, chosen = -1;

  const numbers = (text, Type) => {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    return new Type(bytes.buffer);
  };
  const unpack = (part) => {
    const low = numbers(part.lo, Int16Array);
    return {
      n: part.n, low, high: part.hi ? numbers(part.hi, Int16Array) : low,
      threshold: numbers(part.th, Int16Array),
      time: Float64Array.from(numbers(part.t, Uint32Array), (t) => first + t / 1e4),
    };
  };
  const overview = unpack(data.overview);
  const windows = data.windows.map(unpack).filter((part) => part.n);
  const MISSING = -32768, UNIT = 1e-4;

  // The index of the first sample at or after a moment.
  const find = (time, moment) => {
    let a = 0, b = time.length;
    while (a < b) { const m = (a + b) >> 1; if (time[m] < moment) a = m + 1; else b = m; }
    return a;
  };
  // The finest samples that cover what is in view.
  const source = () => windows.find((part) =>
    part.time[0] - 0.06 <= view[0] && part.time[part.n - 1] + 0.06 >= view[1]) || overview;

  const visible = (part) => [
    Math.max(0, find(part.time, view[0]) - 1), Math.min(part.n, find(part.time, view[1]) + 1)];
  const tallest = (part, a, b) => {
    let most = 0;
    for (let r = 0; r < lanes.length; r++) for (let i = a; i < b; i++) {
      most = Math.max(most, part.high[r * part.n + i], part.threshold[r * part.n + i]);
    }
    return most * UNIT;
  };
  const X = (moment) => 1000 * (moment - view[0]) / (view[1] - view[0]);
  const Y = (value) => Math.min(120, Math.max(-20, 100 * (1 - value * UNIT / ceiling)));
  const point = (x, y) => `${x.toFixed(1)} ${y.toFixed(1)}`;

  // Up to 1000 columns [x, lowest y, highest y] for every run without missing samples.
  const runs = (part, low, high, offset, a, b) => {
    const stride = Math.max(1, Math.ceil((b - a) / 1000)), found = [];
    let run = null;
    for (let i = a; i < b; i += stride) {
      let lo = Infinity, hi = -Infinity;
      for (let k = i; k < Math.min(b, i + stride); k++) {
        if (high[offset + k] === MISSING) continue;
        lo = Math.min(lo, low[offset + k]); hi = Math.max(hi, high[offset + k]);
      }
      if (hi === -Infinity) { run = null; continue; }
      if (!run) found.push(run = []);
      run.push([X(part.time[Math.min(b - 1, i + (stride >> 1))]), Y(lo), Y(hi)]);
    }
    return found;
  };
  const line = (run) => "M" + run.map((c) => point(c[0], c[2])).join("L") + (run.length === 1 ? "h0" : "");
  const isLine = (run) => run.every((c) => c[1] === c[2]);
  const outline = (run) => isLine(run) ? line(run)
    : line(run) + "L" + run.map((c) => point(c[0], c[1])).reverse().join("L") + "Z";
  const area = (run) => `M${run[0][0].toFixed(1)} 100` + line(run).replace("M", "L")
    + `L${run[run.length - 1][0].toFixed(1)} 100Z`;

  const label = (moment, digits) => {
    const units = Math.round(Math.abs(moment) * 10 ** digits), whole = Math.floor(units / 10 ** digits);
    const part = String(units % 10 ** digits).padStart(digits, "0"), pad = (n) => String(n).padStart(2, "0");
    const h = Math.floor(whole / 3600), m = Math.floor(whole / 60) % 60;
    return (moment < 0 && units ? "-" : "") + (h ? `${h}:${pad(m)}` : m) + ":" + pad(whole % 60)
      + (digits ? "." + part : "");
  };
  const make = (name, attributes, text) => {
    const element = document.createElementNS(svg.namespaceURI, name);
    for (const key in attributes) element.setAttribute(key, attributes[key]);
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const bottom = Number(cross.getAttribute("y2"));
  const drawAxis = () => {
    const length = view[1] - view[0];
    const steps = [.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800];
    const step = steps.find((s) => length / s <= 6) || 3600 * (Math.floor(length / 21600) + 1);
    const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    axis.replaceChildren();
    for (let k = Math.ceil(view[0] / step - 1e-9); k * step <= view[1] + 1e-9; k++) {
      const x = X(k * step) / 10;
      axis.append(make("line", { class: "tick", x1: x + "%", x2: x + "%", y1: bottom, y2: bottom + 5 }));
      axis.append(make("text", { x: x + "%", y: bottom + 19, class: x < 3 ? "first" : x > 97 ? "last" : "" },
        label(k * step, digits)));
    }
  };

  const place = (element, a, b) => {
    const x = Math.max(-5, X(a) / 10), end = Math.min(105, X(b) / 10);
    element.setAttribute("x", x + "%");
    element.setAttribute("width", Math.max(0, end - x) + "%");
  };
  const drawMarks = () => {
    svg.querySelectorAll("[data-a]").forEach((mark) => {
      place(mark.tagName === "rect" ? mark : mark.querySelector("rect"), +mark.dataset.a, +mark.dataset.b);
    });
    let shown = 0;
    svg.querySelectorAll(".pin").forEach((pin, i) => {
      const x = X(data.events[i][2]) / 10, outside = x < -1 || x > 101;
      pin.setAttribute("visibility", outside ? "hidden" : "visible");
      if (!outside) shown++;
      pin.querySelector("line").setAttribute("x1", x + "%");
      pin.querySelector("line").setAttribute("x2", x + "%");
      pin.querySelector("circle").setAttribute("cx", x + "%");
      pin.querySelector("text").setAttribute("x", x + "%");
    });
    svg.classList.toggle("crowded", shown * 28 > svg.clientWidth);
  };

  const draw = () => {
    const part = source(), [a, b] = visible(part), all = view[0] <= first && view[1] >= last;
    ceiling = all ? data.ceiling : Math.max(tallest(part, a, b) * 1.15, data.ceiling * 0.1);
    lanes.forEach((lane, r) => {
      const offset = r * part.n;
      const found = runs(part, part.low, part.high, offset, a, b);
      lane.area.setAttribute("d", found.map(area).join(""));
      lane.band.setAttribute("d", found.map(outline).join(""));
      lane.band.classList.toggle("thin", found.every(isLine));
      const limits = runs(part, part.threshold, part.threshold, offset, a, b);
      lane.threshold.setAttribute("d", limits.map(line).join(""));
    });
    drawMarks(); drawAxis(); rest();
    byId("whole").disabled = all;
  };
  const rest = () => {
    cross.setAttribute("visibility", "hidden");
    readings.forEach((reading) => { reading.textContent = ""; reading.classList.remove("over"); });
    caption.textContent = captionAtRest.replace(/[\d.]+ %/, (100 * ceiling).toFixed(1) + " %");
  };
  const zoom = (a, b) => {
    const length = Math.min(last - first, Math.max(0.02, b - a));
    a = Math.min(Math.max(first, (a + b - length) / 2), last - length);
    view = [a, a + length];
    draw();
  };

  const momentAt = (event) => {
    const box = svg.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    return view[0] + share * (view[1] - view[0]);
  };
  const read = (moment) => {
    const part = source();
    let i = Math.min(part.n - 1, find(part.time, moment));
    if (i > 0 && moment - part.time[i - 1] < part.time[i] - moment) i--;
    const x = X(part.time[i]) / 10 + "%";
    cross.setAttribute("x1", x); cross.setAttribute("x2", x);
    cross.setAttribute("visibility", "visible");
    readings.forEach((reading, r) => {
      const value = part.high[r * part.n + i], limit = part.threshold[r * part.n + i];
      const text = (v) => v === MISSING ? "–" : (v * UNIT * 100).toFixed(2);
      reading.textContent = value === MISSING ? "not seen" : `${text(value)} of ${text(limit)} %`;
      reading.classList.toggle("over", value !== MISSING && limit !== MISSING && value > limit);
    });
    caption.textContent = `${label(part.time[i], 3)} – distance from rest and threshold, in % of the distance between the eyes.`;
  };

  let from = null;
  svg.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "mouse" && event.button === 0 && !event.target.closest(".pin")) from = momentAt(event);
  });
  svg.addEventListener("pointermove", (event) => {
    const moment = momentAt(event);
    read(moment);
    if (from === null) return;
    place(brush, Math.min(from, moment), Math.max(from, moment));
    brush.setAttribute("visibility", "visible");
  });
  addEventListener("pointerup", (event) => {
    if (from === null) return;
    const moment = momentAt(event), begin = from;
    from = null;
    brush.setAttribute("visibility", "hidden");
    if (Math.abs(moment - begin) > 0.01 * (view[1] - view[0])) zoom(Math.min(begin, moment), Math.max(begin, moment));
  });
  svg.addEventListener("pointerleave", () => { if (from === null) rest(); });

  const whole = () => { chosen = -1; mark(); zoom(first, last); };
  const mark = () => document.querySelectorAll(".card").forEach((card, i) =>
    card.classList.toggle("chosen", i === chosen));
  const choose = (index) => {
    if (!data.events.length) return;
    chosen = (index + data.events.length) % data.events.length;
    const [, onset, , offset] = data.events[chosen];
    mark();
    zoom(onset - 0.7, offset + 0.7);
  };
  const show = (event) => choose(data.events.findIndex((e) => e[0] === +event.currentTarget.dataset.event));
  svg.querySelectorAll(".pin").forEach((pin) => pin.addEventListener("click", (event) => {
    event.preventDefault(); show(event);
  }));
  document.querySelectorAll(".show").forEach((button) => button.addEventListener("click", (event) => {
    show(event); byId("h-time").scrollIntoView();
  }));
  svg.addEventListener("dblclick", whole);
  byId("whole").addEventListener("click", whole);
  byId("previous").addEventListener("click", () => choose(chosen < 0 ? data.events.length - 1 : chosen - 1));
  byId("next").addEventListener("click", () => choose(chosen + 1));
  byId("previous").disabled = byId("next").disabled = !data.events.length;
  document.querySelectorAll("#controls, .scripted").forEach((element) => { element.hidden = false; });
  svg.classList.add("live");
  draw();
})();
