// Keys and small comforts of every page. Without this file every page still works.
const body = document.body;
const typing = (target) => target.closest("input, textarea, select, [contenteditable]") && target.type !== "checkbox" && target.type !== "radio";

// On a phone the menu begins closed.
const menu = document.querySelector("details.menu");
if (menu && matchMedia("(max-width: 60rem)").matches) menu.removeAttribute("open");

for (const opener of document.querySelectorAll("[data-open]")) {
  opener.hidden = false;
  opener.addEventListener("click", () => document.getElementById(opener.dataset.open).showModal());
}

// A form is sent once: the server would tell a second click what the first one was told, this saves the wait.
for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
    setTimeout(() => delete form.dataset.sent, 4000);
  });
}
// Coming back by the history finds a page that can be used again.
addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent));

// A list whose rows can be walked: <tbody data-walk>, each row with one link [data-main].
const rows = [...document.querySelectorAll("[data-walk] > *")];
let at = rows.findIndex((row) => row.classList.contains("marked"));
function mark(next) {
  if (!rows.length) return;
  rows[at]?.classList.remove("marked");
  at = Math.max(0, Math.min(rows.length - 1, next));
  rows[at].classList.add("marked");
  rows[at].querySelector("[data-main]")?.focus();
  rows[at].scrollIntoView({ block: "nearest" });
}

// Keys: an element with data-key="n" is clicked (or focused, if it is a field) when its key is pressed.
const fixed = {
  "?": () => document.getElementById("keys")?.showModal(),
  "/": () => document.querySelector("[data-search]")?.focus(),
  g: () => { const link = document.querySelector('nav a[href="/cases"]'); if (link) location.assign(link.href); },
  j: () => mark(at + 1),
  k: () => mark(at - 1),
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector("dialog[open]")) return;
  const target = document.querySelector(`[data-key="${CSS.escape(event.key)}"]:not([disabled])`);
  if (target) {
    event.preventDefault();
    if (target.matches("input[type=radio], input[type=checkbox]")) { target.click(); target.focus(); }
    else if (target.matches("input, textarea, select")) target.focus();
    else target.click();
  } else if (fixed[event.key]) {
    event.preventDefault();
    fixed[event.key]();
  }
});
// Ctrl+Enter sends the form that is being written.
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.target.closest("form")?.requestSubmit();
});
