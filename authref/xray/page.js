// The page: it presses, and shows what came back. Whatever travelled is put in as text, never as markup.
"use strict";

const $ = (id) => document.getElementById(id);
const account = $("account").elements;
const breaking = $("break").elements;
const CLOCK = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };

let state = { now: 0, thief: {}, held: {}, memory: {} };
let offset = 0; // the server's clock minus ours, in seconds
let last = 0; // the number of the newest exchange that is shown
let words = { explained: {}, story: [] };
let step = 0;
let token = { access: "", refresh: "" }; // what a client carries: this page's own variable
let session = false;

/* --- small helpers -------------------------------------------------------------------------------------------- */

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const serverNow = () => Date.now() / 1000 + offset;
const timeOf = (seconds) => new Date(seconds * 1000).toLocaleTimeString([], CLOCK);

function inWords(seconds) {
  const size = Math.abs(Math.round(seconds));
  const text = size < 120 ? `${size} s` : size < 7200 ? `${Math.floor(size / 60)} min ${size % 60} s`
    : size < 172800 ? `${Math.floor(size / 3600)} h` : `${Math.floor(size / 86400)} days`;
  return seconds < 0 ? `${text} ago` : `in ${text}`;
}

function decoded(part) {
  try {
    const bytes = Uint8Array.from(atob(part.replace(/-/g, "+").replace(/_/g, "/")), (sign) => sign.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
}

function inColours(text) { // tokens and our cookie, coloured by their parts wherever they stand
  const pieces = [];
  let rest = String(text);
  const found = /(eyJ[\w-]*)\.([\w-]*)\.([\w-]*)|((?:__Host-)?session=)([\w-]{43})|([\w-]{22})\.([\w-]{43})/;
  for (let match = found.exec(rest); match; match = found.exec(rest)) {
    pieces.push(rest.slice(0, match.index));
    const parts = match[1] !== undefined ? [match[1], ".", match[2], ".", match[3]]
      : match[4] !== undefined ? ["", match[4], match[5]] : [match[6], ".", match[7]];
    const colours = match[4] !== undefined ? ["", "dim", "one"] : ["one", "", "two", "", "three"];
    parts.forEach((part, place) => pieces.push(make("span", { class: colours[place] || null }, part)));
    rest = rest.slice(match.index + match[0].length);
  }
  pieces.push(rest);
  return pieces;
}

function say(text) { $("said").textContent = text; }

/* --- what is pressed ------------------------------------------------------------------------------------------ */

async function ask(method, path, body, headers = {}) { // a request of this very browser, with its own cookie
  const options = { method, headers: { ...headers }, credentials: "same-origin" };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const answer = await fetch(path, options);
  const text = await answer.text();
  let value = {};
  try { value = JSON.parse(text); } catch { /* an answer without a body */ }
  say(`${method} ${path}: ${answer.status}${value.user ? `, you are ${value.user.email}` : ""}${value.detail ? `. ${value.detail}` : ""}`);
  return { status: answer.status, value };
}

async function press(name, body = {}) { // a button that the page's own server presses
  const answer = await fetch(name, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  const value = await answer.json();
  if (!answer.ok) { say(value.detail); return null; }
  take(value);
  return value;
}

const remembered = () => session && (state.memory.sessions || []).length > 0;
const spokenFor = () => (remembered() ? {} : bearer()); // by the cookie while it opens something, else by the token
const person = () => ({ email: account.email.value, password: account.password.value });
const bearer = () => (token.access ? { Authorization: `Bearer ${token.access}` } : {});

const round = () => `${location.pathname} ${state.round}`; // another server, or one that began again, knows nothing of it

function hold(value) {
  if (value.token) token = { access: value.token, refresh: value.refresh_token || token.refresh, ended: false };
  sessionStorage.setItem("token", JSON.stringify({ ...token, round: round() }));
  showHeld();
}

const verbs = {
  async signup() { await ask("POST", "/signup", person()); },
  async "session.login"() { session = (await ask("POST", "/login", person())).status === 200 || session; },
  async "session.me"() { session = (await ask("GET", "/me")).status === 200 || session; },
  async "session.logout"() { await ask("POST", "/logout"); session = false; },
  async "token.login"() { hold((await ask("POST", "/token/login", person())).value); },
  async "token.me"() { await ask("GET", "/token/me", undefined, bearer()); },
  async "token.refresh"() { hold((await ask("POST", "/token/refresh", { refresh_token: token.refresh })).value); },
  async "token.logout"() { token.ended = (await ask("POST", "/token/logout", { refresh_token: token.refresh })).status === 200; hold({}); },
  async lock() { if (await press("lock_out", { email: account.email.value, disabled: true })) say(`An admin has disabled ${account.email.value}.`); },
  async unlock() { if (await press("lock_out", { email: account.email.value, disabled: false })) say(`An admin has enabled ${account.email.value} again.`); },
  async password() {
    const fresh = `${account.password.value}!`;
    const answer = await ask("POST", "/me/password", { current_password: account.password.value, new_password: fresh }, spokenFor());
    if (answer.status === 204) { account.password.value = fresh; say("The password was changed: an exclamation mark was put behind it."); }
  },
  async everywhere() { await ask("DELETE", "/me/sessions", undefined, spokenFor()); },
  async key() { if (await press("key")) say("The server signs with a new key, and believes no token of the old one."); },
  async begin() {
    token = { access: "", refresh: "" };
    session = false;
    last = 0;
    step = 0;
    done.clear();
    await press("begin");
    sessionStorage.clear();
    account.password.value = "correct horse battery";
    $("feed").replaceChildren();
    showStep();
    say("Everything is empty: no accounts, no logins, new keys, the clock shows the real time.");
  },
};

async function run(name) {
  const [verb, what] = [name.split(".")[0], name.slice(name.indexOf(".") + 1)];
  if (verb === "clock") { await press("clock", { seconds: Number(what) }); say(`The server's clock went forward: it shows ${$("clock").textContent}.`); }
  else if (verb === "mode") { if (await press("mode", { mode: what })) say("From now on tokens are checked so; those who hold one feel it at their next request."); }
  else if (verb === "steal") { if (await press("steal", { what })) say(`The thief holds a copy of your ${what}.`); }
  else if (verb === "thief") {
    const answer = await press("thief", { what });
    if (answer) say(answer.done[0] === 200 ? "The thief is let in, as you." : `The thief is refused (${answer.done[0]}).`);
  } else if (verb === "second") {
    const answer = await press("second", { what });
    if (answer) say(`The second server says ${answer.done}.`);
  } else await verbs[name]();
}

async function pressed(name, button) {
  if (button) button.disabled = true;
  try { await run(name); } catch (error) { say(`The server does not answer (${error.message}); is it still running?`); }
  if (button) { button.disabled = false; button.focus(); }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-press]");
  if (button) pressed(button.dataset.press, button);
});
for (const radio of document.querySelectorAll("[name=mode]")) radio.addEventListener("change", () => pressed(`mode.${radio.value}`));
for (const form of [$("account"), $("break")]) form.addEventListener("submit", (event) => event.preventDefault());

/* --- the story ------------------------------------------------------------------------------------------------ */

const done = new Set(); // the steps that were played since it began

function lead() { // the button to press now is the coloured one
  $("do").classList.toggle("main", !done.has(step));
  $("next").classList.toggle("main", done.has(step));
}

function keepPlace() { // for a page that is loaded again, as long as nobody began again
  sessionStorage.setItem("place", JSON.stringify({ step, done: [...done], round: round() }));
}

function goTo(number) {
  step = number;
  keepPlace();
  showStep();
}

function showStep() {
  const now = words.story[step];
  if (!now) return;
  $("story-title").textContent = `${step + 1} of ${words.story.length}. ${now.title}`;
  const skipped = words.story.slice(0, step).findIndex((each, place) => !done.has(place));
  $("story-text").textContent = skipped < 0 ? now.text : `${now.text} (Step ${skipped + 1} was not done; this one may need it.)`;
  lead();
  $("back").disabled = step === 0;
  $("next").disabled = step === words.story.length - 1;
  $("do").textContent = now.press.length ? "Do it" : "Show what was seen";
  $("do").disabled = false;
  $("story-answers").hidden = true;
  for (const button of document.querySelectorAll("[data-press]")) button.classList.toggle("next", now.press.includes(button.dataset.press));
  const side = now.press.some((name) => name.startsWith("token")) ? "token" : now.press.some((name) => name.startsWith("session")) ? "session" : "";
  if (side) choose(side);
}

$("back").addEventListener("click", () => goTo(step - 1));
$("next").addEventListener("click", () => goTo(step + 1));
$("do").addEventListener("click", async () => {
  const now = words.story[step];
  $("do").disabled = true;
  for (const name of now.press) await pressed(name);
  if (!now.press.length) {
    $("story-answers").replaceChildren(...words.answers.map((text) => make("li", {}, text)));
    $("story-answers").hidden = false;
    say("The answers stand above.");
  }
  $("do").disabled = false;
  done.add(step);
  keepPlace();
  lead();
  (step < words.story.length - 1 ? $("next") : $("do")).focus();
});

/* --- two columns, or two tabs on a narrow screen ----------------------------------------------------------------- */

function choose(side) {
  for (const name of ["session", "token"]) {
    $(name).classList.toggle("away", name !== side);
    $(`tab-${name}`).setAttribute("aria-selected", String(name === side));
    $(`tab-${name}`).tabIndex = name === side ? 0 : -1;
  }
}
for (const name of ["session", "token"]) {
  $(`tab-${name}`).addEventListener("click", () => choose(name));
  $(`tab-${name}`).addEventListener("keydown", (event) => {
    if (!event.key.startsWith("Arrow")) return;
    const other = name === "session" ? "token" : "session";
    choose(other);
    $(`tab-${other}`).focus();
  });
}

/* --- what you and the thief hold --------------------------------------------------------------------------------- */

function tokenShown(text) {
  if (!text) return ["nothing"];
  const [header, payload] = text.split(".").map(decoded);
  const box = make("details", {}, make("summary", {}, ...text.split(".").flatMap((part, place) => [place ? "." : "", make("span", { class: ["one", "two", "three"][place] }, `${part.slice(0, 6)}…`)]),
    " ", make("span", { class: "left", "data-exp": payload ? payload.exp : 0 }, "")));
  box.append(make("pre", {}, ...inColours(text)));
  if (header) box.append(claims("header, says how it is signed", header, "one"));
  if (payload) box.append(claims("payload, says who and until when", payload, "two"));
  box.append(make("p", { class: "three" }, "signature: only the server's key makes it; it covers the two parts before it."));
  return [box];
}

function claims(title, value, colour) {
  const rows = Object.entries(value).map(([name, each]) => {
    const isTime = ["iat", "exp", "nbf"].includes(name) && Number.isFinite(each);
    const what = (words.explained[`jwt ${name}`] || [""])[0];
    return make("tr", {}, make("th", { scope: "row" }, name), make("td", { class: colour }, isTime ? `${each} (${timeOf(each)}, ` : String(each),
      isTime ? make("span", { "data-time": each }, "") : "", isTime ? ")" : ""), make("td", { class: "dim" }, what));
  });
  return make("table", {}, make("caption", {}, title), ...rows);
}

function showHeld() {
  const cookie = session ? state.held.cookie : "";
  $("held-cookie").replaceChildren(...(cookie ? [...inColours(cookie), make("br"), make("span", { class: "dim" }, "a number that means nothing; your browser keeps it where no script can read it")] : ["nothing"]));
  keepOpen($("held-token"), tokenShown(token.access));
  if (token.refresh) $("held-token").append(make("p", { class: "dim" }, token.ended ? "and a refresh token that nothing stands behind any more: " : "and a refresh token, good for one exchange: ", ...inColours(token.refresh)));
  $("loot-cookie").replaceChildren(...(state.thief.cookie ? inColours(state.thief.cookie) : ["nothing"]));
  keepOpen($("loot-token"), tokenShown(state.thief.token));
  $("short-session").textContent = cookie ? "you hold a number" : "you hold nothing";
  $("short-token").textContent = token.access ? "you hold a token" : "you hold nothing";
  tick();
}

function keepOpen(place, nodes) {
  const open = place.querySelector("details")?.open;
  place.replaceChildren(...nodes);
  if (open && place.querySelector("details")) place.querySelector("details").open = true;
}

function tick() {
  if (!state.now) return;
  $("clock").textContent = `${timeOf(serverNow())}${state.ahead ? ` (${inWords(state.ahead).replace("in ", "")} ahead)` : ""}`;
  for (const node of document.querySelectorAll("[data-time]")) node.textContent = inWords(Number(node.dataset.time) - serverNow());
  for (const node of document.querySelectorAll("[data-exp]")) {
    const left = Number(node.dataset.exp) - serverNow();
    node.textContent = left > 0 ? `ends ${inWords(left)}` : "has expired";
    node.className = left > 0 ? "left good" : "left bad";
  }
}
setInterval(tick, 1000);

/* --- what the server remembers ------------------------------------------------------------------------------------ */

const BESIDE = new Set(["addresses", "admins", "costs", "counters", "devices", "roster"]); // of these the story does not speak
const CALLED = { families: "families: the logins by token, which a refresh token renews", denials: "denials: the deny list" };
let before = {};

function cell(name, value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number" && value > 1e9) return make("span", {}, `${timeOf(value)} (`, make("span", { "data-time": value }, ""), ")");
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  return text.length > 24 ? make("span", { title: text }, `${text.slice(0, 10)}…`) : text;
}

