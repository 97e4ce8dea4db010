// Keeps the list of kiosks that wait for a comparison up to date; the forms work without it.

const box = document.getElementById("waiting");
const csrf = document.querySelector('meta[name="csrf-token"]').content;
const canAnswer = box.dataset.canAnswer === "1";
let shown = box.dataset.shown;

async function look() {
  const reply = await fetch("/kiosks/waiting").catch(() => null);
  if (reply?.status === 401) location.reload();
  if (!reply?.ok) return;
  const { waiting, too_many: tooMany } = await reply.json();
  const alarm = document.getElementById("too-many");
  alarm.hidden = !tooMany;
  alarm.querySelector("b").textContent = tooMany;
  const now = waiting.map((one) => one.request_id).join(" ");
  if (now === shown) return;
  shown = now;
  box.replaceChildren(...(waiting.length ? waiting.map(card) : [text("p", "hint", "现在没有等待核对的考生机。")]));
}

function card(one) {
  const row = text("div", "compare", "");
  row.append(
    text("b", "place", one.seat_id),
    text("span", "digits number", `${one.number.slice(0, 3)} ${one.number.slice(3)}`),
  );
  if (one.is_enrolled) row.append(text("span", "tag warn", "该机位已登记，批准后原证书作废"));
  if (canAnswer) {
    row.append(form("/kiosks/agree", one, "相符，登记", "main-action"), form("/kiosks/differ", one, "不符", "danger"));
  }
  return row;
}

function form(action, one, label, kind) {
  const made = Object.assign(document.createElement("form"), { method: "post", action });
  made.className = "inline";
  for (const [name, value] of [["csrf_token", csrf], ["request_id", one.request_id], ["number", one.number]]) {
    made.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
  }
  made.append(Object.assign(text("button", kind, label), { type: "submit" }));
  return made;
}

function text(tag, className, textContent) {
  return Object.assign(document.createElement(tag), { className, textContent });
}

setInterval(look, 2000);
