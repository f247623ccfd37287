// Workers of this page run a preparation first; what is sent to them meanwhile waits.
const Real = Worker;
globalThis.Worker = class extends Real {
  constructor(url, options) {
    const script = new URL(url, location.href).href;
    const source = `${PREPARATION}; await import(${JSON.stringify(script)}); postMessage({ log: { level: "info", text: "prepared" } });`;
    super(URL.createObjectURL(new Blob([source], { type: "text/javascript" })), options);
    this.prepared = new Promise((resolve) => this.addEventListener("message", resolve, { once: true }));
  }
  postMessage(...message) {
    this.prepared.then(() => super.postMessage(...message));
  }
};
