// The page of one attempt: fetches steps from the driver, lets the worker perform them, posts what
// became of them. It decides nothing. Its address carries the host's key: page/?host=KEY

const host = new URLSearchParams(location.search).get("host") ?? "";
const base = new URL(`../hosts/${encodeURIComponent(host)}/`, location.href);
const shown = document.getElementById("log");

function show(text) {
  shown.textContent += `\n${text}`;
}

async function post(path, body) {
  const answer = await fetch(new URL(path, base), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`the driver answered ${answer.status} to ${path}`);
}

function log(level, text) {
  show(`${level}: ${text}`);
  post("log", { level, text: String(text).slice(0, 4000) }).catch(() => {});
}

// Smallest difference between two readings of the clock that differ.
function clockStep() {
  let step = Infinity;
  for (let i = 0; i < 50; i += 1) {
    const start = performance.now();
    let now = start;
    for (let spins = 0; now === start && spins < 1e6; spins += 1) now = performance.now();
    if (now > start) step = Math.min(step, now - start);
  }
  return Number.isFinite(step) ? step : null;
}

function describe() {
  return {
    user_agent: navigator.userAgent,
    cross_origin_isolated: globalThis.crossOriginIsolated === true,
    visibility: document.visibilityState,
    clock_step_ms: clockStep(),
    webgpu: "gpu" in navigator,
    hardware_concurrency: navigator.hardwareConcurrency ?? null,
  };
}

function beat() {
  post("beat", { visibility: document.visibilityState }).catch(() => {});
}

// The engine lives in a worker, so that a long computation never silences the heartbeat.
function startWorker() {
  const worker = new Worker("worker.js", { type: "module" });
  let pending = null;
  worker.onmessage = ({ data }) => {
    if (data.log) return log(data.log.level, data.log.text);
    const { resolve } = pending;
    pending = null;
    resolve(data.outcome);
  };
  worker.onerror = (event) => {
    const message = event.message || "the engine's worker could not start";
    log("error", message);
    pending?.resolve(JSON.stringify({ did: "failed", kind: "internal", message }));
  };
  return (step) =>
    new Promise((resolve) => {
      pending = { resolve };
      worker.postMessage(step);
    });
}

// Adds what the browser itself says of its memory: the page, its worker and everything they hold.
async function withPageMemory(outcome) {
  if (!globalThis.crossOriginIsolated || !performance.measureUserAgentSpecificMemory) return outcome;
  const patience = new Promise((resolve) => setTimeout(resolve, 25000));
  const told = await Promise.race([performance.measureUserAgentSpecificMemory(), patience]);
  if (!told) return outcome;
  const answer = JSON.parse(outcome);
  answer.measures?.push({ metric: "page_memory", value: told.bytes, unit: "bytes" });
  return JSON.stringify(answer);
}

async function nextStep(after) {
  for (;;) {
    const answer = await fetch(new URL(`step?after=${after}`, base), { cache: "no-store" });
    if (answer.status === 204) continue;
    if (!answer.ok) throw new Error(`the driver answered ${answer.status} to a request for a step`);
    return answer.json();
  }
}

async function main() {
  addEventListener("error", (event) => log("error", event.message));
  addEventListener("unhandledrejection", (event) => log("error", event.reason));
  const perform = startWorker();
  await post("hello", describe());
  setInterval(beat, 1000);
  for (let after = 0; ; ) {
    const { seq, step } = await nextStep(after);
    show(`${seq}: ${step.do}`);
    if (step.do === "finish") return show("done");
    const outcome = await perform(JSON.stringify(step));
    await post(`outcome/${seq}`, step.do === "footprint" ? await withPageMemory(outcome) : outcome);
    after = seq;
  }
}

main().catch((error) => log("error", error));
