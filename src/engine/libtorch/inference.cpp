// libtorch's inference mode for Rust: `tch` has no binding of it. See inference.rs.

#include <c10/core/InferenceMode.h>

extern "C" void *eco_inference_begin() { return new c10::InferenceMode(true); }

extern "C" void eco_inference_end(void *mode) { delete static_cast<c10::InferenceMode *>(mode); }
