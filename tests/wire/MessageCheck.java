// The Java side of tests/wire/check_with_java: Kafka's own classes judge our notation and our bytes.
//
//   MessageCheck SCHEMA SAMPLES OUT   compares each line of SCHEMA with Kafka's schemas, reads each sample and writes it
//                                     again (the bytes must be the same), and writes batches of its own to OUT
import java.io.*;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.*;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.protocol.*;
import org.apache.kafka.common.protocol.types.*;
import org.apache.kafka.common.record.*;
import org.apache.kafka.common.record.internal.*;  // since 4.3

public class MessageCheck {
    static int wrong = 0;

    static void fail(String what) {
        if (++wrong <= 20) System.err.println(what);
    }

    static String plain(Type type) {
        if (type instanceof Schema) return "struct";
        String name = type.toString().toLowerCase(Locale.ROOT).replace("compact_", "");
        if (name.startsWith("nullable_")) return name.substring(9) + "?";
        return name.equals("records") ? "records?" : name;
    }

    static void add(String prefix, String path, Field field, String tag, List<String> out) {
        String name = path + field.name;
        Optional<Type> element = field.type.arrayElementType();
        String type = element.isPresent()
            ? "array of " + plain(element.get()) + (field.type.isNullable() ? "?" : "") : plain(field.type);
        out.add(prefix + name + " " + type + tag);
        Type inner = element.orElse(field.type);
        if (inner instanceof Schema) walk(prefix, name + ".", (Schema) inner, out);
    }

    static void walk(String prefix, String path, Schema schema, List<String> out) {
        for (BoundField bound : schema.fields()) {
            if (bound.def.type instanceof TaggedFields) {
                ((TaggedFields) bound.def.type).fields().forEach(
                    (tag, field) -> add(prefix, path, field, " tag " + tag, out));
            } else {
                add(prefix, path, bound.def, "", out);
            }
        }
    }

    static int compareSchemas(List<String> ours) {
        Map<String, List<String>> versions = new LinkedHashMap<>();
        for (String line : ours) {
            String[] words = line.split(" ", 4);
            versions.computeIfAbsent(words[0] + " " + words[1] + " " + words[2], k -> new ArrayList<>()).add(line);
        }
        versions.forEach((version, lines) -> {
            String[] words = version.split(" ");
            ApiMessageType api = ApiMessageType.fromApiKey(Short.parseShort(words[0]));
            Schema[] schemas = words[1].equals("request") ? api.requestSchemas() : api.responseSchemas();
            int number = Integer.parseInt(words[2]);
            if (number >= schemas.length || schemas[number] == null) {
                fail(api.name + " " + version + ": Kafka does not have this version");
                return;
            }
            List<String> theirs = new ArrayList<>();
            walk(version + " ", "", schemas[number], theirs);
            for (int i = 0; i < Math.max(lines.size(), theirs.size()); i++) {
                String mine = i < lines.size() ? lines.get(i) : "nothing";
                String kafka = i < theirs.size() ? theirs.get(i) : "nothing";
                if (mine.equals(kafka)) continue;
                fail(api.name + ": ours [" + mine + "], Kafka's [" + kafka + "]");
                break;
            }
        });
        return versions.size();
    }

    static void checkMessage(String[] words) {
        short key = Short.parseShort(words[1]), version = Short.parseShort(words[3]);
        String what = words[2] + " " + ApiMessageType.fromApiKey(key).name + " version " + version;
        byte[] bytes = HexFormat.of().parseHex(words.length > 4 ? words[4] : "");
        try {
            ApiMessageType type = ApiMessageType.fromApiKey(key);
            ApiMessage message = words[2].equals("request") ? type.newRequest() : type.newResponse();
            ByteBuffer in = ByteBuffer.wrap(bytes);
            message.read(new ByteBufferAccessor(in), version);
            if (in.hasRemaining()) fail(what + ": " + in.remaining() + " bytes left");
            ObjectSerializationCache cache = new ObjectSerializationCache();
            ByteBuffer again = ByteBuffer.allocate(message.size(cache, version));
            message.write(new ByteBufferAccessor(again), cache, version);
            if (!Arrays.equals(again.array(), bytes)) fail(what + ": Kafka writes it differently");
        } catch (RuntimeException error) {
            fail(what + ": " + error);
        }
    }

    static void checkBatch(byte[] bytes) {
        int count = 0;
        for (RecordBatch batch : MemoryRecords.readableRecords(ByteBuffer.wrap(bytes)).batches()) {
            batch.ensureValid();
            for (org.apache.kafka.common.record.internal.Record record : batch) {
                String value = StandardCharsets.UTF_8.decode(record.value()).toString();
                Header[] headers = record.headers();
                boolean good = value.equals("value " + count + "x".repeat(200)) && record.hasKey() == (count % 3 != 0)
                    && record.timestamp() == 1_700_000_000_000L + count && record.offset() == count
                    && headers.length == 2 && headers[0].key().equals("name") && headers[1].value() == null;
                if (!good) fail("batch " + batch.compressionType() + ": record " + count + " is not what was written");
                count++;
            }
        }
        if (count != 300) fail("batch: " + count + " records");
    }

    static byte[] makeBatch(Compression compression) {
        ByteBuffer buffer = ByteBuffer.allocate(1 << 20);
        try (MemoryRecordsBuilder builder =
                 MemoryRecords.builder(buffer, compression, TimestampType.CREATE_TIME, 0L)) {
            for (int i = 0; i < 300; i++) {
                byte[] key = i % 3 == 0 ? null : ("key" + i).getBytes();
                Header[] headers = {new RecordHeader("name", "header".getBytes())};
                builder.append(1_700_000_000_000L + i, key, ("value " + i + "x".repeat(200)).getBytes(), headers);
            }
            ByteBuffer made = builder.build().buffer();
            byte[] bytes = new byte[made.remaining()];
            made.get(bytes);
            return bytes;
        }
    }

    public static void main(String[] arguments) throws IOException {
        int versions = compareSchemas(Files.readAllLines(Path.of(arguments[0])));
        int messages = 0, batches = 0;
        for (String line : Files.readAllLines(Path.of(arguments[1]))) {
            String[] words = line.split(" ");
            if (words[0].equals("message")) {
                checkMessage(words);
                messages++;
            } else {
                checkBatch(HexFormat.of().parseHex(words[1]));
                batches++;
            }
        }
        try (PrintWriter out = new PrintWriter(arguments[2])) {
            for (CompressionType type : CompressionType.values())
                out.println(HexFormat.of().formatHex(makeBatch(Compression.of(type).build())));
        }
        System.out.println(versions + " schemas, " + messages + " messages and " + batches
            + " batches compared with Kafka's own classes, " + wrong + " differences");
        if (wrong != 0 || messages == 0 || batches != 5) System.exit(1);
    }
}