function showMemory() {
  const tables = Object.entries(state.memory).map(([name, rows]) => {
    const old = new Map(before[name] || []);
    const now = new Map(rows);
    const gone = [...old].filter(([key]) => !now.has(key)).map(([key, row]) => [key, row, "gone"]);
    const shown = [...rows.map(([key, row]) => [key, row, !old.has(key) ? "new" : JSON.stringify(old.get(key)) !== JSON.stringify(row) ? "changed" : ""]), ...gone];
    const names = shown.length ? Object.keys(shown[0][1]).filter((each) => shown.some(([key, row]) => row[each] !== key)) : [];
    return make("div", { "data-map": name, tabindex: "0", role: "group", "aria-label": `the map ${name}` }, make("table", {}, make("caption", {}, `${CALLED[name] || name} ${rows.length}`),
      shown.length ? make("tr", {}, make("th", { scope: "col" }, "key"), ...names.map((each) => make("th", { scope: "col" }, each.replaceAll("_", " ")))) : make("tr", {}, make("td", { class: "dim" }, "empty")),
      ...shown.map(([key, row, mark]) => make("tr", { class: mark || null }, make("td", {}, mark ? make("span", { class: "dim" }, `${{ new: "+ ", changed: "~ ", gone: "- " }[mark]}`) : "", cell("key", key)),
        ...names.map((each) => make("td", {}, cell(each, row[each])))))));
  });
  const open = $("memory").querySelector("details")?.open;
  const beside = make("details", { open: Boolean(open) }, make("summary", {}, "and what helps to find and count them"), ...tables.filter((table) => BESIDE.has(table.dataset.map)));
  $("memory").replaceChildren(...tables.filter((table) => !BESIDE.has(table.dataset.map)), beside);
  before = state.memory;
}

