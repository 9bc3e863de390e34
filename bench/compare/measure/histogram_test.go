package measure

import "testing"

func TestQuantilesAreWithinTwoPercent(t *testing.T) {
	var h Histogram
	for i := int64(1); i <= 1_000_000; i++ {
		h.Record(i*100, 1)
	}
	for _, share := range []float64{0.5, 0.9, 0.99, 0.999} {
		want := share * 1e8
		got := float64(h.Quantile(share))
		if got < want || got > want*1.02 {
			t.Errorf("quantile %v: %v, not %v", share, got, want)
		}
	}
	if h.Quantile(1) != 100_000_000 || h.Max != 100_000_000 {
		t.Errorf("the largest: %v, %v", h.Quantile(1), h.Max)
	}
}

func TestOneTimeIsItsOwnQuantile(t *testing.T) {
	for _, value := range []int64{0, 1, 127, 128, 129, 12345, 1 << 40} {
		var h Histogram
		h.Record(value, 3)
		if h.Quantile(0.5) != uint64(value) || h.Count != 3 {
			t.Errorf("%v became %v", value, h.Quantile(0.5))
		}
	}
}
