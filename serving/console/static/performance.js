// The tiles fetch themselves anew every 30 seconds, and rest while nobody sees them. Without this file one reloads.
const live = document.querySelector("[data-live]");
if (live) {
  const refresh = async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(live.dataset.live, { headers: { Accept: "text/html" }, redirect: "error" });
      if (answer.ok) live.innerHTML = await answer.text();
    } catch { /* the next turn may do better; the tiles say how old they are */ }
  };
  setInterval(refresh, 30_000);
  document.addEventListener("visibilitychange", refresh);
}
