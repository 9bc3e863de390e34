import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import java.util.function.IntSupplier;

/** The command line: what to do, then -name value. The same names as the loads for the other servers have. */
final class Options {
    final String what;
    private final Map<String, String> given = new HashMap<>();

    Options(String[] words) {
        if (words.length == 0 || words.length % 2 == 0) throw new IllegalArgumentException("what to do, then -name value");
        what = words[0];
        for (int i = 1; i < words.length; i += 2) given.put(words[i].replaceFirst("^-+", ""), words[i + 1]);
    }

    String text(String name, String otherwise) {
        return given.getOrDefault(name, otherwise);
    }

    int number(String name, int otherwise) {
        return Integer.parseInt(text(name, String.valueOf(otherwise)));
    }

    double real(String name, double otherwise) {
        return Double.parseDouble(text(name, String.valueOf(otherwise)));
    }

    String topic() {
        return text("topic", "compare");
    }

    int queues() {
        return number("queues", 16);
    }

    /** The number of the next queue: in turn, or by Zipf. For one thread. */
    IntSupplier nextQueue(int first) {
        final int queues = queues();
        final double exponent = real("zipf", 0);
        if (exponent <= 0) {
            final int[] next = {first};
            return () -> next[0] = (next[0] + 1) % queues;
        }
        final double[] sums = new double[queues];
        double sum = 0;
        for (int i = 0; i < queues; ++i) sums[i] = sum += Math.pow(i + 1, -exponent);
        final double all = sum;
        final Random random = new Random(first + 1);
        return () -> {
            int found = java.util.Arrays.binarySearch(sums, random.nextDouble() * all);
            return Math.min(found < 0 ? -found - 1 : found, queues - 1);
        };
    }
}