/* --- what travelled ---------------------------------------------------------------------------------------------- */

function explanation(key) {
  const [what, attack, file] = words.explained[key] || [];
  if (!what) return ["Nothing here reads this line."];
  return [what, attack ? make("span", {}, " Without it: ", make("b", {}, attack)) : "", file ? make("span", { class: "dim" }, " Read ", make("a", { href: `file/${file}` }, file), ".") : ""];
}

function lines(part, help) { // each line tells what it is for when one points, tabs or taps at it
  const show = (key) => () => help.replaceChildren(...explanation(key));
  const line = (text, key) => make("button", { type: "button", onfocus: show(key), onmouseenter: show(key), onclick: show(key) }, ...inColours(text));
  const nodes = [line(part.line, part.status ? "status" : "path")];
  for (const [name, value] of part.headers || []) {
    nodes.push(line(`${name}: ${value}`, name));
    if (name === "set-cookie") for (const flag of value.split(";").slice(1)) nodes.push(line(`      ${flag.trim()}`, `set-cookie ${flag.trim().split("=")[0]}`));
  }
  if (part.raw) nodes.push(make("pre", {}, part.raw));
  if (part.body) {
    let value = null;
    try { value = JSON.parse(part.body); } catch { /* shown as it is */ }
    nodes.push(make("br"));
    if (value && typeof value === "object") for (const [name, each] of Object.entries(value)) nodes.push(line(`${JSON.stringify(name)}: ${JSON.stringify(each)}`, `body ${name.replace(/^.*password$/, "password")}`));
    else nodes.push(make("pre", {}, ...inColours(part.body)));
  }
  return make("div", { class: "bytes" }, ...nodes);
}

