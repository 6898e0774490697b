// app: what a page gains with scripts on. Everything works without it.

// Theme: what the system wants, unless somebody chose; kept in this browser only.
const root = document.documentElement;
const button = document.getElementById("theme");
const stored = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
const apply = (theme) => {
  if (theme) root.dataset.theme = theme; else delete root.dataset.theme;
  button.textContent = `Theme: ${theme ?? "system"}`;
};
apply(stored());
button.hidden = false;
button.addEventListener("click", () => {
  const next = { null: "dark", dark: "light", light: null }[stored()];
  try { next ? localStorage.setItem("theme", next) : localStorage.removeItem("theme"); } catch { /* private mode */ }
  apply(next);
});

// Keys: / goes to the filter, g then a letter to a page, j and k walk the rows, Enter opens one.
const pages = { o: "/", f: "/flows", n: "/findings", i: "/identities", d: "/destinations", p: "/policies", c: "/certificates", e: "/evidence", s: "/sql" };
const rows = [...document.querySelectorAll("main tbody tr")].filter((row) => row.querySelector("a"));
let at = -1;
let going = false;
const typing = (el) => el.matches("input, textarea, select, [contenteditable]");
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (typing(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (going) {
    going = false;
    if (pages[event.key]) location.href = pages[event.key];
    return;
  }
  if (event.key === "g") going = true;
  else if (event.key === "/") {
    const q = document.getElementById("q");
    if (!q) return;
    event.preventDefault();
    q.focus();
    q.select();
  } else if (event.key === "j" || event.key === "k") {
    at = Math.max(0, Math.min(rows.length - 1, at + (event.key === "j" ? 1 : -1)));
    rows[at]?.querySelector("a").focus();
  }
});
