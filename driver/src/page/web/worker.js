// The engine's worker: one step in, one outcome out.

import init, { Engine } from "./engine.js";

const say = (level) => (...parts) => postMessage({ log: { level, text: parts.map(String).join(" ") } });
console.error = say("error");
console.warn = say("warn");

// The engine's library asks for no feature that it does not know itself; kernels use these where they exist.
const extra = ["subgroups", "shader-f16", "chromium-experimental-subgroup-matrix"];
if (self.GPUAdapter) {
  const request = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = function (descriptor = {}) {
    const wanted = [...(descriptor.requiredFeatures ?? []), ...extra.filter((name) => this.features.has(name))];
    return request.call(this, { ...descriptor, requiredFeatures: wanted });
  };
}

const module = new URL("engine_bg.wasm", import.meta.url);
const engine = init({ module_or_path: module }).then(() => new Engine());

onmessage = async ({ data: step }) => {
  let outcome;
  try {
    outcome = await (await engine).perform(step);
  } catch (error) {
    outcome = JSON.stringify({ did: "failed", kind: "internal", message: String(error) });
  }
  postMessage({ outcome });
};