function tree(steps, all) {
  const items = [];
  for (const each of steps) {
    const inner = tree(each.steps, all);
    if (!each.sentence && !all) { items.push(...(inner ? [...inner.children] : [])); continue; }
    const place = make("span", { class: "place" }, ` ${each.file} `, make("b", {}, each.name.split(".").pop()));
    const refused = each.raised ? make("span", { class: "bad" }, ` ✗ ${each.raised}`) : "";
    const box = make("details", {}, make("summary", {}, each.sentence || `${each.name}()`, place, refused));
    box.addEventListener("toggle", () => { if (box.open && !box.dataset.filled) { box.dataset.filled = "1"; source(each, box); } });
    items.push(make("li", {}, box, inner));
  }
  return items.length ? make("ul", { class: "tree" }, ...items) : null;
}

async function source(each, box) {
  const answer = await fetch(`source?file=${encodeURIComponent(each.file)}&name=${encodeURIComponent(each.name)}`);
  const value = await answer.json();
  const ran = new Set(each.lines);
  box.append(make("pre", { class: "source", tabindex: "0", "aria-label": `source of ${each.name}; lines that ran are marked` },
    ...value.lines.map((text, place) => make("span", { class: ran.has(value.first + place) ? "ran" : null }, `${value.first + place}`.padStart(4), "  ", text))),
  make("p", {}, make("a", { href: `file/${each.file}` }, `all of ${each.file}`)));
}

