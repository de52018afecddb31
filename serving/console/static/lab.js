// While a backtest waits or runs, ask how far it is; when it is over, show the whole page anew.
const every = 3000;
function follow() {
  const shown = document.getElementById("lab-state");
  const from = shown?.dataset.busy;
  if (!from) return;
  setTimeout(async () => {
    try {
      const answer = await fetch(from, { headers: { "X-Part": "1" } });
      if (answer.ok && !answer.redirected) {
        const part = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("lab-state");
        if (part && !part.dataset.busy) { location.reload(); return; }
        // A form that somebody is about to press stays as it is.
        if (part && !shown.contains(document.activeElement)) shown.replaceWith(document.adoptNode(part));
      }
    } catch { /* the network may come back */ }
    follow();
  }, every);
}
follow();
