package statedfile

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// kind is what a value is to be.
type kind uint8

const (
	kindText kind = iota
	kindWhole
	kindNumber
	kindTruth
	kindWord // one of words
	kindSpan // a duration
	kindTime
	kindList
	kindObject // of known fields
	kindMap    // of any fields
	kindOwn    // a type that unmarshals itself
	kindAny
)

// shape is what a field takes.
type shape struct {
	kind  kind
	least int64    // of a whole number
	most  uint64   // likewise
	words []string // of kindWord
	elem  func() *shape
	names []string // of an object's fields, as they are listed
	// field gives an object's field by a name that a file may use: its own name and what it takes.
	field func(name string) (string, *shape, bool)
	own   reflect.Type
}

func whole(least int64, most uint64) *shape { return &shape{kind: kindWhole, least: least, most: most} }

// shapeOfType is what a Go type takes.
func shapeOfType(t reflect.Type) *shape {
	if t.Kind() == reflect.Pointer {
		return shapeOfType(t.Elem())
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[yaml.Unmarshaler]()) {
		return &shape{kind: kindOwn, own: t}
	}
	switch t.Kind() {
	case reflect.String:
		return &shape{kind: kindText}
	case reflect.Bool:
		return &shape{kind: kindTruth}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if t == reflect.TypeFor[time.Duration]() {
			return &shape{kind: kindSpan}
		}
		return whole(-1<<(t.Bits()-1), 1<<(t.Bits()-1)-1)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return whole(0, math.MaxUint64>>(64-t.Bits()))
	case reflect.Float32, reflect.Float64:
		return &shape{kind: kindNumber}
	case reflect.Slice, reflect.Array:
		return &shape{kind: kindList, elem: func() *shape { return shapeOfType(t.Elem()) }}
	case reflect.Map:
		return &shape{kind: kindMap, elem: func() *shape { return shapeOfType(t.Elem()) }}
	case reflect.Struct:
		return shapeOfStruct(t)
	default:
		return &shape{kind: kindAny}
	}
}

func shapeOfStruct(t reflect.Type) *shape {
	fields := map[string]reflect.Type{}
	s := &shape{kind: kindObject}
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case strings.Contains(options, "inline"):
			return &shape{kind: kindAny} // the decoder knows
		case !f.IsExported() || name == "-":
			continue
		case name == "":
			name = strings.ToLower(f.Name)
		}
		s.names = append(s.names, name)
		fields[name] = f.Type
	}
	s.field = func(name string) (string, *shape, bool) {
		t, ok := fields[name]
		if !ok {
			return "", nil, false
		}
		return name, shapeOfType(t), true
	}
	return s
}

// shapeOfMessage is what a message takes in protobuf's JSON.
func shapeOfMessage(d protoreflect.MessageDescriptor) *shape {
	switch d.FullName() {
	case "google.protobuf.Duration":
		return &shape{kind: kindSpan}
	case "google.protobuf.Timestamp":
		return &shape{kind: kindTime}
	}
	if strings.HasPrefix(string(d.FullName()), "google.protobuf.") {
		return &shape{kind: kindAny} // protobuf's JSON has forms of its own for them
	}
	s := &shape{kind: kindObject, field: func(name string) (string, *shape, bool) { return messageField(d, name) }}
	for i := range d.Fields().Len() {
		s.names = append(s.names, string(d.Fields().Get(i).Name()))
	}
	return s
}

// messageField gives a message's field by its name in the .proto file or in JSON.
func messageField(d protoreflect.MessageDescriptor, name string) (string, *shape, bool) {
	f := d.Fields().ByName(protoreflect.Name(name))
	if f == nil {
		f = d.Fields().ByJSONName(name)
	}
	if f == nil {
		return "", nil, false
	}
	s := shapeOfField(f)
	switch {
	case f.IsMap():
		s = &shape{kind: kindMap, elem: func() *shape { return shapeOfField(f.MapValue()) }}
	case f.IsList():
		s = &shape{kind: kindList, elem: func() *shape { return shapeOfField(f) }}
	}
	return string(f.Name()), s, true
}

func shapeOfField(f protoreflect.FieldDescriptor) *shape {
	switch f.Kind() {
	case protoreflect.BoolKind:
		return &shape{kind: kindTruth}
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return whole(math.MinInt32, math.MaxInt32)
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return whole(math.MinInt64, math.MaxInt64)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return whole(0, math.MaxUint32)
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return whole(0, math.MaxUint64)
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return &shape{kind: kindNumber}
	case protoreflect.EnumKind:
		s := &shape{kind: kindWord}
		for i := range f.Enum().Values().Len() {
			s.words = append(s.words, string(f.Enum().Values().Get(i).Name()))
		}
		return s
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return shapeOfMessage(f.Message())
	default: // text, and bytes in base64
		return &shape{kind: kindText}
	}
}

// wanted says what a shape takes.
func (s *shape) wanted() string {
	switch s.kind {
	case kindText:
		return "a text"
	case kindWhole:
		switch {
		case s.most < math.MaxInt64:
		case s.least < 0:
			return "a whole number"
		default:
			return "a whole number from 0 on"
		}
		return fmt.Sprintf("a whole number from %d to %d", s.least, s.most)
	case kindNumber:
		return "a number"
	case kindTruth:
		return "true or false"
	case kindWord:
		return "one of " + strings.Join(s.words, ", ")
	case kindSpan:
		return "a span of time such as 90s, 1h30m or 24h"
	case kindTime:
		return "a time such as 2026-03-01T00:00:00Z"
	case kindList:
		return "a list, such as [" + sampleOf(s.elem()) + "] or lines that begin with \"- \""
	case kindObject:
		return "fields, such as " + strings.Join(s.names[:min(len(s.names), 3)], ", ")
	case kindMap:
		return "names with a value each"
	default:
		return "one value"
	}
}

// sampleOf stands for what a list holds.
func sampleOf(s *shape) string {
	switch s.kind {
	case kindWhole, kindNumber:
		return "1, 2"
	case kindObject, kindMap:
		return "{…}"
	default:
		return "a, b"
	}
}
