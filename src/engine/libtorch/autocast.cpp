// libtorch's autocast to bfloat16 for Rust: `tch` binds the one to float16 on GPUs alone. See autocast.rs.

#include <ATen/autocast_mode.h>

namespace {
at::DeviceType device_type(bool cuda) { return cuda ? at::kCUDA : at::kCPU; }
} // namespace

extern "C" void eco_autocast_begin(bool cuda) {
  at::autocast::increment_nesting();
  at::autocast::set_autocast_dtype(device_type(cuda), at::kBFloat16);
  at::autocast::set_autocast_enabled(device_type(cuda), true);
}

extern "C" void eco_autocast_end(bool cuda) {
  at::autocast::set_autocast_enabled(device_type(cuda), false);
  if (at::autocast::decrement_nesting() == 0) {
    // Casts of weights, which the next step changes.
    at::autocast::clear_cache();
  }
}
