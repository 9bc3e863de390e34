import java.util.Locale;

/** Counts times in buckets that are 1.6 % wide, whatever their size. Safe for all threads. */
final class Times {
    private final long[] counts = new long[60 * 64];
    private long count;
    private long max;

    synchronized void record(long nanoseconds, long times) {
        long value = Math.max(nanoseconds, 0);
        counts[bucket(value)] += times;
        count += times;
        max = Math.max(max, value);
    }

    synchronized long count() {
        return count;
    }

    /** The upper edge of the bucket in which that share is reached. */
    synchronized long quantile(double share) {
        long wanted = (long) Math.ceil(share * count);
        long seen = 0;
        for (int i = 0; i < counts.length; ++i) {
            seen += counts[i];
            if (seen >= wanted && counts[i] > 0) return Math.min(edge(i), max);
        }
        return max;
    }

    synchronized String json(String of) {
        return String.format(Locale.ROOT,
            "{\"of\":\"%s\",\"count\":%d,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"p99.9\":%.1f,\"max\":%.1f}", of, count,
            quantile(0.5) / 1e3, quantile(0.9) / 1e3, quantile(0.99) / 1e3, quantile(0.999) / 1e3, max / 1e3);
    }

    /** Below 128 each value has its own bucket; above, 64 for each power of two. */
    private static int bucket(long value) {
        if (value < 128) return (int) value;
        int shift = 64 - Long.numberOfLeadingZeros(value) - 7;
        return Math.min(128 + (shift - 1) * 64 + (int) (value >> shift) - 64, 60 * 64 - 1);
    }

    private static long edge(int bucket) {
        if (bucket < 128) return bucket;
        int shift = (bucket - 128) / 64 + 1;
        return (((long) ((bucket - 128) % 64 + 64) + 1) << shift) - 1;
    }
}
