"use strict";

// Bytes travel as base64url, as WebAuthn's JSON forms have them.
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

async function post(path, body) {
  const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: body && JSON.stringify(body) });
  const data = await answer.json();
  const away = data.go || data.step_up_url || data.login_url; // also what the SDK tells API clients
  if (away) {
    location.assign(away);
    return null;
  }
  if (!answer.ok) throw new Error(data.error || data.detail || "That did not work. Please try again.");
  return data;
}

async function register() {
  const options = await post("/account/passkey/begin");
  if (!options) return;
  const key = options.publicKey;
  key.challenge = bytes(key.challenge);
  key.user.id = bytes(key.user.id);
  for (const c of key.excludeCredentials || []) c.id = bytes(c.id);
  const made = await navigator.credentials.create({ publicKey: key });
  await post("/account/passkey", {
    id: made.id, rawId: text(made.rawId), type: made.type, clientExtensionResults: made.getClientExtensionResults(),
    response: { attestationObject: text(made.response.attestationObject), clientDataJSON: text(made.response.clientDataJSON), transports: made.response.getTransports() },
  });
}

async function stepUp() {
  const options = await post("/step-up/passkey/begin" + location.search);
  if (!options) return;
  const key = options.publicKey;
  key.challenge = bytes(key.challenge);
  for (const c of key.allowCredentials || []) c.id = bytes(c.id);
  const got = await navigator.credentials.get({ publicKey: key });
  const r = got.response;
  await post("/step-up/passkey" + location.search, {
    id: got.id, rawId: text(got.rawId), type: got.type, clientExtensionResults: got.getClientExtensionResults(),
    response: { authenticatorData: text(r.authenticatorData), clientDataJSON: text(r.clientDataJSON), signature: text(r.signature), userHandle: r.userHandle && text(r.userHandle) },
  });
}

for (const button of document.querySelectorAll("[data-passkey]")) {
  const fault = document.getElementById("passkey-fault");
  button.addEventListener("click", async () => {
    button.disabled = true;
    fault.hidden = true;
    try {
      await (button.dataset.passkey === "register" ? register() : stepUp());
    } catch (e) {
      fault.textContent = e.name === "NotAllowedError" ? "The passkey was not used." : e.message;
      fault.hidden = false;
    }
    button.disabled = false;
  });
}

// A page that waits asks how things stand; somebody may have answered in another tab.
const waiting = document.getElementById("checking") || document.getElementById("stepup");
if (waiting) {
  const checking = waiting.id === "checking";
  let seen = false;
  const ask = async () => {
    try {
      const { state, challenge_id: id } = await (await fetch("/step-up/state")).json();
      if (state === "denied" || state === "signed-out") return location.assign("/step-up" + location.search);
      if (state === "required" && id === waiting.dataset.challenge) seen = true;
      if (state === "clear" && checking) return location.assign(waiting.dataset.return);
      if (state === "clear" && seen) return location.assign("/home");
    } catch { /* the next time */ }
    setTimeout(ask, checking ? 700 : 3000);
  };
  setTimeout(ask, checking ? 500 : 3000);
}
