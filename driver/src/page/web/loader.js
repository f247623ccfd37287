// A worker of the engine's: fetches ranges and makes of them what a device stores. The first message brings the
// compiled module, every other one a job and the port to answer on.

import init, { fetchRange } from "./engine.js";

let ready;

onmessage = async ({ data: { module, job, port } }) => {
  if (module) {
    ready = init({ module_or_path: module });
    return;
  }
  try {
    await ready;
    const { parts, remarks } = await fetchRange(job);
    port.postMessage({ parts, remarks }, parts.map((part) => part.buffer));
  } catch (error) {
    port.postMessage({ error: String(error) });
  }
};
