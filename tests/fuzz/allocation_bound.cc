#include "fuzz/allocation_bound.h"

#include <cstdio>
#include <cstdlib>
#include <new>

namespace {
std::size_t allocated = 0;  // fuzz targets have one thread

void* allocate(std::size_t size) {
    allocated += size;
    if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
    throw std::bad_alloc();
}
}  // namespace

void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return std::malloc(size == 0 ? 1 : size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return std::malloc(size == 0 ? 1 : size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace imago::fuzz {

allocation_bound::allocation_bound() : before_(allocated) {}

void allocation_bound::check(std::size_t input_size, std::size_t per_byte) const {
    const std::size_t used = allocated - before_;
    if (used <= per_byte * input_size + 64 * 1024) return;
    std::fprintf(stderr, "%zu bytes of input made it allocate %zu\n", input_size, used);
    std::abort();
}

}  // namespace imago::fuzz
