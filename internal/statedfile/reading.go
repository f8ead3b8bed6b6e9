package statedfile

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

const (
	nullTag  = "!!null"
	mergeTag = "!!merge"
	// deepest is how many fields within fields are followed: files refer to themselves by aliases.
	deepest = 64
	// quoted is how many characters of a wrong value are told.
	quoted = 40
)

// reading is one file being held to a shape.
type reading struct {
	faults []Fault
	more   int
	room   int // how many values more are looked at: aliases repeat what they refer to
	told   bool
}

func newReading(text []byte) *reading { return &reading{room: len(text) + 10_000} }

func (r *reading) err() error {
	if len(r.faults) == 0 {
		return nil
	}
	return &Error{Faults: r.faults, More: r.more}
}

func (r *reading) fault(n *yaml.Node, path, format string, args ...any) {
	if len(r.faults) >= shown {
		r.more++
		return
	}
	r.faults = append(r.faults, Fault{Line: n.Line, Path: path, What: fmt.Sprintf(format, args...)})
}

// wrong says that a value is not what a field takes.
func (r *reading) wrong(n *yaml.Node, path string, s *shape) any {
	switch n.Kind {
	case yaml.SequenceNode:
		r.fault(n, path, "a list stands where it takes %s", s.wanted())
	case yaml.MappingNode:
		r.fault(n, path, "fields stand where it takes %s", s.wanted())
	default:
		r.fault(n, path, "%s is not %s", told(n.Value), s.wanted())
	}
	return nil
}

// told quotes a value, or the beginning of a long one.
func told(value string) string {
	if utf8.RuneCountInString(value) > quoted {
		value = string([]rune(value)[:quoted]) + "…"
	}
	return strconv.Quote(value)
}

// value holds a value to a shape and gives it as JSON has it; what stands there for a number is left as a plain one. An absent
// value is nil.
func (r *reading) value(n *yaml.Node, path string, s *shape, depth int) any {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if r.full(n, path, depth) {
		return nil
	}
	if n.Kind == yaml.ScalarNode && n.ShortTag() == nullTag {
		return nil
	}
	switch s.kind {
	case kindAny:
		var v any
		if err := n.Decode(&v); err != nil {
			return r.wrong(n, path, s)
		}
		return v
	case kindOwn:
		return r.own(n, path, s)
	case kindObject, kindMap:
		if n.Kind != yaml.MappingNode {
			return r.wrong(n, path, s)
		}
		out := map[string]any{}
		r.fields(n, path, s, depth, map[string]int{}, out)
		return out
	case kindList:
		if n.Kind != yaml.SequenceNode {
			return r.wrong(n, path, s)
		}
		elem, out := s.elem(), make([]any, 0, len(n.Content))
		for i, one := range n.Content {
			at := path + "[" + strconv.Itoa(i) + "]"
			v := r.value(one, at, elem, depth+1)
			if v == nil && one.Kind == yaml.ScalarNode && one.ShortTag() == nullTag {
				r.fault(one, at, "nothing stands where it takes %s", elem.wanted())
			}
			out = append(out, v)
		}
		return out
	default:
		if n.Kind != yaml.ScalarNode {
			return r.wrong(n, path, s)
		}
		v, ok := scalar(n, s)
		if !ok {
			return r.wrong(n, path, s)
		}
		return v
	}
}

// full reports whether a file holds more than is looked at, and says so once.
func (r *reading) full(n *yaml.Node, path string, depth int) bool {
	r.room--
	if r.room >= 0 && depth <= deepest {
		return false
	}
	if r.room > 0 {
		r.room = 0 // nothing more is looked at
	}
	if !r.told {
		r.told = true
		r.fault(n, path, "there is too much in it: aliases repeat what they refer to")
	}
	return true
}

// fields holds the fields of an object, or of a map, to its shape. What is merged into it ("<<") gives way to what is stated.
func (r *reading) fields(n *yaml.Node, path string, s *shape, depth int, lines map[string]int, out map[string]any) {
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.ShortTag() == mergeTag {
			merged = append(merged, value)
			continue
		}
		if key.Kind != yaml.ScalarNode {
			r.fault(key, path, "what stands before a \":\" is no name of a field")
			continue
		}
		var elem *shape
		name, at := key.Value, joined(path, key.Value)
		if s.kind == kindMap {
			elem = s.elem()
		} else {
			var known bool
			if name, elem, known = s.field(key.Value); !known {
				r.fault(key, at, "there is no such field; there are %s", strings.Join(s.names, ", "))
				continue
			}
		}
		if line, twice := lines[name]; twice {
			if line > 0 {
				r.fault(key, at, "stands a second time, first on line %d", line)
			}
			continue
		}
		lines[name] = key.Line
		if v := r.value(value, at, elem, depth+1); v != nil {
			out[name] = v
		}
	}
	for name := range lines {
		lines[name] = 0 // no fault where what is merged has it too
	}
	for _, m := range merged {
		r.merge(m, path, s, depth+1, lines, out)
	}
}

