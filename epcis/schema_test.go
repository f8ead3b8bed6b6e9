package epcis_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/dlclark/regexp2"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/internal/racing"
	"github.com/waybill-dev/waybill/internal/testdata"
)

// ecma lets the schema's patterns look ahead.
type ecma struct{ re *regexp2.Regexp }

func (e ecma) MatchString(s string) bool {
	ok, err := e.re.MatchString(s)
	return err == nil && ok
}

func (e ecma) String() string { return e.re.String() }

func gs1Schema(tb testing.TB) *jsonschema.Schema {
	tb.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.UseRegexpEngine(func(s string) (jsonschema.Regexp, error) {
		re, err := regexp2.Compile(s, regexp2.ECMAScript)
		return ecma{re}, err
	})
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(read(tb, filepath.Join(testdata.Dir(tb), "epcis", "schema", "EPCIS-JSON-Schema.json"))))
	if err != nil {
		tb.Fatal(err)
	}
	if err = c.AddResource("gs1.json", doc); err != nil {
		tb.Fatal(err)
	}
	s, err := c.Compile("gs1.json")
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// verdict is what this package says of a document.
func verdict(data []byte) error {
	doc, err := epcis.ParseDocument(data, epcis.Limits{})
	if err != nil {
		return err
	}
	return doc.Err()
}

// known tells whether a difference between the schema's verdict and ours is one
// that DIFFERENCES.md lists, by its number there.
func known(schemaErr, ours error) int {
	if ours != nil && schemaErr == nil {
		var fs epcis.Faults
		if !errors.As(ours, &fs) {
			return 0
		}
		if !slices.ContainsFunc(fs, func(f epcis.Fault) bool { return !looseURI(f.Message) }) {
			return 1
		}
		if fs.Has(epcis.CodeSchema) && strings.Contains(ours.Error(), "holds both") {
			return 2
		}
		return 0
	}
	if v, ok := errors.AsType[*jsonschema.ValidationError](schemaErr); ok {
		text := fmt.Sprintf("%#v", v)
		if strings.Contains(text, "persistentDisposition") {
			return 3
		}
	}
	return 0
}

// looseURI tells whether a fault is about text that net/url takes for an absolute
// URI, as the schema library does, though RFC 3986 does not.
func looseURI(message string) bool {
	q, err := strconv.QuotedPrefix(message)
	if err != nil {
		return false
	}
	s, err := strconv.Unquote(q)
	if err != nil {
		return false
	}
	u, err := url.Parse(s)
	return err == nil && u.IsAbs() && strings.ContainsAny(s, " %{}\"<>^`|")
}

func TestVerdictEqualsThatOfGS1Schema(t *testing.T) {
	schema := gs1Schema(t)
	files := slices.Concat(corpus(t, "epcis", "gs1", "*"), corpus(t, "epcis", "openepcis", "*", "*"), corpus(t, "eventhash", "*.jsonld"))
	for _, file := range files {
		compare(t, schema, read(t, file), filepath.Base(file), nil)
	}
}

func compare(t *testing.T, schema *jsonschema.Schema, data []byte, name string, seen map[int]int) {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	theirs, ours := schema.Validate(doc), verdict(data)
	if (theirs == nil) == (ours == nil) {
		return
	}
	n := known(theirs, ours)
	if seen != nil {
		seen[n]++
	}
	if n == 0 {
		t.Errorf("%s:\n schema: %v\n ours: %v\n%s", name, theirs, ours, data)
	}
}

// TestMutatedDocumentsGetTheSchemasVerdict changes published documents at random
// places. WAYBILL_MUTATIONS sets how many.
func TestMutatedDocumentsGetTheSchemasVerdict(t *testing.T) {
	racing.Pure(t)
	schema := gs1Schema(t)
	count := 4000
	if s := os.Getenv("WAYBILL_MUTATIONS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		count = n
	}
	var docs [][]byte
	for _, file := range slices.Concat(corpus(t, "epcis", "gs1", "*"), corpus(t, "epcis", "openepcis", "valid", "*")) {
		docs = append(docs, read(t, file))
	}
	rng := rand.New(rand.NewPCG(1, 2))
	seen := map[int]int{}
	refused := 0
	for i := range count {
		var doc any
		dec := json.NewDecoder(bytes.NewReader(docs[rng.IntN(len(docs))]))
		dec.UseNumber()
		if err := dec.Decode(&doc); err != nil {
			t.Fatal(err)
		}
		for range 1 + rng.IntN(2) {
			doc = mutate(rng, doc)
		}
		data, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		if verdict(data) != nil {
			refused++
		}
		compare(t, schema, data, "mutation "+strconv.Itoa(i), seen)
		if t.Failed() {
			return
		}
	}
	t.Logf("%d documents, %d refused, knowing differences by number: %v", count, refused, seen)
}

