// The player's script. `element`, `props`, `watch` and `trigger` are Gradio's. Texts are written as
// texts (textContent), never as markup.
const root = element.querySelector(".rv");
const at = (name) => root.querySelector(".rv-" + name);
const film = at("video"), clip = at("clip"), line = at("line"), body = root.querySelector("tbody");
const EPSILON = 0.0005;
let shown = null, chosen = null, loop = null, asked = 0, answered = 0, clips = 0, magnifying = false;

function make(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}
function clock(seconds) {
  const total = Math.max(0, Math.round(seconds * 1000)), minutes = Math.floor(total / 60000);
  const rest = ((total % 60000) / 1000).toFixed(3).padStart(6, "0");
  return minutes >= 60 ? Math.floor(minutes / 60) + ":" + String(minutes % 60).padStart(2, "0") + ":" + rest : minutes + ":" + rest;
}
const called = (name) => (name === "none" ? "none of these" : name);
const label = (event) => event.reviewed || event.emotion;
const span = () => Math.max(shown.duration_s, shown.interval_s);
const inFilm = (media) => media - shown.start_s;
const inMedia = () => film.currentTime + shown.start_s;
const percent = (media) => (100 * Math.min(1, Math.max(0, inFilm(media) / span()))).toFixed(3) + "%";
const current = () => (shown ? shown.events.find((event) => event.id === chosen) : undefined);

// ---- the recording and its candidates

function show() {
  const fresh = props.value;
  if (shown && fresh && fresh.key === shown.key) return;
  shown = fresh; chosen = null; loop = null; asked = answered = 0; magnifying = false;
  film.pause();
  at("detail").hidden = true; at("flag").hidden = true; at("broken").hidden = true; at("window").hidden = true;
  body.replaceChildren(); at("marks").replaceChildren();
  if (!shown) { film.removeAttribute("src"); film.load(); return; }
  film.src = shown.video;
  setSpeed(1);
  at("title").textContent = shown.name;
  at("none").hidden = shown.events.length > 0;
  root.querySelector(".rv-table").hidden = shown.events.length === 0;
  line.setAttribute("aria-valuemax", span().toFixed(3));
  for (const [start, end, reason] of shown.gaps) {
    const gap = make("div", "rv-gap");
    gap.style.left = percent(start);
    gap.style.width = Math.max(0.2, (100 * (end - start)) / span()) + "%";
    gap.title = "not seen: " + reason;
    at("marks").append(gap);
  }
  for (const event of shown.events) { body.append(row(event)); at("marks").append(mark(event)); }
  const choice = at("label");
  choice.replaceChildren(...shown.labels.map((name) => { const o = make("option", "", called(name)); o.value = name; return o; }));
  at("note").maxLength = shown.longest_note;
  exports(); refresh(); tick();
  requestAnimationFrame(() => root.scrollIntoView({ block: "start", behavior: "smooth" }));
}

function mark(event) {
  const made = make("button", "rv-mark");
  made.type = "button"; made.tabIndex = -1; made.dataset.id = event.id;
  made.style.left = percent(event.apex_s);
  made.addEventListener("pointerdown", (press) => press.stopPropagation());
  made.addEventListener("click", () => choose(event.id));
  return made;
}

function row(event) {
  const made = make("tr", "rv-row");
  made.tabIndex = 0; made.dataset.id = event.id; made.dataset.testid = "event";
  const picture = make("td"), when = make("td"), looks = make("td"), verdict = make("td");
  if (event.pictures.apex) {
    const image = make("img"); image.src = event.pictures.apex; image.alt = ""; image.loading = "lazy"; picture.append(image);
  }
  when.append(make("span", "", clock(event.onset_s)), make("span", "rv-sub", "#" + event.id + " · " + event.ms + " ms"));
  looks.append(make("span", "rv-chip"), make("span", "rv-sub"));
  const both = make("div", "rv-verdict");
  for (const [name, sign] of [["accept", "✓"], ["reject", "✕"]]) {
    const button = make("button", "rv-" + name, sign);
    button.type = "button"; button.title = name === "accept" ? "Accept (a)" : "Reject (r)";
    button.setAttribute("aria-label", (name === "accept" ? "Accept" : "Reject") + " candidate " + event.id);
    button.addEventListener("click", (press) => { press.stopPropagation(); decide(event, name + "ed"); });
    both.append(button);
  }
  verdict.append(both);
  made.append(picture, when, looks, verdict);
  made.addEventListener("click", () => choose(event.id));
  made.addEventListener("keydown", (key) => { if (key.key === "Enter" && key.target === made) choose(event.id); });
  return made;
}

