// CUDA graphs for Rust. See graph.rs. Functions return what went wrong, as those of streams.cpp do.

#include "failure.h"

#if __has_include(<ATen/accelerator/Graph.h>)

#include <ATen/accelerator/Graph.h>

namespace {

class Graph {
public:
  void begin() { graph.capture_begin({0, 0}, at::GraphCaptureMode::ThreadLocal); }
  void end() { graph.capture_end(); }
  void replay() { graph.replay(); }

private:
  at::accelerator::Graph graph;
};

} // namespace

#else

#include <cstddef>
#include <cstdint>
#include <dlfcn.h>
#include <stdexcept>
#include <utility>

namespace {

// Older versions of libtorch offer graphs in their CUDA part alone, which this program is not linked to, but has opened by now. Its
// class is at::cuda::CUDAGraph: functions are looked for by the names that the C++ ABI gives them, and objects live in memory
// that is several times as large as one.
class Graph {
public:
  Graph() { find<void (*)(void *, bool)>("_ZN2at4cuda9CUDAGraphC1Eb")(memory, false); }
  ~Graph() { find<void (*)(void *)>("_ZN2at4cuda9CUDAGraphD1Ev")(memory); }
  Graph(const Graph &) = delete;
  Graph &operator=(const Graph &) = delete;

  void begin() {
    using Pool = std::pair<unsigned long long, unsigned long long>;
    constexpr int thread_local_mode = 1;
    find<void (*)(void *, Pool, int)>("_ZN2at4cuda9CUDAGraph13capture_beginESt4pairIyyE21cudaStreamCaptureMode")(
        memory, Pool{0, 0}, thread_local_mode);
  }
  void end() { find<void (*)(void *)>("_ZN2at4cuda9CUDAGraph11capture_endEv")(memory); }
  void replay() { find<void (*)(void *)>("_ZN2at4cuda9CUDAGraph6replayEv")(memory); }

private:
  template <typename Function> static Function find(const char *name) {
    void *function = dlsym(RTLD_DEFAULT, name);
    if (function == nullptr) {
      throw std::runtime_error("this libtorch has no CUDA graphs that eco knows");
    }
    return reinterpret_cast<Function>(function);
  }

  alignas(std::max_align_t) std::uint8_t memory[2048];
};

} // namespace

#endif

extern "C" char *eco_graph_new(void **graph) {
  return failure([&] { *graph = new Graph(); });
}

extern "C" void eco_graph_delete(void *graph) { delete static_cast<Graph *>(graph); }

extern "C" char *eco_graph_begin(void *graph) {
  return failure([&] { static_cast<Graph *>(graph)->begin(); });
}

extern "C" char *eco_graph_end(void *graph) {
  return failure([&] { static_cast<Graph *>(graph)->end(); });
}

extern "C" char *eco_graph_replay(void *graph) {
  return failure([&] { static_cast<Graph *>(graph)->replay(); });
}
