// The fingerprint of docs/fingerprint.md, and what this library makes of a job; tests/interop/run.py tells it which.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { fromBinary, fromJsonString, getOption, toBinary, toJsonString, ScalarType } from "@bufbuild/protobuf";
import { reflect, type ReflectMessage, type ScalarValue } from "@bufbuild/protobuf/reflect";
import { FeatureSet_FieldPresence as Presence } from "@bufbuild/protobuf/wkt";
import { FieldBehavior, field_behavior } from "./gen/google/api/field_behavior_pb.js";
import { TuningJobSchema, type TuningJob } from "./gen/gemtune/v1/tuning_job_pb.js";

type Field = ReflectMessage["fields"][number];
const ZERO = "0000000000000000";
const NOT_ASKED_FOR = [FieldBehavior.OUTPUT_ONLY, FieldBehavior.IDENTIFIER];
const OWN_LABELS = ["gemtune-request", "gemtune-spec"];

function scalar(type: ScalarType, value: ScalarValue | bigint): string {
  if (typeof value === "string") return type === ScalarType.STRING ? hex(Buffer.from(value)) : value;
  if (value instanceof Uint8Array) return hex(value);
  if (type !== ScalarType.DOUBLE && type !== ScalarType.FLOAT) return String(value);
  const double = type === ScalarType.FLOAT ? Math.fround(Number(value)) : Number(value); // from JSON, floats come unrounded
  if (Number.isNaN(double)) return "7ff8000000000000";
  const bits = Buffer.alloc(8);
  bits.writeDoubleBE(double + 0); // -0 + 0 is 0
  return bits.toString("hex");
}

const hex = (bytes: Uint8Array) => `"${Buffer.from(bytes).toString("hex")}"`;

function single(field: Field, value: unknown): string {
  if (field.message) return message(value as ReflectMessage);
  if (!field.enum) return scalar(field.scalar!, value as ScalarValue);
  const known = field.enum.value[value as number];
  if (!known) throw new Error(`refused: ${field.enum.typeName} has no value ${value}`);
  return known.name;
}

function message(m: ReflectMessage): string {
  if (m.getUnknown()?.length) throw new Error(`refused: unknown field in ${m.desc.typeName}`);
  const pieces: string[] = [];
  for (const field of m.fields) {
    if (!m.isSet(field) || getOption(field, field_behavior).some((b) => NOT_ASKED_FOR.includes(b))) continue;
    let text: string;
    if (field.fieldKind === "list") {
      text = `[${[...m.get(field)].map((value) => single(field, value)).join()}]`;
    } else if (field.fieldKind === "map") {
      const own = m.desc.typeName === TuningJobSchema.typeName && field.name === "labels" ? OWN_LABELS : [];
      const entries = [...m.get(field)].filter(([key]) => !own.includes(key as string));
      if (!entries.length) continue;
      text = `{${entries.map(([key, value]) => `${scalar(field.mapKey, key as ScalarValue)}:${single(field, value)}`).sort().join()}}`;
    } else {
      text = single(field, m.get(field));
      if (text === ZERO && field.presence === Presence.IMPLICIT) continue;
    }
    pieces.push(`${field.jsonName}:${text}`);
  }
  return `{${pieces.sort().join()}}`;
}

const fingerprint = (job: TuningJob) =>
  "sha256:" + createHash("sha256").update(message(reflect(TuningJobSchema, job))).digest("hex");

for (const [i, path] of readFileSync(0, "utf8").trim().split("\n").entries()) {
  const out = `${process.argv[2]}/${i}`;
  const read = (text: string) => fromJsonString(TuningJobSchema, text);
  try {
    const job = path.endsWith(".json") ? read(readFileSync(path, "utf8")) : fromBinary(TuningJobSchema, readFileSync(path));
    writeFileSync(`${out}.binpb`, toBinary(TuningJobSchema, job));
    writeFileSync(`${out}.json`, toJsonString(TuningJobSchema, job));
    writeFileSync(`${out}.back.binpb`, toBinary(TuningJobSchema, read(readFileSync(`${out}.json`, "utf8"))));
    console.log(fingerprint(job));
  } catch (error) {
    console.log((error as Error).message.replaceAll("\n", " "));
  }
}
