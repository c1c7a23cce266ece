// Streams and events of a device for Rust: `tch` has no binding of them. See streams.rs. Every function returns what went wrong,
// as a text for `eco_forget`, or null.

#include <ATen/core/Tensor.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "failure.h"

namespace {

c10::Device cuda(int32_t index) { return {c10::kCUDA, static_cast<c10::DeviceIndex>(index)}; }

c10::Stream stream(int32_t index, int64_t id) { return c10::Stream(c10::Stream::UNSAFE, cuda(index), id); }

} // namespace

extern "C" void eco_forget(char *text) { std::free(text); }

extern "C" char *eco_stream_new(int32_t index, int64_t *id) {
  return failure([&] {
    const c10::impl::VirtualGuardImpl device(c10::kCUDA);
    *id = device.getStreamFromGlobalPool(cuda(index)).id();
  });
}

extern "C" char *eco_stream_enter(int32_t index, int64_t id, void **guard) {
  return failure([&] { *guard = new c10::StreamGuard(stream(index, id)); });
}

extern "C" void eco_stream_leave(void *guard) { delete static_cast<c10::StreamGuard *>(guard); }

extern "C" char *eco_device_wait(int32_t index) {
  return failure([&] { c10::impl::VirtualGuardImpl(c10::kCUDA).synchronizeDevice(index); });
}

extern "C" char *eco_give_back_memory() {
  return failure([] { c10::getDeviceAllocator(c10::kCUDA)->emptyCache(); });
}

extern "C" char *eco_pin(const void *tensor, void **pinned) {
  return failure([&] { *pinned = new at::Tensor(static_cast<const at::Tensor *>(tensor)->pin_memory()); });
}

extern "C" void *eco_event_new() {
  // Events of this kind know when they happened.
  return new c10::Event(c10::kCUDA, c10::EventFlag::BACKEND_DEFAULT);
}

extern "C" void eco_event_delete(void *event) { delete static_cast<c10::Event *>(event); }

extern "C" char *eco_event_record(void *event, int32_t index, int64_t id) {
  return failure([&] { static_cast<c10::Event *>(event)->record(stream(index, id)); });
}

extern "C" char *eco_event_block(const void *event, int32_t index, int64_t id) {
  return failure([&] { static_cast<const c10::Event *>(event)->block(stream(index, id)); });
}

extern "C" char *eco_event_wait(const void *event) {
  return failure([&] { static_cast<const c10::Event *>(event)->synchronize(); });
}

extern "C" char *eco_event_happened(const void *event, bool *happened) {
  return failure([&] { *happened = static_cast<const c10::Event *>(event)->query(); });
}

extern "C" char *eco_event_milliseconds(const void *from, const void *to, double *milliseconds) {
  return failure([&] {
    const auto *end = static_cast<const c10::Event *>(to);
    *milliseconds = static_cast<const c10::Event *>(from)->elapsedTime(*end);
  });
}

extern "C" char *eco_copy_begin(const void *from, void *to) {
  return failure([&] { static_cast<at::Tensor *>(to)->copy_(*static_cast<const at::Tensor *>(from), /*non_blocking=*/true); });
}
