package epcis_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/epcis"
)

const exampleContext = `["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",{"ex":"https://ns.example.com/epcis/","other":"https://other.example.com/epcis#"}]`

// object is a JSON object whose member order is part of the value.
type object []member

type member struct {
	name  string
	value any
}

func render(b *strings.Builder, v any) {
	switch v := v.(type) {
	case object:
		b.WriteByte('{')
		for i, m := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			render(b, m.name)
			b.WriteByte(':')
			render(b, m.value)
		}
		b.WriteByte('}')
	case []any:
		b.WriteByte('[')
		for i, e := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			render(b, e)
		}
		b.WriteByte(']')
	case json.Number:
		b.WriteString(v.String())
	default:
		text, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		b.Write(text)
	}
}

func text(v any) []byte {
	var b strings.Builder
	render(&b, v)
	return []byte(b.String())
}

// shuffle puts members and list entries in another order.
func shuffle(t *rapid.T, v any) any {
	switch v := v.(type) {
	case object:
		out := make(object, 0, len(v))
		for _, i := range rapid.Permutation(indexes(len(v))).Draw(t, "order") {
			out = append(out, member{v[i].name, shuffle(t, v[i].value)})
		}
		return out
	case []any:
		out := make([]any, 0, len(v))
		for _, i := range rapid.Permutation(indexes(len(v))).Draw(t, "order") {
			out = append(out, shuffle(t, v[i]))
		}
		return out
	}
	return v
}