func (r *reading) merge(n *yaml.Node, path string, s *shape, depth int, lines map[string]int, out map[string]any) {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch {
	case r.full(n, path, depth):
	case n.Kind == yaml.MappingNode:
		r.fields(n, path, s, depth, lines, out)
	case n.Kind == yaml.SequenceNode:
		for _, one := range n.Content {
			r.merge(one, path, s, depth+1, lines, out)
		}
	default:
		r.fault(n, path, "what is merged (<<) are no fields")
	}
}

func joined(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// lineOf is how a type that unmarshals itself says where.
const lineOf = "line "

// own asks a type that unmarshals itself.
func (r *reading) own(n *yaml.Node, path string, s *shape) any {
	if n.Kind != yaml.ScalarNode {
		return r.wrong(n, path, s)
	}
	err := reflect.New(s.own).Interface().(yaml.Unmarshaler).UnmarshalYAML(n) //nolint:forcetypeassert // looked at when the shape was made
	if err == nil {
		return n.Value
	}
	text := err.Error()
	if rest, ok := strings.CutPrefix(text, lineOf+strconv.Itoa(n.Line)+": "); ok {
		text = rest
	}
	r.fault(n, path, "%s", text)
	return nil
}

// scalar reads one value; a number that YAML writes otherwise (0x10, 1_000, "5") is left as a plain one for the decoder.
func scalar(n *yaml.Node, s *shape) (any, bool) {
	switch s.kind {
	case kindText:
		return n.Value, true
	case kindWhole:
		v, ok := wholeOf(n, s)
		if ok {
			n.Value, n.Tag, n.Style = v, "!!int", 0
		}
		return json.Number(v), ok
	case kindNumber:
		var v float64
		err := plainOf(n).Decode(&v)
		return v, err == nil && !math.IsNaN(v) && !math.IsInf(v, 0)
	case kindTruth:
		var v bool
		err := n.Decode(&v)
		return v, err == nil
	case kindWord:
		for _, w := range s.words {
			if w == n.Value {
				return w, true
			}
		}
		return nil, false
	case kindSpan:
		d, err := time.ParseDuration(n.Value)
		return secondsOf(d), err == nil
	case kindTime:
		at, err := time.Parse(time.RFC3339Nano, n.Value)
		return at.Format(time.RFC3339Nano), err == nil
	default:
		return nil, false
	}
}

// plainOf takes the quotes off a number.
func plainOf(n *yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Value: strings.TrimSpace(n.Value), Line: n.Line}
}

// wholeOf gives a whole number in decimal digits.
func wholeOf(n *yaml.Node, s *shape) (string, bool) {
	var v any
	if err := plainOf(n).Decode(&v); err != nil {
		return "", false
	}
	switch v := v.(type) {
	case int:
		return strconv.Itoa(v), int64(v) >= s.least && (v < 0 || uint64(v) <= s.most)
	case int64:
		return strconv.FormatInt(v, 10), v >= s.least && (v < 0 || uint64(v) <= s.most)
	case uint64:
		return strconv.FormatUint(v, 10), v <= s.most
	case float64: // such as 1e3; beyond 2^53 digits are lost
		if v != math.Trunc(v) || math.Abs(v) > 1<<53 || v < float64(s.least) || v > 0 && uint64(v) > s.most {
			return "", false
		}
		return strconv.FormatFloat(v, 'f', 0, 64), true
	default:
		return "", false
	}
}

// secondsOf writes a duration as protobuf's JSON has it.
func secondsOf(d time.Duration) string {
	sign := ""
	whole, part := int64(d/time.Second), int64(d%time.Second)
	if d < 0 {
		sign, whole, part = "-", -whole, -part
	}
	text := fmt.Sprintf("%s%d", sign, whole)
	if part > 0 {
		text += fmt.Sprintf(".%09d", part)
	}
	return text + "s"
}
