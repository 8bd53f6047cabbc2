// The fingerprint of docs/fingerprint.md, and what this library makes of a job; tests/interop/run.py tells it which.
package main

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"

	pb "example.com/interop/gemtunev1"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

const zero = "0000000000000000"

func single(field protoreflect.FieldDescriptor, value protoreflect.Value) string {
	switch field.Kind() {
	case protoreflect.MessageKind:
		return message(value.Message())
	case protoreflect.EnumKind:
		known := field.Enum().Values().ByNumber(value.Enum())
		if known == nil {
			panic(fmt.Sprintf("refused: %s has no value %d", field.Enum().FullName(), value.Enum()))
		}
		return string(known.Name())
	case protoreflect.StringKind:
		return fmt.Sprintf(`"%x"`, value.String())
	case protoreflect.BytesKind:
		return fmt.Sprintf(`"%x"`, value.Bytes())
	case protoreflect.DoubleKind, protoreflect.FloatKind:
		if math.IsNaN(value.Float()) {
			return "7ff8000000000000"
		}
		return fmt.Sprintf("%016x", math.Float64bits(value.Float()+0)) // -0 + 0 is 0
	}
	return fmt.Sprint(value.Interface())
}

func message(m protoreflect.Message) string {
	if len(m.GetUnknown()) > 0 {
		panic(fmt.Sprintf("refused: unknown field in %s", m.Descriptor().FullName()))
	}
	var pieces []string
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		behavior, _ := proto.GetExtension(field.Options(), annotations.E_FieldBehavior).([]annotations.FieldBehavior)
		if slices.Contains(behavior, annotations.FieldBehavior_OUTPUT_ONLY) || slices.Contains(behavior, annotations.FieldBehavior_IDENTIFIER) {
			return true
		}
		var text string
		switch {
		case field.IsList():
			var items []string
			for i := range value.List().Len() {
				items = append(items, single(field, value.List().Get(i)))
			}
			text = "[" + strings.Join(items, ",") + "]"
		case field.IsMap():
			var entries []string
			value.Map().Range(func(key protoreflect.MapKey, item protoreflect.Value) bool {
				own := key.String() == "gemtune-request" || key.String() == "gemtune-spec"
				if !own || field.FullName() != "gemtune.v1.TuningJob.labels" {
					entries = append(entries, single(field.MapKey(), key.Value())+":"+single(field.MapValue(), item))
				}
				return true
			})
			slices.Sort(entries)
			text = "{" + strings.Join(entries, ",") + "}"
			if len(entries) == 0 {
				return true
			}
		default:
			text = single(field, value)
			if text == zero && !field.HasPresence() {
				return true
			}
		}
		pieces = append(pieces, field.JSONName()+":"+text)
		return true
	})
	slices.Sort(pieces)
	return "{" + strings.Join(pieces, ",") + "}"
}

func fingerprint(job *pb.TuningJob) string {
	return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(message(job.ProtoReflect()))))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func try(path, out string) (line string) {
	defer func() {
		if problem := recover(); problem != nil {
			line = strings.ReplaceAll(fmt.Sprint(problem), "\n", " ")
		}
	}()
	data, err := os.ReadFile(path)
	check(err)
	job, again := &pb.TuningJob{}, &pb.TuningJob{}
	if strings.HasSuffix(path, ".json") {
		check(protojson.Unmarshal(data, job))
	} else {
		check(proto.Unmarshal(data, job))
	}
	bytes, err := proto.Marshal(job)
	check(err)
	check(os.WriteFile(out+".binpb", bytes, 0o644))
	json, err := protojson.Marshal(job)
	check(err)
	check(os.WriteFile(out+".json", json, 0o644))
	check(protojson.Unmarshal(json, again))
	bytes, err = proto.Marshal(again)
	check(err)
	check(os.WriteFile(out+".back.binpb", bytes, 0o644))
	return fingerprint(job)
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for i := 0; lines.Scan(); i++ {
		fmt.Println(try(lines.Text(), fmt.Sprintf("%s/%d", os.Args[1], i)))
	}
}
