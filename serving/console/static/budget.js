// The slider: every step was worked out and written by the server; here texts, bars and the mark move.
const data = document.getElementById("budget-steps");
if (data) {
  const { steps, at } = JSON.parse(data.textContent);
  const holder = document.querySelector("[data-slider]");
  const slider = holder.querySelector("input");
  holder.hidden = false;

  // The curve has a corner per step, so the chosen mark stands where the curve is.
  const svg = document.querySelector("[data-chart] svg");
  const path = svg?.querySelector("path.line.s1")?.getAttribute("d") ?? "";
  const corners = [...path.matchAll(/[ML]([\d.]+) [\d.]+/g)].map((found) => found[1]);
  const mark = corners.length === steps.length ? [...svg.querySelectorAll("path.mark")].at(-1) : null;
  mark?.classList.add("chosen");

  const show = (n, keep) => {
    const step = steps[n];
    for (const spot of document.querySelectorAll("[data-f]")) spot.textContent = step[spot.dataset.f];
    for (const spot of document.querySelectorAll("[data-f=mark]")) spot.hidden = !step.mark;
    for (const field of document.querySelectorAll("[data-field]")) field.value = step[field.dataset.field];
    for (const cell of document.querySelectorAll("[data-count]")) cell.textContent = step.counts[cell.dataset.count];
    for (const bar of document.querySelectorAll("[data-bar]")) bar.value = step.offers[bar.dataset.bar];
    slider.setAttribute("aria-valuetext", step.mark ? `${step.budget}, ${step.mark}` : step.budget);
    mark?.setAttribute("d", mark.getAttribute("d").replace(/^M[\d.]+/, `M${corners[n]}`));
    // The address is that of the step, so that it can be sent to somebody; no entry of the history per step.
    if (keep) history.replaceState(null, "", `/budget?budget=${step.asked}`);
  };
  slider.addEventListener("input", () => show(Number(slider.value), false));
  slider.addEventListener("change", () => show(Number(slider.value), true));
  for (const link of document.querySelectorAll("[data-step]"))
    link.addEventListener("click", (event) => {
      event.preventDefault();
      slider.value = link.dataset.step;
      show(Number(slider.value), true);
    });
  slider.value = at;
  show(at, false);
}
