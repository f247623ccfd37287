// A GPU says that it has no memory for a buffer once LIMIT bytes are taken: buffers are real, what is said of them is not.
let taken = 0;
let full = false;
const create = GPUDevice.prototype.createBuffer;
GPUDevice.prototype.createBuffer = function (descriptor) {
  const buffer = create.call(this, descriptor);
  if (taken + descriptor.size > LIMIT) {
    full = true;
    return buffer;
  }
  taken += descriptor.size;
  const destroy = buffer.destroy;
  buffer.destroy = () => {
    taken -= descriptor.size;
    destroy.call(buffer);
  };
  return buffer;
};
const pop = GPUDevice.prototype.popErrorScope;
GPUDevice.prototype.popErrorScope = async function () {
  const failed = full;
  full = false;
  const error = await pop.call(this);
  return failed ? new GPUOutOfMemoryError("scripted") : error;
};
