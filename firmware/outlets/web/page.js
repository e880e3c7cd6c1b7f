// Shows the page anew whenever the journal has a new row. Without this script everything works, after a reload.
"use strict";
let due = false;
async function refresh() {
  due = false;
  const answer = await fetch("/");
  if (answer.redirected || !answer.ok) { location.reload(); return; }
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
  const focused = document.activeElement && document.activeElement.textContent;
  document.querySelector("main").replaceWith(fresh);
  for (const button of fresh.querySelectorAll("button")) if (button.textContent === focused) button.focus();
}
new EventSource("/events").onmessage = () => { if (!due) { due = true; setTimeout(refresh, 300); } };
