// Keeps the seat map up to date from server-sent events, and sends the buttons' forms.
// Shows values only: what is allowed, and what counts, the server decides.

const byId = (id) => document.getElementById(id);
const map = byId("seats");
const tiles = new Map([...map.querySelectorAll(".seat")].map((tile) => [tile.dataset.seat, tile]));
const seats = new Map();
const csrf = document.querySelector('meta[name="csrf-token"]').content;
let room = null;
let chosen = null;

// Live view

const source = new EventSource("/proctor/events");
source.addEventListener("open", () => showLink(true));
source.addEventListener("error", async () => {
  showLink(false);
  if (source.readyState !== EventSource.CLOSED) return; // it tries again by itself
  const reply = await fetch("/proctor/state").catch(() => null);
  if (reply?.status === 401) location.reload(); // to the log-in page
});
source.addEventListener("message", (event) => {
  const patch = JSON.parse(event.data);
  if (patch.room) showRoom(patch.room);
  for (const seat of patch.seats ?? []) showSeat(seat);
});

function showLink(isLive) {
  const link = byId("link");
  link.textContent = isLive ? "实时" : "与服务器断开，正在重连…";
  link.className = `tag ${isLive ? "good" : "bad"}`;
}

function showRoom(now) {
  room = now;
  const state = byId("state");
  state.textContent = now.state_title;
  state.dataset.state = now.state;
  byId("time-left").textContent = clockText(now.time_left_s);
  for (const count of document.querySelectorAll("[data-count]")) {
    count.textContent = now[count.dataset.count];
  }
  byId("storage").hidden = !now.storage_problem;
  byId("storage").textContent = now.storage_problem;
  byId("away").hidden = !now.absence_min || map.dataset.canConduct !== "1";
  byId("away-min").textContent = now.absence_min;
  byId("away-give").href = `/pairs?minutes=${now.absence_min}&reason=${encodeURIComponent("服务器中断")}#extend-card`;
  byId("not-open").hidden = now.is_opened || ["ended", "sealed", "closed"].includes(now.state);
  for (const button of document.querySelectorAll("[data-states]")) {
    const isDue = button.dataset.states.split(" ").includes(now.state);
    button.disabled = !isDue || (button.id === "start" && !now.is_opened);
  }
  const presentAll = byId("present-all");
  if (presentAll) presentAll.disabled = now.present >= now.logged_in;
  showAlarms(now.alarms);
  byId("health").textContent = now.health.words;
  byId("health").dataset.tone = now.health.tone;
  for (const seat of seats.values()) {
    if (seat.extra_min || seat.seat_id === chosen) showSeat(seat); // their time left is shown
  }
}

function showAlarms(alarms) {
  const box = byId("alarms");
  box.hidden = alarms.length === 0;
  box.replaceChildren(...alarms.map((alarm) => {
    const form = element("form", { method: "post", action: "/proctor/alarms/settle" });
    form.append(
      element("span", { className: "text", textContent: `${alarm.seat_id || "服务器"}：${alarm.message}（${alarm.code}）` }),
      hidden("alarm_id", alarm.alarm_id),
    );
    if (map.dataset.canConduct === "1") {
      form.append(element("button", { type: "submit", textContent: "已处理" }));
    }
    return form;
  }));
}

function showSeat(seat) {
  seats.set(seat.seat_id, seat);
  const tile = tiles.get(seat.seat_id);
  if (!tile) return;
  tile.className = `seat ${seat.tone}`;
  part(tile, "name").textContent = seat.name; // a candidate may change machines
  part(tile, "number").textContent = seat.admission_number;
  part(tile, "status").textContent = seat.status;
  part(tile, "progress").textContent = progressText(seat);
  part(tile, "meter").firstElementChild.style.width =
    seat.parts && seat.has_session ? `${(100 * seat.answered) / seat.parts}%` : "0";
  const flags = [];
  if (seat.alarms) flags.push(element("span", { className: "hot", textContent: `告警 ${seat.alarms}` }));
  if (seat.unsynced) flags.push(element("span", { textContent: `待传 ${seat.unsynced}` }));
  if (seat.extra_min) flags.push(element("span", { textContent: `+${seat.extra_min} 分` }));
  part(tile, "flags").replaceChildren(...flags);
  tile.setAttribute("aria-label", `${seat.seat_id} ${seat.name} ${seat.status} ${progressText(seat)}`);
  if (chosen === seat.seat_id && byId("seat-dialog").open) fillDialog(seat);
}

function progressText(seat) {
  if (!seat.has_session) return "";
  const answered = seat.parts ? `已答 ${seat.answered}/${seat.parts}` : "";
  // All have the room's time left, but for those with extra time.
  const left = seat.extra_min && seat.is_writing ? ` 剩 ${clockText(secondsLeft(seat))}` : "";
  return answered + left;
}

// Every seat has the room's time left, and what it was given beside.
function secondsLeft(seat) {
  return room === null ? 0 : Math.max(0, room.left_s + seat.extra_s);
}

function clockText(seconds) {
  const two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return hours ? `${hours}:${rest}` : rest;
}

// One seat

map.addEventListener("click", (event) => {
  const tile = event.target.closest(".seat");
  if (tile) openSeat(tile.dataset.seat);
});

