// Checks each group of a code while it is typed, and shows that a slow step is running.
// The check digit is Damm's (as in exam_core.crypto.opening_code); the server checks again.

const DAMM = [
  [0, 3, 1, 7, 5, 9, 8, 6, 4, 2], [7, 0, 9, 2, 1, 5, 4, 8, 6, 3], [4, 2, 0, 6, 8, 7, 1, 3, 5, 9],
  [1, 7, 5, 0, 9, 8, 3, 4, 2, 6], [6, 1, 2, 3, 0, 4, 5, 9, 7, 8], [3, 6, 7, 4, 2, 0, 9, 5, 8, 1],
  [5, 8, 6, 9, 7, 2, 0, 1, 3, 4], [8, 9, 4, 5, 3, 6, 2, 0, 1, 7], [9, 4, 3, 8, 6, 1, 7, 2, 0, 5],
  [2, 5, 8, 1, 4, 3, 6, 7, 9, 0],
];
const GROUPS = 6;
const GROUP_DIGITS = 5;

for (const field of document.querySelectorAll("input.code")) {
  const shown = document.getElementById(`${field.id}-groups`);
  field.addEventListener("input", () => {
    const digits = field.value.normalize("NFKC").replace(/\D/g, "");
    const groups = digits.match(/\d{1,5}/g) ?? [];
    shown.replaceChildren(...groups.map(tag));
    if (digits.length > GROUPS * GROUP_DIGITS) shown.append(note("位数过多", "bad"));
  });
}

function tag(group, place) {
  if (group.length < GROUP_DIGITS) return note(group, "");
  const isRight = [...group].reduce((interim, digit) => DAMM[interim][Number(digit)], 0) === 0;
  return note(isRight ? `${group} ✓` : `第 ${place + 1} 组有误 ${group}`, isRight ? "good" : "bad");
}

function note(text, tone) {
  return Object.assign(document.createElement("span"), { className: `tag ${tone}`, textContent: text });
}

for (const form of document.querySelectorAll("form")) {
  form.addEventListener("submit", () => {
    const button = form.querySelector("[data-busy]");
    if (!button) return;
    button.textContent = button.dataset.busy;
    setTimeout(() => { button.disabled = true; });
  });
}

// The other person's step shows up by itself, unless something is being typed here.
const state = document.getElementById("opening-state");
const fields = [...document.querySelectorAll("main input:not([type=hidden]), main select")];
const isTyping = () => fields.some((field) => field.value);
if (state.dataset.opened === "0") {
  setInterval(async () => {
    if (isTyping()) return;
    const now = await (await fetch("/opening", { headers: { Accept: "application/json" } })).json();
    if (now.is_opened || now.brought_by !== state.dataset.broughtBy) location.assign("/opening");
  }, 2000);
}