function lookedUp(exchange) {
  const found = Object.entries(exchange.looked_up).filter(([name]) => !BESIDE.has(name) || name === "addresses").map(([name, count]) => `${count} × ${name}`);
  return `looked up: ${found.join(", ") || "nothing"}`;
}

function exchangeShown(exchange) {
  if (exchange.who === "button") return make("li", { class: "button" }, `${timeOf(exchange.at)}  ${exchange.request.line}`);
  const verdict = exchange.verdict ? make("span", { class: exchange.verdict === "let in" ? "good" : "bad" }, ` ${exchange.verdict}${exchange.since ? `, ${exchange.since}` : ""}`) : "";
  const box = make("details", { "data-number": exchange.number }, make("summary", {},
    make("b", {}, `#${exchange.number} `), make("span", { class: `who ${exchange.who === "thief" ? "thief" : ""}` }, exchange.server || exchange.who), ` ${exchange.request.line.split(" ").slice(0, 2).join(" ")} → ${exchange.response.status}`,
    verdict, make("span", { class: "dim" }, ` · ${lookedUp(exchange)} · ${timeOf(exchange.at)}`)));
  box.addEventListener("toggle", () => { if (box.open && !box.dataset.filled) { box.dataset.filled = "1"; fill(exchange, box); } });
  return make("li", {}, box);
}

