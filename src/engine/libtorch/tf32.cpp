// Whether libtorch may round float32 to 10 bits of fraction on a GPU's units for matrices: `tch` has no binding of it. See tf32.rs.

#include <ATen/Context.h>

extern "C" void eco_allow_tf32(bool allowed) {
  at::globalContext().setAllowTF32CuDNN(allowed);
  at::globalContext().setAllowTF32CuBLAS(allowed);
}

extern "C" bool eco_allows_tf32() {
  return at::globalContext().allowTF32CuDNN() || at::globalContext().allowTF32CuBLAS();
}
