package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// member is a name of a JSON object with its value; object keeps the order of its members.
type member struct {
	name  string
	value any
}

type object []member

// MarshalJSON writes the members in order.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(m.name)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		if err := writeJSON(&b, m.value); err != nil {
			return nil, err
		}
		b.Truncate(b.Len() - 1) // the encoder's newline
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// view renders a message of the API as the command's JSON: names as in the protocol, in its order;
// words for enumerations, RFC 3339 for times, numbers for numbers, and a recorded event's body and
// context as the JSON that they are. What is empty is left out, except a count of zero beside others; so
// is the number of a block that is not known, which is never that of the first.
func view(m proto.Message) object { return viewOf(m.ProtoReflect()) }

func viewOf(m protoreflect.Message) object {
	var out object
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if !m.Has(f) && (f.HasPresence() || f.IsList() || f.Kind() == protoreflect.StringKind ||
			f.Kind() == protoreflect.BytesKind || f.Kind() == protoreflect.EnumKind || f.Name() == "block") {
			continue
		}
		v := m.Get(f)
		if f.IsList() {
			list := make([]any, v.List().Len())
			for i := range list {
				list[i] = viewValue(f, v.List().Get(i))
			}
			out = append(out, member{string(f.Name()), list})
			continue
		}
		out = append(out, member{string(f.Name()), viewValue(f, v)})
	}
	return out
}

func viewValue(f protoreflect.FieldDescriptor, v protoreflect.Value) any {
	switch f.Kind() {
	case protoreflect.MessageKind:
		switch m := v.Message().Interface().(type) {
		case *timestamppb.Timestamp:
			return stamp(m)
		case *durationpb.Duration:
			return m.AsDuration().String()
		default:
			return viewOf(m.ProtoReflect())
		}
	case protoreflect.EnumKind:
		return word(f.Enum(), v.Enum())
	case protoreflect.BytesKind:
		if name := f.Name(); (name == "body" || name == "context") && json.Valid(v.Bytes()) {
			return json.RawMessage(v.Bytes())
		}
		return base64.StdEncoding.EncodeToString(v.Bytes())
	default:
		return v.Interface()
	}
}

// word is the lower-case name of an enumeration's value without the prefix that all of them share.
func word(e protoreflect.EnumDescriptor, n protoreflect.EnumNumber) string {
	v := e.Values().ByNumber(n)
	if v == nil {
		return "unknown"
	}
	prefix := strings.TrimSuffix(string(e.Values().Get(0).Name()), "UNSPECIFIED")
	return strings.ToLower(strings.TrimPrefix(string(v.Name()), prefix))
}

// enum is any enumeration of the API.
type enum interface {
	Descriptor() protoreflect.EnumDescriptor
	Number() protoreflect.EnumNumber
}

func wordOf(e enum) string { return word(e.Descriptor(), e.Number()) }

func stamp(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().UTC().Format(time.RFC3339Nano)
}

// writeView writes one message as a line of JSON.
func writeView(w io.Writer, m proto.Message) error { return writeJSON(w, view(m)) }