function fill(exchange, box) {
  const help = make("p", { class: "help" }, "Point or tab to a line: what it is for, and which attack it stops.");
  box.append(help, make("div", { class: "pair" }, make("div", {}, make("h3", { class: "dim" }, "request"), lines(exchange.request, help)),
    make("div", {}, make("h3", { class: "dim" }, "answer"), lines(exchange.response, help))));
  const changed = exchange.changes.map((each) => make("li", {}, `${each.before ? (each.after ? "~" : "-") : "+"} ${each.map} ${each.key.slice(0, 12)}… `, make("code", {}, JSON.stringify(each.after || each.before))));
  box.append(make("h3", { class: "dim" }, "what changed"), changed.length ? make("ul", {}, ...changed) : make("p", {}, "nothing"));
  if (exchange.events.length) box.append(make("h3", { class: "dim" }, "what the log says, and the client does not hear"), make("ul", {}, ...exchange.events.map((text) => make("li", {}, make("code", {}, text)))));
  const place = make("div", {});
  const draw = (all) => place.replaceChildren(tree(exchange.steps, all) || make("p", {}, "no code of the app: the reader refused these bytes"));
  const toggle = make("button", { type: "button", "aria-pressed": "false", onclick: () => { const all = toggle.getAttribute("aria-pressed") === "false"; toggle.setAttribute("aria-pressed", String(all)); draw(all); } }, "every function");
  draw(false);
  box.append(make("h3", { class: "dim" }, `the code that ran (${exchange.milliseconds} ms, watched)`), make("p", { class: "buttons" }, toggle,
    make("button", { type: "button", onclick: () => edit(exchange) }, "edit and send again")), place);
}

/* --- try to break it --------------------------------------------------------------------------------------------- */

