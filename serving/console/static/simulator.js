// Comforts of the simulator: another line without a round trip, and the link into the clipboard.
const lines = document.querySelector("[data-lines]");
const most = 200;
document.querySelector("[data-more]")?.addEventListener("click", (event) => {
  event.preventDefault();
  const last = lines.lastElementChild;
  if (!last || lines.children.length >= most) return;
  const before = String(lines.children.length);
  const next = last.cloneNode(true);
  next.querySelector("th").textContent = String(lines.children.length + 1);
  for (const field of next.querySelectorAll("input")) {
    field.value = "";
    field.setAttribute("aria-label", field.getAttribute("aria-label").replace(before, String(lines.children.length + 1)));
  }
  lines.append(next);
  next.querySelector("input").focus();
});

const copy = document.querySelector("[data-copy]");
if (copy && navigator.clipboard) {
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(location.href);
    copy.textContent = copy.dataset.done;
  });
}
