// Package statedfile reads what a person states in a YAML or JSON file, into a Go struct or a protobuf message, and says in
// plain words what is wrong: on which line, in which field, and what is taken there instead. It knows nothing of what the
// fields mean, and may import nothing of Waybill's.
package statedfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// ErrStated is what every fault of a file wraps.
var ErrStated = errors.New("the file cannot be read")

// ErrEmpty says that a file states nothing.
var ErrEmpty error = plain("there is nothing in it")

// plain is a fault of a file that has no place in it.
type plain string

func (p plain) Error() string { return string(p) }

func (p plain) Unwrap() error { return ErrStated }

// Fault is one thing that is wrong.
type Fault struct {
	Line int    // from 1 on
	Path string // of the field, such as places[0].latitude; empty: the whole file
	What string // what stands there, and what is taken
}

func (f Fault) String() string {
	text := "line " + strconv.Itoa(f.Line) + ": "
	if f.Path != "" {
		text += f.Path + ": "
	}
	return text + f.What
}

// Error is what is wrong with a file, in the order of its lines.
type Error struct {
	Faults []Fault
	More   int // that are not among them
}

// Error names each fault.
func (e *Error) Error() string {
	texts := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		texts[i] = f.String()
	}
	text := strings.Join(texts, "; ")
	if e.More > 0 {
		text += fmt.Sprintf("; and %d more", e.More)
	}
	return text
}

// Unwrap gives ErrStated.
func (e *Error) Unwrap() error { return ErrStated }

// shown is how many faults an Error names at most.
const shown = 8

// Struct reads a file into a struct with yaml tags. Fields that it has not are refused, and so are a field that stands twice
// and a second document. A type that unmarshals itself from YAML is asked itself. Of an empty file it gives ErrEmpty.
func Struct(text []byte, into any) error {
	root, err := parse(text)
	if err != nil {
		return err
	}
	r := newReading(text)
	if t := reflect.TypeOf(into); t == nil || t.Kind() != reflect.Pointer {
		return fmt.Errorf("%w: into a %T", ErrStated, into)
	}
	r.value(root, "", shapeOfType(reflect.TypeOf(into).Elem()), 0)
	if err := r.err(); err != nil {
		return err
	}
	if err := root.Decode(into); err != nil {
		return plain(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	return nil
}

// Message reads a file into a protobuf message, whose fields it names as the .proto file does or as JSON does. A duration is
// written as 90s, 1h30m or 24h, a time as RFC 3339 has it. Else it is as Struct.
func Message(text []byte, into proto.Message) error {
	fields, err := Fields(text, into)
	if err != nil {
		return err
	}
	return FromFields(fields, into)
}

// Fields reads what a file states of a message's fields as protobuf's JSON has them, by the names of the .proto file. Where
// only names some fields, the others are unknown.
func Fields(text []byte, of proto.Message, only ...string) (map[string]any, error) {
	root, err := parse(text)
	if err != nil {
		return nil, err
	}
	r := newReading(text)
	s := shapeOfMessage(of.ProtoReflect().Descriptor())
	if len(only) > 0 {
		s.names = only
		s.field = func(name string) (string, *shape, bool) {
			if !slices.Contains(only, name) {
				return "", nil, false
			}
			return messageField(of.ProtoReflect().Descriptor(), name)
		}
	}
	stated := r.value(root, "", s, 0)
	if err := r.err(); err != nil {
		return nil, err
	}
	fields, _ := stated.(map[string]any)
	return fields, nil
}

// FromFields makes a message of what Fields gave.
func FromFields(fields map[string]any, into proto.Message) error {
	text, err := json.Marshal(fields)
	if err == nil {
		err = protojson.Unmarshal(text, into)
	}
	if err != nil {
		return plain(placeInJSON.ReplaceAllString(err.Error(), ""))
	}
	return nil
}

// placeInJSON is where in the JSON form of a file an error is, which nobody has seen.
var placeInJSON = regexp.MustCompile(`^proto:[\s\x{a0}]*(syntax error )?\(line \d+:\d+\): `)

// parse gives the root of the one document in a file.
func parse(text []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return nil, ErrEmpty
	case err != nil:
		return nil, notYAML(text, err)
	}
	root := document.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == nullTag {
		return nil, ErrEmpty
	}
	var second yaml.Node
	switch err := decoder.Decode(&second); {
	case errors.Is(err, io.EOF):
		return root, nil
	case err != nil:
		return nil, notYAML(text, err)
	default:
		return nil, &Error{Faults: []Fault{{Line: second.Line, What: "holds more than one document: a second one begins here, after ---"}}}
	}
}

// yamlLine parts what the YAML parser says into the line and the fault.
var yamlLine = regexp.MustCompile(`(?s)^(?:yaml: )?(?:line (\d+): )?(.*)$`)

// causeOf says in plain words what the YAML parser means by what it says, where that is known.
func causeOf(said string) string {
	return map[string]string{
		"found character that cannot start any token":                  "a character that cannot begin a value here, such as a tab: indent by spaces, and put text that begins with one of @ ` % into quotes",
		"found a tab character that violates indentation":              "a tab: indent by spaces",
		"found a tab character where an indentation space is expected": "a tab: indent by spaces",
		"mapping values are not allowed in this context":               "a second \": \" on the line, or a field that is indented further than the one before: put text that holds \": \" into quotes",
		"did not find expected ',' or ']'":                             "a list that begins with [ is not closed by ], or lacks a comma",
		"did not find expected ',' or '}'":                             "what begins with { is not closed by }, or lacks a comma",
		"did not find expected node content":                           "a value is missing, such as after a comma or before a closing bracket",
		"did not find expected key":                                    "a field is not indented as those beside it, or text that holds quotes or brackets is not in quotes",
		"did not find expected '-' indicator":                          "an entry of a list is not indented as those beside it, or does not begin with -",
		"could not find expected ':'":                                  "a field's name without a \":\" after it",
		"found unexpected end of stream":                               "a text in quotes is not closed",
		"block sequence entries are not allowed in this context":       "a list's \"- \" cannot stand here: begin it on a line of its own",
		"found unknown escape character":                               "a backslash in double quotes that begins no escape: double it, or use single quotes",
	}[said]
}

// notYAML says where and why a file is no YAML; the line is that of what the parser was in the middle of.
func notYAML(text []byte, err error) error {
	m := yamlLine.FindStringSubmatch(err.Error())
	line, _ := strconv.Atoi(m[1]) // digits, or none: the first line
	what := m[2]
	if line == 0 || strings.HasPrefix(what, "did not find expected") {
		line++ // its parser counts from 0, its scanner from 1
	}
	line = min(line, 1+bytes.Count(bytes.TrimRight(text, "\r\n"), []byte("\n"))) // it may look beyond the end
	cause := causeOf(what)
	switch {
	case cause != "":
	case strings.Contains(what, "UTF") || strings.Contains(what, "control characters"):
		cause = "this is no text in UTF-8"
	case strings.HasPrefix(what, "unknown anchor"):
		cause = "a * that refers to nothing: put text that begins with * into quotes"
	default:
		cause = "this is neither YAML nor JSON (" + what + "): look at indentation, quotes and brackets"
	}
	return &Error{Faults: []Fault{{Line: line, What: cause}}}
}