const cut = (text) => text.slice(0, -1) + (text.endsWith("A") ? "B" : "A");
function forged(change) {
  const [header, payload, signature] = access().split(".");
  const encode = (value) => btoa(JSON.stringify(value)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const parts = change({ header: decoded(header) || {}, payload: decoded(payload) || {}, signature });
  return `Authorization: Bearer ${encode(parts.header)}.${encode(parts.payload)}.${parts.signature}`;
}
const cookie = () => state.held.cookie || "session=none";
const opens = (text) => (decoded(text.split(".")[1])?.exp || 0) > serverNow();
const access = () => token.access || state.held.token || "log.in.first";
const IDEAS = [
  ["The token, one character flipped", "The signature covers every bit: whatever changes, it does not fit any more.", () => ["GET", "/token/me", `Authorization: Bearer ${cut(access().replace(/\.[^.]*$/, ""))}.${access().split(".")[2]}`, ""]],
  ["The token says: I am an admin", "Anybody can write a claim; nobody without the key can sign it.", () => ["GET", "/token/me", forged((parts) => ({ ...parts, payload: { ...parts.payload, role: "admin" } })), ""]],
  ["The token says: alg none", "A token must not choose how it is checked, or it chooses not at all.", () => ["GET", "/token/me", forged((parts) => ({ header: { ...parts.header, alg: "none" }, payload: parts.payload, signature: "" })), ""]],
  ["The token a second time, with padding", "Each token has one spelling, or a list of revoked ones could be passed by.", () => ["GET", "/token/me", `Authorization: Bearer ${access()}=`, ""]],
  ["The cookie twice", "Who controls a neighbouring host can plant a second one: then nobody's is believed.", () => ["GET", "/me", `Cookie: ${cookie()}; session=planted`, ""]],
  ["The cookie in quotes", "A reader that takes quotes away sees another value than the guard before it.", () => ["GET", "/me", `Cookie: ${cookie().replace("=", '="')}"`, ""]],
  ["A post from another site", "A hidden form on a page you visit would be sent with your cookie.", () => ["POST", "/logout", `Cookie: ${cookie()}\nOrigin: https://evil.example\nSec-Fetch-Site: cross-site`, ""]],
  ["Another Host", "A name that an attacker points at your machine is not ours.", () => ["GET", "/me", "Host: evil.example", ""]],
  ["Sign up as an admin", "A field that nobody asked for is refused, not ignored.", () => ["POST", "/signup", "", '{"email": "eve@example.com", "password": "correct horse battery", "role": "admin"}']],
  ["One name twice in a body", "Two readers of the same bytes would see different requests.", () => ["POST", "/login", "", '{"email": "alice@example.com", "password": "x", "password": "y"}']],
  ["Two lengths", "Two readers that disagree on where a request ends can be made to see different ones.", () => ["POST", "/login", "Content-Length: 2\nContent-Length: 40", "{}"]],
  ["Somebody else's account", "Logged in is not enough: whose account is it?", () => ["GET", "/users/somebody-else", `Cookie: ${cookie()}`, ""]],
];

IDEAS.forEach(([title], place) => $("ideas").append(make("option", { value: place }, title)));
let edited = false; // whether the fields hold an exchange and no idea
function choosesIdea() {
  const [, text, fields] = IDEAS[Number($("ideas").value)];
  const [method, path, headers, body] = fields();
  const lacks = headers.startsWith("Cookie") && !remembered() ? "session" : headers.startsWith("Authorization") && !opens(access()) ? "token" : "";
  $("idea").textContent = lacks ? `${text} Log in by ${lacks} first, or it is refused for the lack of that alone.` : text;
  edited = false;
  Object.assign(breaking.method, { value: method });
  breaking.path.value = path;
  breaking.headers.value = headers;
  breaking.body.value = body;
}
$("ideas").addEventListener("change", choosesIdea);
$("ideas").addEventListener("focus", choosesIdea);
$("break-box").addEventListener("toggle", () => { if ($("break-box").open && !edited) choosesIdea(); });

function edit(exchange) {
  const [method, path] = exchange.request.line.split(" ");
  const asSent = exchange.request.raw.split("\r\n\r\n")[0].split("\r\n").slice(1).map((line) => [line.split(":")[0], line.slice(line.indexOf(":") + 1).trim()]);
  const headers = asSent.length ? asSent : exchange.request.headers; // what the reader refused has no fields but its bytes
  edited = true;
  breaking.method.value = method;
  breaking.path.value = path;
  breaking.headers.value = headers.filter(([name]) => !["content-length", "host", "connection", "user-agent"].includes(name.toLowerCase()) || asSent.length).map(([name, value]) => `${name}: ${value}`).join("\n");
  breaking.body.value = exchange.request.body;
  $("idea").textContent = "Change what you like; it goes out byte for byte. (A masked password has to be written again.)";
  $("break-box").open = true;
  breaking.headers.focus();
  $("break").scrollIntoView({ block: "center" });
}

$("break").addEventListener("submit", async () => {
  const headers = breaking.headers.value.split("\n").filter(Boolean).map((text) => [text.split(":")[0], text.slice(text.indexOf(":") + 1).trimStart()]);
  const answer = await press("send", { method: breaking.method.value, path: breaking.path.value, headers, body: breaking.body.value });
  if (!answer) return;
  $("broken").replaceChildren(`${answer.done[0]}\n`, ...inColours(answer.done[1]));
  say(`The answer is ${answer.done[0]}; the newest line of the feed says which check refused.`);
});

/* --- the feed ---------------------------------------------------------------------------------------------------- */

function take(value) {
  const again = state.round !== undefined && value.round !== state.round;
  state = { ...state, ...value };
  offset = value.now - Date.now() / 1000;
  for (const radio of document.querySelectorAll("[name=mode]")) radio.checked = radio.value === value.mode;
  if (again) { before = {}; $("feed").replaceChildren(); }
  showMemory();
  showHeld();
}

async function follow() {
  for (;;) {
    try {
      const answer = await fetch(`feed?after=${last}`);
      const value = await answer.json();
      if (value.exchanges.length || value.round !== state.round) take(value);
      for (const exchange of value.exchanges) {
        if (exchange.number <= last) continue;
        last = exchange.number;
        $("feed").prepend(exchangeShown(exchange));
      }
      while ($("feed").children.length > 300) $("feed").lastChild.remove();
    } catch {
      say("The server does not answer; start it again and open the address that it shows.");
      await new Promise((done) => setTimeout(done, 2000));
    }
  }
}

(async () => {
  words = await (await fetch("words")).json();
  $("curl").textContent = `curl -i ${location.origin}/me`;
  take(await (await fetch("feed?after=0")).json());
  const place = JSON.parse(sessionStorage.getItem("place") || "{}");
  if (place.round === round()) { step = place.step; place.done.forEach((each) => done.add(each)); }
  showStep();
  choosesIdea();
  choose("session");
  const kept = JSON.parse(sessionStorage.getItem("token") || "{}");
  if (kept.round === round()) token = { access: kept.access || "", refresh: kept.refresh || "", ended: Boolean(kept.ended) };
  session = Boolean(state.held.cookie) && (state.memory.sessions || []).length > 0;
  document.body.dataset.ready = "1";
  follow();
})();