function refresh() {
  const tally = { accepted: 0, rejected: 0, unseen: 0 };
  for (const event of shown.events) {
    tally[event.verdict] += 1;
    const line = body.querySelector('[data-id="' + event.id + '"]');
    line.classList.toggle("rv-rejected", event.verdict === "rejected");
    line.setAttribute("aria-selected", String(event.id === chosen));
    line.dataset.verdict = event.verdict;
    const chip = line.querySelector(".rv-chip");
    chip.textContent = called(label(event)); chip.className = "rv-chip rv-m-" + label(event);
    chip.nextSibling.textContent = event.reviewed ? "you; it said " + called(event.emotion) : Math.round(100 * event.confidence) + " % · " + event.regions;
    press(line, "accept", event.verdict === "accepted"); press(line, "reject", event.verdict === "rejected");
    const spot = at("marks").querySelector('[data-id="' + event.id + '"]');
    spot.className = "rv-mark rv-m-" + label(event) + (event.verdict === "rejected" ? " rv-rejected" : "") + (event.id === chosen ? " rv-chosen" : "");
    spot.title = "#" + event.id + " " + called(label(event)) + ", " + clock(event.onset_s);
  }
  const n = shown.events.length;
  at("tally").textContent = n === 0 ? "No candidates" : n + (n === 1 ? " candidate" : " candidates") + " · " + tally.accepted + " accepted · " + tally.rejected + " rejected · " + tally.unseen + " to review";
  const event = current();
  at("detail").hidden = !event;
  if (event) detail(event);
}
const press = (where, name, on) => where.querySelector(".rv-" + name).setAttribute("aria-pressed", String(on));

function detail(event) {
  at("what").replaceChildren(make("span", "rv-chip rv-m-" + label(event), "#" + event.id + " " + called(label(event))));
  const facts = [clock(event.onset_s) + " to " + clock(event.offset_s), event.ms + " ms", event.regions, event.units, "score " + event.score];
  at("where").textContent = facts.filter(Boolean).join(" · ");
  at("bars").replaceChildren(...event.looks.map(([name, share]) => {
    const bar = make("div", "rv-bar rv-m-" + name), meter = make("div", "rv-meter"), fill = make("i");
    fill.style.width = (share < 0.005 ? 0 : 100 * share) + "%"; meter.append(fill);
    bar.append(make("span", "", called(name)), meter, make("output", "", Math.round(100 * share) + " %"));
    return bar;
  }));
  const form = at("form");
  press(form, "accept", event.verdict === "accepted"); press(form, "reject", event.verdict === "rejected");
  at("label").value = label(event);
  if (document.activeElement !== at("note")) at("note").value = event.note;
}

function pictures(event) {
  const moments = { onset: event.onset_s, apex: event.apex_s, offset: event.offset_s };
  at("pictures").replaceChildren(...Object.entries(event.pictures).map(([kind, source]) => {
    const made = make("figure"), image = make("img"), caption = make("figcaption");
    image.src = source; image.alt = "the face, " + kind;
    caption.append(make("b", "", kind === "residual" ? "what changed" : kind), kind in moments ? " " + clock(moments[kind]) : "");
    if (kind in moments) { image.title = "Show this picture in the video"; image.addEventListener("click", () => { film.pause(); seek(moments[kind]); }); }
    else image.style.cursor = "default";
    made.append(image, caption);
    return made;
  }));
}