func indexes(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// company draws a company prefix.
func company(t *rapid.T) string { return rapid.StringMatching(`[0-9]{6,12}`).Draw(t, "company") }

func serial(t *rapid.T) string {
	return rapid.StringMatching(`[A-Za-z0-9._;=-]{1,12}`).Draw(t, "serial")
}

// trade is one trade item in all its spellings.
func trade(t *rapid.T) []any {
	c := company(t)
	ref := rapid.StringMatching(fmt.Sprintf(`[0-9]{%d}`, 13-len(c))).Draw(t, "item")
	s := serial(t)
	urn := "urn:epc:id:sgtin:" + c + "." + ref + "." + s
	link, err := epcis.CanonicalEPC(urn)
	if err != nil {
		t.Fatalf("%s: %v", urn, err)
	}
	path := strings.TrimPrefix(link, "https://id.gs1.org")
	return []any{
		urn, link, "https://example.com/some/path" + path, "http://id.example.org" + path + "?exp=261231",
		"https://id.gs1.org" + strings.Replace(path, "/21/", "/10/LOT7/21/", 1),
		"HTTPS://ID.GS1.ORG" + path, "URN:EPC:" + strings.TrimPrefix(urn, "urn:epc:"),
	}
}

func epcs(t *rapid.T, label string) ([]any, []any) {
	var a, b []any
	seen := map[any]bool{}
	for range rapid.IntRange(1, 4).Draw(t, label) {
		all := trade(t)
		if seen[all[1]] {
			continue
		}
		seen[all[1]] = true
		a = append(a, rapid.SampledFrom(all).Draw(t, "spelling"))
		b = append(b, rapid.SampledFrom(all).Draw(t, "spelling"))
	}
	return a, b
}

func extension(t *rapid.T, depth int) any {
	switch rapid.IntRange(0, 4).Draw(t, "kind") {
	case 0:
		return json.Number(rapid.SampledFrom([]string{"1", "1.50", "0.001", "-3e2", "12345678901234567890"}).Draw(t, "number"))
	case 1:
		return rapid.Bool().Draw(t, "bool")
	case 2:
		if depth > 0 {
			out := make([]any, 0, 3)
			for range rapid.IntRange(0, 3).Draw(t, "items") {
				out = append(out, extension(t, depth-1))
			}
			return out
		}
	case 3:
		if depth > 0 {
			return extensions(t, depth-1)
		}
	}
	return rapid.String().Draw(t, "text")
}

func extensions(t *rapid.T, depth int) object {
	var out object
	for i := range rapid.IntRange(0, 3).Draw(t, "extensions") {
		prefix := rapid.SampledFrom([]string{"ex:", "other:"}).Draw(t, "prefix")
		out = append(out, member{fmt.Sprintf("%sf%d", prefix, i), extension(t, depth)})
	}
	return out
}

// event draws an event in two spellings that mean the same.
func event(t *rapid.T) (object, object) {
	at := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "time"), rapid.Int64Range(0, 999).Draw(t, "ms")*1e6)
	zone := func() string {
		minutes := rapid.IntRange(-13*4, 13*4).Draw(t, "zone") * 15
		return at.In(time.FixedZone("", minutes*60)).Format("2006-01-02T15:04:05.000Z07:00")
	}
	var a, b object
	same := func(name string, v any) { a, b = append(a, member{name, v}), append(b, member{name, v}) }
	both := func(name string, v, w any) { a, b = append(a, member{name, v}), append(b, member{name, w}) }
	kind := rapid.SampledFrom([]string{"ObjectEvent", "AggregationEvent", "TransactionEvent", "TransformationEvent", "AssociationEvent"}).Draw(t, "type")
	same("type", kind)
	both("eventTime", zone(), zone())
	same("eventTimeZoneOffset", "+02:00")
	list := func(name string) {
		v, w := epcs(t, name)
		both(name, v, w)
	}
	if kind != "TransformationEvent" {
		same("action", rapid.SampledFrom([]string{"ADD", "OBSERVE", "DELETE"}).Draw(t, "action"))
	}
	switch kind {
	case "ObjectEvent", "TransactionEvent":
		list("epcList")
	case "AggregationEvent", "AssociationEvent":
		list("childEPCs")
		same("parentID", "urn:epc:id:sscc:4012345.1234567890")
	case "TransformationEvent":
		list("inputEPCList")
		list("outputEPCList")
	}
	po := object{{"type", "po"}, {"bizTransaction", "urn:epcglobal:cbv:bt:4012345000009:1"}}
	if kind == "TransactionEvent" || rapid.Bool().Draw(t, "transactions") {
		same("bizTransactionList", []any{po, object{{"bizTransaction", "urn:epcglobal:cbv:bt:4012345000009:2"}}})
	}
	step := rapid.SampledFrom([]string{"shipping", "receiving", "packing"}).Draw(t, "step")
	both("bizStep", step, rapid.SampledFrom([]string{step, "cbv:BizStep-" + step, "https://ref.gs1.org/cbv/BizStep-" + step}).Draw(t, "spelling"))
	if rapid.Bool().Draw(t, "place") {
		both("readPoint", append(object{{"id", "urn:epc:id:sgln:4012345.00005.0"}}, extensions(t, 2)...), nil)
		b[len(b)-1].value = append(object{{"id", "https://example.com/414/4012345000054"}}, a[len(a)-1].value.(object)[1:]...)
	}
	if rapid.Bool().Draw(t, "sensors") {
		report := object{{"type", "Temperature"}, {"value", json.Number("4.5")}, {"uom", "CEL"}}
		same("sensorElementList", []any{
			append(object{{"sensorReport", []any{append(report, extensions(t, 1)...), report}}}, extensions(t, 1)...),
			object{{"sensorMetadata", append(object{{"deviceID", "urn:epc:id:giai:4000001.111"}}, extensions(t, 1)...)}, {"sensorReport", []any{report}}},
		})
	}
	for _, m := range extensions(t, 2) {
		same(m.name, m.value)
	}
	both("eventID", "urn:uuid:1", "urn:uuid:2")
	both("recordTime", "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z")
	return a, b
}

func TestHashIsTheSameForEverySpelling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := event(t)
		one, err := epcis.ParseEvent([]byte(exampleContext), text(a))
		if err != nil {
			t.Fatalf("%v\n%s", err, text(a))
		}
		other := text(shuffle(t, b))
		two, err := epcis.ParseEvent([]byte(strings.ReplaceAll(exampleContext, ",", " ,\n")), other)
		if err != nil {
			t.Fatalf("%v\n%s", err, other)
		}
		if one.Hash() != two.Hash() {
			t.Fatalf("%s\n%s\n%s\n%s", text(a), other, one.PreHash(), two.PreHash())
		}
	})
}

