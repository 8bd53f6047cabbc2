// The fingerprint of docs/fingerprint.md, and what this library makes of a job; tests/interop/run.py tells it which.
#include <google/protobuf/util/json_util.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "gemtune/v1/tuning_job.pb.h"
#include "google/api/field_behavior.pb.h"

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using std::string;

string Hex(const unsigned char* bytes, size_t size) {
  string text;
  for (size_t i = 0; i < size; i++) text += {"0123456789abcdef"[bytes[i] >> 4], "0123456789abcdef"[bytes[i] & 15]};
  return text;
}

string Quoted(const string& bytes) {
  return '"' + Hex(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()) + '"';
}

string Double(double value) {
  if (std::isnan(value)) return "7ff8000000000000";
  uint64_t bits;
  value += 0.0;  // -0 + 0 is 0
  std::memcpy(&bits, &value, 8);
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(bits));
  return text;
}

string Joined(char open, std::vector<string> pieces, char close, bool sorted) {
  if (sorted) std::sort(pieces.begin(), pieces.end());
  string text(1, open);
  for (size_t i = 0; i < pieces.size(); i++) text += (i ? "," : "") + pieces[i];
  return text + close;
}

string ToText(const Message& message);

// The value of a field, or of its i-th element.
string Single(const Message& m, const FieldDescriptor* f, int i = 0) {
  const auto* r = m.GetReflection();
#define VALUE(Type) (f->is_repeated() ? r->GetRepeated##Type(m, f, i) : r->Get##Type(m, f))
  switch (f->cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return ToText(f->is_repeated() ? r->GetRepeatedMessage(m, f, i) : r->GetMessage(m, f));
    case FieldDescriptor::CPPTYPE_ENUM: {
      const auto* known = f->enum_type()->FindValueByNumber(VALUE(EnumValue));
      if (known == nullptr) throw std::runtime_error("refused: a value that " + f->enum_type()->full_name() + " lacks");
      return known->name();
    }
    case FieldDescriptor::CPPTYPE_STRING: return Quoted(VALUE(String));  // bytes too
    case FieldDescriptor::CPPTYPE_DOUBLE: return Double(VALUE(Double));
    case FieldDescriptor::CPPTYPE_FLOAT: return Double(VALUE(Float));
    case FieldDescriptor::CPPTYPE_BOOL: return VALUE(Bool) ? "true" : "false";
    case FieldDescriptor::CPPTYPE_INT32: return std::to_string(VALUE(Int32));
    case FieldDescriptor::CPPTYPE_INT64: return std::to_string(VALUE(Int64));
    case FieldDescriptor::CPPTYPE_UINT32: return std::to_string(VALUE(UInt32));
    case FieldDescriptor::CPPTYPE_UINT64: return std::to_string(VALUE(UInt64));
  }
  throw std::logic_error("no such type");
}

bool AskedFor(const FieldDescriptor* f) {
  for (int behavior : f->options().GetRepeatedExtension(google::api::field_behavior))
    if (behavior == google::api::OUTPUT_ONLY || behavior == google::api::IDENTIFIER) return false;
  return true;
}

string ToText(const Message& m) {
  const auto* r = m.GetReflection();
  if (r->GetUnknownFields(m).field_count()) throw std::runtime_error("refused: unknown field in " + m.GetTypeName());
  std::vector<const FieldDescriptor*> fields;
  std::vector<string> pieces;
  r->ListFields(m, &fields);
  for (const auto* f : fields) {
    if (!AskedFor(f)) continue;
    string text;
    if (f->is_repeated()) {
      std::vector<string> items;
      for (int i = 0; i < r->FieldSize(m, f); i++) {
        if (!f->is_map()) {
          items.push_back(Single(m, f, i));
          continue;
        }
        const auto& entry = r->GetRepeatedMessage(m, f, i);
        string key = Single(entry, f->message_type()->map_key());
        bool own = key == Quoted("gemtune-request") || key == Quoted("gemtune-spec");
        if (own && f->full_name() == "gemtune.v1.TuningJob.labels") continue;
        items.push_back(key + ":" + Single(entry, f->message_type()->map_value()));
      }
      if (items.empty()) continue;
      text = f->is_map() ? Joined('{', items, '}', true) : Joined('[', items, ']', false);
    } else {
      text = Single(m, f);
      if (text == "0000000000000000" && !f->has_presence()) continue;
    }
    pieces.push_back(f->json_name() + ":" + text);
  }
  return Joined('{', pieces, '}', true);
}

string Fingerprint(const Message& job) {
  string text = ToText(job);
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  return "sha256:" + Hex(digest, sizeof digest);
}

string Read(const string& path) {
  std::ifstream file(path, std::ios::binary);
  return string(std::istreambuf_iterator<char>(file), {});
}

void Write(const string& path, const string& data) { std::ofstream(path, std::ios::binary) << data; }

void Check(const google::protobuf::util::Status& status) {
  if (!status.ok()) throw std::runtime_error(status.ToString());
}

int main(int, char** arguments) {
  using namespace google::protobuf::util;
  string path;
  for (int i = 0; std::getline(std::cin, path); i++) try {
      string out = string(arguments[1]) + "/" + std::to_string(i), data = Read(path), json;
      gemtune::v1::TuningJob job, again;
      if (path.substr(path.rfind('.')) == ".json") {
        Check(JsonStringToMessage(data, &job));
      } else if (!job.ParseFromString(data)) {
        throw std::runtime_error("unreadable bytes");
      }
      Write(out + ".binpb", job.SerializeAsString());
      Check(MessageToJsonString(job, &json));
      Write(out + ".json", json);
      Check(JsonStringToMessage(json, &again));
      Write(out + ".back.binpb", again.SerializeAsString());
      std::cout << Fingerprint(job) << "\n";
    } catch (const std::exception& problem) {
      string line = problem.what();
      std::replace(line.begin(), line.end(), '\n', ' ');
      std::cout << line << "\n";
    }
}