function choose(id) {
  const event = shown.events.find((one) => one.id === id);
  if (!event) return;
  const again = chosen === id;
  chosen = id;
  if (!again) { at("note").value = event.note; clip.hidden = true; clip.removeAttribute("src"); at("wait").hidden = false; at("wait").textContent = "Magnifying the motion …"; pictures(event); }
  refresh();
  const line = body.querySelector('[data-id="' + id + '"]'), box = at("scroll");
  const top = line.offsetTop - box.clientHeight / 2 + line.clientHeight / 2;
  box.scrollTo({ top: Math.max(0, top) });
  at("flag").className = "rv-flag rv-m-" + label(event); at("flag").hidden = false;
  at("flag").textContent = "#" + id + " " + called(label(event));
  setSpeed(shown.slow); setLoop(event);
  seek(event.onset_s - shown.around_s);
  film.play().catch(() => {});
  if (!again) magnify();
  else clip.play().catch(() => {});
}

// One clip is asked for at a time: who leafs quickly waits for the one in hand, then gets the last.
function magnify() {
  if (magnifying) return;
  magnifying = true;
  trigger("open", { key: shown.key, event_id: chosen, count: ++clips });
}

function beside(step) {
  if (!shown || !shown.events.length) return;
  const place = shown.events.findIndex((event) => event.id === chosen);
  const next = place < 0 ? (step > 0 ? 0 : shown.events.length - 1) : Math.min(shown.events.length - 1, Math.max(0, place + step));
  choose(shown.events[next].id);
}

// ---- what the person says of them

function decide(event, verdict) {
  event.verdict = event.verdict === verdict ? "unseen" : verdict;
  tell(event);
}
function tell(event) {
  asked += 1;
  trigger("judge", { key: shown.key, count: asked, event_id: event.id, verdict: event.verdict, emotion: event.reviewed || null, note: event.note });
  refresh(); saved();
}
at("label").addEventListener("change", () => {
  const event = current();
  event.reviewed = at("label").value === event.emotion ? "" : at("label").value;
  tell(event);
});
at("note").addEventListener("change", () => { const event = current(); if (event) { event.note = at("note").value; tell(event); } });
at("form").addEventListener("submit", (sent) => sent.preventDefault());

function exports() {
  at("exports").replaceChildren(...shown.exports.map(([text, name, source]) => {
    const link = make("a", "", text);
    link.download = name; link.dataset.source = source; link.href = source;
    return link;
  }));
  saved();
}
function saved() {
  const busy = answered < asked;
  for (const link of at("exports").children) {
    link.setAttribute("aria-disabled", String(busy));
    link.href = link.dataset.source + "?v=" + answered;
  }
  at("saved").textContent = busy ? "Saving …" : asked ? "All judgements are in these files" : "";
}

// ---- the film

function seek(media) {
  const end = Number.isFinite(film.duration) ? film.duration : span();
  film.currentTime = Math.min(end, Math.max(0, inFilm(media) + EPSILON));
  tick();
}
function setSpeed(speed) { film.playbackRate = speed; film.defaultPlaybackRate = speed; root.querySelector("select").value = String(speed); }
function setLoop(event) {
  loop = event ? [event.onset_s - shown.around_s, event.offset_s + shown.around_s] : null;
  root.querySelector('[data-do="loop"]').setAttribute("aria-pressed", String(Boolean(loop)));
  at("window").hidden = !loop;
  if (loop) { at("window").style.left = percent(loop[0]); at("window").style.width = "calc(" + percent(loop[1]) + " - " + percent(loop[0]) + ")"; }
}
function tick() {
  if (!shown) return;
  const now = inMedia();
  if (loop && !film.paused && (now > loop[1] || film.ended)) return seek(loop[0]);
  at("head").style.left = percent(now);
  at("clock").textContent = clock(now) + " / " + clock(shown.start_s + span());
  line.setAttribute("aria-valuenow", now.toFixed(3)); line.setAttribute("aria-valuetext", clock(now));
}
function run() { tick(); if (!film.paused && root.isConnected) requestAnimationFrame(run); }
function step(direction) {
  film.pause();
  const now = inMedia(), inside = loop && now >= loop[0] - 0.01 && now <= loop[1] + 0.01, event = current();
  const times = inside && event ? event.frames : [];
  const next = direction > 0 ? times.find((time) => time > now + EPSILON) : times.findLast((time) => time < now - 2 * EPSILON);
  seek(next === undefined ? now - EPSILON + direction * shown.interval_s : next);
}
function play() { if (film.paused) film.play().catch(() => {}); else film.pause(); }