func TestMarshalledEventIsTheSameEvent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, _ := event(t)
		one, err := epcis.ParseEvent([]byte(exampleContext), text(a))
		if err != nil {
			t.Fatal(err)
		}
		out, err := one.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		two, err := epcis.ParseEvent([]byte(exampleContext), out)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if !reflect.DeepEqual(one, two) {
			t.Fatalf("%s\nbecomes\n%s", text(a), out)
		}
		var want, got any
		if json.Unmarshal(text(a), &want) != nil || json.Unmarshal(out, &got) != nil {
			t.Fatalf("not JSON: %s", out)
		}
		// Vocabulary words come out bare whatever their spelling.
		delete(want.(map[string]any), "bizStep")
		delete(got.(map[string]any), "bizStep")
		if !reflect.DeepEqual(want, got) {
			t.Fatalf("%s\nbecomes\n%s", text(a), out)
		}
	})
}

func TestHashNoticesEveryChange(t *testing.T) {
	base, err := epcis.ParseEvent(nil, []byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	for _, changed := range []string{
		strings.Replace(plain, "OBSERVE", "ADD", 1),
		strings.Replace(plain, "09:00:00Z", "09:00:00.001Z", 1),
		strings.Replace(plain, "+00:00", "-00:00", 1),
		strings.Replace(plain, "567890", "567891", 1),
		with(`"bizStep":"shipping"`), with(`"ex:a":""`), with(`"ex:a":{}`), with(`"ex:a":false`),
		with(`"quantityList":[{"epcClass":"a:b"}]`),
		with(`"sensorElementList":[{"sensorReport":[{"type":"Temperature"}]}]`),
	} {
		e, err := epcis.ParseEvent([]byte(exampleContext), []byte(changed))
		if err != nil {
			t.Fatalf("%s: %v", changed, err)
		}
		if e.Hash() == base.Hash() {
			t.Errorf("the same hash for %s", changed)
		}
	}
}

func TestHashTextIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h epcis.Hash
		copy(h[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "hash"))
		for _, s := range []string{h.String(), strings.TrimSuffix(strings.TrimPrefix(h.String(), "ni:///sha-256;"), "?ver=CBV2.0")} {
			if got, err := epcis.ParseHash(s); err != nil || got != h {
				t.Fatalf("%s: %v %v", s, got, err)
			}
		}
	})
	for _, s := range []string{"", "abc", "ni:///sha-256;00?ver=CBV2.0", strings.Repeat("g", 64), "ni:///sha-256;" + strings.Repeat("0", 64)} {
		if _, err := epcis.ParseHash(s); err == nil {
			t.Errorf("%q is taken for a hash", s)
		}
	}
}

func TestIgnoredFieldsOfTheDocumentStayIgnoredInTheContext(t *testing.T) {
	doc := `{"@context":["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",{"r":"https://r.example.com/"}],"r:ignoreFields":["r:hash"],` +
		strings.TrimPrefix(fmt.Sprintf(frame, with(`"r:hash":"x"`)+","+plain), `{"@context":["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],`)
	d, err := epcis.ParseDocument([]byte(doc), epcis.Limits{})
	if err != nil || d.Err() != nil {
		t.Fatal(err, d.Err())
	}
	if d.Events[0].Event.Hash() != d.Events[1].Event.Hash() {
		t.Error("the ignored field is in the hash")
	}
	again, err := epcis.ParseEvent(d.Events[0].Context, d.Events[0].Raw)
	if err != nil || again.Hash() != d.Events[0].Event.Hash() {
		t.Errorf("context %s does not carry the ignored field: %v", d.Events[0].Context, err)
	}
	if _, ok := again.Extensions[0], len(again.Extensions) == 1; !ok {
		t.Error("the ignored field is gone from the event")
	}
}

func TestAContextInsideAnExtensionHoldsThere(t *testing.T) {
	const want = "{https://deep.example.com/}q=1"
	e, err := epcis.ParseEvent(nil, []byte(with(`"https://x.example.com/a":{"@context":{"deep":"https://deep.example.com/"},"deep:q":1},"https://x.example.com/b":{"@context":7,"deep:q":2}`)))
	if err != nil {
		t.Fatal(err)
	}
	if pre := e.PreHash(); !strings.Contains(pre, want) || strings.Contains(pre, "{https://deep.example.com/}q=2") {
		t.Errorf("%s", pre)
	}
}
