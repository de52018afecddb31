// The graph: a slider in time, neighbours lit, arrow keys between dots; and reasons that fit the verdict.
// Without this file the whole graph shows, and every reason is in its group.
const graph = document.querySelector("svg.graph");
if (graph) {
  const dots = [...graph.querySelectorAll(".dot")];
  const ties = [...graph.querySelectorAll(".tie")].map((line) => ({ line, ends: line.dataset.ends.split(" ").map(Number), at: Number(line.dataset.at) }));
  const near = dots.map(() => new Set());
  for (const { ends: [a, b] } of ties) { near[a].add(b); near[b].add(a); }

  const light = (n) => {
    graph.classList.toggle("lit", n >= 0);
    dots.forEach((dot, m) => dot.classList.toggle("near", m === n || (n >= 0 && near[n].has(m))));
    ties.forEach(({ line, ends }) => line.classList.toggle("near", ends.includes(n)));
  };
  dots.forEach((dot, n) => {
    dot.addEventListener("mouseenter", () => light(n));
    dot.addEventListener("mouseleave", () => light(-1));
    dot.addEventListener("focus", () => light(n));
    dot.addEventListener("blur", () => light(-1));
    // One stop of the tab key; arrows go on from there.
    dot.setAttribute("tabindex", n ? "-1" : "0");
    dot.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      let next = n;
      do next = (next + step + dots.length) % dots.length; while (dots[next].classList.contains("later") && next !== n);
      dot.setAttribute("tabindex", "-1");
      dots[next].setAttribute("tabindex", "0");
      dots[next].focus();
    });
  });

  const time = document.getElementById("graph-time");
  const when = document.getElementById("graph-when");
  if (time && Number(time.min) < Number(time.max)) {
    time.closest(".graph-tools").hidden = false;
    const show = () => {
      const until = Number(time.value);
      when.textContent = new Date(until * 60000).toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short", timeZone: time.dataset.zone });
      time.setAttribute("aria-valuetext", when.textContent);
      const seen = new Set();
      for (const { line, ends, at } of ties) {
        line.classList.toggle("later", at > until);
        if (at <= until) ends.forEach((end) => seen.add(end));
      }
      dots.forEach((dot, n) => dot.classList.toggle("later", near[n].size > 0 && !seen.has(n)));
    };
    time.addEventListener("input", show);
    show();
  }
}

const form = document.getElementById("decide");
if (form) {
  const groups = [...form.querySelectorAll("optgroup")];
  const fit = () => {
    const verdict = form.querySelector("[name=action]:checked")?.dataset.verdict;
    for (const group of groups) group.hidden = group.disabled = Boolean(verdict) && group.dataset.verdict !== verdict;
    const chosen = form.elements.reason_code.selectedOptions[0];
    if (chosen?.parentElement.disabled) form.elements.reason_code.value = "";
  };
  form.addEventListener("change", (event) => {
    if (event.target.name === "other" && event.target.value) form.querySelector("[name=action][value=other]").checked = true;
    fit();
  });
  fit();
}

// A key that leads into a closed part opens it.
document.addEventListener("focusin", (event) => { const part = event.target.closest("details:not([open])"); if (part) part.open = true; });
document.addEventListener("keydown", (event) => {
  if (event.key === "s" && !event.target.closest("input, textarea, select")) document.querySelector('[data-key="s"]')?.closest("details")?.setAttribute("open", "");
}, true);