film.addEventListener("play", () => { root.classList.add("rv-playing"); root.querySelector('[data-do="play"]').setAttribute("aria-label", "Pause"); run(); });
film.addEventListener("pause", () => { root.classList.remove("rv-playing"); root.querySelector('[data-do="play"]').setAttribute("aria-label", "Play"); tick(); });
film.addEventListener("ended", () => { if (loop) { seek(loop[0]); film.play().catch(() => {}); } });
film.addEventListener("seeked", tick);
film.addEventListener("timeupdate", tick);
film.addEventListener("loadedmetadata", () => { if (film.videoWidth) film.style.aspectRatio = film.videoWidth + " / " + film.videoHeight; });
film.addEventListener("error", () => { if (shown) at("broken").hidden = false; });
film.addEventListener("click", play);
root.querySelector(".rv-speed select").addEventListener("change", (change) => setSpeed(Number(change.target.value)));

function drag(press) {
  const box = line.getBoundingClientRect(), share = (press.clientX - box.left - 7) / (box.width - 14);
  const media = shown.start_s + Math.min(1, Math.max(0, share)) * span();
  if (loop && (media < loop[0] || media > loop[1])) setLoop(null);
  seek(media);
}
line.addEventListener("pointerdown", (press) => { if (!shown) return; line.setPointerCapture(press.pointerId); drag(press); });
line.addEventListener("pointermove", (press) => { if (shown && line.hasPointerCapture(press.pointerId)) drag(press); });

// ---- magnified motion and saving, as Python answers

watch("value", show);
watch("motion", () => {
  const made = props.motion;
  if (!made || !shown || made.key !== shown.key || made.count !== clips) return;
  magnifying = false;
  if (made.event_id !== chosen) return magnify();
  clip.hidden = !made.clip; at("wait").hidden = Boolean(made.clip); at("wait").textContent = made.why;
  if (made.clip) { clip.src = made.clip; clip.play().catch(() => {}); }
});
watch("saved", () => { const said = props.saved; if (said && shown && said.key === shown.key) { answered = Math.max(answered, said.count); saved(); } });

// ---- keys and buttons

const DO = {
  previous: () => beside(-1), next: () => beside(1), back: () => step(-1), forward: () => step(1), play,
  loop: () => { const event = current(); setLoop(loop ? null : event); },
  accept: () => { const event = current(); if (event) decide(event, "accepted"); },
  reject: () => { const event = current(); if (event) decide(event, "rejected"); },
};
root.addEventListener("click", (press) => { const button = press.target.closest("[data-do]"); if (button && shown) DO[button.dataset.do](); });
const KEYS = { " ": "play", ArrowLeft: "back", ArrowRight: "forward", n: "next", p: "previous", a: "accept", r: "reject", l: "loop" };
function onKey(key) {
  if (!root.isConnected) return document.removeEventListener("keydown", onKey);
  if (!shown || root.offsetParent === null || key.ctrlKey || key.altKey || key.metaKey || key.defaultPrevented) return;
  if (key.target.closest("input, textarea, select, [contenteditable], [role=tab]")) return;
  if (key.key === " " && key.target.closest("button, a, summary")) return;
  const what = KEYS[key.key.length === 1 ? key.key.toLowerCase() : key.key];
  if (what) { key.preventDefault(); DO[what](); }
}
document.addEventListener("keydown", onKey);
show();