var samples = []string{
	`"shipping"`, `"in_transit"`, `"urn:epc:id:sgtin:0614141.107346.2017"`, `"https://example.com/a?b#c"`, `"not a uri"`,
	`"2020-02-30T00:00:00Z"`, `"2020-02-29T23:59:60Z"`, `"2020-02-29T10:00:00.123456789+14:00"`, `"2020-02-29"`, `"+14:00"`, `"+14:01"`,
	`"-00:00"`, `"KGM"`, `"kgm"`, `""`, `0`, `-1.5e3`, `"1"`, `true`, `null`, `[]`, `{}`, `["a:b"]`, `[{}]`, `{"id":"a:b"}`,
	`{"type":"po","bizTransaction":"a:b"}`, `"urn:epcglobal:cbv:bizstep:shipping"`, `"https://ns.gs1.org/cbv/BizStep-shipping"`,
	`"https://gs1.org/voc/Temperature"`, `"gs1:Temperature"`, `"Temperature"`, `"ALARM_CONDITION"`, `"latitude"`, `"did_not_occur"`,
	`"ADD"`, `"OBSERVE"`, `"DELETE"`, `"ObjectEvent"`, `"AggregationEvent"`, `"TransactionEvent"`, `"TransformationEvent"`,
	`"AssociationEvent"`, `"EPCISDocument"`, `"EPCISQueryDocument"`, `"2.0"`, `"2."`, `"f0F0"`, `"xyz"`, `"http://[::1"`, `"a:b c"`,
	`"http://host:port/"`, `"urn:a:%zz"`, `"https://müller.example/ü"`, `["a:b","a:b"]`, `{"set":["recalled"]}`, `{"set":[]}`,
	`[{"epcClass":"a:b","quantity":1,"uom":"KGM"}]`, `[{"sensorReport":[{"type":"Temperature","value":1}]}]`,
}

var keys = []string{
	"type", "action", "bizStep", "disposition", "epcList", "quantityList", "childEPCs", "childQuantityList", "inputEPCList",
	"outputEPCList", "inputQuantityList", "outputQuantityList", "parentID", "transformationID", "ilmd", "persistentDisposition",
	"readPoint", "bizLocation", "bizTransactionList", "sourceList", "destinationList", "sensorElementList", "eventID", "eventTime",
	"recordTime", "eventTimeZoneOffset", "certificationInfo", "errorDeclaration", "@context", "example:x", "madeUp", "id",
	"schemaVersion", "creationDate", "epcisHeader", "epcisBody", "sender", "http://a/b", "a b", "eventList", "queryResults",
	"uom", "quantity", "epcClass", "value", "component", "exception", "bizRules", "time", "sensorMetadata", "sensorReport",
}

// mutate changes one random place of a JSON value.
func mutate(rng *rand.Rand, doc any) any {
	sample := func() any {
		var v any
		dec := json.NewDecoder(strings.NewReader(samples[rng.IntN(len(samples))]))
		dec.UseNumber()
		if err := dec.Decode(&v); err != nil {
			panic(err)
		}
		return v
	}
	switch v := doc.(type) {
	case map[string]any:
		if len(v) == 0 || rng.IntN(6) == 0 {
			names := slices.Sorted(maps.Keys(v))
			if len(names) == 0 {
				v[keys[rng.IntN(len(keys))]] = sample()
				return v
			}
			from := names[rng.IntN(len(names))]
			switch rng.IntN(3) {
			case 0:
				delete(v, from)
			case 1:
				v[keys[rng.IntN(len(keys))]] = v[from]
				delete(v, from)
			default:
				v[keys[rng.IntN(len(keys))]] = sample()
			}
			return v
		}
		names := slices.Sorted(maps.Keys(v))
		name := names[rng.IntN(len(names))]
		if rng.IntN(3) > 0 {
			for _, down := range []string{"epcisBody", "eventList", "queryResults", "resultsBody"} {
				if _, ok := v[down]; ok {
					name = down
				}
			}
		}
		v[name] = mutate(rng, v[name])
		return v
	case []any:
		if len(v) == 0 || rng.IntN(6) == 0 {
			switch rng.IntN(4) {
			case 0:
				return []any{}
			case 1:
				return append(v, sample())
			case 2:
				if len(v) > 0 {
					return append(v, v[rng.IntN(len(v))])
				}
			}
			if len(v) > 0 {
				i := rng.IntN(len(v))
				return slices.Delete(v, i, i+1)
			}
			return v
		}
		i := rng.IntN(len(v))
		v[i] = mutate(rng, v[i])
		return v
	}
	return sample()
}
