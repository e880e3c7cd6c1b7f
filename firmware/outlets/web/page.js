// Shows the page anew whenever the journal has a new row. Without this script everything works, after a reload.
"use strict";
let due = false;
async function refresh() {
  due = false;
  const answer = await fetch("/");
  if (answer.redirected || !answer.ok) { location.reload(); return; }
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
  const focused = document.activeElement && document.activeElement.textContent;
  // A region that announces its changes (role=status) has to stay the same element; only its words change.
  const told = document.querySelector("[role=status]"), news = fresh.querySelector("[role=status]");
  const words = news && news.textContent;
  if (told && news) news.replaceWith(told);
  const unfolded = document.querySelector("details[open]"), folded = fresh.querySelector("details");
  if (unfolded && folded) folded.open = true;
  document.querySelector("main").replaceWith(fresh);
  if (told && words && told.textContent !== words) told.textContent = words;
  for (const button of fresh.querySelectorAll("button")) if (button.textContent === focused) button.focus();
}
new EventSource("/events").onmessage = () => { if (!due) { due = true; setTimeout(refresh, 300); } };
