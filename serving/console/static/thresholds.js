// The slider moves every drawing and number at once, and the address, so that the page can be shared as it is.
const source = document.getElementById("thr-data");
const slider = document.getElementById("cut");
if (source && slider) {
  const data = JSON.parse(source.textContent);
  const nearest = (cut) => data.cuts.reduce((best, value, n) => (Math.abs(value - cut) < Math.abs(data.cuts[best] - cut) ? n : best), 0);
  const plain = (value) => String(Number(value.toFixed(4)));
  const show = (name, text) => document.querySelectorAll(`[data-show="${name}"]`).forEach((place) => { place.textContent = text; });
  let waiting;
  const move = () => {
    const n = nearest(Number(slider.value));
    const cut = data.cuts[n], automatic = Math.max(data.automatic, cut);
    document.getElementById("thr-value").textContent = plain(cut);
    slider.setAttribute("aria-valuetext", plain(cut));
    for (const line of document.querySelectorAll("[data-line]")) { line.setAttribute("x1", data.xs[n]); line.setAttribute("x2", data.xs[n]); }
    for (const dot of document.querySelectorAll("[data-dot]")) { dot.setAttribute("cx", data.xs[n]); dot.setAttribute("cy", data.ys[dot.dataset.dot][n]); }
    for (const [name, words] of Object.entries(data.words)) show(name, words[n]);
    show("automatic", plain(automatic));
    document.getElementById("thr-draft")?.setAttribute("href", `/lab/new?review=${plain(cut)}&automatic=${plain(automatic)}`);
    clearTimeout(waiting);
    waiting = setTimeout(() => history.replaceState(null, "", `/thresholds?cut=${plain(cut)}`), 200);
  };
  slider.addEventListener("input", move);
  for (const link of document.querySelectorAll("[data-cut]")) {
    link.addEventListener("click", (event) => { event.preventDefault(); slider.value = link.dataset.cut; move(); });
  }
}
