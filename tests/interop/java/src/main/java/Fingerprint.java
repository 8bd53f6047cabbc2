// The fingerprint of docs/fingerprint.md, and what this library makes of a job; tests/interop/run.py tells it which.

import static java.util.stream.Collectors.joining;

import com.gemtune.v1.TuningJob;
import com.google.api.FieldBehavior;
import com.google.api.FieldBehaviorProto;
import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import com.google.protobuf.util.JsonFormat;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;

public final class Fingerprint {
  private static final String ZERO = "0000000000000000";
  private static final Set<FieldBehavior> NOT_ASKED_FOR = Set.of(FieldBehavior.OUTPUT_ONLY, FieldBehavior.IDENTIFIER);
  private static final Set<String> OWN_LABELS = Set.of("gemtune-request", "gemtune-spec");

  static String single(FieldDescriptor field, Object value) {
    switch (field.getJavaType()) {
      case MESSAGE:
        return message((Message) value);
      case ENUM:
        EnumValueDescriptor known = field.getEnumType().findValueByNumber(((EnumValueDescriptor) value).getNumber());
        if (known == null) throw new IllegalArgumentException("refused: a value that " + field.getFullName() + " lacks");
        return known.getName();
      case STRING:
        return hex(((String) value).getBytes(StandardCharsets.UTF_8));
      case BYTE_STRING:
        return hex(((ByteString) value).toByteArray());
      case DOUBLE:
      case FLOAT:
        double number = ((Number) value).doubleValue() + 0.0; // -0 + 0 is 0
        return HexFormat.of().toHexDigits(Double.doubleToLongBits(number)); // of every NaN the same
      default:
        return value.toString();
    }
  }

  static String hex(byte[] bytes) {
    return '"' + HexFormat.of().formatHex(bytes) + '"';
  }

  static String message(Message message) {
    if (!message.getUnknownFields().asMap().isEmpty())
      throw new IllegalArgumentException("refused: unknown field in " + message.getDescriptorForType().getFullName());
    List<String> pieces = new ArrayList<>();
    message.getAllFields().forEach((field, value) -> {
      if (field.getOptions().getExtension(FieldBehaviorProto.fieldBehavior).stream().anyMatch(NOT_ASKED_FOR::contains))
        return;
      String text;
      if (field.isMapField()) {
        FieldDescriptor key = field.getMessageType().findFieldByName("key");
        FieldDescriptor item = field.getMessageType().findFieldByName("value");
        boolean labels = field.getFullName().equals("gemtune.v1.TuningJob.labels");
        List<String> entries = new ArrayList<>();
        for (Object entry : (List<?>) value)
          if (!labels || !OWN_LABELS.contains(((Message) entry).getField(key)))
            entries.add(single(key, ((Message) entry).getField(key)) + ":" + single(item, ((Message) entry).getField(item)));
        if (entries.isEmpty()) return;
        text = entries.stream().sorted().collect(joining(",", "{", "}"));
      } else if (field.isRepeated()) {
        text = ((List<?>) value).stream().map(item -> single(field, item)).collect(joining(",", "[", "]"));
      } else {
        text = single(field, value);
        if (text.equals(ZERO) && !field.hasPresence()) return;
      }
      pieces.add(field.getJsonName() + ":" + text);
    });
    return pieces.stream().sorted().collect(joining(",", "{", "}"));
  }

  static String fingerprint(TuningJob job) throws Exception {
    byte[] text = message(job).getBytes(StandardCharsets.US_ASCII);
    return "sha256:" + HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(text));
  }

  static TuningJob read(Path json) throws IOException {
    TuningJob.Builder job = TuningJob.newBuilder();
    JsonFormat.parser().merge(Files.readString(json), job);
    return job.build();
  }

  public static void main(String[] arguments) throws Exception {
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
    int i = 0;
    for (String line; (line = lines.readLine()) != null; i++) {
      String out = arguments[0] + "/" + i;
      try {
        Path path = Path.of(line);
        TuningJob job = line.endsWith(".json") ? read(path) : TuningJob.parseFrom(Files.readAllBytes(path));
        Files.write(Path.of(out + ".binpb"), job.toByteArray());
        Files.writeString(Path.of(out + ".json"), JsonFormat.printer().print(job));
        Files.write(Path.of(out + ".back.binpb"), read(Path.of(out + ".json")).toByteArray());
        System.out.println(fingerprint(job));
      } catch (IOException | IllegalArgumentException problem) {
        System.out.println(problem.getMessage().replace('\n', ' '));
      }
    }
  }
}
