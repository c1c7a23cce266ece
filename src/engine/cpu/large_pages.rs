//! Large pages behind large buffers, where the system has them ready: handing out and clearing small ones one by one takes a third
//! of the time in which a network is made ready.
//!
//! A system that has none ready moves memory about to make some when it is asked, which takes longer than all small pages. So
//! it is asked for at most half of those that are ready when the first buffer is made.

#![allow(unsafe_code, reason = "system calls")]

use std::fs;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of a large page.
pub(super) const LARGE_PAGE: usize = 2 << 20;

/// The smallest block of free memory that is a large page: 2 to this power small ones of 4 KiB.
const ORDER: usize = 9;

/// How many this process may still ask for.
static LEFT: LazyLock<AtomicUsize> = LazyLock::new(|| {
    let free = fs::read_to_string("/proc/buddyinfo").unwrap_or_default();
    AtomicUsize::new(ready(&free) / 2)
});

/// How many large pages are ready, by the kernel's table of free blocks: per zone, how many there are of 2^0, 2^1, ... pages.
fn ready(table: &str) -> usize {
    let mut pages = 0;
    for line in table.lines() {
        let blocks = line.split_once("zone").map_or("", |(_, blocks)| blocks);
        for (order, count) in blocks.split_whitespace().skip(1).enumerate() {
            let count: usize = count.parse().unwrap_or(0);
            pages += order.checked_sub(ORDER).map_or(0, |more| count << more);
        }
    }
    pages
}

/// Asks for large pages behind floats that nobody has touched, and that stay.
pub(super) fn ask(data: &[f32]) {
    let take = |left: usize| left.checked_sub(pages(data).1);
    let order = Ordering::Relaxed;
    if LEFT.fetch_update(order, order, take).is_ok() {
        advise(data);
    }
}

/// The same for floats that are given back before long: then they take nothing from what may be asked for.
pub(crate) fn ask_for_a_while(data: &[f32]) {
    let needed = pages(data).1;
    if needed > 0 && needed <= LEFT.load(Ordering::Relaxed) {
        advise(data);
    }
}

/// The address of the first large page in an allocation, and how many there are.
fn pages(data: &[f32]) -> (usize, usize) {
    let range = data.as_ptr_range();
    let begin = (range.start as usize).next_multiple_of(LARGE_PAGE);
    let end = range.end as usize / LARGE_PAGE * LARGE_PAGE;
    (begin, end.saturating_sub(begin) / LARGE_PAGE)
}

/// Elsewhere pages are as the system chooses.
#[cfg(any(not(target_os = "linux"), miri))]
fn advise(_: &[f32]) {}

#[cfg(all(target_os = "linux", not(miri)))]
fn advise(data: &[f32]) {
    if let (begin, count @ 1..) = pages(data) {
        let bytes = count * LARGE_PAGE;
        // SAFETY: whole pages inside the allocation, whose content this does not change. Where it fails, pages stay small.
        unsafe { libc::madvise(begin as *mut libc::c_void, bytes, libc::MADV_HUGEPAGE) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_blocks_count_by_the_large_pages_in_them() {
        let table = "Node 0, zone      DMA      0      0      0      0      0      0      0      0      1      1      3\n\
                     Node 0, zone   Normal   1485  73750  28445   7728   2128    917    394    276     78     98     10\n";
        assert_eq!(ready(table), 1 + 2 * 3 + 98 + 2 * 10);
        assert_eq!(ready(""), 0);
        assert_eq!(ready("Node 0, zone"), 0);
    }
}
