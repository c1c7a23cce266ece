// How a C++ exception comes to Rust.

#pragma once

#include <cstdlib>
#include <cstring>
#include <exception>

// Does the work. Returns what was thrown as a text that is to be freed, or null.
template <typename Work> char *failure(const Work &work) noexcept {
  try {
    work();
    return nullptr;
  } catch (const std::exception &error) {
    return strdup(error.what());
  } catch (...) {
    return strdup("an exception that says nothing");
  }
}
