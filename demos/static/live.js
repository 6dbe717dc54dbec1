// The live view: asks its own server for the newest picture and figures, and draws them.
(() => {
  "use strict";
  const REGIONS = ["left brow", "right brow", "nose", "left cheek", "right cheek", "mouth"];
  const WINDOW_S = 20, CEILING = 3, STATUS_MS = 125, IDLE_MS = 700, PICTURE_MS = 66;
  const WORDS = {
    idle: "not started", opening: "opening …", running: "live", stalled: "no pictures",
    reconnecting: "reconnecting …", writing: "writing the files …", ended: "ended", failed: "failed",
  };
  const LIVE = new Set(["running", "stalled", "reconnecting"]);
  let view = null;

  const root = () => document.querySelector(".mer-live[data-mer-live]");
  const seen = (element) => element && element.dataset.merLive && element.offsetParent !== null &&
    !document.hidden;
  const at = (element, path) => `mer/live/${element.dataset.merLive}/${path}`;
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  const text = (element, selector, value) => {
    const found = element.querySelector(selector);
    if (found && found.textContent !== value) found.textContent = value;
  };
  const fresh = (token) => ({
    token, run: -1, status: null, heard: 0, samples: [], events: [], lastEvent: 0, picture: "",
  });
  const current = (element) => {
    if (!view || view.token !== element.dataset.merLive) view = fresh(element.dataset.merLive);
    return view;
  };

  async function listen() {
    for (;;) {
      const element = root();
      if (!seen(element)) { await pause(300); continue; }
      const mine = current(element);
      try {
        const after = mine.samples.length ? mine.samples[mine.samples.length - 1][0] : -1;
        const reply = await fetch(at(element, `status?after=${after}&event=${mine.lastEvent}`));
        if (reply.ok) take(element, mine, await reply.json());
      } catch { text(element, ".mer-state", "the server does not answer"); }
      await pause(mine.status && mine.status.state !== "idle" && LIVE.has(mine.status.state)
        ? STATUS_MS : IDLE_MS);
    }
  }

  function take(element, mine, status) {
    if (status.run !== mine.run) {
      const stale = mine.run !== -1;
      Object.assign(mine, fresh(mine.token), { run: status.run });
      element.querySelector("tbody").replaceChildren();
      if (stale) { wipe(element); return; }
    }
    mine.status = status;
    mine.heard = performance.now();
    mine.samples.push(...status.samples);
    while (mine.samples.length && mine.samples[0][0] < status.now_s - WINDOW_S - 2) mine.samples.shift();
    for (const row of status.rows) {
      mine.lastEvent = Math.max(mine.lastEvent, row.id);
      mine.events.push(row);
      element.querySelector("tbody").prepend(line(element, row));
    }
    element.querySelector(".mer-none").hidden = mine.events.length > 0;
    tell(element, status);
    downloads(element, status);
    paint();
  }

  function tell(element, status) {
    const badge = element.querySelector(".mer-state");
    badge.dataset.state = status.state;
    text(element, ".mer-state", WORDS[status.state] || status.state);
    text(element, ".mer-told", status.message || status.title);
    const parts = [];
    if (status.counters) {
      const c = status.counters;
      parts.push(`${c.captured_fps.toFixed(0)} fps in`, `${c.processed_fps.toFixed(0)} fps looked at`);
      parts.push(`${c.declared_drops} dropped`);
      if (status.p99_ms.signal !== null) parts.push(`${status.p99_ms.signal} ms delay (p99)`);
      if (c.reconnects) parts.push(`${c.reconnects} reconnects`);
    }
    text(element, ".mer-figures", parts.join(" · "));
    const live = LIVE.has(status.state);
    const advice = [...new Set(status.advice.map((pair) => pair[1]))].join(" · ");
    text(element, ".mer-advice", advice || (live && !status.faces ? "no face in view" : ""));
    const flag = live && status.flag && status.now_s - status.flag[2] < (status.flag[0] === "event" ? 1.6 : 0.7) ? status.flag : null;
    const shown = element.querySelector(".mer-flag");
    shown.dataset.kind = flag ? flag[0] : "";
    text(element, ".mer-flag", flag ? `${flag[0] === "event" ? "Look here" : "Moving"}: ${flag[1]}` : "");
    const hint = element.querySelector(".mer-hint");
    hint.hidden = Boolean(element.dataset.pictured);
    text(element, ".mer-hint", status.state === "opening" ? "Warming up …"
      : status.state === "failed" ? status.message : "Choose a source and press Start.");
  }

  function line(element, row) {
    const tr = document.createElement("tr");
    for (const moment of ["onset", "apex"]) {
      const td = tr.insertCell();
      if (!row.pictures) continue;
      const image = new Image(56, 56);
      image.alt = `${moment} of event ${row.id}`;
      image.src = at(element, `events/${row.id}/${moment}.jpg`);
      td.append(image);
    }
    const sure = `${row.emotion === "none" ? "none of these" : row.emotion} ${Math.round(100 * row.confidence)} %`;
    for (const cell of [`${row.onset_s.toFixed(2)} s`, `${row.duration_ms} ms`, row.regions, sure, row.score])
      tr.insertCell().textContent = cell;
    tr.dataset.emotion = row.emotion;
    return tr;
  }

  function downloads(element, status) {
    const box = element.querySelector(".mer-downloads");
    const key = LIVE.has(status.state) || status.state === "writing" ? "" : status.files.join();
    if (box.dataset.key === key) return;
    box.dataset.key = key;
    box.hidden = !key;
    box.replaceChildren();
    if (!key) return;
    box.append("Download: ");
    for (const name of ["results.zip", ...status.files]) {
      const link = document.createElement("a");
      link.href = at(element, `files/${name}`);
      link.download = name;
      link.textContent = name === "results.zip" ? "everything (zip)" : name;
      box.append(link, " ");
    }
  }

  async function look() {
    for (;;) {
      const element = root();
      if (!seen(element) || !view || !view.status || !LIVE.has(view.status.state)) {
        await pause(200); continue;
      }
      const begun = performance.now(), mine = view;
      try {
        const reply = await fetch(at(element, `picture?after=${mine.picture}`));
        if (reply.status === 200) {
          const split = Number(reply.headers.get("x-split"));
          const number = reply.headers.get("x-number");
          const picture = await createImageBitmap(await reply.blob());
          if (mine === view && number.startsWith(`${mine.run}-`)) show(element, picture, split);
          mine.picture = number;
          picture.close();
        }
      } catch { /* the status line tells when the server is gone */ }
      await pause(Math.max(5, PICTURE_MS - (performance.now() - begun)));
    }
  }

  function show(element, picture, split) {
    const frame = element.querySelector(".mer-frame"), crop = element.querySelector(".mer-crop");
    if (frame.width !== split || frame.height !== picture.height) {
      frame.width = split;
      frame.height = picture.height;
    }
    frame.getContext("2d").drawImage(picture, 0, 0, split, picture.height, 0, 0, split, picture.height);
    const side = crop.width;
    crop.getContext("2d").drawImage(picture, split, 0, side, side, 0, 0, side, side);
    element.dataset.pictured = "yes";
  }

  function wipe(element) {
    for (const canvas of element.querySelectorAll(".mer-frame, .mer-crop"))
      canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
    delete element.dataset.pictured;
  }

  function paint() {
    const element = root();
    if (!seen(element) || !view || !view.status) return;
    const canvas = element.querySelector(".mer-timeline"), style = getComputedStyle(element);
    const colour = (name) => style.getPropertyValue(name).trim();
    const sharp = window.devicePixelRatio || 1, wide = canvas.clientWidth, high = canvas.clientHeight;
    if (canvas.width !== Math.round(wide * sharp)) {
      canvas.width = Math.round(wide * sharp);
      canvas.height = Math.round(high * sharp);
    }
    const pen = canvas.getContext("2d");
    pen.setTransform(sharp, 0, 0, sharp, 0, 0);
    pen.clearRect(0, 0, wide, high);
    let now = view.status.now_s;
    if (view.status.state === "running") now += Math.min((performance.now() - view.heard) / 1000, 0.3) - 0.15;
    const axis = 18, lane = (high - axis) / REGIONS.length, from = now - WINDOW_S;
    const x = (time) => ((time - from) / WINDOW_S) * wide;
    const y = (level, index) => (index + 1) * lane - 3 - (Math.min(level, CEILING) / CEILING) * (lane - 6);
    for (const row of view.events) {
      if (row.offset_s < from) continue;
      pen.fillStyle = colour("--mer-found");
      pen.fillRect(x(row.onset_s), 0, Math.max(2, x(row.offset_s) - x(row.onset_s)), high - axis);
    }
    pen.font = `11px ${style.fontFamily}`;
    REGIONS.forEach((name, index) => {
      pen.strokeStyle = colour("--mer-line");
      pen.setLineDash([]);
      stroke(pen, [[0, (index + 1) * lane - 0.5], [wide, (index + 1) * lane - 0.5]]);
      pen.strokeStyle = colour("--mer-soft");
      pen.setLineDash([3, 4]);
      stroke(pen, [[0, y(1, index)], [wide, y(1, index)]]);
      pen.setLineDash([]);
      pen.strokeStyle = colour("--mer-accent");
      pen.lineWidth = 1.4;
      pen.beginPath();
      let down = false, last = 0;
      for (const sample of view.samples) {
        const level = sample[index + 1];
        if (level === null || sample[0] - last > 0.25) down = false;
        last = sample[0];
        if (level === null) continue;
        if (down) pen.lineTo(x(sample[0]), y(level, index));
        else pen.moveTo(x(sample[0]), y(level, index));
        down = true;
      }
      pen.stroke();
      pen.lineWidth = 1;
      pen.fillStyle = colour("--mer-soft");
      pen.textAlign = "left";
      pen.fillText(name, 6, index * lane + 13);
    });
    pen.fillStyle = colour("--mer-soft");
    pen.textAlign = "center";
    for (let tick = Math.max(0, Math.ceil(from / 5) * 5); tick <= now; tick += 5)
      pen.fillText(`${tick} s`, Math.min(Math.max(x(tick), 14), wide - 16), high - 4);
  }

  function stroke(pen, points) {
    pen.beginPath();
    points.forEach(([x, y], index) => (index ? pen.lineTo(x, y) : pen.moveTo(x, y)));
    pen.stroke();
  }

  function scroll() {
    if (view && view.status && view.status.state === "running") paint();
    setTimeout(() => requestAnimationFrame(scroll), 40);
  }

  listen();
  look();
  scroll();
})();
