//! The fingerprint of docs/fingerprint.md, and what this library makes of a job; tests/interop/run.py tells it which.

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MapKey, ReflectMessage, Value};
use sha2::{Digest, Sha256};
use std::{error::Error, fs, io};

const ZERO: &str = "0000000000000000";
const OWN_LABELS: [&str; 2] = ["gemtune-request", "gemtune-spec"];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn double(value: f64) -> String {
    let bits = if value.is_nan() { 0x7ff8_0000_0000_0000 } else { (value + 0.0).to_bits() }; // -0 + 0 is 0
    format!("{bits:016x}")
}

fn single(kind: &Kind, value: &Value) -> Result<String, String> {
    Ok(match value {
        Value::Message(message) => to_text(message)?,
        Value::EnumNumber(number) => {
            let kind = kind.as_enum().ok_or("not an enum")?;
            let known = kind.get_value(*number);
            known.ok_or(format!("refused: {} has no value {number}", kind.full_name()))?.name().to_string()
        }
        Value::String(text) => format!("\"{}\"", hex(text.as_bytes())),
        Value::Bytes(bytes) => format!("\"{}\"", hex(bytes)),
        Value::F64(number) => double(*number),
        Value::F32(number) => double(f64::from(*number)),
        Value::Bool(value) => value.to_string(),
        Value::I32(number) => number.to_string(),
        Value::I64(number) => number.to_string(),
        Value::U32(number) => number.to_string(),
        Value::U64(number) => number.to_string(),
        Value::List(_) | Value::Map(_) => return Err("a list in a list".into()),
    })
}

fn asked_for(field: &FieldDescriptor) -> bool {
    let options = field.options();
    let behavior = field.parent_pool().get_extension_by_name("google.api.field_behavior");
    let values = behavior.map(|extension| options.get_extension(&extension).into_owned());
    let is = |value: &Value, number| *value == Value::EnumNumber(number); // 3: OUTPUT_ONLY, 8: IDENTIFIER
    !matches!(values, Some(Value::List(list)) if list.iter().any(|value| is(value, 3) || is(value, 8)))
}

fn to_text(message: &DynamicMessage) -> Result<String, String> {
    if message.unknown_fields().next().is_some() {
        return Err(format!("refused: unknown field in {}", message.descriptor().full_name()));
    }
    let mut pieces = Vec::new();
    for (field, value) in message.fields().filter(|(field, _)| asked_for(field)) {
        let text = match value {
            Value::List(list) => {
                let items: Result<Vec<_>, _> = list.iter().map(|item| single(&field.kind(), item)).collect();
                format!("[{}]", items?.join(","))
            }
            Value::Map(map) => {
                let labels = field.full_name() == "gemtune.v1.TuningJob.labels";
                let kind = field.kind().as_message().ok_or("not a map")?.map_entry_value_field().kind();
                let mut entries = Vec::new();
                for (key, item) in map {
                    let MapKey::String(key) = key else { return Err("a map whose keys are no strings".into()) };
                    if !labels || !OWN_LABELS.contains(&key.as_str()) {
                        entries.push(format!("\"{}\":{}", hex(key.as_bytes()), single(&kind, item)?));
                    }
                }
                if entries.is_empty() {
                    continue;
                }
                entries.sort();
                format!("{{{}}}", entries.join(","))
            }
            value => {
                let text = single(&field.kind(), value)?;
                if text == ZERO && !field.supports_presence() {
                    continue;
                }
                text
            }
        };
        pieces.push(format!("{}:{text}", field.json_name()));
    }
    pieces.sort();
    Ok(format!("{{{}}}", pieces.join(",")))
}

fn handle(pool: &DescriptorPool, path: &str, out: &str) -> Result<String, Box<dyn Error>> {
    let kind = pool.get_message_by_name("gemtune.v1.TuningJob").ok_or("no TuningJob in the descriptor set")?;
    let read = |text: &str| -> Result<DynamicMessage, serde_json::Error> {
        let mut json = serde_json::Deserializer::from_str(text);
        let job = DynamicMessage::deserialize(kind.clone(), &mut json)?;
        json.end().map(|()| job)
    };
    let job = if path.ends_with(".json") {
        read(&fs::read_to_string(path)?)?
    } else {
        DynamicMessage::decode(kind.clone(), fs::read(path)?.as_slice())?
    };
    fs::write(format!("{out}.binpb"), job.encode_to_vec())?;
    let json = serde_json::to_string(&job)?;
    fs::write(format!("{out}.json"), &json)?;
    fs::write(format!("{out}.back.binpb"), read(&json)?.encode_to_vec())?;
    Ok(format!("sha256:{}", hex(&Sha256::digest(to_text(&job)?))))
}

fn main() -> Result<(), Box<dyn Error>> {
    let out = std::env::args().nth(1).ok_or("usage: fingerprint OUT <paths")?;
    let pool = DescriptorPool::decode(include_bytes!("../gemtune.binpb").as_slice())?;
    for (i, path) in io::stdin().lines().enumerate() {
        let line = handle(&pool, &path?, &format!("{out}/{i}"));
        println!("{}", line.unwrap_or_else(|problem| problem.to_string().replace('\n', " ")));
    }
    Ok(())
}
