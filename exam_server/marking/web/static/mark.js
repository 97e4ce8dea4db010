// The marking page: keys, quick buttons, the sum, undo, and saving without losing what was typed.
// Without this script the same form posts by itself.

const form = document.getElementById("mark");
const banner = document.getElementById("banner");
const undoButton = document.getElementById("undo");
const keyMap = document.getElementById("keys");
const comment = document.getElementById("comment");
const total = document.getElementById("total");
const submitButton = form.querySelector(".submit");
const points = [...form.querySelectorAll("[data-point]")].map((row) => ({
  row,
  input: row.querySelector("input"),
  buttons: [...row.querySelectorAll("[data-give]")],
  full: Number(row.dataset.full),
  half: Number(row.dataset.half),
}));
const csrf = form.elements.csrf_token.value;
const PART_MILLI = Number(form.dataset.partMilli);
const KEEP_EVERY_MS = 60_000;
const IDLE_MS = 5 * 60_000;

const done = [];
let isSending = false;
let lastUseMs = performance.now();

const inMilli = (text) => {
  const plain = text.normalize("NFKC").trim();
  return /^\d{1,6}(\.\d{1,3})?$/.test(plain) ? Math.round(Number(plain) * 1000) : null;
};
const inPoints = (milli) => String(milli / 1000);
const values = () => points.map((point) => point.input.value);

function show() {
  let sum = 0;
  let given = 0;
  for (const point of points) {
    const milli = inMilli(point.input.value);
    for (const button of point.buttons) {
      button.setAttribute("aria-pressed", String(milli !== null && Number(button.dataset.give) === milli));
    }
    if (milli !== null) {
      sum += milli;
      given += 1;
      point.row.classList.remove("is-missing");
    }
  }
  const direct = inMilli(total.value);
  const shown = direct ?? Math.min(sum, PART_MILLI);
  form.querySelector("#sum").textContent = given || direct !== null ? inPoints(shown) : "—";
  form.querySelector("#capped").hidden = direct !== null || sum <= PART_MILLI;
  undoButton.disabled = done.length === 0;
}

function change(action) {
  const before = values();
  action();
  if (values().some((value, at) => value !== before[at])) done.push(before);
  show();
}

function give(point, milli) {
  change(() => { point.input.value = inPoints(milli); });
}

function cycle(point) {
  const steps = point.half ? [point.full, point.half, 0] : [point.full, 0];
  const at = steps.indexOf(inMilli(point.input.value));
  give(point, steps[(at + 1) % steps.length]);
}

function undo() {
  const before = done.pop();
  if (before) points.forEach((point, at) => { point.input.value = before[at]; });
  show();
}

function tell(sentence, kind = "bad") {
  banner.className = `notice ${kind}`;
  banner.textContent = sentence;
  banner.hidden = false;
  banner.scrollIntoView({ block: "nearest" });
}

function missing() {
  if (total.value.trim()) return 0;
  const empty = points.filter((point) => inMilli(point.input.value) === null);
  points.forEach((point) => point.row.classList.toggle("is-missing", empty.includes(point)));
  return empty.length;
}

async function save() {
  if (isSending) return;
  const count = missing();
  if (count) {
    tell(`还有 ${count} 个采分点没有给分。按数字键给分，或按 0 把其余的都给 0 分。`, "warn");
    return;
  }
  isSending = true;
  submitButton.disabled = true;
  try {
    const reply = await fetch(form.action, {
      method: "POST",
      headers: { accept: "application/json", "x-csrf-token": csrf },
      body: new URLSearchParams(new FormData(form)),
    });
    const body = await reply.json();
    if (reply.ok) {
      location.assign(body.next);
      return;
    }
    tell(`没有保存：${body.message}。${body.advice}（您填的内容都还在）`);
  } catch {
    tell("没有保存：连不上阅卷服务器。您填的内容都还在，请稍候再按一次提交。");
  }
  isSending = false;
  submitButton.disabled = false;
}

async function keep() {
  const isInUse = !document.hidden && performance.now() - lastUseMs < IDLE_MS;
  if (!isInUse || isSending || "isMarked" in form.dataset) return;
  try {
    const reply = await fetch(`${form.action}/keep`, {
      method: "POST",
      headers: { accept: "application/json", "x-csrf-token": csrf },
    });
    if (!reply.ok) {
      const body = await reply.json();
      tell(`${body.message}。${body.advice}`);
    }
  } catch {
    // The next round tries again; saving says it loudly.
  }
}

function isText(target) {
  return target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement;
}

const KEYS = {
  a: () => change(() => points.forEach((point) => { point.input.value = inPoints(point.full); })),
  0: () => change(() => points.forEach((point) => {
    if (inMilli(point.input.value) === null) point.input.value = "0";
  })),
  u: undo,
  c: () => comment.focus(),
  p: () => document.getElementById("previous")?.click(),
  n: () => document.getElementById("following")?.click(),
  "?": () => keyMap.showModal(),
};

document.addEventListener("keydown", (event) => {
  lastUseMs = performance.now();
  if (event.isComposing || event.altKey || event.metaKey) return;
  if (keyMap.open) {
    if (event.key === "?" || event.key === "Escape") {
      event.preventDefault();
      document.activeElement.blur(); // else the hidden button would swallow the next Enter
      keyMap.close();
    }
    return;
  }
  if (event.key === "Enter") {
    const isElsewhere = event.target instanceof HTMLButtonElement || event.target instanceof HTMLAnchorElement
      || event.target.localName === "summary";
    if (event.target === comment ? !event.ctrlKey : isElsewhere && event.target !== submitButton) return;
    event.preventDefault();
    if (!event.repeat) save();
    return;
  }
  if (isText(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.ctrlKey) return;
  const key = event.key.normalize("NFKC").toLowerCase();
  const point = /^[1-9]$/.test(key) ? points[Number(key) - 1] : undefined;
  const action = point ? () => cycle(point) : KEYS[key];
  if (!action) return;
  event.preventDefault();
  action();
});

document.addEventListener("pointerdown", () => { lastUseMs = performance.now(); });
for (const point of points) {
  let before = values();
  point.row.querySelector(".quick").hidden = false;
  for (const button of point.buttons) {
    button.addEventListener("click", () => {
      give(point, Number(button.dataset.give));
      button.blur(); // so that Enter submits instead of pressing it again
    });
  }
  point.input.addEventListener("focus", () => { before = values(); });
  point.input.addEventListener("change", () => { done.push(before); before = values(); show(); });
  point.input.addEventListener("input", show);
}
total.addEventListener("input", show);
undoButton.addEventListener("click", undo);
document.getElementById("help").addEventListener("click", () => keyMap.showModal());
undoButton.hidden = false;
document.getElementById("help").hidden = false;
form.addEventListener("submit", (event) => {
  event.preventDefault();
  save();
});
setInterval(keep, KEEP_EVERY_MS);
show();
