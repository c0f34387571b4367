// Follows what happens: on every event, and every ten seconds (five without events), the main part of this page is fetched again. It says when
// that fails: a page that stands still must not look fresh.
"use strict";
(() => {
  const EVERY = 5_000, SOON = 300, PATIENCE = 8_000, LATER = 30_000;
  const live = document.getElementById("live");
  const hold = live.querySelector("a");
  let fetching = false, again = false, soon = 0, streaming = false, fetched = Date.now();
  const clock = (time) => new Date(time).toISOString().slice(11, 19) + " UTC";

  function say(lost) {
    const words = document.createElement("span");
    words.className = "how";
    words.textContent = lost ? `Not live since ${clock(fetched)}: the prober cannot be reached.`
      : streaming ? "Live." : "Live, every 5 s.";
    if (live.querySelector(".how").textContent !== words.textContent) live.replaceChildren(words, " ", hold);
    live.classList.toggle("lost", lost);
    document.getElementById("main").classList.toggle("stale", lost);
  }

  // What the reader did to the page stays as it is.
  function swap(fresh) {
    const old = document.getElementById("main");
    const main = fresh.getElementById("main");
    if (!main) throw new Error("not this page");
    for (const details of old.querySelectorAll("details[id]")) {
      const same = main.querySelector("#" + CSS.escape(details.id));
      if (same && details.dataset.touched) { same.open = details.open; same.dataset.touched = "yes"; }
    }
    for (const input of old.querySelectorAll("input[id]")) {
      const same = main.querySelector("#" + CSS.escape(input.id));
      if (same) same.value = input.value;
    }
    const scrolled = [...old.querySelectorAll(".scroll")].map((box) => box.scrollLeft);
    const focused = old.contains(document.activeElement) ? document.activeElement : null;
    const place = focused && where(old, focused);
    const before = sentence(document), after = sentence(fresh);
    old.replaceChildren(...main.childNodes);
    [...old.querySelectorAll(".scroll")].forEach((box, n) => { box.scrollLeft = scrolled[n] ?? 0; });
    if (place) find(old, place)?.focus({ preventScroll: true });
    document.title = fresh.title;
    if (before !== after) document.getElementById("announce").textContent = after;
  }

  // Ages change with every second; what is read aloud is what else changed.
  const sentence = (page) => (page.getElementById("summary")?.textContent ?? "").replace(/ \([^)]* ago\)/g, "");

  const focusable = "a[href], summary, button, input, [tabindex]";
  function where(root, element) {
    if (element.id) return { id: element.id };
    const like = [...root.querySelectorAll(focusable)].filter((one) => key(one) === key(element));
    return { key: key(element), nth: like.indexOf(element) };
  }
  const key = (element) => element.tagName + (element.getAttribute("href") ?? element.getAttribute("aria-label") ?? element.parentElement.id);
  function find(root, place) {
    if (place.id) return document.getElementById(place.id);
    return [...root.querySelectorAll(focusable)].filter((one) => key(one) === place.key)[place.nth];
  }

  async function look() {
    if (fetching) { again = true; return; }
    fetching = true;
    try {
      const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
      const text = await answer.text();
      if (!answer.ok && answer.status !== 404) throw new Error(String(answer.status));
      // Whoever marks text wants to copy it.
      if (getSelection()?.isCollapsed !== false) swap(new DOMParser().parseFromString(text, "text/html"));
      fetched = Date.now();
      say(false);
    } catch {
      say(true);
    }
    fetching = false;
    if (again) { again = false; lookSoon(); }
  }

  function lookSoon() {
    clearTimeout(soon);
    soon = setTimeout(look, SOON);
  }

  document.addEventListener("click", (event) => {
    const summary = event.target.closest?.("summary");
    if (summary) summary.parentElement.dataset.touched = "yes";
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
  setInterval(() => { if (!streaming || Date.now() - fetched > EVERY) look(); }, EVERY);

  function listen() {
    const events = new EventSource("/api/v1/events");
    events.onopen = () => { streaming = true; lookSoon(); };
    events.onmessage = lookSoon;
    events.onerror = () => {
      streaming = false;
      lookSoon();
      // A browser tries again by itself unless it was turned away.
      if (events.readyState === EventSource.CLOSED) setTimeout(listen, LATER);
    };
  }

  listen();
  say(false);
})();
