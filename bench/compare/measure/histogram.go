// Package measure is what the loads written in Go share: times, schedules, the output.
package measure

import "math/bits"

// Histogram counts times in buckets that are 1.6 % wide, whatever their size. Not for use by two goroutines at once.
type Histogram struct {
	counts [60 * 64]uint64
	Count  uint64
	Max    uint64
}

// Record adds nanoseconds, `times` times.
func (h *Histogram) Record(nanoseconds int64, times uint64) {
	value := uint64(max(nanoseconds, 0))
	h.counts[bucket(value)] += times
	h.Count += times
	h.Max = max(h.Max, value)
}

// Add takes over what another one counted.
func (h *Histogram) Add(other *Histogram) {
	for i, count := range other.counts {
		h.counts[i] += count
	}
	h.Count += other.Count
	h.Max = max(h.Max, other.Max)
}

// Quantile is the upper edge of the bucket in which that share is reached, in nanoseconds.
func (h *Histogram) Quantile(share float64) uint64 {
	wanted := uint64(share*float64(h.Count) + 0.999999)
	var seen uint64
	for i, count := range h.counts {
		if seen += count; seen >= wanted && count > 0 {
			return min(edge(i), h.Max)
		}
	}
	return h.Max
}

// Below 128 each value has its own bucket; above, 64 buckets for each power of two.
func bucket(value uint64) int {
	if value < 128 {
		return int(value)
	}
	shift := bits.Len64(value) - 7
	return min(128+(shift-1)*64+int(value>>shift)-64, 60*64-1)
}

func edge(bucket int) uint64 {
	if bucket < 128 {
		return uint64(bucket)
	}
	shift := (bucket-128)/64 + 1
	mantissa := uint64((bucket-128)%64 + 64)
	return (mantissa+1)<<shift - 1
}