map.addEventListener("keydown", (event) => {
  const shown = [...tiles.values()].filter((tile) => !tile.hidden);
  const place = shown.indexOf(document.activeElement);
  const columns = getComputedStyle(map).gridTemplateColumns.split(" ").length;
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, Home: -place, End: shown.length - 1 - place };
  if (!(event.key in steps) || place < 0) return;
  event.preventDefault();
  const next = shown[place + steps[event.key]];
  if (!next) return;
  shown[place].tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
});

function openSeat(seatId) {
  const seat = seats.get(seatId);
  if (!seat) return;
  chosen = seatId;
  fillDialog(seat);
  for (const form of document.querySelectorAll("[data-seat-form]")) {
    form.elements.seat_id.value = seatId;
  }
  byId("seat-dialog").showModal();
}

function fillDialog(seat) {
  const spares = [...seats.values()].filter((one) => one.is_spare && one.is_enrolled);
  byId("to-seat")?.replaceChildren(...spares.map((one) => element("option", { value: one.seat_id, textContent: one.seat_id })));
  byId("seat-title").textContent = `${seat.seat_id}　${seat.name}`;
  const facts = [
    ["准考证号", seat.admission_number],
    ["代表队", seat.team],
    ["状态", seat.status],
    ["连接", seat.is_connected ? "在线" : "未连接"],
    ["到场", seat.is_present ? "已确认" : "未确认"],
    ["作答", progressText(seat) || "—"],
    ["待传记录", String(seat.unsynced)],
    ["剩余时间", seat.is_writing ? clockText(secondsLeft(seat)) : "—"],
    ["补时", seat.extra_min ? `${seat.extra_min} 分钟` : "无"],
  ];
  byId("seat-facts").replaceChildren(...facts.flatMap(([name, value]) => [
    element("dt", { textContent: name }), element("dd", { textContent: value }),
  ]));
  const isOf = {
    present: seat.has_session && !seat.is_present,
    unlock: seat.is_locked,
    code: !seat.is_connected,
    extra: seat.has_session && seat.is_writing,
    swap: !seat.is_spare && room !== null && !["ended", "closed"].includes(room.state),
  };
  for (const form of document.querySelectorAll("[data-seat-form]")) {
    form.hidden = !isOf[form.dataset.seatForm];
  }
}

// Forms

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.action.includes("/proctor/")) return;
  event.preventDefault();
  if (form.dataset.confirm && !(await confirmed(form.dataset.confirm, form.dataset.verb, form.querySelector(".danger") !== null))) return;
  const body = new URLSearchParams(new FormData(form));
  try {
    const reply = await fetch(form.action, { method: "POST", body, headers: { "X-CSRF-Token": csrf } });
    const told = await reply.json();
    if (reply.status === 401) location.reload();
    else if (!reply.ok) say(`${told.message}。${told.advice}`, true);
    else if (form.hasAttribute("data-codes")) showCodes(told.codes);
    else {
      say("confirmed" in told ? `已确认 ${told.confirmed} 人到场` : "已完成", false);
      if (form.dataset.seatForm) byId("seat-dialog").close();
    }
  } catch {
    say("没有送达服务器，请检查网络后重试。", true);
  }
});

function confirmed(text, verb, isGrave) {
  const dialog = byId("confirm-dialog");
  byId("confirm-text").textContent = text;
  byId("confirm-yes").textContent = verb;
  byId("confirm-yes").classList.toggle("danger", isGrave);
  dialog.showModal();
  byId("confirm-no").focus();
  return new Promise((resolve) => {
    const settle = (answer) => { dialog.close(); resolve(answer); };
    byId("confirm-yes").onclick = () => settle(true);
    byId("confirm-no").onclick = () => settle(false);
    dialog.oncancel = () => resolve(false);
  });
}

function showCodes(codes) {
  const rows = Object.entries(codes).map(([seatId, code]) => {
    const row = element("tr", {});
    row.append(
      element("td", { textContent: seatId }),
      element("td", { textContent: `${code.slice(0, 4)} ${code.slice(4)}` }),
    );
    return row;
  });
  if (rows.length === 0) return say("所有机位都已登记。", false);
  byId("codes").replaceChildren(...rows);
  byId("seat-dialog").close();
  byId("codes-dialog").showModal();
}

let quiet = 0;
function say(text, isBad) {
  const said = byId("said");
  said.textContent = text;
  said.className = `said${isBad ? " bad" : ""}`;
  said.hidden = false;
  clearTimeout(quiet);
  quiet = setTimeout(() => { said.hidden = true; }, isBad ? 8000 : 3000);
}

for (const button of document.querySelectorAll("[data-close]")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}

byId("filter").addEventListener("input", (event) => {
  const wanted = event.target.value.trim();
  for (const [seatId, tile] of tiles) {
    tile.hidden = wanted !== "" && !`${seatId} ${part(tile, "name").textContent} ${part(tile, "number").textContent}`.includes(wanted);
  }
});

// Small things

function part(tile, name) { return tile.querySelector(`.${name}`); }
function element(name, properties) { return Object.assign(document.createElement(name), properties); }
function hidden(name, value) { return element("input", { type: "hidden", name, value }); }
