package query

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/epcis"
)

// members reads the parameters of a JSON object, in order, and its @context.
func members(body []byte) (params []parameter, context []byte, err error) {
	fail := func(message string) ([]parameter, []byte, error) {
		return nil, nil, Faults{{Code: CodeSyntax, Message: message}}
	}
	if !utf8.Valid(body) {
		return fail("the query is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return fail("the query is not a JSON object")
	}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return fail("the query is not JSON: " + err.Error())
		}
		name, _ := t.(string)
		var raw json.RawMessage
		if err = d.Decode(&raw); err != nil {
			return fail("the query is not JSON: " + err.Error())
		}
		if seen[name] {
			return nil, nil, Faults{{Parameter: cut(name), Code: CodeRepeated, Message: "the member stands twice"}}
		}
		seen[name] = true
		if name == "@context" {
			context = raw
			continue
		}
		q, err := member(name, raw)
		if err != nil {
			return nil, nil, err
		}
		if params = append(params, q); len(params) > MaxParameters {
			break
		}
	}
	if len(params) <= MaxParameters {
		if _, err := d.Token(); err != nil {
			return fail("the query is not JSON: " + err.Error())
		}
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			return fail("something follows the query")
		}
	}
	return params, context, nil
}

func member(name string, raw json.RawMessage) (parameter, error) {
	q := parameter{name: name}
	if raw[0] != '[' {
		v, ok := scalar(raw)
		if !ok {
			return q, Faults{{Parameter: cut(name), Code: CodeValue, Message: "an object is no value of a parameter"}}
		}
		q.values = []value{v}
		return q, nil
	}
	q.list = true
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil {
		return q, Faults{{Parameter: cut(name), Code: CodeSyntax, Message: err.Error()}}
	}
	for _, item := range items {
		v, ok := scalar(item)
		if !ok {
			return q, Faults{{Parameter: cut(name), Code: CodeValue, Message: "a member of a list is a string or a number"}}
		}
		q.values = append(q.values, v)
	}
	return q, nil
}

func scalar(raw json.RawMessage) (value, bool) {
	switch raw[0] {
	case '"':
		var s string
		err := json.Unmarshal(raw, &s)
		return value{kind: epcis.KindString, text: s}, err == nil
	case 't', 'f':
		return value{kind: epcis.KindBool, text: string(raw)}, true
	case 'n':
		return value{kind: epcis.KindNull}, true
	case '{', '[':
		return value{}, false
	}
	return value{kind: epcis.KindNumber, text: string(raw)}, true
}

// parameter is a parameter before its meaning is known.
type parameter struct {
	name string
	// list tells that the JSON value is an array.
	list   bool
	values []value
}

// value is a JSON scalar; in a URL every value is text of kind KindNull.
type value struct {
	kind epcis.Kind
	text string
}
